/** The database read by real nodes, in short: `npm run test:cdc` is longer and worse. */
import test from 'ava';
import { seed } from '../cluster/harness/world.ts';
import { run } from './cdc-run.ts';

test('a node that reads a database is killed, then the database: every change is told and every truth is its row', async t => {
  t.timeout(240_000);
  t.log(`PLUMB_SEED=${seed}`);
  const { trafficMs, settledMs, messages, told, changed, ...figures } = await run(t, { skus: 50, changes: 600, faults: ['door', 'postgres'], seed });
  t.log(`${changed} changes, ${messages} messages, traffic ${trafficMs} ms, settled ${settledMs} ms`);
  t.deepEqual(figures, { wrong: [], skus: 50, dead: {}, faults: { door: 1, postgres: 1 } });
  t.true(changed >= 600);
  t.is(told, changed, 'every change that committed is told at a position of its own');
});
