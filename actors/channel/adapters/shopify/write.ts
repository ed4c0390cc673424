/** Sets quantities by compare-and-swap, and tells for each entry what the answer proves. */
import type { Call, WriteEntry, WriteOutcome } from '../../adapter.ts';
import { AmbiguousError, TerminalError } from '../../../errors.ts';
import { setQuantities } from './documents.ts';
import { entryClass } from './errors.ts';
import type { Graph } from './graph.ts';
import type { Keys } from './keys.ts';
import { setQuantitiesSchema } from './schemas.ts';
import type { SetQuantitiesPayload } from './schemas.ts';
import type { ShopifySettings } from './settings.ts';

/** Largest quantity that the vendor stores. */
const quantityMax = 1_000_000_000;
/** When and until when a write that its answer does not prove is read back, vendor's ms. */
const verifyAfterMs = 2_000;
const verifyWithinMs = 60_000;

type Sent = WriteEntry & { last: { quantity: number } };
type UserError = SetQuantitiesPayload['userErrors'][number];

export interface WriteOptions {
  graph: Graph;
  keys: Keys;
  settings: ShopifySettings;
  timeScale: number;
}

export async function write(entries: readonly WriteEntry[], call: Call, options: WriteOptions): Promise<WriteOutcome[]> {
  const { graph, keys, settings } = options;
  const outcomes = new Map<WriteEntry, WriteOutcome>();
  const sent: Sent[] = [];
  const places = new Set<string>();
  for (const entry of entries) {
    const unfit = unfitFor(entry, settings, places);
    if (unfit) outcomes.set(entry, unfit);
    else sent.push(entry as Sent);
  }
  if (sent.length > 0) {
    // One order for one set of entries, so that the caller's order is no part of the key.
    sent.sort((a, b) => (a.signature < b.signature ? -1 : a.signature > b.signature ? 1 : 0));
    const key = keys.of(sent.map(entry => entry.signature));
    const { data } = await graph.ask(setQuantities, { key, input: inputOf(sent, key, settings) }, setQuantitiesSchema, call);
    const proven = outcomesOf(sent, data.inventorySetQuantities, options);
    sent.forEach((entry, i) => outcomes.set(entry, proven[i]!));
    if (data.inventorySetQuantities.userErrors.length > 0) {
      keys.spend(proven.flatMap(({ kind, signature }) => (kind === 'applied' ? [] : [signature])));
    }
  }
  return entries.map(entry => outcomes.get(entry)!);
}

/** What keeps an entry out of the call: it would be refused there, and take the others with it. */
function unfitFor(entry: WriteEntry, settings: ShopifySettings, places: Set<string>): WriteOutcome | undefined {
  const { signature, quantity, listing: { sku, fields }, last } = entry;
  const { inventoryItemId, locationId } = fields;
  if (!inventoryItemId || locationId !== settings.locationId) {
    const message = `${sku}: wants an inventoryItemId and location ${settings.locationId}, has ${JSON.stringify(fields)}`;
    return { kind: 'refused', class: 'listing', signature, code: 'WRONG_FIELDS', message };
  }
  if (!Number.isInteger(quantity) || quantity < 0 || quantity > quantityMax) {
    const message = `${sku}: quantity ${quantity} is not a whole number from 0 to ${quantityMax}`;
    return { kind: 'refused', class: 'validation', signature, code: 'INVALID_QUANTITY', message };
  }
  if (!last) return { kind: 'conflict', signature, code: 'NO_READING', message: `${sku}: a conditional write wants a reading first` };
  if (places.has(inventoryItemId)) {
    return { kind: 'retry', signature, code: 'SAME_ITEM_TWICE', message: `${sku}: ${inventoryItemId} is in this call already` };
  }
  places.add(inventoryItemId);
  return undefined;
}

/** Everything in it follows from the entries, so that a repeat is the same to the letter. */
function inputOf(sent: readonly Sent[], key: string, { reason }: ShopifySettings): unknown {
  return {
    name: 'available',
    reason,
    referenceDocumentUri: `gid://plumb/Write/${key}`,
    quantities: sent.map(({ listing: { fields }, quantity, last }) => ({
      inventoryItemId: fields['inventoryItemId'],
      locationId: fields['locationId'],
      quantity,
      changeFromQuantity: last.quantity,
    })),
  };
}

/**
 * @throws {AmbiguousError} while the first attempt under this key still runs
 * @throws {TerminalError} when something that all entries share is refused
 */
function outcomesOf(sent: readonly Sent[], payload: SetQuantitiesPayload, { timeScale }: WriteOptions): WriteOutcome[] {
  const { inventoryAdjustmentGroup: group, userErrors } = payload;
  const { own, shared } = placed(userErrors, sent.length);
  for (const { code, message } of shared) {
    if (entryClass(code) === 'running') throw new AmbiguousError(`inventorySetQuantities: ${code} ${message}`, { code: code! });
    if (entryClass(code) === 'validation') throw new TerminalError(`inventorySetQuantities: ${code} ${message}`, { code: code! });
  }
  const after = new Map<string, number | null>();
  for (const { name, item, location, quantityAfterChange } of group?.changes ?? []) {
    if (name === 'available' && item && location) after.set(`${item.id} ${location.id}`, quantityAfterChange);
  }
  return sent.map((entry, i): WriteOutcome => {
    const { signature, quantity, last, listing: { fields } } = entry;
    const error = own.get(i) ?? shared[0];
    if (error) return refusal(entry, error, !own.has(i) && sent.length > 1);
    const place = `${fields['inventoryItemId']} ${fields['locationId']}`;
    const live = after.get(place);
    if (typeof live === 'number') return { kind: 'applied', signature, quantity: live };
    if (userErrors.length > 0) {
      return { kind: 'retry', signature, code: 'NOT_WRITTEN', message: `refused together with ${userErrors.length} other entries` };
    }
    // The comparison held and nothing changed: the value was there already.
    if (!after.has(place) && last.quantity === quantity) return { kind: 'applied', signature, quantity };
    return { kind: 'accepted', signature, verifyAfterMs: verifyAfterMs / timeScale, verifyWithinMs: verifyWithinMs / timeScale };
  });
}

/** @param unplaced the error is some entry's, and the answer does not tell whose: a new reading will (unknown items read as missing) */
function refusal({ signature }: WriteEntry, { code, message }: UserError, unplaced: boolean): WriteOutcome {
  const told = { signature, code: code ?? 'UNKNOWN', message };
  const kind = entryClass(code);
  if (kind === 'listing' || kind === 'validation') return unplaced ? { kind: 'conflict', ...told } : { kind: 'refused', class: kind, ...told };
  return { kind: kind === 'conflict' ? 'conflict' : 'retry', ...told };
}

/** Splits errors by entry: `["input","quantities","3","locationId"]` is the fourth entry's. */
function placed(errors: readonly UserError[], count: number): { own: Map<number, UserError>; shared: UserError[] } {
  const own = new Map<number, UserError>();
  const shared: UserError[] = [];
  for (const error of errors) {
    const at = error.field?.indexOf('quantities') ?? -1;
    const text = at < 0 ? undefined : error.field?.[at + 1];
    const index = text !== undefined && /^\d+$/.test(text) ? Number(text) : NaN;
    if (!(index < count)) shared.push(error);
    else if (!own.has(index) || entryClass(error.code) === 'listing') own.set(index, error);
  }
  return { own, shared };
}
