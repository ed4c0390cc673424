/** What a channel owes those who learn its sales: each line once, whatever fails on the way. */
import { RetryableError, ThrottledError } from '../../../actors/errors.ts';
import type { Behaviour } from './world.ts';

export function selling(behaviour: Behaviour, opening: Readonly<Record<string, number>>): void {
  const skus = Object.keys(opening);
  const [first, second] = skus as [string, string];

  // Sales are the facts that keep the other four channels true.
  behaviour('a sale is learnt from the orders, by line, and again as the same line', async (t, world) => {
    const before = await world.poll(undefined);
    const { order } = world.shop.buy('b1', [{ sku: first, units: 2 }, { sku: second, units: 1 }]);
    const lines = await world.linesOf(order!.orderId, before.cursor);
    const units = (sku: string): number => lines.filter(l => l.sku === sku).reduce((sum, l) => sum + l.units, 0);
    t.is(units(first), 2);
    t.is(units(second), 1);
    t.deepEqual(lines.map(l => l.cancelled), lines.map(() => 0));
    t.is(new Set(lines.map(l => l.id)).size, lines.length, 'line ids are unique');
    const ledger = world.shop.ledger.entries.filter(e => e.kind === 'sold').map(e => e.line).sort();
    t.deepEqual(lines.map(l => l.id).sort(), ledger, 'line ids are the ones buyers were given');
    const again = await world.linesOf(order!.orderId, undefined);
    t.deepEqual(again.map(l => l.id).sort(), lines.map(l => l.id).sort());
  });

  behaviour('a cancellation is learnt from the orders', async (t, world) => {
    const { order } = world.shop.buy('b1', [{ sku: first, units: 2 }]);
    const seen = await world.linesOf(order!.orderId, undefined);
    t.true(seen.length > 0);
    const { cursor } = await world.poll(undefined);
    for (const line of order!.lines) world.shop.cancel(order!.orderId, line.line);
    const line = await world.until(async () => {
      const lines = (await world.poll(cursor)).lines.filter(l => l.orderId === order!.orderId);
      return lines.length > 0 && lines.every(l => l.cancelled === l.units) ? lines : undefined;
    });
    t.is(line.reduce((sum, l) => sum + l.cancelled, 0), 2);
  });

  // 60 orders do not fit every vendor's first page.
  behaviour('a poll pages through many orders without losing one', async (t, world) => {
    const ids = new Set<string>();
    world.shop.edit(first, 500);
    for (let n = 0; n < 230; n++) ids.add(world.shop.buy(`b${n}`, [{ sku: first, units: 1 }]).order!.orderId);
    await world.until(async () => {
      const seen = new Set((await world.poll(undefined)).lines.map(l => l.orderId));
      return [...ids].every(id => seen.has(id)) || undefined;
    });
    t.pass();
  });

  // Complete through T means that nothing up to T can still come: A3 of no-oversell.md, on which settlement rests.
  behaviour('what was sold before the instant that a poll is complete to is in the pages', async (t, world) => {
    let cursor = (await world.poll(undefined)).cursor;
    const seen = new Set<string>();
    const sold: { id: string; at: number }[] = [];
    world.shop.edit(first, 500);
    for (let n = 0; n < 12; n++) {
      const { order } = world.shop.buy(`b${n}`, [{ sku: first, units: 1 }]);
      sold.push({ id: order!.orderId, at: Date.now() });
      const page = await world.poll(cursor);
      cursor = page.cursor;
      for (const { orderId } of page.lines) seen.add(orderId);
      t.deepEqual(sold.filter(({ id, at }) => at < page.completeThrough && !seen.has(id)), []);
    }
    const last = sold.at(-1)!;
    await world.until(async () => {
      const page = await world.poll(cursor);
      cursor = page.cursor;
      for (const { orderId } of page.lines) seen.add(orderId);
      return page.completeThrough > last.at || undefined;
    });
    t.deepEqual(sold.filter(({ id }) => !seen.has(id)), []);
  });

  // A mark that goes back, or ahead of the clock, makes settlement believe what is not so.
  behaviour('the instant that polls are complete to never goes back and is never ahead of the clock', async (t, world) => {
    let cursor: string | undefined;
    let through = -Infinity;
    for (let n = 0; n < 8; n++) {
      world.shop.buy(`b${n}`, [{ sku: first, units: 1 }]);
      const page = await world.adapter.orders(cursor, world.call());
      cursor = page.cursor;
      t.true(page.completeThrough >= through, `${page.completeThrough} after ${through}`);
      t.true(page.completeThrough <= Date.now());
      through = page.completeThrough;
    }
  });

  // Nodes die between two polls.
  behaviour('another instance goes on from a cursor and misses nothing', async (t, world) => {
    const { cursor } = await world.poll(undefined);
    const { order } = world.shop.buy('b1', [{ sku: first, units: 2 }]);
    const again = world.fixture.again();
    const lines = await world.until(async () => {
      const found = (await world.poll(cursor, again)).lines.filter(l => l.orderId === order!.orderId);
      return found.length > 0 ? found : undefined;
    });
    t.is(lines.reduce((sum, l) => sum + l.units, 0), 2);
  });

  // At gross channels a reservation ends when the unit ships; nobody else tells us.
  behaviour('a shipment is learnt from the orders', async (t, world) => {
    const { order } = world.shop.buy('b1', [{ sku: first, units: 2 }]);
    await world.linesOf(order!.orderId, undefined);
    const { cursor } = await world.poll(undefined);
    for (const { line } of order!.lines) world.shop.ship(order!.orderId, line);
    const told = await world.until(async () => {
      const lines = (await world.poll(cursor)).lines.filter(l => l.orderId === order!.orderId);
      const shipped = lines.reduce((sum, l) => sum + l.shipped, 0);
      // Channels where a shipment changes no stock need not tell it.
      return shipped === 2 || (!world.adapter.gross && lines.length >= 0) ? { shipped, lines } : undefined;
    });
    if (world.adapter.gross) t.is(told.shipped, 2);
    else t.deepEqual(told.lines.filter(l => l.cancelled > 0), []);
  });

  // A poll that fails must not move on.
  behaviour('a poll that fails is thrown and its cursor still gives everything', async (t, world) => {
    const { cursor } = await world.poll(undefined);
    const { order } = world.shop.buy('b1', [{ sku: first, units: 1 }]);
    world.fault({ kind: 'error', on: 'orders', forMs: 300, chance: 1 });
    await t.throwsAsync(world.adapter.orders(cursor, world.call()), { instanceOf: RetryableError });
    world.shop.faults.clear();
    world.fault({ kind: 'throttle', on: 'orders', forMs: 300 });
    await t.throwsAsync(world.adapter.orders(cursor, world.call()), { instanceOf: ThrottledError });
    world.shop.faults.clear();
    world.fault({ kind: 'truncate', on: 'orders', count: 1 });
    await t.throwsAsync(world.adapter.orders(cursor, world.call()), { instanceOf: RetryableError });
    world.fault({ kind: 'lose-request', on: 'orders', count: 1 });
    await t.throwsAsync(world.adapter.orders(cursor, world.call()), { instanceOf: RetryableError });
    t.is((await world.linesOf(order!.orderId, cursor)).reduce((sum, l) => sum + l.units, 0), 1);
  });

  // Case twins and slashes in a SKU are other SKUs.
  behaviour('a line names the SKU that was sold, to the letter', async (t, world) => {
    const wanted = skus.filter(sku => opening[sku]! > 0);
    const orders = wanted.map((sku, n) => [world.shop.buy(`b${n}`, [{ sku, units: 1 }]).order!.orderId, sku]);
    const told = new Map<string, string>();
    await world.until(async () => {
      for (const { orderId, sku } of (await world.poll(undefined)).lines) told.set(orderId, sku);
      return orders.every(([id]) => told.has(id!)) || undefined;
    });
    t.deepEqual(orders.map(([id]) => [id, told.get(id!)]), orders);
  });
}
