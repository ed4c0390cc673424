/** What Shopify's refusals mean, layer by layer (shopify.md 5): HTTP status, top-level GraphQL error, userError. */
import { AmbiguousError, AuthError, RetryableError, TerminalError, ThrottledError } from '../../../errors.ts';
import type { FailureDetails } from '../../../errors.ts';

/**
 * `throttled`: over the rate, nothing executed. `auth`: token, scope or store; a person must act, the account waits.
 * `terminal`: our request is wrong. `unknown`: it may have been executed.
 */
export type CallClass = 'throttled' | 'auth' | 'terminal' | 'unknown';

const httpClasses: Record<number, CallClass> = {
  400: 'terminal',
  401: 'auth', // bad or expired token; renewed once before it comes to this
  402: 'auth', // store frozen for payment
  403: 'auth', // no access
  404: 'auth', // wrong shop or version path: the account's settings, not the job
  408: 'unknown',
  423: 'auth', // store locked
  429: 'throttled', // floods at the edge
};

/** Other 4xx refuse the request as it stands; everything else (5xx, a redirect, a 200 that is no JSON) proves nothing. */
export function httpClass(status: number): CallClass {
  return httpClasses[status] ?? (status >= 400 && status < 500 ? 'terminal' : 'unknown');
}

const graphqlClasses: Record<string, CallClass> = {
  THROTTLED: 'throttled',
  ACCESS_DENIED: 'auth', // a scope is missing
  INTERNAL_SERVER_ERROR: 'unknown',
  MAX_COST_EXCEEDED: 'terminal',
  MAX_INPUT_SIZE_EXCEEDED: 'terminal',
  BAD_REQUEST: 'terminal', // among others: no @idempotent
  INVALID_FIELD_ARGUMENTS: 'terminal', // among others: no changeFromQuantity key
};

/** A code that is not in the table was refused before execution exactly when there is no `data` (GraphQL spec 7.1). */
export function graphqlClass(code: string | undefined, hasData: boolean): CallClass {
  return (code === undefined ? undefined : graphqlClasses[code]) ?? (hasData ? 'unknown' : 'terminal');
}

/**
 * `conflict`: another value than ours was there. `listing`: gone, not stocked or not ours to set. `validation`: our
 * request is wrong. `newKey`: the key is used up, the change may still be made under another. `running`: the first
 * attempt has not ended.
 */
export type EntryClass = 'conflict' | 'listing' | 'validation' | 'newKey' | 'running';

/** Every code of the vendor's `InventorySetQuantitiesUserErrorCode`. */
export const entryClasses: Record<string, EntryClass> = {
  CHANGE_FROM_QUANTITY_STALE: 'conflict',
  COMPARE_QUANTITY_STALE: 'conflict',
  INVALID_INVENTORY_ITEM: 'listing',
  INVALID_LOCATION: 'listing',
  ITEM_NOT_STOCKED_AT_LOCATION: 'listing', // activation is a person's decision, never a side effect of a write
  NON_MUTABLE_INVENTORY_ITEM: 'listing', // bundle parent
  INVALID_QUANTITY_NEGATIVE: 'validation',
  INVALID_QUANTITY_TOO_HIGH: 'validation',
  INVALID_QUANTITY_TOO_LOW: 'validation',
  INVALID_NAME: 'validation',
  INVALID_REASON: 'validation',
  INVALID_REFERENCE_DOCUMENT: 'validation',
  COMPARE_QUANTITY_REQUIRED: 'validation',
  NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR: 'validation',
  IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED: 'newKey',
  IDEMPOTENCY_KEY_PARAMETER_MISMATCH: 'newKey',
  IDEMPOTENCY_CONCURRENT_REQUEST: 'running',
};

/** A code unknown to us is tried again: with userErrors nothing was written. */
export function entryClass(code: string | null): EntryClass {
  return (code === null ? undefined : entryClasses[code]) ?? 'newKey';
}

/** The error to throw for a whole call. `unknown` counts as possibly applied for a mutation and as nothing for a query. */
export function failure(
  kind: CallClass, mutation: boolean, message: string, details: FailureDetails & { retryAfterMs?: number },
): Error {
  switch (kind) {
    case 'throttled': return new ThrottledError(message, details);
    case 'auth': return new AuthError(message, details);
    case 'terminal': return new TerminalError(message, details);
    case 'unknown': return mutation ? new AmbiguousError(message, details) : new RetryableError(message, details);
  }
}
