/**
 * All pairs of one account, by SKU and by listing: objects while something goes on with them, rows of numbers as soon
 * as they have settled. Pure; times are arguments (epoch ms).
 */
import { Heap } from '../heap.ts';
import type { Outlet } from '../sku/protocol.ts';
import { NameIndex } from './name-index.ts';
import { ageUrgency } from './plan.ts';
import type { ReadPlan } from './plan.ts';
import { isProven, onSale } from './proof.ts';
import type { Pair } from './proof.ts';
import { riskOf } from './risk.ts';
import type { Stake } from './risk.ts';
import { isProvenAsIs, isSettled, Rows } from './settled.ts';

/** Rows that are allocated together: a power of two. */
const block = 1_024;
/** One call of `settle` looks at one in so many of the pairs at hand, and at a few at least. */
const settleShare = 16;
const settleLeast = 1_000;

/** No SKU or listing is named so. */
const nobody = '';

export class Pairs {
  readonly #restMs: number;
  /** Those at hand, and where `settle` goes on to look at them. */
  readonly #live = new Map<string, Pair>();
  #looking = this.#live.values();
  readonly #blocks: Rows[] = [];
  /** Names of every pair by row, whether it is at hand or not. */
  readonly #skus: string[] = [];
  readonly #ids: string[] = [];
  readonly #free: number[] = [];
  readonly #bySku = new NameIndex(row => this.#skus[row]!);
  readonly #byId = new NameIndex(row => this.#ids[row]!);
  /** Listings that SKUs once had: orders of them may still come. */
  readonly #former = new Map<string, string>();
  #size = 0;

  /** @param restMs `settlesWithin` of the account's times */
  constructor(restMs: number) {
    this.#restMs = restMs;
  }

  get size(): number {
    return this.#size;
  }

  /** Pairs that are held as objects. */
  get atHand(): number {
    return this.#live.size;
  }

  has(sku: string): boolean {
    return this.#bySku.find(sku) !== -1;
  }

  /**
   * To be read and changed at will, but not to be kept while time passes: a settled pair is another object the next
   * time, and changes of this one are lost then.
   */
  get(sku: string): Pair | undefined {
    const live = this.#live.get(sku);
    if (live) return live;
    const row = this.#bySku.find(sku);
    if (row === -1) return undefined;
    const pair = this.#take(row);
    this.#live.set(sku, pair);
    return pair;
  }

  /** As `get`, for who only looks: a settled pair stays so, and what is changed of its copy is lost. */
  peek(sku: string): Pair | undefined {
    const row = this.#live.has(sku) ? -1 : this.#bySku.find(sku);
    return row === -1 ? this.#live.get(sku) : this.#take(row);
  }

  /** A new pair, or one from `get` whose listing may be another one now. */
  set(pair: Pair, now: number): void {
    const { sku, linked: { id } } = pair;
    const known = this.#bySku.find(sku);
    const row = known === -1 ? this.#newRow(sku) : known;
    if (known !== -1 && this.#ids[row] !== id) this.#leaveListing(row);
    this.#ids[row] = id;
    this.#byId.set(id, row);
    if (known === -1 && isSettled(pair, now, this.#restMs)) this.#rows(row).put(row % block, pair);
    else this.#live.set(sku, pair);
  }

  /**
   * Takes in the record of a SKU that was not known and at which nothing is to be done: a node that takes an account over
   * is told of every one.
   *
   * @returns false when it was known, or is not proven: then nothing was done
   */
  learn(sku: string, outlet: Outlet, applied: number): boolean {
    if (!isProvenAsIs(outlet) || this.#bySku.find(sku) !== -1) return false;
    const row = this.#newRow(sku);
    this.#ids[row] = outlet.listing.id;
    this.#byId.set(outlet.listing.id, row);
    this.#rows(row).putProven(row % block, outlet, applied);
    return true;
  }

  /**
   * Takes note of how far the record has come that `outlet` is of, where that is what was told of this listing before: most
   * of what happens to a SKU concerns other channels.
   *
   * @returns false when it says anything new: then nothing was done
   */
  isTold(sku: string, outlet: Outlet, applied: number): boolean {
    const live = this.#live.get(sku);
    if (live) {
      if (live.told !== outlet || live.cell || this.skuOf(outlet.listing.id) !== sku) return false;
      live.applied = applied;
      return true;
    }
    const row = this.#bySku.find(sku);
    return row !== -1 && this.#byId.find(outlet.listing.id) === row && isProvenAsIs(outlet) && this.#rows(row).isTold(row % block, outlet, applied);
  }

  delete(sku: string): void {
    const row = this.#bySku.find(sku);
    if (row === -1) return;
    this.#leaveListing(row);
    this.#bySku.delete(sku, row);
    this.#live.delete(sku);
    this.#rows(row).clear(row % block);
    this.#skus[row] = this.#ids[row] = nobody;
    this.#free.push(row);
    this.#size -= 1;
  }

  /** The SKU that has this listing, or had it last. */
  skuOf(listing: string): string | undefined {
    const row = this.#byId.find(listing);
    return row === -1 ? this.#former.get(listing) : this.#skus[row];
  }

  /** Every pair, settled ones as copies. */
  *values(): Generator<Pair> {
    for (let row = 0; row < this.#skus.length; row++) {
      if (this.#skus[row] !== nobody) yield this.#live.get(this.#skus[row]!) ?? this.#take(row);
    }
  }

  /** Every pair that `plan` could choose by these settings for its age, settled ones as copies. */
  *due(now: number, { maxAge }: Pick<ReadPlan, 'maxAge'>): Generator<Pair> {
    yield* this.#live.values();
    const youngest = Math.min(maxAge.last, maxAge.few, maxAge.plenty);
    for (let row = 0; row < this.#skus.length; row++) {
      // Of most rows that is all: an object for each would be most of the work.
      if (now - this.#rows(row).seenAt(row % block) < youngest) continue;
      const stake = this.#rows(row).stake(row % block);
      if (!stake || ageUrgency({ ...stake, at: stake.seenAt }, now, maxAge) < 1) continue;
      if (!this.#live.has(this.#skus[row]!)) yield this.#take(row);
    }
  }

  /**
   * SKUs of the proven pairs with most at stake, the most first.
   *
   * @param known of a SKU from elsewhere: its price, whether it drifted of late, and is watched
   */
  riskiest(most: number, now: number, known: (sku: string) => Pick<Stake, 'price' | 'drifted' | 'watched'>): string[] {
    if (most === 0) return [];
    const best = new Heap<string>();
    const offer = (sku: string, stake: Stake, isLive: boolean): void => {
      const risk = riskOf({ ...stake, ...known(sku) }, now);
      if (best.size >= most && risk <= best.nextAt!) return;
      // Of a pair at hand its row may tell what was.
      if (!isLive && this.#live.has(sku)) return;
      best.add(risk, sku);
      if (best.size > most) best.take(Infinity);
    };
    for (const pair of this.#live.values()) if (isProven(pair)) offer(pair.sku, stakeOf(pair), true);
    for (let row = 0; row < this.#skus.length; row++) {
      const stake = this.#rows(row).stake(row % block);
      if (stake) offer(this.#skus[row]!, stake, false);
    }
    const skus: string[] = [];
    for (let next = best.take(Infinity); next; next = best.take(Infinity)) skus.push(next.value);
    return skus.reverse();
  }

  /** Puts those at hand that have settled into their rows, some at a time: to be called now and then. */
  settle(now: number): void {
    for (let left = Math.max(settleLeast, this.#live.size / settleShare); left > 0; left--) {
      const { value: pair } = this.#looking.next();
      if (!pair) {
        this.#looking = this.#live.values();
        return;
      }
      if (!isSettled(pair, now, this.#restMs)) continue;
      const row = this.#bySku.find(pair.sku);
      this.#rows(row).put(row % block, pair);
      this.#live.delete(pair.sku);
    }
  }

  #take(row: number): Pair {
    return this.#rows(row).take(row % block, this.#skus[row]!, this.#ids[row]!);
  }

  #rows(row: number): Rows {
    return this.#blocks[row / block | 0]!;
  }

  #newRow(sku: string): number {
    const row = this.#free.pop() ?? this.#skus.length;
    if (row === this.#skus.length) {
      this.#ids.push(nobody);
      this.#skus.push(sku);
      if (row % block === 0) this.#blocks.push(new Rows(block));
    } else {
      this.#skus[row] = sku;
    }
    this.#bySku.add(sku, row);
    this.#size += 1;
    return row;
  }

  #leaveListing(row: number): void {
    const id = this.#ids[row]!;
    if (this.#byId.find(id) !== row) return;
    this.#byId.delete(id, row);
    this.#former.set(id, this.#skus[row]!);
  }
}

function stakeOf(pair: Pair): Stake {
  const { sold = 0, provenAt, readAt, provenBy } = pair;
  const { quantity, decidedAt } = onSale(pair);
  return { quantity, sold, decidedAt, seenAt: Math.max(provenAt, readAt), unseen: provenBy === 'write' };
}
