/** A SKU's stock by location: the unnamed one is the stock itself. Pure. */
import { lookup } from '../own-keys.ts';
import { isKit } from './kit.ts';
import { isUncounted } from './monotone.ts';
import { emptyLot } from './protocol.ts';
import type { Lot, Stock } from './protocol.ts';

export const unnamed = '';

export function lotAt(stock: Stock, location: string): Lot {
  return location === unnamed ? stock : lookup(stock.lots ?? {}, location) ?? emptyLot;
}

/** @param lot made from the lot that was there: at the unnamed location, from the stock itself */
export function withLot(stock: Stock, location: string, lot: Lot): Stock {
  if (location === unnamed) return lot as Stock;
  return lot === lotAt(stock, location) ? stock : { ...stock, lots: { ...stock.lots, [location]: lot } };
}

/** Every lot with its location; the unnamed one only where it was ever spoken of. */
export function lotsOf(stock: Stock): [location: string, lot: Lot][] {
  if (stock.lots === undefined) return [[unnamed, stock]];
  const named = Object.entries(stock.lots);
  return isSpokenOf(stock) ? [[unnamed, stock], ...named] : named;
}

function isSpokenOf(lot: Lot): boolean {
  return lot.onHand !== undefined || lot.source !== undefined || lot.held.length > 0;
}

/** Units that lie there, less what the source itself has committed; undefined until counted. */
export function freeOf({ onHand, reserved }: Lot): number | undefined {
  return onHand === undefined ? undefined : onHand - reserved;
}

/** The sum over the locations that were counted, of those given or of all; undefined where none was. */
export function freeIn(stock: Stock, locations?: readonly string[]): number | undefined {
  if (stock.lots === undefined && locations === undefined) return freeOf(stock);
  let units: number | undefined;
  for (const [location, lot] of lotsOf(stock)) {
    const free = locations === undefined || locations.includes(location) ? freeOf(lot) : undefined;
    if (free !== undefined) units = (units ?? 0) + free;
  }
  return units;
}

/** A fact of the source is missing before what is held. Adjustments that only wait for a first count are no gap. */
export function hasGap(stock: Stock): boolean {
  if (isKit(stock)) return false;
  if (stock.lots === undefined) return isGap(stock);
  return lotsOf(stock).some(([, lot]) => isGap(lot));
}

function isGap(lot: Lot): boolean {
  return lot.held.length > 0 && (lot.onHand !== undefined || lot.source !== undefined);
}

/** Something waits for a fact that did not come: what is missing before it, or a first count. */
export function isWaiting(lot: Lot): boolean {
  return lot.held.length > 0 || isUncounted(lot);
}
