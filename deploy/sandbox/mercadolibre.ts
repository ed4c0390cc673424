/**
 * Mercado Libre as its developer pages describe it (`mercadolibre.md` in the comments is their digest): one seller
 * with a mixed catalogue, or a multi-origin seller, since that tag holds for a whole account.
 */
import type { FastifyRequest } from 'fastify';
import type { CallKind } from './kit/faults.ts';
import type { SandboxFactory, SandboxVendor } from './kit/server.ts';
import { Shop } from './kit/shop.ts';
import { Catalogue } from './mercadolibre/catalogue.ts';
import type { Kind } from './mercadolibre/catalogue.ts';
import { refuse, throttle } from './mercadolibre/errors.ts';
import { MissedFeeds } from './mercadolibre/missed.ts';
import { itemRoutes } from './mercadolibre/items.ts';
import { Market } from './mercadolibre/market.ts';
import type { Shape } from './mercadolibre/market.ts';
import { Oauth } from './mercadolibre/oauth.ts';
import { orderRoutes } from './mercadolibre/orders.ts';
import { stockRoutes } from './mercadolibre/stock.ts';

/** Of eight SKUs three are sold from Full and Flex, under a version; the others by item, by variation, or as user products. */
const mixed: readonly Kind[] = ['fullAndFlex', 'item', 'fullAndFlex', 'fullAndFlex', 'userProduct', 'variation', 'item', 'variation'];

const userId = '111111111';

/** A seller in Argentina with classic items, variations, and user products of one origin and of Full with Flex. */
export const mercadolibreSandbox: SandboxFactory = mercadolibreSandboxOf({ kinds: mixed });

/** A multi-origin seller in Mexico with one warehouse: every quantity is a location's, under a version. */
export const mercadolibreWarehouseSandbox: SandboxFactory = mercadolibreSandboxOf({ stores: [{ id: '9000001', nodeId: 'MXP000001' }] });

/** A seller of another shape. `kinds` are picked from by the SKU's hash; with `stores`, all are multi-origin. */
export function mercadolibreSandboxOf(shape: Shape & { kinds?: readonly Kind[] }): SandboxFactory {
  return ({ account, clock }): SandboxVendor => {
    const site = shape.stores ? 'MLM' : 'MLA';
    const catalogue = new Catalogue(site, shape.stores ? ['warehouse'] : (shape.kinds ?? mixed), shape.twins ?? false);
    const shop = new Shop({
      account,
      clock,
      fields: (sku, n) => ({ ...catalogue.add(sku, n) }),
      // mercadolibre.md 6.2: past 2^31, near 2,000,000,000,000,000.
      orderId: n => String(2_000_000_000_000_000 + n),
      lineId: (_n, sku, earlier) => lineId(catalogue, sku, earlier.filter(line => line.sku === sku).length),
      wholeOrders: true,
    });
    const oauth = new Oauth(userId, clock, shop.faults);
    const market = new Market({ site, userId, clock, shop, oauth, catalogue, shape });
    const missed = new MissedFeeds(market);
    return {
      channel: 'mercadolibre',
      shop,
      credentials: { clientId: oauth.clientId, clientSecret: oauth.clientSecret, refreshToken: oauth.firstRefreshToken },
      settings: { sellerId: userId },
      secrets: () => oauth.secrets(),
      routes(app) {
        app.post('/oauth/token', (request, reply) => oauth.token(request, reply));
        itemRoutes(app, market);
        stockRoutes(app, market);
        orderRoutes(app, market);
        missed.routes(app);
      },
      classify,
      throttled: (request, reply) => isToken(request)
        ? refuse(reply, 429, 'local_rate_limited', 'too many token requests') // mercadolibre.md 1
        : throttle(reply),
      failed: (_request, reply) => refuse(reply, 500, 'internal_server_error', 'internal server error'),
      expireTokens: () => oauth.expireAccess(),
      missed: ({ body }) => missed.add(body),
      // mercadolibre.md 6.3: no content and no signature; a location's change is told by its user product.
      notify(event) {
        const common = { _id: event.id, user_id: Number(userId), application_id: Number(oauth.clientId), attempts: 1, sent: new Date(event.at).toISOString(), received: new Date(event.at).toISOString() };
        if (event.kind === 'order') return { headers: {}, body: JSON.stringify({ ...common, topic: 'orders_v2', resource: `/orders/${event.order.orderId}` }) };
        const { itemId, userProductId, kind } = catalogue.registers.get(event.listing.sku)!;
        const byLocation = kind === 'fullAndFlex' || kind === 'warehouse';
        return { headers: {}, body: JSON.stringify({ ...common, ...(byLocation ? { topic: 'stock-location', resource: `/user-products/${userProductId}/stock` } : { topic: 'items', resource: `/items/${itemId}` }) }) };
      },
    };
  };
}

/** The item or variation; a second line of the same one is told apart. An order names its lines in no other way. */
function lineId(catalogue: Catalogue, sku: string, twins: number): string {
  const { itemId, variationId } = catalogue.registers.get(sku)!;
  return `${itemId}${variationId === undefined ? '' : `-${variationId}`}${twins > 0 ? `#${twins + 1}` : ''}`;
}

const isToken = ({ url }: FastifyRequest): boolean => url.startsWith('/oauth/token');

function classify(request: FastifyRequest): CallKind {
  if (isToken(request)) return 'token';
  if (request.method === 'PUT') return 'write';
  if (request.url.startsWith('/orders')) return 'orders';
  return request.url.startsWith('/items?') || request.url.endsWith('/stock') ? 'read' : 'other';
}
