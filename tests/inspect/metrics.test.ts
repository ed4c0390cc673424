/** The figures of a real node with two sandbox marketplaces, and the alert rules over them. */
import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { parse } from 'yaml';
import { configSchema } from '../../config/config.ts';
import { startNode } from '../../deploy/node.ts';
import { eventually, startBroker } from '../runtime/broker.ts';
import { smallWorld } from './small-world.ts';

const rulesFile = fileURLToPath(new URL('../../deploy/prometheus/plumb.rules.yaml', import.meta.url));
const casesFile = fileURLToPath(new URL('../../deploy/prometheus/plumb.rules.test.yaml', import.meta.url));
interface Rules { groups: { name: string; rules: { alert: string; expr: string; annotations: { summary: string } }[] }[] }
const rules = (parse(readFileSync(rulesFile, 'utf8')) as Rules).groups.flatMap(group => group.rules);

/** Values by series, as scraped. */
async function scrape(url: string | undefined): Promise<Map<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return new Map(text.split('\n').filter(line => line !== '' && !line.startsWith('#')).map((line): [string, number] => {
    const end = line.lastIndexOf(' ');
    return [line.slice(0, end).replace(/,?node="n1",?/, '').replace('{}', ''), Number(line.slice(end + 1))];
  }));
}

test.serial('a node tells what its accounts did, proved and found, without naming a SKU; every figure of an alert is among it', async t => {
  const world = await smallWorld(t, ['SKU-A', 'SKU-B'], { metrics: { port: 0 } });
  const { metricsUrl } = world.node;
  await world.say({ id: 'e1', sku: 'SKU-A', type: 'count', version: 1, quantity: 9 });
  await world.say({ id: 'e2', sku: 'SKU-B', type: 'count', version: 1, quantity: 5 });
  await world.js.publish('ingest.erp', '{"id":"e3","sku":"SKU-B","type":"count","version":2,"quantity":"ten"}');
  for (const account of ['ebay', 'shopify']) await world.proven(account, { 'SKU-A': 8, 'SKU-B': 4 });
  world.shops.ebay.shop.edit('SKU-A', 40);
  const value = async (series: string): Promise<number | undefined> => (await scrape(metricsUrl)).get(series);
  await eventually('the edit was found', async () => (await value('plumb_channel_drift_found_total{account="ebay",channel="ebay",class="foreign-edit",severity="high"}') ?? 0) === 1, 30_000);
  await eventually('and mended', async () => (await value('plumb_channel_drift_open{account="ebay",channel="ebay",class="foreign-edit"}')) === 0);
  await eventually('the task is counted', async () => (await value('plumb_dead_letters_open{class="malformed"}')) === 1);

  const scraped = await scrape(metricsUrl);
  const expected = {
    'plumb_node_units{kind="sku"}': 64, 'plumb_node_units{kind="account"}': 2, 'plumb_node_units{kind="dead"}': 1, 'plumb_node_leased': 1,
    'plumb_channel_listings{account="ebay",channel="ebay"}': 2, 'plumb_channel_listings_never_proven{account="ebay",channel="ebay"}': 0,
    'plumb_channel_state{account="shopify",channel="shopify",state="serving"}': 1, 'plumb_channel_breaker_open{account="shopify",channel="shopify"}': 0,
    'plumb_channel_verified_delay_seconds_count{account="shopify",channel="shopify"}': 2, 'plumb_channel_writes_total{account="shopify",channel="shopify"}': 2,
  };
  t.deepEqual(Object.fromEntries(Object.keys(expected).map(series => [series, scraped.get(series)])), expected);
  t.true(scraped.get('plumb_events_total')! >= 8 && scraped.get('plumb_turns_total')! <= scraped.get('plumb_events_total')!);
  t.true(scraped.get('plumb_record_writes_total')! >= scraped.get('plumb_turns_total')!);
  t.true(Math.abs(scraped.get('plumb_channel_token_expiry_timestamp_seconds{account="ebay",channel="ebay"}')! - Date.now() / 1_000) < 7_200, 'seconds, not milliseconds');
  t.deepEqual([...scraped].filter(([series, each]) => series.startsWith('plumb_') && !Number.isFinite(each)), []);
  t.deepEqual([...scraped.keys()].filter(series => series.includes('SKU-')), []);

  const names = new Set([...scraped.keys()].map(series => series.replace(/\{.*/, '')));
  const used = rules.flatMap(({ expr }) => expr.match(/\b(?:plumb|nodejs|process)_[a-z0-9_]+/g) ?? []);
  t.true(used.length >= rules.length - 1, 'every rule but that of `up` is about our figures');
  t.deepEqual(used.filter(name => !names.has(name)), []);
  const ready = await fetch(`${metricsUrl}/readyz`);
  t.deepEqual([ready.status, await ready.json()], [200, { ok: true, node: 'n1' }]);
});

test.serial('a node that does not hear the broker is well, takes no part, and says so until it does again', async t => {
  const { server: { pid, url }, log } = await startBroker(t);
  const node = await startNode(configSchema.parse({ nats: { url }, node: { id: 'n1' }, metrics: { port: 0 } }), log);
  let stopped: Promise<void> | undefined;
  t.teardown(() => stopped ??= node.stop());
  t.teardown(() => { process.kill(pid, 'SIGCONT'); });
  const problem = async (): Promise<string | undefined> => (await (await fetch(`${node.metricsUrl}/readyz`)).json() as { problem?: string }).problem;
  const look = async (path: string): Promise<number> => (await fetch(`${node.metricsUrl}${path}`)).status;
  await eventually('it serves its share', async () => await look('/readyz') === 200, 30_000);
  t.is((await scrape(node.metricsUrl)).get('plumb_node_leased'), 1);
  process.kill(pid, 'SIGSTOP');
  await eventually('it says that it does not', async () => await look('/readyz') === 503);
  t.is(await look('/healthz'), 200);
  t.is((await scrape(node.metricsUrl)).get('plumb_node_leased'), 0);
  process.kill(pid, 'SIGCONT');
  await eventually('it takes part again', async () => await look('/readyz') === 200, 30_000);
  process.kill(pid, 'SIGSTOP');
  stopped = node.stop();
  await eventually('it says that it is leaving', async () => await problem() === 'it is leaving: others take its work');
  t.is(await look('/healthz'), 200);
  process.kill(pid, 'SIGCONT');
  await stopped;
  await t.throwsAsync(look('/healthz'), undefined, 'it answers no more');
});

test.serial('alert rules are what Prometheus takes, and go off when they should and not before', async t => {
  t.is(new Set(rules.map(({ alert }) => alert)).size, rules.length);
  const cases = parse(readFileSync(casesFile, 'utf8')) as { tests: { alert_rule_test: { alertname: string; exp_alerts?: unknown[] }[] }[] };
  const shown = new Set(cases.tests.flatMap(({ alert_rule_test: each }) => each.filter(({ exp_alerts: alerts }) => alerts?.length).map(({ alertname }) => alertname)));
  t.deepEqual(rules.map(({ alert }) => alert).filter(alert => !shown.has(alert)), [], 'each rule has a case in which it goes off');
  if (spawnSync('promtool', ['--version']).error) return t.log('promtool is not on the PATH: rules were not run');
  const run = promisify(execFile);
  t.regex((await run('promtool', ['check', 'rules', rulesFile])).stdout, new RegExp(`SUCCESS: ${rules.length} rules found`));
  t.regex((await run('promtool', ['test', 'rules', casesFile])).stdout, /SUCCESS/);
});
