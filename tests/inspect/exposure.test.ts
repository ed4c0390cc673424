/** `plumb exposure` as people use it: a SKU that mirrors, is set to escrow, and back. */
import test from 'ava';
import type { ExposureView } from '../../deploy/exposure-view.ts';
import { eventually } from '../runtime/broker.ts';
import { smallWorld } from './small-world.ts';

test('shows what each channel may sell and why, and sets the mode', async t => {
  t.timeout(60_000);
  const world = await smallWorld(t, ['A'], { exposure: { mode: 'mirror', sendMs: 1_000, marginMs: 100 }, channels: { callMs: 1_000, pollMinMs: 100 } });
  await world.say({ id: 'e1', sku: 'A', type: 'count', version: 1, quantity: 9 });
  await world.proven('ebay', { A: 8 });
  await world.proven('shopify', { A: 8 });

  const view = async (...more: string[]): Promise<ExposureView> => {
    const { code, stdout, stderr } = await world.plumb('exposure', 'A', '--json', ...more);
    t.is(code, 0, stderr);
    return JSON.parse(stdout) as ExposureView;
  };
  const mirror = await view();
  t.like(mirror, { mode: 'mirror', known: 9, why: 'exposure.mode of the configuration is mirror' });
  t.deepEqual(mirror.channels.map(({ account, shows, buffer }) => [account, shows, buffer]), [['ebay', 8, 1], ['shopify', 8, 1]]);
  t.true(mirror.channels[0]!.computed.delayMs > 0);

  t.like(await view('--set', 'escrow', '--by', 'ann'), { mode: 'escrow', why: 'people have set escrow', known: 9, debt: 7 });
  let settled = await view();
  await eventually('the debt is worked off', async () => {
    settled = await view();
    return settled.inForceSince !== undefined && settled.debt === 0 && settled.channels[0]!.sales !== undefined;
  }, 40_000);
  t.is(settled.rights! + settled.free!, 9);
  const { stdout } = await world.plumb('exposure', 'A');
  t.regex(stdout, /^SKU A: escrow, in force since \S+ \(people have set escrow\)\n9 available = \d+ in channels' rights \+ \d+ free\n/);
  t.regex(stdout, /ebay\s+│ set/);
  t.deepEqual(settled.channels.map(({ sales }) => sales), [{ units: 0, unlisted: 0 }, undefined], 'eBay counts its sales');

  world.shops.ebay.shop.sellHidden('A', 1);
  await eventually('eBay\'s count tells of a sale that no list of orders has', async () => {
    settled = await view();
    return settled.counted === 1;
  }, 40_000);
  t.is(settled.rights! + settled.free! + settled.counted!, 9);
  t.like(settled.channels[0]!.sales, { units: 1, unlisted: 1 });
  const counted = await world.plumb('exposure', 'A');
  t.regex(counted.stdout, / free \+ 1 counted as sold, of which no order tells yet\n/);
  t.regex(counted.stdout, /│ 1, 1 in no order yet since \S+ +│/);
  t.like(await view('--set', 'mirror'), { mode: 'mirror' });
  t.is((await world.plumb('exposure', 'nothing')).code, 1);
  t.is((await world.plumb('exposure', 'A', '--set', 'often')).code, 2);
});
