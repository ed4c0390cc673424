/**
 * Buyers that take their time to pay. Where a channel keeps what they want from others and tells nobody, an order is made
 * when they have paid; elsewhere it is there at once, and is cancelled when they do not.
 */
import type { Shop } from '../../deploy/sandbox/kit/shop.ts';
import type { Machine } from './machine.ts';

export interface Payment { sku: string; units: number; forMs: number; isPaid: boolean }

export class Payments {
  /** Told of each as it ends. */
  onOver: (payment: Payment) => void = () => {};
  readonly #machine: Machine;
  readonly #shop: Shop;
  readonly #isUnseen: boolean;
  readonly #open = new Set<() => void>();
  #count = 0;

  /** @param isUnseen units in payment are nobody else's, and every reading shows them */
  constructor(machine: Machine, shop: Shop, isUnseen: boolean) {
    this.#machine = machine;
    this.#shop = shop;
    this.#isUnseen = isUnseen;
  }

  /** @returns false where fewer units are left */
  begin(payment: Payment): boolean {
    const buyer = `payer ${++this.#count}`;
    const end = this.#isUnseen ? this.#hold(buyer, payment) : this.#order(buyer, payment);
    if (!end) return false;
    const finish = (): void => {
      if (!this.#open.delete(finish)) return;
      end();
      this.onOver(payment);
    };
    this.#open.add(finish);
    this.#machine.after(payment.forMs, this.#machine.outside, finish);
    return true;
  }

  /** Nobody is paying any more: those who were have paid, or have not. */
  end(): void {
    for (const finish of [...this.#open]) finish();
  }

  #hold(buyer: string, { sku, units, isPaid }: Payment): (() => void) | undefined {
    return this.#shop.hold(buyer, sku, units) ? () => { this.#shop.release(buyer, sku, units, isPaid); } : undefined;
  }

  #order(buyer: string, { sku, units, isPaid }: Payment): (() => void) | undefined {
    const { order } = this.#shop.buy(buyer, [{ sku, units }]);
    if (!order) return undefined;
    return () => { if (!isPaid) for (const { line } of order.lines) this.#shop.cancel(order.orderId, line); };
  }
}
