/** Amazon's notifications by way of the real SQS client, over HTTP, from a queue that promises as little as SQS does. */
import { request } from 'undici';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { configSchema } from '../../config/config.ts';
import { amazonHooks } from '../../actors/channel/adapters/amazon/hooks.ts';
import { HookIntake } from '../../deploy/doors/hooks/intake.ts';
import { readQueue } from '../../deploy/doors/hooks/reading.ts';
import { openSqs } from '../../deploy/doors/hooks/sqs.ts';
import { startNode } from '../../deploy/node.ts';
import { startSandboxes } from '../../deploy/sandbox/main.ts';
import type { SandboxAccount } from '../../deploy/sandbox/main.ts';
import { startQueue } from '../../deploy/sandbox/queue.ts';
import type { SandboxQueue } from '../../deploy/sandbox/queue.ts';
import { encodeJournal, journalHeaders } from '../../runtime/codec.ts';
import { skuSubject } from '../../runtime/subjects.ts';
import { startBroker } from '../runtime/broker.ts';
import type { Broker } from '../runtime/broker.ts';

const settingsOf = ({ url, credentials }: SandboxQueue) => ({ url, region: 'us-east-1', waitS: 1, hiddenS: 60, ...credentials });
const message = (id: string, sku: string): string => JSON.stringify({
  NotificationType: 'LISTINGS_ITEM_MFN_QUANTITY_CHANGE', NotificationMetadata: { NotificationId: id }, Payload: { SellerId: 'A1', Sku: sku, FulfillmentChannelCode: 'DEFAULT', Quantity: 3 },
});
const never = new AbortController().signal;

async function queueOf(t: ExecutionContext, options: Parameters<typeof startQueue>[0] = {}): Promise<SandboxQueue> {
  const queue = await startQueue(options);
  t.teardown(() => queue.close());
  return queue;
}

interface Reading { broker: Broker; queue: SandboxQueue; stop(): Promise<void>; notices(): Promise<{ id: string; listings: string[] }[]>; letters(): Promise<{ class: string; message: string; resolved?: boolean }[]> }

async function reading(t: ExecutionContext, queue: SandboxQueue, credentials = queue.credentials): Promise<Reading> {
  const broker = await startBroker(t);
  const { publisher, nc, log } = broker;
  const context = { account: { account: 'amz-1', channel: 'amazon', baseUrl: 'https://x', credentials: {}, settings: { sellerId: 'A1' } }, settings: {} };
  const reader = readQueue({ queue: await openSqs({ ...settingsOf(queue), ...credentials }), hooks: amazonHooks, context, intake: new HookIntake({ publisher, nc, now: Date.now }), publisher, node: 'n1', log, pauseMs: 50 });
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => stopped ??= reader.stop();
  t.teardown(stop);
  return { broker, queue, stop, notices: async () => await broker.bodies('INGEST') as never, letters: async () => await broker.bodies('DEAD') as never };
}

test.serial('a message is given once while it is hidden, again when it was not removed, and never after it was', async t => {
  const queue = await queueOf(t, { hiddenMs: 300 });
  const sqs = await openSqs(settingsOf(queue));
  t.teardown(() => sqs.close());
  queue.send('one');
  const [first] = await sqs.receive(never);
  t.is(first?.body, 'one');
  t.deepEqual(await (await openSqs({ ...settingsOf(queue), waitS: 0 })).receive(never), []);
  const [again] = await sqs.receive(never);
  t.deepEqual([again?.id, again?.body], [first?.id, 'one']);
  t.not(again?.receipt, first?.receipt);
  // The receipt of the earlier delivery is too old.
  await sqs.remove(first!.receipt);
  t.deepEqual(queue.bodies, ['one']);
  await sqs.remove(again!.receipt);
  t.deepEqual([queue.bodies, queue.counts.removed], [[], 1]);
});

test.serial('a wait for messages ends at once when it is broken off', async t => {
  const queue = await queueOf(t);
  const sqs = await openSqs({ ...settingsOf(queue), waitS: 20 });
  t.teardown(() => sqs.close());
  const over = new AbortController();
  const began = performance.now();
  setTimeout(() => over.abort(), 100);
  await t.throwsAsync(sqs.receive(over.signal));
  t.true(performance.now() - began < 5_000);
});

test.serial('what is stored is removed; repeats of it, by the queue or by Amazon, are journaled once', async t => {
  const queue = await queueOf(t, { hiddenMs: 100 });
  queue.forgetRemovals(3);
  for (const [id, sku] of [['q-1', 'S 1'], ['q-2', 'S/2'], ['q-1', 'S 1'], ['q-3', 'S#3']] as const) queue.send(message(id, sku));
  const r = await reading(t, queue);
  await until('the queue is empty', () => queue.bodies.length === 0);
  t.true(queue.counts.received >= 7, 'three removals were forgotten');
  t.deepEqual((await r.notices()).map(({ id, listings }) => `${id} ${listings}`).sort(), ['q-1 S 1', 'q-2 S/2', 'q-3 S#3']);
  t.deepEqual(await r.letters(), []);
});

test.serial('a message that cannot be read is told to people once, stays, and holds up no other', async t => {
  const queue = await queueOf(t, { hiddenMs: 50, receivesMax: 5 });
  queue.send('{');
  queue.send(message('q-2', 'S/2').replace('"A1"', '"SOMEBODY"'));
  queue.send(message('q-1', 'S 1'));
  const r = await reading(t, queue);
  await until('the good one is taken', async () => (await r.notices()).length === 1);
  await until('the others are given up by the queue itself', () => queue.dead.length === 2);
  const letters = await r.letters();
  t.deepEqual(letters.map(({ class: kind }) => kind), ['notification', 'notification']);
  t.deepEqual(letters.map(({ message: told }) => told.replace(/message \S+ in/, 'message ID in')).sort(), [
    'message ID in the queue of amz-1 cannot be read and is left there: SellerId: "SOMEBODY" is not the seller of amz-1',
    'message ID in the queue of amz-1 cannot be read and is left there: body: a notification is wanted',
  ]);
  t.is(queue.counts.removed, 1);
});

test.serial('the reading ends when it is told to, in the middle of a wait', async t => {
  const queue = await queueOf(t);
  const r = await reading(t, queue);
  queue.send(message('q-1', 'S 1'));
  await until('taken', () => queue.bodies.length === 0);
  const began = performance.now();
  await r.stop();
  t.true(performance.now() - began < 5_000);
  queue.send(message('q-2', 'S/2'));
  await new Promise(resolve => setTimeout(resolve, 200));
  // One that was given to a connection that had ended comes again.
  t.deepEqual([queue.counts.removed, queue.bodies.length, (await r.notices()).length], [1, 1, 1]);
});

test.serial('a queue that does not answer is one task, which ends when it does', async t => {
  const queue = await queueOf(t);
  queue.fail(true);
  queue.send(message('q-1', 'S 1'));
  const r = await reading(t, queue);
  await until('people are told', async () => (await r.letters()).length === 1);
  await until('it is asked on', () => queue.counts.refused >= 8);
  t.is((await r.letters()).length, 1);
  t.regex((await r.letters())[0]!.message, /^the queue of amz-1 does not answer: ServiceUnavailable/);
  queue.fail(false);
  await until('the message is taken', async () => (await r.notices()).length === 1);
  await until('the task is over', async () => (await r.letters()).length === 2);
  t.true((await r.letters())[1]!.resolved);
});

/** Amazon's sandbox sends to the queue, and a node that polls and sweeps once an hour reads it. */
async function world(t: ExecutionContext, copies: number, pollMinMs: number) {
  const queue = await queueOf(t, { hiddenMs: 500 });
  queue.forgetRemovals(2);
  const broker = await startBroker(t);
  const sandboxes = await startSandboxes({ scale: 600, accounts: [{ account: 'amazon-1', channel: 'amazon', port: 0 }] });
  t.teardown(() => sandboxes.close());
  const [{ url, ...given }] = sandboxes.accounts as [SandboxAccount];
  const admin = async (path: string, body?: object): Promise<any> => (await request(`${url}/_sandbox/${path}`, body ? { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) } : {})).body.json();
  await admin('listings', [{ sku: 'A-1', quantity: 5 }]);
  const node = await startNode(configSchema.parse({
    nats: { url: broker.server.url }, node: { id: 'n1' }, timeScale: 600, debounce: { quietMs: 0, hardMs: 0 },
    channels: { pollMinMs }, reconcile: { maxProofAgeMs: 3_600_000, apartMs: 50 },
    accounts: [{ ...given, baseUrl: url, stage: 'live' }],
    hooks: { accounts: { 'amazon-1': { queue: settingsOf(queue) } } },
  }), broker.log);
  t.teardown(() => node.stop());
  await admin('hooks', { url: queue.sendUrl, copies });
  await until('the account is owned', () => broker.nc.request('inspect.channel.amazon-1', '', { timeout: 1_000 }).then(() => true, () => false));
  const figures = async (): Promise<Record<string, any>> => (await broker.nc.request('inspect.channel.amazon-1', '', { timeout: 5_000 })).json();
  t.like((await broker.nc.request('control.channel.amazon-1', 'import', { timeout: 10_000 })).json(), { ok: true, linked: 1 });
  await until('the first poll is over', async () => (await admin('counts'))['calls.orders'] > 0);
  await broker.publisher.publish(skuSubject('A-1'), encodeJournal({ type: 'stock.counted', source: 'erp', position: 1, quantity: 5 }), journalHeaders({ id: 'count:1' }));
  await until('proven', async () => (await figures())['proven'] === 1);
  return { queue, broker, admin, figures };
}

test.serial('a sale is learnt from its notification, and three copies of it are one', async t => {
  const w = await world(t, 3, 3_600_000);
  await w.admin('buy', { buyer: 'b1', lines: [{ sku: 'A-1', units: 2 }] });
  // The list shows an order two minutes late: the seller's next change of it is told too.
  await until('the sale is learnt', async () => {
    if ((await w.figures())['orderLines'] > 0) return true;
    await w.admin('buy', { buyer: 'b2', lines: [{ sku: 'A-1', units: 1 }] });
    return false;
  }, 300);
  await until('the queue is empty', () => w.queue.bodies.length === 0);
  const notices = await w.broker.bodies('INGEST') as { id: string; topic: string; orders: boolean }[];
  t.is(new Set(notices.map(({ id }) => id)).size, notices.length);
  t.true(notices.some(({ topic, orders }) => topic === 'ORDER_CHANGE' && orders));
  t.true(w.queue.counts.received > notices.length * 2);
});

test.serial('an edit by hand is read as soon as Amazon tells of it, and undone', async t => {
  const w = await world(t, 1, 50);
  await w.admin('edit', { sku: 'A-1', quantity: 50 });
  await until('undone', async () => (await w.admin('listings'))[0].quantity === 5);
  t.pass();
});

test.serial('a call to the queue is tried once, and a refusal names what is wrong', async t => {
  const queue = await queueOf(t);
  const sqs = await openSqs(settingsOf(queue));
  t.teardown(() => sqs.close());
  queue.fail(true);
  const error = await t.throwsAsync(sqs.receive(never));
  t.is(queue.counts.refused, 1, 'one try a call');
  t.regex(error!.name, /ServiceUnavailable|Unavailable/);
  queue.fail(false);
  const other = await openSqs({ ...settingsOf(queue), accessKeyId: 'AKIANOBODY' });
  t.teardown(() => other.close());
  t.is((await t.throwsAsync(other.receive(never)))!.name, 'InvalidClientTokenId');
});

async function until(what: string, holds: () => boolean | Promise<boolean>, everyMs = 25): Promise<void> {
  for (const end = Date.now() + 20_000; !(await holds());) {
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await new Promise(resolve => setTimeout(resolve, everyMs));
  }
}
