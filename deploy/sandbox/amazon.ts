/**
 * A sandbox Amazon: one seller with merchant-fulfilled offers in the US store. It does what the reference document
 * (amazon.md) says of the Selling Partner API and refuses what the API refuses.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Answers } from './amazon/answers.ts';
import { feedRoutes } from './amazon/feeds.ts';
import { listingRoutes } from './amazon/listings.ts';
import { amazonNotify } from './amazon/notify.ts';
import { Offers } from './amazon/offers.ts';
import { orderRoutes } from './amazon/orders.ts';
import { Lwa } from './amazon/tokens.ts';
import type { SandboxClock } from './kit/clock.ts';
import type { CallKind } from './kit/faults.ts';
import type { SandboxFactory, SandboxVendor } from './kit/server.ts';
import { Shop } from './kit/shop.ts';

export interface AmazonSandboxOptions {
  account: string;
  clock: SandboxClock;
  /** Vendor ms from ACCEPTED to live, drawn per write. */
  applyAfterMs?(): number;
}

/** No figure from Amazon (amazon.md 3, lag); half a minute on average, now and then a minute. */
const drawApplyMs = (): number => 5_000 + 50_000 * Math.random();

export const amazonSandbox: SandboxFactory = options => openAmazon(options);

export function openAmazon({ account, clock, applyAfterMs = drawApplyMs }: AmazonSandboxOptions): SandboxVendor {
  const sellerId = 'A1SANDBOXSELLER';
  const marketplaceId = 'ATVPDKIKX0DER';
  const shop = new Shop({
    account,
    clock,
    fields: (_sku, n) => ({ asin: `B0${String(n).padStart(8, '0')}`, productType: 'LUGGAGE', leadTimeToShipMaxDays: '3' }),
    // amazon.md 6.2: AmazonOrderId is 3-7-7.
    orderId: n => `111-${String(n).padStart(7, '0')}-${String(n * 7919 % 10_000_000).padStart(7, '0')}`,
    lineId: n => String(50_000_000_000_000 + n),
  });
  const lwa = new Lwa(shop, account);
  const answers = new Answers(clock);
  const signed: string[] = [];
  const offers = new Offers(shop, clock, applyAfterMs);

  return {
    channel: 'amazon',
    shop,
    credentials: lwa.credentials,
    // The token endpoint is served beside the API.
    settings: { sellerId, marketplaceId, authUrl: '/' },
    secrets: () => [...lwa.secrets(), ...signed],
    expireTokens: () => lwa.expireAll(),
    classify,
    throttled: (_request, reply) => answers.throttled(reply),
    failed: (_request, reply) => answers.failed(reply),
    notify: amazonNotify(sellerId, marketplaceId),
    routes(app: FastifyInstance): void {
      answers.install(app);
      lwa.routes(app);
      /** Token first, then rate; the handler sees only calls that pass both. */
      const admit = (operation: Parameters<Answers['admit']>[0], request: FastifyRequest, reply: FastifyReply): void => {
        lwa.authorise(request, classify(request));
        answers.admit(operation, reply);
      };
      listingRoutes(app, { shop, offers, sellerId, marketplaceId, admit });
      feedRoutes(app, { shop, offers, sellerId, marketplaceId, signed, admit });
      orderRoutes(app, { shop, clock, marketplaceId, admit });
    },
  };
}

function classify({ method, url }: FastifyRequest): CallKind {
  if (url.startsWith('/auth/')) return 'token';
  if (url.startsWith('/orders/')) return 'orders';
  // A document is nothing without its feed.
  if (url.startsWith('/feeds/')) return method === 'GET' ? 'read' : url.endsWith('/feeds') ? 'write' : 'other';
  if (url.startsWith('/listings/')) return method === 'GET' ? 'read' : 'write';
  return 'other';
}
