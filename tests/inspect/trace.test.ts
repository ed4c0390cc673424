/** `plumb trace` on a real broker, with a real node and two sandbox marketplaces. */
import test from 'ava';
import type { ExecutionContext } from 'ava';
import type { Chain, Trace, TraceStep } from '../../deploy/trace.ts';
import { configSchema } from '../../config/config.ts';
import { historyOf } from '../../deploy/console/history.ts';
import { startNode } from '../../deploy/node.ts';
import { traceSku } from '../../deploy/trace.ts';
import { encodeJournal, journalHeaders } from '../../runtime/codec.ts';
import { skuRecordSubject } from '../../runtime/subjects.ts';
import { eventually, startBroker } from '../runtime/broker.ts';
import type { Broker } from '../runtime/broker.ts';
import { smallWorld } from './small-world.ts';
import type { SmallWorld } from './small-world.ts';

async function traced(t: ExecutionContext, { plumb }: SmallWorld, ...args: string[]): Promise<Trace> {
  const { code, stdout, stderr } = await plumb('trace', ...args, '--json');
  t.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  return JSON.parse(stdout) as Trace;
}

/** Without what differs from run to run. */
function plain(step: TraceStep): object {
  const { at, afterMs, ...rest } = step;
  if (rest.step === 'attempt') return { ...rest, outcome: rest.outcome.kind, exchanges: rest.exchanges.map(({ method, status, requestId }) => `${method} ${status} ${typeof requestId}`) };
  return rest.step === 'answer' ? { ...rest, until: typeof rest.until } : rest;
}

const kinds = ({ steps }: Chain): string[] => steps.map(step => (step.step === 'attempt' ? `${step.op} ${step.outcome.kind}` : step.step));
const only = ({ chains }: Trace): Chain => chains[0]!;

test.serial('a chain leads from the source\'s message over what was decided and why, and what the channel answered, to the proof', async t => {
  const world = await smallWorld(t, ['A', 'Größe M/1']);
  await world.say({ id: 'e1', sku: 'A', type: 'count', version: 1, quantity: 9, reserved: 2 });
  await world.proven('ebay', { A: 6 });
  const trace = await traced(t, world, 'A', '--account', 'ebay');
  const { steps, signature, tookMs, ...chain } = only(trace);
  t.deepEqual(chain, { sku: 'A', account: 'ebay', correlation: 'erp:e1', state: 'proven' });
  const [counted, answered, proved] = steps.flatMap(step => ('seq' in step && ['fact', 'answer', 'proof'].includes(step.step) ? [step.seq] : [])) as [number, number, number];
  t.true(counted < answered && answered < proved);
  const { at: said } = steps[0]!;
  t.deepEqual(steps.filter(({ step }) => step !== 'attempt').map(plain), [
    { step: 'source', source: 'erp', seq: 1, message: { id: 'e1', sku: 'A', type: 'count', version: 1, quantity: 9, reserved: 2 } },
    { step: 'fact', sku: 'A', seq: counted, id: `in:erp:1.${said}`, fact: { type: 'stock.counted', source: 'erp', position: 1, quantity: 9, reserved: 2 } },
    { step: 'decision', seq: counted, quantity: 6, kind: 'write', lane: 'raise', rule: { buffer: 1 }, inputs: { available: 7, onHand: 9, reserved: 2, sold: 0 }, waitedMs: 0 },
    { step: 'answer', seq: answered, outcome: 'accepted', quantity: 6, until: 'number' },
    { step: 'reading', seq: proved, verdict: 'equal', quantity: 6 },
    { step: 'proof', seq: proved, quantity: 6, by: 'read' },
  ]);
  t.deepEqual(steps.filter(({ step }) => step === 'attempt').map(plain), [
    { step: 'attempt', op: 'write', attempt: 0, key: signature, quantity: 6, outcome: 'accepted', exchanges: ['POST 200 string'] },
    { step: 'attempt', op: 'read', attempt: 0, key: signature, quantity: 6, outcome: 'read', exchanges: ['POST 200 string', 'GET 200 string'] },
  ]);
  t.deepEqual(steps.slice(3).map(({ at }) => at), steps.slice(3).map(({ at }) => at).sort((x, y) => x - y), 'what came of it stands in the order of time');
  steps.forEach((step, n) => t.is(step.afterMs, n === 0 ? 0 : step.at - steps[n - 1]!.at, `the time before step ${n}`));
  t.is(tookMs, steps.at(-1)!.at - steps[0]!.at);

  const { stdout } = await world.plumb('trace', 'A', '--account', 'ebay');
  const text = stdout.replaceAll(/ \d\d:\d\d:\d\d\.\d{3}/g, ' TIME').replaceAll(/\+\d+(\.\d+)? m?s/g, '+N').replaceAll(/in \d+ ms/g, 'in N').replaceAll(/after \d+(\.\d+)? m?s/g, 'after N')
    .replaceAll(/#\d+/g, '#N').replaceAll(/ri=req-\w+/g, 'ID').replaceAll(/ +/g, ' ').replace(signature, 'SIGNATURE').replace(/, \d+ facts/, ', N facts');
  // An answer is journaled while the read that follows it begins: either may be first.
  const told = text.split('\n');
  t.deepEqual(told.slice(0, 9), [
    'SKU "A" settled, available 7, N facts',
    '',
    'ebay SIGNATURE proven after N began with erp:e1',
    ' TIME source erp message 1 {"id":"e1","sku":"A","type":"count","version":1,"quantity":9,"reserved":2}',
    ' +N fact #N of "A" stock.counted source=erp position=1 quantity=9 reserved=2',
    ' +N decided #N show 6 (write, raise)',
    ' from available 7 = 9 on hand - 2 reserved; rule buffer=1',
    ' +N write 6, try 1: accepted verifyAfterMs=16.67 verifyWithinMs=1000',
    ' POST /sell/inventory/v1/bulk_update_price_quantity 200 in N id ID',
  ]);
  t.deepEqual(told.slice(9).sort(), [
    ' +N answer #N accepted 6, to be seen until TIME',
    ' +N read what it shows: read quantity=6 buyable=6',
    ' POST /sell/inventory/v1/bulk_get_inventory_item 200 in N id ID',
    ' GET /sell/inventory/v1/offer?sku=A 200 in N id ID',
    ' +N reading #N equal: it shows 6',
    ' +N proof #N it shows 6, by reading it back',
    '',
  ].sort());

  await world.say({ id: 'e2', sku: 'A', type: 'count', version: 2, quantity: 12, reserved: 0 });
  await world.proven('ebay', { A: 11 });
  const [, fact, decision] = only(await traced(t, world, 'A', '--account', 'ebay')).steps as [TraceStep, TraceStep, TraceStep];
  t.like(fact, { step: 'fact', fact: { type: 'stock.counted', position: 2 } });
  t.true(decision.step === 'decision' && decision.quantity === 11 && decision.waitedMs >= 50 && decision.at - fact.at >= 50, 'a raise waited for quiet, behind the fact that asked for it');
  t.deepEqual(await world.plumb('trace', 'nope'), { code: 1, stdout: '', stderr: 'plumb: no SKU "nope" is known\n' });
  t.deepEqual(await world.plumb('trace', 'A', '--account', 'x'), { code: 1, stdout: '', stderr: 'plumb: nothing was ever decided for "A" at "x"\n' });
  t.deepEqual(await world.plumb('trace', 'eby-000000000000000000000000'), { code: 1, stdout: '', stderr: 'plumb: no write was signed eby-000000000000000000000000, and no SKU has that name\n' });
  t.deepEqual(await world.plumb('trace', 'A', '--last', '0'), { code: 2, stdout: '', stderr: 'plumb: --last: "0" is no whole number from 1\n' });
  t.regex((await world.plumb('trace', 'Größe M/1')).stdout, /available unknown.*\nno channel was ever to show a number of it/);
});

test.serial('a sale at one channel and a hand edit at another have chains too, and older signatures are still found', async t => {
  const world = await smallWorld(t, ['A']);
  await world.say({ id: 'e1', sku: 'A', type: 'count', version: 1, quantity: 9 });
  await world.proven('ebay', { A: 8 });
  await world.proven('shopify', { A: 8 });
  const first = only(await traced(t, world, 'A', '--account', 'ebay'));

  world.shops.shopify.shop.buy('b', [{ sku: 'A', units: 2 }]);
  await world.proven('ebay', { A: 6 });
  const sold = only(await traced(t, world, 'A', '--account', 'ebay'));
  t.regex(sold.correlation, /^shopify\//);
  t.deepEqual(kinds(sold).sort(), ['answer', 'decision', 'fact', 'proof', 'read read', 'reading', 'write accepted']);
  t.like(sold.steps[0], { fact: { type: 'order.placed', account: 'shopify', units: 2 } });
  t.like(sold.steps[1], { quantity: 6, lane: 'decrease', inputs: { available: 7, onHand: 9, reserved: 0, sold: 2 } });

  world.shops.ebay.shop.edit('A', 40);
  await eventually('the edit is repaired', async () => {
    const { intent, proof } = (JSON.parse((await world.bytes(skuRecordSubject('A')))!) as { context: { outlets: { ebay: { intent: { kind: string; version: number }; proof: { version: number } } } } }).context.outlets.ebay;
    return intent.kind === 'repair' && proof.version === intent.version;
  }, 30_000);
  const trace = await traced(t, world, 'A', '--account', 'ebay', '--last', '2');
  t.deepEqual(trace.chains.map(({ signature, state }) => [signature, state])[0], [sold.signature, 'proven']);
  t.false('supersededBy' in trace.chains[0]!, 'what was proven was not overtaken');
  const repaired = trace.chains[1]!;
  t.like(repaired.steps[0], { step: 'fact', fact: { type: 'observed', verdict: 'drift', quantity: 40 } });
  t.like(repaired.steps[1], { step: 'decision', kind: 'repair', quantity: 6 });
  t.is(repaired.state, 'proven');

  for (const { signature, steps } of [first, sold, repaired]) {
    const { sku, chains } = await traced(t, world, signature);
    t.deepEqual([sku, chains.map(chain => chain.signature), chains[0]!.steps], ['A', [signature], steps]);
  }
  t.deepEqual((await traced(t, world, `${first.signature}.1`)).chains[0]!.signature, first.signature);
});

test.serial('what one call carried is shown with each of its listings, a try that failed and what overtook it too', async t => {
  const world = await smallWorld(t, ['A', 'B']);
  t.is((await world.plumb('freeze', 'ebay')).code, 0);
  await world.say({ id: 'e1', sku: 'A', type: 'count', version: 1, quantity: 9 });
  await world.say({ id: 'e2', sku: 'B', type: 'count', version: 1, quantity: 5 });
  await world.proven('shopify', { A: 8, B: 4 });
  const waiting = only(await traced(t, world, 'A', '--account', 'ebay'));
  t.deepEqual([waiting.state, kinds(waiting)], ['open', ['source', 'fact', 'decision']]);
  await world.say({ id: 'e3', sku: 'A', type: 'count', version: 2, quantity: 7 });
  await world.proven('shopify', { A: 6 });
  world.shops.ebay.shop.faults.add({ kind: 'lose-answer', on: 'write', count: 1 });
  t.is((await world.plumb('resume', 'ebay')).code, 0);
  await world.proven('ebay', { A: 6, B: 4 });

  const [former, newest] = (await traced(t, world, 'A', '--account', 'ebay', '--last', '9')).chains as [Chain, Chain];
  t.deepEqual([former.signature, former.state, former.supersededBy], [waiting.signature, 'superseded', newest.signature]);
  t.deepEqual(newest.steps.filter(({ step }) => step === 'attempt').map(step => (step.step === 'attempt' ? [step.op, step.outcome.kind, step.exchanges.length > 0] : [])).slice(0, 2), [
    ['write', 'AmbiguousError', true], ['write', 'accepted', true],
  ]);
  const other = only(await traced(t, world, 'B', '--account', 'ebay'));
  const lost = ({ steps }: Chain): unknown => steps.flatMap(step => (step.step === 'attempt' && step.outcome.kind === 'AmbiguousError' ? [step.exchanges] : []));
  t.deepEqual(lost(other), lost(newest), 'one call carried both');
});

/** A real node with the source `erp` and no account, whose answers a test writes itself. */
async function alone(t: ExecutionContext): Promise<Broker & { signature(sku: string): Promise<string> }> {
  const broker = await startBroker(t);
  const node = await startNode(configSchema.parse({ nats: { url: broker.server.url }, node: { id: 'n1' }, sources: [{ source: 'erp' }], debounce: { quietMs: 0, hardMs: 0 } }), broker.log);
  t.teardown(() => node.stop());
  const intentOf = async (sku: string): Promise<{ signature: string } | undefined> =>
    (JSON.parse(await broker.bytes(skuRecordSubject(sku)) ?? '{}') as { context?: { outlets: Record<string, { intent?: { signature: string } }> } }).context?.outlets['shop']?.intent;
  return {
    ...broker,
    signature: async sku => {
      await eventually(`${sku} is decided`, async () => await intentOf(sku) !== undefined);
      return (await intentOf(sku))!.signature;
    },
  };
}

const link = (id: string): object => ({ type: 'listing.linked', account: 'shop', listing: { id, fields: {} }, gross: false, rule: { buffer: 0 } });

test.serial('a listing that was not the first of its call finds what was sent, though another call lies between', async t => {
  const broker = await alone(t);
  for (const sku of ['A', 'B']) await broker.tell(sku, link(sku));
  for (const sku of ['A', 'B']) await broker.js.publish('ingest.erp', JSON.stringify({ id: `e-${sku}`, sku, type: 'count', version: 1, quantity: 4 }));
  const [first, second] = [await broker.signature('A'), await broker.signature('B')];
  const attempt = async (sku: string, signature: string, call: string, place: number, exchanges?: object[]): Promise<void> => {
    const body = { op: 'write', account: 'shop', sku, signature, key: signature, quantity: 4, version: 1, attempt: 0, at: Date.now(), outcome: { kind: 'accepted' }, call, ...(exchanges && { exchanges }) };
    await broker.publisher.publish(`attempt.shop.${sku}`, encodeJournal(body), journalHeaders({ id: `at:${call}:${place}`, cause: signature }));
  };
  await attempt('A', first, 'c1', 0, [{ method: 'POST', path: '/first', status: 200, ms: 1 }]);
  await attempt('C', 'another', 'c2', 0, [{ method: 'POST', path: '/second', status: 200, ms: 1 }]);
  await attempt('B', second, 'c1', 1);
  await attempt('B', second, 'c3', 1);
  const { chains: [chain] } = await traceSku(broker.nc, 'B', { last: 1 });
  t.deepEqual(chain!.steps.flatMap(step => (step.step === 'attempt' ? [step.exchanges.map(({ path }) => path)] : [])), [['/first'], []]);
});

test.serial('an answer that was told together with those of other channels stands in the chain of its own', async t => {
  const broker = await alone(t);
  await broker.tell('A', link('A'));
  await broker.tell('A', { ...link('B'), account: 'other' });
  await broker.js.publish('ingest.erp', JSON.stringify({ id: 'e1', sku: 'A', type: 'count', version: 1, quantity: 4 }));
  const signature = await broker.signature('A');
  const [mine, theirs] = [{ account: 'shop', signature, quantity: 4 }, { account: 'other', signature: 'of another', quantity: 9 }];
  const seq = await broker.tell('A', { type: 'writes.applied', answers: [theirs, mine] });
  const { chains: [chain] } = await traceSku(broker.nc, 'A', { signature });
  t.like(chain!.steps.slice(3), [{ step: 'answer', seq, outcome: 'applied', quantity: 4 }, { step: 'proof', seq, quantity: 4, by: 'write' }]);
  const moments = (await historyOf(broker.nc, 'A'))!.moments.filter(({ kind }) => kind === 'write');
  t.deepEqual(moments.map(({ text, mood }) => [text, mood]), [['applied 9 at other, 4 at shop', 'good']]);
});

test.serial('a kit is led back over its part to the message that counted it, also when INGEST keeps that no more', async t => {
  const broker = await alone(t);
  await broker.tell('box', link('box'));
  await broker.js.publish('ingest.erp', JSON.stringify({ id: 'e1', sku: 'box', type: 'kit', version: 1, parts: { cup: 2 } }));
  await eventually('the part knows its kit', async () => /"box"/.test(await broker.bytes(skuRecordSubject('cup')) ?? ''));
  await broker.js.publish('ingest.erp', JSON.stringify({ id: 'e2', sku: 'cup', type: 'count', version: 1, quantity: 7 }));
  const signature = await broker.signature('box');
  const traced = async (): Promise<Chain> => (await traceSku(broker.nc, 'box', { signature })).chains[0]!;
  const before = await traced();
  t.is(before.correlation, 'erp:e2');
  const [source, counted, told, decision] = before.steps as [TraceStep, TraceStep, TraceStep, TraceStep];
  t.like(source, { step: 'source', source: 'erp', seq: 2, message: { id: 'e2', sku: 'cup', type: 'count', version: 1, quantity: 7 } });
  t.like(counted, { step: 'fact', sku: 'cup', id: `in:erp:2.${source.at}`, fact: { type: 'stock.counted', source: 'erp', position: 1, quantity: 7 } });
  t.like(told, { step: 'fact', sku: 'box', fact: { type: 'part.available', part: 'cup', units: 7 } });
  t.like(decision, { step: 'decision', quantity: 3, inputs: { available: 3, parts: { cup: 7 } } });
  await broker.jsm.streams.purge('INGEST');
  const after = await traced();
  t.like(after.steps[0], { step: 'source', source: 'erp', seq: 2, gone: true });
  t.deepEqual(after.steps.slice(2), before.steps.slice(2));
});
