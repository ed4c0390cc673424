/** From a proof to an exact ledger (P8), and from an order to its shipment (P10). Pure. */
import { lookup } from '../../own-keys.ts';
import type { Outcome } from './facts.ts';
import type { Cell, Ledger, Mark } from './ledger.ts';
import { changed, free, openIn, withCell } from './ledger.ts';
import { lowered } from './writes.ts';

/**
 * P8: with orders complete through `confirmedAt` and every payment begun before it (`holdMs`), the cell can sell what
 * was there less what was sold after. Clocks err to the safe side twice: in what is after, and in what is complete.
 */
export function settled(ledger: Ledger, id: string): Cell {
  const cell = ledger.cells[id]!;
  const { mark, intent, terms: { kind, holdMs, marginMs } } = cell;
  if (!mark || intent) return cell;
  if (isDenied(ledger, id)) return changed<Cell>(cell, { mark: undefined });
  if (cell.through < mark.confirmedAt + holdMs + marginMs || isOpenToDoubt(ledger, id)) return cell;
  const bound = kind === 'gross' ? Math.max(0, mark.value - openIn(ledger, id)) : Math.max(0, mark.value - soldAfter(ledger, id, mark.confirmedAt + marginMs)) + mark.back;
  const settledTo = Math.max(cell.settledTo ?? -Infinity, mark.confirmedAt + marginMs);
  const high = kind === 'gross' ? mark.value : cell.high;
  const waited = mark.waited ? { mark: changed<typeof mark>(mark, { waited: undefined, backAt: undefined }) } : {};
  if (bound >= cell.rights && settledTo === cell.settledTo && high === cell.high && !mark.waited) return cell;
  return lowered({ ...cell, settledTo, ...waited }, Math.min(cell.rights, bound), high);
}

/**
 * What `until` alone confirms, a reading from after it has yet to agree with: that it shows no more than was written, less
 * all that is known as sold until it was made. Of a write that was dropped it may show as little once units were sold.
 */
function isOpenToDoubt(ledger: Ledger, id: string): boolean {
  const cell = ledger.cells[id]!;
  if (!cell.mark?.waited) return false;
  return confirmableAt(cell) !== undefined || showsMore(ledger, id, cell.terms.marginMs);
}

/** One that shows more whatever its age is of a write that was dropped, and no later one makes up for it, as what was sold unseen would. */
function isDenied(ledger: Ledger, id: string): boolean {
  const cell = ledger.cells[id]!;
  const { mark, terms: { staleMs, marginMs } } = cell;
  return mark?.waited === true && confirmableAt(cell) === undefined && showsMore(ledger, id, -staleMs - marginMs);
}

/** The reading is above what was written, less what was sold up to so long after it. Cancellations put units on top; neither moves a count. */
function showsMore(ledger: Ledger, id: string, afterMs: number): boolean {
  const { mark, reading, terms: { kind, marginMs } } = ledger.cells[id]!;
  if (kind === 'gross') return reading!.value > mark!.value;
  const since = mark!.confirmedAt + marginMs;
  const sold = soldAfter(ledger, id, since) - soldAfter(ledger, id, Math.max(since, reading!.at + afterMs));
  return Math.max(0, reading!.value) + sold > Math.max(0, mark!.value) + mark!.back;
}

/** When the reading may be made that a proof by `until` alone still waits for; undefined where there is none to make. */
export function confirmableAt({ mark, reading, terms: { staleMs } }: Cell): number | undefined {
  const at = mark?.waited ? provableFrom(mark) + staleMs : Infinity;
  return at === Infinity || (reading && reading.at >= at) ? undefined : at;
}

/** Units of a cancellation that was learnt after a reading may be in it, or on top of it. */
function provableFrom({ confirmedAt, backAt = -Infinity }: Mark): number {
  return Math.max(confirmedAt, backAt);
}

function soldAfter({ lines }: Ledger, id: string, after: number): number {
  let units = 0;
  for (const key in lines) {
    const { cell, createdAt, units: sold } = lines[key]!;
    if (cell === id && createdAt !== undefined && createdAt > after) units += sold;
  }
  return units;
}

/**
 * P10: closing an order shows its unit again, so it may be closed once the rights of its cell cover that, without taking
 * from what is not free.
 */
export function permitted(ledger: Ledger, line: string): Outcome {
  const order = lookup(ledger.lines, line);
  const cell = order && lookup(ledger.cells, order.cell);
  if (!order?.asked || order.permitted || order.closed || order.cancelled >= order.units || !cell) return { ledger, says: [] };
  const growth = cell.high - openIn(ledger, order.cell, line) - cell.rights;
  if (growth > 0 && growth > (free(ledger) ?? 0)) return { ledger, says: [] };
  const lines = { ...ledger.lines, [line]: { ...order, permitted: true as const } };
  const next = withCell({ ...ledger, lines }, order.cell, growth > 0 ? { ...cell, rights: cell.rights + growth } : cell);
  return { ledger: next, says: [{ type: 'ship.permitted', cell: order.cell, line }] };
}
