/** Rotating refresh tokens on disk: what a kill -9 at any instant leaves. */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { createMercadoLibre } from '../../actors/channel/adapters/mercadolibre/adapter.ts';
import { tokenStoreFor } from '../../deploy/channels.ts';
import { startSandbox } from '../../deploy/sandbox/kit/server.ts';
import { SandboxClock } from '../../deploy/sandbox/kit/clock.ts';
import { mercadolibreSandbox } from '../../deploy/sandbox/mercadolibre.ts';
import { tokenFiles } from '../../deploy/token-file.ts';

async function folder(t: ExecutionContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'plumb-tokens-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  return join(dir, 'tokens');
}

const pair = (n: number) => ({ accessToken: `access-${n}`, refreshToken: `refresh-${n}`, expiresAt: n });

test('a pair is read back as it was saved, and only this user can read it', async t => {
  const dir = await folder(t);
  const store = tokenFiles(dir);
  t.is(await store.load('a-1'), undefined);
  await store.save('a-1', pair(1));
  await store.save('a-1', pair(2));
  t.deepEqual(await tokenFiles(dir).load('a-1'), pair(2));
  t.is(await store.load('a-2'), undefined);
  t.deepEqual([(await stat(dir)).mode & 0o777, (await stat(join(dir, 'a-1.json'))).mode & 0o777], [0o700, 0o600]);
  t.deepEqual(await readdir(dir), ['a-1.json']);
});

test('saves at the same time leave one of the pairs whole', async t => {
  const dir = await folder(t);
  const store = tokenFiles(dir);
  const all = Array.from({ length: 20 }, (_, n) => pair(n));
  await Promise.all(all.map(each => store.save('a-1', each)));
  const left = await store.load('a-1');
  t.true(all.some(each => JSON.stringify(each) === JSON.stringify(left)));
  t.deepEqual(await readdir(dir), ['a-1.json']);
});

test('a grant that rotates wants a folder, others do not', t => {
  const settings = {};
  t.throws(() => tokenStoreFor(undefined, { account: 'ml-1', channel: 'mercadolibre', settings }), { message: /^account ml-1: Mercado Libre gives a new refresh token .* secretsDir/ });
  t.throws(() => tokenStoreFor(undefined, { account: 's-1', channel: 'shopify', settings: { grant: 'refresh-token' } }), { message: /secretsDir/ });
  t.notThrows(() => tokenStoreFor(undefined, { account: 's-1', channel: 'shopify', settings }));
  t.notThrows(() => tokenStoreFor(undefined, { account: 'e-1', channel: 'ebay', settings }));
});

// Mercado Libre's refresh token works once. A pair that was used before it was on disk would be gone with the process.
test.serial('a process killed at any instant of saving leaves a pair that it had saved, never a part of one', async t => {
  const dir = await folder(t);
  let newest = -1;
  for (let round = 0; round < 8; round++) {
    const child = fork(new URL('token-saver.ts', import.meta.url), [dir, String(newest + 1)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    let saved = newest;
    // What the process had in hand to use: told after `save` came back, as an adapter uses it.
    child.on('message', message => { saved = Math.max(saved, (message as { saved: number }).saved); });
    const wanted = newest + 2 + round * 3;
    await heard(child, () => saved >= wanted);
    child.kill('SIGKILL');
    await new Promise(resolve => child.once('close', resolve));
    const left = await tokenFiles(dir).load('a-1');
    t.deepEqual(left, pair(left!.expiresAt));
    t.true(left!.expiresAt >= saved, `used ${saved}, on disk ${left!.expiresAt}`);
    newest = left!.expiresAt;
  }
});

test.serial('the first refresh after a kill uses the pair on disk, not the one of the configuration, which is spent', async t => {
  const dir = await folder(t);
  const vendor = mercadolibreSandbox({ account: 'ml-1', clock: new SandboxClock(600) });
  vendor.shop.addListing('A', 3);
  const sandbox = await startSandbox(vendor);
  t.teardown(() => sandbox.close());
  const account = { account: 'ml-1', channel: 'mercadolibre', baseUrl: sandbox.url, credentials: vendor.credentials, settings: vendor.settings };
  for (let restart = 0; restart < 3; restart++) {
    const adapter = createMercadoLibre(account, { now: Date.now, uuid: () => crypto.randomUUID(), timeScale: 600, tokens: tokenStoreFor(dir, account) });
    vendor.expireTokens();
    // The vendor gives no second chance: a spent token is `invalid_grant`.
    await t.notThrowsAsync(adapter.orders(undefined, { signal: AbortSignal.timeout(5_000) }), `restart ${restart}`);
  }
  const stored = JSON.parse(await readFile(join(dir, 'ml-1.json'), 'utf8')) as { refreshToken: string };
  t.not(stored.refreshToken, vendor.credentials['refreshToken']);
});

async function heard(child: ChildProcess, holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; !holds();) {
    if (Date.now() > end || child.exitCode !== null) throw new Error('the saver saves nothing');
    await new Promise(resolve => setImmediate(resolve));
  }
}
