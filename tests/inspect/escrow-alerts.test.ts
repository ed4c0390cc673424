/** What people are told of a SKU in escrow whose channel shows more than exists, on a real node. */
import test from 'ava';
import type { Exposure } from '../../actors/sku/exposure/record.ts';
import type { Drift } from '../../deploy/demo/status.ts';
import { skuRecordSubject } from '../../runtime/subjects.ts';
import { eventually } from '../runtime/broker.ts';
import { smallWorld } from './small-world.ts';

test('in escrow, a channel that shows more than exists raises an alarm at the first reading, which ends when it is over', async t => {
  t.timeout(180_000);
  const world = await smallWorld(t, ['A'], { exposure: { mode: 'escrow', sendMs: 1_000, marginMs: 100 }, channels: { callMs: 1_000, pollMinMs: 100 } });
  const told: Drift[] = [];
  world.nc.subscribe('drift.>', { callback: (_, message) => { told.push(message.json()); } });
  const states = (): string[] => told.filter(({ account, sku }) => account === 'shopify' && sku === 'A').map(drift => `${drift.class} ${drift.state}`);
  await world.say({ id: 'e1', sku: 'A', type: 'count', version: 1, quantity: 40 });
  const { shop } = world.shops.shopify;
  await eventually('A is on sale there by a write of ours, which was proven longer ago than a reading may be old', async () => {
    const { context } = JSON.parse(await world.bytes(skuRecordSubject('A')) ?? '{}') as { context?: { exposure?: Exposure } };
    const { mark, intent } = context?.exposure?.cells['shopify'] ?? {};
    return (shop.read('A')?.quantity ?? 0) > 3 && !intent && mark !== undefined && Date.now() - mark.confirmedAt > 2_000;
  }, 90_000);
  const { quantity } = shop.read('A')!;

  shop.edit('A', 500);
  await eventually('it is lowered', () => shop.read('A')!.quantity < 500, 30_000);
  await eventually('an alarm, though it was', () => states().includes('foreign-edit open'), 30_000);
  t.like(told.find(({ sku }) => sku === 'A'), { expected: quantity, observed: 500, severity: 'high' });
  await eventually('the alarm is over', () => states().at(-1) === 'foreign-edit resolved', 90_000);
  t.is(states().length, 2);
});

test('in escrow, a listing that is not for sale raises an alarm, which ends when it is again', async t => {
  t.timeout(180_000);
  const world = await smallWorld(t, ['A'], { exposure: { mode: 'escrow', sendMs: 1_000, marginMs: 100 }, channels: { callMs: 1_000, pollMinMs: 100 } });
  const states: string[] = [];
  world.nc.subscribe('drift.>', { callback: (_, message) => {
    const { account, class: what, state } = message.json<Drift>();
    if (account === 'shopify') states.push(`${what} ${state}`);
  } });
  await world.say({ id: 'e1', sku: 'A', type: 'count', version: 1, quantity: 40 });
  const { shop } = world.shops.shopify;
  await eventually('A is on sale there', () => (shop.read('A')?.quantity ?? 0) > 3, 60_000);
  shop.setActive('A', false);
  await eventually('people are told that it is not for sale', () => states.some(state => state.startsWith('frozen-listing ')), 60_000);
  shop.setActive('A', true);
  await eventually('it is over', () => states.at(-1) === 'frozen-listing resolved', 60_000);
  t.deepEqual(states.filter(state => !state.startsWith('frozen-listing')), []);
});
