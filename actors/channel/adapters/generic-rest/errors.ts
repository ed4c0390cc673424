/** What refusals mean: the mapping's table first, then what HTTP says (RFC 9110, RFC 6585). */
import { AmbiguousError, AuthError, RetryableError, TerminalError, ThrottledError } from '../../../errors.ts';
import type { Answer } from '../http.ts';
import type { Mapping } from './mapping.ts';

/**
 * - `throttled`: over the rate, nothing executed
 * - `server`: their servers; a write may have been carried out
 * - `busy`: refused now, passes
 * - `auth`: a person must act
 * - `conflict`: the condition of a write does not hold
 * - `listing`: unknown or not ours
 * - `validation`: never accepted as it stands
 */
export const verdicts = ['throttled', 'server', 'busy', 'auth', 'conflict', 'listing', 'validation'] as const;
export type Verdict = (typeof verdicts)[number];

export interface Judgement { verdict: Verdict; code: string; message: string }

const statuses: Record<number, Verdict> = {
  401: 'auth', 402: 'auth', 403: 'auth', 404: 'listing', 408: 'server', 409: 'conflict', 410: 'listing', 412: 'conflict', 423: 'busy', 425: 'busy', 429: 'throttled',
};

/** Of an answer, or of one entry of it under the status of the whole. */
export function verdictOf({ table }: Mapping['errors'], status: number, code: string | undefined): Verdict {
  const row = table.find(each =>
    (each.status === undefined || each.status === status) && (each.code === undefined || (code !== undefined && new RegExp(`^(?:${each.code})$`).test(code))));
  if (row) return row.verdict;
  if (statuses[status]) return statuses[status];
  return status >= 400 && status < 500 ? 'validation' : 'server';
}

export async function judge(errors: Mapping['errors'], { status, json, text }: Answer): Promise<Judgement> {
  const code = asText(await errors.code?.(json));
  const message = asText(await errors.message?.(json)) ?? text.slice(0, 200);
  return { verdict: verdictOf(errors, status, code), code: code ?? String(status), message };
}

/** @param writing true where a server's failure leaves open whether it was carried out */
export function failure({ verdict, code, message }: Judgement, what: string, { status, headers }: Answer, requestIdHeader: string, writing: boolean): Error {
  const requestId = headers[requestIdHeader];
  const details = { code, status, ...(requestId !== undefined && { requestId }) };
  const told = `${what}: ${status} ${code} ${message}`;
  switch (verdict) {
    case 'throttled': {
      const retryAfterMs = retryAfter(headers['retry-after']);
      return new ThrottledError(told, { ...details, ...(retryAfterMs !== undefined && { retryAfterMs }) });
    }
    case 'auth': return new AuthError(told, details);
    case 'server': return writing ? new AmbiguousError(told, details) : new RetryableError(told, details);
    case 'busy': return new RetryableError(told, details);
    case 'conflict': case 'listing': case 'validation': return new TerminalError(told, details);
  }
}

/** Seconds (RFC 9110, 10.2.3) as ms. A date is left to the caller's own wait. */
function retryAfter(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1_000 : undefined;
}

function asText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : typeof value === 'number' ? String(value) : undefined;
}
