/** What a set of simulated SKUs came to. */
import type { Run } from './run.ts';
import type { Figures } from './world.ts';

const kinds = ['lostBefore', 'lostAfter', 'late order', 'late', 'throttled', 'dropped', 'stale', 'repeated', 'delayed', 'undelivered', 'crash', 'zombie', 'cancel', 'hold', 'race', 'correction', 'restock', 'foreign write', 'loss', 'relist'];

export class Tally {
  skus = 0;
  days = 0;
  readonly figures: Figures = { facts: 0, writes: 0, withheld: 0, sold: 0, oversold: 0, unexplained: 0, lost: 0, doubled: 0, shortfalls: 0, counted: 0, convergedMs: 0 };
  readonly faults: Record<string, number> = {};
  readonly #converged: number[] = [];

  add({ world, fired }: Run): void {
    this.skus += 1;
    this.days += world.conditions.lengthMs / 86_400_000;
    for (const [name, value] of Object.entries(world.figures)) this.figures[name as keyof Figures] += value;
    this.#converged.push(world.figures.convergedMs);
    for (const name of fired) {
      const kind = kinds.find(one => name.startsWith(`${one} `));
      if (kind) this.faults[kind] = (this.faults[kind] ?? 0) + 1;
    }
  }

  /** From the end of buyers and faults to the last write, ms: half of the SKUs, 99 of 100, the slowest. */
  get converged(): number[] {
    const sorted = this.#converged.toSorted((a, b) => a - b);
    return [0.5, 0.99, 1].map(part => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0);
  }
}
