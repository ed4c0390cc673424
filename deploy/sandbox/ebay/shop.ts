/**
 * An eBay account's stock: an item and its offers hold a number each, and the listing shows the smaller. The kit's
 * `quantity` stays what buyers see; the two numbers behind it are kept here.
 */
import { Shop } from '../kit/shop.ts';
import type { ShopListing, ShopOptions, ShopOrder } from '../kit/shop.ts';

export interface Registers {
  /** `shipToLocationAvailability.quantity`. */
  stock: number;
  /** `availableQuantity` of each fixed-price offer. */
  own: number[];
}

export interface EbayShopOptions extends Pick<ShopOptions, 'account' | 'clock'> {
  /** Fixed-price offers of each listing. */
  offers: number;
  /** Who manages a SKU's listing: the Inventory API, or the Trading API a listing of its own, or one of its variations. */
  kindOf?(sku: string): 'managed' | 'single' | 'variation';
  /** On: a listing at 0 stays, hidden. Off: it ends. */
  outOfStockControl: boolean;
}

const dayMs = 86_400_000;
/** ebay.md 0 line 5: 250 revisions per listing and calendar day, then locked until the next. */
export const revisionsPerDay = 250;

export class EbayShop extends Shop {
  readonly kindOf: (sku: string) => 'managed' | 'single' | 'variation';
  readonly #outOfStockControl: boolean;
  readonly #registers = new Map<string, Registers>();
  readonly #offers = new Map<string, { sku: string; n: number }>();
  readonly #ended = new Set<string>();
  readonly #revisions = new Map<string, { day: number; count: number }>();

  constructor({ account, clock, offers, outOfStockControl, kindOf = () => 'managed' }: EbayShopOptions) {
    super({
      account,
      clock,
      fields: (sku, n) => ({
        offerIds: Array.from({ length: offers }, (_, k) => String(8_000_000_000 + n * 10 + k)).join(','),
        auctionId: String(9_000_000_000 + n * 10),
        // Variations of the one listing that has some.
        listingId: kindOf(sku) === 'variation' ? '110999999999' : String(110_000_000_000 + n),
      }),
      orderId: n => `12-${10_000 + Math.floor(n / 100_000)}-${String(n % 100_000).padStart(5, '0')}`,
      lineId: n => String(10_000_000_000 + n),
      // ebay.md 6.2: `cancelState` is the order's.
      wholeOrders: true,
    });
    this.#outOfStockControl = outOfStockControl;
    this.kindOf = kindOf;
  }

  override addListing(sku: string, quantity: number): ShopListing {
    if (this.listings.has(sku)) return this.listings.get(sku)!;
    const listing = super.addListing(sku, quantity);
    const ids = offerIdsOf(listing);
    if (this.isManaged(sku)) ids.forEach((id, n) => this.#offers.set(id, { sku, n }));
    this.#registers.set(sku, { stock: quantity, own: ids.map((_, n) => Math.floor(quantity / ids.length) + (n < quantity % ids.length ? 1 : 0)) });
    return listing;
  }

  /** Whether the Inventory API knows the SKU. */
  isManaged(sku: string): boolean {
    return this.listings.has(sku) && this.kindOf(sku) === 'managed';
  }

  /** Sets what a listing of the Trading API has for sale. */
  setAvailable(sku: string, units: number): void {
    this.set(sku, units, new Map(this.registers(sku).own.map((_, n) => [n, n === 0 ? units : 0])));
  }

  offer(id: string): { sku: string; n: number } | undefined {
    return this.#offers.get(id);
  }

  /** True where the listing ended at 0: its offers are unpublished from then on. */
  ended(sku: string): boolean {
    return this.#ended.has(sku);
  }

  /**
   * Item and offers as the API tells them. A sale lowers the offers; the item's stock stays as written, which is
   * the harder of the two worlds that ebay.md 6.1 leaves open: who reads the item alone never sees a sale.
   */
  registers(sku: string, quantity = this.listings.get(sku)!.quantity): Registers {
    const { stock, own } = this.#registers.get(sku)!;
    let gap = quantity - shown({ stock, own });
    if (gap === 0) return { stock, own };
    const live = own.map(units => Math.min(stock, units));
    for (let n = 0; n < live.length && gap < 0; n++) {
      const taken = Math.min(live[n]!, -gap);
      live[n]! -= taken;
      gap += taken;
    }
    live[0]! += Math.max(0, gap);
    return { stock: Math.max(stock, live[0]!), own: live };
  }

  /** What a read tells now, which a stale-read fault may hold back: the count of sales is as old as the quantity. */
  seen(sku: string): Registers & { sold: number } {
    const { quantity, sold } = this.read(sku)!;
    return { ...this.registers(sku, quantity), sold };
  }

  /** Sets what is given of the item's stock and the offers' own numbers. */
  set(sku: string, stock: number | undefined, own: ReadonlyMap<number, number>): void {
    const now = this.registers(sku);
    const next = { stock: stock ?? now.stock, own: now.own.map((units, n) => own.get(n) ?? units) };
    if (!this.write(sku, shown(next))) return;
    this.#registers.set(sku, next);
    this.#endAtZero();
  }

  /** Counts one revision, or says that the day's are used up. Whether an unchanged value counts is open: here it does. */
  revise(sku: string): boolean {
    const day = Math.floor(this.clock.now() / this.clock.real(dayMs));
    const last = this.#revisions.get(sku);
    const count = last?.day === day ? last.count + 1 : 1;
    if (count > revisionsPerDay) return false;
    this.#revisions.set(sku, { day, count });
    return true;
  }

  override buy(buyer: string, wanted: { sku: string; units: number }[]): { order: ShopOrder | undefined; refused: { sku: string; units: number }[] } {
    const bought = super.buy(buyer, wanted);
    this.#endAtZero();
    return bought;
  }

  override sellHidden(sku: string, units: number): void {
    super.sellHidden(sku, units);
    this.#endAtZero();
  }

  /** ebay.md 0 line 8: without out-of-stock control a listing that reaches 0 ends. */
  #endAtZero(): void {
    if (this.#outOfStockControl) return;
    for (const listing of this.listings.values()) {
      if (listing.quantity > 0 || this.#ended.has(listing.sku)) continue;
      this.#ended.add(listing.sku);
      this.setActive(listing.sku, false);
    }
  }
}

/** ebay.md 0 line 1: the listing shows the smaller number. */
export function shown({ stock, own }: Registers): number {
  return own.reduce((sum, units) => sum + Math.min(stock, units), 0);
}

export function offerIdsOf(listing: ShopListing): string[] {
  return listing.fields['offerIds']!.split(',');
}
