/** Truth: what exists and what is promised, as a fold over facts. Pure; knows no XState. */
import { markContained } from './contained.ts';
import type { CountedAt } from './contained.ts';
import { isKit, kitUnits } from './kit.ts';
import { takenBy } from './lines.ts';
import { freeIn, lotAt, withLot } from './lots.ts';
import { applyMonotone } from './monotone.ts';
import type { Lot, RestoredFact, SourcePolicy, Stock, StockFact } from './protocol.ts';
import { applySequence } from './sequence.ts';
import type { Applied } from './sequence.ts';

export interface Taken {
  stock: Stock;
  problem?: Applied<never>['problem'];
}

/**
 * Applies a source fact in the source's own order, whatever order it arrives in.
 *
 * @param at where the fact stands in the journal
 */
export function takeSource(stock: Stock, fact: StockFact, policy: SourcePolicy, at: CountedAt): Taken {
  const { location = '' } = fact;
  const before = lotAt(stock, location);
  const { lot, superseded, problem, counts } = (policy.order === 'monotone' ? applyMonotone : applySequence)(before, fact, policy);
  let next = withLot(stock, location, committed(before, lot, at.at));
  for (const count of counts) next = markContained(next, count, policy, at, true);
  if (fact.type === 'stock.counted' && superseded === 'older') next = markContained(next, fact, policy, at, false);
  return { stock: superseded ? { ...next, superseded: next.superseded + 1 } : next, ...(problem && { problem }) };
}

/** Since when the source has committed what it has. */
function committed(before: Lot, after: Lot, at: number): Lot {
  if (after.reserved === before.reserved) return after;
  if (after.reserved > 0) return { ...after, reservedAt: at };
  const { reservedAt: _none, ...rest } = after;
  return rest;
}

/** The number that a source's facts made is taken back; what it says from now on counts as before. */
export function restore(stock: Stock, { source, location = '', quantity }: RestoredFact): Stock {
  const lot = lotAt(stock, location);
  const { registers } = lot;
  if (lot.source !== source || lot.onHand === undefined || lot.onHand === quantity) return stock;
  if (!registers) return withLot(stock, location, { ...lot, onHand: quantity });
  // What the restored number is made of is told apart no more: a repeat of it changes nothing.
  const { at, deltas, ...onHand } = registers.onHand;
  const newest = deltas.at(-1)?.[0] ?? at;
  return withLot(stock, location, { ...lot, onHand: quantity, registers: { ...registers, onHand: { ...onHand, value: quantity, deltas: [], ...(newest !== undefined && { at: newest, folded: newest }) } } });
}

/** One source speaks for a SKU at a location: positions of different ones cannot be compared. */
export function isForeign(stock: Stock, { source, location = '' }: StockFact): boolean {
  const { source: owner } = lotAt(stock, location);
  return owner !== undefined && owner !== source;
}

/**
 * Units that exist and are promised to nobody, neither by the source nor by us; negative after an oversell or a
 * correction. Undefined until counted. Of a kit, as many as its parts make up.
 * Lines that the source's number already contains are not subtracted again.
 */
export function known(stock: Stock): number | undefined {
  if (isKit(stock)) return kitUnits(stock.kit);
  let units = freeIn(stock);
  if (units === undefined) return undefined;
  for (const id in stock.lines) units -= takenBy(stock.lines[id]!);
  return units;
}
