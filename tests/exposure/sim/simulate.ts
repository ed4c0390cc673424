/**
 * Hunts for a schedule that sells a unit twice: `npm run simulate -- --seeds 100`. A seed is so many simulated days of
 * 20 SKUs; a failing one is shrunk and told. With `--runtime` a seed is whole nodes over a simulated broker instead
 * (tests/simulation). Exit code 1 if any check failed.
 */
import { Command, InvalidArgumentError, Option } from 'commander';
import { randomInt } from 'node:crypto';
import { simulateRuntime } from '../../simulation/command.ts';
import { hunt } from './hunt.ts';
import { run } from './run.ts';
import { shrink } from './shrink.ts';
import { story } from './story.ts';
import { Tally } from './tally.ts';

export const skusPerSeed = 20;

/** Seed of one SKU of a seed. */
export const seedOf = (seed: number, sku: number): number => seed * skusPerSeed + sku;

function whole(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) throw new InvalidArgumentError('a whole number is wanted.');
  return value;
}

interface Asked { seeds: number; seed: number; days: number; fresh: number; minutes?: number; sku?: number; designs?: true; runtime?: true; seconds: number; mode: 'mirror' | 'escrow'; powerCuts?: true; holds?: true; story?: true; keep?: string }

const command = new Command('simulate')
  .description('Simulated days of SKUs under faults, checked after every step: docs/exposure.md')
  .option('--seeds <n>', 'seeds from the first one on', whole, 10)
  .option('--seed <s>', 'first seed', whole, 1)
  .option('--days <d>', 'simulated days of each SKU', whole, 1)
  .option('--fresh <n>', 'seeds more, drawn anew', whole, 0)
  .option('--minutes <m>', 'end after so long, whatever is left', whole)
  .option('--sku <k>', 'tell the story of this SKU of the first seed, from 0', whole)
  .option('--designs', 'show that each known-bad design is caught')
  .option('--runtime', 'whole nodes, accounts and SKU actors over a simulated broker: docs/simulation.md')
  .option('--seconds <n>', 'with --runtime: of buyers and faults in each seed; then it is quiet', whole, 60)
  .addOption(new Option('--mode <mode>', 'with --runtime: what every SKU lives under').choices(['mirror', 'escrow']).default('mirror'))
  .option('--power-cuts', 'with --runtime: the broker loses what it acknowledged last, now and then')
  .option('--holds', 'with --runtime: a strict governor holds every move that no order asks for, and a person decides on it')
  .option('--story', 'with --runtime: tell the story of the first seed')
  .option('--keep <file>', 'with --runtime: write a failing plan, made short, into this file');

const asked = command.parse().opts<Asked>();
if (asked.designs) {
  process.exitCode = hunt(console.log) ? 0 : 1;
} else if (asked.runtime) {
  const { minutes = Infinity, seconds, mode, powerCuts = false, holds = false, story: tells = false, keep } = asked;
  const { all, first } = seedsOf(asked);
  process.exitCode = await simulateRuntime({ seeds: all, fresh: asked.fresh > 0 ? first : undefined, minutes, seconds, mode, powerCuts, holds, tells, keep }) ? 0 : 1;
} else {
  process.exitCode = simulate(asked) ? 0 : 1;
}

/** Those from the first one on, then fresh ones; `first` of the fresh ones. */
function seedsOf({ seeds, seed, fresh }: Asked): { all: number[]; first: number } {
  const first = fresh > 0 ? randomInt(100_000, 20_000_000) : 0;
  return { all: [...Array.from({ length: seeds }, (_, i) => seed + i), ...Array.from({ length: fresh }, (_, i) => first + i)], first };
}

function simulate(given: Asked): boolean {
  const { seed, days, fresh, minutes = Infinity, sku } = given;
  const lengthMs = days * 86_400_000;
  if (sku !== undefined) {
    const told = run(seedOf(seed, sku), { lengthMs, tellsStory: true });
    console.log(story(told));
    return told.violations.length === 0;
  }
  const { all, first } = seedsOf(given);
  const tally = new Tally();
  const startedAt = performance.now();
  const cpu = process.cpuUsage();
  let done = 0;
  for (const one of all) {
    if (performance.now() - startedAt > minutes * 60_000) break;
    for (let k = 0; k < skusPerSeed; k++) {
      const result = run(seedOf(one, k), { lengthMs });
      tally.add(result);
      const [violation] = result.violations;
      if (!violation) continue;
      console.log(`seed ${one}, SKU ${k}: ${violation.check}: ${violation.text}`);
      const shrunk = shrink(seedOf(one, k), violation.check, { lengthMs });
      console.log(`shrunk from ${result.fired.length} to ${shrunk.run.fired.length} stimuli and faults in ${shrunk.runs} runs\n${story(shrunk.run)}`);
      return false;
    }
    done += 1;
  }
  const used = process.cpuUsage(cpu);
  print(tally, done, performance.now() - startedAt, (used.user + used.system) / 1000, fresh > 0 ? first : undefined);
  return true;
}

function print({ skus, days, figures, faults, converged }: Tally, seeds: number, ms: number, cpuMs: number, fresh: number | undefined): void {
  const { facts, writes, withheld, sold, oversold, unexplained, lost, doubled, shortfalls, counted } = figures;
  const [half, most, slowest] = converged.map(value => `${Math.round(value / 60_000)} min`);
  const lines = [
    ['seeds', `${seeds}${fresh === undefined ? '' : `, the fresh ones from ${fresh}`}`],
    ['simulated', `${days} days of SKUs (${skus} SKUs), ${Math.round(days / (ms / 60_000))} a minute`],
    ['speed', `${(seeds / (ms / 1000)).toFixed(2)} seeds/s, ${(seeds / (cpuMs / 1000)).toFixed(2)} per second of processor`],
    ['steps', `${facts} facts, ${writes} writes sent, ${withheld} withheld`],
    ['faults', Object.entries(faults).sort(([, a], [, b]) => b - a).map(([kind, n]) => `${kind} ${n}`).join(', ')],
    ['sold', `${sold} units, ${counted} of them counted by their channel before the order was told`],
    ['oversold', `${oversold} units with a cause from outside (${shortfalls} shortfalls), ${unexplained} without`],
    ['lost', String(lost)],
    ['doubled', String(doubled)],
    ['converged', `${half} after the last fault for half of the SKUs, ${most} for 99 of 100, ${slowest} for the slowest`],
  ];
  for (const [name, value] of lines) console.log(`${name!.padEnd(10)} ${value}`);
}
