/**
 * The adapter's requests and the sandbox's answers, held against eBay's own OpenAPI files. Run by name:
 * `npx ava tests/vendor/ebay.contract.ts`; the files are read from `../shared`, or from PLUMB_SHARED.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Ajv } from 'ajv';
import type { ValidateFunction } from 'ajv';
import formats from 'ajv-formats';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { z } from 'zod';
import { errorTable } from '../../actors/channel/adapters/ebay/errors.ts';
import { quotasAnswer } from '../../actors/channel/adapters/ebay/quotas.ts';
import { bulkItemsAnswer, bulkUpdateAnswer, itemsAnswer, offersAnswer, ordersAnswer } from '../../actors/channel/adapters/ebay/schemas.ts';
import type { WriteEntry } from '../../actors/channel/adapter.ts';
import type { SandboxVendor } from '../../deploy/sandbox/kit/server.ts';
import { ebayWorld } from '../channel/ebay-world.ts';

type Schema = Record<string, any>;
interface Response { content?: Record<string, { schema: Schema }>; 'x-response-codes'?: { errors?: Record<string, unknown> } }
interface Operation {
  operationId: string;
  parameters?: { name: string; in: 'query' | 'header' | 'path'; required?: boolean }[];
  requestBody?: { content: Record<string, { schema: Schema }> };
  responses: Record<string, Response>;
}
interface Document { paths: Record<string, Record<string, Operation>>; components: { schemas: Record<string, Schema> }; servers: { variables: { basePath: { default: string } } }[] }

const root = resolve(import.meta.dirname, '../..');
const folder = resolve(root, process.env['PLUMB_SHARED'] ?? '../shared', 'channels/specs/ebay');
const documentOf = (file: string): Document => JSON.parse(readFileSync(resolve(folder, file), 'utf8')) as Document;
const documents: Record<string, Document> = {
  inventory: documentOf('sell_inventory_v1_oas3.json'),
  fulfillment: documentOf('sell_fulfillment_v1_oas3.json'),
  analytics: documentOf('developer_analytics_v1_beta_oas3.json'),
};

// Where the files fall short of what eBay does.

/** OAuth is in none of the files. */
const undescribed = ['/identity/v1/oauth2/token'];
/** Answers of eBay's gateway, before any API: no operation lists them (ebay.md 1 and 4). */
const gateway = [401, 429];
/** 207 and every error are listed without a body; ebay.md 0 line 3 and 5 give them. */
const bodyOf207 = '200';

/** A property that the schemas do not name is a misspelt one, here. */
function closed(schema: unknown): any {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const of = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]));
  return 'properties' in of && of['type'] === 'object' && !('additionalProperties' in of) ? { ...of, additionalProperties: false } : of;
}

const ajv = new Ajv({ strict: false, allErrors: true });
formats.default(ajv);
for (const [name, { components }] of Object.entries(documents)) ajv.addSchema({ $id: name, components: closed(components) });
const validators = new Map<string, ValidateFunction>();

function faults(document: string, schema: Schema, value: unknown): string[] {
  const ref = `${document}${String(schema['$ref'])}`;
  const validate = validators.get(ref) ?? ajv.compile({ $ref: ref });
  validators.set(ref, validate);
  return validate(value) ? [] : (validate.errors ?? []).map(e => `${ref}${e.instancePath} ${e.message} ${JSON.stringify(e.params)}`);
}

interface Traffic { method: string; url: string; headers: Record<string, unknown>; body: unknown; status: number; answer: unknown }

/** Listens to everything that the sandbox is asked and says. */
function recorded(traffic: Traffic[]) {
  return (vendor: SandboxVendor): SandboxVendor => ({
    ...vendor,
    routes(app) {
      app.addHook('onSend', async (request, reply, payload) => {
        traffic.push({
          method: request.method, url: request.url, headers: request.headers, body: request.body, status: reply.statusCode,
          answer: typeof payload === 'string' && payload !== '' ? JSON.parse(payload) : undefined,
        });
        return payload;
      });
      vendor.routes(app);
    },
  });
}

function operationOf({ method, url }: Traffic): { name: string; operation: Operation } | undefined {
  const path = url.split('?')[0]!;
  for (const [name, { paths, servers }] of Object.entries(documents)) {
    const base = servers[0]!.variables.basePath.default;
    if (!path.startsWith(base)) continue;
    const operation = paths[path.slice(base.length)]?.[method.toLowerCase()];
    if (operation) return { name, operation };
  }
  return undefined;
}

function requestFaults(one: Traffic): string[] {
  const found = operationOf(one);
  if (!found) return [`${one.method} ${one.url}: eBay has no such operation`];
  const { name, operation } = found;
  const parameters = operation.parameters ?? [];
  const query = [...new URL(one.url, 'http://x').searchParams.keys()];
  const schema = operation.requestBody?.content['application/json']?.schema;
  return [
    ...query.filter(key => !parameters.some(p => p.in === 'query' && p.name === key)).map(key => `query ${key} is not eBay's`),
    ...parameters.filter(p => p.required && p.in === 'header' && one.headers[p.name.toLowerCase()] === undefined).map(p => `header ${p.name} is missing`),
    ...(schema ? faults(name, schema, one.body) : one.body === undefined || one.body === null ? [] : ['a body where none belongs']),
  ].map(fault => `${operation.operationId}: ${fault}`);
}

function answerFaults(one: Traffic): string[] {
  const { name, operation } = operationOf(one)!;
  const { status, answer } = one;
  const response = operation.responses[String(status)];
  const errors = (answer as { errors?: { errorId: number }[] } | undefined)?.errors ?? [];
  const wrong = errors.flatMap(e => faults(name, { $ref: '#/components/schemas/Error' }, e));
  if (gateway.includes(status)) return errors.length > 0 ? wrong : [`${operation.operationId}: ${status} without errors`];
  if (!response) return [`${operation.operationId}: answers no ${status}`];
  if (status >= 300) {
    const codes = Object.keys(response['x-response-codes']?.errors ?? {});
    const strange = codes.length === 0 ? [] : errors.filter(e => !codes.includes(String(e.errorId))).map(e => `${e.errorId} does not come with ${status}`);
    return [...wrong, ...strange].map(fault => `${operation.operationId}: ${fault}`);
  }
  const { schema } = (response.content ?? operation.responses[bodyOf207]!.content)!['application/json']!;
  return faults(name, schema, answer).map(fault => `${operation.operationId}: ${fault}`);
}

/** Every operation of the adapter, in fair weather and foul. */
async function drive(t: ExecutionContext): Promise<Traffic[]> {
  const traffic: Traffic[] = [];
  const opening = { 'A-1': 300, 'B 2': 4, 'C/3': 0 };
  const w = await ebayWorld(opening, { wrap: recorded(traffic), sandbox: { auctions: true, itemParts: true, offers: 2 }, settings: { importPage: 2, readBatch: 2 } });
  t.teardown(() => w.sandbox.close());
  const { adapter, shop } = w;
  const entries = await Promise.all(Object.keys(opening).map(sku => w.entry(sku, 7)));
  const ghost: WriteEntry = { ...entries[0]!, signature: 'g', listing: { id: 'GHOST-1', sku: 'GHOST-1', fields: { offerIds: '8999999990' } } };
  await adapter.write(entries, w.call());
  await adapter.write([ghost, { ...entries[1]!, quantity: 9 }], w.call());
  const twice = { ...ghost, listing: { ...ghost.listing, fields: { offerIds: '1,1' } } };
  await adapter.write([twice], w.call());
  await adapter.read([entries[0]!.listing, ghost.listing], w.call());
  await adapter.read([ghost.listing], w.call());
  shop.setActive('B 2', false);
  await adapter.write([entries[1]!], w.call());
  await adapter.read([entries[1]!.listing], w.call());
  shop.edit('A-1', 300);
  for (let n = 0; n < 210; n++) shop.buy(`b${n}`, [{ sku: 'A-1', units: 1 }]);
  const [one, two] = [...shop.orders.values()];
  shop.cancel(one!.orderId, one!.lines[0]!.line);
  shop.ship(two!.orderId, two!.lines[0]!.line);
  await new Promise(done => setTimeout(done, 100));
  for (let cursor: string | undefined, more = true; more;) ({ cursor, more } = await adapter.orders(cursor, w.call()));
  await adapter.quotas!.ask(w.call());
  w.vendor.expireTokens();
  await adapter.orders(undefined, w.call());
  for (const kind of ['throttle', 'error'] as const) {
    shop.faults.add(kind === 'throttle' ? { kind, on: 'any', forMs: 60_000 } : { kind, on: 'any', forMs: 60_000, chance: 1 });
    await t.throwsAsync(adapter.write([entries[0]!], w.call()));
    await t.throwsAsync(adapter.orders(undefined, w.call()));
    shop.faults.clear();
  }
  return traffic.filter(one => !undescribed.includes(one.url) && !one.url.startsWith('/_sandbox'));
}

test('every request is one that eBay\'s contract describes, and every answer of the sandbox too', async t => {
  const traffic = await drive(t);
  t.deepEqual(traffic.flatMap(requestFaults), []);
  t.deepEqual(traffic.flatMap(answerFaults), []);
  const seen = new Set(traffic.map(one => `${operationOf(one)!.operation.operationId} ${one.status}`));
  t.deepEqual([...seen].sort(), [
    'bulkGetInventoryItem 200', 'bulkGetInventoryItem 207',
    'bulkUpdatePriceQuantity 200', 'bulkUpdatePriceQuantity 207', 'bulkUpdatePriceQuantity 400', 'bulkUpdatePriceQuantity 429', 'bulkUpdatePriceQuantity 500',
    'getInventoryItems 200', 'getOffers 200',
    'getOrders 200', 'getOrders 401', 'getOrders 429', 'getOrders 500', 'getRateLimits 200',
  ]);
});

test('the check finds a misspelt field, a number in words and a strange query', t => {
  const good: Traffic = { method: 'POST', url: '/sell/inventory/v1/bulk_update_price_quantity', headers: { 'content-type': 'application/json' }, body: { requests: [{ sku: 'A', shipToLocationAvailability: { quantity: 1 } }] }, status: 200, answer: { responses: [] } };
  t.deepEqual([...requestFaults(good), ...answerFaults(good)], []);
  const bad: Partial<Traffic>[] = [
    { body: { requests: [{ sku: 'A', shipToLocationAvailabilty: { quantity: 1 } }] } },
    { body: { requests: [{ sku: 'A', shipToLocationAvailability: { quantity: '1' } }] } },
    { url: `${good.url}?locale=en` },
    { headers: {} },
    { url: '/sell/inventory/v1/bulk_update_quantity' },
  ];
  for (const change of bad) t.is(requestFaults({ ...good, ...change }).length, 1, JSON.stringify(change));
  t.is(answerFaults({ ...good, answer: { responses: [{ statuscode: 200 }] } }).length, 1);
  t.is(answerFaults({ ...good, status: 400, answer: { errors: [{ errorId: 25713 }] } }).length, 1);
});

// A field that eBay does not have would be read as missing for ever.
const read: [name: string, document: string, schema: string, ours: z.ZodType][] = [
  ['bulk_update_price_quantity', 'inventory', 'BulkPriceQuantityResponse', bulkUpdateAnswer],
  ['bulk_get_inventory_item', 'inventory', 'BulkGetInventoryItemResponse', bulkItemsAnswer],
  ['inventory_item', 'inventory', 'InventoryItems', itemsAnswer],
  ['offer', 'inventory', 'Offers', offersAnswer],
  ['order', 'fulfillment', 'OrderSearchPagedCollection', ordersAnswer],
  ['rate_limit', 'analytics', 'RateLimitsResponse', quotasAnswer],
];

for (const [name, document, schema, ours] of read) {
  test(`every field that is read of ${name} is in eBay's contract`, t => {
    const { schemas } = documents[document]!.components;
    const unknown: string[] = [];
    const walk = (mine: Schema, theirs: Schema | undefined, path: string): void => {
      const known = theirs?.['$ref'] ? schemas[String(theirs['$ref']).split('/').at(-1)!] : theirs;
      if (!known) return void unknown.push(path);
      for (const [key, value] of Object.entries(mine['properties'] ?? {})) walk(value as Schema, known['properties']?.[key], `${path}.${key}`);
      if (mine['items']) walk(mine['items'] as Schema, known['items'], `${path}[]`);
    };
    const mine = z.toJSONSchema(ours, { io: 'input' });
    walk(mine, schemas[schema], name);
    t.deepEqual(unknown, []);
    t.true(Object.keys(mine['properties'] ?? {}).length > 0);
  });

  test(`an answer of ${name} with every field that eBay has is understood`, t => {
    const { schemas } = documents[document]!.components;
    const full = sampleOf(schemas, schemas[schema]!, []);
    t.deepEqual(ours.safeParse(full).error?.issues ?? [], []);
  });
}

/** One value of every property; a type within itself is left out. */
function sampleOf(schemas: Record<string, Schema>, schema: Schema, within: string[]): unknown {
  if (schema['$ref']) {
    const name = String(schema['$ref']).split('/').at(-1)!;
    return within.includes(name) ? undefined : sampleOf(schemas, schemas[name]!, [...within, name]);
  }
  if (schema['type'] === 'array') return [sampleOf(schemas, schema['items'] as Schema, within)];
  if (schema['type'] === 'object') {
    return Object.fromEntries(Object.entries<Schema>(schema['properties'] ?? {}).map(([key, value]) =>
      // Dates are strings by type; their format is in the prose.
      [key, /Date$/.test(key) ? '2015-08-04T19:09:02.768Z' : sampleOf(schemas, value, within)]));
  }
  return schema['type'] === 'integer' || schema['type'] === 'number' ? 1 : schema['type'] === 'boolean' ? true : 'text';
}

test('every error id that eBay lists for the calls in use has a class of its own', t => {
  const used: [string, string, string][] = [
    ['inventory', '/bulk_update_price_quantity', 'post'], ['inventory', '/bulk_get_inventory_item', 'post'],
    ['inventory', '/inventory_item', 'get'], ['inventory', '/offer', 'get'], ['fulfillment', '/order', 'get'],
  ];
  const listed = used.flatMap(([document, path, method]) =>
    Object.values(documents[document]!.paths[path]![method]!.responses).flatMap(r => Object.keys(r['x-response-codes']?.errors ?? {})).map(Number));
  t.true(listed.length > 15);
  const inTable = (id: number): boolean => errorTable.some(({ ids }) => ids.some(one => (typeof one === 'number' ? one === id : one[0] <= id && id <= one[1])));
  t.deepEqual(listed.filter(id => !inTable(id)), []);
});
