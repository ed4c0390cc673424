/**
 * Debounce loses nothing: sources, orders, owners and clocks as parties of their own, in every order that they can come
 * in. What is counted is what channels show in the end, and what it took to write it.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import type { Rule, Stock } from '../../actors/sku/protocol.ts';
import { target } from '../../actors/sku/rules.ts';
import { known } from '../../actors/sku/stock.ts';
import { Actor, adjust, count, debounce, link, placed } from './actor.ts';
import type { ChannelSetup, Step } from './channel-twin.ts';
import { World } from './channel-twin.ts';

const setups: ChannelSetup[] = [
  { account: 'a', gross: false, rule: { buffer: 0 }, opening: 3 },
  { account: 'b', gross: true, rule: { buffer: 1, max: 9 }, opening: 30 },
];

/** Nothing that a channel is told to show is more than there is, whatever waits. */
function noneIsDelayed({ actor: { stock } }: World): void {
  for (const [account, outlet] of Object.entries(stock.outlets)) {
    const want = target(stock, account, outlet, known(stock)!)!;
    const { intent, shown } = outlet;
    ok(intent!.quantity <= want && (shown ?? 0) <= want, `${account} is to show ${intent!.quantity}, has ${want}`);
  }
}

/** A raise that waits is woken for in time. */
function noneWaitsTooLong({ actor: { stock, record, now } }: World): void {
  if (stock.waitingSince === null) return;
  ok(now < stock.waitingSince + debounce.hardMs && record.due.flush!.at <= stock.waitingSince + debounce.hardMs, 'waits beyond the hard maximum');
}

function comesToRest(world: World): void {
  world.rest();
  for (const { account, shows, should } of world.buyable) equal(shows, should, `${account} in the end`);
  equal(known(world.actor.stock), world.free);
  const version = (stock: Stock): unknown => Object.values(stock.outlets).map(({ intent }) => intent!.version);
  const before = version(world.actor.stock);
  world.act({ do: 'wait', ms: 10 * debounce.hardMs });
  deepEqual(version(world.actor.stock), before, 'after quiet nothing is written any more');
}

/** Every way to merge these sequences, each in its own order. */
function* merges<T>(parties: readonly (readonly T[])[]): Generator<T[]> {
  if (parties.every(party => party.length === 0)) yield [];
  for (const [n, party] of parties.entries()) {
    if (party.length > 0) for (const rest of merges(parties.with(n, party.slice(1)))) yield [party[0]!, ...rest];
  }
}

const owner = (channel: number): Step[] => [{ do: 'send', channel }, { do: 'answer', channel }, { do: 'read', channel }];

test('all orders of a raise, a sale, a decrease, an owner that writes and a clock end in what there is', t => {
  const source: Step[] = [{ do: 'adjust', delta: 4 }, { do: 'deliver', which: 0 }, { do: 'adjust', delta: -9 }, { do: 'deliver', which: 0 }];
  const clock: Step[] = [{ do: 'wait', ms: debounce.quietMs }, { do: 'wait', ms: debounce.hardMs }];
  let orders = 0;
  for (const steps of merges<Step>([source, [{ do: 'sell', channel: 0, units: 2 }, { do: 'poll', channel: 0 }], owner(0).slice(0, 2), clock])) {
    const world = new World(10, setups);
    for (const step of steps) {
      world.act(step);
      noneIsDelayed(world);
      noneWaitsTooLong(world);
    }
    comesToRest(world);
    orders += 1;
  }
  t.is(orders, 10 * 9 * 8 * 7 * 6 * 5 * 4 * 3 * 2 / (24 * 2 * 2 * 2));
});

test('any order in which the parties\' steps come in ends in what there is; no decrease waits, no raise waits too long', async t => {
  const sale = fc.record({ units: fc.integer({ min: 1, max: 3 }), then: fc.constantFrom('cancel' as const, 'ship' as const, undefined), line: fc.nat(2) });
  const parties = fc.record({
    changes: fc.array(fc.integer({ min: -6, max: 6 }), { maxLength: 6 }),
    late: fc.array(fc.nat(2), { maxLength: 6 }),
    sales: fc.tuple(fc.array(sale, { maxLength: 3 }), fc.array(sale, { maxLength: 3 })),
    waits: fc.array(fc.constantFrom(1, 100, 499, 500, 1_999, 2_000), { maxLength: 6 }),
    rounds: fc.integer({ min: 0, max: 4 }),
  });
  await t.notThrowsAsync(() => fc.assert(fc.asyncProperty(parties, fc.scheduler(), async ({ changes, late, sales, waits, rounds }, scheduler) => {
    const world = new World(10, setups);
    const party = (label: string, steps: readonly Step[]): void => {
      if (steps.length === 0) return;
      scheduler.scheduleSequence(steps.map(step => ({
        label: `${label} ${JSON.stringify(step)}`,
        builder: async () => {
          world.act(step);
          noneIsDelayed(world);
          noneWaitsTooLong(world);
        },
      })));
    };
    party('source', changes.map(delta => ({ do: 'adjust', delta })));
    party('wire', late.map(which => ({ do: 'deliver', which })));
    for (const [channel, sold] of sales.entries()) {
      party(`shop ${channel}`, sold.flatMap(({ units, then, line }): Step[] => [{ do: 'sell', channel, units }, ...(then ? [{ do: then, channel, line }] : [])]));
      party(`orders ${channel}`, sold.map(() => ({ do: 'poll', channel })));
      party(`owner ${channel}`, Array.from({ length: rounds }, () => owner(channel)).flat());
    }
    party('clock', waits.map(ms => ({ do: 'wait', ms })));
    await scheduler.waitIdle();
    comesToRest(world);
  }), { numRuns: 500 }));
});

test('a stream of raises that never pauses is written by the hard maximum, each time, whatever its rhythm', t => {
  t.notThrows(() => fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: debounce.quietMs - 1 }), { minLength: 30, maxLength: 80 }), gaps => {
    const actor = new Actor().tell(link('a'), count(1, 10)).prove('a');
    let waitingFrom: number | undefined;
    for (const [n, gap] of gaps.entries()) {
      const { version } = actor.intent('a')!;
      actor.tell(adjust(n + 2, 1));
      waitingFrom ??= actor.now;
      actor.wait(gap);
      const { version: after, decidedAt, causeAt, quantity } = actor.intent('a')!;
      if (after === version) {
        ok(actor.now < waitingFrom + debounce.hardMs, 'it waits beyond the hard maximum');
        continue;
      }
      deepEqual([decidedAt, causeAt, quantity], [waitingFrom + debounce.hardMs, waitingFrom, 10 + n + 1]);
      waitingFrom = undefined;
    }
    deepEqual(actor.settle().intended, { a: 10 + gaps.length });
  }), { numRuns: 300 }));
});

test('a fact that lowers what a channel may show is intended in its own step, whatever waits', t => {
  const fact = fc.oneof(
    fc.integer({ min: -8, max: 8 }).map(delta => ({ delta })),
    fc.integer({ min: 1, max: 3 }).map(units => ({ units })),
    fc.record({ buffer: fc.nat(4), max: fc.integer({ min: 0, max: 15 }) }, { requiredKeys: ['buffer'] }).map((rule: Rule) => ({ rule })),
    fc.constantFrom(50, 499, 500, 2_000).map(wait => ({ wait })),
  );
  t.notThrows(() => fc.assert(fc.property(fc.array(fact, { maxLength: 40 }), facts => {
    const actor = new Actor().tell(link('a'), link('b'), count(1, 10)).prove('a', 'b');
    for (const [n, one] of facts.entries()) {
      if ('wait' in one) {
        actor.wait(one.wait);
        continue;
      }
      const before = actor.stock;
      actor.tell('delta' in one ? adjust(Number(before.position) + 1, one.delta) : 'units' in one ? placed(`c/${n}/1`, one.units, actor.now) : { type: 'rule.set', account: 'a', rule: one.rule });
      for (const [account, outlet] of Object.entries(actor.stock.outlets)) {
        const want = target(actor.stock, account, outlet, known(actor.stock)!)!;
        if (want >= before.outlets[account]!.intent!.quantity) continue;
        const { quantity, lane, decidedAt, causeAt, version } = outlet.intent!;
        deepEqual({ quantity, lane, decidedAt, causeAt, version }, { quantity: want, lane: want === 0 ? 'zero' : 'decrease', decidedAt: actor.now, causeAt: actor.now, version: actor.journal.length });
      }
    }
  }), { numRuns: 500 }));
});

/** Numbers from 0 to 1, the same every time (Park and Miller, 1988). */
function dice(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

test('writes per event: bursts are written once and a decrease each, and debounce saves what it promises', t => {
  const run = (quietMs: number, hardMs: number, downs: number): { writes: number; bursts: number; perEvent: number } => {
    const roll = dice(7);
    const actor = new Actor({ debounce: { quietMs, hardMs } }).tell(link('a'), count(1, 1_000)).prove('a');
    let writes = 0;
    let bursts = 0;
    const events = 5_000;
    for (let n = 0; n < events; n++) {
      const { version } = actor.intent('a')!;
      actor.tell(adjust(n + 2, roll() < downs ? -1 : 1));
      if (actor.intent('a')!.version !== version) writes += 1;
      const sent = actor.intent('a')!.version;
      // Bursts of about ten, 20 ms apart, with 3 s between them.
      const quiet = roll() >= 0.9;
      if (quiet) bursts += 1;
      actor.wait(quiet ? 3_000 : 20);
      if (actor.intent('a')!.version !== sent) writes += 1;
      if (actor.outlet('a').proof?.version !== actor.intent('a')!.version) actor.prove('a');
    }
    deepEqual(actor.settle().intended, { a: known(actor.stock) });
    return { writes, bursts, perEvent: writes / events };
  };
  const figures = [0, 0.1, 0.5].map(downs => ({ downs, plain: run(0, 0, downs).perEvent, debounced: run(debounce.quietMs, debounce.hardMs, downs).perEvent }));
  for (const { downs, plain, debounced } of figures) t.log(`${downs * 100} % decreases: ${debounced.toFixed(3)} writes per event, ${plain.toFixed(3)} without debounce`);
  for (const { plain } of figures) t.is(plain, 1);
  const { writes, bursts } = run(debounce.quietMs, debounce.hardMs, 0);
  t.is(writes, bursts, 'where nothing is lowered, one write a burst: as who knew them before would');
  for (const { downs, debounced } of figures) t.true(debounced <= bursts / 5_000 + downs, `${debounced}: no more than one a burst and one a decrease`);
});
