/**
 * Which listings to read next: suspicions first, what the channel told of, then the watch set, then whatever has used up
 * most of the age that its proof may reach. Pure.
 */
import type { Pair } from './proof.ts';
import { isProven, onSale } from './proof.ts';
import { classOf, soldBy } from './risk.ts';
import type { ProofAges } from './risk.ts';

export interface ReadPlan {
  /** A proof older than this is due, ms, by class of SKU. */
  maxAge: ProofAges;
  /** Two reads that should confirm a difference are this far apart, ms. */
  apartMs: number;
}

/** Reads that notifications ask for are this far apart, ms. */
const nudgeApartMs = 1_000;
/** Of what is overdue, the watch set comes first. */
const watchFirst = 100;

/**
 * How overdue a pair is: 1 = due now.
 *
 * @param watchMs it is in the watch set, and read again after so long
 */
export function urgency(pair: Pair, now: number, { maxAge, apartMs }: ReadPlan, watchMs = Infinity): number {
  if (pair.cell && isAsked(pair)) return now >= Math.max(pair.cell.ask!, pair.retryAt) ? 800 : 0;
  if (now < pair.retryAt) return 0;
  if (pair.shadow) return isTold(pair) ? (now >= pair.readAt + nudgeApartMs ? 500 : 0) : shadowUrgency(pair, now, maxAge);
  // What is not proven has a job of its own.
  if (!isProven(pair)) return 0;
  if (pair.suspicion) return now >= (pair.suspicion.nextAt ?? pair.readAt + apartMs) ? 1_000 : 0;
  // Our own writes come back as notifications too: one read answers many.
  if (isTold(pair)) return now >= pair.readAt + nudgeApartMs ? 500 : 0;
  const seenAt = Math.max(pair.provenAt, pair.readAt);
  if (now - seenAt >= watchMs) return watchFirst + (now - seenAt) / watchMs;
  const { quantity, decidedAt } = onSale(pair);
  return ageUrgency({ quantity, sold: pair.sold ?? 0, decidedAt, at: seenAt }, now, maxAge);
}

/** When a pair that is suspected, was told of, or whose SKU asks for it, is to be read; undefined for any other. */
export function urgentAt(pair: Pair, apartMs: number): number | undefined {
  if (isAsked(pair)) return Math.max(pair.retryAt, pair.cell!.ask!);
  if (!isProven(pair) && !pair.shadow) return undefined;
  if (pair.suspicion && !pair.shadow) return Math.max(pair.retryAt, pair.suspicion.nextAt ?? pair.readAt + apartMs);
  return isTold(pair) ? Math.max(pair.retryAt, pair.readAt + nudgeApartMs) : undefined;
}

/** Read as often as if it were proven; what was never decided, by what it shows. */
function shadowUrgency({ intended, reading, sold = 0, readAt }: Pair, now: number, maxAge: ProofAges): number {
  return ageUrgency({ quantity: intended?.quantity ?? reading?.quantity ?? 0, sold, decidedAt: intended?.decidedAt ?? 0, at: readAt }, now, maxAge);
}

function isTold({ nudgedAt, readAt }: Pair): boolean {
  return nudgedAt !== undefined && nudgedAt > readAt;
}

function isAsked({ cell, readAt }: Pair): boolean {
  return cell?.ask !== undefined && readAt < cell.ask;
}

/** As `urgency`, of a pair with which nothing is going on and that was last looked at then. */
export function ageUrgency({ quantity, sold, decidedAt, at }: { quantity: number; sold: number; decidedAt: number; at: number }, now: number, maxAge: ProofAges): number {
  return (now - at) / maxAge[classOf(quantity, soldBy(sold, decidedAt, now))];
}

/** Up to `max` due pairs, most urgent first. */
export function plan(pairs: Iterable<Pair>, max: number, now: number, settings: ReadPlan, watchMs?: (pair: Pair) => number | undefined): Pair[] {
  const due: { pair: Pair; urgency: number }[] = [];
  for (const pair of pairs) {
    const u = urgency(pair, now, settings, watchMs?.(pair));
    if (u >= 1) due.push({ pair, urgency: u });
  }
  return due.sort((a, b) => b.urgency - a.urgency).slice(0, max).map(d => d.pair);
}
