/** What a rule does to the stock there is: where its rounding or buffer hides the last units. Pure. */
import { lookup } from '../../actors/own-keys.ts';
import { reasonToMirror } from '../../actors/sku/escrow/mode.ts';
import type { Mode } from '../../actors/sku/exposure/record.ts';
import type { Rule, Stock } from '../../actors/sku/protocol.ts';
import { target } from '../../actors/sku/rules.ts';
import { known } from '../../actors/sku/stock.ts';

export interface Effect {
  /** Absent until counted. */
  available?: number;
  /** What buyers of the account would see; absent where it is not written. */
  shows?: number;
}

export function effectOf(stock: Stock | undefined, account: string, rule: Rule): Effect {
  const available = stock && known(stock);
  if (available === undefined) return {};
  const outlet = lookup(stock!.outlets, account) ?? { listing: { id: '', fields: {} }, rule };
  const shows = target(stock!, account, { ...outlet, gross: false, rule }, available);
  return { available, ...(shows !== undefined && { shows }) };
}

/** The fewest available units of which one is shown; undefined where none ever is. */
export function fewestShown(rule: Rule): number | undefined {
  const { percent = 100, buffer } = rule;
  if (rule.skip || rule.max === 0 || rule.fixed === 0 || percent === 0) return undefined;
  if (rule.fixed !== undefined) return 1;
  return Math.ceil(((buffer + 1) * 100) / percent);
}

/** What is to be said of a rule that hides units that are there, or will. */
export function warningOf(rule: Rule, { available, shows }: Effect): string | undefined {
  const fewest = fewestShown(rule);
  if (fewest === undefined || fewest <= 1) return undefined;
  const cause = [rule.percent !== undefined && `percent ${rule.percent}`, rule.buffer > 0 && `buffer ${rule.buffer}`].filter(Boolean).join(' and ');
  if (available !== undefined && available > 0 && shows === 0 && available < fewest) return `${cause} shows 0 of the ${available} available: it takes ${fewest} to show 1`;
  // A buffer that hides what it says is what was asked for.
  return rule.percent !== undefined && fewest > rule.buffer + 1 ? `${cause} hides the last ${fewest - 1}: it takes ${fewest} to show 1` : undefined;
}

/** What is to be said of a mode in which the SKU cannot be. */
export function adviceOn(mode: Mode | 'none', stock: Stock): string | undefined {
  const against = mode === 'escrow' ? reasonToMirror(stock) : undefined;
  return against && `mode escrow is set, and it mirrors all the same: ${against}`;
}
