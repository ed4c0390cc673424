/** The owner of a source with a format of its own: raw messages in, facts, dead letters and questions out, in order and once. */
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { headers } from 'nats';
import type { MsgHdrs } from 'nats';
import { pino } from 'pino';
import { parseNative } from '../../actors/sku/ingest/native.ts';
import { compileMapping } from '../../actors/sku/ingest/mapping.ts';
import { mappingSchema } from '../../actors/sku/ingest/spec.ts';
import { configSchema } from '../../config/config.ts';
import { startNode } from '../../deploy/node.ts';
import { decode } from '../../runtime/codec.ts';
import { PublishError } from '../../runtime/publisher.ts';
import { SourceOwner } from '../../runtime/source.ts';
import { channelRecord, ingestSubject, skuRecordSubject, skuSubject, streams, unescapeKey } from '../../runtime/subjects.ts';
import { eventually, startBroker } from './broker.ts';

const mapping = compileMapping(mappingSchema.parse({
  policy: { order: 'monotone' },
  forms: [
    { name: 'asked', when: '$exists(changed)', type: 'ask', about: 'changed' },
    {
      name: 'rows', each: 'rows', ignore: [{ when: 'kind = "service"', reason: 'a service' }], type: 'count', id: 'no', sku: { value: 'sku', table: 'skus', unknown: 'refuse' },
      position: ['v', '$message.position'], quantity: 'q',
    },
  ],
}), { source: 'shop', name: 'test' });
const known = compileMapping(mappingSchema.parse({
  policy: { order: 'monotone' }, forms: [{ name: 'rows', each: 'rows', type: 'count', sku: { value: 'sku', table: 'skus' }, position: 'v', quantity: 'q' }],
}), { source: 'shop', name: 'test', tables: { skus: { 1: 'A' } } });

test('a message that does not get into the journals is told of, and that it has', async t => {
  const { nc, publisher, records, log, say, letters } = await world(t);
  let shut = true;
  const door = { publish: (...[subject, ...rest]: Parameters<typeof publisher.publish>) => (shut && subject.startsWith('sku.') ? Promise.reject(new PublishError('the journal is full')) : publisher.publish(subject, ...rest)) };
  const owner = new SourceOwner({ source: 'shop', node: 'n', parse: parseNative, nc, publisher: door as typeof publisher, records, log, stuckMs: 200 });
  await owner.start();
  t.teardown(() => owner.release());
  const seq = await say({ id: 'e1', sku: 'A', type: 'count', version: 1, quantity: 3 });
  await eventually('told', async () => (await letters(streams.alert)).length === 1);
  shut = false;
  await eventually('over', async () => (await letters(streams.alert)).length === 2);
  const told = (await letters(streams.alert)).map(([, { what, state, action }]) => ({ what, state, action }));
  t.deepEqual(told, [
    { what: 'stuck', state: 'open', action: `message ${seq} of shop is read and not taken in, and those behind it wait: look at the node's log and at the broker` },
    { what: 'stuck', state: 'resolved', action: 'none' },
  ]);
});

async function world(t: ExecutionContext) {
  const broker = await startBroker(t);
  const { nc, js, jsm, publisher, records, log } = broker;
  const say = async (body: unknown, meta: Record<string, string> = {}): Promise<number> => {
    const h = headers();
    for (const [name, value] of Object.entries(meta)) h.set(name, value);
    return (await js.publish(ingestSubject('shop'), typeof body === 'string' ? body : JSON.stringify(body), { headers: h })).seq;
  };
  /** A message as ids name it. */
  const named = async (seq: number): Promise<string> => `${seq}.${(await jsm.streams.getMessage(streams.ingest, { seq }))!.time.getTime()}`;
  const start = async (which = mapping): Promise<SourceOwner> => {
    const owner = new SourceOwner({ source: 'shop', node: 'n', parse: parseNative, mapping: which, nc, publisher, records, log });
    await owner.start();
    return owner;
  };
  const journal = async (sku: string): Promise<{ fact: unknown; id: string; cause: string; correlation: string }[]> => {
    const found = [];
    const { state } = await jsm.streams.info(streams.sku);
    for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq++) {
      const message = (await jsm.streams.getMessage(streams.sku, { seq }))!;
      const [id, cause, correlation] = ['Nats-Msg-Id', 'Plumb-Cause', 'Plumb-Correlation'].map(name => message.header.get(name)) as [string, string, string];
      if (message.subject === skuSubject(sku)) found.push({ fact: decode(message.data, message.header.get('Plumb-Schema')), id, cause, correlation });
    }
    return found;
  };
  const readTo = (seq: number): Promise<void> => eventually(`message ${seq} is done with`, async () => (await records.get<{ seq: number }>(channelRecord.state('source.shop')))?.value.seq === seq);
  /** Keys after the first token, in plain, with the bodies. */
  const letters = async (stream: string): Promise<[string, Record<string, unknown>][]> => {
    const { state } = await jsm.streams.info(stream, { subjects_filter: '>' });
    const all: [string, Record<string, unknown>][] = [];
    for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq++) {
      const message = await jsm.streams.getMessage(stream, { seq });
      if (message) all.push([message.subject.split('.').map(unescapeKey).join(' '), message.json()]);
    }
    return all;
  };
  return { ...broker, say, named, start, journal, readTo, letters };
}

test('a message of many rows gives each fact an id of its own; refused rows are one dead letter each, and say what and why', async t => {
  const { say, named, start, journal, readTo, letters } = await world(t);
  const rows = [{ no: 'r1', sku: 'A', v: 1, q: 5 }, { no: 'r2', sku: 'B', v: 1 }, { kind: 'service' }, { no: 'r4', sku: '很'.repeat(60), v: 1, q: 1 }, { no: 'r5', sku: 'A', v: 2, q: 6 }];
  const seq = await say({ rows }, { 'Plumb-Position': '9', 'Nats-Msg-Id': 'shop-1' });
  await say({ rows: [{ no: 'r6', sku: 'A', v: 3, q: 7 }] }, { 'Plumb-Position': '10' });
  const last = await say('{"rows"', {});
  const owner = await start();
  await readTo(last);
  await owner.release();

  const fact = (position: number[], quantity: number): object => ({ type: 'stock.counted', source: 'shop', position, quantity });
  t.deepEqual(await journal('A'), [
    { fact: fact([1, 9], 5), id: `in:shop:${await named(seq)}:1`, cause: `ingest:${seq}`, correlation: 'shop:r1' },
    { fact: fact([2, 9], 6), id: `in:shop:${await named(seq)}:3`, cause: `ingest:${seq}`, correlation: 'shop:r5' },
    { fact: fact([3, 10], 7), id: `in:shop:${await named(seq + 1)}`, cause: `ingest:${seq + 1}`, correlation: 'shop:r6' },
  ]);
  const dead = await letters(streams.dead);
  t.deepEqual(dead.map(([subject, { at, message, ...body }]) => [subject, body, typeof at, String(message).slice(0, 50)]), [
    ['dead malformed shop shop-1', { id: `dead:malformed:shop:${await named(seq)}`, class: 'malformed', source: 'shop', seq, field: 'quantity', row: 2, expression: 'q', heals: 'a corrected message from the source', raw: '{"no":"r2","sku":"B","v":1}' }, 'number', 'quantity: is missing, and missing is never zero, g'],
    ['dead malformed shop shop-1:2', { id: `dead:malformed:shop:${await named(seq)}:2`, class: 'malformed', source: 'shop', seq, field: 'sku', value: '很'.repeat(60), heals: 'a corrected message from the source', raw: JSON.stringify({ rows }) }, 'number', 'sku: key "很很很很很很很很很很很很很很很很很很很很很很很很很很很很很很很很很很很很很很很很"…'.slice(0, 50)],
    [`dead malformed shop ${last}`, { id: `dead:malformed:shop:${await named(last)}`, class: 'malformed', source: 'shop', seq: last, field: '', value: '{"rows"', heals: 'a corrected message from the source', raw: '{"rows"' }, 'number', 'message: is not JSON (Expected \':\' after property '],
  ]);
});

test('a name that no table holds is a letter of its own class, which says what heals it', async t => {
  const { say, start, readTo, letters } = await world(t);
  const seq = await say({ rows: [{ sku: '2', v: 1, q: 5 }] });
  const owner = await start(known);
  await readTo(seq);
  await owner.release();
  const [[subject, { field, value, heals, raw }]] = await letters(streams.dead) as [[string, Record<string, unknown>]];
  t.deepEqual([subject, field, value, heals, raw], [`dead unmapped shop ${seq}`, 'sku', '2', 'the name in the mapping\'s table, and the message again', '{"sku":"2","v":1,"q":5}']);
});

test('bytes that are no text are refused, in Plumb\'s own format too: two SKUs would read alike', async t => {
  const { js, start, readTo, letters, nc, publisher, records, log } = await world(t);
  const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');
  const first = await js.publish(ingestSubject('shop'), bytes('{"rows":[{"sku":"\xe9","v":1,"q":5}]}'));
  const own = await js.publish(ingestSubject('erp'), bytes('{"id":"m","sku":"\xe9","type":"count","version":1,"quantity":5}'));
  const owners = [await start(known), new SourceOwner({ source: 'erp', node: 'n', parse: parseNative, nc, publisher, records, log })];
  await owners[1]!.start();
  await readTo(first.seq);
  await eventually('the other is done with', async () => (await letters(streams.dead)).length === 2);
  for (const owner of owners) await owner.release();
  t.deepEqual((await letters(streams.dead)).map(([subject, { message }]) => [subject, String(message).slice(0, 25)]).sort(), [[`dead malformed erp ${own.seq}`, 'message: is no UTF-8, got'], [`dead malformed shop ${first.seq}`, 'message: is no UTF-8, got']]);
});

test('what a source says without saying a number is asked of it', async t => {
  const { say, start, readTo, letters, named } = await world(t);
  const seq = await say({ changed: 'api/items(7)' });
  const owner = await start();
  await readTo(seq);
  await owner.release();
  const [[subject, { since, ...body }], ...more] = await letters(streams.ask) as [[string, Record<string, unknown>]];
  t.deepEqual([subject, body, typeof since, more], ['ask shop api/items(7)', { id: `ask:shop:${await named(seq)}:1`, about: 'api/items(7)', source: 'shop', missing: 'a count' }, 'number', []]);
});

test('facts keep the order of messages, however much longer one of them takes to be read', async t => {
  const { say, start, journal, readTo } = await world(t);
  const filler = Array.from({ length: 2_000 }, (_, n) => ({ no: `f${n}`, sku: 'B', v: n, q: n }));
  await say({ rows: [...filler, { no: 'a', sku: 'A', v: 1, q: 1 }] }, { 'Plumb-Position': '1' });
  let last = 0;
  for (let v = 2; v <= 40; v++) last = await say({ rows: [{ no: 'a', sku: 'A', v, q: v }] }, { 'Plumb-Position': '1' });
  const owner = await start();
  await readTo(last);
  await owner.release();
  t.deepEqual((await journal('A')).map(({ fact }) => (fact as { quantity: number }).quantity), Array.from({ length: 40 }, (_, n) => n + 1));
});

test('an owner that takes over goes on where the last one stopped, and counts on what it left out', async t => {
  const { say, start, journal, readTo, records, named } = await world(t);
  const left = async (): Promise<unknown> => (await records.get<{ ignored: unknown }>(channelRecord.state('source.shop')))?.value.ignored;
  const first = await say({ rows: [{ sku: 'A', v: 1, q: 1 }, { kind: 'service' }] }, { 'Plumb-Position': '1' });
  const before = await start();
  await readTo(first);
  await before.release();
  t.deepEqual(await left(), { 'a service': 1 });
  const second = await say({ rows: [{ sku: 'A', v: 2, q: 2 }, { kind: 'service' }] }, { 'Plumb-Position': '1' });
  const after = await start();
  await readTo(second);
  await after.release();
  t.deepEqual(await left(), { 'a service': 2 });
  t.deepEqual((await journal('A')).map(({ id }) => id), [`in:shop:${await named(first)}`, `in:shop:${await named(second)}`]);
});

test('a node reads a source through the mapping that its configuration names, and its SKUs follow the mapping\'s order', async t => {
  const { server, nc, bytes, complaints } = await startBroker(t);
  const node = await startNode(configSchema.parse({ nats: { url: server.url }, node: { id: 'n' }, sources: [{ source: 'shop', mapping: 'woocommerce' }] }), pino({ level: 'silent' }));
  t.teardown(() => node.stop());
  const product = { sku: 'W-1', manage_stock: true, stock_quantity: 3, date_modified_gmt: '2017-03-23T20:01:14' };
  const newer = { ...product, stock_quantity: 9, date_modified_gmt: '2017-03-23T20:01:15' };
  for (const said of [newer, product, { ...newer, stock_quantity: 8 }, newer]) nc.publish('ingest.shop', JSON.stringify(said), { headers: jsonHeaders() });
  const record = async (): Promise<{ context?: { onHand?: number; superseded?: number } }> => JSON.parse(await bytes(skuRecordSubject('W-1')) ?? '{}') as object;
  await eventually('all four are folded', async () => (await record()).context?.superseded === 2);
  t.is((await record()).context?.onHand, 8, 'of two changes in one second the smaller number stands, and no older or repeated one undoes it');
  t.deepEqual(complaints, []);
});

function jsonHeaders(): MsgHdrs {
  const h = headers();
  h.set('Content-Type', 'application/json');
  return h;
}
