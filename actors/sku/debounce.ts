/**
 * Which changes go out at once and which wait for quiet. Decreases and zero never wait; raises wait until nothing
 * has changed for `quietMs`, and no longer than `hardMs` after the first of them. Pure.
 */
import { droppedCode, restatedCode } from './protocol.ts';
import type { Intent, Lane, Outlet, Place, Stock } from './protocol.ts';
import { hasGap } from './lots.ts';
import { target } from './rules.ts';
import { known } from './stock.ts';

export interface Debounce {
  quietMs: number;
  hardMs: number;
}

/** Signs an intended write: the same inputs give the same signature on any node and on replay. */
export type Sign = (parts: { account: string; listing: string; sku: string; version: number; kind: Intent['kind']; rule?: number }) => string;

export interface Decision {
  stock: Stock;
  /** Raises wait: ask to be woken after so long (replaces an earlier wish). */
  wakeAfterMs?: number;
  /** No raise waits any more. */
  rest?: boolean;
}

/**
 * States what each channel should show after a fact.
 *
 * @param own an order fact was behind it, which tells that this channel has moved its own number by so many units
 * @param restated the source has said its number anew: what a person dropped is intended again, even where it is the same
 * @param emptied this account was emptied by people: what was dropped before is intended again there
 * @param flush the wait for quiet is over
 */
export function decide(
  stock: Stock,
  place: Place,
  sign: Sign,
  debounce: Debounce,
  { own, restated = false, emptied, flush = false }: { own?: { account: string; units: number }; restated?: boolean; emptied?: string; flush?: boolean } = {},
): Decision {
  const units = known(stock);
  // In escrow the ledger decides.
  if (units === undefined || stock.exposure) return { stock };
  const { waitingSince } = stock;
  const late = isLate(stock, place);
  const suspended = hasGap(stock);
  const quiet = flush || debounce.quietMs === 0 || (waitingSince !== null && place.at >= waitingSince + debounce.hardMs);
  let waits = false;
  let next = late || stock.lateUntil === undefined ? stock : inTime(stock);
  for (const account in stock.outlets) {
    const before = stock.outlets[account]!;
    const outlet = own?.account === account ? moved(before, own.units) : before;
    const want = target(stock, account, outlet, units);
    let after = outlet;
    if (want !== undefined) {
      const isAgain = isRestated(outlet) || ((restated || account === emptied) && isDropped(outlet));
      const kind = isAgain ? 'write' : kindOf(outlet, want);
      const raise = kind === 'write' && want > 0 && want >= highest(outlet);
      // What a late write can still raise is not raised before; nor what may be a raise.
      const wait = late ? raise || (kind === 'write' && want > 0 && shows(outlet) === undefined) : raise && (suspended || (outlet.intent !== undefined && !quiet));
      if (wait) {
        waits = true;
        if (isAgain && !isRestated(outlet)) after = { ...outlet, answer: { ...outlet.answer!, code: restatedCode } };
      } else if (kind !== undefined) after = intend(stock, account, outlet, want, kind, raise ? waitingSince ?? place.at : place.at, place, sign);
    }
    if (after === before) continue;
    // Most facts change nothing that a channel should show: a copy is made when the first does.
    if (next.outlets === stock.outlets) next = { ...next, outlets: { ...stock.outlets } };
    next.outlets[account] = after;
  }
  if (!waits) return waitingSince === null ? { stock: next } : { stock: { ...next, waitingSince: null }, rest: true };
  const since = waitingSince ?? place.at;
  const waiting = since === waitingSince ? next : { ...next, waitingSince: since };
  if (late) return { stock: waiting, wakeAfterMs: Math.max(0, stock.lateUntil! - place.at) };
  // What a gap holds back waits for the source, not for quiet.
  if (suspended) return { stock: waiting };
  return { stock: waiting, wakeAfterMs: Math.max(0, Math.min(debounce.quietMs, since + debounce.hardMs - place.at)) };
}

/** Writes that the broker has forgotten may still take effect. */
export function isLate({ lateUntil = 0 }: Stock, { at }: Place): boolean {
  return at < lateUntil;
}

function inTime({ lateUntil: _over, ...stock }: Stock): Stock {
  return stock;
}

/**
 * A repair of what was found to differ: now, under a version and signature of its own. A raise that waits goes on
 * waiting: only what was intended is restored, less what the channel has sold of it.
 */
export function repair(stock: Stock, account: string, outlet: Outlet & { intent: Intent }, observed: number, place: Place, sign: Sign): Stock {
  const { intent, ...rest } = outlet;
  const there = shows(outlet)!;
  const want = target(stock, account, outlet, known(stock) ?? 0) ?? intent.quantity;
  const repaired = intend(stock, account, { ...rest, shown: observed }, Math.min(want, there), 'repair', place.at, place, sign);
  return { ...stock, outlets: { ...stock.outlets, [account]: repaired } };
}

/** What the channel should show by now; undefined where that was never known. */
function shows({ shown, intent }: Outlet): number | undefined {
  return shown ?? intent?.quantity;
}

/** The channel has lowered or raised its own number, where that does not include its open orders. */
function moved(outlet: Outlet, units: number): Outlet {
  const before = shows(outlet);
  if (units === 0 || outlet.gross || before === undefined) return outlet;
  return { ...outlet, shown: Math.max(0, before + units) };
}

/**
 * What is to be done for the channel to show `want`; nothing where it does. `verify`: its own sales and restocks have
 * taken it there from a number that was proven, so a read will prove it; even one that came back to that number, since
 * our write may have undone the sale and not the restock. Zero is always written.
 */
function kindOf(outlet: Outlet, want: number): 'write' | 'verify' | undefined {
  const { intent, shown } = outlet;
  const there = shows(outlet) === want;
  if (there && intent?.quantity === want && (shown === undefined || want === 0)) return undefined;
  return there && want > 0 && intent && (isProven(outlet) || intent.kind === 'verify') ? 'verify' : 'write';
}

function isDropped({ answer }: Outlet): boolean {
  return answer?.outcome === 'refused' && answer.code === droppedCode;
}

/** It was dropped, and said anew, and waits for quiet since. */
function isRestated({ answer }: Outlet): boolean {
  return answer?.outcome === 'refused' && answer.code === restatedCode;
}

function isProven({ intent, proof }: Outlet): boolean {
  return intent !== undefined && proof?.version === intent.version;
}

/** The most that the channel may show: a sale that came before our write left no trace. Unknown may be anything. */
function highest(outlet: Outlet): number {
  return Math.max(outlet.intent?.quantity ?? 0, shows(outlet) ?? Infinity);
}

function intend(stock: Stock, account: string, outlet: Outlet, quantity: number, kind: Intent['kind'], causeAt: number, place: Place, sign: Sign): Outlet {
  const intent: Intent = {
    quantity,
    version: place.seq,
    kind,
    lane: kind === 'verify' ? 'verify' : laneOf(quantity, outlet),
    signature: sign({ account, listing: outlet.listing.id, sku: stock.sku, version: place.seq, kind, ...(outlet.ruleVersion !== undefined && { rule: outlet.ruleVersion }) }),
    causeAt,
    decidedAt: place.at,
    correlation: place.correlation,
  };
  const { answer: _settled, shown: _overtaken, ...rest } = outlet;
  return { ...rest, intent };
}

/** While a decrease is not proven the channel may still show more than that, and nothing says how much. */
function laneOf(quantity: number, outlet: Outlet): Lane {
  if (quantity === 0) return 'zero';
  const { intent } = outlet;
  const lowering = intent !== undefined && !isProven(outlet) && (intent.lane === 'zero' || intent.lane === 'decrease');
  return lowering || quantity < highest(outlet) ? 'decrease' : 'raise';
}
