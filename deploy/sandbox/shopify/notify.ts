/** Shopify's webhooks (shopify.md 6): HMAC over the body, ids above 2^53 as numbers, no SKU and no word of who did it. */
import { createHmac } from 'node:crypto';
import type { Notify } from '../kit/notifier.ts';

export const shopDomain = 'sandbox.myshopify.com';

export function shopifyNotify(clientSecret: string): Notify {
  return event => {
    const [topic, body] = event.kind === 'order'
      ? ['orders/updated', `{"id":${event.order.orderId},"admin_graphql_api_id":"gid://shopify/Order/${event.order.orderId}","email":"buyer@example.com"}`] as const
      : ['inventory_levels/update', `{"inventory_item_id":${event.listing.fields['inventoryItemId']!.replace(/^.*\//, '')},"location_id":655441491,"available":${event.listing.quantity}}`] as const;
    return {
      body,
      headers: {
        'x-shopify-topic': topic,
        'x-shopify-webhook-id': event.id,
        'x-shopify-shop-domain': shopDomain,
        'x-shopify-triggered-at': new Date(event.at).toISOString(),
        'x-shopify-hmac-sha256': createHmac('sha256', clientSecret).update(body).digest('base64'),
      },
    };
  };
}
