/**
 * The archive against a real S3-compatible server, Versity's gateway over a folder: `npm run test:archive`. It is found
 * on the PATH, in Go's folder of binaries, or by VERSITYGW; `.ci/run` installs it.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import type { ArchiveAddress } from '../../deploy/archive/open.ts';
import { openArchive } from '../../deploy/archive/open.ts';
import { verifyStream } from '../../runtime/archive/verify.ts';
import { eventually, startBroker } from '../runtime/broker.ts';
import { keepsWhatItIsGiven } from './store.ts';
import { archiveIn, small, survivesKills, tellMany, temporary } from './world.ts';

const keys = { accessKeyId: 'plumb', secretAccessKey: 'plumb-of-a-test' };

function gateway(): string {
  const candidates = [process.env['VERSITYGW'], ...(process.env['PATH'] ?? '').split(delimiter).map(folder => join(folder, 'versitygw')), join(homedir(), 'go/bin/versitygw')];
  const found = candidates.find(path => path !== undefined && path !== '' && existsSync(path));
  if (found === undefined) throw new Error('no S3 server: go install github.com/versity/versitygw/cmd/versitygw@v1.8.0');
  return found;
}

function freePort(): Promise<number> {
  return new Promise(resolve => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

interface Running { endpoint: string; stop(): Promise<void> }

async function serve(t: ExecutionContext, folder: string, port: number): Promise<Running> {
  const child = spawn(gateway(), ['--access', keys.accessKeyId, '--secret', keys.secretAccessKey, '--port', `127.0.0.1:${port}`, '--quiet', 'posix', join(folder, 'data')], { stdio: 'ignore' });
  const ended = new Promise<void>(resolve => child.once('exit', () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  t.teardown(stop);
  const endpoint = `http://127.0.0.1:${port}`;
  await eventually('the S3 server answers', () => fetch(endpoint, { signal: AbortSignal.timeout(2_000) }).then(() => true, () => false), 30_000);
  return { endpoint, stop };
}

interface World { address(bucket: string): Promise<ArchiveAddress>; stop(): Promise<void>; again(): Promise<void> }

async function s3(t: ExecutionContext): Promise<World> {
  const folder = await temporary(t);
  await mkdir(join(folder, 'data'));
  const port = await freePort();
  let running = await serve(t, folder, port);
  const client = new S3Client({ endpoint: running.endpoint, region: 'us-east-1', forcePathStyle: true, credentials: keys });
  t.teardown(() => client.destroy());
  return {
    async address(bucket) {
      await client.send(new CreateBucketCommand({ Bucket: bucket }));
      return { store: `s3://${bucket}/journals/of-plumb`, endpoint: running.endpoint, region: 'us-east-1', pathStyle: true, ...keys };
    },
    stop: () => running.stop(),
    again: async () => { running = await serve(t, folder, port); },
  };
}

test.serial('S3 keeps what it is given, and never writes over it', async t => {
  const world = await s3(t);
  const store = await openArchive(await world.address('kept'));
  await keepsWhatItIsGiven(t, store);
  store.close();
});

test.serial('a folder of more than a page of objects is listed whole, in order', async t => {
  const world = await s3(t);
  const store = await openArchive(await world.address('pages'));
  for (let n = 0; n < 1_100; n += 50) await Promise.all(Array.from({ length: 50 }, (_, i) => store.putNew(`SKU/2026-01-01/${String(n + i).padStart(20, '0')}.json`, Buffer.from('{}'))));
  const { objects } = await store.list('SKU/2026-01-01');
  t.deepEqual(objects, Array.from({ length: 1_100 }, (_, n) => `SKU/2026-01-01/${String(n).padStart(20, '0')}.json`));
  store.close();
});

test.serial('archivers that are killed before, during and after uploads leave every message once, in the same bytes', async t => {
  t.timeout(300_000);
  const broker = await startBroker(t);
  const world = await s3(t);
  await survivesKills(t, broker, { archive: await world.address('killed'), undisturbed: await world.address('quiet'), uploads: 18, messages: 250 });
});

test.serial('a server that dies during uploads and comes back is gone on with', async t => {
  t.timeout(120_000);
  const broker = await startBroker(t);
  const world = await s3(t);
  const archive = await world.address('dying');
  await tellMany(broker, 300);
  await new Promise(resolve => setTimeout(resolve, 3_500));
  const store = await openArchive(archive);
  let over = false;
  const running = archiveIn({ nats: broker.server.url, archive, ...small, maxBytes: 200, through: 300 }).finally(() => { over = true; });
  await eventually('a segment is archived', async () => over || (await store.list('SKU')).folders.length > 0, 30_000);
  let deaths = 0;
  for (; deaths < 20 && !over; deaths++) {
    await world.stop();
    await world.again();
    await new Promise(resolve => setTimeout(resolve, 30 + deaths * 7));
  }
  const { code, stderr } = await running;
  t.is(code, 0, stderr);
  t.true(deaths >= 3, `${deaths} deaths`);
  const { problems, messages, missing } = await verifyStream(store, 'SKU');
  t.deepEqual([problems, messages, missing], [[], 300, []]);
  store.close();
});

test.serial('wrong keys, a bucket that is not there and no server are said as what they are', async t => {
  const world = await s3(t);
  const address = await world.address('there');
  const refused = async (changed: Partial<ArchiveAddress>): Promise<string> => {
    const store = await openArchive({ ...address, ...changed });
    const error = await t.throwsAsync(store.list(''));
    store.close();
    return error!.name;
  };
  t.is(await refused({ secretAccessKey: 'wrong' }), 'SignatureDoesNotMatch');
  t.is(await refused({ store: 's3://not-there/x' }), 'NoSuchBucket');
  await world.stop();
  t.is(await refused({}), 'Error');
});
