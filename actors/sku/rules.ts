/** From what is available to what a channel should show. Pure. */
import type { Outlet, Rule, Stock } from './protocol.ts';
import { openUnits } from './lines.ts';

/** Whole units >= 0 that buyers of a channel under this rule may see. */
export function shownUnder(rule: Rule, available: number): number {
  const share = rule.percent === undefined ? available : Math.floor((available * rule.percent) / 100);
  return Math.max(0, Math.min(rule.max ?? Infinity, share - rule.buffer));
}

/** What to write at the account while so many units are known to be free; of fewer than none, none are shown. */
export function target(stock: Stock, account: string, outlet: Outlet, known: number): number {
  const net = shownUnder(outlet.rule, Math.max(0, known));
  return outlet.gross ? net + openUnits(stock, account) : net;
}
