/**
 * Runs one trace through the production runtime, for a harness that compares systems. Starts everything it needs as
 * its own descendants and stores under `BENCH_DIR`.
 *
 * `BENCH_TRACE`  the trace, JSON lines `{eventId, sku, seq, kind: set|delta|reserve|release, quantity, ts}`
 * `BENCH_DIR`    where to store; `result.json` is written there at the end
 * `BENCH_MODE`   `drain`: as fast as accepted; `latency`: at `BENCH_RATE` events a second
 * `BENCH_NODES`  node processes, 1 where absent; `BENCH_BATCH` entries in one channel call, 25 where absent
 *
 * Prints `{"phase":"start","t":ms}` when everything is up, and `{"phase":"done","t":ms}` when every event is applied
 * and every confirmation stored; `t` is `process.hrtime` in ms.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Lifetime } from '../../deploy/demo/lifetime.ts';
import { nowMs } from './channel.ts';
import { latencies } from './latency.ts';
import { publishTrace } from './publish.ts';
import { Stage, sum } from './stage.ts';
import { readTrace } from './trace-file.ts';
import { confirmed } from './verify.ts';
import { accounts } from './workload.ts';

function setting(name: string, fallback?: string): string {
  const value = process.env[name] ?? fallback;
  if (value === undefined || value === '') throw new Error(`${name} is not set`);
  return value;
}

const mode = setting('BENCH_MODE', 'drain');
if (mode !== 'drain' && mode !== 'latency') throw new Error(`BENCH_MODE is ${JSON.stringify(mode)}, must be drain or latency`);
const dir = setting('BENCH_DIR');
const trace = readTrace(setting('BENCH_TRACE'));
const rate = mode === 'latency' ? Number(setting('BENCH_RATE')) : undefined;
if (rate !== undefined && !(rate > 0)) throw new Error(`BENCH_RATE is ${process.env.BENCH_RATE}, must be events a second`);

const lifetime = new Lifetime();
lifetime.rule();
const stage = await Stage.start({ dir, nodes: Number(setting('BENCH_NODES', '1')), quietMs: 0, writeBatch: Number(setting('BENCH_BATCH', '25')) }, lifetime);
await stage.link([...new Set(trace.map(event => event.sku))]);
const before = await stage.ask<{ writes: number }>('figures');
if (rate !== undefined) await stage.watch();

say('start', nowMs());
const { at: publishedAt } = await publishTrace(stage.publisher, trace, { to: 'sku', ...(rate !== undefined && { rate }) });
const { at, figures } = await stage.settled();
say('done', at);

const records = await stage.records();
const result = {
  skus: Object.fromEntries([...records].map(([sku, { position, onHand, reserved, chain }]) => [sku, [position, onHand, reserved, chain]])),
  confirmed: Object.fromEntries([...records].flatMap(([sku, stock]) => accounts.map(({ account }, n) => [`${n}|${sku}`, confirmed(stock, account)]))),
  counts: { channelWrites: sum(figures, f => f.writes) - sum(before, f => f.writes) },
  lat: rate === undefined ? [] : latencies(trace, publishedAt, await stage.arrivals()),
};
writeFileSync(join(dir, 'result.json'), JSON.stringify(result));
await lifetime.end();

function say(phase: 'start' | 'done', t: number): void {
  process.stdout.write(`${JSON.stringify({ phase, t })}\n`);
}
