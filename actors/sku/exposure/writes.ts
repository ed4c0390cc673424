/**
 * Writes: stored before they are sent (P4), reserved from `free` (P5), repeated under the same key alone (P7), answered
 * (P6). The three tables of `docs/exposure.md`, by kind. Pure.
 */
import type { Cell, Intent, Mark, Terms } from './ledger.ts';
import { changed } from './ledger.ts';
import { soldTo } from './tally.ts';

/** What to write: the quantity to be there after it, of a delta the units to add, and what it is conditional on. */
export interface Write { to: number; from?: number; version?: string }

export interface Answer {
  outcome: 'applied' | 'accepted' | 'refused';
  /** When it arrived. */
  at: number;
  /** Delta: the quantity after it. */
  after?: number;
  /** Units ever sold, where the answer counts them. */
  sold?: number;
  /** The version that it made. */
  version?: string;
}

/** P5: units that a write may add to what can be sold, whatever becomes of it. */
export function reservation({ terms: { kind }, high }: Cell, { to, from = 0 }: Write): number {
  switch (kind) {
    case 'swap': case 'version': return Math.max(0, Math.max(0, to) - Math.max(0, from));
    case 'delta': return Math.max(0, to);
    case 'set': return to;
    case 'gross': return Math.max(0, to - high);
  }
}

/** A write may be alive still: another one would meet it (I4, N18). */
export function inDoubt({ intent, quietUntil }: Cell, now: number): boolean {
  return intent !== undefined || now < quietUntil;
}

/** P4: what was proven before is no proof any more once another write may be on its way. */
export function stored(cell: Cell, id: string, { to, from, version }: Write, reserved: number, now: number): Cell {
  const { sendMs, lifeMs, kind } = cell.terms;
  const intent = changed<Intent>(
    { id, to, reserved, attempts: 1, firstAt: now, sendBy: now + sendMs, until: now + sendMs + lifeMs, back: 0 },
    { from, version },
  );
  return changed<Cell>(cell, { intent, mark: undefined, rights: cell.rights + reserved, high: kind === 'gross' ? Math.max(cell.high, to) : cell.high });
}

/** P7: whether the write in doubt may be sent once more; a key that the channel may have forgotten is a new request. */
export function mayRepeat({ terms, intent }: Cell, now: number): boolean {
  if (!intent || intent.accepted || intent.halted) return false;
  if (terms.kind === 'version') return intent.version !== undefined;
  return isKeyed(terms) && now + terms.sendMs + terms.lifeMs <= intent.firstAt + terms.keyMs!;
}

function isKeyed({ kind, keyMs }: Terms): boolean {
  return (kind === 'swap' || kind === 'delta') && keyMs !== undefined;
}

export function repeated(cell: Cell, now: number): Cell {
  const { sendMs, lifeMs } = cell.terms;
  const { intent } = cell;
  return intent ? { ...cell, intent: { ...intent, attempts: intent.attempts + 1, sendBy: now + sendMs, until: Math.max(intent.until, now + sendMs + lifeMs) } } : cell;
}

/** A5 failed: what a write in doubt was conditional on may be overwritten, so that it may add all of what it sets (N3). */
export function unconditional(cell: Cell): Cell {
  const { intent, terms: { kind } } = cell;
  if (!intent || kind !== 'set') return cell;
  const more = Math.max(0, intent.to - intent.reserved);
  return more === 0 ? cell : { ...cell, rights: cell.rights + more, intent: { ...intent, reserved: intent.reserved + more } };
}

/** P7: a new owner does not know how often what it finds was sent. */
export function takenOver(cell: Cell): Cell {
  const { intent } = cell;
  return intent ? { ...cell, intent: { ...intent, attempts: Math.max(2, intent.attempts + 1) } } : cell;
}

/** P6, applied: what success proves, by kind; `sold` units are in order lines of the cell. Where buyers hold units in payment, a lower returns its units at settlement alone (N13). */
export function applied(cell: Cell, intent: Intent, answer: Answer, sold: number): Cell {
  const { kind, holdMs } = cell.terms;
  const { at, after = intent.to, version } = answer;
  if ((kind === 'set' || kind === 'gross') && intent.attempts > 1) return { ...cell, intent: { ...intent, accepted: true } };
  const value = kind === 'delta' ? after : intent.to;
  const counted = answer.sold === undefined ? cell : soldTo(cell, { units: answer.sold, by: cell.tally?.by, value, at: intent.firstAt }, sold, at);
  const mark: Mark = { value, confirmedAt: at, back: intent.back };
  const reading = changed<NonNullable<Cell['reading']>>({ value, at }, { version });
  const proven = changed<Cell>(counted, { intent: undefined, mark, reading, shown: value });
  return lowered(proven, Math.min(counted.rights, provenRights(counted, intent, after, holdMs)), kind === 'gross' ? value : cell.high);
}

/** Rights that a successful answer leaves at most. */
function provenRights({ rights, terms: { kind } }: Cell, { to, from = 0 }: Intent, after: number, holdMs: number): number {
  switch (kind) {
    case 'swap': case 'version': return holdMs > 0 ? rights : rights - Math.max(0, Math.max(0, from) - Math.max(0, to));
    case 'delta':
      // What a raise fills up from below zero, no buyer sees; what a lower left below zero was sold already (N8).
      if (to >= 0) return rights - Math.max(0, Math.min(to, to - after));
      return holdMs > 0 ? rights : rights - Math.max(0, -to + Math.min(0, after));
    case 'set': case 'gross': return rights; // N3, N20.
  }
}

/** P6, refused: final where it was sent once, or where the channel keeps refusals; else it proves nothing (N19). */
export function refused(cell: Cell, intent: Intent): Cell {
  const { kind, keepsRefusals } = cell.terms;
  const none = changed<Cell>(cell, { intent: undefined, shown: undefined });
  if (intent.attempts === 1 || (keepsRefusals && isKeyed(cell.terms))) return released(none, intent);
  // A moved version kills every copy; one of them may have moved it.
  return kind === 'version' ? none : { ...none, quietUntil: intent.until };
}

/** The write did not happen: its reservation is free again. */
export function released(cell: Cell, { reserved, to }: Intent): Cell {
  const high = cell.terms.kind === 'gross' && reserved > 0 && cell.high === to ? to - reserved : cell.high;
  return lowered(cell, cell.rights - reserved, high);
}

/** P7: no answer is no news. The units stay reserved (N6). */
export function unanswered(cell: Cell): Cell {
  return cell;
}

/** Past `until` a write has happened or never will (A2). One that the channel took counts as done, if no later reading contradicts it. */
export function lapsed(cell: Cell): Cell {
  const { intent } = cell;
  if (!intent) return cell;
  const none = changed<Cell>(cell, { intent: undefined, shown: undefined });
  return intent.accepted ? { ...none, mark: { value: intent.to, confirmedAt: intent.until, back: intent.back, waited: true } } : none;
}

/** Readings from before rights, or what may be shown, were lowered are no evidence of a foreign raise. */
export function lowered(cell: Cell, rights: number, high: number = cell.high): Cell {
  return rights === cell.rights && high === cell.high ? cell : changed<Cell>(cell, { rights, high, ...(cell.suspect?.most === undefined && { suspect: undefined }) });
}
