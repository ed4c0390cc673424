/** Listings Items API 2021-08-01: patchListingsItem, getListingsItem, searchListingsItems. */
import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Shop, ShopListing } from '../kit/shop.ts';
import { Denied, badRequest, unauthorized } from './answers.ts';
import type { LimitName } from './answers.ts';
import type { Offers } from './offers.ts';
import { checkPatch } from './patch.ts';
import { instant, list, opened, sameness, sealed, text, whole } from './query.ts';
import type { Query } from './query.ts';

export interface ListingsSide {
  shop: Shop;
  offers: Offers;
  sellerId: string;
  marketplaceId: string;
  admit(operation: LimitName, request: FastifyRequest, reply: FastifyReply): void;
}

type Params = { sellerId: string; sku: string };

const dataSets = ['summaries', 'attributes', 'issues', 'offers', 'fulfillmentAvailability', 'procurement', 'relationships', 'productTypes'];
const statuses = ['BUYABLE', 'DISCOVERABLE'];
const identifierTypes = ['ASIN', 'EAN', 'FNSKU', 'GTIN', 'ISBN', 'JAN', 'MINSAN', 'SKU', 'UPC'];
/** amazon.md 3: at most 1,000 items can be paged through per search. */
const pagedMax = 1000;

export function listingRoutes(app: FastifyInstance, side: ListingsSide): void {
  const { shop, offers, sellerId, marketplaceId } = side;

  const enter = (operation: LimitName, request: FastifyRequest, reply: FastifyReply): Query => {
    side.admit(operation, request, reply);
    if ((request.params as Params).sellerId !== sellerId) throw unauthorized();
    const query = request.query as Query;
    if (!list(query, 'marketplaceIds')?.includes(marketplaceId)) throw badRequest(`marketplaceIds must hold ${marketplaceId}.`);
    return query;
  };

  app.patch('/listings/2021-08-01/items/:sellerId/:sku', (request, reply) => {
    const query = enter('patchListingsItem', request, reply);
    if (!request.headers['content-type']?.startsWith('application/json')) {
      throw new Denied(415, 'UnsupportedMediaType', 'The request payload is in an unsupported format.');
    }
    list(query, 'includedData', ['identifiers', 'issues']);
    const [mode] = list(query, 'mode', ['VALIDATION_PREVIEW']) ?? [];
    const { changes, issues } = checkPatch(request.body);
    const { sku } = request.params as Params;
    // amazon.md 2.1: INVALID queues nothing; a preview stores nothing and is VALID or INVALID.
    const status = issues.length > 0 ? 'INVALID' : mode ? 'VALID' : 'ACCEPTED';
    if (status === 'ACCEPTED') for (const { op, availability } of changes) offers.submit(sku, op, availability);
    return { sku, status, submissionId: randomUUID(), issues };
  });

  app.get('/listings/2021-08-01/items/:sellerId/:sku', (request, reply) => {
    const query = enter('getListingsItem', request, reply);
    const included = list(query, 'includedData', dataSets);
    const { sku } = request.params as Params;
    const listing = shop.listings.get(sku);
    // amazon.md 3, missing SKU.
    if (!listing) throw new Denied(404, 'NOT_FOUND', `SKU '${sku}' not found in marketplace ${marketplaceId}`);
    return describe(listing, included, side);
  });

  app.get('/listings/2021-08-01/items/:sellerId', (request, reply) => {
    const query = enter('searchListingsItems', request, reply);
    const included = list(query, 'includedData', dataSets);
    const pageSize = whole(query, 'pageSize', 20, 10);
    const found = search(shop, query);
    const token = text(query, 'pageToken');
    const key = sameness(query, ['pageToken', 'pageSize', 'includedData']);
    const at = token === undefined ? { offset: 0, key } : opened<{ offset: number; key: string }>(token, 'pageToken');
    if (at.key !== key) throw badRequest('pageToken belongs to another search.');
    const end = Math.min(at.offset + pageSize, pagedMax, found.length);
    const more = end < Math.min(found.length, pagedMax);
    const before = Math.max(0, at.offset - pageSize);
    return {
      numberOfResults: found.length,
      // listingsItems model, Pagination: no nextToken on the last page.
      pagination: {
        ...(more && { nextToken: sealed({ offset: end, key }) }),
        ...(at.offset > 0 && { previousToken: sealed({ offset: before, key }) }),
      },
      items: found.slice(at.offset, end).map(listing => describe(listing, included, side)),
    };
  });
}

/** Listings were made three a minute from 2024 on, in the order of their ASINs, so that some share their date. */
function createdAt({ fields }: ShopListing): number {
  return Date.UTC(2024, 0, 1) + Math.floor(Number(fields['asin']!.slice(2)) / 3) * 60_000;
}

function search(shop: Shop, query: Query): ShopListing[] {
  const identifiers = list(query, 'identifiers');
  const [type] = list(query, 'identifiersType', identifierTypes) ?? [];
  // listingsItems model: each requires the other; at most 20.
  if ((identifiers === undefined) !== (type === undefined)) throw badRequest('identifiers and identifiersType need each other.');
  if (identifiers && identifiers.length > 20) throw badRequest('At most 20 identifiers.');
  const created = [instant(query, 'createdAfter'), instant(query, 'createdBefore')] as const;
  const updated = [instant(query, 'lastUpdatedAfter'), instant(query, 'lastUpdatedBefore')] as const;
  const within = (at: number, [from = -Infinity, to = Infinity]: readonly [number | undefined, number | undefined]): boolean => at >= from && at <= to;
  const having = list(query, 'withStatus', statuses);
  const lacking = list(query, 'withoutStatus', statuses);
  const [by = 'lastUpdatedDate'] = list(query, 'sortBy', ['sku', 'createdDate', 'lastUpdatedDate']) ?? [];
  const [order = 'DESC'] = list(query, 'sortOrder', ['ASC', 'DESC']) ?? [];
  const rank = (a: ShopListing, b: ShopListing): number => {
    if (by === 'sku') return a.sku < b.sku ? -1 : 1;
    return by === 'createdDate' ? createdAt(a) - createdAt(b) : a.updatedAt - b.updatedAt;
  };
  const candidates = identifiers === undefined ? [...shop.listings.values()]
    : type === 'SKU' ? [...new Set(identifiers)].flatMap(sku => shop.listings.get(sku) ?? [])
    : type === 'ASIN' ? [...shop.listings.values()].filter(l => identifiers.includes(l.fields['asin']!)) : [];
  const found = candidates.filter(listing => {
    const status = statusOf(listing, listing.quantity);
    return within(createdAt(listing), created) && within(listing.updatedAt, updated)
      && (having ?? []).every(s => status.includes(s)) && !(lacking ?? []).some(s => status.includes(s));
  });
  return found.sort((a, b) => (order === 'ASC' ? rank(a, b) : rank(b, a)));
}

/** amazon.md 3: [] when it cannot be sold; amazon.md 7: at 0 it loses BUYABLE and stays. */
function statusOf(listing: ShopListing, quantity: number): string[] {
  if (!listing.active) return [];
  return quantity > 0 ? ['BUYABLE', 'DISCOVERABLE'] : ['DISCOVERABLE'];
}

/** amazon.md 3: only the data sets asked for; without asking, summaries alone. */
function describe(listing: ShopListing, included: string[] = ['summaries'], { shop, offers, marketplaceId }: ListingsSide): Record<string, unknown> {
  const { sku, fields } = listing;
  const live = shop.read(sku)?.quantity ?? listing.quantity;
  const days = fields['leadTimeToShipMaxDays'];
  const sets: Record<string, unknown> = {
    summaries: [{
      marketplaceId, asin: fields['asin'], productType: fields['productType'], conditionType: 'new_new',
      status: statusOf(listing, live), itemName: `Item ${sku}`,
      createdDate: new Date(createdAt(listing)).toISOString(), lastUpdatedDate: new Date(listing.updatedAt).toISOString(),
    }],
    // The submitted value; not what is on offer.
    attributes: {
      fulfillment_availability: [{
        fulfillment_channel_code: 'DEFAULT', quantity: offers.submitted(listing),
        ...(days !== undefined && { lead_time_to_ship_max_days: Number(days) }), marketplace_id: marketplaceId,
      }],
    },
    // amazon.md 7: a switch to Amazon's fulfilment leaves the merchant's entry in place; Amazon's own has no quantity.
    fulfillmentAvailability: [{ fulfillmentChannelCode: 'DEFAULT', quantity: live }, ...(fields['fulfilledBy'] === undefined ? [] : [{ fulfillmentChannelCode: fields['fulfilledBy'] }])],
    issues: listing.active ? [] : [{
      code: '18155', message: `The 'minimum price' is greater than the selling price. Review and update your price.`, severity: 'ERROR',
      categories: ['INVALID_PRICE'], marketplaceIds: [marketplaceId],
      enforcements: { actions: [{ action: 'LISTING_SUPPRESSED' }], exemption: { status: 'NOT_EXEMPT' } },
    }],
    offers: [{ marketplaceId, offerType: 'B2C', price: { currencyCode: 'USD', amount: '10.00' } }],
    productTypes: [{ marketplaceId, productType: fields['productType'] }],
  };
  return { sku, ...Object.fromEntries(included.flatMap(name => (sets[name] === undefined ? [] : [[name, sets[name]]]))) };
}
