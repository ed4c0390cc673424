/**
 * eBay through the Sell Inventory and Fulfillment APIs: one seller account, fixed-price listings that the Inventory
 * API manages; and, by the Trading API, those that it does not (`trading.ts`), where the account's settings ask for them.
 */
import type {
  AdapterFactory, AdapterPorts, Call, ChannelAdapter, Listing, ListingPage, Operation, OrderPage, ReadOutcome, Reading, WriteEntry, WriteOutcome,
} from '../../adapter.ts';
import type { RevisionLimit } from '../../revisions.ts';
import { RetryableError, TerminalError } from '../../../errors.ts';
import type { Ask } from '../http.ts';
import { absence, noOffer, notKept } from './absence.ts';
import type { Absence } from './absence.ts';
import { Application } from './application.ts';
import { EbayClient } from './client.ts';
import { classOf, failureOf, principal, textOf } from './errors.ts';
import { orderAsk, orderPage } from './orders.ts';
import { checksOf } from './preferences.ts';
import { quotasOf } from './quotas.ts';
import { fixedPrice, isPublished, listingOf, readingOf, uncounted } from './reading.ts';
import { bulkItemsAnswer, itemsAnswer, offersAnswer, ordersAnswer, parse } from './schemas.ts';
import type { Offer } from './schemas.ts';
import { readSettings } from './settings.ts';
import type { EbaySettings } from './settings.ts';
import { isTrading, isWritable, readItem, revise, sellerList, tradingBatch } from './trading.ts';
import { BatchSize, isQuantity, outcomesOf, refusedWhole, unfitFor, updateBody, updatePath } from './write.ts';

const inventory = '/sell/inventory/v1';
/** Of a listing's revisions of one day, left for what prevents an oversell. */
const revisionsKept = 20;
/** Offer calls under way at once within one port call. */
const abreast = 5;

export const createEbay: AdapterFactory = (account, ports) => {
  const { credentials, settings } = readSettings(account);
  const client = new EbayClient({ account: account.account, origin: account.baseUrl, credentials, scope: settings.scope, ports });
  return new EbayAdapter(client, new Application({ baseUrl: account.baseUrl, credentials: { ...credentials } }, ports.now), settings, ports);
};

const tradingCall: Operation = { limit: 'trading', cost: 1, batch: 1 };
/** A page of the seller's list: the instant that its window begins at, and the page's number from 1. */
const sellerCursor = /^trading:(\d{1,15}):(\d{1,9})$/;

/** What the item of a SKU said. */
type Item = { stock: number | undefined } | Absence;

class EbayAdapter implements ChannelAdapter {
  readonly channel = 'ebay';
  readonly gross = false;
  readonly needsReading = false;
  readonly operations: ChannelAdapter['operations'];
  readonly readOperation?: (listing: Listing) => Operation;
  readonly writeOperation?: (listing: Listing) => Operation;
  readonly listingsOperation?: (cursor: string | undefined) => Operation;
  readonly revisions: RevisionLimit;
  readonly quotas: NonNullable<ChannelAdapter['quotas']>;
  readonly checks: NonNullable<ChannelAdapter['checks']>;
  readonly #client: EbayClient;
  readonly #settings: EbaySettings;
  readonly #ports: AdapterPorts;
  readonly #size: BatchSize;
  readonly #trades = new BatchSize(tradingBatch);
  /** Listings and SKUs that the Inventory API was seen to manage: the seller's list names them too. None is given back. */
  readonly #managed = { listings: new Set<string>(), skus: new Set<string>(), known: false };

  constructor(client: EbayClient, application: Application, settings: EbaySettings, ports: AdapterPorts) {
    this.quotas = quotasOf(application, ports);
    this.checks = checksOf(client);
    this.#client = client;
    this.#settings = settings;
    this.#ports = ports;
    this.revisions = { perDay: settings.revisionsPerDay, keep: revisionsKept, dayMs: this.#wait(86_400_000) };
    const size = (this.#size = new BatchSize(settings.batch));
    this.operations = {
      write: { limit: 'inventory', cost: 1, get batch() { return size.now; } },
      // One call for the items, one for each SKU's offers.
      read: { limit: 'inventory', cost: 1 + settings.readBatch, batch: settings.readBatch },
      orders: { limit: 'fulfillment', cost: 1, batch: 1 },
      listings: { limit: 'inventory', cost: 1 + settings.importPage, batch: settings.importPage },
    };
    if (!settings.legacy) return;
    this.readOperation = listing => (isTrading(listing) ? tradingCall : this.operations.read);
    this.writeOperation = listing => (isTrading(listing) ? { ...tradingCall, batch: this.#trades.now } : this.operations.write);
    this.listingsOperation = cursor => (sellerCursor.test(cursor ?? '') ? { ...tradingCall, batch: settings.importPage } : this.operations.listings);
  }

  tokenExpiresAt(): number | undefined {
    return this.#client.tokenExpiresAt;
  }

  async write(entries: readonly WriteEntry[], call: Call): Promise<WriteOutcome[]> {
    if (!this.#settings.legacy && entries.some(({ listing }) => isTrading(listing))) return this.#withoutTrading(entries, call);
    const trading = entries.filter(({ listing }) => isTrading(listing)).length;
    if (trading > 0 && (trading < entries.length || trading > tradingBatch)) throw new RangeError(`eBay writes ${tradingBatch} listings of the Trading API at a time and no others with them, got ${trading} of ${entries.length}`);
    // Not `operations.write.batch`: that may have fallen since the caller made up its entries.
    if (entries.length > this.#settings.batch) throw new RangeError(`eBay writes ${this.#settings.batch} entries at a time, got ${entries.length}`);
    const unfit = new Map(entries.flatMap(entry => (isQuantity(entry.quantity) && isWritable(entry.listing) ? [] : [[entry, unfitFor(entry)] as const])));
    const outcomes = await this.#write(entries.filter(entry => !unfit.has(entry)), call);
    return entries.map(entry => unfit.get(entry) ?? outcomes.shift()!);
  }

  /** Linked once, and the settings want them no more. */
  async #withoutTrading(entries: readonly WriteEntry[], call: Call): Promise<WriteOutcome[]> {
    const outcomes = await this.write(entries.filter(({ listing }) => !isTrading(listing)), call);
    return entries.map(({ listing, signature }) => (isTrading(listing) ? { kind: 'refused', signature, class: 'listing', ...notKept } : outcomes.shift()!));
  }

  async #write(entries: readonly WriteEntry[], call: Call): Promise<WriteOutcome[]> {
    if (entries.length === 0) return [];
    const { verifyAfterMs, verifyWithinMs } = this.#settings;
    const verify = { verifyAfterMs: this.#wait(verifyAfterMs), verifyWithinMs: this.#wait(verifyWithinMs) };
    if (isTrading(entries[0]!.listing)) return revise(entries, this.#client, this.#trades, verify, call);
    const answer = await this.#client.send({ method: 'POST', path: updatePath, body: updateBody(entries) }, 'inventory', call);
    if (answer.status === 200 || answer.status === 207) return outcomesOf(entries, answer, verify);
    if (answer.status === 400) return refusedWhole(entries, answer, this.#size);
    throw failureOf(answer, `POST ${updatePath}`, true);
  }

  async read(listings: readonly Listing[], call: Call): Promise<ReadOutcome[]> {
    const outcomes = await this.#read(listings, call);
    if (this.#settings.soldCount) return outcomes;
    return outcomes.map(outcome => (outcome.kind === 'read' ? { ...outcome, reading: uncounted(outcome.reading) } : outcome));
  }

  async #read(listings: readonly Listing[], call: Call): Promise<ReadOutcome[]> {
    if (listings.length === 0) return [];
    if (listings.some(isTrading)) {
      if (!this.#settings.legacy) return Promise.all(listings.map(async listing => (isTrading(listing) ? { kind: 'failed' as const, listing, ...notKept } : (await this.read([listing], call))[0]!)));
      if (listings.length > 1) throw new RangeError(`eBay reads one listing of the Trading API at a time, got ${listings.length}`);
      return [await readItem(listings[0]!, this.#client, call)];
    }
    const items = await this.#items(listings.map(l => l.sku), call);
    return inLots(listings, async listing => {
      const item = items.get(listing.sku) ?? { kind: 'failed', code: 'unanswered', message: 'no answer for this SKU' };
      if ('kind' in item) return { listing, ...item };
      const offers = await this.#offers(listing.sku, call);
      if ('kind' in offers) return { listing, ...offers };
      const reading = readingOf(listing, item.stock, offers);
      return reading
        ? { kind: 'read', reading }
        : { kind: 'failed', listing, code: 'no-quantity', message: 'neither the item nor its offer has a quantity' };
    });
  }

  async orders(cursor: string | undefined, call: Call): Promise<OrderPage> {
    const { ordersBackMs, ordersOverlapMs, ordersLagMs } = this.#settings;
    const windows = {
      now: this.#ports.now(),
      backMs: ordersBackMs,
      overlapMs: this.#wait(ordersOverlapMs),
      lagMs: this.#wait(ordersLagMs),
    };
    const ask = orderAsk(cursor, windows);
    const answer = await this.#client.send({ method: 'GET', path: ask.path }, 'fulfillment', call);
    if (answer.status !== 200) throw failureOf(answer, 'GET /sell/fulfillment/v1/order', false);
    const { orders, next } = parse(ordersAnswer, answer, 'GET order');
    return orderPage(ask, orders, next !== undefined, windows);
  }

  async listings(cursor: string | undefined, call: Call): Promise<ListingPage> {
    const [, from, at] = sellerCursor.exec(cursor ?? '') ?? [];
    if (from !== undefined) return this.#others(Number(from), Number(at), call);
    const page = Number(cursor ?? 0);
    if (!Number.isInteger(page) || page < 0) throw new TerminalError(`eBay listings: not a page number: ${JSON.stringify(cursor)}`, { code: 'cursor' });
    // `offset` is a page number here.
    const path = `${inventory}/inventory_item?limit=${this.#settings.importPage}&offset=${page}`;
    const answer = await this.#client.send({ method: 'GET', path }, 'inventory', call);
    if (answer.status !== 200) throw failureOf(answer, `GET ${inventory}/inventory_item`, false);
    const { inventoryItems, next } = parse(itemsAnswer, answer, 'GET inventory_item');
    const readings = await inLots(inventoryItems, async ({ sku, availability }) => {
      const offers = await this.#offers(sku, call);
      if ('kind' in offers) {
        if (offers.kind === 'missing') return undefined;
        throw new RetryableError(`eBay listings: offers of ${JSON.stringify(sku)}: ${offers.message}`, { code: offers.code });
      }
      return this.#imported(sku, availability?.shipToLocationAvailability?.quantity, offers);
    });
    const more = next !== undefined && inventoryItems.length > 0;
    if (!more) this.#managed.known = true;
    const after = more ? String(page + 1) : this.#settings.legacy ? `trading:${this.#ports.now()}:1` : undefined;
    return { readings: readings.filter(reading => reading !== undefined), ...(after !== undefined && { cursor: after }) };
  }

  /** What the seller has beside what the Inventory API manages. A SKU that is sold both ways is kept there. */
  async #others(from: number, page: number, call: Call): Promise<ListingPage> {
    const { listings, skus, known } = this.#managed;
    if (!known) throw new TerminalError('eBay listings: a list of the seller is read after those of the Inventory API', { code: 'cursor' });
    const { readings, more } = await sellerList(from, page, this.#settings.importPage, this.#client, call);
    return {
      readings: readings.filter(({ listing: { sku, fields } }) => !listings.has(fields['itemId']!) && !skus.has(sku)),
      ...(more && { cursor: `trading:${from}:${page + 1}` }),
    };
  }

  /** An item without a published offer is no listing. */
  #imported(sku: string, stock: number | undefined, offers: Offer[]): Reading | undefined {
    const published = offers.filter(isPublished);
    if (published.length === 0) return undefined;
    if (this.#settings.legacy) {
      this.#managed.skus.add(sku);
      for (const { listing } of published) if (listing?.listingId !== undefined) this.#managed.listings.add(listing.listingId);
    }
    const reading = readingOf(listingOf(sku, published), stock, published);
    if (!reading) throw new RetryableError(`eBay listings: ${JSON.stringify(sku)} is published and has no quantity`, { code: 'no-quantity' });
    return reading;
  }

  /** By POST, since a SKU may hold characters that do not survive in a path. */
  async #items(skus: string[], call: Call): Promise<Map<string, Item>> {
    const path = `${inventory}/bulk_get_inventory_item`;
    const ask: Ask = { method: 'POST', path, body: { requests: [...new Set(skus)].map(sku => ({ sku })) }, safe: true };
    const answer = await this.#client.send(ask, 'inventory', call);
    if (answer.status !== 200 && answer.status !== 207) {
      // A call for one SKU may be refused as a whole because of it.
      const alone = skus.length === 1 ? absence(answer) : undefined;
      if (!alone) throw failureOf(answer, `POST ${path}`, false);
      return new Map([[skus[0]!, alone]]);
    }
    const { responses } = parse(bulkItemsAnswer, answer, 'POST bulk_get_inventory_item');
    return new Map(responses.map(({ sku, statusCode, errors, inventoryItem }): [string, Item] => {
      if (statusCode < 300 && inventoryItem) return [sku, { stock: inventoryItem.availability?.shipToLocationAvailability?.quantity }];
      const error = principal(errors ?? []);
      const kind = classOf(error?.errorId, statusCode) === 'missing' ? 'missing' : 'failed';
      return [sku, { kind, code: String(error?.errorId ?? statusCode), message: error ? textOf(error) : `status ${statusCode}` }];
    }));
  }

  /** Fixed-price offers of a SKU, or why there are none. */
  async #offers(sku: string, call: Call): Promise<Offer[] | Absence> {
    const answer = await this.#client.send({ method: 'GET', path: `${inventory}/offer?sku=${encodeURIComponent(sku)}` }, 'inventory', call);
    if (answer.status !== 200) {
      // 404 when a SKU has no offers, with or without errors in it; a page of HTML is somebody else's 404.
      const none = absence(answer) ?? (answer.status === 404 && (answer.text === '' || answer.json !== undefined) ? noOffer : undefined);
      if (none) return none;
      throw failureOf(answer, `GET ${inventory}/offer`, false);
    }
    const offers = fixedPrice(parse(offersAnswer, answer, 'GET offer').offers, sku);
    return offers.length > 0 ? offers : noOffer;
  }

  #wait(ms: number): number {
    return ms / this.#ports.timeScale;
  }
}

/** Maps in order, a few at a time; the first failure ends it once its lot is through. */
async function inLots<T, R>(items: readonly T[], map: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += abreast) {
    const lot = await Promise.allSettled(items.slice(at, at + abreast).map(map));
    for (const one of lot) {
      if (one.status === 'rejected') throw one.reason;
      results.push(one.value);
    }
  }
  return results;
}
