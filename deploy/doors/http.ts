/**
 * The webhook door: `POST /ingest/<source>`. Answers 202 only when the INGEST journal has the raw body. Stateless: it
 * runs on every node, behind whatever terminates TLS.
 */
import Fastify from 'fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { HttpDoor, HttpSource } from '../../config/doors.ts';
import { PublishError } from '../../runtime/publisher.ts';
import type { Publisher } from '../../runtime/publisher.ts';
import { refusalOf, tokenRefusal } from './authentic.ts';
import { digest, receive } from './receipt.ts';

export interface HttpDoorPorts {
  door: HttpDoor;
  publisher: Publisher;
  log: Logger;
  now(): number;
  /** Bytes that the broker takes in one message. */
  brokerMaxBytes: number;
}

export interface OpenHttpDoor {
  /** `http://<host>:<port>` */
  url: string;
  /** Takes no more requests; those under way are answered, or cut off after 2 s. */
  close(): Promise<void>;
}

type Post = FastifyRequest<{ Params: { source: string } }>;

/** Room for headers and subject in a message. */
const overhead = 4_096;
/** A body that dribbles in holds a place no longer than this, ms. */
const requestMs = 15_000;
const retryAfterS = 1;
const closeMs = 2_000;

/** @throws {Error} when the address cannot be listened on */
export async function openHttpDoor({ door, publisher, log, now, brokerMaxBytes }: HttpDoorPorts): Promise<OpenHttpDoor> {
  const sources = new Map(door.sources.map(each => [each.source, { ...each, maxBytes: Math.min(each.maxBytes, brokerMaxBytes - overhead) }]));
  const app = Fastify({
    bodyLimit: Math.max(1, ...[...sources.values()].map(({ maxBytes }) => maxBytes)),
    requestTimeout: requestMs,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 200 },
  });
  let open = 0;

  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.setNotFoundHandler((request, reply) => refuse(reply, 404, `${request.method} ${request.url.slice(0, 100)}: POST /ingest/<source> is all there is`));
  app.setErrorHandler((error: Error & { statusCode?: number; code?: string }, request, reply) => {
    const status = error.statusCode ?? 500;
    if (status < 500) return refuse(reply, status, error.code === 'FST_ERR_CTP_BODY_TOO_LARGE' ? tooLarge(sources.get((request as Post).params.source)) : error.message);
    log.error({ err: error, url: request.url }, 'webhook broke');
    return refuse(reply, 500, 'the message was not stored: send it again');
  });

  app.post<{ Params: { source: string } }>('/ingest/:source', {
    // Before the body is read: what is not wanted costs nothing.
    onRequest: async (request, reply) => {
      const source = sources.get(request.params.source);
      if (!source) return refuse(reply, 404, `source ${JSON.stringify(request.params.source)} has no webhook`);
      if (open >= door.maxOpen) return busy(reply, `${door.maxOpen} messages are being stored`);
      if (source.auth.type === 'bearer') {
        const refusal = tokenRefusal(source.auth.tokens, request.headers.authorization);
        if (refusal !== undefined) return unauthorized(reply, refusal);
      }
      const type = typeOf(request);
      if (!source.contentTypes.includes(type)) return refuse(reply, 415, `Content-Type: ${JSON.stringify(type)} is none of ${source.contentTypes.join(', ')}`);
      if (Number(request.headers['content-length'] ?? 0) > source.maxBytes) return refuse(reply, 413, tooLarge(source));
      open += 1;
      reply.raw.once('close', () => { open -= 1; });
    },
  }, async (request, reply) => {
    const source = sources.get(request.params.source)!;
    const body = request.body instanceof Uint8Array ? request.body : new Uint8Array();
    if (body.length > source.maxBytes) return refuse(reply, 413, tooLarge(source));
    const refusal = refusalOf(source.auth, request.headers, body, now());
    if (refusal !== undefined) return unauthorized(reply, refusal);
    if (body.length === 0) return refuse(reply, 400, 'body: a message is wanted, got nothing');
    const given = source.idHeader === undefined ? undefined : request.headers[source.idHeader];
    if (source.idHeader !== undefined && (typeof given !== 'string' || given === '')) return refuse(reply, 400, `${source.idHeader}: the message's id is wanted, got nothing`);
    try {
      const id = given === undefined ? digest(body) : String(given);
      const { seq, duplicate } = await receive(publisher, { source: source.source, door: 'http', id, contentType: request.headers['content-type']!, body });
      return reply.code(202).send({ stored: true, sequence: seq, duplicate });
    } catch (error) {
      if (!(error instanceof PublishError)) throw error;
      log.warn({ err: error, source: source.source }, 'webhook not stored, the sender is asked to send it again');
      return busy(reply, 'the journal did not answer');
    }
  });

  await app.listen({ host: door.host, port: door.port });
  const [{ address, family, port }] = app.addresses() as [{ address: string; family: string; port: number }];
  const url = `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
  log.info({ url, sources: [...sources.keys()] }, 'webhooks are taken');
  return {
    url,
    async close() {
      const cut = setTimeout(() => app.server.closeAllConnections(), closeMs);
      await app.close();
      clearTimeout(cut);
    },
  };
}

function refuse(reply: FastifyReply, status: number, error: string): FastifyReply {
  // What is left of the body is not read: the connection is of no use any more.
  if (status !== 202) void reply.header('Connection', 'close');
  return reply.code(status).send({ stored: false, error });
}

function unauthorized(reply: FastifyReply, error: string): FastifyReply {
  void reply.header('WWW-Authenticate', error.startsWith('Authorization') ? 'Bearer' : 'Signature');
  return refuse(reply, 401, error);
}

function busy(reply: FastifyReply, why: string): FastifyReply {
  void reply.header('Retry-After', retryAfterS);
  return refuse(reply, 503, `${why}: send it again, a repeat is harmless`);
}

function tooLarge(source: HttpSource | undefined): string {
  return `body: ${source?.maxBytes ?? 0} bytes at most`;
}

function typeOf(request: FastifyRequest): string {
  return (request.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase();
}
