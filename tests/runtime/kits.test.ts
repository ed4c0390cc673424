/** Kits and parts on a real broker: each in a partition of its own, told through the outboxes of the other. */
import test from 'ava';
import type { ExecutionContext } from 'ava';
import type { SkuFact, Stock } from '../../actors/sku/protocol.ts';
import { known } from '../../actors/sku/stock.ts';
import { skuKind } from '../../deploy/sku-kind.ts';
import type { ActorRecord } from '../../runtime/actor.ts';
import { decode, encodeJournal, journalHeaders } from '../../runtime/codec.ts';
import { Feed } from '../../runtime/feed.ts';
import { Pace } from '../../runtime/pace.ts';
import { checkpointEveryMs, Partition } from '../../runtime/partition.ts';
import { perform } from '../../runtime/perform.ts';
import { Rounds } from '../../runtime/rounds.ts';
import { signer } from '../../runtime/signature.ts';
import { partitionOf, skuRecordSubject, skuSubject } from '../../runtime/subjects.ts';
import { Timers } from '../../runtime/timers.ts';
import { eventually, startBroker } from './broker.ts';
import type { Broker } from './broker.ts';

const kind = skuKind({ sign: signer(() => undefined), debounce: { quietMs: 0, hardMs: 0 }, gapMs: 60_000 });
const box = 'gift box ☕';
const [cup, tea] = ['cup', 'tea'];

async function open(t: ExecutionContext, broker: Broker, sku: string, epoch = 1): Promise<Partition<Stock>> {
  const pace = new Pace();
  const feed = new Feed({ ...broker, pace, name: `test-${partitionOf(sku)}-${epoch}` });
  const timers = new Timers<() => void>(wake => wake());
  const partition = new Partition<Stock>(partitionOf(sku), {
    ...broker, kind, pace, feed, rounds: new Rounds(checkpointEveryMs),
    perform: effects => perform(broker.publisher, effects),
    now: Date.now,
    wakeAt: (at, wake) => timers.add(at, wake),
    tell: async (key, id, fact) => { await broker.publisher.publish(skuSubject(key), encodeJournal(fact), journalHeaders({ id })); },
    onLost: reason => t.fail(reason),
  });
  t.teardown(() => feed.stop());
  t.teardown(() => timers.close());
  await partition.start(epoch);
  return partition;
}

const units = (broker: Broker, sku: string, expected: number): Promise<void> =>
  eventually(`${sku} shows ${expected}`, async () => {
    const text = await broker.bytes(skuRecordSubject(sku));
    return text !== undefined && known(kind.unpack((JSON.parse(text) as ActorRecord).context)) === expected;
  });

test('an order of a kit lowers its parts in their own partitions, and a part that is taken by another node tells its kit', async t => {
  const broker = await startBroker(t);
  t.is(new Set([box, cup, tea].map(partitionOf)).size, 3);
  const [boxes, cups, teas] = await Promise.all([box, cup, tea].map(sku => open(t, broker, sku)));
  const tell = (sku: string, fact: SkuFact, id?: string): Promise<number> => broker.tell(sku, fact, id);
  await tell(cup, { type: 'stock.counted', source: 'erp', position: 1, quantity: 10 });
  await tell(tea, { type: 'stock.counted', source: 'erp', position: 1, quantity: 7 });
  await tell(box, { type: 'kit.defined', source: 'erp', position: 1, parts: { [cup]: 2, [tea]: 1 } });
  await units(broker, box, 5);
  await tell(box, { type: 'order.placed', account: 'amazon', line: 'amazon/1/1', units: 2, createdAt: 1 }, 'shop:1');
  await Promise.all([units(broker, box, 3), units(broker, cup, 6), units(broker, tea, 5)]);
  await cups!.stop();
  await tell(box, { type: 'order.placed', account: 'amazon', line: 'amazon/2/1', units: 1, createdAt: 1 }, 'shop:2');
  await tell(cup, { type: 'stock.counted', source: 'erp', position: 2, quantity: 20 });
  await units(broker, tea, 4);
  await units(broker, box, 2);
  const next = await open(t, broker, cup, 2);
  await Promise.all([units(broker, cup, 14), units(broker, box, 4)]);
  await Promise.all([boxes, teas, next].map(partition => partition!.stop()));

  const orders: unknown[] = [];
  for (let seq = 1; seq <= (await broker.jsm.streams.info('SKU')).state.last_seq; seq++) {
    const { subject, data, header } = (await broker.jsm.streams.getMessage('SKU', { seq }))!;
    const fact = decode(data) as SkuFact;
    if (subject === skuSubject(cup) && fact.type === 'order.placed') orders.push({ ...fact, as: header.get('Content-Type'), correlation: header.get('Plumb-Correlation') });
  }
  const line = (n: number, taken: number, told: number): object => ({
    type: 'order.placed', account: 'amazon', line: `kit:gift%20box%20%E2%98%95/amazon/${n}/1`, units: taken, createdAt: 1, kit: { sku: box, told },
    as: 'application/msgpack', correlation: `shop:${n}`,
  });
  t.deepEqual(orders, [line(1, 4, 1), line(2, 2, 2)]);
});
