/** The live value of a SKU: for each of its offers the smaller of the item's stock and the offer's own quantity. */
import type { Listing, Reading } from '../../adapter.ts';
import type { Offer } from './schemas.ts';

/** States in which a buyer can buy, or could if there were any: OUT_OF_STOCK comes back with a positive quantity. */
const openStates = new Set(['ACTIVE', 'OUT_OF_STOCK']);

/** Auctions are bound to one unit and take no quantity; a SKU may have one beside its fixed-price offers. */
export function fixedPrice(offers: readonly Offer[], sku: string): Offer[] {
  return offers.filter(o => (o.format === undefined || o.format === 'FIXED_PRICE') && (o.sku === undefined || o.sku === sku));
}

export function isPublished(offer: Offer): boolean {
  return offer.status === 'PUBLISHED';
}

/** Unique by SKU: eBay knows an item by nothing else, while its offers come and go. */
export function listingOf(sku: string, offers: readonly Offer[]): Listing {
  return { id: sku, sku, fields: { offerIds: offers.filter(isPublished).map(o => o.offerId).join(',') } };
}

/**
 * What the offers show. A sale lowers an offer's `availableQuantity`; whether it lowers the item's stock too is not
 * documented, and the smaller number is right either way.
 *
 * @param stock the item's `shipToLocationAvailability.quantity`; an offer without its own quantity shows this one
 * @returns nothing where no number at all was given: missing is not zero
 */
export function readingOf(asked: Listing, stock: number | undefined, offers: readonly Offer[]): Reading | undefined {
  const published = offers.filter(isPublished);
  // With none published, the unpublished ones count: they may come back as they were.
  const counted = published.length > 0 ? published : offers;
  const shown = counted.map(offer => ({ units: smaller(stock, offer.availableQuantity), closed: closedBecause(offer, stock) }));
  if (shown.length === 0 || shown.some(({ units }) => units === undefined)) return undefined;
  const sum = (of: typeof shown): number => of.reduce((total, { units }) => total + units!, 0);
  // Of published offers alone: one that was withdrawn begins to count anew, under a new listing id.
  const counts = published.map(offer => offer.listing?.soldQuantity);
  const sold = counts.reduce<number | undefined>((total, units) => (total === undefined || units === undefined ? undefined : total + units), published.length > 0 ? 0 : undefined);
  const open = shown.filter(({ closed }) => closed === undefined);
  return {
    listing: published.length === 0 ? asked : { ...asked, fields: { ...asked.fields, ...listingOf(asked.sku, published).fields } },
    quantity: sum(shown),
    buyable: sum(open),
    ...(sold !== undefined && { sold, soldBy: published.map(({ offerId, listing }) => listing?.listingId ?? offerId).sort().join(',') }),
    active: open.length > 0,
    ...(open.length === 0 && { reason: shown.map(({ closed }) => closed).join('; ') }),
  };
}

/** Where the account's count of its sales is not believed. */
export function uncounted({ sold: _sold, soldBy: _by, ...reading }: Reading): Reading {
  return reading;
}

function smaller(stock: number | undefined, own: number | undefined): number | undefined {
  return stock === undefined ? own : Math.min(stock, own ?? stock);
}

/** The vendor's words for why an offer cannot be bought, or nothing where it can. */
function closedBecause({ offerId, status, listing }: Offer, stock: number | undefined): string | undefined {
  if (stock === undefined) return 'the item has no stock set';
  if (status !== 'PUBLISHED') return `offer ${offerId} ${status}`;
  if (listing?.listingOnHold === true) return `offer ${offerId} on hold`;
  const state = listing?.listingStatus;
  return state === undefined || openStates.has(state) ? undefined : `offer ${offerId} ${state}`;
}
