/** A recorded trace as the demo's world: order and cancellation lines, opening stock and stock adjustments. */
import { readRows } from './csv.ts';
import type { Row } from './csv.ts';
import { hash } from './dice.ts';
import { openingStock } from './opening.ts';
import { byTime, channels } from './world.ts';
import type { World, WorldEvent, WorldLine } from './world.ts';

export interface TraceFiles {
  /** Columns ts, order_id, sku, quantity, channel, line, kind, ref_order_id; gz or plain. */
  orders: string;
  /** Columns sku, quantity. Without it, stock is made up from what the orders take: see `opening.ts`. */
  stock?: string | undefined;
  /** Columns ts, adjustment_id, sku, delta, reason. */
  adjustments?: string | undefined;
  /** Order and cancellation lines to read; the catalogue and the adjustments are cut to fit them. */
  limit?: number | undefined;
  /** Decides made-up stock; nothing else. */
  seed: number;
}

const orderColumns = ['ts', 'order_id', 'sku', 'quantity', 'channel', 'line', 'kind', 'ref_order_id'];

/** Reason of an ERP adjustment that stands for a return without a known order. */
const unknownReturn = 'return';

/**
 * Loads a trace whole (the 75,000 lines of the sample take half a second).
 *
 * A time in whole minutes gets a second from the order's id. A cancellation of an order that is not in the trace is a
 * return that only the ERP knows, so it becomes an adjustment of plus its units.
 *
 * @throws {TraceError} naming file, line, column and value
 */
export function readTrace({ orders, stock, adjustments, limit, seed }: TraceFiles): World {
  const events = orderEvents(readRows(orders, orderColumns, limit));
  const end = events.reduce((last, event) => Math.max(last, event.atMs), 0);
  const cut = limit !== undefined;
  if (adjustments !== undefined) {
    for (const event of readAdjustments(adjustments)) if (!cut || event.atMs <= end) events.push(event);
  }
  events.sort(byTime);
  const counted = stock === undefined ? undefined : readStock(stock);
  const traded = new Set(events.flatMap(event => event.kind === 'adjust' ? [event.sku] : event.lines.map(line => line.sku)));
  const skus = cut ? traded : new Set([...counted?.keys() ?? [], ...traded]);
  if (!counted) return { events, stock: openingStock(events, skus, seed) };
  return { events, stock: new Map([...skus].map(sku => [sku, counted.get(sku) ?? 0])) };
}

/** @throws {TraceError} */
export function readStock(file: string): Map<string, number> {
  const stock = new Map<string, number>();
  for (const row of readRows(file, ['sku', 'quantity'])) {
    const sku = row.filled('sku');
    if (stock.has(sku)) throw row.wrong('sku', 'stands twice in the opening stock');
    stock.set(sku, row.whole('quantity', 'expected a whole number, 0 or more', quantity => quantity >= 0));
  }
  return stock;
}

function readAdjustments(file: string): WorldEvent[] {
  return readRows(file, ['ts', 'adjustment_id', 'sku', 'delta', 'reason']).map(row => ({
    kind: 'adjust',
    atMs: spread(row.time('ts'), row.filled('adjustment_id')),
    sku: row.filled('sku'),
    delta: row.whole('delta', 'expected a whole number other than 0', delta => delta !== 0),
    reason: row.filled('reason'),
  }));
}

/** Lines of one invoice are one event, at the time of its first line; a cancellation is one event per order it reverses. */
function orderEvents(rows: readonly Row[]): WorldEvent[] {
  const orders = new Map<string, Extract<WorldEvent, { kind: 'order' }>>();
  const cancels: { row: Row; cancelId: string; ref: string; line: WorldLine }[] = [];
  const seen = new Set<string>();
  for (const row of rows) {
    const orderId = row.filled('order_id');
    const kind = row.oneOf('kind', ['order', 'cancel']);
    const account = row.oneOf('channel', channels);
    const quantity = kind === 'order'
      ? row.whole('quantity', 'expected a whole number above 0 for an order', units => units > 0)
      : row.whole('quantity', 'expected a whole number below 0 for a cancellation', units => units < 0);
    const line: WorldLine = { sku: row.filled('sku'), units: Math.abs(quantity), line: row.whole('line', 'expected a line number from 1', n => n > 0) };
    const id = `${orderId}\n${line.line}`;
    if (seen.has(id)) throw row.wrong('line', `stands twice in ${orderId}`);
    seen.add(id);
    const atMs = spread(row.time('ts'), orderId);
    if (kind === 'cancel') {
      cancels.push({ row, cancelId: orderId, ref: row.text('ref_order_id'), line });
      continue;
    }
    const order = orders.get(orderId);
    if (!order) orders.set(orderId, { kind, atMs, orderId, account, lines: [line] });
    else if (order.account !== account) throw row.wrong('channel', `order ${orderId} began at ${order.account}`);
    else {
      order.atMs = Math.min(order.atMs, atMs);
      order.lines.push(line);
    }
  }
  const cancelled = new Map<string, Extract<WorldEvent, { kind: 'cancel' }>>();
  const returned: WorldEvent[] = [];
  for (const { row, cancelId, ref, line } of cancels) {
    const atMs = spread(row.time('ts'), cancelId);
    const order = orders.get(ref);
    if (!order) {
      returned.push({ kind: 'adjust', atMs, sku: line.sku, delta: line.units, reason: unknownReturn });
      continue;
    }
    const key = `${cancelId}\n${ref}`;
    const known = cancelled.get(key);
    if (known) known.lines.push(line);
    // Seconds are invented, so a cancellation in its order's own minute may seem to come first.
    else cancelled.set(key, { kind: 'cancel', atMs: Math.max(atMs, order.atMs + 1), orderId: cancelId, account: order.account, refOrderId: ref, lines: [line] });
  }
  return [...orders.values(), ...cancelled.values(), ...returned];
}

/** A second within the minute from the id, where the time has none of its own. */
function spread(atMs: number, id: string): number {
  return atMs % 60_000 === 0 ? atMs + (hash(id) % 60) * 1_000 : atMs;
}
