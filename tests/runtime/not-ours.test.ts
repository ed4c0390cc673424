/** A listing that is gone, or no longer ours to write: Amazon takes a write of it all the same, so that it is read first. */
import anyTest from 'ava';
import type { TestFn } from 'ava';
import { amazonSandbox } from '../../deploy/sandbox/amazon.ts';
import { eventually, ground, Shop } from './account-world.ts';
import type { Ground } from './account-world.ts';

const test = anyTest as TestFn<{ ground: Ground }>;
let shared: Ground;

test.before(async () => { shared = await ground(); });
test.after.always(async () => { await shared?.close(); });

const fast = { perSecond: 200, burst: 200 };
const limits = Object.fromEntries(['patchListingsItem', 'getListingsItem', 'searchListingsItems', 'searchOrders'].map(name => [name, fast]));

test.serial('a listing that Amazon fulfils by now is told to people and not written, until it is ours again', async t => {
  const shop = await Shop.open(t, shared, { account: 'amazon-fba', channel: 'amazon', vendor: amazonSandbox, opening: { A: 3, B: 3 }, limits, times: { maxProofAgeMs: 400 } });
  await shop.own(t);
  await shop.command('import');
  await shop.count('A', 5);
  await shop.count('B', 5);
  await eventually(t, 'proven', async () => [await shop.isProven('A', 5), await shop.isProven('B', 5)], seen => seen.every(Boolean));
  const { shop: channel } = shop.sandbox;
  const { fields } = channel.listings.get(shop.sku('A'))!;
  fields['fulfilledBy'] = 'AMAZON_NA';
  const [task] = await eventually(t, 'people are told', () => shop.dead(), seen => seen.length === 1);
  t.like(task, { class: 'listing', sku: shop.sku('A'), code: 'FULFILLED_BY_AMAZON' });
  t.true((await shop.alerts()).some(({ class: kind, sku }) => kind === 'missing-listing' && sku === shop.sku('A')));

  const writes = channel.counts['calls.write'];
  await shop.count('A', 9);
  await eventually(t, 'it was read and refused', async () => (await shop.outlet('A'))?.answer, seen => seen?.outcome === 'refused' && seen.code === 'FULFILLED_BY_AMAZON');
  t.is(channel.counts['calls.write'], writes, 'a write would put a merchant\'s entry beside Amazon\'s');
  await shop.count('B', 8);
  await eventually(t, 'others go on', () => shop.isProven('B', 8));

  delete fields['fulfilledBy'];
  t.like(await shop.command(`retry ${shop.sku('A')}`), { ok: true });
  await eventually(t, 'ours again', () => shop.isProven('A', 9));
});
