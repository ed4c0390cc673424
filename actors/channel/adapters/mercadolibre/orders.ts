/**
 * Orders by time of last change, in windows with a fixed end, so that offsets hold still. The end is now; what the
 * vendor's search shows late is covered by `orderLagMs`, and by the overlap with the next window.
 */
import { z } from 'zod';
import type { Call, OrderLine, OrderPage } from '../../adapter.ts';
import { TerminalError } from '../../../errors.ts';
import type { Ask } from '../http.ts';
import { mustSucceed, shaped } from './errors.ts';
import type { Writer } from './write.ts';
import { ordersSchema } from './schemas.ts';
import type { Order } from './schemas.ts';
import { listingId, skuOf } from './ways.ts';

/** Orders in one page: the most that the vendor gives. */
const pageMax = 50;

/** A window narrower than this is paged through, however much it holds. */
const narrowestMs = 1_000;

const cursorSchema = z.object({
  /** Epoch ms, both inclusive. `to` is absent between two polls. */
  from: z.number(),
  to: z.number().optional(),
  /** The end of the poll, where the window was cut. */
  end: z.number().optional(),
  offset: z.number().optional(),
  /** What the window held when it was begun. */
  total: z.number().optional(),
});
type Cursor = z.infer<typeof cursorSchema>;

export async function orders(reader: Writer, cursor: string | undefined, call: Call): Promise<OrderPage> {
  const { settings, timeScale } = reader;
  const now = reader.now();
  const { from, to = now, end = to, offset = 0, total } = cursor === undefined ? { from: now - settings.orderLookbackMs } : parse(cursor);
  const window = { from, to, end };
  const page = await search(reader, window, offset, call);
  const lines = page.results.flatMap(linesOf);
  const goOn = (next: Cursor, completeThrough = from): OrderPage => ({ lines, cursor: JSON.stringify(next), more: true, completeThrough });

  if (offset === 0 && page.paging.total > settings.orderWindowMax && to - from > narrowestMs) {
    return goOn({ from, to: from + Math.floor((to - from) / 2), end });
  }
  // An order that changed since has left the window and moved the rest up by one: begin the window again.
  if (offset > 0 && page.paging.total !== total) return goOn(window);
  const seen = offset + page.results.length;
  if (seen < page.paging.total) {
    if (page.results.length === 0) return goOn(window);
    return goOn({ ...window, offset: seen, total: page.paging.total });
  }
  if (to < end) return goOn({ from: to, to: end, end });
  return {
    lines,
    cursor: JSON.stringify({ from: Math.floor(to - settings.orderOverlapMs / timeScale) }),
    more: false,
    completeThrough: to - settings.orderLagMs / timeScale,
  };
}

function parse(cursor: string): Cursor {
  try {
    return cursorSchema.parse(JSON.parse(cursor));
  } catch (cause) {
    throw new TerminalError(`orders: not a cursor of this adapter: ${cursor.slice(0, 100)}`, { code: 'cursor', cause });
  }
}

async function search({ api, settings }: Writer, { from, to }: { from: number; to: number }, offset: number, call: Call): Promise<z.infer<typeof ordersSchema>> {
  const time = (at: number): string => encodeURIComponent(new Date(at).toISOString());
  const ask: Ask = {
    method: 'GET',
    path: `/orders/search?seller=${settings.sellerId}&order.date_last_updated.from=${time(from)}&order.date_last_updated.to=${time(to)}&sort=date_desc&offset=${offset}&limit=${pageMax}`,
  };
  const answer = await api.ask(ask, call);
  mustSucceed(answer, ask);
  return shaped(ordersSchema, answer, ask);
}

/** Statuses before the units are taken; `date_closed` would tell better, where it is set. */
const open = new Set(['payment_required', 'payment_in_process', 'partially_paid']);
const ended = new Set(['cancelled', 'invalid']);

/**
 * An order's lines. Units are taken when an order becomes confirmed or paid and go back when it is cancelled; a status
 * that nobody has documented counts as sold, which hides units rather than selling them twice.
 */
export function linesOf({ id, status, date_created, date_closed, order_items }: Order): OrderLine[] {
  if (open.has(status) && !date_closed) return [];
  const times = new Map<string, number>();
  return order_items.map(({ quantity, item }) => {
    const name = listingId(item.id, item.variation_id);
    const nth = (times.get(name) ?? 0) + 1;
    times.set(name, nth);
    return {
      id: `${id}/${name}${nth > 1 ? `#${nth}` : ''}`,
      orderId: id,
      sku: skuOf({ attributes: [{ id: 'SELLER_SKU', value_name: item.seller_sku }], seller_custom_field: item.seller_custom_field })
        ?? (item.variation_id ? name : (item.user_product_id ?? name)),
      units: quantity,
      cancelled: ended.has(status) ? quantity : 0,
      // The quantity is net of sales, so shipping moves nothing; orders do not tell it by line either.
      shipped: 0,
      createdAt: date_created,
    };
  });
}
