/**
 * Serves one sandbox marketplace over HTTP on loopback: the vendor's API, with faults applied in front of it, and
 * the admin side under `/_sandbox` for buyers, hand edits, faults and the referee's ledger.
 */
import Fastify from 'fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { SandboxClock } from './clock.ts';
import { faultSchema } from './faults.ts';
import type { CallKind } from './faults.ts';
import { Notifier } from './notifier.ts';
import type { Notification, Notify } from './notifier.ts';
import type { Shop } from './shop.ts';

/** What a sandbox adds to the kit: its vendor's API and the vendor's own way to say no. */
export interface Vendor {
  channel: string;
  shop: Shop;
  /** Registers the vendor's routes. */
  routes(app: FastifyInstance): void;
  /** Which kind of call this is, for faults and figures. Called after the body is parsed. */
  classify(request: FastifyRequest): CallKind;
  /** Sends the vendor's answer to a call over its rate. */
  throttled(request: FastifyRequest, reply: FastifyReply): unknown;
  /** Sends the vendor's answer when its servers fail; nothing is applied. */
  failed(request: FastifyRequest, reply: FastifyReply): unknown;
  /** Refuses every access token handed out so far. */
  expireTokens(): void;
  /** Its own notifications, where it sends some over HTTP. */
  notify?: Notify;
  /** Told of those that nobody took. */
  missed?(notification: Notification): void;
}

/** A vendor's sandbox for one account, with what an adapter needs to connect to it. */
export interface SandboxVendor extends Vendor {
  credentials: Record<string, string>;
  settings: Record<string, unknown>;
  /** Credentials and every token handed out so far; a scanner of journals looks for them. */
  secrets(): string[];
}

export type SandboxFactory = (options: { account: string; clock: SandboxClock }) => SandboxVendor;

export interface RunningSandbox {
  channel: string;
  account: string;
  url: string;
  shop: Shop;
  close(): Promise<void>;
}

/** How long a lost answer hangs before the connection is cut, ms. */
const hangMs = 20_000;

const line = z.strictObject({ sku: z.string().min(1), units: z.number().int().positive() });
const schemas = {
  buy: z.strictObject({ buyer: z.string().min(1), lines: z.array(line).min(1) }),
  cancel: z.strictObject({ orderId: z.string(), line: z.string(), units: z.number().int().positive().optional() }),
  ship: z.strictObject({ orderId: z.string(), line: z.string() }),
  edit: z.strictObject({ sku: z.string(), quantity: z.number().int().min(0) }),
  hidden: line,
  listed: z.strictObject({ sku: z.string(), listed: z.boolean() }),
  active: z.strictObject({ sku: z.string(), active: z.boolean() }),
  /** Where notifications go; null ends them. Each is delivered `copies` times. */
  hooks: z.strictObject({ url: z.url().nullable(), copies: z.number().int().min(1).max(10).default(1) }),
  listings: z.array(z.strictObject({ sku: z.string().min(1), quantity: z.number().int().min(0) })),
};

export async function startSandbox(vendor: Vendor, port = 0): Promise<RunningSandbox> {
  const app = Fastify({ routerOptions: { maxParamLength: 5000 }, bodyLimit: 16 * 1024 * 1024, forceCloseConnections: true });
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
    done(null, Object.fromEntries(new URLSearchParams(body as string))));
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.addHook('preHandler', (request, reply) => injectBefore(vendor, request, reply));
  app.addHook('onSend', (request, reply, payload, done) => {
    if (loses(vendor, request, reply)) setTimeout(() => request.raw.socket.destroy(), hangMs).unref();
    else done(null, cut(vendor, request, reply, payload));
  });
  vendor.routes(app);
  const notifier = vendor.notify && new Notifier(vendor.shop, vendor.notify, notification => vendor.missed?.(notification));
  admin(app, vendor.shop, vendor, notifier);
  const url = await app.listen({ host: '127.0.0.1', port });
  return { channel: vendor.channel, account: vendor.shop.account, url, shop: vendor.shop, close: async () => { await notifier?.close(); await app.close(); } };
}

const isAdmin = (request: FastifyRequest): boolean => request.url.startsWith('/_sandbox');

/** Latency, lost requests, storms and server errors, before the vendor's code sees the call. */
async function injectBefore(vendor: Vendor, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  if (isAdmin(request)) return undefined;
  const { faults } = vendor.shop;
  const kind = vendor.classify(request);
  vendor.shop.count(`calls.${kind}`);
  const slow = faults.hit('latency', kind);
  if (slow) await new Promise(resolve => setTimeout(resolve, slow.delayMs));
  if (faults.hit('lose-request', kind)) {
    reply.hijack();
    request.raw.socket.destroy();
    return reply;
  }
  const storm = faults.hit('throttle', kind);
  if (storm) {
    vendor.shop.count('throttled');
    if (storm.retryAfterS !== undefined) void reply.header('retry-after', storm.retryAfterS);
    return vendor.throttled(request, reply);
  }
  if (faults.hit('error', kind)) return vendor.failed(request, reply);
  if (faults.hit('garble', kind)) return reply.code(200).type('text/html').send('<html><body>Please wait while we check your browser</body></html>');
  return undefined;
}

/** A lost answer is only lost when the call was carried out. */
function loses(vendor: Vendor, request: FastifyRequest, reply: FastifyReply): boolean {
  return !isAdmin(request) && reply.statusCode < 400 && vendor.shop.faults.hit('lose-answer', vendor.classify(request)) !== undefined;
}

/** An answer that was carried out, without its second half. */
function cut(vendor: Vendor, request: FastifyRequest, reply: FastifyReply, payload: unknown): unknown {
  if (isAdmin(request) || reply.statusCode >= 400 || typeof payload !== 'string') return payload;
  if (!vendor.shop.faults.hit('truncate', vendor.classify(request))) return payload;
  reply.removeHeader('content-length');
  return payload.slice(0, Math.floor(payload.length / 2));
}

function admin(app: FastifyInstance, shop: Shop, vendor: Vendor, notifier: Notifier | undefined): void {
  /** Runs a body through its schema; a refusal names the field and the value. */
  const post = <T>(path: string, schema: z.ZodType<T>, act: (body: T) => unknown): void => {
    app.post(`/_sandbox/${path}`, async (request, reply) => {
      const parsed = schema.safeParse(request.body);
      if (!parsed.success) return reply.code(400).send({ error: z.prettifyError(parsed.error) });
      try {
        return (await act(parsed.data)) ?? { ok: true };
      } catch (error) {
        return reply.code(404).send({ error: (error as Error).message });
      }
    });
  };
  post('buy', schemas.buy, ({ buyer, lines }) => shop.buy(buyer, lines));
  post('cancel', schemas.cancel, ({ orderId, line: id, units }) => ({ units: shop.cancel(orderId, id, units) }));
  post('ship', schemas.ship, ({ orderId, line: id }) => ({ units: shop.ship(orderId, id) }));
  post('edit', schemas.edit, ({ sku, quantity }) => shop.edit(sku, quantity));
  post('hidden-sale', schemas.hidden, ({ sku, units }) => shop.sellHidden(sku, units));
  post('active', schemas.active, ({ sku, active }) => shop.setActive(sku, active));
  post('listed', schemas.listed, ({ sku, listed }) => shop.setListed(sku, listed));
  post('listings', schemas.listings, list => { for (const { sku, quantity } of list) shop.addListing(sku, quantity); });
  post('hooks', schemas.hooks, ({ url, copies }) => {
    if (!notifier) throw new Error(`${vendor.channel} sends no notifications over HTTP`);
    notifier.register(url ?? undefined, copies);
  });
  post('faults', faultSchema, fault => {
    if (fault.kind === 'expire-tokens') vendor.expireTokens();
    else shop.faults.add(fault);
  });
  app.delete('/_sandbox/faults', () => { shop.faults.clear(); return { ok: true }; });
  app.get('/_sandbox/counts', () => ({ ...shop.counts, faults: shop.faults.counts() }));
  app.get('/_sandbox/listings', () => [...shop.listings.values()].map(l => ({
    sku: l.sku, quantity: l.quantity, reserved: l.reserved, buyable: shop.buyable(l), sold: l.sold, active: l.active,
  })));
  app.get<{ Querystring: { from?: string } }>('/_sandbox/ledger', request => shop.ledger.entries.slice(Number(request.query.from ?? 0)));
}
