/** What a channel owes those who read it: every listing, its live figure, and an error rather than a part. */
import { RetryableError } from '../../../actors/errors.ts';
import type { Behaviour } from './world.ts';

/** More than one page of any vendor, import pages of settings included. */
const many = Object.fromEntries(Array.from({ length: 130 }, (_, n) => [`M-${n}`, n % 9]));

export function reading(behaviour: Behaviour, opening: Readonly<Record<string, number>>): void {
  const skus = Object.keys(opening);
  const [first, second] = skus as [string, string];

  // Import is how a seller's mapping starts: one listing missed is one SKU that oversells.
  behaviour('lists every listing of the account exactly once, with its live quantity', async (t, world) => {
    const readings = await world.import();
    t.deepEqual(readings.map(r => r.listing.sku).sort(), [...skus].sort());
    for (const reading of readings) t.is(reading.quantity, opening[reading.listing.sku] ?? NaN, reading.listing.sku);
  });

  // An order of answers that differs from the questions puts one SKU's stock on another.
  behaviour('reads live quantities in the order asked, SKUs with spaces, slashes and case twins included', async (t, world) => {
    const listings = (await world.import()).map(r => r.listing).reverse();
    const readings = await world.read(listings);
    t.deepEqual(readings.map(r => r.listing.sku), listings.map(l => l.sku));
    t.deepEqual(readings.map(r => r.quantity), listings.map(l => opening[l.sku]));
  });

  // Reading our own number back would prove nothing.
  behaviour('a read after a sale shows what buyers can still buy', async (t, world) => {
    await world.import();
    world.shop.buy('b1', [{ sku: first, units: 2 }]);
    await world.pause();
    const [reading] = await world.read([world.listing(first)]);
    t.is(reading?.buyable, opening[first]! - 2);
    t.is(reading?.quantity, world.adapter.gross ? opening[first] : opening[first]! - 2);
  });

  // A counter that includes a sale before its order is told shortens the wait for it; one that falls would sell twice.
  behaviour('where the channel counts its own sales, a reading\'s count rises by each of them and by nothing else', async (t, world) => {
    const counted = (await world.import()).find(({ sold }) => sold !== undefined);
    if (!counted) return t.pass('this channel counts nothing, or nothing of a single listing');
    t.truthy(world.profile.countsSold);
    const { sku } = counted.listing;
    const count = async (): Promise<number | undefined> => (await world.read([world.listing(sku)]))[0]?.sold;
    t.is(await count(), counted.sold);
    await world.set({ [sku]: 8 });
    t.is(await count(), counted.sold, 'a write is no sale');
    const { order } = world.shop.buy('b1', [{ sku, units: 2 }]);
    await world.until(async () => await count() === counted.sold! + 2 || undefined);
    world.shop.cancel(order!.orderId, order!.lines[0]!.line);
    await world.pause();
    t.is(await count(), counted.sold! + 2, 'a cancellation takes none back');
  });

  // Two pages at every vendor, and a page's end is where walks lose one or give one twice.
  behaviour('lists many listings over many pages exactly once', async (t, world) => {
    const readings = await world.import();
    t.deepEqual(readings.map(r => r.listing.sku).sort(), Object.keys(many).sort());
    t.is(new Set(readings.map(r => r.listing.id)).size, readings.length, 'ids are unique');
    t.deepEqual(readings.filter(r => r.quantity !== many[r.listing.sku]), []);
  }, many);

  // A new seller, or one whose listings are all fulfilled by the channel.
  behaviour('an account without listings gives none and comes to an end', async (t, world) => {
    t.deepEqual(await world.import(), []);
  }, {});

  // A suppressed offer sells nothing whatever its quantity; calling it active hides lost sales.
  behaviour('a listing that cannot be bought is told as inactive, with the reason and nothing buyable', async (t, world) => {
    world.shop.setActive(first, false);
    const readings = await world.import();
    const inactive = readings.find(r => r.listing.sku === first);
    // A channel may leave out of its list what is not for sale.
    if (inactive && world.profile.tellsInactive) {
      t.like(inactive, { active: false, buyable: 0 });
      t.true((inactive.reason ?? '').length > 0, 'a reason is given');
    }
    t.is(inactive?.active ?? false, !world.profile.tellsInactive);
    t.like(readings.find(r => r.listing.sku === second), { active: true, buyable: opening[second] });
  });

  // One dead listing must not blind us for the others of its call.
  behaviour('an unknown listing among known ones is missing alone', async (t, world) => {
    const known = (await world.import()).find(r => r.listing.sku === first)!.listing;
    const ghost = world.ghost(known);
    const batch = (world.adapter.readOperation?.(known) ?? world.adapter.operations.read).batch;
    if (batch === 1) {
      t.like(await world.adapter.read([ghost], world.call()), [{ kind: 'missing' }]);
      t.like(await world.adapter.read([known], world.call()), [{ kind: 'read' }]);
    } else {
      t.like(await world.adapter.read([ghost, known], world.call()), [{ kind: 'missing', listing: { id: ghost.id } }, { kind: 'read', reading: { quantity: opening[first] } }]);
    }
  });

  // What the vendor shows is what is told: a read that was corrected by our own memory would prove nothing.
  behaviour('a stale read is told as it is', async (t, world) => {
    await world.import();
    await world.set({ [first]: 4 });
    world.shop.edit(first, 9);
    world.fault({ kind: 'stale-read', forMs: 60_000, ageMs: 1_000 });
    const [reading] = await world.read([world.listing(first)]);
    t.not(reading?.quantity, 9);
    world.shop.faults.clear();
    await world.until(async () => (await world.read([world.listing(first)]))[0]?.quantity === 9 || undefined);
  });

  // Edges answer 200 with a page of their own; an empty reading of it would zero the other four channels.
  behaviour('a 200 that is no answer is an error that may pass, for reads, listings and orders', async (t, world) => {
    const listing = (await world.import())[0]!.listing;
    world.fault({ kind: 'garble', on: 'any', forMs: 60_000 });
    await t.throwsAsync(world.adapter.read([listing], world.call()), { instanceOf: RetryableError });
    await t.throwsAsync(world.adapter.listings(undefined, world.call()), { instanceOf: RetryableError });
    await t.throwsAsync(world.adapter.orders(undefined, world.call()), { instanceOf: RetryableError });
  });

  // Half a page parsed as a whole one is a catalogue that shrank.
  behaviour('a page cut in the middle is an error, never a shorter page', async (t, world) => {
    await world.import();
    world.fault({ kind: 'truncate', on: 'read', count: 1 });
    await t.throwsAsync(world.import(), { instanceOf: RetryableError });
    t.is((await world.import()).length, skus.length);
  });

  behaviour('a cursor that is none of ours is an error, not a new beginning', async (t, world) => {
    await world.import();
    await world.poll(undefined);
    for (const cursor of ['{"x":1}', 'null', '-7']) {
      t.is((await world.ended(world.adapter.orders(cursor, world.call()))).value, undefined, `orders take ${cursor}`);
    }
    t.is((await world.ended(world.adapter.listings('{"x":1}', world.call()))).value, undefined);
  });

  // Sweeps and writes run side by side.
  behaviour('reads made at the same time do not take each other\'s answers', async (t, world) => {
    const listings = (await world.import()).map(r => r.listing);
    const readings = await Promise.all(listings.map(async listing => (await world.read([listing]))[0]!));
    t.deepEqual(readings.map(r => [r.listing.sku, r.quantity]), listings.map(l => [l.sku, opening[l.sku]]));
  });
}
