/** Which listings to read next: suspicions first, then the oldest proof, low stock weighing more. Pure. */
import type { Pair } from './proof.ts';
import { isProven } from './proof.ts';

export interface ReadPlan {
  /** A proof older than this is due, ms. */
  maxAgeMs: number;
  /** Two reads that should confirm a difference are this far apart, ms. */
  apartMs: number;
}

/** How overdue a pair is: 1 = due now. Low stock is due up to four times as often. */
export function urgency(pair: Pair, now: number, { maxAgeMs, apartMs }: ReadPlan): number {
  if (!isProven(pair)) return 0;
  if (pair.suspicion) return now - pair.readAt >= apartMs ? 1_000 : 0;
  const quantity = pair.intended!.quantity;
  const weight = quantity <= 2 ? 4 : quantity <= 10 ? 2 : 1;
  return ((now - Math.max(pair.provenAt, pair.readAt)) * weight) / maxAgeMs;
}

/** Up to `max` due pairs, most urgent first. */
export function plan(pairs: Iterable<Pair>, max: number, now: number, settings: ReadPlan): Pair[] {
  const due: { pair: Pair; urgency: number }[] = [];
  for (const pair of pairs) {
    const u = urgency(pair, now, settings);
    if (u >= 1) due.push({ pair, urgency: u });
  }
  return due.sort((a, b) => b.urgency - a.urgency).slice(0, max).map(d => d.pair);
}
