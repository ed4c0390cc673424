/**
 * The adapter's requests and the sandbox's answers, held against Amazon's own Swagger models. Run by name:
 * `npx ava tests/vendor/amazon.contract.ts`; the models are read from `../shared`, or from PLUMB_SHARED.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Ajv } from 'ajv';
import type { ValidateFunction } from 'ajv';
import formats from 'ajv-formats';
import test from 'ava';
import { parse } from 'yaml';
import { createAmazon } from '../../actors/channel/adapters/amazon/adapter.ts';
import { orderLines } from '../../actors/channel/adapters/amazon/orders.ts';
import { createdFeed, errorList, feed as feedSchema, feedDocument, feedReport, item, itemPage, orderPage, submission } from '../../actors/channel/adapters/amazon/schemas.ts';
import type { Call, Listing, TokenSet, WriteEntry } from '../../actors/channel/adapter.ts';
import { openAmazon } from '../../deploy/sandbox/amazon.ts';
import { SandboxClock } from '../../deploy/sandbox/kit/clock.ts';
import type { Fault } from '../../deploy/sandbox/kit/faults.ts';
import { startSandbox } from '../../deploy/sandbox/kit/server.ts';

interface Parameter {
  name: string;
  in: 'path' | 'query' | 'body' | 'header';
  required?: boolean;
  type?: string;
  schema?: { $ref: string };
}
interface Response {
  schema?: { $ref: string };
  headers?: Record<string, unknown>;
  'x-amzn-api-sandbox'?: { static: { response: unknown }[] };
}
interface Operation {
  operationId: string;
  description: string;
  deprecated?: boolean;
  parameters: Parameter[];
  responses: Record<string, Response>;
}
interface Model { paths: Record<string, Record<string, Operation>>; definitions: Record<string, unknown> }

const root = resolve(import.meta.dirname, '../..');
const models = resolve(root, process.env['PLUMB_SHARED'] ?? '../shared', 'channels/specs/amazon/models');
const modelOf = (file: string): Model => JSON.parse(readFileSync(resolve(models, file), 'utf8')) as Model;
const documents: Record<string, Model> = {
  listings: modelOf('listingsItems_2021-08-01.json'),
  orders: modelOf('orders_2026-01-01.json'),
  feeds: modelOf('feeds_2021-06-30.json'),
};
/** Of what is stored under a feed's addresses. */
const documentOf = (file: string): object => JSON.parse(readFileSync(resolve(models, '../schemas/feeds', file), 'utf8')) as object;

/** Login with Amazon is OAuth 2 and in none of the models. */
const unmodelled = ['/auth/o2/token'];
/** Where documents of feeds lie is no API of the Selling Partner's. */
const store = '/_store/';

/** Of bodies, where a quantity in words is no quantity. */
const bodies = new Ajv({ strict: false });
/** Of query strings, where every number is written in words. */
const queries = new Ajv({ strict: false, coerceTypes: true });
for (const ajv of [bodies, queries]) formats.default(ajv);
for (const [name, { definitions }] of Object.entries(documents)) bodies.addSchema({ $id: name, definitions: closed(definitions) });

/** The models leave objects open; here a property that they do not name is a misspelt one. */
function closed(schema: unknown): any {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const copy: Record<string, unknown> = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]));
  const isObject = typeof copy['properties'] === 'object' && copy['additionalProperties'] === undefined;
  return isObject && (copy['type'] === 'object' || copy['required'] !== undefined) ? { ...copy, additionalProperties: false } : copy;
}

interface Recorded {
  method: string;
  path: string;
  query: URLSearchParams;
  body: unknown;
  status: number;
  headers: Record<string, unknown>;
  answer: unknown;
  /** True for a request that no adapter would make, sent for its answer. */
  careless: boolean;
}

function answerOf(payload: unknown): unknown {
  const bytes = Buffer.from(payload as string);
  return JSON.parse((bytes[0] === 0x1f ? gunzipSync(bytes) : bytes).toString()) as unknown;
}

/** Every call of the adapter, and what a careless client meets, once through. */
async function drive(): Promise<Recorded[]> {
  const clock = new SandboxClock(600);
  const vendor = openAmazon({ account: 'amazon-us', clock });
  const recorded: Recorded[] = [];
  const sandbox = await startSandbox({
    ...vendor,
    routes(app) {
      app.addHook('onSend', async (request, reply, payload) => {
        const { pathname: path, searchParams: query } = new URL(request.url, 'http://sandbox');
        if (path.startsWith('/_sandbox')) return;
        recorded.push({
          method: request.method.toLowerCase(), path, query, body: request.body ?? undefined, status: reply.statusCode,
          headers: reply.getHeaders(), answer: payload === undefined ? undefined : answerOf(payload), careless: 'x-careless' in request.headers,
        });
      });
      vendor.routes(app);
    },
  });
  const kept = new Map<string, TokenSet>();
  const adapter = createAmazon(
    { account: 'amazon-us', channel: 'amazon', baseUrl: sandbox.url, credentials: vendor.credentials, settings: { ...vendor.settings, orderMarketplaceIds: ['ATVPDKIKX0DER'], feeds: { threshold: 2 } } },
    { now: () => Date.now(), uuid: () => crypto.randomUUID(), timeScale: 600, tokens: { load: async key => kept.get(key), save: async (key, tokens) => { kept.set(key, tokens); } } },
  );
  const call = (): Call => ({ signal: AbortSignal.timeout(5_000) });
  const listing = (sku: string): Listing => ({ id: sku, sku, fields: {} });
  const { shop } = vendor;
  try {
    for (let n = 0; n < 25; n++) shop.addListing(`S/${n} #`, n);
    shop.addListing('S,1', 250);
    shop.setActive('S/3 #', false);
    for (let page = await adapter.listings(undefined, call()); page.cursor !== undefined;) page = await adapter.listings(page.cursor, call());
    await adapter.read(['S/1 #', 'S/3 #', 'NOBODY', 'S,1', 'NO,BODY'].map(listing), call());
    for (const quantity of [0, 7]) await adapter.write([{ listing: listing('S/1 #'), quantity, signature: 's' }], call());
    await adapter.write([{ listing: listing('NOBODY'), quantity: 1, signature: 's' }], call());

    for (let n = 0; n < 120; n++) shop.buy('b', [{ sku: 'S,1', units: 2 }, { sku: 'S/9 #', units: 1 }]);
    const [first, second, third] = [...shop.orders.values()];
    shop.cancel(first!.orderId, first!.lines[0]!.line, 1);
    for (const { line } of second!.lines) shop.cancel(second!.orderId, line);
    shop.ship(third!.orderId, third!.lines[0]!.line);
    await new Promise(done => setTimeout(done, 220));
    for (let page = await adapter.orders(undefined, call()); page.more;) page = await adapter.orders(page.cursor, call());
    const after = Date.now() - 1_000;
    await adapter.orders(JSON.stringify({ after, through: after, token: 'stale' }), call());

    const feeds = adapter.feeds!;
    const entries = ['S/1 #', 'S/2 #', 'NOBODY'].map((sku, n): WriteEntry => ({ listing: listing(sku), quantity: n + 1, signature: `f${n}` }));
    const faults: Fault[] = [{ kind: 'feed-errors', skus: ['S/2 #'], why: 'data', count: 1 }, { kind: 'feed-fatal', count: 1 }];
    for (const fault of [undefined, ...faults]) {
      if (fault) shop.faults.add(fault);
      const id = await feeds.submit(entries, call());
      let status = await feeds.status(id, call());
      for (; status.state === 'working'; status = await feeds.status(id, call())) await new Promise(done => setTimeout(done, 10));
      if (status.state === 'done') await feeds.outcomes(id, status.report, entries.map(({ listing: { sku }, signature }) => ({ sku, signature })), undefined, call());
    }
    await Promise.allSettled([feeds.status('none', call()), feeds.outcomes('none', 'none', [], undefined, call())]);

    vendor.expireTokens();
    await adapter.read([listing('S,1')], call());
    for (const kind of ['throttle', 'error'] as const) {
      shop.faults.add({ kind, on: 'any', forMs: 60_000, chance: 1 });
      await Promise.allSettled([
        adapter.write([{ listing: listing('S,1'), quantity: 1, signature: 's' }], call()),
        adapter.read([listing('S/1 #')], call()), adapter.read([listing('S,1')], call()), adapter.orders(undefined, call()),
        feeds.submit(entries, call()), feeds.status('50000', call()), feeds.outcomes('50000', 'none', [], undefined, call()),
      ]);
      shop.faults.clear();
    }
    const token = [...kept.values()][0]!.accessToken;
    const items = `${sandbox.url}/listings/2021-08-01/items/A1SANDBOXSELLER`;
    const careless = (url: string, method = 'GET', body?: string, type = 'application/json') => fetch(url, {
      method, headers: { 'x-amz-access-token': token, 'x-careless': '1', ...(body !== undefined && { 'content-type': type }) }, ...(body !== undefined && { body }),
    });
    const patch = JSON.stringify({ productType: 'PRODUCT', patches: [{ op: 'replace', path: '/attributes/fulfillment_availability', value: [{ quantity: 1 }] }] });
    await careless(`${items}/S%2C1?marketplaceIds=ATVPDKIKX0DER`, 'PATCH', patch);
    await careless(`${items}/S%2C1?marketplaceIds=ATVPDKIKX0DER`, 'PATCH', patch, 'text/plain');
    await careless(`${items}/S%2C1?marketplaceIds=ATVPDKIKX0DER`, 'PATCH', '{');
    await careless(`${items}/S%2C1?marketplaceIds=ATVPDKIKX0DER&includedData=summaries,attributes,issues,offers,fulfillmentAvailability,productTypes`);
    await careless(`${items}?marketplaceIds=ATVPDKIKX0DER&pageSize=99`);
    for (const [path, body] of [['documents', {}], ['feeds', { feedType: 'POST_INVENTORY_AVAILABILITY_DATA', marketplaceIds: ['ATVPDKIKX0DER'], inputFeedDocumentId: 'x' }]] as const) {
      await careless(`${sandbox.url}/feeds/2021-06-30/${path}`, 'POST', JSON.stringify(body));
    }
    await careless(`${sandbox.url}/orders/2026-01-01/orders`);
    await careless(`${sandbox.url}/orders/2026-01-01/orders?createdAfter=2026-01-01T00:00:00Z&includedData=BUYER`);
  } finally {
    await sandbox.close();
  }
  return recorded;
}

let recorded: Recorded[];
test.before(async () => { recorded = await drive(); });

/** The operation a path belongs to, with the values of its path parameters. */
function operationOf({ method, path }: Recorded): { document: string; operation: Operation; params: Record<string, string> } | undefined {
  for (const [document, { paths }] of Object.entries(documents)) {
    for (const [template, operations] of Object.entries(paths)) {
      const match = new RegExp(`^${template.replaceAll(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`).exec(path);
      const operation = operations[method];
      if (match && operation) return { document, operation, params: { ...match.groups } };
    }
  }
  return undefined;
}

function validator(document: string, { $ref }: { $ref: string }): ValidateFunction {
  return bodies.getSchema(document + $ref)!;
}

const modelled = (): Recorded[] => recorded.filter(r => !unmodelled.includes(r.path) && !r.path.startsWith(store));
const named = (r: Recorded): string => `${r.method.toUpperCase()} ${r.path}?${r.query} -> ${r.status}`;

test('the run reaches every operation and every class of answer', t => {
  const seen = new Set(modelled().map(r => `${operationOf(r)?.operation.operationId} ${r.status}`));
  for (const operation of ['patchListingsItem', 'getListingsItem', 'searchListingsItems', 'searchOrders']) {
    for (const status of [200, 429, 500]) t.true(seen.has(`${operation} ${status}`), `${operation} ${status}`);
  }
  for (const [operation, success] of [['createFeedDocument', 201], ['createFeed', 202], ['getFeed', 200], ['getFeedDocument', 200]] as const) {
    for (const status of operation === 'createFeed' ? [success, 400] : operation === 'createFeedDocument' ? [success, 400, 429, 500] : [success, 404, 429, 500]) t.true(seen.has(`${operation} ${status}`), `${operation} ${status}`);
  }
  for (const one of ['getListingsItem 403', 'getListingsItem 404', 'patchListingsItem 400', 'patchListingsItem 415', 'searchListingsItems 400', 'searchOrders 400']) {
    t.true(seen.has(one), one);
  }
});

test('every call goes to an operation of the models that is not deprecated', t => {
  for (const r of modelled()) t.is(operationOf(r)?.operation.deprecated ?? false, false, named(r));
  t.deepEqual(modelled().filter(r => !operationOf(r)).map(named), []);
});

test('every request of the adapter has only known parameters, all required ones, and valid values', t => {
  const calls = modelled().filter(r => !r.careless);
  t.true(calls.length > 20);
  for (const r of calls) {
    const { operation, params } = operationOf(r)!;
    const declared = operation.parameters.filter(p => p.in === 'path' || p.in === 'query');
    const given: Record<string, unknown> = { ...params };
    for (const [name, value] of r.query) given[name] = declared.find(p => p.name === name)?.type === 'array' ? value.split(',') : value;
    const schema = {
      type: 'object', additionalProperties: false,
      required: declared.filter(p => p.required).map(p => p.name),
      properties: Object.fromEntries(declared.map(({ name, in: _, required: __, ...rest }) => [name, closed(rest)])),
    };
    t.true(queries.validate(schema, given), `${named(r)}: ${queries.errorsText()}`);
    t.is([...r.query.keys()].length, new Set(r.query.keys()).size, `${named(r)}: a parameter is repeated`);
  }
});

test('every body that the adapter sends is one of the models', t => {
  const calls = modelled().filter(r => !r.careless && r.body !== undefined);
  t.true(calls.length >= 4);
  for (const r of calls) {
    const { document, operation } = operationOf(r)!;
    const check = validator(document, operation.parameters.find(p => p.in === 'body')!.schema!);
    t.true(check(r.body), `${named(r)}: ${bodies.errorsText(check.errors)}`);
  }
});

test('every answer of the sandbox is one of the models, with the headers of its status', t => {
  for (const r of modelled()) {
    const { document, operation } = operationOf(r)!;
    const response = operation.responses[String(r.status)];
    if (!response) { t.fail(`${named(r)}: status is not in the model`); continue; }
    const check = validator(document, response.schema!);
    t.true(check(r.answer), `${named(r)}: ${bodies.errorsText(check.errors)} in ${JSON.stringify(r.answer).slice(0, 500)}`);
    const declared = Object.keys(response.headers ?? {}).map(h => h.toLowerCase());
    const sent = Object.keys(r.headers).filter(h => h.startsWith('x-'));
    t.deepEqual(sent.filter(h => !declared.includes(h)), [], named(r));
    t.true('x-amzn-requestid' in r.headers, named(r));
  }
});

test('the published rates in config are those of the models', t => {
  const config = parse(readFileSync(resolve(root, 'config/limits/amazon.yaml'), 'utf8')) as Record<string, { perSecond: number; burst: number }>;
  const plans = Object.fromEntries(Object.values(documents).flatMap(d => Object.values(d.paths)).flatMap(p => Object.values(p)).flatMap(o => {
    const plan = /\|\s*([\d.]+)\s*\|\s*([\d.]+)\s*\|/.exec(o.description ?? '');
    return plan && o.operationId in config ? [[o.operationId, { perSecond: Number(plan[1]), burst: Number(plan[2]) }]] : [];
  }));
  // The model says burst 10, the vendor's rate limit page 5 (amazon.md 4); config has the smaller.
  t.deepEqual(plans['getListingsItem'], { perSecond: 5, burst: 10 });
  // And of createFeed burst 15, the page of this feed type 5 in five minutes (amazon.md 2.2).
  t.deepEqual(plans['createFeed'], { perSecond: 0.0083, burst: 15 });
  t.deepEqual(config, { ...plans, getListingsItem: { perSecond: 5, burst: 5 }, createFeed: { perSecond: 0.0083, burst: 5 } });
});

test('every document of a feed that the adapter stores, and every report that the sandbox makes, is of the vendor\'s schema', t => {
  const stored = recorded.filter(r => r.path.startsWith(store));
  const check = (file: string, documents: unknown[]): void => {
    const valid = bodies.compile(documentOf(file));
    t.true(documents.length >= 2, file);
    for (const document of documents) t.true(valid(document), `${bodies.errorsText(valid.errors)} in ${JSON.stringify(document).slice(0, 500)}`);
  };
  check('listings-feed-schema-v2.json', stored.filter(({ method }) => method === 'put').map(({ body }) => body));
  check('listings-feed-processing-report-schema-v2.json', stored.filter(({ method }) => method === 'get').map(({ answer }) => answer));
});

test('the vendor\'s example report tells the fate of each message', t => {
  const example = documentOf('listings-feed-processing-report-schema-v2.example.json');
  t.deepEqual(feedReport.parse(example).issues.map(({ messageId, code }) => [messageId, code]), [[4, '90220'], [4, '90220'], [5, '99022']]);
});

// The vendor's own examples are answers that the adapter must understand.
const examples = (document: string, operationId: string, status: string): unknown[] =>
  Object.values(documents[document]!.paths).flatMap(p => Object.values(p)).filter(o => o.operationId === operationId)
    .flatMap(o => o.responses[status]?.['x-amzn-api-sandbox']?.static ?? []).map(e => e.response);

test('the vendor\'s example answers are understood', t => {
  const understood = (schema: { safeParse(value: unknown): { success: boolean; error?: unknown } }, found: unknown[]): void => {
    t.true(found.length > 0);
    for (const example of found) {
      const parsed = schema.safeParse(example);
      t.true(parsed.success, `${parsed.error} in ${JSON.stringify(example).slice(0, 300)}`);
    }
  };
  understood(submission, examples('listings', 'patchListingsItem', '200'));
  understood(item, examples('listings', 'getListingsItem', '200'));
  understood(itemPage, examples('listings', 'searchListingsItems', '200'));
  understood(feedSchema, examples('feeds', 'getFeed', '200'));
  understood(feedDocument, [...examples('feeds', 'getFeedDocument', '200'), ...examples('feeds', 'createFeedDocument', '201')]);
  understood(createdFeed, examples('feeds', 'createFeed', '202'));
  understood(orderPage, examples('orders', 'searchOrders', '200'));
  understood(errorList, [...examples('listings', 'patchListingsItem', '400'), ...examples('orders', 'searchOrders', '400')]);
});

test('the vendor\'s example orders become the lines of its merchant-fulfilled ones', t => {
  const orders = examples('orders', 'searchOrders', '200').flatMap(e => orderPage.parse(e).orders);
  const merchant = orders.filter(o => o.fulfillment?.fulfilledBy !== 'AMAZON');
  const lines = orderLines(orders);
  t.true(lines.length > 0 && merchant.length < orders.length);
  t.is(lines.length, merchant.reduce((sum, o) => sum + o.orderItems.length, 0));
  t.is(lines.reduce((sum, l) => sum + l.units, 0), merchant.flatMap(o => o.orderItems).reduce((sum, i) => sum + i.quantityOrdered, 0));
  t.true(lines.every(l => l.units > 0 && l.cancelled + l.shipped <= l.units && l.createdAt > 0 && !l.sku.startsWith('asin:')));
});
