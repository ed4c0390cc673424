/**
 * What stands in journals and records since their first version is read for ever, and written so that a node of that
 * version reads it: nodes of two versions work side by side while Plumb is upgraded. Fixtures are never made anew.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { Unpackr } from 'msgpackr';
import { headers } from 'nats';
import { skuKind } from '../../deploy/sku-kind.ts';
import type { ActorRecord } from '../../runtime/actor.ts';
import { SchemaError, decode, encodeJournal, journalHeaders, schemaVersion } from '../../runtime/codec.ts';
import { asStored, fold, restored } from '../../runtime/handle.ts';
import { signer } from '../../runtime/signature.ts';

interface Message { encoding: string; headers: Record<string, string>; data: string; body: object }

const kind = skuKind({ sign: signer(() => undefined), debounce: { quietMs: 100, hardMs: 400 }, gapMs: 1_000 });
const fixture = (name: string): string => readFileSync(join(import.meta.dirname, '../fixtures', name), 'utf8').trim();
const messages = JSON.parse(fixture('journal-schema-1.json')) as Message[];

function metaOf(values: Record<string, string>) {
  const meta = headers();
  for (const [name, value] of Object.entries(values)) meta.set(name, value);
  return meta;
}

test('every kind of journal message of schema 1 is read as it was meant', t => {
  t.is(messages.length, 17);
  for (const { data, headers: values, body } of messages) t.deepEqual(decode(Buffer.from(data, 'base64'), metaOf(values).get('Plumb-Schema')), body);
});

test('journal messages are still written as schema 1 has them, byte for byte', t => {
  t.is(schemaVersion, 1, 'a new schema needs fixtures of its own, and a migration of these');
  for (const { encoding, data, body } of messages.filter(message => message.encoding === 'application/msgpack')) {
    t.is(Buffer.from(encodeJournal(body)).toString('base64'), data, encoding);
  }
  const { headers: values } = messages[0]!;
  const written = journalHeaders({ id: 'in:erp:0', cause: 'ingest:0', correlation: 'erp:m0' });
  t.deepEqual(Object.fromEntries([...written].map(([name, [value]]) => [name, value])), values);
});

test('a header that would begin another one is refused', t => {
  const meta = journalHeaders({ id: 'a\r\nNats-Rollup: all' });
  t.is(meta.get('Nats-Msg-Id'), 'a%000d%000aNats-Rollup: all');
  t.throws(() => meta.set('Content-Type', 'text/csv\r\nNats-Rollup: all'), { message: /Content-Type: "text\/csv\\r\\n.*line break/ });
});

test('any msgpack library reads them: plain maps, nothing of our own', t => {
  const foreign = new Unpackr({ useRecords: false, mapsAsObjects: true });
  for (const { data, body, encoding } of messages) if (encoding === 'application/msgpack') t.deepEqual(foreign.unpack(Buffer.from(data, 'base64')), body);
});

test('a message of a schema that this node does not know is refused by both numbers', t => {
  const error = t.throws(() => decode(encodeJournal({ type: 'x' }), '2'), { instanceOf: SchemaError });
  t.is(error!.message, 'message schema 2 is newer than 1, which this node reads');
});

for (const [what, bytes] of [['nothing', []], ['half of a map', [0x82, 0xa1]], ['half of an object', [...Buffer.from('{"type":')]], ['a byte that msgpack never uses', [0xc1]]] as const) {
  test(`${what} is refused as no message`, t => {
    t.throws(() => decode(Uint8Array.from(bytes)), { instanceOf: SchemaError });
  });
}

for (const file of ['record-1.json', 'record-1-plain-lines.json']) {
  test(`a record as ${file} has it is read, and written as records are now`, t => {
    const { record } = restored(kind, JSON.parse(fixture(file)) as ActorRecord<unknown>, 1);
    t.is(JSON.stringify(asStored(kind, record)), fixture('record-1.json'));
  });

  test(`an actor goes on from ${file} as if it had never been put away`, t => {
    const hot = restored(kind, JSON.parse(fixture(file)) as ActorRecord<unknown>, 1);
    const missing = { type: 'stock.adjusted', source: 'erp', position: 3, delta: -1 };
    const next = fold(kind, hot, [{ seq: 15, at: 1_795_602_953_100, correlation: 'c', body: missing }])!;
    t.like(next.record, { applied: 15, context: { onHand: 41, position: 4, held: [] } });
    t.false('gap' in next.record.due, 'its timer is cancelled');
  });
}

test('a record of another version is refused by both numbers', t => {
  const stored = { ...JSON.parse(fixture('record-1.json')) as ActorRecord<unknown>, v: 0 };
  t.throws(() => restored(kind, stored, 1), { message: 'SKU record of version 0 cannot be read by this node, which reads version 1' });
});
