/** The governor and SKUs in escrow, on a real node: what a file asks for too many of is not sent, and waits for a person. */
import test from 'ava';
import type { ExposureView } from '../../deploy/exposure-view.ts';
import { eventually } from '../runtime/broker.ts';
import { smallWorld } from './small-world.ts';
import type { SmallWorld } from './small-world.ts';

const skus = ['A', 'B', 'C', 'D', 'E', 'F'];
const settings = (sendMs: number) => ({ exposure: { mode: 'escrow' as const, sendMs, marginMs: 100 }, channels: { callMs: 1_000, pollMinMs: 100 } });
const governor = (zero: number, raise: number) => ({ windowMs: 600_000, zero: { share: 0, least: zero }, raise: { share: 0, least: raise } });
const withinMs = 60_000;
/** What is not sent yet when there are too many is held with them: the first two are sent before the others come. */
const [first, others] = [skus.slice(0, 2), skus.slice(2)];

const view = async (world: SmallWorld, sku: string): Promise<ExposureView> => JSON.parse((await world.plumb('exposure', sku, '--json')).stdout) as ExposureView;
const channel = async (world: SmallWorld, sku: string) => (await view(world, sku)).channels.find(({ account }) => account === 'shopify')!;
const command = async (world: SmallWorld, what: string) => (await world.nc.request('control.channel.shopify', what, { timeout: 5_000 })).json<{ held?: { sku: string; shown: number; would: number }[]; listings?: number }>();
const held = async (world: SmallWorld): Promise<string[]> => (await command(world, 'held')).held!.map(({ sku }) => sku).sort();
const shows = (world: SmallWorld, sku: string): number => world.shops.shopify.shop.buyable(world.shops.shopify.shop.listings.get(sku)!);

async function counted(world: SmallWorld, version: number, quantity: number, of = skus): Promise<void> {
  for (const sku of of) await world.say({ id: `${sku}-${version}`, sku, type: 'count', version, quantity });
}

/** No debt, and nothing in doubt. */
async function settled(world: SmallWorld, known: number): Promise<void> {
  for (const sku of skus) {
    await eventually(`${sku} is settled`, async () => {
      const { inForceSince, channels, debt, known: units } = await view(world, sku);
      return inForceSince !== undefined && units === known && debt === 0 && channels.every(({ inDoubt, held: waits, shows: shown }) => !inDoubt && !waits && shown !== undefined);
    }, withinMs);
  }
}

test('a file that says nothing is left is held; what is dropped stays until the source says something else', async t => {
  t.timeout(240_000);
  const world = await smallWorld(t, skus, { ...settings(2_000), governor: governor(2, 100) });
  await counted(world, 1, 20);
  await settled(world, 20);
  const before = Object.fromEntries(skus.map(sku => [sku, shows(world, sku)]));
  t.true(skus.every(sku => before[sku]! > 0), JSON.stringify(before));

  await counted(world, 2, 0, first);
  await eventually('two are written', () => Promise.resolve(first.every(sku => shows(world, sku) === 0)), withinMs);
  await counted(world, 2, 0, others);
  await eventually('the others are held', async () => (await held(world)).length === 4, withinMs);
  const batch = await held(world);
  for (const sku of batch) t.is(shows(world, sku), before[sku]!);
  const { debt, shortfall } = await view(world, batch[0]!);
  t.true(debt! > 0 && shortfall !== undefined, 'what may be sold beyond the count is told');
  await eventually('its SKU knows', async () => (await channel(world, batch[0]!)).held !== undefined, withinMs);
  t.regex((await world.plumb('exposure', batch[0]!)).stdout, /shopify.*to 0: held as one of too many/);
  t.regex((await world.plumb('hold', 'show', 'shopify')).stdout, /4 listings are held/);

  t.like(await world.plumb('hold', 'drop', 'shopify', 'zero', '--by', 'ann'), { code: 0, stdout: 'shopify: 4 listings stay as they are\n' });
  for (const sku of batch) await eventually(`${sku} is dropped`, async () => (await channel(world, sku)).held?.dropped === true, withinMs);
  for (const sku of batch) t.is(shows(world, sku), before[sku]!);
  await counted(world, 3, 20);
  for (const sku of skus) await eventually(`${sku} is for sale again`, () => Promise.resolve(shows(world, sku) > 0), withinMs);
  await settled(world, 20);
  t.deepEqual(await held(world), []);
});

test('raises are held over a restart; those that had been sent, and were never answered, stay in doubt until their time is over', async t => {
  t.timeout(240_000);
  const world = await smallWorld(t, skus, { ...settings(20_000), governor: governor(100, 2) });
  // A first number is no move.
  await counted(world, 1, 20);
  await settled(world, 20);
  const before = Object.fromEntries(skus.map(sku => [sku, shows(world, sku)]));
  world.shops.shopify.shop.faults.add({ kind: 'lose-answer', on: 'write', count: 2 });
  await counted(world, 2, 90, first);
  await eventually('two are written', () => Promise.resolve(first.every(sku => shows(world, sku) > before[sku]!)), withinMs);
  await counted(world, 2, 90, others);
  await eventually('the others are held', async () => (await held(world)).length === 4, withinMs);
  const batch = await held(world);

  await world.restart();
  await eventually('they are held by the next owner too', async () => batch.every((sku, n, all) => all.length === 4 && sku === all[n]) && (await held(world)).filter(sku => batch.includes(sku)).length === 4, withinMs);
  for (const sku of first) {
    const { rights } = await channel(world, sku);
    t.true(rights! >= shows(world, sku), 'buyers may have its units: they are not free');
  }
  for (const sku of batch) {
    const { rights, inDoubt } = await channel(world, sku);
    t.deepEqual([rights, inDoubt, shows(world, sku)], [before[sku], undefined, before[sku]]);
  }

  // A correction of one that is held: what is too much comes down, and is no move that a person waits for.
  const [low, ...rest] = batch as [string, ...string[]];
  await world.say({ id: 'low', sku: low, type: 'count', version: 3, quantity: 4 });
  await eventually('it is lowered', () => Promise.resolve(shows(world, low) < before[low]!), withinMs);
  await command(world, 'release raise ann');
  for (const sku of rest) await eventually(`${sku} rises`, () => Promise.resolve(shows(world, sku) > before[sku]!), withinMs);
  for (const sku of skus) await eventually(`${sku} is settled`, async () => (await channel(world, sku)).inDoubt === undefined && (await view(world, sku)).debt === 0, withinMs);
  for (const sku of skus) {
    const { rights, known } = await view(world, sku);
    t.true(rights! <= known!, sku);
  }
  t.deepEqual(await held(world), []);
});
