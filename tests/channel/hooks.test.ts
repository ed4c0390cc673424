/** The door for notifications of channels, as their vendors meet it, on a real server. */
import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { request } from 'undici';
import type { AccountSettings } from '../../actors/channel/adapter.ts';
import { walmartHooks } from '../../actors/channel/adapters/walmart/hooks.ts';
import { configSchema } from '../../config/config.ts';
import { openHookDoor } from '../../deploy/doors/hooks/door.ts';
import type { OpenHookDoor } from '../../deploy/doors/hooks/door.ts';
import { HookIntake } from '../../deploy/doors/hooks/intake.ts';
import { hookedAccounts } from '../../deploy/doors/hooks/open.ts';
import { startNode } from '../../deploy/node.ts';
import { createShopifySandbox } from '../../deploy/sandbox/shopify.ts';
import { createEbaySandbox } from '../../deploy/sandbox/ebay.ts';
import { SandboxClock } from '../../deploy/sandbox/kit/clock.ts';
import { startSandbox } from '../../deploy/sandbox/kit/server.ts';
import type { Publisher } from '../../runtime/publisher.ts';
import { PublishError } from '../../runtime/publisher.ts';
import { startBroker } from '../runtime/broker.ts';
import type { Broker } from '../runtime/broker.ts';

const accounts: AccountSettings[] = [
  { account: 'shop-1', channel: 'shopify', baseUrl: 'https://one.myshopify.com', credentials: { clientId: 'c', clientSecret: 's-hopify' }, settings: {} },
  { account: 'wal-1', channel: 'walmart', baseUrl: 'https://marketplace.walmartapis.com', credentials: { clientId: 'c', clientSecret: 'w-almart' }, settings: {} },
  { account: 'ml-1', channel: 'mercadolibre', baseUrl: 'https://api.mercadolibre.com', credentials: { clientId: '77', clientSecret: 's', refreshToken: 'TG' }, settings: { sellerId: '7' } },
];
const verificationToken = 'v'.repeat(40);
const endpoint = 'https://plumb.example/hooks/ebay-1';

interface World {
  broker: Broker;
  door: OpenHookDoor;
  /** What the accounts' owners were told. */
  nudges: string[];
  post(account: string, body: string, headers?: Record<string, string>): Promise<{ status: number; json: any; headers: Record<string, unknown> }>;
  journal(): Promise<object[]>;
}

async function world(t: ExecutionContext, { ebay, publisher, hooks = {} }: { ebay?: AccountSettings; publisher?: Partial<Publisher>; hooks?: object } = {}): Promise<World> {
  const broker = await startBroker(t);
  const config = configSchema.parse({
    node: { id: 'n1' }, accounts: [...accounts, ...(ebay ? [ebay] : [])],
    hooks: { port: 0, accounts: { 'shop-1': {}, 'wal-1': { header: 'WM-Signature' }, 'ml-1': {}, ...(ebay && { 'ebay-1': { verificationToken, endpoint } }) }, ...hooks },
  });
  const door = await openHookDoor({
    door: config.hooks!, accounts: hookedAccounts(config, Date.now), nc: broker.nc, log: broker.log, now: Date.now,
    publisher: (publisher ?? broker.publisher) as Publisher,
  });
  t.teardown(() => door.close());
  const nudges: string[] = [];
  broker.nc.subscribe('control.channel.*', { callback: (_error, message) => { nudges.push(`${message.subject.split('.')[2]} ${message.string()}`); } });
  await broker.nc.flush();
  return {
    broker, door, nudges,
    async post(account, body, headers = {}) {
      const answer = await request(`${door.url}/hooks/${account}`, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } });
      const text = await answer.body.text();
      return { status: answer.statusCode, json: text === '' ? undefined : JSON.parse(text), headers: answer.headers };
    },
    journal: async () => {
      await broker.nc.flush();
      return (await broker.bodies('INGEST')).map(({ at: _at, v: _v, ...told }) => told);
    },
  };
}

const shopify = (body: string, more: Record<string, string> = {}): Record<string, string> => ({
  'x-shopify-topic': 'orders/create', 'x-shopify-webhook-id': 'w-1', 'x-shopify-shop-domain': 'one.myshopify.com',
  'x-shopify-hmac-sha256': createHmac('sha256', 's-hopify').update(body).digest('base64'), ...more,
});

test.serial('an authentic notification is journaled by its gist, and the account\'s owner told to look', async t => {
  const w = await world(t);
  const order = '{"id":1,"email":"buyer@example.com","line_items":[]}';
  t.like(await w.post('shop-1', order, shopify(order)), { status: 200, json: { stored: true } });
  const level = '{"inventory_item_id":271878346596884015,"available":3}';
  t.is((await w.post('shop-1', level, shopify(level, { 'x-shopify-topic': 'inventory_levels/update', 'x-shopify-webhook-id': 'w-2' }))).status, 200);
  t.deepEqual(await w.journal(), [
    { account: 'shop-1', id: 'w-1', topic: 'orders/create', orders: true, listings: [] },
    { account: 'shop-1', id: 'w-2', topic: 'inventory_levels/update', orders: false, listings: ['gid://shopify/InventoryItem/271878346596884015'] },
  ]);
  t.deepEqual(w.nudges, ['shop-1 nudge {"orders":true,"listings":[]}', 'shop-1 nudge {"orders":false,"listings":["gid://shopify/InventoryItem/271878346596884015"]}']);
});

// Vendors repeat for hours, and two nodes may each get one copy.
test.serial('a repeat is answered as the first one was, and neither stored nor acted on again, by this door and by another', async t => {
  const w = await world(t);
  const other = await openHookDoor({ door: configSchema.parse({ node: { id: 'n2' }, hooks: { port: 0, accounts: {} } }).hooks!, accounts: hookedAccounts({ accounts, hooks: { host: '', port: 0, maxOpen: 1, maxBytes: 1, accounts: { 'shop-1': {} } } }, Date.now), publisher: w.broker.publisher, nc: w.broker.nc, log: w.broker.log, now: Date.now });
  t.teardown(() => other.close());
  for (let n = 0; n < 3; n++) t.is((await w.post('shop-1', '{}', shopify('{}'))).status, 200);
  const answer = await request(`${other.url}/hooks/shop-1`, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json', ...shopify('{}') } });
  t.is(answer.statusCode, 200);
  t.is((await w.journal()).length, 1);
  t.is(w.nudges.length, 1);
});

// The broker forgets ids after two minutes, and vendors repeat for hours.
test.serial('a repeat that the broker has forgotten is known for four hours, by account', async t => {
  const broker = await startBroker(t);
  let now = 1_000_000;
  const published: string[] = [];
  const forgetful = { publish: async (subject: string) => { published.push(subject); return { seq: published.length, duplicate: false }; } } as unknown as Publisher;
  const intake = new HookIntake({ publisher: forgetful, nc: broker.nc, now: () => now });
  const notice = { id: 'w-1', topic: 'orders/create', orders: true, listings: [] };
  const taken: boolean[] = [];
  for (const [account, atMs] of [['a-1', 0], ['a-1', 3 * 3_600_000], ['a-2', 3 * 3_600_000], ['a-1', 4 * 3_600_000]] as const) {
    now = 1_000_000 + atMs;
    taken.push(await intake.take(account, notice));
  }
  t.deepEqual(taken, [true, false, true, true]);
  t.deepEqual(published, ['ingest.hook.a-1', 'ingest.hook.a-2', 'ingest.hook.a-1']);
});

test.serial('a connection that says nothing does not keep the door from closing', async t => {
  const w = await world(t);
  const { hostname, port } = new URL(w.door.url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  const ended = once(socket, 'close');
  await w.door.close();
  await ended;
  t.pass();
});

test.serial('what is not authentic is refused, and nothing of it is stored', async t => {
  const w = await world(t);
  const told: [number, string][] = [];
  const note = async (...args: Parameters<World['post']>): Promise<void> => { const { status, json } = await w.post(...args); told.push([status, json.error]); };
  await note('shop-1', '{}', shopify('{ }'));
  await note('shop-1', '{}');
  await note('shop-1', '{}', shopify('{}', { 'x-shopify-shop-domain': 'two.myshopify.com' }));
  await note('wal-1', '{}', { 'wm-signature': 'AAAA' });
  await note('ml-1', '{"resource":"/orders/1","user_id":8,"topic":"orders_v2","application_id":77}');
  await note('ml-1', '{"resource":"/orders/1","user_id":7,"topic":"orders_v2","application_id":78}');
  await note('ml-1', '[');
  await note('nobody', '{}');
  t.deepEqual(told, [
    [401, 'X-Shopify-Hmac-Sha256: the signature does not fit the body'],
    [401, 'X-Shopify-Hmac-Sha256: a signature is wanted'],
    [400, 'X-Shopify-Shop-Domain: "two.myshopify.com" is not the shop of shop-1'],
    [401, 'WM-Signature: the signature does not fit the body'],
    [401, 'user_id: is another seller'],
    [401, 'application_id: is another application'],
    [401, 'body: is no notification'],
    [404, 'account "nobody" takes no notifications'],
  ]);
  t.deepEqual(await w.journal(), []);
  t.deepEqual(w.nudges, []);
});

test.serial('Walmart\'s signature is taken in hex and in base64', async t => {
  const w = await world(t);
  for (const [n, encoding] of (['hex', 'base64'] as const).entries()) {
    const body = JSON.stringify({ source: { eventType: 'PO_CREATED', eventId: `e-${n}` }, payload: { orderLines: [{ sku: 'A-1' }, { sku: 'A-1' }, { sku: 'B/2' }] } });
    t.is((await w.post('wal-1', body, { 'wm-signature': createHmac('sha256', 'w-almart').update(body).digest(encoding) })).status, 200, encoding);
  }
  t.deepEqual(await w.journal(), ['e-0', 'e-1'].map(id => ({ account: 'wal-1', id, topic: 'PO_CREATED', orders: true, listings: ['A-1', 'B/2'] })));
});

test.serial('while an app\'s secret is rotated both may sign, and no third', async t => {
  const w = await world(t, { hooks: { accounts: { 'shop-1': { previousSecret: 's-before' } } } });
  const signed = (id: string, secret: string) => {
    const body = `{"id":"${id}"}`;
    return w.post('shop-1', body, shopify(body, { 'x-shopify-webhook-id': id, 'x-shopify-hmac-sha256': createHmac('sha256', secret).update(body).digest('base64') }));
  };
  t.deepEqual([(await signed('w-1', 's-hopify')).status, (await signed('w-2', 's-before')).status, (await signed('w-3', 's-other')).status], [200, 200, 401]);
  t.is((await w.journal()).length, 2);
});

const event = (id: string): string => JSON.stringify({ source: { eventType: 'PO_CREATED', eventId: id }, payload: { orderLines: [{ sku: 'A-1' }] } });
const pair = Buffer.from('plumb:s3cret').toString('base64');

test.serial('Walmart with a name and password: the pair in the registered header is wanted', async t => {
  const w = await world(t, { hooks: { accounts: { 'wal-1': { header: 'Authorization', method: 'BASIC_AUTH', user: 'plumb', password: 's3cret' } } } });
  for (const [n, given] of [pair, `Basic ${pair}`].entries()) t.is((await w.post('wal-1', event(`e-${n}`), { authorization: given })).status, 200);
  const others: Record<string, string>[] = [{}, { authorization: Buffer.from('plumb:other').toString('base64') }, { authorization: Buffer.from('undefined:undefined').toString('base64') }, { 'x-other': pair }];
  for (const headers of others) t.is((await w.post('wal-1', event('e-9'), headers)).status, 401);
  t.is((await w.post('wal-1/token', 'grant_type=client_credentials', { authorization: pair })).status, 404);
  t.is((await w.journal()).length, 2);
});

test.serial('Walmart with a token of ours: fetched by id and secret, known by any door, refused when it has ended or is another account\'s', async t => {
  const oauth = (password: string) => ({ header: 'WM-Auth', method: 'OAUTH', user: 'plumb', password });
  const w = await world(t, { hooks: { accounts: { 'wal-1': oauth('s3cret'), 'shop-1': {} } } });
  const ask = (body: string, headers: Record<string, string>, account = 'wal-1') => w.post(`${account}/token`, body, { 'content-type': 'application/x-www-form-urlencoded; charset=ISO-8859-1', ...headers });
  const answer = await ask('grant_type=client_credentials', { 'wm-auth': pair });
  t.like(answer.json, { token_type: 'Bearer', expires_in: 3_600 });
  t.is(answer.headers['cache-control'], 'no-store');
  const token = answer.json.access_token as string;
  t.is((await ask('grant_type=client_credentials', { 'wm-auth': Buffer.from('plumb:other').toString('base64') })).status, 401);
  t.is((await ask('grant_type=password', { 'wm-auth': pair })).status, 401);
  t.is((await ask('grant_type=client_credentials', { 'wm-auth': pair }, 'shop-1')).status, 404);

  t.is((await w.post('wal-1', event('e-1'), { 'wm-auth': `Bearer ${token}` })).status, 200);
  const [ends, signature] = token.split('.') as [string, string];
  for (const given of [token, `Bearer ${Number(ends) + 1}.${signature}`, `Bearer ${ends}.x`, `Bearer ${pair}`]) t.is((await w.post('wal-1', event('e-2'), { 'wm-auth': given })).status, 401, given);
  const verify = (account: string, password: string, at: number) => walmartHooks.verify({ headers: { 'wm-auth': `Bearer ${token}` }, body: Buffer.from(event('e')), at }, { account: { ...accounts[1]!, account }, settings: { ...oauth(password), method: 'OAUTH' } });
  const refused = { refused: 'WM-Auth: a token of ours that has not ended is wanted' };
  t.is(await verify('wal-1', 's3cret', Date.now()), undefined);
  t.deepEqual(await verify('wal-1', 's3cret', Date.now() + 3_600_001), refused);
  t.deepEqual(await verify('wal-2', 's3cret', Date.now()), refused);
  t.deepEqual(await verify('wal-1', 'other', Date.now()), refused);
  t.deepEqual((await w.journal()).length, 1);
});

test.serial('eBay\'s key is fetched once for many notifications, its challenge is answered, and an unknown key is no key', async t => {
  const clock = new SandboxClock(1);
  const vendor = createEbaySandbox({ account: 'ebay-1', clock, offers: 1, outOfStockControl: true, entriesMax: 25, itemParts: false, auctions: false, payMs: 0 });
  const sandbox = await startSandbox(vendor);
  t.teardown(() => sandbox.close());
  const w = await world(t, { ebay: { account: 'ebay-1', channel: 'ebay', baseUrl: sandbox.url, credentials: vendor.credentials, settings: {} } });
  const body = (id: string): string => JSON.stringify({ metadata: { topic: 'ORDER_CONFIRMATION' }, notification: { notificationId: id, data: { order: { orderId: '1' } } } });
  const signed = (text: string): Record<string, string> => ({ 'x-ebay-signature': vendor.notifier.signatureOf(text) });
  const answers = await Promise.all([1, 2, 3, 4, 5].map(n => w.post('ebay-1', body(`n-${n}`), signed(body(`n-${n}`)))));
  t.deepEqual(answers.map(({ status }) => status), [204, 204, 204, 204, 204]);
  t.is(vendor.shop.counts['calls.key'], 1);
  t.is((await w.post('ebay-1', body('n-6'), signed(body('n-7')))).status, 401);
  t.is((await w.post('ebay-1', body('n-8'), { 'x-ebay-signature': vendor.notifier.signatureOf(body('n-8'), 'SHA256') })).status, 401);
  const forged = Buffer.from(JSON.stringify({ alg: 'ecdsa', kid: crypto.randomUUID(), signature: 'AAAA', digest: 'SHA1' })).toString('base64');
  t.is((await w.post('ebay-1', body('n-9'), { 'x-ebay-signature': forged })).status, 401);
  const climbing = Buffer.from(JSON.stringify({ alg: 'ecdsa', kid: '../../identity', signature: 'AAAA', digest: 'SHA1' })).toString('base64');
  t.is((await w.post('ebay-1', body('n-9'), { 'x-ebay-signature': climbing })).status, 401);
  t.is(vendor.shop.counts['calls.key'], 2, 'an id that is no UUID is asked of nobody');
  t.deepEqual(new Set((await w.journal()).map(told => (told as { id: string }).id)), new Set(['n-1', 'n-2', 'n-3', 'n-4', 'n-5']));

  const challenge = await request(`${w.door.url}/hooks/ebay-1?challenge_code=abc`);
  t.deepEqual(await challenge.body.json(), { challengeResponse: createHash('sha256').update(`abc${verificationToken}${endpoint}`).digest('hex') });
  t.is((await request(`${w.door.url}/hooks/shop-1?challenge_code=abc`)).statusCode, 404);
});

test.serial('senders that nobody has checked make us ask eBay for few keys', async t => {
  const clock = new SandboxClock(1);
  const vendor = createEbaySandbox({ account: 'ebay-1', clock, offers: 1, outOfStockControl: true, entriesMax: 25, itemParts: false, auctions: false, payMs: 0 });
  const sandbox = await startSandbox(vendor);
  t.teardown(() => sandbox.close());
  const w = await world(t, { ebay: { account: 'ebay-1', channel: 'ebay', baseUrl: sandbox.url, credentials: vendor.credentials, settings: {} } });
  const statuses: number[] = [];
  for (let n = 0; n < 14; n++) {
    const forged = Buffer.from(JSON.stringify({ alg: 'ecdsa', kid: crypto.randomUUID(), signature: 'AAAA', digest: 'SHA1' })).toString('base64');
    statuses.push((await w.post('ebay-1', '{}', { 'x-ebay-signature': forged })).status);
  }
  t.deepEqual(statuses, [...Array<number>(10).fill(401), ...Array<number>(4).fill(503)]);
  t.is(vendor.shop.counts['calls.key'], 10);
});

// An answer after 500 ms counts as none, and enough of those switch the topic off.
test.serial('Mercado Libre is answered in its time although the journal hangs, and asked to come again', async t => {
  let publish!: () => void;
  const hanging = new Promise<never>((_resolve, reject) => { publish = () => reject(new PublishError('late')); });
  const w = await world(t, { publisher: { publish: () => hanging } });
  const { status, headers, json } = await w.post('ml-1', '{"_id":"m-1","resource":"/items/MLA1","user_id":"7","topic":"items","application_id":77}');
  t.deepEqual([status, headers['retry-after'], json.stored], [503, '1', false]);
  publish();
});

test.serial('a notification that was not stored is not remembered: its repeat is', async t => {
  let fails = true;
  const broker = await startBroker(t);
  const w = await world(t, { publisher: { publish: (...args: Parameters<Publisher['publish']>) => (fails ? Promise.reject(new PublishError('no answer')) : broker.publisher.publish(...args)) } as Partial<Publisher> });
  const body = '{"_id":"m-1","resource":"/user-products/MLAU1/stock","user_id":"7","topic":"stock-location","application_id":77}';
  t.is((await w.post('ml-1', body)).status, 503);
  fails = false;
  t.is((await w.post('ml-1', body)).status, 200);
  t.deepEqual((await broker.bodies('INGEST')).map(({ id, listings }) => [id, listings]), [['m-1', ['MLAU1']]]);
});

const refusals: [string, object, RegExp][] = [
  ['an account that is none', { 'shop-9': {} }, /^hooks\.accounts\.shop-9: is none of the accounts \(shop-1, wal-1, ml-1, amz-1, rest-1\)$/],
  ['a setting that its channel wants', { 'wal-1': {} }, /^hooks\.accounts\.wal-1\.header: is wanted by channel walmart, got nothing$/],
  ['a method that wants a password', { 'wal-1': { header: 'h', method: 'OAUTH', user: 'u' } }, /^hooks\.accounts\.wal-1\.password: is wanted for method OAUTH, got nothing$/],
  ['a channel that signs nothing and has no queue', { 'amz-1': {} }, /^hooks\.accounts\.amz-1\.queue: is wanted, for channel amazon signs nothing and sends by a queue$/],
  ['a queue of a channel that sends over HTTP', { 'shop-1': { queue: { url: 'https://sqs.us-east-1.amazonaws.com/1/q' } } }, /^hooks\.accounts\.shop-1\.queue: channel shopify sends over HTTP$/],
  ['a channel without notifications', { 'rest-1': {} }, /^hooks\.accounts\.rest-1: channel generic-rest sends no notifications that Plumb knows$/],
];
for (const [what, hooked, message] of refusals) {
  test(`a configuration is refused for ${what}`, t => {
    const more = [{ account: 'amz-1', channel: 'amazon' }, { account: 'rest-1', channel: 'generic-rest' }].map(each => ({ ...each, baseUrl: 'https://x', credentials: {}, settings: {} }));
    const config = configSchema.parse({ node: { id: 'n1' }, accounts: [...accounts, ...more], hooks: { port: 0, accounts: hooked } });
    t.throws(() => hookedAccounts(config, Date.now), { message });
  });
}

test.serial('a node with hooks polls its account when the channel says so', async t => {
  const broker = await startBroker(t);
  const vendor = createShopifySandbox({ account: 'shop-1', clock: new SandboxClock(600) });
  const sandbox = await startSandbox(vendor);
  t.teardown(() => sandbox.close());
  const port = await freePort();
  const node = await startNode(configSchema.parse({
    nats: { url: broker.server.url }, node: { id: 'n1' }, timeScale: 600, channels: { pollMinMs: 3_600_000 },
    accounts: [{ account: 'shop-1', channel: 'shopify', baseUrl: sandbox.url, credentials: vendor.credentials, settings: vendor.settings }],
    hooks: { port, accounts: { 'shop-1': { shop: 'one.myshopify.com' } } },
  }), broker.log);
  t.teardown(() => node.stop());
  const polls = (): number => vendor.shop.counts['calls.orders'] ?? 0;
  await eventually('the first poll', () => polls() > 0);
  const before = polls();
  const body = '{"id":1}';
  const answer = await request(`http://127.0.0.1:${port}/hooks/shop-1`, {
    method: 'POST', body,
    headers: { 'content-type': 'application/json', ...shopify(body), 'x-shopify-hmac-sha256': createHmac('sha256', vendor.credentials['clientSecret']!).update(body).digest('base64') },
  });
  t.is(answer.statusCode, 200);
  await eventually('another poll', () => polls() > before);
  t.pass();
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>(resolve => server.close(() => resolve()));
  return port;
}

async function eventually(what: string, holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 15_000; !holds();) {
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}
