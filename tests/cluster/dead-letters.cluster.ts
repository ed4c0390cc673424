/**
 * Each failure that is injected is in the dead-letter journal exactly once, however often nodes are killed meanwhile, and
 * ends by itself when its cause is gone, or is one task.
 */
import test from 'ava';
import type { DeadBody } from '../../actors/reconciler/dead-letters.ts';
import { account, ebayShop, owned, proven, scale, told as journaled, withinMs } from './harness/shop.ts';
import { myTurn } from './harness/turn.ts';
import { eventually, startWorld } from './harness/world.ts';
import type { World } from './harness/world.ts';

const letters = (world: World): Promise<(DeadBody & { subject: string })[]> => journaled<DeadBody>(world, 'DEAD');

test('every failure is told once, over the death of each node, and heals or is one task', async t => {
  t.timeout(300_000);
  t.teardown(await myTurn());
  const zeros = ['Z1', 'Z2', 'Z3', 'Z4', 'Z5'];
  const { shop: channel, expireTokens, accounts } = await ebayShop(t, ['G', 'X', 'T', 'A', ...zeros]);
  const world = await startWorld(t, {
    servers: 1, nodes: { a: 0, b: 0 },
    config: {
      timeScale: scale,
      accounts,
      sources: [{ source: 'erp', rhythm: 'off' }, { source: 'wms', rhythm: { everyMs: 3_000 } }],
      channels: { pollMinMs: 100, throttlesMax: 3, probeMs: 300, restMs: 300 },
      reconcile: { apartMs: 200 },
      governor: { zero: { share: 0, least: 2 }, raise: { share: 1, least: 100 } },
    },
  });
  await Promise.all(world.nodes.map(node => node.start()));
  const versions = new Map<string, number>();
  const say = async (sku: string, type: string, more: object, skip = 0): Promise<void> => {
    const version = (versions.get(sku) ?? 0) + 1 + skip;
    versions.set(sku, version);
    await world.js.publish('ingest.erp', JSON.stringify({ id: `${sku}:${version}`, sku, type, version, ...more }));
  };
  const command = async (what: string): Promise<Record<string, unknown>> => (await world.nc.request(`control.channel.${account}`, what, { timeout: 10_000 })).json();
  const told = (kind: string): Promise<unknown> => eventually(`${kind} is told`, withinMs, async () => (await letters(world)).some(letter => letter.class === kind && !letter.resolved));
  await owned(world);
  t.like(await command('import'), { ok: true });
  for (const sku of ['G', 'X', 'T', 'A', ...zeros]) await say(sku, 'count', { quantity: 5 });
  for (const sku of ['G', 'X', 'T', 'A', ...zeros]) await proven(world, sku, 5);

  await world.js.publish('ingest.erp', '{"id":"bad","sku":"A","type":"count","version":2,"quantity":"ten"}');
  await told('malformed');
  channel.addListing('U', 4);
  channel.buy('somebody', [{ sku: 'U', units: 1 }]);
  await told('unmapped');
  await say('G', 'adjust', { delta: -1 }, 1);
  await told('gap');
  channel.setListed('X', false);
  await say('X', 'count', { quantity: 8 });
  await told('listing');
  channel.faults.add({ kind: 'throttle', on: 'write', forMs: 4_000 });
  await say('T', 'count', { quantity: 9 });
  await told('throttled out');
  await proven(world, 'T', 9);
  channel.faults.add({ kind: 'revoke', forMs: 2_000 });
  expireTokens();
  await told('auth');
  await eventually('the grant lives again', withinMs, async () => (await letters(world)).some(letter => letter.class === 'auth' && letter.resolved));
  for (const sku of zeros) await say(sku, 'count', { quantity: 0 });
  await told('governor');
  await told('silence');

  // Whoever owned what is killed, and whoever took it over.
  for (const node of world.nodes) {
    await node.kill();
    await owned(world);
    await new Promise(resolve => setTimeout(resolve, 2_000));
    await node.start();
  }
  await owned(world);

  channel.setListed('X', true);
  await eventually('it is imported again', withinMs, () => command('import').then(({ ok }) => ok === true, () => false));
  await say('G', 'count', { quantity: 6 });
  await say('X', 'count', { quantity: 7 });
  await proven(world, 'G', 6);
  await proven(world, 'X', 7);
  await eventually('the batch is dropped', withinMs, () => command('drop zero ops').then(({ ok }) => ok === true, () => false));
  const healing = ['auth', 'gap', 'governor', 'listing', 'throttled out', 'unmapped'];
  const resolved = async (): Promise<string[]> => (await letters(world)).filter(letter => letter.resolved).map(letter => letter.class).sort();
  await eventually('all that can heal has', withinMs, async () => healing.every(async kind => (await resolved()).includes(kind)) && (await resolved()).length >= healing.length);
  // What is told twice would be by now.
  await new Promise(resolve => setTimeout(resolve, 3_000));

  const all = await letters(world);
  t.deepEqual(all.filter(letter => !letter.resolved).map(letter => letter.class).sort(), [...healing, 'malformed', 'silence'].sort(), 'each failure once');
  t.deepEqual(await resolved(), healing, 'and each end once');
  t.is(new Set(all.map(({ subject }) => subject)).size, healing.length + 2, 'under one subject each');
  const { tasks } = (await world.nc.request('control.dead', '{"verb":"list"}', { timeout: 5_000 })).json<{ tasks: { count: number; body: DeadBody }[] }>();
  t.deepEqual(tasks.map(({ count, body }) => [body.class, count]).sort(), [['malformed', 1], ['silence', 1]]);
  const drifts = (await world.jsm.streams.info('ALERT', { subjects_filter: '>' })).state.subjects ?? {};
  t.deepEqual(Object.keys(drifts).filter(subject => /^drift\.\w+\.ebay\.[GTAZU]/.test(subject)), [], 'nothing of it was taken for drift');
});
