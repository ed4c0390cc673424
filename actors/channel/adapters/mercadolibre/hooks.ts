/**
 * Mercado Libre's notifications (mercadolibre.md 6.3). None is signed: application and seller must be ours, and only
 * the read that follows is believed. Answered 200 within 500 ms, or the vendor switches the topic off.
 */
import { z } from 'zod';
import { jsonOf } from '../../hook.ts';
import type { ChannelHooks } from '../../hook.ts';

/** Ids come as numbers, and in some topics as texts; `_id`, `id` or neither. */
const id = z.union([z.string().min(1), z.number().transform(String)]);
const notification = z.object({ _id: id.optional(), id: id.optional(), resource: z.string(), user_id: id, topic: z.string(), application_id: id, sent: z.string().optional() });

/** What a resource names: an item, or the stock of a user product. */
const listingOf = /^\/(?:items\/([A-Z]{3}\d{1,20})|user-products\/([A-Z]{3}U\d{1,20})\/stock)$/;

export const mercadolibreHooks: ChannelHooks = {
  by: 'http',
  status: 200,
  answerWithinMs: 400,
  wants: [],
  async verify({ body }, { account }) {
    const parsed = notification.safeParse(jsonOf(body));
    if (!parsed.success) return { refused: 'body: is no notification' };
    const { application_id, user_id } = parsed.data;
    if (application_id !== account.credentials['clientId']) return { refused: 'application_id: is another application' };
    return user_id === account.settings['sellerId'] ? undefined : { refused: 'user_id: is another seller' };
  },
  read({ body }) {
    const parsed = notification.safeParse(jsonOf(body));
    if (!parsed.success) return { refused: `body: ${parsed.error.issues[0]!.path.join('.') || 'a notification'} is wanted` };
    const { _id, id: plainId, resource, topic, sent = '' } = parsed.data;
    const [, itemId, userProductId] = listingOf.exec(resource) ?? [];
    return {
      // Without an id of its own, resource and time name it: `sent` of a retry is another one, and a repeat is harmless.
      id: _id ?? plainId ?? `${topic} ${resource} ${sent}`,
      topic,
      orders: /^(orders|payments|shipments|post_purchase)/.test(topic),
      listings: [itemId, userProductId].filter(name => name !== undefined),
    };
  },
};
