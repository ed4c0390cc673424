/**
 * What mirror mode oversells by computation, to be shown beside what the referee counted: section 9 of docs/exposure.md. Of
 * each SKU that sold out, the demand that comes within the time in which the other channels did not show it yet.
 */
import { quantile } from '../../actors/sku/exposure/safety-stock.ts';
import type { Propagation } from './propagation.ts';
import { changes } from './replay.ts';
import type { Moment } from './replay.ts';

export interface MirrorBound {
  /** SKUs of which the last unit was sold. */
  soldOut: number;
  /** From a sale until another channel showed it, median over the channels, ms. */
  delayMs: number;
  /** Units oversold that this lets expect: the sum of r d (1 - sum of squared shares). */
  expected: number;
  /** No more than so many in 999 of 1,000 runs, were buyers to come one by one and by chance. */
  atMost: number;
}

/** @param from sales before it (epoch ms) are left out */
export function mirrorBound(moments: ReadonlyMap<string, readonly Moment[]>, propagation: Readonly<Record<string, Propagation>>, from: number): MirrorBound {
  const delays = Object.values(propagation).flatMap(({ lowers: { p50Ms } }) => p50Ms ?? []).sort((a, b) => a - b);
  const delayMs = delays[Math.floor(delays.length / 2)] ?? 0;
  let expected = 0;
  let soldOut = 0;
  for (const list of moments.values()) {
    const demand = untilSoldOut(list, from);
    if (!demand) continue;
    soldOut += 1;
    const units = Object.values(demand.byAccount).reduce((sum, each) => sum + each, 0);
    const unlike = 1 - Object.values(demand.byAccount).reduce((sum, each) => sum + (each / units) ** 2, 0);
    expected += units / Math.max(demand.lastsMs, delayMs, 1) * delayMs * unlike;
  }
  return { soldOut, delayMs, expected, atMost: quantile(expected, 0.001) };
}

/** Units sold by account from the first sale until nothing was left; undefined where something always was. */
function untilSoldOut(list: readonly Moment[], from: number): { byAccount: Record<string, number>; lastsMs: number } | undefined {
  const byAccount: Record<string, number> = {};
  let first: number | undefined;
  for (const { moment, available } of changes(list)) {
    if (moment.kind !== 'sold' || moment.at < from) continue;
    first ??= moment.at;
    byAccount[moment.account] = (byAccount[moment.account] ?? 0) + moment.units;
    if (available <= 0) return { byAccount, lastsMs: moment.at - first };
  }
  return undefined;
}
