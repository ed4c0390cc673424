/** Many locations: each with a source and an order of its own, and what of them a channel may sell. */
import { deepEqual, ok } from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import { packStock, unpackStock } from '../../actors/sku/packing.ts';
import type { Rule, SkuFact, Stock, StockFact } from '../../actors/sku/protocol.ts';
import { emptyStock } from '../../actors/sku/protocol.ts';
import { known } from '../../actors/sku/stock.ts';
import { Actor, adjust, bytes, cancelled, count, gapMs, link, placed, refold, reserve, source, start } from './actor.ts';

const at = <F extends StockFact>(location: string, fact: F, from = source): F => ({ ...fact, location, source: from });
const rule = (account: string, set: Partial<Rule>): SkuFact => ({ type: 'rule.set', account, rule: { buffer: 0, ...set } });

test('what is known is the sum of the locations that were counted', t => {
  const actor = new Actor().tell(at('LEJ', count(1, 10)), at('HAM', count(1, 4), 'wms'), count(1, 2), at('MUC', adjust(2, 5)));
  t.is(known(actor.stock), 16);
  t.is(known(actor.tell(at('HAM', adjust(2, -1), 'wms'), at('LEJ', reserve(2, 3)), placed('a/1/1', 2)).stock), 10);
  t.deepEqual(Object.entries(actor.stock.lots!).map(([location, { onHand, source: from, position }]) => [location, onHand, from, position]), [
    ['LEJ', 10, 'erp', 2], ['HAM', 3, 'wms', 2], ['MUC', undefined, undefined, 0],
  ]);
});

test('one source speaks at a location: a second one is refused there, and heard elsewhere', t => {
  const actor = new Actor().tell(at('LEJ', count(1, 10)), at('LEJ', count(9, 99), 'wms'), at('HAM', count(9, 5), 'wms'));
  t.is(known(actor.stock), 15);
  t.deepEqual(actor.published.map(({ to, id, body }) => [to, id, (body as { message: string; location: string }).message, (body as { location: string }).location]), [
    [['dead', 'source', 'wms', 'A'], 'source:A:wms:9@LEJ', 'wms spoke of A at LEJ, which belongs to erp: positions of two sources cannot be compared', 'LEJ'],
  ]);
});

test('each location has its own gap: a letter and an ask that name it, and raises withheld until all are filled', t => {
  const actor = new Actor({ askMs: 1_000 }).tell(link('a'), at('LEJ', count(1, 10)), at('HAM', count(1, 4))).prove('a');
  actor.tell(at('LEJ', adjust(3, 5))).wait(500).tell(at('HAM', adjust(3, 5))).wait(gapMs);
  t.deepEqual([actor.state, Object.keys(actor.record.due)], ['suspended', []]);
  t.deepEqual(actor.published.map(({ id }) => id), [`ask:A:1@LEJ:${start}`, `ask:A:1@HAM:${start + 500}`, 'gap:A:1@LEJ', 'gap:A:1@HAM']);
  t.deepEqual(actor.published[0]!.body, { sku: 'A', location: 'LEJ', source, missing: 'position 2', since: start });
  t.is((actor.published[2]!.body as { message: string }).message, 'position 2 of A at LEJ never came; 1 later changes wait behind it');
  actor.tell(at('LEJ', adjust(2, 1)));
  t.deepEqual([actor.published.at(-1)!.id, actor.state, known(actor.stock)], ['gap:A:1@LEJ:resolved', 'suspended', 20]);
  t.deepEqual(actor.tell(at('HAM', count(4, 2))).settle().intended, { a: 18 });
  t.deepEqual([actor.published.at(-1)!.id, actor.record.due], ['gap:A:1@HAM:resolved', {}]);
});

test('a channel of some locations sells what lies there, less every line that may be taken from there', t => {
  const actor = new Actor().tell(link('de', { rule: { buffer: 0, locations: ['LEJ', 'HAM'] } }), link('pl', { rule: { buffer: 1, locations: ['POZ'] } }), link('all'));
  actor.tell(at('LEJ', count(1, 5)), at('HAM', count(1, 3)), at('POZ', count(1, 4)));
  t.deepEqual(actor.settle().intended, { de: 8, pl: 3, all: 12 });
  t.deepEqual(actor.tell(placed('de/1/1', 2)).intended, { de: 6, pl: 3, all: 10 }, 'it cannot be taken from Poznan');
  t.deepEqual(actor.tell(placed('all/1/1', 1), placed('shut/1/1', 1)).intended, { de: 4, pl: 1, all: 8 }, 'these may come from anywhere');
  t.deepEqual(actor.tell(placed('pl/1/1', 9)).intended, { de: 0, pl: 0, all: 0 }, 'oversold elsewhere: no more than there is in all');
});

test('what comes back of a line counts for a channel only where it must lie', t => {
  const [de, all] = ['de/1/1', 'all/1/1'];
  const actor = new Actor().tell(link('de', { rule: { buffer: 0, locations: ['LEJ'] } }), link('all'), at('LEJ', count(1, 5, { imported: [de, all] })), at('POZ', count(1, 5)));
  actor.tell(placed(de, 1), cancelled(de, 1)).settle();
  t.deepEqual(actor.intended, { de: 6, all: 11 });
  t.deepEqual(actor.tell(placed(all, 1), cancelled(all, 1)).settle().intended, { de: 6, all: 12 });
});

test('a location that was never counted is not zero: its channel is not written, nor raised; but lowered with all there is', t => {
  const actor = new Actor().tell(link('pl', { rule: { buffer: 0, locations: ['POZ'] } }), at('LEJ', count(1, 5)));
  t.deepEqual([actor.intended, actor.state], [{ pl: undefined }, 'settled']);
  t.deepEqual(actor.tell(at('POZ', count(1, 4))).intended, { pl: 4 });
  actor.prove('pl').tell(rule('pl', { locations: ['GDN'] }));
  t.deepEqual([actor.intended, actor.state], [{ pl: 4 }, 'settled']);
  t.deepEqual(actor.tell(at('LEJ', count(2, 0)), at('POZ', count(2, 1))).intended, { pl: 1 });
  t.deepEqual(actor.tell(at('POZ', count(3, 9))).settle().intended, { pl: 1 });
});

test('the unnamed location is one like the others in a set', t => {
  const actor = new Actor().tell(link('a', { rule: { buffer: 0, locations: [''] } }), count(1, 3), at('LEJ', count(1, 5)));
  t.deepEqual([actor.intended, known(actor.stock)], [{ a: 3 }, 8]);
});

test('a channel that is to be skipped is intended nothing, whatever happens, and anew once it is not', t => {
  const actor = new Actor().tell(link('a'), link('b'), count(1, 5)).prove('a', 'b').tell(rule('a', { skip: true }), adjust(2, -2), placed('a/1/1', 1));
  t.deepEqual([actor.stock.outlets.a, actor.intended.b], [{ listing: { id: 'a-1', fields: {} }, gross: false, rule: { buffer: 0, skip: true } }, 2]);
  actor.tell({ type: 'observed', account: 'a', version: 3, quantity: 9, verdict: 'drift' });
  t.is(actor.intended.a, undefined);
  t.deepEqual(actor.tell(rule('a', {})).intended, { a: 2, b: 2 });
  t.deepEqual(new Actor().tell(link('a', { rule: { buffer: 0, skip: true }, shown: 3 }), count(1, 5)).intended, { a: undefined });
});

test('a fixed number is shown while there is so much, and what there is below it', t => {
  const actor = new Actor().tell(link('a', { rule: { buffer: 0, fixed: 5 } }), count(1, 9));
  const seen = [actor.intended.a];
  for (const [position, quantity] of [[2, 5], [3, 4], [4, -1], [5, 50]] as const) seen.push(actor.tell(count(position, quantity)).settle().intended.a);
  t.deepEqual(seen, [5, 5, 4, 0, 5]);
});

test('a record without locations has no byte of them, and one with them is the same whatever order they came in', t => {
  t.deepEqual(Object.keys(packStock(new Actor().tell(link('a'), count(1, 5), placed('a/1/1', 1)).stock)), Object.keys({ ...packStock(emptyStock('A')), source: 0, onHand: 0 }).sort((a, b) => order.indexOf(a) - order.indexOf(b)));
  const [one, other] = [['LEJ', '__proto__', 'Lager 2'], ['Lager 2', 'LEJ', '__proto__']].map(locations => {
    const stock = new Actor().tell(...locations.map(location => at(location, count(1, 5)))).stock;
    return JSON.stringify(packStock({ ...stock, lots: Object.fromEntries(Object.entries(stock.lots!)) }));
  });
  t.is(one, other);
  t.deepEqual(Object.keys((JSON.parse(one!) as Stock).lots!), ['LEJ', 'Lager 2', '__proto__']);
});
const order = ['sku', 'source', 'onHand', 'reserved', 'position', 'chain', 'held', 'orders', 'closed', 'early', 'outlets', 'waitingSince', 'day', 'superseded'];

test('any order of facts at several locations ends in the sum of what each says, within what each channel may sell', t => {
  const places = ['', 'LEJ', 'HAM'];
  const fact = fc.tuple(fc.constantFrom(...places), fc.integer({ min: -4, max: 20 }), fc.boolean());
  const told = fc.array(fact, { minLength: 1, maxLength: 14 }).chain(all => {
    const positions: Record<string, number> = {};
    const facts = all.map(([location, units, isCount]) => {
      const position = positions[location] = (positions[location] ?? 0) + 1;
      return at(location, isCount || position === 1 ? count(position, units) : adjust(position, units), `s-${location}`);
    });
    const lines = fc.array(fc.record({ account: fc.constantFrom('de', 'all', 'none'), units: fc.integer({ min: 1, max: 3 }) }), { maxLength: 4 })
      .map(sold => sold.map(({ account, units }, n) => placed(`${account}/${n}/1`, units)));
    return fc.record({ facts: fc.constant(facts), lines }).chain(({ facts: every, lines: sold }) => fc.record({
      every: fc.constant(every), sold: fc.constant(sold), shuffled: fc.shuffledSubarray<SkuFact>([...every, ...sold], { minLength: every.length + sold.length }),
    }));
  });
  t.notThrows(() => fc.assert(fc.property(told, ({ every, sold, shuffled }) => {
    const actor = new Actor().tell(link('de', { rule: { buffer: 0, locations: ['LEJ', 'HAM'] } }), link('all'), ...shuffled).settle();
    const sums = new Map<string, number>();
    for (const one of every) sums.set(one.location!, one.type === 'stock.counted' ? one.quantity : sums.get(one.location!)! + (one as { delta: number }).delta);
    const sum = (locations: readonly string[]): number => locations.reduce((units, location) => units + (sums.get(location) ?? 0), 0);
    const taken = sold.reduce((units, line) => units + line.units, 0);
    deepEqual(known(actor.stock), sum(places) - taken);
    deepEqual(actor.intended.all, Math.max(0, sum(places) - taken));
    if (sums.has('LEJ') || sums.has('HAM')) deepEqual(actor.intended.de, Math.max(0, Math.min(sum(['LEJ', 'HAM']) - taken, sum(places) - taken)));
    else ok(actor.intended.de === undefined);
    const again = refold(actor.kind, actor.journal, [1, 4], { stored: true }).record;
    deepEqual(bytes(actor.kind, again), bytes(actor.kind, actor.record));
    deepEqual(unpackStock(JSON.parse(JSON.stringify(packStock(again.context)))), again.context);
  }), { numRuns: 500 }));
});
