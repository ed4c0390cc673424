/** What each listing shows against what it should: the first reconcile, the shadow report, and what going live would write. */
import type { Pair } from '../../actors/reconciler/proof.ts';
import type { Desk } from './ports.ts';
import type { Change } from './shadow.ts';
import { sliceText } from './stage.ts';

/** `low`: the channel shows fewer than it should, `high`: more. */
export type Verdict = 'equal' | 'low' | 'high' | 'unknown';

export interface Comparison {
  sku: string;
  listing: string;
  live: boolean;
  shows: number | null;
  seenAt: number | null;
  would: number | null;
  decidedAt: number | null;
  /** The event behind it. */
  because: string | null;
  verdict: Verdict;
  /** Of an unknown one. */
  why?: string;
  /** The other side may be about to follow. */
  settling?: true;
  /** By which both differ, and what that is worth where a price is known. */
  units: number;
  value: number | null;
  ours: Change[];
  theirs: Change[];
  compared: number;
  agreed: number;
  foreign: number;
}

export interface Totals {
  listings: number;
  live: number;
  equal: number;
  low: number;
  high: number;
  unknown: number;
  /** Of those that differ. */
  settling: number;
  lowUnits: number;
  highUnits: number;
  lowValue: number;
  highValue: number;
  /** Of those that differ, without a price. */
  unpriced: number;
  compared: number;
  agreed: number;
  foreign: number;
}

/** A part of an account that may go live by itself, or has: what is live, what is not, and each brand. */
export interface SliceTotals { slice: string; totals: Totals }

export const pageMost = 500;
/** Brands that are told, those of most listings. */
const brandsMost = 50;

export function comparisonOf({ shadow, ports: { priceOf } }: Desk, pair: Pair, now: number): Comparison {
  const { sku, linked, reading, intended, provenQuantity, provenAt, told } = pair;
  const shows = reading?.quantity ?? (provenAt > 0 ? provenQuantity : undefined) ?? null;
  const would = intended?.quantity ?? null;
  const kept = shadow.of(sku);
  const verdict = shows === null || would === null ? 'unknown' : shows === would ? 'equal' : shows < would ? 'low' : 'high';
  const units = verdict === 'low' || verdict === 'high' ? Math.abs(would! - shows!) : 0;
  const price = priceOf(sku);
  const isDifferent = units > 0;
  return {
    sku, listing: linked.id, live: pair.shadow !== true, shows, would, verdict, units,
    seenAt: reading?.at ?? (provenAt > 0 ? provenAt : null),
    decidedAt: intended?.decidedAt ?? null,
    because: told?.intent?.correlation ?? kept?.ours.at(-1)?.because ?? null,
    ...(verdict === 'unknown' && { why: shows === null ? 'the listing was never read' : told?.rule.skip ? 'its rule says skip' : 'the SKU was never counted' }),
    ...(isDifferent && pair.shadow && shadow.isSettling(pair, now) && { settling: true as const }),
    value: price === undefined ? null : Math.round(units * price * 100) / 100,
    ours: kept?.ours ?? [], theirs: kept?.theirs ?? [], compared: kept?.compared ?? 0, agreed: kept?.agreed ?? 0, foreign: kept?.foreign ?? 0,
  };
}

export function totalsOf(rows: Iterable<Comparison>): Totals {
  const totals = nothing();
  for (const row of rows) add(totals, row);
  return totals;
}

/** Of all listings, and of each part where there is more than one. */
export function totalsBySlice(desk: Desk): { totals: Totals; slices: SliceTotals[] } {
  const { stage, ports: { brandOf } } = desk;
  const totals = nothing();
  const [live, others] = [nothing(), nothing()];
  const brands = new Map<string, Totals>();
  for (const row of comparisons(desk)) {
    add(totals, row);
    add(row.live ? live : others, row);
    const brand = brandOf?.(row.sku);
    if (brand === undefined) continue;
    let of = brands.get(brand);
    if (!of) brands.set(brand, of = nothing());
    add(of, row);
  }
  const parts = live.listings > 0 && others.listings > 0 ? [{ slice: `live: ${sliceText(stage.slice)}`, totals: live }, { slice: 'not live', totals: others }] : [];
  const most = [...brands].sort(([a, { listings: m }], [b, { listings: n }]) => n - m || (a < b ? -1 : 1)).slice(0, brandsMost);
  return { totals, slices: [...parts, ...(brands.size > 1 ? most.map(([brand, of]) => ({ slice: `brand ${brand}`, totals: of })) : [])] };
}

function nothing(): Totals {
  return { listings: 0, live: 0, equal: 0, low: 0, high: 0, unknown: 0, settling: 0, lowUnits: 0, highUnits: 0, lowValue: 0, highValue: 0, unpriced: 0, compared: 0, agreed: 0, foreign: 0 };
}

function add(totals: Totals, { verdict, live, settling, units, value, compared, agreed, foreign }: Comparison): void {
  totals.listings += 1;
  totals[verdict] += 1;
  if (live) totals.live += 1;
  if (settling) totals.settling += 1;
  totals.compared += compared;
  totals.agreed += agreed;
  totals.foreign += foreign;
  if (verdict !== 'low' && verdict !== 'high') return;
  totals[`${verdict}Units`] += units;
  if (value === null) totals.unpriced += 1;
  else totals[`${verdict}Value`] = Math.round((totals[`${verdict}Value`] + value) * 100) / 100;
}

/** One page of all listings. `next` is where the following one begins; absent at the end. */
export function comparePage(desk: Desk, { from = 0, most = pageMost, differing = false }: { from?: number; most?: number; differing?: boolean }): { rows: Comparison[]; next?: number } {
  const now = Date.now();
  const rows: Comparison[] = [];
  let at = 0;
  for (const pair of desk.pairs.values()) {
    if (at++ < from) continue;
    if (rows.length === Math.min(most, pageMost)) return { rows, next: at - 1 };
    const row = comparisonOf(desk, pair, now);
    if (!differing || row.units > 0) rows.push(row);
  }
  return { rows };
}

export function* comparisons(desk: Desk): Generator<Comparison> {
  const now = Date.now();
  for (const pair of desk.pairs.values()) yield comparisonOf(desk, pair, now);
}
