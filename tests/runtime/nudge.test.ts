/** What an account's owner does when the channel tells of a change by itself. */
import test from 'ava';
import { plan, urgency } from '../../actors/reconciler/plan.ts';
import { newPair } from '../../actors/reconciler/proof.ts';
import { proofAges } from '../../actors/reconciler/risk.ts';
import { loadLimits } from '../../config/limits.ts';
import { mercadolibreSandbox } from '../../deploy/sandbox/mercadolibre.ts';
import { shopifySandbox } from '../../deploy/sandbox/shopify.ts';
import { Shop, ground } from './account-world.ts';
import type { Ground } from './account-world.ts';

/** Nothing is due by itself while a test lasts. */
const slow = { maxProofAgeMs: 3_600_000, pollMinMs: 3_600_000, apartMs: 100 };

let on: Ground;
test.before(async () => { on = await ground(); });
test.after.always(() => on.close());

async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  for (const end = Date.now() + 15_000; !(await holds());) {
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}

test.serial('a listing that the channel tells of is read at once, however young its proof, and by whichever of its ids', async t => {
  const shop = await Shop.open(t, on, { account: 'nudge-ml', channel: 'mercadolibre', vendor: mercadolibreSandbox, opening: { A: 4, B: 4 }, scale: 600, limits: loadLimits('mercadolibre', 600), times: { ...slow, pollMinMs: 50 } });
  await shop.own(t);
  await shop.command('import');
  for (const name of ['A', 'B']) await shop.count(name, 4);
  await until('both are proven', async () => (await shop.isProven('A', 4)) && shop.isProven('B', 4));
  shop.sandbox.shop.edit(shop.sku('A'), 44);
  shop.sandbox.shop.edit(shop.sku('B'), 45);
  const { itemId } = (await shop.outlet('A'))!.listing.fields;
  t.deepEqual(await shop.command(`nudge ${JSON.stringify({ listings: [itemId, 'MLA-NOT-OURS'] })}`), { ok: true, orders: false, listings: 1 });
  await until('the edit is undone', () => shop.shows('A') === 4);
  t.is(shop.shows('B'), 45, 'nobody told of the other one');
  t.deepEqual(await shop.command(`nudge ${JSON.stringify({ listings: [shop.sku('B')] })}`), { ok: true, orders: false, listings: 1 });
  await until('the other edit is undone', () => shop.shows('B') === 4);
});

test.serial('what the channel told while nobody listened is looked at once the account is taken over', async t => {
  const shop = await Shop.open(t, on, { account: 'nudge-missed', channel: 'mercadolibre', vendor: mercadolibreSandbox, opening: { A: 4, B: 4 }, scale: 600, limits: loadLimits('mercadolibre', 600), times: { ...slow, pollMinMs: 50 } });
  const first = await shop.own(t);
  await shop.command('import');
  for (const name of ['A', 'B']) await shop.count(name, 4);
  await until('both are proven', async () => (await shop.isProven('A', 4)) && shop.isProven('B', 4));
  await first.release();
  shop.sandbox.shop.edit(shop.sku('B'), 45);
  const registered = await fetch(`${shop.sandbox.url}/_sandbox/hooks`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"url":"http://127.0.0.1:9/nobody"}' });
  t.true(registered.ok);
  shop.sandbox.shop.edit(shop.sku('A'), 44);
  await until('the vendor has tried', () => (shop.sandbox.shop.counts['hooks.lost'] ?? 0) >= 3);
  await new Promise(resolve => setTimeout(resolve, 300));
  await shop.own(t);
  await until('the edit is undone', () => shop.shows('A') === 4);
  t.is(shop.shows('B'), 45, 'nobody told of the other one');
});

test.serial('orders that the channel tells of are polled at once', async t => {
  const shop = await Shop.open(t, on, { account: 'nudge-shop', channel: 'shopify', vendor: shopifySandbox, opening: { A: 9 }, scale: 600, limits: loadLimits('shopify', 600), times: slow });
  const owner = await shop.own(t);
  await shop.command('import');
  await until('the first poll is over', () => (shop.sandbox.shop.counts['calls.orders'] ?? 0) > 0);
  shop.sandbox.shop.buy('b1', [{ sku: shop.sku('A'), units: 2 }]);
  const polls = shop.sandbox.shop.counts['calls.orders']!;
  await until('the sale is learnt', async () => {
    // Shopify's list shows an order some seconds of its clock later: it may take a second word.
    t.deepEqual(await shop.command('nudge {"orders":true}'), { ok: true, orders: true, listings: 0 });
    return (owner.figures()['orderLines'] as number) >= 1;
  });
  t.true(shop.sandbox.shop.counts['calls.orders']! > polls);
});

test.serial('a hint that is none is refused by field and value', async t => {
  const shop = await Shop.open(t, on, { account: 'nudge-bad', channel: 'shopify', vendor: shopifySandbox, opening: {}, scale: 600, limits: loadLimits('shopify', 600), times: slow });
  await shop.own(t);
  t.deepEqual(await shop.command('nudge {"listings":[7]}'), { ok: false, error: 'nudge: listings: a list of names is wanted, got [7]' });
  t.is((await shop.command('nudge {'))['ok'], false);
});

test('a told listing is due before the oldest proof and after a suspicion, once, and no sooner than a second after its last read', t => {
  const settings = { maxAge: proofAges(600_000), apartMs: 5_000 };
  const pair = (sku: string, more: object) => Object.assign(newPair(sku, { listing: { id: sku, fields: {} }, gross: false } as never), {
    intended: { quantity: 50, version: 1, kind: 'write', signature: 's', decidedAt: 0 }, provenVersion: 1, provenQuantity: 50, provenAt: 90_000, readAt: 90_000, ...more,
  });
  const told = pair('told', { nudgedAt: 95_000 });
  t.deepEqual([90_500, 96_000].map(now => urgency(told, now, settings) > 1), [false, true]);
  t.false(urgency(pair('read since', { nudgedAt: 95_000, readAt: 96_000 }), 99_000, settings) >= 1);
  const old = pair('old', { provenAt: -50_000_000, readAt: -50_000_000 });
  const suspect = pair('suspect', { suspicion: {}, readAt: 80_000 });
  t.deepEqual(plan([old, told, suspect], 9, 100_000, settings).map(({ sku }) => sku), ['suspect', 'told', 'old']);
});
