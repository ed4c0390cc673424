/**
 * Adapter and sandbox against Shopify's own schemas of two versions: every document the adapter sends, every variable,
 * and every answer of the sandbox. The schemas lie beside the repository (`../shared`, or PLUMB_SHARED).
 *
 * What a schema cannot tell (@idempotent and changeFromQuantity being compulsory, 250 entries, costs, the words of
 * `reason`) is tested in `tests/channel/shopify.test.ts`.
 */
import test from 'ava';
import { readFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import {
  buildClientSchema, buildSchema, getNamedType, getOperationAST, getVariableValues, isAbstractType, isEnumType, isInputObjectType, isInterfaceType,
  isLeafType, isListType, isNonNullType, isObjectType, Kind, NoDeprecatedCustomRule, parse, validate,
} from 'graphql';
import type { GraphQLCompositeType, GraphQLObjectType, GraphQLOutputType, GraphQLSchema, IntrospectionQuery, SelectionSetNode } from 'graphql';
import { createShopify } from '../../actors/channel/adapters/shopify/adapter.ts';
import { entryClasses } from '../../actors/channel/adapters/shopify/errors.ts';
import type { Call, Listing, WriteEntry } from '../../actors/channel/adapter.ts';
import { SandboxClock } from '../../deploy/sandbox/kit/clock.ts';
import { startSandbox } from '../../deploy/sandbox/kit/server.ts';
import { createShopifySandbox } from '../../deploy/sandbox/shopify.ts';

const repository = new URL('../../', import.meta.url);
const shared = process.env['PLUMB_SHARED'] ? new URL(`file://${process.env['PLUMB_SHARED']}/`) : new URL('../shared/', repository);
const channels = new URL('channels/', shared);

const versions = ['2026-07', '2026-10'];
const schemas = Object.fromEntries(versions.map(version => {
  const file = readFileSync(new URL(`specs/shopify/admin_${version}.json.gz`, channels));
  return [version, buildClientSchema((JSON.parse(gunzipSync(file).toString()) as { data: IntrospectionQuery }).data)];
}));

/** The sandbox serves 2026-07. From 2026-10 on a quantity can be set at any location (shopify.md 2.1), so its code is gone. */
const gone: Record<string, string[]> = { '2026-10': ['ITEM_NOT_STOCKED_AT_LOCATION is no InventorySetQuantitiesUserErrorCode'] };

interface Recorded { query: string; variables: Record<string, unknown>; status: number; answer: { data?: Record<string, unknown>; errors?: unknown; extensions?: unknown } }

/** Drives the adapter through all operations, refusals included, and returns every GraphQL exchange whole. */
async function record(): Promise<Recorded[]> {
  const clock = new SandboxClock(600);
  const vendor = createShopifySandbox({ account: 'shop-1', clock, orderLagMs: 0 });
  const { shop } = vendor;
  for (let n = 0; n < 130; n++) shop.addListing(`S-${n}`, 10);
  const recorded: Recorded[] = [];
  const { routes } = vendor;
  vendor.routes = app => {
    app.addHook('onSend', async (request, reply, payload) => {
      if (request.url.startsWith('/admin/api/')) {
        recorded.push({ ...(request.body as { query: string; variables: Record<string, unknown> }), status: reply.statusCode, answer: JSON.parse(payload as string) as Recorded['answer'] });
      }
      return payload;
    });
    routes(app);
  };
  const sandbox = await startSandbox(vendor);
  try {
    const adapter = createShopify(
      { account: 'shop-1', channel: 'shopify', baseUrl: sandbox.url, credentials: vendor.credentials, settings: vendor.settings },
      { now: Date.now, uuid: randomUUID, tokens: { load: async () => undefined, save: async () => undefined }, timeScale: clock.scale },
    );
    const call = (): Call => ({ signal: AbortSignal.timeout(5_000) });
    const listing = (sku: string): Listing => {
      const { fields } = shop.listings.get(sku)!;
      return { id: fields['inventoryItemId']!, sku, fields };
    };
    const entry = (sku: string, quantity: number, from = 10): WriteEntry => ({ listing: listing(sku), quantity, signature: `${sku}-${quantity}-${from}`, last: { quantity: from } });
    await adapter.checks!.ask(call());
    const { cursor } = await adapter.listings(undefined, call());
    await adapter.listings(cursor, call());
    const ghost: Listing = { id: 'gid://shopify/InventoryItem/1', sku: 'GHOST-1', fields: { ...listing('S-1').fields, inventoryItemId: 'gid://shopify/InventoryItem/1' } };
    shop.unstocked.add('S-2');
    shop.setActive('S-3', false);
    await adapter.read([...['S-0', 'S-1', 'S-2', 'S-3'].map(listing), ghost], call());
    await adapter.write([entry('S-0', 5), entry('S-1', 10)], call());
    await adapter.write([entry('S-1', 10)], call());
    await adapter.write([entry('S-4', 5, 9), entry('S-2', 1), { ...entry('S-5', 1), listing: ghost }], call());
    shop.buy('b1', Object.keys(Object.fromEntries(shop.listings)).slice(6, 40).map(sku => ({ sku, units: 2 })));
    const { order } = shop.buy('b2', [{ sku: 'S-50', units: 3 }]);
    shop.cancel(order!.orderId, order!.lines[0]!.line, 1);
    shop.ship(order!.orderId, order!.lines[0]!.line);
    for (let cursor: string | undefined, more = true; more;) ({ cursor, more } = await adapter.orders(cursor, call()));
    vendor.expireTokens();
    await adapter.read([listing('S-0')], call());
    shop.faults.add({ kind: 'throttle', on: 'write', forMs: 60_000 });
    await adapter.write([entry('S-6', 1)], call()).catch(() => undefined);
  } finally {
    await sandbox.close();
  }
  return recorded;
}

const recording = record();

test('the drive reaches every document, a refused token, refusals and a throttle', async t => {
  const recorded = await recording;
  t.deepEqual([...new Set(recorded.map(r => /(?:query|mutation) (\w+)/.exec(r.query)![1]))].sort(), ['Levels', 'Lines', 'Listings', 'Location', 'Orders', 'Scopes', 'SetQuantities']);
  t.deepEqual([...new Set(recorded.map(r => r.status))].sort(), [200, 401]);
  t.true(recorded.some(r => JSON.stringify(r.answer).includes('CHANGE_FROM_QUANTITY_STALE')));
  t.true(recorded.some(r => JSON.stringify(r.answer).includes('THROTTLED')));
});

for (const version of versions) {
  const schema = schemas[version]!;

  test(`every document the adapter sends is valid in ${version}, with no deprecated field, and so are its variables`, async t => {
    for (const { query, variables } of await recording) {
      const document = parse(query);
      t.deepEqual(validate(schema, document).map(e => e.message), []);
      t.deepEqual(validate(schema, document, [NoDeprecatedCustomRule]).map(e => e.message), []);
      const { errors } = getVariableValues(schema, getOperationAST(document)!.variableDefinitions ?? [], variables);
      t.is(errors, undefined);
    }
  });

  test(`every answer of the sandbox has the shape that ${version} promises`, async t => {
    let checked = 0;
    for (const { query, answer } of await recording) {
      if (!answer.data) continue;
      const operation = getOperationAST(parse(query))!;
      const root = operation.operation === 'mutation' ? schema.getMutationType()! : schema.getQueryType()!;
      const found = violations(schema, operation.selectionSet, root, answer.data, '');
      t.deepEqual(found.filter(text => !gone[version]?.some(known => text.endsWith(known))), []);
      checked += 1;
    }
    t.is(checked, 11, 'scopes, the location, two pages of listings, two reads, three writes, orders and lines');
  });

  test(`every userError code of ${version} has a row in the adapter's table`, t => {
    const codes = schema.getType('InventorySetQuantitiesUserErrorCode');
    t.true(isEnumType(codes));
    if (isEnumType(codes)) t.deepEqual(codes.getValues().map(v => v.name).filter(code => !(code in entryClasses)), []);
  });
}

test('the sandbox\'s schema is a slice of the vendor\'s: same types, fields, arguments, defaults and enum values', t => {
  const vendor = schemas['2026-07']!;
  const slice = buildSchema(readFileSync(new URL('deploy/sandbox/shopify/admin.graphql', repository), 'utf8'));
  for (const type of Object.values(slice.getTypeMap()).filter(({ name }) => !name.startsWith('__'))) {
    const whole = vendor.getType(type.name);
    t.is(whole?.constructor.name, type.constructor.name, type.name);
    if (isEnumType(type) && isEnumType(whole)) for (const { name } of type.getValues()) t.truthy(whole.getValue(name), `${type.name}.${name}`);
    if (isInputObjectType(type) && isInputObjectType(whole)) {
      // Inputs are whole: a field left out would be refused here and taken there.
      t.deepEqual(Object.values(type.getFields()).map(f => `${f.name}: ${f.type}`), Object.values(whole.getFields()).map(f => `${f.name}: ${f.type}`), type.name);
    }
    if ((isObjectType(type) || isInterfaceType(type)) && (isObjectType(whole) || isInterfaceType(whole))) {
      for (const field of Object.values(type.getFields())) {
        const original = whole.getFields()[field.name];
        t.is(String(original?.type), String(field.type), `${type.name}.${field.name}`);
        for (const arg of field.args) {
          const counterpart = original?.args.find(a => a.name === arg.name);
          t.is(`${counterpart?.type} = ${String(counterpart?.defaultValue)}`, `${arg.type} = ${String(arg.defaultValue)}`, `${type.name}.${field.name}(${arg.name})`);
        }
      }
    }
  }
  t.deepEqual(slice.getDirective('idempotent')?.args.map(a => `${a.name}: ${a.type}`), vendor.getDirective('idempotent')?.args.map(a => `${a.name}: ${a.type}`));
});

test('a throttled answer has the form of the vendor\'s sample', async t => {
  const sample = JSON.parse(readFileSync(new URL('samples/shopify/derived.throttled.response.json', channels), 'utf8')) as object;
  const throttled = (await recording).find(r => r.answer.errors !== undefined && r.status === 200)!.answer;
  t.deepEqual(formOf(throttled), formOf(sample));
});

/** What in `value` is not as `type` promises, by path. */
function violations(schema: GraphQLSchema, set: SelectionSetNode, type: GraphQLObjectType, value: Record<string, unknown>, path: string): string[] {
  const wanted = new Map<string, string[]>();
  const visit = (selections: SelectionSetNode): void => {
    for (const selection of selections.selections) {
      if (selection.kind === Kind.FIELD) {
        const key = selection.alias?.value ?? selection.name.value;
        const field = type.getFields()[selection.name.value]!;
        wanted.set(key, check(field.type, value[key], selection.selectionSet, `${path}/${key}`));
      } else if (selection.kind === Kind.INLINE_FRAGMENT && (!selection.typeCondition || selection.typeCondition.name.value === type.name)) {
        visit(selection.selectionSet);
      }
    }
  };
  visit(set);
  const extra = Object.keys(value).filter(key => !wanted.has(key)).map(key => `${path}/${key}: not asked for`);
  return [...[...wanted.values()].flat(), ...extra];

  function check(of: GraphQLOutputType, given: unknown, inner: SelectionSetNode | undefined, at: string): string[] {
    if (isNonNullType(of)) return given === null || given === undefined ? [`${at}: null`] : check(of.ofType, given, inner, at);
    if (given === undefined) return [`${at}: missing`];
    if (given === null) return [];
    if (isListType(of)) return Array.isArray(given) ? given.flatMap((element, i) => check(of.ofType, element, inner, `${at}/${i}`)) : [`${at}: no list`];
    if (isEnumType(of)) return of.getValue(String(given)) ? [] : [`${at}: ${String(given)} is no ${of.name}`];
    if (isLeafType(of)) return leafFits(of.name, given) ? [] : [`${at}: ${JSON.stringify(given)} is no ${of.name}`];
    const named = getNamedType(of) as GraphQLCompositeType;
    // The adapter's only abstract field is `nodes`; it asks for inventory items there.
    const concrete = isAbstractType(named) ? schema.getType('InventoryItem') : named;
    return violations(schema, inner!, concrete as GraphQLObjectType, given as Record<string, unknown>, at);
  }
}

function leafFits(name: string, value: unknown): boolean {
  switch (name) {
    case 'Int': return Number.isInteger(value) && Math.abs(value as number) < 2 ** 31;
    case 'Boolean': return typeof value === 'boolean';
    case 'DateTime': return typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(value);
    default: return typeof value === 'string';
  }
}

/** Keys and kinds of values. */
function formOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(formOf);
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => a.localeCompare(b)).map(([key, inner]) => [key, formOf(inner)]));
}
