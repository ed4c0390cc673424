/** Feeds under way: what they hold, and what is next to be done about them. */
import test from 'ava';
import { fitting, isAwaited, next } from '../../actors/channel/bulk.ts';
import type { Feed, FeedLine } from '../../actors/channel/bulk.ts';
import { Pending } from '../../actors/channel/pending.ts';
import type { Job } from '../../actors/channel/pending.ts';
import type { Outlet } from '../../actors/sku/protocol.ts';
import { judge } from '../../actors/reconciler/drift.ts';
import { newPair, noteRecord } from '../../actors/reconciler/proof.ts';

const times = { everyMs: 1_000, lookEveryMs: 60, overdueMs: 1_000, verifyAfterMs: 10, verifyWithinMs: 100, forgetMs: 5_000 };
const feed = (more: Partial<Feed> = {}): Feed => ({ id: 'f', begunAt: 10_000, entries: [], ...more });

const outlet = (quantity: number, version: number, lane: 'zero' | 'decrease' | 'raise' = 'raise', more: Partial<Outlet> = {}): Outlet => ({
  listing: { id: 'L', fields: {} }, gross: false, rule: { buffer: 0 },
  intent: { quantity, version, kind: 'write', lane, signature: `s${version}`, causeAt: 0, decidedAt: 0, correlation: 'c' },
  ...more,
});

test('a feed is looked at until it is overdue, then on, until nobody expects it any more', t => {
  t.deepEqual(next(feed(), 0, times), { do: 'look', at: 10_060 });
  t.deepEqual(next(feed(), 10_900, times), { do: 'look', at: 10_960 });
  t.deepEqual(next(feed(), 10_960, times), { do: 'overdue', at: 11_000 });
  t.deepEqual(next(feed({ overdue: true }), 11_000, times), { do: 'look', at: 11_060 });
  t.deepEqual(next(feed({ overdue: true }), 14_960, times), { do: 'close', at: 15_000 });
});

test('what a feed may have set is looked at soon after its end, and again when it can set nothing more', t => {
  t.deepEqual(next(feed({ endedAt: 10_500 }), 10_500, times), { do: 'check', at: 10_510 });
  t.deepEqual(next(feed({ endedAt: 10_500, checked: true }), 10_500, times), { do: 'close', at: 10_600 });
});

test('a feed that may never have been handed in is only waited for', t => {
  t.deepEqual(next({ begunAt: 10_000, entries: [], lost: true }, 0, times), { do: 'close', at: 11_100 });
  t.deepEqual([feed(), feed({ lost: true }), feed({ overdue: true }), feed({ endedAt: 1 })].map(isAwaited), [true, false, false, false]);
});

test('a record takes as many lines as fit into one message of the broker', t => {
  const lines = Array.from({ length: 5_000 }, (_, n): FeedLine => [`S-${n}-${'x'.repeat(190)}`, n, n, `amz-${'Y'.repeat(26)}`]);
  const n = fitting(lines);
  t.true(n > 2_000 && n < 5_000);
  t.true(JSON.stringify(lines.slice(0, n)).length < 700_000);
  t.is(fitting(lines.slice(0, 100)), 100);
});

const pending = (heldUntil: (job: Job) => number = () => 0): Pending => new Pending({ lacksReading: () => false, applied: () => Infinity, proofWithinMs: 1_000, heldUntil });

test('a feed takes raises alone, and none where too few wait', t => {
  const jobs = pending();
  jobs.update('A', outlet(5, 1), 0);
  jobs.update('B', outlet(0, 1, 'zero'), 0);
  jobs.update('C', outlet(3, 1, 'decrease'), 0);
  jobs.update('D', outlet(6, 1), 0);
  t.deepEqual(jobs.takeRaises(3, 10, 0), []);
  t.deepEqual(jobs.takeRaises(2, 10, 0).map(({ sku }) => sku), ['A', 'D']);
  t.deepEqual(jobs.takeWrites(10, 0).map(({ sku }) => sku), ['B', 'C']);
});

test('what a feed failed to carry out does not go by a feed again, and counts for none', t => {
  const jobs = pending();
  for (const sku of ['A', 'B', 'C']) jobs.update(sku, outlet(5, 1), 0);
  jobs.get('B')!.single = true;
  t.deepEqual(jobs.takeRaises(3, 10, 0), []);
  t.deepEqual(jobs.takeRaises(2, 10, 0).map(({ sku }) => sku), ['A', 'C']);
});

test('a held job rests, what lowers the same listing goes at once, and the end of the hold lets the rest go', t => {
  let until = 1_000;
  const jobs = pending(job => (job.lane === 'raise' ? until : 0));
  jobs.update('A', outlet(5, 1), 0);
  t.deepEqual([jobs.hasWrites(0), jobs.nextAt], [false, 1_000]);
  jobs.update('A', outlet(2, 2, 'decrease'), 0);
  t.deepEqual(jobs.takeWrites(1, 0).map(({ quantity }) => quantity), [2]);
  jobs.settle(jobs.inFlight('A')!, 'verify', 10, 0);
  jobs.update('A', outlet(9, 3), 0);
  t.false(jobs.hasWrites(0));
  until = 0;
  jobs.resume(jobs.get('A')!, 'write', 0, 500);
  t.deepEqual(jobs.takeWrites(1, 500).map(({ quantity }) => quantity), [9]);
});

test('a job that was replaced is not resumed, and one that a call carries is not sent twice', t => {
  const jobs = pending();
  jobs.update('A', outlet(5, 1), 0);
  const old = jobs.get('A')!;
  jobs.update('A', outlet(6, 2), 0);
  jobs.resume(old, 'verify', 0, 0);
  t.is(jobs.get('A')!.phase, 'write');
  const [taken] = jobs.takeWrites(1, 0);
  jobs.resume(taken!, 'write', 0, 0);
  t.deepEqual(jobs.takeWrites(1, 0), []);
});

test('our own older number that came after our newer one is written over at once, and another one is judged as ever', t => {
  const of = (observed: number, overtaken: number | undefined) => {
    const pair = newPair('A', outlet(5, 1));
    noteRecord(pair, outlet(5, 1, 'decrease', { proof: { version: 1, quantity: 5, at: 1, by: 'read' } }));
    if (overtaken !== undefined) pair.overtaken = overtaken;
    const reading = { listing: pair.listing, quantity: observed, buyable: observed, active: true };
    const { kind } = judge(pair, reading, { beganAt: 10_000, endedAt: 10_001, ordersCompleteThrough: 0, ordersKnownBefore: 0, write: { state: 'none' } }, { apartMs: 10 });
    return [kind, pair.overtaken];
  };
  t.deepEqual(of(10, 10), ['rewrite', undefined]);
  t.deepEqual(of(10, undefined), ['wait', undefined]);
  t.deepEqual(of(7, 10), ['wait', undefined]);
  t.deepEqual(of(5, 10), ['equal', undefined]);
});
