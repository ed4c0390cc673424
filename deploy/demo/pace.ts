/** The trace's clock: starts once, runs `speed` times faster than ours, can stand still. */

export class Pace {
  readonly #startMs: number;
  readonly #speed: number;
  readonly #now: () => number;
  /** Our time at which the trace's start would have been, had it never stood still. */
  #origin: number | undefined;
  #pausedAt: number | undefined;
  #resumed = Promise.withResolvers<void>();

  /** @param startMs the trace's time of the first event */
  constructor(startMs: number, speed: number, now: () => number) {
    this.#startMs = startMs;
    this.#speed = speed;
    this.#now = now;
  }

  start(): void {
    this.#origin = this.#now();
  }

  pause(): void {
    this.#pausedAt ??= this.#now();
  }

  resume(): void {
    if (this.#pausedAt === undefined) return;
    if (this.#origin !== undefined) this.#origin += this.#now() - Math.max(this.#pausedAt, this.#origin);
    this.#pausedAt = undefined;
    this.#resumed.resolve();
    this.#resumed = Promise.withResolvers<void>();
  }

  /** The trace's time now. */
  get traceMs(): number {
    if (this.#origin === undefined) return this.#startMs;
    const elapsed = Math.max(0, (this.#pausedAt ?? this.#now()) - this.#origin);
    return this.#startMs + elapsed * this.#speed;
  }

  /** Returns once the trace has come to `atMs`; at once when it is past it. Needs `start`. */
  async until(atMs: number): Promise<void> {
    for (;;) {
      if (this.#pausedAt !== undefined) {
        await this.#resumed.promise;
        continue;
      }
      const waitMs = (atMs - this.traceMs) / this.#speed;
      if (waitMs <= 0) return;
      await new Promise(resolve => setTimeout(resolve, Math.min(waitMs, 1_000)));
    }
  }
}
