/** Orders API 2026-01-01, searchOrders. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { SandboxClock } from '../kit/clock.ts';
import type { Shop, ShopOrder, ShopOrderLine } from '../kit/shop.ts';
import { badRequest } from './answers.ts';
import type { LimitName } from './answers.ts';
import { instant, list, opened, sameness, sealed, text, whole } from './query.ts';
import type { Query } from './query.ts';

export interface OrdersSide {
  shop: Shop;
  clock: SandboxClock;
  marketplaceId: string;
  admit(operation: LimitName, request: FastifyRequest, reply: FastifyReply): void;
}

const dataSets = ['BUYER', 'RECIPIENT', 'PROCEEDS', 'EXPENSE', 'PROMOTION', 'CANCELLATION', 'FULFILLMENT', 'PACKAGES', 'TAX', 'PAYMENT', 'FULFILLMENT_ORDERS'];
const statuses = ['PENDING_AVAILABILITY', 'PENDING', 'UNSHIPPED', 'PARTIALLY_SHIPPED', 'SHIPPED', 'CANCELLED', 'UNFULFILLABLE'];
/** amazon.md 6.3: `...Before` must be two minutes or more in the past. */
const lagMs = 120_000;
/** amazon.md 6.1: most orders are held as Pending for about 30 minutes. */
const pendingMs = 30 * 60_000;
/** amazon.md 6.3: a token dies after 24 hours. */
const tokenMs = 24 * 3_600_000;

/** Where a page ended: everything up to this (time, order id) was given. */
interface Place { at: number; orderId: string; until: number; key: string; issuedAt: number }

export function orderRoutes(app: FastifyInstance, side: OrdersSide): void {
  const { shop, clock, marketplaceId } = side;
  app.get('/orders/2026-01-01/orders', (request, reply) => {
    side.admit('searchOrders', request, reply);
    const query = request.query as Query;
    const window = windowOf(query, clock);
    const included = list(query, 'includedData', dataSets) ?? [];
    const wanted = list(query, 'fulfillmentStatuses', statuses);
    const by = list(query, 'fulfilledBy', ['MERCHANT', 'AMAZON']);
    const stores = list(query, 'marketplaceIds');
    if (stores && stores.length > 50) throw badRequest('At most 50 marketplaceIds.');
    const size = whole(query, 'maxResultsPerPage', 100, 100);
    // amazon.md 6.3: all other parameters must stay the same from page to page.
    const key = sameness(query, ['paginationToken', 'maxResultsPerPage', 'includedData']);
    const place = placeOf(query, key, clock);
    const until = place?.until ?? window.until;
    const time = (o: ShopOrder): number => (window.by === 'created' ? o.createdAt : o.updatedAt);

    const mine = (!by || by.includes('MERCHANT')) && (!stores || stores.includes(marketplaceId));
    const found = (mine ? [...shop.orders.values()] : [])
      .filter(o => time(o) >= window.from && time(o) <= until && (!place || after(o, time(o), place)))
      .filter(o => !wanted || wanted.includes(statusOf(o, clock)))
      .sort((a, b) => time(a) - time(b) || (a.orderId < b.orderId ? -1 : 1));
    const page = found.slice(0, size);
    const last = page.at(-1);
    const next: Place | undefined = last && found.length > size
      ? { at: time(last), orderId: last.orderId, until, key, issuedAt: place?.issuedAt ?? clock.now() }
      : undefined;
    return {
      orders: page.map(o => describe(o, included, side)),
      // orders_2026-01-01 model: absent when there is no other page.
      ...(next && { pagination: { nextToken: sealed(next) } }),
      [window.by === 'created' ? 'createdBefore' : 'lastUpdatedBefore']: new Date(until).toISOString(),
    };
  });
}

/** amazon.md 6.3: exactly one of createdAfter and lastUpdatedAfter, and only its own Before. */
function windowOf(query: Query, clock: SandboxClock): { by: 'created' | 'updated'; from: number; until: number } {
  const [createdAfter, createdBefore] = [instant(query, 'createdAfter'), instant(query, 'createdBefore')];
  const [updatedAfter, updatedBefore] = [instant(query, 'lastUpdatedAfter'), instant(query, 'lastUpdatedBefore')];
  const from = createdAfter ?? updatedAfter;
  if (from === undefined || (createdAfter !== undefined && updatedAfter !== undefined)) {
    throw badRequest('Exactly one of createdAfter and lastUpdatedAfter must be provided.');
  }
  const by = createdAfter === undefined ? 'updated' : 'created';
  if ((by === 'created' ? updatedBefore : createdBefore) !== undefined) throw badRequest('createdBefore and lastUpdatedBefore go with their own After.');
  const visible = Math.floor(clock.now() - clock.real(lagMs));
  const before = createdBefore ?? updatedBefore;
  if (before !== undefined && before > visible) throw badRequest(`${by === 'created' ? 'createdBefore' : 'lastUpdatedBefore'} must be at least two minutes before the time of the request.`);
  if (before !== undefined && before < from) throw badRequest('Before must not be earlier than After.');
  return { by, from, until: before ?? visible };
}

function placeOf(query: Query, key: string, clock: SandboxClock): Place | undefined {
  const token = text(query, 'paginationToken');
  if (token === undefined) return undefined;
  const place = opened<Place>(token, 'paginationToken');
  if (place.key !== key) throw badRequest('paginationToken belongs to a request with other parameters.');
  if (clock.now() - place.issuedAt > clock.real(tokenMs)) throw badRequest('paginationToken has expired.');
  return place;
}

function after(order: ShopOrder, at: number, place: Place): boolean {
  return at > place.at || (at === place.at && order.orderId > place.orderId);
}

const open = (line: ShopOrderLine): number => line.units - line.cancelled - line.shipped;

function statusOf({ lines, createdAt }: ShopOrder, clock: SandboxClock): string {
  if (lines.every(l => l.cancelled === l.units)) return 'CANCELLED';
  if (lines.every(l => open(l) === 0)) return 'SHIPPED';
  if (lines.some(l => l.shipped > 0)) return 'PARTIALLY_SHIPPED';
  return clock.now() - createdAt < clock.real(pendingMs) ? 'PENDING' : 'UNSHIPPED';
}

function describe(order: ShopOrder, included: string[], { clock, shop, marketplaceId }: OrdersSide): Record<string, unknown> {
  const status = statusOf(order, clock);
  return {
    orderId: order.orderId,
    createdTime: new Date(order.createdAt).toISOString(),
    lastUpdatedTime: new Date(order.updatedAt).toISOString(),
    salesChannel: { channelName: 'AMAZON', marketplaceId, marketplaceName: 'Amazon.com' },
    ...(included.includes('BUYER') && { buyer: { buyerName: order.buyer } }),
    // amazon.md 6.3: optional, present only when asked.
    ...(included.includes('FULFILLMENT') && { fulfillment: { fulfillmentStatus: status, fulfilledBy: 'MERCHANT', fulfillmentServiceLevel: 'STANDARD' } }),
    orderItems: order.lines.map(line => ({
      orderItemId: line.line,
      quantityOrdered: line.units,
      product: { asin: shop.listings.get(line.sku)?.fields['asin'], title: `Item ${line.sku}`, sellerSku: line.sku },
      // Optional in the model: a Pending order shows no counts, so that nobody reads their absence as a cancellation.
      ...(included.includes('FULFILLMENT') && (status !== 'PENDING' || line.cancelled > 0) && {
        fulfillment: { quantityFulfilled: line.shipped, quantityUnfulfilled: open(line) },
      }),
      ...(included.includes('CANCELLATION') && line.cancelled > 0 && {
        cancellation: { cancellationExecution: { cancelledBy: 'BUYER', cancelReason: 'BUYER_CANCELLED' } },
      }),
    })),
  };
}
