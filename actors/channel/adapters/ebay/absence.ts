/** Why there is no quantity to tell of a listing. */
import type { Answer } from '../http.ts';
import { classOf, errorsOf, principal, textOf } from './errors.ts';

export interface Absence { kind: 'missing' | 'failed'; code: string; message: string }

export const notKept = { code: 'legacy', message: 'a listing that the Inventory API does not manage: settings.legacy is not set' };
export const noOffer: Absence = { kind: 'missing', code: 'no-offer', message: 'no fixed-price offer' };

/** What a refusal says about the one SKU asked for; nothing where it is about the request. */
export function absence(answer: Answer): Absence | undefined {
  const error = principal(errorsOf(answer));
  const found = { code: String(error?.errorId ?? answer.status), message: error ? textOf(error) : `status ${answer.status}` };
  switch (classOf(error?.errorId, answer.status)) {
    // Without eBay's own error a 404 may come from an edge or a wrong address: the listing is not gone for that.
    case 'missing': return error ? { kind: 'missing', ...found } : undefined;
    case 'validation': case 'listing': return { kind: 'failed', ...found };
    default: return undefined;
  }
}
