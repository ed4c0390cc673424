/**
 * What the feed under way holds, as stored: a next owner knows which listings it may still change. Stored before the
 * feed is handed in.
 */
import { isAwaited, overdueAt } from '../../actors/channel/bulk.ts';
import type { BulkRecord, BulkTimes, Feed, FeedLine } from '../../actors/channel/bulk.ts';
import type { Job } from '../../actors/channel/pending.ts';
import { OwnedRecord } from '../owned-record.ts';
import { channelRecord } from '../subjects.ts';
import type { Desk } from './ports.ts';

const retryMs = 1_000;

export class HeldFeed {
  readonly #desk: Desk;
  readonly #times: BulkTimes;
  readonly #record: OwnedRecord<BulkRecord>;
  readonly #lines = new Map<string, FeedLine>();
  #feed: Feed | undefined;
  #lastAt = 0;

  constructor(desk: Desk, times: BulkTimes) {
    this.#desk = desk;
    this.#times = times;
    const { account, records, onLost } = desk.ports;
    this.#record = new OwnedRecord(records, channelRecord.bulk(account), onLost);
  }

  get feed(): Feed | undefined {
    return this.#feed;
  }

  /** When the newest feed was begun. */
  get lastAt(): number {
    return this.#lastAt;
  }

  /** Takes over what the former owner had under way. @throws {PublishError} */
  async load(): Promise<void> {
    const left = await this.#record.load();
    if (!left) return;
    this.#lastAt = left.lastAt;
    // Handed in or not: it was stored before, and no id of it was.
    if (left.feed) this.#hold(left.feed.id === undefined ? { ...left.feed, lost: true } : left.feed);
  }

  /** When a job that waits for the feed may go on, epoch ms; 0 for one that does not wait. */
  heldUntil(job: Job): number {
    const feed = this.#feed;
    const line = this.#lines.get(job.sku);
    if (!feed || !line || !isAwaited(feed)) return 0;
    const isCarried = job.version === line[2] && job.phase === 'verify';
    return isCarried || comesAfter(job, line) ? overdueAt(feed, this.#times) : 0;
  }

  /** Newer raises of its SKUs wait no longer. */
  letGo({ entries }: Feed, now: number): void {
    const { pending } = this.#desk;
    for (const line of entries) {
      const job = pending.get(line[0]);
      if (job && comesAfter(job, line)) pending.resume(job, 'write', 0, now);
    }
  }

  /** Listings that are to show something else than the feed set are read: it may have come after our newer write. */
  lookAgain(): void {
    const listings: string[] = [];
    for (const [sku, quantity] of this.#lines.values()) {
      const pair = this.#desk.pairs.get(sku);
      if (!pair?.intended || pair.intended.quantity === quantity) continue;
      pair.overtaken = quantity;
      listings.push(sku);
    }
    this.#desk.nudge({ orders: false, listings });
  }

  /** @returns false where a new feed is not known to be stored: it holds nothing and must not be handed in */
  async begin(feed: Feed): Promise<boolean> {
    this.#hold(feed);
    this.#lastAt = feed.begunAt;
    if (await this.#save() === 'stored') return true;
    this.#hold(undefined);
    return false;
  }

  /** Holds it at once, or nothing any more, and resolves when that is stored. */
  async keep(feed: Feed | undefined): Promise<void> {
    this.#hold(feed);
    while (await this.#save() === 'unsure' && !this.#desk.isOver()) await new Promise(resolve => setTimeout(resolve, retryMs));
  }

  #hold(feed: Feed | undefined): void {
    this.#feed = feed;
    this.#lines.clear();
    for (const line of feed?.entries ?? []) this.#lines.set(line[0], line);
  }

  #save(): ReturnType<OwnedRecord<BulkRecord>['save']> {
    return this.#record.save(() => ({ v: 1, account: this.#desk.ports.account, lastAt: this.#lastAt, ...(this.#feed && { feed: this.#feed }) }));
  }
}

/** A newer raise by a call could be undone by the older one of the feed. What lowers does not wait. */
function comesAfter({ version, phase, lane }: Job, [, , carried]: FeedLine): boolean {
  return version > carried && phase === 'write' && lane === 'raise';
}
