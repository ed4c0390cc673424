/** Reads streams of a real server, and breaks what it reads with. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { JetStreamManager } from '@nats-io/jetstream';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { connect, headers } from 'nats';
import type { NatsConnection } from 'nats';
import { startNats } from '../../deploy/nats/server.ts';
import type { NatsServer } from '../../deploy/nats/server.ts';
import { Reader } from '../../runtime/reader.ts';
import type { ReaderOptions } from '../../runtime/reader.ts';
import { StreamMessage } from '../../runtime/stream-message.ts';

interface World {
  server: NatsServer;
  storeDir: string;
  nc: NatsConnection;
  jsm: JetStreamManager;
  /** Publishes numbers to S, in order. */
  put(from: number, to: number): Promise<void>;
  read(options: Partial<ReaderOptions> & Pick<ReaderOptions, 'onMessage'>): Reader;
}

async function world(t: ExecutionContext): Promise<World> {
  const storeDir = await mkdtemp(join(tmpdir(), 'plumb-test-'));
  const server = await startNats({ storeDir });
  const nc = await connect({ servers: server.url, inboxPrefix: '_INBOX_test', reconnectTimeWait: 50, maxReconnectAttempts: -1 });
  const jsm = await jetstreamManager(nc);
  await jsm.streams.add({ name: 'S', subjects: ['s.>'], max_msgs_per_subject: -1 });
  const readers: Reader[] = [];
  t.teardown(async () => {
    await Promise.all(readers.map(reader => reader.stop()));
    await nc.close();
    await server.stop();
    await rm(storeDir, { recursive: true, force: true });
  });
  const js = jetstream(nc);
  return {
    server, storeDir, nc, jsm,
    put: async (from, to) => { for (let n = from; n <= to; n++) await js.publish(`s.${n % 3}`, String(n)); },
    read: options => {
      const reader = new Reader(nc, { stream: 'S', filter: 's.>', from: 1, name: 'test', idleHeartbeatMs: 200, ...options });
      readers.push(reader);
      return reader;
    },
  };
}

/** Collects what is read, and resolves when so many were. */
function collect(count: number): { got: number[]; all: Promise<void>; take(message: StreamMessage): void } {
  const got: number[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  return { got, all: promise, take: message => { if (got.push(Number(message.string())) === count) resolve(); } };
}

const upTo = (n: number, from = 1): number[] => Array.from({ length: n - from + 1 }, (_, i) => from + i);
const consumers = async ({ jsm }: World): Promise<string[]> => (await Array.fromAsync(jsm.consumers.list('S'))).map(info => info.name);

test('what a message says of itself is what the client says', async t => {
  const w = await world(t);
  const meta = headers();
  meta.set('Nats-Msg-Id', 'ü: 1');
  meta.set('Other', 'two');
  await jetstream(w.nc).publish('s.a', '{"n":1}', { headers: meta });
  await w.put(2, 2);
  const { promise, resolve } = Promise.withResolvers<[StreamMessage, StreamMessage]>();
  const seen: StreamMessage[] = [];
  w.read({ onMessage: message => { if (seen.push(message) === 2) resolve(seen as never); } });
  const [first, second] = await promise;
  const same = await jetstream(w.nc).consumers.get('S').then(consumer => consumer.next());
  t.deepEqual(
    [first.subject, first.seq, first.at, first.delivery, first.pending, first.json(), first.header('Nats-Msg-Id'), first.header('Other'), first.header('Oth'), first.header('two')],
    ['s.a', same!.seq, Math.floor(same!.time.getTime()), 1, 1, { n: 1 }, same!.headers!.get('Nats-Msg-Id'), 'two', undefined, undefined],
  );
  t.deepEqual([second.seq, second.pending, second.header('Other'), second.string()], [2, 0, undefined, '2']);
});

test('a longer reply, with a domain, is taken apart alike', t => {
  const of = (reply: string): StreamMessage => new StreamMessage({ reply, subject: 's', data: new Uint8Array() } as never);
  const { seq, delivery, at, pending } = of('$JS.ACK.hub.ACC.S.c.1.70.7.1700000000123456789.5.rAnd');
  t.deepEqual({ seq, delivery, at, pending }, { seq: 70, delivery: 7, at: 1_700_000_000_123, pending: 5 });
});

test('a message that is held holds back the next ones, and nothing is lost or doubled when the consumer breaks meanwhile', async t => {
  const w = await world(t);
  await w.put(1, 40);
  const { got, all, take } = collect(60);
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  w.read({ onMessage: message => {
    take(message);
    return message.seq === 20 ? held : undefined;
  } });
  while (got.length < 20) await new Promise(resolve => setImmediate(resolve));
  const [name] = await consumers(w);
  await w.jsm.consumers.delete('S', name!);
  await w.put(41, 60);
  // Made anew by the heartbeats that are missing, while the message is still held.
  while (!(await consumers(w)).some(each => each !== name)) await new Promise(resolve => setTimeout(resolve, 20));
  t.deepEqual(got, upTo(20));
  release();
  await all;
  t.deepEqual(got, upTo(60));
});

test('a message that is thrown on is handed out again, before any later one', async t => {
  const w = await world(t);
  await w.put(1, 30);
  const { got, all, take } = collect(31);
  const errors: string[] = [];
  let thrown = 0;
  w.read({
    onError: error => errors.push(error.message),
    onMessage: message => {
      take(message);
      if (message.seq === 10 && thrown++ === 0) throw new Error('not now');
    },
  });
  await all;
  t.deepEqual(got, [...upTo(10), ...upTo(30, 10)]);
  t.deepEqual(errors, ['not now']);
});

test('a broker that takes long to make a consumer is asked for the same one again', async t => {
  const w = await world(t);
  await w.put(1, 20);
  // Everything that the server says comes late: later than the first wait, and than the heartbeats that are waited for.
  const lateMs = 400;
  const proxy = createServer(near => {
    const far = createConnection(w.server.port, '127.0.0.1');
    near.pipe(far);
    far.on('data', bytes => setTimeout(() => near.write(bytes), lateMs));
    for (const [one, other] of [[near, far], [far, near]] as const) one.on('error', () => {}).on('close', () => other.destroy());
  });
  await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve));
  const nc = await connect({ port: (proxy.address() as AddressInfo).port, inboxPrefix: '_INBOX_late' });
  t.teardown(async () => { await nc.close(); proxy.close(); });
  const made: string[] = [];
  w.nc.subscribe('$JS.API.CONSUMER.CREATE.S.>', { callback: (_, message) => { made.push(message.subject); } });
  await w.nc.flush();
  const { got, all, take } = collect(20);
  const errors: string[] = [];
  const reader = new Reader(nc, { stream: 'S', filter: 's.>', from: 1, name: 'late', idleHeartbeatMs: 100, askEveryMs: 150, onMessage: take, onError: error => errors.push(error.message) });
  t.teardown(() => reader.stop());
  await all;
  t.deepEqual(got, upTo(20));
  t.deepEqual(errors, []);
  t.true(made.length > 1, 'asked again');
  t.is(new Set(made).size, 1, 'for one consumer');
});

test('a consumer that lives and tells nothing of what its stream has is given up for another', async t => {
  const w = await world(t);
  await w.put(1, 10);
  const early = collect(10);
  const { got, all, take } = collect(20);
  const errors: string[] = [];
  w.read({ idleHeartbeatMs: 100, lookEveryMs: 300, onMessage: message => { take(message); early.take(message); }, onError: error => errors.push(error.message) });
  await early.all;
  const [consumer] = await w.jsm.consumers.list('S').next();
  // A paused one sends its heartbeats, as one on a server that fell behind.
  await w.jsm.consumers.pause('S', consumer!.name, new Date(Date.now() + 3_600_000));
  await w.put(11, 20);
  await all;
  t.deepEqual(got, upTo(20));
  t.deepEqual(errors, ['message 20 of S does not come, and 10 was the last one read']);
});

test('reading goes on, in order, when the server was killed and came back', async t => {
  const w = await world(t);
  await w.put(1, 10);
  const early = collect(10);
  const { got, all, take } = collect(30);
  w.read({ idleHeartbeatMs: 60_000, onMessage: message => { take(message); early.take(message); } });
  await early.all;
  await w.server.kill();
  const again = await startNats({ storeDir: w.storeDir, port: w.server.port });
  t.teardown(() => again.stop());
  while (w.nc.isClosed() || await w.nc.flush().then(() => false, () => true)) await new Promise(resolve => setTimeout(resolve, 20));
  await w.put(11, 30);
  // Heartbeats are not waited for: none would be missed before the test ends.
  await all;
  t.deepEqual(got, upTo(30));
});

test('the newest of each subject is read, then what follows; the end of what was there is told once', async t => {
  const w = await world(t);
  await w.put(1, 10);
  const { got, all, take } = collect(5);
  const caughtUp: number[] = [];
  w.read({ from: 'last-per-subject', onMessage: take, onCaughtUp: () => caughtUp.push(got.length) });
  while (caughtUp.length === 0) await new Promise(resolve => setTimeout(resolve, 5));
  await w.put(11, 12);
  await all;
  t.deepEqual(got, [8, 9, 10, 11, 12]);
  t.deepEqual(caughtUp, [3]);
});

test('the end of an empty stream is told', async t => {
  const w = await world(t);
  const { promise, resolve } = Promise.withResolvers<void>();
  w.read({ from: 'last-per-subject', onMessage: () => t.fail(), onCaughtUp: resolve });
  await promise;
  t.pass();
});

test('more than the broker sends unasked is read to its end', async t => {
  const w = await world(t);
  const js = jetstream(w.nc);
  const body = new Uint8Array(64 * 1024);
  const count = 200;
  for (let n = 0; n < count; n++) await js.publish('s.big', body);
  const { promise, resolve } = Promise.withResolvers<void>();
  let next = 1;
  w.read({ onMessage: async message => {
    t.is(message.seq, next++);
    await new Promise(each => setImmediate(each));
    if (message.seq === count) resolve();
  } });
  await promise;
});

test('nothing is handed out once the reader is stopped, and its consumer is gone', async t => {
  const w = await world(t);
  await w.put(1, 20);
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  const { promise: began, resolve: begin } = Promise.withResolvers<void>();
  const seen: number[] = [];
  const reader = w.read({ onMessage: message => {
    seen.push(message.seq);
    begin();
    return held;
  } });
  await began;
  await reader.stop();
  release();
  while ((await consumers(w)).length > 0) await new Promise(resolve => setTimeout(resolve, 10));
  t.deepEqual(seen, [1]);
});
