/** Walmart's inventory service: writes per node or to the default node, reads of all nodes, the cursor walk. */
import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Shop, ShopListing } from '../kit/shop.ts';
import { rawQuery, refuse } from './answers.ts';
import type { Gate } from './gate.ts';

/** walmart.md 3: "a read right after a write may be old for seconds". */
const readLagMs = 5_000;

export interface Nodes {
  /** The node that buyers draw down, and the default of writes without a node. */
  own: string;
  /** Walmart's own warehouse: shown in reads, closed to sellers' writes. Undefined for an account of one node. */
  wfs: string | undefined;
}
/** Units that Walmart's warehouse holds of each SKU: a reader that adds nodes up shows them. */
const wfsUnits = 25;

const quantity = z.object({ unit: z.literal('EACH'), amount: z.number().int().min(0) });
const multiNode = z.object({ inventories: z.object({ nodes: z.array(z.object({ shipNode: z.string(), inputQty: quantity })).min(1) }) });
const single = z.object({ sku: z.string(), quantity });

const invalid = (reply: FastifyReply, error: z.ZodError): FastifyReply =>
  refuse(reply, 'gateway', {
    status: 400, code: 'INVALID_REQUEST_CONTENT.GMP_INVENTORY_API', description: z.prettifyError(error), field: error.issues[0]?.path.join('.') ?? '', category: 'DATA',
  });
/** walmart.md 5: 404 CONTENT_NOT_FOUND, "SKU unknown to this seller or not yet in the inventory service". */
const notFound = (reply: FastifyReply, sku: string): FastifyReply =>
  refuse(reply, 'gateway', { status: 404, code: 'CONTENT_NOT_FOUND.GMP_INVENTORY_API', description: `no inventory for sku ${sku}`, field: 'sku', category: 'DATA' });

export function inventoryRoutes(app: FastifyInstance, shop: Shop, gate: Gate, nodes: Nodes): void {
  const cursors = new Cursors();

  app.put<{ Params: { sku: string } }>('/v3/inventories/:sku', (request, reply) => {
    if (!gate.admit('updateMultiNodeInventory', request, reply)) return reply;
    const { sku } = request.params;
    const body = multiNode.safeParse(request.body);
    if (!body.success) return invalid(reply, body.error);
    if (!shop.listings.has(sku)) return notFound(reply, sku);
    // walmart.md 0.4: 200 also for partial success; each node has its own status.
    return reply.send({ sku, nodes: body.data.inventories.nodes.map(node => writeNode(shop, nodes, sku, node)) });
  });

  app.put('/v3/inventory', (request, reply) => {
    if (!gate.admit('updateInventoryForAnItem', request, reply)) return reply;
    const sku = rawQuery(request.url, 'sku');
    const body = single.safeParse(request.body);
    // walmart.md 0.1: the SKU goes in the query and the body; a flat number for quantity is a 400.
    if (!body.success) return invalid(reply, body.error);
    if (sku === undefined || sku !== body.data.sku) {
      return refuse(reply, 'gateway', { status: 400, code: 'INVALID_REQUEST_PARAM.GMP_INVENTORY_API', description: 'sku of query and body must be the same', field: 'sku' });
    }
    const node = rawQuery(request.url, 'shipNode') ?? nodes.own;
    if (!shop.listings.has(sku) || node !== nodes.own) return notFound(reply, sku);
    shop.write(sku, body.data.quantity.amount);
    return reply.send(body.data); // walmart.md 2.1: "echo of the body".
  });

  app.get<{ Params: { sku: string } }>('/v3/inventories/:sku', (request, reply) => {
    if (!gate.admit('getMultiNodeInventoryForSkuAndAllShipnodes', request, reply)) return reply;
    const { sku } = request.params;
    const wanted = rawQuery(request.url, 'shipNode');
    const listing = shop.listings.get(sku);
    const rows = listing ? nodeRows(shop, nodes, listing).filter(row => wanted === undefined || row.shipNode === wanted) : [];
    return rows.length === 0 ? notFound(reply, sku) : reply.send({ sku, nodes: rows });
  });

  app.get('/v3/inventories', (request, reply) => {
    if (!gate.admit('getMultiNodeInventoryForAllSkuAndAllShipNodes', request, reply)) return reply;
    return walkPage(request, reply, shop, nodes, cursors);
  });
}

function writeNode(shop: Shop, nodes: Nodes, sku: string, { shipNode, inputQty }: z.infer<typeof multiNode>['inventories']['nodes'][number]): unknown {
  if (shipNode === nodes.own) {
    shop.write(sku, inputQty.amount);
    return { shipNode, status: 'Success' };
  }
  // walmart.md 2.2: "a node without Success failed even though HTTP is 200". The word used then is not documented.
  const code = 'INVALID_REQUEST_CONTENT.GMP_INVENTORY_API';
  const description = shipNode === nodes.wfs ? 'ship node is fulfilled by Walmart' : 'ship node is not of this seller';
  return { shipNode, status: 'Failure', errors: [{ code, field: 'shipNode', description, info: description, severity: 'ERROR', category: 'DATA', causes: [] }] };
}

interface Row { shipNode: string; inputQty: unknown; availToSellQty: unknown; reservedQty: unknown }

/** walmart.md 3: availToSellQty = inputQty - reservedQty, node by node; below zero where less was written than is sold. */
function nodeRows(shop: Shop, nodes: Nodes, listing: ShopListing): Row[] {
  const each = (amount: number): unknown => ({ unit: 'EACH', amount });
  const row = (shipNode: string, input: number, reserved: number): Row =>
    ({ shipNode, inputQty: each(input), availToSellQty: each(input - reserved), reservedQty: each(reserved) });
  const { quantity: input, reserved } = stateRead(shop, listing);
  // The other node stands first: whoever takes the first row has the wrong one.
  return [...(nodes.wfs === undefined ? [] : [row(nodes.wfs, wfsUnits, 0)]), row(nodes.own, input, reserved)];
}

/** The state some seconds ago, or an older one while a stale-read fault is on. */
function stateRead(shop: Shop, listing: ShopListing): { quantity: number; reserved: number } {
  const told = shop.read(listing.sku);
  const asOf = shop.clock.now() - shop.clock.real(readLagMs);
  if (told !== listing || listing.updatedAt <= asOf) return told ?? listing;
  return listing.history.findLast(state => state.at <= asOf) ?? listing.history[0] ?? listing;
}

/** walmart.md 3: default 10 a page, at most 50; a short page is not the end; 404 on an account with no inventory. */
function walkPage(request: FastifyRequest, reply: FastifyReply, shop: Shop, nodes: Nodes, cursors: Cursors): FastifyReply {
  const query = request.query as { limit?: string; nextCursor?: string };
  const limit = Number(query.limit ?? 10);
  if (!Number.isInteger(limit) || limit < 1 || limit > 50) {
    return refuse(reply, 'documented', { status: 400, code: 'INVALID_REQUEST_PARAM.GMP_INVENTORY_API', description: 'limit must be 1 to 50', field: 'limit' });
  }
  const offset = query.nextCursor ? cursors.take(query.nextCursor) : 0;
  if (offset === undefined) {
    return refuse(reply, 'documented', { status: 400, code: 'INVALID_REQUEST_PARAM.GMP_INVENTORY_API', description: 'nextCursor is not valid', field: 'nextCursor' });
  }
  const all = [...shop.listings.values()];
  if (all.length === 0) {
    return refuse(reply, 'documented', { status: 404, code: 'CONTENT_NOT_FOUND.GMP_INVENTORY_API', description: 'no inventory', category: 'DATA' });
  }
  // Each page but the last is one short of what was asked for.
  const size = all.length - offset > limit ? Math.max(1, limit - 1) : limit;
  const inventories = all.slice(offset, offset + size).map(listing => ({ sku: listing.sku, nodes: nodeRows(shop, nodes, listing) }));
  const more = offset + size < all.length;
  return reply.send({ meta: { totalCount: all.length, nextCursor: more ? cursors.give(offset + size) : '' }, elements: { inventories } });
}

/** walmart.md 3: a cursor changes every page and is single-use. Base64 holds `+` and `/`, so it must be encoded. */
class Cursors {
  readonly #open = new Map<string, number>();

  give(offset: number): string {
    const cursor = `${randomBytes(18).toString('base64')}+/=`;
    this.#open.set(cursor, offset);
    if (this.#open.size > 100) this.#open.delete(this.#open.keys().next().value!);
    return cursor;
  }

  take(cursor: string): number | undefined {
    const offset = this.#open.get(cursor);
    this.#open.delete(cursor);
    return offset;
  }
}
