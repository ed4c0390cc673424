/** The standing look at what accounts declare of their writes: owners on a real server, sandbox marketplaces over HTTP. */
import anyTest from 'ava';
import type { ExecutionContext, TestFn } from 'ava';
import { amazonSandbox } from '../../deploy/sandbox/amazon.ts';
import { ebaySandbox } from '../../deploy/sandbox/ebay.ts';
import { mercadolibreWarehouseSandbox } from '../../deploy/sandbox/mercadolibre.ts';
import { shopifySandbox } from '../../deploy/sandbox/shopify.ts';
import type { Kind } from '../../actors/sku/exposure/ledger.ts';
import type { PromiseRecord, ProbePorts } from '../../runtime/account/conformance.ts';
import { channelRecord } from '../../runtime/subjects.ts';
import { eventually, ground, Shop, wide } from './account-world.ts';
import type { Ground, ShopOptions } from './account-world.ts';

const test = anyTest as TestFn<{ ground: Ground }>;
let shared: Ground;

test.before(async () => { shared = await ground(); });
test.after.always(async () => { await shared?.close(); });

const withinMs = 30_000;
const scale = 60;
const vendors = { amazon: amazonSandbox, ebay: ebaySandbox, mercadolibre: mercadolibreWarehouseSandbox, shopify: shopifySandbox };
const at = (channel: keyof typeof vendors, account: string, opening: Record<string, number> = { T: 5 }): ShopOptions => ({ account, channel, vendor: vendors[channel], opening, scale, limits: wide(channel) });

/** @param lifeMs of this machine */
const probe = (shop: Shop, kind: Kind, { lifeMs = 20_000, everyMs = 600_000, name = 'T' } = {}): { probe: ProbePorts } =>
  ({ probe: { listing: shop.sku(name), everyMs, timeScale: scale, withinMs: 60_000, termsOf: () => ({ kind, lifeMs }) } });

const record = async (shop: Shop): Promise<PromiseRecord | undefined> => (await shared.records.get<PromiseRecord>(channelRecord.promise(shop.account)))?.value;
const judged = async (t: ExecutionContext, shop: Shop, than?: number) => (await eventually(t, 'it is judged', () => record(shop), seen => seen?.judged !== undefined && seen.judged.at !== than && !seen.underway, withinMs))!.judged!;
const failed = async (t: ExecutionContext, shop: Shop, why: RegExp) => { await eventually(t, `not looked at: ${why}`, async () => (await record(shop))?.failed?.why ?? '', seen => why.test(seen), withinMs); };
const tasks = async (shop: Shop) => (await shop.dead()).filter(letter => letter.class === 'promise');

for (const [channel, kind] of [['shopify', 'swap'], ['mercadolibre', 'version']] as const) {
  test(`${channel}: that an outdated write is refused and a late copy changes nothing is seen, kept, and the listing brought back`, async t => {
    const shop = await Shop.open(t, shared, at(channel, `keeps-${channel}`));
    await shop.own(t, probe(shop, kind));
t.like(await judged(t, shop), { sku: shop.sku('T'), kind, verdict: 'kept' });
    t.deepEqual((await record(shop))!.judged!.checks.map(({ id, held }) => [id, held]), [['effect', true], ['outdated', true], ['copy', true]]);
    t.is(shop.shows('T'), 5);
    t.true(shop.sandbox.shop.ledger.entries.every(entry => entry.kind !== 'shown' || entry.quantity <= 5), 'no unit is offered that is not there');
    t.deepEqual((await shop.control()).map(({ op }) => op), ['probe', 'probed']);
    t.deepEqual(await tasks(shop), []);
    // Not looked at again before its time.
    const writes = shop.writesOf('T');
    await shop.command('import');
    await new Promise(resolve => setTimeout(resolve, 1_200));
    t.is(shop.writesOf('T'), writes);
  });

  test(`${channel}: one that does not look at conditions is a task, its SKUs in escrow count it as set, until it is seen to keep them again`, async t => {
    const shop = await Shop.open(t, shared, at(channel, `breaks-${channel}`, { T: 5, A: 4 }));
    shop.sandbox.shop.faults.add({ kind: 'ignore-condition', forMs: 3_600_000 });
    await shop.own(t, probe(shop, kind));
    const broken = await judged(t, shop);
    t.like(broken, { kind, verdict: 'broken' });
    t.deepEqual(broken.checks.filter(({ held }) => !held).map(({ id }) => id), ['outdated']);
    t.is(shop.shows('T'), 5, 'what was overwritten is brought back');
    const [task] = await eventually(t, 'a task', () => tasks(shop), ({ length }) => length > 0, withinMs);
    t.regex(task!.message, new RegExp(`^${shop.account} does not keep what is declared of its writes \\(${kind}\\): is a write on an outdated \\w+ refused\\? No: a write of 5 .* count it as set until it does$`));

    await shop.command('import');
    await shop.count('A', 9);
    await eventually(t, 'A is shown', () => shop.isProven('A', 9), undefined, withinMs);
    await shop.tell('A', { type: 'mode.set', mode: 'escrow', by: 'ann' });
    const weak = async () => (await shop.stock('A'))?.exposure?.cells[shop.account]?.weak;
    await eventually(t, 'its SKU counts it as set', weak, seen => seen === true, withinMs);

    shop.sandbox.shop.faults.clear();
    t.like(await shop.command('probe ann'), { ok: true });
    t.like(await judged(t, shop, broken.at), { verdict: 'kept' });
    await eventually(t, 'it is counted on again', weak, seen => seen === undefined, withinMs);
    t.like((await eventually(t, 'the task is over', () => tasks(shop), seen => seen.some(each => each['resolved'] === true), withinMs)).at(-1), { how: 'healed' });
  });
}

test('a channel whose writes have no condition and that is declared to have one is found out', async t => {
  const shop = await Shop.open(t, shared, at('ebay', 'declared'));
  await shop.own(t, probe(shop, 'swap'));
  t.like(await judged(t, shop), { verdict: 'broken' });
  t.is(shop.shows('T'), 5);
});

test('of an unconditional write it is seen whether it takes effect, and whether as soon as is counted on', async t => {
  const shop = await Shop.open(t, shared, at('amazon', 'late'));
  // Half a minute of the vendor's on average, deploy/sandbox/amazon.ts.
  await shop.own(t, probe(shop, 'set', { lifeMs: 1 }));
  const late = await judged(t, shop);
  t.like(late, { kind: 'set', verdict: 'late' });
  t.true(late.effectMs! > 1);
  t.is(late.checks.length, 1);
  t.regex((await eventually(t, 'a task', () => tasks(shop), ({ length }) => length > 0, withinMs))[0]!['heals'] as string, /^exposure\.lifeMs of the account, in the vendor's ms: more than \d+, by which 60 is exceeded/);
  t.is(shop.shows('T'), 5);
});

test('nothing is written while the account is not live, is frozen, or for what is no test listing', async t => {
  const shop = await Shop.open(t, shared, at('shopify', 'still', { T: 5, ONE: 1, A: 4 }));
  const none = async (): Promise<void> => {
    await new Promise(resolve => setTimeout(resolve, 1_500));
    t.deepEqual([shop.writesOf('T'), (await record(shop))?.judged], [0, undefined]);
  };
  let owner = await shop.own(t, { ...probe(shop, 'swap'), stage: 'connect' });
  await none();
  t.like(await shop.command('probe ann'), { ok: false, error: 'nothing is written to still: serving, stage connect' });
  await shop.command('stage shadow ann');
  await none();
  await shop.command('freeze ann');
  await shop.command('import');
  await shop.command('stage shadow ann');
  await owner.release();

  owner = await shop.own(t, probe(shop, 'swap'));
  await none();
  await shop.command('golive {"skus":["other"]} ann');
  t.like(await shop.command('probe ann'), { ok: false });
  await owner.release();
});

test('a listing that is kept like any other, shows too little, or is not there is not written', async t => {
  const shop = await Shop.open(t, shared, at('shopify', 'unfit', { T: 5, ONE: 1, A: 4 }));
  let owner = await shop.own(t);
  t.like(await shop.command('probe ann'), { ok: false, error: 'unfit has no test listing: accounts[].probe.listing in the configuration' });
  await shop.command('import');
  await shop.count('A', 4);
  await eventually(t, 'A is kept', () => shop.isProven('A', 4), undefined, withinMs);
  await owner.release();
  for (const [name, why] of [['A', /^unfit\.A is kept by this account as any other SKU/], ['ONE', /shows 1: 2 units at least are wanted/], ['GONE', /has no listing with id or SKU "unfit\.GONE"/]] as const) {
    owner = await shop.own(t, probe(shop, 'swap', { name }));
    await failed(t, shop, why);
    await owner.release();
  }
  t.deepEqual([shop.writesOf('T'), shop.writesOf('ONE'), shop.shows('A')], [0, 0, 4]);
  t.deepEqual(await tasks(shop), []);
});

test('what an owner began and did not bring back, the next one brings back before it looks again', async t => {
  const shop = await Shop.open(t, shared, at('shopify', 'handed'));
  const owner = await shop.own(t, probe(shop, 'swap'));
  await eventually(t, 'it is under way', () => shop.shows('T'), seen => seen < 5, withinMs);
  await owner.release();
  const left = await record(shop);
  if (left?.underway) t.is(left.underway.quantity, 5);
  await shop.own(t, probe(shop, 'swap', { everyMs: 600_000 }));
  t.like(await judged(t, shop), { verdict: 'kept' });
  t.is(shop.shows('T'), 5);
});

test('a freeze while it is looked at is obeyed, and the listing brought back afterwards', async t => {
  const shop = await Shop.open(t, shared, at('shopify', 'froze'));
  // Slow enough to be met in the middle.
  shop.sandbox.shop.faults.add({ kind: 'latency', on: 'read', forMs: 600_000, delayMs: 300 });
  await shop.own(t, probe(shop, 'swap', { everyMs: 2_000 }));
  await eventually(t, 'it is under way', () => shop.shows('T'), seen => seen < 5, withinMs);
  await shop.command('freeze ann');
  await eventually(t, 'it is given up', async () => (await record(shop))?.failed?.why ?? '', seen => seen !== '', withinMs);
  const writes = shop.writesOf('T');
  await new Promise(resolve => setTimeout(resolve, 1_500));
  t.is(shop.writesOf('T'), writes);
  t.true(shop.shows('T') < 5);
  shop.sandbox.shop.faults.clear();
  await shop.command('resume ann');
  t.like(await judged(t, shop), { verdict: 'kept' });
  t.is(shop.shows('T'), 5);
});
