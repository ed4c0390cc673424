/** Accounts on their way to being written: what is not live is never sent, on a real server against sandbox marketplaces. */
import anyTest from 'ava';
import type { TestFn } from 'ava';
import { ebaySandbox } from '../../deploy/sandbox/ebay.ts';
import { amazonSandbox } from '../../deploy/sandbox/amazon.ts';
import { gated } from '../../runtime/account/gate.ts';
import { sliceOf, widened } from '../../runtime/account/stage.ts';
import { eventually, ground, Shop, wide } from './account-world.ts';
import type { Ground, ShopOptions } from './account-world.ts';

const test = anyTest as TestFn<{ ground: Ground }>;
let shared: Ground;

test.before(async () => { shared = await ground(); });
test.after.always(async () => { await shared?.close(); });

const withinMs = 30_000;
const ebay = (account: string, opening: Record<string, number>): ShopOptions => ({ account, channel: 'ebay', vendor: ebaySandbox, opening, limits: wide('ebay'), times: { maxProofAgeMs: 300, graceMs: 0 } });

interface Page { rows: { sku: string; seenAt: number; shows: number; would: number; verdict: string; live: boolean; theirs: { to: number; because: string }[]; foreign: number; agreed: number; compared: number }[]; totals: Record<string, number> }

async function compared(shop: Shop): Promise<Page> {
  return await shop.command('compare {"totals":true}') as unknown as Page;
}

/** Entries of the marketplace's own ledger that a write of anybody with credentials made. */
const written = (shop: Shop): number => shop.sandbox.shop.ledger.entries.filter(entry => entry.kind === 'shown' && entry.by === 'write').length;

test('an account that is connected is read and never written; in shadow it is compared, and goes live slice by slice', async t => {
  const names = ['A', 'B', 'C', 'D'];
  const shop = await Shop.open(t, shared, ebay('stage-ebay', { A: 5, B: 5, C: 5, D: 5 }));
  let owner = await shop.own(t, { stage: 'connect' });
  await shop.command('import');
  for (const [n, name] of names.entries()) await shop.count(name, [5, 9, 2, 7][n]!);
  await eventually(t, 'every SKU has decided what to show', async () => (await shop.command('stage'))['muted'], seen => seen === 4, withinMs);
  t.like(await shop.command('stage'), { stage: 'connect', live: 0, listings: 4 });
  t.deepEqual((await shop.command('golive {} ana'))['ok'], false);
  t.regex(String((await shop.command('golive {} ana'))['error']), /shadow: nothing was compared yet: plumb shadow start stage-ebay/);

  t.like(await shop.command('stage shadow ana'), { ok: true, stage: 'shadow', by: 'ana' });
  const page = await eventually(t, 'all are compared', () => compared(shop), ({ totals }) => totals['unknown'] === 0, withinMs);
  t.like(page.totals, { equal: 1, low: 2, high: 1, lowUnits: 6, highUnits: 3, live: 0 });
  t.is(written(shop), 0);

  // A next owner goes on from what was decided, whatever its configuration says.
  await owner.release();
  owner = await shop.own(t, { stage: 'live' });
  await eventually(t, 'the decision stands', () => shop.command('stage'), seen => seen['stage'] === 'shadow' && seen['muted'] === 4, withinMs);
  await eventually(t, 'and all are read', () => compared(shop), ({ totals }) => totals['unknown'] === 0, withinMs);
  t.is(written(shop), 0);

  const check = await shop.command(`golive check {"skus":["${shop.sku('B')}"]}`);
  t.like(check, { ok: true, listings: 1, low: 1 });
  t.true((check['requirements'] as { ok: boolean }[]).every(({ ok }) => ok), JSON.stringify(check));
  t.like(await shop.command(`golive {"skus":["${shop.sku('B')}"]} ana`), { ok: true, goesLive: 1 });
  await eventually(t, 'B is written', () => shop.isProven('B', 9), undefined, withinMs);
  t.deepEqual(names.map(name => shop.shows(name)), [5, 9, 5, 5]);
  t.like(await shop.command('stage'), { stage: 'live', live: 1, muted: 3 });

  t.like(await shop.command('golive {} ana'), { ok: true, goesLive: 3 });
  await eventually(t, 'the rest is written', async () => await shop.isProven('C', 2) && await shop.isProven('D', 7) && await shop.isProven('A', 5), undefined, withinMs);
  // What showed its number already was read, and not written.
  t.deepEqual(names.map(name => shop.writesOf(name)), [0, 1, 1, 1]);
  t.regex(String((await shop.command('golive {} ana'))['error']), /live already/);

  await shop.command('stage shadow bea');
  const since = Date.now();
  await eventually(t, 'all were read since', () => compared(shop), ({ rows }) => rows.every(({ seenAt }) => seenAt > since), withinMs);
  await shop.count('D', 1);
  await eventually(t, 'D has decided anew', async () => (await shop.command('stage'))['muted'], seen => seen === 1, withinMs);
  shop.sandbox.shop.edit(shop.sku('A'), 50);
  await eventually(t, 'the edit is seen', () => compared(shop), ({ rows }) => rows.find(({ sku }) => sku === shop.sku('A'))!.theirs.some(({ to, because }) => to === 50 && because === 'somebody else'), withinMs);
  t.deepEqual(names.map(name => shop.shows(name)), [50, 9, 2, 7]);
  t.deepEqual(await shop.alerts(), []);
  const control = await shop.control() as { op: string; by: string; of?: number; batch?: { sku: string; shows: number; would: number }[] }[];
  t.deepEqual(control.map(({ op, by, of }) => [op, by, of]), [['shadow', 'ana', undefined], ['golive', 'ana', 1], ['golive', 'ana', 3], ['shadow', 'bea', undefined]]);
  t.like(control[1]!.batch![0], { sku: shop.sku('B'), shows: 5, would: 9 });
});

test('in shadow a sale is told from what somebody else writes', async t => {
  const shop = await Shop.open(t, shared, ebay('stage-sold', { A: 8, B: 8 }));
  await shop.own(t, { stage: 'shadow' });
  await shop.command('import');
  await shop.count('A', 8);
  await shop.count('B', 8);
  const row = async (name: string): Promise<Page['rows'][number] | undefined> => (await compared(shop)).rows.find(({ sku }) => sku === shop.sku(name));
  await eventually(t, 'both were seen', async () => [await row('A'), await row('B')].every(each => each !== undefined && each.theirs.length === 1), undefined, withinMs);
  shop.sandbox.shop.buy('a buyer', [{ sku: shop.sku('A'), units: 2 }]);
  shop.sandbox.shop.edit(shop.sku('B'), 3);
  await eventually(t, 'explained', async () => [(await row('A'))!.theirs.at(-1), (await row('B'))!.theirs.at(-1)].map(change => [change?.to, change?.because]), seen => JSON.stringify(seen) === JSON.stringify([[6, 'orders'], [3, 'somebody else']]), withinMs);
  t.is((await row('A'))!.foreign, 0);
  t.is((await row('B'))!.foreign, 1);
  // Its own sale is in the number that we would write, too.
  await eventually(t, 'A agrees', async () => (await row('A'))!.verdict, seen => seen === 'equal', withinMs);
  t.is(written(shop), 0);
});

test('what would empty too much of a shop is held when it goes live, and several foreign edits after that are a second master', async t => {
  const names = ['A', 'B', 'C', 'D'];
  const shop = await Shop.open(t, shared, ebay('stage-held', Object.fromEntries(names.map(name => [name, 6]))));
  await shop.own(t, { stage: 'shadow', governor: { windowMs: 60_000, zero: { share: 0, least: 1 }, raise: { share: 1, least: 100 } } });
  await shop.command('import');
  for (const name of names) await shop.count(name, name === 'D' ? 9 : 0);
  await eventually(t, 'compared', () => compared(shop), ({ totals }) => totals['high'] === 3 && totals['low'] === 1, withinMs);
  t.like(await shop.command('golive {} ana'), { ok: true, goesLive: 4 });
  await eventually(t, 'D is written', () => shop.isProven('D', 9), undefined, withinMs);
  const held = await eventually(t, 'the zeros are held', async () => (await shop.command('held'))['held'] as { shown: number; would: number }[], seen => seen.length === 3, withinMs);
  t.deepEqual(held.map(({ shown, would }) => [shown, would]), [[6, 0], [6, 0], [6, 0]]);
  t.deepEqual(names.map(name => shop.shows(name)), [6, 6, 6, 9]);
  await shop.command('release zero ana');
  await eventually(t, 'released', () => names.map(name => shop.shows(name)), seen => JSON.stringify(seen) === '[0,0,0,9]', withinMs);

  for (const name of ['A', 'B', 'C']) await eventually(t, `${name} is proven`, () => shop.isProven(name, 0), undefined, withinMs);
  for (const name of ['A', 'B', 'C']) shop.sandbox.shop.edit(shop.sku(name), 4);
  const letters = await eventually(t, 'told', async () => (await shop.dead()).filter(letter => letter.class === 'second-master'), seen => seen.length > 0, withinMs);
  t.regex(letters[0]!.message, /^3 listings at stage-held were changed by somebody else within an hour/);
});

test('feeds of an account that is not live are not handed in', async t => {
  const shop = await Shop.open(t, shared, { account: 'stage-amazon', channel: 'amazon', vendor: amazonSandbox, opening: { A: 1, B: 1, C: 1 }, limits: wide('amazon'), times: { maxProofAgeMs: 300 }, settings: { feeds: { threshold: 2 } } });
  await shop.own(t, { stage: 'shadow' });
  await shop.command('import');
  for (const name of ['A', 'B', 'C']) await shop.count(name, 9);
  await eventually(t, 'compared', () => compared(shop), ({ totals }) => totals['low'] === 3, withinMs);
  t.deepEqual(['A', 'B', 'C'].map(name => shop.shows(name)), [1, 1, 1]);
  t.is((await shop.attempts('A')).filter(({ op }) => op === 'write').length, 0);
});

test('the last place before the call refuses what is not live, whoever asks', async t => {
  const sent: string[] = [];
  const adapter = {
    write: async (entries: { listing: { sku: string } }[]) => { sent.push(...entries.map(({ listing }) => listing.sku)); return []; },
    feeds: { threshold: 3, submit: async (entries: { listing: { sku: string } }[]) => { sent.push(...entries.map(({ listing }) => listing.sku)); return 'f1'; } },
  };
  const gate = gated(adapter as never, 'ebay', sku => sku === 'LIVE');
  const entry = (sku: string): never => ({ listing: { id: sku, sku, fields: {} }, quantity: 1, signature: 's' }) as never;
  await t.throwsAsync(gate.write([entry('LIVE'), entry('A')], {} as never), { name: 'RetryableError', message: /not live for A/ });
  await t.throwsAsync(gate.feeds!.submit([entry('A')], {} as never), { name: 'RetryableError', message: /not live for A/ });
  t.deepEqual(sent, []);
  await gate.write([entry('LIVE')], {} as never);
  await gate.feeds!.submit([entry('LIVE')], {} as never);
  t.deepEqual(sent, ['LIVE', 'LIVE']);
  t.is(gate.feeds!.threshold, 3);
});

test('a slice is refused by field and value, and only grows', t => {
  t.is(sliceOf({}), undefined);
  t.is(sliceOf({ percent: 100 }), undefined);
  t.deepEqual(sliceOf({ percent: 5, skus: ['B', 'A', 'A'] }), { percent: 5, skus: ['A', 'B'] });
  t.throws(() => sliceOf({ percent: 0 }), { message: 'slice.percent: must be a whole number from 1 to 100, got 0' });
  t.throws(() => sliceOf({ brands: [] }), { message: /slice\.brands: must be a list of names/ });
  t.throws(() => sliceOf({ skus: 'A' }), { message: /slice\.skus: .* got "A"/ });
  t.throws(() => sliceOf({ brand: ['X'] }), { message: 'slice: "brand" is none of percent, brands, skus' });
  t.deepEqual(widened({ percent: 10, skus: ['A'] }, { percent: 5, brands: ['X'] }), { percent: 10, brands: ['X'], skus: ['A'] });
});
