/**
 * Exposure: the fold of a SKU's facts into the ledger of what each channel may sell. One function, `apply`, for all facts,
 * our own steps among them; `docs/exposure.md` tells the rules (P) that it cites. Pure.
 */
import { lookup } from '../own-keys.ts';
import { above, beyond, counted, foreign, orderLine, reached, read, unlisted } from './exposure/facts.ts';
import type { CountFact, LineFact, Outcome, ReadFact } from './exposure/facts.ts';
import type { Allowed, Cause, Cell, Intent, Ledger, Terms } from './exposure/ledger.ts';
import { changed, free, sellable, soldIn, withCell } from './exposure/ledger.ts';
import type { Said } from './exposure/said.ts';
import { permitted, settled } from './exposure/settle.ts';
import { lost, regained, relinked, watched } from './exposure/shortfall.ts';
import { applied, inDoubt, lapsed, mayRepeat, refused, repeated, reservation, stored, takenOver, unanswered, unconditional } from './exposure/writes.ts';
import type { Answer, Write } from './exposure/writes.ts';

/** A fact of the ledger's journal. */
export type ExposureFact =
  /**
   * A cell to sell from; `mayShow` is the most that it may show, with sales not learnt of, before it is ours: of a gross
   * one without its open orders, `high` with them. Until `quietUntil` a write from before may take effect.
   */
  | { type: 'cell.linked'; cell: string; terms: Terms; mayShow: number; high?: number; quietUntil?: number }
  | { type: 'order.line' } & LineFact
  | { type: 'stock.counted' } & CountFact
  /** Whoever keeps the count itself states what it comes to before order lines; `counted` where the ERP was asked anew. */
  | { type: 'supply.stated'; quantity: number; counted?: boolean }
  /** Orders and cancellations of the cell are known up to `through`, by its channel's clock. */
  | { type: 'orders.complete'; cell: string; through: number }
  | { type: 'cell.read' } & ReadFact
  /** Our own step: refused where P5 forbids it, whatever policy asked. */
  | { type: 'write.intended'; cell: string; id: string } & Write
  | { type: 'write.repeated'; cell: string; id: string }
  | { type: 'write.answered'; cell: string; id: string } & Omit<Answer, 'at'>
  | { type: 'write.unanswered'; cell: string; id: string }
  /** The write in doubt is not repeated (P7 allows it, and asks for nothing), or may be again. */
  | { type: 'write.halted' | 'write.resumed'; cell: string; id: string }
  /** Another owner took over, of one cell or of all, or the same one came back without its memory. */
  | { type: 'owner.new'; cell?: string }
  /** The channel was seen to carry out a write whose condition did not hold (A5); the cell's terms are those of `set` by now. */
  | { type: 'condition.broken'; cell: string }
  /** The record's revision went back (P12). `until`: the latest that a forgotten write may take effect. */
  | { type: 'ledger.lost'; until: number; allowed: Record<string, Allowed> }
  | { type: 'ship.asked'; line: string }
  | { type: 'mode.set'; mode: Ledger['mode'] }
  | { type: 'time.due' };

/** The rules that a fact goes through: an argument, so that the test tree can break one and see that it is noticed. */
export const rules = { orderLine, counted, read, foreign, reservation, mayReserve, inDoubt, mayRepeat, applied, refused, unanswered, settled, permitted };
export type Rules = typeof rules;

/** Applies a fact at its journal time. A write that may not be is withheld: the ledger stays, `withheld` says why. */
export function apply(ledger: Ledger, fact: ExposureFact, at: number, by: Rules = rules): Outcome & { withheld?: string } {
  if (fact.type === 'write.intended') {
    const { cell, id, type: _type, ...write } = fact;
    const withheld = reasonAgainst(ledger, cell, write, at, by);
    if (withheld !== undefined) return { ledger, says: [], withheld };
    const target = ledger.cells[cell]!;
    return finish({ ledger: withCell(ledger, cell, stored(target, id, write, by.reservation(target, write), at)), says: [] }, ledger, fact, at, by);
  }
  const outcome = told(ledger, fact, at, by);
  return outcome.ledger === ledger && fact.type !== 'time.due' ? outcome : finish(outcome, ledger, fact, at, by);
}

/** Why a write may not be stored, or undefined where it may (I4, P5, P12). */
export function reasonAgainst(ledger: Ledger, id: string, write: Write, at: number, by: Rules = rules): string | undefined {
  const cell = lookup(ledger.cells, id);
  const { to, from, version } = write;
  if (!cell) return `cell ${id} is not linked`;
  const { kind, cap } = cell.terms;
  if (!Number.isSafeInteger(to) || (kind !== 'delta' && to < 0)) return `to ${to} is no whole quantity`;
  if ((kind === 'swap' || kind === 'version') && !Number.isSafeInteger(from)) return `from ${from} is no whole quantity`;
  if (kind === 'version' && version === undefined) return 'version is missing';
  if (by.inDoubt(cell, at)) return 'a write to this cell is in doubt (I4)';
  const reserved = by.reservation(cell, write);
  if (reserved > 0 && to > cap) return `to ${to} is above the cap of ${cap} units`;
  if (reserved > 0 && ledger.recovery) return 'the ledger lost writes and is not regained yet (P12)';
  if (!by.mayReserve(ledger, reserved)) return `${reserved} units reserved, ${free(ledger) ?? 'unknown'} free (P5)`;
  return undefined;
}

/** P5: in escrow no more than is free; in mirror mode nothing is promised and whatever is shown is on the books. */
function mayReserve(ledger: Ledger, units: number): boolean {
  return units === 0 || ledger.mode === 'mirror' || units <= Math.max(0, free(ledger) ?? 0);
}

function told(ledger: Ledger, fact: Exclude<ExposureFact, { type: 'write.intended' }>, at: number, by: Rules): Outcome {
  switch (fact.type) {
    case 'cell.linked': return { ledger: relinked(ledger, fact.cell, linked(ledger, fact)), says: [] };
    case 'order.line': return by.orderLine(ledger, fact, at);
    case 'stock.counted': return by.counted(ledger, fact, at);
    case 'supply.stated': return { ledger: supplied(ledger, fact), says: [] };
    case 'cell.read': return by.read(ledger, fact, at);
    case 'orders.complete': return cellOf(ledger, fact.cell, cell => ({ ...cell, through: Math.max(cell.through, fact.through) }));
    case 'write.repeated': return intentOf(ledger, fact, cell => by.mayRepeat(cell, at) ? repeated(cell, at) : cell);
    case 'write.answered': return answered(ledger, fact, at, by);
    case 'write.unanswered': return intentOf(ledger, fact, cell => by.unanswered(cell));
    case 'write.halted':
    case 'write.resumed': {
      const halted = fact.type === 'write.halted';
      return intentOf(ledger, fact, (cell, intent) => ((intent.halted ?? false) === halted ? cell : { ...cell, intent: changed<Intent>(intent, { halted: halted ? true : undefined }) }));
    }
    case 'owner.new':
      if (fact.cell !== undefined) return cellOf(ledger, fact.cell, takenOver);
      return { ledger: { ...ledger, cells: Object.fromEntries(Object.entries(ledger.cells).map(([id, cell]) => [id, takenOver(cell)])) }, says: [] };
    case 'condition.broken': return cellOf(ledger, fact.cell, unconditional);
    case 'ledger.lost': {
      const after = lost(ledger, fact.until, fact.allowed, at);
      return { ledger: after, says: [{ type: 'ledger.lost', rights: Object.fromEntries(Object.entries(after.cells).map(([id, { rights }]) => [id, rights])) }] };
    }
    case 'ship.asked': {
      const line = lookup(ledger.lines, fact.line);
      return { ledger: line && !line.asked ? { ...ledger, lines: { ...ledger.lines, [fact.line]: { ...line, asked: true } } } : ledger, says: [] };
    }
    case 'mode.set': {
      if (fact.mode === ledger.mode) return { ledger, says: [] };
      const after = changed<Ledger>(ledger, { mode: fact.mode, inForceSince: undefined, shortfall: undefined });
      return { ledger: after, says: [{ type: 'mode.changed', mode: fact.mode, debt: Math.max(0, -(free(ledger) ?? 0)) }] };
    }
    case 'time.due': return { ledger, says: [] };
  }
}

function linked({ cells }: Ledger, { cell, terms, mayShow, high = mayShow, quietUntil = 0 }: Extract<ExposureFact, { type: 'cell.linked' }>): Cell {
  const before = lookup(cells, cell);
  if (before) return { ...before, terms };
  return { terms, rights: mayShow, high: terms.kind === 'gross' ? high : 0, quietUntil, through: 0, counter: 0 };
}

function supplied(ledger: Ledger, { quantity, counted = false }: Extract<ExposureFact, { type: 'supply.stated' }>): Ledger {
  const { count, recovery } = ledger;
  if (count?.quantity === quantity && !(counted && recovery && !recovery.counted)) return ledger;
  return { ...ledger, count: { version: (count?.version ?? 0) + 1, quantity, imported: {} }, ...(recovery && counted && { recovery: { ...recovery, counted } }) };
}

function cellOf(ledger: Ledger, id: string, change: (cell: Cell) => Cell): Outcome {
  const cell = lookup(ledger.cells, id);
  const after = cell && change(cell);
  return { ledger: after && after !== cell ? withCell(ledger, id, after) : ledger, says: [] };
}

/** Only what is in doubt can be answered: an answer to anything else comes too late to prove anything. */
function intentOf(ledger: Ledger, { cell: id, id: write }: { cell: string; id: string }, change: (cell: Cell, intent: Intent) => Cell): Outcome {
  return cellOf(ledger, id, cell => cell.intent?.id === write ? change(cell, cell.intent) : cell);
}

function answered(ledger: Ledger, fact: Extract<ExposureFact, { type: 'write.answered' }>, at: number, by: Rules): Outcome {
  const { outcome } = fact;
  return intentOf(ledger, fact, (cell, intent) => {
    if (outcome === 'refused') return by.refused(cell, intent);
    // Accepted is not applied.
    if (outcome === 'accepted' || cell.terms.queued) return { ...cell, intent: { ...intent, accepted: true } };
    return by.applied(cell, intent, { ...fact, at }, soldIn(ledger.lines, fact.cell));
  });
}

/** What follows from any fact. One about a cell bears on that cell alone, and on what is free. */
function finish({ ledger, says }: Outcome, before: Ledger, fact: ExposureFact, at: number, by: Rules): Outcome {
  let next = reached(ledger).ledger;
  const all = [...says];
  const follow = (step: Outcome) => {
    next = step.ledger;
    all.push(...step.says);
  };
  for (const id of 'cell' in fact && fact.cell !== undefined ? [fact.cell] : Object.keys(next.cells)) if (lookup(next.cells, id)) follow(followed(next, id, at, by));
  follow(regained(next));
  if (Object.values(next.cells).some(({ terms: { kind } }) => kind === 'gross')) {
    for (const line in next.lines) if (next.lines[line]!.asked && !next.lines[line]!.permitted) follow(by.permitted(next, line));
  }
  if (!isAsFree(before, next)) follow(watched(next, causeOf(before, fact, all), at));
  return { ledger: next, says: all };
}

/** A write past its time lapses, a foreign raise is told, a proof settles, a leak begins or ends. */
function followed(ledger: Ledger, id: string, at: number, by: Rules): Outcome {
  const { intent } = ledger.cells[id]!;
  const isOver = intent !== undefined && at > intent.until;
  const says: Said[] = isOver && !intent.accepted ? [{ type: 'write.lapsed', cell: id, id: intent.id, reserved: intent.reserved }] : [];
  let next = isOver ? withCell(ledger, id, lapsed(ledger.cells[id]!)) : ledger;
  for (const judge of [by.foreign, beyond, unlisted]) {
    const judged = judge(next, id, at);
    next = judged.ledger;
    says.push(...judged.says);
  }
  const cell = by.settled(next, id);
  if (cell !== next.cells[id]) {
    const found = by.foreign(above(withCell(next, id, cell), id), id);
    next = found.ledger;
    says.push(...found.says);
  }
  return { ledger: watchedLeak(next, id, at), says };
}

/** Nothing changed that what is free, and what is told of it, is made of. */
function isAsFree(before: Ledger, after: Ledger): boolean {
  if (before.lines !== after.lines || before.count !== after.count || before.mode !== after.mode || before.recovery !== after.recovery) return false;
  for (const id in after.cells) if (lookup(before.cells, id)?.rights !== after.cells[id]!.rights) return false;
  return true;
}

/** Since when a cell has rights to more than it shows, with nothing on its way that would explain it. */
function watchedLeak(ledger: Ledger, id: string, at: number): Ledger {
  const cell = ledger.cells[id]!;
  const shown = sellable(ledger, id);
  if (shown === undefined) return ledger;
  const leakSince = !cell.intent && cell.rights > shown ? cell.leakSince ?? at : undefined;
  return leakSince === cell.leakSince ? ledger : withCell(ledger, id, changed<Cell>(cell, { leakSince }));
}

function causeOf(before: Ledger, fact: ExposureFact, says: readonly Said[]): Cause {
  if (fact.type === 'ledger.lost') return 'loss';
  if (fact.type === 'condition.broken') return 'broken promise';
  if (says.some(({ type }) => type === 'order.late')) return 'late order';
  if (says.some(({ type }) => type === 'drift.found' || type === 'sale.beyond')) return 'foreign';
  if (says.some(({ type }) => type === 'ship.ungated')) return 'early close';
  return fact.type === 'cell.linked' || before.inForceSince === undefined ? 'entry' : 'correction';
}
