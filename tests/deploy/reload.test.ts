/** A configuration that changes while its node runs: what is taken up, what is not, and what stays when it is wrong. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { configSchema } from '../../config/config.ts';
import type { Config, ConfigInput } from '../../config/config.ts';
import { loadConfig } from '../../config/file.ts';
import { startNode } from '../../deploy/node.ts';
import { planReload } from '../../deploy/reload.ts';
import { adapters } from '../../deploy/channels.ts';
import { ebaySandbox } from '../../deploy/sandbox/ebay.ts';
import { SandboxClock } from '../../deploy/sandbox/kit/clock.ts';
import { startSandbox } from '../../deploy/sandbox/kit/server.ts';
import { loadLimits } from '../../config/limits.ts';
import { decode } from '../../runtime/codec.ts';
import { eventually, startBroker } from '../runtime/broker.ts';

const account = { account: 'ebay', channel: 'ebay', baseUrl: 'https://api.ebay.com', credentials: { clientId: 'a', clientSecret: 'b', refreshToken: 'c' } };
const config = (more: Partial<ConfigInput> = {}): Config => configSchema.parse({ node: { id: 'n1' }, accounts: [account], sources: [{ source: 'erp' }, { source: 'wms', mapping: 'csv' }], ...more });

test('rates, rules, limits and mappings are taken up by what they belong to', t => {
  const running = config();
  const { config: taken, ...told } = planReload(running, config({
    accounts: [{ ...account, rule: { buffer: 3 }, limits: { trading: { perDay: 50_000 } } }],
    sources: [{ source: 'erp', rhythm: 'off' }, { source: 'wms', mapping: 'csv' }],
  }));
  t.deepEqual(told, { applied: ['accounts.ebay.limits.trading', 'accounts.ebay.rule.buffer', 'sources.erp.rhythm'], needsRestart: [], units: ['account.ebay', 'source.erp'] });
  t.is(taken.accounts[0]!.rule.buffer, 3);
  t.deepEqual(planReload(running, config({ channels: { pollMinMs: 5_000 } })).units, ['account.ebay']);
  t.deepEqual(planReload(running, config({ governor: { zero: { share: 0.5 } } })).units, ['account.ebay', 'source.erp', 'source.wms']);
  const { config: _, ...file } = planReload(running, config(), source => source === 'wms');
  t.deepEqual(file, { applied: ['sources.wms.mapping'], needsRestart: [], units: ['source.wms'] });
  const { config: __, ...none } = planReload(running, config());
  t.deepEqual(none, { applied: [], needsRestart: [], units: [] });
});

test('what decides how journals fold, who is connected and what exists waits for a restart, and is named', t => {
  const running = config();
  const { config: taken, ...told } = planReload(running, config({
    nats: { url: 'nats://other:4222' }, debounce: { quietMs: 1, hardMs: 2 }, channels: { callMs: 9_000, restMs: 1_000 },
    accounts: [{ ...account, credentials: { ...account.credentials, clientSecret: 'new' } }, { ...account, account: 'second' }],
    sources: [{ source: 'erp', order: 'monotone' }],
  }));
  t.deepEqual(told, {
    applied: ['channels.restMs'],
    needsRestart: ['accounts.ebay.credentials.clientSecret', 'accounts.second', 'channels.callMs', 'debounce.hardMs', 'debounce.quietMs', 'nats.url', 'sources.erp.order', 'sources.wms'],
    units: ['account.ebay'],
  });
  t.false(JSON.stringify(told).includes('new'));
  t.is(taken.channels.callMs, running.channels.callMs);
  t.is(taken.sources.length, 2);
});

test('a running node takes up a mapping and a rate, goes on where it was, and keeps what it has when the file is wrong', async t => {
  const broker = await startBroker(t);
  const folder = await mkdtemp(join(tmpdir(), 'plumb-reload-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const vendor = ebaySandbox({ account: 'ebay', clock: new SandboxClock(60) });
  const shop = await startSandbox(vendor);
  t.teardown(() => shop.close());
  const file = join(folder, 'plumb.yaml');
  const mapping = (quantity: string): Promise<void> => writeFile(join(folder, 'till.yaml'), `forms:\n  - name: count\n    type: count\n    sku: sku\n    position: n\n    quantity: ${quantity}\n`);
  const write = (more: object): Promise<void> => writeFile(file, JSON.stringify({
    nats: { url: broker.server.url }, node: { id: 'n1' }, timeScale: 60, sources: [{ source: 'till', mapping: './till.yaml' }],
    accounts: [{ account: 'ebay', channel: 'ebay', baseUrl: shop.url, credentials: vendor.credentials, settings: vendor.settings, stage: 'live', ...more }],
  }));
  await mapping('n1');
  await write({});
  const node = await startNode(loadConfig(file), broker.log, { adapters, limitsOf: loadLimits, reread: () => loadConfig(file) });
  t.teardown(() => node.stop());
  const inspected = async (): Promise<{ budgets: Record<string, { burst: number }> } | undefined> => (await broker.nc.request('inspect.channel.ebay', '', { timeout: 1_000 }).catch(() => undefined))?.json();
  const counted = async (): Promise<number[]> => {
    const { state: { last_seq: last } } = await broker.jsm.streams.info('SKU');
    const facts = await Promise.all(Array.from({ length: last }, async (_, n) => decode((await broker.jsm.streams.getMessage('SKU', { seq: n + 1 }))!.data) as { type: string; quantity: number }));
    return facts.filter(({ type }) => type === 'stock.counted').map(({ quantity }) => quantity);
  };
  const reload = async (): Promise<Record<string, unknown>> => (await broker.nc.request('control.node.n1', 'reload', { timeout: 20_000 })).json();
  await broker.js.publish('ingest.till', JSON.stringify({ sku: 'A', n: 1, n1: 11, n2: 22 }));
  await eventually('the first count is there', async () => (await counted()).length === 1, 30_000);
  await eventually('the account is owned', async () => await inspected() !== undefined, 30_000);
  const before = (await inspected())!.budgets['trading']!.burst;

  await mapping('n2');
  await write({ limits: { trading: { burst: 7 } } });
  t.deepEqual(await reload(), { node: 'n1', ok: true, applied: ['accounts.ebay.limits.trading', 'sources.till.mapping'], needsRestart: [], units: ['account.ebay', 'source.till'] });
  t.not((await inspected())!.budgets['trading']!.burst, before);
  t.is((await inspected())!.budgets['trading']!.burst, 7 * 60);
  await broker.js.publish('ingest.till', JSON.stringify({ sku: 'A', n: 2, n1: 11, n2: 22 }));
  await eventually('the second count is there', async () => (await counted()).length === 2, 30_000);
  t.deepEqual(await counted(), [11, 22]);

  await write({ limits: { trading: { burst: -1 } } });
  const refused = await reload();
  t.is(refused['ok'], false);
  t.regex(String(refused['error']), /plumb\.yaml:1: accounts\.0\.limits\.trading\.burst: .*got -1/);
  t.is((await inspected())!.budgets['trading']!.burst, 7 * 60);
  t.deepEqual(await broker.nc.request('control.node.n1', 'go', { timeout: 5_000 }).then(message => message.json()), { node: 'n1', ok: false, error: 'unknown command "go": reload' });
});

test('SIGHUP and plumb config reload do the same to a node as a process', async t => {
  const broker = await startBroker(t);
  const folder = await mkdtemp(join(tmpdir(), 'plumb-reload-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'plumb.yaml');
  const write = (more: string): Promise<void> => writeFile(file, `nats: { url: "${broker.server.url}" }\nnode: { id: n7 }\nsources: [{ source: erp }]\n${more}`);
  await write('');
  const env = { ...process.env, PLUMB_CONFIG: file, NATS_URL: broker.server.url };
  const node = spawn(process.execPath, [fileURLToPath(new URL('../../deploy/main.ts', import.meta.url))], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let logs = '';
  node.stdout.on('data', (chunk: Buffer) => { logs += chunk.toString(); });
  const ended = once(node, 'exit');
  t.teardown(async () => { node.kill('SIGKILL'); await ended; });
  await eventually('the node serves', () => logs.includes('"node serves"'), 30_000);
  await write('promises: { provenMs: 5000 }\n');
  node.kill('SIGHUP');
  await eventually('it has read its file again', () => /"applied":\["promises.provenMs"\].*"configuration was read again"/.test(logs), 30_000);
  await write('promises: { provenMs: 6000 }\naskMs: 7\n');
  const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(new URL('../../deploy/cli/plumb.ts', import.meta.url)), 'config', 'reload'], { env });
  t.is(stdout, 'n7: taken up: promises.provenMs\nn7: waits for a restart: askMs\n');
  node.kill('SIGTERM');
  t.deepEqual(await ended, [0, null]);
});
