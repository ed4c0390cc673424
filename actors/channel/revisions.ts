/**
 * Revisions of a listing: some channels take only so many changes of one listing a day (eBay 250). The last of them
 * are kept for writes that prevent an oversell. When the channel's day begins is not known, so that any stretch of a
 * day's length counts: this day's writes, and of the day before the share that such a stretch still covers. Pure: time
 * is an argument (epoch ms).
 */
import type { Lane } from '../sku/protocol.ts';

export interface RevisionLimit {
  perDay: number;
  /** So many of them are never spent on raises. */
  keep: number;
  /** The channel's day, ms. */
  dayMs: number;
}

/** Kept in the account's record, so that a new owner does not begin at none. */
export interface Revisions {
  /** When this day began. */
  from: number;
  /** By SKU; those that changed often. */
  spent: Record<string, number>;
  /** The same of the day before. */
  before: Record<string, number>;
}

/** A record holds no more SKUs than this, those that changed most. */
const toldMax = 2_000;
/** Below this share of the day's revisions a SKU's count is not worth keeping. */
const toldFrom = 0.1;

/** What is held is looked at again after so large a part of a day. */
const lookAgain = 24;

export class RevisionCount {
  readonly #limit: RevisionLimit;
  #from: number;
  #spent: Map<string, number>;
  #before: Map<string, number>;

  constructor(limit: RevisionLimit, left: Revisions | undefined, now: number) {
    this.#limit = limit;
    this.#from = left?.from ?? now;
    this.#spent = new Map(Object.entries(left?.spent ?? {}));
    this.#before = new Map(Object.entries(left?.before ?? {}));
  }

  /**
   * When to ask again whether this SKU may be written in this lane, ms; 0 when it may be now. What lowers is never
   * held: the channel may still take it.
   */
  waitMs(sku: string, lane: Lane, now: number): number {
    return lane === 'raise' && this.#isScarce(sku, now) ? Math.ceil(this.#limit.dayMs / lookAgain) : 0;
  }

  /** One write of it was sent. */
  spend(sku: string, now: number): void {
    this.#turn(now);
    this.#spent.set(sku, (this.#spent.get(sku) ?? 0) + 1);
  }

  /** For the account's record. */
  get told(): Revisions {
    return { from: this.#from, spent: this.#worth(this.#spent), before: this.#worth(this.#before) };
  }

  /** SKUs whose raises wait. */
  held(now: number): number {
    let held = 0;
    for (const sku of new Set([...this.#spent.keys(), ...this.#before.keys()])) if (this.#isScarce(sku, now)) held += 1;
    return held;
  }

  #isScarce(sku: string, now: number): boolean {
    this.#turn(now);
    const { perDay, keep, dayMs } = this.#limit;
    const covered = 1 - (now - this.#from) / dayMs;
    return (this.#spent.get(sku) ?? 0) + (this.#before.get(sku) ?? 0) * covered >= perDay - keep;
  }

  #turn(now: number): void {
    const { dayMs } = this.#limit;
    const days = Math.floor((now - this.#from) / dayMs);
    if (days < 1) return;
    this.#before = days === 1 ? this.#spent : new Map();
    this.#spent = new Map();
    this.#from += days * dayMs;
  }

  #worth(counts: ReadonlyMap<string, number>): Record<string, number> {
    return Object.fromEntries([...counts].filter(([, spent]) => spent >= this.#limit.perDay * toldFrom).sort((a, b) => b[1] - a[1]).slice(0, toldMax));
  }
}
