/**
 * Token buckets as data: what a channel publishes as its limits, corrected by what its answers tell. Pure: time is
 * an argument (epoch ms). Waiting for rate costs no attempt.
 */
import type { Meter } from './adapter.ts';

/** A published limit, from `config/limits/<channel>.yaml`. */
export interface Limit {
  perSecond: number;
  burst: number;
  /** Calls a day beyond which the channel refuses whatever the bucket holds. */
  perDay?: number;
}

/** Kept in the account's record, so that a new owner does not burst. */
export interface Bucket extends Limit {
  level: number;
  at: number;
  /** The channel asked for silence until then. */
  waitUntil: number;
  /** Spent since `dayFrom`. */
  spentToday: number;
  dayFrom: number;
}

const dayMs = 86_400_000;

export function newBucket(limit: Limit, now: number): Bucket {
  return { ...limit, level: limit.burst, at: now, waitUntil: 0, spentToday: 0, dayFrom: now };
}

/**
 * The bucket that a former owner left, under today's limits: a configuration that was changed counts, and what the
 * answers tell of the rate is told again soon.
 */
export function resumed(limit: Limit, left: Bucket | undefined, now: number): Bucket {
  if (!left) return newBucket(limit, now);
  const { level, at, waitUntil, spentToday, dayFrom } = left;
  return refill({ ...limit, level: Math.min(level, limit.burst), at, waitUntil, spentToday, dayFrom }, now);
}

export function refill(bucket: Bucket, now: number): Bucket {
  const elapsed = Math.max(0, now - bucket.at);
  const level = Math.min(bucket.burst, bucket.level + (elapsed / 1000) * bucket.perSecond);
  const newDay = now - bucket.dayFrom >= dayMs;
  return { ...bucket, level, at: now, ...(newDay && { spentToday: 0, dayFrom: now }) };
}

/** Real ms until `cost` may be spent; 0 when it may be now. `keep` tokens are left for more urgent calls. */
export function waitMs(bucket: Bucket, cost: number, now: number, keep = 0): number {
  const { level, perSecond, waitUntil, perDay, spentToday, dayFrom } = refill(bucket, now);
  if (perDay !== undefined && spentToday + cost > perDay) return dayFrom + dayMs - now;
  const wanted = Math.min(cost + keep, bucket.burst);
  return Math.max(waitUntil - now, level >= wanted ? 0 : Math.ceil(((wanted - level) / perSecond) * 1000), 0);
}

/** Real ms until `calls` of `cost` each could all be paid, at the pace of now; beyond a day's quota the next days count. */
export function drainMs(bucket: Bucket, calls: number, cost: number, now: number): number {
  if (calls <= 0) return 0;
  const { level, perSecond, waitUntil, perDay, spentToday, dayFrom } = refill(bucket, now);
  const total = calls * cost;
  const byRate = Math.max(0, waitUntil - now) + Math.max(0, ((total - level) / perSecond) * 1000);
  if (perDay === undefined || total <= perDay - spentToday) return Math.ceil(byRate);
  const days = Math.ceil((total - Math.max(0, perDay - spentToday)) / perDay);
  return Math.ceil(Math.max(byRate, dayFrom + days * dayMs - now));
}

/** Spends `cost`; the caller has asked `waitMs` first. */
export function spend(bucket: Bucket, cost: number, now: number): Bucket {
  const full = refill(bucket, now);
  return { ...full, level: full.level - cost, spentToday: full.spentToday + cost };
}

/** The channel refused for rate: the bucket was emptier than we thought. */
export function throttled(bucket: Bucket, retryAfterMs: number | undefined, now: number): Bucket {
  const full = refill(bucket, now);
  const wait = retryAfterMs ?? Math.max(250, 1000 / full.perSecond);
  return { ...full, level: Math.min(full.level, 0), waitUntil: Math.max(full.waitUntil, now + wait) };
}

/**
 * An answer told what is left or how fast it refills; the channel knows better than its documents. A figure that is
 * no number says nothing.
 */
export function told(bucket: Bucket, { perSecond, burst, remaining, refund, waitMs: silence, day }: Meter, now: number): Bucket {
  const refilled = refill(bucket, now);
  const full = isFigure(refund) && refund > 0 ? { ...refilled, level: Math.min(refilled.burst, refilled.level + refund) } : refilled;
  return {
    ...full,
    ...(isFigure(perSecond) && perSecond > 0 && { perSecond }),
    ...(isFigure(burst) && burst > 0 && { burst }),
    ...(day && { perDay: day.limit, spentToday: Math.max(0, day.limit - day.left), dayFrom: now + day.resetsInMs - dayMs }),
    // Calls still under way are in our level and not yet in the answer's: the lower of the two is safe.
    level: isFigure(remaining) ? Math.min(full.level, remaining) : full.level,
    waitUntil: isFigure(silence) ? Math.max(full.waitUntil, now + silence) : full.waitUntil,
  };
}

function isFigure(value: number | undefined): value is number {
  return value !== undefined && Number.isFinite(value);
}
