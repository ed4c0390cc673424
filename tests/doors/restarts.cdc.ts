/** The long run of change data capture: `npm run test:cdc`, with `PLUMB_SEED` to repeat one. */
import test from 'ava';
import { seed } from '../cluster/harness/world.ts';
import { run } from './cdc-run.ts';
import type { Fault } from './cdc-run.ts';

const faults: Fault[] = ['door', 'postgres', 'door', 'restart', 'door', 'door', 'postgres', 'door', 'restart', 'door'];

test('10,000 changes across restarts of Plumb and of PostgreSQL: each is told, and every truth is its row', async t => {
  t.timeout(500_000);
  t.log(`PLUMB_SEED=${seed}`);
  const { trafficMs, settledMs, messages, told, changed, ...figures } = await run(t, { skus: 500, changes: 10_000, faults, seed });
  t.log(`${changed} changes in ${trafficMs} ms, ${messages} messages, every truth right ${settledMs} ms after the last commit`);
  t.deepEqual(figures, { wrong: [], skus: 500, dead: {}, faults: { door: 6, postgres: 2, restart: 2 } });
  t.true(changed >= 10_000);
  t.is(told, changed, 'every change that committed is told at a position of its own');
});
