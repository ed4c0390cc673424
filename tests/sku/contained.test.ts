/** Which order lines a count contains that does not name them: by time, or by the rule that its source declares. */
import { deepEqual } from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import { openUnits } from '../../actors/sku/lines.ts';
import type { SkuFact, SourcePolicy, StockFact } from '../../actors/sku/protocol.ts';
import { dayMs } from '../../actors/sku/retention.ts';
import { known } from '../../actors/sku/stock.ts';
import { Actor, adjust, bytes, cancelled, count, link, placed, refold, returned, shipped, start } from './actor.ts';

const under = (ordersIn: SourcePolicy['ordersIn'], order: SourcePolicy['order'] = 'sequence'): Actor => new Actor({ sources: { erp: { order, ...(ordersIn && { ordersIn }) }, wms: { order, ...(ordersIn && { ordersIn }) } } });
const with_ = <F extends StockFact>(fact: F, more: object): F => ({ ...fact, ...more });
const through = (position: number, quantity: number, importedThrough: number): StockFact => with_(count(position, quantity), { importedThrough });
const permutations = <T>(all: readonly T[]): T[][] => (all.length < 2 ? [[...all]] : all.flatMap((one, i) => permutations(all.toSpliced(i, 1)).map(rest => [one, ...rest])));

test('a count contains every line created by the time that it states, learnt before it or after, on any account', t => {
  const facts = [count(1, 10), through(2, 7, start), placed('a/1/1', 2, start), placed('b/2/1', 1, start - 1), placed('a/3/1', 4, start + 1)];
  for (const order of permutations(facts)) t.is(known(under('named').tell(...order).stock), 3);
});

test('a line whose time nobody told is subtracted: it may be newer', t => {
  t.is(known(under('named').tell(through(1, 7, start), shipped('a/1/1', 2)).stock), 5);
  t.is(known(under('named').tell(through(1, 7, start), shipped('a/1/1', 2), placed('a/1/1', 2, start)).stock), 7);
});

test('what comes back of a line contained by time comes back by the source\'s own number: once', t => {
  const actor = under('named').tell(placed('a/1/1', 3, start), placed('a/2/1', 1, start + 9), through(1, 7, start), cancelled('a/1/1', 3), cancelled('a/1/1', 3));
  t.is(known(actor.stock), 6);
  t.is(known(actor.tell(cancelled('a/2/1', 1)).stock), 7, 'a line that it does not contain gives its units back at once');
  t.is(known(actor.wait(20).tell(through(2, 10, start + 20), cancelled('a/1/1', 3)).stock), 10);
});

test('no count contains an order that was placed after it came, whatever time it states', t => {
  const actor = under('named').tell(through(1, 10, Date.UTC(2099, 0))).wait(1_000).tell(placed('a/1/1', 2, start + 1), placed('a/2/1', 1, start));
  t.is(known(actor.stock), 8);
  t.is(known(under({ lagMs: 0 }).tell({ ...count(1, 10), countedAt: Date.UTC(2099, 0) } as StockFact, placed('a/1/1', 2, start + 1)).stock), 8);
});

test('the time that an older count states holds for the newer number too', t => {
  t.is(known(under('named').tell(placed('a/1/1', 2), count(5, 6), through(3, 8, start)).stock), 6);
});

test('a source that always knows every line contains those that are known when its count comes', t => {
  const actor = under('always').tell(placed('a/1/1', 2), cancelled('b/1/1', 1), count(1, 8), placed('a/2/1', 3));
  t.is(known(actor.stock), 5);
  t.is(known(actor.tell(placed('a/1/1', 2), count(2, 5)).stock), 5);
  t.is(known(actor.tell(placed('a/3/1', 1), count(1, 8)).stock), 4, 'a count that is superseded says nothing of lines that it never knew');
});

test('a source that never knows of lines, and one that names them, leave those that no count names subtracted', t => {
  for (const ordersIn of ['never', 'named', undefined] as const) {
    const actor = under(ordersIn).tell(placed('a/1/1', 2), placed('a/2/1', 1), count(1, 8), count(2, 8, { imported: ['a/2/1'] }));
    t.is(known(actor.stock), 6);
  }
});

test('a source that lags contains lines created so long before it counted', t => {
  const lagMs = 60_000;
  const lines = [placed('a/1/1', 1, start - lagMs), placed('a/2/1', 2, start - lagMs + 1)];
  t.is(known(under({ lagMs }).tell(...lines, count(1, 10)).stock), 8, 'by the journal\'s time');
  t.is(known(under({ lagMs }).tell(...lines, with_(count(1, 10), { countedAt: start - 1 })).stock), 7, 'by its own, where it tells');
  t.is(known(under({ lagMs }).tell(count(2, 10), with_(count(1, 10), { countedAt: start + 1 }), ...lines).stock), 10, 'an older count that tells its time contains them');
  const late = under({ lagMs }).tell(count(2, 10)).wait(lagMs).tell(count(1, 50), ...lines);
  t.is(known(late.stock), 8, 'the journal\'s time of a superseded count says nothing');
});

test('a count that names lines, or a time, is taken at its word whatever its source declares', t => {
  t.is(known(under('always').tell(placed('a/1/1', 2), placed('a/2/1', 3), count(1, 10, { imported: ['a/1/1'] })).stock), 7);
  t.is(known(under('always').tell(placed('a/1/1', 2, start), placed('a/2/1', 3, start + 1), through(1, 10, start)).stock), 7);
});

test('a line is contained once the counts of every location that states so contain it', t => {
  const here = (position: number, quantity: number): StockFact => with_(count(position, quantity), { location: 'LEJ' });
  const there = (position: number, quantity: number): StockFact => with_(count(position, quantity), { location: 'Ł,@ 2', source: 'wms' });
  const actor = under('always').tell(here(1, 10), there(1, 5), placed('a/1/1', 3), here(2, 10));
  t.deepEqual([known(actor.stock), actor.stock.lines['a/1/1']!.containedAt], [12, ['LEJ']], 'the other may have been counted before the sale');
  t.is(bytes(actor.kind, refold(actor.kind, actor.journal, [1, 4], { stored: true }).record), bytes(actor.kind, actor.record));
  actor.tell(there(2, 2));
  t.deepEqual([known(actor.stock), actor.stock.lines], [12, { 'a/1/1': { units: 3, imported: true, cancelImported: true, createdAt: start } }]);

  const timed = under('named').tell(with_(here(1, 10), { importedThrough: start }), with_(there(1, 5), { importedThrough: start - 1 }), placed('a/1/1', 3));
  t.is(known(timed.stock), 12);
  t.is(known(timed.tell(with_(there(2, 5), { importedThrough: start })).stock), 15);
});

test('returned units come back once, however often told, until the source names them', t => {
  const facts: SkuFact[] = [count(1, 10), placed('a/1/1', 3), shipped('a/1/1', 3), returned('a/1/1', 1), returned('a/1/1', 2), count(2, 7, { imported: ['a/1/1'] })];
  for (const order of permutations(facts)) t.is(known(new Actor().tell(...order, ...order).stock), 9);
  for (const order of permutations([...facts.slice(1), count(3, 9, { imported: ['a/1/1#returned'] })])) t.is(known(new Actor().tell(...order).stock), 9);
  t.is(known(new Actor().tell(count(1, 10), placed('a/1/1', 3), cancelled('a/1/1', 3), returned('a/1/1', 3)).stock), 10, 'refunded and returned are the same units');
});

test('units of a line that was put away come back once, and no other statement about it counts', t => {
  for (const named of [false, true]) {
    const L = 'a/1/1';
    const actor = new Actor().tell(link('a'), count(1, 10), placed(L, 4), cancelled(L, 1), count(2, 7, { imported: [L, `${L}#cancelled`] }), shipped(L, 3)).wait(2 * dayMs).tell(adjust(3, 0));
    t.deepEqual([actor.stock.lines, Object.values(actor.stock.closed)], [{}, [{ [L]: 3 }]]);
    if (named) actor.tell(count(4, 9, { imported: [`${L}#returned`] }));
    actor.tell(returned(L, 2), returned(L, 2), placed(L, 4), cancelled(L, 1), shipped(L, 3));
    t.is(known(actor.stock), 9);
    t.is(bytes(actor.kind, refold(actor.kind, actor.journal, [1, 4], { stored: true }).record), bytes(actor.kind, actor.record));
    if (!named) actor.tell(count(4, 9, { imported: [`${L}#returned`] }));
    actor.wait(3 * dayMs).tell(adjust(5, 0), returned(L, 2)).wait(dayMs).tell(returned(L, 2));
    t.is(known(actor.stock), 9);
  }
});

test('any order and repetition of order facts around counts that state their time ends in the same truth', t => {
  const line = fc.record({ id: fc.nat(5), units: fc.integer({ min: 1, max: 3 }), at: fc.integer({ min: -5, max: 5 }), cancelled: fc.nat(1), shipped: fc.boolean() });
  const told = fc.record({ lines: fc.uniqueArray(line, { selector: ({ id }) => id }), times: fc.array(fc.integer({ min: -5, max: 5 }), { maxLength: 3 }) }).chain(({ lines, times }) => {
    const facts: SkuFact[] = [
      ...lines.flatMap(({ id, units, at, cancelled: back, shipped: gone }): SkuFact[] => {
        const name = `a/${id}/1`;
        return [placed(name, units, start + at), ...(back > 0 ? [cancelled(name, back)] : []), ...(gone && units > back ? [shipped(name, units - back)] : [])];
      }),
      count(1, 100),
      ...times.map((at, i) => through(i + 2, 90 - i, start + at)),
    ];
    const last = Math.max(-Infinity, ...times);
    const free = 100 - (times.length > 0 ? 9 + times.length : 0) - lines.reduce((sum, { units, at, cancelled: back }) => sum + (at <= last ? 0 : units - back), 0);
    return fc.record({ free: fc.constant(free), order: fc.tuple(fc.shuffledSubarray(facts), fc.shuffledSubarray(facts, { minLength: facts.length })).map(([some, all]) => [...some, ...all]) });
  });
  t.notThrows(() => fc.assert(fc.property(told, ({ free, order }) => deepEqual(known(under('named', 'monotone').wait(10).tell(...order).stock), free)), { numRuns: 500 }));
});

test('units that come back of a line that was put away are the source\'s to count, where it knows of orders by rule', t => {
  const actor = under('always').tell(placed('a/1/1', 3), shipped('a/1/1', 3), count(1, 7)).wait(2 * dayMs).tell(adjust(2, 0));
  t.deepEqual(Object.values(actor.stock.closed), [{ 'a/1/1': 3 }]);
  t.is(known(actor.tell(returned('a/1/1', 2)).stock), 7);
});

test('a line that was returned is open no more, though nobody told that it was shipped', t => {
  const { stock } = new Actor().tell(count(1, 10), placed('a/1/1', 3), returned('a/1/1', 2));
  t.deepEqual([openUnits(stock, 'a'), known(stock)], [1, 9]);
});
