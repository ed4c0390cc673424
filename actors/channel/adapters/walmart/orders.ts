/**
 * Order lines from `GET /v3/orders`, as a walk over spans of change time: each span is paged to its end before the
 * next begins, and a span that came up short is read again. Pure: the adapter makes the calls.
 */
import { z } from 'zod';
import type { OrderLine, OrderPage } from '../../adapter.ts';
import type { WalmartSettings } from './settings.ts';

const dayMs = 86_400_000;
/** Orders older than 180 days cannot be had at all. */
const reachMs = 179 * dayMs;
const retriesMax = 3;

const amount = z.union([z.string().regex(/^\d+(\.0+)?$/), z.number().int().min(0)]).transform(Number);
const orderList = z.object({
  list: z.object({
    meta: z.object({ totalCount: z.number().int().min(0).nullish(), nextCursor: z.string().nullish() }),
    elements: z.object({ order: z.array(z.unknown()).nullish() }).nullish(),
  }),
});
const order = z.object({
  purchaseOrderId: z.string().min(1),
  orderDate: z.number().int().positive(),
  orderLines: z.object({
    orderLine: z.array(z.object({
      lineNumber: z.string().min(1),
      item: z.object({ sku: z.string().min(1) }),
      orderLineQuantity: z.object({ amount }),
      orderLineStatuses: z.object({
        orderLineStatus: z.array(z.object({
          status: z.enum(['Created', 'Acknowledged', 'Shipped', 'Delivered', 'Cancelled', 'Refund']),
          statusQuantity: z.object({ amount }),
        })),
      }),
    })),
  }),
});

const walkSchema = z.strictObject({
  /** Changes from here on are wanted. */
  from: z.number(),
  through: z.number(),
  /** How often this span has come up short. */
  tries: z.number(),
  /** The span in hand: up to where, whether that is now, the next page, and how many orders came of how many. */
  span: z.strictObject({ until: z.number(), last: z.boolean(), next: z.string(), seen: z.number(), total: z.number().optional() }).optional(),
});
/** Where a poll stands; its JSON in base64url is the port's cursor. */
export type Walk = z.infer<typeof walkSchema>;

/** @throws {TypeError} on a cursor that is not ours */
export function openWalk(cursor: string | undefined, now: number, settings: WalmartSettings): Walk {
  if (cursor === undefined) return { from: now - settings.orderLookbackDays * dayMs, through: 0, tries: 0 };
  try {
    return walkSchema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()));
  } catch (cause) {
    throw new TypeError(`order cursor ${cursor} is not one of ours`, { cause });
  }
}

/**
 * The path of the walk's next page. A next cursor is a whole query string and goes as it is. A first page names
 * `createdStartDate` too: left out, it silently means the last seven days.
 */
export function orderPath(walk: Walk, now: number, settings: WalmartSettings): string {
  if (walk.span) return `/v3/orders${walk.span.next}`;
  const query = {
    createdStartDate: isoSeconds(Math.floor((now - reachMs) / 1000)),
    lastModifiedStartDate: isoSeconds(Math.floor(walk.from / 1000)),
    lastModifiedEndDate: isoSeconds(Math.ceil(spanEnd(walk, now, settings).until / 1000)),
    shipNodeType: 'SellerFulfilled',
    limit: '200',
  };
  return `/v3/orders?${new URLSearchParams(query)}`;
}

/**
 * One answer as a page of the port, with the walk moved on.
 *
 * @param json the body, or undefined where Walmart says with 404 that there are none
 * @param askedAt when the call was made, by our clock and by Walmart's where it tells; the earlier one counts
 * @throws {TypeError} naming what is odd: an order skipped is a unit sold twice
 */
export function orderPage(walk: Walk, json: unknown, askedAt: number, settings: WalmartSettings, timeScale: number): OrderPage {
  const { orders, next, total: counted } = json === undefined ? { orders: [], next: undefined, total: undefined } : parseList(json);
  const lines = orders.flatMap(linesOf);
  const { until, last } = walk.span ?? spanEnd(walk, askedAt, settings);
  const seen = (walk.span?.seen ?? 0) + orders.length;
  const total = walk.span ? walk.span.total : counted;
  if (next !== undefined) {
    const span = { until, last, next, seen, ...(total !== undefined && { total }) };
    return pageOf(lines, { from: walk.from, through: walk.through, tries: walk.tries, span }, true);
  }
  // An order that changed while we paged has left the span, and may have drawn another over a page's edge.
  if (settings.checkOrderTotals && total !== undefined && seen < total && walk.tries < retriesMax) return pageOf(lines, again(walk), true);
  const through = Math.max(walk.through, until - settings.orderLagMs / timeScale);
  return pageOf(lines, { from: until - settings.orderOverlapMs / timeScale, through, tries: 0 }, !last);
}

/** The page to give where Walmart does not take the span's cursor any more; undefined when it was tried enough. */
export function staleCursor(walk: Walk): OrderPage | undefined {
  return walk.span && walk.tries < retriesMax ? pageOf([], again(walk), true) : undefined;
}

const again = ({ from, through, tries }: Walk): Walk => ({ from, through, tries: tries + 1 });

function pageOf(lines: OrderLine[], walk: Walk, more: boolean): OrderPage {
  return { lines, cursor: Buffer.from(JSON.stringify(walk)).toString('base64url'), more, completeThrough: walk.through };
}

function spanEnd({ from }: Walk, now: number, { orderWindowDays }: WalmartSettings): { until: number; last: boolean } {
  const end = from + orderWindowDays * dayMs;
  return end < now ? { until: end, last: false } : { until: now, last: true };
}

function parseList(json: unknown): { orders: z.infer<typeof order>[]; next: string | undefined; total: number | undefined } {
  const { data, error } = orderList.safeParse(json);
  if (!data) throw new TypeError(z.prettifyError(error));
  const { meta, elements } = data.list;
  if (!elements?.order && meta.totalCount !== 0) throw new TypeError('list without orders that does not say totalCount 0');
  const orders = (elements?.order ?? []).map(raw => {
    const parsed = order.safeParse(raw);
    if (parsed.success) return parsed.data;
    const id = (raw as { purchaseOrderId?: unknown } | null)?.purchaseOrderId;
    throw new TypeError(`order ${JSON.stringify(id)}: ${z.prettifyError(parsed.error)}`);
  });
  const next = meta.nextCursor || undefined;
  if (next !== undefined && !next.startsWith('?')) throw new TypeError(`nextCursor ${next} is no query string`);
  return { orders, next, total: meta.totalCount ?? undefined };
}

/**
 * An order of three units is, as the specification has it, three lines of amount "1"; amounts are summed, never
 * taken for granted. What was delivered or refunded has been shipped: its reservation is over.
 */
function linesOf({ purchaseOrderId: orderId, orderDate: createdAt, orderLines }: z.infer<typeof order>): OrderLine[] {
  const lines = new Map<string, OrderLine>();
  for (const { lineNumber, item: { sku }, orderLineQuantity, orderLineStatuses: { orderLineStatus } } of orderLines.orderLine) {
    const inStatus = (...wanted: string[]): number => orderLineStatus
      .filter(s => wanted.includes(s.status))
      .reduce((sum, s) => sum + s.statusQuantity.amount, 0);
    const id = `${orderId}/${lineNumber}`;
    const so = lines.get(id) ?? { id, orderId, sku, units: 0, cancelled: 0, shipped: 0, createdAt };
    const cancelled = Math.min(inStatus('Cancelled'), orderLineQuantity.amount);
    const shipped = Math.min(inStatus('Shipped', 'Delivered', 'Refund'), orderLineQuantity.amount - cancelled);
    lines.set(id, { ...so, units: so.units + orderLineQuantity.amount, cancelled: so.cancelled + cancelled, shipped: so.shipped + shipped });
  }
  return [...lines.values()];
}

/** `2026-03-16T10:30:15Z`, the form of the specification: whole seconds, no fraction. */
const isoSeconds = (seconds: number): string => new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
