/** One soak from its first process to its verdict. */
import { jetstreamManager } from '@nats-io/jetstream';
import { loadWorld } from '../../deploy/demo/feed.ts';
import type { FeedConfig } from '../../deploy/demo/feed-protocol.ts';
import { collectEvidence, feedDone } from '../../deploy/demo/evidence.ts';
import { clock, count, duration } from '../../deploy/demo/format.ts';
import type { Lifetime } from '../../deploy/demo/lifetime.ts';
import { verifyAll } from '../../deploy/replay.ts';
import { DeadLetters } from '../../runtime/dead/letters.ts';
import { Publisher } from '../../runtime/publisher.ts';
import { Faults, rest } from './faults.ts';
import { planFaults, rush, steadyNode } from './plan.ts';
import type { SoakOptions } from './plan.ts';
import { demands, tell } from './quotas.ts';
import { residentMb, Samples } from './samples.ts';
import { setStage } from './stage.ts';
import type { Stage } from './stage.ts';
import { conclude } from './verdict.ts';

const progressMs = 10_000;
/** Cancellations come an hour after their orders on average; trace time makes it a minute. */
const traceSpeed = 60;
/** Listings that one machine imports and proves in a second; what opening and settling may take beside. */
const provenPerSecond = 100;
const patienceMs = 300_000;

/** Listings become known, and in the end true, at a pace at which that takes minutes: the vendors' own would take hours. */
function fastPace({ skus, clock: scale }: SoakOptions): number {
  return Math.max(scale, 60, Math.min(1_000, skus / 100));
}

/** @returns true when every check holds */
export async function runSoak(options: SoakOptions, folder: string, lifetime: Lifetime): Promise<boolean> {
  const began = Date.now();
  const say = (line: string): void => { process.stderr.write(`${clock(Date.now() - began)}  ${line}\n`); };
  const { minutes, seed, skus, ordersPerSecond, peak } = options;
  const tradingMs = minutes * 60_000;
  const feed: Omit<FeedConfig, 'natsUrl' | 'accounts'> = {
    seed, skus, ordersPerSecond, tradingMs, speed: traceSpeed, leftOvers: 'true', rushes: { ...rush, times: Math.max(1, peak / ordersPerSecond) },
  };
  const sold = soldPerSecond(feed, tradingMs);
  const wanted = demands(sold, options.clock);
  say(`seed ${seed}: ${count(skus)} SKUs at five marketplaces, ${ordersPerSecond} orders a second with rushes of ${peak}, for ${minutes} minutes; marketplaces at ${options.clock} times the vendors' quotas`);
  for (const demand of wanted) say(tell(demand));

  const fast = fastPace(options);
  const stage = await setStage(options, feed, fast, folder, lifetime);
  stage.processes.onDeath = (name, why) => { void lifetime.end().then(() => { process.stderr.write(`${name} died: ${why}\n`); process.exit(1); }); };
  const patience = patienceMs + skus * 5 / provenPerSecond * 1_000;
  const watching = setInterval(() => { void stage.watch.round(); }, 1_000);
  lifetime.defer(() => clearInterval(watching));
  say(`${count(skus)} listings at each marketplace are imported, at ${count(fast)} times the vendors' pace`);
  await importAll(stage, patience, line => say(line));
  if (!await rest(stage, 0, skus, patience, say)) throw new Error(`the listings were not all proven within ${duration(patience)}`);
  await stage.enter('load', options.clock);
  await served(stage);

  const plan = planFaults(options);
  say(`all ${count(skus * 5)} listings are proven; orders come, and ${plan.length} faults`);
  let progress: Record<string, unknown> = {};
  stage.processes.onMessage('feed', message => {
    if (message.type === 'progress') progress = message;
    if (message.type === 'failed') stage.processes.onDeath('feed', String(message.message));
  });
  const stop = new AbortController();
  lifetime.defer(() => stop.abort());
  const faults = new Faults(stage, line => say(`! ${line}`));
  const samples = new Samples(stage);
  const storedBefore = await stored(stage);
  const openedAt = Date.now();
  const telling = setInterval(() => say(line(stage, samples, faults, progress, Date.now() - openedAt, tradingMs)), progressMs);
  const done = feedDone(stage.processes);
  stage.processes.tell('feed', { type: 'open' });
  const [fed] = await Promise.all([done, faults.run(plan, stop.signal)]);
  const closedAt = Date.now();
  clearInterval(telling);
  await samples.stop();
  say(line(stage, samples, faults, progress, closedAt - openedAt, tradingMs));
  const disk = { ...grown(storedBefore, await stored(stage), fed.linesSold), openedBySku: Math.round([...storedBefore.values()].reduce((sum, bytes) => sum + bytes, 0) / skus) };
  const resident = { sandboxes: residentMb(stage.processes.pid('sandboxes')), feed: residentMb(stage.processes.pid('feed')) };

  say(`the last buyer has left; what waits is worked off at ${count(fast)} times the vendors' pace`);
  for (const admin of stage.admins.values()) await admin.clearFaults();
  await stage.enter('settling', fast);
  const quiet = await rest(stage, closedAt, skus, patience + skus * 5 / provenPerSecond * 1_000, say);
  const settleMs = quiet ? Date.now() - closedAt : undefined;
  say(quiet ? `at rest after ${duration(settleMs)}; the referee reads the books` : 'it did not come to rest; the referee reads the books all the same');
  const [evidence, replayed, dead] = await Promise.all([collectEvidence(stage, [], openedAt, { clock: options.clock, mode: 'mirror' }), verifyAll(stage.nc), openTasks(stage)]);
  const conclusion = conclude({
    evidence: { ...evidence, faults: faults.incidents }, replayed, incidents: faults.incidents, samples, demands: wanted, dead, settleMs, steadyNode: steadyNode(options.nodes), skus,
  });
  const { ok, checks, notJudged, figures } = conclusion;
  const all = { ...figures, fed, resident, disk, seed, options, lastedMs: Date.now() - began };
  for (const text of lines(checks, notJudged, all)) process.stdout.write(`${text}\n`);
  if (options.json) process.stdout.write(`${JSON.stringify({ ok, checks, notJudged, figures: all })}\n`);
  return ok;
}

/** Order lines in a second, by account, as the load will have them. */
function soldPerSecond(feed: Omit<FeedConfig, 'natsUrl' | 'accounts'>, tradingMs: number): Record<string, number> {
  const sold: Record<string, number> = {};
  for (const event of loadWorld({ ...feed, natsUrl: '-', accounts: {} }).events) {
    if (event.kind === 'order') sold[event.account] = (sold[event.account] ?? 0) + event.lines.length / (tradingMs / 1_000);
  }
  return sold;
}

async function importAll(stage: Stage, withinMs: number, say: (line: string) => void): Promise<void> {
  await served(stage);
  await Promise.all(stage.accounts.map(async ({ account }) => {
    let last = '';
    for (const end = Date.now() + withinMs; Date.now() < end;) {
      try {
        const answer = (await stage.nc.request(`control.channel.${account}`, 'import', { timeout: withinMs })).json<{ ok: boolean; error?: string }>();
        if (answer.ok) return say(`${account} is imported`);
        last = answer.error ?? '';
      } catch (error) {
        last = (error as Error).message;
      }
      await new Promise(resolve => setTimeout(resolve, 1_000));
    }
    throw new Error(`${account}: listings were not imported within ${duration(withinMs)}: ${last}`);
  }));
}

/** Waits until every partition and account has an owner. */
async function served({ watch, accounts, nodes }: Stage): Promise<void> {
  for (const end = Date.now() + 60_000; Date.now() < end;) {
    const owners = await watch.owners();
    if (owners.partitions.size === 64 && owners.accounts.size === accounts.length && owners.nodes.length === nodes.length) return;
    await new Promise(resolve => setTimeout(resolve, 250));
  }
  throw new Error('the nodes have not divided the work after 60 s');
}

/** Bytes that each stream holds, by name: what a server of the broker needs of its disk. */
async function stored({ nc }: Stage): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for await (const { config, state } of (await jetstreamManager(nc)).streams.list()) sizes.set(config.name, state.bytes);
  return sizes;
}

/** What a sold line costs, with all that follows from it, in bytes of the streams that grow. */
function grown(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>, linesSold: number): Record<string, number> {
  const by = [...after].map(([name, bytes]): [string, number] => [name, Math.round((bytes - (before.get(name) ?? 0)) / Math.max(1, linesSold))]);
  return { ...Object.fromEntries(by.filter(([, bytes]) => bytes > 0)), all: by.reduce((sum, [, bytes]) => sum + bytes, 0) };
}

async function openTasks({ nc }: Stage): Promise<Record<string, number>> {
  const publisher = new Publisher(nc, '_INBOX');
  const letters = new DeadLetters(nc, publisher);
  await letters.open();
  const open = letters.list({ all: true }).filter(one => one.open.length > 0 && one.body.class !== 'shortfall');
  await letters.close();
  publisher.close();
  return Object.fromEntries(Object.entries(Object.groupBy(open, one => String(one.body.class))).map(([kind, list]) => [kind, list!.length]));
}

function line(stage: Stage, samples: Samples, faults: Faults, progress: Record<string, unknown>, elapsedMs: number, ofMs: number): string {
  const { placed = 0, refused = 0 } = progress as { placed?: number; refused?: number };
  const name = steadyNode(stage.nodes.length);
  const steady = samples.nodes.get(name)?.at(-1);
  const pending = stage.watch.current.channels.map(({ account, answer }) => `${account} ${answer ? count(answer.pending) : '-'}`).join(', ');
  return [
    `${clock(elapsedMs).trim()} of ${clock(ofMs).trim()}`, `${count(placed)} lines sold, ${count(refused)} refused`, `lag ${count(samples.lag.at(-1)?.messages ?? 0)}`, `waiting: ${pending}`,
    steady ? `${name} ${Math.round(steady.rssMb)} MB, ${steady.handles ? steady.handles.other + steady.handles.pooled : '-'} handles` : `${name} does not answer`, `${faults.incidents.length} faults over${faults.now.size > 0 ? `, now ${[...faults.now].join('; ')}` : ''}`,
  ].join(' | ');
}

function lines(checks: readonly { name: string; ok: boolean; value: number; limit: number }[], notJudged: readonly string[], figures: Record<string, unknown>): string[] {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const failed = checks.filter(({ ok }) => !ok);
  const { referee, memory, lag, accounts, faults, disk, cpu } = figures as ReturnType<typeof conclude>['figures'] & {
    referee: { linesSold: number; unitsSold: number; unitsCancelled: number; oversold: number; oversoldAllowed: number };
    disk: { all: number; openedBySku: number }; cpu: number; memory: { rssMb: Record<string, number> }; lag: { most: number };
    accounts: Record<string, { pendingMost: number; oldestMostMs: number; undisturbedShare: number; propagation: { p50Ms?: number; p99Ms?: number; maxMs?: number } }>;
    faults: Record<string, { times: number; caughtUp: number; unservedMostMs?: number }>;
  };
  return [
    '', 'Verdict', '',
    ...checks.map(({ name, ok, value, limit }) => `  ${ok ? '✔' : '✘'} ${name.padEnd(width)}  ${count(value)}  at most ${count(limit)}`), '',
    ...notJudged.map(each => `  not judged: ${each}`),
    `  ${count(referee.unitsSold)} units sold in ${count(referee.linesSold)} lines, ${count(referee.unitsCancelled)} cancelled; ${count(referee.oversold)} oversold, of which the rule (mirror) allowed ${count(referee.oversoldAllowed)}`,
    `  at most ${count(lag.most)} messages waited to be applied; nodes took at most ${Object.entries(memory.rssMb).map(([id, mb]) => `${id} ${count(mb)} MB`).join(', ')}, and the one that was never ended ${(100 * cpu).toFixed(0)} % of a core`,
    `  a sold line, with all that follows from it, took ${count(disk.all)} bytes of the broker's streams; a SKU at five marketplaces took ${count(disk.openedBySku)} when it was opened`,
    ...Object.entries(accounts).map(([account, { pendingMost, oldestMostMs, undisturbedShare, propagation: { p50Ms, p99Ms, maxMs } }]) =>
      `  ${account}: a change shows after ${duration(p50Ms)} (p50), ${duration(p99Ms)} (p99), ${duration(maxMs)} at most; at most ${count(pendingMost)} waited, the oldest for ${duration(oldestMostMs)}; undisturbed for ${Math.round(100 * undisturbedShare)} % of the time`),
    `  faults: ${Object.entries(faults).map(([kind, { times, unservedMostMs }]) => `${times} ${kind}${unservedMostMs === undefined ? '' : ` (work without an owner for ${duration(unservedMostMs)} at most)`}`).join(', ') || 'none'}`,
    '', failed.length === 0 ? 'Every check holds.' : `${failed.length} of ${checks.length} checks failed: ${failed.map(({ name }) => name).join('; ')}`,
  ];
}
