/** Which listings of an account belong to a SKU that sources tell of, and which only look as if they did. */
import type { NatsConnection } from 'nats';
import { unpackStock } from '../../actors/sku/packing.ts';
import type { PackedStock } from '../../actors/sku/packing.ts';
import { known } from '../../actors/sku/stock.ts';
import type { Unlinked } from '../../runtime/account/importing.ts';
import type { ActorRecord } from '../../runtime/actor.ts';
import { readAll } from '../../runtime/read-all.ts';
import { lastToken, streams } from '../../runtime/subjects.ts';

export const matchKinds = ['matched', 'unmatched', 'ambiguous', 'many-to-one', 'duplicate', 'unnamed', 'unlisted'] as const;
export type MatchKind = typeof matchKinds[number];

export interface Matched {
  sku: string;
  listing: string;
  /**
   * `unmatched`: no source has counted its SKU. `ambiguous`: nor that one, but several that look like it. `many-to-one`: nor
   * that one, and the one that looks like it has another listing here, or others look like it too. `duplicate` and `unnamed`
   * were not linked. `unlisted`: a counted SKU without a listing here.
   */
  match: MatchKind;
  /** Counted SKUs that look like it. */
  candidates: string[];
  /** Listings of the account that are, or would be, of the same SKU. */
  others: string[];
  why: string;
}

/** What is the same to people: case, blanks, dashes, and zeros in front. */
export function looksLike(sku: string): string {
  return sku.normalize('NFKC').toLowerCase().replaceAll(/[\s._\-/]+/g, '').replace(/^0+(?=.)/, '');
}

export async function matchesOf(nc: NatsConnection, account: string, unlinked: readonly Unlinked[]): Promise<Matched[]> {
  const { counted, linked } = await readSkus(nc, account);
  return matched(counted, linked, unlinked);
}

/** SKUs that sources have counted, and listings of the account by SKU. */
export async function readSkus(nc: NatsConnection, account: string): Promise<{ counted: Set<string>; linked: Map<string, string> }> {
  const counted = new Set<string>();
  const linked = new Map<string, string>();
  await readAll(nc, { stream: streams.skuRecords, filter: '$KV.sku.>', from: 'last-per-subject' }, message => {
    if (message.data.length === 0 || lastToken(message.subject).startsWith('_')) return;
    const stock = unpackStock(message.json<ActorRecord<PackedStock>>().context);
    if (known(stock) !== undefined) counted.add(stock.sku);
    const outlet = stock.outlets[account];
    if (outlet) linked.set(stock.sku, outlet.listing.id);
  });
  return { counted, linked };
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
  /** Listings that have the SKU, or whose own SKU nobody has counted and which look like it. */
  const claims = new Map<string, string[]>();
  for (const [sku, listing] of linked) {
    const candidates = counted.has(sku) ? [sku] : alike.get(looksLike(sku)) ?? [];
    if (candidates.length === 1) claims.set(candidates[0]!, [...claims.get(candidates[0]!) ?? [], listing]);
  }
  const rows: Matched[] = [...linked].map(([sku, listing]) => {
    const row = { sku, listing, others: [] };
    if (counted.has(sku)) return { ...row, match: 'matched', candidates: [], why: '' };
    const candidates = alike.get(looksLike(sku)) ?? [];
    if (candidates.length > 1) return { ...row, match: 'ambiguous', candidates, why: `no source has counted it, and ${candidates.length} SKUs look like it` };
    const [candidate] = candidates;
    if (candidate === undefined) return { ...row, match: 'unmatched', candidates, why: 'no source has counted it' };
    const others = claims.get(candidate)!.filter(each => each !== listing);
    if (others.length === 0) return { ...row, match: 'unmatched', candidates, why: 'no source has counted it, and one SKU looks like it' };
    return { ...row, match: 'many-to-one', candidates, others, why: linked.has(candidate) ? `it looks like ${candidate}, which has listing ${linked.get(candidate)} here` : `it looks like ${candidate}, and so does ${others.length === 1 ? `listing ${others[0]}` : `each of ${others.length} others`}` };
  });
  for (const { sku, listing, kind, why } of unlinked) rows.push({ sku, listing, match: kind, candidates: [], others: kind === 'duplicate' && linked.has(sku) ? [linked.get(sku)!] : [], why });
  for (const sku of counted) if (!linked.has(sku)) rows.push({ sku, listing: '', match: 'unlisted', candidates: [], others: [], why: 'it has no listing here' });
  return rows.sort((a, b) => (a.sku < b.sku ? -1 : a.sku > b.sku ? 1 : a.listing < b.listing ? -1 : 1));
}
