/** How Amazon says no, and the headers of every answer. */
import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { Bucket } from '../kit/clock.ts';
import type { SandboxClock } from '../kit/clock.ts';

/** amazon.md 4, rate and burst per account and application; the smaller burst where the sources differ. */
export const limits = {
  patchListingsItem: { perSecond: 5, burst: 5 },
  getListingsItem: { perSecond: 5, burst: 5 },
  searchListingsItems: { perSecond: 5, burst: 5 },
  searchOrders: { perSecond: 0.0056, burst: 20 },
  createFeedDocument: { perSecond: 0.5, burst: 15 },
  createFeed: { perSecond: 0.0083, burst: 5 },
  getFeed: { perSecond: 2, burst: 15 },
  getFeedDocument: { perSecond: 0.0222, burst: 10 },
};
export type LimitName = keyof typeof limits;

/** Thrown by a handler to refuse a call; `Answers.install` sends it. */
export class Denied extends Error {
  readonly status: number;
  readonly code: string;
  readonly details: string | undefined;

  constructor(status: number, code: string, message: string, details?: string) {
    super(message);
    this.status = status;
    this.code = code;
    this.details = details;
  }
}

export const badRequest = (details: string): Denied => new Denied(400, 'InvalidInput', 'Invalid Input', details);

/** amazon.md 1: one status, code and message for all of these; `details` tells them apart, or is empty. */
export const unauthorized = (details = ''): Denied => new Denied(403, 'Unauthorized', 'Access to requested resource is denied.', details);

export class Answers {
  readonly #buckets: Record<LimitName, Bucket>;

  constructor(clock: SandboxClock) {
    this.#buckets = Object.fromEntries(
      Object.entries(limits).map(([name, { perSecond, burst }]) => [name, new Bucket(clock, perSecond, burst)]),
    ) as Record<LimitName, Bucket>;
  }

  /** Takes a token of the operation's bucket and tells its rate, or refuses. */
  admit(operation: LimitName, reply: FastifyReply): void {
    const bucket = this.#buckets[operation];
    if (!bucket.take()) throw new Denied(429, 'QuotaExceeded', 'You exceeded your quota for the requested resource.', '');
    // amazon.md 4: a decimal string such as 5.0; the rate as this sandbox's clock applies it.
    const rate = bucket.perSecond;
    reply.header('x-amzn-RateLimit-Limit', Number.isInteger(rate) ? rate.toFixed(1) : String(rate));
  }

  install(app: FastifyInstance): void {
    app.addHook('onRequest', (_request, reply, done) => {
      reply.header('x-amzn-RequestId', randomUUID());
      done();
    });
    app.setErrorHandler((error: unknown, _request, reply) => {
      if (error instanceof Denied) return this.#send(reply, error);
      const { statusCode } = error as { statusCode?: number };
      // listingsItems model, 400 of patchListingsItem: what is not JSON at all.
      if (statusCode === 400) return this.#send(reply, new Denied(400, 'BAD_REQUEST', 'Invalid input', 'Invalid input'));
      if (statusCode === 413) return this.#send(reply, new Denied(413, 'RequestTooLarge', 'The request size exceeded the maximum accepted size.'));
      return this.failed(reply);
    });
    // amazon.md 1: a SKU with an unencoded `/` gives 403 with empty details, as does any other unknown path.
    app.setNotFoundHandler((_request, reply) => this.#send(reply, unauthorized()));
  }

  /** amazon.md 4: the body that all clients report; no Retry-After, no rate. */
  throttled(reply: FastifyReply): unknown {
    return this.#send(reply, new Denied(429, 'QuotaExceeded', 'You exceeded your quota for the requested resource.', ''));
  }

  /** amazon.md 5. */
  failed(reply: FastifyReply): unknown {
    return this.#send(reply, new Denied(500, 'InternalFailure', 'We encountered an internal error. Please try again.', ''));
  }

  #send(reply: FastifyReply, { status, code, message, details }: Denied): unknown {
    // amazon.md 4: the rate is told on 2xx, 400 and 404 only.
    if (status !== 400 && status !== 404) reply.removeHeader('x-amzn-RateLimit-Limit');
    return reply.code(status).send({ errors: [{ code, message, ...(details !== undefined && { details }) }] });
  }
}
