/** eBay's abilities and open questions (Sell Inventory API; Trading API for the listings that it does not manage). */
import type { ChannelProfile } from '../../profile.ts';

export const ebayProfile: ChannelProfile = {
  channel: 'ebay',
  title: 'eBay',
  write: {
    kinds: ['set'],
    batch: 25,
    spares: '`bulk_update_price_quantity` names quantities alone; the calls that replace whole items and offers are never made. `ReviseInventoryStatus` (4 entries) does the same for listings that the Inventory API does not manage',
  },
  verification: { answerProves: false, afterMs: 1_000, withinMs: 60_000 },
  readBatch: 25,
  listing: {
    fields: {
      offerIds: { is: 'ids of its published offers, with commas between' },
      itemId: { is: 'the item\'s number, of a listing that the Trading API keeps' },
      variation: { is: 'of such a listing, the variation\'s SKU' },
    },
    idOf: (sku, { itemId, variation }) => (itemId === undefined ? sku : variation === undefined ? itemId : `${itemId}/${variation}`),
  },
  countsSold: '`soldQuantity` of each published offer, `QuantitySold` of a listing of the Trading API, unless `soldCount` is off',
  tellsInactive: true,
  orders: 'by last modification, polls overlap by 2 min, complete to 1 min ago; unpaid orders may be missing',
  rates: 'calls a day and per application, counted by Plumb, as are the 250 revisions of a listing in a day, the last 20 of which are not spent on raises; eBay is asked what is left of the day every 15 min and after a 429',
  token: { lifeMs: 7_200_000 },
  notifications: '`X-EBAY-SIGNATURE`, ECDSA of the body under a key fetched by its id and kept for an hour',
  notifiesBy: 'webhook',
  bulk: 'inventory feeds exist, not used',
  questions: [
    {
      id: 'apply-lag', source: 'ebay.md 3', experiment: 'lag',
      asks: 'How long after a write does a read show it?',
      settings: { verifyAfterMs: 'afterMs', verifyWithinMs: 'withinMs' },
    },
    {
      id: 'batch', source: 'ebay.md 2', experiment: 'batch',
      asks: 'Is a call of several entries taken? The contract says both 1 and 25.',
      settings: { batch: 'batch' },
    },
    { id: 'unchanged', source: 'ebay.md 2.1, idempotency', experiment: 'unchanged', asks: 'Is a write of the quantity that is there accepted like any other?' },
    { id: 'zero', source: 'ebay.md 6.1', experiment: 'zero', asks: 'Does the listing stay at 0 (out-of-stock control), and sell again when raised?' },
    {
      id: 'revision-count', source: 'ebay.md 2.1, idempotency', experiment: 'person',
      asks: 'Does a write of an unchanged value count as one of the day\'s 250 revisions?',
      instructions: 'Compare the revision history of the test listing in Seller Hub before and after the question "unchanged".',
    },
    {
      id: 'cancelled', source: 'ebay.md 6.1', experiment: 'person',
      asks: 'Does a cancelled order return its unit, and does `soldQuantity` fall?',
      instructions: 'Buy and cancel one unit of the test listing, and read it before and after. Plumb needs no answer: it takes either.',
    },
  ],
};
