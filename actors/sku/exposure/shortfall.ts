/** What cannot be made safe is shown and worked off: shortfalls (P9), a ledger that lost writes (P12). Pure. */
import { lookup, without } from '../../own-keys.ts';
import type { Outcome } from './facts.ts';
import type { Allowed, Cause, Cell, Ledger, Shortfall } from './ledger.ts';
import { changed, debt, known, withCell } from './ledger.ts';

/**
 * P9: opened when `debt` rises, told again when it grows, closed with what was really oversold once `free` >= 0. P13:
 * escrow is in force from the first instant without debt.
 */
export function watched(ledger: Ledger, cause: Cause, at: number): Outcome {
  if (ledger.mode !== 'escrow' || !ledger.count) return { ledger, says: [] };
  const owed = debt(ledger);
  const { shortfall } = ledger;
  if (owed === 0) {
    if (ledger.recovery) return { ledger, says: [] }; // By a count that may be forgotten.
    const says: Outcome['says'] = shortfall ? [{ type: 'shortfall.closed', ...shortfall }] : [];
    if (ledger.inForceSince === undefined) says.push({ type: 'escrow.inForce' });
    return says.length === 0 ? { ledger, says } : { ledger: changed<Ledger>(ledger, { shortfall: undefined, inForceSince: ledger.inForceSince ?? at }), says };
  }
  const open = shortfall && owed <= shortfall.debt ? shortfall : grown(shortfall, owed, cause, at);
  const next = withShortfall(ledger, open);
  const rights = Object.fromEntries(Object.entries(ledger.cells).map(([id, cell]) => [id, cell.rights]));
  const says: Outcome['says'] = open === shortfall ? [] : [{ type: shortfall ? 'shortfall.grew' : 'shortfall.opened', debt: owed, cause, rights }];
  const { oversold, lines } = next.shortfall!;
  if (oversold > (shortfall?.oversold ?? 0)) says.push({ type: 'shortfall.sold', openedAt: open.openedAt, cause: open.cause, oversold, lines });
  return { ledger: next, says };
}

/** Known by what made it more than an entry, if something did. */
function grown(before: Shortfall | undefined, debt: number, cause: Cause, at: number): Shortfall {
  if (!before) return { openedAt: at, cause, oversold: 0, lines: [], debt };
  return { ...before, cause: before.cause === 'entry' ? cause : before.cause, debt };
}

/** With the newest order lines, up to as many units as were sold beyond what exists. */
function withShortfall(ledger: Ledger, shortfall: Shortfall): Ledger {
  let left = Math.max(0, -known(ledger)!);
  if (left <= shortfall.oversold) return ledger.shortfall === shortfall ? ledger : { ...ledger, shortfall };
  const next: Shortfall = { ...shortfall, oversold: left, lines: [] };
  const newest = Object.entries(ledger.lines).filter(([, { units, cancelled }]) => units > cancelled)
    .sort(([a, { createdAt: x = 0 }], [b, { createdAt: y = 0 }]) => y - x || (a < b ? 1 : -1));
  for (const [line, { units, cancelled }] of newest) {
    if (left <= 0) break;
    next.lines.push({ line, units: Math.min(left, units - cancelled) });
    left -= units - cancelled;
  }
  return { ...ledger, shortfall: next };
}

/**
 * P12: a record that lost writes knows neither what it allowed nor what is on its way. Every cell counts as allowed the
 * most it ever was; nothing is sent before every possible `until`, nothing raised before all are settled and the ERP
 * was counted again (N16).
 */
export function lost(ledger: Ledger, until: number, allowed: Record<string, Allowed>, at: number): Ledger {
  const cells: Record<string, Cell> = {};
  for (const id in ledger.cells) {
    const cell = ledger.cells[id]!;
    const { kind, cap } = cell.terms;
    cells[id] = forgetful(cell, lookup(allowed, id) ?? { rights: cap, ...(kind === 'gross' && { high: cap }) }, until, at);
  }
  const unlinked = without(allowed, ...Object.keys(cells));
  const ids = [...Object.keys(cells), ...Object.keys(unlinked)];
  return { ...ledger, cells, recovery: { until, at, cells: ids, counted: false, ...(Object.keys(unlinked).length > 0 && { unlinked }) } };
}

/** A cell of which it is not known what was allowed, sent or permitted since the record that is left. */
function forgetful(cell: Cell, { rights, high = 0 }: Allowed, until: number, at: number): Cell {
  return changed<Cell>(cell, {
    rights: Math.max(cell.rights, rights), high: Math.max(cell.high, high), quietUntil: Math.max(cell.quietUntil, until),
    permittedTo: cell.terms.kind === 'gross' ? at + cell.terms.marginMs : undefined,
    intent: undefined, mark: undefined, suspect: undefined, reading: undefined, shown: undefined, tally: undefined,
  });
}

/** A cell that the record had forgotten is linked again. */
export function relinked(ledger: Ledger, id: string, cell: Cell): Ledger {
  const { recovery } = ledger;
  const allowed = recovery?.unlinked && lookup(recovery.unlinked, id);
  if (!recovery || !allowed) return withCell(ledger, id, cell);
  const unlinked = without(recovery.unlinked!, id);
  const left = changed<typeof recovery>(recovery, { unlinked: Object.keys(unlinked).length > 0 ? unlinked : undefined });
  return withCell({ ...ledger, recovery: left }, id, forgetful(cell, allowed, recovery.until, recovery.at));
}

/** A cell is regained by the settlement of a write made since. */
export function regained(ledger: Ledger): Outcome {
  const { recovery } = ledger;
  if (!recovery) return { ledger, says: [] };
  const cells = recovery.cells.filter(id => {
    const cell = lookup(ledger.cells, id);
    if (!cell) return true;
    const { mark, through, terms: { holdMs, marginMs } } = cell;
    return !mark || mark.waited || through < mark.confirmedAt + holdMs + marginMs;
  });
  if (cells.length === 0 && recovery.counted) return { ledger: changed<Ledger>(ledger, { recovery: undefined }), says: [{ type: 'ledger.regained' }] };
  return { ledger: cells.length === recovery.cells.length ? ledger : { ...ledger, recovery: { ...recovery, cells } }, says: [] };
}
