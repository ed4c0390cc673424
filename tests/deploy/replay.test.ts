/** Replays of what a node has stored on a real broker, by the command that people run. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { configSchema } from '../../config/config.ts';
import { startNode } from '../../deploy/node.ts';
import { differencesUpTo, replayOf, verifyAll } from '../../deploy/replay.ts';
import type { Incident } from '../../deploy/replay.ts';
import type { ActorRecord } from '../../runtime/actor.ts';
import { skuRecordSubject } from '../../runtime/subjects.ts';
import { eventually, startBroker } from '../runtime/broker.ts';
import type { Broker } from '../runtime/broker.ts';

const launcher = fileURLToPath(new URL('../../deploy/cli/plumb.js', import.meta.url));
const sku = 'Größe M/85123A';

interface Answer { code: number; stdout: string; stderr: string }

function plumb({ server }: Broker, ...args: string[]): Promise<Answer> {
  return new Promise(resolve => {
    execFile(process.execPath, [launcher, 'replay', ...args, '--nats', server.url], { env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' } }, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }));
  });
}

async function recordOf({ bytes }: Broker): Promise<ActorRecord & { context: { onHand: number } }> {
  return JSON.parse(await bytes(skuRecordSubject(sku)) ?? '{"applied":0}') as ActorRecord & { context: { onHand: number } };
}

/** A SKU that was counted, listed, and sold, by a node that has left; and another beside it. */
async function lived(t: ExecutionContext): Promise<Broker & { last: number }> {
  const broker = await startBroker(t);
  const config = configSchema.parse({
    nats: { url: broker.server.url }, node: { id: 'n1' }, sources: [{ source: 'erp' }], debounce: { quietMs: 50, hardMs: 200 },
  });
  const node = await startNode(config, broker.log);
  const say = async (id: string, of: string, fields: object): Promise<void> => {
    await broker.js.publish('ingest.erp', JSON.stringify({ id, sku: of, ...fields }));
  };
  await say('e1', sku, { type: 'count', version: 1, quantity: 120 });
  await say('e2', 'other', { type: 'count', version: 1, quantity: 5 });
  await eventually('the count is applied', async () => (await recordOf(broker)).applied > 0);
  await broker.tell(sku, { type: 'listing.linked', account: 'shop', listing: { id: 'L', fields: {} }, gross: false, rule: { buffer: 3 }, shown: 0 });
  await broker.tell(sku, { type: 'order.placed', account: 'shop', line: 'shop/1/1', units: 20, createdAt: 1 });
  const last = await broker.tell(sku, { type: 'stock.adjusted', source: 'erp', position: 2, delta: 50 });
  await eventually('the raise has gone out', async () => {
    const { applied, due } = await recordOf(broker);
    return applied > last && !('flush' in due);
  });
  const { applied } = await recordOf(broker);
  await node.stop();
  return { ...broker, last: applied };
}

test.serial('replay shows every fact with what it changed and decided, and that the record agrees', async t => {
  const broker = await lived(t);
  const { code, stdout } = await plumb(broker, sku, '--diff');
  t.is(code, 0);
  t.regex(stdout, /^SKU "Größe M\/85123A", partition \d+: 5 facts, /);
  t.regex(stdout, /stock\.counted {2}source=erp position=1 quantity=120\n {6}unknown → settled {3}available unknown → 120\n/);
  t.regex(stdout, /listing\.linked .*\n.*\n {6}shop: show 117 \(write, raise; rule buffer=3\) {2}sho-[0-9A-Z]{24}\n/);
  t.regex(stdout, /order\.placed .*\n.* {3}available 120 → 100\n {6}shop: show 97 \(write, decrease; /);
  t.regex(stdout, /onHand: was 120, is 170/);
  t.regex(stdout, /timer\.due .*\n.*\n {6}shop: show 147 /);
  t.regex(stdout, new RegExp(`the stored record is the fold of its journal up to #${broker.last}\n$`));
});

test.serial('replay --at a sequence or a time stops there and shows the whole state', async t => {
  const broker = await lived(t);
  const steps = (await plumb(broker, sku, '--json')).stdout.trim().split('\n').map(line => JSON.parse(line) as { seq: number; at: string; fact: { type: string } });
  const sold = steps.find(({ fact }) => fact?.type === 'order.placed')!;
  const counted = steps[0]!;
  const bySeq = await plumb(broker, sku, '--at', String(sold.seq));
  t.regex(bySeq.stdout, new RegExp(`the state behind #${sold.seq}\nstate: writing\navailable: 100\n[^]*onHand: 120\n`));
  t.notRegex(bySeq.stdout, /timer\.due/);
  const byTime = await plumb(broker, sku, '--at', counted.at, '--json');
  t.is((JSON.parse(byTime.stdout.trim().split('\n').at(-1)!) as { at: number }).at, counted.seq);
});

test.serial('a record that is not the fold of its journal is named, field by field: exit 1', async t => {
  const broker = await lived(t);
  t.deepEqual(await verifyAll(broker.nc), { skus: 2, messages: 6, waiting: 0, overdue: [], quarantined: [], parted: [] });
  const { code, stdout } = await plumb(broker, '--all', '--verify');
  t.deepEqual({ code, stdout }, { code: 0, stdout: '2 SKUs, 6 journal messages: every record is the fold of its journal\n' });

  const record = await recordOf(broker);
  const { revision } = await broker.records.read(skuRecordSubject(sku));
  await broker.records.put(skuRecordSubject(sku), { ...record, context: { ...record.context, onHand: 171 } }, revision);
  const { parted } = await verifyAll(broker.nc);
  t.deepEqual(parted, [{ sku, applied: broker.last, last: broker.last, differences: [{ path: 'context.onHand', stored: 171, folded: 170 }] }]);
  const one = await plumb(broker, sku);
  t.is(one.code, 1);
  t.true(one.stdout.endsWith(`the stored record and the fold part at #${broker.last}:\n  context.onHand: stored 171, folded 170\n`), one.stdout);
  const all = await plumb(broker, '--all', '--verify');
  t.is(all.code, 1);
  t.regex(all.stdout, /"Größe M\/85123A" at \d+: context\.onHand is stored as 171 and folds to 170\n$/);
});

test.serial('a journal that nobody applies is told as waiting, and one that never began too', async t => {
  const broker = await lived(t);
  await broker.tell(sku, { type: 'stock.adjusted', source: 'erp', position: 3, delta: 1 });
  await broker.tell('new', { type: 'stock.counted', source: 'erp', position: 1, quantity: 1 });
  t.like(await verifyAll(broker.nc), { skus: 3, messages: 8, waiting: 2, parted: [] });
  t.regex((await plumb(broker, sku)).stdout, /1 facts behind #\d+ are not in the record yet\nthe stored record is the fold/);
  t.regex((await plumb(broker, 'new')).stdout, /no record is stored: nothing of this journal has been applied\n$/);
});

test.serial('an exported incident folds to the record without the broker', async t => {
  const broker = await lived(t);
  const folder = await mkdtemp(join(tmpdir(), 'plumb-test-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'incident.json');
  t.is((await plumb(broker, sku, '--export', file)).code, 0);
  const incident = JSON.parse(await readFile(file, 'utf8')) as Incident;
  t.is(incident.record!.applied, broker.last);
  t.deepEqual(differencesUpTo(replayOf(incident), incident.messages, incident.record!), []);
});

test.serial('an unknown SKU is exit 1, wrong usage exit 2, each said in a line', async t => {
  const broker = await lived(t);
  for (const [args, code, said] of [
    [['nobody'], 1, 'plumb: no SKU "nobody" is known\n'],
    [[], 2, 'plumb: which SKU? (or --all --verify)\n'],
    [['--all'], 2, 'plumb: either one SKU, or --all with --verify\n'],
    [[sku, '--at', 'noon'], 2, 'plumb: --at: "noon" is neither a sequence nor a time like 2026-03-01T09:30:00Z\n'],
  ] as const) {
    const answer = await plumb(broker, ...args);
    t.deepEqual({ code: answer.code, stderr: answer.stderr }, { code, stderr: said });
  }
});
