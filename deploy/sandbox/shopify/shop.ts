/** The kit's shop with what Shopify keeps beside it: gids, committed units, items that are not stocked or not tracked. */
import { Shop } from '../kit/shop.ts';
import type { ShopListing, ShopOrder } from '../kit/shop.ts';
import type { SandboxClock } from '../kit/clock.ts';

export const locationId = 'gid://shopify/Location/655441491';

/** Ids are above 2^53, as Shopify's may be (shopify.md 0.8): an adapter that makes numbers of them loses them. */
const firstItem = 271_878_346_596_884_015n;
const firstOrder = 820_982_911_946_154_508n;
const firstLine = 866_550_311_766_439_020n;

export interface Item { gid: string; number: string; listing: ShopListing }

export class ShopifyShop extends Shop {
  /** In order of creation. */
  readonly items: Item[] = [];
  readonly itemsByGid = new Map<string, Item>();
  /** SKUs of items that are not stocked at the location, not tracked, or parents of bundles; for tests. */
  readonly unstocked = new Set<string>();
  readonly untracked = new Set<string>();
  readonly bundles = new Set<string>();
  /** What kind of location it is; for tests. */
  readonly location = { isActive: true, isFulfillmentService: false };
  readonly #committed = new Map<string, number>();

  constructor({ account, clock }: { account: string; clock: SandboxClock }) {
    super({
      account,
      clock,
      fields: (_sku, n) => ({ inventoryItemId: `gid://shopify/InventoryItem/${firstItem + BigInt(n)}`, locationId }),
      orderId: n => String(firstOrder + BigInt(n)),
      lineId: n => String(firstLine + BigInt(n)),
    });
  }

  /** Units in open orders: ordered, not cancelled, not shipped. */
  committed(sku: string): number {
    return this.#committed.get(sku) ?? 0;
  }

  override addListing(sku: string, quantity: number): ShopListing {
    const listing = super.addListing(sku, quantity);
    const gid = listing.fields['inventoryItemId']!;
    if (!this.itemsByGid.has(gid)) {
      const item = { gid, number: gid.slice(gid.lastIndexOf('/') + 1), listing };
      this.items.push(item);
      this.itemsByGid.set(gid, item);
    }
    return listing;
  }

  // shopify.md 6.1: an order moves units from available to committed, its end takes them out of committed.
  override buy(buyer: string, wanted: { sku: string; units: number }[]): { order: ShopOrder | undefined; refused: { sku: string; units: number }[] } {
    const bought = super.buy(buyer, wanted);
    for (const { sku, units } of bought.order?.lines ?? []) this.#commit(sku, units);
    return bought;
  }

  override cancel(orderId: string, line: string, units?: number): number {
    return this.#release(orderId, line, super.cancel(orderId, line, units));
  }

  override ship(orderId: string, line: string): number {
    return this.#release(orderId, line, super.ship(orderId, line));
  }

  #release(orderId: string, line: string, units: number): number {
    const sku = this.orders.get(orderId)?.lines.find(l => l.line === line)?.sku;
    if (sku !== undefined) this.#commit(sku, -units);
    return units;
  }

  #commit(sku: string, units: number): void {
    this.#committed.set(sku, this.committed(sku) + units);
  }
}
