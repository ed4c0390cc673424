/** `plumb channel probe` as its user meets it: the command, against each sandbox. */
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { profiles } from '../../deploy/channels.ts';
import type { ProbeRecord } from '../../deploy/probe/probe.ts';
import { quantile } from '../../deploy/probe/look.ts';
import { channels } from '../../deploy/sandbox/registry.ts';
import { startSandboxes } from '../../deploy/sandbox/main.ts';
import type { SandboxAccount } from '../../deploy/sandbox/main.ts';
import { startBroker } from '../runtime/broker.ts';
import type { Broker } from '../runtime/broker.ts';

const scale = 600;
const plumb = new URL('../../deploy/cli/plumb.js', import.meta.url).pathname;
const stock = [{ sku: 'T-1', quantity: 5 }, { sku: 'T 2', quantity: 7 }, { sku: 'L-1', quantity: 1 }];

interface World {
  broker: Broker;
  accounts: SandboxAccount[];
  secrets(): string[];
  configFile: string;
  /** Of a running sandbox's admin side. */
  admin(account: string, path: string, body?: object): Promise<any>;
  run(...args: string[]): Promise<{ code: number; out: string; err: string }>;
}

async function world(t: ExecutionContext, channels: SandboxAccount['channel'][], config: object = {}): Promise<World> {
  const broker = await startBroker(t);
  const sandboxes = await startSandboxes({ scale, accounts: channels.map(channel => ({ account: `${channel}-1`, channel: channel as 'amazon', port: 0 })) });
  t.teardown(() => sandboxes.close());
  const dir = await mkdtemp(join(tmpdir(), 'plumb-probe-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  const configFile = join(dir, 'plumb.json');
  const { accounts } = sandboxes;
  await writeFile(configFile, JSON.stringify({
    nats: { url: broker.server.url }, node: { id: 'n1' }, timeScale: scale, secretsDir: join(dir, 'tokens'),
    accounts: accounts.map(({ url, ...account }) => ({ ...account, baseUrl: url })),
    ...config,
  }));
  const admin = async (account: string, path: string, body?: object): Promise<any> => {
    const { url } = accounts.find(each => each.account === account)!;
    const response = await fetch(`${url}/_sandbox/${path}`, body && { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(await response.text());
    return response.json();
  };
  for (const { account } of accounts) await admin(account, 'listings', stock);
  return {
    broker, accounts, secrets: () => sandboxes.secrets(), configFile, admin,
    run: (...args) => new Promise(resolve => {
      execFile(process.execPath, [plumb, 'channel', ...args, ...(args[0] === 'probe' ? ['--config', configFile] : [])], (error, out, err) => {
        resolve({ code: error ? Number(error.code) : 0, out, err });
      });
    }),
  };
}

const quantities = async ({ admin }: World, account: string): Promise<unknown> =>
  ((await admin(account, 'listings')) as { sku: string; quantity: number }[]).map(({ sku, quantity }) => ({ sku, quantity }));

for (const channel of channels) {
  test.serial(`${channel}: a probe looks and writes nothing; with --write it asks every question that a program can, keeps the answers, and restores the listings`, async t => {
    const w = await world(t, [channel]);
    const account = `${channel}-1`;

    const looked = await w.run('probe', account);
    t.is(looked.code, 0, looked.err);
    t.regex(looked.out, /✔ token .*\n.*✔ listings .*\n(?:.*✔ account +.*as it should be\n)?.*✔ reads +10 single reads: p50 \d+ ms, p99 \d+ ms\n.*✔ orders .*\n.*✔ clock +within a second of ours/);
    t.is((await w.admin(account, 'counts')).writes ?? 0, 0);

    const asked = await w.run('probe', account, '--write', '--listing', 'T-1', '--listing', 'T 2', '--json');
    t.is(asked.code, 0, asked.err);
    const { checks: _c, headers: _h, readMs: _r, unrestored, ...record } = JSON.parse(asked.out) as ProbeRecord & { checks: unknown; headers: unknown; readMs: unknown; unrestored: string[] };
    t.deepEqual(unrestored, []);
    t.deepEqual(record.answers.map(({ id, kind }) => [id, kind]), profiles[channel]!.questions.map(({ id, experiment }) => [id, experiment === 'person' ? 'unanswered' : 'answered']));
    t.deepEqual(await quantities(w, account), stock);
    t.true((await w.admin(account, 'counts')).writes > 0);
    t.deepEqual((await w.broker.records.get(`$KV.channel.probe.${account}`))?.value, record);
    const said = looked.out + looked.err + asked.out + asked.err + await w.broker.bytes(`$KV.channel.probe.${account}`);
    t.deepEqual(w.secrets().filter(secret => said.includes(secret)), []);
  });
}

test.serial('what the sandboxes do is what the answers say', async t => {
  const w = await world(t, ['amazon', 'shopify', 'mercadolibre', 'ebay']);
  const answers = async (channel: string): Promise<Record<string, string>> => {
    const { out } = await w.run('probe', `${channel}-1`, '--write', '--listing', 'T-1', '--listing', 'T 2', '--json');
    return Object.fromEntries((JSON.parse(out) as ProbeRecord).answers.flatMap(answer => (answer.kind === 'answered' ? [[answer.id, answer.answer]] : [])));
  };
  const amazon = await answers('amazon');
  // Half a minute on average, deploy/sandbox/amazon.ts.
  t.regex(amazon['apply-lag']!, /^after \S+ (s|min) to \S+ (s|min)$/);
  const { 'apply-lag': _, ...shopify } = await answers('shopify');
  t.deepEqual(shopify, { unchanged: 'yes, applied', condition: 'yes, refused', 'one-bad': 'yes, nothing of the call is written', repeat: 'yes, applied both times' });
  t.is((await answers('mercadolibre'))['condition'], 'yes, refused');
  t.is((await answers('ebay'))['batch'], 'yes, 2 at a time');
});

test.serial('a dead grant is told once and nothing else is asked', async t => {
  const w = await world(t, ['amazon']);
  await w.admin('amazon-1', 'faults', { kind: 'revoke', forMs: 600_000 });
  const { code, out, err } = await w.run('probe', 'amazon-1');
  t.is(code, 1);
  t.regex(out, /✘ token +AuthError/);
  t.regex(err, /^plumb: token: AuthError/m);
  const { 'calls.token': tokens, 'calls.read': reads = 0, 'calls.orders': orders = 0 } = await w.admin('amazon-1', 'counts');
  t.deepEqual({ tokens, reads, orders }, { tokens: 1, reads: 0, orders: 0 });
});

test.serial('a listing that does not come back is told with the number to set by hand', async t => {
  const w = await world(t, ['ebay']);
  // Slow enough that the writes break while questions are asked.
  await w.admin('ebay-1', 'faults', { kind: 'latency', on: 'write', forMs: 600_000, delayMs: 200 });
  const written = w.run('probe', 'ebay-1', '--write', '--listing', 'T-1');
  for (const end = Date.now() + 20_000; ((await w.admin('ebay-1', 'counts')).writes ?? 0) < 1;) if (Date.now() > end) throw new Error('nothing was written');
  await w.admin('ebay-1', 'faults', { kind: 'error', on: 'write', forMs: 600_000 });
  await w.admin('ebay-1', 'edit', { sku: 'T-1', quantity: 2 });
  const { code, err } = await written;
  t.is(code, 1);
  t.regex(err, /\(SKU T-1\) could not be restored: set it to \d by hand/);
});

test.serial('Ctrl-C ends the questions at once and restores the listing first', async t => {
  const w = await world(t, ['amazon']);
  // A write shows only after minutes of Amazon's: nobody would wait six of them out.
  await w.admin('amazon-1', 'faults', { kind: 'latency', on: 'write', forMs: 600_000, delayMs: 300 });
  const child = spawn(process.execPath, [plumb, 'channel', 'probe', 'amazon-1', '--config', w.configFile, '--write', '--listing', 'T-1', '--no-store'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let err = '';
  child.stderr.on('data', chunk => { err += chunk; });
  child.stdout.resume();
  const ended = new Promise<number | null>(resolve => child.once('close', resolve));
  for (const end = Date.now() + 20_000; ((await w.admin('amazon-1', 'counts')).writes ?? 0) < 1;) if (Date.now() > end) throw new Error('nothing was written');
  child.kill('SIGINT');
  t.is(await ended, 1);
  t.regex(err, /^plumb: interrupted$/m);
  t.deepEqual(await quantities(w, 'amazon-1'), stock);
  // And stays so: the write that was under way has shown before the one that brought it back.
  t.is((await w.run('probe', 'amazon-1')).code, 0);
  t.deepEqual(await quantities(w, 'amazon-1'), stock);
  // One that was under way, and one to bring it back; all questions together write ten.
  t.true((await w.admin('amazon-1', 'counts')).writes <= 4);
});

test.serial('a node that keeps the account is not written against', async t => {
  const w = await world(t, ['ebay']);
  let state = 'serving';
  w.broker.nc.subscribe('inspect.channel.ebay-1', { callback: (_error, message) => { message.respond(JSON.stringify({ node: 'n7', state })); } });
  await w.broker.nc.flush();
  const refused = await w.run('probe', 'ebay-1', '--write', '--listing', 'T-1');
  t.is(refused.code, 1);
  t.regex(refused.err, /node n7 keeps ebay-1 .*nats req control\.channel\.ebay-1 freeze/);
  t.is((await w.admin('ebay-1', 'counts')).writes ?? 0, 0);
  state = 'frozen';
  t.is((await w.run('probe', 'ebay-1', '--write', '--listing', 'T-1')).code, 0);
});

test.serial('wrong usage and bad input are told with the field and the value', async t => {
  const w = await world(t, ['mercadolibre', 'ebay'], { secretsDir: undefined });
  const told = async (...args: string[]): Promise<[number, string]> => {
    const { code, err } = await w.run('probe', ...args);
    return [code, err.trim()];
  };
  t.deepEqual(await told('ebay-9'), [2, `plumb: ${w.configFile} has no account "ebay-9", only: mercadolibre-1, ebay-1`]);
  t.deepEqual(await told('ebay-1', '--write'), [2, 'plumb: --write wants a test listing: --listing ID']);
  t.deepEqual(await told('ebay-1', '--listing', 'T-1'), [2, 'plumb: --listing is for --write: without it nothing is written']);
  t.deepEqual(await told('mercadolibre-1'), [2, 'plumb: account mercadolibre-1: Mercado Libre gives a new refresh token with each refresh, so secretsDir must name a folder to keep it in']);
  t.deepEqual(await told('ebay-1', '--write', '--listing', 'NO-1'), [1, 'plumb: the account has no listing with id or SKU "NO-1"']);
  const [code, err] = await told('ebay-1', '--write', '--listing', 'L-1');
  t.is(code, 1);
  t.regex(err, /shows 1: 2 units at least are wanted/);
  t.is((await w.admin('ebay-1', 'counts')).writes ?? 0, 0);
});

test('a quantile is the smallest value that enough others do not exceed', t => {
  const values = Array.from({ length: 100 }, (_, n) => 100 - n);
  t.deepEqual([0.5, 0.99, 1, 0].map(share => quantile(values, share)), [50, 99, 100, 1]);
  t.is(quantile([7], 0.99), 7);
});
