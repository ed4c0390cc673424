/** Shopify's webhooks (shopify.md 6): HMAC over the raw body with the app's secret, which all its shops share. */
import { createHmac } from 'node:crypto';
import { same } from '../../hook.ts';
import type { ChannelHooks, Hook, HookContext, Refused } from '../../hook.ts';

const header = (hook: Hook, name: string): string | undefined => hook.headers[`x-shopify-${name}`];

export const shopifyHooks: ChannelHooks = {
  by: 'http',
  status: 200,
  answerWithinMs: 3_000, // of 5 s
  wants: [],
  async verify(hook, { account, settings: { previousSecret } }) {
    const given = header(hook, 'hmac-sha256');
    if (given === undefined) return { refused: 'X-Shopify-Hmac-Sha256: a signature is wanted' };
    const secrets = [account.credentials['clientSecret']!, ...(previousSecret === undefined ? [] : [previousSecret])];
    const fits = secrets.map(secret => same(createHmac('sha256', secret).update(hook.body).digest('base64'), given)).includes(true);
    return fits ? undefined : { refused: 'X-Shopify-Hmac-Sha256: the signature does not fit the body' };
  },
  read(hook, context) {
    const shop = header(hook, 'shop-domain');
    if (shop !== shopOf(context)) return { refused: `X-Shopify-Shop-Domain: ${JSON.stringify(shop)} is not the shop of ${context.account.account}` };
    const [id, topic] = [header(hook, 'webhook-id'), header(hook, 'topic')];
    if (id === undefined || topic === undefined) return missing(id === undefined ? 'X-Shopify-Webhook-Id' : 'X-Shopify-Topic');
    const item = topic.startsWith('inventory_levels/') ? itemOf(Buffer.from(hook.body).toString('utf8')) : undefined;
    return {
      id, topic,
      orders: topic.startsWith('orders/') || topic.startsWith('refunds/') || topic.startsWith('fulfillments/'),
      listings: item === undefined ? [] : [`gid://shopify/InventoryItem/${item}`],
    };
  },
};

function shopOf({ account, settings }: HookContext): string {
  return settings.shop ?? new URL(account.baseUrl).hostname;
}

/** From the text: ids exceed 2^53, and a parser of numbers would read another listing's. */
function itemOf(text: string): string | undefined {
  return /"inventory_item_id"\s*:\s*"?(\d{1,30})"?/.exec(text)?.[1];
}

const missing = (name: string): Refused => ({ refused: `${name}: is wanted, got nothing` });
