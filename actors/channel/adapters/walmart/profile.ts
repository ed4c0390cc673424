/** Walmart's abilities and open questions (Marketplace US, seller-fulfilled). */
import type { ChannelProfile } from '../../profile.ts';

export const walmartProfile: ChannelProfile = {
  channel: 'walmart',
  title: 'Walmart US',
  write: {
    kinds: ['gross'],
    batch: 1,
    spares: 'one ship node of one SKU; lag time and the other nodes are not named and stay',
  },
  verification: { answerProves: false, afterMs: 5_000, withinMs: 120_000 },
  readBatch: 1,
  listing: { fields: { shipNode: { is: 'the ship node, where the account\'s settings name one' } }, idOf: sku => sku },
  tellsInactive: false,
  orders: 'by last modification, polls overlap by 5 min, complete to 1 min ago; one line per unit',
  rates: 'token bucket per operation of one minute; `x-current-token-count` and `x-next-replenish-time` correct it',
  token: { lifeMs: 900_000 },
  notifications: 'order and out-of-stock events; HMAC-SHA256 of the body with the client secret (hex or base64), name and password, or a token of ours',
  notifiesBy: 'webhook',
  bulk: '`MP_INVENTORY` (with a ship node) or `inventory` feeds for raises where `settings.feeds` asks for it: 4,000 SKUs each, every 9 min, overdue after 4 h',
  feed: 'MP_INVENTORY, inventory',
  questions: [
    {
      id: 'apply-lag', source: 'walmart.md 2.1, effect', experiment: 'lag',
      asks: 'How long after a 200 does a read show the new quantity?',
      settings: { verifyAfterMs: 'afterMs', verifyWithinMs: 'withinMs' },
    },
    { id: 'unchanged', source: 'walmart.md 2.1', experiment: 'unchanged', asks: 'Is a write of the quantity that is there accepted like any other?' },
    { id: 'zero', source: 'walmart.md 2.1', experiment: 'zero', asks: 'Does a listing at 0 stay, and sell again when raised?' },
    {
      id: 'ship-lowers', source: 'walmart.md 6.1', experiment: 'person',
      asks: 'Does Walmart lower the written number when a unit ships?',
      instructions: 'Buy and ship one unit of the test SKU without a write in between; compare inputQty before and after. If it falls by itself, Plumb\'s write at shipping is a repeat and harmless.',
    },
    {
      id: 'reserve-at', source: 'walmart.md 6.1', experiment: 'person',
      asks: 'Does the reservation begin at checkout or with the purchase order, and does acknowledging end it?',
      instructions: 'Buy one unit, reading reservedQty every few seconds from checkout to acknowledgement.',
    },
    {
      id: 'hmac-encoding', source: 'walmart.md 6.3', experiment: 'person',
      asks: 'Is the HMAC of a notification written in hex or base64?',
      instructions: 'Subscribe to a test event; the door accepts both and its log tells which came.',
    },
  ],
};
