/** Which files of a source were taken in, and how far: kept in the broker, so that any machine may go on. */
import { OwnedRecord } from '../../../runtime/owned-record.ts';
import type { Publisher } from '../../../runtime/publisher.ts';
import { Records } from '../../../runtime/records.ts';
import { channelRecord } from '../../../runtime/subjects.ts';

export interface Import {
  /** The file's place among all of its source: 1, 2, 3 ... A later file is newer, whenever its rows arrive. */
  n: number;
  name: string;
  /** SHA-256 of its bytes. */
  digest: string;
  /** When it was changed last, epoch ms. */
  changedAt: number;
  startedAt: number;
  /** The newest sequence of DEAD when it began: what is refused of it stands behind. */
  dead: number;
  /** Rows up to this line are stored. */
  line: number;
  /** Rows stored and rejected so far. */
  stored: number;
  rejected: number;
  isDone: boolean;
}

interface ImportsRecord { v: 1; next: number; files: Import[] }

/** Files remembered. */
const filesMost = 200;

export class Imports {
  readonly #record: OwnedRecord<ImportsRecord>;
  #value: ImportsRecord = { v: 1, next: 1, files: [] };
  #lost: string | undefined;

  constructor(publisher: Publisher, source: string) {
    this.#record = new OwnedRecord(new Records(publisher), channelRecord.state(`files.${source}`), reason => { this.#lost = reason; });
  }

  async load(): Promise<void> {
    this.#value = await this.#record.load() ?? this.#value;
  }

  /** The last time that this file, of that name and unchanged since, was taken in. */
  find({ name, digest, changedAt }: Pick<Import, 'name' | 'digest' | 'changedAt'>): Import | undefined {
    return this.#value.files.findLast(file => file.digest === digest && file.name === name && file.changedAt === changedAt);
  }

  /** One that was broken off, whatever it is called now. */
  broken(digest: string): Import | undefined {
    return this.#value.files.findLast(file => file.digest === digest && !file.isDone);
  }

  /** A new import, with a number above all before. @throws {Error} when another import of the source runs */
  async begin(file: Pick<Import, 'name' | 'digest' | 'changedAt' | 'dead'>): Promise<Import> {
    const begun: Import = { ...file, n: this.#value.next, startedAt: Date.now(), line: 0, stored: 0, rejected: 0, isDone: false };
    this.#value = { v: 1, next: begun.n + 1, files: [...this.#value.files, begun].slice(-filesMost) };
    await this.#save();
    return begun;
  }

  /** @throws {Error} when another import of the source runs, or the broker does not answer */
  async reached(file: Import): Promise<void> {
    this.#value = { ...this.#value, files: this.#value.files.map(each => (each.n === file.n ? file : each)) };
    await this.#save();
  }

  async #save(): Promise<void> {
    const saved = await this.#record.save(() => this.#value);
    if (saved === 'lost') throw new Error(`another import into this source is running (${this.#lost})`);
    if (saved === 'unsure') throw new Error('the broker did not answer');
  }
}
