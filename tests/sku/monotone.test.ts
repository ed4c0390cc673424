/** Sources whose positions can be compared and nothing more: what they end at, whatever order their facts come in. */
import { deepEqual } from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import { deltasMax } from '../../actors/sku/monotone.ts';
import { packStock, unpackStock } from '../../actors/sku/packing.ts';
import { comparePositions, ordinalOf } from '../../actors/sku/position.ts';
import type { Position, SourcePolicy, Stock, StockFact } from '../../actors/sku/protocol.ts';
import { emptyStock } from '../../actors/sku/protocol.ts';
import { known } from '../../actors/sku/stock.ts';
import { Actor, adjust, applySource, count, here, link, reserve, source, start } from './actor.ts';

const monotone: SourcePolicy = { order: 'monotone' };
const erp = { sources: { erp: monotone } };
const given = (...facts: StockFact[]): Stock => facts.reduce((stock, fact) => applySource(stock, fact, monotone, here), emptyStock('A'));
const at = <F extends StockFact>(position: Position, fact: F): F => ({ ...fact, position });
const letters = (actor: Actor): unknown[] => actor.published.map(({ to, body }) => [to, (body as { message?: string }).message ?? (body as { missing: string }).missing]);

test('positions compare part by part: numbers by size, texts by code unit, numbers first, the shorter first', t => {
  const ascending: Position[] = [[], -1, 2, [2, 0], [2, 'a'], [10], [10, 'B'], [10, 'a'], [10, 'a', 0], ['0/16B3748'], ['0/9']];
  for (const [i, a] of ascending.entries()) for (const [j, b] of ascending.entries()) t.is(Math.sign(comparePositions(a, b)), Math.sign(i - j), `${JSON.stringify(a)} and ${JSON.stringify(b)}`);
  t.is(comparePositions(7, [7]), 0);
  t.deepEqual([7, [7], [7, 1], ['7'], 1.5, []].map(position => ordinalOf(position as Position)), [7, 7, undefined, undefined, undefined, undefined]);
});

test('positions are a total order, in which a number is the list of itself alone', t => {
  const position: fc.Arbitrary<Position> = fc.oneof(fc.integer(), fc.array(fc.oneof(fc.integer({ min: -2, max: 2 }), fc.constantFrom('', 'a', 'b')), { maxLength: 3 }));
  t.notThrows(() => fc.assert(fc.property(position, position, position, (a, b, c) => {
    deepEqual(Math.sign(comparePositions(a, b)), 0 - Math.sign(comparePositions(b, a)) + 0);
    if (comparePositions(a, b) <= 0 && comparePositions(b, c) <= 0) deepEqual(comparePositions(a, c) <= 0, true);
    if (typeof a === 'number') deepEqual(comparePositions(a, [a]), 0);
  })));
});

test('a delta counts once where it is newer than the last count, whatever is between them', t => {
  const stock = given(at([100, 1], count(1, 10)), at([250, 3], adjust(1, -2)), at([180], adjust(1, -3)), at([250, 3], adjust(1, -2)), at([99], adjust(1, 50)));
  t.deepEqual([known(stock), stock.superseded], [5, 2]);
});

test('a count contains the deltas up to its position and none above, though they came before it', t => {
  t.is(known(given(at(10, count(1, 100)), at(20, adjust(1, -1)), at(30, adjust(1, -2)), at(40, adjust(1, -4)), at(30, count(1, 60)))), 56);
  t.is(known(given(at(20, adjust(1, -1)), at(40, adjust(1, -4)), at(30, count(1, 60)))), 56, 'before the first count too');
});

test('an older count is superseded: what was sold does not come back', t => {
  const stock = given(at(['2026-01-05T09:00:00Z', 7], count(1, 4)), at(['2026-01-05T08:59:59Z', 99], count(1, 50)));
  t.deepEqual([known(stock), stock.superseded], [4, 1]);
});

test('commitments are a number of their own: a count that does not state them leaves them', t => {
  const facts = [at(10, count(1, 20, { reserved: 5 })), at(12, reserve(1, 2)), at(15, count(1, 30)), at(17, reserve(1, -1))];
  for (const order of [facts, facts.toReversed(), [facts[2]!, facts[1]!, facts[3]!, facts[0]!]]) t.is(known(given(...order)), 24);
});

test('two facts that claim one position with different numbers become a dead letter, and the one that shows less counts', t => {
  for (const order of [[9, 4], [4, 9]]) {
    const actor = new Actor(erp).tell(link('a'), at(7, count(1, order[0]!)), at(7, count(1, order[1]!)), at(8, adjust(1, order[0]!)), at(8, adjust(1, order[1]!)));
    t.is(known(actor.stock), 8);
    t.deepEqual(actor.published.map(({ to }) => to), [['dead', 'conflict', source, 'A'], ['dead', 'conflict', source, 'A']]);
  }
  t.deepEqual(letters(new Actor(erp).tell(at(7, count(1, 9)), at(7, count(1, 4)))), [
    [['dead', 'conflict', source, 'A'], 'erp, position 7 of A: this position was told before with another number; the one that shows less is taken'],
  ]);
});

test('beyond what is told apart, an unknown delta is refused aloud and a count is asked for: nothing counts twice or is dropped', t => {
  const actor = new Actor(erp).tell(at(1_000, count(1, 1_000)));
  for (let n = 0; n < deltasMax + 3; n++) actor.tell(at(2_000 + 2 * n, adjust(1, -1)));
  const units = 1_000 - deltasMax - 3;
  t.deepEqual([known(actor.stock), actor.published, actor.stock.registers!.onHand.deltas.length], [units, [], deltasMax]);
  actor.tell(at(2_001, adjust(1, -1)), at(2_002, adjust(1, -1)));
  t.deepEqual([known(actor.stock), actor.published.map(({ to, id }) => [to, id])], [units, [
    [['dead', 'late', source, 'A'], 'late:A:erp:2001:stock.adjusted'], [['ask', source, 'A'], `ask:A:2001:${start}`],
    [['dead', 'late', source, 'A'], 'late:A:erp:2002:stock.adjusted'], [['ask', source, 'A'], `ask:A:2002:${start}`],
  ]]);
  t.deepEqual(actor.published[1]!.body, { sku: 'A', source, missing: 'a count', since: start });
  t.is(known(actor.tell(at(2_003, count(1, 5))).stock), units, 'a count among what was folded cannot be placed either');
  t.is(known(actor.tell(at(2_501, count(1, 400)), at(2_004, adjust(1, -1))).stock), 400 - 8, 'a newer one is, with the deltas above it');
});

test('changes of a SKU that is never counted show nothing, and become a task', t => {
  const actor = new Actor({ ...erp, askMs: 5_000 }).tell(link('a'), at(20, adjust(1, 5)), at(30, adjust(1, 1))).wait(60_000);
  t.deepEqual([actor.intended, actor.state], [{ a: undefined }, 'unknown']);
  t.deepEqual(letters(actor), [[['ask', source, 'A'], 'a first count'], [['dead', 'gap', source, 'A'], 'A was never counted; 2 changes wait for its first count']]);
  actor.tell(at(25, count(1, 7)));
  t.deepEqual([known(actor.stock), actor.state, actor.record.due, actor.published.at(-1)!.id], [8, 'writing', {}, 'gap:A:0:resolved']);
});

test('a sequence that becomes a monotone source goes on from its number, and what waited counts', t => {
  const sequence = [count(1, 10), adjust(2, -1), adjust(5, -3)].reduce((stock, fact) => applySource(stock, fact, {}, here), emptyStock('A'));
  const stock = applySource(sequence, adjust(9, -2), monotone, here);
  t.deepEqual([known(stock), known(applySource(stock, adjust(2, -1), monotone, here)), stock.held], [4, 4, []]);
});

test('a position that is no place in a sequence is refused where a sequence was promised', t => {
  const actor = new Actor().tell(at(0, count(1, 5)), count(1, 10), at([2, 'x'], adjust(1, -1)), at([2], adjust(1, -1)));
  const message = (position: string): string => `erp, position ${position} of A: is no place in a sequence 1, 2, 3 …; it was not applied`;
  t.deepEqual([known(actor.stock), letters(actor)], [9, [[['dead', 'position', source, 'A'], message('0')], [['dead', 'position', source, 'A'], message('2.x')]]]);
});

interface Told { position: Position; fact: StockFact }
const positions = fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 60 }), fc.constantFrom('a', 'b')), { minLength: 1, maxLength: 24, selector: parts => parts.join(), size: 'max' });
const history = positions.chain(all => fc.tuple(...all.map(position => fc.oneof(
  fc.record({ quantity: fc.integer({ min: -5, max: 40 }), reserved: fc.option(fc.nat(9), { nil: undefined }) }).map(({ quantity, reserved }): Told => ({ position, fact: at(position, count(1, quantity, reserved === undefined ? {} : { reserved })) })),
  fc.integer({ min: -9, max: 9 }).map((delta): Told => ({ position, fact: at(position, adjust(1, delta)) })),
  fc.integer({ min: -5, max: 5 }).map((delta): Told => ({ position, fact: at(position, reserve(1, delta)) })),
))));

/** The same in plain words: in order of position, each once. */
function plain(facts: readonly StockFact[], floor: boolean): unknown {
  let onHand: number | undefined;
  let reserved = 0;
  const stop = (units: number): number => (floor ? Math.max(0, units) : units);
  for (const fact of [...facts].sort((a, b) => comparePositions(a.position, b.position))) {
    if (fact.type === 'stock.counted') {
      onHand = stop(fact.quantity);
      if (fact.reserved !== undefined) reserved = fact.reserved;
    } else if (fact.type === 'stock.reserved') reserved = Math.max(0, reserved + fact.delta);
    else if (onHand !== undefined) onHand = stop(onHand + fact.delta);
  }
  return { onHand, reserved };
}

test('a monotone source ends at its newest count and what is newer, in any order, however often, through its stored record', t => {
  const told = fc.record({ facts: history.map(all => all.map(({ fact }) => fact)), floor: fc.boolean() }).chain(({ facts, floor }) => fc.record({
    facts: fc.constant(facts), floor: fc.constant(floor),
    order: fc.tuple(fc.shuffledSubarray(facts), fc.shuffledSubarray(facts, { minLength: facts.length })).map(([some, all]) => [...some, ...all]),
  }));
  t.notThrows(() => fc.assert(fc.property(told, ({ facts, floor, order }) => {
    let stock = emptyStock('A');
    for (const fact of order) stock = unpackStock(JSON.parse(JSON.stringify(packStock(applySource(stock, fact, { ...monotone, floor }, here)))));
    const { onHand, reserved } = stock;
    deepEqual({ onHand, reserved }, plain(facts, floor));
  }), { numRuns: 2_000 }));
});

test('commitments fold as they were told: what was released beyond them stays released', t => {
  const stock = given(at(1, count(1, 100)), at(2, reserve(1, -5)), at(3, reserve(1, 2)), ...Array.from({ length: deltasMax }, (_, n) => at(10 + n, reserve(1, n % 2 === 0 ? 1 : -1))));
  t.deepEqual([known(stock), stock.registers!.reserved.deltas.length], [98, deltasMax]);
});

test('an older count that alone states the commitments is taken for these', t => {
  const stock = given(at(10, count(1, 20)), at(5, count(1, 9, { reserved: 3 })));
  t.deepEqual([known(stock), stock.position, stock.superseded], [17, 10, 0]);
});

test('a count that comes too late to place its commitments is refused as a whole', t => {
  const actor = new Actor(erp).tell(at(1, count(1, 100)));
  for (let n = 0; n <= deltasMax; n++) actor.tell(at(10 + 2 * n, reserve(1, 1)));
  const before = known(actor.stock);
  actor.tell(at(9, count(1, 5, { reserved: 1 })));
  t.deepEqual([known(actor.stock), actor.published[0]!.to], [before, ['dead', 'late', source, 'A']]);
});

test('what another source had waiting behind a gap is none of a monotone source\'s changes', t => {
  const wms = { ...adjust(4, -3), source: 'wms' };
  t.is(known(new Actor(erp).tell(wms, at(3, adjust(1, -1)), at(1, count(1, 10))).stock), 9);
});
