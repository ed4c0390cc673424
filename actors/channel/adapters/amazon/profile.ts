/** Amazon's abilities and open questions (Selling Partner API, merchant-fulfilled offers). */
import type { ChannelProfile } from '../../profile.ts';

export const amazonProfile: ChannelProfile = {
  channel: 'amazon',
  title: 'Amazon (MFN)',
  write: {
    kinds: ['set'],
    batch: 1,
    spares: '`merge` of the one availability entry: handling time and restock date stay; a patch never creates a listing',
  },
  verification: { answerProves: false, afterMs: 30_000, withinMs: 900_000 },
  readBatch: 20,
  listing: { fields: { productType: { is: 'its product type; `settings.productType` counts where it is not known' } }, idOf: sku => sku },
  tellsInactive: true,
  orders: 'search by last update, polls overlap by 5 min, Pending orders included; complete to what Amazon says, 2 min ago; one that changes again within those may come later (A3 of docs/exposure.md)',
  rates: 'token bucket per operation; `x-amzn-RateLimit-Limit` where it comes, the published figure where it does not; a 429 brings no wait',
  token: { lifeMs: 3_600_000 },
  notifications: 'order and quantity changes by SQS, over a queue port; the queue\'s own access is the proof of origin',
  notifiesBy: 'queue',
  bulk: '`JSON_LISTINGS_FEED` for raises where `settings.feeds` asks for it: 5,000 SKUs each, every 20 min, overdue after 1 h',
  feed: 'JSON_LISTINGS_FEED',
  questions: [
    {
      id: 'apply-lag', source: 'amazon.md 3, lag', experiment: 'lag',
      asks: 'How long after ACCEPTED does the live quantity show?',
      settings: { verifyAfterMs: 'afterMs', verifyWithinMs: 'withinMs' },
    },
    { id: 'unchanged', source: 'amazon.md 2.1', experiment: 'unchanged', asks: 'Is a write of the quantity that is there accepted like any other?' },
    { id: 'zero', source: 'amazon.md 7', experiment: 'zero', asks: 'Does a listing at 0 stay, and sell again when raised?' },
    {
      id: 'shared-quantity', source: 'amazon.md 3, no marketplace', experiment: 'person',
      asks: 'Do the stores of one region share one quantity?',
      instructions: 'Offer a test SKU in two stores of one region, write it in one, and look at it in the other with plumb channel probe of each account.',
    },
    {
      id: 'net-of-sales', source: 'amazon.md 6.1', experiment: 'person',
      asks: 'Are orders placed between our read and the processing of a write taken off it?',
      instructions: 'Buy one unit of the test SKU within the lag after a write, and read it 15 minutes later.',
    },
    {
      id: 'cancelled-pending', source: 'amazon.md 6.1', experiment: 'person',
      asks: 'Does an order cancelled while Pending return its unit?',
      instructions: 'Buy one unit of the test SKU, cancel while Pending, and read it before and after.',
    },
  ],
};
