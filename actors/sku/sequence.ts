/** One location's number by a source that counts its facts 1, 2, 3 ...: applied in that order, however they come. Pure. */
import { comparePositions, ordinalOf } from './position.ts';
import type { Lot, SourcePolicy, StockFact } from './protocol.ts';

/**
 * Source facts that may wait behind a gap. Beyond it only the highest is kept besides, so that the gap stays open: what
 * was dropped must be told again, or be superseded by a count.
 */
const heldMax = 1_000;

export type Counted = Extract<StockFact, { type: 'stock.counted' }>;

export interface Applied<L> {
  lot: L;
  /** Nothing came of it: it is no newer than what is known, or waits already. */
  superseded?: 'older' | 'waiting';
  /** Why people must look at the fact: what it says could not be taken, or not as it stands. */
  problem?: 'late' | 'conflict' | 'position';
  /** Counts that took effect. */
  counts: Counted[];
}

/** Applies a fact in the source's own order, whatever order it arrives in. */
export function applySequence<L extends Lot>(lot: L, fact: StockFact, policy: SourcePolicy): Applied<L> {
  const position = ordinalOf(fact.position);
  if (position === undefined || position < 1) return { lot, problem: 'position', counts: [] };
  const isCount = fact.type === 'stock.counted';
  if (position <= last(lot)) return late(lot, fact, position);
  if (fact.type === 'stock.counted' && !policy.inOrder) {
    // Stands for everything of its source up to its position, but for what is reserved where it does not say.
    const held = lot.held.filter(h => comparePositions(h.position, position) > 0 && h.source === fact.source);
    return drain({ ...applyNext(passing(lot, fact, position), fact, policy), held }, policy, [fact]);
  }
  if (lot.held.some(h => h.source === fact.source && comparePositions(h.position, position) === 0)) return { lot, superseded: 'waiting', counts: [] };
  if (lot.held.length === 0 && isNext(lot, fact, policy)) return { lot: applyNext(lot, fact, policy), counts: isCount ? [fact] : [] };
  const held = [...lot.held, fact].sort((a, b) => comparePositions(a.position, b.position));
  const next = drain({ ...lot, held, ...(policy.inOrder && { source: fact.source }) }, policy, []);
  if (next.lot.held.length > heldMax) next.lot = { ...next.lot, held: next.lot.held.toSpliced(-2, 1) };
  return next;
}

/** Ranges kept; what the oldest beyond them passed over counts no more. */
const passedMax = 16;

/** What of a fact that a count has passed over still counts: a commitment, where no count has said what is reserved. */
function late<L extends Lot>(lot: L, fact: StockFact, position: number): Applied<L> {
  const ranges = lot.passed ?? [];
  const n = ranges.findIndex(([from, to]) => position >= from && position <= to);
  if (n === -1) return { lot, superseded: 'older', counts: [] };
  const [from, to] = ranges[n]!;
  const around = ([[from, position - 1], [position + 1, to]] as const).filter(([first, last]) => first <= last);
  const heard = withPassed(lot, ranges.toSpliced(n, 1, ...around));
  if (fact.type !== 'stock.reserved') return { lot: heard, superseded: 'older', counts: [] };
  return { lot: { ...heard, reserved: Math.max(0, lot.reserved + fact.delta) }, counts: [] };
}

/** Before a count takes effect: what was reserved on the way to it, and which positions it passes over unheard. */
function passing<L extends Lot>(lot: L, fact: Counted, position: number): L {
  if (fact.reserved !== undefined) return withPassed(lot, []);
  const ranges = [...lot.passed ?? []];
  let { reserved } = lot;
  let from = last(lot) + 1;
  for (const held of lot.held) {
    const at = ordinalOf(held.position)!;
    if (at >= position || held.source !== fact.source) continue;
    if (held.type === 'stock.reserved') reserved = Math.max(0, reserved + held.delta);
    if (from < at) ranges.push([from, at - 1]);
    from = at + 1;
  }
  if (from < position) ranges.push([from, position - 1]);
  return withPassed({ ...lot, reserved }, ranges.slice(-passedMax));
}

function withPassed<L extends Lot>(lot: L, passed: NonNullable<Lot['passed']>): L {
  if (passed.length > 0) return { ...lot, passed };
  const { passed: _none, ...rest } = lot;
  return lot.passed ? rest as L : lot;
}

/** Applies held facts whose turn has come. */
function drain<L extends Lot>(lot: L, policy: SourcePolicy, counts: Counted[]): Applied<L> {
  let next = lot;
  let used = 0;
  for (const fact of lot.held) {
    if (!isNext(next, fact, policy)) break;
    next = applyNext(next, fact, policy);
    if (fact.type === 'stock.counted') counts.push(fact);
    used += 1;
  }
  return { lot: used === 0 ? lot : { ...next, held: lot.held.slice(used) }, counts };
}

/** Of a lot that a monotone source spoke for before, the sequence begins anew. */
function last(lot: Lot): number {
  return ordinalOf(lot.position) ?? 0;
}

function isNext(lot: Lot, fact: StockFact, { inOrder }: SourcePolicy): boolean {
  return ordinalOf(fact.position) === last(lot) + 1 && (lot.onHand !== undefined || inOrder === true);
}

function applyNext<L extends Lot>(lot: L, fact: StockFact, { floor }: SourcePolicy): L {
  const { source } = fact;
  const position = ordinalOf(fact.position)!;
  const { registers: _taken, ...rest } = lot;
  const before = (lot.registers ? rest : lot) as L;
  const onHand = lot.onHand ?? 0;
  switch (fact.type) {
    case 'stock.counted': {
      const reserved = fact.reserved === undefined ? lot.reserved : Math.max(0, fact.reserved);
      return { ...before, source, onHand: floor ? Math.max(0, fact.quantity) : fact.quantity, reserved, position, chain: chained(lot.chain, position, fact.quantity) };
    }
    case 'stock.adjusted': {
      const units = onHand + fact.delta;
      return { ...before, source, onHand: floor ? Math.max(0, units) : units, position, chain: chained(lot.chain, position, fact.delta) };
    }
    case 'stock.reserved':
      return { ...before, source, onHand, reserved: Math.max(0, lot.reserved + fact.delta), position, chain: chained(lot.chain, position, Math.abs(fact.delta)) };
  }
}

/** @param quantity as the source states it; units reserved or released without a sign */
function chained(chain: number, position: number, quantity: number): number {
  return (chain * 31 + position * 7 + quantity) >>> 0;
}
