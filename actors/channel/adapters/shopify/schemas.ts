/** The parts of Shopify's answers that the adapter relies on. What does not fit is an error, never a zero. */
import { z } from 'zod';

const count = z.int();
const idOnly = z.object({ id: z.string().min(1) });
const pageInfo = z.union([
  z.object({ hasNextPage: z.literal(true), endCursor: z.string().min(1) }),
  z.object({ hasNextPage: z.literal(false) }).transform(({ hasNextPage }) => ({ hasNextPage, endCursor: undefined })),
]);
const instant = z.iso.datetime({ offset: true }).transform(text => Date.parse(text));

/** `extensions.cost` of every answer. */
export const costSchema = z.object({
  requestedQueryCost: z.number(),
  /** Null where nothing was executed. */
  actualQueryCost: z.number().nullish(),
  throttleStatus: z.object({ maximumAvailable: z.number(), currentlyAvailable: z.number(), restoreRate: z.number().positive() }),
});

/** A top-level `errors` array; other layers put a string there. */
export const errorsSchema = z.array(z.object({
  message: z.string(),
  extensions: z.object({ code: z.string().optional() }).optional(),
}));

export const setQuantitiesSchema = z.object({
  inventorySetQuantities: z.object({
    inventoryAdjustmentGroup: z.object({
      id: z.string(),
      changes: z.array(z.object({
        name: z.string(),
        quantityAfterChange: count.nullable(),
        item: idOnly.nullable(),
        location: idOnly.nullable(),
      })),
    }).nullable(),
    userErrors: z.array(z.object({ code: z.string().nullable(), field: z.array(z.string()).nullable(), message: z.string() })),
  }),
});
export type SetQuantitiesPayload = z.infer<typeof setQuantitiesSchema>['inventorySetQuantities'];

const item = z.object({
  id: z.string().min(1),
  sku: z.string().nullable(),
  tracked: z.boolean(),
  variants: z.object({
    nodes: z.array(z.object({ product: z.object({ status: z.string() }) })),
    pageInfo: z.object({ hasNextPage: z.boolean() }),
  }).nullable(),
});
const quantities = z.array(z.object({ name: z.string(), quantity: count }));
export type Item = z.infer<typeof item>;
export type Quantities = z.infer<typeof quantities>;

/** One element of `nodes`, other than null. */
export const nodeSchema = item.extend({ inventoryLevel: z.object({ quantities }).nullable() });
/** Each node is looked at by itself, so that one odd node does not hide the others. */
export const nodesSchema = z.object({ nodes: z.array(z.unknown()) });

export const levelsSchema = z.object({
  location: z.object({
    inventoryLevels: z.object({ nodes: z.array(z.object({ item, quantities })), pageInfo }),
  }).nullable(),
});

const lines = z.object({
  nodes: z.array(z.object({
    id: z.string().regex(/^gid:\/\/shopify\/LineItem\/\d+$/),
    sku: z.string().nullable(),
    quantity: count.min(0),
    currentQuantity: count.min(0),
    unfulfilledQuantity: count.min(0),
  })),
  pageInfo,
});
export type Lines = z.infer<typeof lines>;

export const ordersSchema = z.object({
  orders: z.object({
    nodes: z.array(z.object({
      id: z.string().regex(/^gid:\/\/shopify\/Order\/\d+$/),
      createdAt: instant,
      updatedAt: instant,
      lineItems: lines,
    })),
    pageInfo,
  }),
});

export const linesSchema = z.object({ order: z.object({ lineItems: lines }).nullable() });

export const tokenSchema = z.object({
  access_token: z.string().min(1),
  /** Seconds. */
  expires_in: z.number().positive().optional(),
  refresh_token: z.string().min(1).optional(),
});

export const scopesSchema = z.object({ currentAppInstallation: z.object({ accessScopes: z.array(z.object({ handle: z.string() })) }) });

export const locationSchema = z.object({
  location: z.object({ name: z.string(), isActive: z.boolean(), isFulfillmentService: z.boolean() }).nullable(),
});
