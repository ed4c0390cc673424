/** One SKU actor in memory, told through the runtime's own fold: journal in, record and effects out. */
import type { Debounce } from '../../actors/sku/debounce.ts';
import type { SkuPorts } from '../../actors/sku/ports.ts';
import type { CountedAt } from '../../actors/sku/contained.ts';
import type { Intent, OrderFact, Outlet, SkuFact, SourcePolicy, Stock, StockFact } from '../../actors/sku/protocol.ts';
import { takeSource } from '../../actors/sku/stock.ts';
import { skuKind } from '../../deploy/sku-kind.ts';
import type { ActorRecord, PublishEffect } from '../../runtime/actor.ts';
import { asStored, fold, fresh, restored } from '../../runtime/handle.ts';
import type { Incoming } from '../../runtime/handle.ts';

/** A source fact as the fold of a stock alone. */
export const applySource = (stock: Stock, fact: StockFact, policy: SourcePolicy, at: CountedAt): Stock => takeSource(stock, fact, policy, at).stock;

export const source = 'erp';
export const count = (position: number, quantity: number, more: { reserved?: number; imported?: string[] } = {}): StockFact =>
  ({ type: 'stock.counted', source, position, quantity, ...more });
export const adjust = (position: number, delta: number): StockFact => ({ type: 'stock.adjusted', source, position, delta });
export const reserve = (position: number, delta: number): StockFact => ({ type: 'stock.reserved', source, position, delta });

const order = (type: OrderFact['type']) => (line: string, units: number, createdAt = start): OrderFact => {
  const account = line.slice(0, line.indexOf('/'));
  return type === 'order.placed' ? { type, account, line, units, createdAt } : { type, account, line, units };
};
export const placed = order('order.placed');
export const cancelled = order('order.cancelled');
export const shipped = order('order.shipped');
export const returned = order('order.returned');

type Linked = Extract<SkuFact, { type: 'listing.linked' }>;
export const link = (account: string, more: Partial<Linked> = {}): Linked =>
  ({ type: 'listing.linked', account, listing: { id: `${account}-1`, fields: {} }, gross: false, rule: { buffer: 0 }, ...more });

/** Journal time of the first fact, epoch ms. */
export const start = Date.UTC(2026, 0, 5, 9);
/** A place in the journal, for rules that are told one. */
export const here = { seq: 1, at: start };
export const debounce: Debounce = { quietMs: 500, hardMs: 2_000 };
export const gapMs = 60_000;
const sign: SkuPorts['sign'] = ({ account, listing, version, kind }) => `${account}:${listing}:${version}:${kind}`;

export class Actor {
  readonly kind;
  readonly journal: Incoming[] = [];
  /** Everything published so far. */
  readonly published: PublishEffect[] = [];
  now = start;
  #hot;

  constructor(ports: Partial<SkuPorts> = {}, sku = 'A') {
    this.kind = skuKind({ sign, debounce, gapMs, ...ports });
    this.#hot = fresh(this.kind, sku);
  }

  get record(): ActorRecord<Stock> {
    return this.#hot.record;
  }

  get stock(): Stock {
    return this.record.context;
  }

  get state(): unknown {
    return this.record.state;
  }

  outlet(account: string): Outlet {
    return this.stock.outlets[account]!;
  }

  intent(account: string): Intent | undefined {
    return this.stock.outlets[account]?.intent;
  }

  /** Quantities intended, by account. */
  get intended(): Record<string, number | undefined> {
    return Object.fromEntries(Object.entries(this.stock.outlets).map(([account, { intent }]) => [account, intent?.quantity]));
  }

  /** Each fact is a message and a turn of its own. */
  tell(...facts: unknown[]): this {
    for (const body of facts) this.#turn(body);
    return this;
  }

  /** Time passes; timers that come due speak through the journal. */
  wait(ms: number): this {
    const until = this.now + ms;
    for (let next = this.#nextDue(until); next; next = this.#nextDue(until)) {
      this.now = Math.max(this.now, next.at);
      this.#turn({ type: 'timer.due', id: next.id, at: next.at });
    }
    this.now = until;
    return this;
  }

  /** Until no timer of a debounce is left: the channels' owners have nothing more to wait for. */
  settle(): this {
    for (let flush = this.record.due.flush; flush; flush = this.record.due.flush) this.wait(Math.max(0, flush.at - this.now));
    return this;
  }

  /** Proves the newest intents of these accounts, as an applied write would. */
  prove(...accounts: string[]): this {
    for (const account of accounts) {
      const { signature, quantity } = this.intent(account)!;
      this.tell({ type: 'write.answered', account, signature, outcome: 'applied', quantity });
    }
    return this;
  }

  #turn(body: unknown): void {
    const seq = this.journal.length + 1;
    const message = { seq, at: this.now, correlation: `c${seq}`, body };
    this.journal.push(message);
    const next = fold(this.kind, this.#hot, [message])!;
    if (next.poison) throw next.poison;
    this.published.push(...next.record.outbox);
    this.#hot = { ...next, revision: 0 };
  }

  #nextDue(until: number): { id: string; at: number } | undefined {
    const due = Object.entries(this.record.due).map(([id, { at }]) => ({ id, at })).filter(({ at }) => at <= until);
    return due.sort((a, b) => a.at - b.at)[0];
  }
}

/** The record as its bytes in KV, but for the outbox: that is of the last turn alone. */
export function bytes(kind: Actor['kind'], record: ActorRecord<Stock>): string {
  return JSON.stringify({ ...asStored(kind, record), outbox: [] });
}

/** The record and everything published when the journal is folded in turns of these sizes; each turn from stored bytes where asked. */
export function refold(kind: Actor['kind'], journal: readonly Incoming[], sizes: readonly number[], { stored }: { stored: boolean }, sku = 'A'): { record: ActorRecord<Stock>; published: PublishEffect[] } {
  let hot = fresh(kind, sku);
  const published: PublishEffect[] = [];
  for (let at = 0, n = 0; at < journal.length; n++) {
    const size = sizes[n % sizes.length]!;
    const next = fold(kind, hot, journal.slice(at, at + size));
    if (next) {
      published.push(...next.record.outbox);
      hot = stored ? restored(kind, JSON.parse(JSON.stringify(asStored(kind, next.record))) as ActorRecord, 1) : { ...next, revision: 1 };
    }
    at += size;
  }
  return { record: hot.record, published };
}
