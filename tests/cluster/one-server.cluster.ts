/** Faults under load on a single server. `PLUMB_SEED=<n>` repeats a schedule. */
import test from 'ava';
import { of, quantile, report, times } from './harness/report.ts';
import { run, schedule, tell } from './harness/rounds.ts';
import { myTurn } from './harness/turn.ts';
import { nothing, seed, startWorld } from './harness/world.ts';

test('one server, clocks five minutes apart: whatever is killed, paused, cut or drained, every message is applied once and in order', async t => {
  t.timeout(400_000);
  const faults = schedule(seed, ['a', 'b', 'c'], { kill: 4, all: 1, zombie: 2, drain: 2, silence: 1, reset: 1, server: 1 });
  t.log(`PLUMB_SEED=${seed}`, faults.map(tell));
  t.teardown(await myTurn());
  const world = await startWorld(t, { servers: 1, nodes: { a: 0, b: 300_000, c: -300_000 }, links: true });

  const outcome = await run(world, faults, { seed });

  const { incidents, verdict, unserved } = outcome;
  const takeOvers = of(incidents, 'kill', 'zombie', 'silence', 'reset').flatMap(({ takeOver, strain }) => takeOver.map(ms => ms - strain));
  const drains = of(incidents, 'drain');
  t.log(...report('one server', outcome).flatMap(line => [line, '\n']), times('take-overs', takeOvers));
  t.like(verdict, nothing, verdict.details.join('\n'));
  t.is(unserved, 0);
  t.true(quantile(takeOvers, 0.99) <= 5_000, times('take-overs', takeOvers));
  t.deepEqual(drains.map(({ end }) => ({ code: end!.code, signal: end!.signal })), drains.map(() => ({ code: 0, signal: null })));
  for (const { end, waits, strain } of drains) {
    t.true(end!.tookMs <= 5_000, 'a node leaves within 5 s');
    t.true(Math.max(...waits) - strain <= 1_000, times('waits during a drain', waits));
  }
  for (const { kind, node, back, strain } of of(incidents, 'kill', 'zombie', 'drain', 'silence', 'reset')) {
    t.true(back - strain <= 1_000, `${kind} ${node}: partitions go back to the node without a gap, not within ${back} ms`);
  }
  for (const { waits, back, strain } of of(incidents, 'server')) t.true(Math.max(...waits, back) - strain <= 12_000, times('waits when the server was killed', [...waits, back]));
});
