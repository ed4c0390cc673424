/** Listings Items API 2021-08-01: what is sent for a quantity, and what an item tells about the live one. */
import type { Listing, ReadOutcome, Reading, WriteEntry } from '../../adapter.ts';
import type { Item } from './schemas.ts';

/** The channel code of merchant-fulfilled stock. `AMAZON_*` is Amazon's own; anything else is a location (MLI). */
const merchant = 'DEFAULT';

/** `status` needs summaries, the live quantity fulfillmentAvailability; the vendor's default is summaries alone. */
export const includedData = ['summaries', 'fulfillmentAvailability', 'issues'] as const;

/** Encoded once, `/` and `#` included: unencoded they are a 403, encoded twice a SKU that nobody has. */
export function itemPath(sellerId: string, sku?: string): string {
  const items = `/listings/2021-08-01/items/${encodeURIComponent(sellerId)}`;
  return sku === undefined ? items : `${items}/${encodeURIComponent(sku)}`;
}

/**
 * `merge`, never `replace`: that rewrites the entry and wipes its handling time and restock date. The channel code is
 * the selector without which the entry is not found.
 */
export function quantityPatch({ listing, quantity }: WriteEntry, productType: string): { productType: string; patches: unknown[] } {
  return {
    productType: listing.fields['productType'] ?? productType,
    patches: [{
      op: 'merge',
      path: '/attributes/fulfillment_availability',
      value: [{ fulfillment_channel_code: merchant, quantity }],
    }],
  };
}

export function listingOf(item: Item, marketplaceId: string): Listing {
  const productType = summaryOf(item, marketplaceId)?.productType;
  return { id: item.sku, sku: item.sku, fields: productType === undefined ? {} : { productType } };
}

/** The live quantity of an item, or why it has none that Plumb may write. */
export function readOutcome(listing: Listing, item: Item, marketplaceId: string): ReadOutcome {
  const failed = (code: string, message: string): ReadOutcome => ({ kind: 'failed', listing, code, message });
  // A write would put a merchant's entry beside it: it is not ours to write.
  const foreignTo = (code: string, message: string): ReadOutcome => ({ kind: 'missing', listing, code, message });
  const codes = item.fulfillmentAvailability.map(a => a.fulfillmentChannelCode);
  const foreign = codes.find(code => code !== merchant);
  // A DEFAULT entry may survive a switch to Amazon's fulfilment, so the other entries decide.
  if (foreign?.startsWith('AMAZON_')) return foreignTo('FULFILLED_BY_AMAZON', `${listing.sku} is fulfilled by Amazon (${foreign})`);
  if (foreign !== undefined) return foreignTo('MULTI_LOCATION', `${listing.sku} has stock by location (${foreign}), which is not supported`);
  const quantity = item.fulfillmentAvailability.find(a => a.fulfillmentChannelCode === merchant)?.quantity;
  if (quantity === undefined) return failed('NO_QUANTITY', `${listing.sku} has no merchant-fulfilled quantity`);
  return { kind: 'read', reading: { listing, quantity, ...standing(item, quantity, marketplaceId) } };
}

/**
 * At 0 a listing loses BUYABLE by its quantity alone, so there only what Amazon holds against it counts.
 *
 * @returns whether a buyer can buy, how many, and in Amazon's words why not
 */
function standing(item: Item, quantity: number, marketplaceId: string): Pick<Reading, 'active' | 'buyable' | 'reason'> {
  const summary = summaryOf(item, marketplaceId);
  const enforced = (item.issues ?? []).filter(i =>
    i.enforcements?.actions.some(a => a.action === 'LISTING_SUPPRESSED' || a.action === 'CATALOG_ITEM_REMOVED')
    && (i.enforcements.exemption?.status ?? 'NOT_EXEMPT') === 'NOT_EXEMPT');
  const active = summary !== undefined && (quantity === 0 ? enforced.length === 0 : summary.status.includes('BUYABLE'));
  if (active) return { active, buyable: quantity };
  const words = enforced.map(i => `${i.code} ${i.message}`);
  const status = summary ? `status is [${summary.status.join(', ')}]` : `not in store ${marketplaceId}`;
  return { active, buyable: 0, reason: [...words, status].join('; ') };
}

function summaryOf(item: Item, marketplaceId: string): Item['summaries'][number] | undefined {
  return item.summaries.find(s => s.marketplaceId === marketplaceId);
}
