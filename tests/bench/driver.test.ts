/** The driver of a side-by-side harness, on a small trace, against a plain fold of the same trace. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { readTrace, writeTrace } from './trace-file.ts';
import { accounts, available, makeTrace, PlainFold, targetsOf } from './workload.ts';
import type { TraceEvent } from './workload.ts';

interface Result {
  skus: Record<string, [seq: number, onHand: number, reserved: number, h: number]>;
  confirmed: Record<string, number>;
  counts: { channelWrites: number };
  lat: number[];
}

async function drive(t: ExecutionContext, trace: TraceEvent[], env: Record<string, string>): Promise<{ result: Result; ms: number }> {
  const dir = await mkdtemp(join(tmpdir(), 'plumb-test-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  const file = join(dir, 'trace.jsonl');
  writeTrace(file, trace);
  const driver = spawn(process.execPath, [join(import.meta.dirname, 'driver.ts')], {
    env: { ...process.env, ...env, BENCH_TRACE: file, BENCH_DIR: join(dir, 'store') }, stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(driver, 'exit');
  let out = '';
  let errors = '';
  driver.stdout.on('data', chunk => { out += chunk; });
  driver.stderr.on('data', chunk => { errors += chunk; });
  t.deepEqual(await exited, [0, null], errors);
  const said = out.trim().split('\n').map(line => JSON.parse(line) as { phase: string; t: number });
  t.deepEqual(said.map(({ phase }) => phase), ['start', 'done']);
  const ms = said[1]!.t - said[0]!.t;
  t.true(ms > 0);
  return { result: JSON.parse(await readFile(join(dir, 'store', 'result.json'), 'utf8')) as Result, ms };
}

function expected(trace: TraceEvent[]): Pick<Result, 'skus' | 'confirmed'> {
  const fold = new PlainFold();
  for (const event of trace) fold.apply(event);
  return {
    skus: Object.fromEntries([...fold.skus].map(([sku, { seq, onHand, reserved, h }]) => [sku, [seq, onHand, reserved, h]])),
    confirmed: Object.fromEntries([...fold.skus].flatMap(([sku, state]) => targetsOf(available(state)).map((target, n) => [`${n}|${sku}`, target]))),
  };
}

test('a trace is drained to what a plain fold of it gives, and every channel has confirmed it', async t => {
  const trace = makeTrace({ events: 3_000, skus: 200, seed: 1 });
  t.true(trace.length > 3_000, 'some events come twice');
  t.true(trace.some((event, i) => trace.slice(0, i).some(earlier => earlier.sku === event.sku && earlier.seq > event.seq)), 'some come before their turn');
  const { result } = await drive(t, trace, { BENCH_MODE: 'drain' });
  const { counts, lat, ...state } = result;
  t.deepEqual(state, expected(trace));
  t.true(counts.channelWrites >= Object.keys(state.confirmed).length, 'every channel of every SKU was written');
  t.deepEqual(lat, []);
});

test('at a given rate the driver tells how long each change took to become a job', async t => {
  const rate = 200;
  const trace = makeTrace({ events: 300, skus: 100, seed: 2 });
  const { result, ms } = await drive(t, trace, { BENCH_MODE: 'latency', BENCH_RATE: String(rate) });
  const { lat, counts: _, ...state } = result;
  t.deepEqual(state, expected(trace));
  t.true(ms >= ((trace.length - 1) * 1_000) / rate, 'not faster than asked for');
  const fold = new PlainFold();
  t.is(lat.length, trace.filter(event => fold.apply(event)).length);
  t.true(lat.every(each => each > 0 && each < ms));
});

test('the rules configured are those of the trace', t => {
  t.is(accounts.length, targetsOf(0).length);
  t.deepEqual(targetsOf(60), [60, 50, 57, 30, 10]);
  t.deepEqual(targetsOf(7), [7, 7, 4, 3, 2]);
  t.deepEqual(targetsOf(1), [1, 1, 0, 0, 0]);
});

test('a trace that cannot be read names file, line and field', async t => {
  const dir = await mkdtemp(join(tmpdir(), 'plumb-test-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  const file = join(dir, 'trace.jsonl');
  const [event] = makeTrace({ events: 1, skus: 1, seed: 1 });
  writeTrace(file, [event!, { ...event!, seq: 0 }]);
  t.throws(() => readTrace(file), { message: `${file}:2: seq is 0` });
  writeTrace(file, [event!]);
  t.deepEqual(readTrace(file), [event]);
});
