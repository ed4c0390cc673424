/** An account whose listings are written by two APIs, each with a limit of its own: on a real server, against the eBay sandbox. */
import anyTest from 'ava';
import type { TestFn } from 'ava';
import { createEbaySandbox } from '../../deploy/sandbox/ebay.ts';
import type { SandboxFactory } from '../../deploy/sandbox/kit/server.ts';
import { eventually, ground, Shop } from './account-world.ts';
import type { Ground } from './account-world.ts';

const test = anyTest as TestFn<{ ground: Ground }>;
let shared: Ground;

test.before(async () => { shared = await ground(); });
test.after.always(async () => { await shared?.close(); });

const fast = { perSecond: 200, burst: 200 };
const opening = Object.fromEntries(['M', 'T'].flatMap(kind => Array.from({ length: 6 }, (_, n) => [`${kind}${n}`, 3])));
const vendor: SandboxFactory = options => createEbaySandbox({
  ...options, offers: 1, outOfStockControl: true, entriesMax: 25, itemParts: false, auctions: false, payMs: 1_000, kindOf: sku => (/\.T\d$/.test(sku) ? 'single' : 'managed'),
});
const open = (t: Parameters<typeof Shop.open>[0], account: string, trading: { perSecond: number; burst: number }) =>
  Shop.open(t, shared, { account, channel: 'ebay', vendor, scale: 60, limits: { inventory: fast, fulfillment: fast, analytics: fast, trading }, opening, settings: { legacy: true } });
const missing = async (shop: Shop, kind: string, quantity: number): Promise<string[]> =>
  (await Promise.all(Object.keys(opening).filter(sku => sku.startsWith(kind)).map(async sku => (await shop.isProven(sku, quantity) ? [] : [sku])))).flat();

test.serial('listings of both APIs are imported, written and proven, each by its own', async t => {
  const shop = await open(t, 'ebay-both', fast);
  await shop.own(t);
  t.like(await shop.command('import'), { ok: true, linked: 12 });
  await eventually(t, 'linked', () => Promise.all(['M1', 'T1'].map(async sku => Object.keys((await shop.outlet(sku))?.listing.fields ?? {}).join())), seen => seen.join(' ') === 'offerIds itemId');
  for (const sku of Object.keys(opening)) await shop.count(sku, 2);
  await eventually(t, 'proven', () => missing(shop, '', 2), skus => skus.length === 0, 25_000);
  t.deepEqual(Object.keys(opening).map(sku => shop.shows(sku)), Array(12).fill(2));
  t.deepEqual([await shop.dead(), await shop.alerts()], [[], []]);
});

test.serial('listings whose API has no rate left hold back none of the other', async t => {
  // Enough for the look at the account and one page of the import, and for a day nothing more.
  const shop = await open(t, 'ebay-poor', { perSecond: 0.000_01, burst: 2 });
  const owner = await shop.own(t);
  await shop.command('import');
  // All wait, those without rate before the others.
  await shop.command('freeze test');
  for (const sku of Object.keys(opening).sort().reverse()) await shop.count(sku, 0);
  await eventually(t, 'all wait', () => (owner.figures()['lanes'] as { zero: number }).zero, seen => seen === 12);
  await shop.command('resume test');
  await eventually(t, 'the others are proven', () => missing(shop, 'M', 0), skus => skus.length === 0, 25_000);
  t.is((await missing(shop, 'T', 0)).length, 6);
  t.deepEqual(Object.keys(opening).map(sku => shop.shows(sku)), [...Array(6).fill(0), ...Array(6).fill(3)]);
  t.deepEqual(await shop.dead(), []);
});
