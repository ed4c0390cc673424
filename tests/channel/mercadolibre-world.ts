/** A Mercado Libre sandbox with an adapter on it, and a vendor that answers what a test tells it to. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ExecutionContext } from 'ava';
import { createMercadoLibre } from '../../actors/channel/adapters/mercadolibre/adapter.ts';
import type { AccountSettings, Call, ChannelAdapter, Exchange, Listing, OrderLine, OrderPage, Reading, TokenSet, TokenStore, WriteEntry } from '../../actors/channel/adapter.ts';
import { SandboxClock } from '../../deploy/sandbox/kit/clock.ts';
import { startSandbox } from '../../deploy/sandbox/kit/server.ts';
import type { RunningSandbox, SandboxFactory, SandboxVendor } from '../../deploy/sandbox/kit/server.ts';
import { mercadolibreSandbox } from '../../deploy/sandbox/mercadolibre.ts';

/** A vendor's hour lasts 6 s. */
export const scale = 600;

export interface World {
  adapter: ChannelAdapter;
  sandbox: RunningSandbox;
  vendor: SandboxVendor;
  account: AccountSettings;
  store: TokenStore;
  shop: RunningSandbox['shop'];
  secrets(): string[];
  again(): ChannelAdapter;
  ghost(like: Listing): Listing;
}

export async function start(opening: Record<string, number>, options: { factory?: SandboxFactory; scale?: number; settings?: Record<string, unknown> } = {}): Promise<World> {
  const clock = new SandboxClock(options.scale ?? scale);
  const vendor = (options.factory ?? mercadolibreSandbox)({ account: 'ml-ar', clock });
  for (const [sku, quantity] of Object.entries(opening)) vendor.shop.addListing(sku, quantity);
  const sandbox = await startSandbox(vendor);
  const account = { account: 'ml-ar', channel: 'mercadolibre', baseUrl: sandbox.url, credentials: vendor.credentials, settings: { ...vendor.settings, ...options.settings } };
  const store = keeping();
  return {
    adapter: adapterFor(account, store, clock.scale), sandbox, vendor, account, store, shop: vendor.shop,
    secrets: () => vendor.secrets(),
    again: () => adapterFor(account, store, clock.scale),
    ghost: like => ({
      id: 'MLAU999999999',
      sku: 'GHOST-1',
      fields: { ...like.fields, itemId: 'MLA999999999', ...(like.fields['userProductId'] !== undefined && { userProductId: 'MLAU999999999' }) },
    }),
  };
}

export async function world(t: ExecutionContext, ...given: Parameters<typeof start>): Promise<World> {
  const made = await start(...given);
  t.teardown(() => made.sandbox.close());
  return made;
}

export function keeping(): TokenStore {
  const kept = new Map<string, TokenSet>();
  return { load: async account => kept.get(account), save: async (account, tokens) => { kept.set(account, tokens); } };
}

export function adapterFor(account: AccountSettings, tokens: TokenStore, timeScale = scale): ChannelAdapter {
  return createMercadoLibre(account, { now: () => Date.now(), uuid: () => crypto.randomUUID(), tokens, timeScale });
}

export const call = (more: Partial<Call> = {}): Call => ({ signal: AbortSignal.timeout(5_000), ...more });

export async function imported({ adapter }: Pick<World, 'adapter'>): Promise<Reading[]> {
  const readings: Reading[] = [];
  let cursor: string | undefined;
  do {
    const page = await adapter.listings(cursor, call());
    readings.push(...page.readings);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return readings;
}

/** The only listing of the account. */
export async function only(w: Pick<World, 'adapter'>): Promise<Listing> {
  const [reading, ...rest] = await imported(w);
  if (!reading || rest.length > 0) throw new Error(`expected one listing, got ${rest.length + (reading ? 1 : 0)}`);
  return reading.listing;
}

/** An entry on a reading made now. */
export async function entry({ adapter }: Pick<World, 'adapter'>, listing: Listing, quantity: number): Promise<WriteEntry> {
  const [outcome] = await adapter.read([listing], call());
  if (outcome?.kind !== 'read') throw new Error(`not read: ${JSON.stringify(outcome)}`);
  const { quantity: now, version } = outcome.reading;
  return { listing, quantity, signature: `sig-${quantity}`, last: { quantity: now, ...(version !== undefined && { version }) } };
}

export async function polled({ adapter }: Pick<World, 'adapter'>, cursor?: string): Promise<{ pages: OrderPage[]; lines: OrderLine[]; last: OrderPage }> {
  const pages: OrderPage[] = [];
  for (let next = cursor; ;) {
    const page = await adapter.orders(next, call());
    pages.push(page);
    if (!page.more) return { pages, lines: pages.flatMap(p => p.lines), last: page };
    next = page.cursor;
  }
}

/** The sandbox as a client without an adapter meets it. */
export async function raw({ sandbox }: Pick<World, 'sandbox'>, method: string, path: string, { token, body, headers }: { token?: string; body?: unknown; headers?: Record<string, string> } = {}) {
  const response = await fetch(sandbox.url + path, {
    method,
    headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, json: text === '' ? undefined : JSON.parse(text) as any };
}

/** Refreshes with the given token. */
export function refresh({ sandbox, vendor }: Pick<World, 'sandbox' | 'vendor'>, refreshToken: string): Promise<Response> {
  const { clientId, clientSecret } = vendor.credentials;
  return fetch(`${sandbox.url}/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'refresh_token', client_id: clientId!, client_secret: clientSecret!, refresh_token: refreshToken }),
  });
}

/** An access token beside the adapter's: spends the refresh token of the consent. */
export async function accessToken(w: Pick<World, 'sandbox' | 'vendor'>): Promise<string> {
  const answer = await refresh(w, w.vendor.credentials['refreshToken']!);
  return (await answer.json() as { access_token: string }).access_token;
}

export interface Scripted { status?: number; headers?: Record<string, string>; json?: unknown; text?: string }

/** A vendor that grants tokens and answers everything else as told, with an adapter on it. */
export async function answering(
  t: ExecutionContext,
  answer: (request: { method: string; path: string; body: string }) => Scripted,
  settings: Record<string, unknown> = {},
  token: Scripted = { json: { access_token: 'APP_USR-1', token_type: 'bearer', expires_in: 10_800, scope: 'offline_access', user_id: 7, refresh_token: 'TG-2' } },
): Promise<{ adapter: ChannelAdapter; exchanges: Exchange[]; told: Call }> {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', chunk => { body += chunk; });
    request.on('end', () => {
      const path = request.url ?? '';
      const { status = 200, headers = {}, json, text } = path === '/oauth/token'
        ? token
        : answer({ method: request.method ?? '', path, body });
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(text ?? (json === undefined ? '' : JSON.stringify(json)));
    });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => { server.closeAllConnections(); server.close(); });
  const account = {
    account: 'ml-scripted', channel: 'mercadolibre', baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    credentials: { clientId: 'c', clientSecret: 's', refreshToken: 'TG-1' }, settings: { sellerId: '7', ...settings },
  };
  const exchanges: Exchange[] = [];
  return { adapter: adapterFor(account, keeping(), 1), exchanges, told: call({ onExchange: e => exchanges.push(e) }) };
}
