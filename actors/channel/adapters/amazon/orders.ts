/** Orders API 2026-01-01: sales and cancellations since a cursor. The v0 operations end on 2027-03-27. */
import { z } from 'zod';
import type { OrderLine } from '../../adapter.ts';
import type { Order } from './schemas.ts';

const cursorSchema = z.strictObject({
  /** `lastUpdatedAfter` of this poll, epoch ms. */
  after: z.number().int(),
  /** Every change up to here was in earlier polls, epoch ms. */
  through: z.number().int(),
  /** Next page of this poll. */
  token: z.string().optional(),
  /** The smallest `lastUpdatedBefore` of this poll's pages, epoch ms. */
  before: z.number().int().optional(),
  /** True after a token was refused and the poll began again; a second refusal is no longer about age. */
  again: z.literal(true).optional(),
});
export type OrderCursor = z.infer<typeof cursorSchema>;

/** @throws {TypeError} for a cursor that this adapter did not make */
export function orderCursor(cursor: string | undefined, firstAfter: number): OrderCursor {
  if (cursor === undefined) return { after: firstAfter, through: firstAfter };
  try {
    return cursorSchema.parse(JSON.parse(cursor));
  } catch (cause) {
    throw new TypeError(`order cursor ${JSON.stringify(cursor)} is not one of Amazon's adapter`, { cause });
  }
}

/**
 * A page ends the poll when it names no next one; only then is the window complete, through the `lastUpdatedBefore`
 * that Amazon answered (about two minutes ago). Where it answered none, nothing is claimed and the window stays.
 */
export function advance(at: OrderCursor, nextToken: string | undefined, answeredBefore: number | undefined, overlapMs: number): OrderCursor {
  const before = Math.min(at.before ?? Infinity, answeredBefore ?? Infinity);
  const told = before < Infinity;
  if (nextToken !== undefined) {
    return { after: at.after, through: at.through, token: nextToken, ...(told && { before }), ...(at.again && { again: at.again }) };
  }
  return told
    ? { after: Math.round(Math.max(at.after, before - overlapMs)), through: Math.max(at.through, before) }
    : { after: at.after, through: at.through };
}

/** Amazon's own fulfilment touches no stock of the seller's. */
export function orderLines(orders: readonly Order[]): OrderLine[] {
  return orders.filter(o => o.fulfillment?.fulfilledBy !== 'AMAZON').flatMap(order => order.orderItems.map(item => ({
    id: `${order.orderId}/${item.orderItemId}`,
    orderId: order.orderId,
    // Optional in the model: a name that resolves to no listing becomes a task, a line left out would oversell.
    sku: item.product.sellerSku ?? `asin:${item.product.asin ?? 'unknown'}`,
    units: item.quantityOrdered,
    cancelled: cancelled(order, item),
    shipped: shipped(order, item),
    createdAt: Date.parse(order.createdTime),
  })));
}

type OrderItem = Order['orderItems'][number];

/**
 * Units back from a line: none unless Amazon says so, as a unit wrongly given back is one oversold. So an order whose
 * status is unknown, or Pending, counts as sold in full, and a request to cancel is no cancellation.
 *
 * Unconfirmed: whether `quantityOrdered` stays as it was after a cancellation. If it shrinks, `units` does.
 */
function cancelled(order: Order, item: OrderItem): number {
  const left = item.quantityOrdered - (item.fulfillment?.quantityFulfilled ?? 0);
  if (order.fulfillment?.fulfillmentStatus === 'CANCELLED') return Math.max(0, left);
  const open = item.fulfillment?.quantityUnfulfilled;
  if (!item.cancellation?.cancellationExecution || open === undefined) return 0;
  return Math.max(0, left - open);
}

function shipped(order: Order, item: OrderItem): number {
  const told = item.fulfillment?.quantityFulfilled;
  if (told !== undefined) return told;
  return order.fulfillment?.fulfillmentStatus === 'SHIPPED' ? item.quantityOrdered - cancelled(order, item) : 0;
}
