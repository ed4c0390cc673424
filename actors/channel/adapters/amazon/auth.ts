/** Login with Amazon: an access token of one hour for the seller's refresh token. */
import type { AdapterPorts, Call, TokenSet } from '../../adapter.ts';
import { RetryableError } from '../../../errors.ts';
import { exchange } from '../http.ts';
import { Tokens } from '../tokens.ts';
import { tokenFailure } from './errors.ts';
import { lwaToken } from './schemas.ts';
import type { AmazonCredentials, AmazonSettings } from './settings.ts';

/** An hour's token is renewed at 55 minutes. */
const marginMs = 5 * 60_000;
/** One refresh serves many calls, so no single call's deadline may end it. */
const refreshTimeoutMs = 10_000;

export class Auth {
  readonly #tokens: Tokens;
  readonly #credentials: AmazonCredentials;
  readonly #settings: AmazonSettings;
  readonly #ports: AdapterPorts;
  /** The call that is told of the next refresh. */
  #asker: Call | undefined;

  constructor(credentials: AmazonCredentials, settings: AmazonSettings, ports: AdapterPorts) {
    this.#credentials = credentials;
    this.#settings = settings;
    this.#ports = ports;
    this.#tokens = new Tokens({
      account: settings.account,
      store: ports.tokens,
      fetch: () => this.#refresh(),
      now: ports.now,
      marginMs: marginMs / ports.timeScale,
    });
  }

  get expiresAt(): number | undefined {
    return this.#tokens.expiresAt;
  }

  /**
   * @throws {AuthError} when the grant or the application's secret is dead
   * @throws {RetryableError} when the call's deadline passes first: nothing was sent
   */
  access(call: Call): Promise<string> {
    this.#asker = call;
    return within(this.#tokens.access(), call.signal);
  }

  drop(accessToken: string): void {
    this.#tokens.drop(accessToken);
  }

  async #refresh(): Promise<TokenSet> {
    const { clientId, clientSecret, refreshToken } = this.#credentials;
    const asker = this.#asker;
    const answer = await exchange(
      this.#settings.authOrigin,
      {
        method: 'POST',
        path: '/auth/o2/token',
        headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
        body: new URLSearchParams({
          grant_type: 'refresh_token', refresh_token: refreshToken, client_id: clientId, client_secret: clientSecret,
        }).toString(),
        safe: true,
      },
      {
        signal: AbortSignal.timeout(refreshTimeoutMs),
        // Both bodies are secrets, except for a refusal's.
        onExchange: ({ request: _, response, ...told }) =>
          asker?.onExchange?.({ ...told, ...((told.status ?? 0) >= 400 && response !== undefined && { response }) }),
      },
      'x-amzn-requestid',
      this.#ports.now,
    );
    const token = answer.status === 200 ? lwaToken.safeParse(answer.json).data : undefined;
    if (!token) throw tokenFailure(answer);
    return { accessToken: token.access_token, expiresAt: this.#ports.now() + token.expires_in * 1000 };
  }
}

function within<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = (): void => reject(new RetryableError('access token: the deadline passed first, nothing was sent', { cause: signal.reason }));
    if (signal.aborted) late();
    signal.addEventListener('abort', late, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', late));
  });
}
