/** What a soak plans, asks for and judges by. The soak itself: `npm run soak`, docs/soak.md. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import test from 'ava';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { generate } from '../../deploy/demo/generator.ts';
import { Bucket, SandboxClock } from '../../deploy/sandbox/kit/clock.ts';
import { handlesOf } from './handles.ts';
import { nodeNames, planFaults, steadyNode, tellFault } from './plan.ts';
import { demands, tell } from './quotas.ts';
import { afterCollections, sampleOf, trend } from './samples.ts';
import { disturbed, longest } from './verdict.ts';

const asked = { seed: 4, minutes: 30, nodes: 3, servers: 1, faults: true } as const;

test('the same seed plans the same faults, of every kind; one node is never ended, and nothing is when nothing should be', t => {
  const plan = planFaults(asked);
  const steady = steadyNode(3);
  t.is(steady, 'n3', 'three of five accounts are its own');
  t.deepEqual(planFaults(asked), plan);
  t.notDeepEqual(planFaults({ ...asked, seed: 5 }), plan);
  t.deepEqual([...new Set(plan.map(({ kind }) => kind))].sort(), ['broker', 'drain', 'kill', 'marketplace', 'most', 'pause', 'reset', 'silence']);
  t.deepEqual(plan.filter(each => (each.kind === 'kill' || each.kind === 'drain') && each.node === steady), []);
  t.true(plan.some(each => each.kind === 'pause' && each.node === steady), 'it is stopped as others are');
  const marketplaces = plan.flatMap(each => (each.kind === 'marketplace' ? [each] : []));
  t.deepEqual([...new Set(marketplaces.map(({ fault }) => fault.kind))].sort(), [
    'drop-write', 'error', 'expire-tokens', 'feed-fatal', 'feed-late', 'feed-stuck', 'garble', 'late-write', 'latency', 'lose-answer', 'lose-request', 'stale-read', 'throttle', 'truncate',
  ]);
  t.is(new Set(marketplaces.map(({ account }) => account)).size, 5);
  t.true(plan.every(({ atMs }, n) => atMs <= 30 * 60_000 - 10_000 && (n === 0 || atMs >= plan[n - 1]!.atMs)));
  t.deepEqual(planFaults({ ...asked, faults: false }), []);
  const three = planFaults({ ...asked, servers: 3 });
  t.false(three.some(({ kind }) => kind === 'silence' || kind === 'reset'), 'nodes that know three servers have no link to cut');
  t.is(new Set(three.flatMap(each => (each.kind === 'broker' ? [tellFault(each)] : []))).size, 3);
  t.deepEqual(nodeNames(3), ['n1', 'n2', 'n3']);
});

test('what quotas do not allow is said', t => {
  const sold = { amazon: 9, walmart: 4, shopify: 4, mercadolibre: 1.6, ebay: 1.4 };
  const published = demands(sold, 1);
  t.deepEqual(published.filter(({ beyond }) => beyond).map(({ account }) => account), ['amazon', 'walmart', 'shopify', 'mercadolibre']);
  t.deepEqual(published.map(({ changesPerSecond }) => Math.round(changesPerSecond)), [11, 16, 16, 18, 19]);
  t.is(tell(published[0]!), 'amazon: 11.0 changes a second are asked for, its quota writes 5.0 listings a second: NOT POSSIBLE at this load. Zeros and decreases go first there, the rest waits; its lag and what is oversold for it are told and not judged');
  t.is(tell(published[4]!), 'ebay: 18.6 changes a second are asked for, its quota writes 287.5 listings a second');
  t.deepEqual(demands(sold, 10).filter(({ beyond }) => beyond), []);
});

test('a figure that grows is told from one that goes up and down', t => {
  const most = (early: number): number => early * 1.2;
  t.like(trend([90, 100, 100, 100, 110, 100, 100, 105], most), { early: 100, late: 105, grew: false });
  t.like(trend(Array.from({ length: 40 }, (_, n) => 100 + 2 * n), most), { grew: true });
  t.like(trend([1, 50, 50, 50, 50, 50, 50, 50], most), { early: 50, late: 50, grew: false }, 'the first quarter is for caches to fill');
  t.is(trend([1, 2, 3], most), undefined, 'too short to tell');
  t.like(trend([NaN, 5, 5, 5, 5, NaN], most), { late: 5 }, 'a node that did not answer has no figure');
});

test('a heap is what full collections leave of it, however long it fills between them', t => {
  const looks = [[50, 3], [120, 3], [60, 4], [140, 4], [300, 4], [61, 5], [62, 7]] as const;
  t.deepEqual(afterCollections(looks.map(([heapMb, collections]) => ({ heapMb, collections }))), [60, 61, 62]);
});

test('full collections are counted in what a process tells of itself', async t => {
  const register = new Registry();
  register.setDefaultLabels({ node: 'n1' });
  collectDefaultMetrics({ register });
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const sample = async () => sampleOf(await register.metrics(), 0);
  t.is((await sample()).collections, 0);
  // One that comes right behind another collection may not be counted.
  while ((await sample()).collections < 2) {
    collect();
    await new Promise(resolve => { setTimeout(resolve, 10); });
  }
  t.true((await sample()).heapMb > 1);
});

test('times that faults share are counted once, and so is the longest time in a row', t => {
  const incident = (account: string, from: number, to: number) => ({ what: '', kind: 'marketplace' as const, caughtUp: true, account, from, to });
  const incidents = [incident('ebay', 10, 30), incident('*', 20, 40), incident('amazon', 50, 90), incident('ebay', 95, 200)];
  t.deepEqual([disturbed(incidents, 'ebay', 0, 100), disturbed(incidents, 'amazon', 0, 100), disturbed(incidents, 'walmart', 25, 100)], [35, 60, 15]);
  t.deepEqual([longest([true, true, false, true, true, true]), longest([])], [3, 0]);
});

test('generated orders can be counted, and come in rushes', t => {
  const minute = 60_000;
  const { events } = generate({ seed: 3, skus: 200, orders: 3_000, spanMs: 5 * minute, rushes: { everyMs: minute, forMs: 3_000, times: 10 } });
  const orders = events.filter(({ kind }) => kind === 'order');
  t.is(orders.length, 3_000);
  const from = orders[0]!.atMs;
  const within = (start: number, end: number): number => orders.filter(({ atMs }) => atMs - from >= start && atMs - from < end).length;
  for (let round = 0; round < 5; round++) {
    const middle = round * minute + minute / 2;
    const [rush, calm] = [within(middle - 1_500, middle + 1_500) / 3, within(round * minute, middle - 2_000) / 28];
    t.true(rush > 85 && rush < 115, `${rush} a second in the rush of minute ${round}`);
    t.true(calm > 4 && calm < 7, `${calm} a second before it`);
  }
});

test('a marketplace whose clock is set anew has the quotas of its new pace at once', t => {
  const clock = new SandboxClock(60);
  const bucket = new Bucket(clock, 5, 5);
  t.deepEqual([bucket.perSecond, bucket.burst, bucket.level], [300, 300, 300]);
  clock.scale = 1;
  t.deepEqual([bucket.perSecond, bucket.burst, bucket.level, clock.real(60_000)], [5, 5, 5, 60_000]);
  t.throws(() => { clock.scale = 0; }, { message: 'clock scale must be above 0, got 0' });
});

test('connections to marketplaces are told from other handles', async t => {
  const server = createServer(socket => socket.resume()).listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const before = handlesOf(process.pid, new Set([port]))!;
  const sockets = await Promise.all(Array.from({ length: 3 }, async () => {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return socket;
  }));
  t.is(handlesOf(process.pid, new Set([port]))!.pooled, before.pooled + 3);
  t.is(handlesOf(process.pid, new Set([1]))!.pooled, 0);
  for (const socket of sockets) socket.destroy();
  t.is(handlesOf(2 ** 22 + 1, new Set()), undefined, 'a process that is gone has none');
});

test('a wrong flag is refused by name and value', t => {
  const soak = (...flags: string[]) => spawnSync(process.execPath, [fileURLToPath(new URL('./soak.ts', import.meta.url)), ...flags], { encoding: 'utf8' });
  const wrong = soak('--skus', 'many');
  t.deepEqual([wrong.status, wrong.stderr.split('\n')[0]], [2, 'soak: --skus is many, must be a whole number of at least 2']);
  t.is(soak('--servers', '2').stderr.split('\n')[0], 'soak: --servers is 2, must be 1 or 3');
  t.regex(soak('--help').stdout, /^npm run soak -- \[--minutes N\]/);
});
