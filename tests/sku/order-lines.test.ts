/** What is promised: each order line counts once, whatever is repeated, late, or known to the source before us. */
import { deepEqual } from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import { markImported } from '../../actors/sku/contained.ts';
import { applyOrder, openUnits } from '../../actors/sku/lines.ts';
import type { Line, OrderFact, Stock, StockFact } from '../../actors/sku/protocol.ts';
import { emptyStock } from '../../actors/sku/protocol.ts';
import { known } from '../../actors/sku/stock.ts';
import { adjust, applySource, cancelled, count, here, placed, shipped, start } from './actor.ts';

type Fact = StockFact | OrderFact;

const fold = (facts: readonly Fact[]): Stock => facts.reduce((stock, fact) =>
  ('position' in fact ? applySource(stock, fact, {}, here) : applyOrder(stock, fact)), emptyStock('A'));
const given = (...facts: Fact[]): Stock => fold(facts);
const permutations = <T>(all: readonly T[]): T[][] => (all.length < 2 ? [[...all]] : all.flatMap((one, i) => permutations(all.toSpliced(i, 1)).map(rest => [one, ...rest])));

/** Every order, and every fact twice, ends in the same lines, known units and open units. */
function always(facts: readonly Fact[], expected: { known: number; lines: Record<string, Line>; open?: number }): { got: unknown; want: unknown }[] {
  return permutations(facts).flatMap(order => [order, order.flatMap(fact => [fact, fact]), [...order, ...order]]).flatMap(order => {
    const stock = fold(order);
    const got = { known: known(stock), lines: stock.lines, early: stock.early, open: openUnits(stock, 'a') };
    const want = { known: expected.known, lines: expected.lines, early: {}, open: expected.open ?? got.open };
    return JSON.stringify(sorted(got)) === JSON.stringify(sorted(want)) ? [] : [{ got, want }];
  });
}

const sorted = (value: unknown): unknown => (value === null || typeof value !== 'object' ? value
  : Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, item]) => [key, sorted(item)])));

const L = 'a/1/1';

test('a sale, a part cancelled and a part shipped count once each, in any order', t => {
  const facts = [count(1, 10), placed(L, 5), cancelled(L, 2), shipped(L, 1)];
  t.deepEqual(always(facts, { known: 7, lines: { [L]: { units: 5, cancelled: 2, shipped: 1, createdAt: start } }, open: 2 }), []);
});

test('statements are cumulative: the largest figure of each kind counts, in any order', t => {
  const facts = [count(1, 10), placed(L, 5), cancelled(L, 1), cancelled(L, 3), shipped(L, 1), shipped(L, 2)];
  t.deepEqual(always(facts, { known: 8, lines: { [L]: { units: 5, cancelled: 3, shipped: 2, createdAt: start } }, open: 0 }), []);
});

test('a line told with fewer units later keeps those it had, in any order', t => {
  t.deepEqual(always([count(1, 10), placed(L, 5), placed(L, 3)], { known: 5, lines: { [L]: { units: 5, createdAt: start } } }), []);
});

test('a line told twice with different times was placed at the first of them', t => {
  t.deepEqual(always([count(1, 10), placed(L, 1, start), placed(L, 1, start - 5)], { known: 9, lines: { [L]: { units: 1, createdAt: start - 5 } } }), []);
});

test('a cancellation or a shipment without its order implies the sale', t => {
  t.deepEqual(always([count(1, 10), cancelled(L, 2)], { known: 10, lines: { [L]: { units: 2, cancelled: 2 } }, open: 0 }), []);
  t.deepEqual(always([count(1, 10), shipped(L, 2)], { known: 8, lines: { [L]: { units: 2, shipped: 2 } }, open: 0 }), []);
  t.deepEqual(always([count(1, 10), placed(L, 1), cancelled(L, 3)], { known: 10, lines: { [L]: { units: 3, cancelled: 3, createdAt: start } } }), [], 'more cancelled than ordered gives back no more than was taken');
  t.deepEqual(always([count(1, 10), placed(L, 1), shipped(L, 3)], { known: 7, lines: { [L]: { units: 3, shipped: 3, createdAt: start } } }), [], 'more shipped than ordered was sold too');
});

test('a unit that was shipped does not come back by a cancellation: the source counts it when it returns', t => {
  t.deepEqual(always([count(1, 10), placed(L, 3), shipped(L, 3), cancelled(L, 2)], { known: 7, lines: { [L]: { units: 3, shipped: 3, cancelled: 2, createdAt: start } }, open: 0 }), []);
  t.deepEqual(always([count(1, 10), placed(L, 3), shipped(L, 2), cancelled(L, 2)], { known: 8, lines: { [L]: { units: 3, shipped: 2, cancelled: 2, createdAt: start } }, open: 0 }), []);
});

test('a line that a count names is not subtracted again, whether it was learnt before or after', t => {
  const facts = [count(1, 10), placed(L, 3), count(2, 7, { imported: [L] })];
  t.deepEqual(always(facts, { known: 7, lines: { [L]: { units: 3, imported: true, createdAt: start } } }), []);
});

test('a cancellation after the import gives units back until the source has it too', t => {
  t.deepEqual(always([count(1, 7, { imported: [L] }), placed(L, 3), cancelled(L, 3)], { known: 10, lines: { [L]: { units: 3, cancelled: 3, imported: true, createdAt: start } } }), []);
  t.deepEqual(always([count(1, 7, { imported: [L] }), placed(L, 3), cancelled(L, 3), count(2, 10, { imported: [`${L}#cancelled`] })],
    { known: 10, lines: { [L]: { units: 3, cancelled: 3, imported: true, cancelImported: true, createdAt: start } } }), []);
});

test('a source that took a cancellation back had the sale in its number, though no count says so', t => {
  t.deepEqual(always([placed(L, 3), cancelled(L, 3), count(9, 10, { imported: [`${L}#cancelled`] })],
    { known: 10, lines: { [L]: { units: 3, cancelled: 3, imported: true, cancelImported: true, createdAt: start } } }), []);
});

test('a line cancelled before its import leaves the number as it was, imported later or never', t => {
  t.is(known(given(count(1, 10), placed(L, 3), cancelled(L, 3))), 10);
  t.is(known(given(count(1, 10), placed(L, 3), cancelled(L, 3), count(2, 7, { imported: [L] }))), 10);
});

test('imports that a superseded count names are contained in the newer number', t => {
  t.deepEqual(always([count(1, 10), placed(L, 3), count(2, 7, { imported: [L] }), count(3, 20)], { known: 20, lines: { [L]: { units: 3, imported: true, createdAt: start } } }), []);
});

test('a count repeated with the same imports changes nothing but the tally of superseded facts', t => {
  const before = given(placed(L, 3), count(2, 7, { imported: [L, 'a/2/1'] }));
  t.deepEqual(applySource(before, count(2, 7, { imported: [L, 'a/2/1'] }), {}, { seq: 9, at: start + 5 }), { ...before, superseded: 1 });
});

test('a line placed at a time that is none is of unknown age', t => {
  for (const time of [NaN, -1, Infinity, -Infinity]) t.deepEqual(given(placed(L, 1, time)).lines[L], { units: 1 });
  t.deepEqual(given(placed(L, 1, 1.5)).lines[L], { units: 1, createdAt: 1 });
});

test('names of prototypes are lines like any other', t => {
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    const early = given(count(1, 7, { imported: [name] }));
    t.deepEqual(Object.keys(early.early), [name]);
    const stock = applyOrder(JSON.parse(JSON.stringify(early)) as Stock, { ...placed(L, 3), line: name });
    t.deepEqual([known(stock), Object.entries(stock.lines), stock.early], [7, [[name, { units: 3, imported: true, createdAt: start }]], {}], name);
    t.deepEqual(Object.getPrototypeOf(stock.lines), Object.prototype, name);
    const later = applySource(applyOrder(given(count(1, 10)), { ...placed(L, 3), line: name }), count(2, 7, { imported: [name, `${name}#cancelled`] }), {}, here);
    t.deepEqual([known(later), Object.entries(later.lines)], [7, [[name, { units: 3, imported: true, cancelImported: true, createdAt: start }]]], name);
  }
});

test('a fact folded in leaves the state before it as it was', t => {
  const before = given(count(1, 10, { imported: ['b/9/1'] }), placed(L, 3), adjust(5, 1));
  const copy = structuredClone(before);
  for (const fact of [placed(L, 4), cancelled(L, 1), shipped(L, 1), placed('b/9/1', 1), placed('c/1/1', 2)]) applyOrder(before, fact);
  for (const fact of [count(9, 1, { imported: [L, 'c/1/1', `${L}#cancelled`] }), count(1, 10, { imported: [L] }), adjust(2, 1), adjust(6, 1)]) applySource(before, fact, {}, here);
  t.deepEqual(before, copy);
});

test('a fact that tells nothing new returns the very state, so that a repeat costs nothing', t => {
  const stock = given(count(1, 10), placed(L, 3), cancelled(L, 2), shipped(L, 1), count(2, 8, { imported: [L, 'a/2/1'] }));
  for (const fact of [placed(L, 3), placed(L, 2), cancelled(L, 1), shipped(L, 1)]) t.is(applyOrder(stock, fact), stock);
  t.is(markImported(stock, [L, 'a/2/1'], here), stock);
});

test('imports of lines that never come are bounded, the oldest give way', t => {
  const batch = (n: number): string[] => Array.from({ length: 400 }, (_, i) => `pos/${n}/${i}`);
  let stock = emptyStock('A');
  for (let n = 1; n <= 4; n++) stock = applySource(stock, count(n, 10, { imported: batch(n) }), {}, { seq: n, at: start + n });
  t.deepEqual(Object.keys(stock.early).sort(), [...batch(2).slice(-200), ...batch(3), ...batch(4)].sort());
});

/** A shop of one SKU: an ERP's own history, and order lines of which it imports some, late. */
const history = fc.record({
  opening: fc.integer({ min: 0, max: 40 }),
  lines: fc.array(fc.record({ account: fc.constantFrom('a', 'b', 'c'), units: fc.integer({ min: 1, max: 4 }), cancelled: fc.nat(4), shipped: fc.nat(4) }), { maxLength: 5, size: 'max' }),
  steps: fc.array(fc.oneof(
    fc.record({ kind: fc.constant('adjust' as const), delta: fc.integer({ min: -9, max: 9 }) }),
    fc.record({ kind: fc.constant('import' as const), line: fc.nat(4) }),
  ), { maxLength: 8, size: 'max' }),
}).map(({ opening, lines, steps }) => {
  const facts: Fact[] = [count(1, opening)];
  const told = lines.map(({ account, units, ...rest }, i) => {
    const shippedUnits = Math.min(rest.shipped, units);
    const line = { id: `${account}/${i}/1`, units, shipped: shippedUnits, cancelled: Math.min(rest.cancelled, units - shippedUnits), imported: false, back: false };
    for (let n = 1; n <= units; n++) facts.push(placed(line.id, n));
    for (let n = 1; n <= line.cancelled; n++) facts.push(cancelled(line.id, n));
    for (let n = 1; n <= line.shipped; n++) facts.push(shipped(line.id, n));
    return line;
  });
  let book = opening;
  let supply = opening;
  let position = 1;
  for (const step of steps) {
    position += 1;
    if (step.kind === 'adjust') {
      book += step.delta;
      supply += step.delta;
      facts.push(adjust(position, step.delta));
      continue;
    }
    const line = told[step.line];
    const imported: string[] = [];
    // The sale first; once it is in the book, the cancellation of the whole line.
    if (line && !line.imported) {
      line.imported = true;
      book -= line.units;
      imported.push(line.id);
    } else if (line && !line.back && line.cancelled === line.units) {
      line.back = true;
      book += line.units;
      imported.push(`${line.id}#cancelled`);
    }
    facts.push(count(position, book, { imported }));
  }
  const expected = {
    position,
    onHand: book,
    known: supply - told.reduce((sum, { units, cancelled }) => sum + units - cancelled, 0),
    lines: Object.fromEntries(told.map(({ id, units, cancelled, shipped, imported, back }) => [id, {
      units, createdAt: start, ...(cancelled > 0 && { cancelled }), ...(shipped > 0 && { shipped }), ...(imported && { imported }), ...(back && { cancelImported: back }),
    }])),
    early: {},
    held: [],
  };
  return { facts, expected };
});

test('any order and repetition of the same facts ends in the same truth', t => {
  const told = history.chain(({ facts, expected }) => fc.record({
    expected: fc.constant(expected),
    order: fc.tuple(fc.shuffledSubarray(facts), fc.shuffledSubarray(facts, { minLength: facts.length })).map(([some, all]) => [...some, ...all]),
  }));
  t.notThrows(() => fc.assert(fc.property(told, ({ order, expected }) => {
    const stock = fold(order);
    const { position, onHand, lines, early, held } = stock;
    deepEqual({ position, onHand, known: known(stock), lines, early, held }, expected as unknown as typeof stock & { known: number });
  }), { numRuns: 2_000 }));
});
