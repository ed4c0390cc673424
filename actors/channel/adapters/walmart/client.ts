/** Walmart's way of being asked: a 15-minute token in its own header, a correlation id per request, meters in answers. */
import type { AccountSettings, AdapterPorts, Call, TokenSet } from '../../adapter.ts';
import { AuthError, RetryableError, TerminalError } from '../../../errors.ts';
import { exchange } from '../http.ts';
import type { Answer, Ask } from '../http.ts';
import { Tokens } from '../tokens.ts';
import { failure, judge } from './errors.ts';
import type { Judgement } from './errors.ts';
import { replenishMs, tokensLeft, waitMs } from './waits.ts';
import type { WalmartCredentials, WalmartSettings } from './settings.ts';

/** Refresh after 13 of the 15 minutes. */
const tokenMarginMs = 120_000;

export interface Reply {
  answer: Answer;
  /** The `WM_QOS.CORRELATION_ID` of the request: what Walmart's support asks for. */
  requestId: string;
}

export class Client {
  readonly #account: AccountSettings;
  readonly #credentials: WalmartCredentials;
  readonly #settings: WalmartSettings;
  readonly #ports: AdapterPorts;
  readonly #tokens: Tokens;
  /** The call that is told of a token exchange: the one that needed the token. */
  #asking: Call | undefined;

  constructor(account: AccountSettings, credentials: WalmartCredentials, settings: WalmartSettings, ports: AdapterPorts) {
    this.#account = account;
    this.#credentials = credentials;
    this.#settings = settings;
    this.#ports = ports;
    this.#tokens = new Tokens({
      account: account.account,
      store: ports.tokens,
      fetch: () => this.#newToken(this.#asking!),
      now: ports.now,
      marginMs: tokenMarginMs / ports.timeScale,
    });
  }

  tokenExpiresAt(): number | undefined {
    return this.#tokens.expiresAt;
  }

  /**
   * Asks once; a second time only where the token was refused, which happens before anything is executed.
   * Gives every answer but those to `token`, `scope` and `throttled`, which are thrown.
   *
   * @param buyers true where answers name buyers: their text stays out of the journal
   */
  async ask(limit: string, ask: Ask, call: Call, { buyers = false }: { buyers?: boolean } = {}): Promise<Reply> {
    let token = await this.#access(call);
    let reply = await this.#send(ask, token, call, buyers);
    if (reply.answer.status === 401) {
      this.#tokens.drop(token);
      token = await this.#access(call);
      reply = await this.#send(ask, token, call, buyers);
    }
    this.#meter(limit, reply.answer, call);
    if (ok(reply.answer)) return reply;
    const judgement = judge(reply.answer);
    if (['token', 'scope', 'throttled'].includes(judgement.verdict)) throw this.failure(judgement, ask, reply);
    return reply;
  }

  /** The error for a refused call as a whole. */
  failure(judgement: Judgement, ask: Ask, { answer, requestId }: Reply): Error {
    return failure(judgement, {
      what: `${ask.method} ${ask.path}`,
      answer,
      requestId,
      writing: ask.method !== 'GET' && ask.safe !== true,
      retryAfterMs: waitMs(answer.headers, this.#ports.now(), this.#ports.timeScale),
    });
  }

  #access(call: Call): Promise<string> {
    this.#asking = call;
    return this.#tokens.access();
  }

  async #send(ask: Ask, token: string, call: Call, buyers: boolean): Promise<Reply> {
    const requestId = this.#ports.uuid();
    const headers = {
      'WM_SEC.ACCESS_TOKEN': token,
      ...this.#serviceHeaders(requestId),
      ...(ask.body !== undefined && { 'Content-Type': 'application/json' }),
      ...ask.headers,
    };
    return { answer: await this.#exchange({ ...ask, headers }, call, requestId, buyers ? 'order list' : undefined), requestId };
  }

  /** @param hidden what to note in the journal in place of a successful answer's body */
  #exchange(ask: Ask, call: Call, requestId: string, hidden: string | undefined): Promise<Answer> {
    const told: Call = {
      signal: call.signal,
      onExchange: e => call.onExchange?.({
        ...e,
        requestId,
        ...(hidden !== undefined && e.status !== undefined && e.status < 300 && { response: `(${hidden} left out)` }),
      }),
    };
    return exchange(this.#account.baseUrl, ask, told, 'wm_qos.correlation_id', this.#ports.now);
  }

  #serviceHeaders(requestId: string): Record<string, string> {
    const { channelType } = this.#settings;
    return {
      'WM_SVC.NAME': 'Walmart Marketplace',
      'WM_QOS.CORRELATION_ID': requestId,
      Accept: 'application/json',
      ...(channelType !== undefined && { 'WM_CONSUMER.CHANNEL.TYPE': channelType }),
    };
  }

  #meter(limit: string, answer: Answer, call: Call): void {
    const now = this.#ports.now();
    const remaining = tokensLeft(answer.headers);
    const spent = answer.status === 429;
    const wait = spent ? waitMs(answer.headers, now, this.#ports.timeScale) : remaining === 0 ? replenishMs(answer.headers, now) : undefined;
    if (remaining === undefined && wait === undefined) return;
    call.onMeter?.({ limit, ...(remaining !== undefined && { remaining }), ...(wait !== undefined && { waitMs: wait }) });
  }

  async #newToken(call: Call): Promise<TokenSet> {
    const { clientId, clientSecret } = this.#credentials;
    const requestId = this.#ports.uuid();
    const ask: Ask = {
      method: 'POST',
      path: '/v3/token',
      headers: {
        Authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`,
        ...this.#serviceHeaders(requestId),
        'Content-Type': 'application/x-www-form-urlencoded',
      },
      body: 'grant_type=client_credentials',
      safe: true,
    };
    const askedAt = this.#ports.now();
    const answer = await this.#exchange(ask, call, requestId, 'access token');
    if (!ok(answer)) throw this.#tokenRefusal(ask, { answer, requestId });
    const { access_token: accessToken, expires_in: seconds } = (answer.json ?? {}) as Record<string, unknown>;
    if (typeof accessToken !== 'string' || accessToken === '' || typeof seconds !== 'number' || !(seconds > 0)) {
      throw new RetryableError('POST /v3/token: 200 without access_token and expires_in', { status: answer.status, requestId });
    }
    return { accessToken, expiresAt: askedAt + seconds * 1000 / this.#ports.timeScale };
  }

  /** Wrong client credentials are answered with 400 (measured) or 401; only a person can mend them. */
  #tokenRefusal(ask: Ask, reply: Reply): Error {
    const error = this.failure(judge(reply.answer), ask, reply);
    return reply.answer.status === 400 || error instanceof TerminalError
      ? new AuthError(error.message, { status: reply.answer.status, requestId: reply.requestId, cause: error })
      : error;
  }
}

/** 206 is a part of what was asked (`SOME_CONTENT_NOT_FOUND`); what is missing shows in the body. */
export const ok = ({ status }: Answer): boolean => status === 200 || status === 206;
