/** eBay's identity service: access tokens from a refresh token that never rotates. */
import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { SandboxClock } from '../kit/clock.ts';
import type { Faults } from '../kit/faults.ts';

/** ebay.md 1: 7,200 s. */
const lifeMs = 7_200_000;

export class Grants {
  readonly credentials = {
    clientId: 'Plumb-sandbox-SBX-0001',
    clientSecret: `SBX-${randomBytes(12).toString('hex')}`,
    refreshToken: `v^1.1#r^1#${randomBytes(24).toString('base64url')}`,
  };
  readonly #tokens = new Map<string, number>();
  readonly #applications = new Map<string, number>();
  readonly #issued: string[] = [];
  readonly #clock: SandboxClock;
  readonly #faults: Faults;

  constructor(clock: SandboxClock, faults: Faults) {
    this.#clock = clock;
    this.#faults = faults;
  }

  expireAll(): void {
    this.#tokens.clear();
  }

  secrets(): string[] {
    return [this.credentials.clientSecret, this.credentials.refreshToken, ...this.#issued];
  }

  /** True for `Authorization: Bearer <a living token>`. */
  admits(request: FastifyRequest): boolean {
    const [, token] = /^Bearer (.+)$/.exec(request.headers.authorization ?? '') ?? [];
    return (this.#tokens.get(token ?? '') ?? 0) > this.#clock.now();
  }

  /** The same for a token in a header of its own. */
  admitsToken(token: unknown): boolean {
    return typeof token === 'string' && (this.#tokens.get(token) ?? 0) > this.#clock.now();
  }

  /** The same for an application's own token. */
  admitsApplication(request: FastifyRequest): boolean {
    const [, token] = /^Bearer (.+)$/.exec(request.headers.authorization ?? '') ?? [];
    return (this.#applications.get(token ?? '') ?? 0) > this.#clock.now();
  }

  routes(app: FastifyInstance): void {
    app.post<{ Body: Record<string, string> }>('/identity/v1/oauth2/token', (request, reply) => {
      const { clientId, clientSecret, refreshToken } = this.credentials;
      const oauth = (status: number, code: string, description: string): unknown =>
        reply.code(status).send({ error: code, error_description: description });
      const basic = Buffer.from(`${clientId}:${clientSecret}`).toString('base64');
      if (request.headers.authorization !== `Basic ${basic}`) return oauth(401, 'invalid_client', 'client authentication failed');
      if (!request.headers['content-type']?.startsWith('application/x-www-form-urlencoded')) return oauth(400, 'invalid_request', 'form body expected');
      if (request.body?.['grant_type'] === 'client_credentials') {
        // ebay.md 1 "Application token": no seller behind it; good for public keys, refused by the Sell APIs.
        const application = `v^1.1#i^1#app#${randomBytes(24).toString('base64url')}`;
        const lives = this.#clock.real(lifeMs);
        this.#applications.set(application, this.#clock.now() + lives);
        this.#issued.push(application);
        return { access_token: application, expires_in: Math.max(1, Math.floor(lives / 1000)), token_type: 'Application Access Token' };
      }
      if (request.body?.['grant_type'] !== 'refresh_token') return oauth(400, 'unsupported_grant_type', 'grant type in request is not supported');
      // ebay.md 1 "Refresh refused": 400 invalid_grant.
      if (this.#faults.hit('revoke', 'token') || request.body['refresh_token'] !== refreshToken) {
        return oauth(400, 'invalid_grant', 'the provided authorization refresh token is invalid or was issued to another client');
      }
      const token = `v^1.1#i^1#${randomBytes(32).toString('base64url')}`;
      const realMs = this.#clock.real(lifeMs);
      this.#tokens.set(token, this.#clock.now() + realMs);
      this.#issued.push(token);
      // ebay.md 1 "Refresh": no new refresh token. Seconds of this sandbox's own clock.
      return { access_token: token, expires_in: Math.max(1, Math.floor(realMs / 1000)), token_type: 'User Access Token' };
    });
  }
}
