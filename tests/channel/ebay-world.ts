/** An eBay sandbox on a port and an adapter on it, for this channel's tests. */
import { randomUUID } from 'node:crypto';
import type { AdapterPorts, Call, ChannelAdapter, Exchange, Listing, Meter, TokenSet, WriteEntry } from '../../actors/channel/adapter.ts';
import { createEbay } from '../../actors/channel/adapters/ebay/adapter.ts';
import { createEbaySandbox } from '../../deploy/sandbox/ebay.ts';
import type { EbaySandboxOptions } from '../../deploy/sandbox/ebay.ts';
import type { EbayShop } from '../../deploy/sandbox/ebay/shop.ts';
import { SandboxClock } from '../../deploy/sandbox/kit/clock.ts';
import { startSandbox } from '../../deploy/sandbox/kit/server.ts';
import type { RunningSandbox, SandboxVendor } from '../../deploy/sandbox/kit/server.ts';

export interface EbayWorld {
  adapter: ChannelAdapter;
  /** A second adapter on the same account, as after a restart. */
  again(): ChannelAdapter;
  vendor: SandboxVendor;
  sandbox: RunningSandbox;
  shop: EbayShop;
  exchanges: Exchange[];
  meters: Meter[];
  call(): Call;
  listing(sku: string): Promise<Listing>;
  entry(sku: string, quantity: number): Promise<WriteEntry>;
  /** Another program of the application uses up what is left of the day. */
  useUp(api: 'inventory' | 'fulfillment' | 'trading'): void;
  secrets(): string[];
  /** A call of the vendor's API as another program of the same seller makes it. */
  raw(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<{ status: number; json: any }>;
}

const defaults: Omit<EbaySandboxOptions, 'account' | 'clock' | 'kindOf'> & Pick<EbaySandboxOptions, 'kindOf'> = {
  offers: 1, outOfStockControl: true, entriesMax: 25, itemParts: false, auctions: false, payMs: 10_000,
};

export interface WorldOptions {
  sandbox?: Partial<typeof defaults>;
  settings?: Record<string, unknown>;
  scale?: number;
  clock?: SandboxClock;
  wrap?: (vendor: SandboxVendor) => SandboxVendor;
}

export async function ebayWorld(opening: Record<string, number>, { sandbox: options, settings = {}, scale = 600, clock = new SandboxClock(scale), wrap = v => v }: WorldOptions = {}): Promise<EbayWorld> {
  const made = createEbaySandbox({ account: 'ebay-test', clock, ...defaults, ...options });
  for (const [sku, quantity] of Object.entries(opening)) made.shop.addListing(sku, quantity);
  const vendor = wrap(made);
  const sandbox = await startSandbox(vendor);
  const kept = ports(scale);
  const again = (): ChannelAdapter => createEbay({
    account: 'ebay-test', channel: 'ebay', baseUrl: sandbox.url, credentials: vendor.credentials, settings: { ...vendor.settings, ...settings },
  }, kept);
  const adapter = again();
  const exchanges: Exchange[] = [];
  const meters: Meter[] = [];
  const call = (): Call => ({ signal: AbortSignal.timeout(5_000), onExchange: e => exchanges.push(e), onMeter: m => meters.push(m) });
  const listing = async (sku: string): Promise<Listing> => {
    for (let cursor: string | undefined; ;) {
      const page = await adapter.listings(cursor, call());
      const found = page.readings.find(r => r.listing.sku === sku);
      if (found) return found.listing;
      if (page.cursor === undefined) throw new Error(`no listing ${sku}`);
      cursor = page.cursor;
    }
  };
  let signatures = 0;
  return {
    adapter, again, vendor, sandbox, useUp: made.useUp, secrets: () => made.secrets(), shop: made.shop, exchanges, meters, call, listing,
    entry: async (sku, quantity) => ({ listing: await listing(sku), quantity, signature: `sig-${++signatures}` }),
    async raw(method, path, body, headers = {}) {
      const token = await fetch(`${sandbox.url}/identity/v1/oauth2/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${btoa(`${vendor.credentials['clientId']}:${vendor.credentials['clientSecret']}`)}` },
        body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: vendor.credentials['refreshToken']! }),
      }).then(r => r.json() as Promise<{ access_token: string }>);
      const response = await fetch(sandbox.url + path, {
        method,
        headers: { authorization: `Bearer ${token.access_token}`, ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, json: text === '' ? undefined : JSON.parse(text) };
    },
  };
}

export function ports(timeScale: number): AdapterPorts {
  const stored = new Map<string, TokenSet>();
  return {
    now: Date.now,
    uuid: randomUUID,
    timeScale,
    tokens: {
      load: async account => stored.get(account),
      save: async (account, tokens) => void stored.set(account, tokens),
    },
  };
}
