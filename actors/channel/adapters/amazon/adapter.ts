/**
 * Amazon, merchant-fulfilled offers of one seller in one store. A write is queued (ACCEPTED, also for a SKU that does
 * not exist), so its truth is the live `fulfillmentAvailability` read back later, never the submitted attribute.
 */
import type { AdapterFactory, Call, Listing, ListingPage, OrderPage, ReadOutcome, WriteEntry, WriteOutcome } from '../../adapter.ts';
import { Auth } from './auth.ts';
import { client } from './client.ts';
import { failure, malformed } from './errors.ts';
import { amazonFeeds } from './feeds.ts';
import { includedData, itemPath, listingOf, quantityPatch, readOutcome } from './listings.ts';
import { advance, orderCursor, orderLines } from './orders.ts';
import { item as itemSchema, itemPage, orderPage, submission } from './schemas.ts';
import { checked } from './settings.ts';
import { createdDate, onwards, walkOf } from './walk.ts';

/** Both the most identifiers and the largest page of a search; the vendor's default page is 10. */
const searchMax = 20;
const ordersMax = 100;
const search = { limit: 'searchListingsItems', cost: 1, batch: searchMax };
/** Identifiers of a search travel comma-delimited, with no way to escape one inside a SKU: such a SKU is read alone. */
const single = { limit: 'getListingsItem', cost: 1, batch: 1 };
const searchable = ({ sku }: Listing): boolean => !sku.includes(',');

/** @throws {TypeError} when credentials or settings are not what Amazon needs */
export const createAmazon: AdapterFactory = (given, ports) => {
  const { credentials, settings } = checked(given);
  const { sellerId, marketplaceId } = settings;
  const auth = new Auth(credentials, settings, ports);
  const send = client(settings, auth, ports);
  const scaled = (vendorMs: number): number => vendorMs / ports.timeScale;

  return {
    channel: 'amazon',
    gross: false,
    needsReading: false,
    operations: {
      write: { limit: 'patchListingsItem', cost: 1, batch: 1 },
      read: search,
      orders: { limit: 'searchOrders', cost: 1, batch: ordersMax },
      listings: search,
    },

    feeds: settings.feeds && amazonFeeds({ ...settings, feeds: settings.feeds }, send, ports),

    readOperation: listing => (searchable(listing) ? search : single),

    async write(entries, call) {
      const [entry, ...more] = entries;
      if (more.length > 0) throw new RangeError(`Amazon writes one SKU at a time, got ${entries.length}`);
      return entry ? [await writeOne(entry, call)] : [];
    },

    async read(listings, call) {
      if (listings.length > searchMax) throw new RangeError(`Amazon reads ${searchMax} SKUs at a time, got ${listings.length}`);
      const together = listings.filter(searchable);
      const found = together.length > 0 ? await readTogether(together, call) : new Map<string, ReadOutcome>();
      const outcomes: ReadOutcome[] = [];
      for (const listing of listings) outcomes.push(found.get(listing.sku) ?? await readOne(listing, call));
      return outcomes;
    },

    /** Leaves out what has no merchant-fulfilled quantity: Amazon's own fulfilment, stock by location. */
    async listings(cursor, call): Promise<ListingPage> {
      const walk = walkOf(cursor);
      const query = { sortBy: 'createdDate', sortOrder: 'ASC', createdAfter: walk.from, pageToken: walk.token };
      const what = 'searchListingsItems (all)';
      const { answer, page } = await searchPage(what, query, call);
      const items = page.items.map(raw => {
        const parsed = itemSchema.safeParse(raw);
        if (!parsed.success) throw malformed(what, answer, 'read', `${raw.sku}: ${parsed.error.message}`);
        return parsed.data;
      });
      const next = onwards(walk, items.map(i => ({ sku: i.sku, createdDate: createdDate(i, marketplaceId) })), page.pagination?.nextToken);
      const readings = items
        .filter(i => !walk.given.includes(i.sku))
        .map(i => readOutcome(listingOf(i, marketplaceId), i, marketplaceId))
        .flatMap(outcome => outcome.kind === 'read' ? [outcome.reading] : []);
      return { readings, ...(next && { cursor: JSON.stringify(next) }) };
    },

    async orders(cursor, call): Promise<OrderPage> {
      const at = orderCursor(cursor, Math.round(ports.now() - scaled(settings.ordersLookbackMs)));
      const what = `searchOrders since ${new Date(at.after).toISOString()}`;
      const answer = await send({
        operation: 'searchOrders',
        method: 'GET',
        path: '/orders/2026-01-01/orders',
        query: {
          // By update, not creation: cancellations are updates. A token wants the same parameters again.
          lastUpdatedAfter: new Date(at.after).toISOString(),
          marketplaceIds: settings.orderMarketplaceIds,
          fulfilledBy: 'MERCHANT',
          maxResultsPerPage: ordersMax,
          includedData: ['FULFILLMENT', 'CANCELLATION'],
          paginationToken: at.token,
        },
      }, call);
      if (answer.status === 400 && at.token !== undefined && !at.again) {
        // A token dies after 24 hours; the poll begins again, and the ids make what was read before harmless.
        return { lines: [], cursor: JSON.stringify({ after: at.after, through: at.through, again: true }), more: true, completeThrough: at.through };
      }
      if (answer.status !== 200) throw failure(what, answer, 'read');
      const parsed = orderPage.safeParse(answer.json);
      if (!parsed.success) throw malformed(what, answer, 'read', parsed.error.message);
      const { orders, pagination, lastUpdatedBefore } = parsed.data;
      const next = advance(at, pagination?.nextToken, lastUpdatedBefore === undefined ? undefined : Date.parse(lastUpdatedBefore), scaled(settings.ordersOverlapMs));
      return { lines: orderLines(orders), cursor: JSON.stringify(next), more: next.token !== undefined, completeThrough: next.through };
    },

    tokenExpiresAt: () => auth.expiresAt,
  };

  async function writeOne(entry: WriteEntry, call: Call): Promise<WriteOutcome> {
    const { listing: { sku }, quantity, signature } = entry;
    // JSON makes null of NaN, and a merge of null deletes.
    if (!Number.isInteger(quantity) || quantity < 0) {
      return { kind: 'refused', signature, class: 'validation', code: 'quantity', message: `${sku}: quantity ${quantity} is no whole number >= 0` };
    }
    const what = `patchListingsItem ${sku}`;
    const answer = await send({
      operation: 'patchListingsItem',
      method: 'PATCH',
      path: itemPath(sellerId, sku),
      query: { marketplaceIds: [marketplaceId] },
      body: quantityPatch(entry, settings.productType),
    }, call);
    if (answer.status !== 200) throw failure(what, answer, 'write');
    const parsed = submission.safeParse(answer.json);
    if (!parsed.success) throw malformed(what, answer, 'write', parsed.error.message);
    const { status, submissionId, issues = [], sku: answered } = parsed.data;
    if (answered !== sku) throw malformed(what, answer, 'write', `it is about SKU ${answered}`);
    switch (status) {
      case 'ACCEPTED':
        return {
          kind: 'accepted', signature, reference: submissionId,
          verifyAfterMs: scaled(settings.verifyAfterMs), verifyWithinMs: scaled(settings.verifyWithinMs),
        };
      case 'INVALID': {
        const errors = issues.filter(i => i.severity === 'ERROR');
        return {
          kind: 'refused', signature, class: 'validation', code: errors[0]?.code ?? 'INVALID',
          message: errors.map(i => i.message).join('; ') || `${sku}: refused without a reason`,
        };
      }
      // Only a preview, which Plumb never asks for, is VALID.
      case 'VALID': throw malformed(what, answer, 'write', 'status VALID');
    }
  }

  async function readTogether(listings: readonly Listing[], call: Call): Promise<Map<string, ReadOutcome>> {
    const skus = [...new Set(listings.map(l => l.sku))];
    const { page } = await searchPage(`searchListingsItems ${skus.join(', ')}`, { identifiersType: 'SKU', identifiers: skus }, call);
    const items = new Map(page.items.map(raw => [raw.sku, raw]));
    const partial = page.pagination?.nextToken !== undefined;
    return new Map(listings.map(listing => {
      const raw = items.get(listing.sku);
      if (raw) return [listing.sku, outcomeOf(listing, raw)];
      const outcome: ReadOutcome = partial
        ? { kind: 'failed', listing, code: 'PARTIAL', message: `${listing.sku} is not on the first page of the search` }
        : missing(listing, 'NOT_FOUND', `SKU ${listing.sku} not found in marketplace ${marketplaceId}`);
      return [listing.sku, outcome];
    }));
  }

  async function readOne(listing: Listing, call: Call): Promise<ReadOutcome> {
    const what = `getListingsItem ${listing.sku}`;
    const answer = await send({
      operation: 'getListingsItem',
      method: 'GET',
      path: itemPath(sellerId, listing.sku),
      query: { marketplaceIds: [marketplaceId], includedData },
    }, call);
    if (answer.status === 404) return missing(listing, 'NOT_FOUND', failure(what, answer, 'read').message);
    if (answer.status !== 200) throw failure(what, answer, 'read');
    return outcomeOf(listing, answer.json);
  }

  function outcomeOf(listing: Listing, raw: unknown): ReadOutcome {
    const parsed = itemSchema.safeParse(raw);
    if (!parsed.success) return { kind: 'failed', listing, code: 'MALFORMED', message: `${listing.sku}: ${parsed.error.message}` };
    return readOutcome(listing, parsed.data, marketplaceId);
  }

  async function searchPage(what: string, query: Record<string, string | string[] | undefined>, call: Call) {
    const answer = await send({
      operation: 'searchListingsItems',
      method: 'GET',
      path: itemPath(sellerId),
      query: { marketplaceIds: [marketplaceId], includedData, pageSize: searchMax, ...query },
    }, call);
    if (answer.status !== 200) throw failure(what, answer, 'read');
    const parsed = itemPage.safeParse(answer.json);
    if (!parsed.success) throw malformed(what, answer, 'read', parsed.error.message);
    return { answer, page: parsed.data };
  }
};

function missing(listing: Listing, code: string, message: string): ReadOutcome {
  return { kind: 'missing', listing, code, message };
}
