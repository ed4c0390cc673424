/** What Amazon keeps of an offer beside the live quantity, and the queue between ACCEPTED and live. */
import { setTimeout as wait } from 'node:timers/promises';
import type { SandboxClock } from '../kit/clock.ts';
import type { Shop, ShopListing } from '../kit/shop.ts';

/** A checked entry of `fulfillment_availability` for DEFAULT. */
export interface Availability {
  quantity: number;
  /** null deletes it; undefined keeps it in a merge and wipes it in a replace. */
  leadTimeToShipMaxDays?: number | null;
}

export class Offers {
  readonly #shop: Shop;
  readonly #clock: SandboxClock;
  readonly #applyAfterMs: () => number;
  /** What was submitted last, whether live yet or not; a sale does not change it. */
  readonly #submitted = new Map<string, number>();
  /** The end of each SKU's queue. */
  readonly #queues = new Map<string, Promise<void>>();

  constructor(shop: Shop, clock: SandboxClock, applyAfterMs: () => number) {
    this.#shop = shop;
    this.#clock = clock;
    this.#applyAfterMs = applyAfterMs;
  }

  /** The submitted quantity, `attributes.fulfillment_availability[].quantity` (amazon.md 0.5: may differ from the live one). */
  submitted(listing: ShopListing): number {
    return this.#submitted.get(listing.sku) ?? listing.history[0]?.quantity ?? listing.quantity;
  }

  /**
   * Queues a change; it goes live later, after those queued before it for the same SKU. What was sold meanwhile is
   * not netted off (amazon.md 6.1: not stated): the quantity becomes the one written.
   */
  submit(sku: string, op: 'merge' | 'replace', change: Availability): void {
    // amazon.md 2.1: 200 + ACCEPTED also for an unknown SKU; nothing comes of it.
    if (!this.#shop.listings.has(sku)) return;
    this.#submitted.set(sku, change.quantity);
    const due = wait(this.#clock.real(this.#applyAfterMs()), undefined, { ref: false });
    const before = this.#queues.get(sku) ?? Promise.resolve();
    this.#queues.set(sku, Promise.all([before, due]).then(() => this.#apply(sku, op, change)));
  }

  #apply(sku: string, op: 'merge' | 'replace', { quantity, leadTimeToShipMaxDays: days }: Availability): void {
    const listing = this.#shop.listings.get(sku);
    if (!listing || !this.#shop.write(sku, quantity)) return;
    if (typeof days === 'number') listing.fields['leadTimeToShipMaxDays'] = String(days);
    // amazon.md 0.2: a quantity-only replace wipes the handling time.
    else if (days === null || op === 'replace') delete listing.fields['leadTimeToShipMaxDays'];
  }
}
