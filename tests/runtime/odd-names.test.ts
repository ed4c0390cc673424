/** Names from outside that no subject or header can hold: each is told of, and nothing behind it stops. */
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { headers } from 'nats';
import pino from 'pino';
import type { ChannelAdapter, OrderLine } from '../../actors/channel/adapter.ts';
import { parseNative } from '../../actors/sku/ingest/native.ts';
import type { SkuFact } from '../../actors/sku/protocol.ts';
import { decode, journalHeaders } from '../../runtime/codec.ts';
import { importListings } from '../../runtime/import.ts';
import { OrderIntake } from '../../runtime/orders.ts';
import { Reader } from '../../runtime/reader.ts';
import { SourceOwner } from '../../runtime/source.ts';
import { escapeKey, ingestSubject, keyFor, streams, unescapeKey } from '../../runtime/subjects.ts';
import { startBroker } from './broker.ts';

const log = pino({ level: 'silent' });
const long = '很'.repeat(60);

async function broker(t: ExecutionContext) {
  const shared = await startBroker(t);
  const { nc } = shared;
  /** The first so many messages of a stream, their keys in plain. */
  const heard = (stream: string, filter: string, many: number): Promise<{ keys: string[]; body: unknown }[]> => new Promise(resolve => {
    const all: { keys: string[]; body: unknown }[] = [];
    const reader = new Reader(nc, { stream, filter, from: 1, name: 'test', onMessage: message => {
      all.push({ keys: message.subject.split('.').map(unescapeKey), body: decode(message.data, message.header('Plumb-Schema')) });
      if (all.length === many) void reader.stop().then(() => resolve(all));
    } });
  });
  return { ...shared, heard };
}

test('ids hold whatever names are made of, and stay apart in headers', t => {
  const ids = ['a\nb', 'a\rb', 'a\0b', 'a%000ab', 'a%b', ' a', 'a ', 'a', 'é👟', 'a\ud800', 'a\udc00'];
  const told = ids.map(id => journalHeaders({ id, cause: id, correlation: id })).map(h => [h.get('Nats-Msg-Id'), h.get('Plumb-Cause'), h.get('Plumb-Correlation')]);
  t.deepEqual(told.map(([id]) => id), ['a%000ab', 'a%000db', 'a%0000b', 'a%0025000ab', 'a%0025b', '%0020a', 'a%0020', 'a', 'é👟', 'a%d800', 'a%dc00']);
  t.deepEqual(told.filter(([id, cause, correlation]) => id !== cause || id !== correlation), []);
});

test('a name that has no token gets a key that has one, and tells it by its beginning', t => {
  t.deepEqual(['A-1', 'é', '__proto__', 'a b'].map(keyFor), ['A-1', 'é', '__proto__', 'a b']);
  const odd = [long, `${long}a`, '', 'x\ud800', '👟'.repeat(60)];
  t.deepEqual(odd.map(name => keyFor(name).replace(/~[0-9a-f]{8}$/, '~')), [`${'很'.repeat(12)}~`, `${'很'.repeat(12)}~`, '~', 'x\ufffd~', `${'👟'.repeat(12)}~`]);
  t.is(new Set(odd.map(keyFor)).size, odd.length);
  t.notThrows(() => odd.map(keyFor).map(escapeKey));
});

test('a source goes on behind messages whose names no subject can hold', async t => {
  const { nc, js, publisher, records, heard } = await broker(t);
  const say = (body: unknown, id?: string): Promise<unknown> => {
    const h = headers();
    if (id !== undefined) h.set('Nats-Msg-Id', id);
    return js.publish(ingestSubject('erp'), JSON.stringify(body), { headers: h });
  };
  const count = { id: 'm\n1', sku: 'A\n', version: 1, type: 'count', quantity: 5 };
  await say({ ...count, sku: long }, 'first');
  await say({ ...count, quantity: null }, long);
  await say(count, 'third');
  const owner = new SourceOwner({ source: 'erp', node: 'n', parse: parseNative, nc, publisher, records, log });
  await owner.start();
  t.teardown(() => owner.release());
  const [fact] = await heard(streams.sku, 'sku.>', 1);
  t.deepEqual([fact!.keys.at(-1), fact!.body], ['A\n', { type: 'stock.counted', source: 'erp', position: 1, quantity: 5 }]);
  const dead = await heard(streams.dead, 'dead.>', 2);
  const told = dead.map(({ keys, body }) => ({ keys, ...(({ field, value }) => ({ field, value }))(body as { field: string; value: unknown }) }));
  t.deepEqual(told.sort((a, b) => (a.field < b.field ? -1 : 1)), [
    { keys: ['dead', 'malformed', 'erp', keyFor(long)], field: 'quantity', value: null },
    { keys: ['dead', 'malformed', 'erp', 'first'], field: 'sku', value: long },
  ]);
  t.false(nc.isClosed());
});

test('an order poll and an import go on past names that no subject can hold', async t => {
  const { publisher, heard } = await broker(t);
  const facts: [string, SkuFact][] = [];
  const publish = async (sku: string, _id: string, fact: SkuFact): Promise<void> => { facts.push([sku, fact]); };
  const line = (id: string, sku: string): OrderLine => ({ id, orderId: '1', sku, units: 1, cancelled: 0, shipped: 0, createdAt: 7 });
  const reading = (id: string, sku: string) => ({ listing: { id, sku, fields: {} }, quantity: 3, buyable: 3, active: true });
  const adapter = {
    gross: false,
    operations: { listings: { limit: 'l', cost: 1, batch: 1 } },
    orders: async () => ({ lines: [line('1/1', long), line('1/2', 'A')], cursor: 'c', more: false, completeThrough: 0 }),
    listings: async () => ({ readings: [reading('1', long), reading('2', 'A'), reading('3', '')] }),
  } as unknown as ChannelAdapter;
  const intake = new OrderIntake({ account: 'a', adapter, publisher, log, skuOf: name => (name === 'A' ? 'A' : undefined), publish });
  await intake.poll(undefined, { signal: AbortSignal.timeout(5_000) });
  const linked = await importListings({ account: 'a', adapter, publisher, rule: { buffer: 0 }, publish, pay: async () => {}, call: (_operation, work) => work({ signal: AbortSignal.timeout(5_000) }) });
  t.deepEqual([linked, facts], [1, [
    ['A', { type: 'order.placed', account: 'a', line: 'a/1/2', units: 1, createdAt: 7 }],
    ['A', { type: 'listing.linked', account: 'a', listing: { id: '2', fields: {} }, gross: false, rule: { buffer: 0 }, shown: 3 }],
  ]]);
  const dead = await heard(streams.dead, 'dead.>', 3);
  t.deepEqual(dead.map(({ keys, body }) => [keys, (body as { class: string }).class]).sort(), [
    [['dead', 'listing', 'a', keyFor('')], 'listing'],
    [['dead', 'listing', 'a', keyFor(long)], 'listing'],
    [['dead', 'unmapped', 'a', keyFor(long)], 'unmapped'],
  ].sort());
});

test('an order line that grows is told again with what it has grown to', async t => {
  const told: SkuFact[] = [];
  const states = [{ units: 2, cancelled: 0, shipped: 0 }, { units: 3, cancelled: 0, shipped: 0 }, { units: 3, cancelled: 0, shipped: 0 }, { units: 3, cancelled: 1, shipped: 2 }];
  const adapter = { orders: async () => ({ lines: [{ id: '1/1', orderId: '1', sku: 'A', createdAt: 7, ...states.shift()! }], cursor: 'c', more: false, completeThrough: 0 }) } as unknown as ChannelAdapter;
  const intake = new OrderIntake({ account: 'a', adapter, publisher: undefined as never, log, skuOf: name => name, publish: async (_sku, _id, fact) => { told.push(fact); } });
  while (states.length > 0) await intake.poll(undefined, { signal: AbortSignal.timeout(5_000) });
  const common = { account: 'a', line: 'a/1/1' };
  t.deepEqual(told, [
    { type: 'order.placed', ...common, units: 2, createdAt: 7 },
    { type: 'order.placed', ...common, units: 3, createdAt: 7 },
    { type: 'order.cancelled', ...common, units: 1 },
    { type: 'order.shipped', ...common, units: 2 },
  ]);
});
