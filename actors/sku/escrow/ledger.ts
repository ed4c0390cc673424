/**
 * The exposure ledger of a SKU, made of its stock: cells and what is told of them are kept in the record, order lines and
 * what exists are the stock's own (docs/decisions/0018). Pure.
 */
import { inOrder, lookup } from '../../own-keys.ts';
import type { AccountTerms, Exposure, ExposureSettings, HeldCell } from '../exposure/record.ts';
import { isConditional } from '../exposure/ledger.ts';
import type { Cell, Ledger, Line as LedgerLine, Terms } from '../exposure/ledger.ts';
import { openOf } from '../lines.ts';
import type { Line, Stock } from '../protocol.ts';
import { known } from '../stock.ts';

/** Of an account that no configuration names any more: the weakest way to write, and the longest waits. */
const unknownTerms: Terms = {
  kind: 'set', queued: true, sendMs: 10_000, answerMs: 16_000, lifeMs: 900_000, holdMs: 900_000, staleMs: 600_000, leakMs: 1_200_000, marginMs: 2_000, cap: 0,
};

export function termsOf({ outlets }: Stock, settings: ExposureSettings | undefined, account: string): Terms {
  const found: AccountTerms | undefined = settings && lookup(settings.terms, account);
  if (!found) return unknownTerms;
  const { terms, withField } = found;
  return withField?.values.includes(lookup(outlets, account)?.listing.fields[withField.field] ?? '') ? withField.terms : terms;
}

/** A5, where it was seen to fail: whatever a write is conditional on may be overwritten all the same. */
function asSet(terms: Terms): Terms {
  return isConditional(terms) ? { ...terms, kind: 'set' } : terms;
}

/** @param exposure of the stock itself, or of what it was before a fact */
export function ledgerOf(stock: Stock, exposure: Exposure, settings: ExposureSettings | undefined): Ledger {
  const { inForceSince, shortfall, recovery, ship, waiting } = exposure;
  const cells: Record<string, Cell> = {};
  for (const [account, { ask: _ask, askedBy: _by, wants: _wants, weak, ...cell }] of inOrder(exposure.cells)) {
    const terms = termsOf(stock, settings, account);
    cells[account] = { ...cell, terms: weak ? asSet(terms) : terms };
  }
  const units = known(stock);
  return {
    cells, lines: linesOf(stock, ship), mode: 'escrow',
    ...(units !== undefined && { count: { version: 0, quantity: units + soldOf(stock) + (waiting?.lag ?? 0), imported: {} } }),
    ...(inForceSince !== undefined && { inForceSince }),
    ...(shortfall && { shortfall }),
    ...(recovery && { recovery }),
  };
}

/** @param ship of the ledger that the lines are for */
export function linesOf(stock: Stock, ship: Exposure['ship'] = {}): Ledger['lines'] {
  const lines: Ledger['lines'] = {};
  for (const id in stock.lines) lines[id] = lineOf(id, stock.lines[id]!, lookup(ship, id));
  return lines;
}

/** Open lines that a warehouse asked to close; undefined where there are none. */
export function shipOf({ lines }: Ledger): Exposure['ship'] {
  const ship: NonNullable<Exposure['ship']> = {};
  for (const id of Object.keys(lines).filter(line => isAsked(lines[line]!)).sort()) ship[id] = lines[id]!.permitted ? 'permitted' : 'asked';
  return Object.keys(ship).length > 0 ? ship : undefined;
}

function isAsked({ asked, closed, cancelled, units }: LedgerLine): boolean {
  return asked === true && !closed && cancelled < units;
}

/** What a ledger says of it goes back to where it is kept. */
export function exposureOf(ledger: Ledger, before: Exposure): Exposure {
  const { inForceSince: _force, shortfall: _shortfall, recovery: _recovery, ship: _ship, ...rest } = before;
  const cells: Record<string, HeldCell> = {};
  for (const [account, { terms: _terms, ...cell }] of inOrder(ledger.cells)) {
    const { ask, askedBy, wants, weak } = lookup(before.cells, account) ?? {};
    cells[account] = { ...cell, ...(ask !== undefined && { ask }), ...(askedBy !== undefined && { askedBy }), ...(wants !== undefined && { wants }), ...(weak && { weak }) };
  }
  const ship = shipOf(ledger);
  return {
    ...rest,
    cells,
    ...(ship && { ship }),
    ...(ledger.inForceSince !== undefined && { inForceSince: ledger.inForceSince }),
    ...(ledger.shortfall && { shortfall: ledger.shortfall }),
    ...(ledger.recovery && { recovery: ledger.recovery }),
  };
}

/** Units sold in lines that are in the record, less those cancelled: what a supply is above what is known. */
export function soldOf({ lines }: Stock): number {
  let units = 0;
  for (const id in lines) units += lines[id]!.units - (lines[id]!.cancelled ?? 0);
  return units;
}

/** What exists before order lines, by the source's number; undefined until counted. */
export function supplyOf(stock: Stock): number | undefined {
  const units = known(stock);
  return units === undefined ? undefined : units + soldOf(stock);
}

export function accountOf(line: string): string {
  return line.slice(0, Math.max(0, line.indexOf('/')));
}

export function lineOf(id: string, line: Line, ship?: 'asked' | 'permitted'): LedgerLine {
  const { units, cancelled = 0, createdAt } = line;
  return {
    cell: accountOf(id), units, cancelled,
    ...(createdAt !== undefined && { createdAt }),
    ...(ship && { asked: true as const }),
    ...(ship === 'permitted' && { permitted: true as const }),
    ...(isClosed(line) && { closed: true as const }),
  };
}

/** Shipped, so that its channel no longer counts it among its open orders. */
export function isClosed(line: Line): boolean {
  return line.units > (line.cancelled ?? 0) && openOf(line) === 0;
}
