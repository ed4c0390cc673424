/**
 * What Mercado Libre answers, as far as Plumb reads it. The vendor publishes no specification: these follow its
 * developer pages. Unknown fields are ignored, ids come as numbers or strings, a missing quantity is an error.
 */
import { z } from 'zod';

/** Grows past 2^31 and towards 2^53: kept as a string, and refused where a number has lost digits. */
const id = z.union([z.string().min(1), z.number().int()]).transform(String);
const units = z.number().int().min(0);
const optionalText = z.string().nullish();

const attributes = z.array(z.looseObject({ id: z.string().nullish(), value_name: optionalText })).nullish();

const variation = z.looseObject({
  id,
  available_quantity: units,
  sold_quantity: units.nullish(),
  seller_custom_field: optionalText,
  attributes,
});

export const itemSchema = z.looseObject({
  id: z.string().min(1),
  seller_id: id,
  available_quantity: units,
  sold_quantity: units.nullish(),
  status: z.string(),
  sub_status: z.array(z.string()).nullish(),
  variations: z.array(variation).nullish(),
  user_product_id: optionalText,
  family_name: optionalText,
  seller_custom_field: optionalText,
  attributes,
  shipping: z.looseObject({ logistic_type: optionalText, tags: z.array(z.string()).nullish() }).nullish(),
});
export type Item = z.infer<typeof itemSchema>;
export type Variation = z.infer<typeof variation>;

/** Answer of a quantity write: the whole item, of which only this is needed. */
export const writtenSchema = z.looseObject({
  available_quantity: units,
  sold_quantity: units.nullish(),
  variations: z.array(z.looseObject({ id, available_quantity: units, sold_quantity: units.nullish() })).nullish(),
});

/** `GET /items?ids=`: a 200 whose entries each carry a code of their own. */
export const multigetSchema = z.array(z.looseObject({ code: z.number().int(), body: z.unknown() }));

export const stockSchema = z.looseObject({
  locations: z.array(
    z.looseObject({ type: z.string(), quantity: units, store_id: id.nullish(), network_node_id: id.nullish() }),
  ),
});
export type Stock = z.infer<typeof stockSchema>;

/** The `x-version` header: a 64-bit integer, so never a number here. */
export const versionSchema = z.string().regex(/^\d+$/);

export const userSchema = z.looseObject({ id, site_id: z.string(), tags: z.array(z.string()) });
export type User = z.infer<typeof userSchema>;

/** A page of a scan; its end is told by a null, and the page does not say which: any of the three counts. */
export const scanSchema = z
  .looseObject({ results: z.array(z.string()).nullish(), scroll_id: z.string().nullish() })
  .nullable();

const time = z.string().transform((text, context) => {
  const at = Date.parse(text);
  if (Number.isNaN(at)) context.addIssue({ code: 'custom', message: `no time: ${text}` });
  return at;
});

const order = z.looseObject({
  id,
  status: z.string(),
  date_created: time,
  /** The moment the units were taken: when the order first became confirmed or paid. */
  date_closed: optionalText,
  order_items: z.array(
    z.looseObject({
      quantity: z.number().int().positive(),
      item: z.looseObject({
        id: z.string().min(1),
        variation_id: id.nullish(),
        seller_sku: optionalText,
        seller_custom_field: optionalText,
        user_product_id: optionalText,
      }),
    }),
  ),
});
export type Order = z.infer<typeof order>;

export const ordersSchema = z.looseObject({
  paging: z.looseObject({ total: units, offset: units, limit: z.number().int().positive() }),
  results: z.array(order),
});

export const tokenSchema = z.looseObject({
  access_token: z.string().min(1),
  /** Seconds. The pages say 6 hours and show 10800: the field decides. */
  expires_in: z.number().positive(),
  /** Absent when the app lacks the scope `offline_access`. */
  refresh_token: z.string().min(1),
  user_id: id,
});
