/** What a Walmart account is configured with: client credentials, the ship node, and the waits that are our choice. */
import { z } from 'zod';
import type { AccountSettings } from '../../adapter.ts';

export const walmartCredentials = z.strictObject({
  clientId: z.string().min(1),
  clientSecret: z.string().min(1),
});

const minutes = 60_000;

/** Inventory feeds for raises, once so many of them wait; without it every write goes by the call for one SKU. */
const feedsSchema = z.strictObject({
  threshold: z.number().int().min(2),
  most: z.number().int().min(2).max(4_000).default(4_000).describe('Items of one feed: Walmart takes 10,000 and 1 MB.'),
  everyMs: z.number().int().positive().default(9 * minutes).describe('Ten feeds an hour for one node, of which some slots are kept free.'),
  lookEveryMs: z.number().int().positive().default(minutes).describe('"First look after about a minute is fine."'),
  overdueMs: z.number().int().positive().default(240 * minutes).describe('"30 min; hours at peak: give up at 4 h." Past it the listings are written one by one.'),
  forgetMs: z.number().int().positive().default(3 * 24 * 60 * minutes).describe('And past it nobody looks for the feed any more.'),
}).refine(s => s.threshold <= s.most, { path: ['threshold'], message: 'must not be above most' });

export const walmartSettings = z.strictObject({
  shipNode: z.string().regex(/^\d+$/, 'is a ship node id, digits only').optional().describe('The one node that Plumb writes and reads. Without it: the account\'s default node, right only where it is the sole one.'),
  channelType: z.string().min(1).optional().describe('`WM_CONSUMER.CHANNEL.TYPE`, where onboarding gave one.'),
  verifyAfterMs: z.number().int().positive().default(5_000).describe('A read right after a write may be old for seconds [measured by one operator]: the first look.'),
  verifyWithinMs: z.number().int().positive().default(120_000).describe('How long a write may stay unseen before it counts as not applied; "minutes" is the worst figure told [?].'),
  orderLagMs: z.number().int().min(0).default(60_000).describe('How late an order may show in the list [?].'),
  orderOverlapMs: z.number().int().min(0).default(300_000).describe('How far each poll reaches back over the last one.'),
  orderLookbackDays: z.number().positive().max(179).default(30).describe('How far the first poll reaches back.'),
  orderWindowDays: z.number().positive().max(179).default(7).describe('Longest span of changes in one query: a query gives at most 10,000 orders.'),
  checkOrderTotals: z.boolean().default(true).describe('Read a span again when fewer orders came than `meta.totalCount` promised; off if that figure proves untrue [?].'),
  feeds: feedsSchema.optional(),
})
  .refine(s => s.verifyAfterMs < s.verifyWithinMs, { path: ['verifyWithinMs'], message: 'must be above verifyAfterMs' })
  .refine(s => s.orderLagMs <= s.orderOverlapMs, { path: ['orderOverlapMs'], message: 'must not be below orderLagMs' })
  .refine(s => s.orderOverlapMs < s.orderWindowDays * 86_400_000, { path: ['orderWindowDays'], message: 'must be longer than orderOverlapMs' });

export type WalmartSettings = z.infer<typeof walmartSettings>;
export type WalmartCredentials = z.infer<typeof walmartCredentials>;

/** @throws {TypeError} naming account, field and value; a credential's value is never shown */
export function checked(account: AccountSettings): { credentials: WalmartCredentials; settings: WalmartSettings } {
  return {
    credentials: check(walmartCredentials, account.credentials, `account ${account.account}: credentials`, false),
    settings: check(walmartSettings, account.settings, `account ${account.account}: settings`, true),
  };
}

function check<T>(schema: z.ZodType<T>, value: unknown, where: string, show: boolean): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(issue => {
    const found = issue.path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], value);
    return [where, ...issue.path].join('.') + `: ${issue.message}` + (show ? `, got ${JSON.stringify(found)}` : '');
  });
  throw new TypeError(faults.join('; '));
}
