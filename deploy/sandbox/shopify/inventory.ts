/** Inventory as the Admin API shows it; source objects for graphql's default resolvers. */
import { GraphQLError } from 'graphql';
import { byId, connection } from './connection.ts';
import type { PageArgs } from './connection.ts';
import { locationId } from './shop.ts';
import type { Item, ShopifyShop } from './shop.ts';

export interface InventoryOptions {
  /** Objects after which a list ends. */
  deepest: number;
  instant(at: number): string;
}

export class Inventory {
  readonly #shop: ShopifyShop;
  readonly #options: InventoryOptions;

  #levelsOf: { state: string; levels: { value: number; id: string; node: () => unknown }[] } | undefined;

  constructor(shop: ShopifyShop, options: InventoryOptions) {
    this.#shop = shop;
    this.#options = options;
  }

  item(gid: string): unknown {
    const item = this.#shop.itemsByGid.get(gid);
    return item ? this.#itemSource(item) : null;
  }

  location(gid: string | null | undefined): unknown {
    if (gid !== locationId) return null;
    return {
      __typename: 'Location',
      id: locationId,
      name: 'Warehouse',
      ...this.#shop.location,
      inventoryLevels: (args: PageArgs & { query?: string | null }) => this.#levels(args),
    };
  }

  #levels(args: PageArgs & { query?: string | null }): unknown {
    const [, above] = /^inventory_item_id:>(\d+)$/.exec(args.query ?? '') ?? [];
    if (args.query && above === undefined) throw badRequest(`The search ${args.query} is not served here`);
    const stocked = this.#stocked();
    const from = above === undefined ? 0 : stocked.findIndex(({ id }) => byId(id, above) > 0);
    return connection(from < 0 ? [] : stocked.slice(from), args, this.#options.deepest);
  }

  /** The levels of the location by item number, made anew only when the catalogue has changed. */
  #stocked(): { value: number; id: string; node: () => unknown }[] {
    const { items, unstocked } = this.#shop;
    const state = `${items.length} ${[...unstocked].join()}`;
    if (this.#levelsOf?.state !== state) {
      const stocked = items.filter(({ listing }) => !unstocked.has(listing.sku));
      this.#levelsOf = { state, levels: stocked.map(item => ({ value: 0, id: item.number, node: () => this.#level(item) })) };
    }
    return this.#levelsOf.levels;
  }

  #itemSource(item: Item): Record<string, unknown> {
    const { gid, number, listing: { sku, active } } = item;
    return {
      __typename: 'InventoryItem',
      id: gid,
      sku,
      tracked: !this.#shop.untracked.has(sku),
      duplicateSkuCount: 0,
      // shopify.md 3: null where the item is not stocked at that location
      inventoryLevel: (args: { locationId: string }) =>
        args.locationId === locationId && !this.#shop.unstocked.has(sku) ? this.#level(item) : null,
      variants: (args: PageArgs) => connection([{ value: 0, id: number, node: () => ({
        __typename: 'ProductVariant',
        id: `gid://shopify/ProductVariant/${number}`,
        sku,
        inventoryPolicy: 'DENY',
        product: { __typename: 'Product', id: `gid://shopify/Product/${number}`, status: active ? 'ACTIVE' : 'DRAFT' },
      }) }], args),
    };
  }

  #level(item: Item): Record<string, unknown> {
    const { number, listing } = item;
    const id = `gid://shopify/InventoryLevel/${number}?inventory_item_id=${number}`;
    const updatedAt = this.#options.instant(listing.updatedAt);
    return {
      __typename: 'InventoryLevel',
      id,
      isActive: true,
      updatedAt,
      item: () => this.#itemSource(item),
      location: () => this.location(locationId),
      quantities: ({ names }: { names: string[] }) => {
        const available = this.#shop.read(listing.sku)!.quantity;
        const committed = this.#shop.committed(listing.sku);
        // shopify.md 6.1: on_hand = available + committed + the set-aside states, which are 0 here
        const aside = { reserved: 0, damaged: 0, safety_stock: 0, quality_control: 0, incoming: 0 };
        const all: Record<string, number> = { available, committed, on_hand: available + committed, ...aside };
        return names.map(name => {
          if (all[name] === undefined) throw badRequest(`Quantity name ${name} is not valid`);
          const id = `gid://shopify/InventoryQuantity/${number}?name=${name}`;
          return { __typename: 'InventoryQuantity', id, name, quantity: all[name], updatedAt };
        });
      },
    };
  }
}

export const badRequest = (message: string): GraphQLError => new GraphQLError(message, { extensions: { code: 'BAD_REQUEST' } });

const inputMax = 250;

/** shopify.md 2.1: an input array holds at most 250 entries. */
export function refuseLongInput({ length }: { length: number }): void {
  if (length <= inputMax) return;
  const message = `The input array size of ${length} is greater than the maximum allowed of ${inputMax}.`;
  throw new GraphQLError(message, { extensions: { code: 'MAX_INPUT_SIZE_EXCEEDED' } });
}
