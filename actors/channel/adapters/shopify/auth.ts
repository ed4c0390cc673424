/**
 * Access tokens of one store (shopify.md 1): by client credentials, 24 h and asked for anew, or by a refresh token,
 * 1 h and rotating. After a lost answer the old refresh token still works, so asking again is safe.
 */
import type { AccountSettings, AdapterPorts, TokenSet } from '../../adapter.ts';
import { AuthError, RetryableError } from '../../../errors.ts';
import { exchange } from '../http.ts';
import { Tokens } from '../tokens.ts';
import { tokenSchema } from './schemas.ts';
import type { ShopifyCredentials, ShopifySettings } from './settings.ts';

export const requestIdHeader = 'x-request-id';
const path = '/admin/oauth/access_token';
const marginMs = 60_000;
const timeoutMs = 10_000;
/** Life of a token whose answer does not tell, the shorter of the two documented ones. */
const lifeMs = 3_600_000;

export function shopifyTokens(
  account: AccountSettings, settings: ShopifySettings, credentials: ShopifyCredentials, ports: AdapterPorts,
): Tokens {
  /** @throws {AuthError} when the grant is dead @throws {RetryableError} when the vendor could not answer */
  async function ask(grant: Record<string, string>): Promise<TokenSet> {
    const { clientId, clientSecret } = credentials;
    const asked = ports.now();
    // No `onExchange`: both bodies are secrets.
    const answer = await exchange(account.baseUrl, {
      method: 'POST',
      path,
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
      body: new URLSearchParams({ client_id: clientId, client_secret: clientSecret, ...grant }).toString(),
      safe: true,
    }, { signal: AbortSignal.timeout(timeoutMs) }, requestIdHeader, ports.now);
    const requestId = answer.headers[requestIdHeader];
    const details = { status: answer.status, ...(requestId !== undefined && { requestId }) };
    if (answer.status !== 200) {
      const { error } = (answer.json ?? {}) as { error?: unknown };
      const code = typeof error === 'string' ? error : undefined;
      const message = `POST ${path} (${grant['grant_type']}): ${answer.status} ${code ?? ''}`.trimEnd();
      const dead = answer.status >= 400 && answer.status < 500 && answer.status !== 429;
      throw new (dead ? AuthError : RetryableError)(message, { ...details, ...(code !== undefined && { code }) });
    }
    const parsed = tokenSchema.safeParse(answer.json);
    if (!parsed.success) throw new RetryableError(`POST ${path}: answer is no token (${fieldsOf(parsed.error)})`, details);
    const { access_token, expires_in, refresh_token } = parsed.data;
    const refreshToken = refresh_token ?? grant['refresh_token'];
    return {
      accessToken: access_token,
      expiresAt: asked + (expires_in === undefined ? lifeMs / ports.timeScale : expires_in * 1000),
      ...(refreshToken !== undefined && { refreshToken }),
    };
  }

  /** The stored token has rotated and goes first; the configured one is newer only after a person authorised again. */
  async function refresh(stored: string | undefined, configured: string): Promise<TokenSet> {
    const withToken = (token: string): Promise<TokenSet> => ask({ grant_type: 'refresh_token', refresh_token: token });
    if (stored === undefined || stored === configured) return withToken(configured);
    try {
      return await withToken(stored);
    } catch (error) {
      if (!(error instanceof AuthError)) throw error;
      return withToken(configured);
    }
  }

  const { refreshToken } = credentials;
  return new Tokens({
    account: account.account,
    store: ports.tokens,
    now: ports.now,
    marginMs: marginMs / ports.timeScale,
    fetch: stored => settings.grant === 'refresh-token' && refreshToken !== undefined
      ? refresh(stored?.refreshToken, refreshToken)
      : ask({ grant_type: 'client_credentials' }),
  });
}

const fieldsOf = (error: { issues: { path: PropertyKey[]; message: string }[] }): string =>
  error.issues.map(issue => `${issue.path.join('.')}: ${issue.message}`).join('; ');
