/** What stands before every Walmart call: token, required headers, and a bucket per operation. */
import { randomUUID } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Bucket } from '../kit/clock.ts';
import type { SandboxClock } from '../kit/clock.ts';
import type { Shop } from '../kit/shop.ts';
import { refuse } from './answers.ts';

/** walmart.md 1: "Lifetime 900 s". */
const tokenLifeSeconds = 900;

/** walmart.md 4, calls a minute, by Walmart's operation ids. */
export const perMinute = {
  updateMultiNodeInventory: 200,
  updateInventoryForAnItem: 200,
  getMultiNodeInventoryForSkuAndAllShipnodes: 200,
  getMultiNodeInventoryForAllSkuAndAllShipNodes: 200,
  getAllOrders: 5000,
  getFeedItemStatus: 5000,
} as const;

/** walmart.md 2.3: feeds of one node an hour. */
export const perHour = { updateBulkInventory: 10 } as const;

/** In no list of limits; as many as `config/limits` has. */
const unpublished = { getTokenDetail: 6 } as const;

export type OperationId = keyof typeof perMinute | keyof typeof perHour | keyof typeof unpublished;

export class Gate {
  readonly credentials: { clientId: string; clientSecret: string };
  /** Every token ever handed out. */
  readonly issued: string[] = [];
  readonly #live = new Map<string, number>();
  readonly #correlations = new Set<string>();
  readonly #buckets: Record<OperationId, Bucket>;
  readonly #clock: SandboxClock;
  readonly #shop: Shop;

  constructor(shop: Shop) {
    this.#shop = shop;
    this.#clock = shop.clock;
    this.credentials = { clientId: randomUUID(), clientSecret: `wm-${randomUUID()}-${randomUUID()}` };
    const buckets = (limits: Record<string, number>, seconds: number) => Object.entries(limits).map(([id, calls]) => [id, new Bucket(this.#clock, calls / seconds, calls)]);
    this.#buckets = Object.fromEntries([...buckets(perMinute, 60), ...buckets(perHour, 3_600), ...buckets(unpublished, 60)]) as Record<OperationId, Bucket>;
  }

  expireTokens(): void {
    this.#live.clear();
  }

  /** `POST /v3/token`. walmart.md 1: form body, Basic, XML unless JSON is asked for. */
  token(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    if (!this.#hasServiceHeaders(request, reply)) return reply;
    const { clientId, clientSecret } = this.credentials;
    const expected = `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`;
    if (request.headers.authorization !== expected || this.#shop.faults.hit('revoke', 'token')) {
      // walmart.md 1: "bad client id/secret at the token endpoint: 400 (measured) or 401".
      return refuse(reply, 'gateway', { status: 400, code: 'INVALID_REQUEST_CONTENT.GMP_GATEWAY_API', description: 'invalid client credentials' });
    }
    const form = request.headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true;
    if (!form || (request.body as { grant_type?: string } | undefined)?.grant_type !== 'client_credentials') {
      return refuse(reply, 'gateway', { status: 400, code: 'INVALID_REQUEST_CONTENT.GMP_GATEWAY_API', description: 'grant_type must be client_credentials, as a form', field: 'grant_type' });
    }
    const token = `eyJ${randomUUID()}.${randomUUID()}`;
    this.issued.push(token);
    this.#live.set(token, this.#clock.now() + this.#clock.real(tokenLifeSeconds * 1000));
    if (!wantsJson(request)) {
      return reply.type('application/xml').send(`<OAuthTokenDTO><accessToken>${token}</accessToken><tokenType>Bearer</tokenType><expiresIn>${tokenLifeSeconds}</expiresIn></OAuthTokenDTO>`);
    }
    return reply.send({ access_token: token, token_type: 'Bearer', expires_in: tokenLifeSeconds });
  }

  /** True when the call may go on; otherwise the refusal was sent. */
  admit(id: OperationId, request: FastifyRequest, reply: FastifyReply): boolean {
    if (!this.#hasServiceHeaders(request, reply)) return false;
    if (!wantsJson(request)) {
      refuse(reply, 'gateway', { status: 406, code: 'INVALID_ACCEPT_TYPE.GMP_GATEWAY_API', description: 'Accept must be application/json' });
      return false;
    }
    // walmart.md 0.8: the token has a header of its own; Bearer alone gives 401.
    const token = request.headers['wm_sec.access_token'];
    if (typeof token !== 'string' || (this.#live.get(token) ?? 0) <= this.#clock.now()) {
      refuse(reply, 'gateway', { status: 401, code: 'UNAUTHORIZED.GMP_GATEWAY_API', description: 'Unauthorized' });
      return false;
    }
    if (request.method === 'PUT' && request.headers['content-type']?.startsWith('application/json') !== true) {
      refuse(reply, 'gateway', { status: 415, code: 'UNSUPPORTED_MEDIA_TYPE.GMP_GATEWAY_API', description: 'Content-Type must be application/json' });
      return false;
    }
    const bucket = this.#buckets[id];
    const passed = bucket.take();
    this.#tellRate(bucket, reply);
    if (passed) return true;
    this.#shop.count('throttled');
    this.throttled(reply, bucket.waitMs());
    return false;
  }

  /**
   * walmart.md 4 and 5: 429 REQUEST_THRESHOLD_VIOLATED, `Retry-After` seen on it.
   *
   * @param waitMs in the sandbox's own time; the header tells vendor seconds
   */
  throttled(reply: FastifyReply, waitMs: number): FastifyReply {
    reply.header('retry-after', String(Math.ceil((waitMs * this.#clock.scale) / 1000)));
    return refuse(reply, 'gateway', { status: 429, code: 'REQUEST_THRESHOLD_VIOLATED.GMP_GATEWAY_API', description: 'Request threshold violated' });
  }

  /** walmart.md 4: tokens left, and the instant the bucket is full again as epoch ms. */
  #tellRate(bucket: Bucket, reply: FastifyReply): void {
    reply.header('x-current-token-count', String(Math.floor(bucket.level)));
    reply.header('x-next-replenish-time', String(Math.ceil(this.#clock.now() + bucket.waitMs(bucket.level < 1 ? 1 : bucket.burst))));
  }

  #hasServiceHeaders(request: FastifyRequest, reply: FastifyReply): boolean {
    for (const name of ['WM_SVC.NAME', 'WM_QOS.CORRELATION_ID']) {
      if (request.headers[name.toLowerCase()]) continue;
      refuse(reply, 'documented', { status: 400, code: 'MISSING_REQUEST_HEADER.GMP_GATEWAY_API', description: `${name} is required`, field: name });
      return false;
    }
    // walmart.md 1: "new UUID per request". Walmart does not refuse a repeat; the count lets a test do so.
    const correlation = String(request.headers['wm_qos.correlation_id']);
    if (this.#correlations.has(correlation)) this.#shop.count('correlation.repeated');
    if (this.#correlations.size >= 10_000) this.#correlations.clear();
    this.#correlations.add(correlation);
    return true;
  }
}

const wantsJson = (request: FastifyRequest): boolean => request.headers.accept?.includes('application/json') === true;
