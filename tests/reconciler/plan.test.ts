import test from 'ava';
import { plan, urgency } from '../../actors/reconciler/plan.ts';
import { proofAges } from '../../actors/reconciler/risk.ts';
import { now, pairOf } from './pairs.ts';

const settings = { maxAge: proofAges(10_000), apartMs: 1_000 };
/** A proven pair with so many units, proven so long ago. */
const pair = (quantity: number, ageMs: number, rest: Parameters<typeof pairOf>[1] = {}): ReturnType<typeof pairOf> => pairOf({ quantity }, { provenAt: now - ageMs, ...rest });
const suspicion = { class: 'foreign-edit', version: 7, observed: 9, since: now - 5_000, reads: 1 } as const;

test('a proof is due at its maximum age, a low stock two or four times as often', t => {
  t.deepEqual([50, 11, 10, 3, 2, 0].map(quantity => urgency(pair(quantity, 10_000), now, settings)), [1, 1, 2, 2, 4, 4]);
});

test('what a read showed since counts as much as the proof', t => {
  t.is(urgency(pair(50, 10_000, { readAt: now - 5_000 }), now, settings), 0.5);
});

test('a suspicion is read again as soon as the two reads are far enough apart, before everything else', t => {
  t.is(urgency(pair(50, 0, { suspicion, readAt: now - 999 }), now, settings), 0);
  t.is(urgency(pair(50, 0, { suspicion, readAt: now - 1_000 }), now, settings), 1_000);
});

test('what is not proven has a job of its own and is not swept', t => {
  t.is(urgency(pairOf({ proven: false }), now, settings), 0);
});

test('a sweep that failed is not tried again before its pause is over, suspicion or not', t => {
  t.is(urgency(pair(0, 1e6, { retryAt: now + 1 }), now, settings), 0);
  t.is(urgency(pair(0, 1e6, { retryAt: now + 1, suspicion }), now, settings), 0);
  t.is(urgency(pair(50, 10_000, { retryAt: now }), now, settings), 1);
});

test('the plan takes what is due, most urgent first, and no more than asked for', t => {
  const fresh = pair(50, 9_999);
  const due = pair(50, 10_000);
  const old = pair(50, 30_000);
  const low = pair(1, 9_000);
  const suspected = pair(50, 0, { suspicion, readAt: now - 1_000 });
  t.deepEqual(plan([fresh, due, old, low, suspected], 10, now, settings), [suspected, low, old, due]);
  t.deepEqual(plan([fresh, due, old, low, suspected], 2, now, settings), [suspected, low]);
});
