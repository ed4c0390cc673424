import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { planOf } from './plan.ts';
import type { Plan } from './plan.ts';
import { run } from './run.ts';
import { shrink } from './shrink.ts';
import { story } from './story.ts';
import { World } from './world.ts';

const plans = join(import.meta.dirname, 'plans');

test.serial('whole nodes bring every listing to the truth, whatever happens to them, the broker and the marketplaces', async t => {
  let [sold, faults] = [0, 0];
  for (let seed = 1; seed <= 5; seed++) {
    const done = await run(seed);
    t.deepEqual(done.violations, [], `seed ${seed}`);
    sold += done.figures.sold;
    faults += ['crash', 'pause', 'cut', 'silence', 'broker', 'trouble'].reduce((sum, kind) => sum + (done.faults[kind] ?? 0), 0);
  }
  t.true(sold > 100 && faults > 10, `${sold} units were sold, ${faults} faults happened`);
});

test.serial('in escrow no unit is sold twice, whatever happens to nodes, the broker and the marketplaces', async t => {
  let sold = 0;
  for (const seed of [1, 3, 4]) {
    const { violations, figures, plan } = await run(seed, { mode: 'escrow' });
    t.deepEqual([violations, figures.oversold, plan.isDisturbed], [[], 0, false], `seed ${seed}`);
    sold += figures.sold;
  }
  t.true(sold > 100, `${sold} units were sold`);
});

test.serial('what a strict governor holds is let go or dropped by a person, and in the end nothing is held, wrong or sold twice', async t => {
  let holds = 0;
  for (const [seed, mode] of [[1, 'mirror'], [1, 'escrow'], [4, 'escrow']] as const) {
    const { violations, figures, faults } = await run(seed, { mode, holds: true });
    t.deepEqual([violations, figures.unexplained], [[], 0], `seed ${seed}, ${mode}`);
    holds += faults['hold'] ?? 0;
  }
  t.true(holds > 10, `${holds} batches were held`);
});

test.serial('buyers who pay late or never, orders that are listed late, late cancellations and dead grants leave nothing wrong', async t => {
  const counts: Record<string, number> = {};
  for (const [seed, mode] of [[16, 'mirror'], [41, 'mirror'], [16, 'escrow'], [47, 'escrow']] as const) {
    const { violations, figures, faults } = await run(seed, { mode });
    t.deepEqual([violations, figures.unexplained], [[], 0], `seed ${seed}, ${mode}`);
    for (const [kind, count] of Object.entries(faults)) counts[kind] = (counts[kind] ?? 0) + count;
  }
  for (const kind of ['payment', 'payment dropped', 'late order', 'take back', 'revoke']) t.true(counts[kind]! > 1, `${kind} happened ${counts[kind]} times`);
});

test.serial('what a power cut took from the broker is noticed, and no unit is sold twice because of it', async t => {
  let cuts = 0;
  for (const seed of [2, 5, 6]) {
    const { violations, figures, faults } = await run(seed, { mode: 'escrow', powerCuts: true });
    t.deepEqual([violations, figures.unexplained], [[], 0], `seed ${seed}`);
    cuts += faults['power cut'] ?? 0;
  }
  t.true(cuts > 1, `${cuts} power cuts happened`);
});

test.serial('a connection that the broker has forgotten, and the node has not, is made anew within seven seconds', async t => {
  const world = new World({ ...planOf(1, { lengthMs: 0, skus: 1 }), acts: [] });
  t.teardown(() => world.close());
  const { machine, broker, nodes } = world;
  world.open();
  await machine.run(20_000);
  const before = nodes[2]!.running!.figures().partitions;
  // From now on nothing that this connection says is heard.
  broker.onOperation = client => (client.name === 'plumb-n3' && machine.now < 20_500 ? 'never' : 'done');
  await machine.run(22_900);
  t.is(broker.listening.filter(subject => subject === 'inspect.node.n3').length, 0);
  await machine.run(27_500);
  t.is(broker.listening.filter(subject => subject === 'inspect.node.n3').length, 1);
  await machine.run(32_000);
  t.deepEqual(nodes[2]!.running!.figures().partitions, before, 'its partitions come back to it');
});

test.serial('an account that waits for its channel does not look for work meanwhile', async t => {
  const steps: number[] = [];
  for (const isSlow of [false, true]) {
    const world = new World({ ...planOf(1, { lengthMs: 0 }), acts: [] });
    const { machine, marketplaces } = world;
    world.open();
    await machine.run(25_000);
    if (isSlow) marketplaces['walmart']!.trouble({ kind: 'slow', on: 'any', forMs: 30_000 });
    const before = machine.steps;
    await machine.run(35_000);
    steps.push(machine.steps - before);
    world.close();
  }
  const [quick, slow] = steps as [number, number];
  t.true(slow < quick * 1.2, `${slow} callbacks while answers are slow, ${quick} while they are quick`);
});

test.serial('units that a copied write shows again are found, told as what was written, and worked off', async t => {
  const { story, faults } = await run(5278, { plan: kept('sold-units-shown-again-by-a-copied-write.json'), tellsStory: true });
  t.is(faults['sold units shown again'], 1);
  const told = story.map(({ text }) => text).filter(text => text.includes('"sku":"SKU-9"'));
  for (const what of [/exposure\.drift\.found.+"asWritten":true/, /exposure\.shortfall\.opened.+"debt":2/, /exposure\.shortfall\.closed.+"oversold":0/]) {
    t.is(told.filter(text => what.test(text)).length, 1, String(what));
  }
});

for (const file of readdirSync(plans)) {
  test.serial(`a plan that failed once holds: ${file}`, async t => {
    const plan = kept(file);
    t.deepEqual((await run(plan.seed, { plan })).violations, []);
  });
}

test.serial('a seed is the same run each time, told or not', async t => {
  const [one, other] = [await run(4), await run(4, { tellsStory: true })];
  t.is(one.digest, other.digest);
  t.deepEqual(one.figures, other.figures);
  t.not(one.digest, (await run(5)).digest);
});

test.serial('a broker that lets a former owner write is found out within ten seeds, shrunk and told', async t => {
  const caught = await caughtBy('unfenced', 10);
  t.truthy(caught);
  const shrunk = await shrink(caught!, { broken: 'unfenced' }, 20);
  t.is(shrunk.run.violations[0]?.check, caught!.violations[0]!.check);
  t.true(shrunk.run.plan.acts.length < caught!.plan.acts.length, `${shrunk.run.plan.acts.length} of ${caught!.plan.acts.length} acts are left`);
  t.regex(story(shrunk.run), /left of the plan: .+\n(.+\n)+found: /);
});

test.serial('a broker that loses what it acknowledges is found out within ten seeds', async t => {
  t.truthy(await caughtBy('lossy', 10));
});

async function caughtBy(broken: 'unfenced' | 'lossy', seeds: number): Promise<Awaited<ReturnType<typeof run>> | undefined> {
  for (let seed = 1; seed <= seeds; seed++) {
    const result = await run(seed, { broken });
    if (result.violations.length > 0) return result;
  }
  return undefined;
}

function kept(file: string): Plan {
  return JSON.parse(readFileSync(join(plans, file), 'utf8')) as Plan;
}
