import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { parse } from 'yaml';
import { createAmazon } from '../../actors/channel/adapters/amazon/adapter.ts';
import { failure, failures, refusesToken, tokenFailure, tokenFailures } from '../../actors/channel/adapters/amazon/errors.ts';
import { advance, orderLines } from '../../actors/channel/adapters/amazon/orders.ts';
import type { Order } from '../../actors/channel/adapters/amazon/schemas.ts';
import type { AccountSettings, Call, ChannelAdapter, Exchange, Listing, Meter, OrderLine, TokenSet } from '../../actors/channel/adapter.ts';
import { AmbiguousError, AuthError, RetryableError, TerminalError, ThrottledError } from '../../actors/errors.ts';
import { openAmazon } from '../../deploy/sandbox/amazon.ts';
import { limits } from '../../deploy/sandbox/amazon/answers.ts';
import { SandboxClock } from '../../deploy/sandbox/kit/clock.ts';
import { startSandbox } from '../../deploy/sandbox/kit/server.ts';
import { channelContract } from '../contracts/channel.ts';

/** A vendor's hour lasts 6 s, so the slowest apply takes a tenth of a second. */
const scale = 600;

async function start(opening: Record<string, number>, options: { scale?: number; applyAfterMs?(): number } = {}) {
  const clock = new SandboxClock(options.scale ?? scale);
  const vendor = openAmazon({ account: 'amazon-us', clock, ...(options.applyAfterMs && { applyAfterMs: options.applyAfterMs }) });
  for (const [sku, quantity] of Object.entries(opening)) vendor.shop.addListing(sku, quantity);
  const sandbox = await startSandbox(vendor);
  const account = { account: 'amazon-us', channel: 'amazon', baseUrl: sandbox.url, credentials: vendor.credentials, settings: { ...vendor.settings, feeds: { threshold: 3 } } };
  const adapter = adapterFor(account, clock.scale);
  return {
    adapter, sandbox, vendor, account, shop: vendor.shop,
    secrets: () => vendor.secrets(),
    again: () => adapterFor(account, clock.scale),
    ghost: (): Listing => ({ id: 'GHOST-1', sku: 'GHOST-1', fields: {} }),
  };
}

function adapterFor(account: AccountSettings, timeScale = scale): ChannelAdapter {
  const kept = new Map<string, TokenSet>();
  return createAmazon(account, {
    now: () => Date.now(),
    uuid: () => crypto.randomUUID(),
    tokens: { load: async key => kept.get(key), save: async (key, tokens) => { kept.set(key, tokens); } },
    timeScale,
  });
}

channelContract(test, start, { feeds: true });

const call = (more: Partial<Call> = {}): Call => ({ signal: AbortSignal.timeout(5_000), ...more });
const listing = (sku: string): Listing => ({ id: sku, sku, fields: {} });
const entry = (sku: string, quantity: number) => ({ listing: listing(sku), quantity, signature: `sig-${sku}-${quantity}` });
const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms));

async function until(ask: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 5_000; !(await ask()); await pause(20)) {
    if (Date.now() > end) throw new Error(`never: ${ask}`);
  }
}

type World = Awaited<ReturnType<typeof start>>;
const world = async (t: ExecutionContext, ...given: Parameters<typeof start>): Promise<World> => {
  const made = await start(...given);
  t.teardown(() => made.sandbox.close());
  return made;
};

/** The sandbox as a careless client would meet it. */
async function raw({ sandbox, vendor }: World, method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const { clientId, clientSecret, refreshToken } = vendor.credentials;
  const grant = await fetch(`${sandbox.url}/auth/o2/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'refresh_token', client_id: clientId!, client_secret: clientSecret!, refresh_token: refreshToken! }),
  });
  const { access_token: token } = await grant.json() as { access_token: string };
  const response = await fetch(sandbox.url + path, {
    method,
    headers: { 'x-amz-access-token': token, ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return { status: response.status, headers: response.headers, json: await response.json() as Record<string, any> };
}

const items = '/listings/2021-08-01/items/A1SANDBOXSELLER';
const store = 'marketplaceIds=ATVPDKIKX0DER';
const patchOf = (op: string, value: unknown, path = '/attributes/fulfillment_availability') => ({ productType: 'PRODUCT', patches: [{ op, path, value }] });

// Writing

test.serial('a write of a quantity leaves the handling time of the listing alone', async t => {
  const w = await world(t, { 'A-1': 10 });
  await w.adapter.write([entry('A-1', 4)], call());
  await until(() => w.shop.listings.get('A-1')!.quantity === 4);
  t.is(w.shop.listings.get('A-1')!.fields['leadTimeToShipMaxDays'], '3');
});

test.serial('the sandbox wipes the handling time on a quantity-only replace, as Amazon does', async t => {
  const w = await world(t, { 'A-1': 10 });
  await raw(w, 'PATCH', `${items}/A-1?${store}`, patchOf('replace', [{ fulfillment_channel_code: 'DEFAULT', quantity: 4 }]));
  await until(() => w.shop.listings.get('A-1')!.quantity === 4);
  t.false('leadTimeToShipMaxDays' in w.shop.listings.get('A-1')!.fields);
});

test.serial('an accepted write tells its submission and when to look, on the clock of the sandbox', async t => {
  const w = await world(t, { 'A-1': 10 });
  const [outcome] = await w.adapter.write([entry('A-1', 4)], call());
  if (outcome?.kind !== 'accepted') return t.fail(JSON.stringify(outcome));
  t.regex(outcome.reference ?? '', /^[0-9a-f-]{36}$/);
  t.deepEqual([outcome.verifyAfterMs, outcome.verifyWithinMs], [50, 1500]);
});

test.serial('a write to a SKU that does not exist is accepted and only the read back tells', async t => {
  const w = await world(t, { 'A-1': 10 });
  const [outcome] = await w.adapter.write([entry('NOBODY', 4)], call());
  t.is(outcome?.kind, 'accepted');
  t.is((await w.adapter.read([listing('NOBODY')], call()))[0]?.kind, 'missing');
});

test.serial('an older write that is slow to apply does not land on top of a newer one', async t => {
  const delays = [600_000, 1_000]; // A second here, and 2 ms.
  const w = await world(t, { 'A-1': 10 }, { applyAfterMs: () => delays.shift()! });
  await w.adapter.write([entry('A-1', 5)], call());
  await w.adapter.write([entry('A-1', 2)], call());
  await until(() => w.shop.counts['writes'] === 2);
  t.deepEqual(w.shop.ledger.entries.map(e => e.kind === 'shown' && e.quantity), [10, 5, 2]);
});

test.serial('a quantity that is no whole number is refused before it can become a null', async t => {
  const w = await world(t, { 'A-1': 10 });
  for (const quantity of [NaN, -1, 1.5]) {
    const [outcome] = await w.adapter.write([entry('A-1', quantity)], call());
    t.like(outcome, { kind: 'refused', class: 'validation', code: 'quantity' });
  }
  t.is(w.shop.counts['calls.write'], undefined);
});

const awkward = ['S/1', 'S#1', 'S+1', 'S 1', 'S%201', 'S&1=?', 'S,1', 'é-1', "S'(1)!*"];

test.serial('SKUs with every awkward sign are written and read as themselves', async t => {
  const w = await world(t, Object.fromEntries(awkward.map((sku, n) => [sku, n + 1])));
  const readings = await w.adapter.read(awkward.map(listing), call());
  t.deepEqual(readings.map(r => r.kind === 'read' ? r.reading.quantity : r), awkward.map((_, n) => n + 1));
  for (const [n, sku] of awkward.entries()) t.is((await w.adapter.write([entry(sku, 100 + n)], call()))[0]?.kind, 'accepted');
  await until(() => awkward.every((sku, n) => w.shop.listings.get(sku)?.quantity === 100 + n));
  t.is(w.shop.listings.size, awkward.length);
});

test.serial('a SKU with a comma is paid for as a read of one', async t => {
  const w = await world(t, {});
  t.is(w.adapter.readOperation?.(listing('S,1')).limit, 'getListingsItem');
  t.is(w.adapter.readOperation?.(listing('S-1')).limit, 'searchListingsItems');
});

// Reading

test.serial('a read gives the live quantity, not the one submitted', async t => {
  const w = await world(t, { 'A-1': 10 });
  await w.adapter.write([entry('A-1', 6)], call());
  await until(() => w.shop.listings.get('A-1')!.quantity === 6);
  w.shop.buy('b1', [{ sku: 'A-1', units: 2 }]);
  const { json } = await raw(w, 'GET', `${items}/A-1?${store}&includedData=attributes,fulfillmentAvailability`);
  t.is(json['attributes'].fulfillment_availability[0].quantity, 6, 'submitted');
  t.like((await w.adapter.read([listing('A-1')], call()))[0], { kind: 'read', reading: { quantity: 4, buyable: 4 } });
});

test.serial('a read of twenty SKUs takes one call and gives all twenty', async t => {
  const skus = Array.from({ length: 20 }, (_, n) => `S-${n}`);
  const w = await world(t, Object.fromEntries(skus.map((sku, n) => [sku, n])));
  const exchanges: Exchange[] = [];
  const outcomes = await w.adapter.read(skus.map(listing), call({ onExchange: e => exchanges.push(e) }));
  t.deepEqual(outcomes.map(o => o.kind === 'read' && o.reading.quantity), skus.map((_, n) => n));
  t.is(exchanges.filter(e => e.method === 'GET').length, 1);
});

test.serial('a suppressed listing reads as inactive with Amazon\'s words, an empty one as active', async t => {
  const w = await world(t, { 'A-1': 10, 'A-2': 0, 'A-3': 0 });
  w.shop.setActive('A-1', false);
  w.shop.setActive('A-3', false);
  const [one, two, three] = await w.adapter.read(['A-1', 'A-2', 'A-3'].map(listing), call());
  t.like(one, { kind: 'read', reading: { quantity: 10, buyable: 0, active: false } });
  t.regex(one?.kind === 'read' ? one.reading.reason ?? '' : '', /18155.*status is \[\]/);
  t.like(two, { kind: 'read', reading: { quantity: 0, buyable: 0, active: true } });
  t.like(three, { kind: 'read', reading: { quantity: 0, buyable: 0, active: false } });
});

test.serial('an import goes beyond the thousand listings that one search pages through', async t => {
  const w = await world(t, Object.fromEntries(Array.from({ length: 2_050 }, (_, n) => [`S-${n}`, n])));
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await w.adapter.listings(cursor, call());
    seen.push(...page.readings.map(r => r.listing.sku));
    cursor = page.cursor;
  } while (cursor !== undefined);
  t.is(seen.length, 2_050);
  t.is(new Set(seen).size, 2_050);
});

// Tokens and rates

test.serial('a refused path or role is an authorisation failure at once, without a new token', async t => {
  const w = await world(t, { 'A-1': 10 });
  await w.adapter.read([listing('A-1')], call());
  const other = adapterFor({ ...w.account, settings: { ...w.account.settings, sellerId: 'SOMEBODY-ELSE' } });
  const error = await t.throwsAsync(other.read([listing('A-1')], call()), { instanceOf: AuthError });
  t.regex(error!.message, /403 Unauthorized/);
  t.is(w.shop.counts['calls.token'], 2, 'one for each adapter');
});

test.serial('a write whose token expired under way is sent once more with a new one', async t => {
  const w = await world(t, { 'A-1': 10 });
  await w.adapter.read([listing('A-1')], call());
  w.vendor.expireTokens();
  const exchanges: Exchange[] = [];
  const [outcome] = await w.adapter.write([entry('A-1', 3)], call({ onExchange: e => exchanges.push(e) }));
  t.is(outcome?.kind, 'accepted');
  t.deepEqual(exchanges.map(e => [e.method, e.status]), [['PATCH', 403], ['POST', 200], ['PATCH', 200]]);
});

test.serial('the sixth write within a second is throttled and empties the meter', async t => {
  const w = await world(t, { 'A-1': 10 }, { scale: 1 });
  const meters: Meter[] = [];
  const write = () => w.adapter.write([entry('A-1', 3)], call({ onMeter: m => meters.push(m) }));
  for (let n = 0; n < 5; n++) await write();
  const errors = (await Promise.allSettled([write(), write(), write(), write(), write(), write()])).flatMap(r => r.status === 'rejected' ? [r.reason] : []);
  t.true(errors.length >= 1);
  t.true(errors.every(e => e instanceof ThrottledError && e.code === 'QuotaExceeded' && e.requestId !== undefined));
  t.deepEqual(meters[0], { limit: 'patchListingsItem', perSecond: 5 });
  t.deepEqual(meters.find(m => m.remaining === 0), { limit: 'patchListingsItem', remaining: 0 });
});

test.serial('a call whose deadline passes while it waits for a token was not sent, and says so', async t => {
  const w = await world(t, { 'A-1': 10 });
  const error = await t.throwsAsync(w.adapter.write([entry('A-1', 1)], { signal: AbortSignal.abort() }), { instanceOf: RetryableError });
  t.regex(error!.message, /nothing was sent/);
  t.is(w.shop.counts['calls.write'], undefined);
});

test.serial('a write that meets its deadline under way counts as possibly applied, and is told by name', async t => {
  const w = await world(t, { 'A-1': 10 });
  await w.adapter.read([listing('A-1')], call());
  w.shop.faults.add({ kind: 'latency', on: 'write', forMs: 60_000, delayMs: 1_000 });
  const error = await t.throwsAsync(w.adapter.write([entry('A-1', 1)], { signal: AbortSignal.timeout(100) }), { instanceOf: AmbiguousError });
  t.is((error as AmbiguousError).code, 'TimeoutError');
});

test.serial('the sandbox keeps the limits that are published in config', t => {
  t.deepEqual(parse(readFileSync(new URL('../../config/limits/amazon.yaml', import.meta.url), 'utf8')), limits);
});

test.serial('every operation of the adapter names a published limit', async t => {
  const w = await world(t, {});
  for (const { limit } of Object.values({ ...w.adapter.operations, ...w.adapter.feeds!.operations })) t.true(limit in limits, limit);
});

// Orders

test.serial('an order shows only two minutes after it was placed, and completeness never claims more', async t => {
  const w = await world(t, { 'A-1': 10 }, { scale: 60 }); // Two minutes are 2 s.
  const { order } = w.shop.buy('b1', [{ sku: 'A-1', units: 1 }]);
  let page = await w.adapter.orders(undefined, call());
  while (page.lines.length === 0) {
    t.true(page.completeThrough < order!.createdAt, 'not shown, not claimed');
    await pause(100);
    page = await w.adapter.orders(page.cursor, call());
  }
  t.true(Date.now() - order!.createdAt >= 2_000);
  t.true(page.completeThrough >= order!.createdAt);
  t.deepEqual(page.lines.map(l => [l.orderId, l.units, l.cancelled]), [[order!.orderId, 1, 0]]);
});

test.serial('a unit cancelled out of three is learnt while the order is Pending', async t => {
  const w = await world(t, { 'A-1': 10 });
  const { order } = w.shop.buy('b1', [{ sku: 'A-1', units: 3 }]);
  w.shop.cancel(order!.orderId, order!.lines[0]!.line, 1);
  await pause(220);
  const { lines } = await w.adapter.orders(undefined, call());
  t.deepEqual(lines.map(l => [l.units, l.cancelled, l.shipped]), [[3, 1, 0]]);
});

test.serial('completeness moves only with the last page of a poll', async t => {
  const w = await world(t, { 'A-1': 500 });
  for (let n = 0; n < 150; n++) w.shop.buy(`b${n}`, [{ sku: 'A-1', units: 1 }]);
  const placed = Date.now();
  await pause(220);
  const first = await w.adapter.orders(undefined, call());
  t.deepEqual([first.lines.length, first.more, first.completeThrough < placed], [100, true, true]);
  const second = await w.adapter.orders(first.cursor, call());
  t.deepEqual([second.lines.length, second.more], [50, false]);
  t.true(second.completeThrough > placed - 1);
});

test.serial('a page token that died begins the poll again, and only once', async t => {
  const w = await world(t, { 'A-1': 10 });
  w.shop.buy('b1', [{ sku: 'A-1', units: 1 }]);
  await pause(220);
  const after = Date.now() - 60_000;
  const dead = { after, through: after, token: 'c3RhbGU' };
  const restart = await w.adapter.orders(JSON.stringify(dead), call());
  t.deepEqual([restart.lines.length, restart.more, restart.completeThrough], [0, true, after]);
  t.is((await w.adapter.orders(restart.cursor, call())).lines.length, 1);
  await t.throwsAsync(w.adapter.orders(JSON.stringify({ ...dead, again: true }), call()), { instanceOf: TerminalError });
});

test.serial('the next poll overlaps the last one and never claims what Amazon did not answer', t => {
  t.deepEqual(advance({ after: 0, through: 0 }, undefined, 1_000_000, 300_000), { after: 700_000, through: 1_000_000 });
  t.deepEqual(advance({ after: 5, through: 7 }, undefined, undefined, 300_000), { after: 5, through: 7 });
  const page = advance({ after: 5, through: 7 }, 'next', 900_000, 300_000);
  t.deepEqual(page, { after: 5, through: 7, token: 'next', before: 900_000 });
  t.deepEqual(advance(page, undefined, 1_000_000, 300_000), { after: 600_000, through: 900_000 });
});

const orderItem = (more: Partial<Order['orderItems'][number]> = {}): Order['orderItems'][number] =>
  ({ orderItemId: '1', quantityOrdered: 3, product: { sellerSku: 'A-1' }, ...more });
const orderOf = (status: string | undefined, item: Order['orderItems'][number], fulfilledBy = 'MERCHANT'): Order => ({
  orderId: 'O', createdTime: '2026-08-01T00:00:00Z', orderItems: [item],
  ...(status !== undefined && { fulfillment: { fulfillmentStatus: status, fulfilledBy } }),
});
const figures = (order: Order): Pick<OrderLine, 'units' | 'cancelled' | 'shipped'>[] =>
  orderLines([order]).map(({ units, cancelled, shipped }) => ({ units, cancelled, shipped }));
const executed = { cancellation: { cancellationExecution: { cancelledBy: 'BUYER' } } };

test.serial('a Pending order, or one without a status, counts as sold in full', t => {
  const sold = [{ units: 3, cancelled: 0, shipped: 0 }];
  for (const status of ['PENDING', 'PENDING_AVAILABILITY', 'UNSHIPPED', 'UNFULFILLABLE', undefined]) {
    t.deepEqual(figures(orderOf(status, orderItem())), sold, status);
  }
  t.deepEqual(figures(orderOf('PENDING', orderItem({ fulfillment: { quantityFulfilled: 0, quantityUnfulfilled: 0 } }))), sold, 'counts alone cancel nothing');
});

test.serial('units come back for a cancellation that was carried out, not for one that is asked for', t => {
  t.deepEqual(figures(orderOf('CANCELLED', orderItem())), [{ units: 3, cancelled: 3, shipped: 0 }]);
  t.deepEqual(figures(orderOf('UNSHIPPED', orderItem({ fulfillment: { quantityFulfilled: 0, quantityUnfulfilled: 2 }, ...executed }))), [{ units: 3, cancelled: 1, shipped: 0 }]);
  t.deepEqual(figures(orderOf('CANCELLED', orderItem({ fulfillment: { quantityFulfilled: 1 }, ...executed }))), [{ units: 3, cancelled: 2, shipped: 1 }]);
  t.deepEqual(figures(orderOf('UNSHIPPED', orderItem({ cancellation: {}, fulfillment: { quantityUnfulfilled: 2 } }))), [{ units: 3, cancelled: 0, shipped: 0 }]);
  t.deepEqual(figures(orderOf('UNSHIPPED', orderItem(executed))), [{ units: 3, cancelled: 0, shipped: 0 }]);
});

test.serial('orders that Amazon fulfils itself are none of ours, and a line without a SKU is not lost', t => {
  t.deepEqual(orderLines([orderOf('UNSHIPPED', orderItem(), 'AMAZON')]), []);
  t.is(orderLines([orderOf('UNSHIPPED', orderItem({ product: { asin: 'B1' } }))])[0]?.sku, 'asin:B1');
});

// Answers that the sandbox never gives

interface Script { status?: number; body: unknown; headers?: Record<string, string> }

/** A vendor over real HTTP whose every API answer is the given one. */
async function scripted(t: ExecutionContext, { status = 200, body, headers = {} }: Script, token: Script = { body: { access_token: 'Atza|t', token_type: 'bearer', expires_in: 3600 } }) {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    const answer = request.url === '/auth/o2/token' ? token : { status, body, headers };
    response.writeHead(answer.status ?? 200, answer.headers ?? {});
    response.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body));
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => { server.closeAllConnections(); server.close(); });
  const { port } = server.address() as AddressInfo;
  const adapter = adapterFor({
    account: 'amazon-us', channel: 'amazon', baseUrl: `http://127.0.0.1:${port}`,
    credentials: { clientId: 'id', clientSecret: 'cs', refreshToken: 'rt' },
    settings: { sellerId: 'S', marketplaceId: 'ATVPDKIKX0DER', authUrl: '/' },
  });
  return { adapter, seen };
}

const summaries = [{ marketplaceId: 'ATVPDKIKX0DER', productType: 'LUGGAGE', status: ['BUYABLE'], createdDate: '2024-01-01T00:00:00Z' }];
const offering = (...fulfillmentAvailability: unknown[]) => ({ numberOfResults: 1, items: [{ sku: 'A-1', summaries, fulfillmentAvailability }] });

test.serial('an INVALID answer refuses the entry with the code of its first error', async t => {
  const issues = [
    { code: '1', message: 'Minor.', severity: 'WARNING', categories: [] },
    { code: '90220', message: 'Size is missing.', severity: 'ERROR', categories: ['MISSING_ATTRIBUTE'] },
  ];
  const { adapter } = await scripted(t, { body: { sku: 'A-1', status: 'INVALID', submissionId: 's', issues } });
  t.deepEqual(await adapter.write([entry('A-1', 1)], call()), [
    { kind: 'refused', signature: 'sig-A-1-1', class: 'validation', code: '90220', message: 'Size is missing.' },
  ]);
});

const unproven: [string, Script][] = [
  ['of another SKU', { body: { sku: 'A%2D1', status: 'ACCEPTED', submissionId: 's' } }],
  ['of a preview', { body: { sku: 'A-1', status: 'VALID', submissionId: 's' } }],
  ['without a submission', { body: { sku: 'A-1', status: 'ACCEPTED' } }],
  ['in HTML', { body: '<html>OK</html>' }],
  ['of a gateway', { status: 502, body: 'Bad Gateway' }],
];
for (const [name, script] of unproven) {
  test.serial(`a write with an answer ${name} counts as possibly applied`, async t => {
    const { adapter } = await scripted(t, script);
    await t.throwsAsync(adapter.write([entry('A-1', 1)], call()), { instanceOf: AmbiguousError });
  });
}

const unreadable: [string, unknown[], string][] = [
  ['without a quantity', [{ fulfillmentChannelCode: 'DEFAULT' }], 'NO_QUANTITY'],
  ['with no channel at all', [], 'NO_QUANTITY'],
  ['of Amazon\'s fulfilment', [{ fulfillmentChannelCode: 'AMAZON_NA' }], 'FULFILLED_BY_AMAZON'],
  ['that kept its merchant entry after a switch', [{ fulfillmentChannelCode: 'DEFAULT', quantity: 4 }, { fulfillmentChannelCode: 'AMAZON_NA' }], 'FULFILLED_BY_AMAZON'],
  ['with stock by location', [{ fulfillmentChannelCode: 'DEFAULT', quantity: 0 }, { fulfillmentChannelCode: 'ss-1', quantity: 4 }], 'MULTI_LOCATION'],
  ['with a quantity in words', [{ fulfillmentChannelCode: 'DEFAULT', quantity: '4' }], 'MALFORMED'],
  ['with a quantity below zero', [{ fulfillmentChannelCode: 'DEFAULT', quantity: -4 }], 'MALFORMED'],
];
for (const [name, availability, code] of unreadable) {
  test.serial(`an offer ${name} reads as ${code}, never as a number`, async t => {
    const { adapter } = await scripted(t, { body: offering(...availability) });
    t.like((await adapter.read([listing('A-1')], call()))[0], { kind: code === 'FULFILLED_BY_AMAZON' || code === 'MULTI_LOCATION' ? 'missing' : 'failed', code });
  });
}

test.serial('an answer without fulfilment data is an error of its entry, not a zero', async t => {
  const { adapter } = await scripted(t, { body: { numberOfResults: 1, items: [{ sku: 'A-1', summaries }] } });
  t.like((await adapter.read([listing('A-1')], call()))[0], { kind: 'failed', code: 'MALFORMED' });
});

test.serial('a SKU that may be on a further page is not called missing', async t => {
  const { adapter } = await scripted(t, { body: { numberOfResults: 2, items: [], pagination: { nextToken: 'n' } } });
  t.like((await adapter.read([listing('A-1')], call()))[0], { kind: 'failed', code: 'PARTIAL' });
});

test.serial('an import leaves out what Amazon fulfils and stops at an item it does not understand', async t => {
  const fba = await scripted(t, { body: offering({ fulfillmentChannelCode: 'AMAZON_NA' }) });
  t.deepEqual(await fba.adapter.listings(undefined, call()), { readings: [] });
  const odd = await scripted(t, { body: { numberOfResults: 1, items: [{ sku: 'A-1' }] } });
  await t.throwsAsync(odd.adapter.listings(undefined, call()), { instanceOf: RetryableError, message: /A-1/ });
});

test.serial('orders in an unknown shape are an error, not an empty page', async t => {
  for (const body of [{}, { orders: [{ orderId: 'O', createdTime: '2026-08-01T00:00:00Z', orderItems: [{ orderItemId: '1', product: {} }] }] }, '<html>']) {
    const { adapter } = await scripted(t, { body });
    await t.throwsAsync(adapter.orders(undefined, call()), { instanceOf: RetryableError });
  }
});

test.serial('a token refused twice is an authorisation failure after one refresh', async t => {
  const body = { errors: [{ code: 'Unauthorized', message: 'Access to requested resource is denied.', details: 'The access token you provided is revoked, malformed or invalid.' }] };
  const { adapter, seen } = await scripted(t, { status: 403, body });
  await t.throwsAsync(adapter.write([entry('A-1', 1)], call()), { instanceOf: AuthError });
  t.deepEqual(seen.map(s => s.split('?')[0]), ['POST /auth/o2/token', 'PATCH /listings/2021-08-01/items/S/A-1', 'POST /auth/o2/token', 'PATCH /listings/2021-08-01/items/S/A-1']);
});

test.serial('a dead application secret is an authorisation failure and no listing is touched', async t => {
  const { adapter, seen } = await scripted(t, { body: {} }, { status: 401, body: { error: 'invalid_client', error_description: 'Client authentication failed' } });
  const error = await t.throwsAsync(adapter.write([entry('A-1', 1)], call()), { instanceOf: AuthError });
  t.is((error as AuthError).code, 'invalid_client');
  t.deepEqual(seen, ['POST /auth/o2/token']);
});

// The error tables

const answer = (status: number, json: unknown = undefined) => ({ status, headers: { 'x-amzn-requestid': 'r-1' }, text: JSON.stringify(json) ?? '', json });
const classes = { auth: AuthError, throttled: ThrottledError, retryable: RetryableError, ambiguous: AmbiguousError, terminal: TerminalError };

for (const status of [400, 401, 403, 404, 408, 413, 415, 418, 429, 500, 503, 599, 302]) {
  const row = failures.find(r => status >= r.from && status <= r.to)!;
  test.serial(`status ${status} is ${row.read} on a read and ${row.write} on a write`, t => {
    const body = { errors: [{ code: 'SomeCode', message: 'Words.', details: '' }] };
    for (const kind of ['read', 'write'] as const) {
      const error = failure('call', answer(status, body), kind);
      t.true(error instanceof classes[row[kind]], error.name);
      t.like(error, { code: 'SomeCode', status, requestId: 'r-1', message: `call: ${status} SomeCode: Words.` });
    }
  });
}

test.serial('the table says what the reference says of each status', t => {
  const read = (status: number) => failures.find(r => status >= r.from && status <= r.to)!.read;
  const write = (status: number) => failures.find(r => status >= r.from && status <= r.to)!.write;
  t.deepEqual([400, 401, 403, 404, 413, 415, 429, 500, 503].map(read), ['terminal', 'auth', 'auth', 'terminal', 'terminal', 'terminal', 'throttled', 'retryable', 'retryable']);
  t.deepEqual([400, 429, 500, 503].map(write), ['terminal', 'throttled', 'ambiguous', 'ambiguous']);
  const token = (status: number) => tokenFailures.find(r => status >= r.from && status <= r.to)!.read;
  t.deepEqual([400, 401, 403, 404, 429, 500, 200].map(token), ['auth', 'auth', 'auth', 'auth', 'throttled', 'retryable', 'retryable']);
});

test.serial('only details about the token make a 403 worth a new one', t => {
  const denied = (details?: string) => answer(403, { errors: [{ code: 'Unauthorized', message: 'Access to requested resource is denied.', ...(details !== undefined && { details }) }] });
  t.true(refusesToken(denied('The access token you provided has expired.')));
  t.true(refusesToken(denied('The access token you provided is revoked, malformed or invalid.')));
  t.false(refusesToken(denied('')));
  t.false(refusesToken(denied()));
  t.false(refusesToken({ ...denied('The access token you provided has expired.'), status: 400 }));
});

test.serial('a token answer that is not understood never shows in the error', t => {
  t.notRegex(tokenFailure(answer(200, { access_token: 'Atza|secret', expires_in: 'soon' })).message, /Atza/);
});

// Settings

test.serial('bad settings are named with their values, bad secrets without', t => {
  const make = (more: Partial<AccountSettings>) => () => adapterFor({
    account: 'amazon-us', channel: 'amazon', baseUrl: 'https://sellingpartnerapi-na.amazon.com',
    credentials: { clientId: 'id', clientSecret: 'cs', refreshToken: 'rt' }, settings: { sellerId: 'S', marketplaceId: 'M' }, ...more,
  });
  t.notThrows(make({}));
  t.throws(make({ settings: { sellerId: 'S', marketplaceId: 7 } }), { instanceOf: TypeError, message: /amazon-us: settings\.marketplaceId 7: / });
  t.throws(make({ settings: { sellerId: 'S' } }), { message: /settings\.marketplaceId undefined/ });
  t.throws(make({ settings: { sellerId: 'S', marketplaceId: 'M', verifyAfterMs: 10, verifyWithinMs: 5 } }), { message: /verifyWithinMs 5: must be above/ });
  t.throws(make({ settings: { sellerId: 'S', marketplaceId: 'M', authUrl: 'ftp://x' } }), { message: /authUrl "ftp:\/\/x"/ });
  t.throws(make({ baseUrl: 'sandbox' }), { message: /baseUrl "sandbox"/ });
  const error = t.throws(make({ credentials: { clientId: '', clientSecret: 'hush', refreshToken: 'rt', extra: 'hush' } }));
  t.regex(error!.message, /credentials\.clientId \(secret\)/);
  t.notRegex(error!.message, /hush/);
});

// What the sandbox refuses

const refusals: [string, string, string, unknown, number, RegExp][] = [
  ['a value that is no array', 'PATCH', `${items}/A-1?${store}`, patchOf('merge', { fulfillment_channel_code: 'DEFAULT', quantity: 1 }), 400, /array/],
  ['a patch without a product type', 'PATCH', `${items}/A-1?${store}`, { patches: patchOf('merge', []).patches }, 400, /productType/],
  ['an unknown op', 'PATCH', `${items}/A-1?${store}`, patchOf('set', []), 400, /op .*set/],
  ['a body that is no JSON', 'PATCH', `${items}/A-1?${store}`, '{', 400, /BAD_REQUEST/],
  ['a write without a store', 'PATCH', `${items}/A-1`, patchOf('merge', []), 400, /marketplaceIds/],
  ['an unencoded slash', 'PATCH', `${items}/C/3?${store}`, patchOf('merge', []), 403, /Unauthorized.*"details":""/],
  ['a nested path', 'PATCH', `${items}/A-1?${store}`, patchOf('replace', [{ quantity: 1 }], '/attributes/fulfillment_availability/0/quantity'), 200, /INVALID.*90000900/],
  ['a camel case attribute', 'PATCH', `${items}/A-1?${store}`, patchOf('merge', [{}], '/attributes/fulfillmentAvailability'), 200, /INVALID.*90000900/],
  ['an entry without a selector', 'PATCH', `${items}/A-1?${store}`, patchOf('replace', [{ quantity: 1 }]), 200, /INVALID.*99022/],
  ['a negative quantity', 'PATCH', `${items}/A-1?${store}`, patchOf('merge', [{ fulfillment_channel_code: 'DEFAULT', quantity: -1 }]), 200, /INVALID/],
  ['handling time without a quantity', 'PATCH', `${items}/A-1?${store}`, patchOf('merge', [{ fulfillment_channel_code: 'DEFAULT', lead_time_to_ship_max_days: 1 }]), 200, /INVALID/],
  ['twenty-one identifiers', 'GET', `${items}?${store}&identifiersType=SKU&identifiers=${Array(21).fill('A').join(',')}`, undefined, 400, /20/],
  ['identifiers without their type', 'GET', `${items}?${store}&identifiers=A-1`, undefined, 400, /identifiersType/],
  ['a page of twenty-one', 'GET', `${items}?${store}&pageSize=21`, undefined, 400, /pageSize/],
  ['a data set nobody knows', 'GET', `${items}/A-1?${store}&includedData=quantity`, undefined, 400, /includedData/],
  ['a SKU nobody has', 'GET', `${items}/X?${store}`, undefined, 404, /NOT_FOUND/],
  ['a double-encoded SKU', 'GET', `${items}/A%25201?${store}`, undefined, 404, /A%201/],
  ['orders without a window', 'GET', '/orders/2026-01-01/orders', undefined, 400, /Exactly one/],
  ['orders with two windows', 'GET', '/orders/2026-01-01/orders?createdAfter=2026-01-01T00:00:00Z&lastUpdatedAfter=2026-01-01T00:00:00Z', undefined, 400, /Exactly one/],
  ['a window up to now', 'GET', `/orders/2026-01-01/orders?lastUpdatedAfter=2026-01-01T00:00:00Z&lastUpdatedBefore=2099-01-01T00:00:00Z`, undefined, 400, /two minutes/],
  ['a page of 101 orders', 'GET', '/orders/2026-01-01/orders?lastUpdatedAfter=2026-01-01T00:00:00Z&maxResultsPerPage=101', undefined, 400, /maxResultsPerPage/],
  ['the old orders API', 'GET', '/orders/v0/orders', undefined, 403, /Unauthorized/],
];
for (const [name, method, path, body, status, words] of refusals) {
  test.serial(`the sandbox refuses ${name} and writes nothing`, async t => {
    const w = await world(t, { 'A-1': 10, 'C/3': 4 });
    const refused = await raw(w, method, path, body);
    t.is(refused.status, status, JSON.stringify(refused.json));
    t.regex(JSON.stringify(refused.json), words);
    t.truthy(refused.headers.get('x-amzn-requestid'));
    t.false(status === 403 && refused.headers.has('x-amzn-ratelimit-limit'), 'no rate on a 403');
    await pause(150);
    t.is(w.shop.counts['writes'], undefined);
  });
}

test.serial('a search that forgets its data sets gets no quantity, and ten items', async t => {
  const w = await world(t, Object.fromEntries(Array.from({ length: 15 }, (_, n) => [`S-${n}`, n])));
  const { json } = await raw(w, 'GET', `${items}?${store}`);
  t.deepEqual([json['items'].length, json['numberOfResults'], 'nextToken' in json['pagination']], [10, 15, true]);
  t.false('fulfillmentAvailability' in json['items'][0]);
});

test.serial('a page token of orders does not outlive a change of the other parameters', async t => {
  const w = await world(t, { 'A-1': 10 });
  for (let n = 0; n < 3; n++) w.shop.buy('b', [{ sku: 'A-1', units: 1 }]);
  await pause(220);
  const path = '/orders/2026-01-01/orders?lastUpdatedAfter=2026-01-01T00:00:00Z&maxResultsPerPage=2';
  const { json } = await raw(w, 'GET', path);
  const token = encodeURIComponent(json['pagination'].nextToken);
  t.is((await raw(w, 'GET', `${path}&paginationToken=${token}`)).json['orders'].length, 1);
  t.is((await raw(w, 'GET', `${path}&fulfilledBy=MERCHANT&paginationToken=${token}`)).status, 400);
});

test.serial('a preview is answered VALID and stores nothing', async t => {
  const w = await world(t, { 'A-1': 10 });
  const { json } = await raw(w, 'PATCH', `${items}/A-1?${store}&mode=VALIDATION_PREVIEW`, patchOf('merge', [{ fulfillment_channel_code: 'DEFAULT', quantity: 1 }]));
  t.is(json['status'], 'VALID');
  await pause(150);
  t.is(w.shop.listings.get('A-1')!.quantity, 10);
});
