/** How old proofs are by class of SKU, and whether the read budget can keep what is promised of them. Pure. */
import type { Pair } from './proof.ts';
import { isProven, onSale } from './proof.ts';
import { classOf, soldBy, stockClasses } from './risk.ts';
import type { ProofAges, StockClass } from './risk.ts';

/** Ages of proof are counted up to these, ms, and beyond the last. */
export const ageBoundsMs = [1_000, 5_000, 15_000, 60_000, 300_000, 900_000, 3_600_000, 21_600_000, 86_400_000] as const;

export interface ClassProofs { count: number; maxAgeMs: number; p99: number; oldest: number; overdue: number }

export interface ProofFigures {
  /**
   * Ages of all proofs, ms. Pairs without an intent are not counted; `never` have no proof yet, and no age. `histogram`:
   * how many up to each of `ageBoundsMs`, and beyond.
   */
  ages: { p50: number; p99: number; oldest: number; count: number; never: number; histogram: number[] };
  classes: Record<StockClass, ClassProofs>;
  proven: number;
  drained: number;
  /** Reading every listing once takes so long with what the watch set leaves of the budget, ms. */
  sweepMs: number;
  /** What the promised ages and the watch set take of the budget: above 1 they cannot be kept. */
  load: number;
}

export interface ReadBudget {
  maxAge: ProofAges;
  /** What one listing's read takes of which limit. */
  priceOf(pair: Pair): { limit: string; cost: number };
  perSecond(limit: string): number;
  watch: { everyMs: number; isWatched(sku: string): boolean };
}

export function proofFigures(pairs: Iterable<Pair>, budget: ReadBudget, now: number): ProofFigures {
  const tally = new ProofTally(budget, now);
  for (const pair of pairs) tally.add(pair);
  return tally.figures();
}

/** Counts pair by pair: there may be too many to go through them at once. */
export class ProofTally {
  readonly #budget: ReadBudget;
  readonly #now: number;
  readonly #all: number[] = [];
  /** Of what is proven: what is not has a job of its own, and is watched as that. */
  readonly #byClass: Record<StockClass, number[]> = { last: [], few: [], plenty: [] };
  /** Units of each limit: a second for what is promised, a second for the watch set, and for all listings once. */
  readonly #limits = new Map<string, { promised: number; watched: number; once: number }>();
  #never = 0;
  #drained = 0;

  /** @param now that ages are told by */
  constructor(budget: ReadBudget, now: number) {
    this.#budget = budget;
    this.#now = now;
  }

  add(pair: Pair): void {
    const { maxAge, priceOf, watch } = this.#budget;
    const { provenAt, sold = 0 } = pair;
    if (pair.drained) this.#drained += 1;
    if (pair.shadow || (!pair.intended && !pair.cell)) return;
    const { quantity, decidedAt } = onSale(pair);
    const kind = classOf(quantity, soldBy(sold, decidedAt, this.#now));
    // What was proven while others were counted is new.
    const age = Math.max(0, this.#now - provenAt);
    if (provenAt === 0) this.#never += 1;
    else this.#all.push(age);
    if (isProven(pair)) this.#byClass[kind].push(age);
    const { limit, cost } = priceOf(pair);
    let spent = this.#limits.get(limit);
    if (!spent) this.#limits.set(limit, spent = { promised: 0, watched: 0, once: 0 });
    spent.once += cost;
    if (watch.isWatched(pair.sku)) spent.watched += cost / watch.everyMs * 1_000;
    else spent.promised += cost / maxAge[kind] * 1_000;
  }

  figures(): ProofFigures {
    const { maxAge, perSecond } = this.#budget;
    let load = 0;
    let sweepMs = 0;
    for (const [limit, { promised, watched, once }] of this.#limits) {
      const budget = perSecond(limit);
      load = Math.max(load, (promised + watched) / budget);
      sweepMs = Math.max(sweepMs, once / Math.max(budget - watched, budget / 100) * 1_000);
    }
    const classes = Object.fromEntries(stockClasses.map(kind => {
      const ages = Float64Array.from(this.#byClass[kind]).sort();
      const maxAgeMs = maxAge[kind];
      return [kind, { count: ages.length, maxAgeMs, p99: quantile(ages, 0.99), oldest: ages.at(-1) ?? 0, overdue: ages.filter(age => age > maxAgeMs).length }];
    })) as Record<StockClass, ClassProofs>;
    const all = Float64Array.from(this.#all).sort();
    return {
      ages: { p50: quantile(all, 0.5), p99: quantile(all, 0.99), oldest: all.at(-1) ?? 0, count: all.length + this.#never, never: this.#never, histogram: histogramOf(all) },
      classes, drained: this.#drained, proven: stockClasses.reduce((sum, kind) => sum + classes[kind].count, 0), sweepMs: Math.round(sweepMs), load: Math.round(load * 1_000) / 1_000,
    };
  }
}

function histogramOf(sorted: Float64Array): number[] {
  const counts = new Array<number>(ageBoundsMs.length + 1).fill(0);
  let bound = 0;
  for (const age of sorted) {
    while (bound < ageBoundsMs.length && age > ageBoundsMs[bound]!) bound += 1;
    counts[bound]! += 1;
  }
  return counts;
}

function quantile(sorted: Float64Array, q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;
}
