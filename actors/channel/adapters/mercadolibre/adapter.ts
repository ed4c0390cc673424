/**
 * Mercado Libre: one seller account of one site. Items are written whole or by variation, user products by location
 * under a version; which of them, each listing carries (`ways.ts`).
 */
import type {
  AdapterFactory, Call, ChannelAdapter, Listing, ListingPage, Operation, OrderPage, ReadOutcome, WriteEntry, WriteOutcome,
} from '../../adapter.ts';
import { Api } from './api.ts';
import { listings } from './listings.ts';
import { missed } from './missed.ts';
import { orders } from './orders.ts';
import { multigetMax, readItems, readStock } from './read.ts';
import { checked } from './settings.ts';
import { Variations } from './variations.ts';
import { fieldsOf, isStock } from './ways.ts';
import { write } from './write.ts';
import type { Writer } from './write.ts';

/** Names of `config/limits/mercadolibre.yaml`. */
const stockRead: Operation = { limit: 'userProductStock', cost: 1, batch: 1 };
const itemRead: Operation = { limit: 'items', cost: 1, batch: multigetMax };

export const createMercadoLibre: AdapterFactory = (given, ports) => {
  const { credentials, settings } = checked(given);
  const api = new Api(given, credentials, settings, ports);
  return new MercadoLibre({
    api,
    settings,
    variations: new Variations(settings.variationsMaxAgeMs, ports.now),
    now: ports.now,
    timeScale: ports.timeScale,
  }, { operation: { limit: 'missedFeeds', cost: 1, batch: 1 }, ask: (cursor, call) => missed(given, api, cursor, call) });
};

class MercadoLibre implements ChannelAdapter {
  readonly channel = 'mercadolibre';
  readonly gross = false;
  /** For the locations of user products and for variations; plain items ignore it. */
  readonly needsReading = true;
  readonly operations = {
    write: { limit: 'stockWrites', cost: 1, batch: 1 },
    read: stockRead,
    orders: { limit: 'orders', cost: 1, batch: 50 },
    // Some pages read a user product's stock, and a page does not know beforehand: all pay the published limit.
    listings: { limit: 'userProductStock', cost: 1, batch: multigetMax },
  };
  readonly #ports: Writer;

  readonly missed: NonNullable<ChannelAdapter['missed']>;

  constructor(ports: Writer, missed: NonNullable<ChannelAdapter['missed']>) {
    this.missed = missed;
    this.#ports = ports;
  }

  readOperation(listing: Listing): Operation {
    return isStock(fieldsOf(listing)) ? stockRead : itemRead;
  }

  async write(entries: readonly WriteEntry[], call: Call): Promise<WriteOutcome[]> {
    const [entry, ...rest] = entries;
    if (!entry || rest.length > 0) throw new RangeError(`mercadolibre writes one quantity a call, got ${entries.length}`);
    return [await write(this.#ports, entry, call)];
  }

  async read(listings: readonly Listing[], call: Call): Promise<ReadOutcome[]> {
    const [first] = listings;
    if (!first) return [];
    const fields = fieldsOf(first);
    if (isStock(fields) && listings.length === 1) return [await readStock(this.#ports, first, fields, call)];
    if (listings.length > multigetMax || listings.some(listing => isStock(fieldsOf(listing)))) {
      throw new RangeError(`mercadolibre reads one user product or ${multigetMax} items a call, got ${listings.map(l => l.id).join(', ')}`);
    }
    return readItems(this.#ports, listings, call);
  }

  orders(cursor: string | undefined, call: Call): Promise<OrderPage> {
    return orders(this.#ports, cursor, call);
  }

  listings(cursor: string | undefined, call: Call): Promise<ListingPage> {
    return listings(this.#ports, cursor, call);
  }

  tokenExpiresAt(): number | undefined {
    return this.#ports.api.tokenExpiresAt;
  }
}
