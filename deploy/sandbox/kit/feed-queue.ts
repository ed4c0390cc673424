/**
 * A marketplace's queue of feeds: each is taken at once, carried out when its turn has come, and ends with a result of
 * each entry. Nothing is promised about the order against calls for one listing, so a feed may undo a newer write.
 */
import { randomUUID } from 'node:crypto';
import type { Shop } from './shop.ts';

export interface QueuedEntry { sku: string; quantity: number }

/** Undefined: taken up. */
export type EntryFault = 'data' | 'system' | 'unknown' | undefined;

export interface QueuedFeed {
  id: string;
  entries: readonly QueuedEntry[];
  createdAt: number;
  state: 'queued' | 'working' | 'done' | 'fatal';
  /** By entry, once it is done. */
  faults: EntryFault[];
  /** The document could not be read: nothing of it is carried out. */
  unreadable?: string;
}

/** How often a feed that is stuck looks whether it still is, ms. */
const lookMs = 10;

export class FeedQueue {
  readonly feeds = new Map<string, QueuedFeed>();
  readonly #shop: Shop;
  readonly #processMs: number;
  readonly #apply: (entry: QueuedEntry) => void;
  /** The end of the queue: one after the other. */
  #last: Promise<void> = Promise.resolve();

  /**
   * @param processMs vendor's ms that a feed waits and takes
   * @param apply carries one entry out; of an unknown SKU it is not asked
   */
  constructor(shop: Shop, processMs: number, apply: (entry: QueuedEntry) => void) {
    this.#shop = shop;
    this.#processMs = processMs;
    this.#apply = apply;
  }

  submit(entries: readonly QueuedEntry[], { id = randomUUID(), unreadable }: { id?: string; unreadable?: string | undefined } = {}): QueuedFeed {
    const feed: QueuedFeed = { id, entries, createdAt: this.#shop.clock.now(), state: 'queued', faults: [], ...(unreadable !== undefined && { unreadable }) };
    this.feeds.set(id, feed);
    this.#shop.count('feeds');
    this.#last = this.#last.then(() => this.#run(feed));
    return feed;
  }

  async #run(feed: QueuedFeed): Promise<void> {
    const { clock, faults } = this.#shop;
    const half = clock.real(this.#processMs) / 2;
    await pause(half);
    feed.state = 'working';
    await pause(half);
    while (faults.hit('feed-stuck', 'write')) await pause(lookMs);
    if (feed.unreadable !== undefined) {
      feed.state = 'done';
      return;
    }
    const fatal = faults.hit('feed-fatal', 'write');
    const bad = faults.hit('feed-errors', 'write');
    const late = faults.hit('feed-late', 'write');
    const carried = fatal ? feed.entries.slice(0, Math.ceil(feed.entries.length / 2)) : feed.entries;
    feed.faults = feed.entries.map(({ sku }) => (bad?.skus.includes(sku) ? bad.why : this.#shop.listings.has(sku) ? undefined : 'unknown'));
    const run = (): void => carried.forEach((entry, n) => { if (feed.faults[n] === undefined) this.#apply(entry); });
    if (late) setTimeout(run, late.delayMs).unref();
    else run();
    feed.state = fatal ? 'fatal' : 'done';
  }
}

const pause = (ms: number): Promise<void> => new Promise(resolve => { setTimeout(resolve, ms).unref(); });
