/** How long after each change of the truth a channel showed the right number, by the sandboxes' own ledgers. */
import { change, target } from './replay.ts';
import type { Moment } from './replay.ts';

/** Times in ms; undefined where nothing was measured. */
export interface Delays {
  changes: number;
  p50Ms: number | undefined;
  p99Ms: number | undefined;
  maxMs: number | undefined;
}

export interface Propagation extends Delays {
  /** Of these, the changes after which less was to be shown. */
  lowers: Delays;
  /** Changes after which the right number never showed. */
  unsettled: number;
}

interface Pending {
  at: number;
  lower: boolean;
  /** By a sale or cancellation at this very channel, which moved its own number. */
  own: boolean;
}

/**
 * By account. A change counts where it moves what that channel should show, and is over once the channel shows what is
 * right at that time, whatever has changed since. What a channel did right by itself, at once, is left out.
 *
 * @param buffers by account; those not named are not measured
 * @param from changes before it (epoch ms) are left out, such as the first filling of listings
 */
export function measurePropagation(
  moments: ReadonlyMap<string, readonly Moment[]>, buffers: Readonly<Record<string, number>>, from: number,
): Record<string, Propagation> {
  const result: Record<string, Propagation> = {};
  for (const [account, buffer] of Object.entries(buffers)) {
    const delays: { ms: number; lower: boolean }[] = [];
    let unsettled = 0;
    for (const list of moments.values()) unsettled += follow(list, account, buffer, from, delays);
    result[account] = {
      ...summary(delays.map(({ ms }) => ms)),
      lowers: summary(delays.filter(({ lower }) => lower).map(({ ms }) => ms)),
      unsettled,
    };
  }
  return result;
}

/** Adds one SKU's delays at one account; returns the changes left open. */
function follow(list: readonly Moment[], account: string, buffer: number, from: number, delays: { ms: number; lower: boolean }[]): number {
  let pending: Pending[] = [];
  let [supply, available, shown] = [0, 0, NaN];
  for (const moment of list) {
    const by = change(moment, supply);
    if (by === undefined) {
      if (moment.kind === 'shown' && moment.account === account) shown = moment.quantity;
    } else {
      const before = target(available, buffer);
      available += by;
      if (moment.kind === 'supply') supply = moment.supply;
      const after = target(available, buffer);
      const own = moment.kind !== 'supply' && 'account' in moment && moment.account === account;
      if (after !== before && moment.at >= from) pending.push({ at: moment.at, lower: after < before, own });
    }
    if (pending.length === 0 || shown !== target(available, buffer)) continue;
    for (const { at, lower, own } of pending) {
      const ms = moment.at - at;
      if (!own || ms > 0) delays.push({ ms, lower });
    }
    pending = [];
  }
  return pending.length;
}

function summary(ms: readonly number[]): Delays {
  const sorted = ms.toSorted((a, b) => a - b);
  const rank = (share: number): number | undefined => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  return { changes: sorted.length, p50Ms: rank(0.5), p99Ms: rank(0.99), maxMs: sorted.at(-1) };
}
