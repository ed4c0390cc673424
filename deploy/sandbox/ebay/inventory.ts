/** The Sell Inventory API: bulk quantity writes, items, offers. The replacing PUTs are not served: nothing calls them. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import type { ShopListing } from '../kit/shop.ts';
import { error } from './answers.ts';
import type { EbayError } from './answers.ts';
import { offerIdsOf } from './shop.ts';
import type { EbayShop } from './shop.ts';

export interface InventoryOptions {
  /** ebay.md 2.1: 1 by the operation's text, 25 by the schema's. */
  entriesMax: number;
  /** True: an entry's item is answered in a part of its own; ebay.md 2.1 leaves open which it is. */
  itemParts: boolean;
  /** True: every SKU has an auction offer beside its fixed-price ones. */
  auctions: boolean;
}

const requestSchema = z.object({
  sku: z.string().optional(),
  shipToLocationAvailability: z.object({ quantity: z.number().optional() }).optional(),
  offers: z.array(z.object({ offerId: z.string(), availableQuantity: z.number().optional() })).optional(),
});
const updateSchema = z.object({ requests: z.array(requestSchema).min(1) });
const getSchema = z.object({ requests: z.array(z.object({ sku: z.string() })).min(1) });

type Update = z.infer<typeof requestSchema>;
interface Part { sku: string; offerId?: string; statusCode: number; errors?: EbayError[]; warnings?: EbayError[] }

const refuse = (reply: FastifyReply, status: number, ...errors: EbayError[]): unknown => reply.code(status).send({ errors });

export function inventoryRoutes(app: FastifyInstance, shop: EbayShop, options: InventoryOptions): void {
  app.post('/bulk_update_price_quantity', (request, reply) => {
    const body = updateSchema.safeParse(request.body);
    if (!body.success) return refuse(reply, 400, error(25709, 'requests', body.error.issues[0]?.path.join('.')));
    const { requests } = body.data;
    // ebay.md 2.1 "Entries per call": refused as a whole.
    if (requests.length > options.entriesMax) return refuse(reply, 400, error(25709, 'requests', requests.length, `Only ${options.entriesMax} allowed.`));
    // ebay.md 2.1 offers[]: duplicates are refused; of the ids that the whole call may answer, 25002 is the one for it.
    const offerIds = requests.flatMap(r => (r.offers ?? []).map(o => o.offerId));
    if (repeats(requests.flatMap(r => r.sku ?? [])) || repeats(offerIds)) return refuse(reply, 400, error(25002, 'requests', '', 'SKU and offerId should be unique.'));
    const parts = requests.flatMap(one => update(shop, one, options));
    // ebay.md 2.1: the order of responses is not promised; ebay.md 0 line 3: 200 or 207, then each entry's own status.
    return reply.code(parts.every(p => p.statusCode === 200) ? 200 : 207).send({ responses: parts.reverse() });
  });

  app.post('/bulk_get_inventory_item', (request, reply) => {
    const body = getSchema.safeParse(request.body);
    if (!body.success) return refuse(reply, 400, error(25709, 'requests', body.error.issues[0]?.path.join('.')));
    const skus = body.data.requests.map(r => r.sku);
    // ebay.md 3: 25, distinct SKUs.
    if (skus.length > 25) return refuse(reply, 400, error(25727, 'requests', skus.length));
    if (repeats(skus)) return refuse(reply, 400, error(25734));
    const responses = skus.map(sku => (shop.isManaged(sku)
      ? { sku, statusCode: 200, inventoryItem: item(shop, sku) }
      : { sku, statusCode: 404, errors: [error(25710, 'sku', sku)] }));
    return reply.code(responses.every(r => r.statusCode === 200) ? 200 : 207).send({ responses: responses.reverse() });
  });

  app.get<{ Querystring: { limit?: string; offset?: string } }>('/inventory_item', (request, reply) => {
    const limit = Number(request.query.limit ?? 25);
    const page = Number(request.query.offset ?? 0);
    if (!between(limit, 1, 200) || !between(page, 0, Infinity)) return refuse(reply, 400, error(25706));
    const skus = [...shop.listings.keys()].filter(sku => shop.isManaged(sku));
    // ebay.md 0 line 6: `offset` is a page number here.
    const at = (n: number): string => `/sell/inventory/v1/inventory_item?limit=${limit}&offset=${n}`;
    return {
      href: at(page), limit, total: skus.length, size: Math.ceil(skus.length / limit),
      ...((page + 1) * limit < skus.length && { next: at(page + 1) }),
      ...(page > 0 && { prev: at(page - 1) }),
      inventoryItems: skus.slice(page * limit, (page + 1) * limit).map(sku => item(shop, sku)),
    };
  });

  app.get<{ Querystring: { sku?: string; format?: string } }>('/offer', (request, reply) => {
    const { sku, format } = request.query;
    // ebay.md 7 line 8: without `sku` it fails with a SKU error.
    if (!sku) return refuse(reply, 400, error(25707, 'sku', sku ?? ''));
    const listing = shop.isManaged(sku) ? shop.listings.get(sku) : undefined;
    // ebay.md 3: 404 when there is none.
    if (!listing) return refuse(reply, 404, error(25713, 'sku', sku));
    const offers = offersOf(shop, listing, options).filter(o => format === undefined || o.format === format);
    return { href: request.url, limit: 100, size: offers.length, total: offers.length, offers };
  });
}

/** One entry of a bulk write: carried out whole or refused whole. */
function update(shop: EbayShop, { sku, shipToLocationAvailability, offers = [] }: Update, { itemParts }: InventoryOptions): Part[] {
  const named = sku ?? shop.offer(offers[0]?.offerId ?? '')?.sku ?? '';
  const quantity = shipToLocationAvailability?.quantity;
  const numbers = [...(quantity === undefined ? [] : [quantity]), ...offers.flatMap(o => o.availableQuantity ?? [])];
  const wrong = ((): EbayError | undefined => {
    if (numbers.length === 0) return error(25709, 'availableQuantity', '', 'Nothing to update.');
    // ebay.md 2.1 sku: needed with the item's quantity, at most 50 characters.
    if (quantity !== undefined && !sku) return error(25707, 'sku', '');
    if (named.length > 50) return error(25707, 'sku', named);
    if (!numbers.every(n => between(n, 0, 2 ** 31 - 1))) return error(25004, 'quantity', numbers.find(n => !between(n, 0, 2 ** 31 - 1)));
    if (sku && !shop.isManaged(sku)) return error(25702, 'sku', sku);
    const foreign = offers.find(o => shop.offer(o.offerId)?.sku !== named);
    // ebay.md 2.1: the SKU must be that of the offers.
    if (foreign) return shop.offer(foreign.offerId) ? error(25002, 'offerId', foreign.offerId, 'SKU and offerId do not match.') : error(25713, 'offerId', foreign.offerId);
    // ebay.md 2.1 offers[]: only published ones.
    if (offers.length > 0 && shop.ended(named)) return error(25713, 'offerId', offers[0]!.offerId);
    // ebay.md 4: locked for the day. Which id says so is not documented; "cannot be revised" is the nearest.
    if (!shop.revise(named)) return error(25019, 'sku', named, 'The item has been revised too often today.');
    return undefined;
  })();
  const answered: Pick<Part, 'sku' | 'offerId'>[] = offers.map(({ offerId }) => ({ sku: named, offerId }));
  if (itemParts || answered.length === 0) answered.push({ sku: named });
  if (wrong) return answered.map(part => ({ ...part, statusCode: wrong.errorId === 25702 ? 404 : 400, errors: [wrong] }));
  const own = offers.flatMap(({ offerId, availableQuantity }): [number, number][] =>
    (availableQuantity === undefined ? [] : [[shop.offer(offerId)!.n, availableQuantity]]));
  shop.set(named, quantity, new Map(own));
  // ebay.md 5: warnings may come beside a 200.
  const warnings = shop.listings.get(named)!.active ? [] : [error(25096)];
  return answered.map(part => ({ ...part, statusCode: 200, ...(warnings.length > 0 && { warnings }) }));
}

function item(shop: EbayShop, sku: string): unknown {
  return {
    sku,
    locale: 'en_US',
    condition: 'NEW',
    product: { title: `Item ${sku}` },
    availability: { shipToLocationAvailability: { quantity: shop.seen(sku).stock } },
  };
}

function offersOf(shop: EbayShop, listing: ShopListing, { auctions }: InventoryOptions): { format: string }[] {
  const { sku, active, fields } = listing;
  const { own, sold } = shop.seen(sku);
  const ended = shop.ended(sku);
  const common = { sku, marketplaceId: 'EBAY_US', categoryId: '30120', listingPolicies: {}, pricingSummary: { price: { value: '10.00', currency: 'USD' } } };
  const fixed = offerIdsOf(listing).map((offerId, n) => ({
    ...common,
    offerId,
    format: 'FIXED_PRICE',
    listingDuration: 'GTC',
    availableQuantity: own[n]!,
    status: ended ? 'UNPUBLISHED' : 'PUBLISHED',
    // ebay.md 3 "Listing state": only published offers have a listing.
    ...(!ended && {
      listing: {
        listingId: fields['listingId']!,
        listingStatus: !active ? 'INACTIVE' : own[n] === 0 ? 'OUT_OF_STOCK' : 'ACTIVE',
        soldQuantity: n === 0 ? sold : 0,
        ...(!active && { listingOnHold: true }),
      },
    }),
  }));
  const auction = { ...common, offerId: fields['auctionId']!, format: 'AUCTION', listingDuration: 'DAYS_7', status: 'PUBLISHED' };
  return auctions ? [auction, ...fixed] : fixed;
}

const between = (n: number, from: number, to: number): boolean => Number.isInteger(n) && n >= from && n <= to;
const repeats = (ids: string[]): boolean => new Set(ids).size < ids.length;
