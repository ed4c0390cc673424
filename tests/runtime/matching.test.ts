/** A listing that is of another SKU than the channel says, on a real server and every sandbox: written, read and sold as that one. */
import anyTest from 'ava';
import type { TestFn } from 'ava';
import { channels, sandboxOf } from '../../deploy/sandbox/registry.ts';
import type { Matched } from '../../runtime/account/matching.ts';
import { readListed } from '../../runtime/rules.ts';
import { eventually, ground, Shop, wide } from './account-world.ts';
import type { Ground } from './account-world.ts';

const test = anyTest as TestFn<{ ground: Ground }>;
let shared: Ground;

test.before(async () => { shared = await ground(); });
test.after.always(async () => { await shared?.close(); });

const withinMs = 30_000;

for (const channel of channels) {
  test(`a listing at ${channel} is moved to the SKU that it is of: its orders of before and after are told there, and it is written by the channel's own SKU`, async t => {
    const shop = await Shop.open(t, shared, {
      account: `match-${channel}`, channel, vendor: sandboxOf(channel), opening: { 'ab 1': 9, other: 3 }, limits: wide(channel),
    });
    // Where a number includes open orders, none of these changes it.
    const intended = (buyable: number): number => (channel === 'walmart' ? 7 : buyable);
    const [theirs, is] = [shop.sku('ab 1'), shop.sku('AB-1')];
    await shop.count('AB-1', 7);
    const connected = await shop.own(t, { stage: 'shadow' });
    t.like(await shop.command('import'), { ok: true, linked: 2 });
    await eventually(t, 'linked as the channel says', async () => (await shop.command('stage'))['listings'], listings => listings === 2, withinMs);
    const { listing: { id } } = (await shop.outlet('ab 1'))!;
    shop.sandbox.shop.buy('early', [{ sku: theirs, units: 2 }]);
    await eventually(t, 'the early order is told to the wrong SKU', async () => Object.keys((await shop.stock('ab 1'))?.lines ?? {}).length, lines => lines > 0, withinMs);

    const asked = JSON.stringify([{ listing: id, sku: theirs, is }]);
    t.deepEqual(await shop.command(`match? ${asked}`), { ok: true, matched: [{ kind: 'matched' }] });
    t.truthy(await shop.outlet('ab 1'), 'a dry run moves nothing');
    t.deepEqual(await shop.command(`match ${asked} ana`), { ok: true, matched: [{ kind: 'matched' }] });
    await eventually(t, 'the SKU has it', () => shop.outlet('AB-1'), outlet => outlet?.listing.id === id, withinMs);
    await eventually(t, 'the other one has it no more', () => shop.outlet('ab 1'), outlet => outlet === undefined, withinMs);
    await eventually(t, 'the early order is told again', async () => Object.keys((await shop.stock('AB-1'))?.lines ?? {}).length, lines => lines > 0, withinMs);
    await eventually(t, 'and taken off', async () => (await shop.outlet('AB-1'))?.intent?.quantity, quantity => quantity === intended(5), withinMs);
    t.deepEqual(await shop.command(`match ${asked} ana`), { ok: true, matched: [{ kind: 'kept' }] });
    t.like((await shop.control()).find(({ op }) => op === 'match'), { by: 'ana', listings: [{ listing: id, name: theirs, from: theirs, to: is }] });
    t.deepEqual((await readListed(shared.nc)).filter(({ account, listing }) => account === shop.account && listing).map(({ sku }) => sku).sort(), [is, shop.sku('other')].sort());
    // An import finds it where it is.
    t.like(await shop.command('import'), { ok: true, linked: 2 });
    t.is((await shop.command('stage'))['listings'], 2);
    await connected.release();

    const owner = await shop.own(t, { stage: 'live' });
    await eventually(t, 'the truth is shown', () => shop.shows('ab 1'), quantity => quantity === 5, withinMs);
    await eventually(t, 'and proven', async () => (await shop.outlet('AB-1'))?.proof?.quantity, quantity => quantity === intended(5), withinMs);
    shop.sandbox.shop.buy('late', [{ sku: theirs, units: 1 }]);
    await eventually(t, 'the late order is told there', async () => (await shop.outlet('AB-1'))?.intent?.quantity, quantity => quantity === intended(4), withinMs);
    await eventually(t, 'and shown', () => shop.shows('ab 1'), quantity => quantity === 4, withinMs);
    t.deepEqual(shop.lost, []);
    await owner.release();
  });
}

test('a match is refused with its reason: unknown, changed meanwhile, a second listing of a SKU, live, or a SKU that cannot be kept', async t => {
  const shop = await Shop.open(t, shared, { account: 'match-refused', channel: 'ebay', vendor: sandboxOf('ebay'), opening: { A: 1, B: 2, C: 3 }, limits: wide('ebay') });
  const [a, b, c] = ['A', 'B', 'C'].map(name => shop.sku(name)) as [string, string, string];
  const connected = await shop.own(t, { stage: 'connect' });
  await shop.command('import');
  await eventually(t, 'linked', async () => (await shop.command('stage'))['listings'], listings => listings === 3, withinMs);
  const all = async (...rows: [listing: string, sku: string, is: string][]): Promise<unknown[]> => {
    const { matched, error } = await shop.command(`match ${JSON.stringify(rows.map(([listing, sku, is]) => ({ listing, sku, is })))} ana`) as { matched?: Matched[]; error?: string };
    return matched?.map(each => (each.kind === 'refused' ? each.why : each.kind)) ?? [error];
  };
  const told = async (...row: [listing: string, sku: string, is: string]): Promise<unknown> => (await all(row))[0];
  t.is(await told('none', 'none', a), 'listing: "none" is unknown at match-refused: plumb listings import match-refused');
  t.is(await told(a, b, 'Z'), `sku: listing ${a} is at SKU "${a}" by now, got "${b}": the row has changed meanwhile`);
  t.is(await told(a, a, b), `is: SKU "${b}" has listing ${b} at match-refused, and one account sells a SKU under one listing: listing ${a} would be a second`);
  t.is(await told(a, a, 'x'.repeat(300)), `is: "${'x'.repeat(120)}" is too long or broken to be kept`);
  t.is(await told(a, a, ''), 'match[0].is: must be a text that is not empty, got ""');
  // Two listings and one SKU: the second is told of the first before that is linked, and whoever comes later too.
  const second = `is: SKU "${shop.sku('ONE')}" has listing ${a} at match-refused, and one account sells a SKU under one listing: listing ${c} would be a second`;
  t.deepEqual(await all([a, a, shop.sku('ONE')], [c, c, shop.sku('ONE')]), ['matched', second]);
  t.is(await told(c, c, shop.sku('ONE')), second);
  await eventually(t, 'moved', () => shop.outlet('ONE'), outlet => outlet !== undefined, withinMs);
  // And back to its own.
  t.is(await told(a, shop.sku('ONE'), a), 'matched');
  await eventually(t, 'back', () => shop.outlet('A'), outlet => outlet !== undefined, withinMs);
  await connected.release();
  await shop.own(t, { stage: 'live' });
  await eventually(t, 'known', async () => (await shop.command('stage'))['listings'], listings => listings === 3, withinMs);
  t.is(await told(b, b, 'Z'), `is: SKU "${b}" is live at match-refused: plumb shadow start match-refused first`);
});
