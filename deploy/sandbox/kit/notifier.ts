/**
 * A marketplace's own notifications: sent to the address that the operator registers, signed by the vendor's way,
 * repeated when they are not taken, and as often as the operator wants to see repeats.
 */
import { randomUUID } from 'node:crypto';
import { request } from 'undici';
import type { Shop, ShopListing, ShopOrder } from './shop.ts';

/** What changed; `id` is the notification's own, the same in a repeat. */
export type ShopEvent = { id: string; at: number } & ({ kind: 'order'; order: ShopOrder } | { kind: 'listing'; listing: ShopListing });

/** One delivery, as the vendor writes it. */
export interface Notification { body: string; headers: Record<string, string> }

/** Undefined for what the vendor tells nobody. */
export type Notify = (event: ShopEvent) => Notification | undefined;

const tries = 3;
/** Between tries, vendor's ms. */
const againMs = 60_000;

export class Notifier {
  readonly #shop: Shop;
  readonly #notify: Notify;
  #url: string | undefined;
  #copies = 1;
  readonly #underway = new Set<Promise<void>>();
  readonly #stop = new AbortController();

  readonly #missed: (notification: Notification) => void;

  /** @param missed told of what nobody took at any try */
  constructor(shop: Shop, notify: Notify, missed: (notification: Notification) => void = () => {}) {
    this.#missed = missed;
    this.#shop = shop;
    this.#notify = notify;
    shop.onOrder = order => this.#tell({ id: randomUUID(), at: shop.clock.now(), kind: 'order', order });
    shop.onListing = listing => this.#tell({ id: randomUUID(), at: shop.clock.now(), kind: 'listing', listing });
  }

  /** @param copies how often each is delivered, taken or not */
  register(url: string | undefined, copies = 1): void {
    this.#url = url;
    this.#copies = copies;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#underway);
  }

  #tell(event: ShopEvent): void {
    const url = this.#url;
    const notification = url === undefined ? undefined : this.#notify(event);
    if (!notification) return;
    for (let copy = 0; copy < this.#copies; copy++) {
      const work = this.#deliver(url!, notification).finally(() => this.#underway.delete(work));
      this.#underway.add(work);
    }
  }

  async #deliver(url: string, { body, headers }: Notification): Promise<void> {
    for (let n = 0; n < tries && !this.#stop.signal.aborted; n++) {
      try {
        const { statusCode, body: answer } = await request(url, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers }, signal: this.#stop.signal });
        await answer.dump();
        this.#shop.count(`hooks.${statusCode < 300 ? 'taken' : 'refused'}`);
        if (statusCode < 300) return;
      } catch {
        this.#shop.count('hooks.lost');
      }
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, this.#shop.clock.real(againMs));
        this.#stop.signal.addEventListener('abort', () => { clearTimeout(timer); resolve(); }, { once: true });
      });
    }
    this.#missed({ body, headers });
  }
}
