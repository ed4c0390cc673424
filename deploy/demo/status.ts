/**
 * What Plumb says about itself, asked over NATS once a second as any engineer could ask it: `inspect.node.<id>`,
 * `inspect.channel.<account>`, `drift.>` and `dead.>`. A node that is dead does not answer; that is shown, not hidden.
 */
import { RequestError } from 'nats';
import type { NatsConnection, Subscription } from 'nats';
import type { AccountCounts } from '../../actors/channel/protocol.ts';
import type { Lane } from '../../actors/sku/protocol.ts';
import { escapeKey } from '../../runtime/subjects.ts';

/** Answer to `inspect.node.<id>`. */
export interface NodeAnswer {
  node: string;
  pid: number;
  /** Epoch ms. */
  startedAt: number;
  partitions: number[];
  accounts: string[];
  /** Counters since the node started. */
  events: number;
  turns: number;
  recordWrites: number;
  rssMb: number;
}

/** Answer to `inspect.channel.<account>`. Counters may start again when the account changes its owner. */
export interface ChannelAnswer extends Pick<AccountCounts, 'writes' | 'calls' | 'throttled' | 'ambiguous' | 'conflicts' | 'retries'> {
  account: string;
  channel: string;
  node: string;
  listings: number;
  /** Listings whose newest intention is proven to be what buyers see. */
  proven: number;
  pending: number;
  lanes: Record<Lane, number>;
  drifted: number;
  /** Of SKUs in escrow: listings that something is still to follow for. */
  exposure: { moving: number };
  /** From the cause of a change to the proof that buyers see it. */
  verifiedMs: { p50: number | null; p99: number | null; count: number };
  oldestPendingMs: number | null;
  breaker: string;
  tokenExpiresAt: number | null;
  budgets: Record<string, { level: number; burst: number; perSecond: number }>;
  /** Epoch ms of the channel's clock. */
  ordersCompleteThrough: number | null;
}

/** A message on `drift.<severity>.<account>.<key>`. */
export interface Drift {
  id: string;
  account: string;
  key: string;
  sku: string;
  class: string;
  severity: string;
  state: 'open' | 'repairing' | 'resolved' | 'task';
  expected: number;
  observed: number;
  observableAt?: number;
  detectedAt: number;
  resolvedAt?: number;
}

/** A message on `dead.<kind>.<account or source>.<key>`, with its subject. */
export interface Dead {
  subject: string;
  body: Record<string, unknown>;
  at: number;
}

export type Counter = 'writes' | 'calls' | 'throttled' | 'ambiguous' | 'conflicts' | 'retries';
const counters: readonly Counter[] = ['writes', 'calls', 'throttled', 'ambiguous', 'conflicts', 'retries'];

export interface NodeStatus {
  id: string;
  /** The newest answer, also when it is old. */
  answer: NodeAnswer | undefined;
  /** Of that answer, epoch ms. */
  answeredAt: number;
  /** Answers, or has not been silent for long. */
  alive: boolean;
  eventsPerSecond: number;
}

export interface ChannelStatus {
  account: string;
  answer: ChannelAnswer | undefined;
  answeredAt: number;
  alive: boolean;
  /** Summed over changes of owner. */
  totals: Record<Counter, number>;
}

export interface Status {
  /** Epoch ms of the round. */
  at: number;
  nodes: NodeStatus[];
  channels: ChannelStatus[];
  /** Facts that SKU actors applied, summed over restarts of nodes. */
  events: number;
  /** Newest last. */
  drifts: Drift[];
  dead: Dead[];
}

const silentMs = 4_000;

/** Who answers and what they own, together. */
export interface Owners {
  partitions: Set<number>;
  accounts: Set<string>;
  nodes: string[];
  /** Partitions of the node that owns the fewest. */
  smallest: number;
}

/** Adds up a counter that starts at 0 again with every restart or change of owner. */
class Total {
  value = 0;
  #last = 0;
  #epoch: unknown;

  /** @param epoch tells one life of the counter from the next; a fall always does */
  see(count: number, epoch?: unknown): number {
    const grown = epoch === this.#epoch && count >= this.#last ? count - this.#last : count;
    this.#last = count;
    this.#epoch = epoch;
    this.value += grown;
    return grown;
  }
}

export class StatusWatch {
  /** Called with every message on `drift.>`, and on `dead.>`, as it comes. */
  onDrift: (drift: Drift) => void = () => {};
  onDead: (dead: Dead) => void = () => {};
  current: Status;
  readonly #nc: NatsConnection;
  readonly #nodeTotals = new Map<string, Total>();
  readonly #channelTotals = new Map<string, Map<Counter, Total>>();
  readonly #subscriptions: Subscription[];
  #lastRound = 0;

  constructor(nc: NatsConnection, { nodes, accounts }: { nodes: readonly string[]; accounts: readonly string[] }) {
    this.#nc = nc;
    this.current = {
      at: Date.now(), events: 0, drifts: [], dead: [],
      nodes: nodes.map(id => ({ id, answer: undefined, answeredAt: 0, alive: false, eventsPerSecond: 0 })),
      channels: accounts.map(account => ({ account, answer: undefined, answeredAt: 0, alive: false, totals: Object.fromEntries(counters.map(name => [name, 0])) as Record<Counter, number> })),
    };
    for (const id of nodes) this.#nodeTotals.set(id, new Total());
    for (const account of accounts) this.#channelTotals.set(account, new Map(counters.map(name => [name, new Total()])));
    this.#subscriptions = [
      nc.subscribe('drift.>', { callback: (_error, message) => {
        const drift = parsed<Drift>(message.string());
        if (!drift) return;
        this.current.drifts.push(drift);
        this.onDrift(drift);
      } }),
      nc.subscribe('dead.>', { callback: (_error, message) => {
        const dead = { subject: message.subject, body: parsed<Record<string, unknown>>(message.string()) ?? {}, at: Date.now() };
        this.current.dead.push(dead);
        this.onDead(dead);
      } }),
    ];
  }

  /** Asks everybody once; never throws. An answer that takes more than `withinMs` counts as none. */
  async round(withinMs = 900): Promise<Status> {
    const at = Date.now();
    const seconds = this.#lastRound ? Math.max(0.05, (at - this.#lastRound) / 1000) : Infinity;
    this.#lastRound = at;
    const [nodes, channels] = await Promise.all([
      Promise.all(this.current.nodes.map(async old => {
        const answer = await this.#ask<NodeAnswer>(`inspect.node.${escapeKey(old.id)}`, withinMs);
        const grown = typeof answer === 'object' ? this.#nodeTotals.get(old.id)!.see(answer.events, answer.pid) : 0;
        return { ...old, ...heard(old, answer, at), eventsPerSecond: grown / seconds };
      })),
      Promise.all(this.current.channels.map(async old => {
        const answer = await this.#ask<ChannelAnswer>(`inspect.channel.${escapeKey(old.account)}`, withinMs);
        const totals = this.#channelTotals.get(old.account)!;
        if (typeof answer === 'object') for (const name of counters) totals.get(name)!.see(answer[name] ?? 0);
        return {
          ...old, ...heard(old, answer, at),
          totals: Object.fromEntries(counters.map(name => [name, totals.get(name)!.value])) as Record<Counter, number>,
        };
      })),
    ]);
    const events = [...this.#nodeTotals.values()].reduce((sum, total) => sum + total.value, 0);
    return this.current = { ...this.current, at, nodes, channels, events };
  }

  /** Who owns what at this instant; does not count as a round. */
  async owners(withinMs = 500): Promise<Owners> {
    const answers = await Promise.all(this.current.nodes.map(({ id }) => this.#ask<NodeAnswer>(`inspect.node.${escapeKey(id)}`, withinMs)));
    const alive = answers.filter(answer => typeof answer === 'object');
    return {
      partitions: new Set(alive.flatMap(({ partitions }) => partitions)),
      accounts: new Set(alive.flatMap(({ accounts }) => accounts)),
      nodes: alive.map(({ node }) => node),
      smallest: Math.min(...alive.map(({ partitions }) => partitions.length)),
    };
  }

  close(): void {
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
  }

  /** The answer; `nobody` when no one serves the subject, `late` when there was no answer in time. */
  async #ask<T>(subject: string, timeout: number): Promise<T | 'nobody' | 'late'> {
    try {
      const reply = await this.#nc.request(subject, '', { timeout });
      return reply.headers?.get('Nats-Service-Error') ? 'nobody' : parsed<T>(reply.string()) ?? 'nobody';
    } catch (error) {
      return error instanceof RequestError && error.isNoResponders() ? 'nobody' : 'late';
    }
  }
}

/** A machine that is busy answers late; only one that is silent for long counts as gone. */
function heard<T>(old: { answer: T | undefined; answeredAt: number }, answer: T | 'nobody' | 'late', at: number): { answer: T | undefined; answeredAt: number; alive: boolean } {
  if (typeof answer === 'object') return { answer: answer as T, answeredAt: at, alive: true };
  return { answer: old.answer, answeredAt: old.answeredAt, alive: answer === 'late' && at - old.answeredAt < silentMs };
}

function parsed<T>(text: string): T | undefined {
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined;
  }
}

/** Nothing is on its way and nothing is wrong: every account answers, nothing pending, nothing drifted. */
export function isQuiet(status: Status): boolean {
  return status.channels.every(({ answeredAt, answer }) => answeredAt >= status.at && answer !== undefined
    && answer.pending === 0 && answer.drifted === 0 && answer.exposure.moving === 0 && answer.proven === answer.listings);
}
