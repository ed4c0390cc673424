/** Watches a real server on which a script answers as nodes would. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { connect } from 'nats';
import type { NatsConnection } from 'nats';
import { StatusWatch, isQuiet } from '../../deploy/demo/status.ts';
import { startNats } from '../../deploy/nats/server.ts';

async function watched(t: ExecutionContext): Promise<{ nc: NatsConnection; watch: StatusWatch; answer(subject: string, body: () => unknown): () => void }> {
  const storeDir = await mkdtemp(join(tmpdir(), 'plumb-test-'));
  const server = await startNats({ storeDir });
  const nc = await connect({ servers: server.url });
  t.teardown(async () => {
    await nc.close();
    await server.stop();
    await rm(storeDir, { recursive: true, force: true });
  });
  return {
    nc, watch: new StatusWatch(nc, { nodes: ['n1', 'n2'], accounts: ['amazon'] }),
    answer: (subject, body) => {
      const subscription = nc.subscribe(subject, { callback: (_, message) => { const said = body(); if (said !== undefined) message.respond(JSON.stringify(said)); } });
      return () => subscription.unsubscribe();
    },
  };
}

const node = (fields: object): object => ({ node: 'n1', pid: 1, startedAt: 0, partitions: [1], accounts: [], events: 0, turns: 0, recordWrites: 0, rssMb: 1, ...fields });
const channel = (fields: object): object => ({ account: 'amazon', listings: 2, proven: 2, pending: 0, drifted: 0, exposure: { moving: 0 }, writes: 0, ...fields });

test('a node that nobody hears of is not alive, one that answers is', async t => {
  const { watch, answer } = await watched(t);
  answer('inspect.node.n1', () => node({}));
  const { nodes } = await watch.round();
  t.deepEqual(nodes.map(({ id, alive }) => [id, alive]), [['n1', true], ['n2', false]]);
});

test('a node that dies keeps its last figures and is gone at once; a slow one is given time', async t => {
  const { watch, answer } = await watched(t);
  let slow = false;
  const die = answer('inspect.node.n1', () => slow ? undefined : node({ rssMb: 77 }));
  await watch.round();
  slow = true;
  t.like((await watch.round(100)).nodes[0], { alive: true, answer: { rssMb: 77 } });
  die();
  t.like((await watch.round(100)).nodes[0], { alive: false, answer: { rssMb: 77 } });
});

test('events add up over a restart, even when the new count is past the old one', async t => {
  const { watch, answer } = await watched(t);
  let now = node({ pid: 1, events: 100 });
  answer('inspect.node.n1', () => now);
  await watch.round();
  now = node({ pid: 1, events: 130 });
  t.is((await watch.round()).events, 130);
  now = node({ pid: 2, events: 140 });
  t.is((await watch.round()).events, 270);
});

test('writes add up over a change of owner that begins again, and over one that goes on', async t => {
  const { watch, answer } = await watched(t);
  const writes = async (count: number): Promise<number> => {
    const stop = answer('inspect.channel.amazon', () => channel({ writes: count }));
    const { channels } = await watch.round();
    stop();
    return channels[0]!.totals.writes;
  };
  t.is(await writes(50), 50);
  t.is(await writes(60), 60);
  t.is(await writes(5), 65);
});

test('quiet is when every account answers now, with nothing pending, drifted or unproven', async t => {
  const { watch, answer } = await watched(t);
  const quietWith = async (fields: object): Promise<boolean> => {
    const stop = answer('inspect.channel.amazon', () => channel(fields));
    const status = await watch.round();
    stop();
    return isQuiet(status);
  };
  t.true(await quietWith({}));
  t.false(await quietWith({ pending: 1 }));
  t.false(await quietWith({ drifted: 1 }));
  t.false(await quietWith({ proven: 1 }));
  t.false(await quietWith({ exposure: { moving: 1 } }), 'a listing in escrow waits for what follows');
  t.false(isQuiet(await watch.round()), 'an owner that died is not quiet');
});

test('drift and dead letters are heard as they come, and what is not JSON harms nobody', async t => {
  const { nc, watch } = await watched(t);
  const heard: string[] = [];
  watch.onDrift = ({ id }) => heard.push(id);
  watch.onDead = ({ subject }) => heard.push(subject);
  nc.publish('drift.high.ebay.A', '{"id":"d1","state":"open"}');
  nc.publish('drift.high.ebay.A', 'not json');
  nc.publish('dead.malformed.erp.1', '{"reason":"x"}');
  await nc.flush();
  await watch.round(100);
  t.deepEqual(heard, ['d1', 'dead.malformed.erp.1']);
  t.is(watch.current.drifts.length, 1);
});

test('owners are asked at this instant, whatever the last round said', async t => {
  const { watch, answer } = await watched(t);
  answer('inspect.node.n1', () => node({ partitions: [1, 2, 3], accounts: ['amazon'] }));
  answer('inspect.node.n2', () => node({ node: 'n2', partitions: [4] }));
  t.deepEqual(await watch.owners(), { partitions: new Set([1, 2, 3, 4]), accounts: new Set(['amazon']), nodes: ['n1', 'n2'], smallest: 1 });
});
