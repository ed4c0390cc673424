/** What is learnt from outside: sales, cancellations, counts and readings, each exactly once (I5). Pure. */
import { lookup } from '../../own-keys.ts';
import type { Cell, Intent, Ledger, Line } from './ledger.ts';
import { changed, openIn, soldIn, withCell } from './ledger.ts';
import type { Said } from './said.ts';
import { explained, soldTo } from './tally.ts';

/** A ledger and what is to be journalled of how it came about. */
export interface Outcome { ledger: Ledger; says: Said[] }

/** An order line as its channel states it by now: cumulative, so any number of statements in any order ends alike. */
export interface LineFact {
  line: string;
  cell: string;
  units: number;
  cancelled: number;
  createdAt?: number;
  closed?: true;
}

/**
 * P1: a sale learnt takes its units from the rights of its cell, and `known` falls with it. P2: a cancellation implies
 * the sale, and gives the units back to both, as if the channel had put them back on sale: N12. Lines that a count of
 * sales told of before explain it and do not count again.
 */
export function orderLine(ledger: Ledger, fact: LineFact, at: number): Outcome {
  const before: Line = lookup(ledger.lines, fact.line) ?? { cell: fact.cell, units: 0, cancelled: 0 };
  const cancelled = Math.max(before.cancelled, fact.cancelled);
  const units = Math.max(before.units, fact.units, cancelled);
  const createdAt = before.createdAt ?? fact.createdAt;
  const closes = fact.closed === true && !before.closed;
  if (units === before.units && cancelled === before.cancelled && createdAt === before.createdAt && !closes) return { ledger, says: [] };
  const line = changed<Line>(before, { units, cancelled, createdAt, closed: before.closed ?? fact.closed });
  const next = { ...ledger, lines: { ...ledger.lines, [fact.line]: line } };
  const cell = lookup(ledger.cells, line.cell);
  if (!cell) return { ledger: next, says: [] };
  const news = Math.max(0, units - before.units - cell.counter);
  const learnt = moved(sale(explained(cell, units - before.units, at), news, line), units - before.units, cancelled - before.cancelled, line, at);
  const says: Said[] = [];
  if (news > 0 && isLate(cell, line)) says.push({ type: 'order.late', cell: line.cell, line: fact.line, createdAt: line.createdAt!, settledTo: cell.settledTo! });
  const taken = withCell(next, line.cell, learnt);
  if (!closes || cell.terms.kind !== 'gross' || before.permitted) return { ledger: taken, says };
  return closedEarly(taken, line.cell, fact.line, says);
}

/**
 * More was sold than may have been: a unit put back by a cancellation that we have not learnt of was sold again, and
 * rights are below 0 until we do; or, with cancellations complete, somebody else put it on sale, or A4 failed.
 */
export function beyond(ledger: Ledger, id: string, at: number): Outcome {
  const cell = ledger.cells[id]!;
  if (cell.rights >= 0) return { ledger: cell.belowSince === undefined ? ledger : withCell(ledger, id, changed<Cell>(cell, { belowSince: undefined })), says: [] };
  if (cell.belowSince === undefined) return { ledger: withCell(ledger, id, { ...cell, belowSince: at }), says: [] };
  if (cell.through < cell.belowSince + cell.terms.marginMs) return { ledger, says: [] };
  return { ledger: withCell(ledger, id, changed<Cell>(cell, { rights: 0, belowSince: undefined })), says: [{ type: 'sale.beyond', cell: id, units: -cell.rights }] };
}

/** A3 failed: it was settled without this order, whose unit is gone from the rights already. */
function isLate({ settledTo = -Infinity, terms: { kind } }: Cell, { createdAt }: Line): boolean {
  return kind !== 'gross' && createdAt !== undefined && createdAt <= settledTo;
}

function sale(cell: Cell, units: number, line: Line): Cell {
  return units === 0 || isLate(cell, line) ? cell : { ...cell, rights: cell.rights - units };
}

/** What the cell's own orders have made of its quantity. */
function moved(cell: Cell, sold: number, back: number, { createdAt = 0 }: Line, at: number): Cell {
  const { kind } = cell.terms;
  const after = { ...cell, rights: cell.rights + back };
  if (back > 0) Object.assign(after, putBack(cell, back, at));
  if (kind === 'gross' || cell.shown === undefined) return after;
  if (back > 0) return changed<Cell>(after, { shown: undefined });
  if (sold > 0 && createdAt > (cell.reading?.at ?? 0)) after.shown = cell.shown - sold;
  return after;
}

/** What was proven, is to be proven or was suspected stands with units more. */
function putBack({ mark, suspect, intent }: Cell, units: number, at?: number): Partial<Cell> {
  return {
    ...(mark && { mark: { ...mark, back: mark.back + units, ...(mark.waited && at !== undefined && { backAt: at }) } }),
    ...(suspect?.most !== undefined && { suspect: { ...suspect, most: suspect.most + units } }),
    ...(intent && { intent: { ...intent, back: intent.back + units } }),
  };
}

/**
 * Units that were counted as sold, and that no order has told of though orders are complete: they were cancelled before any
 * list had them, or never sold. As with a cancellation, the channel is assumed to have put them back (P2).
 */
export function unlisted(ledger: Ledger, id: string): Outcome {
  const cell = ledger.cells[id]!;
  const { counter, countedSince = Infinity, terms: { marginMs, unlistedMs = 0 } } = cell;
  if (counter === 0 || cell.through < countedSince + marginMs + unlistedMs) return { ledger, says: [] };
  const after = { ...cell, ...putBack(cell, counter), rights: cell.rights + counter };
  return { ledger: withCell(ledger, id, changed<Cell>(after, { counter: 0, countedSince: undefined })), says: [{ type: 'sale.unlisted', cell: id, units: counter }] };
}

/** A6 instead of P10: the order's unit is shown again, permitted or not. */
function closedEarly(ledger: Ledger, id: string, line: string, says: Said[]): Outcome {
  const cell = ledger.cells[id]!;
  const units = Math.max(0, cell.high - openIn(ledger, id) - cell.rights);
  if (units === 0) return { ledger, says };
  return { ledger: withCell(ledger, id, { ...cell, rights: cell.rights + units }), says: [...says, { type: 'ship.ungated', cell: id, line, units }] };
}

/**
 * P3: only a higher version counts, whatever the order of arrival (N11); while regaining what was lost, also the same
 * one read again. A count that contains a line unknown to us has lost a unit that rights still hold, and one that
 * contains an unknown cancellation has won a unit that its channel sells again: both wait until we know, too.
 */
export function counted(ledger: Ledger, { version, quantity, imported }: CountFact, at: number): Outcome {
  const { count, awaited, recovery } = ledger;
  if (version <= Math.max(count?.version ?? -Infinity, awaited?.version ?? -Infinity) && !(recovery && version === count?.version)) return { ledger, says: [] };
  return reached({ ...ledger, awaited: { version, quantity, imported: Object.fromEntries(imported.map(id => [id, true as const])), since: at } });
}

export interface CountFact { version: number; quantity: number; imported: readonly string[] }

/** The awaited count takes effect once what it names is known, or once orders are complete and it still is not. */
export function reached(ledger: Ledger): Outcome {
  const { awaited, lines, cells, recovery } = ledger;
  if (!awaited) return { ledger, says: [] };
  const { since, ...count } = awaited;
  const isKnown = Object.keys(count.imported).every(id => id.endsWith('#cancelled') ? (lookup(lines, id.slice(0, -'#cancelled'.length))?.cancelled ?? 0) > 0 : lookup(lines, id) !== undefined);
  const isComplete = () => Object.values(cells).every(({ through, terms }) => through >= since + terms.marginMs);
  if (!isKnown && !isComplete()) return { ledger, says: [] };
  return { ledger: changed<Ledger>(ledger, { count, awaited: undefined, recovery: recovery && { ...recovery, counted: true } }), says: [] };
}

export interface ReadFact {
  cell: string;
  /** Comparable with what is written: of gross cells the count. Below 0 where the channel says so. */
  value: number;
  /** When it was asked for. */
  at: number;
  version?: string;
  /** Units ever sold, where the channel counts them, and which counter says so where it may be another one. */
  sold?: number;
  by?: string;
}

/**
 * Reads choose values and find drift; they never lower rights (I6, N5). A count of sales is a fact like a line. P7: a
 * newer version kills every copy of a write that asserts an older one; its units stay reserved.
 *
 * @param now when it was told
 */
export function read(ledger: Ledger, fact: ReadFact, now: number): Outcome {
  const found = lookup(ledger.cells, fact.cell);
  if (!found || (found.reading && found.reading.at > fact.at)) return { ledger, says: [] };
  const { value, at, version, sold, by } = fact;
  const cell = sold === undefined ? found : soldTo(found, { units: sold, by, value, at }, soldIn(ledger.lines, fact.cell), now);
  const reading = changed<NonNullable<Cell['reading']>>({ value, at }, { version });
  const most = ceiling(ledger, fact.cell, cell, at - cell.terms.staleMs);
  const isAbove = value > most;
  const isSettledByVersion = cell.terms.kind === 'version' && version !== undefined && cell.intent !== undefined
    && version !== cell.intent.version && at >= cell.intent.firstAt + cell.terms.staleMs;
  const suspect = isAbove ? suspectOf(cell, value, at, most) : cell.suspect?.most !== undefined ? cell.suspect : undefined;
  const next = changed<Cell>(cell, { reading, shown: value, suspect });
  return { ledger: withCell(ledger, fact.cell, isSettledByVersion ? taken(next, cell.intent!, at) : next), says: [] };
}

/**
 * P11, where rights have come down below what was read: nobody may tell that reading again. One from before the last
 * write was confirmed says nothing.
 */
export function above(ledger: Ledger, id: string): Ledger {
  const cell = ledger.cells[id]!;
  const { reading, mark, suspect, terms: { staleMs } } = cell;
  if (!reading || suspect || reading.at < (mark?.confirmedAt ?? -Infinity)) return ledger;
  const most = ceiling(ledger, id, cell, reading.at - staleMs);
  return reading.value > most ? withCell(ledger, id, { ...cell, suspect: suspectOf(cell, reading.value, reading.at, most) }) : ledger;
}

/**
 * A reading that cannot be of the time before the last write is as good as two, whatever we write because of it. Two that are
 * far enough apart wait for orders alone: another one that came before those would have it wait again, and again.
 */
function suspectOf({ suspect, mark, intent, terms: { staleMs, marginMs } }: Cell, value: number, at: number, most: number): NonNullable<Cell['suspect']> {
  if (suspect && (suspect.most !== undefined || suspect.at - suspect.since >= staleMs + marginMs)) return suspect;
  const isSure = !intent && mark !== undefined && !mark.waited && at >= mark.confirmedAt + staleMs + marginMs;
  return isSure ? { since: at - staleMs - marginMs, at, value, most } : { since: suspect?.since ?? at, at, value };
}

/** One that the channel took moved the version itself, if it was not dropped: a proof like that of `until`. */
function taken(cell: Cell, { accepted, to, back }: Intent, at: number): Cell {
  return changed<Cell>(cell, { intent: undefined, ...(accepted && { mark: { value: to, confirmedAt: at, back, waited: true as const } }) });
}

/** The most a cell may have shown at some instant after `since`; what is counted as sold may have been put back, or not be gone yet. */
function ceiling({ lines }: Ledger, id: string, cell: Cell, since: number): number {
  if (cell.terms.kind === 'gross') return cell.high;
  let units = cell.rights + cell.counter;
  for (const key in lines) {
    const { cell: of, createdAt = Infinity, units: sold } = lines[key]!;
    if (of === id && createdAt > since - cell.terms.marginMs) units += sold;
  }
  return units;
}

/**
 * P11: two readings, at least `staleMs` apart with orders complete through both, each above what the cell may show:
 * somebody else raised it. The second one bounds its rights from now on, or a higher one since, as a cancellation may have
 * put units back between them; and what was proven before is overwritten.
 */
export function foreign(ledger: Ledger, id: string): Outcome {
  const cell = ledger.cells[id]!;
  const { suspect, terms: { staleMs, marginMs, kind } } = cell;
  if (!suspect || suspect.at - suspect.since < staleMs + marginMs || cell.through < suspect.at + marginMs) return { ledger, says: [] };
  const { suspect: _judged, mark, ...rest } = cell;
  if (suspect.value <= (suspect.most ?? ceiling(ledger, id, cell, suspect.since))) return { ledger: withCell(ledger, id, changed<Cell>(cell, { suspect: undefined })), says: [] };
  const last = cell.reading && cell.reading.at > suspect.at ? Math.max(suspect.value, cell.reading.value) : suspect.value;
  const shown = kind === 'gross' ? Math.max(0, last - openIn(ledger, id)) : last;
  // What was proven before it is overwritten.
  const after = { ...rest, ...(mark && mark.confirmedAt > suspect.at + marginMs && { mark }), rights: Math.max(cell.rights, shown), high: Math.max(cell.high, last) };
  const asWritten = suspect.value === lastSet(cell) && { asWritten: true as const };
  return { ledger: withCell(ledger, id, after), says: [{ type: 'drift.found', cell: id, shown: suspect.value, rights: cell.rights, ...asWritten }] };
}

/** What the last write was to set, if there is one to tell of. */
function lastSet({ intent, mark, terms: { kind } }: Cell): number | undefined {
  return intent && kind !== 'delta' ? intent.to : mark?.value;
}
