/** Owners that hand in feeds, on a real server, against sandbox marketplaces whose feeds stick, fail and come late. */
import anyTest from 'ava';
import type { ExecutionContext, TestFn } from 'ava';
import { amazonSandbox } from '../../deploy/sandbox/amazon.ts';
import { walmartSandbox } from '../../deploy/sandbox/walmart.ts';
import type { AccountOwner } from '../../runtime/account.ts';
import { eventually, ground, Shop } from './account-world.ts';
import type { Ground } from './account-world.ts';

const test = anyTest as TestFn<{ ground: Ground }>;
let shared: Ground;

test.before(async () => { shared = await ground(); });
test.after.always(async () => { await shared?.close(); });

const scale = 60;
const fast = { perSecond: 200, burst: 200 };
const limits = {
  walmart: Object.fromEntries(['updateMultiNodeInventory', 'getMultiNodeInventoryForSkuAndAllShipnodes', 'getMultiNodeInventoryForAllSkuAndAllShipNodes', 'getAllOrders', 'updateBulkInventory', 'getFeedItemStatus', 'getTokenDetail'].map(name => [name, fast])),
  amazon: Object.fromEntries(['patchListingsItem', 'getListingsItem', 'searchListingsItems', 'searchOrders', 'createFeed', 'createFeedDocument', 'getFeed', 'getFeedDocument'].map(name => [name, fast])),
};
const vendors = { walmart: walmartSandbox, amazon: amazonSandbox };
const names = Array.from({ length: 8 }, (_, n) => `S${n}`);

interface Opened { shop: Shop; owner: AccountOwner; feed(): { listings: number; state: string } | undefined }

async function open(t: ExecutionContext, channel: 'walmart' | 'amazon', account: string, feeds: object = {}): Promise<Opened> {
  const shop = await Shop.open(t, shared, {
    account, channel, vendor: vendors[channel], scale, limits: limits[channel], opening: Object.fromEntries(names.map(name => [name, 3])),
    // Vendor's ms: a tenth of a second between looks, overdue after a minute of the test's unless said otherwise.
    settings: { verifyWithinMs: 120_000, feeds: { threshold: 5, everyMs: 1, lookEveryMs: 6_000, overdueMs: 3_600_000, ...feeds } },
  });
  const owner = await shop.own(t);
  await shop.command('import');
  return { shop, owner, feed: () => owner.figures()['feed'] as ReturnType<Opened['feed']> };
}

/** So many raises at once: they wait while nothing is written. */
async function raise(t: ExecutionContext, { shop, owner }: Opened, quantity: number, which = names): Promise<void> {
  await shop.command('freeze test');
  for (const name of which) await shop.count(name, quantity);
  await eventually(t, 'all wait', () => (owner.figures()['lanes'] as { raise: number }).raise, seen => seen === which.length);
  await shop.command('resume test');
}

const proven = (t: ExecutionContext, shop: Shop, wanted: Record<string, number>): Promise<unknown> =>
  eventually(t, `proven ${JSON.stringify(wanted)}`, async () => (await Promise.all(Object.entries(wanted).map(async ([name, quantity]) => (await shop.isProven(name, quantity) ? [] : [name])))).flat(), missing => missing.length === 0, 25_000);
const all = (quantity: number, more: Record<string, number> = {}): Record<string, number> => ({ ...Object.fromEntries(names.map(name => [name, quantity])), ...more });
const feedsOf = ({ shop }: Opened): number => shop.sandbox.shop.counts['feeds'] ?? 0;
const letters = async (shop: Shop): Promise<string[]> => (await shop.dead()).map(({ class: kind, code, resolved }) => `${kind} ${resolved === true ? 'resolved' : code}`);

for (const channel of ['amazon', 'walmart'] as const) {
  test.serial(`${channel}: many raises go by one feed, are shown as accepted, and are proven by reads`, async t => {
    const world = await open(t, channel, `${channel}-feed`);
    const { shop } = world;
    await raise(t, world, 9);
    await eventually(t, 'handed in', () => world.feed()?.state, seen => seen === 'handed in');
    const answer = await eventually(t, 'told', async () => (await shop.outlet('S0'))?.answer);
    t.is(answer?.outcome, 'accepted');
    t.is(shop.shows('S0'), 3);
    await proven(t, shop, all(9));
    t.is(feedsOf(world), 1);
    const told = await eventually(t, 'journaled', () => shop.attempts('S3'), seen => seen.some(({ op }) => op === 'read'));
    t.deepEqual(told.slice(0, 2).map(({ op, outcome: { kind } }) => [op, kind]), [['write', 'accepted'], ['feed', 'accepted']]);
    t.is(new Set(told.map(({ signature }) => signature)).size, 1);
    await eventually(t, 'the feed is over', () => world.feed(), seen => seen === undefined);
    t.deepEqual([await shop.dead(), await shop.alerts()], [[], []]);
  });

  test.serial(`${channel}: what lowers a listing overtakes the feed, and the feed's older number does not stand when it comes late`, async t => {
    const world = await open(t, channel, `${channel}-late`);
    const { shop } = world;
    shop.sandbox.shop.faults.add({ kind: 'feed-stuck', forMs: 60_000 });
    await raise(t, world, 9);
    await eventually(t, 'handed in', () => world.feed()?.state, seen => seen === 'handed in');
    await shop.count('S0', 2);
    await shop.count('S1', 0);
    await proven(t, shop, { S0: 2, S1: 0 });
    t.is(world.feed()?.state, 'handed in');
    shop.sandbox.shop.faults.clear();
    await eventually(t, 'the older numbers come', () => [shop.shows('S0'), shop.shows('S1')], seen => seen.includes(9));
    await proven(t, shop, all(9, { S0: 2, S1: 0 }));
    await eventually(t, 'the feed is over', () => world.feed(), seen => seen === undefined);
    t.deepEqual([shop.shows('S0'), shop.shows('S1')], [2, 0]);
    t.deepEqual([await shop.alerts(), await shop.dead()], [[], []]);
  });
}

test.serial('a newer raise of a listing that a feed holds waits for its end and is the one that stands', async t => {
  const world = await open(t, 'walmart', 'walmart-newer');
  const { shop } = world;
  shop.sandbox.shop.faults.add({ kind: 'feed-stuck', forMs: 60_000 });
  await raise(t, world, 9);
  await eventually(t, 'handed in', () => world.feed()?.state, seen => seen === 'handed in');
  await shop.count('S0', 12);
  await eventually(t, 'intended', () => shop.outlet('S0'), seen => seen?.intent?.quantity === 12);
  await new Promise(resolve => setTimeout(resolve, 300));
  t.is(shop.shows('S0'), 3);
  shop.sandbox.shop.faults.clear();
  await proven(t, shop, all(9, { S0: 12 }));
  t.is(feedsOf(world), 1);
});

test.serial('a feed whose end the channel tells of is looked at then, not at its next time', async t => {
  const world = await open(t, 'amazon', 'amazon-told', { lookEveryMs: 1_800_000 });
  const { shop } = world;
  await raise(t, world, 9);
  await eventually(t, 'handed in', () => world.feed()?.state, seen => seen === 'handed in');
  await eventually(t, 'carried out', () => shop.shows('S0'), seen => seen === 9);
  t.is(world.feed()?.state, 'handed in');
  t.like(await shop.command('nudge {"feeds":true}'), { ok: true });
  await eventually(t, 'known', () => world.feed()?.state, seen => seen !== 'handed in');
  await proven(t, shop, all(9));
});

test.serial('a feed that is overdue is told to people once, its listings go one by one, and its late end is looked at', async t => {
  const world = await open(t, 'walmart', 'walmart-stuck', { overdueMs: 60_000 });
  const { shop } = world;
  shop.sandbox.shop.faults.add({ kind: 'feed-stuck', forMs: 60_000 });
  await raise(t, world, 9);
  await proven(t, shop, all(9));
  t.is(world.feed()?.state, 'overdue');
  t.deepEqual(await letters(shop), ['feed overdue']);
  const [letter] = await shop.dead();
  t.regex(letter!.message, /^feed \w+@AUoBAQA of 8 listings at walmart-stuck has not ended 1 s after it was handed in; its listings are written one by one$/);
  // Raises go by calls while the feed is stuck: another one would only wait behind it.
  await raise(t, world, 11);
  await shop.count('S0', 4);
  await proven(t, shop, all(11, { S0: 4 }));
  shop.sandbox.shop.faults.clear();
  await eventually(t, 'the older number comes', () => shop.shows('S0'), seen => seen === 9);
  await proven(t, shop, all(11, { S0: 4 }));
  await eventually(t, 'the task is over', () => letters(shop), seen => seen.length === 2);
  t.deepEqual(await letters(shop), ['feed overdue', 'feed resolved']);
  t.deepEqual([feedsOf(world), await shop.alerts()], [1, []]);
});

test.serial('a next owner knows what the feed holds: no second feed, and what was overtaken is looked at', async t => {
  const world = await open(t, 'walmart', 'walmart-owner');
  const { shop, owner } = world;
  shop.sandbox.shop.faults.add({ kind: 'feed-stuck', forMs: 60_000 });
  await raise(t, world, 9);
  await eventually(t, 'handed in', () => world.feed()?.state, seen => seen === 'handed in');
  await shop.count('S0', 1);
  await proven(t, shop, { S0: 1 });
  await owner.release();
  const next = await shop.own(t);
  await eventually(t, 'taken over', () => next.figures()['feed'], seen => (seen as { state?: string } | undefined)?.state === 'handed in');
  await shop.count('S1', 2);
  await proven(t, shop, { S1: 2 });
  const reads = next.figures()['reads'] as number;
  await new Promise(resolve => setTimeout(resolve, 500));
  t.true((next.figures()['reads'] as number) - reads <= 2, 'what the feed carries is not read again and again');
  shop.sandbox.shop.faults.clear();
  await eventually(t, 'the older numbers come', () => shop.shows('S0'), seen => seen === 9);
  await proven(t, shop, all(9, { S0: 1, S1: 2 }));
  t.is(feedsOf(world), 1);
  t.deepEqual([await shop.alerts(), await shop.dead(), shop.lost], [[], [], []]);
});

test.serial('of the entries that a feed refuses, those of bad data are told to people and the others go by a call', async t => {
  const world = await open(t, 'walmart', 'walmart-errors');
  const { shop } = world;
  shop.sandbox.shop.faults.add({ kind: 'feed-errors', skus: [shop.sku('S2')], why: 'data', count: 1 });
  await raise(t, world, 9);
  const rest = all(9);
  delete rest['S2'];
  await proven(t, shop, rest);
  await eventually(t, 'people are told', () => letters(shop), seen => seen.length === 1);
  t.like((await shop.dead())[0], { class: 'validation', sku: shop.sku('S2'), code: 'ERR_EXT_DATA_0503009', message: 'the data of this item is not valid' });

  const other = await open(t, 'walmart', 'walmart-system');
  other.shop.sandbox.shop.faults.add({ kind: 'feed-errors', skus: [other.shop.sku('S2')], why: 'system', count: 1 });
  await raise(t, other, 9);
  await proven(t, other.shop, all(9));
  const told = await other.shop.attempts('S2');
  t.deepEqual(told.filter(({ op }) => op !== 'read').map(({ op, attempt, outcome: { kind } }) => [op, attempt, kind]), [['write', 0, 'accepted'], ['feed', 0, 'retry'], ['write', 1, 'accepted']]);
  t.deepEqual(await other.shop.dead(), []);
});

test.serial('a feed that is given up in the middle, or whose answer is lost, is written one by one', async t => {
  const fatal = await open(t, 'amazon', 'amazon-fatal');
  fatal.shop.sandbox.shop.faults.add({ kind: 'feed-fatal', count: 1 });
  await raise(t, fatal, 9);
  await proven(t, fatal.shop, all(9));
  await eventually(t, 'told and over', () => letters(fatal.shop), seen => seen.length === 2, 25_000);
  t.deepEqual(await letters(fatal.shop), ['feed FATAL', 'feed resolved']);
  t.is(feedsOf(fatal), 1);

  const lost = await open(t, 'walmart', 'walmart-lost');
  lost.shop.sandbox.shop.faults.add({ kind: 'lose-request', on: 'write', count: 1 });
  await raise(t, lost, 9);
  await proven(t, lost.shop, all(9));
  t.is(lost.feed()?.state, 'lost');
  t.deepEqual(await lost.shop.dead(), []);
});

test.serial('a feed that the channel does not take for its rate leaves its listings to calls, and nothing is lost', async t => {
  const world = await open(t, 'walmart', 'walmart-rate');
  const { shop } = world;
  shop.sandbox.shop.faults.add({ kind: 'throttle', on: 'write', forMs: 400, retryAfterS: 30 });
  await raise(t, world, 9);
  await proven(t, shop, all(9));
  t.deepEqual([await shop.dead(), await shop.alerts()], [[], []]);
});
