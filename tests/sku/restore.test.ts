import test from 'ava';
import { emptyStock } from '../../actors/sku/protocol.ts';
import type { SourcePolicy, Stock, StockFact } from '../../actors/sku/protocol.ts';
import { restore, takeSource } from '../../actors/sku/stock.ts';

const at = { seq: 1, at: 0, correlation: 'c' };
const erp = { source: 'erp' };
const folded = (policy: SourcePolicy, ...facts: StockFact[]): Stock => facts.reduce((stock, fact) => takeSource(stock, fact, policy, at).stock, emptyStock('A'));
const count = (position: number, quantity: number, location?: string): StockFact => ({ type: 'stock.counted', ...erp, position, quantity, ...(location !== undefined && { location }) });
const adjust = (position: number, delta: number): StockFact => ({ type: 'stock.adjusted', ...erp, position, delta });
const back = (quantity: number, rest: object = {}): Parameters<typeof restore>[1] => ({ type: 'stock.restored', ...erp, quantity, by: 'ops', ...rest });

for (const order of ['sequence', 'monotone'] as const) {
  test(`${order}: a number that is taken back is what the source's next fact goes on from`, t => {
    const restored = restore(folded({ order }, count(1, 9), count(2, 0)), back(9));
    t.is(restored.onHand, 9);
    t.is(takeSource(restored, adjust(3, -2), { order }, at).stock.onHand, 7);
    t.is(takeSource(restored, count(3, 4), { order }, at).stock.onHand, 4);
    t.is(takeSource(restored, count(2, 0), { order }, at).stock.onHand, 9, 'the wrong count told again changes nothing');
  });
}

test('changes above the count, once taken back, are told apart from news no more', t => {
  const restored = restore(folded({ order: 'monotone' }, count(1, 9), adjust(2, -5), adjust(3, -1)), back(8));
  t.is(restored.onHand, 8);
  t.deepEqual([adjust(2, -5), adjust(3, -1)].map(fact => takeSource(restored, fact, { order: 'monotone' }, at).stock.onHand), [8, 8]);
  t.is(takeSource(restored, adjust(4, -1), { order: 'monotone' }, at).stock.onHand, 7);
});

test('only what that source counted there is taken back', t => {
  const stock = folded({}, count(1, 9), count(1, 4, 'LEJ'));
  t.is(restore(stock, back(5, { source: 'wms' })), stock);
  t.is(restore(stock, back(5, { location: 'FRA' })), stock);
  t.is(restore(stock, back(9)), stock, 'it is so already');
  const there = restore(stock, back(7, { location: 'LEJ' }));
  t.deepEqual([there.onHand, there.lots!['LEJ']!.onHand], [9, 7]);
});
