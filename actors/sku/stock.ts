/** Truth: what exists and what is promised, as a fold over facts. Pure; knows no XState. */
import type { Line, OrderFact, SourcePolicy, Stock, StockFact } from './protocol.ts';

type Counted = Extract<StockFact, { type: 'stock.counted' }>;

/** Applies a source fact in the source's own order, whatever order it arrives in. */
export function applySource(stock: Stock, fact: StockFact, policy: SourcePolicy = {}): Stock {
  if (fact.type === 'stock.counted' && !policy.inOrder) return count(stock, fact, policy);
  if (fact.position <= stock.position || stock.held.some(h => h.position === fact.position)) return superseded(stock, fact);
  if (stock.held.length === 0 && isNext(stock, fact, policy)) return applyNext(stock, fact, policy);
  const held = [...stock.held, fact].sort((a, b) => a.position - b.position);
  return drain({ ...stock, held, ...(policy.inOrder && { source: fact.source }) }, policy);
}

/** A count that stands for everything of its source up to its position. */
function count(stock: Stock, fact: Counted, policy: SourcePolicy): Stock {
  if (stock.onHand !== undefined && fact.position <= stock.position) return superseded(stock, fact);
  const held = stock.held.filter(h => h.position > fact.position);
  return drain({ ...applyNext(stock, fact, policy), held }, policy);
}

function superseded(stock: Stock, fact: StockFact): Stock {
  // Lines that an older count names are contained in the newer number too.
  const marked = fact.type === 'stock.counted' ? markImported(stock, fact.imported ?? []) : stock;
  return { ...marked, superseded: stock.superseded + 1 };
}

/** Applies held facts whose turn has come. */
function drain(stock: Stock, policy: SourcePolicy): Stock {
  let next = stock;
  let used = 0;
  for (const fact of stock.held) {
    if (!isNext(next, fact, policy)) break;
    next = applyNext(next, fact, policy);
    used += 1;
  }
  return used === 0 ? stock : { ...next, held: stock.held.slice(used) };
}

function isNext(stock: Stock, fact: StockFact, { inOrder }: SourcePolicy): boolean {
  return fact.position === stock.position + 1 && (stock.onHand !== undefined || inOrder === true);
}

function applyNext(stock: Stock, fact: StockFact, { floor }: SourcePolicy): Stock {
  const { source, position } = fact;
  const onHand = stock.onHand ?? 0;
  switch (fact.type) {
    case 'stock.counted': {
      const marked = markImported(stock, fact.imported ?? []);
      const reserved = fact.reserved === undefined ? stock.reserved : Math.max(0, fact.reserved);
      return { ...marked, source, onHand: Math.max(0, fact.quantity), reserved, position, chain: chained(stock.chain, position, fact.quantity) };
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

function markImported(stock: Stock, imported: readonly string[]): Stock {
  if (imported.length === 0) return stock;
  const lines = { ...stock.lines };
  const early = new Set(stock.early);
  for (const id of imported) {
    const [line, cancelled] = splitImport(id);
    const known = lines[line];
    if (!known) early.add(id);
    else lines[line] = cancelled ? { ...known, cancelImported: true } : { ...known, imported: true };
  }
  return { ...stock, lines, early: [...early] };
}

function splitImport(id: string): [line: string, cancelled: boolean] {
  return id.endsWith('#cancelled') ? [id.slice(0, -'#cancelled'.length), true] : [id, false];
}

/** Applies an order fact once, however often and in whatever order it is told. */
export function applyOrder(stock: Stock, fact: OrderFact): Stock {
  const known = stock.lines[fact.line];
  const line: Line = known ?? {
    account: fact.account,
    // A cancellation or shipment implies the sale, when that is still unknown.
    units: fact.units,
    cancelled: 0,
    shipped: 0,
    imported: stock.early.includes(fact.line),
    cancelImported: stock.early.includes(`${fact.line}#cancelled`),
    createdAt: fact.type === 'order.placed' ? fact.createdAt : 0,
  };
  const next: Line =
    fact.type === 'order.placed' ? { ...line, units: Math.max(line.units, fact.units), createdAt: fact.createdAt }
    : fact.type === 'order.cancelled' ? { ...line, cancelled: Math.max(line.cancelled, fact.units) }
    : { ...line, shipped: Math.max(line.shipped, fact.units) };
  return {
    ...stock,
    lines: { ...stock.lines, [fact.line]: next },
    early: known ? stock.early : stock.early.filter(id => splitImport(id)[0] !== fact.line),
  };
}

/**
 * Units that exist and are promised to nobody, neither by the source nor by us; negative after an oversell or a correction. Undefined until counted.
 * Lines that the source's number already contains are not subtracted again.
 */
export function known(stock: Stock): number | undefined {
  if (stock.onHand === undefined) return undefined;
  let units = stock.onHand - stock.reserved;
  for (const line of Object.values(stock.lines)) {
    if (!line.imported) units -= line.units;
    if (!line.cancelImported) units += line.cancelled;
  }
  return units;
}

/** Units in open orders of one account: sold, neither shipped nor cancelled. */
export function openUnits(stock: Stock, account: string): number {
  let units = 0;
  for (const line of Object.values(stock.lines)) {
    if (line.account === account) units += Math.max(0, line.units - line.cancelled - line.shipped);
  }
  return units;
}
