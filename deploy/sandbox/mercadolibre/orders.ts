/** The order search (mercadolibre.md 6.2). */
import type { FastifyInstance } from 'fastify';
import type { ShopOrder } from '../kit/shop.ts';
import { invalid, refuse } from './errors.ts';
import type { Market } from './market.ts';

/** How long the search lags behind a sale. Nothing is printed about it; a search that never lags would hide mistakes. */
const lagMs = 2_000;

type Query = Record<string, string | undefined>;

export function orderRoutes(app: FastifyInstance, market: Market): void {
  app.get<{ Querystring: Query }>('/orders/search', (request, reply) => {
    if (!market.isOwner(request, reply)) return reply;
    if (!market.pays('others', reply)) return reply;
    const { query } = request;
    if (query['seller'] !== market.userId) return refuse(reply, 403, 'access_denied', 'the caller is not the seller');
    const [limit, offset] = [Number(query['limit'] ?? 50), Number(query['offset'] ?? 0)];
    // mercadolibre.md 6.2: limit 50.
    if (!(limit >= 1 && limit <= 50) || !(offset >= 0)) return invalid(reply, 'paging', `limit must be 1 to 50 and offset 0 or more, got ${query['limit']} and ${query['offset']}`);
    const from = timeOf(query['order.date_last_updated.from'], 0);
    const to = timeOf(query['order.date_last_updated.to'], Infinity);
    if (Number.isNaN(from) || Number.isNaN(to)) return invalid(reply, 'order.date_last_updated', 'not a time with a zone');
    const found = market.shop.ordersChanged(from, Math.min(to, market.clock.now() - market.clock.real(lagMs)))
      .filter(order => query['order.status'] === undefined || query['order.status'] === statusOf(order))
      .sort((a, b) => Number(a.orderId) - Number(b.orderId));
    if (query['sort'] === 'date_desc') found.reverse();
    return { query: '', paging: { total: found.length, offset, limit }, results: found.slice(offset, offset + limit).map(order => orderOf(market, order)) };
  });
}

/** ISO 8601 with a zone; without one the instant would be anybody's guess. */
function timeOf(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : NaN;
}

/** mercadolibre.md 6.2. A buyer here pays at once, and an order is cancelled whole. */
const statusOf = ({ lines }: ShopOrder): 'cancelled' | 'paid' => (lines.every(line => line.cancelled === line.units) ? 'cancelled' : 'paid');

function orderOf({ catalogue, userId }: Market, order: ShopOrder): unknown {
  const { orderId, buyer, createdAt, updatedAt, lines } = order;
  const status = statusOf(order);
  const cancelled = status === 'cancelled';
  return {
    id: Number(orderId),
    status,
    status_detail: null,
    date_created: vendorTime(createdAt),
    // mercadolibre.md 6.1: the moment the units were taken.
    date_closed: vendorTime(createdAt),
    last_updated: vendorTime(updatedAt),
    order_items: lines.map(({ sku, units }) => {
      const { itemId, variationId, userProductId } = catalogue.registers.get(sku)!;
      return {
        item: {
          id: itemId,
          title: `Test item ${itemId}`,
          variation_id: variationId === undefined ? null : Number(variationId),
          seller_sku: sku,
          seller_custom_field: null,
          ...(userProductId !== undefined && { user_product_id: userProductId }),
        },
        quantity: units,
        unit_price: 100,
        currency_id: 'ARS',
      };
    }),
    pack_id: null,
    shipping: { id: 40_000_000_000 },
    payments: [{ id: 5_000_000_000, status: cancelled ? 'refunded' : 'approved' }],
    tags: [cancelled ? 'not_paid' : 'paid', 'not_delivered'],
    buyer: { id: 222_222_222, nickname: buyer },
    seller: { id: Number(userId) },
  };
}

/** mercadolibre.md 6: order times carry the vendor's zone, not UTC. */
const vendorTime = (at: number): string => new Date(at - 4 * 3_600_000).toISOString().replace('Z', '-04:00');
