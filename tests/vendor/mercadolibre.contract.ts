/**
 * The adapter's requests and the sandbox's answers, held against what Mercado Libre prints: it has no specification,
 * so against the sample bodies of its pages and the calls, bodies and refusals in our digest of them. Run by name:
 * `npx ava tests/vendor/mercadolibre.contract.ts`; both are read from `../shared`, or from PLUMB_SHARED.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import type { FastifyRequest } from 'fastify';
import { refusal } from '../../actors/channel/adapters/mercadolibre/errors.ts';
import { stockSchema, tokenSchema } from '../../actors/channel/adapters/mercadolibre/schemas.ts';
import { AuthError, ThrottledError } from '../../actors/errors.ts';
import type { SandboxFactory } from '../../deploy/sandbox/kit/server.ts';
import { mercadolibreSandbox, mercadolibreSandboxOf } from '../../deploy/sandbox/mercadolibre.ts';
import { accessToken, answering, call, entry, imported, polled, raw, world } from '../channel/mercadolibre-world.ts';

const root = resolve(import.meta.dirname, '../..');
const shared = resolve(root, process.env['PLUMB_SHARED'] ?? '../shared', 'channels');
const document = readFileSync(resolve(shared, 'mercadolibre.md'), 'utf8');
const sample = (name: string): unknown => JSON.parse(readFileSync(resolve(shared, 'samples/mercadolibre', name), 'utf8'));

interface Recorded { method: string; path: string; query: string[]; headers: Record<string, unknown>; body: unknown; status: number; answerHeaders: Record<string, unknown>; answer: any }

/** Calls that the document names, e.g. `PUT /user-products/{id}/stock/type/seller_warehouse`, as patterns, the exact ones first. */
const calls = [...document.matchAll(/\b(GET|PUT|POST) (?:https:\/\/api\.mercadolibre\.com)?(\/[\w/{}.-]+)/g)].map(([, method, path]) => ({
  method,
  pattern: new RegExp(`^${path!.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]+')}$`),
}));

/** Query names that the document writes shortened or not at all; all others stand in it word for word. */
const shortened: Record<string, string> = {
  'order.date_last_updated.to': 'order.date_last_updated.from/.to',
  sort: 'sort=date_desc',
};

/** JSON bodies of the document, one line or a block. */
const printed = [...document.matchAll(/`(\{"[^`\n]*\})`|```json\n([\s\S]*?)```/g)].flatMap(([, line, block]) => {
  try {
    return [JSON.parse(line ?? block!) as unknown];
  } catch {
    return []; // A form with dots or "or" in it.
  }
});

/** Where the shapes part, as `path: what`; empty when `value` has exactly the names and types of `like`. */
function differences(like: unknown, value: unknown, at = 'body'): string[] {
  if (Array.isArray(like)) {
    if (!Array.isArray(value)) return [`${at}: no list`];
    return value.flatMap((element, n) => (like.length === 0 || like.some(one => differences(one, element).length === 0) ? [] : [`${at}.${n}: ${JSON.stringify(element)} is like none of the printed ones`]));
  }
  if (like !== null && typeof like === 'object') {
    if (value === null || typeof value !== 'object') return [`${at}: no object`];
    return [...new Set([...Object.keys(like), ...Object.keys(value)])].flatMap(name => {
      if (!(name in like)) return [`${at}.${name}: not printed`];
      if (!(name in value)) return [`${at}.${name}: missing`];
      return differences((like as any)[name], (value as any)[name], `${at}.${name}`);
    });
  }
  return typeof like === typeof value ? [] : [`${at}: ${typeof value} instead of ${typeof like}`];
}

/** A sandbox whose requests and answers are kept. */
async function recorded(t: ExecutionContext, opening: Record<string, number>, factory: SandboxFactory, settings: Record<string, unknown> = {}) {
  const seen: Recorded[] = [];
  const w = await world(t, opening, {
    settings,
    factory: options => {
      const vendor = factory(options);
      return {
        ...vendor,
        routes(app) {
          app.addHook('onSend', async (request: FastifyRequest, reply, payload) => {
            const { pathname, searchParams } = new URL(request.url, 'http://sandbox');
            if (!pathname.startsWith('/_sandbox')) {
              const answer = typeof payload === 'string' && payload !== '' ? JSON.parse(payload) as unknown : undefined;
              seen.push({ method: request.method, path: pathname, query: [...searchParams.keys()], headers: request.headers, body: request.body, status: reply.statusCode, answerHeaders: reply.getHeaders(), answer });
            }
            return payload;
          });
          vendor.routes(app);
        },
      };
    },
  });
  return { ...w, seen };
}

const twoStores = mercadolibreSandboxOf({ stores: [{ id: '9000001', nodeId: 'MXP000001' }, { id: '9000002', nodeId: 'MXP000002' }] });

/** Every operation of the port on every kind of listing of both accounts. */
async function driven(t: ExecutionContext): Promise<Recorded[]> {
  const accounts = [
    await recorded(t, { 'A-1': 10, 'A-2': 7, 'a-1': 3, 'B 2': 5, 'C/3': 4, 'D-4': 0 }, mercadolibreSandbox),
    await recorded(t, { 'A-1': 10, 'A-2': 7 }, twoStores, { storeId: '9000001' }),
  ];
  for (const w of accounts) {
    for (const { listing } of await imported(w)) {
      const [outcome] = await w.adapter.write([await entry(w, listing, 2)], call());
      t.true(outcome?.kind === 'applied' || outcome?.kind === 'accepted', JSON.stringify(outcome));
    }
    w.shop.buy('b1', [{ sku: 'A-1', units: 1 }, { sku: 'A-2', units: 1 }]);
    await new Promise(resolve => setTimeout(resolve, 50));
    t.is((await polled(w)).lines.length, 2);
  }
  return accounts.flatMap(w => w.seen);
}

test('every call that the adapter makes is one that the document names, with its parameters', async t => {
  t.true(calls.length > 10, 'the document names its calls');
  const seen = await driven(t);
  for (const { method, path, query } of seen) {
    t.true(calls.some(c => c.method === method && c.pattern.test(path)), `${method} ${path}`);
    for (const name of query) t.true(document.includes(shortened[name] ?? name), `${method} ${path}?${name}`);
  }
  const made = new Set(seen.map(({ method, path }) => calls.find(c => c.method === method && c.pattern.test(path))?.pattern.source));
  t.is(made.size, 9, [...made].join(' '));
});

test('every quantity is written in a body that the document prints', async t => {
  const writes = (await driven(t)).filter(({ method }) => method === 'PUT');
  const names = new Set<string>();
  for (const { path, body, headers } of writes) {
    t.true(printed.some(like => differences(like, body).length === 0), `${path} ${JSON.stringify(body)}`);
    t.is(headers['content-type'], 'application/json');
    t.is(headers['x-version'] !== undefined, path.includes('/stock/type/'), path);
    names.add(Object.keys(body as object).join());
  }
  t.deepEqual([...names].sort(), ['available_quantity', 'locations', 'quantity', 'variations']);
});

test('the sandbox tells stock as the samples show it, with the version in a header', async t => {
  const stocks = (await driven(t)).filter(({ method, path }) => method === 'GET' && path.endsWith('/stock'));
  const like = (name: string, { answer }: Recorded): boolean => differences(sample(name), answer).length === 0;
  for (const stock of stocks) {
    t.true(like('user_product_stock.full_flex.response.json', stock) || like('user_product_stock.seller_warehouse.response.json', stock), JSON.stringify(stock.answer));
    t.regex(String(stock.answerHeaders['x-version']), /^\d+$/);
  }
  t.true(stocks.some(s => like('user_product_stock.full_flex.response.json', s)) && stocks.some(s => like('user_product_stock.seller_warehouse.response.json', s)));
});

test('tokens, dead grants and throttles look as the samples do', async t => {
  const w = await recorded(t, { 'A-1': 1 }, mercadolibreSandbox);
  await imported(w);
  const [token] = w.seen.filter(({ path }) => path === '/oauth/token');
  t.deepEqual(differences(sample('token.refresh.response.json'), token!.answer), []);
  t.regex(token!.answer.access_token, /^APP_USR-/);

  w.shop.faults.add({ kind: 'throttle', on: 'orders', forMs: 60_000 });
  for (let n = 0; n < 3; n++) await t.throwsAsync(w.adapter.orders(undefined, call()), { instanceOf: ThrottledError });
  const throttles = w.seen.filter(({ status }) => status === 429);
  t.is(throttles.filter(({ answer }) => differences(sample('error.429.too_many_requests.json'), answer).length === 0).length, 1, 'one of the three printed forms');
  w.vendor.expireTokens();
  w.shop.faults.add({ kind: 'revoke', forMs: 60_000 });
  await t.throwsAsync(w.adapter.listings(undefined, call()), { instanceOf: AuthError });
  t.deepEqual(differences(sample('token.invalid_grant.response.json'), w.seen.findLast(({ path }) => path === '/oauth/token')!.answer), []);
});

test('the samples themselves are understood', t => {
  t.is(tokenSchema.parse(sample('token.refresh.response.json')).user_id, '111111111');
  t.is(stockSchema.parse(sample('user_product_stock.full_flex.response.json')).locations.length, 2);
  t.deepEqual(stockSchema.parse(sample('user_product_stock.seller_warehouse.response.json')).locations.map(l => l.store_id), ['9000001', '9000002']);
  t.is(refusal({ status: 429, json: sample('error.429.too_many_requests.json') }).verdict, 'throttled');
  t.is(refusal({ status: 400, json: sample('token.invalid_grant.response.json') }).code, 'invalid_grant');
});

test('the sandbox refuses stock writes in the words of the document', async t => {
  const w = await recorded(t, { 'A-1': 10, 'A-2': 5, 'a-1': 3 }, mercadolibreSandbox);
  const stores = await recorded(t, { 'A-1': 10 }, twoStores);
  const put = async (of: typeof w, path: string, body: unknown, version?: string): Promise<void> => {
    of.seen.length = 0;
    const token = tokens.get(of)!;
    const { status, json } = await raw(of, 'PUT', path, { token, body, ...(version !== undefined && { headers: { 'x-version': version } }) });
    t.true(status === 400 || status === 409, `${status} ${JSON.stringify(json)}`);
    t.true(words.some(start => json.message.includes(start)), json.message);
  };
  const tokens = new Map([[w, await accessToken(w)], [stores, await accessToken(stores)]]);
  // The rows `| 400 | message |` of 2.4 and 2.5, cut at their dots and at the slash between two messages.
  const words = [...document.matchAll(/^\| 4\d\d \| ([^|]+) \|/gm)].flatMap(([, text]) => text!.split(/\.\.\.|\//)).map(part => part.trim()).filter(part => part.length > 8);
  const address = '/user-products/MLAU100000001/stock/type/selling_address';
  const warehouse = '/user-products/MLMU100000001/stock/type/seller_warehouse';
  await put(w, address, { quantity: 1 });
  await put(w, address, { quantity: 1 }, '99');
  await put(w, address.replace('0001', '0003'), { quantity: 1 }, '1');
  await put(stores, warehouse.replace('seller_warehouse', 'selling_address'), { quantity: 1 }, '1');
  await put(stores, warehouse, { locations: [{ store_id: '', network_node_id: 'MXP000001', quantity: 1 }] }, '1');
  await put(stores, warehouse, { locations: [{ store_id: '5', network_node_id: 'MXP000001', quantity: 1 }] }, '1');
  await put(w, address.replace('selling_address', 'seller_warehouse'), { locations: [{ store_id: '5', network_node_id: 'MXP000001', quantity: 1 }] }, '1');
});

test('the printed answer of missed notifications is understood, and the sandbox gives the same fields', async t => {
  const text = readFileSync(resolve(shared, 'samples/mercadolibre/missed_feeds.response.json'), 'utf8');
  // The application and the seller of the scripted account.
  const ours = JSON.parse(text.replace('"application_id": 1111111111111111', '"application_id": "c"').replace('"user_id": 111111111', '"user_id": 7')) as unknown;
  const { adapter } = await answering(t, () => ({ json: ours }));
  t.deepEqual((await adapter.missed!.ask(undefined, call())).notices, [{ id: '000000000000000000000001', topic: 'items', orders: false, listings: ['MLA000000001'] }]);
  const w = await world(t, { A: 5 });
  w.vendor.missed!({ headers: {}, body: w.vendor.notify!({ id: 'n', at: Date.now(), kind: 'listing', listing: w.shop.listings.get('A')! })!.body });
  const { topic } = JSON.parse(w.vendor.notify!({ id: 'n', at: 0, kind: 'listing', listing: w.shop.listings.get('A')! })!.body) as { topic: string };
  const { json } = await raw(w, 'GET', `/missed_feeds?app_id=${w.vendor.credentials['clientId']}&topic=${topic}&offset=0&limit=10`, { token: await accessToken(w) });
  const fields = (of: any): string[][] => [of.messages[0], of.messages[0].request, of.messages[0].response].map(part => Object.keys(part).sort());
  t.deepEqual(fields(json), fields(JSON.parse(text)));
});
