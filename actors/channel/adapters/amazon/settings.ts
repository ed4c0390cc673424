/** What an Amazon account is made from: three secrets, and settings whose defaults are the vendor's own or the safe ones. */
import { z } from 'zod';
import type { AccountSettings } from '../../adapter.ts';

const minutes = 60_000;
const days = 24 * 60 * minutes;

const credentials = z.strictObject({
  /** Login with Amazon (LWA) application. Its secret must be rotated every 180 days. */
  clientId: z.string().min(1),
  clientSecret: z.string().min(1),
  /** The seller's grant; does not rotate. */
  refreshToken: z.string().min(1),
});

const settings = z.strictObject({
  /** Merchant token, e.g. `A2XXXXXXXXXXXX`. */
  sellerId: z.string().min(1),
  /** The one store written and read, e.g. `ATVPDKIKX0DER` (US). */
  marketplaceId: z.string().min(1),
  /** Origin of the token endpoint; relative to the API's address where it begins with `/`. */
  authUrl: z.string().min(1).default('https://api.amazon.com'),
  /** Sent with a patch where a listing's own product type is not known. Unconfirmed: `PRODUCT` is what users report. */
  productType: z.string().min(1).default('PRODUCT'),
  /**
   * Stores whose orders count as sales. Unconfirmed whether stores of one region share a quantity, so by default all
   * of the seller's stores count: a sale too many is a unit idle, a sale too few is one oversold.
   */
  orderMarketplaceIds: z.array(z.string().min(1)).min(1).max(50).optional(),
  /** From ACCEPTED to the first look. Unconfirmed: Amazon gives no figure; users speak of minutes. */
  verifyAfterMs: z.number().int().positive().default(30_000),
  /** From ACCEPTED to giving up on it. Unconfirmed, as above. */
  verifyWithinMs: z.number().int().positive().default(15 * minutes),
  /** Polls overlap by so much. */
  ordersOverlapMs: z.number().int().positive().default(5 * minutes),
  /** How far back the first poll reaches; a Pending order may last 21 days. */
  ordersLookbackMs: z.number().int().positive().default(30 * days),
}).refine(s => s.verifyAfterMs < s.verifyWithinMs, { path: ['verifyWithinMs'], message: 'must be above verifyAfterMs' });

const account = z.object({ account: z.string(), baseUrl: z.url({ protocol: /^https?$/ }), credentials, settings });

export type AmazonCredentials = z.infer<typeof credentials>;
export interface AmazonSettings extends z.infer<typeof settings> {
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
