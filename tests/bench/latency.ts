/** From the publishing of an event to the first job that carries what it changed. */
import type { Arrival } from './channel.ts';
import { PlainFold } from './workload.ts';
import type { TraceEvent } from './workload.ts';

/**
 * One duration, ms, for each event that changes what some channel should show. A job that carries several changes
 * counts for each of them.
 *
 * @param publishedAt when each event was handed over, in the trace's order
 * @param arrivals in the order of time
 */
export function latencies(trace: readonly TraceEvent[], publishedAt: readonly number[], arrivals: readonly Arrival[]): number[] {
  const bySku = new Map<string, number[]>();
  for (const { sku, at } of arrivals) {
    const times = bySku.get(sku);
    if (times) times.push(at);
    else bySku.set(sku, [at]);
  }
  const next = new Map<string, number>();
  const fold = new PlainFold();
  return trace.flatMap((event, i) => {
    if (!fold.apply(event)) return [];
    const times = bySku.get(event.sku) ?? [];
    let n = next.get(event.sku) ?? 0;
    while (n < times.length && times[n]! < publishedAt[i]!) n += 1;
    next.set(event.sku, n);
    return n < times.length ? [times[n]! - publishedAt[i]!] : [];
  });
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? NaN;
}
