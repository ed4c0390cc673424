/** What a marketplace behind a mapping can do depends on the mapping; this is what the adapter can make of it. */
import type { ChannelProfile } from '../../profile.ts';

export const genericRestProfile: ChannelProfile = {
  channel: 'generic-rest',
  title: 'Any REST API',
  write: { kinds: ['swap', 'version', 'set', 'gross'], batch: 1_000, spares: 'the mapping\'s request holds what is sent, and nothing else is' },
  verification: { answerProves: 'where the mapping\'s row has a quantity', afterMs: 1_000, withinMs: 60_000 },
  readBatch: 1_000,
  listing: { fields: {}, open: true },
  countsSold: 'where the mapping\'s row has `sold`',
  tellsInactive: true,
  orders: 'by update, polls overlap by 5 min, complete to 1 min ago, or as the mapping says',
  rates: 'the mapping\'s limits, corrected by the header that it names and by `Retry-After`',
  token: { lifeMs: 3_600_000 },
  notifications: 'none',
  bulk: 'none',
  questions: [
    { id: 'apply-lag', source: 'docs/add-a-channel.md', experiment: 'lag', asks: 'How long after a write does a read show it?' },
    { id: 'condition', source: 'docs/add-a-channel.md', experiment: 'condition', asks: 'Is a write on an outdated reading refused?' },
    { id: 'unchanged', source: 'docs/add-a-channel.md', experiment: 'unchanged', asks: 'Is a write of the quantity that is there accepted like any other?' },
    { id: 'zero', source: 'docs/add-a-channel.md', experiment: 'zero', asks: 'Does a listing at 0 stay, and sell again when raised?' },
  ],
};
