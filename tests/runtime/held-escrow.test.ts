/** The governor and SKUs in escrow: owners of an account on a real server, and a sandbox marketplace. */
import anyTest from 'ava';
import type { ExecutionContext, TestFn } from 'ava';
import { pino } from 'pino';
import type { HeldCell } from '../../actors/sku/exposure/record.ts';
import { droppedCode, haltedCode, heldCode } from '../../actors/sku/protocol.ts';
import { shopifySandbox } from '../../deploy/sandbox/shopify.ts';
import { Standing } from '../../runtime/account/standing.ts';
import { lastMessage } from '../../runtime/last-message.ts';
import { eventually, ground, Shop, wide } from './account-world.ts';
import type { Ground } from './account-world.ts';

const test = anyTest as TestFn<{ ground: Ground }>;
let shared: Ground;

test.before(async () => { shared = await ground(); });
test.after.always(async () => { await shared?.close(); });

test('whoever was not told every record that there was when he began is told them once more', async t => {
  const { publisher } = shared;
  const standing = new Standing({ account: 'behind', publisher, log: pino({ level: 'silent' }) });
  t.teardown(() => standing.stop());
  const { seq: newest } = (await eventually(t, 'there are records', () => lastMessage(publisher, 'KV_sku', '$KV.sku.>')))!;
  await standing.load();
  let asked = 0;
  const again = (): void => { asked += 1; };
  t.true(standing.isTold(newest + 1_000_000, again));
  t.false(standing.isTold(newest - 1, again));
  await eventually(t, 'it is read once more', () => asked === 1);
  t.false(standing.isTold(newest - 1, again));
  standing.stop();
  await new Promise(resolve => setTimeout(resolve, 800));
  t.is(asked, 1, 'not by one that has ended');
});

const withinMs = 45_000;
const names = ['A', 'B', 'C', 'D'];
const governor = { governor: { windowMs: 600_000, zero: { share: 0, least: 1 }, raise: { share: 1, least: 100 } } };

/** A shop of four SKUs in escrow that show 8 each. */
async function escrow(t: ExecutionContext, account: string): Promise<{ shop: Shop; owner: Awaited<ReturnType<Shop['own']>> }> {
  const shop = await Shop.open(t, shared, { account, channel: 'shopify', vendor: shopifySandbox, opening: { A: 9, B: 9, C: 9, D: 9 }, limits: wide('shopify') });
  const owner = await shop.own(t, governor);
  await shop.command('import');
  for (const name of names) await shop.count(name, 8);
  for (const name of names) await eventually(t, `${name} is proven`, () => shop.isProven(name, 8), undefined, withinMs);
  for (const name of names) await shop.tell(name, { type: 'mode.set', mode: 'escrow', by: 'ann' });
  for (const name of names) await eventually(t, `${name} was read`, async () => (await cellOf(shop, name))?.shown, seen => seen === 8, withinMs);
  return { shop, owner };
}

const cellOf = async (shop: Shop, name: string): Promise<HeldCell | undefined> => (await shop.stock(name))?.exposure?.cells[shop.account];
const codeOf = async (shop: Shop, name: string): Promise<string | undefined> => (await shop.outlet(name))?.answer?.code;
const nameOf = (shop: Shop, sku: string): string => sku.slice(shop.account.length + 1);
const held = async (shop: Shop): Promise<string[]> => (await shop.command('held') as { held: { sku: string }[] }).held.map(({ sku }) => nameOf(shop, sku)).sort();
const zeros = (shop: Shop): number => names.filter(name => shop.shows(name) === 0).length;

test('a file that says nothing is left is held, over a change of owner, and written once a person lets it go', async t => {
  t.timeout(180_000);
  const { shop, owner } = await escrow(t, 'held-release');
  // What is not sent yet when there are too many is held with them.
  const [first, ...others] = names as [string, ...string[]];
  await shop.count(first, 0);
  await eventually(t, 'the first is written', () => zeros(shop), count => count === 1, withinMs);
  for (const name of others) await shop.count(name, 0);
  const batch = await eventually(t, 'the others are held', () => held(shop), ({ length }) => length === others.length, withinMs);
  for (const name of batch) await eventually(t, `${name} knows`, () => codeOf(shop, name), code => code === heldCode, withinMs);
  for (const name of batch) t.is((await cellOf(shop, name))!.intent, undefined, 'what nobody has sent is not in doubt');
  t.is(zeros(shop), 1);

  await owner.release();
  await shop.own(t, governor);
  t.deepEqual(await eventually(t, 'the next owner holds them', () => held(shop), ({ length }) => length === 3, withinMs), batch);
  t.is(zeros(shop), 1);
  const tasks = async () => (await shop.dead()).filter(({ class: kind }) => kind === 'governor');
  await eventually(t, 'people are told', tasks, ({ length }) => length === 1, withinMs);
  t.like(await shop.command('release zero ann'), { ok: true, listings: 3 });
  await eventually(t, 'all show none', () => zeros(shop), count => count === names.length, withinMs);
  t.deepEqual(await held(shop), []);
  t.like(await eventually(t, 'the task is over', tasks, ({ length }) => length === 2, withinMs), { 1: { resolved: true } });
});

test('of a write that another owner may have sent nobody says that it was not, and its SKU keeps it in doubt', async t => {
  t.timeout(180_000);
  const { shop, owner } = await escrow(t, 'held-doubt');
  await owner.release();
  // Stored while nobody has the account: for all that is known a former owner has sent them.
  for (const name of names) await shop.count(name, 0);
  for (const name of names) await eventually(t, `${name} is stored`, async () => (await cellOf(shop, name))?.intent?.to, to => to === 0, withinMs);
  await shop.own(t, governor);
  const batch = await eventually(t, 'they are held', () => held(shop), ({ length }) => length === 4, withinMs);
  for (const name of batch) {
    await eventually(t, `${name} knows`, () => codeOf(shop, name), code => code === haltedCode, withinMs);
    const { rights, intent } = (await cellOf(shop, name))!;
    t.deepEqual([rights, intent?.to, shop.shows(name)], [8, 0, 8]);
  }
  t.like(await shop.command('drop zero ann'), { ok: true, listings: 4 });
  for (const name of batch) {
    await eventually(t, `${name} is dropped`, () => codeOf(shop, name), code => code === droppedCode, withinMs);
    t.is((await cellOf(shop, name))!.intent?.to, 0, 'which says nothing of what became of it');
  }
  t.deepEqual(await held(shop), []);
});
