/**
 * What Mercado Libre's refusals mean, in one table. Rows are tried from the top; a row matches on status and on the
 * vendor's `error`, `code` or a cause's `code`. On the message only where the vendor gives nothing else: the 400s of
 * user-product stock.
 */
import { z } from 'zod';
import { AmbiguousError, AuthError, RetryableError, TerminalError, ThrottledError } from '../../../errors.ts';
import type { Answer, Ask } from '../http.ts';

/**
 * - `throttled`, `server`, `token`, `account`: failures of the call as a whole
 * - `conflict`: our version is old; `busy`: another write is under way, try again
 * - `listing`: unknown, not ours, or not writable this way; `access`: the same where one listing was asked for,
 *   the account's trouble elsewhere
 * - `validation`: this body will never be accepted
 */
export type Verdict = 'throttled' | 'server' | 'token' | 'account' | 'access' | 'conflict' | 'busy' | 'listing' | 'validation';

interface Row {
  status: number | readonly [from: number, to: number];
  code?: RegExp;
  message?: RegExp;
  verdict: Verdict;
}

export const table: readonly Row[] = [
  { status: 429, verdict: 'throttled' }, // four bodies are printed, all of them rate
  { status: 401, verdict: 'token' }, // "invalid access token", "expired_token"; the wording varies
  { status: 403, code: /^FORBIDDEN$/, verdict: 'account' }, // scope missing
  { status: 403, code: /^PA_UNAUTHORIZED_RESULT_FROM_POLICIES$/, verdict: 'account' }, // functional permission missing
  { status: 403, verdict: 'access' }, // access_denied: foreign resource, blocked address, blocked app
  { status: 404, verdict: 'listing' },
  { status: 409, message: /version mismatch/i, verdict: 'conflict' },
  { status: 409, verdict: 'busy' }, // "item optimistic locking error", "conflict": two PUTs too close together
  { status: 423, verdict: 'busy' },
  { status: 400, code: /^item\.available_quantity\.not_modifiable$/, verdict: 'listing' }, // Full, or multi-origin
  // PUT .../stock/type/selling_address
  { status: 400, message: /^you cannot modify selling address stock/i, verdict: 'listing' },
  { status: 400, message: /in items without inventory id/i, verdict: 'listing' },
  { status: 400, message: /you have to do a full inbound first/i, verdict: 'listing' },
  { status: 400, message: /site.*blocked|blocked.*selling address/i, verdict: 'listing' },
  { status: 400, message: /^seller with a single warehouse cannot update/i, verdict: 'listing' }, // also for seller_warehouse
  // PUT .../stock/type/seller_warehouse
  { status: 400, message: /^store (does not belong to seller|not found)/i, verdict: 'listing' },
  { status: 400, message: /^store is not configured to be a stock location/i, verdict: 'listing' },
  { status: 400, message: /stock-locations not found/i, verdict: 'listing' }, // stock was never set up
  { status: 400, verdict: 'validation' }, // validation_error; "Missing X-Version header"; "store cannot be null or empty"
  { status: 422, verdict: 'validation' },
  { status: 408, verdict: 'server' },
  { status: [500, 599], verdict: 'server' }, // 53x occur in the vendor's own figures
];

/** A refusal that concerns one listing; the others are thrown. */
export interface Refusal {
  verdict: 'access' | 'conflict' | 'busy' | 'listing' | 'validation';
  code: string;
  message: string;
}

const text = z.string().nullish().catch(undefined);
const bodySchema = z.looseObject({
  message: text,
  error: text,
  code: text,
  cause: z.array(z.looseObject({ type: text, code: text, message: text }).catch({})).nullish().catch(undefined),
});

/** The vendor's words about a refusal: keys may miss or be added, warnings refuse nothing. */
export function refusal({ status, json }: Pick<Answer, 'status' | 'json'>): { verdict: Verdict | undefined; code: string; message: string } {
  const { data } = bodySchema.safeParse(json);
  const causes = (data?.cause ?? []).filter(cause => cause.type !== 'warning');
  const codes = [...causes.map(cause => cause.code), data?.code, data?.error].filter(code => typeof code === 'string' && code !== '') as string[];
  const message = [data?.message, ...causes.map(cause => cause.message)].filter(Boolean).join('; ');
  const row = table.find(({ status: on, code, message: says }) =>
    (typeof on === 'number' ? on === status : on[0] <= status && status <= on[1])
    && (!code || codes.some(given => code.test(given)))
    && (!says || says.test(data?.message ?? '')));
  return { verdict: row?.verdict, code: codes[0] ?? String(status), message: message || `HTTP ${status}` };
}

/**
 * The refusal of one listing's call.
 *
 * @throws the class of `actors/errors.ts` where the call as a whole failed
 */
export function refused(answer: Answer, ask: Ask): Refusal {
  const { verdict, code, message } = refusal(answer);
  const what = `${ask.method} ${ask.path}: ${answer.status} ${code}: ${message}`;
  const requestId = answer.headers[requestIdHeader];
  const details = { code, status: answer.status, ...(requestId !== undefined && { requestId }) };
  switch (verdict) {
    case 'throttled': {
      const retryAfterMs = retryAfter(answer);
      throw new ThrottledError(what, { ...details, ...(retryAfterMs !== undefined && { retryAfterMs }) });
    }
    case 'server':
      // A 5xx says nothing of what was done before it: a write may have been applied.
      throw ask.method === 'GET' ? new RetryableError(what, details) : new AmbiguousError(what, details);
    case 'token': case 'account': throw new AuthError(what, details);
    case undefined: throw new TerminalError(what, details);
    default: return { verdict, code, message };
  }
}

/**
 * Throws for any refusal of a call that concerns no single listing.
 *
 * @throws the class of `actors/errors.ts`
 */
export function mustSucceed(answer: Answer, ask: Ask): void {
  if (answer.status >= 200 && answer.status < 300) return;
  const { verdict, code, message } = refused(answer, ask);
  const what = `${ask.method} ${ask.path}: ${answer.status} ${code}: ${message}`;
  const details = { code, status: answer.status };
  if (verdict === 'access') throw new AuthError(what, details);
  if (verdict === 'busy') throw new RetryableError(what, details);
  throw new TerminalError(what, details);
}

/**
 * A body in the shape it must have.
 *
 * @throws {RetryableError} for anything else: an unknown answer proves nothing and is never read as a number
 */
export function shaped<T>(schema: z.ZodType<T>, answer: Answer, ask: Ask): T {
  const parsed = schema.safeParse(answer.json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new RetryableError(
    `${ask.method} ${ask.path}: ${answer.status} with an unknown body, ${issue?.path.join('.') || 'body'}: ${issue?.message}`,
    { status: answer.status, code: 'unknown_shape' },
  );
}

/** Header that names a request for the vendor's support. */
export const requestIdHeader = 'x-request-id';

/** No such header is documented; honoured where it comes, in seconds. */
function retryAfter({ headers }: Answer): number | undefined {
  const seconds = Number(headers['retry-after']);
  return headers['retry-after'] !== undefined && seconds >= 0 ? seconds * 1000 : undefined;
}
