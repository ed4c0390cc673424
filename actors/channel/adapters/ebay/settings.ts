/** What an eBay account is configured with. Everything the vendor leaves open is a setting here, with a safe default. */
import { z } from 'zod';
import type { AccountSettings } from '../../adapter.ts';

const credentialsSchema = z.object({
  clientId: z.string().min(1),
  clientSecret: z.string().min(1),
  /** From the seller's consent; does not rotate, lives about 18 months. */
  refreshToken: z.string().min(1),
});

const ms = (standard: number) => z.number().int().min(0).default(standard);

const settingsSchema = z.strictObject({
  /** Entries of one bulk write. The vendor's contract says both 1 and 25; the adapter falls back to 1 by itself. */
  batch: z.number().int().min(1).max(25).default(25),
  /** Listings of one read: one call for their items and one per listing for its offers. */
  readBatch: z.number().int().min(1).max(25).default(1),
  /** Listings of one import page: one call for the page and one per listing for its offers. */
  importPage: z.number().int().min(1).max(200).default(20),
  /** Read back from then on; and until then, after which a write happened or never will. */
  verifyAfterMs: ms(1_000),
  verifyWithinMs: ms(60_000),
  /**
   * Orders are taken as complete up to so long ago. eBay counts a sale at commitment but an unpaid order may be
   * missing from the list: without immediate payment this must cover the time buyers have to pay.
   */
  ordersLagMs: ms(60_000),
  /** A poll begins so long before the end of the last one: the list shifts while it is paged. */
  ordersOverlapMs: ms(120_000),
  /** How far back the first poll of an account goes; the vendor keeps at most two years. */
  ordersBackMs: z.number().int().min(0).max(700 * 86_400_000).default(7 * 86_400_000),
  /** Asked for at each refresh, space separated; a subset of the consented ones. Left out: all of them. */
  scope: z.string().min(1).optional(),
});

export type EbayCredentials = z.infer<typeof credentialsSchema>;
export type EbaySettings = z.infer<typeof settingsSchema>;

/** @throws {TypeError} naming each wrong field; a setting with its value, a credential without */
export function readSettings(account: AccountSettings): { credentials: EbayCredentials; settings: EbaySettings } {
  return {
    credentials: check(credentialsSchema, account.credentials, `${account.account}: credentials`, false),
    settings: check(settingsSchema, account.settings, `${account.account}: settings`, true),
  };
}

function check<T>(schema: z.ZodType<T>, input: unknown, what: string, show: boolean): T {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map(({ path, message }) => {
    const value = path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], input);
    return `${path.join('.') || '(all)'}: ${message}${show && path.length > 0 ? `, got ${JSON.stringify(value)}` : ''}`;
  });
  throw new TypeError(`${what}: ${wrong.join('; ')}`);
}
