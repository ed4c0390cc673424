/**
 * The ways to write a quantity, and which of them a listing wants. The account and the item decide; the wrong way may
 * answer 200 and change nothing. Decided at each import and kept in `Listing.fields`, so that a daily import follows
 * an account which the vendor switches to multi-origin.
 */
import { z } from 'zod';
import type { Listing } from '../../adapter.ts';
import { TerminalError } from '../../../errors.ts';
import type { Item, User, Variation } from './schemas.ts';
import type { Settings } from './settings.ts';

/** In `Listing.fields`. `userProductId` may accompany `item`: a user product of one origin, written through one item. */
const fieldsSchema = z.discriminatedUnion('way', [
  /** `PUT /items/{id}` with the quantity. */
  z.object({ way: z.literal('item'), itemId: z.string(), userProductId: z.string().optional() }),
  /** `PUT /items/{id}` with the ids of all variations. */
  z.object({ way: z.literal('variations'), itemId: z.string(), variationId: z.string() }),
  /** `PUT /user-products/{id}/stock/type/selling_address`: Full and Flex together, in Argentina and Chile. */
  z.object({ way: z.literal('selling_address'), itemId: z.string(), userProductId: z.string() }),
  /** `PUT /user-products/{id}/stock/type/seller_warehouse`: multi-origin. */
  z.object({
    way: z.literal('seller_warehouse'),
    itemId: z.string(),
    userProductId: z.string(),
    storeId: z.string(),
    networkNodeId: z.string(),
  }),
  /** Not writable, and why. */
  z.object({ way: z.literal('none'), itemId: z.string(), variationId: z.string().optional(), reason: z.string() }),
]);

export type Fields = z.infer<typeof fieldsSchema>;
export type StockFields = Extract<Fields, { way: 'selling_address' | 'seller_warehouse' }>;

/** @throws {TerminalError} for a listing that no import of this adapter has made */
export function fieldsOf(listing: Listing): Fields {
  const parsed = fieldsSchema.safeParse(listing.fields);
  if (parsed.success) return parsed.data;
  throw new TerminalError(`listing ${listing.id}: fields ${JSON.stringify(listing.fields)}: ${z.prettifyError(parsed.error)}`, { code: 'fields' });
}

/** True where the quantity is one location of a user product: read and written by itself, under a version. */
export const isStock = (fields: Fields): fields is StockFields =>
  fields.way === 'selling_address' || fields.way === 'seller_warehouse';

/** What an item is to be kept by: listings as they stand, or a user product whose locations must be seen first. */
export type Decision = { listings: Listing[] } | { userProductId: string };

/** The decision table. Kits cannot be told from the item: their writes are refused by the vendor. */
export function decide(user: Pick<User, 'site_id' | 'tags'>, item: Item): Decision {
  const none = (reason: string): Decision => ({ listings: listingsOf(item, () => ({ way: 'none', reason })) });
  if (user.tags.includes('warehouse_management')) {
    return item.user_product_id ? { userProductId: item.user_product_id } : none('multi-origin account, and the item has no user product');
  }
  if (item.shipping?.logistic_type === 'fulfillment') {
    if (!item.shipping.tags?.includes('self_service_in')) return none('sold from Full only');
    if (user.site_id !== 'MLA' && user.site_id !== 'MLC') return none(`Full and Flex together cannot be set apart in ${user.site_id}`);
    return item.user_product_id ? { userProductId: item.user_product_id } : none('Full and Flex together, and the item has no user product');
  }
  if (item.variations?.length && item.family_name) return none('has a family name and variations: in the middle of a migration');
  return {
    listings: listingsOf(item, variation => variation
      ? { way: 'variations' }
      : { way: 'item', ...(item.user_product_id && { userProductId: item.user_product_id }) }),
  };
}

/** One listing for an item, or one for each of its variations. */
function listingsOf(item: Item, fields: (variation: Variation | undefined) => Record<string, string>): Listing[] {
  const variations = item.variations ?? [];
  if (variations.length === 0) {
    const id = item.user_product_id ?? item.id;
    return [{ id, sku: skuOf(item) ?? id, fields: { itemId: item.id, ...fields(undefined) } }];
  }
  return variations.map(variation => {
    const id = listingId(item.id, variation.id);
    return { id, sku: skuOf(variation) ?? id, fields: { itemId: item.id, variationId: variation.id, ...fields(variation) } };
  });
}

/** How a listing without a user product is named, here and in orders. */
export const listingId = (itemId: string, variationId?: string | null): string =>
  variationId ? `${itemId}-${variationId}` : itemId;

/** The attribute `SELLER_SKU`, else the older `seller_custom_field`: the first wins. */
export function skuOf(of: Pick<Variation, 'attributes' | 'seller_custom_field'>): string | undefined {
  return of.attributes?.find(attribute => attribute.id === 'SELLER_SKU')?.value_name || of.seller_custom_field || undefined;
}

/**
 * Units ever sold of a listing, by the counter of its item or variation, where the account's settings believe it. Undefined for
 * a user product: each of its items counts its own sales, and they all draw on one stock.
 */
export function soldOf({ soldCount }: Pick<Settings, 'soldCount'>, fields: Fields, of: { sold_quantity?: number | null | undefined }): { sold?: number } {
  if (!soldCount) return {};
  const shared = fields.way !== 'variations' && (fields.way !== 'item' || fields.userProductId !== undefined);
  return shared || of.sold_quantity == null ? {} : { sold: of.sold_quantity };
}

/** What of a quantity can be bought, and why none of it where the item is not for sale. */
export function standing(item: Pick<Item, 'status' | 'sub_status'>, quantity: number): { active: boolean; buyable: number; reason?: string } {
  const told = activity(item);
  return { ...told, buyable: told.active ? quantity : 0 };
}

/** Whether it can be bought, its quantity apart. Paused for lack of stock alone ends by itself with a quantity. */
export function activity({ status, sub_status }: Pick<Item, 'status' | 'sub_status'>): { active: boolean; reason?: string } {
  const sub = sub_status ?? [];
  if (status === 'active' || (status === 'paused' && sub.length > 0 && sub.every(why => why === 'out_of_stock'))) return { active: true };
  return { active: false, reason: [status, ...sub].join(' ') };
}
