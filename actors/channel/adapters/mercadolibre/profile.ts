/** Mercado Libre's abilities and open questions. */
import type { ChannelProfile } from '../../profile.ts';
import { listingId } from './ways.ts';

export const mercadolibreProfile: ChannelProfile = {
  channel: 'mercadolibre',
  title: 'Mercado Libre',
  write: {
    kinds: ['version', 'set'],
    batch: 1,
    spares: 'all variation ids and all warehouses are sent back as read, for what is left out is removed or not documented',
  },
  verification: { answerProves: 'where it shows the quantity or a new version', afterMs: 1_000, withinMs: 30_000 },
  readBatch: 20,
  listing: {
    fields: {
      itemId: { is: 'the item', needed: true },
      way: { is: 'how it is written: `item`, `variations`, `selling_address` or `seller_warehouse`', needed: true },
      variationId: { is: 'of a variation' },
      userProductId: { is: 'of a user product' },
      storeId: { is: 'of a user product in a seller\'s warehouse' },
      networkNodeId: { is: 'of the same' },
    },
    idOf: (_, { itemId, variationId, userProductId }) => (variationId === undefined ? userProductId ?? itemId! : listingId(itemId!, variationId)),
  },
  countsSold: '`sold_quantity` of an item or variation that shares its stock with no other, in answers to writes too, where `soldCount` says so',
  tellsInactive: true,
  orders: 'by last update, polls overlap by 10 min, complete to 1 min ago; every status counts until it is cancelled',
  rates: 'one published limit, 100 stock reads a minute; the others are settings; a 429 brings no wait',
  token: { lifeMs: 10_800_000, rotatesWhen: {} },
  notifications: 'no signature: application and seller must be known, and only the read that follows is believed; answered within 500 ms',
  notifiesBy: 'webhook',
  bulk: 'none',
  questions: [
    {
      id: 'apply-lag', source: 'mercadolibre.md 3', experiment: 'lag',
      asks: 'How long after a write does a read show it, and does the answer prove it?',
      settings: { verifyAfterMs: 'afterMs', verifyWithinMs: 'withinMs' },
    },
    { id: 'condition', source: 'mercadolibre.md 2.5', experiment: 'condition', asks: 'Is a write on an outdated version refused?' },
    { id: 'unchanged', source: 'mercadolibre.md 2', experiment: 'unchanged', asks: 'Is a write of the quantity that is there accepted like any other?' },
    { id: 'zero', source: 'mercadolibre.md 7', experiment: 'zero', asks: 'Can the listing go to 0 by quantity, and sell again when raised?' },
    {
      id: 'sold-count', source: 'mercadolibre.md 3', experiment: 'person',
      asks: 'Does `sold_quantity` rise at once with a sale, of that variation alone? Does a cancellation take it off again?',
      instructions: 'Buy one unit as a test user, and read the item every few seconds until the order is found; then cancel it and read it again. Where it rose no later than the order was found, set `soldCount: true`.',
    },
    {
      id: 'variation-put', source: 'mercadolibre.md 2.3', experiment: 'person',
      asks: 'Does PUT /items/{id}/variations/{variation} take a quantity?',
      instructions: 'On a test user\'s item with two variations. Plumb needs no answer: it sends all ids.',
    },
    {
      id: 'store-left-out', source: 'mercadolibre.md 2.5', experiment: 'person',
      asks: 'What becomes of a warehouse that a write leaves out?',
      instructions: 'Test user with two warehouses. Plumb needs no answer: it sends all of them.',
    },
    {
      id: 'retry-after', source: 'mercadolibre.md 4', experiment: 'person',
      asks: 'Does a 429 bring a Retry-After?',
      instructions: 'The ATTEMPT journal shows the first 429 that comes by itself; do not provoke one, the limit is shared by all sellers of the app.',
    },
  ],
};
