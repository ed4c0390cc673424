import test from 'ava';
import { Shop } from '../../deploy/sandbox/kit/shop.ts';
import { SandboxClock } from '../../deploy/sandbox/kit/clock.ts';
import { Machine } from './machine.ts';
import { Payments } from './payments.ts';
import { seenBefore } from './oversold.ts';

const shopOf = (options: object = {}): Shop => {
  const shop = new Shop({ account: 'a', clock: new SandboxClock(1), ...options });
  shop.addListing('A', 3);
  return shop;
};
const standing = (shop: Shop): number[] => [shop.read('A')!.quantity, shop.buyable(shop.listings.get('A')!)];

test('units in payment are nobody else\'s, are read as there, and become an order whatever is shown by then', t => {
  const shop = shopOf();
  t.true(shop.hold('payer', 'A', 2));
  t.deepEqual(standing(shop), [3, 1]);
  t.false(shop.hold('other', 'A', 2));
  t.is(shop.buy('other', [{ sku: 'A', units: 2 }]).order, undefined);
  shop.write('A', 1);
  t.deepEqual(standing(shop), [1, 0]);
  t.deepEqual(shop.release('payer', 'A', 2, true)!.lines.map(({ units }) => units), [2]);
  t.deepEqual(standing(shop), [0, 0]);
  t.deepEqual([...seenBefore({ a: shop.ledger.entries })], [['a/a-1/1', { at: shop.ledger.entries[1]!.at, shown: 3 }]]);
});

test('who does not pay leaves the units to others; a paid order takes some channels below zero', t => {
  const shop = shopOf({ belowZero: true });
  shop.hold('one', 'A', 2);
  t.is(shop.release('one', 'A', 2, false), undefined);
  t.deepEqual(standing(shop), [3, 3]);
  shop.hold('other', 'A', 2);
  shop.write('A', 0);
  shop.release('other', 'A', 2, true);
  t.deepEqual(standing(shop), [-2, 0]);
});

test('a channel may keep what is cancelled; where open orders hide units, it cannot', t => {
  for (const [gross, after] of [[false, [1, 1]], [true, [3, 3]]] as const) {
    const shop = shopOf({ gross });
    const { order } = shop.buy('buyer', [{ sku: 'A', units: 2 }]);
    t.is(shop.cancel(order!.orderId, '1', 2, false), 2);
    t.deepEqual(standing(shop), after);
  }
});

test.serial('where payments are not seen an order comes when somebody has paid; elsewhere it comes first and is cancelled', async t => {
  const machine = new Machine(1);
  t.teardown(machine.install());
  const counts = (shop: Shop): number[] => [...shop.orders.values()].flatMap(({ lines }) => lines.map(({ units, cancelled }) => units - cancelled));
  const [unseen, seen] = [shopOf(), shopOf()];
  const [later, first] = [new Payments(machine, unseen, true), new Payments(machine, seen, false)];
  for (const payments of [later, first]) for (const isPaid of [true, false]) t.true(payments.begin({ sku: 'A', units: 1, forMs: 5_000, isPaid }));
  t.deepEqual([counts(unseen), counts(seen)], [[], [1, 1]]);
  await machine.run(5_000);
  t.deepEqual([counts(unseen), counts(seen).sort()], [[1], [0, 1]]);
  later.begin({ sku: 'A', units: 2, forMs: 5_000, isPaid: true });
  later.end();
  t.deepEqual(counts(unseen), [1, 2]);
});
