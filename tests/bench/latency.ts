/** From the publishing of an event to the first job that carries what it changed. */
import type { Arrival } from './channel.ts';
import { PlainFold, accounts, available, targetsOf } from './workload.ts';
import type { TraceEvent } from './workload.ts';

/**
 * One duration, ms, for each event that changes what some channel should show. A job that carries several changes
 * counts for each of them.
 *
 * @param publishedAt when each event was handed over, in the trace's order
 * @param arrivals in the order of time
 */
export function latencies(trace: readonly TraceEvent[], publishedAt: readonly number[], arrivals: readonly Arrival[]): number[] {
  const fold = new PlainFold();
  return firstAfter(arrivals, trace.flatMap((event, i) => (fold.apply(event) ? [{ sku: event.sku, at: publishedAt[i]!, since: publishedAt[i]! }] : [])));
}

/**
 * For each of these, ms from `since` to the first job of that SKU that came at `at` or later; nothing where none came.
 *
 * @param wanted in the order of `at`, per SKU
 */
export function firstAfter(arrivals: readonly Arrival[], wanted: readonly { sku: string; at: number; since: number }[]): number[] {
  const bySku = new Map<string, number[]>();
  for (const { sku, at } of arrivals) {
    const times = bySku.get(sku);
    if (times) times.push(at);
    else bySku.set(sku, [at]);
  }
  const next = new Map<string, number>();
  return wanted.flatMap(({ sku, at, since }) => {
    const times = bySku.get(sku) ?? [];
    let n = next.get(sku) ?? 0;
    while (n < times.length && times[n]! < at) n += 1;
    next.set(sku, n);
    return n < times.length ? [times[n]! - since] : [];
  });
}

/**
 * How long each channel showed what it should not, ms: for every job, from the event that first asked for another
 * number than it showed. A difference that was over by itself before a job was sent is nobody's wait.
 *
 * @param publishedAt when each event was handed over, in the trace's order
 * @param arrivals in the order of time
 * @param from waits that began before are not told
 * @throws {Error} when the last job of a listing does not carry what it should show
 */
export function waits(trace: readonly TraceEvent[], publishedAt: readonly number[], arrivals: readonly Arrival[], from = 0): number[] {
  const jobs = new Map<string, Arrival[]>();
  for (const arrival of arrivals) {
    const key = `${arrival.account} ${arrival.sku}`;
    const former = jobs.get(key);
    if (former) former.push(arrival);
    else jobs.set(key, [arrival]);
  }
  return [...wantedBy(trace, publishedAt)].flatMap(([key, wanted]) => waitsOf(key, wanted, jobs.get(key) ?? [], from));
}

interface Wanted { at: number; quantity: number }

/** What each listing should show, and since when, by account and SKU. */
function wantedBy(trace: readonly TraceEvent[], publishedAt: readonly number[]): Map<string, Wanted[]> {
  const fold = new PlainFold();
  const all = new Map<string, Wanted[]>();
  trace.forEach((event, i) => {
    if (!fold.apply(event)) return;
    const targets = targetsOf(available(fold.skus.get(event.sku)!));
    accounts.forEach(({ account }, n) => {
      const key = `${account} ${event.sku}`;
      const wanted = all.get(key);
      const next = { at: publishedAt[i]!, quantity: targets[n]! };
      if (!wanted) all.set(key, [next]);
      else if (wanted.at(-1)!.quantity !== next.quantity) wanted.push(next);
    });
  });
  return all;
}

function waitsOf(key: string, wanted: readonly Wanted[], jobs: readonly Arrival[], from: number): number[] {
  const found: number[] = [];
  let shown: number | undefined;
  let since: number | undefined;
  let next = 0;
  const pass = (until: number): void => {
    for (; next < wanted.length && wanted[next]!.at <= until; next++) since = wanted[next]!.quantity === shown ? undefined : since ?? wanted[next]!.at;
  };
  for (const { quantity, at } of jobs) {
    pass(at);
    if (since !== undefined && since >= from) found.push(at - since);
    shown = quantity;
    // It may have been decided before what is wanted by now: from then on the next job is waited for.
    const decided = wanted.findLastIndex((each, n) => n < next && each.quantity === quantity);
    since = decided === next - 1 ? undefined : wanted[decided + 1]!.at;
  }
  pass(Infinity);
  if (since !== undefined) throw new Error(`${key} should show ${wanted.at(-1)!.quantity} and its last job carries ${shown}`);
  return found;
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? NaN;
}
