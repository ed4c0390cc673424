/** What a record forgets: nothing that anything still follows from, and no id that a source may repeat. */
import { deepEqual } from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import { openUnits } from '../../actors/sku/lines.ts';
import type { OrderFact, SkuFact, Stock } from '../../actors/sku/protocol.ts';
import { dayMs, defaultRetention } from '../../actors/sku/retention.ts';
import { known } from '../../actors/sku/stock.ts';
import { Actor, cancelled, count, link, placed, shipped, start } from './actor.ts';
import type { Step } from './channel-twin.ts';
import { World } from './channel-twin.ts';

const day = (at: number): string => new Date(at).toISOString().slice(0, 10);
const nextDay = (actor: Actor, days = 1): Actor => actor.wait(days * dayMs).tell({ type: 'rule.set', account: 'nobody', rule: { buffer: 0 } });
const L = 'walmart/1/1';

test('a line that is shipped and in the source\'s number is put away after a day: its id is left, and counts no more', t => {
  const actor = new Actor().tell(link('walmart', { gross: true }), count(1, 10), placed(L, 3), shipped(L, 3), count(2, 7, { imported: [L] }));
  const whole = { units: 3, shipped: 3, imported: true, createdAt: start } as const;
  t.deepEqual(nextDay(actor, 0.9).stock.lines, { [L]: whole }, 'kept whole for a day');
  nextDay(actor);
  t.deepEqual([actor.stock.lines, actor.stock.closed], [{}, { [day(actor.now)]: { [L]: 3 } }]);
  const { stock: { outlets } } = actor;
  actor.tell(placed(L, 3), shipped(L, 3), cancelled(L, 1), count(2, 7, { imported: [L] }));
  const { lines, early } = actor.stock;
  t.deepEqual({ known: known(actor.stock), lines, early, outlets: actor.stock.outlets }, { known: 7, lines: {}, early: {}, outlets });
});

test('a line stays while anything may follow from it', t => {
  const cases: Record<string, { facts: SkuFact[]; gross?: boolean }> = {
    'not in the source\'s number': { facts: [placed(L, 3), shipped(L, 3)] },
    'not shipped yet, at a channel that counts it': { facts: [placed(L, 3), count(2, 7, { imported: [L] })], gross: true },
    'cancelled, and the source has not taken it back': { facts: [placed(L, 3), cancelled(L, 3), count(2, 7, { imported: [L] })] },
    'a part cancelled, which a source cannot name': { facts: [placed(L, 3), cancelled(L, 1), shipped(L, 2), count(2, 7, { imported: [L] })] },
  };
  for (const [why, { facts, gross = false }] of Object.entries(cases)) {
    const actor = new Actor().tell(link('walmart', { gross }), count(1, 10), ...facts);
    const { lines } = actor.stock;
    nextDay(actor, 2);
    t.deepEqual([actor.stock.lines, actor.stock.closed], [lines, {}], why);
    nextDay(actor, 60);
    t.deepEqual([actor.stock.lines, actor.stock.closed], [lines, {}], why);
  }
});

test('a settled line that no channel tells as shipped is forgotten after the retention', t => {
  for (const facts of [[placed(L, 3), count(2, 7, { imported: [L] })], [placed(L, 3), cancelled(L, 3)]]) {
    const actor = new Actor().tell(link('walmart'), count(1, 10), ...facts);
    const before = known(actor.stock);
    nextDay(actor, 30);
    t.deepEqual(Object.keys(actor.stock.lines), [L]);
    nextDay(actor);
    t.deepEqual([actor.stock.lines, actor.stock.closed, known(actor.stock)], [{}, {}, before]);
  }
});

test('ids and imports of lines that never came are forgotten after the retention', t => {
  const actor = new Actor().tell(count(1, 10), placed(L, 3), shipped(L, 3), count(2, 7, { imported: [L, 'pos/1/1'] }));
  nextDay(actor, 2);
  t.deepEqual([actor.stock.closed, actor.stock.early], [{ [day(actor.now)]: { [L]: 3 } }, { 'pos/1/1': [4, start] }]);
  nextDay(actor, 28);
  t.deepEqual([Object.values(actor.stock.closed), actor.stock.early], [[{ [L]: 3 }], { 'pos/1/1': [4, start] }]);
  nextDay(actor, 3);
  t.deepEqual([actor.stock.closed, actor.stock.early], [{}, {}]);
});

test('a line of a name like a prototype is put away like any other', t => {
  const actor = new Actor().tell(count(1, 10));
  for (const name of ['__proto__', 'constructor']) {
    const line = (fact: OrderFact): OrderFact => ({ ...fact, line: name });
    actor.tell(line(placed(L, 1)), line(shipped(L, 1)), count(Number(actor.stock.position) + 1, 10, { imported: [name] }));
  }
  nextDay(actor, 2);
  const [closed] = Object.values(actor.stock.closed);
  t.deepEqual(Object.entries(closed!), [['__proto__', 1], ['constructor', 1]]);
  for (const name of ['__proto__', 'constructor']) t.is(known(actor.tell({ ...placed(L, 1), line: name }).stock), 10);
});

test('the record of a SKU that sells a hundred lines a day stays small, and forgets no id of a month', t => {
  const actor = new Actor({ debounce: { quietMs: 0, hardMs: 0 } }).tell(link('walmart', { gross: true }), count(1, 100_000));
  let longest = 0;
  for (let n = 0; n < 65; n++) {
    const ids = Array.from({ length: 100 }, (_, i) => `walmart/${1_000_000_000_000 + n * 100 + i}/1`);
    for (const id of ids) actor.tell(placed(id, 1, actor.now), shipped(id, 1));
    actor.tell(count(n + 2, 100_000 - (n + 1) * 100, { imported: ids }));
    longest = Math.max(longest, JSON.stringify(actor.record).length);
    actor.now += dayMs;
  }
  t.is(known(actor.stock), 100_000 - 65 * 100);
  t.is(Object.keys(actor.stock.lines).length, 2 * 100);
  t.is(Object.values(actor.stock.closed).flatMap(Object.keys).length, 31 * 100);
  t.true(longest < 120_000, `${longest} bytes`);
  t.is(JSON.stringify(Object.values(actor.stock.lines)[0]), `{"units":1,"createdAt":${actor.now - 2 * dayMs},"shipped":1,"imported":true}`);
});

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('sell'), channel: fc.nat(2), units: fc.integer({ min: 1, max: 2 }) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('cancel', 'ship', 'ship', 'import', 'import'), channel: fc.nat(2), line: fc.nat(3) }) },
  { weight: 10, arbitrary: fc.record({ do: fc.constantFrom('poll', 'send', 'answer', 'read'), channel: fc.nat(2) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('deliver'), which: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait'), ms: fc.constantFrom(900, dayMs, 2 * dayMs) }) },
) as fc.Arbitrary<Step>;
/** A line all the way to its end. */
const finish = fc.record({ channel: fc.nat(2), line: fc.nat(2) }).map(({ channel, line }): Step[] =>
  [{ do: 'ship', channel, line }, { do: 'poll', channel }, { do: 'import', channel, line }, { do: 'deliver', which: 0 }]);
const life = fc.array(fc.oneof({ weight: 6, arbitrary: step.map(one => [one]) }, { weight: 1, arbitrary: finish }), { maxLength: 80, size: 'max' }).map(steps => steps.flat());
const setup = (account: string, gross: boolean) => fc.record({ account: fc.constant(account), gross: fc.constant(gross), rule: fc.constant({ buffer: 0 }), opening: fc.nat(12) });

test('putting lines away changes nothing that is known, intended or waited for, and every fact may be told again', t => {
  let closed = 0;
  t.notThrows(() => fc.assert(fc.property(fc.tuple(setup('a', false), setup('b', true), setup('c', false)), life, (setups, steps) => {
    const world = new World(20, setups);
    for (const one of steps) world.act(one);
    const { actor } = world;
    fc.pre(actor.now - start < defaultRetention.idMs);
    closed += Object.values(actor.stock.closed).flatMap(Object.keys).length;
    const keeper = new Actor({ retention: { wholeMs: Infinity, idMs: Infinity } });
    for (const { at, body } of actor.journal) {
      keeper.now = at;
      keeper.tell(body);
    }
    const seen = ({ stock, record, state }: Actor): unknown => ({
      known: known(stock), open: ['a', 'b', 'c'].map(account => openUnits(stock, account)), outlets: stock.outlets, waitingSince: stock.waitingSince, due: record.due, state,
    });
    deepEqual(seen(actor), seen(keeper));
    const intents = ({ outlets }: Stock): unknown => outlets;
    // What an answer has made possible is decided with the next fact, whichever it is.
    actor.tell({ type: 'listing.unlinked', account: 'nobody' });
    const before = intents(actor.stock);
    const orders = actor.journal.map(({ body }) => body as SkuFact).filter(fact => fact.type.startsWith('order.'));
    actor.tell(...orders, ...orders.toReversed());
    deepEqual([known(actor.stock), intents(actor.stock)], [known(keeper.stock), before]);
  }), { numRuns: 500 }));
  t.true(closed > 100, `${closed} lines were put away`);
});
