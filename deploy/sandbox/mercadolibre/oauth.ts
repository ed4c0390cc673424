/** The token endpoint: refresh tokens that work once, access tokens that end (mercadolibre.md 1). */
import { randomBytes } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { SandboxClock } from '../kit/clock.ts';
import type { Faults } from '../kit/faults.ts';
import { refuse } from './errors.ts';

/** mercadolibre.md 1: the sample's `expires_in`, s; the text says 6 hours. */
const accessLifeS = 10_800;
/** mercadolibre.md 1: 6 months. */
const refreshLifeMs = 182 * 24 * 3_600_000;

export class Oauth {
  readonly clientId = '1111111111111111';
  readonly clientSecret = randomBytes(16).toString('hex');
  readonly userId: string;
  /** The one that the seller's consent gave. */
  readonly firstRefreshToken: string;
  readonly #clock: SandboxClock;
  readonly #faults: Faults;
  #refresh: { token: string; until: number };
  /** End by token, epoch ms. */
  readonly #access = new Map<string, number>();
  readonly #issued: string[] = [];

  constructor(userId: string, clock: SandboxClock, faults: Faults) {
    this.userId = userId;
    this.#clock = clock;
    this.#faults = faults;
    this.#refresh = this.#newRefresh();
    this.firstRefreshToken = this.#refresh.token;
  }

  secrets(): string[] {
    return [this.clientSecret, ...this.#issued];
  }

  expireAccess(): void {
    for (const token of this.#access.keys()) this.#access.set(token, 0);
  }

  /** True for the seller's own call, false for one without a token; a bad token is answered and undefined. */
  owner(request: FastifyRequest, reply: FastifyReply): boolean | undefined {
    const { authorization } = request.headers;
    if (authorization === undefined) return false;
    const until = this.#access.get(authorization.replace(/^Bearer /, ''));
    if (until !== undefined && until > this.#clock.now()) return true;
    // mercadolibre.md 1: 401, the wording varies.
    if (until === undefined) refuse(reply, 401, 'not_found', 'invalid access token');
    else refuse(reply, 401, 'unauthorized', 'expired_token');
    return undefined;
  }

  token(request: FastifyRequest, reply: FastifyReply): unknown {
    const form = (request.body ?? {}) as Record<string, string | undefined>;
    // mercadolibre.md 1: form body with exactly these names.
    if (!request.headers['content-type']?.startsWith('application/x-www-form-urlencoded')) return refuse(reply, 400, 'invalid_request', 'a form body is required');
    if (form['grant_type'] !== 'refresh_token') return refuse(reply, 400, 'unsupported_grant_type', 'grant_type must be refresh_token');
    if (form['client_id'] !== this.clientId || form['client_secret'] !== this.clientSecret) return refuse(reply, 400, 'invalid_client', 'invalid client_id or client_secret');
    const revoked = this.#faults.hit('revoke', 'token') !== undefined;
    const { token, until } = this.#refresh;
    // mercadolibre.md 0.5: works once, and only the newest is valid.
    if (revoked || form['refresh_token'] !== token || until < this.#clock.now()) {
      return reply.code(400).send({
        error_description: 'Error validating grant. Your authorization code or refresh token may be expired or it was already used',
        error: 'invalid_grant',
        status: 400,
        cause: [],
      });
    }
    this.#refresh = this.#newRefresh();
    const lifeMs = this.#clock.real(accessLifeS * 1000);
    const access = `APP_USR-${this.clientId}-${randomBytes(3).toString('hex')}-${randomBytes(16).toString('hex')}-${this.userId}`;
    this.#issued.push(access);
    this.#access.set(access, this.#clock.now() + lifeMs);
    return {
      access_token: access,
      token_type: 'bearer',
      expires_in: Math.max(1, Math.floor(lifeMs / 1000)),
      scope: 'offline_access read write',
      user_id: Number(this.userId),
      refresh_token: this.#refresh.token,
    };
  }

  #newRefresh(): { token: string; until: number } {
    const token = `TG-${randomBytes(12).toString('hex')}-${this.userId}`;
    this.#issued.push(token);
    return { token, until: this.#clock.now() + this.#clock.real(refreshLifeMs) };
  }
}
