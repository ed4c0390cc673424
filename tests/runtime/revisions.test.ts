/** A channel that takes only so many changes of one listing a day, at its sandbox. */
import test from 'ava';
import { loadLimits } from '../../config/limits.ts';
import { ebaySandbox } from '../../deploy/sandbox/ebay.ts';
import { Shop, eventually, ground } from './account-world.ts';
import type { Ground } from './account-world.ts';

let on: Ground;
test.before(async () => { on = await ground(); });
test.after.always(() => on.close());

test.serial('a listing whose revisions are nearly spent is lowered and not raised, and the account shows it, under the next owner too', async t => {
  const shop = await Shop.open(t, on, { account: 'rev-ebay', channel: 'ebay', vendor: ebaySandbox, opening: { A: 0, B: 0 }, scale: 60, limits: loadLimits('ebay', 60), settings: { revisionsPerDay: 23 } });
  const owner = await shop.own(t);
  await shop.command('import');
  for (const quantity of [5, 6, 7]) {
    await shop.count('A', quantity);
    await eventually(t, `${quantity} is proven`, () => shop.isProven('A', quantity));
  }
  await shop.count('A', 9);
  await shop.count('B', 4);
  await eventually(t, 'the other listing is proven', () => shop.isProven('B', 4));
  t.is(shop.shows('A'), 7, 'the raise waits');
  t.like(owner.figures(), { revisionsHeld: 1, pending: 1 });
  await shop.count('A', 3);
  await eventually(t, 'the decrease is proven', () => shop.isProven('A', 3));
  await owner.release();
  t.deepEqual((await shop.record())?.revisions?.spent, { [shop.sku('A')]: 4 });
  const next = await shop.own(t);
  await shop.count('A', 8);
  await eventually(t, 'the next owner has it pending', () => next.figures()['pending'] as number, pending => pending === 1);
  t.like(next.figures(), { revisionsHeld: 1 });
  t.is(shop.shows('A'), 3);
});
