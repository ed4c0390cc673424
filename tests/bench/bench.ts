/**
 * What a stock event costs here: raw JetStream and the whole pipeline in turn, on one real server, in one run. Exits
 * with 1 when a floor is missed; in a quick run, when one of those that it can tell of is missed by more than half.
 *
 * `npm run bench -- [--quick] [--json] [--no-floors] [--only throughput,response,debounce,load] [--events N] [--skus N]
 * [--pairs N] [--nodes N] [--batch N] [--load N]`; `BENCH_SERVER` is more of nats-server's configuration.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Lifetime } from '../../deploy/demo/lifetime.ts';
import { verdicts } from './floors.ts';
import { measure, parts } from './measure.ts';
import type { Part } from './measure.ts';
import { print } from './print.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    floors: { type: 'boolean', default: true },
    only: { type: 'string', default: parts.join() },
    events: { type: 'string' },
    skus: { type: 'string' },
    pairs: { type: 'string' },
    nodes: { type: 'string', default: '1' },
    batch: { type: 'string', default: '25' },
    load: { type: 'string' },
  },
  allowNegative: true,
});

function whole(name: 'events' | 'skus' | 'pairs' | 'nodes' | 'batch' | 'load', fallback: number): number {
  const given = values[name];
  const number = given === undefined ? fallback : Number(given);
  if (!Number.isSafeInteger(number) || number < 1) throw new Error(`--${name} is ${given}, must be a whole number of at least 1`);
  return number;
}

const only = values.only.split(',');
const unknown = only.find(part => !(parts as readonly string[]).includes(part));
if (unknown !== undefined) throw new Error(`--only names ${JSON.stringify(unknown)}, which is none of ${parts.join(', ')}`);
const { quick } = values;
const dir = mkdtempSync(join(tmpdir(), 'plumb-bench-'));
const lifetime = new Lifetime([dir]);
lifetime.rule();
const figures = await measure({
  dir,
  parts: only as Part[],
  events: whole('events', 100_000),
  skus: whole('skus', 5_000),
  pairs: whole('pairs', quick ? 2 : 5),
  nodes: whole('nodes', 1),
  writeBatch: whole('batch', 25),
  seconds: quick ? 5 : 20,
  loadSkus: whole('load', quick ? 30_000 : 100_000),
  progress: line => process.stderr.write(`${line}\n`),
}, lifetime);
const judged = verdicts(figures, { quick });
print(figures, judged);
if (values.json) process.stdout.write(`${JSON.stringify({ ...figures, floors: judged })}\n`);
await lifetime.end();
if (values.floors && judged.some(({ passes, counts }) => counts && !passes)) process.exitCode = 1;
