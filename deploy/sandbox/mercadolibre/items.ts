/** The seller, the items and their quantities: scan, multiget and `PUT /items/{id}` (mercadolibre.md 2.2, 2.3, 3). */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import type { ShopListing } from '../kit/shop.ts';
import type { Register } from './catalogue.ts';
import { invalid, notFound, refuse } from './errors.ts';
import { fullUnits } from './market.ts';
import type { Market } from './market.ts';

/** mercadolibre.md 3: a scroll dies after 5 minutes. */
const scrollLifeMs = 5 * 60_000;
/** mercadolibre.md 5: a second PUT this soon is "too close", and passes "after seconds". */
const lockMs = 1_000;
const quantityMax = 99_999;

interface ItemsQuery { ids?: string; attributes?: string; include_attributes?: string }
interface SearchQuery { search_type?: string; scroll_id?: string; limit?: string; offset?: string; user_product_id?: string }

export function itemRoutes(app: FastifyInstance, market: Market): void {
  const { catalogue } = market;
  const lastPut = new Map<string, number>();

  app.get<{ Params: { id: string } }>('/users/:id', (request, reply) => {
    if (!market.isOwner(request, reply)) return reply;
    if (!market.pays('others', reply)) return reply;
    if (request.params.id !== market.userId && request.params.id !== 'me') return notFound(reply, `User ${request.params.id}`);
    return { id: Number(market.userId), nickname: 'TESTSELLER', site_id: market.site, tags: market.tags, status: { site_status: 'active' } };
  });

  app.get<{ Params: { id: string }; Querystring: SearchQuery }>('/users/:id/items/search', (request, reply) => {
    if (!market.isOwner(request, reply)) return reply;
    if (!market.pays('others', reply)) return reply;
    if (request.params.id !== market.userId) return refuse(reply, 403, 'access_denied', 'the caller is not the seller');
    return search(market, request.query, reply);
  });

  app.get<{ Querystring: ItemsQuery }>('/items', (request, reply) => {
    const owner = market.oauth.owner(request, reply);
    if (owner === undefined) return reply;
    if (!market.pays('others', reply)) return reply;
    const ids = (request.query.ids ?? '').split(',').filter(Boolean);
    // mercadolibre.md 3: 20 ids.
    if (ids.length === 0 || ids.length > 20) return invalid(reply, 'items.ids.size', `ids must name 1 to 20 items, got ${ids.length}`);
    const only = request.query.attributes?.split(',');
    return ids.map(id => {
      const registers = catalogue.items.get(id);
      // mercadolibre.md 3: each with its own code, in a 200.
      if (!registers) return { code: 404, body: { message: `Item with id ${id} not found`, error: 'not_found', status: 404, cause: [] } };
      const item = itemOf(market, id, registers, { owner, allAttributes: request.query.include_attributes === 'all' });
      return { code: 200, body: only ? Object.fromEntries(only.flatMap(name => (name in item ? [[name, item[name]]] : []))) : item };
    });
  });

  app.put<{ Params: { id: string }; Body: unknown }>('/items/:id', (request, reply) => {
    const { id } = request.params;
    if (!market.isOwner(request, reply)) return reply;
    if (!market.pays('others', reply)) return reply;
    const registers = catalogue.items.get(id);
    if (!registers) return notFound(reply, `Item with id ${id}`);
    const show = (sent?: ReadonlyMap<string, number>): unknown => itemOf(market, id, catalogue.items.get(id)!, { owner: true, allAttributes: false, ...(sent && { sent }) });
    // mercadolibre.md 0.2: a multi-origin account is answered 200 and nothing changes.
    if (market.multiOrigin) return show();
    // mercadolibre.md 5: Full.
    if (registers.some(r => r.kind === 'fullAndFlex' || r.kind === 'full')) return refuse(reply, 400, 'item.available_quantity.not_modifiable', 'available_quantity is not modifiable');
    const since = market.clock.now() - (lastPut.get(id) ?? -Infinity);
    // mercadolibre.md 5: two PUTs on one item too close together.
    if (since < market.clock.real(lockMs)) return refuse(reply, 409, 'conflict', 'item optimistic locking error');
    const sent = registers[0]!.variationId === undefined
      ? putItem(market, registers[0]!, request.body, reply)
      : putVariations(market, registers, request.body, reply);
    if (!sent) return reply;
    lastPut.set(id, market.clock.now());
    return show(sent);
  });
}

/** mercadolibre.md 3: 50 by default, at most 100, offset up to 1,000; or a scan, which ends with a null. */
function search({ catalogue, clock, userId }: Market, query: SearchQuery, reply: FastifyReply): unknown {
  const limit = Number(query.limit ?? 50);
  if (!(limit >= 1 && limit <= 100)) return invalid(reply, 'limit', `limit must be 1 to 100, got ${query.limit}`);
  const products = query.user_product_id?.split(',');
  const ids = products
    ? [...catalogue.items].filter(([, [register]]) => products.includes(register?.userProductId ?? '')).map(([id]) => id)
    : [...catalogue.items.keys()];
  if (query.search_type !== 'scan') {
    const offset = Number(query.offset ?? 0);
    if (!(offset >= 0 && offset <= 1000)) return invalid(reply, 'offset', `offset must be 0 to 1000, got ${query.offset}`);
    return { seller_id: userId, query: null, paging: { limit, offset, total: ids.length }, results: ids.slice(offset, offset + limit) };
  }
  // mercadolibre.md 3: never mix with offset.
  if (query.offset !== undefined) return invalid(reply, 'offset', 'offset and search_type=scan exclude each other');
  const scroll = query.scroll_id === undefined ? { from: 0, at: clock.now() } : scrollSchema.safeParse(parseScroll(query.scroll_id)).data;
  if (!scroll || clock.now() - scroll.at > clock.real(scrollLifeMs)) return invalid(reply, 'scroll_id', 'scroll_id is unknown or expired');
  const results = ids.slice(scroll.from, scroll.from + limit);
  const next = Buffer.from(JSON.stringify({ from: scroll.from + results.length, at: clock.now() })).toString('base64url');
  return { seller_id: userId, query: null, paging: { limit, total: ids.length }, results, scroll_id: results.length > 0 ? next : null };
}

const scrollSchema = z.object({ from: z.number().int().min(0), at: z.number() });

function parseScroll(id: string): unknown {
  try {
    return JSON.parse(Buffer.from(id, 'base64url').toString());
  } catch {
    return undefined;
  }
}

const quantity = z.number().int().min(0).max(quantityMax);

/** Sets one quantity. Returns what was sent, by SKU, or undefined once it has answered. */
function putItem({ shop }: Market, { sku }: Register, body: unknown, reply: FastifyReply): Map<string, number> | undefined {
  const parsed = z.strictObject({ available_quantity: quantity }).safeParse(body);
  if (!parsed.success) {
    invalid(reply, 'item.available_quantity.invalid', z.prettifyError(parsed.error));
    return undefined;
  }
  shop.write(sku, parsed.data.available_quantity);
  return new Map([[sku, parsed.data.available_quantity]]);
}

const variationsBody = z.strictObject({
  variations: z.array(z.strictObject({ id: z.number().int().optional(), available_quantity: quantity.optional() })).min(1),
});

/** mercadolibre.md 2.3: ids left out are deleted, entries without id are created. */
function putVariations({ shop, catalogue }: Market, registers: readonly Register[], body: unknown, reply: FastifyReply): Map<string, number> | undefined {
  const parsed = variationsBody.safeParse(body);
  if (!parsed.success) {
    invalid(reply, 'item.variations.invalid', z.prettifyError(parsed.error));
    return undefined;
  }
  const { variations } = parsed.data;
  const foreign = variations.find(v => v.id !== undefined && !registers.some(r => r.variationId === String(v.id)));
  if (foreign) {
    invalid(reply, 'item.variations.not_found', `variation ${foreign.id} does not belong to the item`);
    return undefined;
  }
  const sent = new Map<string, number>();
  for (const register of registers) {
    const entry = variations.find(v => String(v.id) === register.variationId);
    if (!entry) {
      shop.count('variationsDeleted');
      shop.setActive(register.sku, false);
      catalogue.remove(register);
    } else if (entry.available_quantity !== undefined) {
      shop.write(register.sku, entry.available_quantity);
      sent.set(register.sku, entry.available_quantity);
    }
  }
  // One that is created has no SKU and is bought by nobody: it is a mistake to be counted.
  const created = variations.filter(v => v.id === undefined).length;
  if (created > 0) shop.count('variationsCreated', created);
  return sent;
}

interface View {
  /** Exact quantities are the owner's alone. */
  owner: boolean;
  allAttributes: boolean;
  /** What a write has just set, which its answer shows. */
  sent?: ReadonlyMap<string, number>;
}

function itemOf(market: Market, id: string, registers: readonly Register[], { owner, allAttributes, sent }: View): Record<string, unknown> {
  const { shop } = market;
  const rows = registers.map(register => {
    const listing = shop.listings.get(register.sku)!;
    const written = sent?.get(register.sku);
    const seen = written === undefined ? shop.read(register.sku) : listing;
    const exact = written ?? (seen?.quantity ?? 0) + otherUnits(market, register);
    return { register, listing, units: owner ? exact : coarse(exact), sold: seen?.sold ?? 0 };
  });
  const total = rows.reduce((sum, row) => sum + row.units, 0);
  const [first] = registers;
  const byVariation = first?.variationId !== undefined || registers.length === 0;
  const sku = (of: Register): unknown[] => [{ id: 'SELLER_SKU', name: 'SKU', value_id: null, value_name: of.sku }];
  return {
    id,
    site_id: market.site,
    title: `Test item ${id}`,
    seller_id: Number(market.userId),
    price: 100,
    currency_id: market.site === 'MLA' ? 'ARS' : 'MXN',
    condition: 'new',
    listing_type_id: 'gold_special',
    available_quantity: total,
    sold_quantity: rows.reduce((sum, row) => sum + row.sold, 0),
    ...statusOf(rows.map(row => row.listing), total),
    user_product_id: first?.userProductId ?? null,
    family_name: first?.userProductId === undefined ? null : `Family of ${id}`,
    inventory_id: first?.kind === 'fullAndFlex' || first?.kind === 'full' ? `INV${id}` : null,
    seller_custom_field: null,
    attributes: byVariation ? [] : sku(first!),
    variations: byVariation
      ? rows.map(({ register, units, sold }) => ({
        id: Number(register.variationId),
        available_quantity: units,
        sold_quantity: sold,
        seller_custom_field: null,
        attribute_combinations: [{ id: 'COLOR', name: 'Color', value_name: register.variationId }],
        // mercadolibre.md 3: SELLER_SKU on variations wants include_attributes=all.
        ...(allAttributes && { attributes: sku(register) }),
      }))
      : [],
    shipping: first?.kind === 'fullAndFlex' || first?.kind === 'full'
      ? { mode: 'me2', logistic_type: 'fulfillment', tags: first.kind === 'full' ? [] : ['self_service_in'] }
      : { mode: 'me2', logistic_type: 'cross_docking', tags: [] },
    tags: [],
  };
}

/** mercadolibre.md 3: an item's quantity is what can be bought over all locations. */
function otherUnits(market: Market, { kind, sku }: Register): number {
  if (kind === 'fullAndFlex') return fullUnits;
  return kind === 'warehouse' ? [...market.elsewhereOf(sku).values()].reduce((sum, n) => sum + n, 0) : 0;
}

/** mercadolibre.md 0.7: nothing left pauses the item by itself, the seller may pause it as well. */
function statusOf(listings: readonly ShopListing[], total: number): { status: string; sub_status: string[] } {
  const sub = [...(total === 0 ? ['out_of_stock'] : []), ...(listings.length > 0 && listings.every(l => !l.active) ? ['paused_by_seller'] : [])];
  return { status: sub.length > 0 ? 'paused' : 'active', sub_status: sub };
}

/** mercadolibre.md 0.9: the public view is coarse. */
function coarse(units: number): number {
  const step = [50_000, 5_000, 500, 250, 200, 150, 100, 50].find(at => units > at);
  return step ?? Math.min(units, 1);
}
