/**
 * Every adapter against answers of every status with every kind of body: each becomes an error of a class that decides
 * what follows, or an outcome that claims no more than it proves. Nothing is unmapped (test-matrix, channel faults).
 */
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import test from 'ava';
import type { AccountSettings, Call, ChannelAdapter, Listing, TokenSet, WriteEntry } from '../../actors/channel/adapter.ts';
import { AmbiguousError, AuthError, RetryableError, TerminalError, ThrottledError } from '../../actors/errors.ts';
import { adapters } from '../../deploy/channels.ts';
import { SandboxClock } from '../../deploy/sandbox/kit/clock.ts';
import { channels, sandboxOf } from '../../deploy/sandbox/registry.ts';

const statuses = [
  200, 201, 202, 204, 206, 207, 226, 300, 301, 302, 304, 307, 400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 412, 413, 415, 418, 422, 423, 425, 428, 429, 431, 451, 499,
  500, 501, 502, 503, 504, 507, 520, 521, 525, 529, 599,
];
const bodies: Record<string, string> = {
  none: '', null: 'null', 'empty list': '[]', 'empty object': '{}', text: '"ok"', number: '0', 'a page of HTML': '<html><body>Please wait</body></html>', 'half an answer': '{"data":{"inventorySetQuantities":{"userErr',
  'errors without a code': '{"errors":[{}],"error":{},"message":null}', 'errors in words': '{"errors":"[API] Invalid API key","error":"nope","status":"odd"}', 'errors of wrong types': '{"errors":[{"code":7,"message":{"a":1},"errorId":"x"}],"responses":"none","data":[],"results":{}}',
  'nothing where all is': '{"data":{"nodes":[null],"location":null,"orders":null,"inventorySetQuantities":null},"responses":[],"items":[],"nodes":[],"orders":null,"list":null,"inventoryItems":null,"results":[],"sku":null}',
};
/** A body that is a refusal of each vendor's own kind, whatever the status says. */
const refusals: Record<string, string> = {
  amazon: '{"errors":[{"code":"QuotaExceeded","message":"m","details":""}]}',
  walmart: '{"error":[{"code":"SYSTEM_ERROR.GMP_GATEWAY_API","field":"f","description":"d","severity":"ERROR","category":"SYSTEM","causes":[]}]}',
  shopify: '{"errors":[{"message":"Internal error","extensions":{"code":"INTERNAL_SERVER_ERROR"}}]}',
  mercadolibre: '{"message":"Validation error","error":"validation_error","status":400,"cause":[{"type":"error","code":"item.x","message":"m"}]}',
  ebay: '{"errors":[{"errorId":25001,"domain":"API_INVENTORY","category":"APPLICATION","message":"A system error has occurred."}]}',
  'generic-rest': '{"error":{"code":"DOWN","text":"t"}}',
};
const fieldsOf: Record<string, Record<string, string>> = {
  shopify: { inventoryItemId: 'gid://shopify/InventoryItem/1', locationId: 'gid://shopify/Location/1' },
  mercadolibre: { way: 'item', itemId: 'MLA1' },
  ebay: { offerIds: '8000000001' },
};
const known = [ThrottledError, RetryableError, AmbiguousError, AuthError, TerminalError];

interface World { adapter: ChannelAdapter; answer: { status: number; body: string }; server: Server; served: { calls: number } }

/** Tokens are given to whoever asks: a refused one must not hide what comes after. */
const tokenPath = /\/(auth\/o2\/token|v3\/token|oauth\/access_token|oauth\/token|oauth2\/token)$/;

async function world(channel: (typeof channels)[number]): Promise<World> {
  const answer = { status: 200, body: '' };
  const served = { calls: 0 };
  const { credentials, settings } = sandboxOf(channel)({ account: 'a', clock: new SandboxClock(1) });
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      if (tokenPath.test(request.url!)) {
        response.writeHead(200, { 'content-type': 'application/json' });
        return response.end(JSON.stringify({ access_token: crypto.randomUUID(), token_type: 'bearer', expires_in: 86_400, refresh_token: 'r', scope: 'all', user_id: Number(settings['sellerId']) }));
      }
      served.calls += 1;
      const { status, body } = answer;
      response.writeHead(status, { 'content-type': body.startsWith('<') ? 'text/html' : 'application/json', 'x-version': '1' });
      return response.end(status === 204 || status === 304 ? '' : body);
    });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const more = channel === 'shopify' ? { locationId: 'gid://shopify/Location/1' } : channel === 'amazon' || channel === 'walmart' ? { feeds: { threshold: 2 } } : {};
  const account: AccountSettings = { account: 'a', channel, baseUrl, credentials, settings: { ...settings, ...more } };
  const tokens: TokenSet = { accessToken: 't', refreshToken: 'r', expiresAt: Date.now() + 3_600_000 };
  const adapter = adapters[channel]!(account, { now: Date.now, uuid: () => crypto.randomUUID(), timeScale: 1, tokens: { load: async () => tokens, save: async () => undefined } });
  return { adapter, answer, server, served };
}

for (const channel of channels) {
  test.serial(`${channel}: an answer of any status with any body has a class, and proves nothing that it does not say`, async t => {
    const { adapter, answer, server, served } = await world(channel);
    t.teardown(() => { server.closeAllConnections(); server.close(); });
    const listing: Listing = { id: channel === 'shopify' ? 'gid://shopify/InventoryItem/1' : 'A-1', sku: 'A-1', fields: fieldsOf[channel] ?? {} };
    const entry: WriteEntry = { listing, quantity: 7, signature: 's', last: { quantity: 5, version: '1' } };
    const call = (): Call => ({ signal: AbortSignal.timeout(5_000) });
    const { feeds } = adapter;
    const operations: Record<string, () => Promise<unknown>> = {
      write: () => adapter.write([entry], call()),
      read: () => adapter.read([listing], call()),
      listings: () => adapter.listings(undefined, call()),
      orders: () => adapter.orders(undefined, call()),
      ...(adapter.checks && { checks: () => adapter.checks!.ask(call()) }),
      ...(adapter.missed && { missed: () => adapter.missed!.ask(undefined, call()) }),
      ...(adapter.quotas && { quotas: () => adapter.quotas!.ask(call()) }),
      ...(feeds && { feed: () => feeds.submit([entry], call()), 'feed status': () => feeds.status('f', call()), 'feed outcomes': () => feeds.outcomes('f', 'r', [{ sku: 'A-1', signature: 's' }], undefined, call()) }),
    };
    const unmapped: string[] = [];
    const overclaimed: string[] = [];
    let asked = 0;
    for (const status of statuses) {
      for (const [what, body] of [...Object.entries(bodies), ['a refusal', refusals[channel]!] as const]) {
        Object.assign(answer, { status, body });
        for (const [operation, ask] of Object.entries(operations)) {
          asked += 1;
          const of = `${operation} ${status} ${what}`;
          try {
            const told = await ask();
            const kinds = Array.isArray(told) ? (told as { kind: string }[]).map(({ kind }) => kind) : [];
            if (kinds.some(kind => kind === 'applied' || kind === 'read') || (operation === 'feed' && told !== undefined)) overclaimed.push(`${of}: ${JSON.stringify(told)}`);
            if (status >= 400 && kinds.includes('accepted')) overclaimed.push(`${of}: ${JSON.stringify(told)}`);
          } catch (error) {
            if (!known.some(kind => error instanceof kind)) unmapped.push(`${of}: ${String(error)}`);
            // What may have been carried out must not be called undone.
            if (operation === 'write' && status < 300 && error instanceof RetryableError && !(error instanceof ThrottledError) && what === 'a page of HTML') overclaimed.push(`${of}: ${String(error)}`);
          }
        }
      }
    }
    t.deepEqual(unmapped.slice(0, 20), []);
    t.deepEqual(overclaimed.slice(0, 20), []);
    t.true(asked >= 2_000 && served.calls >= asked, `${served.calls} calls for ${asked}`);
  });
}
