/** A Walmart Marketplace (US) seller account: one ship node of its own beside Walmart's warehouse, gross quantities. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { SandboxClock } from './kit/clock.ts';
import type { CallKind } from './kit/faults.ts';
import type { SandboxFactory, SandboxVendor } from './kit/server.ts';
import { Shop } from './kit/shop.ts';
import { edge, refuse } from './walmart/answers.ts';
import { feedRoutes } from './walmart/feeds.ts';
import { Gate } from './walmart/gate.ts';
import { inventoryRoutes } from './walmart/inventory.ts';
import { walmartNotify } from './walmart/notify.ts';
import { orderRoutes } from './walmart/orders.ts';

/** walmart.md 2.2: node ids have 17 to 18 digits. */
const ownNode = '10115800000000001';
const wfsNode = '10115800000000099';
/** The wait told with a throttle that an operator switched on. */
const stormWaitMs = 2_000;

export const walmartSandbox: SandboxFactory = options => walmartAccount({ ...options, soleNode: false });

/** @param soleNode true for an account that has nothing in Walmart's warehouse, and is configured without a node */
export function walmartAccount({ account, clock, soleNode, scopes = { inventory: 'full_access', orders: 'full_access', feeds: 'full_access' } }: { account: string; clock: SandboxClock; soleNode: boolean; scopes?: Record<string, string> }): SandboxVendor {
  const shop = new Shop({
    account,
    clock,
    gross: true, // walmart.md 0.2: the number written includes units sold and not yet shipped.
    unitLines: true, // walmart.md 6.2: "an order of three units is three lines".
    fields: () => (soleNode ? {} : { shipNode: ownNode }),
    orderId: n => String(1_796_277_083_000 + n),
  });
  const gate = new Gate(shop);
  let failures = 0;
  return {
    channel: 'walmart',
    shop,
    credentials: { ...gate.credentials },
    settings: soleNode ? {} : { shipNode: ownNode },
    secrets: () => [...Object.values(gate.credentials), ...gate.issued],
    routes(app: FastifyInstance): void {
      app.post('/v3/token', (request, reply) => gate.token(request, reply));
      // walmart.md 1 "Scopes".
      app.get('/v3/token/detail', (request, reply) => {
        if (!gate.admit('getTokenDetail', request, reply)) return reply;
        const now = clock.now();
        return reply.send({ expire_at: String(now + clock.real(900_000)), issued_at: String(now), is_valid: true, scopes: { reports: 'view_only', item: 'full_access', ...scopes } });
      });
      const nodes = { own: ownNode, wfs: soleNode ? undefined : wfsNode };
      inventoryRoutes(app, shop, gate, nodes);
      feedRoutes(app, shop, gate, nodes);
      orderRoutes(app, shop, gate, ownNode);
      app.setNotFoundHandler((_request, reply) =>
        refuse(reply, 'documented', { status: 404, code: 'URI_NOT_FOUND.GMP_GATEWAY_API', description: 'no such URI' }));
    },
    classify,
    throttled: (_request, reply) => gate.throttled(reply, clock.real(stormWaitMs)),
    /** walmart.md 5: 500 from the service, 504 DOWNSTREAM_SYSTEM_TIME_OUT, and a plain 503 from the edge, in turns. */
    failed(_request, reply: FastifyReply) {
      switch (failures++ % 3) {
        case 0: return refuse(reply, 'gateway', { status: 500, code: 'SYSTEM_ERROR.GMP_GATEWAY_API', description: 'internal error', category: 'SYSTEM' });
        case 1: return edge(reply, 503);
        default: return refuse(reply, 'documented', { status: 504, code: 'DOWNSTREAM_SYSTEM_TIME_OUT', description: 'downstream timed out', category: 'SYSTEM' });
      }
    },
    expireTokens: () => gate.expireTokens(),
    notify: walmartNotify(gate.credentials.clientSecret),
  };
}

function classify({ method, url }: FastifyRequest): CallKind {
  const path = url.split('?')[0] ?? '';
  if (path === '/v3/token') return 'token';
  if (path === '/v3/orders') return 'orders';
  if (path.startsWith('/v3/feeds')) return method === 'POST' ? 'write' : 'read';
  if (path !== '/v3/inventory' && !path.startsWith('/v3/inventories')) return 'other';
  return method === 'PUT' ? 'write' : 'read';
}
