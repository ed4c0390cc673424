/** The stock of user products by location, under a version (mercadolibre.md 2.4, 2.5, 3). */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Register } from './catalogue.ts';
import { notFound, refuse } from './errors.ts';
import { fullUnits } from './market.ts';
import type { Market, Store } from './market.ts';

interface Path { Params: { id: string } }

export function stockRoutes(app: FastifyInstance, market: Market): void {
  const { catalogue, shop } = market;

  app.get<Path>('/user-products/:id/stock', (request, reply) => {
    if (!market.isOwner(request, reply)) return reply;
    if (!market.pays('stock', reply)) return reply;
    const register = catalogue.userProducts.get(request.params.id);
    if (!register) return notFound(reply, `User product ${request.params.id}`);
    const { quantity, version } = shop.read(register.sku)!;
    // mercadolibre.md 3: the version is a header, an integer.
    reply.header('x-version', String(version));
    return { locations: locations(market, register, quantity), id: request.params.id, user_id: Number(market.userId) };
  });

  app.put<Path>('/user-products/:id/stock/type/selling_address', (request, reply) => {
    const register = opened(market, request, reply);
    if (!register) return reply;
    // mercadolibre.md 2.4, the table of 400s.
    if (market.multiOrigin) return refuse(reply, 400, 'bad_request', 'seller with a single warehouse cannot update selling address stock');
    if (register.kind === 'full') return refuse(reply, 400, 'bad_request', 'You cannot modify selling address stock if associated items are fulfillment only');
    if (register.kind !== 'fullAndFlex') return refuse(reply, 400, 'bad_request', 'You cannot modify selling address stock in items without inventory id');
    const body = z.strictObject({ quantity: z.number().int().min(0) }).safeParse(request.body);
    if (!body.success) return refuse(reply, 400, 'bad_request', z.prettifyError(body.error));
    shop.write(register.sku, body.data.quantity);
    tellVersion(market, register, reply);
    return reply.code(204).send();
  });

  app.put<Path>('/user-products/:id/stock/type/seller_warehouse', (request, reply) => {
    const register = opened(market, request, reply);
    if (!register) return reply;
    const { stores } = market.shape;
    if (!stores) return refuse(reply, 400, 'bad_request', 'store is not configured to be a stock location');
    const body = warehouseBody.safeParse(request.body);
    if (!body.success) return refuse(reply, 400, 'bad_request', 'store cannot be null or empty');
    const unknown = body.data.locations.find(l => !stores.some(s => s.id === l.store_id && s.nodeId === l.network_node_id));
    if (unknown) return refuse(reply, 400, 'bad_request', 'store not found');
    put(market, register, stores, new Map(body.data.locations.map(l => [l.store_id, l.quantity])));
    tellVersion(market, register, reply);
    return {
      user_id: Number(market.userId),
      product_release_date: null,
      id: request.params.id,
      locations: body.data.locations.map(({ store_id, network_node_id, quantity }) => ({ store_id, network_node_id, type: 'seller_warehouse', quantity })),
    };
  });
}

const warehouseBody = z.strictObject({
  locations: z.array(z.strictObject({ store_id: z.string().min(1), network_node_id: z.string().min(1), quantity: z.number().int().min(0) })).min(1),
});

/** The checks that both writes begin with; undefined once one has answered. */
function opened(market: Market, request: FastifyRequest<Path>, reply: FastifyReply): Register | undefined {
  if (!market.isOwner(request, reply) || !market.pays('others', reply)) return undefined;
  const register = market.catalogue.userProducts.get(request.params.id);
  if (!register) {
    notFound(reply, `User product ${request.params.id}`);
    return undefined;
  }
  const version = request.headers['x-version'];
  if (version === undefined) {
    refuse(reply, 400, 'bad_request', 'Missing X-Version header');
    return undefined;
  }
  // mercadolibre.md 0.4, 6.1: a sale moves the version too.
  if (version !== String(market.shop.listings.get(register.sku)!.version) && !market.shop.faults.hit('ignore-condition', 'write')) {
    refuse(reply, 409, 'conflict', 'Version mismatch');
    return undefined;
  }
  return register;
}

/** mercadolibre.md 2.5 does not say what becomes of a store left out: the worst, here. */
function put(market: Market, { sku }: Register, stores: readonly Store[], sent: ReadonlyMap<string, number>): void {
  const [own, ...others] = stores;
  const left = stores.filter(s => !sent.has(s.id)).length;
  if (left > 0) market.shop.count('storesLeftOut', left);
  for (const { id } of others) market.elsewhereOf(sku).set(id, sent.get(id) ?? 0);
  market.shop.write(sku, sent.get(own!.id) ?? 0);
}

function locations(market: Market, { kind, sku }: Register, quantity: number): unknown[] {
  const { stores } = market.shape;
  if (stores) {
    return stores.map(({ id, nodeId }, n) => ({
      type: 'seller_warehouse', network_node_id: nodeId, store_id: id, quantity: n === 0 ? quantity : (market.elsewhereOf(sku).get(id) ?? 0),
    }));
  }
  if (kind === 'full') return [{ type: 'meli_facility', quantity }];
  if (kind === 'fullAndFlex') return [{ type: 'meli_facility', quantity: fullUnits }, { type: 'selling_address', quantity }];
  return [{ type: 'selling_address', quantity }];
}

function tellVersion({ shape, shop }: Market, { sku }: Register, reply: FastifyReply): void {
  if (shape.versionInAnswer) reply.header('x-version', String(shop.listings.get(sku)!.version));
}
