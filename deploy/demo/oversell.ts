/**
 * Who sold what did not exist, and whether the rule in force allowed it. Under `mirror` every channel shows the truth
 * less a buffer, so several can sell the last unit; the rule allows it as long as what the buyer saw had been true
 * within the channel's window. See `docs/demo.md`.
 */
import { changes, target } from './replay.ts';
import type { Moment } from './replay.ts';

/** The demo disturbed this account, or `*` for all of them, from one instant to another (epoch ms). */
export interface FaultInterval {
  account: string;
  from: number;
  to: number;
}

export interface MirrorRule {
  buffer: number;
  /** How old a shown number may be in undisturbed times, ms. */
  staleMs: number;
}

/** A sale of units that were not there. */
export interface Oversale {
  sku: string;
  account: string;
  line: string;
  at: number;
  /** Units beyond what existed. */
  units: number;
  /** What buyers saw just before. */
  shown: number;
  /** The most that it should have shown at any time of the window. */
  allowedShown: number;
  /** Of `units`, those that the rule does not allow. */
  outside: number;
}

export interface Oversell {
  oversold: number;
  allowed: number;
  outside: number;
  /** Units sold before that a correction of the ERP's took away. */
  shortfall: number;
  sales: Oversale[];
}

/** @param isMirrored sales to be judged: the others are judged by other rules */
export function judgeOversell(
  moments: ReadonlyMap<string, readonly Moment[]>, rules: Readonly<Record<string, MirrorRule>>, faults: readonly FaultInterval[],
  isMirrored: (sku: string, at: number) => boolean = () => true,
): Oversell {
  const result: Oversell = { oversold: 0, allowed: 0, outside: 0, shortfall: 0, sales: [] };
  const disturbed = new Map(Object.keys(rules).map(account => [account, disturbances(faults, account)]));
  for (const [sku, list] of moments) {
    /** The truth so far: `available` from `at` on. */
    const truth: { at: number; available: number }[] = [];
    for (const { moment, by, available } of changes(list)) {
      const missing = Math.min(-by, -available);
      if (missing > 0 && moment.kind === 'supply') result.shortfall += missing;
      if (missing > 0 && moment.kind === 'sold' && isMirrored(sku, moment.at)) {
        const { account, line, at, shown, uncovered } = moment;
        const { buffer, staleMs } = ruleOf(rules, account);
        const since = windowStart(at, staleMs, disturbed.get(account)!);
        const allowedShown = target(mostSince(truth, since), buffer);
        const outside = shown <= allowedShown ? Math.min(missing, uncovered) : missing;
        result.oversold += missing;
        result.outside += outside;
        result.allowed += missing - outside;
        result.sales.push({ sku, account, line, at, units: missing, shown, allowedShown, outside });
      }
      truth.push({ at: moment.at, available });
    }
  }
  result.sales.sort((a, b) => a.at - b.at);
  return result;
}

/** Going back from `at` over `staleMs` of undisturbed time; disturbed time is free. `faults` are merged, in order of time. */
export function windowStart(at: number, staleMs: number, faults: readonly { from: number; to: number }[]): number {
  let start = at;
  let left = staleMs;
  for (const { from, to } of faults.toReversed()) {
    if (from >= start) continue;
    const undisturbed = Math.max(0, start - to);
    if (undisturbed >= left) break;
    left -= undisturbed;
    start = from;
  }
  return start - left;
}

/** Times in which an account was disturbed, in their order, none within another. */
export function disturbances(faults: readonly FaultInterval[], account: string): { from: number; to: number }[] {
  const result: { from: number; to: number }[] = [];
  for (const { from, to } of faults.filter(fault => fault.account === account || fault.account === '*').sort((a, b) => a.from - b.from)) {
    const last = result.at(-1);
    if (last && from <= last.to) last.to = Math.max(last.to, to);
    else result.push({ from, to });
  }
  return result;
}

/** The largest truth at any time from `since` on. What ended in the very millisecond of `since` still counts. */
function mostSince(truth: readonly { at: number; available: number }[], since: number): number {
  let most = 0;
  for (const { at, available } of truth.toReversed()) {
    most = Math.max(most, available);
    if (at < since) break;
  }
  return most;
}

function ruleOf(rules: Readonly<Record<string, MirrorRule>>, account: string): MirrorRule {
  const rule = rules[account];
  if (!rule) throw new Error(`referee: no rule for account ${account}`);
  return rule;
}
