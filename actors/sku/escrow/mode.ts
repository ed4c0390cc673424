/** When a SKU's channels hold units of their own, and what each may show when that begins (P13). Pure. */
import { inOrder, lookup } from '../../own-keys.ts';
import { apply } from '../exposure.ts';
import type { Exposure, ExposureSettings, Mode } from '../exposure/record.ts';
import { isLate } from '../debounce.ts';
import { changed } from '../exposure/ledger.ts';
import type { Said } from '../exposure/said.ts';
import { openUnits } from '../lines.ts';
import type { Outlet, Place, Stock } from '../protocol.ts';
import { known } from '../stock.ts';
import { exposureOf, ledgerOf, termsOf } from './ledger.ts';

/** Why a SKU cannot be in escrow; undefined where it can. */
export function reasonToMirror({ kit, kits, outlets }: Stock): string | undefined {
  if (kit) return 'it is a kit: its parts are sold by others too';
  if (kits && Object.values(kits).some(({ units }) => units > 0)) return 'it is part of a kit, which sells it too';
  if (Object.values(outlets).some(({ rule }) => rule.locations !== undefined)) return 'a channel sells from some locations only';
  return undefined;
}

/** The mode that people and configuration want, which `auto` leaves as it is. */
export function wantedMode({ mode, exposure }: Stock, settings: ExposureSettings | undefined): 'mirror' | 'escrow' {
  const wanted: Mode = mode ?? settings?.mode ?? 'mirror';
  return wanted === 'auto' ? exposure ? 'escrow' : 'mirror' : wanted;
}

/** Every linked channel becomes a cell with what it may show, and its earlier intents are over. */
export function entered(stock: Stock, why: string, place: Place, settings: ExposureSettings | undefined): { stock: Stock; says: Said[] } {
  const exposure: Exposure = { since: place.at, why, cells: {} };
  const { waitingSince: _raises, ...rest } = stock;
  const outlets = Object.fromEntries(Object.entries(stock.outlets).map(([account, outlet]): [string, Outlet] => {
    if (isProven(outlet)) return [account, outlet];
    const { intent: _intent, answer: _answer, ...left } = outlet;
    return [account, left];
  }));
  const cells = withCells({ ...rest, waitingSince: null }, exposure, place, settings);
  return {
    stock: { ...rest, waitingSince: null, outlets, exposure: cells.exposure },
    says: [{ type: 'mode.changed', mode: 'escrow', debt: Math.max(0, totalRights(cells.exposure) - (known(stock) ?? Infinity)) }, ...cells.says],
  };
}

function totalRights({ cells }: Exposure): number {
  return Object.values(cells).reduce((sum, { rights }) => sum + rights, 0);
}

/** Another listing in the place of one that may still sell: the cell is allowed both, until a proof. */
export function relisted(before: Stock, after: Stock & { exposure: Exposure }, settings: ExposureSettings | undefined): Exposure {
  const { exposure } = after;
  let { cells } = exposure;
  for (const account in after.outlets) {
    const outlet = after.outlets[account]!;
    const cell = lookup(cells, account);
    const former = lookup(before.outlets, account);
    if (!cell || !former || former.listing.id === outlet.listing.id) continue;
    const more = outlet.shown ?? termsOf(after, settings, account).cap;
    cells = { ...cells, [account]: changed(cell, { rights: cell.rights + more, high: cell.high + more, mark: undefined, reading: undefined, shown: undefined, suspect: undefined, tally: undefined }) };
  }
  return cells === exposure.cells ? exposure : { ...exposure, cells };
}

/** Links cells to outlets that have none yet. */
export function withCells(stock: Stock, before: Exposure, place: Place, settings: ExposureSettings | undefined): { exposure: Exposure; says: Said[] } {
  const isNew = ([account, { rule }]: [string, Outlet]): boolean => !lookup(before.cells, account) && !rule.skip;
  if (!Object.entries(stock.outlets).some(isNew)) return { exposure: before, says: [] };
  let ledger = ledgerOf(stock, before, settings);
  const says: Said[] = [];
  for (const [account, outlet] of inOrder(stock.outlets).filter(isNew)) {
    const terms = termsOf(stock, settings, account);
    const late = isLate(stock, place);
    const most = late ? Math.max(mostShown(stock, outlet) ?? 0, terms.cap) : mostShown(stock, outlet) ?? terms.cap;
    const step = apply(ledger, {
      type: 'cell.linked', cell: account, terms,
      mayShow: outlet.gross ? Math.max(0, most - openUnits(stock, account)) : most, high: most,
      // What was sent before is out of the ledger's sight.
      ...(outlet.intent && !isProven(outlet) && { quietUntil: Math.max(place.at + terms.sendMs + terms.lifeMs, outlet.answer?.until ?? 0, stock.lateUntil ?? 0) }),
      ...(late && !(outlet.intent && !isProven(outlet)) && { quietUntil: stock.lateUntil! }),
    }, place.at);
    ({ ledger } = step);
    says.push(...step.says);
  }
  return { exposure: exposureOf(ledger, before), says };
}

/**
 * The most that a channel may show, with sales not learnt of. While an intent is unproven, any number that was intended
 * since the last proof: no more than what was known then, which is what is known now and the units sold since.
 */
function mostShown(stock: Stock, outlet: Outlet): number | undefined {
  const { intent, shown, proof } = outlet;
  if (!intent) return shown;
  if (isProven(outlet)) return Math.max(intent.quantity, shown ?? 0);
  const since = proof?.at ?? 0;
  const sold = Object.values(stock.lines).reduce((sum, { units, createdAt = Infinity }) => (createdAt >= since - 3_600_000 ? sum + units : sum), 0);
  return Math.max(intent.quantity, shown ?? 0, proof?.quantity ?? 0, (known(stock) ?? 0) + sold);
}

export function isProven({ intent, proof }: Outlet): boolean {
  return intent !== undefined && proof?.version === intent.version;
}

/** Cells are given up at once; what each shows by now is what the next intent is judged by. */
export function left(stock: Stock & { exposure: Exposure }): { stock: Stock; says: Said[] } {
  const { exposure, ...rest } = stock;
  const outlets = Object.fromEntries(Object.entries(stock.outlets).map(([account, outlet]): [string, Outlet] => {
    const cell = lookup(exposure.cells, account);
    if (!cell) return [account, outlet];
    if (cell.shown !== undefined && !cell.intent) return [account, { ...outlet, shown: Math.max(0, cell.shown) }];
    // Whatever it shows by now, it is written anew.
    const { intent: _unknown, proof: _past, answer: _settled, ...unknown } = outlet;
    return [account, unknown];
  }));
  const { shortfall } = exposure;
  return {
    stock: { ...rest, outlets },
    says: [...shortfall ? [{ type: 'shortfall.closed', ...shortfall } as const] : [], { type: 'mode.changed', mode: 'mirror', debt: 0 }],
  };
}
