/** Truth: what exists and what is promised, as a fold over facts. Pure; knows no XState. */
import type { Held, Line, OrderFact, Stock, StockFact } from './protocol.ts';

/** Applies a source fact in the source's own order, whatever order it arrives in. */
export function applySource(stock: Stock, fact: StockFact): Stock {
  return fact.type === 'stock.counted' ? count(stock, fact) : adjust(stock, fact);
}

function count(stock: Stock, fact: Extract<StockFact, { type: 'stock.counted' }>): Stock {
  // Lines that an older count names are contained in the newer number too.
  const marked = markImported(stock, fact.imported ?? []);
  if (stock.onHand !== undefined && fact.position <= stock.position) return { ...marked, superseded: stock.superseded + 1 };
  return drain({
    ...marked,
    source: fact.source,
    onHand: Math.max(0, fact.quantity),
    position: fact.position,
    held: stock.held.filter(h => h.position > fact.position),
  });
}

function adjust(stock: Stock, fact: Held): Stock {
  if (stock.onHand !== undefined && fact.position <= stock.position) return { ...stock, superseded: stock.superseded + 1 };
  if (stock.held.some(h => h.position === fact.position)) return { ...stock, superseded: stock.superseded + 1 };
  return drain({ ...stock, held: [...stock.held, fact].sort((a, b) => a.position - b.position) });
}

/** Applies held adjustments whose turn has come. */
function drain(stock: Stock): Stock {
  let { onHand, position } = stock;
  if (onHand === undefined) return stock;
  let used = 0;
  for (const fact of stock.held) {
    if (fact.position !== position + 1) break;
    onHand += fact.delta;
    position = fact.position;
    used += 1;
  }
  return used === 0 ? stock : { ...stock, onHand, position, held: stock.held.slice(used) };
}

/** A fact of the source is missing between what is applied and what is held. */
export function hasGap(stock: Stock): boolean {
  return stock.onHand !== undefined && stock.held.length > 0;
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
 * Units that exist and are promised to nobody; negative after an oversell or a correction. Undefined until counted.
 * Lines that the source's number already contains are not subtracted again.
 */
export function known(stock: Stock): number | undefined {
  if (stock.onHand === undefined) return undefined;
  let units = stock.onHand;
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
