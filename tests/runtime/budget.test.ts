import test from 'ava';
import { Budget } from '../../runtime/account/budget.ts';

const now = 1_800_000_000_000;
const budget = (): Budget => new Budget({ name: 'shop', limits: { points: { perSecond: 10, burst: 100, perDay: 86_400 }, calls: { perSecond: 1, burst: 2 } }, now });
const read = { limit: 'points', cost: 60, batch: 10, each: 6 };

test('of a price by entries, a call takes as many as there is budget for, and pays for those', t => {
  const of = budget();
  t.is(of.affordable(read, now), 10);
  t.is(of.pay(read, now, 10), 0);
  t.is(of.affordable(read, now), 6);
  t.is(of.pay(read, now, 6), 0);
  t.is(of.affordable(read, now), 0);
  t.is(of.waitKeeping(read, 0, now), 200);
  t.is(of.affordable(read, now + 200), 1);
});

test('of a price by the call, all entries or none', t => {
  const of = budget();
  const call = { limit: 'calls', cost: 2, batch: 50 };
  t.is(of.affordable(call, now), 50);
  t.is(of.pay(call, now, 3), 0);
  t.is(of.affordable(call, now), 0);
});

test('a day lasts as long as its quota lets it', t => {
  t.deepEqual(['points', 'calls'].map(limit => budget().lastingPerSecond(limit)), [1, 1]);
});

test('it is low while more than half of any burst is spent', t => {
  const of = budget();
  of.pay({ limit: 'points', cost: 50, batch: 1 }, now);
  t.false(of.isLow(now));
  of.pay({ limit: 'points', cost: 10, batch: 1 }, now);
  t.true(of.isLow(now));
  t.false(of.isLow(now + 1_000));
});
