/** Which promise a SKU lives under (P13): mirror while there is plenty, escrow while it is scarce. Pure. */
import type { Ledger } from './ledger.ts';
import { quantile, tail } from './safety-stock.ts';

export interface Scarcity {
  /** Units known; undefined until counted. */
  known: number | undefined;
  /** Of all channels together. */
  unitsPerHour: number;
  /** Share of each channel, adding up to 1. */
  shares: readonly number[];
  /** From a sale until the other channels show it, ms; undefined until measured. */
  delayMs: number | undefined;
}

/** Mode of a SKU, and the numbers behind it. */
export interface ModeChoice {
  mode: Ledger['mode'];
  /** `pinned`: set by people; `unmeasured`: no count or no delay, which is no reason to promise less. */
  why: 'pinned' | 'scarce' | 'ample' | 'between' | 'unmeasured';
  /** Escrow below so many units; mirror above so many; what it was in between. */
  escrowBelow?: number;
  mirrorAbove?: number;
  mean?: number;
  /** Chance that a sell-out in mirror mode would oversell, without a buffer. */
  risk?: number;
}

/**
 * Section 9: escrow below the units that a sell-out may need as a buffer, and those that sell while the first lowers are
 * on their way; mirror above twice as many, so that the mode does not flap. What does not sell needs no escrow.
 *
 * @param risk accepted chance that a sell-out in mirror mode oversells, above 0 and below 1
 */
export function modeOf(current: Ledger['mode'], { known, unitsPerHour, shares, delayMs }: Scarcity, risk: number, pinned?: Ledger['mode']): ModeChoice {
  if (pinned) return { mode: pinned, why: 'pinned' };
  if (known === undefined || delayMs === undefined) return { mode: 'escrow', why: 'unmeasured' };
  const perDelay = unitsPerHour / 3_600_000 * delayMs;
  const mean = perDelay * (1 - shares.reduce((sum, share) => sum + share ** 2, 0));
  const needed = quantile(mean, risk) + quantile(perDelay, risk);
  // Nothing needed: what sells so seldom does not oversell by more than the accepted risk, however few there are.
  const escrowBelow = needed === 0 ? 0 : needed + 1;
  const mirrorAbove = 2 * escrowBelow;
  const numbers = { escrowBelow, mirrorAbove, mean, risk: tail(mean, 0) };
  if (known < escrowBelow) return { mode: 'escrow', why: 'scarce', ...numbers };
  if (known > mirrorAbove || needed === 0) return { mode: 'mirror', why: 'ample', ...numbers };
  return { mode: current, why: 'between', ...numbers };
}
