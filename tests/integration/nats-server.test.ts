/** Starts and ends real servers. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, copyFile, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { connect } from 'nats';
import { NoNatsServerError, findNatsServer, runnable } from '../../deploy/nats/binary.ts';
import { startCluster } from '../../deploy/nats/cluster.ts';
import { startNats } from '../../deploy/nats/server.ts';

async function folder(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'plumb-test-'));
  t.teardown(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** Where temporary files go for the rest of a serial test. */
async function privateTmp(t: ExecutionContext): Promise<string> {
  const path = await folder(t);
  const { TMPDIR } = process.env;
  t.teardown(() => { if (TMPDIR === undefined) delete process.env.TMPDIR; else process.env.TMPDIR = TMPDIR; });
  process.env.TMPDIR = path;
  return path;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function eventually(check: () => boolean | Promise<boolean>, withinMs = 8_000): Promise<boolean> {
  for (const until = Date.now() + withinMs; Date.now() < until;) {
    if (await check()) return true;
    await new Promise(resolve => setTimeout(resolve, 25));
  }
  return false;
}

test('a started server answers at its url, on loopback, and stores in its folder', async t => {
  const storeDir = await folder(t);
  const server = await startNats({ storeDir });
  t.teardown(() => server.stop());
  t.is(new URL(server.url).hostname, '127.0.0.1');
  t.true(server.port > 0);
  t.regex(server.version, /^2\.\d+/);
  t.is(server.syncIntervalMs, 120_000, 'what a power cut can lose is reported');
  const connection = await connect({ servers: server.url });
  await (await jetstreamManager(connection)).streams.add({ name: 'S', subjects: ['s.>'] });
  await jetstream(connection).publish('s.1', 'kept');
  await connection.close();
  t.true((await readdir(storeDir)).includes('jetstream'));
});

test.serial('stop ends the process and removes everything but the storage', async t => {
  const storeDir = await folder(t);
  const temporary = await privateTmp(t);
  const server = await startNats({ storeDir });
  await Promise.all([server.stop(), server.stop()]);
  t.false(isRunning(server.pid));
  t.deepEqual(await readdir(temporary), []);
});

test('a killed server started again on its port still has what it acknowledged', async t => {
  const storeDir = await folder(t);
  const first = await startNats({ storeDir });
  const connection = await connect({ servers: first.url, reconnectTimeWait: 50, maxReconnectAttempts: -1 });
  t.teardown(() => connection.close());
  const manager = await jetstreamManager(connection);
  await manager.streams.add({ name: 'S', subjects: ['s.>'] });
  const { seq } = await jetstream(connection).publish('s.1', 'kept');
  await first.kill();
  const second = await startNats({ storeDir, port: first.port });
  t.teardown(() => second.stop());
  t.is(second.url, first.url);
  const read = (): Promise<string | undefined> => manager.streams.getMessage('S', { seq }).then(m => m?.string(), () => undefined);
  t.true(await eventually(async () => await read() === 'kept'));
});

test.serial('a server that cannot start says why, and leaves nothing', async t => {
  const storeDir = await folder(t);
  const temporary = await privateTmp(t);
  const error = await t.throwsAsync(startNats({ storeDir, extraConfig: 'nonsense: {' }));
  t.regex(error!.message, /did not start[^]*Parse error/);
  t.deepEqual(await readdir(temporary), []);
});

test('the server ends when the process that started it is killed', async t => {
  const storeDir = await folder(t);
  const script = join(storeDir, 'start.ts');
  const module = new URL('../../deploy/nats/server.ts', import.meta.url).href;
  await writeFile(script, `import { startNats } from ${JSON.stringify(module)};
    const server = await startNats({ storeDir: ${JSON.stringify(join(storeDir, 'js'))} });
    console.log(server.pid); setInterval(() => {}, 1000);`);
  const parent = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(parent.stdout, 'data') as [Buffer];
  const pid = Number(line.toString());
  t.true(isRunning(pid));
  parent.kill('SIGKILL');
  t.true(await eventually(() => !isRunning(pid)));
});

test('a binary without its run bit gets it', async t => {
  const path = join(await folder(t), 'nats-server');
  await copyFile('/bin/sh', path);
  await chmod(path, 0o644);
  t.deepEqual(runnable(path), { path, from: 'package' });
  t.is((await stat(path)).mode & 0o111, 0o111);
});

test.serial('without a binary the error says what to do', t => {
  const { PATH } = process.env;
  const platform = Object.getOwnPropertyDescriptor(process, 'platform')!;
  t.teardown(() => { process.env.PATH = PATH; Object.defineProperty(process, 'platform', platform); });
  process.env.PATH = '/nowhere';
  Object.defineProperty(process, 'platform', { ...platform, value: 'plan9' });
  const error = t.throws(findNatsServer, { instanceOf: NoNatsServerError });
  t.regex(error!.message, /NATS_URL/);
  t.regex(error!.message, /nats-server\/releases/);
});

test('a cluster of three keeps an acknowledged message when one of them is killed and comes back', async t => {
  const cluster = await startCluster({ storeDir: await folder(t) });
  t.teardown(() => cluster.stop());
  t.deepEqual(cluster.servers.map(({ syncIntervalMs }) => syncIntervalMs), [0, 0, 0], 'nothing is acknowledged before it is on disk');
  const connection = await connect({ servers: cluster.urls, reconnectTimeWait: 50, maxReconnectAttempts: -1 });
  t.teardown(() => connection.close());
  const manager = await jetstreamManager(connection);
  await manager.streams.add({ name: 'S', subjects: ['s.>'], num_replicas: 3 });
  await jetstream(connection).publish('s.1', 'kept');
  const { cluster: group } = await manager.streams.info('S');
  const leader = cluster.servers.findIndex((_, n) => `nats-${n}` === group?.leader);
  await cluster.kill(leader);
  await cluster.ready();
  const read = (): Promise<string | undefined> => manager.streams.getMessage('S', { last_by_subj: 's.1' }).then(m => m?.string(), () => undefined);
  t.true(await eventually(async () => await read() === 'kept', 15_000));
  await cluster.restart(leader);
  const current = await eventually(async () => {
    const info = await manager.streams.info('S').catch(() => undefined);
    return info?.cluster?.replicas?.filter(peer => peer.current).length === 2;
  }, 15_000);
  t.true(current);
});
