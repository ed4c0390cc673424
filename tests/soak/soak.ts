/**
 * The whole loop under load for as long as is wanted, while everything that can go wrong does, from a seed; ends in the
 * referee's verdict, and in whether memory, file handles and lag stayed within bounds. docs/soak.md.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Lifetime } from '../../deploy/demo/lifetime.ts';
import { runSoak } from './run.ts';

const usage = `npm run soak -- [--minutes N] [--seed S] [--skus N] [--orders-per-second N] [--peak N] [--clock K]
                [--nodes N] [--servers 1|3] [--no-faults] [--logs FOLDER] [--json]

  --minutes 30             orders come for so long; opening before it and settling after it take their own time
  --seed                   decides orders, faults and their times; chosen and told where it is left out
  --skus 50000             SKUs, each listed at five marketplaces
  --orders-per-second 10   on average; an order has two lines
  --peak 100               orders in a second in rushes of three seconds, one in two minutes
  --clock 1                quotas and waits of the marketplaces are so many times as fast as the vendors'
  --nodes 3, --servers 1   processes of Plumb and of the broker
  --no-faults              nothing goes wrong on purpose
  --logs FOLDER            keeps what the processes wrote
  --json                   one JSON object as the last line

Exit code: 0 every check holds, 1 one does not, 2 wrong usage.`;

function options() {
  try {
    const { values } = parseArgs({
      options: {
        minutes: { type: 'string', default: '30' }, seed: { type: 'string' }, skus: { type: 'string', default: '50000' }, 'orders-per-second': { type: 'string', default: '10' },
        peak: { type: 'string', default: '100' }, clock: { type: 'string', default: '1' }, nodes: { type: 'string', default: '3' }, servers: { type: 'string', default: '1' },
        faults: { type: 'boolean', default: true }, json: { type: 'boolean', default: false }, logs: { type: 'string' }, help: { type: 'boolean', default: false },
      },
      allowNegative: true,
    });
    if (values.help) {
      process.stdout.write(`${usage}\n`);
      process.exit(0);
    }
    const number = (name: 'minutes' | 'seed' | 'skus' | 'orders-per-second' | 'peak' | 'clock' | 'nodes', least: number, whole = true): number => {
      const value = Number(values[name]);
      if (!(value >= least) || !Number.isFinite(value) || (whole && !Number.isSafeInteger(value))) throw new TypeError(`--${name} is ${values[name]}, must be a ${whole ? 'whole ' : ''}number of at least ${least}`);
      return value;
    };
    if (values.servers !== '1' && values.servers !== '3') throw new TypeError(`--servers is ${values.servers}, must be 1 or 3`);
    values.seed ??= String(Date.now() % 1_000_000);
    return {
      minutes: number('minutes', 0.5, false), seed: number('seed', 0), skus: number('skus', 2), ordersPerSecond: number('orders-per-second', 0.01, false), peak: number('peak', 0.01, false),
      clock: number('clock', 1, false), nodes: number('nodes', 2), servers: values.servers === '3' ? 3 as const : 1 as const, faults: values.faults, json: values.json, logs: values.logs,
    };
  } catch (error) {
    process.stderr.write(`soak: ${(error as Error).message}\n\n${usage}\n`);
    process.exit(2);
  }
}

const wanted = options();
const folder = mkdtempSync(join(tmpdir(), 'plumb-soak-'));
const lifetime = new Lifetime([folder]);
lifetime.rule();
lifetime.defer(() => rmSync(folder, { recursive: true, force: true }));
try {
  process.exitCode = await runSoak(wanted, folder, lifetime) ? 0 : 1;
} finally {
  await lifetime.end();
}
