import test from 'ava';
import { Pairs } from '../../actors/reconciler/pairs.ts';
import { newPair, noteRecord } from '../../actors/reconciler/proof.ts';
import type { Pair } from '../../actors/reconciler/proof.ts';
import { classOf, proofAges, riskOf, soldBy } from '../../actors/reconciler/risk.ts';
import type { Stake } from '../../actors/reconciler/risk.ts';
import { now, outlet, pairOf } from './pairs.ts';

const calm: Stake = { quantity: 50, sold: 0, decidedAt: now - 86_400_000, seenAt: now - 60_000, unseen: false };
const risk = (more: Partial<Stake>): number => riskOf({ ...calm, ...more }, now);

test('a SKU is of the class of the time in which it may sell out', t => {
  t.deepEqual([0, 2, 3, 10, 11].map(quantity => classOf(quantity, 0)), ['last', 'last', 'few', 'few', 'plenty']);
  t.deepEqual([20, 21, 200, 201].map(quantity => classOf(quantity, 20)), ['last', 'few', 'few', 'plenty']);
});

test('units sold lately count half after an hour', t => {
  t.is(soldBy(8, now - 3_600_000, now), 4);
  t.is(soldBy(0, 0, now), 0);
});

test('one age is that of plenty; ages by class stand as they are', t => {
  t.deepEqual(proofAges(600), { last: 150, few: 300, plenty: 600 });
  const ages = { last: 1, few: 2, plenty: 3 };
  t.is(proofAges(ages), ages);
});

test('a drift of the last day weighs most, then what sells out, then what we changed, money, and the oldest proof', t => {
  const order = [
    risk({ drifted: true }), risk({ quantity: 1 }), risk({ quantity: 8 }), risk({ sold: 30, quantity: 5_000, decidedAt: now - 1_000_000 }),
    risk({ unseen: true }), risk({ price: 100 }), risk({ seenAt: now - 3_600_000 }), risk({}),
  ];
  t.deepEqual(order.toSorted((a, b) => b - a), order);
  t.true(risk({ decidedAt: now - 1_000 }) > risk({}), 'changed lately');
  t.true(risk({ drifted: true }) > risk({ quantity: 1, unseen: true }), 'a drift before the last unit');
});

test('what an intent falls by is sold lately, what it rises by is not, and it fades', t => {
  const pair = pairOf({ quantity: 50, version: 1, decidedAt: now });
  t.is(pair.sold, undefined);
  noteRecord(pair, outlet({ quantity: 42, version: 2, decidedAt: now }));
  t.is(pair.sold, 8);
  noteRecord(pair, outlet({ quantity: 90, version: 3, decidedAt: now + 3_600_000 }));
  t.is(pair.sold, 4);
  noteRecord(pair, outlet({ quantity: 90, version: 4, decidedAt: now + 30 * 3_600_000 }));
  t.is(pair.sold, undefined);
});

test('the riskiest are the same of settled pairs as of pairs at hand, and the unproven have jobs of their own', t => {
  const known = (): object => ({});
  const named = (n: number): Pair => {
    const of = outlet({ id: `L${n}`, quantity: (n * 7) % 90, decidedAt: now - 86_400_000 - n, proofAt: now - n * 1_000, proven: n !== 3 });
    const pair = newPair(`S${n}`, of);
    noteRecord(pair, of);
    return pair;
  };
  const all = Array.from({ length: 2_000 }, (_, n) => named(n));
  const settled = new Pairs(10_000);
  for (const pair of all) settled.set(structuredClone(pair), now);
  const chosen = settled.riskiest(300, now, known);
  t.is(settled.atHand, 1, 'the unproven one alone');
  for (const { sku } of all) settled.get(sku);
  t.deepEqual(settled.riskiest(300, now, known), chosen);
  const expected = all.filter(({ sku }) => sku !== 'S3').map(({ sku, intended, provenAt }) =>
    ({ sku, risk: riskOf({ quantity: intended!.quantity, sold: 0, decidedAt: intended!.decidedAt, seenAt: provenAt, unseen: true }, now) })).sort((a, b) => b.risk - a.risk).slice(0, 300);
  t.deepEqual(chosen, expected.map(({ sku }) => sku));
  t.is(settled.riskiest(5, now, sku => ({ drifted: sku === 'S1900' }))[0], 'S1900');
  t.deepEqual(settled.riskiest(0, now, known), []);
});
