/** From what policy wants to what is to be done at channels: at most one write a cell, conditional on what was last seen. Pure. */
import type { Policy } from './allocation.ts';
import type { Cell, Ledger } from './ledger.ts';
import { free, openIn, sellable } from './ledger.ts';
import { confirmableAt } from './settle.ts';
import { inDoubt, mayRepeat } from './writes.ts';
import type { Write } from './writes.ts';

export type Act =
  | { kind: 'write'; cell: string; write: Write; why: 'raise' | 'lower' | 'ship' | 'probe' }
  /** The answer is overdue and the same write may be sent once more. */
  | { kind: 'repeat'; cell: string; id: string }
  /** What the cell shows is to be seen before anything can be written. */
  | { kind: 'read'; cell: string };

/** The rules of a write in doubt. */
type Doubt = { inDoubt: typeof inDoubt; mayRepeat: typeof mayRepeat };

/** What is to be done now, by cell. Nothing is to be done twice: a quiet system writes nothing. */
export function plan(ledger: Ledger, policy: Policy, demand: Readonly<Record<string, number>>, now: number, by: Doubt = { inDoubt, mayRepeat }): Act[] {
  if (!ledger.count) return [];
  const wanted = policy(ledger, demand, now);
  const acts: Act[] = [];
  for (const id in ledger.cells) {
    const act = actFor(ledger, id, Object.hasOwn(wanted, id) ? wanted[id] : undefined, now, by);
    if (act) acts.push(act);
  }
  return acts;
}

function actFor(ledger: Ledger, id: string, want: number | undefined, now: number, by: Doubt): Act | undefined {
  const cell = ledger.cells[id]!;
  const { intent, terms: { answerMs, sendMs, kind } } = cell;
  if (intent && now >= intent.sendBy - sendMs + answerMs) {
    if (by.mayRepeat(cell, now)) return kind === 'version' && intent.attempts % 3 === 0 ? { kind: 'read', cell: id } : { kind: 'repeat', cell: id, id: intent.id };
  }
  if (by.inDoubt(cell, now)) return undefined;
  const toShip = kind === 'gross' ? shipUnits(ledger, id) : 0;
  const isLeaking = cell.leakSince !== undefined && now - cell.leakSince >= cell.terms.leakMs && !isSettling(cell);
  const current = sellable(ledger, id);
  if (current === undefined) return want !== undefined || toShip > 0 || cell.rights > 0 || ledger.recovery ? { kind: 'read', cell: id } : undefined;
  if ((confirmableAt(cell) ?? Infinity) <= now) return { kind: 'read', cell: id };
  if (toShip > 0 && cell.high > 0) {
    // What was lowered since `high` was in effect is not raised again; what policy would have lowered goes in the same write.
    const most = want !== undefined && want < current ? want + openIn(ledger, id) : Infinity;
    const to = Math.max(0, Math.min(cell.shown!, Math.min(cell.high, most) - toShip));
    // Shown already, and permitted once orders are complete.
    return cell.mark?.value === to && isSettling(cell) ? undefined : write(id, { to }, 'ship');
  }
  // P12: what is lost is regained by a proof, whatever policy would have it show.
  if (ledger.recovery?.cells.includes(id) && !cell.mark) return asWrite(ledger, id, 0, 'probe');
  // On top of what somebody else may have put on sale, a raise would have more shown than its cell has a right to.
  if (want !== undefined && want > current) return ledger.recovery || cell.suspect ? undefined : asWrite(ledger, id, want, 'raise');
  if (want !== undefined && want < current) return asWrite(ledger, id, want, 'lower');
  return isLeaking ? asWrite(ledger, id, current, 'probe') : undefined;
}

/** The proof is there; orders are still to be complete. */
function isSettling(cell: Cell): boolean {
  const { mark, through, terms: { holdMs, marginMs } } = cell;
  return mark !== undefined && (confirmableAt(cell) !== undefined || through < mark.confirmedAt + holdMs + marginMs);
}

/** Units in orders that wait for permission to ship. */
function shipUnits({ lines }: Ledger, id: string): number {
  let units = 0;
  for (const key in lines) {
    const line = lines[key]!;
    if (line.cell === id && line.asked && !line.permitted && !line.closed) units += line.units - line.cancelled;
  }
  return units;
}

/** The kind's own way to have `want` units for sale. */
function asWrite(ledger: Ledger, id: string, want: number, why: 'raise' | 'lower' | 'probe'): Act {
  const { shown = 0, reading, terms: { kind } } = ledger.cells[id]!;
  switch (kind) {
    case 'swap': return write(id, { to: want, from: shown }, why);
    case 'version':
      // The version goes with the quantity that was read, whatever has been sold since.
      if (reading?.version === undefined || reading.value !== shown) return { kind: 'read', cell: id };
      return write(id, { to: want, from: reading.value, version: reading.version }, why);
    case 'delta': return write(id, { to: why === 'raise' ? Math.min(want - shown, ledger.mode === 'mirror' ? Infinity : Math.max(0, free(ledger) ?? 0)) : Math.min(0, want - Math.max(0, shown)) }, why);
    case 'set': return write(id, { to: why === 'raise' || ledger.mode === 'mirror' || want <= (free(ledger) ?? 0) ? want : 0 }, why);
    case 'gross': return write(id, { to: want + openIn(ledger, id) }, why);
  }
}

function write(cell: string, to: Write, why: Extract<Act, { kind: 'write' }>['why']): Act {
  return { kind: 'write', cell, write: to, why };
}

/** When there may be something to do without a fact: an answer overdue, a write lapsed, a leak old enough. */
export function dueAt({ cells }: Ledger, now: number): number | undefined {
  let due = Infinity;
  const consider = (at: number) => { if (at > now && at < due) due = at; };
  for (const id in cells) {
    const cell = cells[id]!;
    const { intent, quietUntil, leakSince, terms: { answerMs, sendMs, leakMs } } = cell;
    if (intent) {
      consider(intent.sendBy - sendMs + answerMs);
      consider(intent.until + 1);
    }
    consider(quietUntil);
    consider(confirmableAt(cell) ?? 0);
    if (leakSince !== undefined) consider(leakSince + leakMs);
  }
  return due === Infinity ? undefined : due;
}
