/** A Walmart account at its sandbox, with an adapter on it, for the tests of the channel. */
import type { ExecutionContext } from 'ava';
import type { AccountSettings, AdapterPorts, Call, ChannelAdapter, Exchange, Listing, Meter, OrderLine, TokenSet, WriteEntry } from '../../actors/channel/adapter.ts';
import { createWalmart } from '../../actors/channel/adapters/walmart/adapter.ts';
import { SandboxClock } from '../../deploy/sandbox/kit/clock.ts';
import { startSandbox } from '../../deploy/sandbox/kit/server.ts';
import type { RunningSandbox, SandboxVendor } from '../../deploy/sandbox/kit/server.ts';
import { walmartSandbox } from '../../deploy/sandbox/walmart.ts';
import type { ChannelFixture } from '../contracts/channel.ts';

/** A vendor's minute lasts 100 ms: every wait of the contract is short. */
export const fast = 600;

export interface WalmartWorld extends ChannelFixture {
  ports: AdapterPorts;
  /** What the adapter was made from. */
  account: AccountSettings;
}

export interface WorldOptions {
  /** The sandbox; by default an account with a node of its own beside Walmart's. */
  vendor?: SandboxVendor;
  clockScale?: number;
  /** Over those that the sandbox gives. */
  settings?: Record<string, unknown>;
}

export async function walmartWorld(opening: Record<string, number>, { vendor: given, clockScale = fast, settings = {} }: WorldOptions = {}): Promise<WalmartWorld> {
  const vendor = given ?? walmartSandbox({ account: 'walmart-us', clock: new SandboxClock(clockScale) });
  const sandbox = await startSandbox(vendor);
  for (const [sku, quantity] of Object.entries(opening)) sandbox.shop.addListing(sku, quantity);
  const account: AccountSettings = {
    account: 'walmart-us', channel: 'walmart', baseUrl: sandbox.url, credentials: vendor.credentials, settings: { ...vendor.settings, feeds: { threshold: 3 }, ...settings },
  };
  const ports = portsOf(clockScale);
  return {
    adapter: createWalmart(account, ports),
    sandbox,
    ports,
    account,
    secrets: () => vendor.secrets(),
    again: () => createWalmart(account, ports),
    ghost: like => ({ id: 'GHOST-1', sku: 'GHOST-1', fields: like.fields }),
  };
}

/** A world that is closed after the test. */
export async function opened(t: ExecutionContext<any>, opening: Record<string, number>, options?: WorldOptions): Promise<WalmartWorld> {
  const world = await walmartWorld(opening, options);
  t.teardown(() => world.sandbox.close());
  return world;
}

export function portsOf(timeScale: number): AdapterPorts {
  const kept = new Map<string, TokenSet>();
  return {
    now: () => Date.now(),
    uuid: () => crypto.randomUUID(),
    tokens: { load: async account => kept.get(account), save: async (account, tokens) => void kept.set(account, tokens) },
    timeScale,
  };
}

export function recorder(): { call: Call; exchanges: Exchange[]; meters: Meter[] } {
  const exchanges: Exchange[] = [];
  const meters: Meter[] = [];
  return { call: { signal: AbortSignal.timeout(5_000), onExchange: e => exchanges.push(e), onMeter: m => meters.push(m) }, exchanges, meters };
}

export const at = (sku: string): Listing => ({ id: sku, sku, fields: {} });
export const entry = (sku: string, quantity: number): WriteEntry => ({ listing: at(sku), quantity, signature: `sig-${sku}-${quantity}` });
export const rest = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms));

/** Switches a fault on as an operator does. */
export async function inject({ url }: RunningSandbox, fault: object): Promise<void> {
  const response = await fetch(`${url}/_sandbox/faults`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(fault) });
  if (!response.ok) throw new Error(`fault refused: ${await response.text()}`);
}

/** Polls until there is no more. */
export async function pollAll(adapter: ChannelAdapter, from?: string): Promise<{ lines: OrderLine[]; cursor: string; completeThrough: number }> {
  const lines: OrderLine[] = [];
  let cursor = from;
  for (;;) {
    const page = await adapter.orders(cursor, recorder().call);
    lines.push(...page.lines);
    cursor = page.cursor;
    if (!page.more) return { lines, cursor, completeThrough: page.completeThrough };
  }
}
