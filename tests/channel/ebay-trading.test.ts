/** eBay listings that the Inventory API does not manage (ebay.md 2.3): the channel contract by the Trading API, and its traps. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseXml } from '@rgrove/parse-xml';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import fc from 'fast-check';
import type { Call, Reading, WriteEntry } from '../../actors/channel/adapter.ts';
import { createEbay } from '../../actors/channel/adapters/ebay/adapter.ts';
import { refusedToken, tradingClass, tradingErrors } from '../../actors/channel/adapters/ebay/trading-errors.ts';
import { isSpeakable, request } from '../../actors/channel/adapters/ebay/xml.ts';
import { AmbiguousError, AuthError, RetryableError, TerminalError, ThrottledError } from '../../actors/errors.ts';
import { channelContract } from '../contracts/channel.ts';
import { ebayWorld, ports } from './ebay-world.ts';
import type { EbayWorld, WorldOptions } from './ebay-world.ts';

/** Variations of one listing begin and end together, so the contract's first SKU has a listing of its own. */
const variations = new Set(['A-2', 'B 2', 'D-4']);

channelContract(test, async opening => {
  const { adapter, sandbox, vendor, again } = await ebayWorld(opening, { sandbox: { kindOf: sku => (variations.has(sku) ? 'variation' : 'single') }, settings: { legacy: true } });
  return {
    adapter, again, sandbox,
    secrets: () => vendor.secrets(),
    ghost: like => ({ ...like, id: '110888888888', sku: 'GHOST-1', fields: { itemId: '110888888888', ...(like.fields['variation'] !== undefined && { variation: 'GHOST-1' }) } }),
  };
});

/** `T…` is a listing of the Trading API, `V…` one of its variations, and the rest the Inventory API's. */
async function world(t: ExecutionContext, opening: Record<string, number>, options: WorldOptions = {}): Promise<EbayWorld> {
  const made = await ebayWorld(opening, {
    ...options,
    sandbox: { kindOf: sku => (sku.startsWith('T') ? 'single' : sku.startsWith('V') ? 'variation' : 'managed'), ...options.sandbox },
    settings: { legacy: true, ...options.settings },
  });
  t.teardown(() => made.sandbox.close());
  return made;
}

async function imported(w: EbayWorld): Promise<Reading[]> {
  const readings: Reading[] = [];
  for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
    const page = await w.adapter.listings(cursor, w.call());
    readings.push(...page.readings);
    cursor = page.cursor;
  }
  return readings;
}

test.serial('an import finds each listing once, and which API manages it', async t => {
  const w = await world(t, { A: 5, T1: 6, V1: 7, B: 8, V2: 9 }, { settings: { importPage: 2 } });
  w.shop.buy('b', [{ sku: 'T1', units: 2 }, { sku: 'V2', units: 1 }]);
  const found = await imported(w);
  t.deepEqual(found.map(({ listing, quantity, sold }) => [listing.id, listing.sku, Object.keys(listing.fields).join(), quantity, sold]), [
    ['A', 'A', 'offerIds', 5, 0],
    ['B', 'B', 'offerIds', 8, 0],
    [w.shop.listings.get('T1')!.fields['listingId'], 'T1', 'itemId', 4, 2],
    ['110999999999/V1', 'V1', 'itemId,variation', 7, 0],
    ['110999999999/V2', 'V2', 'itemId,variation', 8, 1],
  ]);
});

test.serial('without the setting no listing of the Trading API is found, read or written, and no call is spent on them', async t => {
  const w = await world(t, { A: 5, T1: 6 }, { settings: { legacy: false } });
  t.deepEqual((await imported(w)).map(({ listing }) => listing.sku), ['A']);
  const listing = { id: '110000000002', sku: 'T1', fields: { itemId: '110000000002' } };
  const a = await w.entry('A', 3);
  const outcomes = await w.adapter.write([{ listing, quantity: 1, signature: 's' }, a], w.call());
  t.deepEqual(outcomes.map(o => o.kind), ['refused', 'accepted']);
  t.like(outcomes[0], { class: 'listing', code: 'legacy' });
  t.deepEqual((await w.adapter.read([listing, a.listing], w.call())).map(o => o.kind), ['failed', 'read']);
  t.false(w.exchanges.some(({ path }) => path === '/ws/api.dll'));
});

test.serial('what is sent is free to sell and what is told includes the units sold', async t => {
  const w = await world(t, { T1: 6 });
  w.shop.buy('b', [{ sku: 'T1', units: 5 }]);
  const entry = await w.entry('T1', 3);
  await w.adapter.write([entry], w.call());
  t.is(w.shop.listings.get('T1')?.quantity, 3);
  t.regex(w.exchanges.at(-1)!.response!, /<Quantity>8<\/Quantity>/);
  t.like((await w.adapter.read([entry.listing], w.call()))[0], { kind: 'read', reading: { quantity: 3, buyable: 3, sold: 5, active: true } });
});

test.serial('each kind is paid from its own limit, and a call mixes none', async t => {
  const w = await world(t, { A: 5, T1: 6, T2: 1, T3: 1, T4: 1, T5: 1 });
  const all = await imported(w);
  const [a, ...others] = all.map(({ listing }): WriteEntry => ({ listing, quantity: 2, signature: listing.sku }));
  t.like(w.adapter.writeOperation!(a!.listing), { limit: 'inventory', batch: 25 });
  t.deepEqual(w.adapter.writeOperation!(others[0]!.listing), { limit: 'trading', cost: 1, batch: 4 });
  t.deepEqual(w.adapter.readOperation!(others[0]!.listing), { limit: 'trading', cost: 1, batch: 1 });
  t.is(w.adapter.listingsOperation!('trading:1:1').limit, 'trading');
  t.is(w.adapter.listingsOperation!('3').limit, 'inventory');
  await t.throwsAsync(w.adapter.write([a!, others[0]!], w.call()), { instanceOf: RangeError });
  await t.throwsAsync(w.adapter.write(others, w.call()), { instanceOf: RangeError, message: /got 5 of 5/ });
  await t.throwsAsync(w.adapter.read([a!.listing, others[0]!.listing], w.call()), { instanceOf: RangeError });
  const before = w.exchanges.length;
  t.deepEqual((await w.adapter.write(others.slice(0, 4), w.call())).map(o => o.kind), Array(4).fill('accepted'));
  t.is(w.exchanges.length - before, 1);
});

test.serial('of a call that was carried out in part each refused entry has its own error, the others are accepted', async t => {
  const w = await world(t, { T1: 6, V1: 2, T2: 3 });
  const [t1, v1, t2] = [await w.entry('T1', 5), await w.entry('V1', 5), await w.entry('T2', 5)];
  const gone: WriteEntry = { listing: { id: '7', sku: 'G', fields: { itemId: '110777777777' } }, quantity: 1, signature: 'gone' };
  const other: WriteEntry = { listing: { ...v1.listing, fields: { ...v1.listing.fields, variation: 'V9' } }, quantity: 1, signature: 'other' };
  const outcomes = await w.adapter.write([t1, gone, other, t2], w.call());
  t.deepEqual(outcomes.map(o => o.kind), ['accepted', 'refused', 'refused', 'accepted']);
  t.like(outcomes[1], { class: 'listing', code: '17', signature: 'gone' });
  t.like(outcomes[2], { class: 'listing', code: '21916799', signature: 'other' });
  t.deepEqual(['T1', 'T2'].map(sku => w.shop.listings.get(sku)?.quantity), [5, 5]);
});

test.serial('a listing that the Inventory API manages is refused by the Trading API, and the other way round', async t => {
  const w = await world(t, { A: 5, T1: 6 });
  const itemId = w.shop.listings.get('A')!.fields['listingId']!;
  const [byTrading] = await w.adapter.write([{ listing: { id: itemId, sku: 'A', fields: { itemId } }, quantity: 1, signature: 's' }], w.call());
  t.like(byTrading, { kind: 'refused', class: 'listing', code: '21919474' });
  const [byInventory] = await w.adapter.write([{ listing: { id: 'T1', sku: 'T1', fields: {} }, quantity: 1, signature: 's' }], w.call());
  t.like(byInventory, { kind: 'refused', class: 'listing', code: '25702' });
  t.deepEqual(['A', 'T1'].map(sku => w.shop.listings.get(sku)?.quantity), [5, 6]);
});

test.serial('an ended listing reads as not active, and a write of it is refused for good', async t => {
  const w = await world(t, { T1: 2 }, { sandbox: { outOfStockControl: false } });
  const entry = await w.entry('T1', 0);
  await w.adapter.write([entry], w.call());
  t.like((await w.adapter.read([entry.listing], w.call()))[0], { kind: 'read', reading: { active: false, buyable: 0, reason: `listing ${entry.listing.id} Completed` } });
  t.like((await w.adapter.write([{ ...entry, quantity: 4 }], w.call()))[0], { kind: 'refused', class: 'listing', code: '21916750' });
  t.deepEqual(await imported(w), []);
});

test.serial('the day\'s calls being used up is throttling, told to the limit of the Trading API', async t => {
  const w = await world(t, { T1: 2 });
  const entry = await w.entry('T1', 1);
  w.useUp('trading');
  w.meters.length = 0;
  await t.throwsAsync(w.adapter.write([entry], w.call()), { instanceOf: ThrottledError, message: /518/ });
  await t.throwsAsync(w.adapter.read([entry.listing], w.call()), { instanceOf: ThrottledError });
  t.deepEqual(w.meters, [{ limit: 'trading', remaining: 0 }, { limit: 'trading', remaining: 0 }]);
});

test.serial('a list of the seller is not read by who has not seen what the Inventory API manages', async t => {
  const w = await world(t, { A: 5, T1: 6 });
  await t.throwsAsync(w.adapter.listings(`trading:${Date.now()}:1`, w.call()), { instanceOf: TerminalError, message: /after those of the Inventory API/ });
});

// Answers that a careless reader turns into a success or a zero.

async function answering(t: ExecutionContext, body: string | string[]) {
  const bodies = [body].flat();
  const server = createServer((incoming, response) => {
    incoming.resume().on('end', () => {
      if (incoming.url!.startsWith('/identity/')) return void response.end('{"access_token":"t","expires_in":7200}');
      response.writeHead(200, { 'content-type': 'text/xml' }).end(bodies.length > 1 ? bodies.shift() : bodies[0]);
    });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => { server.closeAllConnections(); server.close(); });
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return createEbay({ account: 'e', channel: 'ebay', baseUrl, credentials: { clientId: 'i', clientSecret: 's', refreshToken: 'r' }, settings: { legacy: true } }, ports(1));
}

const call = (): Call => ({ signal: AbortSignal.timeout(5_000) });
const entryOf = (itemId: string): WriteEntry => ({ listing: { id: itemId, sku: `S${itemId}`, fields: { itemId } }, quantity: 5, signature: itemId });
const answer = (name: string, ack: string, inner = ''): string => `<?xml version="1.0"?><${name}Response xmlns="urn:ebay:apis:eBLBaseComponents"><Ack>${ack}</Ack>${inner}</${name}Response>`;
const error = (code: number, severity = 'Error', about = ''): string =>
  `<Errors><ShortMessage>m</ShortMessage><ErrorCode>${code}</ErrorCode><SeverityCode>${severity}</SeverityCode>${about && `<ErrorParameters ParamID="0"><Value>${about}</Value></ErrorParameters>`}</Errors>`;
const revised = (...args: [string, string?]): string => answer('ReviseInventoryStatus', ...args);

test.serial('an answer that is none of a write leaves it ambiguous, and eBay\'s own failure does too', async t => {
  for (const body of ['', '<html>', '<a/>', '{}', answer('GetItem', 'Success'), revised('Failure'), revised('Failure', error(10007)), revised('Success').slice(0, -9)]) {
    await t.throwsAsync((await answering(t, body)).write([entryOf('1')], call()), { instanceOf: AmbiguousError }, body);
  }
});

test.serial('a warning is kept beside an accepted write, and errors without a name are asked for one by one', async t => {
  t.like((await (await answering(t, revised('Warning', error(21917092, 'Warning')))).write([entryOf('1')], call()))[0], { kind: 'accepted', reference: '21917092 m' });
  const adapter = await answering(t, [revised('Failure', error(291)), revised('Failure', error(291)), revised('Failure', error(291))]);
  const entries = [entryOf('1'), entryOf('2')];
  t.deepEqual((await adapter.write(entries, call())).map(o => o.kind), ['retry', 'retry']);
  t.is(adapter.writeOperation!(entries[0]!.listing).batch, 1);
  t.like((await adapter.write([entries[0]!], call()))[0], { kind: 'refused', class: 'listing', code: '291' });
  t.is(adapter.writeOperation!(entries[0]!.listing).batch, 4);
});

test.serial('a token that is refused twice is an authorisation failure, and a code that nobody knows is about what was sent', async t => {
  await t.throwsAsync((await answering(t, revised('Failure', error(932)))).write([entryOf('1')], call()), { instanceOf: AuthError });
  t.like((await (await answering(t, revised('Failure', error(999_999)))).write([entryOf('1')], call()))[0], { kind: 'refused', class: 'validation', code: '999999' });
});

test.serial('an item without a number, or another item, is a failed read and never a zero', async t => {
  const item = (inner: string): string => answer('GetItem', 'Success', `<Item>${inner}</Item>`);
  const { listing } = entryOf('1');
  for (const inner of ['<ItemID>1</ItemID>', '<ItemID>1</ItemID><Quantity>5</Quantity>', '<ItemID>1</ItemID><Quantity>5.5</Quantity><SellingStatus><QuantitySold>0</QuantitySold></SellingStatus>']) {
    t.like((await (await answering(t, item(inner))).read([listing], call()))[0], { kind: 'failed', code: 'no-quantity' }, inner);
  }
  for (const body of [item('<ItemID>2</ItemID>'), answer('GetItem', 'Success'), '<html>', '']) {
    await t.throwsAsync((await answering(t, body)).read([listing], call()), { instanceOf: RetryableError }, body);
  }
  t.like((await (await answering(t, answer('GetItem', 'Failure', error(17)))).read([listing], call()))[0], { kind: 'missing', code: '17' });
});

// XML in both directions.

test.serial('every text that XML can hold is read back as it was written, and another one is refused', t => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), text => {
    if (!isSpeakable(text)) return void t.throws(() => request('X', { Text: text }), { instanceOf: TypeError });
    t.is(parseXml(request('X', { Text: text })).root!.text, text);
  }));
  t.is(request('X', { A: [{ B: 1 }, { B: '<&>' }] }).split('\n')[1], '<XRequest xmlns="urn:ebay:apis:eBLBaseComponents"><A><B>1</B></A><A><B>&lt;&amp;&gt;</B></A></XRequest>');
});

test.serial('a SKU that XML cannot hold is refused by name and nothing is sent', async t => {
  const listing = { id: '1/x', sku: 'a\u0001', fields: { itemId: '1', variation: 'a\u0001' } };
  t.like((await (await answering(t, '')).write([{ listing, quantity: 1, signature: 's' }], call()))[0], { kind: 'refused', class: 'validation', code: 'sku', message: '"a\\u0001" has a character that XML cannot hold' });
});

test.serial('the table has each code once, and a refused token is what it calls one', t => {
  const codes = tradingErrors.flatMap(row => row.codes);
  t.is(new Set(codes).size, codes.length);
  for (const code of codes) t.is(refusedToken.test(`<ErrorCode>${code}</ErrorCode>`), tradingClass(code) === 'auth', code);
});
