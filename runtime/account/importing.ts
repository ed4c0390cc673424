/**
 * An import that goes on in the background: page by page, with the place where it stands kept in the account's own record,
 * so that a next owner takes it up there. What cannot be linked is told with its reason. Rows of a table are handed in by
 * whoever has the file, some at a time, and the record tells how many are in.
 */
import type { Listing, Operation, Reading } from '../../actors/channel/adapter.ts';
import { OwnedRecord } from '../owned-record.ts';
import { linkListing } from '../import.ts';
import { channelRecord, keyFor, listingSubject } from '../subjects.ts';
import { checkAccount } from './checks.ts';
import { readRows } from './import-rows.ts';
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
  /** Of a table: which one, how many rows it has, and those rejected of the ones that were handed in last, by their place. */
  table?: { digest: string; of: number; rejected: { at: number; why: string }[] };
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
    if (this.#state.table) return void (this.#isTakenUp = true);
    this.#isTakenUp = this.#state.seen > 0;
    this.#run();
  }

  /** Begins one, or goes on with the one that has not ended; a table that was not handed in to its end is given up. */
  async begin(by: string): Promise<ImportRecord> {
    if (!this.#state || this.#state.endedAt !== undefined || this.#state.table) await this.#new({ by });
    this.#run();
    return this.#state!;
  }

  /**
   * Begins with a table, or goes on with it where it has not ended.
   *
   * @param of its rows
   * @throws {Error} while the channel's own list is gone through
   */
  async beginTable(digest: string, of: number, by: string): Promise<ImportRecord> {
    const { table, endedAt } = this.#state ?? {};
    if (this.#state && endedAt === undefined && !table) throw new Error(`the list of the channel is being imported, ${this.#state.seen} listings of it so far: ask again when that has ended`);
    if (endedAt !== undefined || table?.digest !== digest) await this.#new({ by, table: { digest, of, rejected: [] } });
    return this.#state!;
  }

  /**
   * Takes the next rows of the table. Rows that are not the next ones, or come while others are read, change nothing: what
   * the record tells is where to go on.
   *
   * @param from place of the first of them
   * @throws {Error} when no table was begun with
   */
  async rows(from: number, rows: readonly Listing[]): Promise<ImportRecord> {
    const { table, endedAt, seen } = this.#state ?? {};
    if (!table || endedAt !== undefined) throw new Error('no table of listings is being imported: begin again');
    if (from !== seen || this.#isRunning) return this.#state!;
    this.#isRunning = true;
    const { names } = this.#desk;
    // A table names SKUs of the channel.
    const listings = rows.map((listing): Listing => {
      const given = names.ofListing(listing.id);
      return given?.name === listing.sku ? { ...listing, sku: given.sku } : listing;
    });
    try {
      await this.#takeRows(table, listings);
    } catch (error) {
      this.#desk.ports.log.warn({ err: error, account: this.#desk.ports.account }, 'rows of listings could not be imported');
      this.#state = { ...this.#state!, trouble: (error as Error).message };
    } finally {
      this.#isRunning = false;
    }
    return this.#state!;
  }

  /** @throws {Error} while rows of a table are read */
  async #new(more: Pick<ImportRecord, 'by' | 'table'>): Promise<void> {
    if (this.#isRunning) throw new Error('rows of a table are being read: ask again');
    this.#state = { v: 1, beganAt: Date.now(), seen: 0, linked: 0, unlinked: [], unlinkedCount: 0, refused: [], ...more };
    this.#here.clear();
    this.#isTakenUp = false;
    await this.#store();
    await this.#desk.journal.recorded('import', more.by, more.table && { table: more.table.digest, of: more.table.of });
  }

  #run(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#desk.track(this.#pages().finally(() => { this.#isRunning = false; }));
  }

  async #pages(): Promise<void> {
    const { ports: { adapter, account, log }, isOver, call } = this.#desk;
    if (this.#state!.seen === 0) await this.#check();
    while (!isOver() && this.#state!.endedAt === undefined) {
      try {
        const { cursor } = this.#state!;
        const operation = adapter.listingsOperation?.(cursor) ?? adapter.operations.listings;
        await this.#pay(operation);
        const page = await call(operation.limit, [], told => adapter.listings(cursor, told));
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

  /** What the account does not allow. */
  async #check(): Promise<void> {
    const { checks } = this.#desk.ports.adapter;
    if (!checks) return;
    const refused = await checkAccount(this.#desk, () => this.#pay(checks.operation));
    this.#state = { ...this.#state!, refused: refused.map(({ name, told }) => `${name}: ${told}`) };
  }

  async #takeRows(table: NonNullable<ImportRecord['table']>, listings: readonly Listing[]): Promise<void> {
    if (this.#state!.seen === 0) await this.#check();
    const rejected: { at: number; why: string }[] = [];
    const unlinked: Unlinked[] = [];
    for (const [n, outcome] of (await readRows(this.#desk, this.#pay, listings)).entries()) {
      const { id, sku } = listings[n]!;
      const not = outcome.kind === 'read' ? await this.#link(outcome.reading)
        : outcome.kind === 'duplicate' ? duplicate(id, sku, outcome.first)
          : outcome.kind === 'linked' && (this.#here.get(sku) ?? id) !== id ? duplicate(id, sku, this.#here.get(sku)!) : undefined;
      if (outcome.kind === 'linked' && !not) this.#here.set(sku, id);
      if (not) unlinked.push(not);
      const why = outcome.kind === 'rejected' ? outcome.why : not?.why;
      if (why !== undefined) rejected.push({ at: this.#state!.seen + n, why });
    }
    this.#add(listings.length, unlinked, rejected.length - unlinked.length);
    const { trouble: _over, ...state } = this.#state!;
    this.#state = { ...state, table: { ...table, rejected }, ...(state.seen >= table.of && { endedAt: Date.now() }) };
    await this.#store();
  }

  async #take(readings: readonly Reading[]): Promise<void> {
    const unlinked: Unlinked[] = [];
    for (const reading of readings) {
      const not = await this.#link(reading);
      if (not) unlinked.push(not);
    }
    this.#add(readings.length, unlinked);
  }

  /** @returns why it was not */
  async #link(reading: Reading): Promise<Unlinked | undefined> {
    const { id, sku } = reading.listing;
    const first = this.#here.get(sku) ?? this.#desk.names.of(sku)?.listing ?? await this.#linkedBefore(sku);
    if (first !== undefined && first !== id) return duplicate(id, sku, first);
    this.#here.set(sku, id);
    const { ports, journal } = this.#desk;
    const isLinked = await linkListing({ ...ports, publish: (name, fact, told) => journal.fact(name, fact, told) }, reading);
    return isLinked ? undefined : { listing: id, sku, kind: 'unnamed', why: 'its SKU is empty, broken or too long' };
  }

  /** @param refused rows of a table that name no listing to link */
  #add(seen: number, unlinked: readonly Unlinked[], refused = 0): void {
    for (const { listing, sku, kind, why } of unlinked) {
      if (kind === 'duplicate') this.#desk.journal.dead({ class: 'listing', sku: keyFor(sku), code: `duplicate:${listing}`, message: `listing ${listing} is not linked: ${why}`, heals: 'another SKU of one of the two listings, or its end, and then an import' });
    }
    const state = this.#state!;
    const not = unlinked.length + refused;
    this.#state = {
      ...state,
      seen: state.seen + seen,
      linked: state.linked + seen - not,
      unlinked: [...state.unlinked, ...unlinked].slice(0, unlinkedMost),
      unlinkedCount: state.unlinkedCount + not,
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

function duplicate(listing: string, sku: string, first: string): Unlinked {
  return { listing, sku, kind: 'duplicate', why: `listing ${first} has the same SKU and was there first` };
}
