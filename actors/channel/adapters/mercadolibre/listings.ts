/**
 * Every listing of the account, one HTTP call a page: the user, then for each scan of up to 100 ids its multigets of
 * 20, and for each user product that is written by location the stock of that product. Two items of one user product
 * yield the same listing id; whoever imports keeps one.
 */
import { z } from 'zod';
import type { Call, Listing, ListingPage, Reading } from '../../adapter.ts';
import { RetryableError, TerminalError } from '../../../errors.ts';
import type { Ask } from '../http.ts';
import { mustSucceed, refused, shaped } from './errors.ts';
import { multiget, multigetMax, stockAsk } from './read.ts';
import type { Reader } from './read.ts';
import { scanSchema, userSchema } from './schemas.ts';
import type { Item } from './schemas.ts';
import { keptBy, outcomeOf, parseStock } from './stock.ts';
import { activity, decide, fieldsOf, isStock, skuOf, soldOf, standing } from './ways.ts';

/** A user product whose stock is still to be asked for, with what its item told. */
const waitingSchema = z.object({
  userProductId: z.string(),
  itemId: z.string(),
  sku: z.string(),
  quantity: z.number(),
  active: z.boolean(),
  reason: z.string().optional(),
});
type Waiting = z.infer<typeof waitingSchema>;

const cursorSchema = z.object({
  user: z.object({ site_id: z.string(), tags: z.array(z.string()) }),
  /** The scroll id received last; absent before the first scan, null after the last. It lives for 5 minutes. */
  scroll: z.string().nullish(),
  /** Ids of this scan that no multiget has shown yet. */
  ids: z.array(z.string()),
  stocks: z.array(waitingSchema),
});
type Cursor = z.infer<typeof cursorSchema>;

export async function listings(reader: Reader, cursor: string | undefined, call: Call): Promise<ListingPage> {
  if (cursor === undefined) return page([], { user: await user(reader, call), ids: [], stocks: [] });
  const at = parse(cursor);
  const [waiting, ...stocks] = at.stocks;
  if (waiting) return page([await ofStock(reader, waiting, call)], { ...at, stocks });
  if (at.ids.length > 0) return ofItems(reader, at, call);
  return page([], await scan(reader, at, call));
}

function page(readings: Reading[], next: Cursor): ListingPage {
  const ended = next.scroll === null && next.ids.length === 0 && next.stocks.length === 0;
  return { readings, ...(!ended && { cursor: JSON.stringify(next) }) };
}

function parse(cursor: string): Cursor {
  try {
    return cursorSchema.parse(JSON.parse(cursor));
  } catch (cause) {
    throw new TerminalError(`listings: not a cursor of this adapter: ${cursor.slice(0, 100)}`, { code: 'cursor', cause });
  }
}

/** The tags decide the ways to write, so each import asks for them anew. */
async function user({ api, settings }: Reader, call: Call): Promise<Cursor['user']> {
  const ask: Ask = { method: 'GET', path: `/users/${settings.sellerId}` };
  const answer = await api.ask(ask, call);
  mustSucceed(answer, ask);
  const { site_id, tags } = shaped(userSchema, answer, ask);
  return { site_id, tags };
}

async function scan({ api, settings }: Reader, at: Cursor, call: Call): Promise<Cursor> {
  const scroll = at.scroll ? `&scroll_id=${encodeURIComponent(at.scroll)}` : '';
  const ask: Ask = { method: 'GET', path: `/users/${settings.sellerId}/items/search?search_type=scan&limit=100${scroll}` };
  const answer = await api.ask(ask, call);
  mustSucceed(answer, ask);
  const body = shaped(scanSchema, answer, ask);
  const ids = body?.results ?? [];
  return { ...at, ids, scroll: ids.length > 0 ? (body?.scroll_id ?? null) : null };
}

const importAttributes = 'id,seller_id,available_quantity,sold_quantity,status,sub_status,variations,user_product_id,family_name,seller_custom_field,attributes,shipping';

async function ofItems(reader: Reader, at: Cursor, call: Call): Promise<ListingPage> {
  const asked = at.ids.slice(0, multigetMax);
  const shown = await multiget(reader, asked, { attributes: importAttributes, more: '&include_attributes=all' }, call);
  const readings = new Map<string, Reading>();
  const stocks = new Map<string, Waiting>();
  for (const id of asked) {
    const found = shown.get(id);
    if (!found) throw new RetryableError(`GET /items: no entry for ${id} in the answer`, { code: 'no_entry' });
    if (!('item' in found)) {
      if (found.code === 404) continue; // Gone since the scan.
      throw new RetryableError(`GET /items: ${id}: ${found.code} ${found.message}`, { code: String(found.code) });
    }
    const { item } = found;
    if (item.status === 'closed') continue; // Cannot be revived; a relisting has a new id.
    const decision = decide(at.user, item);
    if ('userProductId' in decision) stocks.set(decision.userProductId, waitingOf(item, decision.userProductId));
    else for (const listing of decision.listings) readings.set(listing.id, readingOf(reader, listing, item));
  }
  return page([...readings.values()], { ...at, ids: at.ids.slice(multigetMax), stocks: [...stocks.values()] });
}

const waitingOf = (item: Item, userProductId: string): Waiting => ({
  userProductId,
  itemId: item.id,
  sku: skuOf(item) ?? userProductId,
  quantity: item.available_quantity,
  ...activity(item),
});

function readingOf({ settings }: Reader, listing: Listing, item: Item): Reading {
  const { variationId } = listing.fields;
  const shows = item.variations?.find(v => v.id === variationId) ?? item;
  const quantity = shows.available_quantity;
  return { listing, quantity, ...soldOf(settings, fieldsOf(listing), shows), ...standing(item, quantity) };
}

/** A user product by the location that is ours; one that has none is listed as not writable, with its items' number. */
async function ofStock({ api, settings }: Reader, waiting: Waiting, call: Call): Promise<Reading> {
  const { userProductId, itemId, sku, quantity, active, reason: inactive } = waiting;
  const activity = { active, ...(inactive !== undefined && { reason: inactive }) };
  const listing = (fields: Record<string, string>): Listing => ({ id: userProductId, sku, fields: { itemId, ...fields } });
  const unwritable = (reason: string): Reading =>
    ({ listing: listing({ way: 'none', reason }), quantity, ...activity, buyable: active ? quantity : 0 });
  const ask = stockAsk(userProductId);
  const answer = await api.ask(ask, call);
  if (answer.status !== 200) {
    const { verdict, code, message } = refused(answer, ask);
    if (verdict !== 'listing') throw new RetryableError(`GET ${ask.path}: ${code}: ${message}`, { code, status: answer.status });
    return unwritable(`its first stock must be set in Mercado Libre: ${message}`);
  }
  const found = parseStock(answer, ask);
  const kept = keptBy(found.stock, settings.storeId);
  if ('reason' in kept) return unwritable(kept.reason);
  const kind = listing({ userProductId, ...kept });
  const fields = fieldsOf(kind);
  const outcome = isStock(fields) ? outcomeOf(kind, fields, found) : undefined;
  if (outcome?.kind !== 'read') throw new TypeError(`user product ${userProductId}: kept by ${JSON.stringify(kept)} and yet not read`);
  return { ...outcome.reading, ...activity, buyable: active ? outcome.reading.buyable : 0 };
}
