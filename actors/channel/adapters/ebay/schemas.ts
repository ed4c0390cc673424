/** The parts of eBay's answers that the adapter reads. A missing number stays missing: it is never read as 0. */
import { z } from 'zod';
import { RetryableError } from '../../../errors.ts';
import type { Answer } from '../http.ts';

const units = z.number().int().min(0);
/** Ids are strings by contract; a number is taken as one, nothing else is. */
const id = z.union([z.string().min(1), z.number().int().transform(String)]);

export const ebayError = z.object({
  errorId: z.number().int(),
  domain: z.string().optional(),
  category: z.string().optional(),
  message: z.string().default(''),
  longMessage: z.string().optional(),
  parameters: z.array(z.object({ name: z.string().optional(), value: z.string().optional() })).optional(),
});
export type EbayError = z.infer<typeof ebayError>;

export const errorAnswer = z.object({ errors: z.array(ebayError).min(1) });

const part = { statusCode: z.number().int(), errors: z.array(ebayError).optional(), warnings: z.array(ebayError).optional() };

/** `POST bulk_update_price_quantity`: one or several parts per entry, in any order. */
export const bulkUpdateAnswer = z.object({
  responses: z.array(z.object({ sku: z.string().optional(), offerId: id.optional(), ...part })),
});
export type UpdatePart = z.infer<typeof bulkUpdateAnswer>['responses'][number];

const availability = z.object({
  shipToLocationAvailability: z.object({ quantity: units.optional() }).optional(),
});

/** `POST bulk_get_inventory_item`. */
export const bulkItemsAnswer = z.object({
  responses: z.array(z.object({ sku: z.string(), inventoryItem: z.object({ availability: availability.optional() }).optional(), ...part })),
});

/** `GET inventory_item`: `offset` counts pages. */
export const itemsAnswer = z.object({
  inventoryItems: z.array(z.object({ sku: z.string(), availability: availability.optional() })).default([]),
  next: z.string().optional(),
});

const offer = z.object({
  offerId: id,
  sku: z.string().optional(),
  format: z.string().optional(),
  status: z.string(),
  availableQuantity: units.optional(),
  listing: z.object({
    listingId: id.optional(),
    listingStatus: z.string().optional(),
    listingOnHold: z.boolean().optional(),
    soldQuantity: units.optional(),
  }).optional(),
});
export type Offer = z.infer<typeof offer>;

/** `GET offer?sku=`. */
export const offersAnswer = z.object({ offers: z.array(offer) });

/** `GET order`: `offset` counts orders. */
export const ordersAnswer = z.object({
  total: z.number().int().min(0),
  next: z.string().optional(),
  orders: z.array(z.object({
    orderId: id,
    creationDate: z.iso.datetime(),
    cancelStatus: z.object({ cancelState: z.string() }).optional(),
    lineItems: z.array(z.object({
      lineItemId: id,
      sku: z.string().optional(),
      legacyItemId: id,
      quantity: z.number().int().positive(),
      lineItemFulfillmentStatus: z.string().optional(),
    })),
  })).default([]),
});
export type EbayOrder = z.infer<typeof ordersAnswer>['orders'][number];

export const tokenAnswer = z.object({ access_token: z.string().min(1), expires_in: z.number().positive() });

/** @throws {RetryableError} naming the field, when an answer is not of the shape that eBay documents */
export function parse<T>(schema: z.ZodType<T>, answer: Answer, what: string): T {
  const parsed = schema.safeParse(answer.json);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  throw new RetryableError(`${what}: answer of unknown shape at ${path.join('.') || 'its root'}: ${message}`, { status: answer.status, code: 'shape' });
}
