/** What two habits of V8 keep, and that nothing is kept where Plumb knows of them (docs/decisions/0033). */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';

const child = fileURLToPath(new URL('left-behind.ts', import.meta.url));

/** Bytes that are left of 6 MB. */
async function left(way: string): Promise<number> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', '--min-semi-space-size=1', '--max-semi-space-size=1', '--no-concurrent-recompilation', child, way]);
  return Number(stdout);
}

test('a map whose table is old keeps what was in it, and one for what comes and goes does not', async t => {
  t.true(await left('map') > 1.5e6);
  t.true(await left('churn map') < 0.5e6);
});

test('objects of a place in the code where nearly all lived on are made among the old, but for in a node', async t => {
  t.true(await left('objects') > 4e6);
  t.true(await left('young objects') < 0.2e6);
});
