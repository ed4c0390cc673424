/** The application's own token: no seller's consent is needed for what is the application's. */
import { z } from 'zod';
import type { AccountSettings, Call } from '../../adapter.ts';
import { RetryableError } from '../../../errors.ts';
import { exchange } from '../http.ts';
import type { Answer } from '../http.ts';
import { requestIdHeader } from './errors.ts';

const withinMs = 2_000;
const marginMs = 60_000;
const scope = 'https://api.ebay.com/oauth/api_scope';
const tokenSchema = z.object({ access_token: z.string().min(1), expires_in: z.number().positive() });

export class Application {
  readonly #account: Pick<AccountSettings, 'baseUrl' | 'credentials'>;
  readonly #now: () => number;
  #token: { text: string; until: number } | undefined;

  constructor(account: Pick<AccountSettings, 'baseUrl' | 'credentials'>, now: () => number) {
    this.#account = account;
    this.#now = now;
  }

  /** @throws {RetryableError} when eBay cannot be asked now */
  async get(path: string, call?: Call): Promise<Answer> {
    const told: Call = { signal: call?.signal ?? AbortSignal.timeout(withinMs), ...(call?.onExchange && { onExchange: call.onExchange }) };
    const answer = await exchange(this.#account.baseUrl, { method: 'GET', path, headers: { authorization: `Bearer ${await this.#access()}`, accept: 'application/json' } }, told, requestIdHeader, this.#now);
    if (answer.status === 401) this.#token = undefined;
    return answer;
  }

  async #access(): Promise<string> {
    const now = this.#now();
    if (this.#token && this.#token.until > now) return this.#token.text;
    const { clientId, clientSecret } = this.#account.credentials;
    const answer = await exchange(this.#account.baseUrl, {
      method: 'POST', path: '/identity/v1/oauth2/token', safe: true,
      headers: { authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`, 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ grant_type: 'client_credentials', scope }).toString(),
    }, { signal: AbortSignal.timeout(withinMs) }, requestIdHeader, this.#now);
    const parsed = tokenSchema.safeParse(answer.json);
    if (answer.status !== 200 || !parsed.success) throw new RetryableError(`POST /identity/v1/oauth2/token (application): ${answer.status}`, { status: answer.status });
    this.#token = { text: parsed.data.access_token, until: now + parsed.data.expires_in * 1_000 - marginMs };
    return this.#token.text;
  }
}
