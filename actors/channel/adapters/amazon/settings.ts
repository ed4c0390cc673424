/** What an Amazon account is made from: three secrets, and settings whose defaults are the vendor's own or the safe ones. */
import { z } from 'zod';
import type { AccountSettings } from '../../adapter.ts';

const minutes = 60_000;
const days = 24 * 60 * minutes;

export const amazonCredentials = z.strictObject({
  clientId: z.string().min(1).describe('Login with Amazon (LWA) application. Its secret must be rotated every 180 days.'),
  clientSecret: z.string().min(1),
  refreshToken: z.string().min(1).describe('The seller\'s grant; does not rotate.'),
});

/** `JSON_LISTINGS_FEED` for raises, once so many of them wait; without it every write goes by the call for one SKU. */
const feeds = z.strictObject({
  threshold: z.number().int().min(2),
  most: z.number().int().min(2).max(5_000).default(5_000).describe('Messages of one feed: Amazon takes 25,000, what is kept of them must fit into the account\'s record.'),
  everyMs: z.number().int().positive().default(20 * minutes).describe('"At most one feed of a type every 20 minutes" (Feeds API best practices).'),
  lookEveryMs: z.number().int().positive().default(minutes),
  overdueMs: z.number().int().positive().default(60 * minutes).describe('Amazon promises no time; users tell of hours and days. Past it the listings are written one by one.'),
  forgetMs: z.number().int().positive().default(3 * days).describe('And past it nobody looks for the feed any more.'),
}).refine(s => s.threshold <= s.most, { path: ['threshold'], message: 'must not be above most' });

export const amazonSettings = z.strictObject({
  sellerId: z.string().min(1).describe('Merchant token, e.g. `A2XXXXXXXXXXXX`.'),
  marketplaceId: z.string().min(1).describe('The one store written and read, e.g. `ATVPDKIKX0DER` (US).'),
  authUrl: z.string().min(1).default('https://api.amazon.com').describe('Origin of the token endpoint; relative to the API\'s address where it begins with `/`.'),
  productType: z.string().min(1).default('PRODUCT').describe('Sent with a patch where a listing\'s own product type is not known. Unconfirmed: `PRODUCT` is what users report.'),
  orderMarketplaceIds: z.array(z.string().min(1)).min(1).max(50).optional().describe('Stores whose orders count as sales. Unconfirmed whether stores of one region share a quantity, so by default all of the seller\'s stores count: a sale too many is a unit idle, a sale too few is one oversold.'),
  verifyAfterMs: z.number().int().positive().default(30_000).describe('From ACCEPTED to the first look. Unconfirmed: Amazon gives no figure; users speak of minutes.'),
  verifyWithinMs: z.number().int().positive().default(15 * minutes).describe('From ACCEPTED to giving up on it. Unconfirmed, as above.'),
  ordersOverlapMs: z.number().int().positive().default(5 * minutes).describe('Polls overlap by so much.'),
  ordersLookbackMs: z.number().int().positive().default(30 * days).describe('How far back the first poll reaches; a Pending order may last 21 days.'),
  feeds: feeds.optional(),
}).refine(s => s.verifyAfterMs < s.verifyWithinMs, { path: ['verifyWithinMs'], message: 'must be above verifyAfterMs' });

const account = z.object({ account: z.string(), baseUrl: z.url({ protocol: /^https?$/ }), credentials: amazonCredentials, settings: amazonSettings });

export type AmazonCredentials = z.infer<typeof amazonCredentials>;
export interface AmazonSettings extends z.infer<typeof amazonSettings> {
  account: string;
  /** Origins, without a slash at the end. */
  apiOrigin: string;
  authOrigin: string;
}

/** @throws {TypeError} naming each bad field, and its value unless that is a secret */
export function checked(given: AccountSettings): { credentials: AmazonCredentials; settings: AmazonSettings } {
  const parsed = account.safeParse(given);
  if (!parsed.success) throw new TypeError(`Amazon account ${given.account}: ${parsed.error.issues.map(i => complaint(i, given)).join('; ')}`);
  const apiOrigin = new URL(parsed.data.baseUrl).origin;
  const auth = URL.parse(parsed.data.settings.authUrl, apiOrigin);
  if (!auth || !/^https?:$/.test(auth.protocol)) {
    throw new TypeError(`Amazon account ${given.account}: settings.authUrl ${JSON.stringify(parsed.data.settings.authUrl)}: not an address`);
  }
  return {
    credentials: parsed.data.credentials,
    settings: { ...parsed.data.settings, account: given.account, apiOrigin, authOrigin: auth.origin },
  };
}

function complaint(issue: z.core.$ZodIssue, given: AccountSettings): string {
  const value = issue.path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], given);
  const shown = issue.path[0] === 'credentials' ? (value === undefined ? 'undefined' : '(secret)') : JSON.stringify(value);
  return `${issue.path.join('.')} ${shown}: ${issue.message}`;
}
