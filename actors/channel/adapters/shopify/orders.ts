/**
 * Order lines by polling `orders(query: "updated_at:>=...", sortKey: UPDATED_AT)`: a window that overlaps the one
 * before, paged in order of change; an order with many lines has the rest of them fetched before the next page.
 */
import { z } from 'zod';
import type { Call, OrderLine, OrderPage } from '../../adapter.ts';
import { TerminalError } from '../../../errors.ts';
import { listLines, listOrders } from './documents.ts';
import type { Graph } from './graph.ts';
import { linesSchema, ordersSchema } from './schemas.ts';
import type { Lines } from './schemas.ts';
import type { ShopifySettings } from './settings.ts';

const cursorSchema = z.strictObject({
  /** Start of the window, epoch ms. */
  since: z.number(),
  /** The vendor's cursor within the window. */
  after: z.string().optional(),
  /** Orders paged in this window so far. */
  depth: z.int(),
  /** All changes up to here have been handed over, epoch ms. */
  through: z.number(),
  /** What `through` becomes once `rest` is done. */
  next: z.number(),
  /** Orders of the last page with lines still to fetch. */
  rest: z.array(z.strictObject({ id: z.string(), createdAt: z.number(), after: z.string() })),
  /** False once the window's last page has been read. */
  open: z.boolean(),
});
type Cursor = z.infer<typeof cursorSchema>;

export interface OrdersOptions {
  graph: Graph;
  settings: ShopifySettings;
  now(): number;
  timeScale: number;
}

export async function orders(cursor: string | undefined, call: Call, options: OrdersOptions): Promise<OrderPage> {
  const at = cursor === undefined ? first(options) : parsed(cursor);
  return at.rest.length > 0 ? restOfOrder(at, call, options) : pageOfOrders(at, call, options);
}

async function pageOfOrders(at: Cursor, call: Call, options: OrdersOptions): Promise<OrderPage> {
  const { graph, settings, timeScale } = options;
  // The vendor's instants are whole seconds: `since` is floored, never rounded.
  const since = new Date(Math.floor(at.since / 1000) * 1000).toISOString().replace('.000Z', 'Z');
  const variables = { query: `updated_at:>='${since}'`, after: at.after ?? null };
  const { data, servedAt } = await graph.ask(listOrders, variables, ordersSchema, call);
  const { nodes, pageInfo } = data.orders;
  const open = pageInfo.hasNextPage;
  const last = nodes.at(-1)?.updatedAt;
  // The list trails the orders, so nothing younger than the lag counts as complete; within a window, nothing past the page.
  const settled = servedAt === undefined ? undefined : servedAt - settings.orderLagMs / timeScale;
  const reached = open ? Math.min(settled ?? Infinity, last ?? -Infinity) : settled ?? last ?? -Infinity;
  const depth = at.depth + nodes.length;
  const restart = open && last !== undefined && depth >= settings.depthMax && Math.floor(last / 1000) > Math.floor(at.since / 1000);
  return handOver({
    ...(restart ? { since: last, depth: 0 } : { since: at.since, depth, after: pageInfo.endCursor }),
    through: at.through,
    next: Math.max(at.through, reached),
    rest: nodes.flatMap(({ id, createdAt, lineItems }) => remaining(id, createdAt, lineItems)),
    open,
  }, nodes.flatMap(({ id, createdAt, lineItems }) => linesOf(id, createdAt, lineItems)), options);
}

async function restOfOrder(at: Cursor, call: Call, options: OrdersOptions): Promise<OrderPage> {
  const [order, ...others] = at.rest as [Cursor['rest'][number], ...Cursor['rest']];
  const { data } = await options.graph.ask(listLines, { id: order.id, after: order.after }, linesSchema, call);
  // An order deleted meanwhile has no lines left to tell.
  const lines = data.order?.lineItems;
  const rest = lines ? [...remaining(order.id, order.createdAt, lines), ...others] : others;
  return handOver({ ...at, rest }, lines ? linesOf(order.id, order.createdAt, lines) : [], options);
}

/** The page with its cursor: further on in this window, or the start of the next one. */
function handOver(at: Cursor, lines: OrderLine[], { settings, timeScale }: OrdersOptions): OrderPage {
  if (at.rest.length > 0) return { lines, cursor: told(at), more: true, completeThrough: at.through };
  const through = at.next;
  if (at.open) return { lines, cursor: told({ ...at, through }), more: true, completeThrough: through };
  const since = Math.max(at.since, through - settings.orderOverlapMs / timeScale);
  return { lines, cursor: told({ since, depth: 0, through, next: through, rest: [], open: true }), more: false, completeThrough: through };
}

function linesOf(orderGid: string, createdAt: number, { nodes }: Lines): OrderLine[] {
  const orderId = numberOf(orderGid);
  return nodes.flatMap(({ id, sku, quantity, currentQuantity, unfulfilledQuantity }) =>
    // A line without a SKU is no listing's: listings without one are left out as well.
    sku ? [{
      id: `${orderId}/${numberOf(id)}`,
      orderId,
      sku,
      units: quantity,
      cancelled: Math.max(0, quantity - currentQuantity),
      shipped: Math.max(0, currentQuantity - unfulfilledQuantity),
      createdAt,
    }] : []);
}

function remaining(id: string, createdAt: number, { pageInfo: { endCursor } }: Lines): Cursor['rest'] {
  return endCursor === undefined ? [] : [{ id, createdAt, after: endCursor }];
}

/** The number at the end of a gid, as text: it does not fit a JavaScript number. */
const numberOf = (gid: string): string => gid.slice(gid.lastIndexOf('/') + 1);

function first({ now, settings }: OrdersOptions): Cursor {
  const since = now() - settings.firstPollMs;
  return { since, depth: 0, through: since, next: since, rest: [], open: true };
}

const told = (cursor: Cursor): string => JSON.stringify(cursor);

function parsed(text: string): Cursor {
  try {
    return cursorSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new TerminalError(`orders: cursor ${JSON.stringify(text.slice(0, 200))} is not one of this adapter's`, { cause });
  }
}
