/**
 * `POST /hooks/<account>`: a channel's own notifications. Answered as the vendor wants it once the gist is journaled,
 * and in the vendor's time whatever the journal does. Stateless but for a memory of ids: it runs on every node.
 */
import Fastify from 'fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { NatsConnection } from 'nats';
import type { Logger } from 'pino';
import type { ChannelHooks, Hook, HookContext } from '../../../actors/channel/hook.ts';
import type { HooksDoor } from '../../../config/hooks.ts';
import type { Publisher } from '../../../runtime/publisher.ts';
import { HookIntake } from './intake.ts';

export interface HookDoorPorts {
  door: HooksDoor;
  /** Those that take notifications over HTTP, by account. */
  accounts: ReadonlyMap<string, { hooks: ChannelHooks; context: HookContext }>;
  publisher: Publisher;
  nc: NatsConnection;
  log: Logger;
  now(): number;
}

export interface OpenHookDoor {
  /** `http://<host>:<port>` */
  url: string;
  /** Takes no more deliveries; resolves when those under way are answered. */
  close(): Promise<void>;
}

type Delivery = FastifyRequest<{ Params: { account: string }; Querystring: { challenge_code?: unknown } }>;

const requestMs = 5_000;
/** Deliveries under way are answered within; a connection that says nothing is cut then, ms. */
const closeMs = 3_500;

/** @throws {Error} when the address cannot be listened on */
export async function openHookDoor({ door, accounts, publisher, nc, log, now }: HookDoorPorts): Promise<OpenHookDoor> {
  const intake = new HookIntake({ publisher, nc, now });
  const app = Fastify({ bodyLimit: door.maxBytes, requestTimeout: requestMs, forceCloseConnections: 'idle', routerOptions: { maxParamLength: 200 } });
  let open = 0;

  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.setNotFoundHandler((request, reply) => refuse(reply, 404, `${request.method} ${request.url.slice(0, 100)}: POST /hooks/<account> is all there is`));
  app.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    const status = error.statusCode ?? 500;
    if (status < 500) return refuse(reply, status, error.message);
    log.error({ err: error, url: request.url.slice(0, 100) }, 'notification broke');
    return refuse(reply, 500, 'the notification was not stored: send it again');
  });

  app.get('/hooks/:account', async (request: Delivery, reply) => {
    const { account } = request.params;
    const { challenge_code: code } = request.query;
    const found = accounts.get(account);
    if (!found?.hooks.challenge || typeof code !== 'string') return refuse(reply, 404, `account ${JSON.stringify(account)} answers no challenge`);
    return reply.code(200).type('application/json').send(JSON.stringify(found.hooks.challenge(code, found.context.settings)));
  });

  app.post('/hooks/:account/token', (request: Delivery, reply) => {
    const { account } = request.params;
    const found = accounts.get(account);
    const body = request.body instanceof Uint8Array ? request.body : new Uint8Array();
    const token = found?.hooks.token?.({ body, headers: single(request.headers), at: now() }, found.context);
    if (!token) return refuse(reply, 404, `account ${JSON.stringify(account)} gives no tokens`);
    return 'refused' in token ? refuse(reply, 401, token.refused) : reply.header('Cache-Control', 'no-store').code(200).send(token);
  });

  app.post('/hooks/:account', {
    onRequest: async (request: Delivery, reply) => {
      if (!accounts.has(request.params.account)) return refuse(reply, 404, `account ${JSON.stringify(request.params.account)} takes no notifications`);
      if (open >= door.maxOpen) return later(reply, `${door.maxOpen} notifications are being stored`);
      open += 1;
      reply.raw.once('close', () => { open -= 1; });
      return undefined;
    },
  }, async (request: Delivery, reply) => {
    const { account } = request.params;
    const { hooks, context } = accounts.get(account)!;
    const body = request.body instanceof Uint8Array ? request.body : new Uint8Array();
    const hook: Hook = { body, headers: single(request.headers), at: now() };
    const work = (async (): Promise<FastifyReply> => {
      const refused = await hooks.verify(hook, context);
      if (refused) return refuse(reply, 401, refused.refused);
      const notice = hooks.read(hook, context);
      if ('refused' in notice) return refuse(reply, 400, notice.refused);
      await intake.take(account, notice);
      return reply.code(hooks.status).send(hooks.status === 204 ? undefined : { stored: true });
    })();
    return within(hooks.answerWithinMs, work, () => later(reply, 'the journal did not answer in time')).catch((error: Error) => {
      log.warn({ err: error, account }, 'notification not stored, the sender is asked to send it again');
      return later(reply, 'the notification could not be checked or stored');
    });
  });

  await app.listen({ host: door.host, port: door.port ?? 0 });
  const [{ address, family, port }] = app.addresses() as [{ address: string; family: string; port: number }];
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    async close() {
      const cut = setTimeout(() => app.server.closeAllConnections(), closeMs);
      await app.close();
      clearTimeout(cut);
    },
  };
}

/** Two headers of one name would let the sender choose which one is looked at: it counts as none. */
function single(headers: FastifyRequest['headers']): Hook['headers'] {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? value : undefined]));
}

function refuse(reply: FastifyReply, status: number, error: string): FastifyReply {
  if (reply.sent) return reply;
  void reply.header('Connection', 'close');
  return reply.code(status).send({ stored: false, error });
}

function later(reply: FastifyReply, why: string): FastifyReply {
  if (reply.sent) return reply;
  void reply.header('Retry-After', 1);
  return refuse(reply, 503, `${why}: send it again, a repeat is harmless`);
}

/** What `work` gives, or what `late` gives after so long; `work` then ends unheard. */
async function within<T>(ms: number, work: Promise<T>, late: () => T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<typeof late>(resolve => { timer = setTimeout(() => resolve(late), ms); });
  try {
    const first = await Promise.race([work, over]);
    if (first !== late) return first as T;
    work.catch(() => undefined);
    return late();
  } finally {
    clearTimeout(timer);
  }
}
