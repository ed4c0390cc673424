/** The five marketplaces' sandboxes with SKUs that show nothing yet, and how a node is told of them. */
import type { ConfigInput } from '../../config/config.ts';
import { SandboxClock } from '../../deploy/sandbox/kit/clock.ts';
import { startSandbox } from '../../deploy/sandbox/kit/server.ts';
import type { RunningSandbox } from '../../deploy/sandbox/kit/server.ts';
import { sandboxOf } from '../../deploy/sandbox/registry.ts';

const channels = ['amazon', 'walmart', 'shopify', 'mercadolibre', 'ebay'] as const;

export interface FiveShops {
  shops: { channel: (typeof channels)[number]; sandbox: RunningSandbox }[];
  accounts: NonNullable<ConfigInput['accounts']>;
}

/**
 * @param open told of what is to be closed, the last first
 * @param scale how much faster the channels' clocks run
 */
export async function fiveShops(open: (() => Promise<unknown>)[], skus: readonly string[], scale: number): Promise<FiveShops> {
  const clock = new SandboxClock(scale);
  const all = await Promise.all(channels.map(async channel => {
    const vendor = sandboxOf(channel)({ account: channel, clock });
    const sandbox = await startSandbox(vendor);
    open.push(() => sandbox.close());
    for (const sku of skus) sandbox.shop.addListing(sku, 0);
    return { channel, sandbox, account: { account: channel, channel, baseUrl: sandbox.url, credentials: vendor.credentials, settings: vendor.settings, stage: 'live' as const } };
  }));
  return { shops: all.map(({ channel, sandbox }) => ({ channel, sandbox })), accounts: all.map(({ account }) => account) };
}
