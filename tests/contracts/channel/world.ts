/** A channel at its sandbox with its calls made short, for the contract's behaviours. */
import type { ExecutionContext } from 'ava';
import type { Call, ChannelAdapter, Exchange, Listing, Meter, OrderLine, OrderPage, Reading, WriteEntry, WriteOutcome } from '../../../actors/channel/adapter.ts';
import type { ChannelProfile } from '../../../actors/channel/profile.ts';
import { profiles } from '../../../deploy/channels.ts';
import type { Fault } from '../../../deploy/sandbox/kit/faults.ts';
import type { RunningSandbox } from '../../../deploy/sandbox/kit/server.ts';

export interface ChannelFixture {
  adapter: ChannelAdapter;
  sandbox: RunningSandbox;
  /** Every secret in the adapter's hands or issued to it; none may show in an exchange. */
  secrets(): string[];
  /** A listing of the same form whose ids the vendor never gave out; its SKU is `GHOST-1`. */
  ghost(like: Listing): Listing;
  /** A second adapter on the same account and token store, as after a restart. */
  again(): ChannelAdapter;
}

/** Declares one behaviour: a title that turns false when an adapter breaks, and how it is seen. */
export type Behaviour = (title: string, run: (t: ExecutionContext, world: World) => Promise<unknown>, opening?: Record<string, number>) => void;

const deadlineMs = 1_500;

/** A fixture with its calls made short. */
export class World {
  readonly fixture: ChannelFixture;
  readonly exchanges: Exchange[] = [];
  readonly meters: Meter[] = [];
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

  /** What the channel declares of itself. */
  get profile(): ChannelProfile {
    const profile = profiles[this.adapter.channel];
    if (!profile) throw new Error(`no profile of ${this.adapter.channel}`);
    return profile;
  }

  call(ms = deadlineMs): Call {
    return { signal: AbortSignal.timeout(ms), onExchange: e => this.exchanges.push(e), onMeter: m => this.meters.push(m) };
  }

  /** As an operator does it over the admin endpoint. */
  async expireTokens(): Promise<void> {
    const response = await fetch(`${this.sandbox.url}/_sandbox/faults`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"kind":"expire-tokens"}' });
    if (!response.ok) throw new Error(await response.text());
  }

  /** Calls that the sandbox has seen, of one kind. */
  calls(kind: string): number {
    return this.shop.counts[`calls.${kind}`] ?? 0;
  }

  /** What a call ended with: its value's words, or the error's class. */
  async ended(work: Promise<unknown>): Promise<{ name: string; error?: Error; value?: any }> {
    return work.then(value => ({ name: 'value', value }), (error: Error) => ({ name: error.name, error }));
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

  /** Entries of one write of a listing's kind. */
  writeBatch(sku: string): number {
    return (this.adapter.writeOperation?.(this.listing(sku)) ?? this.adapter.operations.write).batch;
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

  async poll(cursor: string | undefined, adapter = this.adapter): Promise<{ lines: OrderLine[]; cursor: string; completeThrough: number; pages: OrderPage[] }> {
    const pages: OrderPage[] = [];
    for (;;) {
      const page = await adapter.orders(cursor, this.call());
      pages.push(page);
      cursor = page.cursor;
      if (!page.more) return { lines: pages.flatMap(({ lines }) => lines), cursor, completeThrough: page.completeThrough, pages };
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
