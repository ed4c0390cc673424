/**
 * One marketplace account that buyers draw down by themselves: the sandboxes' own shop, asked over a network that loses,
 * delays and repeats. What is asked and answered goes through the adapter port; each kind of write is one of the five
 * channels'.
 */
import type { AdapterFactory, Call, ChannelAdapter, Listing, OrderPage, Reading, ReadOutcome, WriteEntry, WriteOutcome } from '../../actors/channel/adapter.ts';
import type { Limit } from '../../actors/channel/rate.ts';
import { AmbiguousError, AuthError, RetryableError, ThrottledError } from '../../actors/errors.ts';
import { SandboxClock } from '../../deploy/sandbox/kit/clock.ts';
import { Shop } from '../../deploy/sandbox/kit/shop.ts';
import type { ShopOrder } from '../../deploy/sandbox/kit/shop.ts';
import type { Dice } from '../../deploy/demo/dice.ts';
import type { Machine, Process } from './machine.ts';
import { Payments } from './payments.ts';

/** As Amazon, Walmart, Shopify, Mercado Libre and eBay take writes. */
export type Kind = 'queued' | 'gross' | 'swap' | 'version' | 'set';

export const kinds: Readonly<Record<string, Kind>> = { amazon: 'queued', walmart: 'gross', shopify: 'swap', mercadolibre: 'version', ebay: 'set' };

interface Terms {
  /** Entries of a write, listings of a read. */
  writes: number;
  reads: number;
  /** Orders show in the list so long after they were made or changed. */
  orderLagMs: number;
  /** An accepted write is carried out within. */
  applyMs: number;
  /** Buyers have units in payment for less than this, and what is read shows them all the same; 0 where an order comes first. */
  holdMs: number;
  verifyAfterMs: number;
  verifyWithinMs: number;
  /** Tells how much it ever sold. */
  counts?: true;
}

/** How long things take at the slowest marketplace, ms. */
export interface Slowest {
  /** A write that its caller has given up arrives so late, or once more. */
  lateMs: number;
  /** Where writes are queued; and how far behind its orders such a channel's list is. */
  applyMs: number;
  orderLagMs: number;
}

/** Plans of old know no other. */
export const slowestOfOld: Slowest = { lateMs: 25_000, applyMs: 10_000, orderLagMs: 20_000 };

export function termsOf(kind: Kind, { applyMs, orderLagMs }: Slowest): Terms {
  const terms: Readonly<Record<Kind, Terms>> = {
    queued: { writes: 1, reads: 20, orderLagMs, applyMs, holdMs: 0, verifyAfterMs: 5_000, verifyWithinMs: 40_000 + 2 * applyMs },
    gross: { writes: 1, reads: 1, orderLagMs: 1_000, applyMs: 0, holdMs: 0, verifyAfterMs: 1_000, verifyWithinMs: 30_000 },
    swap: { writes: 250, reads: 100, orderLagMs: 0, applyMs: 0, holdMs: 20_000, verifyAfterMs: 0, verifyWithinMs: 0 },
    version: { writes: 1, reads: 20, orderLagMs: 500, applyMs: 0, holdMs: 20_000, verifyAfterMs: 0, verifyWithinMs: 0 },
    set: { writes: 25, reads: 25, orderLagMs: 3_000, applyMs: 0, holdMs: 20_000, verifyAfterMs: 1_000, verifyWithinMs: 30_000, counts: true },
  };
  return terms[kind];
}

/** Calls a second that each takes. */
export const limits: Record<string, Limit> = {
  write: { perSecond: 5, burst: 10 }, read: { perSecond: 5, burst: 10 }, orders: { perSecond: 1, burst: 3 }, listings: { perSecond: 5, burst: 10 },
};

export type Operation = 'write' | 'read' | 'orders' | 'listings';

/**
 * What becomes of the next call of that kind, or of all calls for so long. `before`: it never arrives. `after`: its answer
 * never does. `late`: it is carried out long after its caller has given up. `copy`: it is carried out a second time then,
 * which keys and conditions make harmless, and an open order at a gross count; else it is one more act from outside.
 * `one`: one entry is refused in a way that may pass.
 * `revoked`: the grant is dead until somebody grants it anew.
 */
export interface Trouble {
  kind: 'before' | 'after' | 'late' | 'copy' | 'one' | 'throttle' | 'error' | 'auth' | 'revoked' | 'slow';
  on: Operation | 'any';
  /** Calls, or ms. */
  times?: number;
  forMs?: number;
  lateMs?: number;
}

const pageOrders = 50;
/** Orders changed shortly before the cursor are told again. */
const overlapMs = 5_000;

export class Marketplace {
  readonly account: string;
  readonly kind: Kind;
  readonly shop: Shop;
  readonly payments: Payments;
  /** Told of each write as it is carried out, whoever waits for its answer. */
  onWrite: (sku: string, quantity: number, isCarriedOut: boolean) => void = () => {};
  /** Told of each write that is carried out when nobody waits for it any more. */
  onStray: () => void = () => {};
  /** Told where the newest write of a listing is carried out again by the network, and puts units on sale once more that it had sold. */
  onAgain: (sku: string) => void = () => {};
  /** Told of each call before it leaves; false where its process dies with it. */
  onCall: (process: Process, operation: Operation) => boolean = () => true;
  writes = 0;
  calls = 0;
  /** Writes that are yet to be carried out, whoever waits for them. */
  underWay = 0;
  readonly #machine: Machine;
  readonly #dice: Dice;
  readonly #terms: Terms;
  readonly #counting: Dice | undefined;
  /** Outcomes by idempotency key. */
  readonly #answered = new Map<string, WriteOutcome>();
  /** When the last write of each listing is carried out, where writes are queued. */
  readonly #appliedAt = new Map<string, number>();
  /** Signature of the last write of each listing that was carried out. */
  readonly #newest = new Map<string, string>();
  #troubles: (Trouble & { until: number; left: number })[] = [];
  /** Counts of sales that were begun anew, by SKU. */
  readonly #counters = new Map<string, string>();
  /** Orders that the list shows only from then on, epoch ms. */
  readonly #listedFrom = new Map<string, number>();

  /** @param counting what a count of sales begins at, and whether a cancellation takes its units off; left out: it tells none */
  constructor(account: string, machine: Machine, dice: Dice, slowest: Slowest, counting?: Dice) {
    this.account = account;
    this.kind = kinds[account]!;
    this.#terms = termsOf(this.kind, slowest);
    this.#machine = machine;
    this.#dice = dice;
    this.shop = new Shop({ account, clock: new SandboxClock(1), gross: this.kind === 'gross', belowZero: this.kind === 'swap', uncounts: counting?.chance(0.5) ?? false });
    this.#counting = counting;
    this.payments = new Payments(machine, this.shop, this.#terms.holdMs > 0);
  }

  trouble(trouble: Trouble): void {
    this.#troubles.push({ ...trouble, until: trouble.forMs === undefined ? Infinity : this.#machine.now + trouble.forMs, left: trouble.times ?? Infinity });
  }

  list(sku: string, quantity: number): void {
    this.shop.addListing(sku, quantity).sold = this.#counting?.chance(0.5) ? this.#counting.between(1, 5_000) : 0;
  }

  /** The listing is put up anew; its count of sales is another one where the vendor tells that. */
  relist(sku: string, isTold: boolean): void {
    this.shop.relist(sku);
    if (isTold) this.#counters.set(sku, `${this.#counters.get(sku) ?? 'first'}, again`);
  }

  /** The list shows an order only so long after it was made. */
  hide(orderId: string, forMs: number): void {
    this.#listedFrom.set(orderId, this.#machine.wall + forMs);
  }

  /** Whatever was to come does not. */
  calm(): void {
    this.#troubles = [];
    for (const [orderId, from] of this.#listedFrom) this.#listedFrom.set(orderId, Math.min(from, this.#machine.wall));
    this.payments.end();
  }

  get adapter(): ChannelAdapter {
    const { kind } = this;
    const { writes, reads } = this.#terms;
    return {
      channel: this.account,
      gross: kind === 'gross',
      needsReading: kind === 'swap' || kind === 'version',
      operations: {
        write: { limit: 'write', cost: 1, batch: writes }, read: { limit: 'read', cost: 1, batch: reads },
        orders: { limit: 'orders', cost: 1, batch: 1 }, listings: { limit: 'listings', cost: 1, batch: 1 },
      },
      write: (entries, call) => this.#ask('write', call, (trouble, isAgain) => this.#write(entries, trouble, isAgain)),
      read: (listings, call) => this.#ask('read', call, () => listings.map(listing => this.#read(listing))),
      orders: (cursor, call) => this.#ask('orders', call, () => this.#orders(cursor)),
      listings: (_cursor, call) => this.#ask('listings', call, () => ({ readings: [...this.shop.listings.keys()].map(sku => this.#reading(sku)!) })),
      tokenExpiresAt: () => undefined,
    };
  }

  /** Carries a call there and its answer back, as far as they come. */
  #ask<T>(operation: Operation, { signal }: Call, act: (trouble: Trouble | undefined, isAgain: boolean) => T): Promise<T> {
    const machine = this.#machine;
    const process = machine.current;
    this.calls += 1;
    return new Promise((resolve, reject) => {
      const lost = (): void => reject(operation === 'write' ? new AmbiguousError('no answer within the deadline') : new RetryableError('no answer within the deadline'));
      signal.addEventListener('abort', lost, { once: true });
      if (!this.onCall(process, operation)) return;
      const trouble = this.#next(operation);
      const slow = trouble?.kind === 'slow' ? 1_000 + this.#dice.next() * 3_000 : 0;
      const there = 5 + this.#dice.next() * 60 + slow;
      const back = 5 + this.#dice.next() * 60;
      const answer = (settle: () => void): void => machine.after(back, process, () => {
        signal.removeEventListener('abort', lost);
        settle();
      });
      if (trouble?.kind === 'before') return;
      const arrives = (afterMs: number, run: () => void): void => (operation === 'write' ? this.#on(afterMs, run) : machine.after(afterMs, machine.outside, run));
      arrives(trouble?.kind === 'late' ? trouble.lateMs! : there, () => {
        const refusal = refusalOf(trouble);
        if (refusal) return answer(() => reject(refusal));
        const outcome = act(trouble, false);
        if (trouble?.kind === 'late') this.onStray();
        if (trouble?.kind === 'copy') arrives(trouble.lateMs!, () => {
          act(trouble, true);
          this.onStray();
        });
        if (trouble?.kind !== 'after' && trouble?.kind !== 'late') answer(() => resolve(outcome));
      });
    });
  }

  /** A write on its way. */
  #on(afterMs: number, run: () => void): void {
    this.underWay += 1;
    this.#machine.after(afterMs, this.#machine.outside, () => {
      this.underWay -= 1;
      run();
    });
  }

  #next(operation: Operation): Trouble | undefined {
    const { now } = this.#machine;
    this.#troubles = this.#troubles.filter(({ until, left }) => until > now && left > 0);
    const hit = this.#troubles.find(({ on }) => on === operation || on === 'any');
    if (hit) hit.left -= 1;
    return hit;
  }

  #write(entries: readonly WriteEntry[], trouble: Trouble | undefined, isAgain: boolean): WriteOutcome[] {
    return entries.map((entry, n): WriteOutcome => {
      const { signature } = entry;
      if (trouble?.kind === 'one' && n === 0) return { kind: 'retry', signature, code: 'busy', message: 'this entry is busy' };
      const before = this.kind === 'swap' ? this.#answered.get(signature) : undefined;
      if (before) return before;
      const outcome = this.#carryOut(entry, isAgain);
      if (this.kind === 'swap' && outcome.kind === 'applied') this.#answered.set(signature, outcome);
      return outcome;
    });
  }

  #carryOut({ listing: { sku }, quantity, signature, last }: WriteEntry, isAgain: boolean): WriteOutcome {
    const listing = this.shop.listings.get(sku);
    if (!listing) return { kind: 'refused', signature, class: 'listing', code: 'unknown', message: `no listing of ${sku}` };
    if (this.kind === 'swap' && last?.quantity !== listing.quantity) return { kind: 'conflict', signature, code: 'changed', message: `quantity is ${listing.quantity}, not ${last?.quantity}` };
    if (this.kind === 'version' && last?.version !== String(listing.version)) return { kind: 'conflict', signature, code: 'version', message: `version is ${listing.version}, not ${last?.version}` };
    const { applyMs, verifyAfterMs, verifyWithinMs } = this.#terms;
    const set = (): void => {
      if (isAgain && (this.kind === 'set' || this.kind === 'queued') && this.#newest.get(sku) === signature && listing.quantity < quantity) this.onAgain(sku);
      this.#newest.set(sku, signature);
      this.#set(sku, quantity);
    };
    if (applyMs === 0) {
      set();
    } else {
      // A queue keeps the order of a listing's writes.
      const { now } = this.#machine;
      const at = Math.max(this.#appliedAt.get(sku) ?? 0, now + this.#dice.next() * applyMs);
      this.#appliedAt.set(sku, at);
      this.#on(at - now, set);
    }
    if (verifyWithinMs > 0) return { kind: 'accepted', signature, verifyAfterMs, verifyWithinMs };
    return { kind: 'applied', signature, quantity, ...(this.kind === 'version' && { version: String(listing.version) }) };
  }

  #set(sku: string, quantity: number): void {
    this.writes += 1;
    this.onWrite(sku, quantity, this.shop.write(sku, quantity));
  }

  #read(listing: Listing): ReadOutcome {
    const reading = this.#reading(listing.sku);
    return reading ? { kind: 'read', reading } : { kind: 'missing', listing, code: 'unknown', message: `no listing of ${listing.sku}` };
  }

  #reading(sku: string): Reading | undefined {
    const live = this.shop.listings.get(sku);
    const seen = this.shop.read(sku);
    if (!live || !seen) return undefined;
    return {
      listing: { id: `${this.account}:${sku}`, sku, fields: {} },
      quantity: seen.quantity,
      buyable: Math.max(0, this.shop.gross ? seen.quantity - seen.reserved : seen.quantity),
      ...(this.kind === 'version' && { version: String(seen.version) }),
      ...(this.#terms.counts && this.#counting && { sold: seen.sold, soldBy: this.#counters.get(sku) ?? 'first' }),
      active: live.active,
      ...(!live.active && { reason: 'closed' }),
    };
  }

  /** What was made by then, as it stands now: an order that changes does not hide from the list. Of what is hidden it says nothing, not even that it is not complete (A3). */
  #orders(cursor: string | undefined): OrderPage {
    const now = this.shop.clock.now();
    const until = now - this.#terms.orderLagMs;
    const since = cursor === undefined ? 0 : Number(cursor);
    const listedFrom = ({ orderId }: ShopOrder): number => this.#listedFrom.get(orderId) ?? 0;
    const changedAt = (order: ShopOrder): number => Math.max(order.updatedAt, listedFrom(order));
    const changed = [...this.shop.orders.values()].filter(order => changedAt(order) >= since && order.createdAt <= until && listedFrom(order) <= now).sort((a, b) => changedAt(a) - changedAt(b));
    const page = changed.slice(0, pageOrders);
    const more = changed.length > page.length;
    const last = page.length === 0 ? since : changedAt(page.at(-1)!);
    return {
      lines: page.flatMap(({ orderId, createdAt, lines }) => lines.map(({ line, sku, units, cancelled, shipped }) => ({ id: `${orderId}/${line}`, orderId, sku, units, cancelled, shipped, createdAt }))),
      // Orders of one instant may be on two pages: all of them are told again.
      cursor: String(more ? Math.max(last, since + 1) : Math.max(since, until - overlapMs)),
      more,
      completeThrough: more ? Math.min(last, until) - 1 : until,
    };
  }
}

function refusalOf(trouble: Trouble | undefined): Error | undefined {
  switch (trouble?.kind) {
    case 'throttle': return new ThrottledError('too many requests', trouble.lateMs === undefined ? {} : { retryAfterMs: trouble.lateMs });
    case 'error': return new RetryableError('the service is unavailable');
    case 'auth': return new AuthError('the token is not valid');
    case 'revoked': return new AuthError('the grant was revoked');
    default: return undefined;
  }
}

/** Adapters of all marketplaces, as a node takes them. */
export function adaptersOf(marketplaces: Readonly<Record<string, Marketplace>>): Record<string, AdapterFactory> {
  return Object.fromEntries(Object.keys(kinds).map(channel => [channel, ({ account }) => marketplaces[account]!.adapter]));
}
