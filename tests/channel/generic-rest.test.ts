/** The generic REST adapter: the contract of all channels at its sandbox, and mappings of other kinds. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { createGenericRest } from '../../actors/channel/adapters/generic-rest/adapter.ts';
import type { AdapterPorts, Call, ChannelAdapter, Exchange, Listing, Meter, TokenSet } from '../../actors/channel/adapter.ts';
import { AmbiguousError, AuthError, RetryableError, TerminalError, ThrottledError } from '../../actors/errors.ts';
import { loadLimits } from '../../config/limits.ts';
import { adapters } from '../../deploy/channels.ts';
import { bazaarMapping, bazaarSandbox } from '../../deploy/sandbox/bazaar.ts';
import { SandboxClock } from '../../deploy/sandbox/kit/clock.ts';
import { startSandbox } from '../../deploy/sandbox/kit/server.ts';
import { channelContract } from '../contracts/channel.ts';

const scale = 600;

function portsOf(timeScale: number): AdapterPorts {
  const kept = new Map<string, TokenSet>();
  return {
    now: Date.now, uuid: () => crypto.randomUUID(), timeScale,
    tokens: { load: async account => kept.get(account), save: async (account, tokens) => void kept.set(account, tokens) },
  };
}

channelContract(test, async opening => {
  const vendor = bazaarSandbox({ account: 'bazaar-1', clock: new SandboxClock(scale) });
  for (const [sku, quantity] of Object.entries(opening)) vendor.shop.addListing(sku, quantity);
  const sandbox = await startSandbox(vendor);
  const ports = portsOf(scale);
  const again = (): ChannelAdapter => adapters['generic-rest']!({ account: 'bazaar-1', channel: 'generic-rest', baseUrl: sandbox.url, credentials: vendor.credentials, settings: vendor.settings }, ports);
  return {
    sandbox,
    again,
    adapter: again(),
    secrets: () => vendor.secrets(),
    ghost: like => ({ id: 'it-999', sku: 'GHOST-1', fields: like.fields }),
  };
});

interface Scripted { status?: number; headers?: Record<string, string>; json?: unknown; text?: string }
interface Asked { method: string; path: string; body: string; headers: Record<string, unknown> }

/** Another marketplace: a key in a header, one entry a call, no word but the status, all in one answer. */
const plain = {
  auth: { type: 'key', header: 'x-api-key', value: 'key {apiKey}' },
  listings: { request: '{ "path": "/all" }', rows: 'things', row: '{ "id": nr, "sku": nr, "quantity": n }' },
  read: { request: '{ "path": "/one", "query": { "nr": listings[0].sku } }', rows: '$', row: '{ "id": nr, "sku": nr, "quantity": n }' },
  write: { request: '{ "method": "PUT", "path": "/one", "query": { "nr": entries[0].sku }, "body": { "n": entries[0].quantity } }' },
  orders: { request: '{ "path": "/sales", "query": { "from": since } }', rows: 'sales', row: '{ "orderId": o, "line": l, "sku": nr, "units": n, "createdAt": at }' },
} as const;

async function answering(t: ExecutionContext, answer: (asked: Asked) => Scripted, mapping: object = plain): Promise<{ adapter: ChannelAdapter; asked: Asked[]; exchanges: Exchange[]; meters: Meter[]; call(): Call }> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', chunk => { body += chunk; });
    request.on('end', () => {
      const one = { method: request.method!, path: request.url!, body, headers: request.headers };
      asked.push(one);
      const { status = 200, headers = {}, json, text } = answer(one);
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(text ?? JSON.stringify(json));
    });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => { server.closeAllConnections(); server.close(); });
  const exchanges: Exchange[] = [];
  const meters: Meter[] = [];
  return {
    asked, exchanges, meters,
    adapter: createGenericRest({
      account: 'plain-1', channel: 'generic-rest', baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, credentials: { apiKey: 'k-secret-1' }, settings: { mapping },
    }, portsOf(1)),
    call: () => ({ signal: AbortSignal.timeout(5_000), onExchange: e => exchanges.push(e), onMeter: m => meters.push(m) }),
  };
}

const thing = (sku: string): Listing => ({ id: sku, sku, fields: {} });
const entry = (sku: string, quantity: number) => ({ listing: thing(sku), quantity, signature: `sig-${sku}` });

test('a mapping without results by entry sends what it says, with the key, and counts a 2xx as accepted', async t => {
  const { adapter, asked, exchanges, call } = await answering(t, () => ({ status: 204, text: '' }));
  const outcomes = await adapter.write([entry('A/1 ü', 4)], call());
  t.deepEqual(outcomes, [{ kind: 'accepted', signature: 'sig-A/1 ü', verifyAfterMs: 1_000, verifyWithinMs: 60_000 }]);
  const [{ method, path, body, headers }] = asked as [Asked];
  t.deepEqual({ method, path, body, key: headers['x-api-key'] }, { method: 'PUT', path: '/one?nr=A%2F1+%C3%BC', body: '{"n":4}', key: 'key k-secret-1' });
  t.false(JSON.stringify(exchanges).includes('k-secret-1'));
});

test('a list of one, which JSONata unwraps, is still a list, and a missing quantity is never zero', async t => {
  let n: unknown = 3;
  const { adapter, call } = await answering(t, () => ({ json: { things: [{ nr: 'A', n }] } }));
  t.deepEqual(await adapter.listings(undefined, call()), { readings: [{ listing: thing('A'), quantity: 3, buyable: 3, active: true }] });
  for (const wrong of [undefined, null, '3', -1, 1.5]) {
    n = wrong;
    const error = await t.throwsAsync(adapter.listings(undefined, call()), { instanceOf: TerminalError }, JSON.stringify(wrong));
    t.regex(error!.message, /row 1: quantity: .*"nr":"A"/);
  }
});

test('an answer without the list is an error, an empty list is none', async t => {
  let json: unknown = { other: 1 };
  const { adapter, call } = await answering(t, () => ({ json }));
  await t.throwsAsync(adapter.listings(undefined, call()), { message: /without the list that the mapping looks for/ });
  json = { things: [] };
  t.deepEqual(await adapter.listings(undefined, call()), { readings: [] });
});

test('every status has a class, for reads and for writes, and a body that is no JSON proves nothing', async t => {
  let answer: Scripted = {};
  const { adapter, call } = await answering(t, () => answer);
  const classOf = async (work: Promise<unknown>): Promise<string> => work.then(value => (Array.isArray(value) ? value[0].kind as string : 'page'), (error: Error) => error.constructor.name);
  const seen: Record<string, [string, string]> = {};
  for (const status of [400, 401, 403, 404, 409, 412, 422, 423, 429, 500, 503]) {
    answer = { status, json: {} };
    seen[status] = [await classOf(adapter.write([entry('A', 1)], call())), await classOf(adapter.read([thing('A')], call()))];
  }
  answer = { status: 200, text: '<html>' };
  seen['html'] = [await classOf(adapter.write([entry('A', 1)], call())), await classOf(adapter.read([thing('A')], call()))];
  const [throttled, auth, terminal, server] = [ThrottledError.name, AuthError.name, TerminalError.name, [AmbiguousError.name, RetryableError.name] as [string, string]];
  t.deepEqual(seen, {
    400: ['refused', terminal], 401: [auth, auth], 403: [auth, auth], 404: ['refused', 'missing'], 409: ['conflict', terminal], 412: ['conflict', terminal], 422: ['refused', terminal],
    423: ['retry', RetryableError.name], 429: [throttled, throttled], 500: server, 503: server, html: ['accepted', RetryableError.name],
  });
});

test('the table of a mapping goes before the statuses, by whole codes', async t => {
  let code: unknown = 'E-17';
  const errors = { code: 'code', message: 'text', table: [{ code: 'E-1\\d', verdict: 'throttled' }, { status: 400, code: '77', verdict: 'listing' }] };
  const { adapter, call } = await answering(t, () => ({ status: 400, headers: { 'retry-after': '7', 'x-request-id': 'r-1' }, json: { code, text: 'no' } }), { ...plain, errors });
  const error = await t.throwsAsync(adapter.write([entry('A', 1)], call()), { instanceOf: ThrottledError });
  t.like(error, { code: 'E-17', status: 400, requestId: 'r-1', retryAfterMs: 7_000 });
  code = 77;
  t.deepEqual(await adapter.write([entry('A', 1)], call()), [{ kind: 'refused', class: 'listing', signature: 'sig-A', code: '77', message: 'no' }]);
  code = 'E-177';
  t.like((await adapter.write([entry('A', 1)], call()))[0], { kind: 'refused', class: 'validation' });
});

test('limits and remaining calls are told with every answer', async t => {
  const { adapter, meters, call } = await answering(t, () => ({ headers: { 'x-left': '4' }, json: { things: [] } }), { ...plain, remainingHeader: 'X-Left', limits: { listings: { perSecond: 3, burst: 9 } } });
  await adapter.listings(undefined, call());
  t.deepEqual(meters, [{ limit: 'listings', perSecond: 3, burst: 9, remaining: 4 }]);
});

test('every limit that the adapter pays has a bucket', t => {
  const { operations } = createGenericRest({ account: 'a', channel: 'generic-rest', baseUrl: 'http://localhost', credentials: { apiKey: 'k' }, settings: { mapping: plain } }, portsOf(1));
  t.deepEqual(Object.values(operations).map(({ limit }) => limit).sort(), Object.keys(loadLimits('generic-rest')).sort());
});

test('orders are asked for from the last complete poll less the overlap, and the journal holds no list of them', async t => {
  const { adapter, asked, exchanges, call } = await answering(t, () => ({ json: { sales: [{ o: 9, l: 1, nr: 'A', n: 2, at: '2026-01-02T03:04:05Z' }] } }));
  const first = await adapter.orders(undefined, call());
  t.deepEqual(first.lines, [{ id: '9/1', orderId: '9', sku: 'A', units: 2, cancelled: 0, shipped: 0, createdAt: Date.UTC(2026, 0, 2, 3, 4, 5) }]);
  await adapter.orders(first.cursor, call());
  t.is(Date.parse(new URL(asked[1]!.path, 'http://x').searchParams.get('from')!), first.completeThrough - 300_000);
  t.false(JSON.stringify(exchanges).includes('2026-01-02T03'));
  await t.throwsAsync(adapter.orders('{"no":1}', call()), { message: /order cursor "\{\\"no\\":1\}" is not one of ours/ });
});

const refusals: [string, object, Record<string, string>, RegExp][] = [
  ['an expression that is none', { ...plain, listings: { ...plain.listings, rows: 'a[' } }, { apiKey: 'k' }, /settings\.mapping\.listings\.rows: is no JSONata: .* at character \d+, got "a\["/],
  ['a credential that is missing', plain, {}, /credentials\.apiKey: is wanted by settings\.mapping\.auth, got nothing/],
  ['a key that it does not know', { ...plain, retries: 3 }, { apiKey: 'k' }, /settings\.mapping: .*retries/],
  ['results without a row', { ...plain, write: { ...plain.write, rows: 'r' } }, { apiKey: 'k' }, /settings\.mapping\.write\.row: goes with rows/],
  ['an error row without status and code', { ...plain, errors: { table: [{ verdict: 'busy' }] } }, { apiKey: 'k' }, /errors\.table\.0: wants a status or a code/],
];
for (const [what, mapping, credentials, message] of refusals) {
  test(`a mapping is refused for ${what}, by field and value, and no secret is shown`, t => {
    const error = t.throws(() => createGenericRest({ account: 'plain-1', channel: 'generic-rest', baseUrl: 'http://localhost', credentials, settings: { mapping } }, portsOf(1)), { instanceOf: TypeError });
    t.regex(error!.message, message);
  });
}

test('a request that the expression does not give is a mapping\'s error, and nothing is sent', async t => {
  const { adapter, asked, call } = await answering(t, () => ({ json: {} }), { ...plain, listings: { ...plain.listings, request: '{ "pth": "/all" }' } });
  await t.throwsAsync(adapter.listings(undefined, call()), { instanceOf: TerminalError, message: /settings\.mapping\.listings\.request gives no request/ });
  t.deepEqual(asked, []);
});

test('an entry that the answer does not speak of is read back, and a refused one says why', async t => {
  const mapping = { ...plain, write: { ...(bazaarMapping['write'] as object), batch: 3 }, errors: bazaarMapping['errors'] };
  const { adapter, call } = await answering(t, () => ({ json: { results: [{ item_id: 'B', status: 404, error: { code: 'NO_SUCH_ITEM', text: 'gone' } }, { item_id: 'C', status: 503, error: { code: 'DOWN', text: 'later' } }] } }), mapping);
  t.deepEqual(await adapter.write([entry('A', 1), entry('B', 2), entry('C', 3)], call()), [
    { kind: 'accepted', signature: 'sig-A', verifyAfterMs: 1_000, verifyWithinMs: 30_000 },
    { kind: 'refused', class: 'listing', signature: 'sig-B', code: 'NO_SUCH_ITEM', message: 'gone' },
    { kind: 'accepted', signature: 'sig-C', verifyAfterMs: 1_000, verifyWithinMs: 30_000, reference: 'DOWN later' },
  ]);
});
