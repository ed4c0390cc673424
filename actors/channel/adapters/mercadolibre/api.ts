/** Calls to the vendor as the seller: with a token, once again after a 401, which is a call that was not executed. */
import type { AccountSettings, AdapterPorts, Call } from '../../adapter.ts';
import { RetryableError } from '../../../errors.ts';
import { exchange } from '../http.ts';
import type { Answer, Ask } from '../http.ts';
import { Tokens } from '../tokens.ts';
import { fetchTokens } from './auth.ts';
import { requestIdHeader } from './errors.ts';
import type { Credentials, Settings } from './settings.ts';

export class Api {
  readonly #given: AccountSettings;
  readonly #ports: AdapterPorts;
  readonly #tokens: Tokens;
  /** The call that asked last: a shared refresh is told there. */
  #told: Pick<Call, 'onExchange'> = {};

  constructor(given: AccountSettings, credentials: Credentials, settings: Settings, ports: AdapterPorts) {
    this.#given = given;
    this.#ports = ports;
    const fetching = { given, ports, credentials, settings, told: () => this.#told };
    this.#tokens = new Tokens({
      account: given.account,
      store: ports.tokens,
      fetch: stored => fetchTokens(fetching, stored),
      now: ports.now,
      // The vendor asks to refresh only once a token has lost its validity; a 401 covers the race.
      marginMs: 0,
    });
  }

  get tokenExpiresAt(): number | undefined {
    return this.#tokens.expiresAt;
  }

  /** Any answer but a 401 of a token that could be replaced. Throws as `exchange` and `fetchTokens` do. */
  async ask(ask: Ask, call: Call): Promise<Answer> {
    this.#told = call;
    const token = await within(this.#tokens.access(), call.signal);
    const answer = await this.#exchange(ask, call, token);
    if (answer.status !== 401) return answer;
    this.#tokens.drop(token);
    return this.#exchange(ask, call, await within(this.#tokens.access(), call.signal));
  }

  #exchange(ask: Ask, call: Call, token: string): Promise<Answer> {
    const headers = {
      accept: 'application/json',
      ...(ask.body !== undefined && { 'content-type': 'application/json' }),
      ...ask.headers,
      authorization: `Bearer ${token}`,
    };
    return exchange(this.#given.baseUrl, { ...ask, headers }, call, requestIdHeader, this.#ports.now);
  }
}

/** The call gives up at its deadline; the refresh it shares with others goes on. */
async function within<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let give: (() => void) | undefined;
  const ended = new Promise<never>((_resolve, reject) => {
    give = () => reject(new RetryableError('no access token before the deadline', { code: 'token_late' }));
    if (signal.aborted) give();
    else signal.addEventListener('abort', give, { once: true });
  });
  try {
    return await Promise.race([work, ended]);
  } finally {
    signal.removeEventListener('abort', give!);
  }
}
