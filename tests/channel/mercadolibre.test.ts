import { readFileSync } from 'node:fs';
import test from 'ava';
import type { ExecutionContext, TestFn } from 'ava';
import { parse } from 'yaml';
import { refusal, table } from '../../actors/channel/adapters/mercadolibre/errors.ts';
import { linesOf } from '../../actors/channel/adapters/mercadolibre/orders.ts';
import { formatVersion, parseVersion } from '../../actors/channel/adapters/mercadolibre/stock.ts';
import { Variations } from '../../actors/channel/adapters/mercadolibre/variations.ts';
import { decide } from '../../actors/channel/adapters/mercadolibre/ways.ts';
import { itemSchema } from '../../actors/channel/adapters/mercadolibre/schemas.ts';
import { AmbiguousError, AuthError, RetryableError, TerminalError, ThrottledError } from '../../actors/errors.ts';
import type { Listing } from '../../actors/channel/adapter.ts';
import { limits } from '../../deploy/sandbox/mercadolibre/market.ts';
import { mercadolibreSandboxOf, mercadolibreWarehouseSandbox } from '../../deploy/sandbox/mercadolibre.ts';
import { channelContract } from '../contracts/channel.ts';
import { accessToken, adapterFor, answering, call, entry, imported, keeping, only, polled, raw, refresh, scale, start, world } from './mercadolibre-world.ts';

const named = (prefix: string): TestFn =>
  ({ serial: (title: string, run: (t: ExecutionContext) => Promise<void>) => { test.serial(`${prefix}: ${title}`, run); } }) as TestFn;

channelContract(named('mixed account'), opening => start(opening, { settings: { soldCount: true } }));
channelContract(named('multi-origin account'), opening => start(opening, { factory: mercadolibreWarehouseSandbox }));

const one = (kind: 'item' | 'userProduct' | 'variation' | 'fullAndFlex' | 'full', more: { versionInAnswer?: boolean; twins?: boolean } = {}) =>
  mercadolibreSandboxOf({ kinds: [kind], ...more });
const twoStores = mercadolibreSandboxOf({ stores: [{ id: '9000001', nodeId: 'MXP000001' }, { id: '9000002', nodeId: 'MXP000002' }] });

// The way is decided by account and item

test.serial('the mixed account of the contract holds every way that one account can mix', async t => {
  const w = await world(t, { 'A-1': 1, 'A-2': 1, 'B 2': 1 });
  const ways = new Map((await imported(w)).map(({ listing }) => [listing.sku, listing.fields['way']]));
  t.deepEqual([...ways].sort(), [['A-1', 'selling_address'], ['A-2', 'item'], ['B 2', 'variations']]);
});

const item = (more: Record<string, unknown> = {}) => itemSchema.parse({
  id: 'MLA1', seller_id: 7, available_quantity: 3, status: 'active', shipping: { logistic_type: 'cross_docking', tags: [] }, ...more,
});
const fullAndFlex = { shipping: { logistic_type: 'fulfillment', tags: ['self_service_in'] }, user_product_id: 'MLAU1' };
const wayOf = (user: { site_id?: string; tags?: string[] }, of: ReturnType<typeof item>): string => {
  const decision = decide({ site_id: 'MLA', tags: ['normal'], ...user }, of);
  return 'userProductId' in decision ? 'by location' : [...new Set(decision.listings.map(l => l.fields['way']))].join();
};

test.serial('a classic item, and a user product of one origin, are written through the item', t => {
  t.is(wayOf({}, item()), 'item');
  t.is(wayOf({ tags: ['user_product_seller'] }, item({ user_product_id: 'MLAU1', family_name: 'F' })), 'item');
});

test.serial('an account of several origins is written by location whatever the item looks like', t => {
  const user = { tags: ['warehouse_management'] };
  t.is(wayOf(user, item({ user_product_id: 'MLAU1' })), 'by location');
  t.is(wayOf(user, item({ user_product_id: 'MLAU1', variations: [{ id: 1, available_quantity: 1 }] })), 'by location');
  t.is(wayOf(user, item()), 'none', 'and without a user product not at all');
});

test.serial('Full with Flex is written by location in Argentina and Chile, and nowhere else', t => {
  t.is(wayOf({ site_id: 'MLA' }, item(fullAndFlex)), 'by location');
  t.is(wayOf({ site_id: 'MLC' }, item(fullAndFlex)), 'by location');
  t.is(wayOf({ site_id: 'MLB' }, item(fullAndFlex)), 'none');
});

test.serial('what is sold from Full only is not writable', t => {
  t.is(wayOf({}, item({ shipping: { logistic_type: 'fulfillment', tags: [] }, user_product_id: 'MLAU1' })), 'none');
});

test.serial('an item with variations is one listing for each, and with a family name none of ours to write', t => {
  const variations = [{ id: 15092589430, available_quantity: 1 }, { id: 15092544559, available_quantity: 2 }];
  const decision = decide({ site_id: 'MLA', tags: [] }, item({ variations }));
  t.deepEqual('listings' in decision && decision.listings.map(l => l.id), ['MLA1-15092589430', 'MLA1-15092544559']);
  t.is(wayOf({}, item({ variations, family_name: 'F' })), 'none');
});

test.serial('SELLER_SKU is the SKU where an item has it, else seller_custom_field, else its own id', t => {
  const skuOf = (more: Record<string, unknown>) => {
    const decision = decide({ site_id: 'MLA', tags: [] }, item(more));
    return 'listings' in decision && decision.listings[0]?.sku;
  };
  t.is(skuOf({ attributes: [{ id: 'SELLER_SKU', value_name: 'S-1' }], seller_custom_field: 'C-1' }), 'S-1');
  t.is(skuOf({ attributes: [{ id: 'COLOR', value_name: 'Red' }], seller_custom_field: 'C-1' }), 'C-1');
  t.is(skuOf({}), 'MLA1');
});

test.serial('a listing sold from Full only is imported with its number and its write is refused without a call', async t => {
  const w = await world(t, { 'A-1': 10 }, { factory: one('full') });
  const [reading] = await imported(w);
  t.is(reading?.quantity, 10);
  w.shop.counts['calls.write'] = 0;
  const [outcome] = await w.adapter.write([{ listing: reading!.listing, quantity: 1, signature: 's', last: { quantity: 10 } }], call());
  t.like(outcome, { kind: 'refused', class: 'listing' });
  t.is(w.shop.counts['calls.write'], 0);
});

// Items

test.serial('the answer of an item write is its proof', async t => {
  const w = await world(t, { 'A-1': 10 }, { factory: one('item') });
  t.deepEqual(await w.adapter.write([await entry(w, await only(w), 4)], call()), [{ kind: 'applied', signature: 'sig-4', quantity: 4 }]);
});

test.serial('units ever sold are told where the settings say that they count: of an item or a variation alone, in answers too', async t => {
  const w = await world(t, { 'A-1': 10 }, { factory: one('item'), settings: { soldCount: true } });
  w.shop.buy('b', [{ sku: 'A-1', units: 3 }]);
  t.like(await w.adapter.write([await entry(w, await only(w), 4)], call()), [{ kind: 'applied', sold: 3, quantity: 4 }]);
  const variations = await world(t, { 'V-1': 10, 'V-2': 10 }, { factory: one('variation'), settings: { soldCount: true } });
  variations.shop.buy('b', [{ sku: 'V-2', units: 2 }]);
  t.deepEqual((await imported(variations)).map(({ listing, sold }) => [listing.sku, sold]), [['V-1', 0], ['V-2', 2]]);
  const shared = await world(t, { 'U-1': 10 }, { factory: one('userProduct'), settings: { soldCount: true } });
  t.deepEqual((await imported(shared)).map(({ sold }) => sold), [undefined], 'each item of a user product counts its own sales');
});

test.serial('units ever sold are not told by default: how live they are is not documented', async t => {
  const w = await world(t, { 'A-1': 10 }, { factory: one('item') });
  const [reading] = await w.adapter.read([await only(w)], call());
  t.is(reading?.kind === 'read' && reading.reading.sold, undefined);
});

test.serial('an account that was switched to multi-origin answers 200 to an item write, and it does not count as applied', async t => {
  const w = await world(t, { 'A-1': 10 }, { factory: mercadolibreWarehouseSandbox });
  const { fields, ...rest } = await only(w);
  const stale: Listing = { ...rest, fields: { way: 'item', itemId: fields['itemId']! } };
  const [outcome] = await w.adapter.write([{ listing: stale, quantity: 4, signature: 's' }], call());
  t.like(outcome, { kind: 'accepted', reference: 'answered 10' });
  t.is(w.shop.listings.get('A-1')?.quantity, 10);
});

test.serial('a 200 with a body that nobody knows is unproven, not applied and not refused', async t => {
  const { adapter } = await answering(t, () => ({ text: '<html>' }));
  const [outcome] = await adapter.write([{ listing: { id: 'MLA1', sku: 'A', fields: { way: 'item', itemId: 'MLA1' } }, quantity: 4, signature: 's' }], call());
  t.like(outcome, { kind: 'accepted' });
});

test.serial('a second write of an item too soon after the first asks to be tried again', async t => {
  const w = await world(t, { 'A-1': 10 }, { factory: one('item'), scale: 1 });
  const [listing] = [await only(w)];
  const write = async (quantity: number) => (await w.adapter.write([{ listing, quantity, signature: 's', last: { quantity: 0 } }], call()))[0];
  t.is((await write(4))?.kind, 'applied');
  t.like(await write(5), { kind: 'retry', code: 'conflict' });
  t.is(w.shop.listings.get('A-1')?.quantity, 4);
});

test.serial('an item at zero is out of stock and still active, and one that the seller paused is not', async t => {
  const w = await world(t, { 'A-1': 0 }, { factory: one('item') });
  const [reading] = await imported(w);
  t.true(reading?.active);
  w.shop.setActive('A-1', false);
  const [paused] = await w.adapter.read([reading!.listing], call());
  t.like(paused, { kind: 'read', reading: { quantity: 0, active: false, reason: 'paused out_of_stock paused_by_seller' } });
});

test.serial('20 items are read in one call, in the order asked, each with its own outcome', async t => {
  const opening = Object.fromEntries(Array.from({ length: 19 }, (_, n) => [`S-${n}`, n]));
  const w = await world(t, opening, { factory: one('item') });
  const listings = (await imported(w)).map(r => r.listing);
  listings.splice(7, 0, w.ghost(listings[0]!));
  w.shop.counts['calls.read'] = 0;
  const outcomes = await w.adapter.read(listings, call());
  t.is(w.shop.counts['calls.read'], 1);
  t.deepEqual(outcomes.map(o => o.kind === 'read' ? o.reading.quantity : o.kind), [0, 1, 2, 3, 4, 5, 6, 'missing', ...Array.from({ length: 12 }, (_, n) => n + 7)]);
});

test.serial('a listing tells what pays for its reading, and a call that mixes them is never made', async t => {
  const w = await world(t, { 'A-1': 1, 'A-2': 1 });
  const listings = (await imported(w)).map(r => r.listing);
  const of = (sku: string) => w.adapter.readOperation!(listings.find(l => l.sku === sku)!);
  t.like(of('A-1'), { limit: 'userProductStock', batch: 1 });
  t.like(of('A-2'), { limit: 'items', batch: 20 });
  t.deepEqual(w.adapter.operations.read, of('A-1'), 'and the dearest of them is the default');
  w.shop.counts['calls.read'] = 0;
  await t.throwsAsync(w.adapter.read(listings, call()), { instanceOf: RangeError });
  t.is(w.shop.counts['calls.read'], 0);
});

test.serial('an item without its quantity, in part or in another shape is a failure and never a zero', async t => {
  const body = { id: 'MLA1', seller_id: 7, status: 'active', available_quantity: 3 };
  const listing = { id: 'MLA1', sku: 'A', fields: { way: 'item', itemId: 'MLA1' } };
  const { available_quantity: _left, ...without } = body;
  const kindOf = async (json: unknown, headers = {}): Promise<unknown> => {
    const { adapter } = await answering(t, () => ({ json, headers }));
    return (await adapter.read([listing], call()))[0]?.kind;
  };
  t.is(await kindOf([{ code: 200, body }]), 'read');
  t.is(await kindOf([{ code: 206, body }]), 'read');
  t.is(await kindOf([{ code: 206, body: without }]), 'failed');
  t.is(await kindOf([{ code: 206, body }], { 'x-content-missing': 'available_quantity' }), 'failed');
  t.is(await kindOf([{ code: 200, body: { ...body, available_quantity: null } }]), 'failed');
  t.is(await kindOf([{ code: 500, body: { message: 'oops' } }]), 'failed');
  t.is(await kindOf([]), 'failed');
  t.is(await kindOf([{ code: 200, body: { ...body, seller_id: 8 } }]), 'missing', 'an item of somebody else shows coarse numbers');
  await t.throwsAsync(kindOf({ message: 'maintenance' }), { instanceOf: RetryableError });
});

test.serial('an entry that fails does not move the others of a multiget', async t => {
  const of = (id: string, n: number) => ({ code: 200, body: { id, seller_id: 7, status: 'active', available_quantity: n } });
  const { adapter } = await answering(t, () => ({ json: [of('MLA3', 3), { code: 404, body: {} }, of('MLA1', 1)] }));
  const listings = ['MLA1', 'MLA2', 'MLA3'].map(itemId => ({ id: itemId, sku: itemId, fields: { way: 'item', itemId } }));
  const outcomes = await adapter.read(listings, call());
  t.deepEqual(outcomes.map(o => o.kind === 'read' ? o.reading.quantity : o.kind), [1, 'missing', 3]);
});

// Variations

test.serial('a write of one variation leaves the others of its item where they are', async t => {
  const w = await world(t, { 'A-1': 10, 'A-2': 7, 'A-3': 3 }, { factory: one('variation') });
  const listings = (await imported(w)).map(r => r.listing);
  t.is(new Set(listings.map(l => l.fields['itemId'])).size, 1, 'all of one item');
  const [outcome] = await w.adapter.write([await entry(w, listings[1]!, 1)], call());
  t.like(outcome, { kind: 'applied', quantity: 1 });
  t.deepEqual([...w.shop.listings.values()].map(l => l.quantity), [10, 1, 3]);
  t.deepEqual([w.shop.counts['variationsDeleted'], w.shop.counts['variationsCreated']], [undefined, undefined]);
  t.is((await imported(w)).length, 3);
});

test.serial('a variation is not written before its siblings were read, nor long after', async t => {
  const w = await world(t, { 'A-1': 10, 'A-2': 7 }, { factory: one('variation') });
  const [listing] = (await imported(w)).map(r => r.listing);
  const fresh = adapterFor(w.account, w.store);
  const outcome = await fresh.write([{ listing: listing!, quantity: 4, signature: 's', last: { quantity: 10 } }], call());
  t.like(outcome[0], { kind: 'conflict', code: 'variations_unread' });
  t.is(w.shop.counts['calls.write'], undefined);

  let now = 0;
  const variations = new Variations(60_000, () => now);
  variations.saw('MLA1', ['1', '2'], 0);
  now = 60_000;
  t.deepEqual(variations.of('MLA1'), ['1', '2']);
  now = 60_001;
  t.is(variations.of('MLA1'), undefined);
});

test.serial('a variation that is gone is missing and is not made anew', async t => {
  const w = await world(t, { 'A-1': 10, 'A-2': 7 }, { factory: one('variation') });
  const [gone, kept] = (await imported(w)).map(r => r.listing);
  const token = await accessToken({ ...w, vendor: { ...w.vendor, credentials: { ...w.vendor.credentials, refreshToken: (await w.store.load('ml-ar'))!.refreshToken! } } });
  await raw(w, 'PUT', `/items/${gone!.fields['itemId']}`, { token, body: { variations: [{ id: Number(kept!.fields['variationId']) }] } });
  t.is(w.shop.counts['variationsDeleted'], 1, 'the sandbox deletes what a write leaves out');
  t.like((await w.adapter.read([gone!], call()))[0], { kind: 'missing', code: 'variation_missing' });
  const [outcome] = await w.adapter.write([{ listing: gone!, quantity: 4, signature: 's', last: { quantity: 10 } }], call());
  t.like(outcome, { kind: 'refused', class: 'listing', code: 'variation_missing' });
  t.is(w.shop.counts['variationsCreated'], undefined);
});

// User products by location

test.serial('a sale between reading and writing turns a versioned write into a conflict', async t => {
  const w = await world(t, { 'A-1': 10 }, { factory: one('fullAndFlex') });
  const late = await entry(w, await only(w), 9);
  w.shop.buy('b1', [{ sku: 'A-1', units: 1 }]);
  t.like((await w.adapter.write([late], call()))[0], { kind: 'conflict', message: 'Version mismatch' });
  t.is(w.shop.listings.get('A-1')?.quantity, 9);
});

test.serial('a versioned write without a version in hand is a conflict and makes no call', async t => {
  const w = await world(t, { 'A-1': 10 }, { factory: one('fullAndFlex') });
  const [outcome] = await w.adapter.write([{ listing: await only(w), quantity: 4, signature: 's', last: { quantity: 10 } }], call());
  t.like(outcome, { kind: 'conflict', code: 'version_unread' });
  t.is(w.shop.counts['calls.write'], undefined);
});

test.serial('a versioned write is accepted until read back, and proven by a new version where the answer has one', async t => {
  const quiet = await world(t, { 'A-1': 10 }, { factory: one('fullAndFlex') });
  t.like((await quiet.adapter.write([await entry(quiet, await only(quiet), 4)], call()))[0], { kind: 'accepted', verifyAfterMs: 1000 / scale, verifyWithinMs: 30_000 / scale });
  const telling = await world(t, { 'A-1': 10 }, { factory: one('fullAndFlex', { versionInAnswer: true }) });
  const [outcome] = await telling.adapter.write([await entry(telling, await only(telling), 4)], call());
  t.like(outcome, { kind: 'applied', quantity: 4, version: '2' });
});

test.serial('units that Full holds are no part of what we read or write', async t => {
  const w = await world(t, { 'A-1': 10 }, { factory: one('fullAndFlex') });
  const [reading] = await imported(w);
  t.like(reading, { quantity: 10, buyable: 10 });
});

test.serial('two items of one user product are one listing', async t => {
  const w = await world(t, { 'A-1': 10, 'A-2': 4 }, { factory: one('fullAndFlex', { twins: true }) });
  t.deepEqual((await imported(w)).map(r => r.listing.sku), ['A-1', 'A-2']);
  const c = await world(t, { 'A-1': 10, 'A-2': 4 }, { factory: one('userProduct', { twins: true }) });
  t.deepEqual((await imported(c)).map(r => r.listing.sku), ['A-1', 'A-2']);
});

test.serial('a write to one warehouse names the others as they were read', async t => {
  const w = await world(t, { 'A-1': 10 }, { factory: twoStores, settings: { storeId: '9000001' } });
  const listing = await only(w);
  t.like((await w.adapter.write([await entry(w, listing, 6)], call()))[0], { kind: 'accepted' });
  t.is(w.shop.counts['storesLeftOut'], undefined);
  const [outcome] = await w.adapter.read([listing], call());
  t.like(outcome, { kind: 'read', reading: { quantity: 6, version: '2 9000002@MXP000002=4' } });
});

test.serial('with several warehouses and none of them named, nothing is written', async t => {
  const w = await world(t, { 'A-1': 10 }, { factory: twoStores });
  const [outcome] = await w.adapter.write([{ listing: await only(w), quantity: 6, signature: 's', last: { quantity: 10, version: '1' } }], call());
  t.like(outcome, { kind: 'refused', class: 'listing' });
  t.regex((outcome as { message: string }).message, /9000001, 9000002.*storeId/);
});

test.serial('a version comes back from its text with the other warehouses, and from no other text', t => {
  const others = [{ store_id: 'a b@c=', network_node_id: 'n 1', quantity: 15 }, { store_id: '2', network_node_id: 'n2', quantity: 0 }];
  t.deepEqual(parseVersion(formatVersion('9223372036854775807', others)), { version: '9223372036854775807', others });
  t.deepEqual(parseVersion('37'), { version: '37', others: [] });
  for (const text of [undefined, '', 'x', '37 ', '37 a=1', '37 a@b=-1', '1.5']) t.is(parseVersion(text), undefined, `${text}`);
});

test.serial('a stock without version or location is an error and never a zero', async t => {
  const listing = { id: 'MLAU1', sku: 'A', fields: { way: 'selling_address', itemId: 'MLA1', userProductId: 'MLAU1' } };
  const json = { locations: [{ type: 'selling_address', quantity: 9 }], id: 'MLAU1', user_id: 7 };
  const read = async (of: Parameters<typeof answering>[1]) => (await (await answering(t, of)).adapter.read([listing], call()))[0];
  t.is((await read(() => ({ json, headers: { 'x-version': '3' } })))?.kind, 'read');
  await t.throwsAsync(read(() => ({ json })), { instanceOf: RetryableError, message: /x-version/ });
  await t.throwsAsync(read(() => ({ json: {}, headers: { 'x-version': '3' } })), { instanceOf: RetryableError });
  t.like(await read(() => ({ json: { ...json, locations: [{ type: 'meli_facility', quantity: 5 }] }, headers: { 'x-version': '3' } })), { kind: 'missing', code: 'location_missing' });
});

test.serial('a user product whose stock was never set is imported as not writable, not as zero', async t => {
  const { adapter } = await answering(t, ({ path }) => {
    if (path === '/users/7') return { json: { id: 7, site_id: 'MLM', tags: ['warehouse_management'] } };
    if (path.includes('/items/search')) return { json: path.includes('scroll_id') ? null : { results: ['MLM1'], scroll_id: 's1' } };
    if (path.startsWith('/items?')) return { json: [{ code: 200, body: { id: 'MLM1', seller_id: 7, status: 'active', available_quantity: 8, user_product_id: 'MLMU1' } }] };
    return { status: 404, json: { message: 'stock-locations not found', error: 'not_found', status: 404, cause: [] } };
  });
  const [reading, ...rest] = await imported({ adapter });
  t.deepEqual(rest, []);
  t.like(reading, { quantity: 8, listing: { id: 'MLMU1', fields: { way: 'none' } } });
});

test.serial('the import goes on past 100 items, one call a page', async t => {
  const opening = Object.fromEntries(Array.from({ length: 130 }, (_, n) => [`S-${n}`, n]));
  const w = await world(t, opening, { factory: one('item') });
  let calls = 0;
  const skus: string[] = [];
  for (let cursor: string | undefined, first = true; first || cursor !== undefined; first = false) {
    const before = calls;
    const page = await w.adapter.listings(cursor, call({ onExchange: ({ path }) => { if (path !== '/oauth/token') calls += 1; } }));
    t.is(calls - before, 1);
    skus.push(...page.readings.map(r => r.listing.sku));
    cursor = page.cursor;
  }
  t.deepEqual(skus.sort(), Object.keys(opening).sort());
});

test.serial('an import with an item that could not be shown fails rather than leaving it out', async t => {
  const { adapter } = await answering(t, ({ path }) => {
    if (path === '/users/7') return { json: { id: 7, site_id: 'MLA', tags: [] } };
    if (path.includes('/items/search')) return { json: path.includes('scroll_id') ? { results: null } : { results: ['MLA1', 'MLA2'], scroll_id: 's1' } };
    return { json: [{ code: 200, body: { id: 'MLA1', seller_id: 7, status: 'active', available_quantity: 8 } }, { code: 500, body: {} }] };
  });
  await t.throwsAsync(imported({ adapter }), { instanceOf: RetryableError, message: /MLA2/ });
});

test.serial('an import leaves out what is closed for good and what went away since the scan', async t => {
  const { adapter } = await answering(t, ({ path }) => {
    if (path === '/users/7') return { json: { id: 7, site_id: 'MLA', tags: [] } };
    if (path.includes('/items/search')) return { json: path.includes('scroll_id') ? { results: [], scroll_id: null } : { results: ['MLA1', 'MLA2', 'MLA3'], scroll_id: 's1' } };
    const of = (id: string, status: string) => ({ code: 200, body: { id, seller_id: 7, status, available_quantity: 8 } });
    return { json: [of('MLA1', 'closed'), { code: 404, body: {} }, of('MLA3', 'active')] };
  });
  t.deepEqual((await imported({ adapter })).map(r => r.listing.id), ['MLA3']);
});

// Orders

const order = (more: Record<string, unknown> = {}) => ({
  id: '2000000000000001', status: 'paid', date_created: 1000, date_closed: '2026-01-01T00:00:00.000-04:00',
  order_items: [{ quantity: 2, item: { id: 'MLA1', seller_sku: 'S-1' } }], ...more,
});

test.serial('an order counts from the moment its units were taken until it is cancelled', t => {
  const told = (status: string, date_closed: string | null) => linesOf(order({ status, date_closed })).map(l => [l.units, l.cancelled]);
  for (const status of ['confirmed', 'paid', 'partially_refunded', 'pending_cancel', 'some_new_status']) t.deepEqual(told(status, null), [[2, 0]], status);
  for (const status of ['payment_required', 'payment_in_process', 'partially_paid']) {
    t.deepEqual(told(status, null), [], status);
    t.deepEqual(told(status, '2026-01-01T00:00:00.000-04:00'), [[2, 0]], `${status}, closed`);
  }
  for (const status of ['cancelled', 'invalid']) t.deepEqual(told(status, null), [[2, 2]], status);
});

test.serial('lines of one order are told apart by item and variation, and twins by their number', t => {
  const lines = linesOf(order({
    order_items: [
      { quantity: 1, item: { id: 'MLA1', variation_id: '5', seller_sku: 'S-1' } },
      { quantity: 1, item: { id: 'MLA1', variation_id: '6', seller_custom_field: 'S-2' } },
      { quantity: 1, item: { id: 'MLA1', variation_id: '6' } },
      { quantity: 1, item: { id: 'MLA2', user_product_id: 'MLAU2' } },
    ],
  }));
  t.deepEqual(lines.map(l => l.id.replace(/^\d+\//, '')), ['MLA1-5', 'MLA1-6', 'MLA1-6#2', 'MLA2']);
  t.deepEqual(lines.map(l => l.sku), ['S-1', 'S-2', 'MLA1-6', 'MLAU2']);
});

const orderJson = (id: number) => ({ ...order({ id }), date_created: '2026-01-01T00:00:00.000-04:00' });

test.serial('an order that changes while its window is paged costs no other order its turn', async t => {
  const all = Array.from({ length: 120 }, (_, n) => 1000 + n);
  let left = all;
  const { adapter } = await answering(t, ({ path }) => {
    const offset = Number(new URL(path, 'http://x').searchParams.get('offset'));
    const results = left.slice(offset, offset + 50).map(orderJson);
    const total = left.length;
    if (offset === 50) left = all.slice(1); // The first has changed: it leaves the window after the second page.
    return { json: { paging: { total, offset, limit: 50 }, results } };
  });
  const { lines, pages } = await polled({ adapter });
  t.deepEqual([...new Set(lines.map(l => Number(l.orderId)))].sort(), all);
  t.true(pages.slice(0, -1).every(p => p.completeThrough <= pages.at(-1)!.completeThrough));
});

test.serial('a window that holds more than may be paged is cut, and no order is lost', async t => {
  const w = await world(t, { 'A-1': 500 }, { settings: { orderWindowMax: 60 } });
  const ids: string[] = [];
  for (let n = 0; n < 150; n++) {
    ids.push(w.shop.buy(`b${n}`, [{ sku: 'A-1', units: 1 }]).order!.orderId);
    if (n % 50 === 49) await new Promise(resolve => setTimeout(resolve, 1_100));
  }
  const { lines } = await polled(w);
  t.deepEqual([...new Set(lines.map(l => l.orderId))].sort(), ids.sort());
});

test.serial('a poll is complete only up to the lag of the search, and the next one overlaps it', async t => {
  const paths: string[] = [];
  const { adapter } = await answering(t, ({ path }) => {
    paths.push(path);
    return { json: { paging: { total: 0, offset: 0, limit: 50 }, results: [] } };
  }, { orderLagMs: 60_000, orderOverlapMs: 600_000 });
  const { last } = await polled({ adapter });
  const second = await adapter.orders(last.cursor, call());
  const [first, next] = paths.map(path => new URL(path, 'http://x').searchParams);
  const to = Date.parse(first!.get('order.date_last_updated.to')!);
  t.is(last.completeThrough, to - 60_000);
  t.is(Date.parse(next!.get('order.date_last_updated.from')!), to - 600_000);
  t.false(second.more);
});

test.serial('an order in a shape that nobody knows fails the poll, and ids that lost digits are such a shape', async t => {
  const of = (more: Record<string, unknown>) => answering(t, () => ({ text: JSON.stringify({ paging: { total: 1, offset: 0, limit: 50 }, results: [{ ...orderJson(1), ...more }] }).replace('"BIG"', '20000000000000001') }));
  await t.throwsAsync(async () => (await of({ order_items: undefined })).adapter.orders(undefined, call()), { instanceOf: RetryableError, message: /order_items/ });
  await t.throwsAsync(async () => (await of({ id: 'BIG' })).adapter.orders(undefined, call()), { instanceOf: RetryableError, message: /id/ });
  await t.throwsAsync(async () => (await of({ date_created: 'yesterday' })).adapter.orders(undefined, call()), { instanceOf: RetryableError, message: /no time/ });
});

// Tokens

test.serial('a refresh token works once at the sandbox, and the adapter keeps the newest', async t => {
  const w = await world(t, { 'A-1': 1 });
  await imported(w);
  const stored = await w.store.load('ml-ar');
  t.not(stored?.refreshToken, w.vendor.credentials['refreshToken']);
  t.is((await refresh(w, w.vendor.credentials['refreshToken']!)).status, 400);
  w.vendor.expireTokens();
  await imported(w);
  t.not((await w.store.load('ml-ar'))?.refreshToken, stored?.refreshToken);
});

test.serial('a restarted adapter goes on with the stored pair, without a refresh', async t => {
  const w = await world(t, { 'A-1': 1 });
  await imported(w);
  w.shop.counts['calls.token'] = 0;
  t.is((await imported({ adapter: adapterFor(w.account, w.store) })).length, 1);
  t.is(w.shop.counts['calls.token'], 0);
});

test.serial('a refused refresh looks into the store before the grant counts as dead', async t => {
  const w = await world(t, { 'A-1': 1 });
  await imported(w);
  const before = (await w.store.load('ml-ar'))!;
  // Another process refreshes at the very moment: the store is read old once, and the newer pair is there after.
  w.vendor.expireTokens();
  const { access_token, refresh_token, expires_in } = await (await refresh(w, before.refreshToken!)).json() as { access_token: string; refresh_token: string; expires_in: number };
  await w.store.save('ml-ar', { accessToken: access_token, refreshToken: refresh_token, expiresAt: Date.now() + expires_in * 1000 });
  let loads = 0;
  const racing = { load: async (account: string) => (loads++ === 0 ? { ...before, expiresAt: 0 } : w.store.load(account)), save: w.store.save };
  t.is((await imported({ adapter: adapterFor(w.account, racing) })).length, 1);
  t.is(loads, 2);
});

test.serial('after a new consent the token of the settings replaces a dead one in the store', async t => {
  const w = await world(t, { 'A-1': 1 });
  await w.store.save('ml-ar', { accessToken: 'APP_USR-old', refreshToken: 'TG-dead', expiresAt: 0 });
  t.is((await imported(w)).length, 1);
});

test.serial('a token of another user is refused before anything is read or written with it', async t => {
  const w = await world(t, { 'A-1': 1 }, { settings: { sellerId: '222' } });
  await t.throwsAsync(imported(w), { instanceOf: AuthError, message: /111111111.*222/ });
  t.is(w.shop.counts['calls.other'], undefined);
  const mended = { ...w.account, settings: { sellerId: '111111111' } };
  t.is((await imported({ adapter: adapterFor(mended, w.store) })).length, 1, 'and the rotated token is not lost over it');
});

test.serial('a 401 is repeated once with a new token and then is an authorisation failure', async t => {
  const { adapter, exchanges, told } = await answering(t, () => ({ status: 401, json: { message: 'invalid access token', error: 'not_found', status: 401, cause: [] } }));
  await t.throwsAsync(adapter.orders(undefined, told), { instanceOf: AuthError });
  t.deepEqual(exchanges.map(e => `${e.path.split('?')[0]} ${e.status}`), ['/oauth/token 200', '/orders/search 401', '/oauth/token 200', '/orders/search 401']);
});

test.serial('the token endpoint over its rate is throttling, not a dead grant', async t => {
  const { adapter, exchanges, told } = await answering(t, () => ({ json: {} }), {}, { status: 429, json: { message: 'x', error: 'local_rate_limited', status: 429, cause: [] } });
  await t.throwsAsync(adapter.orders(undefined, told), { instanceOf: ThrottledError, message: /local_rate_limited/ });
  t.deepEqual(exchanges.map(e => e.path), ['/oauth/token'], 'and nothing was asked of the API');
});

test.serial('settings are refused by field and value, credentials by field alone', t => {
  const given = { account: 'ml', channel: 'mercadolibre', baseUrl: 'http://x', credentials: { clientId: 'a', clientSecret: 'hush', refreshToken: 'r' }, settings: { sellerId: '1' } };
  t.notThrows(() => adapterFor(given, keeping()));
  t.throws(() => adapterFor({ ...given, settings: { sellerId: 'abc' } }, keeping()), { instanceOf: TerminalError, message: /settings\.sellerId.*"abc"/ });
  t.throws(() => adapterFor({ ...given, settings: { sellerId: '1', orderOverlapMs: 1 } }, keeping()), { message: /orderOverlapMs.*got 1/ });
  const error = t.throws(() => adapterFor({ ...given, credentials: { ...given.credentials, clientSecret: 'hush', refreshToken: '' } }, keeping()), { message: /credentials\.refreshToken/ });
  t.notRegex(error.message, /hush/);
});

// Refusals

const body = (status: number, more: Record<string, unknown> = {}) => ({ status, json: { message: 'm', error: 'e', status, cause: [], ...more } });

test.serial('every refusal that the document names has its class', t => {
  const cases: [ReturnType<typeof body> | { status: number; json: unknown }, string | undefined][] = [
    [body(429), 'throttled'],
    [{ status: 429, json: { code: 'too_many_requests', message: 'quota exceeded' } }, 'throttled'],
    [body(401, { message: 'expired_token' }), 'token'],
    [{ status: 403, json: { status: 403, error: 'Invalid scopes', code: 'FORBIDDEN' } }, 'account'],
    [{ status: 403, json: { code: 'PA_UNAUTHORIZED_RESULT_FROM_POLICIES', blocked_by: 'PolicyAgent' } }, 'account'],
    [body(403, { error: 'access_denied' }), 'access'],
    [body(404), 'listing'],
    [body(409, { message: 'Version mismatch' }), 'conflict'],
    [body(409, { message: 'item optimistic locking error' }), 'busy'],
    [body(409, { error: 'conflict' }), 'busy'],
    [body(423), 'busy'],
    [body(400, { error: 'item.available_quantity.not_modifiable' }), 'listing'],
    [body(400, { error: 'validation_error', cause: [{ type: 'error', code: 'item.available_quantity.not_modifiable' }] }), 'listing'],
    [body(400, { message: 'You cannot modify selling address stock if associated items are fulfillment only' }), 'listing'],
    [body(400, { message: 'You cannot modify stock in items without inventory id' }), 'listing'],
    [body(400, { message: 'To do so you have to do a full inbound first' }), 'listing'],
    [body(400, { message: 'The site MLB is blocked for changes to the selling address' }), 'listing'],
    [body(400, { message: 'seller with a single warehouse cannot update selling address stock' }), 'listing'],
    [body(400, { message: 'seller with a single warehouse cannot update stock across multiple network nodes' }), 'listing'],
    [body(400, { message: 'store does not belong to seller' }), 'listing'],
    [body(400, { message: 'store not found' }), 'listing'],
    [body(400, { message: 'store is not configured to be a stock location' }), 'listing'],
    [body(400, { message: 'Missing X-Version header' }), 'validation'],
    [body(400, { message: 'store cannot be null or empty' }), 'validation'],
    [body(400, { error: 'validation_error', cause: [{ type: 'error', code: 'item.attributes.missing' }] }), 'validation'],
    [body(422), 'validation'],
    [body(500), 'server'],
    [{ status: 503, json: undefined }, 'server'],
    [body(531), 'server'],
    [body(418), undefined],
  ];
  for (const [answer, verdict] of cases) t.is(refusal(answer).verdict, verdict as ReturnType<typeof refusal>['verdict'], JSON.stringify(answer));
  t.true(table.every(row => cases.some(([{ status }]) => typeof row.status === 'number' ? row.status === status || row.status === 408 : true)), 'and every row is tried');
});

test.serial('a warning beside an error is not the reason given', t => {
  const json = { message: 'Validation error', error: 'validation_error', status: 400, cause: [{ type: 'warning', code: 'w', message: 'careful' }, { type: 'error', code: 'item.x', message: 'bad x' }] };
  t.deepEqual(refusal({ status: 400, json }), { verdict: 'validation', code: 'item.x', message: 'Validation error; bad x' });
});

test.serial('what a refused write becomes follows the table', async t => {
  const listing = { id: 'MLA1', sku: 'A', fields: { way: 'item', itemId: 'MLA1' } };
  const write = async (status: number, more = {}, headers = {}) => {
    const { adapter } = await answering(t, () => ({ ...body(status, more), headers }));
    return (await adapter.write([{ listing, quantity: 1, signature: 's' }], call()))[0];
  };
  t.like(await write(404), { kind: 'refused', class: 'listing' });
  t.like(await write(403, { error: 'access_denied' }), { kind: 'refused', class: 'listing' });
  t.like(await write(400, { error: 'validation_error' }), { kind: 'refused', class: 'validation' });
  t.like(await write(423), { kind: 'retry' });
  await t.throwsAsync(write(403, { code: 'FORBIDDEN' }), { instanceOf: AuthError });
  await t.throwsAsync(write(503), { instanceOf: AmbiguousError });
  await t.throwsAsync(write(418), { instanceOf: TerminalError });
  const throttled = await t.throwsAsync(write(429), { instanceOf: ThrottledError }) as ThrottledError;
  t.is(throttled.retryAfterMs, undefined, 'no header is documented, none is made up');
  const wish = await t.throwsAsync(write(429, {}, { 'retry-after': '3' }), { instanceOf: ThrottledError }) as ThrottledError;
  t.is(wish.retryAfterMs, 3000);
});

test.serial('a blocked app is the account\'s trouble where no single listing was asked for', async t => {
  const { adapter } = await answering(t, () => body(403, { error: 'access_denied' }));
  await t.throwsAsync(adapter.orders(undefined, call()), { instanceOf: AuthError });
});

// The sandbox itself: strict enough to catch a careless adapter

test.serial('the sandbox shows coarse quantities to whoever is not the owner', async t => {
  const w = await world(t, { 'A-1': 49 }, { factory: one('item') });
  const shown = async (quantity: number) => {
    w.shop.edit('A-1', quantity);
    return (await raw(w, 'GET', '/items?ids=MLA1000000001')).json[0].body.available_quantity;
  };
  t.deepEqual([await shown(0), await shown(49), await shown(51), await shown(120), await shown(600)], [0, 1, 50, 100, 500]);
});

test.serial('the sandbox keeps the published 100 stock reads a minute with the vendor\'s own 429', async t => {
  const w = await world(t, { 'A-1': 1 }, { factory: one('fullAndFlex'), scale: 1 });
  const token = await accessToken(w);
  const answers = [];
  for (let n = 0; n < 12; n++) answers.push(await raw(w, 'GET', '/user-products/MLAU100000001/stock', { token }));
  t.deepEqual(answers.map(a => a.status), [...Array(10).fill(200), 429, 429]);
  t.regex(JSON.stringify(answers.at(-1)?.json), /too_many_requests/);
});

test.serial('the limits of the configuration are the sandbox\'s, and together stay under the application\'s 5 a second', t => {
  const file = parse(readFileSync(new URL('../../config/limits/mercadolibre.yaml', import.meta.url), 'utf8')) as Record<string, { perSecond: number; burst: number }>;
  t.deepEqual(file['userProductStock'], limits.userProductStock);
  t.deepEqual(Object.keys(file).sort(), ['items', 'missedFeeds', 'orders', 'stockWrites', 'userProductStock']);
  const { burst, perSecond } = file['userProductStock']!;
  t.true(burst + 60 * perSecond <= 100);
  t.true(Object.values(file).reduce((sum, l) => sum + l.perSecond, 0) < 5);
});

test.serial('the sandbox refuses what the vendor refuses', async t => {
  const w = await world(t, { 'A-1': 10, 'A-2': 5 });
  const token = await accessToken(w);
  const status = async (method: string, path: string, more: Parameters<typeof raw>[3] = {}) => (await raw(w, method, path, { token, ...more })).status;
  const stock = '/user-products/MLAU100000001/stock';
  t.is((await raw(w, 'GET', stock)).status, 401);
  t.is((await raw(w, 'GET', stock, { token: 'APP_USR-made-up' })).status, 401);
  t.is(await status('PUT', `${stock}/type/selling_address`, { body: { quantity: 1 } }), 400, 'no x-version');
  t.is(await status('PUT', `${stock}/type/selling_address`, { body: { quantity: 1 }, headers: { 'x-version': '99' } }), 409);
  t.is(await status('PUT', `${stock}/type/selling_address`, { body: { available_quantity: 1 }, headers: { 'x-version': '1' } }), 400);
  t.is(await status('PUT', `${stock}/type/seller_warehouse`, { body: { locations: [] }, headers: { 'x-version': '1' } }), 400);
  t.is(await status('PUT', '/items/MLA1000000001', { body: { available_quantity: 1 } }), 400, 'Full and Flex');
  t.is(await status('PUT', '/items/MLA1000000002', { body: { available_quantity: 1, price: 3 } }), 400);
  t.is(await status('PUT', '/items/MLA1000000002', { body: { available_quantity: '1' } }), 400);
  t.is(await status('GET', `/items?ids=${Array(21).fill('MLA1000000002').join()}`), 400);
  t.is(await status('GET', '/users/111111111/items/search?limit=101'), 400);
  t.is(await status('GET', '/users/111111111/items/search?offset=1001'), 400);
  t.is(await status('GET', '/users/111111111/items/search?search_type=scan&offset=1'), 400);
  t.is(await status('GET', '/orders/search?seller=111111111&limit=51'), 400);
  t.is(await status('GET', '/orders/search?seller=5'), 403);
  t.deepEqual([...w.shop.listings.values()].map(l => l.quantity), [10, 5]);
});

test.serial('the sandbox cancels an order whole, as the vendor does', async t => {
  const w = await world(t, { 'A-1': 10, 'A-2': 5 });
  const { order: made } = w.shop.buy('b1', [{ sku: 'A-1', units: 2 }, { sku: 'A-2', units: 1 }]);
  t.is(w.shop.cancel(made!.orderId, made!.lines[0]!.line, 1), 3);
  t.deepEqual([...w.shop.listings.values()].map(l => l.quantity), [10, 5]);
  await new Promise(resolve => setTimeout(resolve, 50));
  t.deepEqual((await polled(w)).lines.map(l => [l.units, l.cancelled]), [[2, 2], [1, 1]]);
});

// --- Notifications that nobody took (mercadolibre.md 6.3) ---

test.serial('what nobody took is fetched page by page, and of orders no more than it takes to know of one', async t => {
  const opening = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`A-${n}`, 9]));
  const w = await world(t, opening, { factory: mercadolibreSandboxOf({ kinds: ['item'] }) });
  const registered = await raw(w, 'POST', '/_sandbox/hooks', { body: { url: 'http://127.0.0.1:9/nobody' } });
  t.is(registered.status, 200);
  for (const sku of Object.keys(opening).slice(0, 25)) w.shop.edit(sku, 4);
  for (const sku of Object.keys(opening).slice(30)) w.shop.buy('b', [{ sku, units: 1 }]);
  const told = 25 + 10 + 10;
  for (const end = Date.now() + 5_000; (w.shop.counts['hooks.lost'] ?? 0) < 3 * told && Date.now() < end;) await new Promise(resolve => setTimeout(resolve, 20));
  // The last wait after the last try.
  await new Promise(resolve => setTimeout(resolve, 300));
  const { operation, ask } = w.adapter.missed!;
  t.is(operation.limit, 'missedFeeds');
  const pages = [];
  for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
    const page = await ask(cursor, call());
    pages.push(page.notices);
    cursor = page.cursor;
  }
  t.deepEqual(pages.map(notices => [new Set(notices.map(({ topic }) => topic)).size, notices.length]), [[1, 10], [1, 10], [1, 10], [1, 10], [1, 5], [0, 0], [0, 0]]);
  t.deepEqual(pages.flat().filter(({ orders }) => orders).length, 10);
  const items = new Set(Object.keys(opening).map(sku => w.shop.listings.get(sku)!.fields['itemId']));
  t.true(pages.slice(1).flat().every(({ listings }) => listings.length === 1 && items.has(listings[0])));
});

test.serial('of what nobody took, another seller\'s and what is no notification is passed over, and a strange answer is an error', async t => {
  const good = { _id: 'n1', resource: '/items/MLA1', user_id: 7, topic: 'items', application_id: 'c' };
  let json: unknown = { messages: [{ ...good, user_id: 8 }, { ...good, application_id: 'd' }, 'x', null, {}, good] };
  const { adapter } = await answering(t, () => ({ json }));
  t.deepEqual(await adapter.missed!.ask(undefined, call()), { notices: [{ id: 'n1', topic: 'items', orders: false, listings: ['MLA1'] }], cursor: '1:0' });
  json = { messages: {} };
  await t.throwsAsync(adapter.missed!.ask('1:0', call()), { instanceOf: RetryableError });
  await t.throwsAsync(adapter.missed!.ask('9', call()), { instanceOf: TerminalError, message: /no cursor of ours: "9"/ });
});
