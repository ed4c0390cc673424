/** The whole demo, as a person or CI runs it: every process real, judged by its exit code and its last line. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { readFileSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { startNats } from '../../deploy/nats/server.ts';

const launcher = fileURLToPath(new URL('../../deploy/cli/plumb.js', import.meta.url));
const runMs = 240_000;

interface Run {
  child: ChildProcess;
  /** Where the run puts temporary files; what is left in it was left behind. */
  temporary: string;
  stderr(): string;
  end: Promise<{ code: number | null; last: { ok: boolean; checks: { name: string; ok: boolean; value: number; limit: number }[]; figures: Record<string, unknown> } | undefined }>;
}

async function demo(t: ExecutionContext, args: readonly string[], env: Record<string, string> = {}): Promise<Run> {
  t.timeout(runMs);
  const temporary = await mkdtemp(join(tmpdir(), 'plumb-test-'));
  t.teardown(() => rm(temporary, { recursive: true, force: true }));
  const child = spawn(process.execPath, [launcher, 'demo', '--json', ...args], { env: { ...process.env, NATS_URL: '', TMPDIR: temporary, ...env } });
  t.teardown(() => { child.kill('SIGKILL'); });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', text => { stdout += text; });
  child.stderr.setEncoding('utf8').on('data', text => { stderr += text; });
  const end = new Promise<Awaited<Run['end']>>(resolve => child.on('close', code => {
    const last = stdout.trimEnd().split('\n').at(-1);
    resolve({ code, last: last ? JSON.parse(last) : undefined });
  }));
  return { child, temporary, stderr: () => stderr, end };
}

/** Processes that were started for a run: they all know its temporary folder. */
function processesOf(temporary: string): string[] {
  return readdirSync('/proc').filter(entry => /^\d+$/.test(entry)).flatMap(pid => {
    try {
      const known = readFileSync(`/proc/${pid}/environ`, 'utf8').includes(temporary);
      return known ? [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')] : [];
    } catch {
      return [];
    }
  });
}

async function eventually(check: () => boolean, withinMs: number): Promise<boolean> {
  for (const until = Date.now() + withinMs; Date.now() < until;) {
    if (check()) return true;
    await new Promise(resolve => setTimeout(resolve, 50));
  }
  return false;
}

const failed = (last: Awaited<Run['end']>['last']): string[] => last?.checks.filter(({ ok }) => !ok).map(({ name }) => name) ?? ['no verdict'];

test.serial('with a node killed, a hand edit, a storm and a lost answer, every check holds and nothing is left behind', async t => {
  const run = await demo(t, ['--duration', '20']);
  const { code, last } = await run.end;
  t.deepEqual(failed(last), [], run.stderr());
  t.is(code, 0);
  t.true(last!.ok);
  const names = last!.checks.map(({ name }) => name).join('\n');
  for (const fault of [/node n2 killed/, /hand edit at ebay: noticed/, /429 storm at amazon/]) t.regex(names, fault);
  t.true((last!.figures as { writes: number }).writes > 100);
  t.deepEqual(Object.keys((last!.figures as { channels: object }).channels).sort(), ['amazon', 'ebay', 'mercadolibre', 'shopify', 'walmart']);
  t.deepEqual(await readdir(run.temporary), []);
  t.deepEqual(processesOf(run.temporary), []);
});

test.serial('a unit sold that no order tells of fails the verdict: the checks can fail', async t => {
  const run = await demo(t, ['--duration', '8', '--no-faults', '--hidden-sale']);
  const { code, last } = await run.end;
  t.is(code, 1, run.stderr());
  t.false(last!.ok);
  t.true(failed(last).includes('order lines lost'));
  t.true(failed(last).includes('every listing equal to its target'));
  t.is(last!.checks.find(({ name }) => name === 'order lines lost')?.value, 1);
});

test.serial('on a server of the user\'s own, it uses that one, leaves no stream in it, and refuses one in use', async t => {
  const storeDir = await mkdtemp(join(tmpdir(), 'plumb-test-'));
  const server = await startNats({ storeDir });
  t.teardown(async () => { await server.stop(); await rm(storeDir, { recursive: true, force: true }); });
  const streams = async (): Promise<number> => (await (await fetch(`${server.monitoringUrl}/jsz`)).json() as { streams: number }).streams;

  const run = await demo(t, ['--duration', '5', '--no-faults', '--limit', '20'], { NATS_URL: server.url });
  await eventually(() => run.stderr().includes('the doors open'), 60_000);
  t.true(await streams() > 5);
  const second = await demo(t, ['--duration', '5'], { NATS_URL: server.url });
  t.is((await second.end).code, 2);
  t.regex(second.stderr(), /already holds Plumb's data/);

  const { code, last } = await run.end;
  t.deepEqual(failed(last), [], run.stderr());
  t.is(code, 0);
  t.is(await streams(), 0);
});

test.serial('Ctrl-C in the middle leaves no process and no temporary folder', async t => {
  const run = await demo(t, ['--duration', '60']);
  t.true(await eventually(() => run.stderr().includes('the doors open'), 60_000), run.stderr());
  t.true(processesOf(run.temporary).length >= 6, 'supervisor, server, sandboxes, three nodes and a feed run');
  run.child.kill('SIGINT');
  t.is((await run.end).code, 130);
  t.deepEqual(await readdir(run.temporary), []);
  t.true(await eventually(() => processesOf(run.temporary).length === 0, 2_000), processesOf(run.temporary).join('\n'));
});

test.serial('a supervisor that is killed takes everything with it', async t => {
  const run = await demo(t, ['--duration', '60']);
  t.true(await eventually(() => run.stderr().includes('Plumb runs'), 60_000), run.stderr());
  run.child.kill('SIGKILL');
  await run.end;
  t.true(await eventually(() => processesOf(run.temporary).length === 0, 15_000), processesOf(run.temporary).join('\n'));
  t.deepEqual(await readdir(run.temporary), []);
});
