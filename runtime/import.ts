/** Imports an account's listings: each becomes a fact in its SKU's journal and an entry of the listing bucket. */
import type { Call, ChannelAdapter, Operation, Reading } from '../actors/channel/adapter.ts';
import type { Rule, SkuFact } from '../actors/sku/protocol.ts';
import { encodeJson } from './codec.ts';
import { perform } from './perform.ts';
import type { Publisher } from './publisher.ts';
import { keyFor, listingSubject } from './subjects.ts';

export interface ImportPorts {
  account: string;
  adapter: ChannelAdapter;
  publisher: Publisher;
  rule: Rule;
  publish(sku: string, id: string, fact: SkuFact): Promise<unknown>;
  /** Resolves when one more call may be made. */
  pay(operation: Operation): Promise<void>;
  call<T>(operation: Operation, work: (call: Call) => Promise<T>): Promise<T>;
}

/**
 * Reads every page and links what it finds; a SKU that has no subject becomes a dead letter. Safe to repeat: a listing
 * linked as it is changes nothing.
 *
 * @returns how many listings were linked
 * @throws what the adapter throws
 */
export async function importListings({ pay, call, ...ports }: ImportPorts): Promise<number> {
  let cursor: string | undefined;
  let count = 0;
  do {
    const operation = ports.adapter.listingsOperation?.(cursor) ?? ports.adapter.operations.listings;
    await pay(operation);
    const page = await call(operation, told => ports.adapter.listings(cursor, told));
    const linked = await Promise.all(page.readings.map(reading => linkListing(ports, reading)));
    count += linked.filter(Boolean).length;
    cursor = page.cursor;
  } while (cursor !== undefined);
  return count;
}

/**
 * @param reading its quantity is what the channel shows, where that is known
 * @returns false for a SKU that has no subject: people are told
 */
export async function linkListing({ account, adapter, publisher, rule, publish }: Omit<ImportPorts, 'pay' | 'call'>, reading: Pick<Reading, 'listing'> & { quantity: number | undefined }): Promise<boolean> {
  const { listing: { id, sku, fields }, quantity } = reading;
  if (keyFor(sku) !== sku) {
    await perform(publisher, [{
      to: ['dead', 'listing', account, keyFor(sku)],
      id: `dead:listing:${account}:${sku}:no-key`,
      body: {
        class: 'listing', account, sku, listing: id, code: 'no-key', at: Date.now(),
        message: `the SKU of listing ${id} at ${account} is empty, broken or too long to be kept: ${JSON.stringify(sku.slice(0, 120))}`,
        heals: 'another SKU of that listing',
      },
    }]);
    return false;
  }
  const shown = quantity === undefined ? {} : { shown: quantity };
  await publisher.publish(listingSubject(account, sku), encodeJson({ account, id, sku, fields, rule, ...shown, at: Date.now() }));
  await publish(sku, `link:${account}:${sku}:${Date.now()}`, { type: 'listing.linked', account, listing: { id, fields }, gross: adapter.gross, rule, ...shown });
  return true;
}
