/**
 * A marketplace's clock. With scale K a vendor's minute lasts 60/K seconds and its quotas are K times as large, so
 * that a trace replayed K times faster meets a marketplace that is K times faster too. Scale 1 is the vendor's own.
 */
export class SandboxClock {
  #scale = 1;

  constructor(scale = 1) {
    this.scale = scale;
  }

  get scale(): number {
    return this.#scale;
  }

  /** From now on; what was handed out with an end, such as a token, keeps it. */
  set scale(scale: number) {
    if (!(scale > 0)) throw new RangeError(`clock scale must be above 0, got ${scale}`);
    this.#scale = scale;
  }

  now(): number {
    return Date.now();
  }

  /** How long a vendor's duration lasts here, in real ms. */
  real(vendorMs: number): number {
    return vendorMs / this.scale;
  }
}

/** A published rate limit: `perSecond` and `burst` as the vendor documents them, multiplied by the clock's scale. */
export class Bucket {
  readonly #vendor: { perSecond: number; burst: number };
  #level: number;
  #at: number;
  readonly #clock: SandboxClock;

  constructor(clock: SandboxClock, perSecond: number, burst: number) {
    this.#vendor = { perSecond, burst };
    this.#clock = clock;
    this.#level = this.burst;
    this.#at = clock.now();
  }

  get perSecond(): number {
    return this.#vendor.perSecond * this.#clock.scale;
  }

  get burst(): number {
    return this.#vendor.burst * this.#clock.scale;
  }

  get level(): number {
    const now = this.#clock.now();
    this.#level = Math.min(this.burst, this.#level + ((now - this.#at) / 1000) * this.perSecond);
    this.#at = now;
    return this.#level;
  }

  /** Takes `cost` and says true, or takes nothing and says false. */
  take(cost = 1): boolean {
    if (this.level < cost) return false;
    this.#level -= cost;
    return true;
  }

  /** Gives back what was reserved and not used. */
  give(units: number): void {
    this.#level = Math.min(this.burst, this.level + units);
  }

  /** Real ms until `cost` is there. */
  waitMs(cost = 1): number {
    return Math.max(0, ((cost - this.level) / this.perSecond) * 1000);
  }
}
