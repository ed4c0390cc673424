/** What a PostgreSQL door knows beyond one session, kept in its record, and the tasks that it tells of. */
import type { Logger } from 'pino';
import { OwnedRecord } from '../../../runtime/owned-record.ts';
import { perform } from '../../../runtime/perform.ts';
import type { Publisher } from '../../../runtime/publisher.ts';
import type { Records } from '../../../runtime/records.ts';
import { lastMessage } from '../../../runtime/last-message.ts';
import { channelRecord, ingestSubject, keyFor, streams } from '../../../runtime/subjects.ts';
import type { Change } from './envelope.ts';
import type { DoorProblem } from './problem.ts';

export interface DoorRecord {
  v: 1;
  /** The database cluster whose log it reads; absent before the first slot. */
  system?: string;
  /** Added to LSNs in positions, so that they never go back when the cluster is replaced by one that counts anew. */
  base: number;
  /** The highest LSN, with `base`, known to be stored: it may lag by a second. */
  at: number;
  /** Tables whose rows were all read. */
  read: string[];
  /** The last question answered, a sequence of ASK. */
  asked: number;
  /** Somebody allowed to make the slot again. */
  mayRecreate?: boolean;
  /** Rows that were read again would change too much, in words: nothing of them is told before a person says so. */
  held?: string | undefined;
  /** What reading every row changes was compared and is little, or a person wants it: told until every row is, whoever reads. */
  released?: boolean | undefined;
  /** Told and not mended. `since`: epoch ms. */
  task?: { kind: string; message: string; since: number };
}

export interface StatePorts {
  source: string;
  publisher: Publisher;
  records: Records;
  log: Logger;
  onLost(reason: string): void;
}

export class DoorState {
  readonly #p: StatePorts;
  readonly #record: OwnedRecord<DoorRecord>;
  #value: DoorRecord = { v: 1, base: 0, at: 0, read: [], asked: 0 };
  #saved = '';

  constructor(ports: StatePorts) {
    this.#p = ports;
    this.#record = new OwnedRecord(ports.records, channelRecord.state(`door.${ports.source}`), ports.onLost);
  }

  get value(): Readonly<DoorRecord> {
    return this.#value;
  }

  async load(): Promise<void> {
    this.#value = await this.#record.load() ?? this.#value;
    this.#saved = JSON.stringify(this.#value);
  }

  change(part: Partial<DoorRecord>): void {
    this.#value = { ...this.#value, ...part };
  }

  /** @param lsn without `base` */
  reached(lsn: number): void {
    this.change({ at: Math.max(this.#value.at, this.#value.base + lsn) });
  }

  /** @throws {Error} when it is not known to be stored */
  async save(): Promise<void> {
    const text = JSON.stringify(this.#value);
    if (text === this.#saved) return;
    const saved = await this.#record.save(() => JSON.parse(text) as DoorRecord);
    if (saved !== 'stored') throw new Error(`record of door ${this.#p.source}: ${saved}`);
    this.#saved = text;
  }

  /**
   * A new slot begins at `lsn`. Positions go on above everything told before, whatever that LSN is.
   *
   * @throws {Error} when that is not known to be stored
   */
  async begin(system: string, lsn: number): Promise<void> {
    const highest = Math.max(this.#value.at, await this.#lastTold());
    const { base } = this.#value;
    this.change({ system, read: [], released: undefined, mayRecreate: false, base: base + lsn > highest ? base : highest + 1 - lsn });
    this.reached(lsn);
    await this.save();
  }

  /** Tells what a person has to mend, once while it lasts. */
  async problem({ kind, message, heals, sql }: DoorProblem): Promise<void> {
    const { source, log } = this.#p;
    const { task } = this.#value;
    if (task?.kind === kind && task.message === message) return;
    log.error({ source, problem: kind, message, heals, ...(sql !== undefined && { sql }) }, 'a database needs a person');
    const told = { kind, message, since: Date.now() };
    await this.#dead(kind, { ...told, state: 'task' }, { message, heals, ...(sql !== undefined && { sql }) });
    this.change({ task: told });
    await this.save();
  }

  /** Changes are read: what was to be mended is mended. */
  async healed(): Promise<void> {
    const { task } = this.#value;
    if (!task) return;
    await this.#dead(task.kind, { ...task, state: 'resolved' }, { message: task.message });
    const { task: _, ...rest } = this.#value;
    this.#value = rest;
  }

  /** A row that no message can hold. */
  async tooLarge({ schema, table, op, before, after }: Change, position: readonly number[], bytes: number): Promise<void> {
    const { source, publisher } = this.#p;
    const row = JSON.stringify(after ?? before).slice(0, 1_000);
    await perform(publisher, [{
      to: ['dead', 'malformed', source, keyFor(`${schema}.${table}:${position.join(':')}`)],
      id: `dead:too-large:${source}:${position.join(':')}`,
      body: { class: 'malformed', source, field: `${schema}.${table}`, position, op, message: `the row takes ${bytes} bytes, more than the broker holds in one message`, heals: 'publish only the columns that matter: ALTER PUBLICATION ... SET TABLE ... (columns)', raw: row, at: Date.now() },
    }]);
  }

  async #dead(kind: string, { since, state }: { since: number; state: 'task' | 'resolved' }, more: object): Promise<void> {
    const { source, publisher } = this.#p;
    await perform(publisher, [{
      to: ['dead', 'door', source, kind],
      id: `door:${source}:${kind}:${since}:${state}`,
      body: { class: 'door', source, problem: kind, state, since, ...more, at: Date.now() },
    }]);
  }

  /** The LSN, with base, of the source's last message in INGEST; the record may be older. */
  async #lastTold(): Promise<number> {
    const last = await lastMessage(this.#p.publisher, streams.ingest, ingestSubject(this.#p.source));
    const header = /^Plumb-Position: ?\[(\d+),/m.exec(last?.headers ?? '');
    return header ? Number(header[1]) : 0;
  }
}
