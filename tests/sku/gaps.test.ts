/** Source facts in the source's own order: what is missing, what waits behind it, what heals it, who is told. */
import { deepEqual, equal } from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import type { SourcePolicy, Stock, StockFact } from '../../actors/sku/protocol.ts';
import { emptyStock } from '../../actors/sku/protocol.ts';
import { hasGap } from '../../actors/sku/lots.ts';
import { known } from '../../actors/sku/stock.ts';
import { Actor, adjust, applySource, bytes, cancelled, count, gapMs, here, link, placed, reserve, source, start } from './actor.ts';

const given = (policy: SourcePolicy, ...facts: StockFact[]): Stock => facts.reduce((stock, fact) => applySource(stock, fact, policy, here), emptyStock('A'));
const truth = ({ onHand, reserved, position, held }: Stock): unknown => ({ onHand, reserved, position, held });

test('an adjustment behind a gap waits, and is applied once with the missing event', t => {
  const gapped = given({}, count(1, 10), adjust(3, -2), adjust(4, -1), adjust(3, -2));
  t.deepEqual(truth(gapped), { onHand: 10, reserved: 0, position: 1, held: [adjust(3, -2), adjust(4, -1)] });
  const healed = [adjust(2, 5), adjust(2, 5)].reduce((stock, fact) => applySource(stock, fact, {}, here), gapped);
  t.deepEqual([truth(healed), healed.superseded], [{ onHand: 12, reserved: 0, position: 4, held: [] }, 2]);
});

test('a newer count heals a gap: what it stands for is dropped, what comes after it is applied', t => {
  t.deepEqual(truth(given({}, count(1, 10), adjust(3, -2), adjust(6, 4), count(5, 30))), { onHand: 34, reserved: 0, position: 6, held: [] });
});

test('a count below the gap leaves it open', t => {
  t.deepEqual(truth(given({}, count(1, 10), adjust(5, -2), count(3, 20))), { onHand: 20, reserved: 0, position: 3, held: [adjust(5, -2)] });
});

test('adjustments that came before the first count follow it, those that it contains do not', t => {
  t.deepEqual(truth(given({}, adjust(2, -1), adjust(4, 7), adjust(5, 1), count(3, 10))), { onHand: 18, reserved: 0, position: 5, held: [] });
});

test('a count below zero is owed: what comes in later covers it first', t => {
  const stock = given({}, count(1, -3), adjust(2, 5));
  t.deepEqual([known(given({}, count(1, -3))), known(stock)], [-3, 2]);
  t.is(known(given({ floor: true }, count(1, -3), adjust(2, 5))), 5, 'not where the source says that nothing is');
  const actor = new Actor().tell(link('a'), link('b', { gross: true }), count(1, -3), placed('b/1/1', 1), cancelled('b/1/1', 1));
  t.deepEqual(actor.intended, { a: 0, b: 0 });
});

test('a count told again while it is held imports nothing yet', t => {
  const line = placed('a/1/1', 2);
  const actor = new Actor({ sources: { erp: { inOrder: true } } }).tell(count(1, 10), line, count(3, 8, { imported: [line.line] }), count(3, 8, { imported: [line.line] }));
  t.is(known(actor.stock), 8, '10 on hand less the line');
  t.is(known(actor.tell(adjust(2, 0)).stock), 8, '8 on hand, the line among them');
});

test('what waits behind a gap is bounded: the lowest are kept, and the highest, so that the gap stays open', t => {
  const late = Array.from({ length: 1_500 }, (_, i) => adjust(i + 3, 1));
  const stock = given({}, count(1, 10), ...late);
  t.deepEqual(stock.held, [...late.slice(0, 999), late.at(-1)!]);
  const filled = applySource(stock, adjust(2, 1), {}, here);
  t.deepEqual([filled.position, known(filled), hasGap(filled)], [1_001, 1_010, true]);
  t.deepEqual(truth(applySource(filled, count(1_502, 50), {}, here)), { onHand: 50, reserved: 0, position: 1_502, held: [] });
});

test('a gap that stays becomes one task, which says what is missing and what heals it', t => {
  const actor = new Actor().tell(link('a'), count(1, 10)).prove('a').tell(adjust(3, 5), adjust(4, 1));
  t.deepEqual([actor.state, actor.record.due.gap!.at], ['suspended', start + gapMs]);
  actor.wait(gapMs - 1);
  t.deepEqual(actor.published, []);
  actor.wait(10 * gapMs).tell(adjust(5, 1), adjust(3, 5)).wait(10 * gapMs);
  t.deepEqual(actor.published, [{
    to: ['dead', 'gap', source, 'A'],
    id: 'gap:A:1',
    body: {
      class: 'gap', sku: 'A', source, at: start + gapMs,
      message: 'position 2 of A never came; 2 later changes wait behind it',
      heals: 'the missing event, or a count with a higher position',
    },
  }]);
  t.deepEqual([actor.state, actor.record.due], ['suspended', {}]);
  t.deepEqual([actor.tell(adjust(2, 1)).settle().state, actor.intended], ['writing', { a: 18 }]);
});

test('a source is asked for what it did not tell, before people are, and the letter to them is resolved when it does', t => {
  const actor = new Actor({ askMs: 5_000 }).tell(link('a'), count(1, 10), adjust(3, 5)).wait(4_999);
  t.deepEqual([actor.published, actor.record.due.gap!.at], [[], start + 5_000]);
  actor.wait(1);
  const since = start;
  t.deepEqual(actor.published, [{ to: ['ask', source, 'A'], id: `ask:A:1:${since}`, body: { sku: 'A', source, missing: 'position 2', since } }]);
  t.is(actor.record.due.gap!.at, start + gapMs);
  actor.wait(gapMs);
  t.deepEqual(actor.published.slice(1).map(({ id }) => id), ['gap:A:1']);
  actor.tell(adjust(2, 1));
  t.deepEqual(actor.published.slice(2), [{
    to: ['dead', 'gap', source, 'A'], id: 'gap:A:1:resolved', body: { class: 'gap', sku: 'A', source, resolved: true, by: `c${actor.journal.length}`, at: actor.now },
  }]);
  t.is(actor.tell(adjust(3, 5), adjust(4, 1)).published.length, 3, 'once');
  t.false('gapTold' in JSON.parse(bytes(actor.kind, actor.record)).context);
});

test('a gap that gives way to another one is resolved, and the other has its own time', t => {
  const actor = new Actor({ askMs: 5_000 }).tell(count(1, 10), adjust(3, 5), adjust(6, 1)).wait(gapMs).tell(adjust(2, 1));
  t.deepEqual([actor.published.map(({ id }) => id), hasGap(actor.stock), actor.record.due.gap!.at], [[`ask:A:1:${start}`, 'gap:A:1', 'gap:A:1:resolved'], true, actor.now + 5_000]);
  const since = actor.now;
  t.deepEqual(actor.wait(gapMs).published.slice(3).map(({ id }) => id), [`ask:A:3:${since}`, 'gap:A:3']);
});

test('a gap that heals in time is told to nobody', t => {
  const actor = new Actor().tell(count(1, 10), adjust(3, 5)).wait(gapMs - 1).tell(adjust(2, 1)).wait(10 * gapMs);
  t.deepEqual([actor.published, actor.record.due, actor.state], [[], {}, 'settled']);
});

test('each gap has its own time: a source that is always a little out of order is no task', t => {
  const actor = new Actor().tell(count(1, 10));
  // At any time something is missing, and never for longer than a third of what is allowed.
  for (let position = 2; position < 40; position += 2) actor.tell(adjust(position + 1, 1)).wait(gapMs / 3).tell(adjust(position + 3, 1), adjust(position, 1));
  t.true(hasGap(actor.stock));
  t.deepEqual(actor.published, []);
});

test('adjustments of a SKU that is never counted become a task too', t => {
  const actor = new Actor().tell(link('a'), adjust(4, 5), adjust(6, 5)).wait(gapMs);
  t.deepEqual(actor.published.map(({ to, body }) => ({ to, ...body as object })), [{
    to: ['dead', 'gap', source, 'A'], class: 'gap', sku: 'A', source, at: start + gapMs, message: 'A was never counted; 2 changes wait for its first count', heals: 'a count',
  }]);
  t.deepEqual([actor.state, actor.intended], ['unknown', { a: undefined }]);
  t.deepEqual(actor.tell(count(5, 3)).intended, { a: 8 });
});

test('the task of an ordered source asks for the missing event: a count waits behind the gap like the rest', t => {
  const actor = new Actor({ sources: { erp: { inOrder: true } } }).tell(adjust(2, 5), count(3, 9)).wait(gapMs);
  t.deepEqual(actor.published.map(({ body }) => [(body as { message: string }).message, (body as { heals: string }).heals]), [
    ['position 1 of A never came; 2 later changes wait behind it', 'the missing event'],
  ]);
  t.is(known(actor.tell(adjust(1, 5)).stock), 9);
});

test('a second source is refused with a dead letter, not mixed into the numbers of the first', t => {
  const actor = new Actor().tell(link('a'), count(1, 10)).prove('a');
  const { outlets } = actor.stock;
  const fact = { ...adjust(2, -4), source: 'wms' };
  actor.tell(fact, { ...count(7, 99, { imported: ['a/1/1'] }), source: 'wms' });
  t.deepEqual([truth(actor.stock), actor.stock.outlets, actor.stock.early], [{ onHand: 10, reserved: 0, position: 1, held: [] }, outlets, {}]);
  t.deepEqual(actor.published.map(({ to, id }) => [to, id]), [[['dead', 'source', 'wms', 'A'], 'source:A:wms:2'], [['dead', 'source', 'wms', 'A'], 'source:A:wms:7']]);
  t.deepEqual(actor.published[0]!.body, {
    class: 'source', sku: 'A', source: 'wms', at: start, fact,
    message: 'wms spoke of A, which belongs to erp: positions of two sources cannot be compared', heals: 'one source for A',
  });
  t.is(known(actor.tell(adjust(2, 1)).stock), 11);
});

test('adjustments that another source had waiting are dropped when the first count says whose the SKU is', t => {
  const actor = new Actor().tell({ ...adjust(2, -4), source: 'wms' }, adjust(2, 1), count(1, 10));
  t.deepEqual(truth(actor.stock), { onHand: 11, reserved: 0, position: 2, held: [] });
});

const numbered = fc.array(fc.oneof(
  fc.record({ type: fc.constant('count' as const), quantity: fc.integer({ min: -3, max: 50 }), reserved: fc.option(fc.integer({ min: -2, max: 9 }), { nil: undefined }) }),
  fc.record({ type: fc.constant('adjust' as const), delta: fc.integer({ min: -9, max: 9 }) }),
  fc.record({ type: fc.constant('reserve' as const), delta: fc.integer({ min: -5, max: 5 }) }),
), { minLength: 1, maxLength: 12, size: 'max' });
type Numbered = typeof numbered extends fc.Arbitrary<infer T> ? T : never;

/** The same in plain words: one after the other, each once. */
function plain(facts: Numbered, floor: boolean): { onHand: number; reserved: number } {
  let onHand = 0;
  let reserved = 0;
  for (const fact of facts) {
    if (fact.type === 'reserve') reserved = Math.max(0, reserved + fact.delta);
    else {
      onHand = fact.type === 'count' ? fact.quantity : onHand + fact.delta;
      if (floor) onHand = Math.max(0, onHand);
      if (fact.type === 'count' && fact.reserved !== undefined) reserved = Math.max(0, fact.reserved);
    }
  }
  return { onHand, reserved };
}

test('an ordered source ends at its own last word whatever order its facts arrive in, however often', t => {
  const told = fc.record({ facts: numbered, floor: fc.boolean() }).chain(({ facts, floor }) => {
    const all = facts.map((fact, i) => (fact.type === 'count' ? count(i + 1, fact.quantity, { ...(fact.reserved !== undefined && { reserved: fact.reserved }) })
      : fact.type === 'adjust' ? adjust(i + 1, fact.delta) : reserve(i + 1, fact.delta)));
    return fc.record({
      facts: fc.constant(facts), floor: fc.constant(floor), all: fc.constant(all),
      order: fc.tuple(fc.shuffledSubarray(all), fc.shuffledSubarray(all, { minLength: all.length })).map(([some, every]) => [...some, ...every]),
    });
  });
  t.notThrows(() => fc.assert(fc.property(told, ({ facts, floor, all, order }) => {
    const policy = { inOrder: true, floor };
    const stock = given(policy, ...order);
    deepEqual(truth(stock), { ...plain(facts, floor), position: facts.length, held: [] });
    equal(stock.chain, given(policy, ...all).chain);
    equal(stock.superseded, order.length - facts.length);
  }), { numRuns: 1_000 }));
});

test('a source that counts freely ends at its newest count and what came after it, in any order, however often', t => {
  const told = fc.record({ opening: fc.integer({ min: -3, max: 30 }), facts: numbered.map(all => all.filter(fact => fact.type !== 'reserve')), floor: fc.boolean() }).chain(({ opening, facts, floor }) => {
    const all = [count(1, opening), ...facts.map((fact, i) => (fact.type === 'count' ? count(i + 2, fact.quantity) : adjust(i + 2, (fact as { delta: number }).delta)))];
    return fc.record({
      plain: fc.constant(plain([{ type: 'count', quantity: opening, reserved: undefined }, ...facts], floor)), floor: fc.constant(floor), last: fc.constant(all.length),
      order: fc.tuple(fc.shuffledSubarray(all), fc.shuffledSubarray(all, { minLength: all.length })).map(([some, every]) => [...some, ...every]),
    });
  });
  t.notThrows(() => fc.assert(fc.property(told, ({ plain: { onHand }, floor, last, order }) => {
    deepEqual(truth(given({ floor }, ...order)), { onHand, reserved: 0, position: last, held: [] });
  }), { numRuns: 1_000 }));
});
