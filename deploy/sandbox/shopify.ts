/**
 * Shopify's GraphQL Admin API 2026-07 for one store with one location: real GraphQL over the vendor's types
 * (`shopify/admin.graphql`), the cost bucket, idempotency keys, the token endpoint.
 */
import { readFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { buildSchema, executeSync, getOperationAST, getVariableValues, GraphQLError, parse, validate } from 'graphql';
import type { DocumentNode, GraphQLResolveInfo, OperationDefinitionNode } from 'graphql';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { parse as parseYaml } from 'yaml';
import { Bucket } from './kit/clock.ts';
import type { SandboxClock } from './kit/clock.ts';
import type { CallKind } from './kit/faults.ts';
import type { SandboxFactory, SandboxVendor } from './kit/server.ts';
import { Auth } from './shopify/auth.ts';
import { shopifyNotify } from './shopify/notify.ts';
import { actualCost, requestedCost } from './shopify/cost.ts';
import { Inventory, refuseLongInput } from './shopify/inventory.ts';
import { orderList, orderOf } from './shopify/orders.ts';
import { locationId, ShopifyShop } from './shopify/shop.ts';
import { QuantityWrites } from './shopify/writes.ts';
import type { SetInput, WriteOptions } from './shopify/writes.ts';

const version = '2026-07';
const tokenPath = '/admin/oauth/access_token';
/** shopify.md 4: one query, else MAX_COST_EXCEEDED. */
const costMax = 1_000;

/** shopify.md 1 "Scopes". */
const allScopes = ['read_inventory', 'write_inventory', 'read_locations', 'read_products', 'read_orders'];

const schema = buildSchema(readFileSync(new URL('shopify/admin.graphql', import.meta.url), 'utf8'));
const idempotent = schema.getDirective('idempotent')!;
const { points } = parseYaml(readFileSync(new URL('../../config/limits/shopify.yaml', import.meta.url), 'utf8')) as { points: { perSecond: number; burst: number } };

export interface ShopifyOptions extends Partial<Omit<WriteOptions, 'instant'>> {
  account: string;
  clock: SandboxClock;
  grant?: 'client-credentials' | 'refresh-token';
  /** How much later an order's change shows in the list, vendor's ms. */
  orderLagMs?: number;
  /** Objects after which a list ends. */
  deepest?: number;
  /** What the app was granted. */
  scopes?: readonly string[];
  /** The cost bucket, where it is not a Standard store's. */
  bucket?: { perSecond: number; burst: number };
}

export interface ShopifySandbox extends SandboxVendor { shop: ShopifyShop }

export const shopifySandbox: SandboxFactory = options => createShopifySandbox(options);

export function createShopifySandbox(options: ShopifyOptions): ShopifySandbox {
  const { account, clock, grant = 'client-credentials', orderLagMs = 5_000, deepest = 25_000, scopes = allScopes } = options;
  const { perSecond, burst } = options.bucket ?? points;
  const bucket = new Bucket(clock, perSecond, burst);
  const auth = new Auth(clock, scopes);
  const shop = new ShopifyShop({ account, clock });
  const instant = instantOf(clock);
  const orders = { lagMs: orderLagMs, deepest, instant };
  const { allOrNothing = true, refuseNegative = true, unchangedInChanges = false, previousAttemptFailed = false, keyLifeMs = 86_400_000 } = options;
  const inventory = new Inventory(shop, { deepest, instant });
  const writes = new QuantityWrites(shop, inventory, idempotent, { allOrNothing, refuseNegative, unchangedInChanges, previousAttemptFailed, keyLifeMs, instant });

  /** shopify.md 1 "Missing scope": an error beside `data`, under a 200. */
  const wants = <Args extends unknown[]>(scope: string, serve: (...args: Args) => unknown) => (...args: Args): unknown => {
    if (!scopes.includes(scope)) throw new GraphQLError(`Access denied. Required access: \`${scope}\` access scope.`, { extensions: { code: 'ACCESS_DENIED' } });
    return serve(...args);
  };
  const node = (id: string): unknown => (id.startsWith('gid://shopify/Order/') ? orderOf(shop, id, orders) : inventory.item(id) ?? inventory.location(id));
  const root = {
    currentAppInstallation: { __typename: 'AppInstallation', id: 'gid://shopify/AppInstallation/1', accessScopes: scopes.map(handle => ({ __typename: 'AccessScope', handle })) },
    inventoryItem: wants('read_inventory', ({ id }: { id: string }) => inventory.item(id)),
    location: wants('read_locations', ({ id }: { id?: string | null }) => inventory.location(id)),
    node: ({ id }: { id: string }) => node(id),
    nodes: wants('read_inventory', ({ ids }: { ids: string[] }) => {
      refuseLongInput(ids);
      return ids.map(node);
    }),
    order: wants('read_orders', ({ id }: { id: string }) => orderOf(shop, id, orders)),
    orders: wants('read_orders', (args: Parameters<typeof orderList>[1]) => orderList(shop, args, orders)),
    inventorySetQuantities: wants('write_inventory', ({ input }: { input: SetInput }, _context: unknown, info: GraphQLResolveInfo) =>
      writes.set(input, info)),
  };

  /** shopify.md 4: every answer tells its cost and the bucket's state. */
  const cost = (requested: number | null, actual: number | null, available = bucket.level): Record<string, unknown> => ({
    cost: {
      requestedQueryCost: requested,
      actualQueryCost: actual,
      throttleStatus: { maximumAvailable: bucket.burst, currentlyAvailable: Math.floor(available), restoreRate: bucket.perSecond },
    },
  });
  const throttled = (requested: number, available?: number): unknown => ({
    errors: [{ message: 'Throttled', extensions: { code: 'THROTTLED', documentation: 'https://shopify.dev/api/usage/rate-limits' } }],
    extensions: cost(requested, null, available),
  });

  function answer(body: unknown): unknown {
    const query = queryOf(body);
    if ('errors' in query) return { errors: query.errors };
    const { document, operation, given, variables } = query;
    const requested = requestedCost(schema, document, operation, variables);
    if (requested > costMax) {
      const message = `Query cost is ${requested}, which exceeds the single query max cost limit (${costMax}).`;
      return { errors: [{ message, extensions: { code: 'MAX_COST_EXCEEDED', cost: requested, maxCost: costMax } }] };
    }
    if (!bucket.take(requested)) {
      shop.count('throttled');
      return throttled(requested);
    }
    const result = executeSync({ schema, document, rootValue: root, variableValues: given, operationName: operation.name?.value });
    const actual = actualCost(result.data, requested, operation.operation === 'mutation');
    // shopify.md 4: the unused part of the reservation is given back after the run.
    bucket.give(requested - actual);
    return { ...result, extensions: cost(requested, actual) };
  }

  return {
    channel: 'shopify',
    shop,
    credentials: {
      clientId: auth.clientId,
      clientSecret: auth.clientSecret,
      ...(grant === 'refresh-token' && { refreshToken: auth.firstRefreshToken() }),
    },
    settings: { grant, locationId, version },
    secrets: () => auth.secrets,
    expireTokens: () => auth.expireAll(),
    routes(app: FastifyInstance) {
      app.addHook('onSend', async (request, reply, payload) => {
        reply.header('x-request-id', randomUUID());
        // shopify.md 1: the version really used. Older ones have fallen forward to the only one served here.
        if (request.url.startsWith('/admin/api/')) reply.header('x-shopify-api-version', version);
        return payload;
      });
      app.post(tokenPath, (request, reply) => {
        const { status, body } = request.headers['content-type']?.startsWith('application/x-www-form-urlencoded')
          ? auth.answer(request.body, shop.faults.hit('revoke', 'token') !== undefined)
          : { status: 400, body: { error: 'invalid_request' } };
        return reply.code(status).send(body);
      });
      app.post<{ Params: { version: string } }>('/admin/api/:version/graphql.json', (request, reply) => {
        // shopify.md 5.1: 404 for a wrong version path
        if (!/^\d{4}-(01|04|07|10)$/.test(request.params.version) || request.params.version > version) return reply.code(404).send({ errors: 'Not Found' });
        if (!auth.accepts(request.headers['x-shopify-access-token'])) {
          // shopify.md 1: `errors` is a string here
          return reply.code(401).send({ errors: '[API] Invalid API key or access token (unrecognized login or wrong password)' });
        }
        return reply.send(answer(request.body));
      });
    },
    classify: kindOf,
    throttled(request, reply) {
      const query = queryOf(request.body);
      const requested = 'errors' in query ? 1 : requestedCost(schema, query.document, query.operation, query.variables);
      return reply.code(200).send(throttled(requested, 0));
    },
    notify: shopifyNotify(auth.clientSecret),
    failed: (_request, reply: FastifyReply) => reply.code(503).send({ errors: 'Service Unavailable' }),
  };
}

interface Query {
  document: DocumentNode;
  operation: OperationDefinitionNode;
  /** As sent, and as coerced to the schema's types. */
  given: Record<string, unknown>;
  variables: Record<string, unknown>;
}

const parsed = new Map<string, { document: DocumentNode } | { errors: readonly GraphQLError[] }>();

/** The body as a valid operation, or the errors that it is answered with, before anything is executed. */
function queryOf(body: unknown): Query | { errors: unknown } {
  const { query, variables, operationName } = (body ?? {}) as { query?: unknown; variables?: unknown; operationName?: string };
  if (typeof query !== 'string') return { errors: [{ message: 'Required parameter missing or invalid: query', extensions: { code: 'BAD_REQUEST' } }] };
  let known = parsed.get(query);
  if (!known) {
    try {
      const document = parse(query);
      const errors = validate(schema, document);
      known = errors.length > 0 ? { errors } : { document };
    } catch (error) {
      known = { errors: [error as GraphQLError] };
    }
    if (parsed.size > 200) parsed.clear();
    parsed.set(query, known);
  }
  if ('errors' in known) return known;
  const operation = getOperationAST(known.document, operationName);
  if (!operation) return { errors: [{ message: 'An operation name is required', extensions: { code: 'BAD_REQUEST' } }] };
  const given = (variables ?? {}) as Record<string, unknown>;
  const { errors, coerced } = getVariableValues(schema, operation.variableDefinitions ?? [], given);
  if (errors) return { errors: errors.map(({ message }) => ({ message, extensions: { code: 'INVALID_VARIABLE' } })) };
  return { document: known.document, operation, given, variables: coerced };
}

function kindOf(request: FastifyRequest): CallKind {
  if (request.url.startsWith(tokenPath)) return 'token';
  const query = queryOf(request.body);
  if ('errors' in query) return 'other';
  if (query.operation.operation === 'mutation') return 'write';
  const fields = query.operation.selectionSet.selections.map(selection => ('name' in selection ? selection.name.value : ''));
  return fields.some(name => name === 'orders' || name === 'order') ? 'orders' : 'read';
}

/** The vendor's instants are whole seconds; a faster clock's seconds are that much shorter. */
function instantOf(clock: SandboxClock): (at: number) => string {
  const second = clock.real(1000);
  return at => new Date(Math.floor(Math.floor(at / second) * second)).toISOString().replace('.000Z', 'Z');
}
