/**
 * What every channel adapter owes its caller, run against its sandbox over real HTTP. A title is a sentence that
 * turns false when the adapter breaks; the comment above it says why it is there.
 */
import type { ExecutionContext, TestFn } from 'ava';
import type { Call, ChannelAdapter, Exchange, Listing, OrderLine, Reading, WriteEntry, WriteOutcome } from '../../actors/channel/adapter.ts';
import { AmbiguousError, AuthError, RetryableError, ThrottledError } from '../../actors/errors.ts';
import type { Fault } from '../../deploy/sandbox/kit/faults.ts';
import type { RunningSandbox } from '../../deploy/sandbox/kit/server.ts';

export interface ChannelFixture {
  adapter: ChannelAdapter;
  sandbox: RunningSandbox;
  /** Every secret in the adapter's hands or issued to it; none may show in an exchange. */
  secrets(): string[];
  /** A listing of the same form whose ids the vendor never gave out; its SKU is `GHOST-1`. */
  ghost(like: Listing): Listing;
}

/** SKUs that break careless encoding, each with the quantity it opens with. */
export const openingStock: Record<string, number> = { 'A-1': 10, 'A-2': 7, 'a-1': 3, 'B 2': 5, 'C/3': 4, 'D-4': 0 };

const deadlineMs = 1_500;

/**
 * @param start a fresh sandbox holding `skus` and an adapter on it; the clock is fast enough that every wait which
 *   the adapter declares is over within `settleMs`
 */
export function channelContract(
  test: TestFn,
  start: (opening: Record<string, number>) => Promise<ChannelFixture>,
  { opening = openingStock, settleMs = 5_000 }: { opening?: Record<string, number>; settleMs?: number } = {},
): void {
  const skus = Object.keys(opening);
  const [first, second] = skus as [string, string];

  const behaviour = (title: string, run: (t: ExecutionContext, world: World) => Promise<unknown>): void => {
    // One after the other: the sandboxes' clocks are fast, and a crowd on few cores would let their waits run out.
    test.serial(title, async t => {
      const fixture = await start(opening);
      t.teardown(() => fixture.sandbox.close());
      await run(t, new World(fixture, settleMs));
    });
  };

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
    if (world.adapter.operations.write.batch === 1) return t.pass('this channel writes one at a time');
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

  // Reading our own number back would prove nothing.
  behaviour('a read after a sale shows what buyers can still buy', async (t, world) => {
    await world.import();
    world.shop.buy('b1', [{ sku: first, units: 2 }]);
    await world.pause();
    const [reading] = await world.read([world.listing(first)]);
    t.is(reading?.buyable, opening[first]! - 2);
    t.is(reading?.quantity, world.adapter.gross ? opening[first] : opening[first]! - 2);
  });

  // Waiting for rate must cost no attempt, so it must be told apart.
  behaviour('throttling is thrown as throttling and nothing is written', async (t, world) => {
    const entry = await world.entry(first, 99);
    world.fault({ kind: 'throttle', on: 'write', forMs: 60_000 });
    await t.throwsAsync(world.adapter.write([entry], world.call()), { instanceOf: ThrottledError });
    t.is(world.shop.listings.get(first)?.quantity, opening[first]);
  });

  behaviour('a server error is an error of its own class, and nothing counts as written', async (t, world) => {
    const entry = await world.entry(first, 99);
    world.fault({ kind: 'error', on: 'write', forMs: 60_000, chance: 1 });
    const error = await t.throwsAsync(world.adapter.write([entry], world.call()));
    t.true(error instanceof RetryableError || error instanceof AmbiguousError, `${error?.name}: ${error?.message}`);
    t.is(world.shop.listings.get(first)?.quantity, opening[first]);
  });

  // The classic: applied at the channel, unknown to us. Calling it failed loses a write; calling it done lies.
  behaviour('an answer lost after the write was applied is ambiguous', async (t, world) => {
    const entry = await world.entry(first, 99);
    world.fault({ kind: 'lose-answer', on: 'write', count: 1 });
    await t.throwsAsync(world.adapter.write([entry], world.call()), { instanceOf: AmbiguousError });
    await world.until(async () => world.shop.listings.get(first)?.quantity === 99 || undefined);
    t.pass();
  });

  behaviour('a request lost before it was applied is not taken for done', async (t, world) => {
    const entry = await world.entry(first, 99);
    world.fault({ kind: 'lose-request', on: 'write', count: 1 });
    const error = await t.throwsAsync(world.adapter.write([entry], world.call()));
    t.true(error instanceof RetryableError || error instanceof AmbiguousError, `${error?.name}: ${error?.message}`);
    t.is(world.shop.listings.get(first)?.quantity, opening[first]);
  });

  // A token ends in the middle of everything, for many calls at once.
  behaviour('an expired token is refreshed once for many calls and none of them fails', async (t, world) => {
    await world.import();
    world.sandbox.shop.counts['calls.token'] = 0;
    await fetch(`${world.sandbox.url}/_sandbox/faults`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"kind":"expire-tokens"}' });
    const listing = world.listing(first);
    const reads = await Promise.all([1, 2, 3, 4].map(() => world.adapter.read([listing], world.call())));
    t.deepEqual(reads.map(r => r[0]?.kind), ['read', 'read', 'read', 'read']);
    t.is(world.shop.counts['calls.token'], 1);
    t.true((world.adapter.tokenExpiresAt() ?? 0) > Date.now());
  });

  // A dead grant needs a person; hammering the token endpoint does not bring it back.
  behaviour('a revoked grant is thrown as an authorisation failure', async (t, world) => {
    const listing = (await world.import())[0]!.listing;
    world.fault({ kind: 'revoke', forMs: 60_000 });
    await fetch(`${world.sandbox.url}/_sandbox/faults`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"kind":"expire-tokens"}' });
    await t.throwsAsync(world.adapter.read([listing], world.call()), { instanceOf: AuthError });
  });

  // The journal of attempts is read by people and kept for years.
  behaviour('every exchange is told with method, path and status, and holds no secret', async (t, world) => {
    await world.set({ [first]: 11 });
    t.true(world.exchanges.length >= 2);
    t.true(world.exchanges.every(e => e.method && e.path.startsWith('/') && e.status !== undefined));
    const told = JSON.stringify(world.exchanges);
    for (const secret of world.fixture.secrets()) t.false(told.includes(secret), `an exchange shows ${secret.slice(0, 4)}…`);
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
}

/** A fixture with its calls made short. */
class World {
  readonly fixture: ChannelFixture;
  readonly exchanges: Exchange[] = [];
  readonly #settleMs: number;
  readonly #listings = new Map<string, Listing>();
  #signatures = 0;

  constructor(fixture: ChannelFixture, settleMs: number) {
    this.fixture = fixture;
    this.#settleMs = settleMs;
  }

  get adapter(): ChannelAdapter { return this.fixture.adapter; }
  get sandbox(): RunningSandbox { return this.fixture.sandbox; }
  get shop(): RunningSandbox['shop'] { return this.fixture.sandbox.shop; }

  call(): Call {
    return { signal: AbortSignal.timeout(deadlineMs), onExchange: e => this.exchanges.push(e) };
  }

  fault(fault: Fault): void {
    this.shop.faults.add(fault);
  }

  async import(): Promise<Reading[]> {
    const readings: Reading[] = [];
    let cursor: string | undefined;
    do {
      const page = await this.adapter.listings(cursor, this.call());
      readings.push(...page.readings);
      cursor = page.cursor;
    } while (cursor !== undefined);
    for (const { listing } of readings) this.#listings.set(listing.sku, listing);
    return readings;
  }

  listing(sku: string): Listing {
    const listing = this.#listings.get(sku);
    if (!listing) throw new Error(`listing of ${sku} was not imported`);
    return listing;
  }

  ghost(like: Listing): Listing {
    return this.fixture.ghost(like);
  }

  async read(listings: Listing[]): Promise<Reading[]> {
    const readings: Reading[] = [];
    const { batch } = this.adapter.operations.read;
    for (let i = 0; i < listings.length; i += batch) {
      for (const outcome of await this.adapter.read(listings.slice(i, i + batch), this.call())) {
        if (outcome.kind !== 'read') throw new Error(`read failed: ${JSON.stringify(outcome)}`);
        readings.push(outcome.reading);
      }
    }
    return readings;
  }

  /** A write entry on the newest reading. */
  async entry(sku: string, quantity: number): Promise<WriteEntry> {
    if (!this.#listings.has(sku)) await this.import();
    const [reading] = await this.read([this.listing(sku)]);
    const { quantity: now, version } = reading!;
    return {
      listing: reading!.listing,
      quantity,
      signature: `tst-${++this.#signatures}-${quantity}`,
      last: { quantity: now, ...(version !== undefined && { version }) },
    };
  }

  /** Writes and waits until each is applied. */
  async set(wanted: Record<string, number>): Promise<void> {
    for (const [sku, quantity] of Object.entries(wanted)) {
      await this.settle(await this.adapter.write([await this.entry(sku, quantity)], this.call()));
      await this.until(async () => this.shop.listings.get(sku)?.quantity === quantity || undefined);
    }
  }

  /** Waits out what was accepted; anything but applied or accepted is a failure. */
  async settle(outcomes: WriteOutcome[]): Promise<void> {
    for (const outcome of outcomes) {
      if (outcome.kind !== 'applied' && outcome.kind !== 'accepted') throw new Error(`write failed: ${JSON.stringify(outcome)}`);
      if (outcome.kind === 'accepted') await new Promise(resolve => setTimeout(resolve, Math.min(outcome.verifyWithinMs, this.#settleMs)));
    }
  }

  async poll(cursor: string | undefined): Promise<{ lines: OrderLine[]; cursor: string }> {
    const lines: OrderLine[] = [];
    for (;;) {
      const page = await this.adapter.orders(cursor, this.call());
      lines.push(...page.lines);
      cursor = page.cursor;
      if (!page.more) return { lines, cursor };
    }
  }

  async linesOf(orderId: string, cursor: string | undefined): Promise<OrderLine[]> {
    return this.until(async () => {
      const lines = (await this.poll(cursor)).lines.filter(l => l.orderId === orderId);
      return lines.length > 0 ? lines : undefined;
    });
  }

  pause(): Promise<void> {
    return new Promise(resolve => setTimeout(resolve, 300));
  }

  /** Asks again until there is an answer, within the settle time. */
  async until<T>(ask: () => Promise<T | undefined>): Promise<T> {
    const end = Date.now() + this.#settleMs;
    for (;;) {
      const answer = await ask();
      if (answer !== undefined) return answer;
      if (Date.now() > end) throw new Error(`nothing within ${this.#settleMs} ms`);
      await new Promise(resolve => setTimeout(resolve, 50));
    }
  }
}
