/** eBay's error ids and what each means for a call or an entry: the table of the Inventory and Fulfillment contracts. */
import { AmbiguousError, AuthError, RetryableError, TerminalError, ThrottledError } from '../../../errors.ts';
import type { FailureDetails } from '../../../errors.ts';
import type { Answer } from '../http.ts';
import { errorAnswer } from './schemas.ts';
import type { EbayError } from './schemas.ts';

export type ErrorClass =
  /** Quota of the day or a burst; both look alike. */
  | 'rate'
  | 'auth'
  /** Their servers; says nothing about what was done. */
  | 'server'
  /** Another call is changing the same item or group: refused, passes after a pause. */
  | 'busy'
  /** Refused now because of the listing's state; may pass within hours. */
  | 'later'
  | 'validation'
  /** The listing, not the quantity, is what eBay objects to. */
  | 'listing'
  /** The account's selling limit: no raise, alert. */
  | 'account'
  /** Unknown, ended or unpublished. */
  | 'missing'
  /** The request was built wrongly: ours to mend. */
  | 'ours';

interface Row {
  /** Single ids, or both ends of a range. */
  ids: (number | readonly [from: number, to: number])[];
  meaning: string;
  class: ErrorClass;
}

export const errorTable: readonly Row[] = [
  { ids: [2001], /*                                      429      */ meaning: 'quota or burst', class: 'rate' },
  { ids: [1001], /*                                      401      */ meaning: 'token expired or wrong', class: 'auth' },
  { ids: [1100], /*                                      403      */ meaning: 'scope missing', class: 'auth' },
  { ids: [25001, 30500], /*                              500      */ meaning: 'system error', class: 'server' },
  { ids: [25025], /*                                     500      */ meaning: 'item or group is being changed by another call', class: 'busy' },
  { ids: [25002], /*                                     400      */ meaning: 'any user error; the cause is in the long message', class: 'validation' },
  { ids: [25004], /*                                     400      */ meaning: 'quantity invalid', class: 'validation' },
  { ids: [25003, [25005, 25018], [25020, 25024]], /*     400      */ meaning: "the listing's other data are invalid", class: 'listing' },
  { ids: [[25501, 25503], 25601], /*                     400      */ meaning: "the listing's other data are invalid", class: 'listing' },
  { ids: [25019], /*                                     400      */ meaning: 'listing cannot be revised', class: 'listing' },
  { ids: [25026], /*                                     400      */ meaning: 'selling limit of the account', class: 'account' },
  { ids: [[25038, 25040]], /*                            400      */ meaning: 'has bids or offers, or ends within 12 hours', class: 'later' },
  { ids: [25096], /*                                     200      */ meaning: 'on hold for policy; a warning', class: 'listing' },
  { ids: [25097, 25098], /*                              400      */ meaning: 'on hold for policy', class: 'listing' },
  { ids: [25604], /*                                     400      */ meaning: 'input error', class: 'validation' },
  { ids: [25701, 25702, 25710], /*                       400, 404 */ meaning: 'SKU or resource unknown', class: 'missing' },
  { ids: [25707, 25708], /*                              400      */ meaning: 'SKU not valid', class: 'validation' },
  { ids: [25706], /*                                     400      */ meaning: 'bad limit or offset', class: 'ours' },
  { ids: [25709], /*                                     400      */ meaning: 'bad value for a field', class: 'validation' },
  { ids: [25713], /*                                     400, 404 */ meaning: 'offer unpublished, ended or of another marketplace', class: 'missing' },
  { ids: [25727, 25728, [25730, 25731], 25733, 25734], /* 400     */ meaning: 'batch too big, duplicates, locale', class: 'ours' },
  { ids: [25759, 25760], /*                              400      */ meaning: 'below the units bound to an auction', class: 'listing' },
  { ids: [[30700, 32800]], /*                            400      */ meaning: 'bad filter, date, limit or offset', class: 'ours' },
];

/** The class of an error id, else of the status it came with. */
export function classOf(errorId: number | undefined, status: number): ErrorClass {
  const row = errorId === undefined ? undefined : errorTable.find(({ ids }) =>
    ids.some(id => (typeof id === 'number' ? id === errorId : id[0] <= errorId && errorId <= id[1])));
  if (row) return row.class;
  if (status >= 500) return 'server';
  if (status === 429) return 'rate';
  if (status === 401 || status === 403) return 'auth';
  if (status === 404) return 'missing';
  return 'validation';
}

/** The error that says most: 25002 hides its cause, so any other one is preferred. */
export function principal(errors: readonly EbayError[]): EbayError | undefined {
  return errors.find(e => e.errorId !== 25002) ?? errors[0];
}

/** `Invalid quantity. Quantity must be 0 or more (field=availableQuantity)`. */
export function textOf(error: EbayError): string {
  const parameters = (error.parameters ?? []).map(p => `${p.name ?? '?'}=${p.value ?? ''}`).join(', ');
  return [error.longMessage ?? error.message, parameters && `(${parameters})`].filter(Boolean).join(' ');
}

/** The errors of an answer that is nothing but errors; none where it is another body. */
export function errorsOf(answer: Answer): EbayError[] {
  const parsed = errorAnswer.safeParse(answer.json);
  return parsed.success ? parsed.data.errors : [];
}

export const requestIdHeader = 'x-ebay-c-request-id';

/**
 * The failure of a whole call, to be thrown.
 *
 * @param writes true where the call sets something: a server's error then proves nothing about what was done
 */
export function failureOf(answer: Answer, what: string, writes: boolean): Error {
  const error = principal(errorsOf(answer));
  const requestId = answer.headers[requestIdHeader];
  const details: FailureDetails = {
    status: answer.status,
    code: String(error?.errorId ?? answer.status),
    ...(requestId !== undefined && { requestId }),
  };
  const message = `${what}: ${answer.status}${error ? ` ${error.errorId} ${textOf(error)}` : ' without an error body'}`;
  switch (classOf(error?.errorId, answer.status)) {
    case 'rate': {
      const retryAfterMs = retryAfter(answer);
      return new ThrottledError(message, { ...details, ...(retryAfterMs !== undefined && { retryAfterMs }) });
    }
    case 'auth': return new AuthError(message, details);
    case 'server': return writes ? new AmbiguousError(message, details) : new RetryableError(message, details);
    case 'busy': case 'later': return new RetryableError(message, details);
    default: return new TerminalError(message, details);
  }
}

/** `Retry-After` in ms, where eBay sent one in seconds; it does not do so reliably. */
export function retryAfter(answer: Answer): number | undefined {
  const seconds = Number(answer.headers['retry-after'] ?? NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
}
