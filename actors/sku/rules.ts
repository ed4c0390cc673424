/** From what is available to what a channel should show. Pure. */
import type { Outlet, Rule, Stock } from './protocol.ts';
import { known, openUnits } from './stock.ts';

/** Whole units >= 0 that buyers of a channel under this rule may see. */
export function shownUnder(rule: Rule, available: number): number {
  const share = rule.percent === undefined ? available : Math.floor((available * rule.percent) / 100);
  return Math.max(0, Math.min(rule.max ?? Infinity, share - rule.buffer));
}

/** What to write at the account now, or undefined while the SKU is uncounted. */
export function target(stock: Stock, account: string, outlet: Outlet): number | undefined {
  const units = known(stock);
  if (units === undefined) return undefined;
  const net = shownUnder(outlet.rule, Math.max(0, units));
  return outlet.gross ? net + openUnits(stock, account) : net;
}
