/**
 * Listings whose SKU at the channel is not the SKU that they are of, as people said: kept in one record of the listing bucket,
 * and put in place below everything else that an owner does, so that the channel hears its own SKUs and Plumb its own.
 */
import type { ChannelAdapter, Listing, Reading, WriteEntry } from '../../actors/channel/adapter.ts';
import { OwnedRecord } from '../owned-record.ts';
import type { Records } from '../records.ts';
import { namesSubject } from '../subjects.ts';
import { standIn } from './gate.ts';

/** `name` is the listing's SKU at the channel. */
export interface Given { listing: string; name: string; sku: string }

/** As stored. */
export interface NamesRecord { v: 1; account: string; names: readonly (readonly [listing: string, name: string, sku: string])[] }

export interface NamesPorts { account: string; records: Records; onLost(reason: string): void }

const storeTries = 5;

export class Names {
  readonly #account: string;
  readonly #record: OwnedRecord<NamesRecord>;
  readonly #bySku = new Map<string, Given>();
  readonly #byName = new Map<string, Given>();
  readonly #byListing = new Map<string, Given>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor({ account, records, onLost }: NamesPorts) {
    this.#account = account;
    this.#record = new OwnedRecord(records, namesSubject(account), onLost);
  }

  /** @throws {PublishError} */
  async load(): Promise<void> {
    for (const [listing, name, sku] of (await this.#record.load())?.names ?? []) this.#put({ listing, name, sku });
  }

  /** The listing that people gave a SKU, if they did. */
  of(sku: string): Given | undefined {
    return this.#bySku.get(sku);
  }

  /** What people gave a listing. */
  ofListing(id: string): Given | undefined {
    return this.#byListing.get(id);
  }

  /** The SKU behind a SKU of the channel's. */
  skuOf(name: string): string {
    return this.#byName.get(name)?.sku ?? name;
  }

  /** What the channel calls this listing. */
  nameOf({ id, sku }: Listing): string {
    const given = this.#bySku.get(sku);
    return given?.listing === id ? given.name : sku;
  }

  /**
   * From here on each listing is of its SKU; where that is its own one, nothing is to be kept. What was given it before is
   * forgotten. Obeyed once it is stored.
   *
   * @throws {Error} where it could not be stored
   * @throws {RecordError} where more are kept than one record holds, some 6,000
   */
  give(given: readonly Given[]): Promise<void> {
    const done = this.#turn.then(() => this.#give(given));
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #give(given: readonly Given[]): Promise<void> {
    let next = [...this.#bySku.values()];
    for (const one of given) {
      next = next.filter(({ listing, name, sku }) => listing !== one.listing && name !== one.name && sku !== one.sku);
      if (one.name !== one.sku) next.push(one);
    }
    const record: NamesRecord = { v: 1, account: this.#account, names: next.map(each => [each.listing, each.name, each.sku]) };
    for (let tries = 1; ; tries++) {
      const saved = await this.#record.save(() => record);
      if (saved === 'stored') break;
      if (saved === 'lost' || tries === storeTries) throw new Error(`SKUs of listings of ${this.#account} could not be stored: ask again`);
    }
    for (const map of [this.#bySku, this.#byName, this.#byListing]) map.clear();
    for (const each of next) this.#put(each);
  }

  #put(given: Given): void {
    this.#bySku.set(given.sku, given);
    this.#byName.set(given.name, given);
    this.#byListing.set(given.listing, given);
  }
}

/** The same adapter, which takes and gives the SKUs that people gave. */
export function named(adapter: ChannelAdapter, names: Names): ChannelAdapter {
  const theirs = (listing: Listing): Listing => {
    const name = names.nameOf(listing);
    return name === listing.sku ? listing : { ...listing, sku: name };
  };
  const entriesOf = (entries: readonly WriteEntry[]): WriteEntry[] => entries.map(entry => ({ ...entry, listing: theirs(entry.listing) }));
  const ours = (reading: Reading): Reading => {
    const { listing } = reading;
    const sku = names.skuOf(listing.sku);
    return sku === listing.sku || names.of(sku)?.listing !== listing.id ? reading : { ...reading, listing: { ...listing, sku } };
  };
  const { feeds, readOperation, writeOperation } = adapter;
  return standIn(adapter, {
    write: (entries, call) => adapter.write(entriesOf(entries), call),
    read: async (listings, call) => (await adapter.read(listings.map(theirs), call)).map((outcome, n) => {
      const { sku } = listings[n]!;
      return outcome.kind === 'read'
        ? { ...outcome, reading: { ...outcome.reading, listing: { ...outcome.reading.listing, sku } } }
        : { ...outcome, listing: { ...outcome.listing, sku } };
    }),
    listings: async (cursor, call) => {
      const page = await adapter.listings(cursor, call);
      return { ...page, readings: page.readings.map(ours) };
    },
    orders: async (cursor, call) => {
      const page = await adapter.orders(cursor, call);
      return { ...page, lines: page.lines.map(line => ({ ...line, sku: names.skuOf(line.sku) })) };
    },
    ...(readOperation && { readOperation: listing => adapter.readOperation!(theirs(listing)) }),
    ...(writeOperation && { writeOperation: listing => adapter.writeOperation!(theirs(listing)) }),
    ...(feeds && {
      feeds: standIn(feeds, {
        submit: (entries, call) => feeds.submit(entriesOf(entries), call),
        outcomes: (feed, report, entries, page, call) => feeds.outcomes(feed, report, entries.map(entry => ({ ...entry, sku: names.of(entry.sku)?.name ?? entry.sku })), page, call),
      }),
    }),
  });
}
