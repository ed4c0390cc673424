/** Writes of one quantity, one HTTP call each, by the way that the listing carries. */
import type { Call, WriteEntry, WriteOutcome } from '../../adapter.ts';
import type { Answer, Ask } from '../http.ts';
import { refused } from './errors.ts';
import type { Refusal } from './errors.ts';
import type { Reader } from './read.ts';
import { versionSchema, writtenSchema } from './schemas.ts';
import { formatVersion, parseVersion } from './stock.ts';
import type { Location } from './stock.ts';
import { fieldsOf, soldOf } from './ways.ts';
import type { Fields } from './ways.ts';

export interface Writer extends Reader {
  /** How many times faster than the vendor's the clock runs: 1 in production. */
  timeScale: number;
}

export async function write(writer: Writer, entry: WriteEntry, call: Call): Promise<WriteOutcome> {
  const { quantity, signature } = entry;
  // JSON makes null of NaN.
  if (!Number.isSafeInteger(quantity) || quantity < 0) {
    return { kind: 'refused', signature, class: 'validation', code: 'quantity', message: `${entry.listing.sku}: ${quantity} is no whole number >= 0` };
  }
  const fields = fieldsOf(entry.listing);
  switch (fields.way) {
    case 'none':
      return { kind: 'refused', signature: entry.signature, class: 'listing', code: 'not_writable', message: fields.reason };
    case 'item':
      return writeItem(writer, entry, fields.itemId, { available_quantity: entry.quantity }, call);
    case 'variations':
      return writeVariation(writer, entry, fields, call);
    case 'selling_address':
    case 'seller_warehouse':
      return writeStock(writer, entry, fields, call);
  }
}

/** All ids of the item, the quantity on ours alone: an id left out would be deleted. */
async function writeVariation(
  writer: Writer,
  entry: WriteEntry,
  { itemId, variationId }: Extract<Fields, { way: 'variations' }>,
  call: Call,
): Promise<WriteOutcome> {
  const { signature, quantity } = entry;
  const ids = writer.variations.of(itemId);
  if (!ids) return { kind: 'conflict', signature, code: 'variations_unread', message: `the variations of ${itemId} must be read right before a write` };
  // Without its id in the list, the entry would create a variation.
  if (!ids.includes(variationId)) {
    return { kind: 'refused', signature, class: 'listing', code: 'variation_missing', message: `item ${itemId} has no variation ${variationId}` };
  }
  const variations = ids.map(id => ({ id: Number(id), ...(id === variationId && { available_quantity: quantity }) }));
  return writeItem(writer, entry, itemId, { variations }, call, variationId);
}

/**
 * The answer is the item, and the number in it the proof. Another number there may be a sale, or an account that was
 * switched to multi-origin, where this call answers 200 and changes nothing: unproven, to be read back.
 */
async function writeItem(writer: Writer, entry: WriteEntry, itemId: string, body: unknown, call: Call, variationId?: string): Promise<WriteOutcome> {
  const ask: Ask = { method: 'PUT', path: `/items/${encodeURIComponent(itemId)}`, body };
  const at = writer.now();
  const answer = await writer.api.ask(ask, call);
  if (!isDone(answer)) return outcomeOf(entry.signature, refused(answer, ask));
  const { data: item } = writtenSchema.safeParse(answer.json);
  if (!item) return accepted(writer, entry, 'answered with an unknown body');
  if (item.variations?.length) writer.variations.saw(itemId, item.variations.map(v => v.id), at);
  const shown = variationId === undefined ? item : item.variations?.find(v => v.id === variationId);
  if (shown?.available_quantity === entry.quantity) return { kind: 'applied', signature: entry.signature, quantity: entry.quantity, ...soldOf(writer.settings, fieldsOf(entry.listing), shown) };
  return accepted(writer, entry, `answered ${shown?.available_quantity ?? 'without the variation'}`);
}

/** A compare-and-set on the whole stock of the user product: any sale since the reading makes it a conflict. */
async function writeStock(
  writer: Writer,
  entry: WriteEntry,
  fields: Extract<Fields, { way: 'selling_address' | 'seller_warehouse' }>,
  call: Call,
): Promise<WriteOutcome> {
  const { signature, quantity } = entry;
  const last = parseVersion(entry.last?.version);
  if (!last) return { kind: 'conflict', signature, code: 'version_unread', message: `no x-version of ${fields.userProductId} in hand, got ${JSON.stringify(entry.last?.version)}` };
  const ask: Ask = {
    method: 'PUT',
    path: `/user-products/${encodeURIComponent(fields.userProductId)}/stock/type/${fields.way}`,
    headers: { 'x-version': last.version },
    body: fields.way === 'selling_address' ? { quantity } : { locations: locations(fields, quantity, last.others) },
  };
  const answer = await writer.api.ask(ask, call);
  if (!isDone(answer)) return outcomeOf(signature, refused(answer, ask));
  const version = versionSchema.safeParse(answer.headers['x-version']);
  // No new version is documented in the answer; where it comes, the write is proven and the next needs no reading.
  return version.success
    ? { kind: 'applied', signature, quantity, version: formatVersion(version.data, last.others) }
    : accepted(writer, entry, `x-version ${last.version} accepted`);
}

function locations(own: { storeId: string; networkNodeId: string }, quantity: number, others: readonly Location[]): Location[] {
  return [{ store_id: own.storeId, network_node_id: own.networkNodeId, quantity }, ...others];
}

function accepted({ settings, timeScale }: Writer, { signature }: WriteEntry, reference: string): WriteOutcome {
  return {
    kind: 'accepted',
    signature,
    reference,
    verifyAfterMs: settings.verifyAfterMs / timeScale,
    verifyWithinMs: settings.verifyWithinMs / timeScale,
  };
}

/** Any 2xx may have been carried out, documented here or not. */
const isDone = ({ status }: Answer): boolean => status >= 200 && status < 300;

function outcomeOf(signature: string, { verdict, code, message }: Refusal): WriteOutcome {
  switch (verdict) {
    case 'conflict': return { kind: 'conflict', signature, code, message };
    case 'busy': return { kind: 'retry', signature, code, message };
    case 'validation': return { kind: 'refused', signature, class: 'validation', code, message };
    case 'listing': case 'access': return { kind: 'refused', signature, class: 'listing', code, message };
  }
}
