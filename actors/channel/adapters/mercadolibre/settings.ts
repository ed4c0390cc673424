/** What the Mercado Libre adapter is told: the app's and seller's secrets, and the settings of one account. */
import { z } from 'zod';
import type { AccountSettings } from '../../adapter.ts';
import { TerminalError } from '../../../errors.ts';

export const mercadolibreCredentials = z.object({
  clientId: z.string().min(1),
  clientSecret: z.string().min(1),
  refreshToken: z.string().min(1).describe('From the seller\'s consent. Works once: from the first refresh on the token store holds the newer one.'),
});

const ms = z.number().int().min(0);

export const mercadolibreSettings = z
  .strictObject({
    sellerId: z.string().regex(/^\d+$/, 'must be the digits of a user id').describe('The seller\'s user id, as `GET /users/me` tells it. A token of anybody else is refused.'),
    storeId: z.string().min(1).optional().describe('The warehouse that Plumb keeps, where a multi-origin account has several.'),
    orderLookbackMs: ms.default(24 * 3_600_000).describe('How far back the first poll of orders looks.'),
    orderOverlapMs: ms.default(600_000).describe('How far each poll reaches back into the one before.'),
    orderLagMs: ms.default(60_000).describe('Unconfirmed: how long the order search may lag behind a sale.'),
    orderWindowMax: z.number().int().min(50).default(1_000).describe('Unconfirmed: orders that one search may page through; a window that holds more is cut in two.'),
    verifyAfterMs: ms.default(1_000).describe('Unconfirmed: when a versioned write may be read back, and until when it must show.'),
    verifyWithinMs: ms.default(30_000),
    soldCount: z.boolean().default(false).describe('Unconfirmed: `sold_quantity` rises with each sale at once, of that item or variation alone. Where it does, a scarce SKU\'s sale is known before its order is found.'),
    variationsMaxAgeMs: ms.default(60_000).describe('How old the list of an item\'s variations may be when it is sent back with a write.'),
  })
  .refine(s => s.orderOverlapMs >= s.orderLagMs, { path: ['orderOverlapMs'], message: 'must reach over orderLagMs' });

export type Credentials = z.infer<typeof mercadolibreCredentials>;
export type Settings = z.infer<typeof mercadolibreSettings>;

/** @throws {TerminalError} naming field and value; a credential's value is never shown */
export function checked(given: AccountSettings): { credentials: Credentials; settings: Settings } {
  return {
    credentials: parse(given, 'credentials', mercadolibreCredentials),
    settings: parse(given, 'settings', mercadolibreSettings),
  };
}

function parse<T>(given: AccountSettings, part: 'credentials' | 'settings', schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(given[part]);
  if (parsed.success) return parsed.data;
  const told = parsed.error.issues.map(({ path, message }) => {
    const value = path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], given[part]);
    return `${[part, ...path].join('.')}: ${message}${part === 'settings' ? `, got ${JSON.stringify(value)}` : ''}`;
  });
  throw new TerminalError(`${given.account}: ${told.join('; ')}`);
}
