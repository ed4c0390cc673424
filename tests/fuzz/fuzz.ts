/**
 * `npm run test:fuzz -- --runs 100000 --seed 7`: malformed and permuted events through mappings and the real SKU
 * actors. Prints the seed; a scenario that fails is repeated by `--seed <its own> --runs 1`. Exits 1 on a crash or a
 * wrong truth.
 */
import { parseArgs } from 'node:util';
import { judge } from './judge.ts';

const { values } = parseArgs({ options: { runs: { type: 'string', default: '100000' }, seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) } } });
const [runs, seed] = [values.runs, values.seed].map((text, n) => {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  process.stderr.write(`--${n === 0 ? 'runs' : 'seed'}: ${JSON.stringify(text)} is no whole number from 0\n`);
  process.exit(2);
}) as [number, number];

process.stdout.write(`seed ${seed}, at least ${runs} events\n`);
const sum = { scenarios: 0, taken: 0, refused: 0, orders: 0, crashes: 0, wrong: 0 };
const shownMax = 20;
const startedAt = performance.now();
for (let next = seed; sum.taken + sum.refused + sum.orders < runs || sum.scenarios === 0; next++) {
  sum.scenarios += 1;
  try {
    const { taken, refused, orders, wrong } = await judge(next);
    sum.taken += taken;
    sum.refused += refused;
    sum.orders += orders;
    if (wrong.length > 0 && (sum.wrong += 1) <= shownMax) process.stdout.write(`wrong, --seed ${next} --runs 1\n${wrong.map(told => `  ${told}\n`).join('')}`);
  } catch (error) {
    if ((sum.crashes += 1) <= shownMax) process.stdout.write(`crash, --seed ${next} --runs 1\n  ${(error as Error).stack}\n`);
    // Whatever breaks everything must end too.
    if (sum.crashes > 1_000) break;
  }
}
const seconds = (performance.now() - startedAt) / 1_000;
process.stdout.write(`${sum.scenarios} scenarios, ${sum.taken + sum.refused + sum.orders} events: ${sum.taken} facts taken, ${sum.refused} refused, ${sum.orders} order facts, in ${seconds.toFixed(0)} s\n${sum.crashes} crashes, ${sum.wrong} wrong truths\n`);
process.exitCode = sum.crashes + sum.wrong === 0 ? 0 : 1;
