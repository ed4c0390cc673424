/** A short form of `npm run test:fuzz`: the same scenarios of a fixed seed and of a fresh one. */
import test from 'ava';
import { judge } from './judge.ts';
import { availableOf, isGapped, onHandOf } from './model.ts';
import type { Statement } from './model.ts';

const fresh = Number(process.env['PLUMB_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

for (const [what, seed] of [['fixed', 0], ['fresh', fresh]] as const) {
  test(`no broken, repeated, lost or reordered message makes a truth that the statements do not, by a ${what} seed`, async t => {
    t.log(`PLUMB_SEED=${seed}`);
    const sum = { taken: 0, refused: 0, orders: 0 };
    for (let next = seed; next < seed + 60; next++) {
      const { taken, refused, orders, wrong } = await judge(next);
      t.deepEqual(wrong, [], `seed ${next}`);
      sum.taken += taken;
      sum.refused += refused;
      sum.orders += orders;
    }
    t.true(sum.taken > 1_000 && sum.refused > 200 && sum.orders > 200, JSON.stringify(sum));
  });
}

test('the model that judges adds up what it is told, by the newest count and what came after', t => {
  const said = (v: number, kind: Statement['kind'], units: number, more: Partial<Statement> = {}): Statement => ({ sku: 'A', location: '', v, kind, units, ...more });
  const told = [said(3, 'count', 10), said(1, 'adjust', 5), said(4, 'adjust', -2), said(6, 'adjust', 7), said(3, 'count', 9), said(1, 'count', 50)];
  t.deepEqual([onHandOf(told, 'monotone'), onHandOf(told, 'sequence'), isGapped(told), onHandOf([said(1, 'adjust', 1)], 'monotone')], [14, 7, true, undefined]);
  const orders = [{ line: 'a/1/1', units: 2, cancelled: false }, { line: 'a/2/1', units: 3, cancelled: false }, { line: 'a/3/1', units: 4, cancelled: true }];
  t.deepEqual([availableOf(told, orders, 'monotone'), availableOf([...told, said(2, 'count', 0, { lines: ['a/1/1', 'a/3/1'] }), said(9, 'count', 1, { location: 'W' })], orders, 'monotone')], [14 - 2 - 3, 14 + 1 - 3 + 4]);
});
