/** What a channel's feeds owe: raises by the thousand, each with its own fate, and nothing called done before it is. */
import type { ExecutionContext } from 'ava';
import type { WriteEntry, WriteOutcome } from '../../../actors/channel/adapter.ts';
import type { BulkFeeds, FeedStatus } from '../../../actors/channel/bulk.ts';
import { AmbiguousError, RetryableError, ThrottledError } from '../../../actors/errors.ts';
import { loadLimits } from '../../../config/limits.ts';
import type { Behaviour, World } from './world.ts';

export function feeding(behaviour: Behaviour, opening: Readonly<Record<string, number>>): void {
  const skus = Object.keys(opening);
  const [first, second, third] = skus as [string, string, string];
  const title = (what: string): string => `feeds: ${what}`;
  const fed = (what: string, run: (t: ExecutionContext, world: World, feeds: BulkFeeds) => Promise<unknown>): void =>
    behaviour(title(what), async (t, world) => {
      if (!world.adapter.feeds) return t.fail('the adapter has no feeds');
      return run(t, world, world.adapter.feeds);
    });

  const entriesOf = async (world: World, wanted: Record<string, number>): Promise<WriteEntry[]> => {
    const entries: WriteEntry[] = [];
    for (const [sku, quantity] of Object.entries(wanted)) entries.push(await world.entry(sku, quantity));
    return entries;
  };
  const over = (world: World, feeds: BulkFeeds, id: string): Promise<Exclude<FeedStatus, { state: 'working' }>> => world.until(async () => {
    const status = await feeds.status(id, world.call());
    return status.state === 'working' ? undefined : status;
  });
  const told = async (world: World, feeds: BulkFeeds, id: string, entries: readonly WriteEntry[]): Promise<Map<string, WriteOutcome>> => {
    const status = await over(world, feeds, id);
    if (status.state !== 'done') throw new Error(`feed ended ${JSON.stringify(status)}`);
    const outcomes = new Map<string, WriteOutcome>();
    let page: string | undefined;
    do {
      const answer = await feeds.outcomes(id, status.report, entries.map(({ listing: { sku }, signature }) => ({ sku, signature })), page, world.call());
      for (const outcome of answer.outcomes) outcomes.set(outcome.signature, outcome);
      page = answer.page;
    } while (page !== undefined);
    return outcomes;
  };

  // The point of a feed: what would take the calls' rate an hour is one document.
  fed('a feed sets every quantity in it, and each entry is told as accepted, never as proven', async (t, world, feeds) => {
    const wanted = Object.fromEntries(skus.map((sku, n) => [sku, 20 + n]));
    const entries = await entriesOf(world, wanted);
    const writes = world.calls('write');
    const outcomes = await told(world, feeds, await feeds.submit(entries, world.call()), entries);
    t.deepEqual(entries.map(({ signature }) => outcomes.get(signature)?.kind), skus.map(() => 'accepted'));
    t.is(world.calls('write') - writes, 1);
    await world.until(async () => skus.every(sku => world.shop.listings.get(sku)?.quantity === wanted[sku]) || undefined);
  });

  // Handling time, ship nodes: what a document replaces beside the quantity is lost for thousands at once.
  fed('a feed leaves everything else of its listings, and every other listing, as it was', async (t, world, feeds) => {
    const picture = (): unknown => [...world.shop.listings.values()].map(({ sku, fields, active, quantity }) => ({ sku, fields: { ...fields }, active, quantity: sku === first ? undefined : quantity }));
    const before = picture();
    const entries = await entriesOf(world, { [first]: 30 });
    await told(world, feeds, await feeds.submit(entries, world.call()), entries);
    await world.until(async () => world.shop.listings.get(first)?.quantity === 30 || undefined);
    t.deepEqual(picture(), before);
  });

  // Taken is not carried out, and a feed may lie for hours.
  fed('a feed that is under way is told as that, however long, and its values are not there', async (t, world, feeds) => {
    world.fault({ kind: 'feed-stuck', forMs: 60_000 });
    const entries = await entriesOf(world, { [first]: 30, [second]: 31 });
    const id = await feeds.submit(entries, world.call());
    for (let n = 0; n < 3; n++) {
      await world.pause();
      t.deepEqual(await feeds.status(id, world.call()), { state: 'working' });
    }
    t.is(world.shop.listings.get(first)?.quantity, opening[first]);
    world.shop.faults.clear();
    t.is((await told(world, feeds, id, entries)).size, 2);
    await world.until(async () => world.shop.listings.get(second)?.quantity === 31 || undefined);
  });

  // "Processed" is not success.
  fed('one bad entry of a feed harms only itself and is told with the vendor\'s words', async (t, world, feeds) => {
    world.fault({ kind: 'feed-errors', skus: [second], why: 'data', count: 1 });
    const entries = await entriesOf(world, { [first]: 30, [second]: 31, [third]: 32 });
    const outcomes = await told(world, feeds, await feeds.submit(entries, world.call()), entries);
    const [good, bad, other] = entries.map(({ signature }) => outcomes.get(signature));
    t.like(bad, { kind: 'refused', class: 'validation' });
    t.true(bad?.kind === 'refused' && bad.code !== '' && bad.message !== '', JSON.stringify(bad));
    t.deepEqual([good?.kind, other?.kind], ['accepted', 'accepted']);
    await world.until(async () => world.shop.listings.get(third)?.quantity === 32 || undefined);
    t.is(world.shop.listings.get(second)?.quantity, opening[second]);
  });

  // A feed that the vendor gave up in the middle proves nothing of any entry.
  fed('a feed that is given up in the middle is told as failed, with the vendor\'s word for it', async (t, world, feeds) => {
    world.fault({ kind: 'feed-fatal', count: 1 });
    const id = await feeds.submit(await entriesOf(world, { [first]: 30, [second]: 31 }), world.call());
    const status = await over(world, feeds, id);
    t.like(status, { state: 'failed' });
    t.true(status.state === 'failed' && status.code !== '' && status.message !== '');
  });

  // A feed must never create a listing, and a SKU that is gone must not be called written.
  fed('a listing that the channel does not know is not created by a feed', async (t, world, feeds) => {
    const entries = await entriesOf(world, { [first]: 30 });
    const ghost = world.ghost(entries[0]!.listing);
    entries.push({ listing: ghost, quantity: 5, signature: 'sig-ghost' });
    const outcomes = await told(world, feeds, await feeds.submit(entries, world.call()), entries);
    t.true(['accepted', 'refused'].includes(outcomes.get('sig-ghost')!.kind));
    await world.until(async () => world.shop.listings.get(first)?.quantity === 30 || undefined);
    t.false(world.shop.listings.has(ghost.sku));
  });

  // More than one page of results, where the vendor pages them.
  fed('every entry of a long feed is told', async (t, world, feeds) => {
    for (let n = 0; n < 120; n++) world.shop.addListing(`L-${n}`, 1);
    await world.import();
    const entries = Array.from({ length: 120 }, (_, n): WriteEntry => ({ listing: world.listing(`L-${n}`), quantity: n + 2, signature: `long-${n}` }));
    const outcomes = await told(world, feeds, await feeds.submit(entries, world.call()), entries);
    t.deepEqual(entries.filter(({ signature }) => outcomes.get(signature)?.kind !== 'accepted').map(({ signature }) => signature), []);
  });

  // Zeros and decreases never wait for a feed; of the entries themselves only a zero can be told apart.
  fed('a zero, a number that is none, and more entries than a feed takes are errors of the caller, and nothing is sent', async (t, world, feeds) => {
    const entry = await world.entry(first, 5);
    const before = world.calls('write');
    for (const quantity of [0, -1, 1.5, NaN]) await t.throwsAsync(feeds.submit([{ ...entry, quantity }], world.call()), { instanceOf: RangeError }, String(quantity));
    const tooMany = Array.from({ length: feeds.operations.submit.batch + 1 }, (_, n): WriteEntry => ({ ...entry, signature: `many-${n}` }));
    await t.throwsAsync(feeds.submit(tooMany, world.call()), { instanceOf: RangeError });
    t.is(world.calls('write'), before);
  });

  // It may exist: calling it failed would send it twice, calling it done would lie for thousands.
  fed('an answer lost after the feed was taken is ambiguous', async (t, world, feeds) => {
    const entries = await entriesOf(world, { [first]: 30 });
    world.fault({ kind: 'lose-answer', on: 'write', count: 1 });
    await t.throwsAsync(feeds.submit(entries, world.call()), { instanceOf: AmbiguousError });
    await world.until(async () => world.shop.listings.get(first)?.quantity === 30 || undefined);
    t.is(world.shop.counts['feeds'], 1);
  });

  fed('throttling of feeds is thrown as throttling, and nothing is taken', async (t, world, feeds) => {
    const entries = await entriesOf(world, { [first]: 30 });
    const id = await feeds.submit(entries, world.call());
    world.fault({ kind: 'throttle', on: 'any', forMs: 60_000 });
    await t.throwsAsync(feeds.submit(entries, world.call()), { instanceOf: ThrottledError });
    await t.throwsAsync(feeds.status(id, world.call()), { instanceOf: ThrottledError });
    t.is(world.shop.counts['feeds'], 1);
  });

  fed('a look at a feed whose answer is lost, cut or no answer at all is retryable', async (t, world, feeds) => {
    const entries = await entriesOf(world, { [first]: 30 });
    const id = await feeds.submit(entries, world.call());
    await over(world, feeds, id);
    for (const fault of [{ kind: 'lose-request', on: 'read', count: 1 }, { kind: 'error', on: 'read', forMs: 60_000, chance: 1 }, { kind: 'garble', on: 'read', forMs: 60_000 }, { kind: 'truncate', on: 'read', count: 1 }] as const) {
      world.fault(fault);
      await t.throwsAsync(feeds.status(id, world.call(500)), { instanceOf: RetryableError }, fault.kind);
      world.shop.faults.clear();
    }
    t.is((await told(world, feeds, id, entries)).size, 1);
  });

  // Addresses of documents are passwords; the journal of attempts is kept for years.
  fed('no exchange of a feed shows a secret, and each tells method, path and status', async (t, world, feeds) => {
    const entries = await entriesOf(world, { [first]: 30 });
    world.exchanges.length = 0;
    await told(world, feeds, await feeds.submit(entries, world.call()), entries);
    t.true(world.exchanges.length >= 3);
    t.deepEqual(world.exchanges.filter(({ method, path, status }) => !method || !path.startsWith('/') || status === undefined), []);
    const shown = JSON.stringify(world.exchanges);
    t.deepEqual(world.fixture.secrets().filter(secret => shown.includes(secret)), []);
  });

  fed('a token that ends on the way costs no feed, and none is handed in twice', async (t, world, feeds) => {
    const entries = await entriesOf(world, { [first]: 30 });
    await world.expireTokens();
    const id = await feeds.submit(entries, world.call());
    await world.expireTokens();
    t.is((await told(world, feeds, id, entries)).size, 1);
    t.is(world.shop.counts['feeds'], 1);
  });

  // An operation whose limit has no bucket throws in the middle of a feed; a wait of nothing hammers.
  fed('every call of feeds is paid from a limit that is configured, and its waits are in order', async (t, world, feeds) => {
    const limits = Object.keys(loadLimits(world.adapter.channel));
    t.deepEqual(Object.values(feeds.operations).map(({ limit }) => limit).filter(limit => !limits.includes(limit)), []);
    const { everyMs, lookEveryMs, overdueMs, verifyAfterMs, verifyWithinMs, forgetMs } = feeds.times;
    t.true(everyMs > 0 && lookEveryMs > 0 && lookEveryMs < overdueMs && overdueMs < forgetMs && verifyAfterMs < verifyWithinMs);
    t.true(feeds.threshold >= 2 && feeds.threshold <= feeds.operations.submit.batch);
  });
}
