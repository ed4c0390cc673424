/**
 * What the machine itself took: on two busy cores everything stands still now and then, and no node is to blame. Told
 * by a timer that should ring every 50 ms in this process.
 */

const everyMs = 50;
/** A ring that is later than this counts. */
const lateMs = 100;

export class Strain {
  readonly #late: { at: number; ms: number }[] = [];
  readonly #timer: NodeJS.Timeout;
  #last = performance.now();

  constructor() {
    this.#timer = setInterval(() => {
      const now = performance.now();
      const late = now - this.#last - everyMs;
      if (late > lateMs) this.#late.push({ at: Date.now(), ms: late });
      this.#last = now;
    }, everyMs);
  }

  /** How long it stood still between two times, epoch ms. */
  between(from: number, to: number): number {
    return Math.round(this.#late.filter(({ at }) => at > from && at <= to).reduce((sum, { ms }) => sum + ms, 0));
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
