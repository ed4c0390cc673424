/**
 * "Bazaar", a marketplace that does not exist: the sandbox of the generic REST adapter. Plain JSON, client credentials,
 * revisions of stock, results by entry, listings paged by number and orders by cursor.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { parse } from 'yaml';
import { z } from 'zod';
import { Bucket } from './kit/clock.ts';
import type { CallKind } from './kit/faults.ts';
import type { SandboxFactory } from './kit/server.ts';
import { Shop } from './kit/shop.ts';
import type { ShopListing } from './kit/shop.ts';

export const bazaarMapping = parse(readFileSync(new URL('../../actors/channel/adapters/generic-rest/example.yaml', import.meta.url), 'utf8')) as Record<string, unknown>;

const tokenLifeMs = 3_600_000;
const entriesMax = 20;
const idsMax = 20;
const pageSize = 50;
const update = z.object({ item_id: z.string(), to: z.number(), if_revision: z.union([z.string(), z.number()]).optional(), ref: z.string().optional() });

const refuse = (reply: FastifyReply, status: number, code: string, text: string): FastifyReply => reply.code(status).send({ error: { code, text } });

export const bazaarSandbox: SandboxFactory = ({ account, clock }) => {
  const shop = new Shop({ account, clock, fields: (_sku, n) => ({ itemId: `it-${n}` }), orderId: n => `BZ-${1_000 + n}` });
  const bucket = new Bucket(clock, 24, 120);
  const credentials = { clientId: 'bazaar-client', clientSecret: `bz-secret-${randomBytes(18).toString('base64url')}` };
  const tokens = new Map<string, number>();
  const issued: string[] = [];
  const byId = (id: string): ShopListing | undefined => [...shop.listings.values()].find(listing => listing.fields['itemId'] === id);

  const classify = ({ method, url }: FastifyRequest): CallKind => {
    if (url.startsWith('/oauth/')) return 'token';
    if (url.startsWith('/v1/orders')) return 'orders';
    return method === 'POST' ? 'write' : url.startsWith('/v1/') ? 'read' : 'other';
  };
  const throttled = (_request: FastifyRequest, reply: FastifyReply): unknown => {
    void reply.header('retry-after', '1');
    return refuse(reply, 429, 'QUOTA', 'too many calls');
  };
  const admit = async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const [, token] = /^Bearer (.+)$/.exec(request.headers.authorization ?? '') ?? [];
    if ((tokens.get(token ?? '') ?? 0) <= clock.now()) return refuse(reply, 401, 'TOKEN', 'token ended or unknown');
    if (!bucket.take()) {
      shop.count('throttled');
      return throttled(request, reply);
    }
    void reply.header('x-quota-left', Math.floor(bucket.level));
    return undefined;
  };
  const item = (listing: ShopListing): object => {
    const { quantity, version } = shop.read(listing.sku)!;
    return {
      item_id: listing.fields['itemId'], sku: listing.sku, stock: { free: quantity, revision: version },
      state: listing.active ? 'live' : 'hidden', ...(!listing.active && { why: 'hidden by the seller' }),
    };
  };
  const set = (raw: unknown): object => {
    const parsed = update.safeParse(raw);
    if (!parsed.success) return { item_id: String((raw as { item_id?: unknown })?.item_id), status: 422, error: { code: 'SHAPE', text: parsed.error.issues[0]!.message } };
    const { item_id, to, if_revision } = parsed.data;
    const listing = byId(item_id);
    if (!listing) return { item_id, status: 404, error: { code: 'NO_SUCH_ITEM', text: `no item ${item_id}` } };
    if (!Number.isInteger(to) || to < 0) return { item_id, status: 422, error: { code: 'QUANTITY', text: `${to} is no quantity` } };
    if (if_revision !== undefined && String(if_revision) !== String(listing.version)) return { item_id, status: 409, error: { code: 'REVISION', text: `revision is ${listing.version}` } };
    if (!shop.write(listing.sku, to)) return { item_id, status: 200, free: to, revision: listing.version };
    return { item_id, status: 200, free: listing.quantity, revision: listing.version };
  };

  return {
    channel: 'generic-rest',
    shop,
    credentials,
    settings: { mapping: bazaarMapping },
    secrets: () => [credentials.clientSecret, ...issued],
    expireTokens: () => tokens.clear(),
    classify,
    throttled,
    failed: (_request, reply) => refuse(reply, 503, 'DOWN', 'try later'),
    routes(app: FastifyInstance): void {
      app.addHook('onSend', (_request, reply, payload, done) => {
        void reply.header('x-request-id', randomUUID());
        done(null, payload);
      });
      app.post<{ Body: Record<string, string> }>('/oauth/token', (request, reply) => {
        const { client_id, client_secret, grant_type } = request.body ?? {};
        if (grant_type !== 'client_credentials') return reply.code(400).send({ error: 'unsupported_grant_type' });
        if (client_id !== credentials.clientId || client_secret !== credentials.clientSecret || shop.faults.hit('revoke', 'token')) return reply.code(401).send({ error: 'invalid_client' });
        const token = `bz-token-${randomBytes(24).toString('base64url')}`;
        tokens.set(token, clock.now() + clock.real(tokenLifeMs));
        issued.push(token);
        return { access_token: token, token_type: 'bearer', expires_in: Math.max(1, Math.floor(clock.real(tokenLifeMs) / 1_000)) };
      });
      app.get<{ Querystring: { ids?: string; page?: string } }>('/v1/items', { preHandler: admit }, ({ query: { ids, page = '1' } }, reply) => {
        if (ids !== undefined) {
          const wanted = ids.split(',');
          if (wanted.length > idsMax) return refuse(reply, 422, 'IDS', `${idsMax} at most`);
          return { items: wanted.flatMap(id => byId(id) ?? []).map(item) };
        }
        const all = [...shop.listings.values()];
        const from = (Number(page) - 1) * pageSize;
        return { items: all.slice(from, from + pageSize).map(item), page: Number(page), pages: Math.max(1, Math.ceil(all.length / pageSize)) };
      });
      app.post<{ Body: { updates?: unknown[] } }>('/v1/stock', { preHandler: admit }, ({ body }, reply) => {
        if (!Array.isArray(body?.updates) || body.updates.length === 0 || body.updates.length > entriesMax) return refuse(reply, 422, 'SHAPE', `updates: 1 to ${entriesMax} are wanted`);
        return { results: body.updates.map(set) };
      });
      app.get<{ Querystring: { updated_since: string; cursor?: string } }>('/v1/orders', { preHandler: admit }, ({ query: { updated_since, cursor } }) => {
        // Keyset: an order that changes while it is paged comes again, and none is passed over.
        const after = cursor === undefined ? undefined : JSON.parse(Buffer.from(cursor, 'base64url').toString()) as { at: number; orderId: string };
        const all = shop.ordersChanged(Date.parse(updated_since), clock.now())
          .filter(({ updatedAt, orderId }) => !after || updatedAt > after.at || (updatedAt === after.at && orderId > after.orderId))
          .sort((a, b) => a.updatedAt - b.updatedAt || (a.orderId < b.orderId ? -1 : 1));
        const page = all.slice(0, pageSize);
        const last = page.at(-1);
        return {
          orders: page.map(({ orderId, createdAt, lines }) => ({
            number: orderId, created: new Date(createdAt).toISOString(),
            lines: lines.map(({ line, sku, units, cancelled, shipped }) => ({ no: line, sku, qty: units, cancelled, sent: shipped })),
          })),
          ...(all.length > page.length && last && { next: Buffer.from(JSON.stringify({ at: last.updatedAt, orderId: last.orderId })).toString('base64url') }),
        };
      });
    },
  };
};
