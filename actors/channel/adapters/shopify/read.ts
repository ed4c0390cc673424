/** Live quantities: of given items by id, and of everything stocked at the location. */
import { z } from 'zod';
import type { Call, Listing, ListingPage, Reading, ReadOutcome } from '../../adapter.ts';
import { AuthError, RetryableError, TerminalError } from '../../../errors.ts';
import { listLevels, readLevels } from './documents.ts';
import type { Graph } from './graph.ts';
import { levelsSchema, nodeSchema, nodesSchema } from './schemas.ts';
import type { Item, Quantities } from './schemas.ts';
import type { ShopifySettings } from './settings.ts';

/** Products that buyers can buy; `UNLISTED` by direct link. */
const sellable = new Set(['ACTIVE', 'UNLISTED']);

export async function read(listings: readonly Listing[], call: Call, graph: Graph, { locationId }: ShopifySettings): Promise<ReadOutcome[]> {
  if (listings.length === 0) return [];
  const ids = listings.map(listing => listing.fields['inventoryItemId'] ?? listing.id);
  const { data } = await graph.ask(readLevels, { ids, locationId }, nodesSchema, call);
  return listings.map((listing, i) => outcomeOf(listing, ids[i]!, data.nodes[i], locationId));
}

function outcomeOf(listing: Listing, id: string, node: unknown, locationId: string): ReadOutcome {
  const failed = (code: string, message: string): ReadOutcome => ({ kind: 'failed', listing, code, message: `${listing.sku}: ${message}` });
  const missing = (code: string, message: string): ReadOutcome => ({ kind: 'missing', listing, code, message: `${listing.sku}: ${message}` });
  if (listing.fields['locationId'] !== locationId) return failed('WRONG_FIELDS', `is at ${listing.fields['locationId']}, not at ${locationId}`);
  if (node === null) return missing('NOT_FOUND', `no inventory item ${id}`);
  const parsed = nodeSchema.safeParse(node);
  if (!parsed.success) return failed('NOT_UNDERSTOOD', `${id} is answered with ${JSON.stringify(node)?.slice(0, 200)}`);
  const { inventoryLevel: level, ...item } = parsed.data;
  if (item.id !== id) return failed('OTHER_ITEM', `asked for ${id}, answered with ${item.id}`);
  if (!level) return missing('ITEM_NOT_STOCKED_AT_LOCATION', `${id} is not stocked at ${locationId}`);
  if (!item.tracked) return failed('NOT_TRACKED', `${id} is sold without counting`);
  const reading = readingOf(listing, item, level.quantities);
  return reading ? { kind: 'read', reading } : failed('NO_AVAILABLE', `the answer names no available quantity of ${id}`);
}

const cursorSchema = z.strictObject({
  /** The vendor's cursor within the window. */
  after: z.string().optional(),
  /** The window holds the items with a number above this one. */
  above: z.string().optional(),
  /** Levels paged in this window so far. */
  depth: z.int(),
  /** The item number that the last page ended with. */
  last: z.string().optional(),
  /** True as long as all item numbers came in ascending order. */
  ascending: z.boolean(),
});
type Cursor = z.infer<typeof cursorSchema>;

/**
 * A page of the levels at the location. Items without a SKU and items that are not tracked are left out: the first
 * cannot be told apart, the second have no quantity to keep true.
 *
 * A list ends after 25,000 objects. Before that a new window starts above the last item; the order of the list is not
 * documented, so it is watched, and a store where it does not hold gets an error and not a list with holes.
 *
 * @throws {AuthError} when the store does not know the location
 * @throws {RetryableError} when a level comes without its quantity
 * @throws {TerminalError} when the list is too long to be read whole
 */
export async function listings(cursor: string | undefined, call: Call, graph: Graph, settings: ShopifySettings): Promise<ListingPage> {
  const { locationId, depthMax } = settings;
  const at = cursor === undefined ? { depth: 0, ascending: true } : cursorOf(cursor);
  const query = at.above === undefined ? null : `inventory_item_id:>${at.above}`;
  const { data } = await graph.ask(listLevels, { locationId, query, after: at.after ?? null }, levelsSchema, call);
  if (!data.location) throw new AuthError(`location: the store does not know ${locationId}`, { code: 'INVALID_LOCATION' });
  const { nodes, pageInfo } = data.location.inventoryLevels;
  const numbers = [...(at.last === undefined ? [] : [at.last]), ...nodes.map(({ item }) => numberOf(item.id))];
  const ascending = at.ascending && numbers.every((number, i) => i === 0 || isAbove(number, numbers[i - 1]!));
  if (at.above !== undefined && !ascending) throw new TerminalError(`inventoryLevels: ${query} is not answered in ascending order`);
  const readings = nodes.flatMap(({ item, quantities }) => {
    if (!item.sku || !item.tracked) return [];
    const listing = { id: item.id, sku: item.sku, fields: { inventoryItemId: item.id, locationId } };
    const reading = readingOf(listing, item, quantities);
    if (!reading) throw new RetryableError(`inventoryLevels: the answer names no available quantity of ${item.id}`);
    return reading;
  });
  if (pageInfo.endCursor === undefined) return { readings };
  const last = numbers.at(-1);
  const depth = at.depth + nodes.length;
  const next: Cursor = depth >= depthMax && ascending && last !== undefined
    ? { above: last, depth: 0, last, ascending }
    : { ...at, after: pageInfo.endCursor, depth, ascending, ...(last !== undefined && { last }) };
  return { readings, cursor: JSON.stringify(next) };
}

function cursorOf(text: string): Cursor {
  try {
    return cursorSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new TerminalError(`listings: cursor ${JSON.stringify(text.slice(0, 200))} is not one of this adapter's`, { cause });
  }
}

/** Item numbers do not fit a JavaScript number. */
const numberOf = (gid: string): string => gid.slice(gid.lastIndexOf('/') + 1);
const isAbove = (a: string, b: string): boolean => (a.length === b.length ? a > b : a.length > b.length);

/** Undefined where the answer holds no available quantity, which is not the same as none available. */
function readingOf(listing: Listing, { variants }: Item, quantities: Quantities): Reading | undefined {
  const available = quantities.find(({ name }) => name === 'available')?.quantity;
  if (available === undefined) return undefined;
  // Only the first of several variants that share an item is looked at: any of the others may be on sale.
  const statuses = variants?.nodes.map(variant => variant.product.status) ?? [];
  const active = variants?.pageInfo.hasNextPage === true || statuses.some(status => sellable.has(status));
  return {
    listing,
    quantity: available,
    buyable: active ? Math.max(0, available) : 0,
    active,
    ...(!active && { reason: statuses.length > 0 ? `product status ${statuses.join(', ')}` : 'no variant refers to the item' }),
  };
}
