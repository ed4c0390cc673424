/** Everything the front page shows, put together from what the broker's buckets say and what nodes answer. */
import type { NatsConnection } from 'nats';
import type { Logger } from 'pino';
import { DeadLetters } from '../../runtime/dead/letters.ts';
import { Publisher } from '../../runtime/publisher.ts';
import { partitionCount } from '../../runtime/subjects.ts';
import { Asking } from './asking.ts';
import { Buckets } from './bucket.ts';
import { Catalogue } from './catalogue.ts';
import { OversoldCount } from './oversold.ts';
import { rowOfFinding, rowOfUnproven, unitsAtRisk, worstFirst } from './pair-rows.ts';
import type { AccountFigures, AccountRow, NodeRow, Overview, PairRow, SourceRow, TaskRow, TrendPoint } from './protocol.ts';
import { taskRow } from './tasks.ts';

/** What is looked at of `inspect.node.<id>`. */
interface NodeAnswer { pid: number; startedAt: number; partitions: number[]; accounts: string[]; sources: string[]; doors: string[]; events: number; lag: number; rssMb: number }
interface ChannelAnswer extends Omit<AccountFigures, 'proofs'> {
  node: string;
  channel: string;
  state: string;
  /** Absent from a node of before there were stages. */
  stage?: string;
  proofs: Record<string, { overdue: number }>;
  proofBudget: { sweepMs: number; load: number };
}

/** Rows that are told: more than anybody reads. */
export const rowsMost = 10_000;
const roundMs = 1_000;
/** After the last look, ms; asking costs the nodes. */
const restAfterMs = 15_000;
/** NATS is not heard when a ping takes longer. */
const answerMs = 3_000;
const trendEveryMs = 5_000;
const trendMost = 360;
/** A node that has left is shown for a while. */
const goneForMs = 60_000;

export interface Pairs { total: number; rows: PairRow[] }

export class Picture {
  readonly letters: DeadLetters;
  readonly #nc: NatsConnection;
  readonly #log: Logger;
  readonly #publisher: Publisher;
  readonly #buckets: Buckets;
  readonly #nodes: Asking<NodeAnswer>;
  readonly #channels: Asking<ChannelAnswer>;
  readonly #oversold = new OversoldCount(Date.now);
  readonly #rates = new Map<string, { pid: number; at: number; events: number; perSecond: number }>();
  readonly catalogue: Catalogue;
  readonly trend: TrendPoint[] = [];
  /** Changes with each round. */
  rounds = 0;
  #lookedAt = 0;
  #trouble: string | undefined;
  /** NATS answered the last question. */
  #isHeard = true;
  #pairs: Pairs = { total: 0, rows: [] };
  #pairsOf = '';
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(nc: NatsConnection, log: Logger) {
    this.#nc = nc;
    this.#log = log;
    const onError = (error: Error): void => {
      this.#trouble = error.message;
      log.warn({ err: error }, 'console could not read, trying again');
    };
    this.#publisher = new Publisher(nc, '_INBOX_cli');
    this.letters = new DeadLetters(nc, this.#publisher, onError);
    this.#buckets = new Buckets(nc, onError);
    this.catalogue = new Catalogue({ nc, onError, onRecord: (sku, available, applied) => this.#oversold.note(sku, available, applied) });
    this.#nodes = new Asking(nc, 'inspect.node', Date.now);
    this.#channels = new Asking(nc, 'inspect.channel', Date.now);
  }

  /** Resolves when the tasks are known; records may still be read. */
  async start(): Promise<void> {
    this.catalogue.start();
    await this.letters.open();
    this.looked();
    const log = this.#log;
    const again = (): void => {
      this.#timer = setTimeout(() => void this.#round().catch((error: unknown) => log.error({ err: error }, 'console could not look')).finally(() => { if (!this.#stopped) again(); }), roundMs);
    };
    again();
    void this.#oversold.fold(this.#nc).catch((error: unknown) => {
      if (!this.#stopped) log.warn({ err: error }, 'the month was not folded: oversold units count from now on');
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await Promise.all([this.catalogue.stop(), this.#buckets.stop(), this.letters.close()]);
    this.#publisher.close();
  }

  /** Every account that a node has ever owned. */
  get accounts(): Iterable<string> {
    return this.#buckets.accounts.keys();
  }

  /** Somebody looks. */
  looked(): void {
    this.#lookedAt = Date.now();
  }

  /** Those out of sync, worst first; the same object until something has changed. */
  get pairs(): Pairs {
    const of = `${this.catalogue.version} ${this.#buckets.version} ${this.rounds}`;
    if (of !== this.#pairsOf) {
      this.#pairsOf = of;
      this.#pairs = this.#gather();
    }
    return this.#pairs;
  }

  get tasks(): TaskRow[] {
    return this.letters.list().map(taskRow);
  }

  overview(actions: boolean): Overview {
    const accounts = this.#accountRows();
    const nodes = this.#nodeRows();
    const { total, rows } = this.pairs;
    const tasks = this.tasks;
    const oldest = rows.reduce<PairRow | undefined>((first, row) => (!first || row.since < first.since ? row : first), undefined);
    const oldestTask = tasks.reduce<TaskRow | undefined>((first, task) => (!first || task.since < first.since ? task : first), undefined);
    const partitions: Overview['partitions'] = Array.from({ length: partitionCount }, () => null);
    for (const { node } of nodes) {
      const { alive, body } = this.#nodes.of(node);
      if (alive) for (const partition of body!.partitions) partitions[partition] = node;
    }
    const atRisk = rows.filter(row => row.atRisk > 0);
    return {
      at: Date.now(), actions,
      warnings: this.#warnings(accounts, nodes, partitions),
      numbers: {
        complete: this.catalogue.complete,
        skus: this.catalogue.skus,
        pairs: accounts.reduce((sum, { figures }) => sum + (figures?.listings ?? 0), 0),
        outOfSync: total,
        unitsAtRisk: unitsAtRisk(atRisk),
        pairsAtRisk: atRisk.length,
        ...(oldest && { oldestUnproven: { account: oldest.account, sku: oldest.sku, since: oldest.since } }),
        openTasks: tasks.length,
        ...(oldestTask && { oldestTask: { task: oldestTask.task, since: oldestTask.since } }),
        oversold: this.#oversold.told,
      },
      alarms: [...this.#buckets.alarms].flatMap(([unit, open]) => Object.entries(open).map(([what, { severity, since }]) => ({ unit, what, severity, since }))),
      accounts, nodes, partitions,
      sources: this.#sourceRows(nodes),
    };
  }

  async #round(): Promise<void> {
    if (Date.now() - this.#lookedAt > restAfterMs) return;
    for (const node of this.#nodes.names) if (!this.#buckets.members.has(node) && Date.now() - this.#nodes.of(node).at > goneForMs) this.#nodes.forget(node);
    [this.#isHeard] = await Promise.all([answers(this.#nc), this.#nodes.round([...this.#buckets.members.keys(), ...this.#nodes.names]), this.#channels.round(this.#buckets.accounts.keys())]);
    for (const node of this.#nodes.names) this.#rate(node);
    this.rounds += 1;
    const now = Date.now();
    if (now - (this.trend.at(-1)?.at ?? 0) < trendEveryMs) return;
    const figures = this.#accountRows().flatMap(row => row.figures ?? []);
    const { total, rows } = this.pairs;
    this.trend.push({
      at: now, outOfSync: total,
      atRisk: unitsAtRisk(rows),
      pending: figures.reduce((sum, { pending }) => sum + pending, 0),
      p50: Math.max(0, ...figures.map(({ verifiedMs }) => verifiedMs.p50)),
      p99: Math.max(0, ...figures.map(({ verifiedMs }) => verifiedMs.p99)),
    });
    if (this.trend.length > trendMost) this.trend.shift();
  }

  #rate(node: string): void {
    const { body, at, alive } = this.#nodes.of(node);
    const before = this.#rates.get(node);
    if (!alive || !body || before?.at === at) return;
    const isSame = before?.pid === body.pid;
    this.#rates.set(node, { pid: body.pid, at, events: body.events, perSecond: isSame ? Math.max(0, body.events - before.events) / Math.max(0.1, (at - before.at) / 1_000) : 0 });
  }

  #gather(): Pairs {
    const rows = new Map<string, PairRow>();
    for (const account of this.#buckets.accounts.keys()) {
      for (const finding of this.#buckets.findingsOf(account).values()) rows.set(`${account}/${finding.sku}`, rowOfFinding(finding));
    }
    for (const pair of this.catalogue.unproven()) {
      // What is not to be written yet is in no way out of sync: plumb shadow report compares it.
      if (pair.kind === 'mirror' && ['connect', 'shadow'].includes(this.#channels.of(pair.account).body?.stage ?? '')) continue;
      const row = rowOfUnproven(pair, pair.kind === 'mirror' ? this.#buckets.accounts.get(pair.account) : undefined);
      const key = `${row.account}/${row.sku}`;
      if (!rows.has(key)) rows.set(key, row);
    }
    return { total: rows.size, rows: [...rows.values()].sort(worstFirst).slice(0, rowsMost) };
  }

  #accountRows(): AccountRow[] {
    return [...this.#buckets.accounts.values()].map((record): AccountRow => {
      const { body, alive } = this.#channels.of(record.account);
      const { reason } = record.health;
      return {
        account: record.account, channel: record.channel,
        node: alive && body ? body.node : null,
        state: String(alive && body ? (body.state === 'serving' && (body.stage ?? 'live') !== 'live' ? body.stage! : body.state) : record.state),
        ...(reason !== undefined && { reason }),
        ...(alive && body && { figures: { ...figuresOf(body), drifted: this.#buckets.findingsOf(record.account).size } }),
        governor: Object.entries(record.governor?.held ?? {}).map(([move, since]) => ({ move: move as 'zero' | 'raise', since: since! })),
      };
    }).sort((a, b) => (a.account < b.account ? -1 : 1));
  }

  #nodeRows(): NodeRow[] {
    return this.#nodes.names.sort().map((node): NodeRow => {
      const { body, alive } = this.#nodes.of(node);
      if (!alive || !body) return { node, alive: false, partitions: 0, accounts: [], sources: [], doors: [], eventsPerSecond: 0, lag: 0, rssMb: 0 };
      const { pid, startedAt, partitions, accounts, sources, doors, lag, rssMb } = body;
      return { node, alive: true, pid, startedAt, partitions: partitions.length, accounts, sources, doors, lag, rssMb, eventsPerSecond: this.#rates.get(node)?.perSecond ?? 0 };
    });
  }

  #sourceRows(nodes: readonly NodeRow[]): SourceRow[] {
    const names = new Set([...this.#buckets.sources.keys(), ...nodes.flatMap(({ sources }) => sources)]);
    return [...names].sort().map((source): SourceRow => {
      const rhythm = this.#buckets.sources.get(source);
      return {
        source,
        node: nodes.find(({ sources }) => sources.includes(source))?.node ?? null,
        lastAt: rhythm?.lastAt ?? 0,
        ...(rhythm?.allowedMs !== undefined && { allowedMs: rhythm.allowedMs }),
        ...(rhythm?.silentSince !== undefined && { silentSince: rhythm.silentSince }),
      };
    });
  }

  #warnings(accounts: readonly AccountRow[], nodes: readonly NodeRow[], partitions: readonly (string | null)[]): string[] {
    const alive = nodes.filter(node => node.alive).length;
    const unowned = partitions.filter(owner => owner === null).length;
    const silent = accounts.filter(({ node }) => node === null).map(({ account }) => account);
    return [
      ...(this.#nc.isClosed() ? ['the connection to NATS is closed for good: start the console again'] : !this.#isHeard ? ['NATS does not answer: what is shown is old'] : []),
      ...(this.rounds > 0 && alive === 0 ? ['no node answers: what is shown is what the journals say, and nothing is written'] : []),
      ...(this.rounds > 0 && alive > 0 && unowned > 0 ? [`${unowned} of ${partitions.length} partitions have no owner`] : []),
      ...(this.rounds > 0 && alive > 0 && silent.length > 0 ? [`nobody answers for ${silent.join(', ')}`] : []),
      ...(this.#trouble !== undefined && !this.catalogue.complete ? [`reading: ${this.#trouble}`] : []),
    ];
  }
}

async function answers(nc: NatsConnection): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>(resolve => { timer = setTimeout(resolve, answerMs, false); });
  try {
    return await Promise.race([nc.rtt().then(() => true, () => false), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What the page shows of an answer. */
function figuresOf(answer: ChannelAnswer): AccountFigures {
  const { listings, proven, pending, lanes, blocked, held, overdue, drained, drifted, drainMs, verifiedMs, proofAgeMs, breaker, tokenExpiresAt, ordersCompleteThrough, writes, throttled, budgets, proofs, proofBudget: { sweepMs, load } } = answer;
  const { p50, p99, oldest, count, never, histogram = [] } = proofAgeMs;
  return {
    listings, proven, pending, lanes, blocked, held, overdue, drained, drifted, drainMs, verifiedMs, breaker, ordersCompleteThrough, writes, throttled, budgets,
    proofs: { overdue: Object.values(proofs).reduce((sum, { overdue }) => sum + overdue, 0), sweepMs, load },
    proofAgeMs: { p50, p99, oldest, count, never, histogram },
    ...(tokenExpiresAt !== undefined && { tokenExpiresAt }),
  };
}
