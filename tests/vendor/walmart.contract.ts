/**
 * The adapter's requests and the sandbox's answers, held against Walmart's own OpenAPI documents. Run by name:
 * `npx ava tests/vendor/walmart.contract.ts`; the documents are read from `../shared`, or from PLUMB_SHARED.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import test from 'ava';
import { parse } from 'yaml';
import type { ChannelAdapter } from '../../actors/channel/adapter.ts';
import { vendorErrors } from '../../actors/channel/adapters/walmart/errors.ts';
import { readOutcome, readPage, writtenNode } from '../../actors/channel/adapters/walmart/inventory.ts';
import { SandboxClock } from '../../deploy/sandbox/kit/clock.ts';
import type { SandboxVendor } from '../../deploy/sandbox/kit/server.ts';
import { walmartAccount } from '../../deploy/sandbox/walmart.ts';
import { at, entry, fast, inject, pollAll, recorder, walmartWorld } from '../channel/walmart-world.ts';

interface Media { schema: Record<string, unknown>; example?: unknown }
interface Parameter { name: string; in: 'path' | 'query' | 'header'; required?: boolean }
interface Operation {
  operationId: string;
  parameters: Parameter[];
  requestBody?: { content: Record<string, Media> };
  responses: Record<string, { content: Record<string, Media> }>;
}

const root = resolve(import.meta.dirname, '../..');
const openapi = resolve(root, process.env['PLUMB_SHARED'] ?? '../shared', 'channels/specs/walmart/openapi');
const paths: Record<string, Record<string, Operation>> = {};
for (const file of ['auth', 'inventory', 'feeds', 'orders.no-examples']) {
  const document = JSON.parse(readFileSync(resolve(openapi, `${file}.json`), 'utf8')) as { paths: typeof paths };
  for (const [path, operations] of Object.entries(document.paths)) paths[path] = { ...paths[path], ...operations };
}
/** The document of a feed is in a schema of its own, JSON Schema draft-06. */
const feedDocument = (file: string): Record<string, unknown> => {
  const { $schema: _, ...schema } = JSON.parse(readFileSync(resolve(openapi, '../inventory-feed-1.4', file), 'utf8')) as Record<string, unknown>;
  return schema;
};

/** The documents are of 2022; each exception is a drift that Walmart's later pages confirm. */
const exceptions = {
  /** Required then, dropped in 2024: only the token call carries it. */
  headersNotSent: ['Authorization'],
  /** An order cursor is a whole query string of Walmart's own making; its parts are in no document. */
  cursorMark: 'hasMoreElements',
};

const ajv = new Ajv({ strict: false, allErrors: true });
formats.default(ajv);

/** The documents leave objects open; here a property that they do not name is a misspelt one. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const copy = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]));
  return copy['type'] === 'object' && copy['properties'] && !('additionalProperties' in copy) ? { ...copy, additionalProperties: false } : copy;
}

function faults(schema: object, value: unknown): string[] {
  const validate = ajv.compile(closed(schema) as object);
  return validate(value) ? [] : (validate.errors ?? []).map(e => `${e.instancePath} ${e.message} ${JSON.stringify(e.params)}`);
}

interface Recorded { method: string; url: string; headers: Record<string, unknown>; body: unknown; status: number; answer: string }

/** A sandbox that keeps what was asked of it and what it said. */
function recorded(vendor: SandboxVendor, kept: Recorded[]): SandboxVendor {
  return {
    ...vendor,
    routes(app) {
      app.addHook('onSend', async (request, reply, payload) => {
        const { method, url, headers, body } = request;
        if (!url.startsWith('/_sandbox')) kept.push({ method, url, headers, body, status: reply.statusCode, answer: String(payload ?? '') });
      });
      vendor.routes(app);
    },
  };
}

/** Every operation of the adapter, in both ways of writing, with paging, refusals and an ended token. */
async function everything(): Promise<Recorded[]> {
  const kept: Recorded[] = [];
  for (const soleNode of [false, true]) {
    const vendor = recorded(walmartAccount({ account: 'walmart-us', clock: new SandboxClock(fast), soleNode }), kept);
    const skus = ['A-1', 'B 2', 'C/3', ...Array.from({ length: 60 }, (_, n) => `S-${n}`)];
    const { adapter, sandbox } = await walmartWorld(Object.fromEntries(skus.map(sku => [sku, 900])), { vendor, settings: { orderLookbackDays: 1, channelType: 'c-1' } });
    await walkListings(adapter);
    await adapter.checks!.ask(recorder().call);
    await pollAll(adapter);
    for (const sku of ['A-1', 'B 2', 'C/3', 'GHOST-1']) {
      await adapter.write([entry(sku, 800)], recorder().call);
      await adapter.read([at(sku)], recorder().call);
    }
    for (let n = 0; n < 210; n++) sandbox.shop.buy(`buyer ${n}`, [{ sku: 'A-1', units: 2 }]);
    const [shipped, cancelled] = [...sandbox.shop.orders.values()];
    sandbox.shop.ship(shipped!.orderId, '1');
    sandbox.shop.cancel(cancelled!.orderId, '2');
    await pollAll(adapter);
    const feeds = adapter.feeds!;
    const raises = Array.from({ length: 60 }, (_, n) => entry(`S-${n}`, 901));
    for (const fault of [undefined, { kind: 'feed-errors', skus: ['S-1'], why: 'data', count: 1 }, { kind: 'feed-errors', skus: ['S-1'], why: 'system', count: 1 }, { kind: 'feed-fatal', count: 1 }]) {
      if (fault) await inject(sandbox, fault);
      const id = await feeds.submit([...raises, entry('GHOST-1', 1)], recorder().call);
      let status = await feeds.status(id, recorder().call);
      for (; status.state === 'working'; status = await feeds.status(id, recorder().call)) await new Promise(done => setTimeout(done, 10));
      if (status.state !== 'done') continue;
      for (let page: string | undefined, more = true; more; more = page !== undefined) ({ page } = await feeds.outcomes(id, status.report, raises.map(({ listing: { sku }, signature }) => ({ sku, signature })), page, recorder().call));
    }
    await inject(sandbox, { kind: 'expire-tokens' });
    await adapter.read([at('A-1')], recorder().call);
    await inject(sandbox, { kind: 'throttle', on: 'write', forMs: 60_000 });
    await adapter.write([entry('A-1', 1)], recorder().call).catch(() => undefined);
    await inject(sandbox, { kind: 'error', on: 'read', forMs: 60_000 });
    for (let n = 0; n < 3; n++) await adapter.read([at('A-1')], recorder().call).catch(() => undefined);
    await sandbox.close();
  }
  return kept;
}

async function walkListings(adapter: ChannelAdapter): Promise<void> {
  let cursor: string | undefined;
  do ({ cursor } = await adapter.listings(cursor, recorder().call)); while (cursor !== undefined);
}

/** The operation that a request is for, in Walmart's words. */
function operationOf({ method, url }: Recorded): Operation {
  const path = url.split('?')[0]!.replace(/^(\/v3\/inventories)\/.+$/, '$1/{sku}').replace(/^(\/v3\/feeds)\/.+$/, '$1/{feedId}');
  const operation = paths[path]?.[method.toLowerCase()];
  if (!operation) throw new Error(`${method} ${url} is in none of Walmart's documents`);
  return operation;
}

const isForm = ({ headers }: Recorded): boolean => String(headers['content-type']).startsWith('multipart/form-data');

/** Names and types alone. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shapeOf);
  if (typeof value !== 'object' || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, shapeOf(inner)]).sort());
}

const traffic = await everything();
const served = [...new Set(traffic.map(r => operationOf(r).operationId))];

test('the drive went through every operation that the adapter has', t => {
  t.deepEqual(served.sort(), [
    'getAllOrders', 'getFeedItemStatus', 'getMultiNodeInventoryForAllSkuAndAllShipNodes', 'getMultiNodeInventoryForSkuAndAllShipnodes',
    'getTokenDetail', 'tokenAPI', 'updateBulkInventory', 'updateInventoryForAnItem', 'updateMultiNodeInventory',
  ]);
  t.deepEqual([...new Set(traffic.map(r => r.status))].sort(), [200, 401, 404, 429, 500, 503, 504]);
  t.true(traffic.some(r => r.url.includes(exceptions.cursorMark)), 'orders were paged');
  t.true(traffic.some(r => r.url.includes('nextCursor=')), 'listings were paged');
});

test('every request has the headers that its operation requires, and names no query parameter that it does not know', t => {
  for (const request of traffic) {
    const { operationId, parameters } = operationOf(request);
    const required = parameters.filter(p => p.in === 'header' && p.required)
      .filter(p => operationId === 'tokenAPI' || !exceptions.headersNotSent.includes(p.name));
    for (const { name } of required) t.truthy(request.headers[name.toLowerCase()], `${request.method} ${request.url}: ${name}`);
    const query = new URLSearchParams(request.url.split('?')[1]);
    for (const { name } of parameters.filter(p => p.in === 'query' && p.required)) t.true(query.has(name), `${request.url}: ${name}`);
    if (query.has(exceptions.cursorMark)) continue;
    const names = parameters.filter(p => p.in === 'query').map(p => p.name);
    for (const name of query.keys()) t.true(names.includes(name), `${request.url}: ${name} is not a parameter of ${operationId}`);
  }
});

test('every request body is of the type and the schema of its operation', t => {
  let bodies = 0;
  for (const request of traffic.filter(r => !isForm(r))) {
    const { requestBody } = operationOf(request);
    if (!requestBody) {
      t.falsy(request.body, `${request.method} ${request.url} takes no body`);
      continue;
    }
    const media = requestBody.content[String(request.headers['content-type'])];
    t.truthy(media, `${request.url}: ${String(request.headers['content-type'])}`);
    t.deepEqual(faults(media!.schema, request.body), [], `${request.method} ${request.url}`);
    bodies += 1;
  }
  t.true(bodies >= 12);
});

test('every feed is a form of the one part that its operation has, and its document is of Walmart\'s schema or example', async t => {
  const forms = traffic.filter(isForm);
  t.true(forms.length >= 8);
  const line = feedDocument('Inventory.json');
  const schema = { ...feedDocument('InventoryFeed.json'), additionalProperties: false, required: ['InventoryHeader', 'Inventory'], properties: {
    InventoryHeader: feedDocument('InventoryHeader.json'), Inventory: { type: 'array', minItems: 1, maxItems: 100_000, items: line },
  } };
  const examples = operationOf(forms[0]!).requestBody!.content['multipart/form-data']! as unknown as { examples: Record<string, { value: Record<string, object[]> }> };
  const example = examples.examples['MultiNode_Bulk_Inventory_Update_Request']!.value;
  for (const { url, headers, body } of forms) {
    const form = await new Response(new Uint8Array(body as Buffer), { headers: { 'content-type': String(headers['content-type']) } }).formData();
    t.deepEqual([...form.keys()], ['file']);
    const document = JSON.parse(await (form.get('file') as Blob).text()) as Record<string, object[]>;
    if (url.includes('MP_INVENTORY')) t.deepEqual(shapeOf({ ...document, inventory: document['inventory']!.slice(0, 1) }), shapeOf({ ...example, inventory: example['inventory']!.slice(0, 1) }), url);
    else t.deepEqual(faults(schema, document), [], url);
  }
});

test('every successful answer of the sandbox is one that the document describes', t => {
  const checked = new Set<string>();
  for (const request of traffic.filter(r => r.status === 200)) {
    const { operationId, responses } = operationOf(request);
    t.deepEqual(faults(responses['200']!.content['application/json']!.schema, JSON.parse(request.answer)), [], `${request.method} ${request.url}`);
    checked.add(operationId);
  }
  t.deepEqual([...checked].sort(), served.sort());
});

test("every refusal of the sandbox is one of Walmart's three shapes, or the edge's HTML", t => {
  const refusals = traffic.filter(r => r.status !== 200);
  t.true(refusals.length >= 8);
  for (const { url, status, answer } of refusals) {
    if (answer.startsWith('<html>')) t.is(status, 503, url);
    else t.truthy(vendorErrors(JSON.parse(answer))[0]?.code, `${url}: ${answer}`);
  }
});

test("Walmart's own examples are read as what they say", t => {
  const example = (path: string, method: string): unknown => paths[path]![method]!.responses['200']!.content['application/json']!.example;
  const read = readOutcome(example('/v3/inventories/{sku}', 'get'), at('AR-CTIX-0092'), '100009');
  t.like(read, { kind: 'read', reading: { quantity: 5, buyable: 3 } });
  const { readings, cursor } = readPage(example('/v3/inventories', 'get'), '100009');
  t.deepEqual(readings.map(r => [r.listing.sku, r.quantity, r.buyable]), [['AI-IGH4-5509', 436, 433], ['06397309545443', 5, 0]]);
  t.is(cursor, 'NTVmZjIxOWEtZjRkMy00MGIwLThkOGYtYzFkNzI1NGZlYmQxIDEw');
  t.is(writtenNode(example('/v3/inventories/{sku}', 'put'), entry('00757642886669_test_01', 55), '79897837271126017'), 'success');
  t.is(writtenNode(example('/v3/inventory', 'put'), entry('97964_KFTest', 10), undefined), 'success');
});

test('the published limits go by operation ids that Walmart has', t => {
  const limits = Object.keys(parse(readFileSync(resolve(root, 'config/limits/walmart.yaml'), 'utf8')) as object);
  const ids = new Set(Object.values(paths).flatMap(path => Object.values(path).map(operation => operation.operationId)));
  t.deepEqual(limits.filter(id => !ids.has(id)), []);
  t.deepEqual(limits.sort(), served.filter(id => id !== 'tokenAPI').sort());
});
