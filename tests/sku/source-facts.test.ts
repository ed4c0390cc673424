/** What a source says about its own stock: counts, adjustments and its own commitments, in its own order. */
import { deepEqual } from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import { MalformedError, parseNative } from '../../actors/sku/ingest/native.ts';
import type { SourcePolicy, Stock, StockFact } from '../../actors/sku/protocol.ts';
import { emptyStock } from '../../actors/sku/protocol.ts';
import { applyOrder } from '../../actors/sku/lines.ts';
import { hasGap } from '../../actors/sku/lots.ts';
import { known } from '../../actors/sku/stock.ts';
import { applySource as apply, here } from './actor.ts';

const source = 'erp';
const count = (position: number, quantity: number, more: { reserved?: number; imported?: string[] } = {}): StockFact => ({ type: 'stock.counted', source, position, quantity, ...more });
const adjust = (position: number, delta: number): StockFact => ({ type: 'stock.adjusted', source, position, delta });
const reserve = (position: number, delta: number): StockFact => ({ type: 'stock.reserved', source, position, delta });

const applySource = (stock: Stock, fact: StockFact, policy: SourcePolicy = {}): Stock => apply(stock, fact, policy, here);
const given = (policy: SourcePolicy, ...facts: StockFact[]): Stock => facts.reduce((stock, fact) => applySource(stock, fact, policy), emptyStock('A'));
const chainOf = (...told: [position: number, quantity: number][]): number => told.reduce((h, [position, quantity]) => (h * 31 + position * 7 + quantity) % 2 ** 32, 0);

test("a source's own commitments are subtracted beside our order lines, and never go below zero", t => {
  const stock = given({}, count(1, 10), reserve(2, 4), reserve(3, -1));
  t.deepEqual(stock, { ...emptyStock('A'), source, onHand: 10, reserved: 3, reservedAt: here.at, position: 3, chain: chainOf([1, 10], [2, 4], [3, 1]) });
  t.is(known(stock), 7);
  t.is(known(applyOrder(stock, { type: 'order.placed', account: 'a', line: 'a/1/1', units: 2, createdAt: 0 })), 5);
  t.is(applySource(stock, reserve(4, -9)).reserved, 0);
});

test('a reservation behind a gap waits for what is missing', t => {
  const gapped = given({}, count(1, 10), reserve(3, 4));
  t.deepEqual([known(gapped), hasGap(gapped)], [10, true]);
  const mended = applySource(gapped, adjust(2, -1));
  t.deepEqual([known(mended), hasGap(mended), mended.position], [5, false, 3]);
});

test('a count that tells the committed quantity replaces what was added up; one that does not leaves it', t => {
  t.is(known(given({}, count(1, 10), reserve(2, 4), count(9, 20, { reserved: 1 }))), 19);
  t.is(known(given({}, count(1, 10), reserve(2, 4), count(9, 20))), 16);
});

test('counts of an ordered source wait behind a gap; those of another source stand for all before them', t => {
  const facts = [count(1, 10), count(3, 30)];
  const ordered = given({ inOrder: true }, ...facts);
  t.deepEqual([ordered.onHand, ordered.position, ordered.held, hasGap(ordered)], [10, 1, [count(3, 30)], true]);
  const free = given({}, ...facts);
  t.deepEqual([free.onHand, free.position, free.held, hasGap(free)], [30, 3, [], false]);
});

test('an ordered source ends alike whatever order its facts arrive in and however often', t => {
  const facts = [adjust(1, 5), reserve(2, 2), count(3, 9, { imported: ['a/1/1'] }), adjust(4, -2), count(5, 7)];
  const straight = given({ inOrder: true }, ...facts);
  for (const order of [[1, 0, 3, 2, 4], [4, 3, 2, 1, 0], [2, 4, 0, 1, 3]]) {
    const stock = given({ inOrder: true }, ...order.map(i => facts[i]!), ...order.map(i => facts[i]!));
    t.deepEqual(stock, { ...straight, superseded: facts.length });
  }
  t.deepEqual([straight.onHand, straight.reserved, straight.position], [7, 2, 5]);
});

test('commitments count once, in whatever order they and the counts that say nothing of them arrive', t => {
  const facts = [reserve(1, 4), count(2, 9), reserve(3, 2), count(5, 7), reserve(6, 3), count(9, 20), reserve(7, 5)];
  t.notThrows(() => fc.assert(fc.property(fc.shuffledSubarray(facts, { minLength: facts.length }), fc.shuffledSubarray(facts), (order, repeats) => {
    const stock = given({}, ...order, ...repeats);
    deepEqual([stock.onHand, stock.reserved, stock.position], [20, 14, 9]);
  })));
});

test('a count that says what is reserved stands for every commitment up to it', t => {
  t.is(given({}, count(1, 10), count(5, 9), reserve(3, 4)).reserved, 4);
  t.is(given({}, count(1, 10), count(5, 9), count(6, 9, { reserved: 1 }), reserve(3, 4)).reserved, 1);
  t.is(given({}, count(1, 10), reserve(3, 4), count(5, 9, { reserved: 0 })).reserved, 0);
  t.deepEqual(given({}, count(1, 10), count(5, 9, { reserved: 1 })).passed, undefined);
});

test('positions that counts have passed over are kept in sixteen ranges, the newest', t => {
  const counts = Array.from({ length: 40 }, (_, n) => count(2 * n + 2, 5));
  const stock = given({}, ...counts);
  t.is(stock.passed!.length, 16);
  t.deepEqual(given({}, count(1, 5), count(4, 5), count(3, 6), adjust(2, 1)).passed, undefined, 'what was heard after all is not missing');
  t.is(applySource(stock, reserve(79, 2)).reserved, 2);
  t.is(applySource(stock, reserve(3, 2)).superseded, stock.superseded + 1);
});

test('an ordered source begins with nothing on hand at its position 1, and not before', t => {
  t.is(given({ inOrder: true }, adjust(1, 5)).onHand, 5);
  t.is(given({ inOrder: true }, reserve(1, 5)).onHand, 0);
  const early = given({ inOrder: true }, adjust(2, 5));
  t.deepEqual([early.onHand, known(early), hasGap(early)], [undefined, undefined, true]);
  const free = given({}, adjust(1, 5));
  t.deepEqual([free.onHand, hasGap(free)], [undefined, false], 'a free source begins with a count');
});

test('lines that a held count names are imported when it is applied, not when it arrives', t => {
  const line = { type: 'order.placed', account: 'a', line: 'a/1/1', units: 2, createdAt: 0 } as const;
  const held = applySource(applyOrder(given({ inOrder: true }, count(1, 10)), line), count(3, 8, { imported: [line.line] }), { inOrder: true });
  t.is(known(held), 8, '10 on hand less the line');
  t.is(known(applySource(held, adjust(2, 0), { inOrder: true })), 8, '8 on hand, the line among them');
});

test('deltas stop at 0 where the source says so, and go on from there', t => {
  t.is(given({ floor: true }, count(1, 3), adjust(2, -5), adjust(3, 2)).onHand, 2);
  t.is(given({}, count(1, 3), adjust(2, -5), adjust(3, 2)).onHand, 0);
});

test('the chain value is made of the facts applied, in order, and of nothing else', t => {
  const facts = [count(1, 4_000_000), adjust(2, -7), reserve(3, 12), reserve(4, -2)];
  const expected = chainOf([1, 4_000_000], [2, -7], [3, 12], [4, 2]);
  t.is(given({}, ...facts).chain, expected);
  t.is(given({}, ...facts, ...facts).chain, expected, 'repeats are not applied');
  t.is(given({}, facts[0]!, facts[2]!).chain, chainOf([1, 4_000_000]), 'held facts are not applied yet');
  t.not(given({}, facts[0]!, adjust(2, -8), reserve(3, 13), facts[3]!).chain, expected);
  let long = emptyStock('A');
  let h = 0;
  for (let position = 1; position <= 200; position++) {
    long = applySource(long, count(position, 999_999));
    h = Number((BigInt(h) * 31n + BigInt(position) * 7n + 999_999n) % 2n ** 32n);
  }
  t.is(long.chain, h);
});

test("Plumb's own format tells commitments, alone and with a count", t => {
  const common = { id: 'm1', sku: 'A', version: 4 };
  t.deepEqual(parseNative(source, JSON.stringify({ ...common, type: 'reserve', delta: -2 })).fact, reserve(4, -2));
  t.deepEqual(parseNative(source, JSON.stringify({ ...common, type: 'count', quantity: 9, reserved: 3 })).fact, count(4, 9, { reserved: 3 }));
  const error = t.throws(() => parseNative(source, JSON.stringify({ ...common, type: 'reserve' })), { instanceOf: MalformedError });
  t.deepEqual([error.field, error.value], ['delta', undefined]);
});
