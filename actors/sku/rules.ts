/** From what is available to what a channel should show. Pure. */
import { lookup } from '../own-keys.ts';
import { isKit, kitUnits } from './kit.ts';
import { openUnits, takenBy } from './lines.ts';
import { freeIn } from './lots.ts';
import type { Outlet, Rule, Stock } from './protocol.ts';

/** Whole units >= 0 that buyers of a channel under this rule may see. */
export function shownUnder(rule: Rule, available: number): number {
  if (rule.fixed !== undefined) return Math.max(0, Math.min(rule.fixed, available));
  const share = rule.percent === undefined ? available : Math.floor((available * rule.percent) / 100);
  return Math.max(0, Math.min(rule.max ?? Infinity, share - rule.buffer));
}

/**
 * What to write at the account while so many units are known to be free; of fewer than none, none are shown. Undefined
 * where it is not to be written, or nothing of what it may show was ever counted.
 */
export function target(stock: Stock, account: string, outlet: Outlet, known: number): number | undefined {
  const { rule, gross, intent } = outlet;
  if (rule.skip) return undefined;
  const available = rule.locations === undefined ? known : availableIn(stock, rule.locations, known);
  // What is not known of the locations is no reason to raise, and none to keep what nobody has any more.
  if (available === undefined && intent === undefined) return undefined;
  const net = outlet.drained ? 0 : shownUnder(rule, Math.max(0, available ?? known));
  const shown = gross ? net + openUnits(stock, account) : net;
  return available === undefined ? Math.min(shown, intent!.quantity) : shown;
}

/**
 * No line says where it is taken from: each counts at every location that its channel may sell from. What came back of
 * a line that the source's number contains counts only where all of these may have it.
 */
export function availableIn(stock: Stock, locations: readonly string[], known: number): number | undefined {
  if (isKit(stock)) return kitUnits(stock.kit, locations);
  let units = freeIn(stock, locations);
  if (units === undefined) return undefined;
  for (const [id, line] of Object.entries(stock.lines)) {
    const taken = takenBy(line);
    const own = lookup(stock.outlets, id.slice(0, id.indexOf('/')))?.rule.locations;
    if (taken > 0 ? own === undefined || own.some(location => locations.includes(location)) : own?.every(location => locations.includes(location))) units -= taken;
  }
  return Math.min(known, units);
}
