/**
 * The parts of Amazon's answers that are used, as its models state them. Optional here is optional there; a field
 * that is missing stays missing and is never read as 0.
 */
import { z } from 'zod';

const count = z.number().int().min(0);
/** ISO 8601 with a zone, as every SP-API date-time. */
const instant = z.iso.datetime({ offset: true });

export const errorList = z.object({
  errors: z.array(z.object({ code: z.string(), message: z.string(), details: z.string().nullish() })).min(1),
});

export const lwaError = z.object({ error: z.string(), error_description: z.string().optional() });
export const lwaToken = z.object({ access_token: z.string().min(1), expires_in: z.number().positive() });

const issue = z.object({
  code: z.string(),
  message: z.string(),
  severity: z.string(),
  enforcements: z.object({
    actions: z.array(z.object({ action: z.string() })),
    exemption: z.object({ status: z.string() }).optional(),
  }).optional(),
});

/** listingsItems_2021-08-01, `ListingsItemSubmissionResponse`. */
export const submission = z.object({
  sku: z.string(),
  status: z.enum(['ACCEPTED', 'INVALID', 'VALID']),
  submissionId: z.string().min(1),
  issues: z.array(issue).optional(),
});

/** listingsItems_2021-08-01, `Item`, with the data sets that Plumb asks for. */
export const item = z.object({
  sku: z.string(),
  summaries: z.array(z.object({
    marketplaceId: z.string(),
    productType: z.string(),
    status: z.array(z.string()),
    createdDate: instant,
  })),
  fulfillmentAvailability: z.array(z.object({ fulfillmentChannelCode: z.string(), quantity: count.optional() })),
  issues: z.array(issue).optional(),
});
export type Item = z.infer<typeof item>;

/** `ItemSearchResults`; items are checked one by one, so that a bad one harms itself alone. */
export const itemPage = z.object({
  items: z.array(z.looseObject({ sku: z.string() })),
  pagination: z.object({ nextToken: z.string().min(1).optional() }).optional(),
});

/** orders_2026-01-01, `SearchOrdersResponse`. */
export const orderPage = z.object({
  orders: z.array(z.object({
    orderId: z.string().min(1),
    createdTime: instant,
    fulfillment: z.object({ fulfillmentStatus: z.string(), fulfilledBy: z.string().optional() }).optional(),
    orderItems: z.array(z.object({
      orderItemId: z.string().min(1),
      quantityOrdered: count,
      product: z.object({ sellerSku: z.string().min(1).optional(), asin: z.string().min(1).optional() }),
      fulfillment: z.object({ quantityFulfilled: count.optional(), quantityUnfulfilled: count.optional() }).optional(),
      cancellation: z.object({ cancellationExecution: z.object({ cancelledBy: z.string().optional() }).optional() }).optional(),
    })),
  })),
  pagination: z.object({ nextToken: z.string().min(1).optional() }).optional(),
  lastUpdatedBefore: instant.optional(),
});
export type Order = z.infer<typeof orderPage>['orders'][number];

/** feeds_2021-06-30, `CreateFeedDocumentResponse` and `FeedDocument`. */
export const feedDocument = z.object({ feedDocumentId: z.string().min(1), url: z.url(), compressionAlgorithm: z.literal('GZIP').optional() });
export const createdFeed = z.object({ feedId: z.string().min(1) });
/** `Feed`. */
export const feed = z.object({
  feedId: z.string(),
  processingStatus: z.enum(['CANCELLED', 'DONE', 'FATAL', 'IN_PROGRESS', 'IN_QUEUE']),
  resultFeedDocumentId: z.string().min(1).optional(),
});
/** listings-feed-processing-report-schema-v2. An issue without a message is about the feed as a whole. */
export const feedReport = z.object({
  header: z.object({ feedId: z.string() }),
  issues: z.array(z.object({
    messageId: z.number().int().optional(),
    code: z.string().optional(),
    severity: z.string(),
    message: z.string(),
  })),
  summary: z.object({ messagesProcessed: count.optional(), messagesAccepted: count.optional() }),
});
