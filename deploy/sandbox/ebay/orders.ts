/** The Sell Fulfillment API's order list. */
import type { FastifyInstance } from 'fastify';
import type { ShopOrder } from '../kit/shop.ts';
import { error } from './answers.ts';
import type { EbayShop } from './shop.ts';

const twoYearsMs = 2 * 365 * 86_400_000;
const ninetyDaysMs = 90 * 86_400_000;

/** @param payMs vendor ms from commitment to payment; an unpaid order is not in the list (ebay.md 6.1) */
export function orderRoutes(app: FastifyInstance, shop: EbayShop, payMs: number): void {
  const paidAt = (order: ShopOrder): number => order.createdAt + shop.clock.real(payMs);
  const changedAt = (order: ShopOrder): number => Math.max(order.updatedAt, paidAt(order));

  app.get<{ Querystring: { filter?: string; limit?: string; offset?: string; orderIds?: string } }>('/order', (request, reply) => {
    const refuse = (errorId: number, name: string, value: unknown): unknown => reply.code(400).send({ errors: [error(errorId, name, value)] });
    const { filter, orderIds } = request.query;
    const now = shop.clock.now();
    const paid = [...shop.orders.values()].filter(order => paidAt(order) <= now);
    // ebay.md 6.2: up to 50 ids, all else ignored.
    if (orderIds !== undefined) {
      const ids = new Set(orderIds.split(','));
      if (ids.size > 50) return refuse(30900, 'orderIds', ids.size);
      const found = paid.filter(o => ids.has(o.orderId));
      return { href: request.url, total: found.length, limit: 50, offset: 0, orders: found.map(toOrder) };
    }
    const limit = Number(request.query.limit ?? 50);
    const offset = Number(request.query.offset ?? 0);
    if (!Number.isInteger(limit) || limit < 1 || limit > 200) return refuse(31100, 'limit', request.query.limit);
    if (!Number.isInteger(offset) || offset < 0) return refuse(31000, 'offset', request.query.offset);
    // ebay.md 6.2: brackets and bars must be encoded.
    if (/[[\]{}|]/.test(request.raw.url ?? '')) return refuse(30800, 'filter', filter);
    const window = readFilter(filter, now);
    if ('errorId' in window) return refuse(window.errorId, 'filter', filter);
    const found = paid
      .filter(order => { const at = window.by === 'creationdate' ? order.createdAt : changedAt(order); return at >= window.from && at <= window.to; })
      // ebay.md 6.2 "Order": oldest creation first.
      .sort((a, b) => a.createdAt - b.createdAt || (a.orderId < b.orderId ? -1 : 1));
    const at = (n: number): string => `/sell/fulfillment/v1/order?${filter === undefined ? '' : `filter=${encodeURIComponent(filter)}&`}limit=${limit}&offset=${n}`;
    // ebay.md 0 line 6: `offset` counts records here.
    return {
      href: at(offset), total: found.length, limit, offset,
      ...(offset + limit < found.length && { next: at(offset + limit) }),
      ...(offset > 0 && { prev: at(Math.max(0, offset - limit)) }),
      orders: found.slice(offset, offset + limit).map(toOrder),
    };
  });

  function toOrder(order: ShopOrder): unknown {
    const cancelled = order.lines.every(l => l.cancelled === l.units);
    const status = statusOf(order.lines.map(l => l.shipped > 0));
    return {
      orderId: order.orderId,
      creationDate: new Date(order.createdAt).toISOString(),
      lastModifiedDate: new Date(changedAt(order)).toISOString(),
      orderFulfillmentStatus: status,
      orderPaymentStatus: cancelled ? 'FULLY_REFUNDED' : 'PAID',
      sellerId: 'sandbox-seller',
      buyer: { username: order.buyer },
      // ebay.md 6.2: `cancelRequests` is always empty in the list.
      cancelStatus: { cancelState: cancelled ? 'CANCELED' : 'NONE_REQUESTED', cancelRequests: [] },
      lineItems: order.lines.map(line => ({
        lineItemId: line.line,
        legacyItemId: shop.listings.get(line.sku)!.fields['listingId']!,
        sku: line.sku,
        title: `Item ${line.sku}`,
        quantity: line.units,
        soldFormat: 'FIXED_PRICE',
        listingMarketplaceId: 'EBAY_US',
        purchaseMarketplaceId: 'EBAY_US',
        lineItemFulfillmentStatus: line.shipped > 0 ? 'FULFILLED' : 'NOT_STARTED',
        lineItemCost: { value: '10.00', currency: 'USD' },
      })),
    };
  }
}

function statusOf(shipped: boolean[]): string {
  return shipped.every(Boolean) ? 'FULFILLED' : shipped.some(Boolean) ? 'IN_PROGRESS' : 'NOT_STARTED';
}

type Window = { by: 'creationdate' | 'lastmodifieddate'; from: number; to: number };

/** `lastmodifieddate:[from..to]`, `to` optional; of two dates only `creationdate` is used (ebay.md 6.2). */
function readFilter(filter: string | undefined, now: number): Window | { errorId: number } {
  // ebay.md 6.2 "Default": the last 90 days.
  if (filter === undefined) return { by: 'creationdate', from: now - ninetyDaysMs, to: Infinity };
  const windows: Window[] = [];
  for (const [, name, value] of filter.matchAll(/([^:,]+):([[{][^\]}]*[\]}])/g)) {
    if (name === 'orderfulfillmentstatus') continue;
    if (name !== 'creationdate' && name !== 'lastmodifieddate') return { errorId: 30700 };
    const dates = /^\[(.*?)(?:\.\.(.*))?\]$/.exec(value!);
    if (!dates?.[1]) return { errorId: 30820 };
    const [from, to] = [dates[1], dates[2] || undefined].map(text => (text === undefined ? Infinity : instant(text))) as [number, number];
    if (Number.isNaN(from) || Number.isNaN(to)) return { errorId: 30810 };
    if (from > now || (to !== Infinity && to > now)) return { errorId: 30850 };
    if (from > to) return { errorId: 30840 };
    if (now - from > twoYearsMs) return { errorId: 30830 };
    windows.push({ by: name, from, to });
  }
  return windows.find(w => w.by === 'creationdate') ?? windows[0] ?? { errorId: 30800 };
}

function instant(text: string): number {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z$/.test(text) ? Date.parse(text) : NaN;
}
