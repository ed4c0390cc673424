/** When an account's record is stored: soon after anything that its next owner would decide by, and now and then for the rest. */
import type { Logger } from 'pino';
import type { AccountRecord } from '../../actors/channel/protocol.ts';
import type { OwnedRecord } from '../owned-record.ts';

export interface SavingPorts {
  account: string;
  record: Pick<OwnedRecord<AccountRecord>, 'save'>;
  log: Logger;
  /** Changes whenever the record does: `all` with any of it, `soon` with what is stored soon. */
  mark(): Mark;
  /** As it is to be stored. */
  now(): AccountRecord;
  /** A rate is nearly used up: what a new owner spends of it beyond would be refused. */
  isLow(now: number): boolean;
}

export interface Mark { all: string; soon: string }

/** Where nothing but looks at the channel came to be known, and there is rate to spare, ms: a new owner repeats a few. */
const plainEveryMs = 5_000;

export class Saving {
  readonly #ports: SavingPorts;
  /** As last stored. */
  #saved: Mark = { all: '', soon: '' };
  #savedAt = -Infinity;
  #underway: Promise<void> | undefined;

  constructor(ports: SavingPorts) {
    this.#ports = ports;
  }

  /** To be called every second or so: stores what is due. */
  look(now: number): void {
    const mark = this.#ports.mark();
    if (mark.soon !== this.#saved.soon || performance.now() - this.#savedAt >= plainEveryMs || this.#ports.isLow(now)) void this.#save(mark);
  }

  /** Resolves when everything that is known by now is stored, or could not be. */
  async save(): Promise<void> {
    // One that is under way may have begun before.
    await this.#underway;
    await this.#save();
  }

  #save(mark?: Mark): Promise<void> {
    return this.#underway ??= this.#store(mark).finally(() => { this.#underway = undefined; });
  }

  async #store(marked: Mark | undefined): Promise<void> {
    const { account, record, log, now } = this.#ports;
    try {
      const mark = marked ?? this.#ports.mark();
      if (mark.all === this.#saved.all || await record.save(now) !== 'stored') return;
      this.#saved = mark;
      this.#savedAt = performance.now();
    } catch (error) {
      log.warn({ err: error, account }, 'account record could not be stored, trying again');
    }
  }
}
