/** Walmart's refusals as the classes that decide what happens next. One table; source: Walmart's "Error codes" page. */
import type { Answer } from '../http.ts';
import { AmbiguousError, AuthError, RetryableError, TerminalError, ThrottledError } from '../../../errors.ts';

/**
 * - `token`: the access token is refused, nothing was executed; a new one may pass
 * - `scope`: the credential may not do this
 * - `throttled`: over the rate, nothing was executed
 * - `missing`: the SKU is unknown to this seller, or not yet in the inventory service; for orders: none in the window
 * - `locked`: the item is being processed; passes within a minute
 * - `invalid`: this body or parameter will never be accepted
 * - `ours`: the call itself is built wrong
 * - `server`: it failed at Walmart; a write may or may not have been carried out
 */
export type Verdict = 'token' | 'scope' | 'throttled' | 'missing' | 'locked' | 'invalid' | 'ours' | 'server';

/** First fitting row wins. `code` is the part before the dot: `CONTENT_NOT_FOUND.GMP_INVENTORY_API`. */
const table: readonly [status: number | 'any', code: string | 'any', verdict: Verdict][] = [
  ['any', 'REQUEST_THRESHOLD_VIOLATED', 'throttled'],
  [429, 'any', 'throttled'],
  [401, 'any', 'token'],
  [403, 'any', 'scope'],
  [404, 'CONTENT_NOT_FOUND', 'missing'],
  [400, 'CONTENT_NOT_FOUND', 'missing'],
  [404, 'URI_NOT_FOUND', 'ours'],
  [404, 'none', 'server'], // An edge without a word on the SKU proves nothing about it.
  [404, 'any', 'missing'],
  [400, 'INVALID_REQUEST_HEADER', 'ours'],
  [400, 'MISSING_REQUEST_HEADER', 'ours'],
  [400, 'MISSING_REQUEST_PARAM', 'ours'],
  [400, 'any', 'invalid'],
  [405, 'any', 'ours'],
  [406, 'any', 'ours'],
  [413, 'any', 'ours'],
  [415, 'any', 'ours'],
  [423, 'any', 'locked'],
];

/** A node's own errors in a 200 answer: by code, else by category. */
const nodeTable: readonly [code: string, verdict: Verdict][] = [
  ['CONTENT_NOT_FOUND', 'missing'],
  ['RESOURCE_IS_LOCKED', 'locked'],
  ['REQUEST_THRESHOLD_VIOLATED', 'locked'],
];

export interface VendorError {
  code: string | undefined;
  field: string | undefined;
  message: string | undefined;
  category: string | undefined;
}

export interface Judgement {
  verdict: Verdict;
  /** The vendor's whole code, or `HTTP <status>` where it gave none. */
  code: string;
  /** The vendor's words, with the field they name. */
  message: string;
}

/** Judges an answer that is no success. */
export function judge(answer: Answer): Judgement {
  const [first] = vendorErrors(answer.json);
  const base = baseCode(first?.code) ?? 'none';
  const row = table.find(([status, code]) =>
    (status === 'any' || status === answer.status) && (code === 'any' || code === base));
  const verdict = row?.[2] ?? (answer.status >= 400 && answer.status < 500 ? 'ours' : 'server');
  return { verdict, code: first?.code ?? `HTTP ${answer.status}`, message: first ? words(first) : answer.text.slice(0, 200) };
}

/** Judges one node of a 200 answer that does not say `Success`. Without any word from Walmart it may pass. */
export function judgeNode(status: string | undefined, errors: unknown): Judgement {
  const [first] = vendorErrors({ errors });
  const verdict = nodeTable.find(([code]) => code === baseCode(first?.code))?.[1]
    ?? (first?.category === 'DATA' || first?.category === 'REQUEST' ? 'invalid' : 'server');
  return { verdict, code: first?.code ?? `status ${status ?? 'absent'}`, message: first ? words(first) : `node status ${status ?? 'absent'}` };
}

/**
 * The error for a call as a whole.
 *
 * @param what the call, e.g. `PUT /v3/inventories/A-1`
 * @param retryAfterMs what the answer's headers say about waiting
 */
export function failure(
  { verdict, code, message }: Judgement,
  { what, answer, writing, requestId, retryAfterMs }: { what: string; answer: Answer; writing: boolean; requestId: string; retryAfterMs: number },
): Error {
  const text = `${what}: ${answer.status} ${code}: ${message}`;
  const details = { code, status: answer.status, requestId };
  switch (verdict) {
    case 'throttled': return new ThrottledError(text, { ...details, retryAfterMs });
    case 'token': case 'scope': return new AuthError(text, details);
    case 'server': return writing ? new AmbiguousError(text, details) : new RetryableError(text, details);
    case 'locked': return new RetryableError(text, details);
    case 'missing': case 'invalid': case 'ours': return new TerminalError(text, details);
  }
}

/** Reads the three body shapes that are seen: `{errors: [..]}`, `{error: [..]}`, `{errors: {error: [..] | {..}}}`. */
export function vendorErrors(json: unknown): VendorError[] {
  if (!isRecord(json)) return [];
  const outer = json['errors'] ?? json['error'];
  const inner = isRecord(outer) && 'error' in outer ? outer['error'] : outer;
  return [inner].flat().filter(isRecord).map(entry => ({
    code: text(entry['code']),
    field: text(entry['field']),
    message: text(entry['message']) ?? text(entry['description']) ?? text(entry['info']),
    category: text(entry['category']),
  }));
}

function words({ message, field }: VendorError): string {
  return `${message ?? 'no description'}${field === undefined ? '' : ` (${field})`}`;
}

const baseCode = (code: string | undefined): string | undefined => code?.split('.')[0];
const text = (value: unknown): string | undefined => typeof value === 'string' && value !== '' ? value : undefined;
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
