/**
 * The broker's time, which due times are counted in: journal messages carry it. A node reads it off its own renewals
 * in the member bucket, once a second, and lets its monotonic clock run in between; its wall clock plays no part.
 *
 * Each renewal bounds the difference: the broker stored it after it was sent and before it was heard. What is known is
 * where all bounds agree, so that one that came back late, through a busy node, takes nothing from what a quick one told.
 */

/** Clocks run apart by no more than so much of the time: bounds widen by it. */
const drift = 0.000_2;
/** The broker tells whole milliseconds. */
const grainMs = 1;

export class BrokerClock {
  readonly #monotonic: () => number;
  readonly #wall: () => number;
  /** Bounds of the broker's time less the monotonic one, ms, as of `at`, monotonic ms. */
  #bounds: { low: number; high: number; at: number } | undefined;

  constructor(monotonic: () => number = () => performance.now(), wall: () => number = Date.now) {
    this.#monotonic = monotonic;
    this.#wall = wall;
  }

  /**
   * A message that this node sent and heard again.
   *
   * @param at when the broker stored it, epoch ms
   * @param sentAt monotonic ms
   * @param heardAt monotonic ms
   */
  note(at: number, sentAt: number, heardAt: number): void {
    const low = at - heardAt;
    const high = at - sentAt + grainMs;
    const known = this.#bounds;
    const slack = known ? (heardAt - known.at) * drift : 0;
    const both = known && { low: Math.max(low, known.low - slack), high: Math.min(high, known.high + slack) };
    // Where they contradict each other a clock was set, or another server tells the time: the newest holds.
    this.#bounds = both && both.low <= both.high ? { ...both, at: heardAt } : { low, high, at: heardAt };
  }

  /** Epoch ms by the broker; by this machine while the broker's time is not known. */
  now(): number {
    return this.#bounds === undefined ? this.#wall() : this.#monotonic() + (this.#bounds.low + this.#bounds.high) / 2;
  }

  /** How far this machine's wall clock is ahead of the broker's, ms. */
  get skewMs(): number {
    return Math.round(this.#wall() - this.now());
  }
}
