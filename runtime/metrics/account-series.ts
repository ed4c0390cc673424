/**
 * Figures of channel accounts as Prometheus has them: base units, names that end in them, labels `account` and
 * `channel`. An account's series are told by the node that owns it; its counters are kept in its record and go on.
 */
import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';
import type { AccountCounts } from '../../actors/channel/protocol.ts';
import type { ClassProofs } from '../../actors/reconciler/proof-budget.ts';
import { accountConcerns } from '../../actors/reconciler/progress.ts';
import { stockClasses } from '../../actors/reconciler/risk.ts';
import type { StockClass } from '../../actors/reconciler/risk.ts';
import { driftClasses } from '../../actors/reconciler/protocol.ts';
import { checkIds } from '../../actors/sku/exposure/conformance.ts';
import type { Lane } from '../../actors/sku/protocol.ts';
import type { PromiseFigures } from '../account/conformance.ts';

/** What is looked at of what an account's owner tells (`nats req inspect.channel.<account> ''`). */
export interface AccountFigures extends AccountCounts {
  account: string;
  channel: string;
  state: string;
  listings: number;
  proven: number;
  lanes: Record<Lane, number>;
  blocked: number;
  held: number;
  overdue: number;
  drained: number;
  proofAgeMs: { p50: number; p99: number; oldest: number; count: number; never: number };
  proofs: Record<StockClass, ClassProofs>;
  proofBudget: { sweepMs: number; load: number; watched: number };
  /** Promises that people were told are at risk. */
  alarms: readonly string[];
  oldestPendingMs: number;
  breaker: 'closed' | 'open';
  /** Undefined before the first call. */
  tokenExpiresAt?: number | undefined;
  /** 0 before the first poll. */
  ordersCompleteThrough: number;
  drainMs: { writes: number; verify: number };
  budgets: Record<string, { level: number; burst: number; perSecond: number; waitMs: number; leftToday?: number }>;
  drift: { open: Record<string, number>; found: Record<string, number> };
  /** Of SKUs in escrow: cells, the units they may sell, and those reserved for writes in doubt. */
  exposure: { cells: number; rights: number; inDoubt: number; moving: number };
  /** Where the account has a test listing. */
  promise?: PromiseFigures;
  /** Where a feed is under way. */
  feed?: { listings: number; ageMs: number; state: string };
}

const states = ['serving', 'resting', 'trying', 'unauthorised', 'frozen'] as const;

const counters: Record<keyof AccountCounts, [name: string, help: string]> = {
  writes: ['plumb_channel_writes_total', 'Listings written'],
  calls: ['plumb_channel_calls_total', 'Calls made to the channel'],
  throttled: ['plumb_channel_throttled_total', 'Calls that the channel refused for rate'],
  ambiguous: ['plumb_channel_ambiguous_total', 'Written listings whose call was not answered'],
  conflicts: ['plumb_channel_conflicts_total', 'Conditional writes that met another value'],
  retries: ['plumb_channel_retries_total', 'Written listings to be tried again'],
  refused: ['plumb_channel_refused_total', 'Written listings that the channel refused for good'],
  reads: ['plumb_channel_reads_total', 'Listings read back'],
  orderLines: ['plumb_channel_order_lines_total', 'Facts learnt of order lines'],
};

/** Seconds: a notification is told in tenths, a feed of a bad day in an hour. */
const delayBuckets = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3_600];

type Label = 'account' | 'channel';

export class AccountSeries {
  readonly #registry: Registry;
  readonly #delay: Histogram<Label>;
  readonly #counters: [keyof AccountCounts, Counter<Label>][];
  readonly #gauges: Gauge[] = [];
  readonly #set: ((figures: AccountFigures) => void)[] = [];
  readonly #found: Counter;

  constructor(registry: Registry) {
    this.#registry = registry;
    const registers = [registry];
    this.#delay = new Histogram({ registers, name: 'plumb_channel_verified_delay_seconds', help: 'From the cause of a change to the proof that the channel shows it', labelNames: ['account', 'channel'], buckets: delayBuckets });
    this.#counters = Object.entries(counters).map(([figure, [name, help]]) => [figure as keyof AccountCounts, new Counter({ registers, name, help, labelNames: ['account', 'channel'] })]);
    this.#found = new Counter({ registers, name: 'plumb_channel_drift_found_total', help: 'Listings found to show something else than was proven', labelNames: ['account', 'channel', 'class', 'severity'] });
    this.#define();
  }

  /** @param ms from the cause of a change to its proof */
  verified(account: string, channel: string, ms: number): void {
    this.#delay.observe({ account, channel }, Math.max(0, ms) / 1_000);
  }

  /** Series of accounts that are owned elsewhere by now end, but for the histogram, which stands still. */
  fill(all: readonly AccountFigures[]): void {
    for (const gauge of this.#gauges) gauge.reset();
    this.#found.reset();
    for (const [, counter] of this.#counters) counter.reset();
    for (const figures of all) {
      const of = { account: figures.account, channel: figures.channel };
      for (const [figure, counter] of this.#counters) counter.inc(of, figures[figure]);
      for (const [what, count] of Object.entries(figures.drift.found)) {
        const [kind = '', severity = ''] = what.split(' ');
        this.#found.inc({ ...of, class: kind, severity }, count);
      }
      for (const set of this.#set) set(figures);
    }
  }

  #define(): void {
    const plain = (name: string, help: string, value: (figures: AccountFigures) => number | undefined): void =>
      this.#gauge(name, help, [], figures => {
        const known = value(figures);
        return known === undefined ? [] : [[{}, known]];
      });
    plain('plumb_channel_listings', 'Listings linked', ({ listings }) => listings);
    plain('plumb_channel_listings_proven', 'Listings whose newest intention is proven', ({ proven }) => proven);
    plain('plumb_channel_listings_never_proven', 'Listings that are to show a number and were never proven to show one', ({ proofAgeMs }) => proofAgeMs.never);
    plain('plumb_channel_listings_drained', 'Listings that a person has emptied', ({ drained }) => drained);
    this.#gauge('plumb_channel_jobs', 'Intentions that nothing has proven yet, by the lane they wait in', ['lane'], ({ lanes }) => Object.entries(lanes).map(([lane, count]) => [{ lane }, count]));
    this.#gauge('plumb_channel_jobs_aside', 'Intentions that are not sent: refused for good, or held for a person', ['reason'], ({ blocked, held }) => [[{ reason: 'refused' }, blocked], [{ reason: 'held' }, held]]);
    plain('plumb_channel_jobs_overdue', 'Intentions that were tried too often and are still tried', ({ overdue }) => overdue);
    this.#gauge('plumb_channel_feed_age_seconds', 'Since the feed under way was handed in, by what is known of it; nothing where there is none', ['state'], ({ feed }) => (feed ? [[{ state: feed.state.replace(' ', '-') }, feed.ageMs / 1_000]] : []));
    plain('plumb_channel_oldest_job_seconds', 'Since the cause of the oldest intention that waits', ({ oldestPendingMs }) => oldestPendingMs / 1_000);
    this.#gauge('plumb_channel_proof_age_seconds', 'Since a listing was last proven: median, 99th percentile and the oldest; those never proven are not in it', ['quantile'], ({ proofAgeMs: { p50, p99, oldest, count, never } }) =>
      (count === never ? [] : [[{ quantile: '0.5' }, p50 / 1_000], [{ quantile: '0.99' }, p99 / 1_000], [{ quantile: '1' }, oldest / 1_000]]));
    const byClass = (name: string, help: string, value: (proofs: ClassProofs) => number): void =>
      this.#gauge(name, help, ['class'], ({ proofs }) => stockClasses.map(kind => [{ class: kind }, value(proofs[kind])]));
    byClass('plumb_channel_proof_promised_seconds', 'No proof is to get older, by class of SKU', ({ maxAgeMs }) => maxAgeMs / 1_000);
    byClass('plumb_channel_proof_oldest_seconds', 'The oldest proof, by class of SKU', ({ oldest }) => oldest / 1_000);
    byClass('plumb_channel_proofs_overdue', 'Proofs older than promised, by class of SKU', ({ overdue }) => overdue);
    plain('plumb_channel_proof_load', 'What promised ages and the watch set take of the read budget: above 1 they cannot be kept', ({ proofBudget: { load } }) => load);
    plain('plumb_channel_sweep_seconds', 'Reading every listing once takes so long with what the watch set leaves', ({ proofBudget: { sweepMs } }) => sweepMs / 1_000);
    plain('plumb_channel_listings_watched', 'Listings read again every few seconds', ({ proofBudget: { watched } }) => watched);
    this.#gauge('plumb_channel_alarm_open', 'Promises that are about to be broken, by what', ['what'], ({ alarms }) => accountConcerns.map(what => [{ what }, alarms.includes(what) ? 1 : 0]));
    this.#gauge('plumb_channel_drift_open', 'Listings that show something else than was proven, by class', ['class'], ({ drift: { open } }) => driftClasses.map(kind => [{ class: kind }, open[kind] ?? 0]));
    this.#gauge('plumb_channel_state', '1 for the state that the account is in', ['state'], ({ state }) => [...new Set([...states, state])].map(each => [{ state: each }, each === state ? 1 : 0]));
    plain('plumb_channel_cells', 'Listings of SKUs in escrow', ({ exposure: { cells } }) => cells);
    plain('plumb_channel_rights_units', 'Units that listings of SKUs in escrow may sell', ({ exposure: { rights } }) => rights);
    plain('plumb_channel_doubt_units', 'Of those, units reserved for writes that may or may not have been carried out', ({ exposure: { inDoubt } }) => inDoubt);
    this.#gauge('plumb_channel_promise_broken', '1 where the test listing showed that writes are not what they are declared to be, by what was asked', ['check'], ({ promise }) =>
      checkIds.map(check => [{ check }, promise?.judged?.checks.some(({ id, held }) => id === check && !held) ? 1 : 0]));
    plain('plumb_channel_probe_overdue_seconds', 'Since the test listing should have been looked at', ({ promise }) => (promise?.overdueMs ?? 0) / 1_000);
    plain('plumb_channel_probe_effect_seconds', 'How long a write of the test listing took to show', ({ promise }) => (promise?.judged?.effectMs === undefined ? undefined : promise.judged.effectMs / 1_000));
    plain('plumb_channel_breaker_open', '1 while nothing is written: the channel rests, is frozen, or its grant is dead', ({ breaker }) => (breaker === 'open' ? 1 : 0));
    plain('plumb_channel_token_expiry_timestamp_seconds', 'When the access token in hand ends, Unix time', ({ tokenExpiresAt }) => (tokenExpiresAt === undefined ? undefined : tokenExpiresAt / 1_000));
    plain('plumb_channel_orders_complete_timestamp_seconds', 'Every order change up to then is known, Unix time by the channel', ({ ordersCompleteThrough }) => (ordersCompleteThrough === 0 ? undefined : ordersCompleteThrough / 1_000));
    this.#gauge('plumb_channel_drain_seconds', 'Until everything that waits is done, were nothing else to come', ['what'], ({ drainMs: { writes, verify } }) => [[{ what: 'writes' }, writes / 1_000], [{ what: 'verify' }, verify / 1_000]]);
    const budget = (name: string, help: string, value: (bucket: AccountFigures['budgets'][string]) => number | undefined): void =>
      this.#gauge(name, help, ['limit'], ({ budgets }) => Object.entries(budgets).flatMap(([limit, bucket]): [Record<string, string>, number][] => {
        const known = value(bucket);
        return known === undefined ? [] : [[{ limit }, known]];
      }));
    budget('plumb_channel_budget_level', 'What may be spent at once', ({ level }) => level);
    budget('plumb_channel_budget_burst', 'The most that may be spent at once', ({ burst }) => burst);
    budget('plumb_channel_budget_per_second', 'What comes back each second', ({ perSecond }) => perSecond);
    budget('plumb_channel_budget_wait_seconds', 'Until the channel may be called again, where it asked for silence', ({ waitMs }) => waitMs / 1_000);
    budget('plumb_channel_budget_left_today', 'Calls left of the day, where the channel counts them', ({ leftToday }) => leftToday);
  }

  #gauge(name: string, help: string, labels: string[], values: (figures: AccountFigures) => [Record<string, string>, number][]): void {
    const gauge = new Gauge({ registers: [this.#registry], name, help, labelNames: ['account', 'channel', ...labels] });
    this.#gauges.push(gauge);
    this.#set.push(figures => {
      for (const [label, value] of values(figures)) gauge.set({ account: figures.account, channel: figures.channel, ...label }, value);
    });
  }
}
