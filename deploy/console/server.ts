/**
 * The console: a page and what it shows, over HTTP on loopback. What it knows comes from NATS alone, so it runs beside
 * any node. Nothing can be changed through it unless it was started with a token for that.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import fastify from 'fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { NatsConnection } from 'nats';
import type { Logger } from 'pino';
import { act, ActionError, readAction } from './actions.ts';
import { NoSettingsError } from '../replay.ts';
import { loadAssets } from './assets.ts';
import { historyOf } from './history.ts';
import { Picture } from './picture.ts';
import { shadowAccounts, shadowRows } from './shadow.ts';
import { Tellers } from './telling.ts';

export interface ConsoleOptions {
  host: string;
  port: number;
  /** Whoever sends it may press buttons; without one there are none. */
  token?: string | undefined;
}

export interface RunningConsole { url: string; close(): Promise<void> }

const closeMs = 500;
const found = 20;

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** @throws {Error} when the address cannot be listened on, or a library of the page is not installed */
export async function openConsole(nc: NatsConnection, { host, port, token }: ConsoleOptions, log: Logger): Promise<RunningConsole> {
  const assets = await loadAssets();
  const picture = new Picture(nc, log);
  await picture.start();
  const tellers = new Tellers(picture, token !== undefined);
  const app = fastify({ logger: false, bodyLimit: 65_536 });
  const isLoopback = ['127.0.0.1', '::1', 'localhost'].includes(host);

  app.addHook('onRequest', async (request, reply) => {
    void reply.headers({
      'Content-Security-Policy': policy, 'X-Content-Type-Options': 'nosniff', 'Referrer-Policy': 'no-referrer', 'Cross-Origin-Resource-Policy': 'same-origin',
      'Cache-Control': 'no-cache',
    });
    // A page elsewhere may have given its own name this address.
    if (isLoopback && !/^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(request.headers.host ?? '')) return reply.code(421).send({ error: `Host: ${JSON.stringify(request.headers.host)} is not this machine` });
  });
  app.setNotFoundHandler((request, reply) => reply.code(404).send({ error: `there is nothing at ${request.url}` }));
  app.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    const status = error instanceof ActionError || error instanceof RangeError ? 400 : error instanceof NoSettingsError ? 503 : error.statusCode ?? 500;
    if (status === 500) log.error({ err: error, url: request.url }, 'console broke');
    return reply.code(status).send({ error: error.message });
  });

  for (const [address, { type, body, etag }] of assets) {
    app.get(address, (request, reply) => {
      void reply.header('ETag', etag);
      return request.headers['if-none-match'] === etag ? reply.code(304).send() : reply.type(type).send(body);
    });
  }
  app.get('/events', (_request, reply) => {
    reply.hijack();
    reply.raw.writeHead(200, { ...reply.getHeaders() as Record<string, string>, 'Content-Type': 'text/event-stream', 'X-Accel-Buffering': 'no' });
    tellers.add(reply.raw);
  });
  app.get<{ Querystring: { q?: string } }>('/api/skus', request => ({ skus: picture.catalogue.search(request.query.q ?? '', found) }));
  app.get<{ Params: { sku: string } }>('/api/sku/:sku', async (request, reply) => {
    const { sku } = request.params;
    return await historyOf(nc, sku) ?? reply.code(404).send({ error: `no SKU is called ${JSON.stringify(sku)}` });
  });
  app.get('/api/shadow', async () => ({ accounts: await shadowAccounts(nc, picture.accounts) }));
  app.get<{ Params: { account: string }; Querystring: { from?: string; differing?: string } }>('/api/shadow/:account', async (request, reply) => {
    const { account } = request.params;
    const { from = '0', differing = '1' } = request.query;
    if (!/^\d{1,9}$/.test(from)) throw new RangeError(`from: must be a whole number from 0 on, got ${JSON.stringify(from)}`);
    if (differing !== '0' && differing !== '1') throw new RangeError(`differing: must be 0 or 1, got ${JSON.stringify(differing)}`);
    if (![...picture.accounts].includes(account)) return reply.code(404).send({ error: `no account is called ${JSON.stringify(account)}` });
    return await shadowRows(nc, account, Number(from), differing === '1');
  });
  app.post('/api/actions', { onRequest: async (request, reply) => refusal(request, reply, token) }, async request => {
    const action = readAction(request.body);
    const answer = await act(nc, action);
    log.info({ action, answer }, 'pressed');
    tellers.soon();
    return answer;
  });

  try {
    await app.listen({ host, port });
  } catch (error) {
    tellers.close();
    await picture.stop();
    throw error;
  }
  const [{ address, family, port: bound }] = app.addresses() as [{ address: string; family: string; port: number }];
  const url = `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}/`;
  log.info({ url, actions: token !== undefined }, 'console is open');
  return {
    url,
    async close() {
      tellers.close();
      const cut = setTimeout(() => app.server.closeAllConnections(), closeMs);
      await app.close();
      clearTimeout(cut);
      await picture.stop();
    },
  };
}

/** A header that no other site's page can send is what lets buttons be pressed. */
async function refusal({ headers: { authorization } }: FastifyRequest, reply: FastifyReply, token: string | undefined): Promise<FastifyReply | undefined> {
  if (token === undefined) return reply.code(403).send({ error: 'this console only shows: start it with --actions to press buttons' });
  const given = /^Bearer (.+)$/.exec(authorization ?? '')?.[1] ?? '';
  if (timingSafeEqual(digest(given), digest(token))) return undefined;
  return reply.code(401).header('WWW-Authenticate', 'Bearer').send({ error: 'that is not the token that the console printed when it was started' });
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
