/** The simulated broker against the real one: the same script of operations on both, the same answers. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AckPolicy, DeliverPolicy, jetstreamManager } from '@nats-io/jetstream';
import type { ConsumerConfig } from '@nats-io/jetstream';
import test from 'ava';
import { connect, headers, nanos } from 'nats';
import type { Msg, NatsConnection } from 'nats';
import { Dice } from '../../deploy/demo/dice.ts';
import { startNats } from '../../deploy/nats/server.ts';
import { ensureStreams } from '../../deploy/streams.ts';
import { lastMessage } from '../../runtime/last-message.ts';
import { Publisher, PublishError } from '../../runtime/publisher.ts';
import { StreamMessage } from '../../runtime/stream-message.ts';
import { Broker } from './broker/server.ts';
import { Machine } from './machine.ts';
import { Network } from './network.ts';

/** What was done, and what came of it. */
type Answer = [what: string, answer: unknown];

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms));
const text = (value: string): Uint8Array => Buffer.from(value);

function withId(id: string, more: Record<string, string> = {}): ReturnType<typeof headers> {
  const meta = headers();
  for (const [name, value] of Object.entries({ 'Nats-Msg-Id': id, ...more })) meta.set(name, value);
  return meta;
}

/** Everything that Plumb asks of a broker, and what it answers; times and random names left out. */
async function script(nc: NatsConnection): Promise<Answer[]> {
  const answers: Answer[] = [];
  const note = async (what: string, act: () => Promise<unknown>): Promise<void> => {
    answers.push([what, await act().catch((error: unknown) => ({ fails: error instanceof PublishError ? [error.code, error.isConflict, error.isUnknown] : [(error as { code?: number }).code, (error as Error).message] }))]);
  };
  await note('streams are made', () => ensureStreams(nc));
  await note('streams are there', () => ensureStreams(nc));
  const jsm = await jetstreamManager(nc);
  const publisher = new Publisher(nc, '_INBOX_script');
  const key = '$KV.sku.7.A';
  await note('a journal message', () => publisher.publish('sku.7.A', text('one'), withId('m1')));
  await note('the same id again', () => publisher.publish('sku.7.A', text('one'), withId('m1')));
  await note('the same id on another subject', () => publisher.publish('sku.8.B', text('two'), withId('m1')));
  await note('another', () => publisher.publish('sku.8.B', text('two'), withId('m2')));
  await note('the same id in another stream', () => publisher.publish('dead.x.y.z', text('{}'), withId('m2')));
  await note('a new record', () => publisher.publish(key, text('{"v":1}'), undefined, 0));
  await note('a new record where there is one', () => publisher.publish(key, text('{"v":2}'), undefined, 0));
  await note('a record on a wrong revision', () => publisher.publish(key, text('{"v":2}'), undefined, 77));
  await note('a record on the right one', () => publisher.publish(key, text('{"v":2}'), undefined, 1));
  await note('a refused id is not used up', () => publisher.publish(key, text('{"v":3}'), withId('cas'), 1));
  await note('it is taken then', () => publisher.publish(key, text('{"v":3}'), withId('cas'), 2));
  await note('a record without condition', () => publisher.publish('$KV.sku.7.C', text('{"c":1}')));
  await note('a record on what another subject has', () => publisher.publish('$KV.sku.7.D', text('{}'), undefined, 3));
  await note('a deletion', () => publisher.publish('$KV.sku.7.C', new Uint8Array(), withDeletion()));
  await note('nobody takes it', () => publisher.publish('nowhere.at.all', text('x')));
  await note('a question that nobody answers', () => publisher.request('inspect.nothing', text('')));
  await note('the last of a subject', () => lastMessage(publisher, 'SKU', 'sku.7.A'));
  await note('the last of a pattern', () => lastMessage(publisher, 'SKU', 'sku.*.B'));
  await note('the last of all', () => lastMessage(publisher, 'SKU', 'sku.>'));
  await note('the last of none', () => lastMessage(publisher, 'SKU', 'sku.9.>'));
  await note('the last of a stream that is not there', () => lastMessage(publisher, 'NONE', 'sku.7.A'));
  await note('a record', () => lastMessage(publisher, 'KV_sku', key));
  await note('a deleted one', async () => (await lastMessage(publisher, 'KV_sku', '$KV.sku.7.C'))?.seq);
  await note('a message by its sequence', async () => (await jsm.streams.getMessage('SKU', { seq: 1 }))?.string());
  await note('one that is gone', async () => (await jsm.streams.getMessage('KV_sku', { seq: 1 }))?.string() ?? 'none');
  for (let n = 1; n <= 12; n++) await publisher.publish('$KV.listing.a.b', text(String(n)));
  for (const stream of ['SKU', 'KV_sku', 'KV_listing', 'INGEST'] as const) {
    await note(`state of ${stream}`, async () => { const { state: { messages, first_seq, last_seq } } = await jsm.streams.info(stream); return { messages, first_seq, last_seq }; });
  }
  await note('a stream that is not there', () => jsm.streams.info('NONE'));
  await note('a consumer that is not there', () => jsm.consumers.delete('SKU', 'nobody'));
  for (const [what, config] of Object.entries<Partial<ConsumerConfig>>({
    'everything from a sequence on': { filter_subject: 'sku.>', deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: 2 },
    'one partition': { filter_subject: 'sku.8.>', deliver_policy: DeliverPolicy.All },
    'nothing': { filter_subject: 'sku.9.>', deliver_policy: DeliverPolicy.All },
    'from beyond the end': { filter_subject: 'sku.>', deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: 50 },
  })) await note(`read: ${what}`, () => reading(nc, publisher, 'SKU', config));
  await note('read: the newest of each record', () => reading(nc, publisher, 'KV_sku', { filter_subject: '$KV.sku.>', deliver_policy: DeliverPolicy.LastPerSubject }));
  await note('read: epochs alone', () => reading(nc, publisher, 'KV_sku', { filter_subject: '$KV.sku.*._epoch', deliver_policy: DeliverPolicy.LastPerSubject }));
  await note('read: the newest of each listing', () => reading(nc, publisher, 'KV_listing', { filter_subject: '$KV.listing.>', deliver_policy: DeliverPolicy.LastPerSubject }));
  await note('what is republished', () => republished(nc, publisher));
  await note('a member that does not renew is gone', async () => {
    await publisher.publish('$KV.member.n1', text('{}'));
    await pause(1_000);
    const before = await lastMessage(publisher, 'KV_member', '$KV.member.n1');
    await pause(3_500);
    return [before?.seq, await lastMessage(publisher, 'KV_member', '$KV.member.n1')];
  });
  publisher.close();
  await nc.close();
  return answers;
}

function withDeletion(): ReturnType<typeof headers> {
  const meta = headers();
  meta.set('KV-Operation', 'DEL');
  return meta;
}

/** Deliveries of an ordered push consumer, what comes while it reads, and its first heartbeat. */
async function reading(nc: NatsConnection, publisher: Publisher, stream: string, config: Partial<ConsumerConfig>): Promise<unknown> {
  const inbox = `_INBOX_script.${crypto.randomUUID()}`;
  const seen: unknown[] = [];
  const heartbeat = Promise.withResolvers<unknown>();
  const subscription = nc.subscribe(inbox, { callback: (_error, message) => {
    if (message.reply?.startsWith('$JS.ACK.')) seen.push(told(message));
    else if (message.reply) message.respond();
    else heartbeat.resolve(message.headers && [message.headers.code, message.headers.description, message.headers.get('Nats-Last-Consumer'), message.headers.get('Nats-Last-Stream')]);
  } });
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const name = crypto.randomUUID();
  const info = await jsm.consumers.add(stream, {
    name, deliver_subject: inbox, ack_policy: AckPolicy.None, max_deliver: 1, flow_control: true, idle_heartbeat: nanos(500), inactive_threshold: nanos(10_000), mem_storage: true, num_replicas: 1, ...config,
  });
  await pause(200);
  const before = seen.length;
  if (stream === 'SKU') await publisher.publish('sku.8.LIVE', text('live'));
  const beat = await heartbeat.promise;
  const isDeleted = await jsm.consumers.delete(stream, name);
  subscription.unsubscribe();
  return { pending: info.num_pending, delivered: info.delivered.consumer_seq, before, seen, beat, isDeleted };
}

function told(message: Msg): unknown {
  const { subject, seq, delivery, pending } = new StreamMessage(message);
  return [subject, seq, delivery, pending, message.string(), message.headers?.get('Nats-Msg-Id') ?? ''];
}

async function republished(nc: NatsConnection, publisher: Publisher): Promise<unknown> {
  const seen = Promise.withResolvers<unknown>();
  const subscription = nc.subscribe('kvpub.sku.>', { callback: (_error, message) => seen.resolve([message.subject, message.string(), message.headers?.get('Nats-Stream'), message.headers?.get('Nats-Subject'), message.headers?.get('Nats-Sequence')]) });
  await pause(50);
  await publisher.publish('$KV.sku.7.A', text('{"v":9}'));
  const result = await Promise.race([seen.promise, pause(1_000).then(() => 'nothing')]);
  subscription.unsubscribe();
  return result;
}

test.serial('a script of everything that Plumb asks is answered alike by nats-server and by the simulated one', async t => {
  const storeDir = await mkdtemp(join(tmpdir(), 'plumb-test-'));
  t.teardown(() => rm(storeDir, { recursive: true, force: true }));
  const server = await startNats({ storeDir });
  t.teardown(() => server.stop());
  const real = await script(await connect({ servers: server.url }));

  const machine = new Machine(1);
  const broker = new Broker(machine, new Dice(1, 'broker'));
  const network = new Network(machine, broker);
  const { url } = network.link('script', () => 0.2);
  const ends = [machine.install(), network.install()];
  let simulated: Answer[] | undefined;
  try {
    void connect({ servers: url }).then(script).then(answers => { simulated = answers; });
    await machine.run(120_000, () => simulated !== undefined);
  } finally {
    for (const end of ends.reverse()) end();
  }
  for (const [n, [what, answer]] of real.entries()) t.deepEqual([what, simulated?.[n]?.[1]], [what, answer]);
  t.is(simulated?.length, real.length);
});
