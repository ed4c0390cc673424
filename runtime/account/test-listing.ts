/** Listings that questions may be asked of: found by name, read, and fit for it. */
import type { Listing, Reading } from '../../actors/channel/adapter.ts';
import type { Caller } from './trial.ts';

/** A listing that is not there, or that nothing can be asked of. */
export class ListingError extends Error {
  override readonly name = 'ListingError';
}

/** Buyers are offered no unit that is not there, and two writes lower it. */
const leastUnits = 2;

/**
 * @param wanted ids or SKUs
 * @returns in the order wanted
 * @throws {ListingError} naming the one that the account does not have
 */
export async function findListings(caller: Caller, wanted: readonly string[]): Promise<Listing[]> {
  const { adapter } = caller;
  const missing = new Set(wanted);
  const found = new Map<string, Listing>();
  for (let cursor: string | undefined; missing.size > 0;) {
    const { value: page } = await caller.run(adapter.listingsOperation?.(cursor) ?? adapter.operations.listings, call => adapter.listings(cursor, call));
    for (const { listing } of page.readings) {
      const name = [listing.id, listing.sku].find(each => missing.has(each));
      if (name === undefined) continue;
      missing.delete(name);
      found.set(name, listing);
    }
    if (page.cursor === undefined) break;
    cursor = page.cursor;
  }
  const [none] = missing;
  if (none !== undefined) throw new ListingError(`the account has no listing with id or SKU ${JSON.stringify(none)}`);
  return wanted.map(name => found.get(name)!);
}

/** @throws {Error} when there is no reading, in the vendor's words */
export async function readOne(caller: Caller, listing: Listing): Promise<{ reading: Reading; ms: number }> {
  const { adapter } = caller;
  const { value: [outcome], ms } = await caller.run(adapter.readOperation?.(listing) ?? adapter.operations.read, call => adapter.read([listing], call));
  if (outcome?.kind === 'read') return { reading: outcome.reading, ms };
  throw new Error(outcome ? `${listing.sku} is ${outcome.kind}: ${outcome.code} ${outcome.message}` : `no answer for ${listing.sku}`);
}

/** What a listing shows that questions can be asked of: below what is there. @throws {ListingError} where none can */
export async function readToAsk(caller: Caller, listing: Listing): Promise<Reading> {
  const { reading } = await readOne(caller, listing);
  if (!reading.active) throw new ListingError(`listing ${listing.id} is not for sale: ${reading.reason ?? 'no reason given'}`);
  if (reading.quantity < leastUnits) throw new ListingError(`listing ${listing.id} shows ${reading.quantity}: ${leastUnits} units at least are wanted, for the probe offers no unit that is not there`);
  return reading;
}
