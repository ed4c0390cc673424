/** R4: a record is the fold of its journal, byte for byte, whatever the turns were and whatever was restored in between. */
import { deepEqual, equal } from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import type { Rule } from '../../actors/sku/protocol.ts';
import { dayMs } from '../../actors/sku/retention.ts';
import { Actor, adjust, bytes, count, debounce, gapMs, link, placed, refold } from './actor.ts';
import type { Step } from './channel-twin.ts';
import { World } from './channel-twin.ts';

const rule: fc.Arbitrary<Rule> = fc.record({ buffer: fc.nat(2), max: fc.integer({ min: 1, max: 9 }), percent: fc.constantFrom(50, 34) }, { requiredKeys: ['buffer'] });
const setup = (account: string, gross: boolean) => fc.record({ account: fc.constant(account), gross: fc.constant(gross), rule, opening: fc.nat(12) });
const channel = fc.nat(2);
const line = fc.nat(3);
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('sell'), channel, units: fc.integer({ min: 1, max: 2 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('cancel', 'ship'), channel, line }) },
  { weight: 10, arbitrary: fc.record({ do: fc.constantFrom('poll', 'send', 'answer', 'read'), channel }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('adjust'), delta: fc.integer({ min: -3, max: 5 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('import'), channel, line }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('deliver'), which: fc.nat(3) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait'), ms: fc.constantFrom(10, 400, 900, gapMs, dayMs, 31 * dayMs) }) },
) as fc.Arbitrary<Step>;
const lives = fc.record({ supply: fc.nat(20), setups: fc.tuple(setup('a', false), setup('b', true), setup('c', false)), steps: fc.array(step, { maxLength: 60, size: 'max' }) });
const turns = fc.record({ sizes: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 }), stored: fc.boolean() });

test('the same journal gives the same record, byte for byte, and asks for the same, in any turns', t => {
  t.notThrows(() => fc.assert(fc.property(lives, fc.array(turns, { minLength: 2, maxLength: 2 }), ({ supply, setups, steps }, ways) => {
    const world = new World(supply, setups);
    for (const one of steps) world.act(one);
    const { actor } = world;
    for (const { sizes, stored } of ways) {
      const again = refold(actor.kind, actor.journal, sizes, { stored });
      equal(bytes(actor.kind, again.record), bytes(actor.kind, actor.record));
      deepEqual(again.published, actor.published);
    }
  }), { numRuns: 600 }));
});

test('a record that is stored in the middle of a wait goes on as if it had stayed in memory', t => {
  const actor = new Actor().tell(link('a'), placed('a/1/1', 1), count(1, 10)).prove('a').tell(adjust(2, 5)).wait(debounce.hardMs).prove('a').tell(adjust(4, 1), adjust(3, 1)).wait(100);
  const stored = refold(actor.kind, actor.journal, [1], { stored: true });
  t.is(bytes(actor.kind, stored.record), bytes(actor.kind, actor.record));
  t.is(stored.record.context.waitingSince, actor.now - 100);
});

test('messages that a record has applied already are skipped', t => {
  const actor = new Actor().tell(link('a'), count(1, 10), adjust(2, 1), placed('a/1/1', 1));
  const overlapping = [...actor.journal.slice(0, 3), ...actor.journal.slice(1), ...actor.journal];
  t.is(bytes(actor.kind, refold(actor.kind, overlapping, [2], { stored: true }).record), bytes(actor.kind, actor.record));
});
