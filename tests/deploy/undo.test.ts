/** A batch that was released by mistake, and what went before it was held: taken back, on a real server and at a sandbox. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { timeOf } from '../../deploy/cli/undo.ts';
import { ebaySandbox } from '../../deploy/sandbox/ebay.ts';
import { lastReleased, planUndo, saidBy } from '../../deploy/undo.ts';
import { eventually, ground, Shop } from '../runtime/account-world.ts';

const fast = { perSecond: 200, burst: 200 };
const launcher = join(import.meta.dirname, '../../deploy/cli/plumb.js');

test('a released batch goes back, and so does what a source said since; sales stay, and a newer count is left alone', async t => {
  const on = await ground();
  t.teardown(() => on.close());
  const plumb = async (...args: string[]): Promise<string> => (await promisify(execFile)(process.execPath, [launcher, ...args], { env: { ...process.env, NATS_URL: on.url, NO_COLOR: '1' } })).stdout;
  const names = [...'ABCDEFGH'];
  const shop = await Shop.open(t, on, { account: 'ebay-undo', channel: 'ebay', vendor: ebaySandbox, opening: Object.fromEntries(names.map(name => [name, 0])), limits: { inventory: fast, fulfillment: fast, analytics: fast, trading: fast } });
  const owner = await shop.own(t, { governor: { windowMs: 600_000, zero: { share: 0, least: 2 }, raise: { share: 0, least: 3 } } });
  await shop.command('import');
  for (const name of names) await shop.count(name, 9);
  await eventually(t, 'all proven', () => owner.figures()['proven'], seen => seen === names.length);
  shop.sandbox.shop.buy('somebody', [{ sku: shop.sku('C'), units: 2 }]);
  await eventually(t, 'the sale is proven', () => shop.isProven('C', 7));

  const before = Date.now();
  await Promise.all(names.map(name => shop.count(name, 0)));
  await eventually(t, 'held', () => owner.figures()['held'] as number, seen => seen >= 5);
  await new Promise(resolve => setTimeout(resolve, 300));
  const held = (await shop.command('held'))['held'] as { sku: string }[];
  t.like(await shop.command('release zero ops'), { ok: true, listings: held.length });
  await eventually(t, 'all is at zero', () => names.every(name => shop.shows(name) === 0));
  await eventually(t, 'journaled', () => shop.control(), seen => seen.length === 1);
  t.like((await shop.control())[0], { op: 'release', by: 'ops', move: 'zero', of: held.length });
  const wrongUntil = Date.now();
  await new Promise(resolve => setTimeout(resolve, 50));
  await shop.count('H', 4);
  await eventually(t, 'H is counted again', () => shop.isProven('H', 4));

  const released = (await lastReleased(on.nc, 'ebay-undo', 'zero'))!;
  t.deepEqual([...released.keys()].sort(), held.map(({ sku }) => sku).sort());
  t.is(await lastReleased(on.nc, 'ebay-undo', 'raise'), undefined);
  t.deepEqual(await planUndo(on.nc, shop.sku('H'), (await saidBy(on.nc, 'erp', before, Date.now() - 1)).get(shop.sku('H'))!), [{ sku: shop.sku('H'), source: 'erp', location: '', from: 4, to: 9 }], 'all that it said');
  t.like((await planUndo(on.nc, shop.sku('H'), (await saidBy(on.nc, 'erp', before, wrongUntil)).get(shop.sku('H'))!))[0], { from: 4, to: 4, skip: 'erp has counted it again since' });

  t.regex(await plumb('hold', 'undo', 'ebay-undo', 'zero', '--dry-run'), /numbers would go back, /);
  t.true(names.every(name => shop.shows(name) === (name === 'H' ? 4 : 0)), 'nothing was done yet');
  const said = await plumb('hold', 'undo', 'ebay-undo', 'zero', '--by', 'ops');
  const back = held.map(({ sku }) => sku.slice('ebay-undo.'.length)).filter(name => name !== 'H');
  t.regex(said, new RegExp(`${back.length} numbers go back, ${held.length - back.length} stay`));
  await eventually(t, 'the batch is back', async () => (await Promise.all(back.map(name => shop.isProven(name, name === 'C' ? 7 : 9)))).every(Boolean));
  // Those that went before the batch was held are no part of it.
  await plumb('hold', 'undo', '--source', 'erp', '--since', new Date(before).toISOString(), '--until', new Date(wrongUntil).toISOString(), '--by', 'ops');
  await eventually(t, 'all are back', async () => (await Promise.all(names.filter(name => name !== 'H').map(name => shop.isProven(name, name === 'C' ? 7 : 9)))).every(Boolean));
  t.is(shop.shows('H'), 4);
  t.deepEqual((await shop.control()).map(({ op, by }) => ({ op, by })), [{ op: 'release', by: 'ops' }, { op: 'undo', by: 'ops' }]);

  await shop.count('A', 3);
  await eventually(t, 'the source goes on from there', () => shop.isProven('A', 3));
});

test('a time is a date or how long ago, and anything else is named', t => {
  const now = Date.UTC(2026, 10, 30, 12);
  t.deepEqual(['15m', '2h', '1d', '30s', '2026-11-30T08:15Z'].map(text => (now - timeOf(text, '--since', now)) / 60_000), [15, 120, 1_440, 0.5, 225]);
  t.throws(() => timeOf('yesterday', '--since'), { message: '--since must be a time such as 2026-11-30T08:15Z, or how long ago, such as 15m, got "yesterday"' });
});
