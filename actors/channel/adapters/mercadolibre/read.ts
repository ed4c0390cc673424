/** Reads of live quantities, one HTTP call each: many items at once, or the stock of one user product. */
import type { Call, Listing, ReadOutcome } from '../../adapter.ts';
import type { Ask } from '../http.ts';
import type { Api } from './api.ts';
import { mustSucceed, refused, shaped } from './errors.ts';
import { itemSchema, multigetSchema } from './schemas.ts';
import type { Item } from './schemas.ts';
import { outcomeOf, parseStock } from './stock.ts';
import type { Settings } from './settings.ts';
import type { Variations } from './variations.ts';
import { fieldsOf, soldOf, standing } from './ways.ts';
import type { StockFields } from './ways.ts';

/** Ids in one multiget. */
export const multigetMax = 20;

/** An item as a multiget shows it, or the vendor's words where it does not. */
export type Shown = { item: Item } | { code: number; message: string };

/**
 * The items of up to 20 ids, by id. The owner's token is what makes the quantities exact: the public view is coarse,
 * so an item of somebody else is no item here.
 *
 * @param fields the item's fields to ask for; quantities of fields that the vendor left out are missing, not 0
 */
export async function multiget(
  { api, settings, variations, now }: Reader,
  ids: readonly string[],
  fields: { attributes: string; more?: string },
  call: Call,
): Promise<Map<string, Shown>> {
  const ask: Ask = { method: 'GET', path: `/items?ids=${ids.map(encodeURIComponent).join(',')}&attributes=${fields.attributes}${fields.more ?? ''}` };
  const at = now();
  const answer = await api.ask(ask, call);
  mustSucceed(answer, ask);
  const left = answer.headers['x-content-missing'] ?? '';
  const shown = new Map<string, Shown>();
  const refusals: Shown[] = [];
  for (const { code, body } of shaped(multigetSchema, answer, ask)) {
    if (code !== 200 && code !== 206) {
      refusals.push({ code, message: wordsOf(body) });
      continue;
    }
    const parsed = itemSchema.safeParse(body);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      refusals.push({ code: 0, message: `unknown body: ${issue?.path.join('.')}: ${issue?.message}` });
      continue;
    }
    const item = parsed.data;
    if (/available_quantity|variations/.test(left)) {
      shown.set(item.id, { code: 206, message: `the vendor left out ${left}` });
    } else if (item.seller_id !== settings.sellerId) {
      shown.set(item.id, { code: 404, message: `item of user ${item.seller_id}, not of ours` });
    } else {
      shown.set(item.id, { item });
      if (item.variations?.length) variations.saw(item.id, item.variations.map(v => v.id), at);
    }
  }
  // A refusal does not name its item: those that are left stand in the order of the ids.
  const unnamed = ids.filter(id => !shown.has(id));
  for (const [index, id] of unnamed.entries()) if (refusals[index]) shown.set(id, refusals[index]);
  return shown;
}

/** What the reads need of the adapter. */
export interface Reader {
  api: Api;
  settings: Settings;
  variations: Variations;
  now(): number;
}

const readAttributes = 'id,seller_id,available_quantity,sold_quantity,status,sub_status,variations';

/** Listings whose item tells their quantity: one multiget. */
export async function readItems(reader: Reader, listings: readonly Listing[], call: Call): Promise<ReadOutcome[]> {
  const ids = [...new Set(listings.map(listing => fieldsOf(listing).itemId))];
  const shown = await multiget(reader, ids, { attributes: readAttributes }, call);
  return listings.map((listing): ReadOutcome => {
    const fields = fieldsOf(listing);
    const found = shown.get(fields.itemId);
    if (!found) return { kind: 'failed', listing, code: 'no_entry', message: `no entry for ${fields.itemId} in the answer` };
    if (!('item' in found)) {
      return { kind: found.code === 404 ? 'missing' : 'failed', listing, code: String(found.code), message: found.message };
    }
    const { item } = found;
    const variationId = 'variationId' in fields ? fields.variationId : undefined;
    const variation = item.variations?.find(v => v.id === variationId);
    if (variationId !== undefined && !variation) {
      return { kind: 'missing', listing, code: 'variation_missing', message: `item ${item.id} has no variation ${variationId}` };
    }
    if (variationId === undefined && item.variations?.length) {
      return { kind: 'missing', listing, code: 'has_variations', message: `item ${item.id} is sold by variation now` };
    }
    const shows = variation ?? item;
    const quantity = shows.available_quantity;
    return { kind: 'read', reading: { listing, quantity, ...soldOf(reader.settings, fields, shows), ...standing(item, quantity) } };
  });
}

/** The stock of one user product; 100 a minute. */
export async function readStock({ api }: Pick<Reader, 'api'>, listing: Listing, fields: StockFields, call: Call): Promise<ReadOutcome> {
  const ask = stockAsk(fields.userProductId);
  const answer = await api.ask(ask, call);
  if (answer.status !== 200) {
    const { verdict, code, message } = refused(answer, ask);
    return { kind: verdict === 'listing' || verdict === 'access' ? 'missing' : 'failed', listing, code, message };
  }
  return outcomeOf(listing, fields, parseStock(answer, ask));
}

export const stockAsk = (userProductId: string): Ask => ({ method: 'GET', path: `/user-products/${encodeURIComponent(userProductId)}/stock` });

function wordsOf(body: unknown): string {
  const message = (body as { message?: unknown } | null)?.message;
  return typeof message === 'string' ? message : JSON.stringify(body ?? null).slice(0, 200);
}
