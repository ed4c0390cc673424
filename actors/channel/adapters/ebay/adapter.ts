/**
 * eBay through the Sell Inventory and Fulfillment APIs: one seller account, fixed-price listings that the Inventory
 * API manages. Listings of the Trading API are out of its reach, and eBay refuses them here.
 */
import type {
  AdapterFactory, AdapterPorts, Call, ChannelAdapter, Listing, ListingPage, OrderPage, ReadOutcome, Reading, WriteEntry, WriteOutcome,
} from '../../adapter.ts';
import { RetryableError, TerminalError } from '../../../errors.ts';
import type { Answer, Ask } from '../http.ts';
import { EbayClient } from './client.ts';
import { classOf, errorsOf, failureOf, principal, textOf } from './errors.ts';
import { orderAsk, orderPage } from './orders.ts';
import { fixedPrice, isPublished, listingOf, readingOf } from './reading.ts';
import { bulkItemsAnswer, itemsAnswer, offersAnswer, ordersAnswer, parse } from './schemas.ts';
import type { Offer } from './schemas.ts';
import { readSettings } from './settings.ts';
import type { EbaySettings } from './settings.ts';
import { BatchSize, outcomesOf, updateBody, updatePath } from './write.ts';

const inventory = '/sell/inventory/v1';
/** Offer calls under way at once within one port call. */
const abreast = 5;

export const createEbay: AdapterFactory = (account, ports) => {
  const { credentials, settings } = readSettings(account);
  const client = new EbayClient({ account: account.account, origin: account.baseUrl, credentials, scope: settings.scope, ports });
  return new EbayAdapter(client, settings, ports);
};

/** Why there is nothing to read of a SKU. */
interface Absence { kind: 'missing' | 'failed'; code: string; message: string }
/** What the item of a SKU said. */
type Item = { stock: number | undefined } | Absence;

const noOffer: Absence = { kind: 'missing', code: 'no-offer', message: 'no fixed-price offer' };

class EbayAdapter implements ChannelAdapter {
  readonly channel = 'ebay';
  readonly gross = false;
  readonly needsReading = false;
  readonly operations: ChannelAdapter['operations'];
  readonly #client: EbayClient;
  readonly #settings: EbaySettings;
  readonly #ports: AdapterPorts;
  readonly #size: BatchSize;

  constructor(client: EbayClient, settings: EbaySettings, ports: AdapterPorts) {
    this.#client = client;
    this.#settings = settings;
    this.#ports = ports;
    const size = (this.#size = new BatchSize(settings.batch));
    this.operations = {
      write: { limit: 'inventory', cost: 1, get batch() { return size.now; } },
      // One call for the items, one for each SKU's offers.
      read: { limit: 'inventory', cost: 1 + settings.readBatch, batch: settings.readBatch },
      orders: { limit: 'fulfillment', cost: 1, batch: 1 },
      listings: { limit: 'inventory', cost: 1 + settings.importPage, batch: settings.importPage },
    };
  }

  tokenExpiresAt(): number | undefined {
    return this.#client.tokenExpiresAt;
  }

  async write(entries: readonly WriteEntry[], call: Call): Promise<WriteOutcome[]> {
    if (entries.length === 0) return [];
    const answer = await this.#client.send({ method: 'POST', path: updatePath, body: updateBody(entries) }, 'inventory', call);
    if (answer.status === 200 || answer.status === 207) {
      const { verifyAfterMs, verifyWithinMs } = this.#settings;
      return outcomesOf(entries, answer, { verifyAfterMs: this.#wait(verifyAfterMs), verifyWithinMs: this.#wait(verifyWithinMs) });
    }
    if (answer.status === 400) return this.#size.refused(entries, answer);
    throw failureOf(answer, `POST ${updatePath}`, true);
  }

  async read(listings: readonly Listing[], call: Call): Promise<ReadOutcome[]> {
    if (listings.length === 0) return [];
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
    return {
      readings: readings.filter(reading => reading !== undefined),
      ...(next !== undefined && inventoryItems.length > 0 && { cursor: String(page + 1) }),
    };
  }

  /** An item without a published offer is no listing. */
  #imported(sku: string, stock: number | undefined, offers: Offer[]): Reading | undefined {
    const published = offers.filter(isPublished);
    if (published.length === 0) return undefined;
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

/** What a refusal says about the one SKU asked for; nothing where it is about the request. */
function absence(answer: Answer): Absence | undefined {
  const error = principal(errorsOf(answer));
  const found = { code: String(error?.errorId ?? answer.status), message: error ? textOf(error) : `status ${answer.status}` };
  switch (classOf(error?.errorId, answer.status)) {
    // Without eBay's own error a 404 may come from an edge or a wrong address: the listing is not gone for that.
    case 'missing': return error ? { kind: 'missing', ...found } : undefined;
    case 'validation': case 'listing': return { kind: 'failed', ...found };
    default: return undefined;
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
