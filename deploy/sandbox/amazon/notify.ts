/**
 * Amazon's notifications (amazon.md 6.2): orders straight to the queue, quantities by way of EventBridge. Nothing is
 * signed, and it is sent where Amazon itself would send a message: to a queue.
 */
import type { Notify } from '../kit/notifier.ts';
import type { ShopOrder } from '../kit/shop.ts';

export function amazonNotify(sellerId: string, marketplaceId: string): Notify {
  return ({ id, at, ...event }) => {
    const time = new Date(at).toISOString();
    const [type, payload] = event.kind === 'order'
      ? ['ORDER_CHANGE', { OrderChangeNotification: orderChange(event.order, sellerId, marketplaceId) }] as const
      : ['LISTINGS_ITEM_MFN_QUANTITY_CHANGE', { SellerId: sellerId, FulfillmentChannelCode: 'DEFAULT', Sku: event.listing.sku, Quantity: event.listing.quantity }] as const;
    const notification = {
      NotificationVersion: '1.0', NotificationType: type, PayloadVersion: '1.0', EventTime: time, Payload: payload,
      NotificationMetadata: { ApplicationId: 'amzn1.sellerapps.app.sandbox', SubscriptionId: `subscription-${type}`, PublishTime: time, NotificationId: id },
    };
    return { headers: {}, body: JSON.stringify(event.kind === 'order' ? notification : bridged(id, time, type, notification)) };
  };
}

function orderChange({ orderId, createdAt, lines }: ShopOrder, sellerId: string, marketplaceId: string): object {
  const open = (line: ShopOrder['lines'][number]): number => line.units - line.cancelled - line.shipped;
  const isOver = lines.every(({ units, cancelled }) => cancelled === units);
  return {
    NotificationLevel: 'OrderLevel', SellerId: sellerId, AmazonOrderId: orderId, OrderChangeType: 'OrderStatusChange',
    OrderChangeTrigger: { TimeOfOrderChange: null, ChangeReason: 'N/A' },
    Summary: {
      MarketplaceId: marketplaceId, OrderStatus: isOver ? 'Canceled' : 'Pending', PurchaseDate: new Date(createdAt).toISOString(),
      DestinationPostalCode: null, FulfillmentType: 'MFN', OrderType: 'StandardOrder',
      NumberOfItemsShipped: lines.reduce((sum, { shipped }) => sum + shipped, 0), NumberOfItemsUnshipped: lines.reduce((sum, line) => sum + open(line), 0),
      OrderItems: lines.map(({ line, sku, units, shipped }) => ({
        OrderItemId: line, SellerSKU: sku, SupplySourceId: null, Quantity: units, QuantityShipped: shipped,
        IsBuyerRequestedCancel: false,
      })),
    },
  };
}

/** EventBridge's own envelope; `detail-type` is the type of the notification. */
function bridged(id: string, time: string, type: string, detail: object): object {
  return { version: '0', id, 'detail-type': type, source: 'aws.partner/sellingpartnerapi.amazon.com/000000000000/amzn1.sellerapps.app.sandbox', account: '000000000000', time, region: 'us-east-1', resources: [], detail };
}
