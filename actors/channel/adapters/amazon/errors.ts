/** What Amazon's answers mean, in one table. Statuses and codes: SP-API errors page and the models' responses. */
import type { Answer } from '../http.ts';
import { AmbiguousError, AuthError, RetryableError, TerminalError, ThrottledError } from '../../../errors.ts';
import type { FailureDetails } from '../../../errors.ts';
import { errorList, lwaError } from './schemas.ts';

type Class = 'auth' | 'throttled' | 'retryable' | 'ambiguous' | 'terminal';
interface Row {
  /** Statuses from and to, both included. */
  from: number;
  to: number;
  /** Codes seen with it; they inform, the status decides. */
  codes: string;
  read: Class;
  write: Class;
}

/**
 * Of the API. A write's 5xx does not say that nothing was applied; an
 * edge in front of the API sends them as well.
 */
export const failures: readonly Row[] = [
  { from: 400, to: 400, codes: 'InvalidInput, BAD_REQUEST', read: 'terminal', write: 'terminal' },
  // Not documented for listings and orders; other Amazon APIs use it as they use 403.
  { from: 401, to: 401, codes: 'Unauthorized', read: 'auth', write: 'auth' },
  { from: 403, to: 403, codes: 'Unauthorized', read: 'auth', write: 'auth' },
  { from: 404, to: 404, codes: 'NOT_FOUND, NotFound', read: 'terminal', write: 'terminal' },
  { from: 408, to: 408, codes: '', read: 'retryable', write: 'ambiguous' },
  { from: 413, to: 413, codes: '', read: 'terminal', write: 'terminal' },
  { from: 415, to: 415, codes: '', read: 'terminal', write: 'terminal' },
  { from: 429, to: 429, codes: 'QuotaExceeded', read: 'throttled', write: 'throttled' },
  { from: 400, to: 499, codes: 'any other', read: 'terminal', write: 'terminal' },
  { from: 500, to: 599, codes: 'InternalFailure, ServiceUnavailable', read: 'retryable', write: 'ambiguous' },
  // A 2xx or 3xx that is not the documented answer proves nothing.
  { from: 100, to: 399, codes: 'unexpected', read: 'retryable', write: 'ambiguous' },
];

/** Of the token endpoint (OAuth 2 error names). Whatever it refuses, the account cannot work until a person acts. */
export const tokenFailures: readonly Omit<Row, 'write'>[] = [
  { from: 400, to: 400, codes: 'invalid_grant, invalid_client, unauthorized_client, invalid_request', read: 'auth' },
  { from: 401, to: 401, codes: 'invalid_client', read: 'auth' },
  { from: 403, to: 403, codes: 'access_denied', read: 'auth' },
  { from: 429, to: 429, codes: '', read: 'throttled' },
  { from: 400, to: 499, codes: 'any other', read: 'auth' },
  { from: 100, to: 599, codes: 'server_error, unexpected', read: 'retryable' },
];

/**
 * True for a 401 or 403 that is about the access token itself: expired, revoked or malformed. Only those carry
 * `details`; a missing role, a withdrawn grant, the wrong region or a badly encoded path leave it empty, and a new
 * token changes nothing there.
 */
export function refusesToken(answer: Answer): boolean {
  if (answer.status !== 401 && answer.status !== 403) return false;
  return errorList.safeParse(answer.json).data?.errors.some(e => /token/i.test(e.details ?? '')) ?? false;
}

/** The error to throw for an answer that was not the one hoped for. */
export function failure(what: string, answer: Answer, kind: 'read' | 'write'): Error {
  const row = failures.find(r => answer.status >= r.from && answer.status <= r.to);
  const first = errorList.safeParse(answer.json).data?.errors[0];
  const words = first ? [first.code, first.message, first.details].filter(Boolean).join(': ') : answer.text.slice(0, 200);
  return made(row?.[kind] ?? 'ambiguous', `${what}: ${answer.status} ${words}`, detailsOf(answer, first?.code));
}

/** The same for the token endpoint. */
export function tokenFailure(answer: Answer): Error {
  const row = tokenFailures.find(r => answer.status >= r.from && answer.status <= r.to);
  const told = lwaError.safeParse(answer.json).data;
  // Never the text of a 2xx here: it may hold a token.
  const words = told ? `${told.error}: ${told.error_description ?? ''}` : 'no OAuth error in the answer';
  return made(row?.read ?? 'retryable', `access token: ${answer.status} ${words}`, detailsOf(answer, told?.error));
}

/** A 2xx whose body is not what the vendor documents: on a read, try again; on a write, possibly applied. */
export function malformed(what: string, answer: Answer, kind: 'read' | 'write', why: string): Error {
  return made(kind === 'read' ? 'retryable' : 'ambiguous', `${what}: answer not understood: ${why}`, detailsOf(answer, 'malformed'));
}

function detailsOf(answer: Answer, code: string | undefined): FailureDetails {
  const requestId = answer.headers['x-amzn-requestid'];
  return { status: answer.status, ...(code !== undefined && { code }), ...(requestId !== undefined && { requestId }) };
}

function made(as: Class, message: string, details: FailureDetails): Error {
  switch (as) {
    case 'auth': return new AuthError(message, details);
    // Amazon sends no Retry-After; 1/rate is for the rate keeper to know.
    case 'throttled': return new ThrottledError(message, details);
    case 'retryable': return new RetryableError(message, details);
    case 'ambiguous': return new AmbiguousError(message, details);
    case 'terminal': return new TerminalError(message, details);
  }
}
