/**
 * Amazon's notifications (amazon.md 6.2), which come by a queue, straight or by way of EventBridge. None is signed: the queue's policy says that only
 * Amazon may send to it, so the seller is checked and nothing else can be.
 */
import { z } from 'zod';
import { jsonOf } from '../../hook.ts';
import type { ChannelHooks, Notice, Refused } from '../../hook.ts';

/** Listing and order notifications write names in PascalCase, those of feeds and reports in camelCase. */
const pascal = z.object({
  NotificationType: z.string(),
  NotificationMetadata: z.object({ NotificationId: z.string().min(1) }),
  Payload: z.looseObject({}),
});
const camel = z.object({
  notificationType: z.string(),
  notificationMetadata: z.object({ notificationId: z.string().min(1) }),
  payload: z.looseObject({ feedProcessingFinishedNotification: z.looseObject({ sellerId: z.string().optional() }).optional() }).optional(),
});

const listing = z.object({ SellerId: z.string(), Sku: z.string() });
const order = z.object({
  OrderChangeNotification: z.object({
    SellerId: z.string(),
    Summary: z.object({ FulfillmentType: z.string().optional(), OrderItems: z.array(z.object({ SellerSKU: z.string().nullish() })).optional() }),
  }),
});

/** A rule of EventBridge that sends to the queue puts the notification into an envelope of its own. */
const envelope = z.object({ 'detail-type': z.string(), source: z.string(), detail: z.looseObject({}) });

function unwrapped(json: unknown): unknown {
  return envelope.safeParse(json).data?.detail ?? json;
}

export const amazonHooks: ChannelHooks = {
  by: 'queue',
  status: 200,
  answerWithinMs: 3_000,
  wants: [],
  async verify() {
    return undefined;
  },
  read({ body }, { account }): Notice | Refused {
    const json = unwrapped(jsonOf(body));
    const quiet = camel.safeParse(json);
    if (quiet.success) {
      const { notificationType, notificationMetadata: { notificationId }, payload } = quiet.data;
      const sellerId = payload?.feedProcessingFinishedNotification?.sellerId;
      const isOurs = sellerId === account.settings['sellerId'];
      if (sellerId !== undefined && !isOurs) return { refused: `sellerId: ${JSON.stringify(sellerId)} is not the seller of ${account.account}` };
      return { id: notificationId, topic: notificationType, orders: false, listings: [], ...(sellerId !== undefined && isOurs && { feeds: true }) };
    }
    const parsed = pascal.safeParse(json);
    if (!parsed.success) return { refused: `body: ${parsed.error.issues[0]!.path.join('.') || 'a notification'} is wanted` };
    const { NotificationType: topic, NotificationMetadata: { NotificationId: id }, Payload: payload } = parsed.data;
    const ours = (sellerId: string): boolean => sellerId === account.settings['sellerId'];
    const [sold, changed] = [order.safeParse(payload), listing.safeParse(payload)];
    if (sold.success) {
      const { SellerId, Summary: { FulfillmentType, OrderItems = [] } } = sold.data.OrderChangeNotification;
      if (!ours(SellerId)) return { refused: `SellerId: ${JSON.stringify(SellerId)} is not the seller of ${account.account}` };
      // AFN is Amazon's own stock.
      const isOurs = FulfillmentType !== 'AFN';
      return { id, topic, orders: isOurs, listings: isOurs ? [...new Set(OrderItems.flatMap(({ SellerSKU }) => SellerSKU ?? []))] : [] };
    }
    if (!changed.success) return { id, topic, orders: false, listings: [] };
    if (!ours(changed.data.SellerId)) return { refused: `SellerId: ${JSON.stringify(changed.data.SellerId)} is not the seller of ${account.account}` };
    return { id, topic, orders: false, listings: [changed.data.Sku] };
  },
};
