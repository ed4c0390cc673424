/**
 * How soon drift is known, and whether anything else is taken for it: a real server, two nodes and the five sandboxes at
 * the vendors' documented quotas, first while nothing is wrong, then with drift of every class. Exits with 1 when a class
 * is told too late or not at all, at a false alarm, and when less than 99 % heal without a person.
 *
 * `npm run bench:drift -- [--quick] [--json] [--rounds N] [--calm SECONDS]`
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Lifetime } from '../../../deploy/demo/lifetime.ts';
import { behindOurBack, neverApplied, onlySeems, Slots } from './plants.ts';
import type { Plant } from './plants.ts';
import { judged, text } from './table.ts';
import { Traffic } from './traffic.ts';
import { pause, World } from './world.ts';

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false }, json: { type: 'boolean', default: false }, rounds: { type: 'string' }, calm: { type: 'string' } } });
const rounds = whole('rounds', values.rounds, values.quick ? 1 : 8);
const calmSeconds = whole('calm', values.calm, values.quick ? 15 : 120);

function whole(name: string, given: string | undefined, fallback: number): number {
  const number = given === undefined ? fallback : Number(given);
  if (!Number.isSafeInteger(number) || number < 1) throw new Error(`--${name} is ${given}, must be a whole number of at least 1`);
  return number;
}

const units = [1, 2, 4, 7, 12, 30, 90];
const named = (letter: string, count: number): [string, number][] => Array.from({ length: count }, (_, n) => [`${letter}-${String(n).padStart(2, '0')}`, units[n % units.length]!]);
const busy = named('T', 14);
const planted = named('P', 21);

const lifetime = new Lifetime([]);
lifetime.rule();
const say = (line: string): void => { process.stderr.write(`${line}\n`); };
const dir = mkdtempSync(join(tmpdir(), 'plumb-drift-'));
lifetime.defer(() => import('node:fs').then(({ rmSync }) => rmSync(dir, { recursive: true, force: true })));
const world = await World.start(dir, new Map([...busy, ...planted]), lifetime);
say(`${busy.length + planted.length} SKUs at five marketplaces are proven`);

const traffic = new Traffic(world, busy.map(([sku]) => sku));
const slots = new Slots(world, planted.map(([sku]) => sku));
const plants: Plant[] = [];
traffic.start();
await pause(calmSeconds * 1_000);
say(`no drift for ${calmSeconds} s: ${traffic.sales} sales, ${traffic.counts} counts, ${world.alerts.heard.length} alerts`);
for (let round = 1; round <= rounds; round++) {
  slots.clear();
  plants.push(...await behindOurBack(world, slots));
  await traffic.stop();
  await world.quiet();
  plants.push(...await neverApplied(world, slots, round % 2 === 1));
  await world.quiet();
  plants.push(...await onlySeems(world, slots));
  traffic.start();
  say(`round ${round} of ${rounds}`);
}
await traffic.stop();
await world.quiet();

const places = new Set(plants.map(({ account, sku }) => `${account} ${sku}`));
const stray = [...new Map(world.alerts.heard.filter(({ alert }) => !places.has(`${alert.account} ${alert.sku}`)).map(({ alert }) => [alert.id, alert])).values()];
for (const alert of stray) say(`false alarm: ${JSON.stringify(alert)}`);
const result = judged(plants, stray.length);
process.stdout.write(`${text(result)}\n`);
if (values.json) process.stdout.write(`${JSON.stringify({ ...result, rounds, calmSeconds, sales: traffic.sales, plants: result.ok ? undefined : plants })}\n`);
await lifetime.end();
process.exitCode = result.ok ? 0 : 1;
