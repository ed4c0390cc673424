/** What an eBay account is configured with. Everything the vendor leaves open is a setting here, with a safe default. */
import { z } from 'zod';
import type { AccountSettings } from '../../adapter.ts';

export const ebayCredentials = z.object({
  clientId: z.string().min(1),
  clientSecret: z.string().min(1),
  refreshToken: z.string().min(1).describe('From the seller\'s consent; does not rotate, lives about 18 months.'),
});

const ms = (standard: number) => z.number().int().min(0).default(standard);

export const ebaySettings = z.strictObject({
  batch: z.number().int().min(1).max(25).default(25).describe('Entries of one bulk write. The vendor\'s contract says both 1 and 25; the adapter falls back to 1 by itself.'),
  readBatch: z.number().int().min(1).max(25).default(1).describe('Listings of one read: one call for their items and one per listing for its offers.'),
  importPage: z.number().int().min(1).max(200).default(20).describe('Listings of one import page: one call for the page and one per listing for its offers.'),
  legacy: z.boolean().default(false).describe('Listings made by the Trading API or on eBay\'s own pages are kept too. They share the Trading API\'s 5,000 calls a day: one for up to four writes, one for each read, one for a page of the import.'),
  verifyAfterMs: ms(1_000).describe('Read back from then on; and until then, after which a write happened or never will.'),
  verifyWithinMs: ms(60_000),
  ordersLagMs: ms(60_000).describe('Orders are taken as complete up to so long ago. eBay counts a sale at commitment but an unpaid order may be missing from the list: without immediate payment this must cover the time buyers have to pay.'),
  ordersOverlapMs: ms(120_000).describe('A poll begins so long before the end of the last one: the list shifts while it is paged.'),
  ordersBackMs: z.number().int().min(0).max(700 * 86_400_000).default(7 * 86_400_000).describe('How far back the first poll of an account goes; the vendor keeps at most two years.'),
  soldCount: z.boolean().default(true).describe('`soldQuantity` of an offer and `QuantitySold` of a listing rise with each sale at once, of that offer or variation alone: a scarce SKU\'s sale is known before its order is listed. What a cancellation does to them is not documented; either is right.'),
  revisionsPerDay: z.number().int().min(21).default(250).describe('Changes that eBay takes of one listing in a day; the last 20 are kept for zeros and decreases.'),
  scope: z.string().min(1).optional().describe('Asked for at each refresh, space separated; a subset of the consented ones. Left out: all of them.'),
});

export type EbayCredentials = z.infer<typeof ebayCredentials>;
export type EbaySettings = z.infer<typeof ebaySettings>;

/** @throws {TypeError} naming each wrong field; a setting with its value, a credential without */
export function readSettings(account: AccountSettings): { credentials: EbayCredentials; settings: EbaySettings } {
  return {
    credentials: check(ebayCredentials, account.credentials, `${account.account}: credentials`, false),
    settings: check(ebaySettings, account.settings, `${account.account}: settings`, true),
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
