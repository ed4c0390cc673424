/**
 * The owner of one source: reads its raw messages in order from the INGEST journal, turns each into facts, and moves
 * its checkpoint only past what the SKU journals have. What cannot be understood becomes a dead letter; nothing else
 * stops.
 */
import type { JetStreamClient, JsMsg } from '@nats-io/jetstream';
import type { Logger } from 'pino';
import { MalformedError } from '../actors/sku/ingest/native.ts';
import type { NativeFact } from '../actors/sku/ingest/native.ts';
import { encodeJournal, journalHeaders } from './codec.ts';
import { perform } from './perform.ts';
import type { Owned } from './placement.ts';
import type { Publisher } from './publisher.ts';
import { Reader } from './reader.ts';
import type { Records } from './records.ts';
import { channelRecord, escapeKey, ingestSubject, keyFor, skuSubject, streams } from './subjects.ts';

export interface SourcePorts {
  source: string;
  node: string;
  /** Understands one raw message. @throws {MalformedError} */
  parse(source: string, text: string): NativeFact;
  js: JetStreamClient;
  publisher: Publisher;
  records: Records;
  log: Logger;
}

/** Messages read and not yet in the SKU journals; the reader waits above it. */
const maxOpen = 1_000;

export class SourceOwner implements Owned {
  readonly #p: SourcePorts;
  #reader: Reader | undefined;
  #open: { seq: number; done: boolean }[] = [];
  #checkpoint = 0;
  #saved = 0;
  #stopping = false;
  #timer: NodeJS.Timeout | undefined;
  #resume: (() => void) | undefined;

  constructor(ports: SourcePorts) {
    this.#p = ports;
  }

  async start(): Promise<void> {
    const { source, js, records, node, log } = this.#p;
    const stored = await records.get<{ seq: number }>(channelRecord.state(`source.${source}`));
    this.#checkpoint = this.#saved = stored?.value.seq ?? 0;
    this.#reader = new Reader(js, {
      stream: streams.ingest,
      filter: ingestSubject(source),
      from: this.#checkpoint + 1,
      name: `source-${source}-${node}`,
      onMessage: message => this.#arrive(message),
      onError: error => log.warn({ err: error, source }, 'source reader broke, reading on'),
    });
    this.#timer = setInterval(() => { void this.#save(); }, 500);
  }

  async release(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#timer);
    this.#resume?.();
    await this.#reader?.stop();
    await this.#save();
  }

  #arrive(message: JsMsg): void | Promise<void> {
    const entry = { seq: message.seq, done: false };
    this.#open.push(entry);
    void this.#take(message.string(), message.seq, message.headers?.get('Nats-Msg-Id')).then(() => {
      entry.done = true;
      this.#advance();
    });
    if (this.#open.length > maxOpen) return new Promise(resolve => { this.#resume = resolve; });
  }

  async #take(text: string, seq: number, messageId: string | undefined): Promise<void> {
    const { source, publisher, parse, log } = this.#p;
    let understood: { subject: string; fact: NativeFact } | undefined;
    let refused: Error | undefined;
    try {
      const fact = parse(source, text);
      understood = { subject: subjectFor(fact), fact };
    } catch (error) {
      refused = error as Error;
      if (!(error instanceof MalformedError)) log.error({ err: error, source, seq }, 'source message broke its mapping');
    }
    for (let attempt = 1; !this.#stopping; attempt++) {
      try {
        if (understood) {
          const { subject, fact } = understood;
          await publisher.publish(subject, encodeJournal(fact.fact), journalHeaders({ id: `in:${source}:${seq}`, cause: `ingest:${seq}`, correlation: `${source}:${fact.id}` }));
        } else {
          const { field, value } = refused instanceof MalformedError ? refused : { field: '', value: undefined };
          await perform(publisher, [{
            to: ['dead', 'malformed', source, messageId === undefined || messageId === '' ? String(seq) : keyFor(messageId)],
            id: `dead:malformed:${source}:${seq}`,
            body: { class: 'malformed', source, seq, field, value, message: refused!.message, heals: 'a corrected message from the source', raw: text.slice(0, 100_000), at: Date.now() },
          }]);
        }
        return;
      } catch (error) {
        log.warn({ err: error, source, seq }, 'source message could not be journaled, trying again');
        await new Promise(resolve => setTimeout(resolve, Math.min(2_000, 100 * 2 ** attempt)));
      }
    }
    // Given up with the unit: the next owner reads it again.
    await new Promise(() => {});
  }

  #advance(): void {
    let n = 0;
    while (this.#open[n]?.done) n += 1;
    if (n === 0) return;
    this.#checkpoint = this.#open[n - 1]!.seq;
    this.#open = this.#open.slice(n);
    if (this.#resume && this.#open.length < maxOpen / 2) {
      this.#resume();
      this.#resume = undefined;
    }
  }

  async #save(): Promise<void> {
    if (this.#checkpoint === this.#saved) return;
    const seq = this.#checkpoint;
    // Only bounds the replay; what is read again is dropped by the SKU as already applied.
    await this.#p.records.set(channelRecord.state(`source.${this.#p.source}`), { source: escapeKey(this.#p.source), seq }).then(() => { this.#saved = seq; }, () => undefined);
  }
}

/** @throws {MalformedError} for a SKU that has no subject, being too long once it is escaped */
function subjectFor({ sku }: NativeFact): string {
  try {
    return skuSubject(sku);
  } catch (error) {
    throw new MalformedError('sku', sku, (error as Error).message);
  }
}
