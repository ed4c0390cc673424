/**
 * Tokens of one seller. A refresh token works once and each refresh gives the next one: `Tokens` stores a pair before
 * using it, and a refused refresh is checked against the store first, for another process may have been quicker.
 */
import type { AccountSettings, AdapterPorts, Call, TokenSet } from '../../adapter.ts';
import { AuthError, RetryableError, ThrottledError } from '../../../errors.ts';
import { exchange } from '../http.ts';
import type { Ask } from '../http.ts';
import { refusal, requestIdHeader, shaped } from './errors.ts';
import { tokenSchema } from './schemas.ts';
import type { Credentials, Settings } from './settings.ts';

/** A refresh outlives the call that wanted it: an answer thrown away is a refresh token lost, and with it the consent. */
const refreshWithinMs = 30_000;

export interface TokenFetch {
  given: AccountSettings;
  ports: AdapterPorts;
  credentials: Credentials;
  settings: Settings;
  /** Where exchanges are told. */
  told(): Pick<Call, 'onExchange'>;
}

/**
 * Asks for a new pair: with the stored refresh token, with the one that another process stored meanwhile, and last
 * with the one of the settings, which is newer than the store after a new consent.
 *
 * @throws {AuthError} when every grant is dead, or the tokens are another user's
 */
export async function fetchTokens(options: TokenFetch, stored: TokenSet | undefined): Promise<TokenSet> {
  const { given, ports, credentials } = options;
  const tried = stored?.refreshToken ?? credentials.refreshToken;
  try {
    return await refresh(options, tried);
  } catch (error) {
    if (!(error instanceof AuthError) || error.code !== 'invalid_grant') throw error;
    const newer = await ports.tokens.load(given.account);
    if (newer?.refreshToken !== undefined && newer.refreshToken !== tried) {
      return newer.expiresAt > ports.now() ? newer : refresh(options, newer.refreshToken);
    }
    if (credentials.refreshToken !== tried) return refresh(options, credentials.refreshToken);
    throw error;
  }
}

async function refresh({ given, ports, credentials, settings, told }: TokenFetch, refreshToken: string): Promise<TokenSet> {
  const ask: Ask = {
    method: 'POST',
    path: '/oauth/token',
    headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    body: new URLSearchParams({
      grant_type: 'refresh_token',
      client_id: credentials.clientId,
      client_secret: credentials.clientSecret,
      refresh_token: refreshToken,
    }).toString(),
    safe: true,
  };
  const answer = await exchange(given.baseUrl, ask, silenced(told()), requestIdHeader, ports.now);
  if (answer.status === 200) {
    const { access_token, refresh_token, expires_in, user_id } = shaped(tokenSchema, answer, ask);
    const tokens = { accessToken: access_token, refreshToken: refresh_token, expiresAt: ports.now() + expires_in * 1000 };
    if (user_id !== settings.sellerId) {
      // Kept, for the old refresh token is spent; ended, so that the next use asks and checks again.
      await ports.tokens.save(given.account, { ...tokens, expiresAt: 0 });
      throw new AuthError(`${given.account}: the token is user ${user_id}'s, settings.sellerId is ${settings.sellerId}`, { code: 'wrong_user' });
    }
    return tokens;
  }
  const { verdict, code, message } = refusal(answer);
  const what = `${given.account}: POST /oauth/token: ${answer.status} ${code}: ${message}`;
  const details = { code, status: answer.status };
  if (verdict === 'throttled') throw new ThrottledError(what, details); // local_rate_limited
  if (verdict === 'server') throw new RetryableError(what, details);
  // invalid_grant, invalid_client, unauthorized_client, unauthorized_application, invalid_scope, invalid_operator_user_id
  throw new AuthError(what, details);
}

/** A token exchange is told without its bodies: both are secrets. Refusals hold none and stay. */
function silenced({ onExchange }: Pick<Call, 'onExchange'>): Call {
  return {
    signal: AbortSignal.timeout(refreshWithinMs),
    onExchange: ({ request: _form, response, ...told }) =>
      onExchange?.({ ...told, ...(response !== undefined && told.status !== 200 && { response }) }),
  };
}
