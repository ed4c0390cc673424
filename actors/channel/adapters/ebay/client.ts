/** Calls eBay with a living access token: refreshed when it is near its end, and once when eBay refuses it. */
import type { AdapterPorts, Call, TokenSet } from '../../adapter.ts';
import { AuthError, RetryableError, ThrottledError } from '../../../errors.ts';
import { exchange } from '../http.ts';
import type { Answer, Ask } from '../http.ts';
import { Tokens } from '../tokens.ts';
import { failureOf, requestIdHeader, retryAfter } from './errors.ts';
import { parse, tokenAnswer } from './schemas.ts';
import type { EbayCredentials } from './settings.ts';
import { refusedToken, tradingClass } from './trading-errors.ts';

/** The quota that pays for a call, as `config/limits/ebay.yaml` names it. */
export type Limit = 'inventory' | 'fulfillment' | 'trading';

const tokenMarginMs = 120_000;
/** A refresh serves many callers, so no caller's deadline ends it. */
const tokenDeadlineMs = 10_000;

export class EbayClient {
  readonly #origin: string;
  readonly #credentials: EbayCredentials;
  readonly #scope: string | undefined;
  readonly #ports: AdapterPorts;
  readonly #tokens: Tokens;
  /** Whoever asked last is told of a refresh. */
  #caller: Call | undefined;

  constructor(options: { account: string; origin: string; credentials: EbayCredentials; scope: string | undefined; ports: AdapterPorts }) {
    this.#origin = options.origin;
    this.#credentials = options.credentials;
    this.#scope = options.scope;
    this.#ports = options.ports;
    this.#tokens = new Tokens({
      account: options.account,
      store: options.ports.tokens,
      fetch: () => this.#refresh(),
      now: options.ports.now,
      marginMs: tokenMarginMs / options.ports.timeScale,
    });
  }

  get tokenExpiresAt(): number | undefined {
    return this.#tokens.expiresAt;
  }

  /**
   * Sends one call and returns its answer: 2xx, or a 4xx that the caller has to read.
   *
   * @throws {ThrottledError | AuthError | RetryableError} at 429, at 401 and 403, at 5xx
   * @throws {AmbiguousError} at 5xx or without an answer, where the call is not `safe`
   */
  async send(ask: Ask, limit: Limit, call: Call): Promise<Answer> {
    let answer = await this.#once(ask, call);
    // 401 is decided before the call is looked at: sending it again repeats nothing.
    if (answer.status === 401) answer = await this.#once(ask, call);
    const { status } = answer;
    if (status === 429) {
      const waitMs = retryAfter(answer);
      call.onMeter?.({ limit, remaining: 0, ...(waitMs !== undefined && { waitMs }) });
    }
    if (status === 401 || status === 403 || status === 429 || status >= 500) {
      throw failureOf(answer, `${ask.method} ${ask.path.split('?')[0]!}`, ask.safe !== true && ask.method !== 'GET');
    }
    return answer;
  }

  /**
   * One call of the Trading API, XML in and out. Its own errors come under a 200, for the caller to read.
   *
   * @param writes true where the call sets something: a lost answer then leaves it open what was done
   */
  async trade(name: string, body: string, call: Call, writes = false): Promise<Answer> {
    let answer = await this.#tradeOnce(name, body, call, writes);
    // Refused before the call is looked at: sending it again repeats nothing.
    if (refusedToken.test(answer.text)) answer = await this.#tradeOnce(name, body, call, writes);
    const { status } = answer;
    if (status === 429 || [...answer.text.matchAll(/<ErrorCode>(\d+)<\/ErrorCode>/g)].some(([, code]) => tradingClass(code!) === 'rate')) {
      call.onMeter?.({ limit: 'trading', remaining: 0 });
    }
    if (status === 401 || status === 403 || status === 429 || status >= 500) throw failureOf(answer, name, writes);
    return answer;
  }

  async #tradeOnce(name: string, body: string, call: Call, writes: boolean): Promise<Answer> {
    this.#caller = call;
    const token = await this.#tokens.access();
    const headers = { 'x-ebay-api-call-name': name, 'x-ebay-api-siteid': '0', 'x-ebay-api-compatibility-level': '1349', 'x-ebay-api-iaf-token': token, 'content-type': 'text/xml' };
    const answer = await exchange(this.#origin, { method: 'POST', path: '/ws/api.dll', headers, body, safe: !writes }, call, requestIdHeader, this.#ports.now);
    if (refusedToken.test(answer.text)) this.#tokens.drop(token);
    return answer;
  }

  async #once(ask: Ask, call: Call): Promise<Answer> {
    this.#caller = call;
    const token = await this.#tokens.access();
    const headers = {
      authorization: `Bearer ${token}`,
      accept: 'application/json',
      ...(ask.body !== undefined && { 'content-type': 'application/json' }),
    };
    const answer = await exchange(this.#origin, { ...ask, headers }, call, requestIdHeader, this.#ports.now);
    if (answer.status === 401) this.#tokens.drop(token);
    return answer;
  }

  /** The refresh token stays as it is; only the access token is new. */
  async #refresh(): Promise<TokenSet> {
    const { clientId, clientSecret, refreshToken } = this.#credentials;
    const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken });
    if (this.#scope !== undefined) form.set('scope', this.#scope);
    const caller = this.#caller;
    // Both bodies are secrets: the journal is told that there was a call, not what was in it.
    const call: Call = {
      signal: AbortSignal.timeout(tokenDeadlineMs),
      onExchange: ({ request: _request, response: _response, ...rest }) => caller?.onExchange?.(rest),
    };
    const answer = await exchange(this.#origin, {
      method: 'POST',
      path: '/identity/v1/oauth2/token',
      headers: {
        authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: form.toString(),
      safe: true,
    }, call, requestIdHeader, this.#ports.now);
    if (answer.status === 200) {
      const token = parse(tokenAnswer, answer, 'token refresh');
      return { accessToken: token.access_token, expiresAt: this.#ports.now() + token.expires_in * 1000 };
    }
    throw refusal(answer);
  }
}

/** OAuth's own error body: `{"error":"invalid_grant","error_description":"..."}`. */
function refusal(answer: Answer): Error {
  const { status } = answer;
  const code = String((answer.json as { error?: unknown } | undefined)?.error ?? status);
  const message = `token refresh refused: ${status} ${code}`;
  if (status === 429) return new ThrottledError(message, { status, code });
  return status >= 500 ? new RetryableError(message, { status, code }) : new AuthError(message, { status, code });
}
