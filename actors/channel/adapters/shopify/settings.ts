/** What a Shopify account is configured with. A refusal names the field and, unless it is a secret, the value. */
import { z } from 'zod';
import type { AccountSettings } from '../../adapter.ts';

/** Words that `inventorySetQuantities` takes as its reason (shopify.md 2.5). */
const reasons = [
  'correction', 'cycle_count_available', 'damaged', 'movement_created', 'movement_updated', 'movement_received',
  'movement_canceled', 'other', 'promotion', 'quality_control', 'received', 'reservation_created', 'reservation_deleted',
  'reservation_updated', 'restock', 'safety_stock', 'shrinkage',
] as const;

export const shopifySettings = z.strictObject({
  grant: z.enum(['client-credentials', 'refresh-token']).default('client-credentials').describe('`client-credentials`: own app on the own store, 24 h. `refresh-token`: expiring offline token, 1 h, rotating.'),
  locationId: z.string().regex(/^gid:\/\/shopify\/Location\/\d+$/, 'must be a location gid').describe('The one location whose stock is kept true, e.g. `gid://shopify/Location/655441491`.'),
  version: z.string().regex(/^\d{4}-(01|04|07|10)$/, 'must be a quarterly version such as 2026-07').default('2026-07'),
  reason: z.enum(reasons).default('correction'),
  writeBatch: z.int().min(1).max(250).default(250).describe('Entries in one write, one idempotency key for all of them; 1 gives every entry a key of its own (`keys.ts`).'),
  readBatch: z.int().min(1).max(100).default(100).describe('Ids in one read; more than 100 come near the cap of 1,000 points for one query.'),
  costs: z.strictObject({
    write: z.number().positive().optional(),
    read: z.number().positive().optional(),
    orders: z.number().positive().optional(),
    listings: z.number().positive().optional(),
  }).default({}).describe('Points reserved by one full call. Prices of lists are not published: measure them on the store and set them here.'),
  orderLagMs: z.int().min(0).default(60_000).describe('By how much the order list may trail the orders; not published.'),
  orderOverlapMs: z.int().min(0).default(300_000).describe('Each poll starts this much before what is already complete.'),
  firstPollMs: z.int().positive().default(86_400_000).describe('How far back the very first poll looks.'),
  depthMax: z.int().min(50).max(24_000).default(20_000).describe('Orders paged in one window before a new window starts; the vendor ends a list after 25,000 objects.'),
});

const app = { clientId: z.string().min(1), clientSecret: z.string().min(1) };
const credentialsSchemas = {
  'client-credentials': z.strictObject(app),
  'refresh-token': z.strictObject({ ...app, refreshToken: z.string().min(1) }),
};

/** One or the other, by the setting `grant`. */
export const shopifyCredentials = z.union(Object.values(credentialsSchemas));

export type ShopifySettings = z.infer<typeof shopifySettings>;
export interface ShopifyCredentials { clientId: string; clientSecret: string; refreshToken?: string }

/** @throws {Error} naming every wrong field, with its value where it is a setting */
export function checked(account: AccountSettings): { settings: ShopifySettings; credentials: ShopifyCredentials } {
  const settings = shopifySettings.safeParse(account.settings);
  if (!settings.success) throw new Error(complaint(account, 'settings', settings.error, value => `, got ${JSON.stringify(value)}`));
  const credentials = credentialsSchemas[settings.data.grant].safeParse(account.credentials);
  if (!credentials.success) throw new Error(complaint(account, 'credentials', credentials.error, value => `, got ${kindOf(value)}`));
  return { settings: settings.data, credentials: credentials.data };
}

function complaint(account: AccountSettings, part: 'settings' | 'credentials', error: z.ZodError, got: (value: unknown) => string): string {
  const lines = error.issues.map(({ path, message }) => {
    const value = path.reduce<unknown>((at, step) => (at as Record<PropertyKey, unknown> | undefined)?.[step], account[part]);
    return `${[part, ...path].join('.')}: ${message}${got(value)}`;
  });
  return `account ${account.account}: ${lines.join('; ')}`;
}

/** Tells enough of a secret to find the mistake and nothing of the secret. */
const kindOf = (value: unknown): string =>
  value === undefined ? 'nothing' : typeof value === 'string' ? `a text of ${value.length} characters` : `a value of type ${typeof value}`;
