/** One call as the mapping wants it: authorised, sent, metered. */
import { z } from 'zod';
import type { AccountSettings, AdapterPorts, Call, TokenSet } from '../../adapter.ts';
import { AuthError, RetryableError, TerminalError } from '../../../errors.ts';
import { exchange } from '../http.ts';
import type { Answer, Ask } from '../http.ts';
import { Tokens } from '../tokens.ts';
import { failure, judge } from './errors.ts';
import type { Checked, Expression, LimitName, Mapping } from './mapping.ts';

const marginMs = 60_000;
/** One refresh serves many calls: no single call's deadline ends it. */
const refreshWithinMs = 10_000;

const requestSchema = z.strictObject({
  method: z.enum(['GET', 'POST', 'PUT', 'PATCH']).default('GET'),
  path: z.string().startsWith('/'),
  query: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}),
  headers: z.record(z.string(), z.string()).default({}),
  body: z.unknown().optional(),
});

const tokenSchema = z.looseObject({ access_token: z.string().min(1), expires_in: z.number().positive().optional() });

export class Client {
  readonly #origin: string;
  readonly #checked: Checked;
  readonly #ports: AdapterPorts;
  readonly #tokens: Tokens | undefined;

  constructor({ account, baseUrl }: AccountSettings, checked: Checked, ports: AdapterPorts) {
    this.#origin = new URL(baseUrl).origin;
    this.#checked = checked;
    this.#ports = ports;
    if (checked.mapping.auth.type === 'client-credentials') {
      this.#tokens = new Tokens({ account, store: ports.tokens, now: ports.now, marginMs: marginMs / ports.timeScale, fetch: () => this.#newToken() });
    }
  }

  /** Undefined before the first call, and for a key that does not end. */
  get tokenExpiresAt(): number | undefined {
    return this.#tokens?.expiresAt;
  }

  get #mapping(): Mapping {
    return this.#checked.mapping;
  }

  /**
   * Any answer but a 401 to a token that could be replaced.
   *
   * @throws {TerminalError} when the expression gives no request
   */
  async send(limit: LimitName, request: Expression, input: object, call: Call): Promise<{ answer: Answer; what: string }> {
    const given = requestSchema.safeParse(await request(input));
    if (!given.success) throw new TerminalError(`settings.mapping.${limit}.request gives no request: ${z.prettifyError(given.error)}`, { code: 'mapping' });
    const { method, path, query, headers, body } = given.data;
    const search = new URLSearchParams(Object.entries(query).map(([name, value]): [string, string] => [name, String(value)])).toString();
    const ask: Ask = {
      method, path: search === '' ? path : `${path}?${search}`, headers: { accept: 'application/json', ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body }),
    };
    const what = `${method} ${ask.path}`;
    let answer = await this.#once(limit, ask, call);
    // A refused token proves that nothing was executed: once more with a new one.
    if (answer.status === 401 && this.#tokens) answer = await this.#once(limit, ask, call);
    return { answer, what };
  }

  async #once(limit: LimitName, ask: Ask, call: Call): Promise<Answer> {
    const { requestIdHeader, remainingHeader, limits } = this.#mapping;
    const token = this.#tokens && await this.#tokens.access();
    // Order lists name buyers: their text stays out of the journal.
    const told: Call = limit === 'orders'
      ? { ...call, onExchange: e => call.onExchange?.({ ...e, ...(e.response !== undefined && e.status !== undefined && e.status < 300 && { response: '(order list left out)' }) }) }
      : call;
    const answer = await exchange(this.#origin, { ...ask, headers: { ...ask.headers, ...this.#credential(token) } }, told, requestIdHeader, this.#ports.now);
    if (answer.status === 401 && token !== undefined) this.#tokens!.drop(token);
    const remaining = Number(remainingHeader === undefined ? NaN : answer.headers[remainingHeader] ?? NaN);
    const published = limits[limit];
    if (published || Number.isFinite(remaining)) {
      call.onMeter?.({
        limit,
        ...(published && { perSecond: published.perSecond * this.#ports.timeScale, burst: published.burst * this.#ports.timeScale }),
        ...(Number.isFinite(remaining) && { remaining }),
      });
    }
    return answer;
  }

  #credential(token: string | undefined): Record<string, string> {
    const { auth } = this.#mapping;
    if (auth.type === 'client-credentials') return { authorization: `Bearer ${token}` };
    return { [auth.header]: auth.value.replaceAll(/\{(\w+)\}/g, (_, name: string) => this.#checked.credentials[name]!) };
  }

  async #newToken(): Promise<TokenSet> {
    const { auth, requestIdHeader, errors } = this.#mapping;
    if (auth.type !== 'client-credentials') throw new TypeError('a key is not asked for');
    const { clientId, clientSecret } = this.#checked.credentials;
    const askedAt = this.#ports.now();
    // No `onExchange`: both bodies are secrets.
    const answer = await exchange(this.#origin, {
      method: 'POST', path: auth.path, safe: true,
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
      body: new URLSearchParams({ grant_type: 'client_credentials', client_id: clientId!, client_secret: clientSecret! }).toString(),
    }, { signal: AbortSignal.timeout(refreshWithinMs) }, requestIdHeader, this.#ports.now);
    const what = `POST ${auth.path}`;
    if (answer.status !== 200) {
      const judgement = await judge(errors, answer);
      // 400 invalid_client and invalid_grant (RFC 6749, 5.2) are a person's to mend.
      const dead = answer.status >= 400 && answer.status < 500 && judgement.verdict !== 'throttled';
      throw dead ? new AuthError(`${what}: ${answer.status} ${judgement.code}`, { status: answer.status, code: judgement.code }) : failure(judgement, what, answer, requestIdHeader, false);
    }
    const parsed = tokenSchema.safeParse(answer.json);
    if (!parsed.success) throw new RetryableError(`${what}: answered without an access_token`, { status: answer.status });
    const { access_token, expires_in } = parsed.data;
    return { accessToken: access_token, expiresAt: askedAt + (expires_in === undefined ? auth.lifeMs / this.#ports.timeScale : expires_in * 1_000) };
  }
}
