/** Truth: what exists and what is promised, as a fold over facts. Pure; knows no XState. */
import { markImported, takenBy } from './lines.ts';
import type { CountedAt } from './lines.ts';
import type { SourcePolicy, Stock, StockFact } from './protocol.ts';

/**
 * Source facts that may wait behind a gap. Beyond it only the highest is kept besides, so that the gap stays open: what
 * was dropped must be told again, or be superseded by a count.
 */
const heldMax = 1_000;

/**
 * Applies a source fact in the source's own order, whatever order it arrives in.
 *
 * @param at where the fact stands in the journal
 */
export function applySource(stock: Stock, fact: StockFact, policy: SourcePolicy, at: CountedAt): Stock {
  const isCount = fact.type === 'stock.counted';
  if (fact.position <= stock.position) {
    // Lines that an older count names are contained in the newer number too.
    const marked = isCount ? markImported(stock, fact.imported ?? [], at) : stock;
    return { ...marked, superseded: stock.superseded + 1 };
  }
  if (isCount && !policy.inOrder) {
    // Stands for everything of its source up to its position.
    const held = stock.held.filter(h => h.position > fact.position && h.source === fact.source);
    return drain({ ...applyNext(stock, fact, policy, at), held }, policy, at);
  }
  if (stock.held.some(h => h.position === fact.position && h.source === fact.source)) return { ...stock, superseded: stock.superseded + 1 };
  if (stock.held.length === 0 && isNext(stock, fact, policy)) return applyNext(stock, fact, policy, at);
  const held = [...stock.held, fact].sort((a, b) => a.position - b.position);
  const next = drain({ ...stock, held, ...(policy.inOrder && { source: fact.source }) }, policy, at);
  return next.held.length > heldMax ? { ...next, held: next.held.toSpliced(-2, 1) } : next;
}

/** One source speaks for a SKU: positions of different ones cannot be compared. */
export function isForeign({ source }: Stock, fact: StockFact): boolean {
  return source !== undefined && source !== fact.source;
}

/** Applies held facts whose turn has come. */
function drain(stock: Stock, policy: SourcePolicy, at: CountedAt): Stock {
  let next = stock;
  let used = 0;
  for (const fact of stock.held) {
    if (!isNext(next, fact, policy)) break;
    next = applyNext(next, fact, policy, at);
    used += 1;
  }
  return used === 0 ? stock : { ...next, held: stock.held.slice(used) };
}

function isNext(stock: Stock, fact: StockFact, { inOrder }: SourcePolicy): boolean {
  return fact.position === stock.position + 1 && (stock.onHand !== undefined || inOrder === true);
}

function applyNext(stock: Stock, fact: StockFact, { floor }: SourcePolicy, at: CountedAt): Stock {
  const { source, position } = fact;
  const onHand = stock.onHand ?? 0;
  switch (fact.type) {
    case 'stock.counted': {
      const marked = markImported(stock, fact.imported ?? [], at);
      const reserved = fact.reserved === undefined ? stock.reserved : Math.max(0, fact.reserved);
      return { ...marked, source, onHand: floor ? Math.max(0, fact.quantity) : fact.quantity, reserved, position, chain: chained(stock.chain, position, fact.quantity) };
    }
    case 'stock.adjusted': {
      const units = onHand + fact.delta;
      return { ...stock, source, onHand: floor ? Math.max(0, units) : units, position, chain: chained(stock.chain, position, fact.delta) };
    }
    case 'stock.reserved':
      return { ...stock, source, onHand, reserved: Math.max(0, stock.reserved + fact.delta), position, chain: chained(stock.chain, position, Math.abs(fact.delta)) };
  }
}

/** @param quantity as the source states it; units reserved or released without a sign */
function chained(chain: number, position: number, quantity: number): number {
  return (chain * 31 + position * 7 + quantity) >>> 0;
}

/** A fact of the source is missing before what is held. Adjustments that only wait for a first count are no gap. */
export function hasGap(stock: Stock): boolean {
  return stock.held.length > 0 && (stock.onHand !== undefined || stock.source !== undefined);
}

/**
 * Units that exist and are promised to nobody, neither by the source nor by us; negative after an oversell or a
 * correction. Undefined until counted.
 * Lines that the source's number already contains are not subtracted again.
 */
export function known(stock: Stock): number | undefined {
  if (stock.onHand === undefined) return undefined;
  let units = stock.onHand - stock.reserved;
  for (const id in stock.lines) units -= takenBy(stock.lines[id]!);
  return units;
}
