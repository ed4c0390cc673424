/** The five marketplaces as one process, and as `plumb sandbox`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { adapters } from '../../deploy/channels.ts';
import { SandboxAdmin } from '../../deploy/demo/sandbox-admin.ts';
import { startSandboxes } from '../../deploy/sandbox/main.ts';
import type { SandboxAccount } from '../../deploy/sandbox/main.ts';
import { channels } from '../../deploy/sandbox/registry.ts';

test('every channel that has an adapter has a sandbox, and the other way round', t => {
  t.deepEqual([...channels].sort(), Object.keys(adapters).sort());
});

test('each marketplace listens on a port of its own, and its operator\'s side works', async t => {
  const sandboxes = await startSandboxes({ scale: 60 });
  t.teardown(() => sandboxes.close());
  t.deepEqual(sandboxes.accounts.map(({ account }) => account), [...channels]);
  t.is(new Set(sandboxes.accounts.map(({ url }) => url)).size, channels.length);
  for (const { account, url } of sandboxes.accounts) {
    const admin = new SandboxAdmin(account, url);
    const added = await fetch(`${url}/_sandbox/listings`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '[{"sku":"A-1","quantity":5}]' });
    t.true(added.ok);
    await admin.edit('A-1', 9);
    t.like((await admin.listings())[0], { sku: 'A-1', buyable: 9, active: true });
    t.deepEqual((await admin.ledger(1)).map(({ kind }) => kind), ['shown']);
    const error = await t.throwsAsync(admin.edit('A-2', 1));
    t.regex(error!.message, new RegExp(`^${account}: POST /_sandbox/edit answered 404: .*A-2`));
  }
});

test('a port that is taken fails the start, and the others are free again', async t => {
  const first = await startSandboxes({ accounts: [{ account: 'shop', channel: 'shopify' }] });
  t.teardown(() => first.close());
  const port = Number(new URL(first.accounts[0]!.url).port);
  await t.throwsAsync(startSandboxes({ accounts: [{ account: 'a', channel: 'amazon', port: 0 }, { account: 'b', channel: 'ebay', port }] }), { message: /EADDRINUSE/ });
});

test('a config that names no channel, or an account that no subject can hold, is refused', async t => {
  await t.throwsAsync(startSandboxes({ accounts: [{ account: 'a', channel: 'etsy' as 'ebay' }] }), { message: /channel/ });
  await t.throwsAsync(startSandboxes({ accounts: [{ account: 'a.b', channel: 'ebay' }] }), { message: /account/ });
});

test('plumb sandbox --json prints how to reach them, and ends on SIGTERM with code 0', async t => {
  const launcher = fileURLToPath(new URL('../../deploy/cli/plumb.js', import.meta.url));
  const child = spawn(process.execPath, [launcher, 'sandbox', '--json'], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => { child.kill('SIGKILL'); });
  const [line] = await once(createInterface(child.stdout), 'line') as [string];
  const { accounts } = JSON.parse(line) as { accounts: SandboxAccount[] };
  t.is(accounts.length, channels.length);
  for (const { account, url, credentials } of accounts) {
    t.true((await fetch(`${url}/_sandbox/counts`)).ok);
    t.true(Object.keys(credentials).length > 0, account);
  }
  child.kill('SIGTERM');
  t.deepEqual(await once(child, 'exit'), [0, null]);
});
