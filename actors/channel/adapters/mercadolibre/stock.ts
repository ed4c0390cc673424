/**
 * Stock of a user product: several locations under one version, of which a listing is one. A write must name all
 * warehouses, for what happens to one left out is not documented; so a reading's version carries the others too.
 */
import type { Listing, ReadOutcome, Reading } from '../../adapter.ts';
import { RetryableError } from '../../../errors.ts';
import type { Answer, Ask } from '../http.ts';
import { shaped } from './errors.ts';
import { stockSchema, versionSchema } from './schemas.ts';
import type { Stock } from './schemas.ts';
import type { StockFields } from './ways.ts';

export interface Location {
  store_id: string;
  network_node_id: string;
  quantity: number;
}

/** `x-version`, then each other warehouse as ` <store>@<node>=<quantity>`, e.g. `37 9000002@MXP000002=15`. */
export function formatVersion(version: string, others: readonly Location[]): string {
  const escape = encodeURIComponent;
  return [version, ...others.map(l => `${escape(l.store_id)}@${escape(l.network_node_id)}=${l.quantity}`)].join(' ');
}

/** Undefined for what `formatVersion` never made. */
export function parseVersion(text: string | undefined): { version: string; others: Location[] } | undefined {
  const [version, ...rest] = (text ?? '').split(' ');
  if (!versionSchema.safeParse(version).success) return undefined;
  const others: Location[] = [];
  for (const part of rest) {
    const [, store, node, quantity] = /^([^@=]+)@([^@=]+)=(\d+)$/.exec(part) ?? [];
    if (store === undefined || node === undefined) return undefined;
    others.push({ store_id: decodeURIComponent(store), network_node_id: decodeURIComponent(node), quantity: Number(quantity) });
  }
  return { version: version!, others };
}

/**
 * A user product's stock as a `GET` answered it.
 *
 * @throws {RetryableError} without a version or in an unknown shape
 */
export function parseStock(answer: Answer, ask: Ask): { stock: Stock; version: string } {
  const stock = shaped(stockSchema, answer, ask);
  const version = versionSchema.safeParse(answer.headers['x-version']);
  if (!version.success) {
    throw new RetryableError(`GET ${ask.path}: no x-version, got ${JSON.stringify(answer.headers['x-version'])}`, { code: 'unknown_shape', status: answer.status });
  }
  return { stock, version: version.data };
}

/** The warehouses of a stock; all of them have both ids, or the answer is not understood. */
export function warehouses(stock: Stock): Location[] {
  return stock.locations.filter(l => l.type === 'seller_warehouse').map(({ store_id, network_node_id, quantity }) => {
    if (store_id == null || network_node_id == null) throw new RetryableError('a seller_warehouse without store_id or network_node_id', { code: 'unknown_shape' });
    return { store_id, network_node_id, quantity };
  });
}

/**
 * What a stock says of one listing. `buyable` is the listing's own location, for Full's units are not ours to show.
 * A stock does not tell whether the items behind it are paused: `active` is true here, and known from `listings` alone.
 */
export function outcomeOf(listing: Listing, fields: StockFields, { stock, version }: { stock: Stock; version: string }): ReadOutcome {
  const all = warehouses(stock);
  const own = fields.way === 'seller_warehouse'
    ? all.find(l => l.store_id === fields.storeId)
    : stock.locations.find(l => l.type === 'selling_address');
  if (!own) {
    const types = stock.locations.map(l => l.store_id ?? l.type).join(', ') || 'none';
    const message = `user product ${fields.userProductId} has no ${fields.way} ${'storeId' in fields ? fields.storeId : ''}, only: ${types}`;
    return { kind: 'missing', listing, code: 'location_missing', message };
  }
  const others = all.filter(l => l !== own);
  const reading: Reading = { listing, quantity: own.quantity, buyable: own.quantity, version: formatVersion(version, others), active: true };
  return { kind: 'read', reading };
}

/** Which location of a user product is ours to keep; a reason where none is. */
export function keptBy(stock: Stock, storeId: string | undefined): { way: 'selling_address' } | { way: 'seller_warehouse'; storeId: string; networkNodeId: string } | { reason: string } {
  const all = warehouses(stock);
  if (all.length > 0) {
    const own = storeId === undefined ? (all.length === 1 ? all[0] : undefined) : all.find(l => l.store_id === storeId);
    const stores = all.map(l => l.store_id).join(', ');
    if (own) return { way: 'seller_warehouse', storeId: own.store_id, networkNodeId: own.network_node_id };
    return { reason: storeId === undefined ? `stocked in several warehouses (${stores}) and settings.storeId names none` : `not stocked in warehouse ${storeId}, only in ${stores}` };
  }
  if (stock.locations.some(l => l.type === 'selling_address')) return { way: 'selling_address' };
  return { reason: `no location of the seller's own: ${stock.locations.map(l => l.type).join(', ') || 'none at all'}` };
}
