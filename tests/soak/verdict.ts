/** What a soak came to: the referee's checks, and whether memory, handles and lag stayed within bounds. */
import type { Check, Evidence } from '../../deploy/demo/referee.ts';
import { judge } from '../../deploy/demo/referee.ts';
import { judgeOversell } from '../../deploy/demo/oversell.ts';
import { replay } from '../../deploy/demo/replay.ts';
import type { Verification } from '../../deploy/replay.ts';
import type { Incident } from './faults.ts';
import type { Demand } from './quotas.ts';
import { afterCollections, everyMs, trend } from './samples.ts';
import type { Samples } from './samples.ts';

export interface Findings {
  evidence: Evidence;
  replayed: Verification;
  incidents: readonly Incident[];
  samples: Samples;
  demands: readonly Demand[];
  /** Open cases of the dead letter journal by class, shortfalls left out. */
  dead: Readonly<Record<string, number>>;
  /** From the last order to rest, ms; undefined where it did not come. */
  settleMs: number | undefined;
  /** The node that was never ended. */
  steadyNode: string;
  skus: number;
}

/** The verdict's checks and figures; a check that could not be made for so short a run is left out and named. */
export interface Conclusion {
  ok: boolean;
  checks: Check[];
  notJudged: string[];
  figures: Record<string, unknown>;
}

/** More than that may wait to be applied for so long in a row, and no longer: a node died, or buyers rushed in. */
const lagBound = { messages: 1_000, forMs: 60_000 };
/** What a heap may be late in the run: a quarter more, and what one more SKU's history takes. */
const heapAllowed = (early: number): number => early * 1.25 + 20;
/** What a node holds beside its connections to marketplaces. */
const handlesAllowed = (early: number): number => early + 10;
/** A node that owns every account opens so many to each at most (actors/channel/adapters/http.ts), and keeps them while they are used. */
const connectionsEach = 32;
const pendingAllowed = (early: number): number => early * 2 + 50;

export function conclude({ evidence, replayed, incidents, samples, demands, dead, settleMs, steadyNode, skus }: Findings): Conclusion {
  const verdict = judge(evidence);
  const outside = outsideByAccount(evidence);
  const beyond = new Set<string>(demands.filter(demand => demand.beyond).map(({ account }) => account));
  const judged = demands.map(({ account }) => account as string).filter(account => !beyond.has(account));
  const steady = samples.nodes.get(steadyNode) ?? [];
  const heap = trend(afterCollections(steady), heapAllowed);
  const handles = trend(steady.map(({ handles: each }) => each?.other ?? NaN), handlesAllowed);
  const pooledMost = Math.max(0, ...steady.map(({ handles: each }) => each?.pooled ?? 0));
  const pending = judged.map(account => ({ account, trend: trend((samples.accounts.get(account) ?? []).map(({ pending: each }) => each), pendingAllowed) }));
  const notJudged = [
    ...heap ? [] : ['memory: fewer than four full collections, which tell nothing'], ...handles ? [] : ['file handles: the run was too short'],
    ...[...beyond].map(account => `${account}: lag, and ${outside[account] ?? 0} units oversold outside the rule, as its quota is beyond reach at this load`),
  ];
  const checks: Check[] = [
    ...verdict.checks.filter(({ name }) => !name.startsWith('units oversold')),
    atMost(`units oversold outside the rule (${judged.join(', ')})`, judged.reduce((sum, account) => sum + (outside[account] ?? 0), 0), 0),
    atMost('came to rest after the last order, 0 for yes', settleMs === undefined ? 1 : 0, 0),
    atMost('records that are not the fold of their journal', replayed.parted.length + replayed.overdue.length + Math.max(0, skus - replayed.skus), 0),
    atMost('tasks still open, shortfalls left out', Object.values(dead).reduce((sum, count) => sum + count, 0), 0),
    atMost('nodes that died by themselves', samples.deaths.length, 0),
    atMost('faults after which work stayed without an owner', incidents.filter(({ unservedMs }) => unservedMs === Infinity).length, 0),
    atMost(`journal: longest time with more than ${lagBound.messages} messages waiting, ms`, longest(samples.lag.map(({ messages }) => messages > lagBound.messages)) * everyMs, lagBound.forMs),
    ...pending.flatMap(({ account, trend: each }) => (each ? [atMost(`${account}: changes that wait, late in the run (${each.early} early)`, each.late, pendingAllowed(each.early))] : [])),
    ...heap ? [atMost(`${steadyNode}: heap after collections late in the run, MB (${Math.round(heap.early)} early)`, Math.round(heap.late), Math.round(heapAllowed(heap.early)))] : [],
    ...handles ? [atMost(`${steadyNode}: file handles beside marketplaces late in the run (${handles.early} early)`, handles.late, handlesAllowed(handles.early))] : [],
    atMost(`${steadyNode}: connections to marketplaces at once`, pooledMost, connectionsEach * demands.length),
  ];
  const from = evidence.from;
  const [first, last] = [steady[0], steady.at(-1)];
  const lasted = Math.max(1, ...[...samples.accounts.values()].flat().map(({ at }) => at - from));
  return {
    ok: checks.every(({ ok }) => ok), checks, notJudged,
    figures: {
      referee: verdict.figures, outsideByAccount: outside, settleMs, dead, deaths: samples.deaths, demands,
      /** Of the steady node, in cores. */
      cpu: first && last && last.at > first.at ? (last.cpuS - first.cpuS) / ((last.at - first.at) / 1_000) : undefined,
      memory: { heap, rssMb: Object.fromEntries([...samples.nodes].map(([id, list]) => [id, Math.round(Math.max(...list.map(({ rssMb }) => rssMb)))])) }, handles,
      lag: { most: Math.max(0, ...samples.lag.map(({ messages }) => messages)), share: share(samples.lag, ({ messages }) => messages > lagBound.messages) },
      accounts: Object.fromEntries([...samples.accounts].map(([account, list]) => [account, {
        pendingMost: Math.max(0, ...list.map(({ pending: each }) => each)), oldestMostMs: Math.max(0, ...list.map(({ oldestMs }) => oldestMs)),
        undisturbedShare: 1 - disturbed(incidents, account, from, from + lasted) / lasted, propagation: verdict.figures.propagation[account],
      }])),
      faults: Object.fromEntries(Object.entries(Object.groupBy(incidents, ({ what, kind }) => (kind === 'marketplace' ? what.split(' at ')[0]! : kind))).map(([kind, list]) => [kind, {
        times: list!.length, caughtUp: list!.filter(({ caughtUp }) => caughtUp).length, ...(list!.some(({ unservedMs }) => unservedMs !== undefined) && { unservedMostMs: Math.max(...list!.map(({ unservedMs = 0 }) => unservedMs)) }),
      }])),
      replayed: { skus: replayed.skus, messages: replayed.messages },
    },
  };
}

function outsideByAccount({ accounts, supply, faults }: Evidence): Record<string, number> {
  const moments = replay(Object.fromEntries(Object.entries(accounts).map(([account, { ledger }]) => [account, ledger])), supply);
  const sums: Record<string, number> = Object.fromEntries(Object.keys(accounts).map(account => [account, 0]));
  for (const { account, outside } of judgeOversell(moments, accounts, faults).sales) sums[account]! += outside;
  return sums;
}

/** How long an account was disturbed between two times, ms; overlaps count once. */
export function disturbed(incidents: readonly Incident[], account: string, from: number, to: number): number {
  let sum = 0;
  let reached = from;
  for (const incident of incidents.filter(each => each.account === '*' || each.account === account).toSorted((a, b) => a.from - b.from)) {
    const [start, end] = [Math.max(reached, incident.from), Math.min(to, incident.to)];
    if (end <= start) continue;
    sum += end - start;
    reached = end;
  }
  return sum;
}

export function longest(flags: readonly boolean[]): number {
  let [most, now] = [0, 0];
  for (const flag of flags) most = Math.max(most, now = flag ? now + 1 : 0);
  return most;
}

function share<T>(values: readonly T[], which: (value: T) => boolean): number {
  return values.length === 0 ? 0 : values.filter(which).length / values.length;
}

function atMost(name: string, value: number, limit: number): Check {
  return { name, ok: value <= limit, value, limit };
}
