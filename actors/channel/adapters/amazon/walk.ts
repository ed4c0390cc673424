/**
 * Walks through all listings of an account although Amazon pages through at most 1,000 per search: by date of
 * creation, which never changes, in windows that each start at the last date of the one before.
 */
import { z } from 'zod';
import { TerminalError } from '../../../errors.ts';
import type { Item } from './schemas.ts';

/** "The maximum number of items (SKUs) that can be returned and paged through is 1000." */
const windowMax = 1000;

const walkSchema = z.strictObject({
  /** `createdAfter` of this window; it includes that date. */
  from: z.string().optional(),
  /** SKUs of that date which the window before has given already. */
  given: z.array(z.string()),
  token: z.string().optional(),
  /** Items paged through in this window. */
  seen: z.number().int(),
  /** The newest date so far, and the SKUs of exactly that date. */
  newest: z.string().optional(),
  edge: z.array(z.string()),
});
export type Walk = z.infer<typeof walkSchema>;

/** @throws {TypeError} for a cursor that this adapter did not make */
export function walkOf(cursor: string | undefined): Walk {
  if (cursor === undefined) return { given: [], seen: 0, edge: [] };
  try {
    return walkSchema.parse(JSON.parse(cursor));
  } catch (cause) {
    throw new TypeError(`listing cursor ${JSON.stringify(cursor)} is not one of Amazon's adapter`, { cause });
  }
}

/**
 * @param items a page of the walk's window, oldest first
 * @returns where to go on, or undefined at the end
 * @throws {TerminalError} when more listings share one date of creation than Amazon pages through
 */
export function onwards(walk: Walk, items: readonly { sku: string; createdDate: string | undefined }[], nextToken: string | undefined): Walk | undefined {
  let { newest, edge } = walk;
  for (const { sku, createdDate } of items) {
    if (createdDate === undefined) continue;
    if (createdDate === newest) edge = [...edge, sku];
    else [newest, edge] = [createdDate, [sku]];
  }
  const seen = walk.seen + items.length;
  if (nextToken !== undefined && seen < windowMax) {
    return { ...walk, token: nextToken, seen, ...(newest !== undefined && { newest }), edge };
  }
  if (seen < windowMax) return undefined;
  if (newest === undefined || newest === walk.from) {
    throw new TerminalError(`more than ${windowMax} listings with date of creation ${newest}: Amazon does not page through them`);
  }
  return { from: newest, given: edge, seen: 0, edge: [] };
}

/** When an item was made, as this store tells it. */
export function createdDate(item: Item, marketplaceId: string): string | undefined {
  return (item.summaries.find(s => s.marketplaceId === marketplaceId) ?? item.summaries[0])?.createdDate;
}
