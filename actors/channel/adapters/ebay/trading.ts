/**
 * Listings made by the Trading API or on eBay's own pages (ebay.md 2.3): the Inventory API cannot change them, and the
 * Trading API cannot change those of the Inventory API. `fields.itemId` tells them apart; a variation has `fields.variation`,
 * its SKU, beside it. A quantity is sent as units free to sell and told back as those and all that were sold.
 */
import type { Call, Listing, ReadOutcome, Reading, WriteEntry, WriteOutcome } from '../../adapter.ts';
import { AmbiguousError, RetryableError } from '../../../errors.ts';
import type { Answer } from '../http.ts';
import type { EbayClient } from './client.ts';
import { refusalOf, tradingClass, tradingFailure } from './trading-errors.ts';
import type { TradingError } from './trading-errors.ts';
import { answered, isSpeakable, request } from './xml.ts';
import type { Part } from './xml.ts';
import type { BatchSize, VerifyWindow } from './write.ts';

/** ebay.md 2.3 "Per call". */
export const tradingBatch = 4;
/** The dates of one list span at most 120 days; a good-till-cancelled listing ends, and is renewed, within 31. */
const windowMs = 119 * 86_400_000;

export const isTrading = ({ fields }: Listing): boolean => fields['itemId'] !== undefined;

/** Sets up to four quantities, or tells each entry's refusal. */
export async function revise(entries: readonly WriteEntry[], client: EbayClient, size: BatchSize, verify: VerifyWindow, call: Call): Promise<WriteOutcome[]> {
  const name = 'ReviseInventoryStatus';
  const body = request(name, {
    InventoryStatus: entries.map(({ listing: { fields: { itemId, variation } }, quantity }) => ({ ItemID: itemId!, ...(variation !== undefined && { SKU: variation }), Quantity: quantity })),
  });
  const answer = await client.trade(name, body, call, true);
  const root = rootOf(answer, name);
  if (!root) throw new AmbiguousError(`${name}: ${answer.status} with an answer of unknown shape`, { status: answer.status, code: 'shape' });
  const ack = root.text('Ack');
  const told = errorsOf(root);
  const errors = told.filter(({ isWarning }) => !isWarning);
  const notes = told.map(({ code, text }) => `${code} ${text}`).join('; ').slice(0, 500);
  if (ack === 'Success' || ack === 'Warning') return entries.map(({ signature }) => ({ kind: 'accepted', signature, ...(notes !== '' && { reference: notes }), ...verify }));
  if (errors.length === 0) throw new AmbiguousError(`${name}: ${ack} without an error`, { status: answer.status, code: 'shape' });
  // A failure of eBay's own, or of the token or the rate, is about the call and not about one of its entries.
  const whole = errors.find(({ code }) => ['rate', 'auth', 'server'].includes(tradingClass(code)));
  if (ack === 'Failure' && whole) throw tradingFailure(whole, name, answer, true);
  const done = ack === 'PartialFailure' ? root.all('InventoryStatus') : [];
  const failed = entries.filter(({ listing }) => !done.some(part => isOf(part, listing)));
  const refused = refusals(failed, errors, size);
  return entries.map(entry => refused.get(entry) ?? { kind: 'accepted', signature: entry.signature, ...verify });
}

/** Each refused entry's own error: the one that names it, or the only one there can be. Else they are asked one by one. */
function refusals(failed: readonly WriteEntry[], errors: readonly TradingError[], size: BatchSize): Map<WriteEntry, WriteOutcome> {
  const named = failed.map(({ listing: { fields: { itemId, variation } } }) => errors.filter(({ parameters }) => parameters.includes(variation ?? itemId!)));
  if (failed.length > 1 && named.every(own => own.length > 0)) return new Map(failed.map((entry, n) => [entry, refusalOf(entry.signature, named[n]![0]!)]));
  const [first] = errors as [TradingError];
  const outcomes = size.refused(failed, first.code, first.text, signature => refusalOf(signature, first));
  return new Map(failed.map((entry, n) => [entry, outcomes[n]!]));
}

/** The live value of one listing, by a call of its own. */
export async function readItem(listing: Listing, client: EbayClient, call: Call): Promise<ReadOutcome> {
  const name = 'GetItem';
  const answer = await client.trade(name, request(name, { ItemID: listing.fields['itemId']! }), call);
  const root = rootOf(answer, name);
  if (!root) throw strange(name, answer);
  const error = errorsOf(root).find(({ isWarning }) => !isWarning);
  const item = root.at('Item');
  if (error) {
    const kind = tradingClass(error.code);
    if (kind === 'missing') return { kind: 'missing', listing, code: error.code, message: error.text };
    if (kind === 'listing' || kind === 'validation') return { kind: 'failed', listing, code: error.code, message: error.text };
    throw tradingFailure(error, name, answer, false);
  }
  if (item?.text('ItemID') !== listing.fields['itemId']) throw strange(name, answer);
  const reading = readingsOf(item!).find(({ listing: { fields } }) => fields['variation'] === listing.fields['variation']);
  if (!reading) return { kind: 'missing', listing, code: 'no-variation', message: `listing ${listing.fields['itemId']} has no such variation now` };
  return 'quantity' in reading
    ? { kind: 'read', reading: { ...reading, listing } }
    : { kind: 'failed', listing, code: 'no-quantity', message: 'the listing tells no quantity, or not how many of it were sold' };
}

export interface SellerPage { readings: Reading[]; more: boolean }

/** A page of all listings of the seller that have not ended, whoever made them. */
export async function sellerList(from: number, page: number, most: number, client: EbayClient, call: Call): Promise<SellerPage> {
  const name = 'GetSellerList';
  const answer = await client.trade(name, request(name, {
    GranularityLevel: 'Fine', IncludeVariations: 'true',
    EndTimeFrom: new Date(from).toISOString(), EndTimeTo: new Date(from + windowMs).toISOString(),
    Pagination: { EntriesPerPage: most, PageNumber: page },
  }), call);
  const root = rootOf(answer, name);
  const more = root?.text('HasMoreItems');
  const error = root && errorsOf(root).find(({ isWarning }) => !isWarning);
  if (error) throw tradingFailure(error, name, answer, false);
  if (!root || (more !== 'true' && more !== 'false')) throw strange(name, answer);
  const readings = root.at('ItemArray')?.all('Item').flatMap(item => {
    // An auction takes no quantity, and what has ended no write.
    if (!/^(FixedPriceItem|StoresFixedPrice)$/.test(item.text('ListingType') ?? '') || item.text('SellingStatus', 'ListingStatus') !== 'Active') return [];
    return readingsOf(item).filter((reading): reading is Reading => {
      if (!('quantity' in reading)) throw new RetryableError(`${name}: listing ${reading.listing.id} tells no quantity`, { status: answer.status, code: 'no-quantity' });
      return true;
    });
  }) ?? [];
  return { readings, more: more === 'true' };
}

/** The listing itself, or each of its variations; a variation without a SKU has no name that a write could use. */
function readingsOf(item: Part): (Reading | { listing: Listing })[] {
  const itemId = item.text('ItemID');
  if (itemId === undefined) return [];
  const status = item.text('SellingStatus', 'ListingStatus') ?? 'without a status';
  const active = status === 'Active';
  const reading = (listing: Listing, part: Part): Reading | { listing: Listing } => {
    const all = part.units('Quantity');
    const sold = part.units('SellingStatus', 'QuantitySold');
    if (all === undefined || sold === undefined) return { listing };
    const quantity = Math.max(0, all - sold);
    return { listing, quantity, buyable: active ? quantity : 0, sold, active, ...(!active && { reason: `listing ${itemId} ${status}` }) };
  };
  const variations = item.at('Variations')?.all('Variation');
  if (!variations) return [reading({ id: itemId, sku: item.text('SKU') ?? itemId, fields: { itemId } }, item)];
  return variations.flatMap(part => {
    const sku = part.text('SKU');
    return sku === undefined ? [] : [reading({ id: `${itemId}/${sku}`, sku, fields: { itemId, variation: sku } }, part)];
  });
}

/** Of a single listing the SKU is not looked at: the answer may leave it empty. */
function isOf(part: Part, { fields: { itemId, variation } }: Listing): boolean {
  return part.text('ItemID') === itemId && (variation === undefined || part.text('SKU') === variation);
}

function rootOf(answer: Answer, name: string): Part | undefined {
  const root = answered(answer.text);
  return answer.status === 200 && root?.name === `${name}Response` && root.text('Ack') !== undefined ? root : undefined;
}

function errorsOf(root: Part): TradingError[] {
  return root.all('Errors').map(error => ({
    code: error.text('ErrorCode') ?? 'none',
    text: error.text('LongMessage') ?? error.text('ShortMessage') ?? '',
    isWarning: error.text('SeverityCode') === 'Warning',
    parameters: error.all('ErrorParameters').flatMap(parameter => parameter.text('Value') ?? []),
  }));
}

function strange(name: string, answer: Answer): Error {
  return new RetryableError(`${name}: ${answer.status} with an answer of unknown shape`, { status: answer.status, code: 'shape' });
}

/** A SKU that XML cannot hold is no name that a write could use. */
export function isWritable({ fields: { variation } }: Listing): boolean {
  return variation === undefined || isSpeakable(variation);
}
