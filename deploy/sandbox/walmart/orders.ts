/** Walmart's order list: date filters with their silent defaults, cursors that are query strings, empty as 404. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Shop, ShopOrder, ShopOrderLine } from '../kit/shop.ts';
import { refuse } from './answers.ts';
import type { Gate } from './gate.ts';

const dayMs = 86_400_000;
/** walmart.md 6.2: `createdStartDate` defaults to now - 7 days. */
const defaultCreatedDays = 7;
/** walmart.md 6.2: "orders of the last 180 days; at most 10 000 per query". */
const reachDays = 180;
const queryMax = 10_000;

const known = new Set(['createdStartDate', 'createdEndDate', 'lastModifiedStartDate', 'lastModifiedEndDate', 'status', 'sku', 'shipNodeType', 'limit']);

export function orderRoutes(app: FastifyInstance, shop: Shop, gate: Gate, shipNode: string): void {
  /** Cursors handed out, by their exact text, with the query they go on with. */
  const cursors = new Map<string, { query: Query; offset: number }>();
  let empties = 0;

  const give = (query: Query, offset: number): string => {
    const cursor = `?limit=${query.limit}&hasMoreElements=true&soIndex=${shop.orders.size}&poIndex=${offset}&partnerId=10001115801&createdStartDate=${query.createdFrom}&walk=${cursors.size}`;
    cursors.set(cursor, { query, offset });
    if (cursors.size > 1000) cursors.delete(cursors.keys().next().value!);
    return cursor;
  };

  app.get('/v3/orders', (request, reply) => {
    if (!gate.admit('getAllOrders', request, reply)) return reply;
    const search = request.url.includes('?') ? request.url.slice(request.url.indexOf('?')) : '';
    const goesOn = search.includes('hasMoreElements=');
    const place = goesOn ? cursors.get(search) : firstPage(request, shop);
    // walmart.md 6.2: the cursor is "a whole query string: append it to the path as is, no other parameters".
    if (!place) return badParam(reply, 'nextCursor', 'cursor is not valid');
    if ('field' in place) return badParam(reply, place.field, `${place.field} is not valid`);
    const found = matching(shop, place.query);
    if (found.length > queryMax) return badParam(reply, 'createdStartDate', `more than ${queryMax} orders match`);
    const page = found.slice(place.offset, place.offset + place.query.limit);
    if (page.length === 0 && !goesOn) return empty(reply, empties++, place.query.limit);
    const end = place.offset + page.length;
    const meta = { totalCount: found.length, limit: page.length, ...(end < found.length && { nextCursor: give(place.query, end) }) };
    return reply.send({ list: { meta, elements: { order: page.map(order => present(order, shipNode)) } } });
  });
}

interface Query { createdFrom: number; createdTo: number; modifiedFrom: number; modifiedTo: number; limit: number; sellerFulfilled: boolean }

function firstPage(request: FastifyRequest, shop: Shop): { query: Query; offset: number } | { field: string } {
  const query = request.query as Record<string, string | string[]>;
  const stranger = Object.keys(query).find(name => !known.has(name) || Array.isArray(query[name]));
  if (stranger !== undefined) return { field: stranger };
  const { clock } = shop;
  const now = clock.now();
  const text = (name: string): string | undefined => query[name] as string | undefined;
  const dates = {
    createdFrom: instant(text('createdStartDate')) ?? now - clock.real(defaultCreatedDays * dayMs),
    createdTo: instant(text('createdEndDate')) ?? Infinity,
    modifiedFrom: instant(text('lastModifiedStartDate')) ?? -Infinity,
    modifiedTo: instant(text('lastModifiedEndDate')) ?? Infinity,
  };
  const bad = Object.entries(dates).find(([, value]) => Number.isNaN(value));
  if (bad) return { field: bad[0] };
  const limit = Number(text('limit') ?? 100);
  if (!Number.isInteger(limit) || limit < 1 || limit > 200) return { field: 'limit' };
  const nodeType = text('shipNodeType') ?? 'SellerFulfilled';
  if (!['SellerFulfilled', 'WFSFulfilled', '3PLFulfilled'].includes(nodeType)) return { field: 'shipNodeType' };
  const createdFrom = Math.max(dates.createdFrom, now - clock.real(reachDays * dayMs));
  return { query: { ...dates, createdFrom, limit, sellerFulfilled: nodeType === 'SellerFulfilled' }, offset: 0 };
}

/** `yyyy-MM-dd` or `yyyy-MM-dd'T'HH:mm:ssZ`, as the specification gives them; NaN for anything else. */
function instant(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  return /^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\dZ)?$/.test(value) ? Date.parse(value) : NaN;
}

/** Oldest first by creation. A live list: an order that changes while it is paged leaves a bounded span. */
function matching(shop: Shop, query: Query): ShopOrder[] {
  if (!query.sellerFulfilled) return [];
  return shop.ordersChanged(query.modifiedFrom, query.modifiedTo)
    .filter(order => order.createdAt >= query.createdFrom && order.createdAt <= query.createdTo)
    .sort((a, b) => a.createdAt - b.createdAt || a.orderId.localeCompare(b.orderId));
}

/** walmart.md 6.2: empty is "404, or 200 with an empty list"; here in turns. */
function empty(reply: FastifyReply, turn: number, limit: number): FastifyReply {
  return turn % 2 === 0
    ? refuse(reply, 'xml-heritage', { status: 404, code: 'CONTENT_NOT_FOUND.GMP_ORDER_API', description: 'No orders found', category: 'DATA' })
    : reply.send({ list: { meta: { totalCount: 0, limit }, elements: { order: [] } } });
}

function badParam(reply: FastifyReply, field: string, description: string): FastifyReply {
  return refuse(reply, 'documented', { status: 400, code: 'INVALID_REQUEST_PARAM.GMP_ORDER_API', description, field });
}

function present({ orderId, createdAt, updatedAt, buyer, lines }: ShopOrder, shipNode: string): unknown {
  return {
    purchaseOrderId: orderId,
    customerOrderId: `2${orderId}`,
    customerEmailId: `${encodeURIComponent(buyer)}@relay.walmart.example`,
    orderDate: createdAt,
    shippingInfo: {
      phone: '5550100',
      estimatedDeliveryDate: createdAt + 5 * dayMs,
      estimatedShipDate: createdAt + 2 * dayMs,
      methodCode: 'Standard',
      postalAddress: { name: buyer, address1: '1 Main Street', city: 'Springfield', state: 'IL', postalCode: '62701', country: 'USA', addressType: 'RESIDENTIAL' },
    },
    orderLines: { orderLine: lines.map(line => presentLine(line, updatedAt)) },
    shipNode: { type: 'SellerFulfilled', name: 'Main warehouse', id: shipNode },
  };
}

/** walmart.md 6.2: amounts are strings; the shop writes one line per unit, so each says "1". */
function presentLine({ line, sku, units, cancelled, shipped }: ShopOrderLine, statusDate: number): unknown {
  const each = (amount: number): unknown => ({ unitOfMeasurement: 'EACH', amount: String(amount) });
  const parts = [['Cancelled', cancelled], ['Shipped', shipped], ['Created', units - cancelled - shipped]] as const;
  return {
    lineNumber: line,
    item: { productName: sku, sku },
    charges: { charge: [{ chargeType: 'PRODUCT', chargeName: 'ItemPrice', chargeAmount: { currency: 'USD', amount: 10 } }] },
    orderLineQuantity: each(units),
    statusDate,
    orderLineStatuses: {
      orderLineStatus: parts.filter(([, amount]) => amount > 0).map(([status, amount]) => ({
        status,
        statusQuantity: each(amount),
        ...(status === 'Cancelled' && { cancellationReason: 'CUSTOMER_REQUESTED_SELLER_TO_CANCEL' }),
      })),
    },
  };
}
