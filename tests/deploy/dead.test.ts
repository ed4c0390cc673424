/** Dead letters on a real broker with a real node: what people do with them, by command and over NATS, and what heals by itself. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { headers } from 'nats';
import type { Outlet } from '../../actors/sku/protocol.ts';
import { configSchema } from '../../config/config.ts';
import { startNode } from '../../deploy/node.ts';
import { DeadKeeper } from '../../runtime/dead/keeper.ts';
import { DeadLetters } from '../../runtime/dead/letters.ts';
import type { Task } from '../../runtime/dead/letters.ts';
import { perform } from '../../runtime/perform.ts';
import { skuRecordSubject } from '../../runtime/subjects.ts';
import { eventually, startBroker } from '../runtime/broker.ts';
import type { Broker } from '../runtime/broker.ts';

const launcher = fileURLToPath(new URL('../../deploy/cli/plumb.js', import.meta.url));

interface World extends Broker {
  /** What the source says, raw. */
  say(raw: string, id?: string): Promise<void>;
  plumb(args: readonly string[], stdin?: string): Promise<{ code: number; stdout: string; stderr: string }>;
  tasks(all?: boolean): Promise<Task[]>;
  onHand(sku: string): Promise<number | undefined>;
  outlet(sku: string): Promise<Outlet | undefined>;
}

async function world(t: ExecutionContext): Promise<World> {
  const broker = await startBroker(t);
  const config = configSchema.parse({ nats: { url: broker.server.url }, node: { id: 'n1' }, sources: [{ source: 'erp' }], debounce: { quietMs: 0, hardMs: 0 } });
  const node = await startNode(config, broker.log);
  t.teardown(() => node.stop());
  const letters = new DeadLetters(broker.nc, broker.publisher);
  await letters.open();
  t.teardown(() => letters.close());
  const contextOf = async (sku: string): Promise<{ onHand?: number; outlets?: Record<string, Outlet> }> =>
    (JSON.parse(await broker.bytes(skuRecordSubject(sku)) ?? '{"context":{}}') as { context: { onHand?: number; outlets?: Record<string, Outlet> } }).context;
  return {
    ...broker,
    say: async (raw, id) => { await broker.js.publish('ingest.erp', raw, id === undefined ? {} : { msgID: id }); },
    plumb: (args, stdin = '') => new Promise(resolve => {
      const child = execFile(process.execPath, [launcher, 'dead', ...args, '--nats', broker.server.url], { env: { ...process.env, NO_COLOR: '1' } }, (error, stdout, stderr) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }));
      child.stdin!.end(stdin);
    }),
    tasks: async all => letters.list({ all }),
    onHand: async sku => (await contextOf(sku)).onHand,
    outlet: async sku => (await contextOf(sku)).outlets?.['shop'],
  };
}

const wrong = '{"id":"e1","sku":"A","type":"count","version":1,"quantity":"ten"}';
const right = '{"id":"e1","sku":"A","type":"count","version":1,"quantity":10}';

test.serial('what a source refused is told again once its mapping understands it; where only its arrival says how new it is, a person decides', async t => {
  const broker = await startBroker(t);
  const start = async (codes: Record<string, string>): Promise<void> => {
    const config = configSchema.parse({ nats: { url: broker.server.url }, node: { id: 'n1' }, sources: [{ source: 'shop', mapping: 'csv', tables: { skus: codes } }, { source: 'late', mapping: 'csv', tables: { skus: codes } }] });
    const node = await startNode(config, broker.log);
    stop = () => node.stop();
  };
  let stop: () => Promise<void> = async () => {};
  t.teardown(() => stop());
  await start({ K: 'known' });
  const sent = headers();
  sent.set('Content-Type', 'application/json');
  await broker.js.publish('ingest.late', '{"sku":"N","quantity":"7"}', { headers: sent });
  sent.set('Plumb-Position', '[1,2]');
  await broker.js.publish('ingest.shop', '{"sku":"N","quantity":"7"}', { headers: sent });
  const letters = new DeadLetters(broker.nc, broker.publisher);
  await letters.open();
  t.teardown(() => letters.close());
  await eventually('both are told', () => letters.list({ class: 'unmapped' }).length === 2);
  await stop();
  await start({ K: 'known', N: 'new' });
  const keeper = new DeadKeeper({ ...broker, understandMs: 100 });
  await keeper.start();
  t.teardown(() => keeper.release());
  await eventually('it is counted', async () => (JSON.parse(await broker.bytes(skuRecordSubject('new')) ?? '{"context":{}}') as { context: { onHand?: number } }).context.onHand === 7);
  await eventually('its task is over', () => letters.list({ class: 'unmapped' }).length === 1);
  t.like(letters.list({ origin: 'shop', all: true })[0]!.resolution, { how: 'retried', by: 'a mapping that understands it by now' });
  await new Promise(resolve => setTimeout(resolve, 1_000));
  t.is(letters.list({ origin: 'late' }).length, 1);
});

test.serial('a malformed message is listed with what is wrong, and told again in other words', async t => {
  const { say, plumb, tasks, onHand } = await world(t);
  t.deepEqual(await plumb(['list']), { code: 0, stdout: 'no open tasks\n', stderr: '' });
  await say(wrong, 'msg-1');
  await eventually('it is told', async () => (await tasks()).length === 1);
  const [{ task }] = await tasks() as [Task];
  const { stdout } = await plumb(['list']);
  t.regex(stdout, new RegExp(`${task} .*malformed .*erp .*quantity .*1 `));
  t.regex((await plumb(['show', task])).stdout, /raw: .*"quantity\\?":\\?"ten\\?"/);

  const edited = await plumb(['edit', task, '--raw', '-', '--by', 'ops'], right);
  t.deepEqual(edited, { code: 0, stdout: `${task}: erp tells it again as its message 2\n`, stderr: '' });
  await eventually('the count is applied', async () => await onHand('A') === 10);
  t.deepEqual((await tasks(true)).map(({ open, resolution }) => ({ open, how: resolution?.how, by: resolution?.by, reason: resolution?.reason })), [
    { open: [], how: 'retried', by: 'ops', reason: 'told again as message 2 of erp' },
  ]);
});

test.serial('a retry of what is still wrong ends one case and opens another, and nothing is told twice', async t => {
  const { say, plumb, tasks, bodies } = await world(t);
  await say(wrong, 'msg-1');
  await eventually('it is told', async () => (await tasks()).length === 1);
  const [{ task: before }] = await tasks() as [Task];
  t.is((await plumb(['retry', '--class', 'malformed', '--by', 'ops'])).code, 0);
  await eventually('it is told again', async () => (await tasks()).length === 1 && (await tasks())[0]!.task !== before);
  t.is((await bodies('DEAD')).length, 3, 'failure, resolution, failure');
});

test.serial('a dismissal wants a reason and keeps it, with who and when', async t => {
  const { say, plumb, tasks } = await world(t);
  await say(wrong, 'msg-1');
  await eventually('it is told', async () => (await tasks()).length === 1);
  const [{ task }] = await tasks() as [Task];
  t.is((await plumb(['dismiss', task])).code, 2);
  t.deepEqual(await plumb(['dismiss', task, '--reason', ' ']), { code: 1, stdout: '', stderr: `${task}: a dismissal needs a reason\nplumb: 1 of 1 could not be done\n` });
  t.is((await plumb(['dismiss', task.toLowerCase(), '--reason', 'a test of the ERP', '--by', 'ops'])).code, 0);
  t.deepEqual(await tasks(), []);
  t.like((await tasks(true))[0]!.resolution, { how: 'dismissed', by: 'ops', reason: 'a test of the ERP' });
  t.regex((await plumb(['list', '--all'])).stdout, /dismissed by ops: a test of/);
});

test.serial('what a job failed at is healed when its number is proven, with the proof', async t => {
  const { say, tell, tasks, outlet, publisher } = await world(t);
  await say(right);
  await tell('A', { type: 'listing.linked', account: 'shop', listing: { id: 'L', fields: {} }, gross: false, rule: { buffer: 0 }, shown: 0 });
  await eventually('it is decided', async () => (await outlet('A'))?.intent !== undefined);
  const { version, signature, quantity } = (await outlet('A'))!.intent!;
  await perform(publisher, [{
    to: ['dead', 'validation', 'shop', 'A'], id: 'dead:validation:shop:A:X:1',
    body: { class: 'validation', account: 'shop', sku: 'A', code: 'X', message: 'refused', heals: 'a change', signature, at: Date.now() },
  }]);
  await eventually('it is told', async () => (await tasks()).length === 1);
  // A proof of the failure's own millisecond proves nothing of it.
  await new Promise(resolve => setTimeout(resolve, 20));
  await tell('A', { type: 'observed', account: 'shop', version, quantity, verdict: 'equal' });
  await eventually('it is healed', async () => (await tasks()).length === 0);
  t.like((await tasks(true))[0]!.resolution, { how: 'healed', by: `proof of 10 at shop, ${signature}` });
});

test.serial('the same may be asked over NATS, and a bad request is told what is bad', async t => {
  const { say, nc, tasks } = await world(t);
  await say(wrong, 'msg-1');
  await eventually('it is told', async () => (await tasks()).length === 1);
  const ask = async (request: unknown): Promise<Record<string, unknown>> => (await nc.request('control.dead', JSON.stringify(request), { timeout: 5_000 })).json();
  const listed = await ask({ verb: 'list', class: 'malformed' }) as { tasks: Task[] };
  t.is(listed.tasks.length, 1);
  const { task } = listed.tasks[0]!;
  t.deepEqual(await ask({ verb: 'list', class: 'gap' }), { ok: true, tasks: [] });
  t.deepEqual(await ask({ verb: 'dismiss', tasks: [task], by: 'ops' }), { ok: false, done: [{ task, error: 'a dismissal needs a reason' }] });
  t.deepEqual(await ask({ verb: 'dismiss', by: 'ops', reason: 'x' }), { ok: false, error: 'dismiss: which? tasks, class or origin' });
  t.like(await ask({ verb: 'fly' }), { ok: false });
  t.regex(String((await ask({ verb: 'fly' })).error), /verb/);
  t.deepEqual(await ask({ verb: 'dismiss', origin: 'erp', by: 'ops', reason: 'x' }), { ok: true, done: [{ task, did: 'dismissed' }] });
  await eventually('it is over', async () => (await tasks()).length === 0);
});

test.serial('what cannot be tried again says what heals it, and an unknown task is exit 1', async t => {
  const { plumb, tasks, publisher } = await world(t);
  await perform(publisher, [{ to: ['dead', 'auth', 'shop', 'shop'], id: 'auth:shop:1', body: { class: 'auth', account: 'shop', message: 'dead grant', heals: 'a valid grant for shop', at: 1 } }]);
  await eventually('it is told', async () => (await tasks()).length === 1);
  const [{ task }] = await tasks() as [Task];
  const retried = await plumb(['retry', task]);
  t.deepEqual({ code: retried.code, stderr: retried.stderr }, { code: 1, stderr: `${task}: a case of class "auth" cannot be tried again; what heals it: a valid grant for shop\nplumb: 1 of 1 could not be done\n` });
  t.deepEqual(await plumb(['show', 'D-NOBODY']), { code: 1, stdout: '', stderr: 'plumb: no dead letter is called "D-NOBODY"\n' });
  t.is((await plumb(['retry'])).code, 2);
});
