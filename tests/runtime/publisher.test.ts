/** Publishing without a promise lost: every message is acknowledged, refused by its code, or said to be unknown. */
import test from 'ava';
import { journalHeaders } from '../../runtime/codec.ts';
import { PublishError, Publisher } from '../../runtime/publisher.ts';
import { eventually, startBroker } from './broker.ts';

const text = (value: string): Uint8Array => Buffer.from(value);

test('a wrong revision is a conflict by either code, silence is unknown, anything else is neither', t => {
  const kinds = [10071, 10164, undefined, 503, 10077].map(code => new PublishError('', code)).map(({ isConflict, isUnknown }) => ({ isConflict, isUnknown }));
  t.deepEqual(kinds, [
    { isConflict: true, isUnknown: false }, { isConflict: true, isUnknown: false }, { isConflict: false, isUnknown: true },
    { isConflict: false, isUnknown: false }, { isConflict: false, isUnknown: false },
  ]);
});

test('many messages at once are each answered with their own place', async t => {
  const { publisher, tell, jsm } = await startBroker(t);
  const seqs = await Promise.all(Array.from({ length: 500 }, (_, n) => tell(`sku ${n % 7}`, { n })));
  t.deepEqual(seqs, Array.from({ length: 500 }, (_, n) => n + 1));
  t.is((await jsm.streams.info('SKU')).state.messages, 500);
  t.is(publisher.inFlight, 0);
});

test('a compare-and-set succeeds on the revision it names and on no other', async t => {
  const { publisher } = await startBroker(t);
  const { seq } = await publisher.publish('$KV.sku.1.A', text('1'), undefined, 0);
  const stale = await t.throwsAsync(publisher.publish('$KV.sku.1.A', text('2'), undefined, 0), { instanceOf: PublishError });
  t.true((stale as PublishError).isConflict);
  t.is((await publisher.publish('$KV.sku.1.A', text('2'), undefined, seq)).seq, seq + 1);
});

test('a subject that no stream takes is refused at once', async t => {
  const { publisher } = await startBroker(t);
  const error = await t.throwsAsync(publisher.publish('nobody.listens', text('x')), { instanceOf: PublishError });
  t.is((error as PublishError).code, 503);
});

test('when the connection is lost, what was in flight is unknown at once, and so is what is sent before it is back', async t => {
  const { publisher, server } = await startBroker(t);
  const began = performance.now();
  process.kill(server.pid, 'SIGSTOP');
  const inFlight = t.throwsAsync(publisher.publish('$KV.sku.1.A', text('1')), { instanceOf: PublishError });
  process.kill(server.pid, 'SIGKILL');
  t.true(((await inFlight) as PublishError).isUnknown);
  const next = await t.throwsAsync(publisher.publish('$KV.sku.1.A', text('1')), { instanceOf: PublishError });
  t.true((next as PublishError).isUnknown);
  t.true(performance.now() - began < 2_000, 'without waiting for a time-out');
});

test('after a broken connection nothing is published before it is known that it may be', async t => {
  const { nc } = await startBroker(t);
  const asked = Promise.withResolvers<void>();
  const may = Promise.withResolvers<void>();
  const acked: number[] = [];
  const publisher = new Publisher(nc, '_INBOX_again', { again: () => { asked.resolve(); return may.promise; }, onAck: ({ seq }) => { acked.push(seq); } });
  t.teardown(() => publisher.close());
  const { seq } = await publisher.publish('$KV.sku.1.A', text('1'));
  await nc.reconnect();
  await asked.promise;
  await t.throwsAsync(publisher.publish('$KV.sku.1.A', text('2')), { message: /no connection/ });
  may.resolve();
  await eventually('it publishes', () => publisher.publish('$KV.sku.1.A', text('3')).then(() => true, () => false), 30_000);
  t.deepEqual(acked, [seq, seq + 1], 'what was held back was not sent');
});

test('what was told to be unknown before it was sent is not sent any more', async t => {
  const { nc, jsm } = await startBroker(t);
  const other = new Publisher(nc, '_INBOX_other');
  const unsent = t.throwsAsync(other.publish('$KV.sku.1.A', text('1')), { instanceOf: PublishError });
  other.close();
  t.true(((await unsent) as PublishError).isUnknown);
  await new Promise(resolve => setImmediate(resolve));
  await nc.flush();
  t.is((await jsm.streams.info('KV_sku')).state.messages, 0);
});

test('headers of a message stand beside the revision that it expects', async t => {
  const { publisher, jsm } = await startBroker(t);
  const meta = journalHeaders({ id: 'one' });
  await publisher.publish('$KV.sku.1.A', text('1'), meta, 0);
  const { header } = (await jsm.streams.getMessage('KV_sku', { seq: 1 }))!;
  t.deepEqual(['Nats-Msg-Id', 'Nats-Expected-Last-Subject-Sequence'].map(name => header.get(name)), ['one', '0']);
});
