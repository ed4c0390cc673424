/** Orders as the Admin API lists them. The list is search-backed and trails the orders by a little (shopify.md 3). */
import { GraphQLError } from 'graphql';
import type { ShopOrder } from '../kit/shop.ts';
import { byId, connection } from './connection.ts';
import type { Connection, PageArgs } from './connection.ts';
import type { ShopifyShop } from './shop.ts';

export interface OrdersOptions {
  /** How much later a change shows in the list, vendor's ms. */
  lagMs: number;
  /** Objects after which a list ends. */
  deepest: number;
  instant(at: number): string;
}

/** shopify.md 1: read_orders reaches 60 days back. */
const reachMs = 60 * 86_400_000;

export function orderOf(shop: ShopifyShop, gid: string, options: OrdersOptions): unknown {
  const order = shop.orders.get(gid.replace(/^gid:\/\/shopify\/Order\//, ''));
  return order ? source(order, options) : null;
}

export function orderList(shop: ShopifyShop, args: PageArgs & { query?: string | null; sortKey?: string }, options: OrdersOptions): Connection<unknown> {
  const { clock } = shop;
  const { from, to } = window(args.query ?? '');
  const until = clock.now() - clock.real(options.lagMs);
  const by = args.sortKey === 'UPDATED_AT' ? 'updatedAt' : 'createdAt';
  const oldest = clock.now() - clock.real(reachMs);
  const sorted = shop.ordersChanged(from, Math.min(to, until))
    .filter(order => order.createdAt >= oldest)
    .map(order => ({ value: order[by], id: order.orderId, node: () => source(order, options) }))
    .sort((a, b) => a.value - b.value || byId(a.id, b.id));
  return connection(sorted, args, options.deepest);
}

/** Of the search syntax only bounds on `updated_at` are served; anything else is refused rather than ignored. */
function window(query: string): { from: number; to: number } {
  const bounds = { from: -Infinity, to: Infinity };
  for (const term of query.split(/\s+(?:AND\s+)?/).filter(text => text !== '')) {
    const [, sign, text] = /^updated_at:(>=|<=|>|<)'?([^']+)'?$/.exec(term) ?? [];
    const at = Date.parse(text ?? '');
    if (sign === undefined || Number.isNaN(at)) throw new GraphQLError(`The search term ${term} is not served here`, { extensions: { code: 'BAD_REQUEST' } });
    if (sign.startsWith('>')) bounds.from = sign === '>' ? at + 1000 : at;
    else bounds.to = sign === '<' ? at - 1 : at;
  }
  return bounds;
}

function source({ orderId, createdAt, updatedAt, lines }: ShopOrder, { instant, deepest }: OrdersOptions): unknown {
  return {
    __typename: 'Order',
    id: `gid://shopify/Order/${orderId}`,
    createdAt: instant(createdAt),
    updatedAt: instant(updatedAt),
    lineItems: (args: PageArgs) => connection(lines.map(({ line, sku, units, cancelled, shipped }, i) => ({ value: i, id: line, node: () => ({
      __typename: 'LineItem',
      id: `gid://shopify/LineItem/${line}`,
      sku,
      // shopify.md 6.4: ordered; after edits and refunds; not yet fulfilled
      quantity: units,
      currentQuantity: units - cancelled,
      unfulfilledQuantity: units - cancelled - shipped,
    }) })), args, deepest),
  };
}
