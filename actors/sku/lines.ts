/**
 * Order lines: what is promised, as a fold over what channels state. Each id counts once; contained.ts tells what a
 * source's number holds of them already. Pure.
 */
import { lookup, without } from '../own-keys.ts';
import { cancelledMark, isByRule, isClosed, learnt, returnedMark, ruled } from './contained.ts';
import type { Line, OrderFact, Stock } from './protocol.ts';

/** Applies an order fact once, however often and in whatever order it is told. */
export function applyOrder(stock: Stock, fact: OrderFact): Stock {
  const { line: id } = fact;
  const known = lookup(stock.lines, id);
  if (!known && isClosed(stock, id)) return fact.type === 'order.returned' ? applyOrder(reopened(stock, id), fact) : stock;
  if (known?.reopened && fact.type !== 'order.returned') return stock;
  const before = known ?? { ...learnt(stock, id), ...(stock.kit && stock.kit.def > 0 && { def: stock.kit.def }) };
  const next = told(before, fact);
  if (next === known) return stock;
  return {
    ...stock,
    lines: { ...stock.lines, [id]: ruled(stock, next) },
    early: known ? stock.early : without(stock.early, id, `${id}${cancelledMark}`, `${id}${returnedMark}`),
  };
}

/** What was sold, shipped and put away comes back after all: all of it was in the source's number by then. */
function reopened(stock: Stock, id: string): Stock {
  const [day, lines] = Object.entries(stock.closed).find(([, lines]) => Object.hasOwn(lines, id))!;
  const units = lines[id]!;
  const line: Line = { units, shipped: units, imported: true, ...(isByRule(stock) && { cancelImported: true }), createdAt: Date.parse(day), reopened: true };
  const isCounted = lookup(stock.early, `${id}${returnedMark}`) !== undefined;
  const rest = without(lines, id);
  const closed = Object.keys(rest).length === 0 ? without(stock.closed, day) : { ...stock.closed, [day]: rest };
  return { ...stock, closed, lines: { ...stock.lines, [id]: isCounted ? { ...line, returnImported: true } : line }, early: without(stock.early, `${id}${returnedMark}`) };
}

function told(line: Line, fact: OrderFact): Line {
  const units = Math.max(line.units, fact.units);
  switch (fact.type) {
    case 'order.placed': {
      // A time that is none is unknown.
      const createdAt = fact.createdAt >= 0 && fact.createdAt < Infinity ? Math.min(line.createdAt ?? Infinity, Math.trunc(fact.createdAt)) : line.createdAt;
      return units === line.units && createdAt === line.createdAt ? line : { ...line, units, ...(createdAt !== undefined && { createdAt }) };
    }
    case 'order.cancelled':
      return fact.units <= (line.cancelled ?? 0) ? line : { ...line, units, cancelled: fact.units };
    case 'order.shipped':
      return fact.units <= (line.shipped ?? 0) ? line : { ...line, units, shipped: fact.units };
    case 'order.returned':
      return fact.units <= (line.returned ?? 0) ? line : { ...line, units, returned: fact.units };
  }
}

/**
 * Units by which the channel of an order fact has moved its own number since it was last told what to show: its sales
 * take them away and its cancellations put them back, whoever knew of them first. What the source had imported before
 * the intent of that `version` was decided, was overwritten by it.
 */
export function movedBy(before: Stock, after: Stock, { line: id }: OrderFact, version: number): number {
  const line = lookup(after.lines, id);
  if (!line) return 0;
  const { units, cancelled = 0 } = line;
  const known = lookup(before.lines, id);
  if (known) return known.units - units + cancelled - (known.cancelled ?? 0);
  const [back] = lookup(before.early, `${id}${cancelledMark}`) ?? [Infinity];
  const [sold] = lookup(before.early, id) ?? [back];
  return (version >= back ? 0 : cancelled) - (version >= sold ? 0 : units);
}

/** Units that a line takes from the source's number; below 0 while what came back is still to be imported. None of a kit's: its parts are taken. */
export function takenBy(line: Line): number {
  const { units, imported, cancelImported, returnImported, def } = line;
  if (def !== undefined) return 0;
  if (cancelImported) return imported ? 0 : units;
  return (imported ? 0 : units) - (returnImported ? backOf({ ...line, returned: 0 }) : backOf(line));
}

/** Units that are back on the shelf: cancelled before they were shipped, or returned; each once. */
export function backOf({ units, cancelled = 0, shipped = 0, returned = 0 }: Line): number {
  return Math.min(units, Math.min(cancelled, units - shipped) + returned);
}

/** Units of a line still to be shipped. */
export function openOf({ units, cancelled = 0, shipped = 0, returned = 0 }: Line): number {
  return Math.max(0, units - cancelled - Math.max(shipped, returned));
}

/** Units in open orders of one account: sold, neither shipped nor cancelled. */
export function openUnits({ lines }: Stock, account: string): number {
  const prefix = `${account}/`;
  let units = 0;
  for (const id in lines) if (id.startsWith(prefix)) units += openOf(lines[id]!);
  return units;
}
