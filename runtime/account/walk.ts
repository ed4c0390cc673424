/**
 * Goes through the account's whole list of listings, by the endpoint that lists them: once a day, so that known listings are
 * written as the channel wants them written by now (an account may be moved to another way of keeping stock), and whenever
 * so much is due to be read that pages are far cheaper than reads of single listings. New listings are left to an import.
 */
import type { Operation, Reading } from '../../actors/channel/adapter.ts';
import { AuthError, ThrottledError } from '../../actors/errors.ts';
import { linkListing } from '../import.ts';
import type { Desk } from './ports.ts';
import type { When } from './reads.ts';
import type { Sweep } from './sweep.ts';

const dayMs = 86_400_000;
/** After a walk that failed, ms. */
const pauseMs = 60_000;
/** A page costs a listing so much less than a read, or it is not walked for reading's sake. */
const cheaperBy = 4;
/** And as many pages' worth of listings are due, or wait for their proof. */
const pagesDue = 2;
/** The part of the bucket that a walk leaves for what is more urgent. */
const keeps = 0.5;

/** How far a walk has come that somebody asked for. */
export interface WalkProgress { underway: boolean; seen: number; beganAt?: number; endedAt?: number; error?: string }

export class Walk {
  readonly #desk: Desk;
  readonly #sweep: Sweep;
  readonly #judge: (sku: string, reading: Reading, when: When) => void;
  readonly #isCheap: boolean;
  #underway = false;
  #notBefore = 0;
  #asked = false;
  #progress: WalkProgress = { underway: false, seen: 0 };
  /** When the last whole walk began. */
  #at: number;

  /** @param judge what becomes of a reading on a page */
  constructor(desk: Desk, sweep: Sweep, judge: (sku: string, reading: Reading, when: When) => void, left: number | undefined) {
    this.#desk = desk;
    this.#sweep = sweep;
    this.#judge = judge;
    this.#at = left ?? Date.now();
    const { listings, read } = desk.ports.adapter.operations;
    const perSecond = ({ limit, cost, batch }: typeof listings): number => (desk.budget.perSecond(limit) / cost) * batch;
    this.#isCheap = perSecond(listings) >= cheaperBy * perSecond(read);
  }

  /** For the account's record: a next owner does not begin the day anew. */
  get at(): number {
    return this.#at;
  }

  get progress(): WalkProgress {
    return this.#progress;
  }

  /** Somebody wants every listing to be looked at: soon, unless that is under way. */
  ask(): WalkProgress {
    if (!this.#progress.underway) {
      this.#asked = true;
      this.#notBefore = 0;
      this.#progress = { underway: true, seen: 0, beganAt: Date.now() };
      this.#desk.wake(0);
    }
    return this.#progress;
  }

  pump(now: number): void {
    const { health, pairs, pending, track, ports: { adapter, times: { walkMs = dayMs } } } = this.#desk;
    if (this.#underway || !health.mayRead || health.isTrying || pairs.size === 0 || now < this.#notBefore) return;
    const isDaily = now - this.#at >= walkMs;
    const forReading = this.#asked || (this.#isCheap && this.#sweep.dueCount + pending.readsWaiting >= pagesDue * adapter.operations.listings.batch);
    if (!isDaily && !forReading) return;
    this.#underway = true;
    const asked = this.#asked;
    this.#asked = false;
    track(this.#walk(forReading).then(() => asked && this.#ended(), error => {
      if (asked) this.#ended((error as Error).message);
      this.#failed(error as Error);
    }).finally(() => {
      this.#underway = false;
      this.#desk.wake(0);
    }));
  }

  async #walk(forReading: boolean): Promise<void> {
    const { ports: { adapter, account, log }, pairs, counts, health, isOver, call, ordersKnownThrough } = this.#desk;
    const began = Date.now();
    const seen = new Set<string>();
    const others: Reading[] = [];
    let relinked = 0;
    let cursor: string | undefined;
    do {
      const operation = adapter.listingsOperation?.(cursor) ?? adapter.operations.listings;
      if (!await this.#paid(operation)) return;
      const when = { beganAt: Date.now(), ordersKnownBefore: ordersKnownThrough() };
      const page = await call(operation.limit, [], told => adapter.listings(cursor, told));
      health.tell({ type: 'call.succeeded' });
      counts.reads += page.readings.length;
      if (this.#progress.underway) this.#progress = { ...this.#progress, seen: this.#progress.seen + page.readings.length };
      const endedAt = Date.now();
      for (const reading of page.readings) {
        const { id, sku, fields } = reading.listing;
        seen.add(id);
        const pair = pairs.peek(sku);
        if (!pair) continue;
        if (pair.linked.id !== id) { others.push(reading); continue; }
        if (!isSame(pair.linked.fields, fields)) relinked += await this.#relink(reading);
        else if (forReading) this.#judge(sku, reading, { ...when, endedAt });
      }
      cursor = page.cursor;
    } while (cursor !== undefined && !isOver());
    // A SKU whose listing is gone and that has another one now: the channel has moved it.
    for (const reading of others) if (!seen.has(pairs.peek(reading.listing.sku)?.linked.id ?? '')) relinked += await this.#relink(reading);
    this.#at = began;
    if (relinked > 0) log.warn({ account, relinked }, 'listings are to be written another way by now');
  }

  #ended(error?: string): void {
    this.#progress = { ...this.#progress, underway: false, endedAt: Date.now(), ...(error !== undefined && { error }) };
  }

  async #relink(reading: Reading): Promise<number> {
    const { ports, journal } = this.#desk;
    return await linkListing({ ...ports, publish: (sku, id, fact) => journal.fact(sku, id, fact) }, reading) ? 1 : 0;
  }

  /** Waits until a page may be paid and something is left. @returns false where the account is being released */
  async #paid(operation: Operation): Promise<boolean> {
    const { budget, counts, isOver } = this.#desk;
    for (;;) {
      if (isOver()) return false;
      const now = Date.now();
      const wait = budget.waitKeeping(operation, keeps, now) || budget.pay(operation, now);
      if (wait === 0) break;
      await new Promise(resolve => setTimeout(resolve, Math.min(250, Math.max(5, wait))));
    }
    counts.calls += 1;
    return true;
  }

  #failed(error: Error): void {
    const { ports: { account, adapter, log }, budget, counts, health } = this.#desk;
    const now = Date.now();
    this.#notBefore = now + pauseMs;
    if (error instanceof ThrottledError) {
      counts.throttled += 1;
      return budget.throttle(adapter.operations.listings.limit, error.retryAfterMs, now);
    }
    if (error instanceof AuthError) return health.tell({ type: 'auth.failed', reason: error.message, at: now });
    log.warn({ err: error, account }, 'walk through the listings failed, trying again later');
  }
}

function isSame(a: Record<string, string>, b: Record<string, string>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every(key => a[key] === b[key]);
}
