/**
 * An import that goes on in the background: page by page, with the place where it stands kept in the account's own record,
 * so that a next owner takes it up there. What cannot be linked is told with its reason.
 */
import type { Operation, Reading } from '../../actors/channel/adapter.ts';
import { OwnedRecord } from '../owned-record.ts';
import { linkListing } from '../import.ts';
import { channelRecord, keyFor, listingSubject } from '../subjects.ts';
import { checkAccount } from './checks.ts';
import type { Desk } from './ports.ts';

/** A listing that was not linked. `duplicate`: another listing of the account has its SKU, and was there first. */
export interface Unlinked { listing: string; sku: string; kind: 'unnamed' | 'duplicate'; why: string }

export interface ImportRecord {
  v: 1;
  by: string;
  beganAt: number;
  endedAt?: number;
  /** Of the next page. */
  cursor?: string;
  seen: number;
  linked: number;
  /** The first ones, and how many there are. */
  unlinked: Unlinked[];
  unlinkedCount: number;
  /** What the account does not allow, by name. */
  refused: string[];
  /** Why it rests; it is tried again. */
  trouble?: string;
}

const unlinkedMost = 500;
const pauseMs = 2_000;
const storeTries = 5;

export class Importing {
  readonly #desk: Desk;
  readonly #pay: (operation: Operation) => Promise<void>;
  readonly #record: OwnedRecord<ImportRecord>;
  #state: ImportRecord | undefined;
  #isRunning = false;
  /** Listings of this import by SKU, and whether a former owner has linked others of it. */
  #here = new Map<string, string>();
  #isTakenUp = false;

  /** @param pay resolves when one more call may be made */
  constructor(desk: Desk, pay: (operation: Operation) => Promise<void>) {
    this.#desk = desk;
    this.#pay = pay;
    const { account, records, onLost } = desk.ports;
    this.#record = new OwnedRecord(records, channelRecord.imported(account), onLost);
  }

  /** @throws {PublishError} */
  async load(): Promise<void> {
    this.#state = await this.#record.load();
  }

  get state(): ImportRecord | undefined {
    return this.#state;
  }

  /** Goes on with what a former owner had begun. */
  resume(): void {
    if (!this.#state || this.#state.endedAt !== undefined || this.#isRunning) return;
    this.#isTakenUp = this.#state.seen > 0;
    this.#run();
  }

  /** Begins one, or goes on with the one that has not ended. */
  async begin(by: string): Promise<ImportRecord> {
    if (!this.#state || this.#state.endedAt !== undefined) {
      this.#state = { v: 1, by, beganAt: Date.now(), seen: 0, linked: 0, unlinked: [], unlinkedCount: 0, refused: [] };
      this.#here.clear();
      this.#isTakenUp = false;
      await this.#store();
      await this.#desk.journal.recorded('import', by);
    }
    this.#run();
    return this.#state;
  }

  #run(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#desk.track(this.#pages().finally(() => { this.#isRunning = false; }));
  }

  async #pages(): Promise<void> {
    const { ports: { adapter, account, log }, isOver, call } = this.#desk;
    if (this.#state!.seen === 0 && adapter.checks) {
      const refused = await checkAccount(this.#desk, () => this.#pay(adapter.checks!.operation));
      this.#state = { ...this.#state!, refused: refused.map(({ name, told }) => `${name}: ${told}`) };
    }
    while (!isOver() && this.#state!.endedAt === undefined) {
      try {
        const { cursor } = this.#state!;
        const operation = adapter.listingsOperation?.(cursor) ?? adapter.operations.listings;
        await this.#pay(operation);
        const page = await adapter.listings(cursor, call(operation.limit, []));
        await this.#take(page.readings);
        const { cursor: _former, trouble: _over, ...rest } = this.#state!;
        this.#state = page.cursor === undefined ? { ...rest, endedAt: Date.now() } : { ...rest, cursor: page.cursor };
        await this.#store();
      } catch (error) {
        if (isOver()) return;
        log.warn({ err: error, account }, 'a page of listings could not be imported, trying again');
        this.#state = { ...this.#state!, trouble: (error as Error).message };
        await new Promise(resolve => setTimeout(resolve, pauseMs));
      }
    }
  }

  async #take(readings: readonly Reading[]): Promise<void> {
    const unlinked: Unlinked[] = [];
    let linked = 0;
    for (const reading of readings) {
      const { id, sku } = reading.listing;
      const first = this.#here.get(sku) ?? await this.#linkedBefore(sku);
      if (first !== undefined && first !== id) {
        unlinked.push({ listing: id, sku, kind: 'duplicate', why: `listing ${first} has the same SKU and was there first` });
        continue;
      }
      this.#here.set(sku, id);
      const { ports, journal } = this.#desk;
      if (await linkListing({ ...ports, publish: (name, fact, told) => journal.fact(name, fact, told) }, reading)) linked += 1;
      else unlinked.push({ listing: id, sku, kind: 'unnamed', why: 'its SKU is empty, broken or too long' });
    }
    const state = this.#state!;
    for (const { listing, sku, kind, why } of unlinked) {
      if (kind === 'duplicate') this.#desk.journal.dead({ class: 'listing', sku: keyFor(sku), code: `duplicate:${listing}`, message: `listing ${listing} is not linked: ${why}`, heals: 'another SKU of one of the two listings, or its end, and then an import' });
    }
    this.#state = {
      ...state,
      seen: state.seen + readings.length,
      linked: state.linked + linked,
      unlinked: [...state.unlinked, ...unlinked].slice(0, unlinkedMost),
      unlinkedCount: state.unlinkedCount + unlinked.length,
    };
  }

  /** The listing that a former owner has linked to the SKU in this import. */
  async #linkedBefore(sku: string): Promise<string | undefined> {
    if (!this.#isTakenUp || keyFor(sku) !== sku || !this.#desk.pairs.has(sku)) return undefined;
    const { account, records } = this.#desk.ports;
    const stored = await records.get<{ id: string; at: number }>(listingSubject(account, sku));
    return stored && stored.value.at >= this.#state!.beganAt ? stored.value.id : undefined;
  }

  async #store(): Promise<void> {
    for (let tries = 1; ; tries++) {
      const saved = await this.#record.save(() => this.#state!);
      if (saved === 'stored') return;
      if (saved === 'lost' || tries === storeTries) throw new Error('the import could not be stored');
    }
  }
}
