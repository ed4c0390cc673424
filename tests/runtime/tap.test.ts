/** SKU records on a real broker, told to channel accounts: by the reader, and ahead of it by who stored them. */
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { emptyStock } from '../../actors/sku/protocol.ts';
import type { Outlet, Stock } from '../../actors/sku/protocol.ts';
import type { ActorRecord } from '../../runtime/actor.ts';
import { encodeJson } from '../../runtime/codec.ts';
import { skuRecordSubject } from '../../runtime/subjects.ts';
import { Tap } from '../../runtime/tap.ts';
import { eventually, startBroker } from './broker.ts';
import type { Broker } from './broker.ts';

const outlet: Outlet = { listing: { id: '1', fields: {} }, gross: false, rule: { buffer: 0 } };

function recordOf(sku: string, applied: number): ActorRecord<Stock> {
  return { v: 1, applied, at: 0, state: 'unknown', context: { ...emptyStock(sku), outlets: { north: outlet } }, due: {}, outbox: [] };
}

async function world(t: ExecutionContext): Promise<Broker & { tap: Tap; put(sku: string, applied: number, revision?: number): Promise<number>; listen(account?: string): { told: string[]; caughtUp: Promise<void> } }> {
  const broker = await startBroker(t);
  const tap = new Tap(broker.nc, broker.log, 'test');
  t.teardown(() => tap.stop());
  return {
    ...broker, tap,
    put: (sku, applied, revision = 0) => broker.records.put(skuRecordSubject(sku), recordOf(sku, applied), revision),
    listen: (account = 'north') => {
      const told: string[] = [];
      const { promise: caughtUp, resolve } = Promise.withResolvers<void>();
      tap.subscribe({ account, onRecord: (sku, of, applied) => { told.push(`${sku}@${applied}${of ? '' : ' unlisted'}`); }, onCaughtUp: resolve });
      return { told, caughtUp };
    },
  };
}

test('whoever subscribes is told of every record as it is, once, and then of changes; others as before', async t => {
  const { tap, put, listen } = await world(t);
  t.is(tap.firstReading, undefined);
  const a = await put('a', 1);
  await put('b', 2);
  await put('a', 3, a);
  const north = listen();
  await north.caughtUp;
  t.deepEqual(north.told, ['b@2', 'a@3']);
  t.is(tap.firstReading?.records, 2);
  const south = listen('south');
  await south.caughtUp;
  t.deepEqual(south.told, ['b@2 unlisted', 'a@3 unlisted']);
  await put('c', 4);
  await eventually('both are told', () => north.told.at(-1) === 'c@4' && south.told.at(-1) === 'c@4 unlisted');
});

test('what this node has stored is told at once, and not again when the reader comes to it', async t => {
  const { tap, put, listen, records } = await world(t);
  const { told, caughtUp } = listen();
  await caughtUp;
  // Its revision is told before the record is there: the reader must come to it later.
  tap.stored(skuRecordSubject('a'), recordOf('a', 1), 1);
  t.deepEqual(told, ['a@1']);
  t.is(await put('a', 1), 1);
  await put('b', 2);
  await eventually('the reader is past both', () => tap.seen === 2);
  t.deepEqual(told, ['a@1', 'b@2']);
  tap.stored(skuRecordSubject('b'), recordOf('b', 2), 2);
  t.deepEqual(told, ['a@1', 'b@2'], 'the reader was quicker');
  await records.put(skuRecordSubject('a'), recordOf('a', 5), 1);
  await eventually('another owner writes', () => told.at(-1) === 'a@5');
  t.is(told.length, 3);
});

test('what this node is storing is told as it has it, though the reader comes before the answer; what another stored instead is not', async t => {
  const { tap, records } = await world(t);
  const told: { outlet: Outlet | undefined; applied: number }[] = [];
  const { promise: caughtUp, resolve } = Promise.withResolvers<void>();
  tap.subscribe({ account: 'north', onRecord: (_, of, applied) => { told.push({ outlet: of, applied }); }, onCaughtUp: resolve });
  await caughtUp;
  const subject = skuRecordSubject('a');
  const mine = recordOf('a', 1);
  await records.put(subject, mine, 0, undefined, data => tap.storing(subject, mine, data));
  await eventually('the reader comes to it', () => tap.seen === 1);
  t.is(told[0]!.outlet, mine.context.outlets['north'], 'the very object: who was told of it before sees that nothing has changed');
  await records.put(subject, recordOf('a', 8), 1, undefined, () => tap.storing(subject, recordOf('a', 7), encodeJson(recordOf('a', 7))));
  await eventually('the reader comes to it', () => tap.seen === 2);
  t.deepEqual(told.map(({ applied }) => applied), [1, 8]);
});

test('a record that a former owner stored is not told behind a newer one', async t => {
  const { tap, put, listen } = await world(t);
  const { told, caughtUp } = listen();
  await caughtUp;
  tap.stored(skuRecordSubject('a'), recordOf('a', 9), 2);
  const revision = await put('a', 4);
  await put('a', 9, revision);
  await put('b', 10);
  await eventually('the reader is past all', () => tap.seen === 3);
  t.deepEqual(told, ['a@9', 'b@10']);
});

test('a subscriber that throws fails nobody who has stored, and is told by the reader', async t => {
  const { tap, put, complaints } = await world(t);
  const told: number[] = [];
  tap.subscribe({ account: 'north', onCaughtUp: () => {}, onRecord: (_, __, applied) => { if (told.push(applied) === 1) throw new Error('not now'); } });
  await eventually('it reads', async () => { tap.stored(skuRecordSubject('a'), recordOf('a', 1), 1); return told.length > 0; });
  await put('a', 1);
  await eventually('it is told again', () => told.length === 2);
  t.deepEqual([told, complaints.map(({ msg }) => msg)], [[1, 1], ['a stored record could not be taken in']]);
});
