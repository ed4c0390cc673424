/** The Shopify adapter against its sandbox: the contract of all channels, and Shopify's own traps. */
import test from 'ava';
import { randomUUID } from 'node:crypto';
import { request } from 'undici';
import { createShopify } from '../../actors/channel/adapters/shopify/adapter.ts';
import * as documents from '../../actors/channel/adapters/shopify/documents.ts';
import { entryClass, graphqlClass, httpClass } from '../../actors/channel/adapters/shopify/errors.ts';
import { Keys } from '../../actors/channel/adapters/shopify/keys.ts';
import type { Call, ChannelAdapter, Exchange, Listing, Meter, OrderLine, Reading, TokenSet, WriteEntry } from '../../actors/channel/adapter.ts';
import { AmbiguousError, AuthError, TerminalError, ThrottledError } from '../../actors/errors.ts';
import { SandboxClock } from '../../deploy/sandbox/kit/clock.ts';
import { startSandbox } from '../../deploy/sandbox/kit/server.ts';
import type { RunningSandbox } from '../../deploy/sandbox/kit/server.ts';
import { createShopifySandbox } from '../../deploy/sandbox/shopify.ts';
import type { ShopifyOptions, ShopifySandbox } from '../../deploy/sandbox/shopify.ts';
import { channelContract } from '../contracts/channel.ts';
import type { ExecutionContext } from 'ava';

const scale = 600;
const ghost = (like: Listing): Listing => {
  const id = 'gid://shopify/InventoryItem/1';
  return { id, sku: 'GHOST-1', fields: { ...like.fields, inventoryItemId: id } };
};

interface Shopify {
  adapter: ChannelAdapter;
  sandbox: RunningSandbox;
  vendor: ShopifySandbox;
  tokens: Map<string, TokenSet>;
  exchanges: Exchange[];
  meters: Meter[];
  call(): Call;
  listing(sku: string): Listing;
  /** An entry on the quantity that the shop holds now, or on `from`. */
  entry(sku: string, quantity: number, signature: string, from?: number): WriteEntry;
  /** A second adapter on the same store, as after a restart. */
  again(): ChannelAdapter;
}

async function shopify(
  t: ExecutionContext | undefined,
  opening: Record<string, number>,
  options: Partial<ShopifyOptions> = {},
  settings: Record<string, unknown> = {},
): Promise<Shopify> {
  const clock = options.clock ?? new SandboxClock(scale);
  const vendor = createShopifySandbox({ account: 'shop-1', clock, ...options });
  for (const [sku, quantity] of Object.entries(opening)) vendor.shop.addListing(sku, quantity);
  const sandbox = await startSandbox(vendor);
  t?.teardown(() => sandbox.close());
  const tokens = new Map<string, TokenSet>();
  const store = {
    async load(account: string) { return tokens.get(account); },
    async save(account: string, set: TokenSet) { tokens.set(account, set); },
  };
  const again = (): ChannelAdapter => createShopify(
    { account: 'shop-1', channel: 'shopify', baseUrl: sandbox.url, credentials: vendor.credentials, settings: { ...vendor.settings, ...settings } },
    { now: Date.now, uuid: randomUUID, tokens: store, timeScale: clock.scale },
  );
  const exchanges: Exchange[] = [];
  const meters: Meter[] = [];
  const listing = (sku: string): Listing => {
    const fields = vendor.shop.listings.get(sku)!.fields;
    return { id: fields['inventoryItemId']!, sku, fields };
  };
  return {
    adapter: again(), sandbox, vendor, tokens, exchanges, meters, listing, again,
    call: () => ({ signal: AbortSignal.timeout(5_000), onExchange: e => exchanges.push(e), onMeter: m => meters.push(m) }),
    entry: (sku, quantity, signature, from = vendor.shop.listings.get(sku)!.quantity) => ({ listing: listing(sku), quantity, signature, last: { quantity: from } }),
  };
}

const pollAll = async ({ adapter, call }: Shopify, cursor?: string): Promise<{ lines: OrderLine[]; cursor: string; completeThrough: number; pages: number }> => {
  const lines: OrderLine[] = [];
  for (let pages = 1; ; pages++) {
    const page = await adapter.orders(cursor, call());
    lines.push(...page.lines);
    cursor = page.cursor;
    if (!page.more) return { lines, cursor, completeThrough: page.completeThrough, pages };
  }
};

const listAll = async ({ adapter, call }: Shopify): Promise<Reading[]> => {
  const readings: Reading[] = [];
  let cursor: string | undefined;
  do {
    const page = await adapter.listings(cursor, call());
    readings.push(...page.readings);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return readings;
};

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms));

/** The body of the nth write that was sent. */
const sentWrites = ({ exchanges }: Shopify): { variables: { key: string; input: { quantities: Record<string, unknown>[] } } }[] =>
  exchanges.filter(e => e.request?.includes('mutation')).map(e => JSON.parse(e.request!) as never);

channelContract(test, async opening => {
  const { adapter, sandbox, vendor, again } = await shopify(undefined, opening);
  return { adapter, sandbox, secrets: vendor.secrets, ghost, again };
});

/** Sends a write that is applied and whose answer never comes. */
async function losesAnswer(t: ExecutionContext, s: Shopify, entries: WriteEntry[]): Promise<void> {
  s.vendor.shop.faults.add({ kind: 'lose-answer', on: 'write', count: 1 });
  const deadline = new AbortController();
  const writes = s.vendor.shop.counts['writes'] ?? 0;
  const watch = setInterval(() => { if ((s.vendor.shop.counts['writes'] ?? 0) > writes) deadline.abort(); }, 10);
  await t.throwsAsync(s.adapter.write(entries, { ...s.call(), signal: deadline.signal }), { instanceOf: AmbiguousError });
  clearInterval(watch);
}

// --- Idempotency (shopify.md 0.4, 5.4) ---

test.serial('A to B to A is three changes: a key never swallows a later return to the same quantity', async t => {
  const s = await shopify(t, { 'A-1': 5 });
  for (const [quantity, signature] of [[9, 's1'], [5, 's2'], [9, 's3']] as const) {
    const [outcome] = await s.adapter.write([s.entry('A-1', quantity, signature)], s.call());
    t.deepEqual(outcome, { kind: 'applied', signature, quantity });
  }
  t.is(s.vendor.shop.listings.get('A-1')?.quantity, 9);
  t.is(new Set(sentWrites(s).map(w => w.variables.key)).size, 3);
});

test.serial('a lost answer is made good by the same entries in any order: the vendor runs them once', async t => {
  const s = await shopify(t, { 'A-1': 5, 'A-2': 5 });
  const entries = [s.entry('A-1', 9, 's1'), s.entry('A-2', 8, 's2')];
  await losesAnswer(t, s, entries);
  // Sales bring A-1 back to where it was: a second run would put four sold units on sale again.
  s.vendor.shop.buy('b1', [{ sku: 'A-1', units: 4 }]);
  const outcomes = await s.adapter.write([...entries].reverse(), s.call());
  t.deepEqual(outcomes, [{ kind: 'applied', signature: 's2', quantity: 8 }, { kind: 'applied', signature: 's1', quantity: 9 }]);
  t.is(s.vendor.shop.listings.get('A-1')?.quantity, 5, 'the sold units stay sold');
  t.is(s.vendor.shop.counts['keyRepeat'], 1);
  const [first, second] = sentWrites(s);
  t.deepEqual(second, first, 'key and variables are the same to the letter');
});

test.serial('a lost answer repeated after a restart carries the same key', async t => {
  const s = await shopify(t, { 'A-1': 5 });
  const entry = s.entry('A-1', 9, 's1');
  await losesAnswer(t, s, [entry]);
  t.deepEqual(await s.again().write([entry], s.call()), [{ kind: 'applied', signature: 's1', quantity: 9 }]);
  t.is(s.vendor.shop.counts['keyRepeat'], 1);
});

test.serial('a lost answer repeated in other company is a conflict where the first call was applied, never a second run', async t => {
  const s = await shopify(t, { 'A-1': 5, 'A-2': 5, 'A-3': 5 });
  const [one, two, three] = [s.entry('A-1', 9, 's1'), s.entry('A-2', 8, 's2'), s.entry('A-3', 7, 's3')];
  await losesAnswer(t, s, [one, two]);
  s.vendor.shop.buy('b1', [{ sku: 'A-1', units: 1 }]);
  const outcomes = await s.adapter.write([one, three], s.call());
  t.deepEqual(outcomes.map(o => o.kind), ['conflict', 'retry']);
  t.is(s.vendor.shop.listings.get('A-1')?.quantity, 8);
});

test.serial('writeBatch 1 tells the caller to send entries one by one, each under a key of its own', async t => {
  const s = await shopify(t, { 'A-1': 5, 'A-2': 5 }, {}, { writeBatch: 1 });
  t.is(s.adapter.operations.write.batch, 1);
  await t.throwsAsync(s.adapter.write([s.entry('A-1', 1, 's1'), s.entry('A-2', 1, 's2')], s.call()), { instanceOf: RangeError });
});

test.serial('a signature sent again on another reading meets the key mismatch once and is then decided by the comparison', async t => {
  const s = await shopify(t, { 'A-1': 5 });
  await s.adapter.write([s.entry('A-1', 9, 's1')], s.call());
  const again = s.entry('A-1', 9, 's1');
  t.is(again.last!.quantity, 9);
  const [refused] = await s.adapter.write([again], s.call());
  t.like(refused, { kind: 'retry', code: 'IDEMPOTENCY_KEY_PARAMETER_MISMATCH' });
  t.deepEqual(await s.adapter.write([again], s.call()), [{ kind: 'applied', signature: 's1', quantity: 9 }]);
  t.is(s.vendor.shop.counts['keyMismatch'], 1);
});

for (const previousAttemptFailed of [false, true]) {
  test.serial(`a conflict stays one under its key, and the next try is free of it (failed repeats ${previousAttemptFailed ? 'ask for a new key' : 'give the first result'})`, async t => {
    const s = await shopify(t, { 'A-1': 5 }, { previousAttemptFailed });
    const stale = s.entry('A-1', 9, 's1', 4);
    t.like((await s.adapter.write([stale], s.call()))[0], { kind: 'conflict', code: 'CHANGE_FROM_QUANTITY_STALE' });
    // Another process knows nothing of the spent key: it meets the stored failure first.
    const other = s.again();
    t.is((await other.write([stale], s.call()))[0]?.kind, previousAttemptFailed ? 'retry' : 'conflict');
    t.deepEqual(await other.write([s.entry('A-1', 9, 's1')], s.call()), [{ kind: 'applied', signature: 's1', quantity: 9 }]);
  });
}

test.serial('a key is made from signatures and their order, and changes when it is spent', t => {
  const keys = new Keys();
  const key = keys.of(['a', 'b']);
  t.regex(key, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  t.is(new Keys().of(['a', 'b']), key);
  t.is(new Set([key, keys.of(['b', 'a']), keys.of(['ab']), keys.of(['a']), keys.of(['a","b'])]).size, 5);
  keys.spend(['a']);
  t.not(keys.of(['a', 'b']), key);
  t.is(keys.of(['b']), new Keys().of(['b']), 'others keep theirs');
});

// --- Outcomes (shopify.md 2.1) ---

test.serial('an entry that had the value already is applied, whether or not the vendor lists it as a change', async t => {
  for (const unchangedInChanges of [false, true]) {
    const s = await shopify(t, { 'A-1': 5, 'A-2': 7 }, { unchangedInChanges });
    const outcomes = await s.adapter.write([s.entry('A-1', 5, 's1'), s.entry('A-2', 3, 's2')], s.call());
    t.deepEqual(outcomes, [{ kind: 'applied', signature: 's1', quantity: 5 }, { kind: 'applied', signature: 's2', quantity: 3 }]);
    t.deepEqual(await s.adapter.write([s.entry('A-1', 5, 's3')], s.call()), [{ kind: 'applied', signature: 's3', quantity: 5 }]);
  }
});

test.serial('bad entries of a batch get their own class, good ones are asked for again and then applied', async t => {
  const s = await shopify(t, { 'A-1': 5, 'A-2': 5, 'A-3': 5, 'A-4': 5 });
  s.vendor.shop.unstocked.add('A-2');
  s.vendor.shop.bundles.add('A-3');
  const good = s.entry('A-1', 9, 'z-good');
  const entries = [
    good,
    { ...good, listing: ghost(good.listing), signature: 'ghost' },
    s.entry('A-2', 9, 'unstocked'),
    s.entry('A-3', 9, 'bundle'),
    s.entry('A-4', 9, 'stale', 4),
  ];
  const outcomes = await s.adapter.write(entries, s.call());
  t.deepEqual(outcomes.map(o => [o.signature, o.kind, 'code' in o && o.code, 'class' in o && o.class]), [
    ['z-good', 'retry', 'NOT_WRITTEN', false],
    ['ghost', 'refused', 'INVALID_INVENTORY_ITEM', 'listing'],
    ['unstocked', 'refused', 'ITEM_NOT_STOCKED_AT_LOCATION', 'listing'],
    ['bundle', 'refused', 'NON_MUTABLE_INVENTORY_ITEM', 'listing'],
    ['stale', 'conflict', 'CHANGE_FROM_QUANTITY_STALE', false],
  ]);
  t.is(s.vendor.shop.listings.get('A-1')?.quantity, 5);
  t.deepEqual(await s.adapter.write([good], s.call()), [{ kind: 'applied', signature: 'z-good', quantity: 9 }]);
});

test.serial('where a store writes the good entries of a refused batch after all, the answer proves them', async t => {
  const s = await shopify(t, { 'A-1': 5, 'A-2': 5 }, { allOrNothing: false });
  const outcomes = await s.adapter.write([s.entry('A-1', 9, 's1'), s.entry('A-2', 9, 's2', 4)], s.call());
  t.deepEqual(outcomes[0], { kind: 'applied', signature: 's1', quantity: 9 });
  t.is(outcomes[1]?.kind, 'conflict');
});

test.serial('entries that would be refused there are kept out of the call and do not take the others with them', async t => {
  const s = await shopify(t, { 'A-1': 5, 'A-2': 5 });
  const good = s.entry('A-1', 9, 'good');
  const { last: _, ...unread } = s.entry('A-2', 9, 'unread');
  const outcomes = await s.adapter.write([
    { ...s.entry('A-2', 1, 'elsewhere'), listing: { ...s.listing('A-2'), fields: { ...s.listing('A-2').fields, locationId: 'gid://shopify/Location/2' } } },
    s.entry('A-2', -1, 'negative'),
    s.entry('A-2', 1.5, 'broken'),
    unread,
    good,
    s.entry('A-1', 8, 'twice'),
  ], s.call());
  t.deepEqual(outcomes.map(o => o.kind), ['refused', 'refused', 'refused', 'conflict', 'applied', 'retry']);
  t.is(s.vendor.shop.listings.get('A-1')?.quantity, 9);
});

test.serial('250 entries go in one call, 251 are a bug of the caller', async t => {
  const opening = Object.fromEntries(Array.from({ length: 251 }, (_, i) => [`S-${i}`, i]));
  const s = await shopify(t, opening);
  const entries = Object.keys(opening).map((sku, i) => s.entry(sku, 1000 + i, `sig-${i}`));
  await t.throwsAsync(s.adapter.write(entries, s.call()), { instanceOf: RangeError });
  const outcomes = await s.adapter.write(entries.slice(0, 250), s.call());
  t.deepEqual(outcomes, entries.slice(0, 250).map(({ signature, quantity }) => ({ kind: 'applied', signature, quantity })));
  t.is(s.exchanges.length, 1);
});

// --- Reading (shopify.md 3, 6.1) ---

test.serial('a sale leaves available and enters committed; on_hand falls only when it ships', async t => {
  const s = await shopify(t, { 'A-1': 10 });
  const levels = async (): Promise<Record<string, number>> => {
    const [outcome] = await s.adapter.read([s.listing('A-1')], s.call());
    t.is(outcome?.kind, 'read');
    const answer = JSON.parse(s.exchanges.at(-1)!.response!) as { data: { nodes: [{ inventoryLevel: { quantities: { name: string; quantity: number }[] } }] } };
    return Object.fromEntries(answer.data.nodes[0].inventoryLevel.quantities.map(q => [q.name, q.quantity]));
  };
  const { order } = s.vendor.shop.buy('b1', [{ sku: 'A-1', units: 3 }]);
  t.deepEqual(await levels(), { available: 7, committed: 3, on_hand: 10 });
  s.vendor.shop.cancel(order!.orderId, order!.lines[0]!.line, 1);
  t.deepEqual(await levels(), { available: 8, committed: 2, on_hand: 10 });
  s.vendor.shop.ship(order!.orderId, order!.lines[0]!.line);
  t.deepEqual(await levels(), { available: 8, committed: 0, on_hand: 8 });
});

test.serial('items that are not stocked, not tracked or not on sale are told apart, and none is read as zero', async t => {
  const s = await shopify(t, { 'A-1': 1, 'A-2': 2, 'A-3': 3 });
  s.vendor.shop.unstocked.add('A-1');
  s.vendor.shop.untracked.add('A-2');
  s.vendor.shop.setActive('A-3', false);
  const outcomes = await s.adapter.read(['A-1', 'A-2', 'A-3'].map(s.listing), s.call());
  t.like(outcomes[0], { kind: 'missing', code: 'ITEM_NOT_STOCKED_AT_LOCATION' });
  t.like(outcomes[1], { kind: 'failed', code: 'NOT_TRACKED' });
  t.like(outcomes[2], { kind: 'read', reading: { quantity: 3, buyable: 0, active: false, reason: 'product status DRAFT' } });
  t.deepEqual((await listAll(s)).map(r => [r.listing.sku, r.active]), [['A-3', false]]);
});

test.serial('an available below zero is read as it is, buyable as zero, and can be written upon', async t => {
  const s = await shopify(t, { 'A-1': 1 });
  s.vendor.shop.edit('A-1', -2);
  const [outcome] = await s.adapter.read([s.listing('A-1')], s.call());
  t.like(outcome, { kind: 'read', reading: { quantity: -2, buyable: 0 } });
  t.deepEqual(await s.adapter.write([s.entry('A-1', 4, 's1', -2)], s.call()), [{ kind: 'applied', signature: 's1', quantity: 4 }]);
});

test.serial('all levels of a location are listed once, across pages and across the depth where a list ends', async t => {
  const opening = Object.fromEntries(Array.from({ length: 730 }, (_, i) => [`S-${i}`, i]));
  const s = await shopify(t, opening, { deepest: 300 }, { depthMax: 200 });
  const readings = await listAll(s);
  t.deepEqual(readings.map(r => [r.listing.sku, r.quantity]), Object.entries(opening));
  t.deepEqual(readings[0]?.listing, s.listing('S-0'));
});

// --- Orders (shopify.md 6.4) ---

test.serial('orders carry ids beyond 2^53 unharmed, with units ordered, cancelled and shipped', async t => {
  const s = await shopify(t, { 'A-1': 10 });
  const { order } = s.vendor.shop.buy('b1', [{ sku: 'A-1', units: 5 }]);
  const line = order!.lines[0]!.line;
  s.vendor.shop.cancel(order!.orderId, line, 2);
  s.vendor.shop.ship(order!.orderId, line);
  await pause(100);
  const { lines } = await pollAll(s);
  t.is(lines.length, 1);
  t.like(lines[0], { id: `${order!.orderId}/${line}`, orderId: order!.orderId, sku: 'A-1', units: 5, cancelled: 2, shipped: 3 });
  t.true(BigInt(order!.orderId) > 2n ** 53n);
  t.true(Math.abs(lines[0]!.createdAt - order!.createdAt) < 1000);
});

test.serial('an order with more lines than come with it is fetched whole before anything counts as complete', async t => {
  const opening = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`S-${i}`, 5]));
  const s = await shopify(t, opening);
  s.vendor.shop.buy('b1', Object.keys(opening).map(sku => ({ sku, units: 1 })));
  s.vendor.shop.buy('b2', [{ sku: 'S-1', units: 1 }]);
  await pause(100);
  const first = await s.adapter.orders(undefined, s.call());
  t.is(first.lines.length, 16);
  t.true(first.more);
  t.true(first.completeThrough < Date.now() - 3_600_000, 'nothing of this window is complete yet');
  const { lines, pages } = await pollAll(s, first.cursor);
  t.is(pages, 2);
  t.is(new Set([...first.lines, ...lines].map(l => l.id)).size, 301);
});

test.serial('a window longer than the vendor pages is read in several and loses no order', async t => {
  const s = await shopify(t, { 'A-1': 500 }, { deepest: 150 }, { depthMax: 100 });
  const ids = new Set<string>();
  for (let n = 0; n < 240; n++) {
    ids.add(s.vendor.shop.buy(`b${n}`, [{ sku: 'A-1', units: 1 }]).order!.orderId);
    if (n % 40 === 39) await pause(1_000);
  }
  await pause(100);
  const { lines } = await pollAll(s);
  t.deepEqual(new Set(lines.map(l => l.orderId)), ids);
});

test.serial('a poll claims no more than the list can know: not its own lag, and never less than before', async t => {
  const s = await shopify(t, { 'A-1': 50 }, {}, { orderLagMs: 600_000 });
  const first = await pollAll(s);
  t.true(first.completeThrough <= Date.now() - 1_000, 'ten vendor minutes are one second here');
  const { order } = s.vendor.shop.buy('b1', [{ sku: 'A-1', units: 1 }]);
  await pause(100);
  const second = await pollAll(s, first.cursor);
  t.true(second.completeThrough >= first.completeThrough);
  t.true(second.completeThrough < order!.createdAt);
  t.deepEqual(second.lines.map(l => l.orderId), [order!.orderId]);
  const third = await pollAll(s, second.cursor);
  t.deepEqual(third.lines, second.lines, 'the overlap tells it again');
});

test.serial('a cursor of somebody else is refused by name', async t => {
  const s = await shopify(t, { 'A-1': 1 });
  await t.throwsAsync(s.adapter.orders('{"page":2}', s.call()), { instanceOf: TerminalError, message: /cursor .*page/ });
  await t.throwsAsync(s.adapter.listings('{"page":2}', s.call()), { instanceOf: TerminalError, message: /cursor .*page/ });
});

// --- What the store must allow (shopify.md 1, gotchas 8 and 9) ---

test.serial('a scope that is missing is told with its use before a write finds out, and one to write covers one to read', async t => {
  const s = await shopify(t, { 'A-1': 1 }, { scopes: ['write_inventory', 'read_locations', 'read_products'] });
  const found = await s.adapter.checks!.ask(s.call());
  t.deepEqual(found.filter(({ ok }) => !ok).map(({ name }) => name), ['scope read_orders']);
  t.regex(found.find(({ name }) => name === 'scope read_orders')!.told, /orders of the last 60 days/);
  t.true(found.find(({ name }) => name === 'scope read_inventory')!.ok);
  await t.throwsAsync(s.adapter.orders(undefined, s.call()), { instanceOf: AuthError, message: /ACCESS_DENIED/ });
  t.deepEqual(s.vendor.secrets().filter(secret => JSON.stringify(s.exchanges).includes(secret)), []);
});

test.serial('without the scope for locations the other scopes are told, and no location is asked for', async t => {
  const s = await shopify(t, { 'A-1': 1 }, { scopes: ['write_inventory', 'read_products', 'read_orders'] });
  t.deepEqual((await s.adapter.checks!.ask(s.call())).filter(({ ok }) => !ok).map(({ name }) => name), ['scope read_locations']);
});

test.serial('a location that is a service\'s, is not active, or is not there is told', async t => {
  const s = await shopify(t, { 'A-1': 1 });
  const last = async (of = s.adapter) => (await of.checks!.ask(s.call())).at(-1);
  t.like(await last(), { name: 'location gid://shopify/Location/655441491', ok: true });
  s.vendor.shop.location.isActive = false;
  t.like(await last(), { ok: false, told: 'Warehouse is not active: its levels are hidden until it is' });
  s.vendor.shop.location.isFulfillmentService = true;
  t.regex((await last())!.told, /^Warehouse is a fulfilment service's/);
  const elsewhere = await shopify(t, { 'A-1': 1 }, {}, { locationId: 'gid://shopify/Location/7' });
  t.like(await last(elsewhere.adapter), { name: 'location gid://shopify/Location/7', ok: false, told: 'the store has no such location: settings.locationId' });
});

// --- Cost (shopify.md 4) ---

test.serial('the points that each operation declares are what the vendor reserves for a full call', async t => {
  const opening = Object.fromEntries(Array.from({ length: 250 }, (_, i) => [`S-${i}`, 1]));
  const s = await shopify(t, opening);
  const skus = Object.keys(opening);
  const { write, read, orders, listings } = s.adapter.operations;
  await s.adapter.read([s.listing('S-0')], s.call());
  const { locationId } = s.listing('S-0').fields;
  const quantities = skus.map(sku => ({ ...s.listing(sku).fields, quantity: 2, changeFromQuantity: 1 }));
  const full = [
    { query: documents.setQuantities.text, variables: { key: 'k', input: { name: 'available', reason: 'correction', quantities } } },
    { query: documents.readLevels.text, variables: { locationId, ids: skus.slice(0, read.batch).map(sku => s.listing(sku).id) } },
    { query: documents.listOrders.text, variables: { query: '' } },
    { query: documents.listLevels.text, variables: { locationId } },
    { query: documents.scopesGranted.text, variables: {} },
    { query: documents.locationKind.text, variables: { locationId } },
  ];
  const reserved = [];
  for (const body of full) reserved.push((await raw(s, body)).extensions.cost.requestedQueryCost);
  const [scopes, location] = reserved.splice(4);
  t.deepEqual(reserved, [write.cost, read.cost, orders.cost, listings.cost]);
  t.is(scopes! + location!, s.adapter.checks!.operation.cost);
});

test.serial('every answer tells the state of the bucket', async t => {
  const s = await shopify(t, { 'A-1': 1 }, { bucket: { perSecond: 1, burst: 20_000 }, clock: new SandboxClock(1) });
  await s.adapter.write([s.entry('A-1', 2, 's1')], s.call());
  t.like(s.meters[0], { limit: 'points', perSecond: 1, burst: 20_000 });
  t.is(s.meters[0]?.remaining, 20_000 - 11);
});

test.serial('a query over the bucket is THROTTLED in a 200, with the wait that its cost takes to be restored', async t => {
  const s = await shopify(t, { 'A-1': 1, 'A-2': 1 }, { bucket: { perSecond: 1, burst: 13 }, clock: new SandboxClock(1) });
  await s.adapter.write([s.entry('A-1', 2, 's1')], s.call());
  const error = await t.throwsAsync(s.adapter.write([s.entry('A-2', 2, 's2')], s.call()), { instanceOf: ThrottledError }) as ThrottledError;
  t.is(error.code, 'THROTTLED');
  t.is(error.retryAfterMs, 9_000, 'needs 11 of 2 points at 1 a second');
  t.is(s.meters.at(-1)?.waitMs, 9_000);
  t.is(s.vendor.shop.listings.get('A-2')?.quantity, 1);
  t.is(s.exchanges.at(-1)?.status, 200);
});

// --- Auth (shopify.md 1) ---

test.serial('a rotating refresh token is stored before use, and the newest one is used after a restart', async t => {
  const s = await shopify(t, { 'A-1': 1 }, { grant: 'refresh-token' });
  await s.adapter.read([s.listing('A-1')], s.call());
  const first = s.tokens.get('shop-1')!;
  t.not(first.refreshToken, s.vendor.credentials['refreshToken']);
  s.vendor.expireTokens();
  await s.adapter.read([s.listing('A-1')], s.call());
  const second = s.tokens.get('shop-1')!;
  t.not(second.refreshToken, first.refreshToken);
  s.vendor.expireTokens();
  s.tokens.set('shop-1', { ...second, expiresAt: 0 });
  t.is((await s.again().read([s.listing('A-1')], s.call()))[0]?.kind, 'read');
});

test.serial('when the stored refresh token is dead, the one of a new authorisation in the configuration is used', async t => {
  const s = await shopify(t, { 'A-1': 1 }, { grant: 'refresh-token' });
  s.tokens.set('shop-1', { accessToken: 'gone', refreshToken: 'revoked', expiresAt: 0 });
  t.is((await s.adapter.read([s.listing('A-1')], s.call()))[0]?.kind, 'read');
});

test.serial('a token that the vendor refuses twice is an authorisation failure, after one renewal', async t => {
  const s = await shopify(t, { 'A-1': 1 });
  await s.adapter.read([s.listing('A-1')], s.call());
  s.vendor.shop.counts['calls.token'] = 0;
  s.vendor.expireTokens();
  s.vendor.shop.faults.add({ kind: 'revoke', forMs: 60_000 });
  const error = await t.throwsAsync(s.adapter.write([s.entry('A-1', 2, 's1')], s.call()), { instanceOf: AuthError });
  t.is((error as AuthError).code, 'invalid_grant');
  t.is(s.vendor.shop.counts['calls.token'], 1);
});

test.serial('credentials and settings that are wrong are named, settings with their value and secrets without', t => {
  const make = (credentials: Record<string, string>, settings: Record<string, unknown>) => (): unknown => createShopify(
    { account: 'shop-1', channel: 'shopify', baseUrl: 'http://localhost:1', credentials, settings },
    { now: Date.now, uuid: randomUUID, tokens: { load: async () => undefined, save: async () => undefined }, timeScale: 1 },
  );
  const locationId = 'gid://shopify/Location/1';
  t.throws(make({ clientId: 'c', clientSecret: 's' }, { locationId: '1' }), { message: /settings\.locationId: must be a location gid, got "1"/ });
  t.throws(make({ clientId: 'c', clientSecret: 's' }, { locationId, writeBatch: 251 }), { message: /settings\.writeBatch: .*got 251/ });
  t.throws(make({ clientId: 'c', clientSecret: 's' }, { locationId, version: '2026-08' }), { message: /settings\.version: .*"2026-08"/ });
  t.throws(make({ clientId: 'c' }, { locationId }), { message: /credentials\.clientSecret: .*got nothing/ });
  const secret = t.throws(make({ clientId: 'c', clientSecret: 'hush', refreshToken: '' }, { locationId, grant: 'refresh-token' }));
  t.regex(secret!.message, /credentials\.refreshToken: .*a text of 0 characters/);
  t.notRegex(secret!.message, /hush/);
});

test.serial('a version that the vendor no longer serves is told in the journal, since the vendor says nothing', async t => {
  const s = await shopify(t, { 'A-1': 1 }, {}, { version: '2025-01' });
  await s.adapter.read([s.listing('A-1')], s.call());
  t.is(s.exchanges[0]?.error, 'asked for version 2025-01, served as 2026-07');
});

test.serial('a version path that the vendor never had parks the account and loses no job', async t => {
  const s = await shopify(t, { 'A-1': 1 }, {}, { version: '2099-01' });
  await t.throwsAsync(s.adapter.read([s.listing('A-1')], s.call()), { instanceOf: AuthError, message: /HTTP 404/ });
});

// --- The sandbox refuses what the vendor refuses (shopify.md 5.2) ---

test.serial('the sandbox demands the directive, the changeFromQuantity key and no more than 250 entries', async t => {
  const s = await shopify(t, { 'A-1': 1 });
  await s.adapter.read([s.listing('A-1')], s.call());
  const { fields } = s.listing('A-1');
  const quantities = [{ ...fields, quantity: 5, changeFromQuantity: null }];
  const mutation = (directive: string): string => `mutation($input: InventorySetQuantitiesInput!) { inventorySetQuantities(input: $input) ${directive} { userErrors { code field } } }`;
  const input = { name: 'available', reason: 'correction', quantities };
  const code = async (directive: string, given: object): Promise<string | undefined> =>
    (await raw(s, { query: mutation(directive), variables: { input: { ...input, ...given } } })).errors?.[0]?.extensions.code;
  t.is(await code('', {}), 'BAD_REQUEST');
  t.is(await code('@idempotent(key: " ")', {}), 'BAD_REQUEST');
  t.is(await code('@idempotent(key: "k1")', { quantities: [{ ...fields, quantity: 5 }] }), 'INVALID_FIELD_ARGUMENTS');
  t.is(await code('@idempotent(key: "k2")', { quantities: Array(251).fill(quantities[0]) }), 'MAX_INPUT_SIZE_EXCEEDED');
  t.is(s.vendor.shop.listings.get('A-1')?.quantity, 1, 'and nothing of it was written');
  t.is(await code('@idempotent(key: "k3")', {}), undefined);
  t.is(s.vendor.shop.listings.get('A-1')?.quantity, 5, 'null skips the comparison');
  const userErrors = async (given: object): Promise<unknown> => {
    const answer = await raw(s, { query: mutation(`@idempotent(key: "${randomUUID()}")`), variables: { input: { ...input, ...given } } });
    return (answer.data as { inventorySetQuantities: { userErrors: { code: string }[] } }).inventorySetQuantities.userErrors.map(e => e.code);
  };
  t.deepEqual(await userErrors({ reason: 'because' }), ['INVALID_REASON']);
  t.deepEqual(await userErrors({ name: 'reserved' }), ['INVALID_NAME']);
  t.deepEqual(await userErrors({ referenceDocumentUri: 'gid://plumb' }), ['INVALID_REFERENCE_DOCUMENT']);
  t.deepEqual(await userErrors({ quantities: [quantities[0], quantities[0]] }), ['NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR']);
  t.deepEqual(await userErrors({ quantities: [{ ...quantities[0], quantity: -1 }] }), ['INVALID_QUANTITY_NEGATIVE']);
});

test.serial('the sandbox refuses a query of more than 1,000 points and gives back what a query did not use', async t => {
  const s = await shopify(t, { 'A-1': 1 }, { bucket: { perSecond: 1, burst: 2000 }, clock: new SandboxClock(1) });
  await s.adapter.read([s.listing('A-1')], s.call());
  const { locationId } = s.listing('A-1').fields;
  const query = (first: number): string => `{ location(id: "${locationId}") { inventoryLevels(first: ${first}) { nodes { id item { id } location { id } } } } }`;
  t.is((await raw(s, { query: query(250) })).extensions.cost.requestedQueryCost, 1 + 2 + 250 * 3);
  const { requestedQueryCost, actualQueryCost, throttleStatus } = (await raw(s, { query: query(200) })).extensions.cost;
  t.is(requestedQueryCost, 603);
  t.is(actualQueryCost, 1 + 2 + 3);
  t.true(throttleStatus.currentlyAvailable > 1950);
  const dear = `{ location(id: "${locationId}") { inventoryLevels(first: 250) { nodes { item { id variants(first: 10) { nodes { product { id } } } } } } } }`;
  t.is((await raw(s, { query: dear })).errors?.[0]?.extensions.code, 'MAX_COST_EXCEEDED');
});

// --- The error table ---

test.serial('each HTTP status, GraphQL code and userError code has the class that the vendor document gives it', t => {
  const http = { 400: 'terminal', 401: 'auth', 402: 'auth', 403: 'auth', 404: 'auth', 406: 'terminal', 408: 'unknown', 423: 'auth', 429: 'throttled', 500: 'unknown', 503: 'unknown', 302: 'unknown', 200: 'unknown' };
  for (const [status, kind] of Object.entries(http)) t.is(httpClass(Number(status)), kind as never, status);
  const graphql = { THROTTLED: 'throttled', ACCESS_DENIED: 'auth', MAX_COST_EXCEEDED: 'terminal', INTERNAL_SERVER_ERROR: 'unknown', BAD_REQUEST: 'terminal', INVALID_FIELD_ARGUMENTS: 'terminal' };
  for (const [code, kind] of Object.entries(graphql)) t.is(graphqlClass(code, false), kind as never, code);
  t.is(graphqlClass('undefinedField', false), 'terminal', 'refused before execution');
  t.is(graphqlClass('SOMETHING_NEW', true), 'unknown', 'it may have run');
  const entries = {
    CHANGE_FROM_QUANTITY_STALE: 'conflict', COMPARE_QUANTITY_STALE: 'conflict', ITEM_NOT_STOCKED_AT_LOCATION: 'listing',
    INVALID_INVENTORY_ITEM: 'listing', INVALID_LOCATION: 'listing', NON_MUTABLE_INVENTORY_ITEM: 'listing',
    INVALID_REASON: 'validation', INVALID_NAME: 'validation', INVALID_REFERENCE_DOCUMENT: 'validation',
    INVALID_QUANTITY_NEGATIVE: 'validation', INVALID_QUANTITY_TOO_HIGH: 'validation', INVALID_QUANTITY_TOO_LOW: 'validation',
    IDEMPOTENCY_CONCURRENT_REQUEST: 'running', IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED: 'newKey', IDEMPOTENCY_KEY_PARAMETER_MISMATCH: 'newKey',
    SOMETHING_NEW: 'newKey',
  };
  for (const [code, kind] of Object.entries(entries)) t.is(entryClass(code), kind as never, code);
  t.is(entryClass(null), 'newKey');
});

// --- Helpers that speak to the sandbox without the adapter ---

interface Raw {
  data?: unknown;
  errors?: { extensions: { code: string } }[];
  extensions: { cost: { requestedQueryCost: number; actualQueryCost: number; throttleStatus: { currentlyAvailable: number } } };
}

async function raw(s: Shopify, body: object): Promise<Raw> {
  const { body: answer } = await request(`${s.sandbox.url}/admin/api/2026-07/graphql.json`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-shopify-access-token': s.tokens.get('shop-1')!.accessToken },
    body: JSON.stringify(body),
  });
  return await answer.json() as Raw;
}
