/** The mode that a SKU's scarcity asks for, on a real node: escrow as it sells out, mirror when there is plenty again. */
import test from 'ava';
import type { ExposureView } from '../../deploy/exposure-view.ts';
import { eventually } from '../runtime/broker.ts';
import { smallWorld } from './small-world.ts';
import type { SmallWorld } from './small-world.ts';

const exposure = { sendMs: 1_000, marginMs: 100, unmeasuredMs: 10_000 };
const channels = { callMs: 1_000, pollMinMs: 100 };

const viewIn = (world: SmallWorld) => async (sku: string, ...more: string[]): Promise<ExposureView> => JSON.parse((await world.plumb('exposure', sku, '--json', ...more)).stdout) as ExposureView;
const buyIn = (world: SmallWorld) => (sku: string, units: number): void => { world.shops.ebay.shop.buy('somebody', [{ sku, units }]); };

test('left alone, a SKU goes to escrow while it is scarce and back when there is plenty; what people have set, and parts of kits, mirror', async t => {
  t.timeout(90_000);
  // As a node is that says nothing of modes.
  const world = await smallWorld(t, ['A', 'B', 'C', 'D'], { exposure, channels });
  const [view, buy] = [viewIn(world), buyIn(world)];
  await world.say({ id: 'kit', sku: 'K', type: 'kit', version: 1, parts: { C: 1 } });
  for (const [n, sku] of ['A', 'B', 'C', 'D'].entries()) {
    await world.say({ id: `e${n}`, sku, type: 'count', version: 1, quantity: 9 });
    await world.proven('ebay', { [sku]: 8 });
  }
  t.like(await view('A'), { mode: 'mirror', why: 'exposure.mode of the configuration is auto: ample', scarcity: { mode: 'mirror', why: 'ample' } });
  t.like(await view('B', '--set', 'mirror'), { mode: 'mirror', why: 'people have set mirror' });

  for (const sku of ['A', 'B', 'C']) buy(sku, 8);
  buy('D', 1);
  await eventually('A is in escrow', async () => (await view('A')).mode === 'escrow', 30_000);
  t.is((await view('A')).why, 'auto: scarce');
  t.is((await view('B')).mode, 'mirror');
  t.like(await view('C'), { mode: 'mirror', why: 'exposure.mode of the configuration is auto, but it is part of a kit, which sells it too' });
  await world.say({ id: 'e9', sku: 'A', type: 'count', version: 2, quantity: 900 });
  await eventually('A mirrors again', async () => (await view('A')).mode === 'mirror', 30_000);
  t.is((await view('D')).mode, 'mirror');
});

test('on a broker that acknowledges before it flushes, what is left to its scarcity mirrors however scarce it is', async t => {
  t.timeout(60_000);
  const world = await smallWorld(t, ['A'], { exposure, channels }, { seesFlush: true });
  const [view, buy] = [viewIn(world), buyIn(world)];
  await world.say({ id: 'e', sku: 'A', type: 'count', version: 1, quantity: 9 });
  await world.proven('ebay', { A: 8 });
  await view('A', '--set', 'escrow');
  await eventually('A is in escrow', async () => (await view('A')).mode === 'escrow', 30_000);
  await view('A', '--set', 'auto');
  await eventually('A mirrors', async () => (await view('A')).mode === 'mirror', 30_000);
  await world.proven('ebay', { A: 8 });
  buy('A', 8);
  t.true(world.complaints.some(({ msg }) => /flushes every 120000 ms: .*every SKU mirrors until then/.test(msg)));
  await eventually('A is scarce', async () => (await view('A')).scarcity.mode === 'escrow', 30_000);
  t.like(await view('A'), {
    mode: 'mirror',
    why: 'people have set auto, and it is scarce, but the broker acknowledges before it flushes: set "sync_interval: always" in its jetstream block, or exposure.allowLazyFlush: true to rest on it all the same',
  });
  t.regex((await world.plumb('exposure', 'A')).stdout, /^SKU A: mirror \(people have set auto, and it is scarce, but the broker acknowledges before it flushes: /);
  await world.nc.request('control.channel.ebay', 'stage shadow ann', { timeout: 10_000 });
  t.is((await view('A')).why, 'people have set auto, and it is scarce, but ebay is not live, or in part');
});

test('where the configuration says mirror, a SKU that people leave to its scarcity goes to escrow all the same', async t => {
  t.timeout(60_000);
  const world = await smallWorld(t, ['A', 'B'], { exposure: { mode: 'mirror', ...exposure }, channels });
  const [view, buy] = [viewIn(world), buyIn(world)];
  for (const [n, sku] of ['A', 'B'].entries()) {
    await world.say({ id: `e${n}`, sku, type: 'count', version: 1, quantity: 9 });
    await world.proven('ebay', { [sku]: 8 });
  }
  await view('A', '--set', 'auto');
  for (const sku of ['A', 'B']) buy(sku, 8);
  await eventually('A is in escrow', async () => (await view('A')).mode === 'escrow', 30_000);
  t.is((await view('B')).mode, 'mirror');
});
