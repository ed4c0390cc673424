/**
 * One GraphQL call: token, exchange, cost, and the two upper layers of errors. HTTP 200 covers success, throttling and
 * refusal alike, so all three are looked at before an answer counts (shopify.md 0.3).
 */
import type { z } from 'zod';
import type { Call, Exchange } from '../../adapter.ts';
import { exchange } from '../http.ts';
import type { Answer } from '../http.ts';
import type { Tokens } from '../tokens.ts';
import { requestIdHeader } from './auth.ts';
import type { Document } from './documents.ts';
import { failure, graphqlClass, httpClass } from './errors.ts';
import type { CallClass } from './errors.ts';
import { costSchema, errorsSchema } from './schemas.ts';

export interface Graph {
  /**
   * Sends a document and returns its data in the shape of `schema`.
   *
   * @throws {ThrottledError | RetryableError | AmbiguousError | AuthError | TerminalError} ambiguous for mutations only
   */
  ask<T>(document: Document, variables: Record<string, unknown>, schema: z.ZodType<T>, call: Call): Promise<Answered<T>>;
}

export interface Answered<T> {
  data: T;
  /** The vendor's clock when it answered, epoch ms, in whole seconds and never ahead of it. */
  servedAt: number | undefined;
}

interface Options {
  origin: string;
  version: string;
  tokens: Tokens;
  now(): number;
  /** How much faster than a real one the vendor's clock runs. */
  timeScale: number;
}

/** The vendor asks for at least this long a pause after THROTTLED. */
const shortestWaitMs = 1_000;

export function graphOf({ origin, version, tokens, now, timeScale }: Options): Graph {
  const path = `/admin/api/${version}/graphql.json`;

  async function send(document: Document, variables: Record<string, unknown>, call: Call): Promise<Answer> {
    const token = await tokens.access();
    const told: Exchange[] = [];
    let answer: Answer | undefined;
    try {
      answer = await exchange(origin, {
        method: 'POST',
        path,
        headers: { 'content-type': 'application/json', accept: 'application/json', 'x-shopify-access-token': token },
        body: { query: document.text, variables },
        safe: !document.mutation,
      }, { signal: call.signal, onExchange: seen => told.push(seen) }, requestIdHeader, now);
    } finally {
      // A retired version is served as another one without a word: the journal says so.
      const served = answer?.headers['x-shopify-api-version'];
      const other = served !== undefined && served !== version && { error: `asked for version ${version}, served as ${served}` };
      for (const seen of told) call.onExchange?.({ ...seen, ...other });
    }
    if (answer.status === 401) tokens.drop(token);
    return answer;
  }

  /** Tells the bucket's state; returns how long to wait until this very query fits. */
  function meter(json: unknown, throttled: boolean, call: Call): number | undefined {
    const cost = costSchema.safeParse((json as { extensions?: { cost?: unknown } } | undefined)?.extensions?.cost);
    if (!cost.success) return undefined;
    const { requestedQueryCost, actualQueryCost, throttleStatus: { maximumAvailable, currentlyAvailable, restoreRate } } = cost.data;
    const waitMs = throttled
      ? Math.max(shortestWaitMs / timeScale, Math.ceil(((requestedQueryCost - currentlyAvailable) / restoreRate) * 1000))
      : undefined;
    call.onMeter?.({
      limit: 'points',
      remaining: currentlyAvailable,
      perSecond: restoreRate,
      burst: maximumAvailable,
      ...(typeof actualQueryCost === 'number' && { refund: Math.max(0, requestedQueryCost - actualQueryCost) }),
      ...(waitMs !== undefined && { waitMs }),
    });
    return waitMs;
  }

  return {
    async ask(document, variables, schema, call) {
      let answer = await send(document, variables, call);
      // A refused token proves that nothing was executed: once more with a new one.
      if (answer.status === 401) answer = await send(document, variables, call);

      const { status, headers, json } = answer;
      const requestId = headers[requestIdHeader];
      const fail = (kind: CallClass, message: string, more: { code?: string; retryAfterMs?: number } = {}): Error =>
        failure(kind, document.mutation, `${document.name}: ${message}`, { status, ...(requestId !== undefined && { requestId }), ...more });

      const body = json as { data?: unknown; errors?: unknown } | undefined;
      if (status !== 200) {
        const kind = httpClass(status);
        const text = typeof body?.errors === 'string' ? body.errors : answer.text.slice(0, 200);
        const retryAfterMs = kind === 'throttled' ? secondsToMs(headers['retry-after']) : undefined;
        if (retryAfterMs !== undefined) call.onMeter?.({ limit: 'points', waitMs: retryAfterMs });
        throw fail(kind, `HTTP ${status} ${text}`, retryAfterMs === undefined ? {} : { retryAfterMs });
      }
      const refused = topLevel(body);
      const waitMs = meter(json, refused?.kind === 'throttled', call);
      if (refused) {
        const { kind, code, message } = refused;
        throw fail(kind, message, { ...(code !== undefined && { code }), ...(waitMs !== undefined && { retryAfterMs: waitMs }) });
      }
      const data = schema.safeParse(body?.data);
      if (!data.success) {
        const fields = data.error.issues.slice(0, 3).map(issue => `${issue.path.join('.')}: ${issue.message}`).join('; ');
        throw fail('unknown', `answer is not understood (${fields})`);
      }
      const served = Date.parse(headers['date'] ?? '');
      return { data: data.data, servedAt: Number.isNaN(served) ? undefined : served };
    },
  };
}

/** The error that decides: throttling and dead credentials before the rest, else the first. */
function topLevel(body: { data?: unknown; errors?: unknown } | undefined): { kind: CallClass; code?: string; message: string } | undefined {
  if (body?.errors === undefined) return undefined;
  const parsed = errorsSchema.safeParse(body.errors);
  if (!parsed.success) return { kind: 'unknown', message: JSON.stringify(body.errors).slice(0, 200) };
  const hasData = body.data !== undefined;
  const errors = parsed.data.map(({ message, extensions }) => {
    const code = extensions?.code;
    return { kind: graphqlClass(code, hasData), ...(code !== undefined && { code }), message: code === undefined ? message : `${code} ${message}` };
  });
  return errors.find(e => e.kind === 'throttled') ?? errors.find(e => e.kind === 'auth') ?? errors[0];
}

function secondsToMs(text: string | undefined): number | undefined {
  const seconds = Number(text);
  return text !== undefined && text !== '' && seconds >= 0 ? seconds * 1000 : undefined;
}
