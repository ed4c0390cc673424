/** One eBay account in a cluster's world: its sandbox, who owns it, what it was proven to show, and what was journaled. */
import type { ExecutionContext } from 'ava';
import type { ConfigInput } from '../../../config/config.ts';
import { ebaySandbox } from '../../../deploy/sandbox/ebay.ts';
import { SandboxClock } from '../../../deploy/sandbox/kit/clock.ts';
import { startSandbox } from '../../../deploy/sandbox/kit/server.ts';
import type { Shop } from '../../../deploy/sandbox/kit/shop.ts';
import { skuRecordSubject } from '../../../runtime/subjects.ts';
import { eventually } from './world.ts';
import type { World } from './world.ts';

export const scale = 600;
export const withinMs = 30_000;
export const account = 'ebay';

/** @param skus listed, showing 3 */
export async function ebayShop(t: ExecutionContext, skus: readonly string[]): Promise<{ shop: Shop; expireTokens(): void; accounts: NonNullable<ConfigInput['accounts']> }> {
  const vendor = ebaySandbox({ account, clock: new SandboxClock(scale) });
  const { shop, url, close } = await startSandbox(vendor);
  t.teardown(() => close());
  for (const sku of skus) shop.addListing(sku, 3);
  return { shop, expireTokens: () => vendor.expireTokens(), accounts: [{ account, channel: 'ebay', baseUrl: url, credentials: vendor.credentials, settings: vendor.settings, stage: 'live' }] };
}

export function owned({ nc }: World): Promise<unknown> {
  return eventually('the account is owned', withinMs, () => nc.request(`inspect.channel.${account}`, '', { timeout: 500 }).then(() => true, () => false));
}

export function proven({ jsm }: World, sku: string, quantity: number): Promise<unknown> {
  return eventually(`${sku} is proven to show ${quantity}`, withinMs, async () => {
    const stored = await jsm.streams.getMessage('KV_sku', { last_by_subj: skuRecordSubject(sku) });
    const { intent, proof } = stored?.json<{ context: { outlets: Record<string, { intent?: { version: number; quantity: number }; proof?: { version: number } }> } }>().context.outlets[account] ?? {};
    return intent?.quantity === quantity && proof?.version === intent.version;
  });
}

/** Everything that a stream of JSON holds, in order. */
export async function told<T>({ jsm }: World, stream: string): Promise<(T & { subject: string })[]> {
  const all: (T & { subject: string })[] = [];
  const { state } = await jsm.streams.info(stream);
  for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq++) {
    const message = (await jsm.streams.getMessage(stream, { seq }))!;
    all.push({ subject: message.subject, ...message.json<T>() });
  }
  return all;
}
