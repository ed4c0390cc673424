/**
 * The broker's time, which due times are counted in: journal messages carry it. A node reads it off its own renewals
 * in the member bucket, once a second, and lets its monotonic clock run in between; its wall clock plays no part.
 */

/** A renewal that took longer than this to come back tells too little. */
const roundTripMaxMs = 1_000;

export class BrokerClock {
  readonly #monotonic: () => number;
  readonly #wall: () => number;
  #offset: number | undefined;

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
    if (heardAt - sentAt <= roundTripMaxMs) this.#offset = at - (sentAt + heardAt) / 2;
  }

  /** Epoch ms by the broker; by this machine while the broker's time is not known. */
  now(): number {
    return this.#offset === undefined ? this.#wall() : this.#monotonic() + this.#offset;
  }

  /** How far this machine's wall clock is ahead of the broker's, ms. */
  get skewMs(): number {
    return Math.round(this.#wall() - this.now());
  }
}
