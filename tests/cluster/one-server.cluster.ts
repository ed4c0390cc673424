/** Faults under load on a single server. `PLUMB_SEED=<n>` repeats a schedule. */
import test from 'ava';
import { run, schedule, tell } from './harness/rounds.ts';
import { startWorld } from './harness/world.ts';

test('one server: whatever is killed, paused, cut or drained, every message is applied once and in order', async t => {
  t.timeout(240_000);
  const seed = Number(process.env.PLUMB_SEED || Date.now() % 1_000_000);
  const faults = schedule(seed, ['a', 'b', 'c'], { kill: 2, drain: 1 });
  t.log(`PLUMB_SEED=${seed}`, faults.map(tell));
  const world = await startWorld(t, { servers: 1, nodes: { a: 0, b: 300_000, c: -300_000 }, links: true });
  const outcome = await run(world, faults, { seed });
  t.log(outcome.verdict, outcome.incidents.map(i => ({ ...i, partitions: i.partitions.length, takeOver: [...i.takeOver].sort((x, y) => y - x).slice(0, 3), waits: [...i.waits].sort((x, y) => y - x).slice(0, 3) })));
  t.is(outcome.unserved, 0);
});
