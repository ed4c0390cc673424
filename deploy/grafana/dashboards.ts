/** The dashboards: what is promised, one account, the nodes. `node deploy/grafana/write.ts` writes them as Grafana reads them. */
import { bars, heatmap, layers, lines, stat } from './panels.ts';
import type { Dashboard } from './panels.ts';

/** Figures of an account come from the node that owns it: the newest says what is. */
const of = (metric: string, by = 'account'): string => `max by (${by}) (${metric})`;
const chosen = 'account=~"$account"';
const rate = (metric: string, by: string): string => `sum by (${by}) (rate(${metric}[$__rate_interval]))`;

const promises: Dashboard = {
  uid: 'plumb-promises', title: 'Plumb: promises', description: 'Whether stock is true everywhere it is sold, and proven to be.',
  rows: [
    { title: 'Now', panels: [
      stat('Listings that drift', 'sum(plumb_channel_drift_open)', 'short', 1),
      stat('Oldest unproven change', 'max(plumb_channel_oldest_job_seconds)', 's', 300),
      stat('Open tasks', 'sum(plumb_dead_letters_open) or vector(0)', 'short', 1),
      stat('Partitions without an owner', '64 - sum(plumb_node_units{kind="sku"})', 'short', 1),
      stat('Promises about to be broken', 'sum(max by (account, what) (plumb_channel_alarm_open))', 'short', 1),
      stat('Alerts', 'count(ALERTS{alertstate="firing"}) or vector(0)', 'short', 1),
    ] },
    { title: 'Proof', panels: [
      lines('Age of proof, 99 % of listings', 's', [of('plumb_channel_proof_age_seconds{quantile="0.99"}'), '{{account}}']),
      lines('Oldest proof by class, and what is promised', 's', [of('plumb_channel_proof_oldest_seconds', 'class'), '{{class}}'], ['min by (class) (plumb_channel_proof_promised_seconds)', '{{class}}, promised']),
      lines('From change to proof, 99 %', 's', ['histogram_quantile(0.99, sum by (account, le) (rate(plumb_channel_verified_delay_seconds_bucket[$__rate_interval])))', '{{account}}']),
      lines('Listings not proven', 'short', ['sum by (account) (plumb_channel_listings) - sum by (account) (plumb_channel_listings_proven)', '{{account}}']),
      lines('Drift, open by class', 'short', ['sum by (class) (plumb_channel_drift_open)', '{{class}}']),
      lines('Read quota that promises take', 'percentunit', [of('plumb_channel_proof_load'), '{{account}}']),
    ] },
    { title: 'Work', panels: [
      layers('Waiting to be written or seen', 'short', 'sum by (lane) (plumb_channel_jobs)', '{{lane}}'),
      lines('All of it sent within', 's', [of('plumb_channel_drain_seconds', 'account, what'), '{{account}} {{what}}']),
      lines('Orders are known up to, ago', 's', ['time() - max by (account) (plumb_channel_orders_complete_timestamp_seconds)', '{{account}}']),
      lines('Facts and writes', 'ops', ['sum(rate(plumb_events_total[$__rate_interval]))', 'facts'], ['sum(rate(plumb_channel_writes_total[$__rate_interval]))', 'listings written'], ['sum(rate(plumb_channel_reads_total[$__rate_interval]))', 'listings read']),
      lines('Set aside', 'short', ['sum by (reason) (plumb_channel_jobs_aside)', '{{reason}}']),
      lines('Open tasks by class', 'short', ['sum by (class) (plumb_dead_letters_open) or vector(0)', '{{class}}']),
    ] },
    { title: 'No unit sold twice', panels: [
      lines('Units that listings in escrow may sell', 'short', [of('plumb_channel_rights_units'), '{{account}}']),
      lines('Units reserved for writes in doubt', 'short', [of('plumb_channel_doubt_units'), '{{account}}']),
      lines('What escrow had to say', 'short', ['sum by (event) (increase(plumb_exposure_events_total[$__rate_interval]))', '{{event}}']),
      lines('Writes that are not what they are declared to be, by what was asked', 'short', [of('plumb_channel_promise_broken', 'account, check'), '{{account}} {{check}}']),
    ] },
  ],
};

const account: Dashboard = {
  uid: 'plumb-account', title: 'Plumb: accounts', description: 'One channel account, or several: its listings, its queue, what the channel gives and what it refuses.', variable: 'account',
  rows: [
    { title: 'Listings', panels: [
      lines('Listings', 'short', [`sum by (account) (plumb_channel_listings{${chosen}})`, '{{account}}'], [`sum by (account) (plumb_channel_listings_proven{${chosen}})`, '{{account}} proven']),
      lines('Never proven, and emptied', 'short', [`sum by (account) (plumb_channel_listings_never_proven{${chosen}})`, '{{account}} never proven'], [`sum by (account) (plumb_channel_listings_drained{${chosen}})`, '{{account}} emptied']),
      lines('Found to drift', 'short', [`sum by (account, class, severity) (increase(plumb_channel_drift_found_total{${chosen}}[$__rate_interval])) or 0 * sum by (account) (plumb_channel_listings{${chosen}})`, '{{account}} {{class}} {{severity}}']),
      heatmap('From change to proof', 's', `sum by (le) (increase(plumb_channel_verified_delay_seconds_bucket{${chosen}}[$__rate_interval]))`),
      lines('Age of proof', 's', [of(`plumb_channel_proof_age_seconds{${chosen}}`, 'account, quantile'), '{{account}} {{quantile}}']),
    ] },
    { title: 'Queue', panels: [
      layers('By lane', 'short', `sum by (lane) (plumb_channel_jobs{${chosen}})`, '{{lane}}'),
      lines('Oldest', 's', [of(`plumb_channel_oldest_job_seconds{${chosen}}`), '{{account}}']),
      lines('Tried too often, and set aside', 'short', [`sum by (account) (plumb_channel_jobs_overdue{${chosen}})`, '{{account}} overdue'], [`sum by (account, reason) (plumb_channel_jobs_aside{${chosen}})`, '{{account}} {{reason}}']),
    ] },
    { title: 'The channel', panels: [
      lines('Calls', 'ops', [rate(`plumb_channel_calls_total{${chosen}}`, 'account'), '{{account}}']),
      lines('Listings written and read', 'ops', [rate(`plumb_channel_writes_total{${chosen}}`, 'account'), '{{account}} written'], [rate(`plumb_channel_reads_total{${chosen}}`, 'account'), '{{account}} read']),
      lines('What went wrong', 'ops',
        ...(['throttled', 'ambiguous', 'conflicts', 'retries', 'refused'] as const).map((what): [string, string] => [rate(`plumb_channel_${what}_total{${chosen}}`, 'account'), `{{account}} ${what}`])),
      bars('Budgets: what is left of what may be spent at once', 'percentunit', `max by (account, limit) (plumb_channel_budget_level{${chosen}} / plumb_channel_budget_burst{${chosen}})`, '{{account}} {{limit}}'),
      lines('Calls left today', 'short', [`min by (account, limit) (plumb_channel_budget_left_today{${chosen}})`, '{{account}} {{limit}}']),
      lines('Silence asked for', 's', [of(`plumb_channel_budget_wait_seconds{${chosen}}`, 'account, limit'), '{{account}} {{limit}}']),
      lines('Token ends in', 's', [`max by (account) (plumb_channel_token_expiry_timestamp_seconds{${chosen}}) - time()`, '{{account}}']),
      lines('Order lines learnt', 'ops', [rate(`plumb_channel_order_lines_total{${chosen}}`, 'account'), '{{account}}']),
      { ...lines('State', 'short', [`max by (account, state) (plumb_channel_state{${chosen}}) == 1`, '{{account}} {{state}}']), type: 'state-timeline' },
      lines('Nothing is written', 'short', [of(`plumb_channel_breaker_open{${chosen}}`), '{{account}}']),
    ] },
  ],
};

const nodes: Dashboard = {
  uid: 'plumb-nodes', title: 'Plumb: nodes', description: 'What each node owns, and how it bears it.',
  rows: [
    { title: 'Placement', panels: [
      stat('Nodes that answer', 'sum(up{job="plumb"})', 'short'),
      stat('Heard by the broker', 'sum(plumb_node_leased)', 'short'),
      layers('Partitions', 'short', 'sum by (node) (plumb_node_units{kind="sku"})', '{{node}}'),
      layers('Accounts, sources, doors, dead letters', 'short', 'sum by (node, kind) (plumb_node_units{kind!="sku"})', '{{node}} {{kind}}'),
      lines('Clock, less the broker\'s', 's', ['plumb_node_clock_skew_seconds', '{{node}}']),
    ] },
    { title: 'Work', panels: [
      lines('Facts applied', 'ops', ['sum by (node) (rate(plumb_events_total[$__rate_interval]))', '{{node}}']),
      lines('Turns and record writes', 'ops', ['sum by (node) (rate(plumb_turns_total[$__rate_interval]))', '{{node}} turns'], ['sum by (node) (rate(plumb_record_writes_total[$__rate_interval]))', '{{node}} writes']),
      lines('Read and not applied, the ten longest', 'short', ['topk(10, sum by (partition) (plumb_partition_lag_messages))', 'partition {{partition}}']),
      lines('SKU actors in memory', 'short', ['plumb_actors_in_memory', '{{node}}']),
    ] },
    { title: 'Process', panels: [
      lines('CPU', 'percentunit', ['sum by (node) (rate(process_cpu_seconds_total{job="plumb"}[$__rate_interval]))', '{{node}}']),
      lines('Memory', 'bytes', ['process_resident_memory_bytes{job="plumb"}', '{{node}}'], ['nodejs_heap_size_used_bytes{job="plumb"}', '{{node}} heap']),
      lines('Event loop, 99 %', 's', ['nodejs_eventloop_lag_p99_seconds{job="plumb"}', '{{node}}']),
    ] },
  ],
};

export const dashboards: readonly Dashboard[] = [promises, account, nodes];
