/**
 * Which order lines a source's number contains already: those that a count names, those that it contains by time or by
 * the source's declared rule, whether a line is learnt before the count or after it. Pure.
 */
import { lookup, put } from '../own-keys.ts';
import { lotAt, lotsOf, withLot } from './lots.ts';
import type { Line, Place, SourcePolicy, Stock } from './protocol.ts';
import type { Counted } from './sequence.ts';

/** Where a count stands that names imports. */
export type CountedAt = Pick<Place, 'seq' | 'at'>;

/** Imports remembered for lines that are not learnt yet; the oldest give way. */
const earlyMax = 1_000;

export const cancelledMark = '#cancelled';
export const returnedMark = '#returned';

/**
 * Marks the lines that a count contains.
 *
 * @param applied the number of the count took effect; what an older one contains is contained in the newer one too
 */
export function markContained(stock: Stock, fact: Counted, { ordersIn = 'named' }: SourcePolicy, at: CountedAt, applied: boolean): Stock {
  const { imported, importedThrough, countedAt, location = '' } = fact;
  const named = imported === undefined ? stock : markImported(stock, imported, at);
  if (importedThrough !== undefined) return markThrough(named, location, importedThrough, at);
  if (imported !== undefined || ordersIn === 'named' || ordersIn === 'never') return named;
  if (ordersIn === 'always') return applied ? markKnown(named, location) : named;
  const when = countedAt ?? (applied ? at.at : undefined);
  return when === undefined ? named : markThrough(named, location, when - ordersIn.lagMs, at);
}

/** No number contains orders of a time that was still to come when it was stated. */
function markThrough(stock: Stock, location: string, through: number, { at }: CountedAt): Stock {
  const until = Math.max(0, Math.min(at, Math.trunc(through)));
  const lot = lotAt(stock, location);
  return (lot.through ?? -1) >= until ? stock : markRuled(withLot(stock, location, { ...lot, through: until }));
}

function markKnown(before: Stock, location: string): Stock {
  const lot = lotAt(before, location);
  const stock = lot.through === undefined ? withLot(before, location, { ...lot, through: 0 }) : before;
  const lines: Stock['lines'] = {};
  for (const [id, line] of Object.entries(stock.lines)) {
    put(lines, id, isRuled(line) || line.containedAt?.includes(location) ? line : { ...line, containedAt: [...line.containedAt ?? [], location].sort() });
  }
  return markRuled({ ...stock, lines });
}

function markRuled(stock: Stock): Stock {
  let { lines } = stock;
  for (const [id, line] of Object.entries(stock.lines)) {
    const next = ruled(stock, line);
    if (next === line) continue;
    if (lines === stock.lines) lines = { ...lines };
    put(lines, id, next);
  }
  return lines === stock.lines ? stock : { ...stock, lines };
}

/**
 * The line, marked where every location that states so by time or rule contains it. What comes back of it is then the
 * source's to tell, by its own number: it knows of the order.
 */
export function ruled(stock: Stock, line: Line): Line {
  if (isRuled(line)) return line;
  let stated = false;
  for (const [location, { through }] of lotsOf(stock)) {
    if (through === undefined) continue;
    stated = true;
    if (!((line.createdAt ?? Infinity) <= through || line.containedAt?.includes(location))) return line;
  }
  if (!stated) return line;
  const { containedAt: _everywhere, ...rest } = line;
  return { ...rest, imported: true, cancelImported: true };
}

function isRuled({ imported, cancelImported }: Line): boolean {
  return imported === true && cancelImported === true;
}

/** Some location's number contains lines by time or rule. */
export function isByRule(stock: Stock): boolean {
  return lotsOf(stock).some(([, { through }]) => through !== undefined);
}

/** A source that took what came back into its number had the sale in it before. */
export function markImported(stock: Stock, imported: readonly string[], { seq, at }: CountedAt): Stock {
  let { lines, early } = stock;
  for (const id of imported) {
    const [name, mark] = split(id);
    for (const each of stock.kits === undefined ? [name] : ofKits(stock, name)) {
      const line = lookup(lines, each);
      const next = line && marked(line, mark);
      if (next === undefined || next === line) continue;
      if (lines === stock.lines) lines = { ...lines };
      put(lines, each, next);
    }
    // A kit may tell of the line yet.
    if ((stock.kits !== undefined || lookup(lines, name) === undefined) && lookup(early, id) === undefined && (mark === returnedMark || !isClosed(stock, name))) {
      if (early === stock.early) early = { ...early };
      put(early, id, [seq, at]);
    }
  }
  return lines === stock.lines && early === stock.early ? stock : { ...stock, lines, early: newest(early, earlyMax) };
}

function split(id: string): [name: string, mark: string] {
  for (const mark of [cancelledMark, returnedMark]) if (id.endsWith(mark)) return [id.slice(0, -mark.length), mark];
  return [id, ''];
}

function marked(line: Line, mark: string): Line {
  const { imported, cancelImported, returnImported } = line;
  if (mark === cancelledMark) return imported && cancelImported ? line : { ...line, imported: true, cancelImported: true };
  if (mark === returnedMark) return imported && returnImported ? line : { ...line, imported: true, returnImported: true };
  return imported ? line : { ...line, imported: true };
}

/** A source names a line as its channel does; as one of a kit it is known by another name, of each kit its own. */
function ofKits({ lines }: Stock, name: string): string[] {
  return [name, ...Object.keys(lines).filter(id => id !== name && orderLineOf(id) === name)];
}

/** A kit's order line as its parts know it: two kits in one line, or a kit and its own part, are told apart. */
export function lineOfKit(kit: string, line: string): string {
  return `kit:${encodeURIComponent(kit)}/${line}`;
}

/** The order line behind a line of a kit, as its channel names it. */
export function orderLineOf(id: string): string {
  return id.replace(/^(?:kit:[^/]*\/)+/, '');
}

/** The kits that a line came down through, the nearest first. */
export function kitsOf(id: string): string[] {
  const [chain] = /^(?:kit:[^/]*\/)*/.exec(id)!;
  return chain.split('/').slice(0, -1).map(token => decodeURIComponent(token.slice('kit:'.length)));
}

/** A line before anything of it is told. */
export function learnt({ early }: Stock, id: string): Line {
  let line: Line = { units: 0 };
  for (const name of new Set([id, orderLineOf(id)])) {
    for (const mark of ['', cancelledMark, returnedMark]) if (lookup(early, `${name}${mark}`) !== undefined) line = marked(line, mark);
  }
  return line;
}

export function isClosed({ closed }: Stock, id: string): boolean {
  for (const day in closed) if (Object.hasOwn(closed[day]!, id)) return true;
  return false;
}

function newest(early: Stock['early'], max: number): Stock['early'] {
  const all = Object.entries(early);
  return all.length <= max ? early : Object.fromEntries(all.sort(([, [a]], [, [b]]) => a - b).slice(-max));
}
