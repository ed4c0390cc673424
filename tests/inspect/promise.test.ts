/** A marketplace that stops looking at the conditions of writes, as people find out: a real node with a test listing there. */
import test from 'ava';
import type { ExposureView } from '../../deploy/exposure-view.ts';
import { eventually } from '../runtime/broker.ts';
import { smallWorld } from './small-world.ts';

test('scarce SKUs go on without a condition that was seen broken, nothing is sold twice, and `plumb exposure` says so', async t => {
  t.timeout(90_000);
  const world = await smallWorld(t, ['A', 'T'], { exposure: { mode: 'escrow', sendMs: 1_000, marginMs: 100 }, channels: { callMs: 1_000, pollMinMs: 100 } }, { probe: { listing: 'T', everyMs: 2_000 } });
  const { ebay, shopify } = world.shops;
  const view = async (): Promise<ExposureView> => JSON.parse((await world.plumb('exposure', 'A', '--json')).stdout) as ExposureView;
  const kind = async () => (await view()).channels.find(({ account }) => account === 'shopify')!;
  const promise = async () => (await world.nc.request('inspect.channel.shopify', '', { timeout: 2_000 })).json<{ promise: { judged?: { verdict: string } } }>().promise.judged?.verdict;

  await world.say({ id: 'e1', sku: 'A', type: 'count', version: 1, quantity: 6 });
  await eventually('it is seen kept', async () => await promise() === 'kept', 30_000);
  await eventually('A is on sale', async () => (await view()).inForceSince !== undefined, 40_000);
  t.like(await kind(), { kind: 'swap', isWeak: undefined });

  shopify.shop.faults.add({ kind: 'ignore-condition', forMs: 3_600_000 });
  await eventually('it is seen broken', async () => await promise() === 'broken', 30_000);
  await eventually('A counts on it no more', async () => (await kind()).isWeak === true, 30_000);
  t.like(await kind(), { kind: 'set' });
  t.regex((await world.plumb('exposure', 'A')).stdout, /shopify\s+│ set: its conditions were seen broken/);
  await world.say({ id: 'e2', sku: 'A', type: 'count', version: 2, quantity: 12 });
  await eventually('it is written all the same', async () => {
    const { rights = 0, free = 0, debt } = await view();
    return debt === 0 && rights + free === 12;
  }, 40_000);
  let sold = 0;
  for (const { shop } of [ebay, shopify]) while (shop.buyable(shop.listings.get('A')!) > 0) { shop.buy('somebody', [{ sku: 'A', units: 1 }]); sold += 1; }
  t.true(sold > 0 && sold <= 12);
  t.is(shopify.shop.buyable(shopify.shop.listings.get('T')!), 3);

  shopify.shop.faults.clear();
  await eventually('it is seen kept again', async () => await promise() === 'kept', 30_000);
  await eventually('and counted on', async () => (await kind()).isWeak === undefined, 30_000);
});
