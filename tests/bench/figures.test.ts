/** What the bench compares its measurements with. */
import test from 'ava';
import { verdicts } from './floors.ts';
import { idealJobs } from './ideal.ts';
import { firstAfter, quantile, waits } from './latency.ts';
import type { Figures } from './measure.ts';
import type { TraceEvent } from './workload.ts';

const event = (seq: number, kind: TraceEvent['kind'], quantity: number): TraceEvent => ({ eventId: `e${seq}`, sku: 'A', seq, kind, quantity, ts: 0 });
/** Times at which something is sent for an account, and since when it was owed. */
const sent = (trace: TraceEvent[], at: number[], debounceMs: number, account = 'bench-0'): [at: number, since: number][] =>
  idealJobs(trace, at, debounceMs).filter(job => job.account === account).map(job => [job.at, job.since]);

test('ideally a decrease is sent when it comes, and raises once, when the first of them has waited', t => {
  const trace = [event(1, 'set', 10), event(2, 'delta', 1), event(3, 'delta', 1), event(4, 'delta', -5), event(5, 'delta', 3)];
  t.deepEqual(sent(trace, [0, 10, 20, 200, 210], 100), [[0, 0], [110, 10], [200, 200], [310, 210]]);
  t.deepEqual(sent(trace, [0, 10, 20, 200, 210], 0), [[0, 0], [10, 10], [20, 20], [200, 200], [210, 210]]);
});

test('ideally nothing is sent for a raise that is taken back while it waits, or that a channel does not show', t => {
  t.deepEqual(sent([event(1, 'set', 10), event(2, 'delta', 1), event(3, 'delta', -1)], [0, 10, 20], 100), [[0, 0]]);
  t.deepEqual(sent([event(1, 'set', 60), event(2, 'delta', 1)], [0, 10], 100, 'bench-1'), [[0, 0]]);
});

test('each change counts to the first job of its SKU that is not older', t => {
  const arrivals = [{ account: 'x', sku: 'A', quantity: 1, at: 5 }, { account: 'x', sku: 'B', quantity: 1, at: 6 }, { account: 'y', sku: 'A', quantity: 1, at: 30 }];
  t.deepEqual(firstAfter(arrivals, [{ sku: 'A', at: 4, since: 1 }, { sku: 'A', at: 5, since: 5 }, { sku: 'A', at: 6, since: 2 }, { sku: 'A', at: 31, since: 31 }, { sku: 'C', at: 0, since: 0 }]), [4, 0, 28]);
  t.deepEqual([0.5, 0.99].map(q => quantile(Array.from({ length: 101 }, (_, n) => 100 - n), q)), [50, 99]);
});

test('a channel waits from the first event that it does not show to the job that puts it right', t => {
  const trace = [event(1, 'set', 60), event(2, 'delta', 1), event(3, 'delta', -1), event(4, 'delta', 5), event(5, 'delta', -9)];
  const job = (account: string, quantity: number, at: number): { account: string; sku: string; quantity: number; at: number } => ({ account, sku: 'A', quantity, at });
  const at = [0, 100, 150, 200, 290];
  const first = [['bench-1', 50], ['bench-2', 57], ['bench-3', 30], ['bench-4', 10]].map(([account, quantity]) => job(account as string, quantity as number, 1));
  const last = [job('bench-2', 53, 301), job('bench-3', 28, 302)];
  // 61 was taken back before it was sent; 65 was decided before 56 was wanted, and came after it.
  t.deepEqual(waits(trace, at, [...first, job('bench-0', 60, 7), job('bench-0', 65, 295), ...last, job('bench-0', 56, 330)]).sort((a, b) => a - b), [1, 1, 1, 1, 7, 40, 95, 101, 102]);
  // Both at once: since the first of them.
  t.deepEqual(waits(trace, at, [...first, job('bench-0', 60, 7), ...last, job('bench-0', 56, 330)]).sort((a, b) => a - b), [1, 1, 1, 1, 7, 101, 102, 130]);
  t.throws(() => waits(trace, at, [...first, job('bench-0', 60, 7), job('bench-0', 65, 300), ...last]), { message: 'bench-0 A should show 56 and its last job carries 65' });
});

const figures = (rateRatio: number, cpuRatio: number): Figures => ({
  version: '', syncIntervalMs: 0, nodes: 1, writeBatch: 1, peakMb: { server: 0, nodes: 0, publisher: 0 },
  throughput: { events: 1, skus: 1, raw: [], pipeline: [], rateRatio, cpuRatio },
});

test('a floor is missed by what lies beyond it, and beyond its margin where there is one', t => {
  const passes = (of: Figures, quick: boolean): boolean[] => verdicts(of, { quick }).map(verdict => verdict.passes);
  t.deepEqual(verdicts(figures(0.3, 3), { quick: false }).map(({ id, is, floor, passes: ok }) => [id, is, floor, ok]), [['P1', 0.3, 0.3, true], ['P2', 3, 3, true]]);
  t.deepEqual(passes(figures(0.29, 3.1), false), [false, false]);
  t.deepEqual(passes(figures(0.2, 4.5), true), [true, true]);
  t.deepEqual(passes(figures(0.19, 4.6), true), [false, false]);
  t.deepEqual(passes(figures(NaN, NaN), true), [false, false], 'what could not be measured passes nothing');
});

test('what was not measured is not judged', t => {
  const { throughput: _, ...none } = figures(1, 1);
  t.deepEqual(verdicts(none, { quick: false }), []);
  const load = { skus: 1, loadSeconds: 1, emptyMb: 100, hotBytes: 5_000, idleBytes: 500, takeOverSeconds: 1, emptySeconds: 1, restoredPerSecond: 60_000, cold: { p50: 4, p99: 9, count: 1 }, warm: { p50: 1, p99: 2, count: 1 } };
  t.deepEqual(verdicts({ ...none, load }, { quick: false }).map(({ id, is }) => [id, Math.round(is * 10) / 10]), [['P10', 5], ['P11', 0.5], ['P12', 947.4], ['P13', 60], ['P13 p50', 3]]);
});

test('a quick run fails by nothing that is noise in it, and says so; a long one by every floor', t => {
  const { throughput: _, ...none } = figures(1, 1);
  const debounced = { debounceMs: 100, perSecond: 3_000, jobsPerEvent: 1, idealPerEvent: 1, turnsPerEvent: 1, cpuUs: 1, p50: 90, p99: 900, count: 1 };
  const counting = (quick: boolean): [string, boolean, boolean][] => verdicts({ ...none, debounced }, { quick }).map(({ id, passes, counts }) => [id, passes, counts]);
  t.deepEqual(counting(true), [['P7', true, true], ['P9', false, false]]);
  t.deepEqual(counting(false), [['P7', true, true], ['P9', false, true]]);
});
