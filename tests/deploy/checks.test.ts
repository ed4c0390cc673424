/** What a node demands of its broker before it works with it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { connect } from 'nats';
import type { NatsConnection } from 'nats';
import { pino } from 'pino';
import { BrokerError, checkBroker, checkClock } from '../../deploy/checks.ts';
import { lazyFlush } from '../../deploy/durability.ts';
import { startNats } from '../../deploy/nats/server.ts';
import { StreamMismatchError, ensureStreams } from '../../deploy/streams.ts';

function logged() {
  const entries: Record<string, unknown>[] = [];
  return { entries, log: pino({ level: 'info' }, { write: line => { entries.push(JSON.parse(line) as Record<string, unknown>); } }) };
}

async function broker(t: ExecutionContext, extra: (storeDir: string) => string = () => '') {
  const storeDir = await mkdtemp(join(tmpdir(), 'plumb-test-'));
  t.teardown(() => rm(storeDir, { recursive: true, force: true }));
  const server = await startNats({ storeDir, extraConfig: extra(storeDir) });
  t.teardown(() => server.stop());
  const nc = await connect({ servers: server.url });
  t.teardown(() => nc.close());
  return { nc, monitoring: [server.monitoringUrl] };
}

/** A connection to a server that says this of itself. */
const saying = (info: object): NatsConnection => ({ info: { version: '2.11.6', jetstream: true, max_payload: 1_048_576, ...info }, getServer: () => 'there' }) as never;
const lenient = { monitoring: [], requireFlush: false };

test('how often a server flushes is told at start', async t => {
  const { nc, monitoring } = await broker(t);
  const { entries, log } = logged();
  await checkBroker(nc, { monitoring, requireFlush: false }, log);
  t.deepEqual(entries.map(({ msg, flush }) => ({ msg, flush })), [{ msg: 'broker checked', flush: [{ server: 'plumb', syncMs: 120_000 }] }]);
});

test('where it is required, a server that acknowledges before it flushes is refused, and one that does not is not', async t => {
  const lazy = await broker(t);
  const demand = { monitoring: lazy.monitoring, requireFlush: true };
  const error = await t.throwsAsync(checkBroker(lazy.nc, demand, logged().log), { instanceOf: BrokerError });
  t.regex(error!.message, /^plumb flushes every 120000 ms: .* "sync_interval: always"/);
  await t.throwsAsync(checkBroker(lazy.nc, { monitoring: [], requireFlush: true }, logged().log), { message: /nats.monitoring names no server/ });

  const strict = await broker(t, storeDir => `jetstream { store_dir: ${JSON.stringify(storeDir)}, sync_interval: always }`);
  const { entries, log } = logged();
  await checkBroker(strict.nc, { monitoring: strict.monitoring, requireFlush: true }, log);
  t.deepEqual(entries[0]!.flush, [{ server: 'plumb', syncMs: 0 }]);
});

for (const [what, info, message] of [
  ['older than 2.11', { version: '2.10.27' }, 'nats-server 2.10.27 is too old: 2.11 or newer is needed'],
  ['without JetStream', { jetstream: false }, /^nats-server at there has no JetStream/],
  ['that takes small messages only', { max_payload: 65_536 }, 'nats-server takes messages of 65536 bytes at most: max_payload must be 1000000 or more'],
] as const) {
  test(`a server ${what} is refused`, async t => {
    await t.throwsAsync(checkBroker(saying(info), lenient, logged().log), { instanceOf: BrokerError, message });
  });
}

test('versions are compared as numbers', async t => {
  for (const version of ['2.11.0', '2.12.0-RC.1', '2.100.0', '3.0.1']) await t.notThrowsAsync(checkBroker(saying({ version }), lenient, logged().log));
  for (const version of ['2.9.25', '1.99.0', '']) await t.throwsAsync(checkBroker(saying({ version }), lenient, logged().log), { instanceOf: BrokerError });
});

test('an address of monitoring that is none is refused by name', async t => {
  const other = createServer((_, response) => response.end('hello')).listen(0, '127.0.0.1');
  t.teardown(() => other.close());
  await new Promise(resolve => other.once('listening', resolve));
  const origin = `http://127.0.0.1:${(other.address() as { port: number }).port}`;
  const error = await t.throwsAsync(checkBroker(saying({}), { monitoring: [origin], requireFlush: false }, logged().log), { instanceOf: BrokerError });
  t.true(error!.message.startsWith(`nats.monitoring: ${origin} does not answer as a nats-server does`));
});

test('a node starts while one of three servers is down, and not when most are', async t => {
  const { monitoring: [up] } = await broker(t, storeDir => `jetstream { store_dir: ${JSON.stringify(storeDir)}, sync_interval: always }`);
  const down = 'http://127.0.0.1:1';
  const { entries, log } = logged();
  await checkBroker(saying({}), { monitoring: [up!, down, up!], requireFlush: true }, log);
  t.deepEqual(entries.map(({ level, msg }) => [level, (msg as string).split(' (')[0]]), [[40, `nats.monitoring: ${down} does not answer as a nats-server does`], [30, 'broker checked']]);
  await t.throwsAsync(checkBroker(saying({}), { monitoring: [down, up!, down], requireFlush: true }, log), { instanceOf: BrokerError, message: new RegExp(`^nats.monitoring: ${down} does not answer`) });
});

test('escrow is refused on a server that acknowledges before it flushes, and what is left to scarcity mirrors there', t => {
  const flushes = [{ server: 'a', syncMs: 0 }, { server: 'b', syncMs: 120_000 }];
  const judged = (mode: 'mirror' | 'escrow' | 'auto', of: typeof flushes, allowLazyFlush = false) => {
    const { entries, log } = logged();
    return { why: lazyFlush({ mode, allowLazyFlush }, of, log), said: entries.map(({ level, msg }) => [level, (msg as string).replace(/:.*/, '')]) };
  };
  t.throws(() => judged('escrow', flushes), { instanceOf: BrokerError, message: /^exposure\.mode is escrow, and b flushes every 120000 ms: .* set "sync_interval: always" .*, or exposure\.allowLazyFlush: true/ });
  t.deepEqual(judged('auto', flushes), { why: 'the broker acknowledges before it flushes', said: [[40, 'b flushes every 120000 ms']] });
  for (const mode of ['escrow', 'auto'] as const) {
    t.deepEqual(judged(mode, flushes, true), { why: undefined, said: [[40, 'b flushes every 120000 ms']] });
    t.deepEqual(judged(mode, flushes.slice(0, 1)), { why: undefined, said: [] });
    t.deepEqual(judged(mode, []).said, [[40, 'escrow rests on servers that flush before they acknowledge, and how these do is not known']]);
  }
  t.deepEqual(judged('mirror', flushes), { why: undefined, said: [] });
});

test("a clock that differs from the broker's is told, in which direction and by how much", t => {
  const { entries, log } = logged();
  for (const skewMs of [1_500, -2_000, 300_000, -3_000]) checkClock(skewMs, log);
  t.deepEqual(entries.map(({ level, msg }) => [level, (msg as string).split(':')[0]]), [
    [40, "this machine's clock is 300000 ms ahead of the broker's"],
    [40, "this machine's clock is 3000 ms behind the broker's"],
  ]);
});

test('a stream whose options are not as declared is refused by stream, option and both values', async t => {
  const { nc } = await broker(t);
  await (await jetstreamManager(nc)).streams.add({ name: 'SKU', subjects: ['sku.>'], max_age: 3_600_000_000_000, duplicate_window: 120_000_000_000, allow_direct: true });
  const error = await t.throwsAsync(ensureStreams(nc), { instanceOf: StreamMismatchError });
  t.true(error!.message.startsWith('stream SKU: max_age is 3600000000000, wanted 0.'));
});
