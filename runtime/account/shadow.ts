/**
 * What is compared while an account, or part of it, is not live: per SKU what the channel shows, what we would write and
 * because of what, and what changed there that no order explains. Kept in a bucket of its own, since it is of days.
 */
import type { OrderFact } from '../../actors/sku/protocol.ts';
import type { Reading } from '../../actors/channel/adapter.ts';
import type { Pair } from '../../actors/reconciler/proof.ts';
import type { Intent } from '../../actors/sku/protocol.ts';
import { readNewest } from '../rules.ts';
import { escapeKey, shadowSubject, streams } from '../subjects.ts';
import { Flow, isExplained } from './flow.ts';
import type { FlowMark } from './flow.ts';
import type { Desk } from './ports.ts';

/** One number that became another; `from` is null for the first that was seen. */
export interface Change { at: number; from: number | null; to: number; because: string }

/** What is kept of one SKU. */
export interface Compared {
  v: 1;
  account: string;
  sku: string;
  /** The newest last: what we would have written, and what the channel has come to show. */
  ours: Change[];
  theirs: Change[];
  /** Readings that were compared, and those of them that agreed. */
  compared: number;
  agreed: number;
  /** Changes that neither we nor an order made. */
  foreign: number;
}

export const byOrders = 'orders';
export const bySomebody = 'somebody else';

const changesMost = 8;
const graceDefaultMs = 300_000;
const flushEveryMs = 5_000;
const flushMost = 500;
/** Counts alone are not stored more often. */
const countsEveryMs = 600_000;

/** What is known of a SKU here, beside what is kept. */
interface Watched {
  kept: Compared;
  /** What it showed when changes were last explained, and what had been ordered by then. */
  base?: { shows: number; mark: FlowMark };
  /** It shows something else; orders up to then have to be known first. */
  open?: { shows: number; at: number };
  storedAt: number;
}

export class Shadow {
  readonly #desk: Desk;
  readonly #flow = new Flow();
  readonly #watched = new Map<string, Watched>();
  readonly #open = new Set<string>();
  readonly #dirty = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  /** Takes over what former owners have compared. */
  async load(): Promise<void> {
    const { ports: { account, nc }, stage } = this.#desk;
    if (stage.name === 'connect' || (stage.name === 'live' && !stage.slice)) return;
    await readNewest(nc, streams.shadow, `$KV.shadow.${escapeKey(account)}.*`, (_, value) => {
      const kept = value as Compared;
      this.#watched.set(kept.sku, { kept, storedAt: Date.now() });
    });
  }

  start(): void {
    this.#timer = setInterval(() => void this.#flush(flushMost), flushEveryMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#flush(Infinity);
  }

  /** Of all SKUs here. */
  get figures(): { compared: number; agreed: number; foreign: number } {
    const sum = { compared: 0, agreed: 0, foreign: 0 };
    for (const { kept } of this.#watched.values()) {
      sum.compared += kept.compared;
      sum.agreed += kept.agreed;
      sum.foreign += kept.foreign;
    }
    return sum;
  }

  of(sku: string): Compared | undefined {
    return this.#watched.get(sku)?.kept;
  }

  /** The SKU goes live: what comes now is no comparison. */
  leave(sku: string): void {
    const watched = this.#watched.get(sku);
    if (!watched) return;
    delete watched.base;
    delete watched.open;
    this.#open.delete(sku);
  }

  /** What should be shown has been decided. */
  decided({ sku }: Pair, { quantity, decidedAt, correlation }: Intent): void {
    if (this.#desk.stage.name === 'connect') return;
    const { kept } = this.#at(sku);
    const last = kept.ours.at(-1);
    if (last?.to === quantity) return;
    kept.ours = [...kept.ours, { at: decidedAt, from: last?.to ?? null, to: quantity, because: correlation }].slice(-changesMost);
    this.#dirty.add(sku);
  }

  /** An order line moved: it may explain what the channel shows. */
  ordered(sku: string, fact: OrderFact): void {
    this.#flow.take(sku, fact);
  }

  /** A reading of a SKU that is not live. */
  seen(pair: Pair, reading: Reading, at: number): void {
    if (this.#desk.stage.name === 'connect') return;
    const watched = this.#at(pair.sku);
    const shows = pair.gross ? reading.buyable : reading.quantity;
    if (!watched.base) {
      watched.base = { shows, mark: this.#flow.mark(pair.sku) };
      if (watched.kept.theirs.length === 0) this.#changed(watched, { at, from: null, to: shows, because: 'first read' });
    } else if (shows === watched.base.shows) {
      delete watched.open;
      this.#open.delete(pair.sku);
    } else {
      // As of the first read that showed it: orders are always a little behind the newest.
      if (watched.open?.shows !== shows) watched.open = { shows, at };
      this.#open.add(pair.sku);
      this.#explain(pair, watched);
    }
    this.#compare(pair, watched.kept, reading.quantity, at);
    if (Date.now() - watched.storedAt > countsEveryMs) this.#dirty.add(pair.sku);
  }

  /** Orders are known further. */
  ordersRead(): void {
    for (const sku of this.#open) {
      const pair = this.#desk.pairs.peek(sku);
      const watched = this.#watched.get(sku);
      if (pair && watched) this.#explain(pair, watched);
      else this.#open.delete(sku);
    }
  }

  /** Whether a difference may still be one that the other side is about to follow. */
  isSettling({ sku, intended }: Pair, now: number): boolean {
    const { ports: { times: { graceMs = graceDefaultMs } } } = this.#desk;
    const theirs = this.#watched.get(sku)?.kept.theirs.at(-1)?.at ?? 0;
    return now - Math.max(intended?.decidedAt ?? 0, theirs) < graceMs;
  }

  #compare(pair: Pair, kept: Compared, quantity: number, at: number): void {
    if (!pair.intended) return;
    const agrees = quantity === pair.intended.quantity;
    if (!agrees && this.isSettling(pair, at)) return;
    kept.compared += 1;
    if (agrees) kept.agreed += 1;
  }

  /** Told once all orders are known that may have moved it. */
  #explain({ sku, gross }: Pair, watched: Watched): void {
    const { base, open } = watched;
    if (!base || !open || this.#desk.ordersKnownThrough() < open.at) return;
    const mark = this.#flow.mark(sku);
    const explained = isExplained(open.shows - base.shows, base.mark, mark, gross);
    if (!explained) watched.kept.foreign += 1;
    this.#changed(watched, { at: open.at, from: base.shows, to: open.shows, because: explained ? byOrders : bySomebody });
    watched.base = { shows: open.shows, mark };
    delete watched.open;
    this.#open.delete(sku);
  }

  #changed({ kept }: Watched, change: Change): void {
    kept.theirs = [...kept.theirs, change].slice(-changesMost);
    this.#dirty.add(kept.sku);
  }

  #at(sku: string): Watched {
    let watched = this.#watched.get(sku);
    if (!watched) {
      watched = { kept: { v: 1, account: this.#desk.ports.account, sku, ours: [], theirs: [], compared: 0, agreed: 0, foreign: 0 }, storedAt: 0 };
      this.#watched.set(sku, watched);
    }
    return watched;
  }

  async #flush(most: number): Promise<void> {
    const { ports: { account, records, log } } = this.#desk;
    const due = [...this.#dirty].slice(0, most);
    await Promise.all(due.map(async sku => {
      const watched = this.#watched.get(sku)!;
      this.#dirty.delete(sku);
      watched.storedAt = Date.now();
      await records.set(shadowSubject(account, sku), watched.kept).catch((error: unknown) => {
        this.#dirty.add(sku);
        log.warn({ err: error, account, sku }, 'a comparison could not be stored, trying again');
      });
    }));
  }
}
