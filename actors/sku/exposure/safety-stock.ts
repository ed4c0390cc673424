/**
 * Mirror mode: units that a channel holds back so that a sale elsewhere, not shown yet, oversells with no more than a
 * stated probability (section 9 of `docs/exposure.md`), from what was measured. Pure.
 */

/** What was measured of one SKU at one account. Missing is not zero: undefined until measured. */
export interface Measured {
  account: string;
  /** Units sold an hour. */
  unitsPerHour: number;
  /** From a write's decision to its proof: what the slowest 5 % exceed, ms. */
  writeMs?: number;
  /** From a sale to its order in the journal: what the slowest 5 % exceed, ms. */
  orderLagMs?: number;
}

export interface BufferRule {
  /** Units, whatever was measured. */
  fixed?: number;
  /** Accepted chance that a sell-out oversells, above 0 and below 1. */
  risk: number;
  /** A change waits so long before it is written. */
  debounceMs: number;
  /** Stands in for a delay that was not measured. */
  unmeasuredMs: number;
}

/** A buffer and the numbers behind it. */
export interface Buffer {
  units: number;
  by: 'fixed' | 'computed';
  /** From a sale on another channel until this one shows it, mean over the others by what they sell, ms. */
  delayMs: number;
  /** Some delay in it was not measured. */
  isAssumed: boolean;
  unitsPerHour: number;
  /** Expected units sold elsewhere and here within the delay: r d (1 - sum of squared shares). */
  mean: number;
  /** Chance that a sell-out oversells with this buffer. */
  risk: number;
}

/** @throws {RangeError} for a rule or a measurement that is no number in its range */
export function bufferFor(account: string, measured: readonly Measured[], rule: BufferRule): Buffer {
  const { fixed, risk, debounceMs, unmeasuredMs } = rule;
  if (!(risk > 0 && risk < 1)) throw new RangeError(`risk ${risk} is not between 0 and 1`);
  if (fixed !== undefined && !(Number.isSafeInteger(fixed) && fixed >= 0)) throw new RangeError(`fixed ${fixed} is no whole number of units`);
  for (const { account: of, unitsPerHour, writeMs = 0, orderLagMs = 0 } of measured) {
    for (const [name, value] of Object.entries({ unitsPerHour, writeMs, orderLagMs })) {
      if (!(value >= 0 && value < Infinity)) throw new RangeError(`${name} ${value} of ${of} is not a number from 0`);
    }
  }
  const own = measured.find(one => one.account === account);
  const others = measured.filter(one => one.account !== account);
  const total = measured.reduce((sum, { unitsPerHour }) => sum + unitsPerHour, 0);
  const elsewhere = others.reduce((sum, { unitsPerHour }) => sum + unitsPerHour, 0);
  const lagMs = elsewhere === 0 ? 0 : others.reduce((sum, { unitsPerHour, orderLagMs = unmeasuredMs }) => sum + unitsPerHour / elsewhere * orderLagMs, 0);
  const delayMs = lagMs + debounceMs + (own?.writeMs ?? unmeasuredMs);
  const unlike = total === 0 ? 0 : 1 - measured.reduce((sum, { unitsPerHour }) => sum + (unitsPerHour / total) ** 2, 0);
  const mean = total / 3_600_000 * delayMs * unlike;
  const units = fixed ?? quantile(mean, risk);
  const isAssumed = own?.writeMs === undefined || others.some(({ unitsPerHour, orderLagMs }) => unitsPerHour > 0 && orderLagMs === undefined);
  return { units, by: fixed === undefined ? 'computed' : 'fixed', delayMs, isAssumed, unitsPerHour: total, mean, risk: tail(mean, units) };
}

/** P(Poisson(mean) > units). Summed from the small end, so that small chances keep their digits. */
export function tail(mean: number, units: number): number {
  if (mean === 0) return 0;
  let log = -mean;
  for (let k = 1; k <= units + 1; k++) log += Math.log(mean / k);
  let sum = 0;
  for (let k = units + 2, term = Math.exp(log); ; k++) {
    sum += term;
    if (k > mean && term <= sum * 1e-16) return Math.min(1, sum);
    log += Math.log(mean / k);
    term = Math.exp(log);
  }
}

/** Fewest units that a Poisson variable exceeds with no more than this chance. */
export function quantile(mean: number, risk: number): number {
  let below = -1;
  let enough = Math.ceil(mean + 1);
  while (tail(mean, enough) > risk) {
    below = enough;
    enough *= 2;
  }
  while (enough - below > 1) {
    const middle = (below + enough) >> 1;
    if (tail(mean, middle) > risk) below = middle;
    else enough = middle;
  }
  return enough;
}
