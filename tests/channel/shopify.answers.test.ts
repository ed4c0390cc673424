/** What the Shopify adapter makes of answers that the sandbox never gives: odd, partial, or from another layer. */
import test from 'ava';
import Fastify from 'fastify';
import { randomUUID } from 'node:crypto';
import type { ExecutionContext } from 'ava';
import { createShopify } from '../../actors/channel/adapters/shopify/adapter.ts';
import type { Call, ChannelAdapter, Listing, WriteEntry, WriteOutcome } from '../../actors/channel/adapter.ts';
import { AmbiguousError, AuthError, RetryableError, TerminalError, ThrottledError } from '../../actors/errors.ts';

const locationId = 'gid://shopify/Location/1';
const itemId = (n: number): string => `gid://shopify/InventoryItem/${n}`;
const listing = (n: number): Listing => ({ id: itemId(n), sku: `S-${n}`, fields: { inventoryItemId: itemId(n), locationId } });
const entry = (n: number, from: number, quantity: number): WriteEntry => ({ listing: listing(n), quantity, signature: `s${n}`, last: { quantity: from } });
const call = (): Call => ({ signal: AbortSignal.timeout(5_000) });

interface Vendor { adapter: ChannelAdapter; keys: string[] }

/** A vendor that gives out tokens and answers every GraphQL call with the same thing. */
async function answering(t: ExecutionContext, body: unknown, status = 200, headers: Record<string, string> = {}): Promise<Vendor> {
  const app = Fastify();
  const keys: string[] = [];
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, form, done) => done(null, form));
  app.post('/admin/oauth/access_token', () => ({ access_token: randomUUID(), expires_in: 86_399 }));
  app.post('/admin/api/2026-07/graphql.json', (request, reply) => {
    keys.push((request.body as { variables: { key: string } }).variables.key);
    return reply.code(status).headers(headers).send(body);
  });
  const baseUrl = await app.listen({ host: '127.0.0.1', port: 0 });
  t.teardown(() => app.close());
  const adapter = createShopify(
    { account: 'shop-1', channel: 'shopify', baseUrl, credentials: { clientId: 'c', clientSecret: 's' }, settings: { locationId } },
    { now: Date.now, uuid: randomUUID, tokens: { load: async () => undefined, save: async () => undefined }, timeScale: 1 },
  );
  return { adapter, keys };
}

const group = (...changes: object[]): object => ({ data: { inventorySetQuantities: { inventoryAdjustmentGroup: { id: 'g', changes }, userErrors: [] } } });
const refusals = (...userErrors: object[]): object => ({ data: { inventorySetQuantities: { inventoryAdjustmentGroup: null, userErrors } } });
const item = (n: number): object => ({ id: itemId(n), sku: `S-${n}`, tracked: true, variants: { nodes: [{ product: { status: 'ACTIVE' } }], pageInfo: { hasNextPage: false } } });

// --- Writes ---

for (const [what, change] of Object.entries({
  'has no quantity after it': { name: 'available', delta: 4, quantityAfterChange: null, item: { id: itemId(1) }, location: { id: locationId } },
  'names no item': { name: 'available', delta: 4, quantityAfterChange: 9, item: null, location: { id: locationId } },
  'is at another location': { name: 'available', delta: 4, quantityAfterChange: 9, item: { id: itemId(1) }, location: { id: 'gid://shopify/Location/2' } },
  'is of another state': { name: 'on_hand', delta: 4, quantityAfterChange: 9, item: { id: itemId(1) }, location: { id: locationId } },
})) {
  test.serial(`a change that ${what} proves nothing: the write is to be read back`, async t => {
    const { adapter } = await answering(t, group(change));
    t.deepEqual(await adapter.write([entry(1, 5, 9)], call()), [{ kind: 'accepted', signature: 's1', verifyAfterMs: 2_000, verifyWithinMs: 60_000 }]);
  });
}

test.serial('without a change, only an entry that had the value already is applied', async t => {
  const { adapter } = await answering(t, group());
  const outcomes = await adapter.write([entry(1, 5, 5), entry(2, 5, 9)], call());
  t.deepEqual(outcomes.map(o => o.kind), ['applied', 'accepted']);
});

test.serial('the applied quantity is the one that the vendor tells, not the one that was asked for', async t => {
  const { adapter } = await answering(t, group({ name: 'available', delta: 3, quantityAfterChange: 8, item: { id: itemId(1) }, location: { id: locationId } }));
  t.deepEqual(await adapter.write([entry(1, 5, 9)], call()), [{ kind: 'applied', signature: 's1', quantity: 8 }]);
});

const shared: [code: string | null, one: WriteOutcome['kind'], two: WriteOutcome['kind']][] = [
  ['CHANGE_FROM_QUANTITY_STALE', 'conflict', 'conflict'],
  // Whose item it is only a new reading can tell.
  ['INVALID_INVENTORY_ITEM', 'refused', 'conflict'],
  ['IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED', 'retry', 'retry'],
  ['SOMETHING_NEW', 'retry', 'retry'],
  [null, 'retry', 'retry'],
];
for (const [code, one, two] of shared) {
  test.serial(`${code ?? 'an error without a code'} that names no entry is ${one} for one entry, ${two} for each of two, and spends the key`, async t => {
    const { adapter, keys } = await answering(t, refusals({ code, field: ['input', 'quantities'], message: 'no' }));
    t.deepEqual((await adapter.write([entry(1, 5, 9)], call())).map(o => o.kind), [one]);
    t.deepEqual((await adapter.write([entry(1, 5, 9), entry(2, 5, 9)], call())).map(o => o.kind), [two, two]);
    await adapter.write([entry(1, 5, 9), entry(2, 5, 9)], call());
    t.is(new Set(keys).size, 3);
  });
}

test.serial('an error of an entry that was not sent is taken for everybody\'s', async t => {
  const { adapter } = await answering(t, refusals({ code: 'CHANGE_FROM_QUANTITY_STALE', field: ['input', 'quantities', '7', 'changeFromQuantity'], message: 'no' }));
  t.deepEqual((await adapter.write([entry(1, 5, 9)], call())).map(o => o.kind), ['conflict']);
});

test.serial('a reason or document that the vendor refuses is terminal for the call: it is in every entry', async t => {
  const { adapter } = await answering(t, refusals({ code: 'INVALID_REASON', field: ['input', 'reason'], message: 'no' }));
  await t.throwsAsync(adapter.write([entry(1, 5, 9)], call()), { instanceOf: TerminalError, message: /INVALID_REASON/ });
});

test.serial('while a first attempt still runs the write is possibly applied, and is repeated under the same key', async t => {
  const { adapter, keys } = await answering(t, refusals({ code: 'IDEMPOTENCY_CONCURRENT_REQUEST', field: null, message: 'in progress' }));
  for (let n = 0; n < 2; n++) await t.throwsAsync(adapter.write([entry(1, 5, 9)], call()), { instanceOf: AmbiguousError });
  t.is(keys[0], keys[1]);
});

// --- Answers that are no answers ---

for (const [what, body] of Object.entries({
  'a page of HTML': '<html>Something went wrong</html>',
  'an empty object': {},
  'an inventoryAdjustmentGroup without changes': { data: { inventorySetQuantities: { inventoryAdjustmentGroup: { id: 'g' }, userErrors: [] } } },
  'an INTERNAL_SERVER_ERROR': { errors: [{ message: 'Internal error', extensions: { code: 'INTERNAL_SERVER_ERROR' } }] },
  'an unknown error beside data': { data: { inventorySetQuantities: null }, errors: [{ message: 'odd', extensions: { code: 'ODD' } }] },
  'errors of no known form': { errors: { base: 'odd' } },
})) {
  test.serial(`${what} leaves a write possibly applied and a read to be tried again`, async t => {
    const { adapter } = await answering(t, body);
    await t.throwsAsync(adapter.write([entry(1, 5, 9)], call()), { instanceOf: AmbiguousError });
    await t.throwsAsync(adapter.read([listing(1)], call()), { instanceOf: RetryableError });
    await t.throwsAsync(adapter.orders(undefined, call()), { instanceOf: RetryableError });
  });
}

test.serial('an error from before execution is terminal, a missing scope or a frozen store an authorisation failure', async t => {
  const undefinedField = await answering(t, { errors: [{ message: "Field 'x' doesn't exist", locations: [], extensions: { code: 'undefinedField' } }] });
  await t.throwsAsync(undefinedField.adapter.write([entry(1, 5, 9)], call()), { instanceOf: TerminalError });
  const scope = await answering(t, { data: null, errors: [{ message: 'other', extensions: { code: 'ODD' } }, { message: 'Access denied', extensions: { code: 'ACCESS_DENIED' } }] });
  await t.throwsAsync(scope.adapter.write([entry(1, 5, 9)], call()), { instanceOf: AuthError, message: /ACCESS_DENIED/ });
  for (const status of [402, 403, 423]) {
    const store = await answering(t, { errors: 'Unavailable Shop' }, status);
    await t.throwsAsync(store.adapter.write([entry(1, 5, 9)], call()), { instanceOf: AuthError, message: new RegExp(`HTTP ${status} Unavailable Shop`) });
  }
});

test.serial('a flood stopped at the edge is throttling, with the wait of its Retry-After', async t => {
  const { adapter } = await answering(t, 'Too Many Requests', 429, { 'retry-after': '2.5' });
  const error = await t.throwsAsync(adapter.write([entry(1, 5, 9)], call()), { instanceOf: ThrottledError });
  t.is((error as ThrottledError).retryAfterMs, 2_500);
});

test.serial('THROTTLED waits at least one second, and by the caller\'s own rule where the answer tells no cost', async t => {
  const throttled = { errors: [{ message: 'Throttled', extensions: { code: 'THROTTLED' } }] };
  const cost = { requestedQueryCost: 11, actualQueryCost: null, throttleStatus: { maximumAvailable: 2000, currentlyAvailable: 10, restoreRate: 100 } };
  const short = await answering(t, { ...throttled, extensions: { cost } });
  t.is((await t.throwsAsync<ThrottledError>(short.adapter.read([listing(1)], call()), { instanceOf: ThrottledError }))?.retryAfterMs, 1_000);
  const untold = await answering(t, throttled);
  t.is((await t.throwsAsync<ThrottledError>(untold.adapter.read([listing(1)], call()), { instanceOf: ThrottledError }))?.retryAfterMs, undefined);
});

// --- Reads and orders ---

test.serial('a node that is odd, another one, or without an available quantity fails alone and is never zero', async t => {
  const level = (...quantities: object[]): object => ({ inventoryLevel: { quantities } });
  const { adapter } = await answering(t, { data: { nodes: [
    { ...item(1), ...level({ name: 'on_hand', quantity: 4 }) },
    { ...item(2), ...level({ name: 'available', quantity: null }) },
    {},
    { ...item(5), ...level({ name: 'available', quantity: 4 }) },
    { ...item(6), ...level({ name: 'available', quantity: 4 }) },
  ] } });
  const outcomes = await adapter.read([1, 2, 3, 4, 6, 7].map(listing), call());
  t.deepEqual(outcomes.map(o => ('code' in o ? o.code : o.reading.quantity)), ['NO_AVAILABLE', 'NOT_UNDERSTOOD', 'NOT_UNDERSTOOD', 'OTHER_ITEM', 4, 'NOT_UNDERSTOOD']);
});

test.serial('a level without its available quantity stops the list: it is neither zero nor left out', async t => {
  const level = { item: item(1), quantities: [{ name: 'on_hand', quantity: 1 }] };
  const { adapter } = await answering(t, { data: { location: { inventoryLevels: { nodes: [level], pageInfo: { hasNextPage: false } } } } });
  await t.throwsAsync(adapter.listings(undefined, call()), { instanceOf: RetryableError, message: /InventoryItem\/1/ });
});

test.serial('a location that the store does not know is not an empty catalogue', async t => {
  const { adapter } = await answering(t, { data: { location: null } });
  await t.throwsAsync(adapter.listings(undefined, call()), { instanceOf: AuthError, message: /Location\/1/ });
});

test.serial('an order line without one of its counts is an error, not a line of nothing', async t => {
  const line = { id: 'gid://shopify/LineItem/1', sku: 'S-1', quantity: 1, currentQuantity: 1 };
  const lineItems = { nodes: [line], pageInfo: { hasNextPage: false, endCursor: null } };
  const order = { id: 'gid://shopify/Order/1', createdAt: '2026-08-01T00:00:00Z', updatedAt: '2026-08-01T00:00:00Z', lineItems };
  const { adapter } = await answering(t, { data: { orders: { nodes: [order], pageInfo: { hasNextPage: false, endCursor: null } } } });
  await t.throwsAsync(adapter.orders(undefined, call()), { instanceOf: RetryableError, message: /unfulfilledQuantity/ });
});

test.serial('a list that comes unsorted is not read in windows: an error, not a list with holes', async t => {
  const level = (n: number): object => ({ item: item(n), quantities: [{ name: 'available', quantity: 1 }] });
  const { adapter } = await answering(t, { data: { location: { inventoryLevels: { nodes: [level(3), level(2)], pageInfo: { hasNextPage: true, endCursor: 'c' } } } } });
  const { cursor, readings } = await adapter.listings(undefined, call());
  t.is(readings.length, 2);
  t.like(JSON.parse(cursor!), { after: 'c', ascending: false });
  const windowed = JSON.stringify({ above: '1', depth: 0, last: '1', ascending: true });
  await t.throwsAsync(adapter.listings(windowed, call()), { instanceOf: TerminalError, message: /ascending/ });
});
