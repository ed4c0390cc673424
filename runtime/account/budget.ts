/** What an account may still spend at its channel: one bucket per published limit, kept in the account's record. */
import type { Meter, Operation } from '../../actors/channel/adapter.ts';
import { drainMs, refill, resumed, spend, throttled, told, waitMs } from '../../actors/channel/rate.ts';
import type { Bucket, Limit } from '../../actors/channel/rate.ts';

export class Budget {
  readonly buckets: Record<string, Bucket>;
  readonly #name: string;
  /** When the channel last refused for rate without a word on how long. */
  refusedAt = 0;

  /** @param left the buckets of the former owner: a new one does not burst */
  constructor({ name, limits, left = {}, now }: { name: string; limits: Record<string, Limit>; left?: Record<string, Bucket> | undefined; now: number }) {
    this.#name = name;
    this.buckets = Object.fromEntries(Object.entries(limits).map(([limit, published]) => [limit, resumed(published, left[limit], now)]));
  }

  /** Spends what one call costs and returns 0, or spends nothing and returns the ms until it can be spent. */
  pay(operation: Operation, now: number, entries = operation.batch): number {
    const { limit } = operation;
    const cost = costOf(operation, entries);
    const bucket = this.#bucket(limit);
    const wait = waitMs(bucket, cost, now);
    if (wait === 0) this.buckets[limit] = spend(bucket, cost, now);
    return wait;
  }

  /** Ms until a call, of one entry where the price goes by them, could be paid with a share of the bucket left over for more urgent ones. */
  waitKeeping(operation: Operation, share: number, now: number): number {
    const bucket = this.#bucket(operation.limit);
    return waitMs(bucket, costOf(operation, 1), now, bucket.burst * share);
  }

  /** Entries of one call that could be paid now: of a price by entries as many as there is budget for, else all or none. */
  affordable(operation: Operation, now: number): number {
    const { batch, each } = operation;
    const bucket = this.#bucket(operation.limit);
    if (waitMs(bucket, costOf(operation, 1), now) > 0) return 0;
    return each === undefined ? batch : Math.max(1, Math.min(batch, Math.floor(refill(bucket, now).level / each)));
  }

  /** Real ms until so many calls could be paid, were nothing else. */
  drainMs({ limit, cost }: Operation, calls: number, now: number): number {
    return drainMs(this.#bucket(limit), calls, cost, now);
  }

  /** What comes back each second, day after day. */
  lastingPerSecond(limit: string): number {
    const { perSecond, perDay = Infinity } = this.#bucket(limit);
    return Math.min(perSecond, perDay / 86_400);
  }

  /** More than half of what one of them takes at once is spent. */
  isLow(now: number): boolean {
    return Object.values(this.buckets).some(bucket => refill(bucket, now).level < bucket.burst / 2);
  }

  perSecond(limit: string): number {
    return this.#bucket(limit).perSecond;
  }

  /** The channel refused for rate. */
  throttle(limit: string, retryAfterMs: number | undefined, now: number): void {
    if (retryAfterMs === undefined) this.refusedAt = now;
    this.buckets[limit] = throttled(this.#bucket(limit), retryAfterMs, now);
  }

  /** An answer told of a limit; of the call's own where it names one that we do not know. */
  told(meter: Meter, own: string, now: number): void {
    const limit = this.buckets[meter.limit] ? meter.limit : own;
    this.buckets[limit] = told(this.#bucket(limit), meter, now);
  }

  figures(now: number): Record<string, { level: number; burst: number; perSecond: number; waitMs: number; leftToday?: number }> {
    return Object.fromEntries(Object.entries(this.buckets).map(([name, bucket]) => {
      const { level, burst, perSecond, waitUntil, perDay, spentToday } = refill(bucket, now);
      return [name, {
        level: Math.round(level * 10) / 10, burst, perSecond, waitMs: Math.max(0, waitUntil - now),
        ...(perDay !== undefined && { leftToday: Math.max(0, perDay - spentToday) }),
      }];
    }));
  }

  #bucket(limit: string): Bucket {
    const bucket = this.buckets[limit];
    if (!bucket) throw new Error(`no limit named ${limit} for ${this.#name}: add it to config/limits`);
    return bucket;
  }
}

function costOf({ cost, each }: Operation, entries: number): number {
  return each === undefined ? cost : Math.min(cost, each * entries);
}
