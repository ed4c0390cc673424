/**
 * A rolling upgrade, and a step back: nodes of an older commit and of this one side by side, under load, while units go to
 * and fro between them. `PLUMB_OLD=<commit>` takes another one than the last before there was a way to deploy.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { main } from './harness/nodes.ts';
import { report } from './harness/report.ts';
import { run } from './harness/rounds.ts';
import type { Fault } from './harness/rounds.ts';
import { myTurn } from './harness/turn.ts';
import { nothing, seed, startWorld } from './harness/world.ts';

const root = join(import.meta.dirname, '../..');
const oldCommit = process.env.PLUMB_OLD ?? 'cf527049a9';

/** @returns `deploy/main.ts` of that commit, in a folder of its own with this tree's packages */
function checkOut(commit: string, folder: string): string {
  const archive = execFileSync('git', ['-C', root, 'archive', commit, 'actors', 'config', 'runtime', 'deploy', 'package.json'], { maxBuffer: 256 * 2 ** 20 });
  execFileSync('tar', ['-x', '-C', folder], { input: archive });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  return join(folder, 'deploy/main.ts');
}

test('nodes of two versions share the work: whichever of them is drained, killed or set back, every message is applied once and in order', async t => {
  t.timeout(400_000);
  t.log(`PLUMB_SEED=${seed} PLUMB_OLD=${oldCommit}`);
  t.teardown(await myTurn());
  const folder = mkdtempSync(join(tmpdir(), 'plumb-old-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const old = checkOut(oldCommit, folder);
  const world = await startWorld(t, { servers: 1, nodes: { a: 0, b: 0, c: 0 }, main: old });
  const fault = (kind: Fault['kind'], node: string, to?: string): Fault => ({ kind, node, server: 0, afterMs: 1_500, lastsMs: kind === 'kill' ? 4_500 : 300, ...(to !== undefined && { main: to }) });

  const outcome = await run(world, [
    fault('drain', 'a', main),
    // Old nodes take over from the new one, and it from them.
    fault('kill', 'a'), fault('kill', 'b'),
    fault('drain', 'b', main), fault('drain', 'c', main),
    // Somebody does not like it, and then does.
    fault('drain', 'b', old), fault('kill', 'c'), fault('drain', 'b', main),
  ], { seed });

  t.log(...report('upgrade', outcome).flatMap(line => [line, '\n']));
  t.like(outcome.verdict, nothing, outcome.verdict.details.join('\n'));
  t.is(outcome.unserved, 0);
  t.deepEqual(outcome.incidents.map(({ end }) => end?.code).filter(code => code !== undefined), [0, 0, 0, 0, 0], 'each version leaves in good order');
  t.true(outcome.incidents.every(({ partitions }) => partitions.length > 0), 'each of them owned something when it went');
});
