/** Owners that go through the whole list of listings, on a real server, against sandbox marketplaces. */
import anyTest from 'ava';
import type { TestFn } from 'ava';
import type { ChannelAdapter } from '../../actors/channel/adapter.ts';
import { mercadolibreWarehouseSandbox } from '../../deploy/sandbox/mercadolibre.ts';
import { walmartSandbox } from '../../deploy/sandbox/walmart.ts';
import { eventually, ground, Shop, wide } from './account-world.ts';
import type { Ground } from './account-world.ts';

const test = anyTest as TestFn<{ ground: Ground }>;
let shared: Ground;

test.before(async () => { shared = await ground(); });
test.after.always(async () => { await shared?.close(); });

const fast = { perSecond: 200, burst: 200 };

test.serial('where a page is far cheaper than single reads, what is due is read by pages, and an edit is found there', async t => {
  const names = Array.from({ length: 150 }, (_, n) => `S${n}`);
  // Single reads of all of them would take more than a minute; four pages show them all.
  const slow = { perSecond: 2, burst: 5 };
  const shop = await Shop.open(t, shared, {
    account: 'walmart-walk', channel: 'walmart', vendor: walmartSandbox, opening: Object.fromEntries(names.map(name => [name, 20])),
    limits: { updateMultiNodeInventory: fast, getMultiNodeInventoryForSkuAndAllShipnodes: slow, getMultiNodeInventoryForAllSkuAndAllShipNodes: fast, getAllOrders: fast, getTokenDetail: fast },
    times: { maxProofAgeMs: 1_000 },
  });
  const owner = await shop.own(t);
  await shop.command('import');
  await Promise.all(names.map(name => shop.count(name, 20)));
  await eventually(t, 'proven', () => owner.figures()['proven'], seen => seen === names.length, 25_000);
  const ages = (): { p99: number } => owner.figures()['proofAgeMs'] as { p99: number };
  await eventually(t, 'every proof is young', ages, ({ p99 }) => p99 < 4_000, 25_000);
  shop.sandbox.shop.edit(shop.sku('S77'), 90);
  await eventually(t, 'the edit is found and undone', () => shop.shows('S77'), seen => seen === 20, 25_000);
  const told = await eventually(t, 'it is told', async () => (await shop.alerts()).filter(({ sku }) => sku === shop.sku('S77')), seen => seen.length > 0);
  t.is(told[0]!.class, 'foreign-edit');
  t.deepEqual(await shop.dead(), []);
});

test.serial('an account that the channel has moved to another way of keeping stock is written that way, and new listings are left to an import', async t => {
  let isMoved = false;
  /** As the account was before: its items had their quantity. */
  const before = (adapter: ChannelAdapter): ChannelAdapter => new Proxy(adapter, {
    get(of, name) {
      const value = Reflect.get(of, name) as unknown;
      if (name !== 'listings') return typeof value === 'function' ? value.bind(of) : value;
      return async (...given: Parameters<ChannelAdapter['listings']>) => {
        const page = await of.listings(...given);
        return isMoved ? page : { ...page, readings: page.readings.map(reading => ({ ...reading, listing: { ...reading.listing, fields: { way: 'item', itemId: reading.listing.fields['itemId']! } } })) };
      };
    },
  });
  const shop = await Shop.open(t, shared, { account: 'meli-moved', channel: 'mercadolibre', vendor: mercadolibreWarehouseSandbox, opening: { A: 3 }, limits: wide('mercadolibre'), around: before, times: { walkMs: 500 } });
  const owner = await shop.own(t);
  await shop.command('import');
  await shop.count('A', 7);
  await eventually(t, 'a write that changes nothing', async () => (await shop.attempts('A')).filter(({ op }) => op === 'write').length, seen => seen >= 1);
  t.is(shop.shows('A'), 3);
  shop.sandbox.shop.addListing(shop.sku('NEW'), 5);
  isMoved = true;
  await eventually(t, 'written the other way', () => shop.isProven('A', 7));
  t.is((await shop.outlet('A'))?.listing.fields['way'], 'seller_warehouse');
  t.is(owner.figures()['listings'], 1);

  // The next owner does not begin the day anew.
  const record = await eventually(t, 'kept', () => shop.record(), seen => seen?.walkedAt !== undefined);
  t.true(record!.walkedAt! <= Date.now());
});
