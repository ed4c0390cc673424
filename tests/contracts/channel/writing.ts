/** What a channel owes those who write it: the number and nothing else, and no more said than the answer proves. */
import { RetryableError, AmbiguousError } from '../../../actors/errors.ts';
import type { WriteEntry } from '../../../actors/channel/adapter.ts';
import type { Behaviour } from './world.ts';

export function writing(behaviour: Behaviour, opening: Readonly<Record<string, number>>): void {
  const skus = Object.keys(opening);
  const [first, second] = skus as [string, string];

  // The point of it all.
  behaviour('sets quantities so that buyers see them', async (t, world) => {
    await world.set({ [first]: 42, [second]: 1 });
    t.is(world.shop.listings.get(first)?.quantity, 42);
    t.is(world.shop.listings.get(second)?.quantity, 1);
  });

  // Zero is the write that prevents an oversell.
  behaviour('a write of zero leaves nothing to buy and the listing in place', async (t, world) => {
    await world.set({ [first]: 0 });
    t.is(world.shop.buy('b1', [{ sku: first, units: 1 }]).order, undefined);
    const [reading] = await world.read([world.listing(first)]);
    t.is(reading?.quantity, 0);
    await world.set({ [first]: 3 });
    t.truthy(world.shop.buy('b2', [{ sku: first, units: 3 }]).order, 'and a later raise brings it back');
  });

  // A repeat after an unknown outcome must be harmless.
  behaviour('the same write sent twice leaves the same quantity', async (t, world) => {
    const entry = await world.entry(first, 6);
    await world.settle(await world.adapter.write([entry], world.call()));
    await world.settle((await world.adapter.write([entry], world.call())).filter(o => o.kind !== 'conflict'));
    t.is(world.shop.listings.get(first)?.quantity, 6);
  });

  // A write must never create a listing, and a SKU that is gone must become a task, not a silence.
  behaviour('a listing the channel does not know is reported and never created', async (t, world) => {
    const known = (await world.import())[0]!.listing;
    const ghost = world.ghost(known);
    const [read] = await world.adapter.read([ghost], world.call());
    t.is(read?.kind, 'missing');
    const [outcome] = await world.adapter.write([{ listing: ghost, quantity: 5, signature: 'sig-ghost', last: { quantity: 0, version: '1' } }], world.call());
    t.true(outcome?.kind === 'refused' || outcome?.kind === 'accepted' || outcome?.kind === 'conflict', JSON.stringify(outcome));
    if (outcome?.kind === 'refused') t.is(outcome.class, 'listing');
    await world.pause();
    t.false(world.shop.listings.has(ghost.sku));
  });

  // One bad entry must not hold back, or hide behind, the good ones.
  behaviour('one unknown listing in a batch harms only its own entry', async (t, world) => {
    await world.import();
    if (world.writeBatch(first) === 1) return t.pass('this channel writes one at a time');
    const good = await world.entry(first, 8);
    const bad: WriteEntry = { ...good, listing: world.ghost(good.listing), signature: 'sig-bad' };
    let outcomes = await world.adapter.write([bad, good], world.call());
    t.deepEqual(outcomes.map(o => o.signature), ['sig-bad', good.signature]);
    t.not(outcomes[0]?.kind, 'applied');
    // All-or-nothing channels say so by asking for the good one again.
    if (outcomes[1]?.kind === 'retry') outcomes = await world.adapter.write([good], world.call());
    else outcomes = outcomes.slice(1);
    await world.settle(outcomes);
    t.is(world.shop.listings.get(first)?.quantity, 8);
  });

  // Compare-and-set is what closes the lost-decrement race where a channel has it.
  behaviour('a conditional write against a moved quantity writes nothing', async (t, world) => {
    if (!world.adapter.needsReading) return t.pass('this channel has no conditional write');
    const entry = await world.entry(first, 9);
    world.shop.buy('b1', [{ sku: first, units: 1 }]);
    const [outcome] = await world.adapter.write([entry], world.call());
    t.is(outcome?.kind, 'conflict');
    t.is(world.shop.listings.get(first)?.quantity, opening[first]! - 1);
  });

  // Handling time, variations, ship nodes, prices: what a write replaces beside the quantity is lost.
  behaviour('a write leaves everything else of the listing, and every other listing, as it was', async (t, world) => {
    const picture = (): unknown => [...world.shop.listings.values()].map(({ sku, fields, active, quantity }) => ({ sku, fields: { ...fields }, active, quantity: sku === first ? undefined : quantity }));
    const before = picture();
    await world.set({ [first]: 6 });
    await world.set({ [first]: 0 });
    t.deepEqual(picture(), before);
  });

  // JSON makes null of NaN, and a vendor may take null for a deletion and 1.5 for 1.
  behaviour('a quantity that is no whole number from 0 on is refused and nothing is sent', async (t, world) => {
    const entry = await world.entry(first, 5);
    const before = world.calls('write');
    for (const quantity of [-1, 1.5, NaN, Infinity]) {
      const [outcome] = await world.adapter.write([{ ...entry, quantity }], world.call());
      t.like(outcome, { kind: 'refused', class: 'validation', signature: entry.signature }, String(quantity));
    }
    t.is(world.calls('write'), before);
    t.is(world.shop.listings.get(first)?.quantity, opening[first]);
  });

  // A batch that the vendor refuses for its size takes every entry with it.
  behaviour('more entries than a call takes are an error of the caller, and nothing is sent', async (t, world) => {
    const entry = await world.entry(first, 5);
    const before = world.calls('write');
    const tooMany: WriteEntry[] = Array.from({ length: world.writeBatch(first) + 1 }, (_, n) => ({ ...entry, signature: `many-${n}` }));
    await t.throwsAsync(world.adapter.write(tooMany, world.call()), { instanceOf: RangeError });
    t.is(world.calls('write'), before);
  });

  // Outcomes are matched by place as well as by name.
  behaviour('outcomes come in the order of the entries, one each', async (t, world) => {
    await world.import();
    const entries: WriteEntry[] = [];
    for (const [n, sku] of skus.slice(0, world.writeBatch(first)).entries()) entries.push(await world.entry(sku, n + 1));
    entries.reverse();
    const outcomes = await world.adapter.write(entries, world.call());
    t.deepEqual(outcomes.map(o => o.signature), entries.map(e => e.signature));
    await world.settle(outcomes);
    await world.until(async () => entries.every(e => world.shop.listings.get(e.listing.sku)?.quantity === e.quantity) || undefined);
  });

  // Accepted is not applied: what the profile declares is what the answers say.
  behaviour('what an answer does not prove is accepted, to be verified within the window that the channel declares', async (t, world) => {
    const { answerProves, afterMs, withinMs } = world.profile.verification;
    const [outcome] = await world.adapter.write([await world.entry(first, 6)], world.call());
    t.true(outcome?.kind === 'applied' || outcome?.kind === 'accepted', JSON.stringify(outcome));
    if (answerProves === false) t.is(outcome?.kind, 'accepted');
    if (outcome?.kind !== 'accepted') return;
    const { scale } = world.shop.clock;
    // Figures of a mapping are the mapping's own.
    if (world.adapter.channel !== 'generic-rest') t.deepEqual([outcome.verifyAfterMs * scale, outcome.verifyWithinMs * scale].map(Math.round), [afterMs, withinMs]);
    t.true(outcome.verifyAfterMs < outcome.verifyWithinMs);
    await world.until(async () => world.shop.listings.get(first)?.quantity === 6 || undefined);
  });

  // Queues are slow on bad days; a write called failed too early is written twice.
  behaviour('a write that is carried out late shows in a later read, and not before', async (t, world) => {
    const entry = await world.entry(first, 6);
    world.fault({ kind: 'late-write', delayMs: 400, count: 1 });
    const [outcome] = await world.adapter.write([entry], world.call());
    if (world.profile.verification.answerProves === false) t.is(outcome?.kind, 'accepted');
    t.is((await world.read([entry.listing]))[0]?.quantity, opening[first]);
    await world.until(async () => (await world.read([entry.listing]))[0]?.quantity === 6 || undefined);
  });

  // The vendor's yes without the deed: only a read can tell, so a read must.
  behaviour('a write that is answered and never carried out shows the old quantity in every read', async (t, world) => {
    const entry = await world.entry(first, 6);
    world.fault({ kind: 'drop-write', count: 1 });
    const [outcome] = await world.adapter.write([entry], world.call());
    if (world.profile.verification.answerProves === false) t.is(outcome?.kind, 'accepted');
    await world.pause();
    t.is((await world.read([entry.listing]))[0]?.quantity, opening[first]);
    t.is(world.shop.listings.get(first)?.quantity, opening[first]);
  });

  // No token, no write; a token that ends on the way, one write and not two.
  behaviour('a write whose token had ended is carried out once', async (t, world) => {
    const entry = await world.entry(first, 6);
    const before = world.shop.counts['writes'] ?? 0;
    await world.expireTokens();
    await world.settle(await world.adapter.write([entry], world.call()));
    await world.until(async () => world.shop.listings.get(first)?.quantity === 6 || undefined);
    t.is((world.shop.counts['writes'] ?? 0) - before, 1);
  });

  // Below the actor nobody repeats: it would spend rate and attempts that nobody counts.
  behaviour('a failing write is sent once', async (t, world) => {
    const entry = await world.entry(first, 6);
    for (const fault of [{ kind: 'error', on: 'write', forMs: 500, chance: 1 }, { kind: 'throttle', on: 'write', forMs: 500 }] as const) {
      const before = world.calls('write');
      world.fault(fault);
      await t.throwsAsync(world.adapter.write([entry], world.call()));
      t.is(world.calls('write') - before, 1, fault.kind);
      world.shop.faults.clear();
    }
  });

  // A page of HTML under a 200 says nothing of what became of the write.
  behaviour('a 200 that is no answer never counts as written', async (t, world) => {
    const entry = await world.entry(first, 6);
    world.fault({ kind: 'garble', on: 'write', forMs: 60_000 });
    const { value, error } = await world.ended(world.adapter.write([entry], world.call()));
    t.true(error instanceof AmbiguousError || error instanceof RetryableError || value?.[0]?.kind === 'accepted', `${error?.name ?? JSON.stringify(value)}: ${error?.message}`);
    t.is(world.shop.listings.get(first)?.quantity, opening[first]);
  });

  behaviour('an answer to a write that ends in the middle is ambiguous, or to be read back', async (t, world) => {
    const entry = await world.entry(first, 6);
    world.fault({ kind: 'truncate', on: 'write', count: 1 });
    const { value, error } = await world.ended(world.adapter.write([entry], world.call()));
    t.true(error instanceof AmbiguousError || value?.[0]?.kind === 'accepted', `${error?.name ?? JSON.stringify(value)}: ${error?.message}`);
    await world.until(async () => world.shop.listings.get(first)?.quantity === 6 || undefined);
  });

  // Two SKUs, one socket pool.
  behaviour('writes of different listings at the same time do not mix', async (t, world) => {
    const entries = [await world.entry(first, 6), await world.entry(second, 2)];
    const outcomes = await Promise.all(entries.map(entry => world.adapter.write([entry], world.call())));
    t.deepEqual(outcomes.map(o => o.map(({ signature }) => signature)), entries.map(e => [e.signature]));
    await world.settle(outcomes.flat());
    await world.until(async () => (world.shop.listings.get(first)?.quantity === 6 && world.shop.listings.get(second)?.quantity === 2) || undefined);
  });

  // The lost-decrement race, with the reading that a cache gave us.
  behaviour('a conditional write built on a stale read writes nothing', async (t, world) => {
    if (!world.adapter.needsReading) return t.pass('this channel has no conditional write');
    await world.import();
    await world.pause();
    world.shop.edit(first, 9);
    world.fault({ kind: 'stale-read', forMs: 60_000, ageMs: 100 });
    const entry = await world.entry(first, 8);
    world.shop.faults.clear();
    const [outcome] = await world.adapter.write([entry], world.call());
    t.is(outcome?.kind, 'conflict', JSON.stringify(outcome));
    t.is(world.shop.listings.get(first)?.quantity, 9);
  });
}
