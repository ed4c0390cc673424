/**
 * Notifications as the vendors send them, through the code that verifies and reads them: signature vectors, captured
 * and published bodies of `../shared/channels/samples`, and Amazon's schemas. Files are read from `../shared`, or from
 * PLUMB_SHARED.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import test from 'ava';
import type { AccountSettings } from '../../actors/channel/adapter.ts';
import { amazonHooks } from '../../actors/channel/adapters/amazon/hooks.ts';
import { ebayHooks } from '../../actors/channel/adapters/ebay/hooks.ts';
import { mercadolibreHooks } from '../../actors/channel/adapters/mercadolibre/hooks.ts';
import { shopifyHooks } from '../../actors/channel/adapters/shopify/hooks.ts';
import type { HookContext } from '../../actors/channel/hook.ts';
import { openAmazon } from '../../deploy/sandbox/amazon.ts';
import { SandboxClock } from '../../deploy/sandbox/kit/clock.ts';
import type { ShopEvent } from '../../deploy/sandbox/kit/notifier.ts';

const root = resolve(import.meta.dirname, '../..');
const folder = resolve(root, process.env['PLUMB_SHARED'] ?? '../shared', 'channels');
const sample = (path: string): any => JSON.parse(readFileSync(resolve(folder, 'samples', path), 'utf8'));
const lower = (headers: Record<string, string>): Record<string, string> => Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
const account = (more: Partial<AccountSettings>): AccountSettings => ({ account: 'acc-1', channel: 'c', baseUrl: 'https://api.example', credentials: {}, settings: {}, ...more });

const vectors = sample('ebay/signature-vectors.account_deletion.json') as Record<string, { signature: string; message: object; response?: { key: string; digest: string }; public_key?: string }>;

test('eBay: its own vectors verify exactly where eBay says so', async t => {
  const verdicts: Record<string, boolean> = {};
  for (const [name, { signature, message, response }] of Object.entries(vectors)) {
    const context: HookContext = { account: account({}), settings: {}, keyOf: async () => (response?.key === undefined ? undefined : { pem: response.key, digest: response.digest }) };
    const refused = await ebayHooks.verify({ headers: { 'x-ebay-signature': signature }, body: Buffer.from(JSON.stringify(message)) }, context);
    verdicts[name] = refused === undefined;
  }
  t.deepEqual(verdicts, Object.fromEntries(Object.keys(vectors).map(name => [name, name === 'VALID'])));
  t.true(Object.keys(verdicts).length >= 3);
});

test('eBay: the signature is over the raw bytes, under the key that it names, with the digest that the key\'s answer names', async t => {
  const { headers, rawBody } = sample('ebay/derived.signed-raw-body.json') as { headers: Record<string, string>; rawBody: string };
  const { response, public_key } = vectors['VALID']!;
  const asked: string[] = [];
  const under = (digest: string): HookContext => ({ account: account({}), settings: {}, keyOf: async id => { asked.push(id); return { pem: response!.key, digest }; } });
  const verify = (body: string, digest = 'SHA1') => ebayHooks.verify({ headers: lower(headers), body: Buffer.from(body) }, under(digest));
  t.is(await verify(rawBody), undefined);
  const no = { refused: 'X-EBAY-SIGNATURE: the signature does not fit the body' };
  t.deepEqual(await verify(JSON.stringify(JSON.parse(rawBody), null, 2)), no);
  t.deepEqual(await verify(rawBody, 'SHA256'), no);
  t.deepEqual(await verify(rawBody, 'MD5'), no);
  t.deepEqual([...new Set(asked)], [public_key]);
});

test('eBay: order notifications ask for a poll, whatever is beside the order', t => {
  for (const file of ['one-line', 'two-lines', 'without-user']) {
    const body = sample(`ebay/order_confirmation.${file}.json`);
    t.deepEqual(ebayHooks.read({ headers: {}, body: Buffer.from(JSON.stringify(body)) }, { account: account({}), settings: {} }), {
      id: body.notification.notificationId, topic: 'ORDER_CONFIRMATION', orders: true, listings: [],
    }, file);
  }
});

test('Shopify: the vector verifies, and one character more or another secret does not', async t => {
  const { clientSecret, rawBody, headers } = sample('shopify/derived.hmac-vector.json') as { clientSecret: string; rawBody: string; headers: Record<string, string> };
  const verify = (body: string, secret = clientSecret) => shopifyHooks.verify({ headers: lower(headers), body: Buffer.from(body) }, { account: account({ credentials: { clientSecret: secret } }), settings: {} });
  t.is(await verify(rawBody), undefined);
  const no = { refused: 'X-Shopify-Hmac-Sha256: the signature does not fit the body' };
  t.deepEqual(await verify(`${rawBody} `), no);
  t.deepEqual(await verify(rawBody, `${clientSecret}x`), no);
  // The id is above 2^53: a parser of numbers would give ...884000.
  t.like(shopifyHooks.read({ headers: { ...lower(headers), 'x-shopify-webhook-id': 'w-1' }, body: Buffer.from(rawBody) }, { account: account({ baseUrl: `https://${lower(headers)['x-shopify-shop-domain']}` }), settings: {} }), {
    orders: false, listings: ['gid://shopify/InventoryItem/271878346596884015'],
  });
});

test('Shopify: every captured event is read: orders and refunds ask for a poll, levels for a read', t => {
  const read: Record<string, unknown> = {};
  for (const file of readdirSync(resolve(folder, 'samples/shopify')).filter(name => /^(orders|refunds|inventory_levels|bulk_operations)\./.test(name))) {
    const { headers, body } = sample(`shopify/${file}`);
    const notice = shopifyHooks.read({ headers, body: Buffer.from(JSON.stringify(body)) }, { account: account({}), settings: { shop: 'fake-shop.myshopify.com' } });
    read[headers['x-shopify-topic']] = 'refused' in notice ? notice : [notice.id === headers['x-shopify-webhook-id'], notice.orders, notice.listings.length];
  }
  t.deepEqual(read, {
    'bulk_operations/finish': [true, false, 0],
    'inventory_levels/connect': [true, false, 1], 'inventory_levels/disconnect': [true, false, 1], 'inventory_levels/update': [true, false, 1],
    'orders/create': [true, true, 0], 'orders/updated': [true, true, 0], 'orders/cancelled': [true, true, 0], 'orders/edited': [true, true, 0], 'refunds/create': [true, true, 0],
  });
});

test('Mercado Libre: every published form is read, ids as numbers or texts, and another seller or application is refused', async t => {
  const context: HookContext = { account: account({ credentials: { clientId: '1111111111111111' }, settings: { sellerId: '111111111' } }), settings: {} };
  const read: Record<string, unknown> = {};
  for (const file of readdirSync(resolve(folder, 'samples/mercadolibre')).filter(name => name.startsWith('notification.'))) {
    const hook = { headers: {}, body: Buffer.from(JSON.stringify(sample(`mercadolibre/${file}`))) };
    t.is(await mercadolibreHooks.verify(hook, context), undefined, file);
    const notice = mercadolibreHooks.read(hook, context);
    read[file.split('.')[1]!] = 'refused' in notice ? notice : [notice.orders, notice.listings, notice.id.length > 0];
    for (const [field, value] of [['application_id', 2], ['user_id', 222]] as const) {
      const other = { headers: {}, body: Buffer.from(JSON.stringify({ ...sample(`mercadolibre/${file}`), [field]: value })) };
      t.true((await mercadolibreHooks.verify(other, context))?.refused.startsWith(field), `${file} ${field}`);
    }
  }
  t.deepEqual(read, {
    fbm_stock_operations: [false, [], true], items: [false, ['MLA000000001'], true], orders_v2: [true, [], true], post_purchase: [true, [], true],
    shipments: [true, [], true], 'stock-location': [false, ['MLAU000000001'], true], 'string-user-id': [false, [], true],
  });
});

test('Amazon: what its schemas call an example is read, in both casings, and another seller is refused', t => {
  const schemas = resolve(folder, 'specs/amazon/schemas/notifications');
  const seen: Record<string, unknown> = {};
  for (const file of readdirSync(schemas)) {
    const schema = JSON.parse(readFileSync(resolve(schemas, file), 'utf8')) as { examples?: any[] };
    for (const example of schema.examples ?? []) {
      const sellerId = /"(?:SellerId|sellerId)":"([^"]*)"/.exec(JSON.stringify(example))?.[1] ?? '';
      const read = (seller: string) => amazonHooks.read({ headers: {}, body: Buffer.from(JSON.stringify(example)) }, { account: account({ settings: { sellerId: seller } }), settings: {} });
      const notice = read(sellerId);
      seen[file.replace('.json', '')] = 'refused' in notice ? notice : [notice.topic, notice.orders, notice.listings.length, 'refused' in read('SOMEBODY')];
    }
  }
  t.deepEqual(seen, {
    FeedProcessingFinishedNotification: ['FEED_PROCESSING_FINISHED', false, 0, false],
    'ListingsItemIssuesChangeNotification_2023-12-13': ['LISTINGS_ITEM_ISSUES_CHANGE', false, 1, true],
    ListingsItemMfnQuantityChange: ['LISTINGS_ITEM_MFN_QUANTITY_CHANGE', false, 1, true],
    ListingsItemStatusChangeNotification: ['LISTINGS_ITEM_STATUS_CHANGE', false, 1, true],
    OrderChangeNotification: ['ORDER_CHANGE', true, 1, true],
    ReportProcessingFinishedNotification: ['REPORT_PROCESSING_FINISHED', false, 0, false],
  });
});

test('Amazon: what the sandbox sends is of the vendor\'s schemas, straight or out of EventBridge\'s envelope', t => {
  const ajv = new Ajv({ strict: false });
  formats.default(ajv);
  const { shop, notify, settings } = openAmazon({ account: 'amazon-us', clock: new SandboxClock(600) });
  shop.addListing('S/1', 5);
  const events: ShopEvent[] = [];
  shop.onOrder = order => events.push({ id: `o-${events.length}`, at: Date.now(), kind: 'order', order: structuredClone(order) });
  shop.onListing = listing => events.push({ id: `l-${events.length}`, at: Date.now(), kind: 'listing', listing: structuredClone(listing) });
  const { order } = shop.buy('b', [{ sku: 'S/1', units: 2 }]);
  shop.cancel(order!.orderId, order!.lines[0]!.line);
  const context: HookContext = { account: account({ settings }), settings: {} };
  const topics = events.map(event => {
    const body = JSON.parse(notify!(event)!.body);
    const notification = body.detail ?? body;
    const schema = notification.NotificationType === 'ORDER_CHANGE' ? 'OrderChangeNotification' : 'ListingsItemMfnQuantityChange';
    const { $id: _, $schema: __, ...rest } = JSON.parse(readFileSync(resolve(folder, `specs/amazon/schemas/notifications/${schema}.json`), 'utf8')) as Record<string, unknown>;
    const valid = ajv.compile(rest);
    t.true(valid(notification), `${schema}: ${ajv.errorsText(valid.errors)} in ${JSON.stringify(notification)}`);
    const notice = amazonHooks.read({ headers: {}, body: Buffer.from(JSON.stringify(body)) }, context);
    return 'refused' in notice ? notice.refused : `${notice.topic} ${notice.orders} ${notice.listings} ${notice.id === event.id} ${'detail' in body}`;
  });
  t.deepEqual([...new Set(topics)].sort(), ['LISTINGS_ITEM_MFN_QUANTITY_CHANGE false S/1 true true', 'ORDER_CHANGE true S/1 true false']);
});
