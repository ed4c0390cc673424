/**
 * What a stock event costs here: raw JetStream and the whole pipeline in turn, on one real server, in one run.
 *
 * `npm run bench -- [--quick] [--json] [--events N] [--skus N] [--pairs N] [--nodes N] [--batch N]`
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Lifetime } from '../../deploy/demo/lifetime.ts';
import { measure } from './measure.ts';
import { print } from './print.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    events: { type: 'string' },
    skus: { type: 'string' },
    pairs: { type: 'string' },
    nodes: { type: 'string', default: '1' },
    batch: { type: 'string', default: '25' },
    only: { type: 'string' },
  },
});
const { quick } = values;
const dir = mkdtempSync(join(tmpdir(), 'plumb-bench-'));
const lifetime = new Lifetime([dir]);
lifetime.rule();
const figures = await measure({
  dir,
  events: Number(values.events ?? (quick ? 20_000 : 100_000)),
  skus: Number(values.skus ?? (quick ? 1_000 : 5_000)),
  pairs: Number(values.pairs ?? (quick ? 3 : 5)),
  nodes: Number(values.nodes),
  writeBatch: Number(values.batch),
  latencySeconds: quick ? 5 : 20,
  loadSkus: quick ? 10_000 : 100_000,
  only: values.only?.split(','),
  progress: line => process.stderr.write(`${line}\n`),
}, lifetime);
print(figures);
if (values.json) process.stdout.write(`${JSON.stringify(figures)}\n`);
await lifetime.end();
