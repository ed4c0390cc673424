/** Order polling through the Fulfillment API: by date of change, oldest creation first, `offset` counting orders. */
import { z } from 'zod';
import type { OrderLine, OrderPage } from '../../adapter.ts';
import { TerminalError } from '../../../errors.ts';
import type { EbayOrder } from './schemas.ts';

export const ordersPage = 200;

/** Where a poll stands. Times are epoch ms. */
const cursorSchema = z.strictObject({
  /** Everything changed up to here was in the polls that ended. */
  through: z.number(),
  /** The poll under way: when it began, where its window begins, orders seen. */
  poll: z.strictObject({ beganAt: z.number(), from: z.number(), offset: z.number().int() }).optional(),
});
type Cursor = z.infer<typeof cursorSchema>;

export interface OrderWindows {
  now: number;
  backMs: number;
  overlapMs: number;
  lagMs: number;
}

export interface OrderAsk {
  path: string;
  cursor: Cursor & { poll: NonNullable<Cursor['poll']> };
}

/**
 * The next call. A poll's window has no end: an order that changes during it stays in the set and is at worst
 * seen twice; with an end it would leave the set and pull an unseen order over the page's edge.
 */
export function orderAsk(text: string | undefined, { now, backMs, overlapMs }: OrderWindows): OrderAsk {
  const cursor = text === undefined ? { through: now - backMs } : readCursor(text);
  const poll = cursor.poll ?? { beganAt: now, from: cursor.through - (text === undefined ? 0 : overlapMs), offset: 0 };
  const filter = encodeURIComponent(`lastmodifieddate:[${new Date(poll.from).toISOString()}..]`);
  return {
    path: `/sell/fulfillment/v1/order?filter=${filter}&limit=${ordersPage}&offset=${poll.offset}`,
    cursor: { ...cursor, poll },
  };
}

export function orderPage({ cursor }: OrderAsk, orders: readonly EbayOrder[], next: boolean, { lagMs }: OrderWindows): OrderPage {
  const { through, poll } = cursor;
  const more = next && orders.length > 0;
  // Two polls closer together than the lag must not move the mark back.
  const complete = more ? through : Math.max(through, poll.beganAt - lagMs);
  const after: Cursor = more ? { through, poll: { ...poll, offset: poll.offset + orders.length } } : { through: complete };
  return { lines: orders.flatMap(linesOf), cursor: JSON.stringify(after), more, completeThrough: complete };
}

/** eBay cancels an order, not a line: its state holds for every line. */
function linesOf(order: EbayOrder): OrderLine[] {
  const cancelled = /^CANCELL?ED$/.test(order.cancelStatus?.cancelState ?? '');
  return order.lineItems.map(line => ({
    id: `${order.orderId}/${line.lineItemId}`,
    orderId: order.orderId,
    // Listings made outside the Inventory API may have no SKU; their listing id is what they sold under.
    sku: line.sku ?? line.legacyItemId,
    units: line.quantity,
    cancelled: cancelled ? line.quantity : 0,
    // How many of a line in progress have left is not told; none is the safe answer.
    shipped: !cancelled && line.lineItemFulfillmentStatus === 'FULFILLED' ? line.quantity : 0,
    createdAt: Date.parse(order.creationDate),
  }));
}

function readCursor(text: string): Cursor {
  try {
    return cursorSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new TerminalError(`eBay orders: not a cursor of ours: ${JSON.stringify(text.slice(0, 100))}`, { code: 'cursor', cause });
  }
}
