/** Faults under load on three servers with every stream on all of them. `PLUMB_SEED=<n>` repeats a schedule. */
import test from 'ava';
import { of, quantile, report, times } from './harness/report.ts';
import { run, schedule, tell } from './harness/rounds.ts';
import { myTurn } from './harness/turn.ts';
import { nothing, seed, startWorld } from './harness/world.ts';

test('three servers: whichever node or server is killed, every message is applied once and in order', async t => {
  t.timeout(400_000);
  const faults = schedule(seed + 1, ['a', 'b', 'c'], { kill: 1, zombie: 1, drain: 1, server: 2, both: 1 }, 3);
  t.log(`PLUMB_SEED=${seed}`, faults.map(tell));
  t.teardown(await myTurn());
  const world = await startWorld(t, { servers: 3, nodes: { a: 0, b: 0, c: 0 } });

  const outcome = await run(world, faults, { seed, perSecond: 60 });

  const { incidents, verdict, unserved } = outcome;
  const takeOvers = of(incidents, 'kill', 'zombie').flatMap(({ takeOver, strain }) => takeOver.map(ms => ms - strain));
  const servers = of(incidents, 'server', 'both').flatMap(({ waits, back, strain }) => [...waits, back].map(ms => ms - strain));
  t.log(...report('three servers', outcome).flatMap(line => [line, '\n']), times('take-overs', takeOvers), times('waits when a server was killed', servers));
  t.like(verdict, nothing, verdict.details.join('\n'));
  t.is(unserved, 0);
  t.true(quantile(takeOvers, 0.99) <= 5_000, times('take-overs', takeOvers));
  for (const { end, waits, strain } of of(incidents, 'drain')) {
    t.is(end!.code, 0);
    t.true(end!.tookMs <= 5_000, 'a node leaves within 5 s');
    t.true(Math.max(...waits) - strain <= 1_000, times('waits during a drain', waits));
  }
  t.true(servers.every(ms => ms <= 12_000), times('waits when a server was killed', servers));
});
