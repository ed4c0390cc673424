/**
 * Which listings are read next though no job asks for it, and when: what is suspected or was told of at once, the watch
 * set every few seconds, and everything else before its proof gets too old. The read budget is spent where the risk is.
 */
import type { Listing, Operation } from '../../actors/channel/adapter.ts';
import { Heap } from '../../actors/heap.ts';
import { plan, urgency, urgentAt } from '../../actors/reconciler/plan.ts';
import type { ReadPlan } from '../../actors/reconciler/plan.ts';
import type { Pair } from '../../actors/reconciler/proof.ts';
import { proofEarly } from '../../actors/reconciler/progress.ts';
import { proofAges } from '../../actors/reconciler/risk.ts';
import type { Desk } from './ports.ts';

/** The part of a read bucket that sweeps leave for verification. */
const sweepKeeps = 0.5;
const planEveryMs = 1_000;
/** Who is watched is thought over so often. */
const watchEveryMs = 2_000;
/** Looking for what is due takes no more of the time than one part in so many; a node has several accounts. */
const planShare = 250;
/** Listings that one look finds: more than can be read until the next. */
const planMost = 4_000;
/** The watched are read so much before their time, so that they are read within it. */
const watchEarly = 0.8;

/** SKUs that may be read in one call. */
export interface Swept { operation: Operation; skus: string[] }

interface Due { sku: string; limit: string }

export class Sweep {
  readonly settings: ReadPlan;
  readonly #desk: Desk;
  /** SKUs whose read is under way. */
  readonly #underway = new Set<string>();
  /** When those that are suspected, or were told of, can be read. */
  readonly #urgent = new Heap<string>();
  /** Suspected, and to be read as soon as orders are complete to then, channel's clock. */
  readonly #awaiting = new Map<string, number>();
  /** The watch set with the limit that each read is paid from, and when each is to be read. */
  #watched = new Map<string, string>();
  readonly #watchAt = new Heap<string>();
  readonly #leaving = new Set<string>();
  /** What is due and was not read yet, the most urgent first. */
  #hot: Due[] = [];
  #watch: Due[] = [];
  #due: Due[] = [];
  /** When to look again. */
  #planAt = 0;
  #chooseAt = 0;

  constructor(desk: Desk) {
    this.#desk = desk;
    const { maxProofAgeMs, apartMs } = desk.ports.times;
    const { last, few, plenty } = proofAges(maxProofAgeMs);
    // Read before they are too old, so that they never are.
    this.settings = { maxAge: { last: last * proofEarly, few: few * proofEarly, plenty: plenty * proofEarly }, apartMs };
  }

  /** The watch set, those at most risk first. */
  get watched(): Iterable<string> {
    return this.#watched.keys();
  }

  get watchedCount(): number {
    return this.#watched.size;
  }

  /** Listings that were found to be due and are not read yet. */
  get dueCount(): number {
    return this.#due.length;
  }

  isWatched(sku: string): boolean {
    return this.#watched.has(sku);
  }

  /** When something comes to be due that was not so yet. */
  get nextAt(): number {
    return Math.min(this.#urgent.nextAt ?? Infinity, this.#watchAt.nextAt ?? Infinity);
  }

  /** A pair is suspected, or was told of. */
  urge(pair: Pair): void {
    const awaits = pair.suspicion?.awaits;
    if (awaits !== undefined) return void this.#awaiting.set(pair.sku, awaits);
    const at = urgentAt(pair, this.settings.apartMs);
    if (at !== undefined) this.#urgent.add(at, pair.sku);
  }

  /** What the budget lets be read now in one call, paid for. `done` has to be told of it. */
  take(now: number): Swept | undefined {
    this.#look(now);
    // The watch set is no larger than its share of what comes back: it takes nothing more from verification.
    return this.#from(this.#hot, 0, now) ?? this.#from(this.#watch, 0, now) ?? this.#from(this.#due, sweepKeeps, now);
  }

  done(skus: readonly string[]): void {
    for (const sku of skus) {
      this.#underway.delete(sku);
      this.#leaving.delete(sku);
    }
  }

  #look(now: number): void {
    const { pairs, ports: { times: { watch: { everyMs } } } } = this.#desk;
    if (now >= this.#chooseAt) this.#choose(now);
    if (now >= this.#planAt) this.#plan(now);
    if (this.#awaiting.size > 0) this.#ordersCame(now);
    for (let next = this.#urgent.take(now); next; next = this.#urgent.take(now)) this.#add(this.#hot, pairs.peek(next.value));
    const early = everyMs * watchEarly;
    for (let next = this.#watchAt.take(now); next; next = this.#watchAt.take(now)) {
      const pair = pairs.peek(next.value);
      if (!pair) continue;
      const at = Math.max(pair.provenAt, pair.readAt) + early;
      if (!this.#watched.has(next.value)) {
        // Who has left the set is read once more: what was promised of it stands until then.
        if (at <= now) { this.#leaving.add(pair.sku); this.#add(this.#watch, pair); }
        continue;
      }
      this.#watchAt.add(at > now ? at : now + early, next.value);
      if (at <= now) this.#add(this.#watch, pair);
    }
  }

  #ordersCame(now: number): void {
    const through = this.#desk.ordersCompleteThrough();
    for (const [sku, awaits] of this.#awaiting) {
      if (through < awaits) continue;
      this.#awaiting.delete(sku);
      const { suspicion } = this.#desk.pairs.peek(sku) ?? {};
      if (suspicion?.awaits !== awaits) continue;
      delete suspicion.awaits;
      suspicion.nextAt = now;
      // A job reads for itself.
      if (!this.#desk.pending.hasten(sku, now)) this.#urgent.add(now, sku);
    }
  }

  #add(queue: Due[], pair: Pair | undefined): void {
    if (pair) queue.push({ sku: pair.sku, limit: this.operation(pair.listing).limit });
  }

  /** The riskiest, as far as their part of the budget goes. */
  #choose(now: number): void {
    const began = performance.now();
    const { pairs, budget, findings, ports: { priceOf, times: { watch: { everyMs, share, most } } } } = this.#desk;
    const left = new Map<string, number>();
    const watched = new Map<string, string>();
    for (const sku of pairs.riskiest(most, now, sku => ({ price: priceOf(sku), drifted: findings.hasDrifted(sku, now), watched: this.#watched.has(sku) }))) {
      const { limit, cost, batch } = this.operation(pairs.peek(sku)!.listing);
      const rest = left.get(limit) ?? budget.lastingPerSecond(limit) * share * everyMs / 1_000;
      if (rest < cost / batch) continue;
      left.set(limit, rest - cost / batch);
      watched.set(sku, limit);
      if (!this.#watched.has(sku)) this.#watchAt.add(now, sku);
    }
    this.#watched = watched;
    this.#chooseAt = now + Math.max(watchEveryMs, (performance.now() - began) * planShare);
  }

  /** Looks through the pairs for what is due; seldom, where that takes long. */
  #plan(now: number): void {
    const began = performance.now();
    // An account that is merely connected is read where something asks for it.
    this.#due = this.#desk.stage.name === 'connect' ? [] : plan(this.#desk.pairs.due(now, this.settings), planMost, now, this.settings).map(({ sku, listing }) => ({ sku, limit: this.operation(listing).limit }));
    this.#planAt = now + Math.max(planEveryMs, (performance.now() - began) * planShare);
  }

  operation(listing: Listing): Operation {
    const { adapter } = this.#desk.ports;
    return adapter.readOperation?.(listing) ?? adapter.operations.read;
  }

  /** @param keep share of the bucket that is left over */
  #from(queue: Due[], keep: number, now: number): Swept | undefined {
    const { pairs, budget, wake } = this.#desk;
    const poor = new Set<string>();
    for (let i = 0; i < queue.length;) {
      const { sku, limit } = queue[i]!;
      if (poor.has(limit)) { i += 1; continue; }
      const first = this.#wanted(sku, now);
      if (!first) { queue.splice(i, 1); this.#leaving.delete(sku); continue; }
      const operation = this.operation(first.listing);
      const wait = budget.waitKeeping(operation, keep, now);
      if (wait > 0) {
        poor.add(limit);
        if (keep === 0) wake(wait);
        i += 1;
        continue;
      }
      queue.splice(i, 1);
      const skus = [sku];
      const most = first.solo ? 1 : budget.affordable(operation, now);
      for (const from of [queue, this.#watch, this.#due]) this.#fill(skus, from, operation.limit, most, now);
      budget.pay(operation, now, skus.length);
      for (const each of skus) {
        this.#underway.add(each);
        pairs.get(each);
      }
      return { operation, skus };
    }
    return undefined;
  }

  /** What else is due is read in the same call. */
  #fill(skus: string[], from: Due[], limit: string, most: number, now: number): void {
    for (let i = 0; i < from.length && skus.length < most;) {
      const { sku } = from[i]!;
      if (from[i]!.limit !== limit) { i += 1; continue; }
      const pair = skus.includes(sku) ? undefined : this.#wanted(sku, now);
      if (pair?.solo) { i += 1; continue; }
      from.splice(i, 1);
      if (pair) skus.push(sku);
    }
  }

  /** Found a while ago: it may have been read, or written, since. */
  #wanted(sku: string, now: number): Pair | undefined {
    const { pairs, ports: { times: { watch: { everyMs } } } } = this.#desk;
    if (this.#underway.has(sku)) return undefined;
    const pair = pairs.peek(sku);
    return pair && urgency(pair, now, this.settings, this.#watched.has(sku) || this.#leaving.has(sku) ? everyMs * watchEarly : Infinity) >= 1 ? pair : undefined;
  }
}
