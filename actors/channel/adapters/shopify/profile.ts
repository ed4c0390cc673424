/** Shopify's abilities and open questions (GraphQL Admin API). */
import type { ChannelProfile } from '../../profile.ts';

export const shopifyProfile: ChannelProfile = {
  channel: 'shopify',
  title: 'Shopify',
  write: {
    kinds: ['swap'],
    batch: 250,
    spares: '`inventorySetQuantities` names one item, one location and `available`; nothing else is sent',
  },
  verification: { answerProves: 'where it tells the quantity after the change', afterMs: 2_000, withinMs: 60_000 },
  readBatch: 100,
  listing: {
    fields: {
      inventoryItemId: { is: '`gid://shopify/InventoryItem/...`', needed: true },
      locationId: { is: 'that of the account\'s settings', needed: true },
    },
    idOf: (_, { inventoryItemId }) => inventoryItemId!,
  },
  tellsInactive: true,
  orders: 'by update, polls overlap by 5 min, complete to 1 min ago',
  rates: 'one bucket of query cost; each answer tells what it holds, its size and its pace',
  token: { lifeMs: 86_400_000, rotatesWhen: { grant: 'refresh-token' } },
  notifications: '`X-Shopify-Hmac-Sha256` over the raw body with the app\'s secret, or the one before it; `X-Shopify-Webhook-Id` names a repeat',
  notifiesBy: 'webhook',
  bulk: 'bulk mutations exist, not needed: one call sets 250',
  questions: [
    { id: 'unchanged', source: 'shopify.md 2.1, result', experiment: 'unchanged', asks: 'Is an entry that already had the value proven by the answer?' },
    { id: 'condition', source: 'shopify.md 2.1, compare and swap', experiment: 'condition', asks: 'Is a write on an outdated quantity refused?' },
    { id: 'one-bad', source: 'shopify.md 2.1, one bad entry', experiment: 'one-bad', asks: 'Does one refused entry keep the others of its call from being written?' },
    { id: 'repeat', source: 'shopify.md 5.4', experiment: 'repeat', asks: 'Is a repeat under the same key answered with the first result?' },
    { id: 'apply-lag', source: 'shopify.md 3', experiment: 'lag', asks: 'How long after the answer does a read show the new quantity?' },
    {
      id: 'payment-hold', source: 'shopify.md 6', experiment: 'person',
      asks: 'Does a buyer\'s checkout hold units that `available` does not show, and for how long?',
      instructions: 'On a development store, hold a checkout at payment and read available, reserved and committed every minute.',
    },
  ],
};
