/** What a Walmart account is configured with: client credentials, the ship node, and the waits that are our choice. */
import { z } from 'zod';
import type { AccountSettings } from '../../adapter.ts';

const credentialsSchema = z.strictObject({
  clientId: z.string().min(1),
  clientSecret: z.string().min(1),
});

const settingsSchema = z.strictObject({
  /** The one node that Plumb writes and reads. Without it: the account's default node, right only where it is the sole one. */
  shipNode: z.string().regex(/^\d+$/, 'is a ship node id, digits only').optional(),
  /** `WM_CONSUMER.CHANNEL.TYPE`, where onboarding gave one. */
  channelType: z.string().min(1).optional(),
  /** A read right after a write may be old for seconds [measured by one operator]: the first look. */
  verifyAfterMs: z.number().int().positive().default(5_000),
  /** How long a write may stay unseen before it counts as not applied; "minutes" is the worst figure told [?]. */
  verifyWithinMs: z.number().int().positive().default(120_000),
  /** How late an order may show in the list [?]. */
  orderLagMs: z.number().int().min(0).default(60_000),
  /** How far each poll reaches back over the last one. */
  orderOverlapMs: z.number().int().min(0).default(300_000),
  /** How far the first poll reaches back. */
  orderLookbackDays: z.number().positive().max(179).default(30),
  /** Longest span of changes in one query: a query gives at most 10,000 orders. */
  orderWindowDays: z.number().positive().max(179).default(7),
  /** Read a span again when fewer orders came than `meta.totalCount` promised; off if that figure proves untrue [?]. */
  checkOrderTotals: z.boolean().default(true),
})
  .refine(s => s.verifyAfterMs < s.verifyWithinMs, { path: ['verifyWithinMs'], message: 'must be above verifyAfterMs' })
  .refine(s => s.orderLagMs <= s.orderOverlapMs, { path: ['orderOverlapMs'], message: 'must not be below orderLagMs' })
  .refine(s => s.orderOverlapMs < s.orderWindowDays * 86_400_000, { path: ['orderWindowDays'], message: 'must be longer than orderOverlapMs' });

export type WalmartSettings = z.infer<typeof settingsSchema>;
export type WalmartCredentials = z.infer<typeof credentialsSchema>;

/** @throws {TypeError} naming account, field and value; a credential's value is never shown */
export function checked(account: AccountSettings): { credentials: WalmartCredentials; settings: WalmartSettings } {
  return {
    credentials: check(credentialsSchema, account.credentials, `account ${account.account}: credentials`, false),
    settings: check(settingsSchema, account.settings, `account ${account.account}: settings`, true),
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
