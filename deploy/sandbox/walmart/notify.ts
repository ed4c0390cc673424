/** Walmart's events (walmart.md 6.3): orders, and listings that ran out; of other quantities there is no event. */
import { createHmac } from 'node:crypto';
import type { Notify } from '../kit/notifier.ts';

/** `authHeaderName` of the subscription. */
export const signatureHeader = 'WM-Signature';

export function walmartNotify(clientSecret: string): Notify {
  return event => {
    if (event.kind === 'listing' && event.listing.quantity - event.listing.reserved > 0) return undefined;
    const [eventType, payload] = event.kind === 'order'
      ? ['PO_CREATED', { purchaseOrderId: event.order.orderId, orderLines: event.order.lines.map(({ line, sku }) => ({ lineNumber: line, sku, quantity: { unitOfMeasure: 'EACH', measurementValue: '1' }, status: 'CREATED' })) }] as const
      : ['INVENTORY_OOS', { sku: event.listing.sku, shipNodes: [{ shipNode: event.listing.fields['shipNode'], availToSellQty: 0 }] }] as const;
    const body = JSON.stringify({ source: { eventType, eventTime: new Date(event.at).toISOString(), eventId: event.id }, payload });
    return { body, headers: { [signatureHeader]: createHmac('sha256', clientSecret).update(body).digest('base64') } };
  };
}
