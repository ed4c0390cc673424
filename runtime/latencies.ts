/** Quantiles of the latest durations, for figures that people look at. */
const kept = 4_096;

export class Latencies {
  readonly #ring: number[] = [];
  #count = 0;
  /** Told of each, where somebody listens. */
  onAdd: ((ms: number) => void) | undefined;

  add(ms: number): void {
    this.onAdd?.(ms);
    this.#ring[this.#count % kept] = ms;
    this.#count += 1;
  }

  /** ms; `count` is of all durations ever added. */
  summary(): { p50: number; p99: number; count: number } {
    const sorted = [...this.#ring].sort((a, b) => a - b);
    const at = (q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;
    return { p50: at(0.5), p99: at(0.99), count: this.#count };
  }
}
