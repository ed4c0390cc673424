/** The Trading API's error codes, which come under a 200 (ebay.md 2.3), and what each means. */
import type { WriteOutcome } from '../../adapter.ts';
import { AmbiguousError, AuthError, RetryableError, TerminalError, ThrottledError } from '../../../errors.ts';
import type { Answer } from '../http.ts';
import { requestIdHeader } from './errors.ts';
import type { ErrorClass } from './errors.ts';

export interface TradingError {
  code: string;
  text: string;
  isWarning: boolean;
  /** Values that the error is about, in the vendor's order. */
  parameters: string[];
}

export const tradingErrors: readonly { codes: string[]; meaning: string; class: ErrorClass }[] = [
  { codes: ['518', '21919144'], meaning: 'calls of the day, or too many in a short time', class: 'rate' },
  { codes: ['931', '932', '16110', '21916984', '21917053'], meaning: 'token expired or wrong', class: 'auth' },
  { codes: ['10007'], meaning: 'internal error of eBay', class: 'server' },
  { codes: ['17', '231'], meaning: 'no such listing, or not of this seller', class: 'missing' },
  { codes: ['291', '21916750'], meaning: 'the listing has ended', class: 'missing' },
  { codes: ['21916799'], meaning: 'the listing has no variation of this SKU', class: 'missing' },
  { codes: ['21916635'], meaning: 'the listing has variations, and none was named', class: 'listing' },
  { codes: ['21919474'], meaning: 'a listing of the Inventory API', class: 'listing' },
  { codes: ['21919028'], meaning: 'has bids or offers, or ends within 12 hours', class: 'later' },
  { codes: ['21919188'], meaning: 'selling limit of the account', class: 'account' },
  { codes: ['515', '942'], meaning: 'quantity invalid, or 0 without out-of-stock control', class: 'validation' },
];

/** A code that is not in the table is about what was sent. */
export function tradingClass(code: string): ErrorClass {
  return tradingErrors.find(({ codes }) => codes.includes(code))?.class ?? 'validation';
}

/** How the Trading API says that a token is over or none: before anything is carried out. */
export const refusedToken = /<ErrorCode>(?:931|932|16110|21916984|21917053)<\/ErrorCode>/;

export function refusalOf(signature: string, { code, text: message }: TradingError): WriteOutcome {
  switch (tradingClass(code)) {
    case 'rate': case 'auth': case 'server': case 'busy': case 'later':
      return { kind: 'retry', signature, code, message };
    case 'listing': case 'missing':
      return { kind: 'refused', signature, class: 'listing', code, message };
    case 'validation': case 'account': case 'ours':
      return { kind: 'refused', signature, class: 'validation', code, message };
  }
}

/** The failure of a whole call, to be thrown. */
export function tradingFailure({ code, text }: TradingError, name: string, answer: Answer, writes: boolean): Error {
  const requestId = answer.headers[requestIdHeader];
  const details = { status: answer.status, code, ...(requestId !== undefined && { requestId }) };
  const message = `${name}: ${code} ${text}`;
  switch (tradingClass(code)) {
    case 'rate': return new ThrottledError(message, details);
    case 'auth': return new AuthError(message, details);
    case 'server': return writes ? new AmbiguousError(message, details) : new RetryableError(message, details);
    case 'busy': case 'later': return new RetryableError(message, details);
    default: return new TerminalError(message, details);
  }
}
