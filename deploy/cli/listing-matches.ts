/** Which listings of an account belong to a SKU that sources tell of, and which only look as if they did. */
import type { NatsConnection } from 'nats';
import { unpackStock } from '../../actors/sku/packing.ts';
import type { PackedStock } from '../../actors/sku/packing.ts';
import { known } from '../../actors/sku/stock.ts';
import type { Unlinked } from '../../runtime/account/importing.ts';
import type { ActorRecord } from '../../runtime/actor.ts';
import { readAll } from '../../runtime/read-all.ts';
import { lastToken, streams } from '../../runtime/subjects.ts';

export interface Matched {
  sku: string;
  listing: string;
  /**
   * `unmatched`: no source has counted its SKU. `ambiguous`: nor that one, but several that look like it. `duplicate` and
   * `unnamed` were not linked. `unlisted`: a counted SKU without a listing here.
   */
  match: 'matched' | 'unmatched' | 'ambiguous' | 'duplicate' | 'unnamed' | 'unlisted';
  /** Counted SKUs that look like it. */
  candidates: string[];
  why: string;
}

/** What is the same to people: case, blanks, dashes, and zeros in front. */
export function looksLike(sku: string): string {
  return sku.normalize('NFKC').toLowerCase().replaceAll(/[\s._\-/]+/g, '').replace(/^0+(?=.)/, '');
}

export async function matchesOf(nc: NatsConnection, account: string, unlinked: readonly Unlinked[]): Promise<Matched[]> {
  const counted = new Set<string>();
  const linked = new Map<string, string>();
  await readAll(nc, { stream: streams.skuRecords, filter: '$KV.sku.>', from: 'last-per-subject' }, message => {
    if (message.data.length === 0 || lastToken(message.subject).startsWith('_')) return;
    const stock = unpackStock(message.json<ActorRecord<PackedStock>>().context);
    if (known(stock) !== undefined) counted.add(stock.sku);
    const outlet = stock.outlets[account];
    if (outlet) linked.set(stock.sku, outlet.listing.id);
  });
  return matched(counted, linked, unlinked);
}

/** The same from what is known: SKUs that were counted, and listings by SKU. */
export function matched(counted: ReadonlySet<string>, linked: ReadonlyMap<string, string>, unlinked: readonly Unlinked[]): Matched[] {
  const alike = new Map<string, string[]>();
  for (const sku of counted) {
    const key = looksLike(sku);
    const others = alike.get(key);
    if (others) others.push(sku);
    else alike.set(key, [sku]);
  }
  const rows: Matched[] = [...linked].map(([sku, listing]) => {
    if (counted.has(sku)) return { sku, listing, match: 'matched', candidates: [], why: '' };
    const candidates = alike.get(looksLike(sku)) ?? [];
    if (candidates.length > 1) return { sku, listing, match: 'ambiguous', candidates, why: `no source has counted it, and ${candidates.length} SKUs look like it` };
    return { sku, listing, match: 'unmatched', candidates, why: candidates.length === 1 ? 'no source has counted it, and one SKU looks like it' : 'no source has counted it' };
  });
  for (const { sku, listing, kind, why } of unlinked) rows.push({ sku, listing, match: kind, candidates: [], why });
  for (const sku of counted) if (!linked.has(sku)) rows.push({ sku, listing: '', match: 'unlisted', candidates: [], why: 'it has no listing here' });
  return rows.sort((a, b) => (a.sku < b.sku ? -1 : a.sku > b.sku ? 1 : a.listing < b.listing ? -1 : 1));
}
