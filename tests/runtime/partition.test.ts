/** Partitions on a real broker: what they read, what they keep in memory, and who may write their checkpoint. */
import test from 'ava';
import type { ExecutionContext } from 'ava';
import type { SkuFact, Stock } from '../../actors/sku/protocol.ts';
import { skuKind } from '../../deploy/sku-kind.ts';
import type { ActorRecord } from '../../runtime/actor.ts';
import { encodeJournal, journalHeaders } from '../../runtime/codec.ts';
import { Feed } from '../../runtime/feed.ts';
import { Pace } from '../../runtime/pace.ts';
import { checkpointEveryMs, Partition } from '../../runtime/partition.ts';
import { perform } from '../../runtime/perform.ts';
import { Rounds } from '../../runtime/rounds.ts';
import { signer } from '../../runtime/signature.ts';
import { partitionOf, skuPartition, skuRecordSubject, skuSubject } from '../../runtime/subjects.ts';
import { Timers } from '../../runtime/timers.ts';
import { eventually, startBroker } from './broker.ts';
import type { Broker } from './broker.ts';

const kind = skuKind({ sign: signer(() => undefined), debounce: { quietMs: 100, hardMs: 400 }, gapMs: 200 });
const counted = (position: number, quantity: number): SkuFact => ({ type: 'stock.counted', source: 'erp', position, quantity });
const adjusted = (position: number, delta: number): SkuFact => ({ type: 'stock.adjusted', source: 'erp', position, delta });
const number = 7;
/** SKUs of that partition. */
const skus = Array.from({ length: 200_000 }, (_, n) => `sku ${n}`).filter(sku => partitionOf(sku) === number);

function open(t: ExecutionContext, broker: Broker, timers = new Timers<() => void>(wake => wake()), hold: Promise<void> = Promise.resolve()) {
  const lost: string[] = [];
  const pace = new Pace();
  const feed = new Feed({ ...broker, pace, name: 'test' });
  const partition = new Partition<Stock>(number, {
    ...broker, kind, pace, feed, rounds: new Rounds(checkpointEveryMs),
    perform: async effects => {
      await hold;
      await perform(broker.publisher, effects);
    },
    now: Date.now,
    wakeAt: (at, wake) => timers.add(at, wake),
    tell: async (key, id, fact) => { await broker.publisher.publish(skuSubject(key), encodeJournal(fact), journalHeaders({ id })); },
    onLost: reason => { lost.push(reason); },
  });
  t.teardown(() => feed.stop());
  t.teardown(() => { timers.close(); });
  return { partition, lost };
}

async function stored({ bytes }: Broker, sku: string): Promise<ActorRecord & { context: Stock }> {
  return JSON.parse(await bytes(skuRecordSubject(sku)) ?? '{"context":{}}') as ActorRecord & { context: Stock };
}

const onHand = (broker: Broker, sku: string, units: number): Promise<void> =>
  eventually(`${sku} has ${units}`, async () => (await stored(broker, sku)).context.onHand === units);

/** Subjects of the records that were read one by one, from now on. */
function reads({ nc }: Broker): string[] {
  const read: string[] = [];
  nc.subscribe('$JS.API.STREAM.MSG.GET.KV_sku', { callback: (_, message) => { read.push(message.json<{ last_by_subj: string }>().last_by_subj); } });
  return read;
}

test('a new owner goes on where the former one ended, reads no record before it is needed, and each in one read', async t => {
  const broker = await startBroker(t);
  const [a, b, c] = skus as [string, string, string];
  const first = open(t, broker);
  await first.partition.start(1);
  for (const sku of [a, b, c]) await broker.tell(sku, counted(1, 10));
  await onHand(broker, c, 10);
  await first.partition.stop();
  await broker.tell(b, adjusted(2, -1));
  await broker.tell(b, adjusted(3, -1));

  const read = reads(broker);
  const { partition } = open(t, broker);
  await partition.start(2);
  await onHand(broker, b, 8);
  await partition.stop();

  t.deepEqual(read, [skuPartition.checkpoint(number), skuRecordSubject(b)]);
  t.is(partition.hot, 1);
});

test('a timer outlives its owner: the next one tells it, though its message lies before the checkpoint', async t => {
  const broker = await startBroker(t);
  const [sku] = skus as [string];
  const asleep = new Timers<() => void>(() => {});
  const first = open(t, broker, asleep);
  await first.partition.start(1);
  await broker.tell(sku, counted(1, 10));
  await broker.tell(sku, adjusted(3, -1));
  await eventually('the gap is waited for', async () => (await stored(broker, sku)).due?.gap !== undefined);
  await first.partition.stop();
  const { seq, due } = JSON.parse((await broker.bytes(skuPartition.checkpoint(number)))!) as { seq: number; due: object };
  t.is(seq, 2);
  t.is(Object.values(due).length, 1);

  const { partition } = open(t, broker);
  await partition.start(2);
  await eventually('the gap is told', async () => (await broker.bodies('DEAD')).length === 1);
  await partition.stop();
  t.like((await broker.bodies('DEAD'))[0], { class: 'gap', sku });
  t.deepEqual((await stored(broker, sku)).due, {});
});

test('the checkpoint does not pass what is stored and not yet performed', async t => {
  const broker = await startBroker(t);
  const [slow, quick] = skus as [string, string];
  const performed = Promise.withResolvers<void>();
  const { partition } = open(t, broker, undefined, performed.promise);
  const checkpoint = async (): Promise<number> => (JSON.parse((await broker.bytes(skuPartition.checkpoint(number)))!) as { seq: number }).seq;
  await partition.start(1);
  await broker.tell(slow, counted(1, 10));
  const held = await broker.tell(slow, adjusted(3, -1));
  await eventually('the timer has come', async () => (await stored(broker, slow)).outbox?.length === 1);
  const later = await broker.tell(quick, counted(1, 10));
  await onHand(broker, quick, 10);
  // Everything that could be in it is stored by now: one that went further would never be here.
  await eventually('it is written', async () => await checkpoint() === held);
  t.is(await checkpoint(), held);
  performed.resolve();
  await eventually('it moves on', async () => await checkpoint() === later);
  await partition.stop();
});

test('a former owner cannot move the checkpoint of the one that took its partition', async t => {
  const broker = await startBroker(t);
  const [sku] = skus as [string];
  const former = open(t, broker);
  await former.partition.start(1);
  const heir = open(t, broker);
  await heir.partition.start(2);
  await broker.tell(sku, counted(1, 10));
  await eventually('the former one finds out', () => former.lost.length > 0);
  t.deepEqual(former.lost.slice(0, 1), ['epoch 2 has the checkpoint']);
  await former.partition.stop();
  await heir.partition.stop();
  t.like(JSON.parse((await broker.bytes(skuPartition.checkpoint(number)))!) as object, { epoch: 2, seq: 1 });
  t.deepEqual(heir.lost, []);
});

test('a message under a subject that is no key of the partition becomes a dead letter, and those behind it go on', async t => {
  const broker = await startBroker(t);
  const [sku] = skus as [string];
  const { partition, lost } = open(t, broker);
  await partition.start(1);
  const stray = ['=ZZ', 'of-another-partition', '_ckpt'].map(token => `sku.${number}.${token}`);
  for (const subject of stray) await broker.publisher.publish(subject, encodeJournal(counted(1, 1)));
  await broker.tell(sku, counted(1, 10));
  await onHand(broker, sku, 10);
  await eventually('all are told', async () => (await broker.bodies('DEAD')).length === 3);
  await partition.stop();
  const told = await broker.bodies('DEAD');
  t.deepEqual(told.map(({ class: kindOf, subject, message }) => ({ kindOf, subject, message })).sort((a, b) => (a.subject! < b.subject! ? -1 : 1)), stray.toSorted().map(subject => (
    { kindOf: 'stray', subject, message: `${subject} names no SKU of partition ${number}` })));
  t.deepEqual(lost, []);
  t.like(JSON.parse((await broker.bytes(skuPartition.checkpoint(number)))!) as object, { seq: 4 });
});

test('actors beyond the limit are put away, and come back whole', async t => {
  const broker = await startBroker(t);
  const { partition } = open(t, broker);
  await partition.start(1);
  const many = skus.slice(0, 2_000);
  await Promise.all(many.map(sku => broker.tell(sku, counted(1, 10))));
  await eventually('all are counted', async () => (await broker.jsm.streams.info('KV_sku', { subjects_filter: `$KV.sku.${number}.>` })).state.num_subjects! >= many.length, 30_000);
  await eventually('the idle ones are put away', () => partition.hot <= 1_500);
  await broker.tell(many[0]!, adjusted(2, -3));
  await onHand(broker, many[0]!, 7);
  await partition.stop();
  t.true(partition.hot <= 1_500);
  t.like((await stored(broker, many[0]!)).context, { position: 2, superseded: 0 });
});

test('a partition with a backlog beyond what it takes at once ends within its turn', async t => {
  const broker = await startBroker(t);
  await Promise.all(Array.from({ length: 6_000 }, (_, n) => broker.tell(skus[n % 50]!, counted(n + 1, n))));
  const { partition } = open(t, broker);
  await partition.start(1);
  await eventually('it has begun', () => partition.lag > 0 || partition.hot > 0);
  await partition.stop();
  const next = open(t, broker);
  await next.partition.start(2);
  for (let n = 0; n < 50; n++) await onHand(broker, skus[n]!, 5_950 + n);
  await next.partition.stop();
  t.deepEqual(next.lost, []);
});
