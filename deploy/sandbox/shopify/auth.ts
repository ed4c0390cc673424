/** The token endpoint: client credentials and rotating refresh tokens (shopify.md 1). */
import { randomBytes } from 'node:crypto';
import type { SandboxClock } from '../kit/clock.ts';

const clientCredentialsSeconds = 86_399;
const offlineSeconds = 3_600;
const refreshLifeMs = 90 * 86_400_000;

export interface TokenAnswer { status: number; body: Record<string, unknown> }

export class Auth {
  readonly clientId = `client-${randomBytes(8).toString('hex')}`;
  readonly clientSecret = `shpss_${randomBytes(16).toString('hex')}`;
  readonly #scopes: readonly string[];
  readonly #clock: SandboxClock;
  /** Ends by access token. */
  readonly #access = new Map<string, number>();
  /** By refresh token: its end, and the token it replaced. */
  readonly #refresh = new Map<string, { until: number; replaces: string | undefined }>();
  readonly #issued: string[] = [];

  constructor(clock: SandboxClock, scopes: readonly string[]) {
    this.#scopes = scopes;
    this.#clock = clock;
  }

  /** Everything secret that was ever given out. */
  get secrets(): string[] {
    return [this.clientSecret, ...this.#issued];
  }

  /** What an authorisation by a merchant gives: the first refresh token of a store. */
  firstRefreshToken(): string {
    return this.#newRefresh(this.#clock.now() + this.#clock.real(refreshLifeMs), undefined);
  }

  accepts(accessToken: unknown): boolean {
    return typeof accessToken === 'string' && (this.#access.get(accessToken) ?? 0) > this.#clock.now();
  }

  expireAll(): void {
    this.#access.clear();
  }

  answer(form: unknown, revoked: boolean): TokenAnswer {
    const { grant_type, client_id, client_secret, refresh_token } = (form ?? {}) as Record<string, unknown>;
    if (client_id !== this.clientId || client_secret !== this.clientSecret) return refused('invalid_client');
    if (revoked) return refused('invalid_grant');
    if (grant_type === 'client_credentials') return { status: 200, body: this.#newAccess(clientCredentialsSeconds) };
    if (grant_type !== 'refresh_token') return refused('unsupported_grant_type');
    const known = typeof refresh_token === 'string' ? this.#refresh.get(refresh_token) : undefined;
    if (!known || known.until <= this.#clock.now()) return refused('invalid_grant');
    // shopify.md 1: the old refresh token stays usable until the new one is first used.
    if (known.replaces !== undefined) this.#refresh.delete(known.replaces);
    const next = this.#newRefresh(known.until, refresh_token as string);
    return {
      status: 200,
      body: { ...this.#newAccess(offlineSeconds), refresh_token: next, refresh_token_expires_in: (known.until - this.#clock.now()) / 1000 },
    };
  }

  #newAccess(seconds: number): Record<string, unknown> {
    const token = `shpat_${randomBytes(16).toString('hex')}`;
    const lifeMs = this.#clock.real(seconds * 1000);
    this.#issued.push(token);
    this.#access.set(token, this.#clock.now() + lifeMs);
    return { access_token: token, scope: this.#scopes.join(), expires_in: lifeMs / 1000 };
  }

  #newRefresh(until: number, replaces: string | undefined): string {
    const token = `shprt_${randomBytes(16).toString('hex')}`;
    this.#issued.push(token);
    this.#refresh.set(token, { until, replaces });
    return token;
  }
}

const refused = (error: string): TokenAnswer => ({ status: 400, body: { error } });
