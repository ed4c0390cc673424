/** The referee's evidence in order of time: what each SKU's supply was, what was sold, what buyers saw. */
import type { LedgerEntry } from '../sandbox/kit/ledger.ts';
import type { SupplyStep } from './told.ts';

/** `at` is epoch ms. */
export type Moment = { at: number } & (
  /** Opening stock and adjustments, no sale subtracted. */
  | { kind: 'supply'; supply: number }
  /** `shown`: what buyers saw just before. `uncovered`: units of the sale beyond it, which no channel should sell. */
  | { kind: 'sold'; account: string; line: string; units: number; shown: number; uncovered: number }
  | { kind: 'cancelled'; account: string; line: string; units: number }
  | { kind: 'shown'; account: string; quantity: number }
);

export interface SupplyOf {
  sku: string;
  timeline: readonly SupplyStep[];
}

/** Every SKU's moments; at the same ms supply first, then account by account, each in its ledger's order. */
export function replay(ledgers: Readonly<Record<string, readonly LedgerEntry[]>>, supply: Iterable<SupplyOf>): Map<string, Moment[]> {
  const moments = new Map<string, Moment[]>();
  const of = (sku: string): Moment[] => {
    const list = moments.get(sku) ?? [];
    moments.set(sku, list);
    return list;
  };
  for (const { sku, timeline } of supply) of(sku).push(...timeline.map((step): Moment => ({ at: step.at, kind: 'supply', supply: step.supply })));
  for (const [account, ledger] of Object.entries(ledgers)) {
    // A sale in several lines is shown once, after the last of them.
    const shown = new Map<string, { quantity: number; left: number }>();
    for (const entry of ledger) {
      const { at, sku } = entry;
      const before = shown.get(sku) ?? { quantity: 0, left: 0 };
      if (entry.kind === 'shown') {
        shown.set(sku, { quantity: entry.quantity, left: entry.quantity });
        of(sku).push({ at, kind: 'shown', account, quantity: entry.quantity });
      } else if (entry.kind === 'cancelled') of(sku).push({ at, kind: 'cancelled', account, line: entry.line, units: entry.units });
      else if (entry.kind === 'sold') {
        const { line, units } = entry;
        of(sku).push({ at, kind: 'sold', account, line, units, shown: before.quantity, uncovered: Math.max(0, units - before.left) });
        shown.set(sku, { quantity: before.quantity, left: Math.max(0, before.left - units) });
      }
    }
  }
  for (const list of moments.values()) list.sort((a, b) => a.at - b.at);
  return moments;
}

/** The moments that change the truth, by how many units, and how many there are then: below 0 where more was sold. */
export function* changes(moments: readonly Moment[]): Generator<{ moment: Moment; by: number; available: number }> {
  let supply = 0;
  let available = 0;
  for (const moment of moments) {
    const by = change(moment, supply);
    if (by === undefined) continue;
    if (moment.kind === 'supply') supply = moment.supply;
    available += by;
    yield { moment, by, available };
  }
}

/** How a moment changes the truth, in units; undefined where it does not. `supply` is the one in force before it. */
export function change(moment: Moment, supply: number): number | undefined {
  switch (moment.kind) {
    case 'supply': return moment.supply - supply;
    case 'sold': return -moment.units;
    case 'cancelled': return moment.units;
    case 'shown': return undefined;
  }
}

/** What a channel should show when `available` units exist. */
export function target(available: number, buffer: number): number {
  return Math.max(0, available - buffer);
}
