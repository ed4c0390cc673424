/** A channel moves its own number when it sells and restocks: what is written then, what is only read, and that it comes to rest at the truth. */
import { deepEqual, equal } from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import type { Rule } from '../../actors/sku/protocol.ts';
import { Actor, adjust, cancelled, count, link, placed, shipped } from './actor.ts';
import type { ChannelSetup, Step } from './channel-twin.ts';
import { World } from './channel-twin.ts';

/** Counted, linked at `amazon` and `ebay`, and proven there. */
const proven = (quantity: number, rule: Rule = { buffer: 0 }): Actor =>
  new Actor().tell(link('amazon', { rule }), link('ebay', { rule }), count(1, quantity)).prove('amazon', 'ebay');
const brief = (actor: Actor, account: string): unknown => {
  const { intent, shown } = actor.outlet(account);
  return intent && [intent.kind, intent.quantity, intent.lane, ...(shown === undefined ? [] : [{ shown }])];
};

test('a sale at a proven channel is read there and written at the others, at once', t => {
  const actor = proven(10).tell(placed('amazon/1/1', 2));
  t.deepEqual([brief(actor, 'amazon'), brief(actor, 'ebay')], [['verify', 8, 'verify'], ['write', 8, 'decrease']]);
});

test('a sale at a channel whose number was never proven is written there too', t => {
  const actor = new Actor().tell(link('amazon'), link('ebay'), count(1, 10)).prove('ebay').tell(placed('amazon/1/1', 2));
  t.deepEqual([brief(actor, 'amazon'), brief(actor, 'ebay')], [['write', 8, 'decrease'], ['write', 8, 'decrease']]);
});

test('a second sale before the first was read is read as well', t => {
  const actor = proven(10).tell(placed('amazon/1/1', 2), placed('amazon/2/1', 1));
  t.deepEqual(brief(actor, 'amazon'), ['verify', 7, 'verify']);
});

test('the last unit sold is written as zero, also where it was sold', t => {
  const actor = proven(1).tell(placed('amazon/1/1', 1));
  t.deepEqual([brief(actor, 'amazon'), brief(actor, 'ebay')], [['write', 0, 'zero'], ['write', 0, 'zero']]);
});

test("a cancellation is read at its own channel at once, and waits as a raise at the others", t => {
  const actor = proven(10).tell(placed('amazon/1/1', 2)).prove('ebay').tell(cancelled('amazon/1/1', 1));
  t.deepEqual([brief(actor, 'amazon'), brief(actor, 'ebay'), actor.state], [['verify', 9, 'verify'], ['write', 8, 'decrease'], 'debouncing']);
  t.deepEqual(brief(actor.settle(), 'ebay'), ['write', 9, 'raise']);
});

test('a sale that the source imported before we learnt of it was overwritten by what we wrote since: nothing follows', t => {
  const actor = proven(10).tell(count(2, 8, { imported: ['amazon/1/1'] })).prove('amazon', 'ebay');
  const { outlets } = actor.stock;
  actor.tell(placed('amazon/1/1', 2));
  t.deepEqual([actor.stock.outlets, actor.state], [outlets, 'settled']);
});

test('a cancellation that the source imported before we learnt of the line was overwritten by what we wrote since too', t => {
  const actor = proven(10).tell(count(2, 8, { imported: ['amazon/1/1'] }), count(3, 10, { imported: ['amazon/1/1#cancelled'] })).settle().prove('amazon', 'ebay');
  const { outlets } = actor.stock;
  actor.tell(cancelled('amazon/1/1', 2));
  t.deepEqual([actor.stock.outlets, actor.state], [outlets, 'settled']);
});

test('drift found while a raise waits is mended to what is left of the number before, not to that number', t => {
  const actor = proven(10, { buffer: 0, max: 11 }).tell(adjust(2, 5), placed('amazon/1/1', 2));
  t.deepEqual([brief(actor, 'amazon'), actor.state], [['write', 10, 'decrease', { shown: 8 }], 'debouncing']);
  actor.tell({ type: 'observed', account: 'amazon', version: actor.intent('amazon')!.version, quantity: 30, verdict: 'drift', finding: 'f' });
  t.deepEqual(brief(actor, 'amazon'), ['repair', 8, 'decrease']);
  t.deepEqual(brief(actor.settle(), 'amazon'), ['write', 11, 'decrease']);
});

test('a sale that the source imported without anything written since has moved its channel all the same', t => {
  const actor = proven(100, { buffer: 0, max: 5 }).tell(count(2, 98, { imported: ['amazon/1/1'] }), placed('amazon/1/1', 2));
  t.deepEqual([brief(actor, 'amazon'), actor.state], [['write', 5, 'decrease', { shown: 3 }], 'debouncing']);
});

test('a cancellation that the source imported without anything written since has moved its channel all the same', t => {
  const actor = proven(1).tell(placed('ebay/1/1', 1), placed('amazon/1/1', 1)).prove('amazon', 'ebay');
  actor.tell(count(2, -1, { imported: ['ebay/1/1', 'amazon/1/1'] }), count(3, 0, { imported: ['amazon/1/1#cancelled'] }), cancelled('amazon/1/1', 1));
  t.deepEqual([brief(actor, 'amazon'), actor.intent('amazon')!.version], [['write', 0, 'zero'], actor.journal.length]);
});

test('a channel that sold below its maximum is written up again, after quiet', t => {
  const actor = proven(100, { buffer: 0, max: 5 }).tell(placed('amazon/1/1', 2));
  t.deepEqual([brief(actor, 'amazon'), brief(actor, 'ebay'), actor.state], [['write', 5, 'decrease', { shown: 3 }], ['write', 5, 'decrease'], 'debouncing']);
  const before = actor.intent('amazon')!;
  actor.settle();
  t.deepEqual(brief(actor, 'amazon'), ['write', 5, 'raise']);
  t.true(actor.intent('amazon')!.version > before.version, 'a new intent of the same quantity');
  t.is(actor.intent('ebay')!.version, before.version, 'nothing moved at ebay');
});

test('a channel whose own sales outrun what its share lost is written at once: less than before may be shown', t => {
  const actor = proven(100, { buffer: 0, percent: 50 }).tell(placed('amazon/1/1', 2));
  t.deepEqual([brief(actor, 'amazon'), brief(actor, 'ebay')], [['write', 49, 'decrease'], ['write', 49, 'decrease']]);
});

test('a channel that sold without lowering its share is written up again, after quiet', t => {
  const actor = proven(101, { buffer: 0, percent: 50 }).tell(placed('amazon/1/1', 1));
  t.deepEqual([brief(actor, 'amazon'), actor.state], [['write', 50, 'decrease', { shown: 49 }], 'debouncing']);
  t.deepEqual(brief(actor.settle(), 'amazon'), ['write', 50, 'raise']);
});

test('a restock at a channel that may show nothing is written down at once', t => {
  const actor = proven(1).tell(placed('ebay/1/1', 1), placed('amazon/1/1', 1)).prove('amazon', 'ebay');
  t.is(actor.state, 'settled');
  actor.tell(cancelled('amazon/1/1', 1));
  t.deepEqual([brief(actor, 'amazon'), brief(actor, 'ebay')], [['write', 0, 'zero'], ['write', 0, 'zero']], 'two were sold of one: nothing is free yet');
  t.is(actor.intent('amazon')!.version, actor.journal.length);
});

test('late sales at a channel that shows nothing cause no further zeros', t => {
  const actor = proven(1).tell(adjust(2, -1)).prove('amazon', 'ebay').tell(placed('amazon/1/1', 1));
  t.deepEqual([brief(actor, 'amazon'), brief(actor, 'ebay'), actor.state], [['write', 0, 'zero', { shown: 0 }], ['write', 0, 'zero'], 'settled']);
  actor.tell(cancelled('amazon/1/1', 1));
  t.deepEqual([brief(actor, 'amazon'), actor.intent('amazon')!.version], [['write', 0, 'zero'], actor.journal.length], 'but the restock of one does: it made one unit of nothing');
});

test('a sale and its cancellation that leave the number where it was are read: our write may have undone one of them', t => {
  const actor = proven(100, { buffer: 0, max: 5 }).tell(placed('amazon/1/1', 2), cancelled('amazon/1/1', 2));
  t.deepEqual([brief(actor, 'amazon'), actor.state], [['verify', 5, 'verify'], 'writing']);
});

test('a channel whose number includes its open orders is left alone by its own sale, and written when the order closes', t => {
  const actor = new Actor().tell(link('walmart', { gross: true }), link('ebay'), count(1, 10)).prove('walmart', 'ebay');
  const { outlets: { walmart } } = actor.stock;
  actor.tell(placed('walmart/1/1', 3));
  t.deepEqual([actor.outlet('walmart'), brief(actor, 'ebay')], [walmart, ['write', 7, 'decrease']]);
  actor.tell(cancelled('walmart/1/1', 1));
  t.deepEqual(actor.outlet('walmart'), walmart);
  actor.tell(placed('ebay/1/1', 1));
  t.deepEqual(brief(actor, 'walmart'), ['write', 9, 'decrease'], '7 free, 2 in its open orders');
  actor.prove('walmart').tell(shipped('walmart/1/1', 2));
  t.deepEqual(brief(actor, 'walmart'), ['write', 7, 'decrease'], 'a shipped unit leaves its number');
});

test('a channel whose number includes its open orders keeps them when more was sold than there is', t => {
  const actor = new Actor().tell(link('walmart', { gross: true }), link('ebay'), count(1, 4)).prove('walmart', 'ebay');
  actor.tell(placed('walmart/1/1', 3), placed('ebay/1/1', 3));
  t.deepEqual([actor.intended.walmart, actor.intended.ebay], [3, 0]);
  actor.tell(placed('walmart/2/1', 1)).settle();
  t.is(actor.intended.walmart, 4, 'the unit that it oversold is in an open order: buyers see 4 - 4');
  actor.tell(shipped('walmart/1/1', 3), shipped('walmart/2/1', 1));
  t.deepEqual(brief(actor, 'walmart'), ['write', 0, 'zero']);
});

const rule: fc.Arbitrary<Rule> = fc.record({
  buffer: fc.constantFrom(0, 0, 1, 3),
  max: fc.constantFrom(1, 3, 10),
  percent: fc.constantFrom(50, 34),
}, { requiredKeys: ['buffer'] });
const setup = (account: string): fc.Arbitrary<ChannelSetup> => fc.record({ account: fc.constant(account), gross: fc.boolean(), rule, opening: fc.nat(12) });
const channel = fc.nat(2);
const line = fc.nat(3);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('sell'), channel, units: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('cancel', 'cancel', 'ship'), channel, line }) },
  { weight: 14, arbitrary: fc.record({ do: fc.constantFrom('poll', 'send', 'answer', 'read'), channel }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('adjust'), delta: fc.integer({ min: -4, max: 4 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('import'), channel, line }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('deliver'), which: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait'), ms: fc.constantFrom(10, 300, 900, 2_500) }) },
) as fc.Arbitrary<Step>;

test('whatever happens between a sale and its order, a write and its answer, every channel comes to rest at the truth', t => {
  const worlds = fc.record({ supply: fc.nat(12), setups: fc.tuple(setup('a'), setup('b'), setup('c')), steps: fc.array(step, { maxLength: 60, size: 'max' }) });
  t.notThrows(() => fc.assert(fc.property(worlds, ({ supply, setups, steps }) => {
    const world = new World(supply, setups);
    for (const one of steps) world.act(one);
    world.rest();
    const { known, free, open } = world.told;
    deepEqual([known, ...open.map(([told]) => told)], [free, ...open.map(([, reserved]) => reserved)]);
    deepEqual(world.buyable.map(({ account, shows }) => ({ account, shows })), world.buyable.map(({ account, should }) => ({ account, shows: should })));
    equal(world.actor.state, 'settled');
  }), { numRuns: 3_000 }));
});
