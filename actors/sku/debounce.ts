/**
 * Which changes go out at once and which wait for quiet. Decreases and zero never wait; raises wait until nothing
 * has changed for `quietMs`, and no longer than `hardMs` after the first of them. Pure.
 */
import type { Intent, Lane, OrderFact, Outlet, Place, Stock } from './protocol.ts';
import { hasGap } from './stock.ts';
import { target } from './rules.ts';

export interface Debounce {
  quietMs: number;
  hardMs: number;
}

/** Signs an intended write: the same inputs give the same signature on any node and on replay. */
export type Sign = (parts: { account: string; listing: string; sku: string; version: number; kind: Intent['kind'] }) => string;

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
 * @param own the order fact behind it: its channel has changed its own number already, by `units`
 * @param flush the wait for quiet is over
 */
export function decide(
  stock: Stock,
  place: Place,
  sign: Sign,
  debounce: Debounce,
  { own, flush = false }: { own?: { account: string; units: number }; flush?: boolean } = {},
): Decision {
  const outlets = { ...stock.outlets };
  let waits = false;
  for (const [account, outlet] of Object.entries(stock.outlets)) {
    const want = target(stock, account, outlet);
    if (want === undefined) continue;
    const have = outlet.intent?.quantity;
    if (want === have) continue;
    const change = own?.account === account ? own.units : 0;
    const kind = followsByItself(outlet, want, change) ? 'verify' : 'write';
    const raise = kind === 'write' && want > (have ?? outlet.shown ?? Infinity);
    if (raise && (hasGap(stock) || (have !== undefined && !flush && debounce.quietMs > 0))) {
      waits = true;
      continue;
    }
    outlets[account] = intend(stock, account, outlet, want, kind, place, sign);
  }
  const { waitingSince, ...settled } = stock;
  if (!waits) return { stock: { ...settled, outlets }, ...(waitingSince !== undefined && { rest: true }) };
  const since = waitingSince ?? place.at;
  return {
    stock: { ...settled, outlets, waitingSince: since },
    wakeAfterMs: Math.max(0, Math.min(debounce.quietMs, since + debounce.hardMs - place.at)),
  };
}

/** A repair of what was found to differ: now, under a version and signature of its own. */
export function repair(stock: Stock, account: string, observed: number, place: Place, sign: Sign): Stock {
  const outlet = stock.outlets[account];
  const want = outlet && target(stock, account, outlet);
  if (outlet === undefined || want === undefined) return stock;
  const seen: Outlet = { ...outlet, shown: observed };
  return { ...stock, outlets: { ...stock.outlets, [account]: intend(stock, account, seen, want, 'repair', place, sign) } };
}

/**
 * The channel lowered (or, on a cancellation, raised) its own number by exactly this change, and what it showed
 * before is proven: a read will prove the new number, a write is not needed.
 */
function followsByItself(outlet: Outlet, want: number, change: number): boolean {
  const { intent, proof } = outlet;
  if (change === 0 || outlet.gross || !intent) return false;
  const basisKnown = proof?.version === intent.version || intent.kind === 'verify';
  return basisKnown && intent.quantity + change === want && want > 0;
}

function intend(stock: Stock, account: string, outlet: Outlet, quantity: number, kind: Intent['kind'], place: Place, sign: Sign): Outlet {
  const before = kind === 'repair' ? outlet.shown : (outlet.intent?.quantity ?? outlet.shown);
  const intent: Intent = {
    quantity,
    version: place.seq,
    kind,
    lane: kind === 'verify' ? 'verify' : laneOf(quantity, before),
    signature: sign({ account, listing: outlet.listing.id, sku: stock.sku, version: place.seq, kind }),
    causeAt: stock.waitingSince ?? place.at,
    decidedAt: place.at,
    correlation: place.correlation,
  };
  const { answer: _settled, ...rest } = outlet;
  return { ...rest, intent };
}

/** An unknown earlier number may be too high: treat the first write as a decrease. */
function laneOf(quantity: number, before: number | undefined): Lane {
  if (quantity === 0) return 'zero';
  return before === undefined || quantity < before ? 'decrease' : 'raise';
}

/** How far an order fact moved its channel's own number, given the line before it. */
export function ownChange(fact: OrderFact, before: { units: number; cancelled: number } | undefined): number {
  if (fact.type === 'order.placed') return before ? 0 : -fact.units;
  if (fact.type === 'order.cancelled') return before ? fact.units - before.cancelled : 0;
  return 0;
}
