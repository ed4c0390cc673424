/**
 * Order lines: what is promised, as a fold over what channels state and what counts name as imported. Each id counts
 * once. Pure.
 */
import { lookup, put, without } from '../own-keys.ts';
import type { Line, OrderFact, Place, Stock } from './protocol.ts';

/** Where a count stands that names imports. */
export type CountedAt = Pick<Place, 'seq' | 'at'>;

/** Imports remembered for lines that are not learnt yet; the oldest give way. */
const earlyMax = 1_000;

/** Applies an order fact once, however often and in whatever order it is told. */
export function applyOrder(stock: Stock, fact: OrderFact): Stock {
  const { line: id } = fact;
  const known = lookup(stock.lines, id);
  if (!known && isClosed(stock, id)) return stock;
  const before = known ?? learnt(stock, id);
  const next = told(before, fact);
  if (next === known) return stock;
  return { ...stock, lines: { ...stock.lines, [id]: next }, early: known ? stock.early : without(stock.early, id, `${id}${cancelledMark}`) };
}

/** A line before anything of it is told. */
function learnt({ early }: Stock, id: string): Line {
  const cancelImported = lookup(early, `${id}${cancelledMark}`) !== undefined;
  return {
    units: 0,
    ...((cancelImported || lookup(early, id) !== undefined) && { imported: true }),
    ...(cancelImported && { cancelImported: true }),
  };
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
  }
}

const cancelledMark = '#cancelled';

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

/** A source that took a cancellation back into its number had the sale in it before. */
export function markImported(stock: Stock, imported: readonly string[], { seq, at }: CountedAt): Stock {
  let { lines, early } = stock;
  for (const id of imported) {
    const cancelled = id.endsWith(cancelledMark);
    const name = cancelled ? id.slice(0, -cancelledMark.length) : id;
    const line = lookup(lines, name);
    if (line) {
      if (cancelled ? line.cancelImported : line.imported) continue;
      if (lines === stock.lines) lines = { ...lines };
      put(lines, name, { ...line, imported: true, ...(cancelled && { cancelImported: true }) });
    } else if (lookup(early, id) === undefined && !isClosed(stock, name)) {
      if (early === stock.early) early = { ...early };
      put(early, id, [seq, at]);
    }
  }
  return lines === stock.lines && early === stock.early ? stock : { ...stock, lines, early: newest(early, earlyMax) };
}

function newest(early: Stock['early'], max: number): Stock['early'] {
  const all = Object.entries(early);
  return all.length <= max ? early : Object.fromEntries(all.sort(([, [a]], [, [b]]) => a - b).slice(-max));
}

function isClosed({ closed }: Stock, id: string): boolean {
  for (const day in closed) if (Object.hasOwn(closed[day]!, id)) return true;
  return false;
}

/** Units that a line takes from the source's number; below 0 while a cancellation is still to be imported. */
export function takenBy(line: Line): number {
  return (line.imported ? 0 : line.units) - (line.cancelImported ? 0 : backOf(line));
}

/** Cancelled units that are back on the shelf. What was shipped comes back when the source counts it. */
export function backOf({ units, cancelled = 0, shipped = 0 }: Line): number {
  return Math.min(cancelled, units - shipped);
}

/** Units of a line still to be shipped. */
export function openOf({ units, cancelled = 0, shipped = 0 }: Line): number {
  return Math.max(0, units - cancelled - shipped);
}

/** Units in open orders of one account: sold, neither shipped nor cancelled. */
export function openUnits({ lines }: Stock, account: string): number {
  const prefix = `${account}/`;
  let units = 0;
  for (const id in lines) if (id.startsWith(prefix)) units += openOf(lines[id]!);
  return units;
}
