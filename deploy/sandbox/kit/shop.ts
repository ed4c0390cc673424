/**
 * One seller account at a sandbox marketplace: quantity registers that buyers draw down by themselves, orders, and
 * the referee's ledger. Knows no vendor; each sandbox puts its vendor's API in front of it.
 */
import type { SandboxClock } from './clock.ts';
import { Faults } from './faults.ts';
import { Ledger } from './ledger.ts';

export interface ShopListing {
  sku: string;
  /** Vendor ids of the listing, made by the sandbox when it is added. */
  fields: Record<string, string>;
  /** What the seller wrote last, drawn down by sales at net channels; untouched by sales at gross ones. */
  quantity: number;
  /** Gross channels: units in open orders. */
  reserved: number;
  /** Units that buyers have in payment: nobody else can buy them, and no API tells of them. */
  held: number;
  /** Units ever sold here, as the vendor counts them. */
  sold: number;
  /** Moves with every change of quantity, ours or a buyer's. */
  version: number;
  updatedAt: number;
  active: boolean;
  /** Earlier states, newest last, for stale reads; bounded. */
  history: { at: number; quantity: number; reserved: number; sold: number; version: number }[];
}

export interface ShopOrderLine {
  /** The line's own id within the order. */
  line: string;
  sku: string;
  units: number;
  cancelled: number;
  shipped: number;
}

export interface ShopOrder {
  orderId: string;
  buyer: string;
  createdAt: number;
  updatedAt: number;
  lines: ShopOrderLine[];
}

export interface ShopOptions {
  account: string;
  clock: SandboxClock;
  /** True where the written quantity includes open orders (Walmart). */
  gross?: boolean;
  /** Vendor ids for a new listing; `n` counts from 1. */
  fields?(sku: string, n: number): Record<string, string>;
  /** The vendor's order id; `n` counts from 1. */
  orderId?(n: number): string;
  /** The vendor's line id; `n` counts all lines of the shop from 1, `earlier` are the order's lines before it. */
  lineId?(n: number, sku: string, earlier: readonly ShopOrderLine[]): string;
  /** True where the vendor cancels orders whole, whichever line is named (Mercado Libre). */
  wholeOrders?: boolean;
  /** True where the vendor writes one order line per unit (Walmart): three units are three lines. */
  unitLines?: boolean;
  /** True where a cancellation takes its units off the count of sales again. */
  uncounts?: boolean;
  /** True where a paid order takes what is shown below zero (Shopify); elsewhere it ends at zero. */
  belowZero?: boolean;
}

export class Shop {
  readonly account: string;
  readonly clock: SandboxClock;
  readonly gross: boolean;
  readonly ledger: Ledger;
  readonly faults: Faults;
  readonly listings = new Map<string, ShopListing>();
  /** Newest change last. */
  readonly orders = new Map<string, ShopOrder>();
  /** Figures for the referee: requests by kind, throttles, and so on. */
  readonly counts: Record<string, number> = {};
  /** Told of each order that is new or changed, and of each listing whose quantity or standing changed. */
  onOrder: (order: ShopOrder) => void = () => {};
  onListing: (listing: ShopListing) => void = () => {};
  readonly #options: ShopOptions;
  readonly #ended = new Map<string, ShopListing>();
  #orderCount = 0;
  #lineCount = 0;

  constructor(options: ShopOptions) {
    this.#options = options;
    this.account = options.account;
    this.clock = options.clock;
    this.gross = options.gross ?? false;
    this.ledger = new Ledger(() => this.clock.now());
    this.faults = new Faults(() => this.clock.now());
  }

  count(name: string, by = 1): void {
    this.counts[name] = (this.counts[name] ?? 0) + by;
  }

  addListing(sku: string, quantity: number): ShopListing {
    const existing = this.listings.get(sku);
    if (existing) return existing;
    const n = this.listings.size + 1;
    const listing: ShopListing = {
      sku,
      fields: this.#options.fields?.(sku, n) ?? {},
      quantity,
      reserved: 0,
      held: 0,
      sold: 0,
      version: 1,
      updatedAt: this.clock.now(),
      active: true,
      history: [],
    };
    this.listings.set(sku, listing);
    this.ledger.add({ kind: 'shown', sku, quantity: this.buyable(listing), by: 'open' });
    return listing;
  }

  /** What a buyer can buy now. */
  buyable(listing: ShopListing): number {
    if (!listing.active) return 0;
    return Math.max(0, (this.gross ? listing.quantity - listing.reserved : listing.quantity) - listing.held);
  }

  /** What the read API tells: the live state, or an older one while a stale-read fault is on. */
  read(sku: string): { quantity: number; reserved: number; sold: number; version: number } | undefined {
    const listing = this.listings.get(sku);
    if (!listing) return undefined;
    const stale = this.faults.hit('stale-read', 'read');
    if (stale) {
      const asOf = this.clock.now() - stale.ageMs;
      if (listing.updatedAt <= asOf) return listing;
      const then = listing.history.findLast(state => state.at <= asOf) ?? listing.history[0];
      if (then) return then;
    }
    return listing;
  }

  /** Sets a listing's quantity as a seller's write does. Returns false where a fault swallowed it, or carries it out later. */
  write(sku: string, quantity: number): boolean {
    const listing = this.#known(sku);
    this.count('writes');
    if (this.faults.hit('drop-write', 'write')) return false;
    const late = this.faults.hit('late-write', 'write');
    if (late) {
      setTimeout(() => this.#change(listing, { quantity }, 'write'), late.delayMs).unref();
      return false;
    }
    this.#change(listing, { quantity }, 'write');
    return true;
  }

  /** Somebody edits the quantity by hand in the vendor's own pages. */
  edit(sku: string, quantity: number): void {
    this.#change(this.#known(sku), { quantity }, 'edit');
  }

  /** A buyer begins to pay. @returns false where fewer units are left */
  hold(buyer: string, sku: string, units: number): boolean {
    const listing = this.#known(sku);
    if (this.buyable(listing) < units) {
      this.ledger.add({ kind: 'soldout', sku, units, buyer });
      return false;
    }
    this.ledger.add({ kind: 'held', sku, units, buyer });
    this.#hold(listing, units);
    return true;
  }

  /** The payment is over: it becomes an order, whatever is shown by now, or the units are anybody's again. */
  release(buyer: string, sku: string, units: number, isPaid: boolean): ShopOrder | undefined {
    const listing = this.#known(sku);
    this.ledger.add({ kind: 'released', sku, units, buyer, isPaid });
    if (!isPaid) {
      this.#hold(listing, -units);
      return undefined;
    }
    listing.held -= units;
    return this.buy(buyer, [{ sku, units }], true).order;
  }

  #hold(listing: ShopListing, units: number): void {
    listing.held += units;
    this.ledger.add({ kind: 'shown', sku: listing.sku, quantity: this.buyable(listing), by: 'hold' });
  }

  /** Lines that the shown quantity does not cover are refused whole, unless they are paid; the others become one order. */
  buy(buyer: string, wanted: { sku: string; units: number }[], isPaid = false): { order: ShopOrder | undefined; refused: { sku: string; units: number }[] } {
    const refused: { sku: string; units: number }[] = [];
    const lines: ShopOrderLine[] = [];
    const at = this.clock.now();
    const orderId = this.#options.orderId?.(this.#orderCount + 1) ?? `${this.account}-${this.#orderCount + 1}`;
    for (const { sku, units } of wanted) {
      const listing = this.listings.get(sku);
      if (!listing || (!isPaid && this.buyable(listing) < units)) {
        refused.push({ sku, units });
        if (listing) this.ledger.add({ kind: 'soldout', sku, units, buyer });
        continue;
      }
      for (const size of this.#options.unitLines ? Array<number>(units).fill(1) : [units]) {
        const line = this.#options.lineId?.(++this.#lineCount, sku, lines) ?? String(lines.length + 1);
        lines.push({ line, sku, units: size, cancelled: 0, shipped: 0 });
        this.ledger.add({ kind: 'sold', sku, line: `${orderId}/${line}`, units: size, buyer });
      }
      const least = this.#options.belowZero ? -Infinity : 0;
      this.#change(listing, { sold: listing.sold + units, ...(this.gross ? { reserved: listing.reserved + units } : { quantity: Math.max(least, listing.quantity - units) }) }, 'sale');
    }
    if (lines.length === 0) return { order: undefined, refused };
    this.#orderCount += 1;
    const order = { orderId, buyer, createdAt: at, updatedAt: at, lines };
    this.orders.set(orderId, order);
    this.onOrder(order);
    return { order, refused };
  }

  /**
   * A buyer or the channel cancels units that were not shipped.
   *
   * @param restocks they go back on sale; at gross channels they do in any case
   */
  cancel(orderId: string, line: string, units?: number, restocks = true): number {
    const order = this.orders.get(orderId);
    const found = order?.lines.find(l => l.line === line);
    if (!order || !found) return 0;
    if (!this.#options.wholeOrders) return this.#cancelLine(order, found, units, restocks);
    if (order.lines.some(l => l.shipped > 0)) return 0;
    return order.lines.reduce((sum, l) => sum + this.#cancelLine(order, l, undefined, restocks), 0);
  }

  #cancelLine(order: ShopOrder, line: ShopOrderLine, units: number | undefined, restocks: boolean): number {
    const open = line.units - line.cancelled - line.shipped;
    const back = Math.min(open, units ?? open);
    if (back <= 0) return 0;
    line.cancelled += back;
    this.#touch(order);
    this.ledger.add({ kind: 'cancelled', sku: line.sku, line: `${order.orderId}/${line.line}`, units: back });
    const listing = this.#known(line.sku);
    const sold = this.#options.uncounts ? Math.max(0, listing.sold - back) : listing.sold;
    if (this.gross) this.#change(listing, { sold, reserved: listing.reserved - back }, 'restock');
    else if (restocks) this.#change(listing, { sold, quantity: listing.quantity + back }, 'restock');
    else if (sold !== listing.sold) this.#change(listing, { sold }, 'restock');
    return back;
  }

  /** The seller ships a line: at gross channels its reservation ends and nothing lowers the written number. */
  ship(orderId: string, line: string): number {
    const order = this.orders.get(orderId);
    const found = order?.lines.find(l => l.line === line);
    if (!order || !found) return 0;
    const open = found.units - found.cancelled - found.shipped;
    if (open <= 0) return 0;
    found.shipped += open;
    this.#touch(order);
    const listing = this.#known(found.sku);
    if (this.gross) this.#change(listing, { reserved: listing.reserved - open }, 'ship');
    return open;
  }

  /** The referee is lied to: a unit is sold that no order list will ever tell. For tests of the referee. */
  sellHidden(sku: string, units: number): void {
    const listing = this.#known(sku);
    this.ledger.add({ kind: 'sold', sku, line: `hidden-${this.ledger.entries.length}/1`, units, buyer: 'hidden', hidden: true });
    this.#change(listing, { sold: listing.sold + units, ...(this.gross ? { reserved: listing.reserved + units } : { quantity: Math.max(0, listing.quantity - units) }) }, 'sale');
  }

  /** Orders changed at or after `since` and not after `until`, oldest change first. */
  ordersChanged(since: number, until: number): ShopOrder[] {
    return [...this.orders.values()].filter(o => o.updatedAt >= since && o.updatedAt <= until);
  }

  /** The listing is put up anew: what it sold before is another one's. */
  relist(sku: string, sold = 0): void {
    this.#change(this.#known(sku), { sold }, 'restock');
  }

  /** Closes, suppresses or reopens a listing. */
  setActive(sku: string, active: boolean): void {
    const listing = this.#known(sku);
    listing.active = active;
    this.#change(listing, {}, 'edit');
  }

  /** Ends a listing without a trace, or brings it back as it was. */
  setListed(sku: string, listed: boolean): void {
    const [from, to] = listed ? [this.#ended, this.listings] : [this.listings, this.#ended];
    const listing = from.get(sku);
    if (!listing) throw new Error(`sandbox ${this.account}: SKU ${JSON.stringify(sku)} is ${listed ? 'not ended' : 'not listed'}`);
    from.delete(sku);
    to.set(sku, listing);
  }

  #known(sku: string): ShopListing {
    const listing = this.listings.get(sku);
    if (!listing) throw new Error(`sandbox ${this.account}: no listing for SKU ${JSON.stringify(sku)}`);
    return listing;
  }

  #touch(order: ShopOrder): void {
    order.updatedAt = this.clock.now();
    this.orders.delete(order.orderId);
    this.orders.set(order.orderId, order);
    this.onOrder(order);
  }

  #change(listing: ShopListing, to: { quantity?: number; reserved?: number; sold?: number }, by: 'write' | 'sale' | 'restock' | 'edit' | 'ship'): void {
    const before = this.buyable(listing);
    const at = this.clock.now();
    listing.history.push({ at: listing.updatedAt, quantity: listing.quantity, reserved: listing.reserved, sold: listing.sold, version: listing.version });
    if (listing.history.length > 32) listing.history.shift();
    Object.assign(listing, to, { version: listing.version + 1, updatedAt: at });
    const after = this.buyable(listing);
    if (after !== before || by === 'edit') this.ledger.add({ kind: 'shown', sku: listing.sku, quantity: after, by });
    this.onListing(listing);
  }
}
