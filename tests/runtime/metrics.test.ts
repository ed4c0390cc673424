/** What Prometheus is told of known figures, and over HTTP when a node is well, idle and ill. */
import test from 'ava';
import { pino } from 'pino';
import { noCounts } from '../../actors/channel/protocol.ts';
import type { AccountFigures } from '../../runtime/metrics/account-series.ts';
import { NodeSeries } from '../../runtime/metrics/node-series.ts';
import type { NodeFigures } from '../../runtime/metrics/node-series.ts';
import { openMetrics } from '../../runtime/metrics/server.ts';

const account: AccountFigures = {
  ...noCounts, writes: 12, throttled: 2, account: 'ebay-us', channel: 'ebay', state: 'resting', listings: 9, proven: 7, lanes: { zero: 1, decrease: 0, verify: 2, raise: 3 },
  blocked: 4, held: 5, overdue: 1, drained: 0, proofAgeMs: { p50: 1_500, p99: 60_000, oldest: 90_000, count: 9, never: 2 }, feed: { listings: 900, ageMs: 90_000, state: 'handed in' }, oldestPendingMs: 2_500, breaker: 'open',
  proofs: { last: { count: 3, maxAgeMs: 150_000, p99: 90_000, oldest: 90_000, overdue: 0 }, few: { count: 0, maxAgeMs: 300_000, p99: 0, oldest: 0, overdue: 0 }, plenty: { count: 4, maxAgeMs: 600_000, p99: 700_000, oldest: 700_000, overdue: 1 } },
  proofBudget: { sweepMs: 45_000, load: 1.25, watched: 6 }, alarms: ['orders'],
  tokenExpiresAt: 1_700_000_000_500, ordersCompleteThrough: 1_700_000_000_000, drainMs: { writes: 4_000, verify: 0 },
  budgets: { inventory: { level: 7.5, burst: 100, perSecond: 23, waitMs: 250, leftToday: 1_999_000 }, fulfillment: { level: 20, burst: 20, perSecond: 1.1, waitMs: 0 } },
  exposure: { cells: 3, rights: 12, inDoubt: 2, moving: 0 },
  promise: { listing: 'T', overdueMs: 3_600_000, judged: { at: 1, sku: 'T', kind: 'swap', verdict: 'broken', effectMs: 1_500, checks: [{ id: 'effect', asks: '', held: true, told: '' }, { id: 'outdated', asks: '', held: false, told: '' }] } },
  drift: { open: { 'lost-write': 2 }, found: { 'lost-write high': 3, 'foreign-edit low': 1 } },
};
const figures: NodeFigures = {
  events: 100, turns: 40, recordWrites: 40, held: ['sku.0', 'sku.63', 'account.ebay-us', 'source.erp', 'dead'],
  partitions: [{ number: 0, lag: 0, hot: 3 }, { number: 63, lag: 17, hot: 4 }], leased: true, skewMs: -250, dead: { malformed: 2 }, accounts: [account],
  archive: { configured: true, streams: [{ stream: 'SKU', last: 90, lastAt: 1, waiting: 5, lagMs: 1_500, segments: 2, bytes: 700, missing: 0, failing: 'no space left' }] },
};

function series(now: () => NodeFigures): NodeSeries {
  return new NodeSeries({ version: '1.2.3', node: 'n1' }, now);
}

/** Lines of our own metrics, without the label that all have. */
function ours(text: string): string[] {
  return text.split('\n').filter(line => line.startsWith('plumb_')).map(line => line.replace('node="n1",', '').replace(/,?node="n1"/, '').replace('{}', ''));
}

test('every figure is told in base units, under the account\'s name and channel, and once more the same', async t => {
  const of = series(() => figures);
  of.exposure.told([
    { to: ['exposure', 'shortfall', 'closed', 'A'], id: 'x', body: { type: 'shortfall.closed', cause: 'foreign', debt: 3, oversold: 2 } },
    { to: ['exposure', 'ship', 'ungated', 'A'], id: 'y', body: { type: 'ship.ungated', units: 1 } },
    { to: ['dead', 'gap', 'erp', 'A'], id: 'z', body: {} },
  ]);
  of.accounts.verified('ebay-us', 'ebay', 740);
  of.accounts.verified('ebay-us', 'ebay', 70_000);
  const a = 'account="ebay-us",channel="ebay"';
  const expected = [
    'plumb_build_info{version="1.2.3"} 1',
    'plumb_events_total 100', 'plumb_turns_total 40', 'plumb_record_writes_total 40',
    'plumb_node_units{kind="sku"} 2', 'plumb_node_units{kind="account"} 1', 'plumb_node_units{kind="source"} 1', 'plumb_node_units{kind="door"} 0', 'plumb_node_units{kind="dead"} 1', 'plumb_node_units{kind="archive"} 0',
    'plumb_archive_configured 1', 'plumb_archive_lag_seconds{stream="SKU"} 1.5', 'plumb_archive_waiting_messages{stream="SKU"} 5', 'plumb_archive_failing{stream="SKU"} 1', 'plumb_archive_segments_total{stream="SKU"} 2', 'plumb_archive_bytes_total{stream="SKU"} 700', 'plumb_archive_missing_messages_total{stream="SKU"} 0',
    ...['INGEST', 'ATTEMPT', 'DEAD'].flatMap(stream => ['lag_seconds', 'waiting_messages', 'failing', 'segments_total', 'bytes_total', 'missing_messages_total'].map(name => `plumb_archive_${name}{stream="${stream}"} 0`)),
    'plumb_partition_lag_messages{partition="0"} 0', 'plumb_partition_lag_messages{partition="63"} 17',
    'plumb_actors_in_memory 7', 'plumb_node_leased 1', 'plumb_node_clock_skew_seconds -0.25', 'plumb_dead_letters_open{class="malformed"} 2', ...['silence', 'poison', 'shortfall'].map(kind => `plumb_dead_letters_open{class="${kind}"} 0`),
    ...[0.1, 0.25, 0.5].map(le => `plumb_channel_verified_delay_seconds_bucket{le="${le}",${a}} 0`),
    ...[1, 2.5, 5, 10, 30, 60].map(le => `plumb_channel_verified_delay_seconds_bucket{le="${le}",${a}} 1`),
    ...[120, 300, 900, 3_600, '+Inf'].map(le => `plumb_channel_verified_delay_seconds_bucket{le="${le}",${a}} 2`),
    `plumb_channel_verified_delay_seconds_sum{${a}} 70.74`, `plumb_channel_verified_delay_seconds_count{${a}} 2`,
    `plumb_channel_writes_total{${a}} 12`, `plumb_channel_throttled_total{${a}} 2`,
    ...['calls', 'ambiguous', 'conflicts', 'retries', 'refused', 'reads', 'order_lines'].map(name => `plumb_channel_${name}_total{${a}} 0`),
    `plumb_channel_drift_found_total{${a},class="lost-write",severity="high"} 3`, `plumb_channel_drift_found_total{${a},class="foreign-edit",severity="low"} 1`,
    `plumb_channel_listings{${a}} 9`, `plumb_channel_listings_proven{${a}} 7`, `plumb_channel_listings_never_proven{${a}} 2`, `plumb_channel_listings_drained{${a}} 0`,
    `plumb_channel_jobs{${a},lane="zero"} 1`, `plumb_channel_jobs{${a},lane="decrease"} 0`, `plumb_channel_jobs{${a},lane="verify"} 2`, `plumb_channel_jobs{${a},lane="raise"} 3`,
    `plumb_channel_jobs_aside{${a},reason="refused"} 4`, `plumb_channel_jobs_aside{${a},reason="held"} 5`, `plumb_channel_jobs_overdue{${a}} 1`, `plumb_channel_feed_age_seconds{${a},state="handed-in"} 90`, `plumb_channel_oldest_job_seconds{${a}} 2.5`,
    `plumb_channel_proof_age_seconds{${a},quantile="0.5"} 1.5`, `plumb_channel_proof_age_seconds{${a},quantile="0.99"} 60`, `plumb_channel_proof_age_seconds{${a},quantile="1"} 90`,
    ...([['last', 150, 90, 0], ['few', 300, 0, 0], ['plenty', 600, 700, 1]] as const).flatMap(([kind, promised, oldest, overdue]) => [
      `plumb_channel_proof_promised_seconds{${a},class="${kind}"} ${promised}`, `plumb_channel_proof_oldest_seconds{${a},class="${kind}"} ${oldest}`, `plumb_channel_proofs_overdue{${a},class="${kind}"} ${overdue}`,
    ]),
    `plumb_channel_proof_load{${a}} 1.25`, `plumb_channel_sweep_seconds{${a}} 45`, `plumb_channel_listings_watched{${a}} 6`, `plumb_channel_alarm_open{${a},what="orders"} 1`,
    ...['unverified', 'token', 'proof', 'proof-budget', 'notifications'].map(what => `plumb_channel_alarm_open{${a},what="${what}"} 0`),
    ...['foreign-edit', 'expired-acceptance', 'frozen-listing', 'missing-listing'].map(kind => `plumb_channel_drift_open{${a},class="${kind}"} 0`), `plumb_channel_drift_open{${a},class="lost-write"} 2`,
    ...['serving', 'trying', 'unauthorised', 'frozen'].map(state => `plumb_channel_state{${a},state="${state}"} 0`), `plumb_channel_state{${a},state="resting"} 1`,
    `plumb_channel_breaker_open{${a}} 1`, `plumb_channel_token_expiry_timestamp_seconds{${a}} 1700000000.5`, `plumb_channel_orders_complete_timestamp_seconds{${a}} 1700000000`,
    `plumb_channel_drain_seconds{${a},what="writes"} 4`, `plumb_channel_drain_seconds{${a},what="verify"} 0`,
    `plumb_channel_budget_level{${a},limit="inventory"} 7.5`, `plumb_channel_budget_level{${a},limit="fulfillment"} 20`,
    `plumb_channel_budget_burst{${a},limit="inventory"} 100`, `plumb_channel_budget_burst{${a},limit="fulfillment"} 20`,
    `plumb_channel_budget_per_second{${a},limit="inventory"} 23`, `plumb_channel_budget_per_second{${a},limit="fulfillment"} 1.1`,
    `plumb_channel_budget_wait_seconds{${a},limit="inventory"} 0.25`, `plumb_channel_budget_wait_seconds{${a},limit="fulfillment"} 0`,
    `plumb_channel_budget_left_today{${a},limit="inventory"} 1999000`,
    `plumb_channel_promise_broken{${a},check="effect"} 0`, `plumb_channel_promise_broken{${a},check="outdated"} 1`, `plumb_channel_promise_broken{${a},check="copy"} 0`, `plumb_channel_probe_overdue_seconds{${a}} 3600`, `plumb_channel_probe_effect_seconds{${a}} 1.5`,
    `plumb_channel_cells{${a}} 3`, `plumb_channel_rights_units{${a}} 12`, `plumb_channel_doubt_units{${a}} 2`,
    ...['shortfall.opened', 'shortfall.grew', 'shortfall.sold', 'drift.found', 'drift.over', 'order.late', 'sale.beyond', 'sale.unlisted', 'ship.permitted', 'write.lapsed', 'ledger.lost', 'ledger.regained', 'mode.changed', 'escrow.inForce'].map(event => `plumb_exposure_events_total{event="${event}"} 0`),
    ...['shortfall.closed', 'ship.ungated'].map(event => `plumb_exposure_events_total{event="${event}"} 1`), 'plumb_exposure_ungated_units_total 1',
    ...['correction', 'loss', 'entry', 'late order', 'early close', 'broken promise'].flatMap(cause => ['shortfall', 'oversold'].map(what => `plumb_exposure_${what}_units_total{cause="${cause}"} 0`)),
    'plumb_exposure_shortfall_units_total{cause="foreign"} 3', 'plumb_exposure_oversold_units_total{cause="foreign"} 2',
  ].sort();
  t.deepEqual(ours(await of.text()).sort(), expected);
  t.deepEqual(ours(await of.text()).sort(), expected, 'counters are what they are, however often they are asked for');
});

test('what is not known has no figure, and what is owned elsewhere is told there', async t => {
  let now: NodeFigures = { ...figures, accounts: [{ ...account, tokenExpiresAt: undefined, ordersCompleteThrough: 0, proofAgeMs: { p50: 0, p99: 0, oldest: 0, count: 9, never: 9 } }] };
  const of = series(() => now);
  const told = (text: string, name: string): string[] => ours(text).filter(line => line.startsWith(name));
  const first = await of.text();
  for (const name of ['plumb_channel_token', 'plumb_channel_orders_complete', 'plumb_channel_proof_age']) t.deepEqual(told(first, name), []);
  now = { ...figures, accounts: [], partitions: [], held: [], dead: undefined };
  const second = await of.text();
  for (const name of ['plumb_channel_listings', 'plumb_channel_writes_total', 'plumb_channel_drift', 'plumb_partition_lag', 'plumb_dead_letters']) t.deepEqual(told(second, name), [], name);
  t.deepEqual(told(second, 'plumb_node_units{kind="sku"}'), ['plumb_node_units{kind="sku"} 0']);
});

test('a node says over HTTP whether it is well and takes part, and nothing else', async t => {
  let ill: string | undefined;
  let idle: string | undefined;
  const metrics = await openMetrics({ host: '127.0.0.1', port: 0, node: 'n1', series: series(() => figures), ill: () => ill, idle: () => idle, log: pino({ level: 'silent' }) });
  t.teardown(() => metrics.close());
  const get = async (path: string): Promise<[number, unknown]> => {
    const response = await fetch(`${metrics.url}${path}`);
    return [response.status, await response.json()];
  };
  t.deepEqual([await get('/healthz'), await get('/readyz')], [[200, { ok: true, node: 'n1' }], [200, { ok: true, node: 'n1' }]]);
  idle = 'not heard';
  t.deepEqual([await get('/healthz'), await get('/readyz')], [[200, { ok: true, node: 'n1' }], [503, { ok: false, node: 'n1', problem: 'not heard' }]]);
  ill = 'closed';
  t.deepEqual([await get('/healthz'), await get('/readyz')], [[503, { ok: false, node: 'n1', problem: 'closed' }], [503, { ok: false, node: 'n1', problem: 'closed' }]]);
  t.deepEqual(await get('/x'), [404, { ok: false, problem: 'GET /x: GET /metrics, /healthz and /readyz are all there is' }]);
  const scraped = await fetch(`${metrics.url}/metrics`);
  t.is(scraped.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  t.regex(await scraped.text(), /^process_cpu_seconds_total\{node="n1"\} /m);
});

test('figures that cannot be told are an error, and the node goes on', async t => {
  const metrics = await openMetrics({ host: '127.0.0.1', port: 0, node: 'n1', series: series(() => { throw new Error('broken'); }), ill: () => undefined, idle: () => undefined, log: pino({ level: 'silent' }) });
  t.teardown(() => metrics.close());
  const response = await fetch(`${metrics.url}/metrics`);
  t.deepEqual([response.status, await response.json()], [500, { ok: false, problem: 'the figures could not be told, the node\'s log says why' }]);
  t.is((await fetch(`${metrics.url}/healthz`)).status, 200);
});
