/** A sandbox eBay for one seller account: identity, Sell Inventory and Sell Fulfillment as `ebay.md` describes them. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { error, tooMany, unauthorized } from './ebay/answers.ts';
import { Grants } from './ebay/auth.ts';
import { inventoryRoutes } from './ebay/inventory.ts';
import type { InventoryOptions } from './ebay/inventory.ts';
import { Notifier } from './ebay/notifications.ts';
import { orderRoutes } from './ebay/orders.ts';
import { EbayShop } from './ebay/shop.ts';
import type { EbayShopOptions } from './ebay/shop.ts';
import { internalError, refusal, say, tradingPath, tradingRoutes, usageLimit } from './ebay/trading.ts';
import { Bucket } from './kit/clock.ts';
import type { SandboxClock } from './kit/clock.ts';
import type { SandboxFactory, SandboxVendor } from './kit/server.ts';

/** ebay.md 4, as in `config/limits/ebay.yaml`. */
export const ebayLimits = {
  inventory: { perSecond: 23, burst: 100, perDay: 2_000_000 },
  fulfillment: { perSecond: 1.1, burst: 20, perDay: 100_000 },
  analytics: { perSecond: 0.05, burst: 10, perDay: 5_000 },
  trading: { perSecond: 0.05, burst: 100, perDay: 5_000 },
};

export interface EbaySandboxOptions extends EbayShopOptions, InventoryOptions {
  /** Vendor ms from a sale until its order is paid and in the list. */
  payMs: number;
}

export const ebaySandbox: SandboxFactory = options =>
  createEbaySandbox({ ...options, offers: 1, outOfStockControl: true, entriesMax: 25, itemParts: false, auctions: false, payMs: 10_000 });

/** The sandbox with what the document leaves open set by hand. */
export function createEbaySandbox(options: EbaySandboxOptions): SandboxVendor & { shop: EbayShop; notifier: Notifier; useUp(api: 'inventory' | 'fulfillment' | 'trading'): void } {
  const { clock } = options;
  const shop = new EbayShop(options);
  const grants = new Grants(clock, shop.faults);
  const notifier = new Notifier(grants, () => shop.count('calls.key'));
  const quotas = { inventory: new Quota(clock, ebayLimits.inventory), fulfillment: new Quota(clock, ebayLimits.fulfillment), analytics: new Quota(clock, ebayLimits.analytics), trading: new Quota(clock, ebayLimits.trading) };

  /** What every call meets before its route: token, rate, headers. */
  const guard = (quota: Quota) => async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    if (!grants.admits(request)) return reply.code(401).send(unauthorized);
    if (!quota.take()) {
      shop.count('throttled');
      return reply.code(429).send(tooMany);
    }
    if (request.method !== 'POST') return undefined;
    // ebay.md 1 "Request headers": Content-Type on every body; Content-Language not on the bulk calls.
    if (!request.headers['content-type']?.startsWith('application/json')) return reply.code(415).send({ errors: [error(25709, 'Content-Type', request.headers['content-type'])] });
    if (request.headers['content-language'] !== undefined) return reply.code(400).send({ errors: [error(25709, 'Content-Language', request.headers['content-language'])] });
    return undefined;
  };

  return {
    channel: 'ebay',
    shop,
    notifier,
    useUp: api => quotas[api].useUp(),
    credentials: grants.credentials,
    settings: {},
    secrets: () => grants.secrets(),
    expireTokens: () => grants.expireAll(),
    classify({ url, headers }) {
      if (url === tradingPath) return headers['x-ebay-api-call-name'] === 'ReviseInventoryStatus' ? 'write' : headers['x-ebay-api-call-name'] === 'GetUserPreferences' ? 'other' : 'read';
      if (url.startsWith('/identity/')) return 'token';
      if (url.startsWith('/sell/fulfillment/')) return 'orders';
      if (url.startsWith('/sell/inventory/v1/bulk_update_price_quantity')) return 'write';
      return url.startsWith('/sell/inventory/') ? 'read' : 'other';
    },
    throttled: (request, reply) => (request.url === tradingPath ? say(reply, callOf(request), 'Failure', refusal(usageLimit)) : reply.code(429).send(tooMany)),
    // ebay.md 6.3: orders without a SKU; of quantities it tells nobody but partners.
    notify(event) {
      if (event.kind !== 'order') return undefined;
      const { orderId, lines } = event.order;
      const body = JSON.stringify({
        metadata: { topic: 'ORDER_CONFIRMATION', schemaVersion: '1.0', deprecated: false },
        notification: {
          notificationId: event.id, eventDate: new Date(event.at).toISOString(), publishDate: new Date(event.at).toISOString(), publishAttemptCount: 1,
          data: { order: { orderId, orderLineItems: lines.map(({ line, units }) => ({ orderLineItemId: line, listingId: '110000000001', quantity: units })) } },
        },
      });
      return { body, headers: { 'x-ebay-signature': notifier.signatureOf(body) } };
    },
    failed: (request, reply) => (request.url === tradingPath ? say(reply, callOf(request), 'Failure', refusal(internalError)) : reply.code(500).send({ errors: [error(request.url.startsWith('/sell/fulfillment/') ? 30500 : 25001)] })),
    routes(app) {
      app.addHook('onSend', (request, reply, payload, done) => {
        reply.header('x-ebay-c-request-id', `ri=${request.id}`);
        done(null, payload);
      });
      grants.routes(app);
      notifier.routes(app);
      // ebay.md 4 "What is left": to the application, of all its sellers.
      app.get('/developer/analytics/v1_beta/rate_limit/', (request, reply) => {
        if (!grants.admitsApplication(request)) return reply.code(401).send(unauthorized);
        if (!quotas.analytics.take()) return reply.code(429).send(tooMany);
        const named = (['inventory', 'fulfillment'] as const).map(name => ({ apiContext: 'sell', apiName: name, apiVersion: 'v1', resources: [{ name: `sell.${name}`, rates: [quotas[name].told] }] }));
        return { rateLimits: named };
      });
      tradingRoutes(app, shop, grants, options, () => quotas.trading.take());
      app.register(async scope => {
        scope.addHook('preHandler', guard(quotas.inventory));
        inventoryRoutes(scope, shop, options);
      }, { prefix: '/sell/inventory/v1' });
      app.register(async scope => {
        scope.addHook('preHandler', guard(quotas.fulfillment));
        orderRoutes(scope, shop, options.payMs);
      }, { prefix: '/sell/fulfillment/v1' });
    },
  };
}

const callOf = (request: FastifyRequest): string => String(request.headers['x-ebay-api-call-name'] ?? '');

/** A day's calls, and a burst of them. ebay.md 4: per application; one account is one application here. */
class Quota {
  readonly #clock: SandboxClock;
  readonly #burst: Bucket;
  readonly #perDay: number;
  #day = -1;
  #used = 0;

  constructor(clock: SandboxClock, { perSecond, burst, perDay }: { perSecond: number; burst: number; perDay: number }) {
    this.#clock = clock;
    this.#burst = new Bucket(clock, perSecond, burst);
    this.#perDay = perDay;
  }

  /** As the analytics API has it. */
  get told(): { count: number; limit: number; remaining: number; reset: string; timeWindow: number } {
    this.#turn();
    const dayMs = this.#clock.real(86_400_000);
    return { count: this.#used, limit: this.#perDay, remaining: Math.max(0, this.#perDay - this.#used), reset: new Date((this.#day + 1) * dayMs).toISOString(), timeWindow: 86_400 };
  }

  /** Another program of the application has used up what is left of the day. */
  useUp(): void {
    this.#turn();
    this.#used = this.#perDay;
  }

  #turn(): void {
    const day = Math.floor(this.#clock.now() / this.#clock.real(86_400_000));
    if (day !== this.#day) [this.#day, this.#used] = [day, 0];
  }

  take(): boolean {
    this.#turn();
    if (this.#used >= this.#perDay || !this.#burst.take()) return false;
    this.#used += 1;
    return true;
  }
}
