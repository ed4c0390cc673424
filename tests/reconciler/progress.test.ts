import test from 'ava';
import { concerns } from '../../actors/reconciler/progress.ts';
import type { Progress } from '../../actors/reconciler/progress.ts';
import { proofFigures } from '../../actors/reconciler/proof-budget.ts';
import type { ProofFigures, ReadBudget } from '../../actors/reconciler/proof-budget.ts';
import { newPair } from '../../actors/reconciler/proof.ts';
import type { Pair } from '../../actors/reconciler/proof.ts';
import { now, outlet, pairOf } from './pairs.ts';

const budget = (more: Partial<ReadBudget> = {}): ReadBudget => ({
  maxAge: { last: 10_000, few: 20_000, plenty: 40_000 },
  priceOf: () => ({ limit: 'read', cost: 0.5 }),
  perSecond: () => 10,
  watch: { everyMs: 5_000, isWatched: () => false },
  ...more,
});
const aged = (ageMs: number, quantity = 50): Pair => pairOf({ quantity }, { provenAt: now - ageMs });

test('ages of proof are counted over pairs with an intent: median, 99th percentile and oldest; without a proof there is no age', t => {
  const pairs = Array.from({ length: 200 }, (_, n) => aged((n + 1) * 10));
  const { intent: _none, ...uncounted } = outlet();
  t.deepEqual(proofFigures([...pairs, newPair('B', uncounted)], budget(), now).ages, { p50: 1_010, p99: 1_990, oldest: 2_000, count: 200, never: 0, histogram: [100, 100, 0, 0, 0, 0, 0, 0, 0, 0] });
  t.deepEqual(proofFigures([aged(10), pairOf({}, { provenAt: 0 })], budget(), now).ages, { p50: 10, p99: 10, oldest: 10, count: 2, never: 1, histogram: [1, 0, 0, 0, 0, 0, 0, 0, 0, 0] });
  t.deepEqual(proofFigures([], budget(), now).ages, { p50: 0, p99: 0, oldest: 0, count: 0, never: 0, histogram: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0] });
});

test('each class of SKU has its promise; what is not proven has a job of its own', t => {
  const { classes, proven } = proofFigures([aged(9_000, 1), aged(11_000, 2), aged(19_000, 5), aged(90_000), pairOf({ quantity: 1, proven: false }, { provenAt: now - 99_000 })], budget(), now);
  t.is(proven, 4);
  t.like(classes, {
    last: { count: 2, maxAgeMs: 10_000, oldest: 11_000, overdue: 1 }, few: { count: 1, oldest: 19_000, overdue: 0 }, plenty: { count: 1, oldest: 90_000, overdue: 1 },
  });
});

test('in escrow a channel that was never written to counts by what it shows, and one with a write in doubt as not proven', t => {
  const cell = { rights: 2, high: 0, quietUntil: 0, through: 0, counter: 0, shown: 2 };
  const { intent: _none, ...unwritten } = outlet();
  const held: Pair = { ...newPair('B', unwritten), provenAt: now - 500, cell };
  const doubted: Pair = { ...held, cell: { ...cell, intent: { id: 'x', to: 3, reserved: 1, attempts: 1, firstAt: 0, sendBy: 0, until: 0, back: 0 } } };
  t.like(proofFigures([held, doubted], budget(), now), { proven: 1, classes: { last: { count: 1, oldest: 500 } } });
});

test('a sweep takes what the budget lets it, and promises take a share of the budget, each limit for itself', t => {
  const hundred = Array.from({ length: 100 }, () => aged(0));
  t.like(proofFigures(hundred, budget(), now), { sweepMs: 5_000, load: 0.125 });
  t.like(proofFigures(hundred, budget({ watch: { everyMs: 5_000, isWatched: () => true } }), now), { sweepMs: 500_000, load: 1 });
  t.like(proofFigures(hundred, budget({ perSecond: () => 1 }), now), { load: 1.25 });
  const two = budget({ priceOf: ({ intended }) => ({ limit: intended!.quantity > 10 ? 'a' : 'b', cost: 1 }), perSecond: limit => (limit === 'a' ? 10 : 0.1) });
  t.like(proofFigures([...hundred, aged(0, 1)], two, now), { sweepMs: 10_000, load: 1 });
});

const calm: Progress = {
  oldestPendingMs: 0, ordersCompleteThrough: now - 1_000, ownedSince: now - 3_600_000, tokenExpiresAt: now + 60_000, isStopped: false,
  proof: { ages: { p50: 0, p99: 0, oldest: 0, count: 1, never: 0, histogram: [] }, proven: 1, drained: 0, sweepMs: 1_000, load: 0.2,
    classes: { last: { count: 1, maxAgeMs: 10_000, p99: 0, oldest: 9_000, overdue: 0 }, few: { count: 0, maxAgeMs: 1, p99: 0, oldest: 0, overdue: 0 }, plenty: { count: 1, maxAgeMs: 40_000, p99: 0, oldest: 33_000, overdue: 0 } } },
};
const promises = { provenMs: 100_000, ordersMs: 50_000, early: 0.8 };
const told = (more: Partial<Progress>): string[] => concerns('ebay', { ...calm, ...more }, promises, now).map(({ what }) => what);
const proof = (more: Partial<ProofFigures>): Partial<Progress> => ({ proof: { ...calm.proof, ...more } });

test('nothing is told of an account that keeps its promises', t => {
  t.deepEqual(told({}), []);
  t.deepEqual(told({ oldestPendingMs: 80_000, ordersCompleteThrough: now - 40_000, notified: { last: now - 8_000, allowedMs: 10_000 } }), []);
});

test('each promise is told of before it is broken', t => {
  t.deepEqual(told({ oldestPendingMs: 80_001 }), ['unverified']);
  t.deepEqual(told({ ordersCompleteThrough: now - 40_001 }), ['orders']);
  t.deepEqual(told({ notified: { last: now - 8_001, allowedMs: 10_000 } }), ['notifications']);
  t.deepEqual(told(proof({ load: 1.01 })), ['proof-budget']);
  t.deepEqual(told(proof({ classes: { ...calm.proof.classes, last: { ...calm.proof.classes.last, oldest: 9_501 } } })), ['proof']);
  t.deepEqual(told({ tokenExpiresAt: now - 60_001 }), ['token']);
});

test('orders that were never polled count from the time since somebody could have', t => {
  t.deepEqual(told({ ordersCompleteThrough: 0, ownedSince: now - 40_000 }), []);
  t.deepEqual(told({ ordersCompleteThrough: 0, ownedSince: now - 40_001 }), ['orders']);
});

test('of a frozen account people know why nothing is written; its orders must be known all the same', t => {
  t.deepEqual(told({ isStopped: true, oldestPendingMs: 1e9, tokenExpiresAt: 0 }), []);
  t.deepEqual(told({ isStopped: true, ordersCompleteThrough: 1 }), ['orders']);
});

test('a concern says what to do, and what it measured', t => {
  const [concern] = concerns('ebay', { ...calm, ...proof({ load: 2.5, sweepMs: 90_000 }) }, promises, now);
  t.like(concern, { what: 'proof-budget', severity: 'low', measured: 2.5, promised: 1 });
  t.regex(concern!.action, /^the read quota of ebay cannot keep the promised ages: a whole sweep takes 90 s\. /);
});
