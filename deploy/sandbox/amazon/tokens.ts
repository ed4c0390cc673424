/** Login with Amazon: access tokens of an hour for the seller's refresh token (amazon.md 1). */
import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { CallKind } from '../kit/faults.ts';
import type { Shop } from '../kit/shop.ts';
import { unauthorized } from './answers.ts';

const lifetimeMs = 3_600_000;
const secret = (prefix: string): string => prefix + randomBytes(24).toString('base64url');

export class Lwa {
  readonly credentials: { clientId: string; clientSecret: string; refreshToken: string };
  /** Access tokens handed out, each with its end in epoch ms. */
  readonly #issued = new Map<string, number>();
  readonly #shop: Shop;

  constructor(shop: Shop, account: string) {
    this.#shop = shop;
    this.credentials = {
      clientId: `amzn1.application-oa2-client.${account}`,
      clientSecret: secret('amzn1.oa2-cs.v1.'),
      refreshToken: secret('Atzr|'),
    };
  }

  secrets(): string[] {
    return [this.credentials.clientSecret, this.credentials.refreshToken, ...this.#issued.keys()];
  }

  expireAll(): void {
    for (const token of this.#issued.keys()) this.#issued.set(token, 0);
  }

  routes(app: FastifyInstance): void {
    app.post('/auth/o2/token', (request, reply) => this.#grant(request, reply));
  }

  /** @throws {Denied} 403 with the details that tell why (amazon.md 1, failures) */
  authorise(request: FastifyRequest, kind: CallKind): void {
    const token = request.headers['x-amz-access-token'];
    if (typeof token !== 'string' || token === '') throw unauthorized('Access token is missing in the request header.');
    const end = this.#issued.get(token);
    if (end === undefined || this.#shop.faults.hit('revoke', kind)) {
      throw unauthorized('The access token you provided is revoked, malformed or invalid.');
    }
    if (end <= this.#shop.clock.now()) throw unauthorized('The access token you provided has expired.');
  }

  #grant(request: FastifyRequest, reply: FastifyReply): unknown {
    const refuse = (status: number, error: string, description: string): unknown =>
      reply.code(status).send({ error, error_description: description });
    // amazon.md 1: form-encoded.
    if (!request.headers['content-type']?.startsWith('application/x-www-form-urlencoded')) {
      return refuse(400, 'invalid_request', 'The request has an unsupported content type.');
    }
    const form = (request.body ?? {}) as Record<string, string>;
    if (form['client_id'] !== this.credentials.clientId || form['client_secret'] !== this.credentials.clientSecret) {
      return refuse(401, 'invalid_client', 'Client authentication failed');
    }
    if (form['grant_type'] !== 'refresh_token') return refuse(400, 'unsupported_grant_type', 'The authorization grant type is not supported');
    if (form['refresh_token'] !== this.credentials.refreshToken || this.#shop.faults.hit('revoke', 'token')) {
      return refuse(400, 'invalid_grant', 'The request has an invalid grant parameter : refresh_token');
    }
    const token = secret('Atza|');
    const lifeMs = this.#shop.clock.real(lifetimeMs);
    this.#issued.set(token, this.#shop.clock.now() + lifeMs);
    return reply.header('cache-control', 'no-store').send({
      access_token: token, token_type: 'bearer', expires_in: Math.max(1, Math.floor(lifeMs / 1000)), refresh_token: form['refresh_token'],
    });
  }
}
