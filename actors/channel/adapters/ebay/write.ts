/**
 * Quantities through `bulk_update_price_quantity`, the one write that replaces nothing else.
 *
 * A listing shows the smaller of two numbers, the item's stock and the offer's own quantity, so both are set in one
 * entry. The answer is per entry, by SKU and offer id in any order, and even its 200 proves no live value.
 */
import type { Listing, WriteEntry, WriteOutcome } from '../../adapter.ts';
import { AmbiguousError } from '../../../errors.ts';
import type { Answer } from '../http.ts';
import { classOf, errorsOf, principal, textOf } from './errors.ts';
import { bulkUpdateAnswer } from './schemas.ts';
import type { EbayError, UpdatePart } from './schemas.ts';

export const updatePath = '/sell/inventory/v1/bulk_update_price_quantity';

export interface VerifyWindow { verifyAfterMs: number; verifyWithinMs: number }

export const isQuantity = (quantity: number): boolean => Number.isSafeInteger(quantity) && quantity >= 0;

/** What cannot be sent. JSON makes null of NaN, which eBay takes for a quantity that is not to be touched. */
export function unfitFor({ signature, quantity, listing: { sku } }: WriteEntry): WriteOutcome {
  const [code, message] = isQuantity(quantity) ? ['sku', `${JSON.stringify(sku)} has a character that XML cannot hold`] : ['quantity', `${sku}: ${quantity} is no whole number >= 0`];
  return { kind: 'refused', signature, class: 'validation', code, message };
}

export function updateBody(entries: readonly WriteEntry[]): unknown {
  return { requests: entries.map(requestOf) };
}

function requestOf({ listing, quantity }: WriteEntry): unknown {
  const ids = offerIdsOf(listing);
  return {
    sku: listing.sku,
    shipToLocationAvailability: { quantity },
    ...(ids.length > 0 && { offers: ids.map((offerId, n) => ({ offerId, availableQuantity: share(quantity, ids.length, n) })) }),
  };
}

/** Published offers of a listing; `fields.offerIds` holds them with commas between. */
export function offerIdsOf(listing: Listing): string[] {
  return (listing.fields['offerIds'] ?? '').split(',').filter(Boolean);
}

/**
 * The `n`th of `of` offers' part of a quantity. Several offers of one SKU are each open for sale, so giving all of
 * them the whole quantity would sell it several times: the parts add up to it.
 */
export function share(quantity: number, of: number, n: number): number {
  return Math.floor(quantity / of) + (n < quantity % of ? 1 : 0);
}

/**
 * Outcomes of a call that was answered 200 or 207, in the order of `entries`.
 *
 * @throws {AmbiguousError} when the answer cannot be read: the call may have been carried out
 */
export function outcomesOf(entries: readonly WriteEntry[], answer: Answer, verify: VerifyWindow): WriteOutcome[] {
  const parsed = bulkUpdateAnswer.safeParse(answer.json);
  if (!parsed.success) {
    throw new AmbiguousError(`POST ${updatePath}: ${answer.status} with an answer of unknown shape`, { status: answer.status, code: 'shape' });
  }
  const { responses } = parsed.data;
  return entries.map(entry => outcomeOf(entry, responses.filter(part => belongs(part, entry.listing)), verify));
}

/** An offer id names its entry whatever else is there; a part without one is about the SKU's item. */
function belongs(part: UpdatePart, listing: Listing): boolean {
  return part.offerId === undefined ? part.sku === listing.sku : offerIdsOf(listing).includes(part.offerId);
}

function outcomeOf({ signature }: WriteEntry, parts: UpdatePart[], verify: VerifyWindow): WriteOutcome {
  const failed = parts.filter(part => part.statusCode >= 300);
  const notes = parts.flatMap(part => [...(part.errors ?? []), ...(part.warnings ?? [])]).map(e => `${e.errorId} ${textOf(e)}`);
  // One part done and one refused may have moved what is shown, and no answer proves nothing: only a read tells.
  const unproven = failed.length < parts.length || parts.length === 0 || failed.some(part => classOfPart(part) === 'server');
  if (unproven) {
    const reference = parts.length === 0 ? 'no answer for this entry' : notes.join('; ').slice(0, 500);
    return { kind: 'accepted', signature, ...(reference !== '' && { reference }), ...verify };
  }
  const part = failed[0]!;
  return refusalOf(signature, principal(failed.flatMap(p => p.errors ?? [])), part.statusCode);
}

function classOfPart(part: UpdatePart): string {
  return classOf(principal(part.errors ?? [])?.errorId, part.statusCode);
}

/** Outcomes of a call that was refused as a whole. */
export function refusedWhole(entries: readonly WriteEntry[], answer: Answer, size: BatchSize): WriteOutcome[] {
  const error = principal(errorsOf(answer));
  return size.refused(entries, String(error?.errorId ?? answer.status), error ? textOf(error) : String(answer.status), signature => refusalOf(signature, error, answer.status));
}

/** One entry that eBay refused, by the error table. */
function refusalOf(signature: string, error: EbayError | undefined, status: number): WriteOutcome {
  const code = String(error?.errorId ?? status);
  const message = error ? textOf(error) : `refused with ${status} and no error`;
  switch (classOf(error?.errorId, status)) {
    case 'rate': case 'busy': case 'later': case 'auth': case 'server':
      return { kind: 'retry', signature, code, message };
    case 'listing': case 'missing':
      return { kind: 'refused', signature, class: 'listing', code, message };
    case 'validation': case 'account': case 'ours':
      return { kind: 'refused', signature, class: 'validation', code, message };
  }
}

/**
 * How many entries one call may hold. The contract says both 1 and 25, and which holds is learnt by asking: a call
 * of several that is refused as a whole brings it down to 1. If one of its entries is then refused alone for the
 * same reason, that entry was to blame and not the size, and the size comes back.
 */
export class BatchSize {
  readonly #max: number;
  #now: number;
  #reason: string | undefined;

  constructor(max: number) {
    this.#max = max;
    this.#now = max;
  }

  get now(): number {
    return this.#now;
  }

  /** Outcomes of a call refused as a whole; nothing of it was done. */
  refused(entries: readonly WriteEntry[], code: string, text: string, refusal: (signature: string) => WriteOutcome): WriteOutcome[] {
    if (entries.length === 1) {
      if (this.#reason === code) this.#set(this.#max, undefined);
      return [refusal(entries[0]!.signature)];
    }
    this.#set(1, code);
    const message = `refused with the whole call of ${entries.length}: ${text}`;
    return entries.map(({ signature }) => ({ kind: 'retry', signature, code, message }));
  }

  #set(now: number, reason: string | undefined): void {
    this.#now = now;
    this.#reason = reason;
  }
}
