/** eBay: the channel contract, the traps of its document, and its error table. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { parse as parseYaml } from 'yaml';
import type { Call, OrderLine, Reading, WriteEntry } from '../../actors/channel/adapter.ts';
import { createEbay } from '../../actors/channel/adapters/ebay/adapter.ts';
import { classOf, errorTable, failureOf, principal } from '../../actors/channel/adapters/ebay/errors.ts';
import type { ErrorClass } from '../../actors/channel/adapters/ebay/errors.ts';
import { share } from '../../actors/channel/adapters/ebay/write.ts';
import { AmbiguousError, AuthError, RetryableError, TerminalError, ThrottledError } from '../../actors/errors.ts';
import { ebayLimits } from '../../deploy/sandbox/ebay.ts';
import { SandboxClock } from '../../deploy/sandbox/kit/clock.ts';
import { channelContract } from '../contracts/channel.ts';
import { ebayWorld, ports } from './ebay-world.ts';
import type { EbayWorld, WorldOptions } from './ebay-world.ts';

channelContract(test, async opening => {
  const { adapter, sandbox, vendor, again } = await ebayWorld(opening);
  return {
    adapter,
    again,
    sandbox,
    secrets: () => vendor.secrets(),
    ghost: like => ({ ...like, id: 'GHOST-1', sku: 'GHOST-1', fields: { offerIds: '8999999990' } }),
  };
});

async function world(t: ExecutionContext, opening: Record<string, number>, options?: WorldOptions): Promise<EbayWorld> {
  const made = await ebayWorld(opening, options);
  t.teardown(() => made.sandbox.close());
  return made;
}

const updatePath = '/sell/inventory/v1/bulk_update_price_quantity';

// ebay.md 0 line 1: two numbers, the smaller is shown.

test.serial('a write sets the item and its offer, so that a raise is shown', async t => {
  const w = await world(t, { A: 3 });
  await w.adapter.write([await w.entry('A', 10)], w.call());
  t.deepEqual(w.shop.registers('A'), { stock: 10, own: [10] });
  t.is(w.shop.listings.get('A')?.quantity, 10);
});

test.serial('a read tells the smaller number when another program lowered the item alone', async t => {
  const w = await world(t, { A: 9 });
  const listing = await w.listing('A');
  await w.raw('POST', updatePath, { requests: [{ sku: 'A', shipToLocationAvailability: { quantity: 4 } }] });
  const [outcome] = await w.adapter.read([listing], w.call());
  t.is(outcome?.kind === 'read' && outcome.reading.quantity, 4);
});

test.serial('a read sees a sale although the item still holds the stock that was written', async t => {
  const w = await world(t, { A: 9 });
  w.shop.buy('b', [{ sku: 'A', units: 2 }]);
  t.is(w.shop.registers('A').stock, 9);
  const [outcome] = await w.adapter.read([await w.listing('A')], w.call());
  t.is(outcome?.kind === 'read' && outcome.reading.quantity, 7);
});

test.serial('a read makes exactly the calls that its operation pays for', async t => {
  const w = await world(t, { A: 9, B: 8, C: 7 }, { settings: { readBatch: 3 } });
  const listings = [await w.listing('C'), await w.listing('A'), await w.listing('B')];
  w.exchanges.length = 0;
  const outcomes = await w.adapter.read(listings, w.call());
  t.deepEqual(outcomes.map(o => o.kind === 'read' && o.reading.quantity), [7, 9, 8]);
  t.is(w.exchanges.length, w.adapter.operations.read.cost);
  t.is(w.adapter.operations.read.batch, 3);
});

test.serial('several offers of one SKU share its quantity, so that it is for sale once', async t => {
  const w = await world(t, { A: 4 }, { sandbox: { offers: 3 } });
  const entry = await w.entry('A', 8);
  await w.adapter.write([entry], w.call());
  t.deepEqual(w.shop.registers('A'), { stock: 8, own: [3, 3, 2] });
  w.shop.buy('b', [{ sku: 'A', units: 4 }]);
  const [outcome] = await w.adapter.read([entry.listing], w.call());
  t.is(outcome?.kind === 'read' && outcome.reading.quantity, 4);
});

test.serial('the shares of offers add up to the quantity', t => {
  for (const offers of [1, 2, 3, 7]) {
    for (const quantity of [0, 1, 2, 5, 14, 100]) {
      t.is(Array.from({ length: offers }, (_, n) => share(quantity, offers, n)).reduce((a, b) => a + b), quantity);
    }
  }
});

test.serial('an auction of a SKU is neither written nor counted', async t => {
  const w = await world(t, { A: 6 }, { sandbox: { auctions: true } });
  const entry = await w.entry('A', 5);
  t.is(entry.listing.fields['offerIds'], w.shop.listings.get('A')?.fields['offerIds']);
  await w.adapter.write([entry], w.call());
  const [outcome] = await w.adapter.read([entry.listing], w.call());
  t.is(outcome?.kind === 'read' && outcome.reading.quantity, 5);
});

test.serial('units sold are counted by the listings that are published, as of the quantity beside them', async t => {
  const w = await world(t, { A: 6, B: 6 }, { settings: { soldCount: true } });
  const { listing } = await w.entry('A', 0);
  const read = async (): Promise<Reading> => {
    const [outcome] = await w.adapter.read([listing], w.call());
    return outcome?.kind === 'read' ? outcome.reading : t.fail() as never;
  };
  const { fields } = w.shop.listings.get('A')!;
  t.like(await read(), { quantity: 6, sold: 0, soldBy: fields['listingId']! });
  await pause(200);
  w.shop.buy('b', [{ sku: 'A', units: 2 }, { sku: 'B', units: 1 }]);
  t.like(await read(), { quantity: 4, sold: 2 });
  w.shop.faults.add({ kind: 'stale-read', ageMs: 100, forMs: 60_000 });
  t.like(await read(), { quantity: 6, sold: 0 }, 'a state of before is so in whole');
  w.shop.faults.clear();
  w.shop.relist('A');
  fields['listingId'] = '119999999999';
  t.like(await read(), { quantity: 4, sold: 0, soldBy: '119999999999' }, 'put up anew it is another count');
});

test.serial('a count of sales that is not believed is not told', async t => {
  const w = await world(t, { A: 6 }, { settings: { soldCount: false } });
  const [outcome] = await w.adapter.read([(await w.entry('A', 0)).listing], w.call());
  t.true(outcome?.kind === 'read' && outcome.reading.sold === undefined && outcome.reading.soldBy === undefined);
});

test.serial('a listing on hold is told as not active, with eBay\'s state as reason and its quantity kept', async t => {
  const w = await world(t, { A: 6 });
  const entry = await w.entry('A', 0);
  w.shop.setActive('A', false);
  const [before] = await w.adapter.read([entry.listing], w.call());
  t.deepEqual(before, { kind: 'read', reading: { listing: entry.listing, quantity: 6, sold: 0, soldBy: w.shop.listings.get('A')!.fields['listingId']!, buyable: 0, active: false, reason: `offer ${entry.listing.fields['offerIds']} on hold` } });
  const [outcome] = await w.adapter.write([entry], w.call());
  t.is(outcome?.kind, 'accepted');
  t.regex(outcome?.kind === 'accepted' ? outcome.reference ?? '' : '', /^25096 /);
  t.is(w.shop.listings.get('A')?.quantity, 0);
});

// ebay.md 0 line 3, 2.1: answers are per entry and in any order.

test.serial('an outcome belongs to its entry although eBay answers in another order', async t => {
  const w = await world(t, { A: 1, B: 1, C: 1 });
  const entries = [await w.entry('A', 5), { ...(await w.entry('B', 5)), quantity: 10_000_000_000 }, await w.entry('C', 5)];
  const outcomes = await w.adapter.write(entries, w.call());
  t.deepEqual(outcomes.map(o => [o.signature, o.kind]), entries.map((e, n) => [e.signature, n === 1 ? 'refused' : 'accepted']));
  t.like(outcomes[1], { class: 'validation', code: '25004' });
});

test.serial('an entry answered in two parts has one outcome', async t => {
  const w = await world(t, { A: 1, B: 1 }, { sandbox: { itemParts: true } });
  const good = await w.entry('A', 5);
  const ghost = { ...(await w.entry('B', 5)), listing: { id: 'G', sku: 'G', fields: { offerIds: '8999999990' } } };
  const outcomes = await w.adapter.write([ghost, good], w.call());
  t.deepEqual(outcomes.map(o => o.kind), ['refused', 'accepted']);
});

test.serial('a success is never more than accepted, with the window that the settings give', async t => {
  const w = await world(t, { A: 1 }, { settings: { verifyAfterMs: 600, verifyWithinMs: 6_000 } });
  const entry = await w.entry('A', 5);
  t.deepEqual(await w.adapter.write([entry], w.call()), [{ kind: 'accepted', signature: entry.signature, verifyAfterMs: 1, verifyWithinMs: 10 }]);
});

test.serial('an offer of another SKU refuses the entry and leaves both quantities', async t => {
  const w = await world(t, { A: 1, B: 2 });
  const a = await w.listing('A');
  const b = await w.listing('B');
  const entry: WriteEntry = { listing: { ...a, fields: b.fields }, quantity: 9, signature: 's' };
  const [outcome] = await w.adapter.write([entry], w.call());
  t.like(outcome, { kind: 'refused', class: 'validation', code: '25002' });
  t.is(w.shop.listings.get('A')?.quantity, 1);
  t.is(w.shop.listings.get('B')?.quantity, 2);
});

// ebay.md 0 line 4: one SKU or 25?

test.serial('a call of several that is refused as a whole is asked again one by one', async t => {
  const w = await world(t, { A: 1, B: 1 }, { sandbox: { entriesMax: 1 } });
  const entries = [await w.entry('A', 5), await w.entry('B', 6)];
  t.is(w.adapter.operations.write.batch, 25);
  const outcomes = await w.adapter.write(entries, w.call());
  t.deepEqual(outcomes.map(o => [o.kind, o.signature]), entries.map(e => ['retry', e.signature]));
  t.is(w.shop.listings.get('A')?.quantity, 1);
  t.is(w.adapter.operations.write.batch, 1);
  for (const entry of entries) t.is((await w.adapter.write([entry], w.call()))[0]?.kind, 'accepted');
  t.deepEqual([w.shop.listings.get('A')?.quantity, w.shop.listings.get('B')?.quantity], [5, 6]);
  t.is(w.adapter.operations.write.batch, 1);
});

test.serial('one bad entry that spoiled a whole call does not cost the batch for ever', async t => {
  const w = await world(t, { A: 1, B: 1 });
  const good = await w.entry('A', 5);
  // The same offer twice in one entry spoils the call.
  const b = await w.listing('B');
  const bad: WriteEntry = { listing: { ...b, fields: { offerIds: `${b.fields['offerIds']},${b.fields['offerIds']}` } }, quantity: 4, signature: 'bad' };
  t.deepEqual((await w.adapter.write([good, bad], w.call())).map(o => o.kind), ['retry', 'retry']);
  t.is(w.adapter.operations.write.batch, 1);
  t.is((await w.adapter.write([good], w.call()))[0]?.kind, 'accepted');
  t.like((await w.adapter.write([bad], w.call()))[0], { kind: 'refused', code: '25002' });
  t.is(w.adapter.operations.write.batch, 25);
});

test.serial('the batch can be set, and a value out of range is refused with field and value', t => {
  const make = (settings: Record<string, unknown>, credentials: Record<string, string> = { clientId: 'i', clientSecret: 's', refreshToken: 'r' }) =>
    createEbay({ account: 'e1', channel: 'ebay', baseUrl: 'http://localhost:1', credentials, settings }, ports(1));
  t.is(make({ batch: 1 }).operations.write.batch, 1);
  t.throws(() => make({ batch: 26 }), { instanceOf: TypeError, message: /^e1: settings: batch: .*got 26$/ });
  t.throws(() => make({ bacth: 2 }), { message: /bacth/ });
  const error = t.throws(() => make({}, { clientId: 'i', clientSecret: '', refreshToken: 'hush' }));
  t.regex(error!.message, /credentials: clientSecret/);
  t.notRegex(error!.message, /hush/);
});

// ebay.md 0 line 5: 250 revisions.

test.serial('the 251st revision of a day is refused for that listing alone, and the next day takes writes again', async t => {
  const clock = new SetClock(600);
  const w = await world(t, { A: 1, B: 1 }, { clock });
  const [a, b] = [await w.entry('A', 5), await w.entry('B', 5)];
  for (let n = 0; n < 250; n++) await w.adapter.write([{ ...a, quantity: n }], w.call());
  const outcomes = await w.adapter.write([a, b], w.call());
  t.like(outcomes[0], { kind: 'refused', class: 'listing', code: '25019' });
  t.is(outcomes[1]?.kind, 'accepted');
  t.is(w.shop.listings.get('A')?.quantity, 249);
  clock.at += clock.real(86_400_000);
  t.is((await w.adapter.write([a], w.call()))[0]?.kind, 'accepted');
});

// ebay.md 4: what is left of the day.

test.serial('what is left of the day is told to whoever asks, with the instant at which it begins anew', async t => {
  const clock = new SetClock(1);
  clock.at = Date.UTC(2030, 0, 2, 6);
  const w = await world(t, { A: 1 }, { clock, scale: 1 });
  const { operation, ask } = w.adapter.quotas!;
  t.true(operation.limit in ebayLimits);
  w.meters.length = 0;
  await ask(w.call());
  const told = () => Object.fromEntries(w.meters.map(({ limit, day }) => [limit, day && { ...day, resetsInMs: Math.round((day.resetsInMs + Date.now() - clock.at) / 3_600_000) }]));
  t.like(told(), { fulfillment: { limit: 100_000, left: 100_000, resetsInMs: 18 } });
  t.is(w.exchanges.some(({ path }) => path === '/developer/analytics/v1_beta/rate_limit/?api_context=sell'), true);
  w.useUp('inventory');
  w.meters.length = 0;
  await ask(w.call());
  t.like(told(), { inventory: { limit: 2_000_000, left: 0, resetsInMs: 18 } });
  t.deepEqual(w.secrets().filter(secret => JSON.stringify(w.exchanges).includes(secret)), []);
});

test.serial('whether a listing at zero would end is told before a write of zero', async t => {
  for (const outOfStockControl of [true, false]) {
    const w = await world(t, { A: 1 }, { sandbox: { outOfStockControl } });
    const { operation, ask } = w.adapter.checks!;
    t.true(operation.limit in ebayLimits);
    t.like((await ask(w.call()))[0], { name: 'out-of-stock control', ok: outOfStockControl });
    t.deepEqual(w.secrets().filter(secret => JSON.stringify(w.exchanges).includes(secret)), []);
  }
});

test.serial('a seller\'s preferences that cannot be read are an error, and an ended token is renewed there too', async t => {
  const w = await world(t, { A: 1 });
  await w.adapter.checks!.ask(w.call());
  w.vendor.expireTokens();
  t.like((await w.adapter.checks!.ask(w.call()))[0], { ok: true });
  w.shop.faults.add({ kind: 'garble', on: 'any', forMs: 60_000 });
  await t.throwsAsync(w.adapter.checks!.ask(w.call()), { instanceOf: RetryableError });
});

/** Stands still until it is set. */
class SetClock extends SandboxClock {
  at = 1_000_000;
  override now(): number { return this.at; }
}

// ebay.md 0 line 6: two meanings of offset.

test.serial('an import counts pages and a poll counts orders, and neither loses nor repeats one', async t => {
  const skus = Array.from({ length: 23 }, (_, n) => `S${n}`);
  const w = await world(t, Object.fromEntries(skus.map(sku => [sku, 500])), { settings: { importPage: 5 } });
  const seen: string[] = [];
  for (let cursor: string | undefined, pages = 0; ; pages++) {
    w.exchanges.length = 0;
    const page = await w.adapter.listings(cursor, w.call());
    t.true(w.exchanges.filter(e => !e.path.startsWith('/identity/')).length <= w.adapter.operations.listings.cost);
    seen.push(...page.readings.map(r => r.listing.sku));
    cursor = page.cursor;
    if (cursor === undefined) { t.is(pages, 4); break; }
  }
  t.deepEqual(seen, skus);
  const bought = Array.from({ length: 450 }, (_, n) => w.shop.buy(`b${n}`, [{ sku: 'S1', units: 1 }]).order!.orderId);
  await pause(100);
  const { lines, pages } = await poll(w, undefined);
  t.is(pages, 3);
  t.deepEqual(lines.map(l => l.orderId), bought);
});

test.serial('an item without a published offer is no listing', async t => {
  const w = await world(t, { A: 2, B: 2 }, { sandbox: { outOfStockControl: false } });
  w.shop.buy('b', [{ sku: 'A', units: 2 }]);
  const page = await w.adapter.listings(undefined, w.call());
  t.deepEqual(page.readings.map(r => r.listing.sku), ['B']);
});

// ebay.md 0 line 8: what zero does.

test.serial('without out-of-stock control a listing at zero ends and takes no more writes', async t => {
  const w = await world(t, { A: 2 }, { sandbox: { outOfStockControl: false } });
  const entry = await w.entry('A', 0);
  await w.adapter.write([entry], w.call());
  const [read] = await w.adapter.read([entry.listing], w.call());
  t.like(read, { kind: 'read', reading: { active: false, buyable: 0, listing: entry.listing } });
  t.like((await w.adapter.write([{ ...entry, quantity: 4 }], w.call()))[0], { kind: 'refused', class: 'listing', code: '25713' });
});

test.serial('with out-of-stock control a listing at zero stays active with nothing to buy', async t => {
  const w = await world(t, { A: 2 });
  const entry = await w.entry('A', 0);
  await w.adapter.write([entry], w.call());
  const [read] = await w.adapter.read([entry.listing], w.call());
  t.like(read, { kind: 'read', reading: { active: true, quantity: 0, buyable: 0 } });
});

// ebay.md 6: orders.

test.serial('an order that is not paid yet is not in the list, and is once it is', async t => {
  const w = await world(t, { A: 5 }, { sandbox: { payMs: 180_000 } });
  const { order } = w.shop.buy('b', [{ sku: 'A', units: 1 }]);
  const first = await poll(w, undefined);
  t.deepEqual(first.lines, []);
  await pause(400);
  const second = await poll(w, first.cursor);
  t.deepEqual(second.lines.map(l => l.orderId), [order!.orderId]);
});

test.serial('orders are complete up to the lag before the poll began, and never less than before', async t => {
  const w = await world(t, { A: 5 }, { settings: { ordersLagMs: 600_000 } });
  const before = Date.now();
  const first = await w.adapter.orders(undefined, w.call());
  t.true(first.completeThrough >= before - 1_000 && first.completeThrough <= Date.now() - 1_000);
  const second = await w.adapter.orders(first.cursor, w.call());
  t.true(second.completeThrough >= first.completeThrough);
});

test.serial('a poll in the middle of its pages claims no more than the poll before', async t => {
  const w = await world(t, { A: 500 });
  const start = await w.adapter.orders(undefined, w.call());
  for (let n = 0; n < 201; n++) w.shop.buy(`b${n}`, [{ sku: 'A', units: 1 }]);
  await pause(100);
  const page = await w.adapter.orders(start.cursor, w.call());
  t.true(page.more);
  t.is(page.completeThrough, start.completeThrough);
  const last = await w.adapter.orders(page.cursor, w.call());
  t.false(last.more);
  t.true(last.completeThrough > start.completeThrough);
});

test.serial('an order that changes while it is paged does not push another over the edge', async t => {
  const w = await world(t, { A: 500 });
  const orders = Array.from({ length: 300 }, (_, n) => w.shop.buy(`b${n}`, [{ sku: 'A', units: 1 }]).order!);
  await pause(100);
  const first = await w.adapter.orders(undefined, w.call());
  for (const order of orders.slice(0, 50)) w.shop.cancel(order.orderId, order.lines[0]!.line);
  const rest = await poll(w, first.cursor);
  const seen = new Set([...first.lines, ...rest.lines].map(l => l.orderId));
  t.is(orders.filter(o => !seen.has(o.orderId)).length, 0);
});

test.serial('a cancellation of an order cancels all of its lines and shipping shows', async t => {
  const w = await world(t, { A: 5, B: 5 });
  const one = w.shop.buy('b', [{ sku: 'A', units: 2 }, { sku: 'B', units: 1 }]).order!;
  const two = w.shop.buy('c', [{ sku: 'A', units: 1 }]).order!;
  w.shop.cancel(one.orderId, one.lines[0]!.line);
  w.shop.ship(two.orderId, two.lines[0]!.line);
  await pause(100);
  const { lines } = await poll(w, undefined);
  t.deepEqual(lines.map(({ sku, units, cancelled, shipped }) => ({ sku, units, cancelled, shipped })), [
    { sku: 'A', units: 2, cancelled: 2, shipped: 0 },
    { sku: 'B', units: 1, cancelled: 1, shipped: 0 },
    { sku: 'A', units: 1, cancelled: 0, shipped: 1 },
  ]);
  t.is(w.shop.listings.get('A')?.quantity, 4);
});

test.serial('a cursor that is not ours is refused and not read as the beginning', async t => {
  const w = await world(t, { A: 5 });
  await t.throwsAsync(w.adapter.orders('{"through":"x"}', w.call()), { instanceOf: TerminalError });
  await t.throwsAsync(w.adapter.listings('next', w.call()), { instanceOf: TerminalError });
});

// Answers that a careless reader turns into a zero or a success.

/** An eBay that gives a token and then one answer to everything. */
async function answering(t: ExecutionContext, answer: { status: number; body: string; headers?: Record<string, string> } | ((path: string) => { status: number; body: string })) {
  let calls = 0;
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      if (request.url!.startsWith('/identity/')) return void response.end('{"access_token":"t","expires_in":7200}');
      calls += 1;
      const { status, body, headers } = { headers: {}, ...(typeof answer === 'function' ? answer(request.url!) : answer) };
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
    });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => { server.closeAllConnections(); server.close(); });
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const adapter = createEbay({ account: 'e', channel: 'ebay', baseUrl, credentials: { clientId: 'i', clientSecret: 's', refreshToken: 'r' }, settings: {} }, ports(1));
  return { adapter, calls: () => calls };
}

const call = (): Call => ({ signal: AbortSignal.timeout(5_000) });
const listing = { id: 'A', sku: 'A', fields: { offerIds: '81,82' } };
const entry: WriteEntry = { listing, quantity: 5, signature: 's' };
const responses = (...parts: unknown[]) => ({ status: 207, body: JSON.stringify({ responses: parts }) });

test.serial('a 200 without responses, and a page of HTML, leave a write ambiguous', async t => {
  for (const body of ['', '{}', '<html></html>', '{"responses":[{"sku":"A"}]}']) {
    const { adapter } = await answering(t, { status: 200, body });
    await t.throwsAsync(adapter.write([entry], call()), { instanceOf: AmbiguousError }, body);
  }
});

test.serial('an entry that the answer does not mention is to be read back, not repeated', async t => {
  const { adapter } = await answering(t, responses({ sku: 'a', offerId: '99', statusCode: 200 }));
  t.like((await adapter.write([entry], call()))[0], { kind: 'accepted', reference: 'no answer for this entry' });
});

test.serial('an entry done in one part and refused in another may be live: it is to be read back', async t => {
  const { adapter } = await answering(t, responses(
    { sku: 'A', offerId: '82', statusCode: 400, errors: [{ errorId: 25713, message: 'gone' }] },
    { sku: 'A', offerId: '81', statusCode: 200 },
  ));
  t.like((await adapter.write([entry], call()))[0], { kind: 'accepted', reference: '25713 gone' });
});

test.serial('a system error of one entry proves nothing and is read back; a busy item is tried again', async t => {
  const failed = (errorId: number) => responses({ offerId: '81', statusCode: 500, errors: [{ errorId, message: 'm' }] });
  t.is((await (await answering(t, failed(25001))).adapter.write([entry], call()))[0]?.kind, 'accepted');
  t.like((await (await answering(t, failed(25025))).adapter.write([entry], call()))[0], { kind: 'retry', code: '25025' });
});

test.serial('a 5xx leaves a write ambiguous unless eBay says that it was refused', async t => {
  const ambiguous = [{ status: 500, body: '{"errors":[{"errorId":25001,"message":"m"}]}' }, { status: 503, body: '' }, { status: 502, body: '<html>' }];
  for (const answer of ambiguous) await t.throwsAsync((await answering(t, answer)).adapter.write([entry], call()), { instanceOf: AmbiguousError });
  const busy = await answering(t, { status: 500, body: '{"errors":[{"errorId":25025,"message":"m"}]}' });
  await t.throwsAsync(busy.adapter.write([entry], call()), { instanceOf: RetryableError, message: /25025/ });
});

test.serial('a read of a strange answer is a failure and never a quantity', async t => {
  const item = (inventoryItem: unknown) => JSON.stringify({ responses: [{ sku: 'A', statusCode: 200, inventoryItem }] });
  const stock = { availability: { shipToLocationAvailability: { quantity: 5 } } };
  const offers = (offer: object) => JSON.stringify({ offers: [{ offerId: '81', sku: 'A', format: 'FIXED_PRICE', status: 'PUBLISHED', ...offer }] });
  const given = (itemBody: string, offerBody: string) => answering(t, path => ({ status: 200, body: path.includes('/offer') ? offerBody : itemBody }));
  const strange: [string, string][] = [
    ['{}', offers({ availableQuantity: 5 })],
    ['', offers({ availableQuantity: 5 })],
    [item(stock), '{}'],
    [item(stock), '<html>'],
    [item(stock), offers({ availableQuantity: '5' })],
    [item({ availability: { shipToLocationAvailability: { quantity: -1 } } }), offers({ availableQuantity: 5 })],
  ];
  for (const [itemBody, offerBody] of strange) {
    await t.throwsAsync((await given(itemBody, offerBody)).adapter.read([listing], call()), { instanceOf: RetryableError }, itemBody + offerBody);
  }
  const none = await (await given(item({}), offers({}))).adapter.read([listing], call());
  t.like(none[0], { kind: 'failed', code: 'no-quantity' });
  // ebay.md 2.1: an offer without its own quantity shows the item's.
  const whole = await (await given(item(stock), offers({}))).adapter.read([listing], call());
  t.like(whole[0], { kind: 'read', reading: { quantity: 5 } });
  // An item without stock is out of stock at eBay; what the offer holds comes back with it.
  const unset = await (await given(item({}), offers({ availableQuantity: 5 }))).adapter.read([listing], call());
  t.like(unset[0], { kind: 'read', reading: { quantity: 5, buyable: 0, active: false } });
  const twin = await (await given(item(stock), offers({ sku: 'a', availableQuantity: 3 }))).adapter.read([listing], call());
  t.like(twin[0], { kind: 'missing' });
});

test.serial('a wrong address is not taken for a listing that is gone', async t => {
  const { adapter } = await answering(t, { status: 404, body: '<html>not here</html>' });
  await t.throwsAsync(adapter.read([listing], call()), { instanceOf: TerminalError });
});

test.serial('a token that eBay refuses twice is an authorisation failure after two calls, and a missing scope after one', async t => {
  const token = await answering(t, { status: 401, body: '{"errors":[{"errorId":1001,"message":"Invalid access token"}]}' });
  await t.throwsAsync(token.adapter.write([entry], call()), { instanceOf: AuthError, message: /1001/ });
  t.is(token.calls(), 2);
  const scope = await answering(t, { status: 403, body: '{"errors":[{"errorId":1100,"message":"Access denied"}]}' });
  await t.throwsAsync(scope.adapter.write([entry], call()), { instanceOf: AuthError, message: /1100/ });
  t.is(scope.calls(), 1);
});

test.serial('a wait that eBay names is passed on, and none is made up', async t => {
  const body = '{"errors":[{"errorId":2001,"message":"Too many requests."}]}';
  const named = await answering(t, { status: 429, body, headers: { 'retry-after': '7' } });
  const meters: unknown[] = [];
  const error = await t.throwsAsync<ThrottledError>(named.adapter.write([entry], { ...call(), onMeter: m => meters.push(m) }), { instanceOf: ThrottledError });
  t.is(error?.retryAfterMs, 7_000);
  t.deepEqual(meters, [{ limit: 'inventory', remaining: 0, waitMs: 7_000 }]);
  const silent = await answering(t, { status: 429, body });
  t.is((await t.throwsAsync<ThrottledError>(silent.adapter.orders(undefined, call()), { instanceOf: ThrottledError }))?.retryAfterMs, undefined);
});

test.serial('a line sold without a SKU is known by its listing id, and a line without units is an error', async t => {
  const order = (line: object) => ({ status: 200, body: JSON.stringify({ total: 1, orders: [{ orderId: 'o', creationDate: '2026-08-01T00:00:00.000Z', lineItems: [{ lineItemId: 'l', legacyItemId: '11', ...line }] }] }) });
  const page = await (await answering(t, order({ quantity: 2 }))).adapter.orders(undefined, call());
  t.deepEqual(page.lines, [{ id: 'o/l', orderId: 'o', sku: '11', units: 2, cancelled: 0, shipped: 0, createdAt: Date.UTC(2026, 7, 1) }]);
  await t.throwsAsync((await answering(t, order({ sku: 'A' }))).adapter.orders(undefined, call()), { instanceOf: RetryableError });
});

// The sandbox is strict where the vendor is.

test.serial('the sandbox refuses what eBay refuses', async t => {
  const w = await world(t, { A: 5 });
  const one = { sku: 'A', shipToLocationAvailability: { quantity: 1 } };
  const ids = (answer: { json: any }): unknown => answer.json.errors?.[0].errorId;
  t.is((await w.raw('POST', updatePath, { requests: [one] }, { 'content-language': 'en-US' })).status, 400);
  t.is((await w.raw('POST', updatePath, { requests: [one] }, { 'content-type': 'text/plain' })).status, 415);
  t.is(ids(await w.raw('POST', updatePath, { requests: [one, one] })), 25002);
  t.is(ids(await w.raw('POST', updatePath, { requests: Array.from({ length: 26 }, (_, n) => ({ ...one, sku: `S${n}` })) })), 25709);
  t.is(ids(await w.raw('GET', '/sell/inventory/v1/offer')), 25707);
  t.is(ids(await w.raw('GET', '/sell/inventory/v1/inventory_item?limit=201')), 25706);
  t.is(ids(await w.raw('GET', '/sell/fulfillment/v1/order?limit=201')), 31100);
  t.is(ids(await w.raw('GET', `/sell/fulfillment/v1/order?filter=${encodeURIComponent('lastmodifieddate:[2099-01-01T00:00:00.000Z..]')}`)), 30850);
  t.is(w.shop.listings.get('A')?.quantity, 5);
});

test.serial('the sandbox meters what the limits file names', t => {
  t.deepEqual(parseYaml(readFileSync(new URL('../../config/limits/ebay.yaml', import.meta.url), 'utf8')), ebayLimits);
});

// ebay.md 5.

const documented: [ErrorClass, number[]][] = [
  ['rate', [2001]],
  ['auth', [1001, 1100]],
  ['server', [25001, 30500]],
  ['busy', [25025]],
  ['validation', [25002, 25004, 25604, 25707, 25708, 25709]],
  ['listing', [25003, 25005, 25010, 25018, 25019, 25020, 25024, 25501, 25502, 25503, 25601, 25096, 25097, 25098, 25759, 25760]],
  ['account', [25026]],
  ['later', [25038, 25039, 25040]],
  ['missing', [25701, 25702, 25710, 25713]],
  ['ours', [25706, 25727, 25728, 25733, 25734, 30700, 30850, 32800]],
];

for (const [kind, ids] of documented) {
  test.serial(`errors ${ids.join(', ')} are of class ${kind} whatever their status`, t => {
    for (const id of ids) for (const status of [200, 400, 404, 500]) t.is(classOf(id, status), kind, String(id));
  });
}

test.serial('no error id is in two rows of the table', t => {
  const ids = errorTable.flatMap(row => row.ids.flatMap(id => (typeof id === 'number' ? [id] : Array.from({ length: id[1] - id[0] + 1 }, (_, n) => id[0] + n))));
  t.is(new Set(ids).size, ids.length);
});

test.serial('an id that is not in the table is classed by its status', t => {
  t.deepEqual([500, 503, 429, 401, 403, 404, 400].map(status => classOf(99_999, status)), ['server', 'server', 'rate', 'auth', 'auth', 'missing', 'validation']);
});

test.serial('an error that hides behind 25002 is the one that counts', t => {
  t.is(principal([{ errorId: 25002, message: '' }, { errorId: 25713, message: '' }])?.errorId, 25713);
  t.is(principal([{ errorId: 25002, message: '' }])?.errorId, 25002);
});

test.serial('a failure names the call, the status, the id and eBay\'s long message', t => {
  const json = { errors: [{ errorId: 25709, message: 'short', longMessage: 'Invalid value for sku.', parameters: [{ name: 'sku', value: 'x' }] }] };
  const error = failureOf({ status: 400, headers: { 'x-ebay-c-request-id': 'ri=1' }, text: '', json }, 'POST /x', true) as TerminalError;
  t.true(error instanceof TerminalError);
  t.is(error.message, 'POST /x: 400 25709 Invalid value for sku. (sku=x)');
  t.deepEqual([error.code, error.status, error.requestId], ['25709', 400, 'ri=1']);
});

const pause = (delayMs: number): Promise<void> => new Promise(resolve => setTimeout(resolve, delayMs));

async function poll(w: EbayWorld, cursor: string | undefined): Promise<{ lines: OrderLine[]; cursor: string; pages: number }> {
  const lines: OrderLine[] = [];
  for (let pages = 1; ; pages++) {
    const page = await w.adapter.orders(cursor, w.call());
    lines.push(...page.lines);
    cursor = page.cursor;
    if (!page.more) return { lines, cursor, pages };
  }
}
