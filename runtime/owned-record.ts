/**
 * A record that one owner keeps: written by compare-and-set, one write at a time. A write that got no answer may have
 * been stored, now or later; what the leader holds then tells whether it is ours or another owner's.
 */
import { PublishError } from './publisher.ts';
import type { Records } from './records.ts';

/** `unsure`: not known to be stored; save again. `lost`: another owner wrote it, and nothing of ours is stored any more. */
export type Saved = 'stored' | 'unsure' | 'lost';

/** Unanswered writes that may still turn up. */
const sentMax = 8;

export class OwnedRecord<T> {
  readonly #records: Records;
  readonly #subject: string;
  readonly #onLost: (reason: string) => void;
  #revision = 0;
  /** Values of writes that got no answer. */
  #sent: string[] = [];
  #lost = false;
  #turn: Promise<unknown> = Promise.resolve();

  /** @param onLost told once, when another owner has written the record */
  constructor(records: Records, subject: string, onLost: (reason: string) => void) {
    this.#records = records;
    this.#subject = subject;
    this.#onLost = onLost;
  }

  /** What the former owner left. @throws {PublishError} */
  async load(): Promise<T | undefined> {
    const { value, revision } = await this.#records.read<T>(this.#subject);
    this.#revision = revision;
    return value;
  }

  /** @param value asked for when its turn has come, so that the newest is stored */
  save(value: () => T): Promise<Saved> {
    const saved = this.#turn.then(() => this.#save(value()));
    this.#turn = saved.catch(() => undefined);
    return saved;
  }

  async #save(value: T): Promise<Saved> {
    let sent: Uint8Array = new Uint8Array();
    while (!this.#lost) {
      try {
        this.#revision = await this.#records.put(this.#subject, value, this.#revision, undefined, data => { sent = data; });
        this.#sent = [];
        return 'stored';
      } catch (error) {
        if (!(error instanceof PublishError)) throw error;
        const text = Buffer.from(sent).toString();
        if (error.isUnknown) this.#sent = [...this.#sent, text].slice(-sentMax);
        const stored = await this.#records.read<T>(this.#subject).catch(() => undefined);
        if (!stored || stored.revision === this.#revision) return 'unsure';
        const found = JSON.stringify(stored.value);
        if (!this.#sent.includes(found)) break;
        this.#revision = stored.revision;
        if (found === text) return 'stored';
      }
    }
    if (!this.#lost) this.#onLost(`another owner wrote ${this.#subject}`);
    this.#lost = true;
    return 'lost';
  }
}
