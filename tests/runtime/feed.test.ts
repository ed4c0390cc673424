/** The journal of one node on a real broker: several partitions, told by one reader or by one of their own. */
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { Feed } from '../../runtime/feed.ts';
import type { Seat } from '../../runtime/feed.ts';
import { Pace } from '../../runtime/pace.ts';
import { partitionOf } from '../../runtime/subjects.ts';
import { eventually, startBroker } from './broker.ts';
import type { Broker } from './broker.ts';

const skuOf = (partition: number): string => {
  for (let n = 0; ; n++) if (partitionOf(`sku ${n}`) === partition) return `sku ${n}`;
};
const skus = Array.from({ length: 8 }, (_, partition) => skuOf(partition));

async function world(t: ExecutionContext, pace = new Pace()): Promise<Broker & { feed: Feed; put(...partitions: number[]): Promise<number[]>; consumers(): Promise<string[]> }> {
  const broker = await startBroker(t);
  const feed = new Feed({ ...broker, pace, name: 'test' });
  t.teardown(() => feed.stop());
  return {
    ...broker, feed,
    /** One message each. @returns their sequences */
    put: async (...partitions) => {
      const seqs: number[] = [];
      for (const partition of partitions) seqs.push(await broker.tell(skus[partition]!, { type: 'x' }));
      return seqs;
    },
    consumers: async () => (await Array.fromAsync(broker.jsm.consumers.list('SKU'))).map(({ name }) => name.replace(/-[^-]*$/, '')).sort(),
  };
}

/** Joins, and keeps what it is told. */
async function sit(feed: Feed, partition: number, from: number, hold?: (seq: number) => Promise<void> | undefined): Promise<{ told: number[]; seat: Seat }> {
  const told: number[] = [];
  const seat = await feed.join(partition, from, ({ seq }) => {
    told.push(seq);
    return hold?.(seq);
  });
  return { told, seat };
}

test('a partition is told of its own messages alone, in order and each once, however far back it begins', async t => {
  const { feed, put, consumers } = await world(t);
  await put(1, 2, 1, 3, 2, 1);
  const beside = await sit(feed, 1, 7);
  const behind = await sit(feed, 2, 3);
  const fromTheStart = await sit(feed, 3, 1);
  await put(1, 2, 3, 4);
  await eventually('all are told', () => beside.told.length === 1 && behind.told.length === 2 && fromTheStart.told.length === 2);
  t.deepEqual([beside.told, behind.told, fromTheStart.told], [[7], [5, 8], [4, 9]]);
  await eventually('one reader is left', async () => (await consumers()).join() === 'feed-test');
});

test('a partition that joins far behind a feed that runs misses nothing between its own reader and the feed', async t => {
  const { feed, put } = await world(t);
  const first = await sit(feed, 1, 1);
  const all = await put(...Array.from({ length: 120 }, (_, n) => 1 + (n % 3)));
  await eventually('the feed is past it', () => first.seat.toldTo >= all.at(-1)!);
  // More comes while they catch up.
  const joining = Promise.all([sit(feed, 2, 1), sit(feed, 3, 50)]);
  all.push(...await put(...Array.from({ length: 300 }, (_, n) => 1 + (n % 3))));
  const [second, third] = await joining;
  await eventually('all are told', () => second.told.at(-1) === all.at(-2) && third.told.at(-1) === all.at(-1));
  const of = (partition: number): number[] => all.filter((_, i) => i % 3 === partition - 1);
  t.deepEqual(first.told, of(1));
  t.deepEqual(second.told, of(2));
  t.deepEqual(third.told, of(3).filter(seq => seq >= 50));
});

test('a partition that holds back is told of nothing more until it is ready, and of nothing less then; others go on', async t => {
  const { feed, put, consumers } = await world(t);
  const { promise, resolve } = Promise.withResolvers<void>();
  const slow = await sit(feed, 1, 1, seq => (seq === 3 ? promise : undefined));
  const quick = await sit(feed, 2, 1);
  await put(1, 2, 1, 1, 2, 1, 2);
  await eventually('the others are told', () => quick.told.length === 3);
  t.deepEqual([slow.told, slow.seat.toldTo], [[1, 3], 3]);
  resolve();
  await eventually('it has caught up', () => slow.told.length === 4);
  await put(1, 2);
  await eventually('it is told again', () => slow.told.length === 5 && quick.told.length === 4);
  t.deepEqual([slow.told, quick.told], [[1, 3, 4, 6, 8], [2, 5, 7, 9]]);
  await eventually('by the feed', async () => (await consumers()).join() === 'feed-test');
});

test('nothing is read ahead while the node has enough to do', async t => {
  const pace = new Pace({ turns: 1, ahead: 4 });
  const { feed, put } = await world(t, pace);
  const { told } = await sit(feed, 1, 1, () => void pace.read(1));
  await sit(feed, 2, 1, () => void pace.read(1));
  await put(1, 2, 1, 2, 1, 2, 1);
  await eventually('some are read', () => told.length === 2);
  await put(3);
  t.is(pace.ahead, 4);
  pace.applied(1);
  await put(3);
  t.is(pace.ahead, 3, 'half of it must be done first');
  pace.applied(1);
  await eventually('as much is read again', () => told.length === 3 && pace.ahead === 4);
  pace.applied(2);
  await eventually('the rest is read', () => told.length === 4);
  t.deepEqual(told, [1, 3, 5, 7]);
});

test('a partition that is silent is told how far the feed has come, and one that has left is told of nothing', async t => {
  const { feed, put } = await world(t);
  const silent = await sit(feed, 1, 1);
  const gone = await sit(feed, 2, 1);
  await put(2, 3, 3);
  await eventually('the feed is past it', () => silent.seat.toldTo === 3);
  await gone.seat.leave();
  await put(2, 1);
  await eventually('the other is told', () => silent.told.length === 1);
  t.deepEqual([gone.told, gone.seat.toldTo], [[1], 1]);
  const again = await sit(feed, 2, 2);
  await eventually('the next one is told', () => again.told.length === 1);
  t.deepEqual(again.told, [4]);
});

test('a partition whose messages were removed meanwhile does not wait for them', async t => {
  const { feed, put, jsm, consumers } = await world(t);
  const first = await sit(feed, 1, 1);
  await put(2, 1, 2, 1);
  await eventually('the feed is past it', () => first.seat.toldTo === 4);
  await jsm.streams.purge('SKU', { filter: 'sku.2.>' });
  const { told } = await sit(feed, 2, 1);
  await put(2);
  await eventually('it is told', () => told.length === 1);
  t.deepEqual(told, [5]);
  await eventually('by the feed', async () => (await consumers()).join() === 'feed-test');
});

test('a feed goes on behind what it has told when its reader is lost', async t => {
  const { feed, put, jsm } = await world(t);
  const { told } = await sit(feed, 1, 1);
  await put(1, 2, 1);
  await eventually('it is told', () => told.length === 2);
  for await (const { name } of jsm.consumers.list('SKU')) await jsm.consumers.delete('SKU', name);
  await put(1, 2, 1);
  await eventually('it is told again', () => told.length === 4);
  t.deepEqual(told, [1, 3, 4, 6]);
});
