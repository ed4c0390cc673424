/** One seed from its beginning to its end. */
import { Watch } from './check.ts';
import type { Violation } from './check.ts';
import { opensAt, planOf } from './plan.ts';
import type { Plan, PlanOptions } from './plan.ts';
import { checkComplete, checkTasks, settling, standing, unsettled, verdictOf } from './rest.ts';
import { World } from './world.ts';
import type { Told, WorldOptions } from './world.ts';

export interface Run {
  plan: Plan;
  violations: Violation[];
  story: Told[];
  faults: Record<string, number>;
  figures: Figures;
  digest: number;
}

export interface Figures {
  simulatedMs: number;
  steps: number;
  operations: number;
  facts: number;
  versions: number;
  calls: number;
  writes: number;
  sold: number;
  oversold: number;
  unexplained: number;
  lost: number;
  doubled: number;
  /** From the end of faults until everything was as it should be. */
  convergedMs: number;
  unservedMs: number;
}

export interface RunOptions extends Partial<PlanOptions>, WorldOptions { plan?: Plan }

/** Everything is as it should be so long after the last fault, at the latest. */
const convergesWithinMs = 10 * 60_000;
const quietMs = 60_000;
const leaveMs = 20_000;
const lookEveryMs = 1_000;

export async function run(seed: number, { plan, tellsStory = false, broken, lengthMs = 60_000, ...rest }: RunOptions = {}): Promise<Run> {
  const planned = plan ?? planOf(seed, { lengthMs, ...rest });
  const world = new World(planned, { tellsStory, broken });
  const watch = new Watch(world);
  const onRejection = (error: unknown): void => watch.blame('failure', `a rejection that nobody handled: ${(error as Error)?.stack ?? String(error)}`);
  process.on('unhandledRejection', onRejection);
  try {
    return await whole(world, watch);
  } finally {
    process.off('unhandledRejection', onRejection);
    world.close();
  }
}

async function whole(world: World, watch: Watch): Promise<Run> {
  const { machine, plan } = world;
  const isCut = (): boolean => watch.violations.length > 0;
  world.open();
  await machine.run(opensAt + plan.lengthMs, isCut);
  const calmAt = machine.now;
  let convergedMs = 0;
  if (!isCut()) {
    world.calm();
    convergedMs = await converge(world, watch, calmAt, isCut);
  }
  if (!isCut()) await beQuiet(world, watch, isCut);
  if (!isCut()) await checkTasks(world, watch, isCut);
  if (!isCut()) checkComplete(world, watch);
  const { verdict: { figures }, oversold } = verdictOf(world);
  const unexplained = oversold.sales.filter(({ sku, shown, allowed }) => (plan.mode === 'mirror' ? shown > allowed : !world.isOutside(sku)));
  if (!isCut() && plan.mode === 'escrow') for (const sale of unexplained) watch.blame('sold twice', `in escrow, and nothing outside was the cause: ${JSON.stringify(sale)}`);
  if (!isCut() && plan.mode === 'mirror') for (const sale of unexplained) watch.blame('oversold', `beyond what mirroring allows: ${JSON.stringify(sale)}`);
  if (!isCut()) await leave(world, watch);
  const { writes, facts } = standing(world);
  return {
    plan, violations: watch.violations, story: world.story, faults: world.faults, digest: world.digest,
    figures: {
      simulatedMs: machine.now, steps: machine.steps, operations: world.operations, facts, versions: watch.versions, writes,
      calls: Object.values(world.marketplaces).reduce((sum, { calls }) => sum + calls, 0),
      sold: figures.unitsSold, oversold: oversold.units, unexplained: unexplained.reduce((units, sale) => units + sale.units, 0), lost: figures.lostLines.length, doubled: figures.strayLines.length,
      convergedMs, unservedMs: watch.unservedMs,
    },
  };
}

/** @returns ms that it took */
async function converge(world: World, watch: Watch, from: number, isCut: () => boolean): Promise<number> {
  const { machine } = world;
  const look = settling(world, watch);
  for (;;) {
    await machine.run(machine.now + lookEveryMs, isCut);
    if (isCut()) return machine.now - from;
    const left = look();
    if (left.length === 0) return machine.now - from;
    if (machine.now - from < convergesWithinMs) continue;
    watch.blame('unsettled', left.slice(0, 8).join('; '));
    return machine.now - from;
  }
}

async function beQuiet(world: World, watch: Watch, isCut: () => boolean): Promise<void> {
  const { machine } = world;
  // What was under way when all was right ends.
  await machine.run(machine.now + quietMs / 2, isCut);
  const before = standing(world);
  await machine.run(machine.now + quietMs, isCut);
  if (isCut()) return;
  const after = standing(world);
  // In escrow a listing that does not show what it was told is read again and again, and what it shows is told.
  const told = world.plan.mode === 'escrow' && world.plan.isDisturbed ? ['writes'] as const : ['writes', 'facts'] as const;
  for (const what of told) if (after[what] !== before[what]) watch.blame('not quiet', `${after[what] - before[what]} ${what} in a minute in which nothing happened`);
  // Calls under way have timers of their own.
  for (const what of ['timers', 'subscriptions', 'consumers'] as const) if (after[what] > before[what] + 10) watch.blame('leak', `${what} went from ${before[what]} to ${after[what]} in a minute in which nothing happened`);
  const left = unsettled(world, watch);
  if (left.length > 0) watch.blame('unsettled', `again: ${left.slice(0, 8).join('; ')}`);
}

/** Nodes that leave take everything of theirs with them. */
async function leave(world: World, watch: Watch): Promise<void> {
  const { machine, broker, nodes } = world;
  watch.isOver = true;
  if (world.person) world.person.isAway = true;
  for (const node of nodes) {
    let left: number | undefined;
    node.leave(process => { left = process.timers; });
    await machine.run(machine.now + leaveMs, () => left !== undefined);
    if (left === undefined) watch.blame('leak', `${node.id} did not leave within ${leaveMs / 1_000} s`);
    else if (left > 0) watch.blame('leak', `${node.id} left ${left} timers behind`);
  }
  await machine.run(machine.now + leaveMs);
  const kept = [...broker.listening, ...broker.consumers.keys()];
  if (kept.length > 0) watch.blame('leak', `the broker keeps what nobody listens to: ${kept.join(', ')}`);
}
