/** What a channel showed wrongly is found once and closed once, whoever dies meanwhile: the account's owner, the next one, the broker. */
import test from 'ava';
import type { DriftAlert } from '../../actors/reconciler/protocol.ts';
import { account, ebayShop, owned, proven, scale, told, withinMs } from './harness/shop.ts';
import { myTurn } from './harness/turn.ts';
import { eventually, pause, startWorld } from './harness/world.ts';
import type { World } from './harness/world.ts';

const skus = ['A', 'B', 'C', 'D'];

/** Promises about to be broken are told in the same stream. */
async function alerts(world: World): Promise<(DriftAlert & { subject: string })[]> {
  return (await told<DriftAlert>(world, 'ALERT')).filter(({ id }) => id?.startsWith('drf-'));
}

test('a finding is told once and resolved once, over the death of both nodes and of the broker', async t => {
  t.timeout(300_000);
  t.teardown(await myTurn());
  const { shop, accounts } = await ebayShop(t, skus);
  const world = await startWorld(t, {
    servers: 1, nodes: { a: 0, b: 0 },
    config: {
      timeScale: scale,
      accounts,
      channels: { pollMinMs: 100, probeMs: 300, restMs: 300 },
      reconcile: { apartMs: 200, maxProofAgeMs: 2_000 },
    },
  });
  await Promise.all(world.nodes.map(node => node.start()));
  await owned(world);
  await eventually('imported', withinMs, () => world.nc.request(`control.channel.${account}`, 'import', { timeout: 10_000 }).then(answer => answer.json<{ ok: boolean }>().ok, () => false));
  for (const sku of skus) await world.js.publish('ingest.erp', JSON.stringify({ id: `${sku}:1`, sku, type: 'count', version: 1, quantity: 5 }));
  for (const sku of skus) await proven(world, sku, 5);

  // What is found cannot be mended until the throttling ends.
  shop.faults.add({ kind: 'throttle', on: 'write', forMs: 3_600_000 });
  for (const [n, sku] of skus.entries()) shop.edit(sku, 40 + n);
  const opened = async (): Promise<Set<string>> => new Set((await alerts(world)).filter(({ state }) => state === 'open').map(({ sku }) => sku));
  await eventually('all four are found', withinMs, async () => (await opened()).size === skus.length);

  for (const node of world.nodes) {
    await node.kill();
    await owned(world);
    await pause(2_000);
    await node.start();
  }
  await world.broker.kill(0);
  await pause(1_000);
  await world.broker.restart(0);
  await owned(world);
  await pause(2_000);
  shop.faults.clear();
  await eventually('all four are resolved', withinMs, async () => new Set((await alerts(world)).filter(({ state }) => state === 'resolved').map(({ sku }) => sku)).size === skus.length);
  // What is told twice would be by now.
  await pause(3_000);

  const all = await alerts(world);
  for (const sku of skus) {
    const mine = all.filter(each => each.sku === sku);
    t.is(new Set(mine.map(({ id }) => id)).size, 1, `${sku}: one finding, ${JSON.stringify(mine)}`);
    t.deepEqual(['open', 'resolved'].map(state => mine.filter(each => each.state === state).length), [1, 1], `${sku}: ${JSON.stringify(mine)}`);
    t.is(mine.at(-1)!.state, 'resolved');
    t.is(shop.read(sku)?.quantity, 5);
  }
  t.is(new Set(all.map(({ sku }) => sku)).size, skus.length, 'nothing else was found');
});
