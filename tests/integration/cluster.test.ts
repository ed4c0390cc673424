/** Three nodes in short: the rounds of `npm run test:cluster` are longer and worse. */
import test from 'ava';
import { report } from '../cluster/harness/report.ts';
import { run } from '../cluster/harness/rounds.ts';
import { nothing, seed, startWorld } from '../cluster/harness/world.ts';

test('of three nodes one is killed and comes back: every message is applied once and in order', async t => {
  t.timeout(60_000);
  t.log(`PLUMB_SEED=${seed}`);
  const world = await startWorld(t, { servers: 1, nodes: { a: 0, b: 0, c: 0 } });

  const outcome = await run(world, [{ kind: 'kill', node: 'b', server: 0, afterMs: 500, lastsMs: 4_000 }], { seed });

  t.log(...report('in short', outcome).flatMap(line => [line, '\n']));
  t.like(outcome.verdict, nothing, outcome.verdict.details.join('\n'));
  t.is(outcome.unserved, 0);
  t.true(outcome.incidents[0]!.partitions.length > 0, 'the node that was killed owned something');
  t.true(outcome.verdict.messages > 1_000);
});
