/**
 * Quantities at Walmart's ship nodes. `inputQty` is what the seller wrote, open orders included; `availToSellQty` is
 * what buyers can buy, `inputQty - reservedQty`. Pure: paths and bodies in, data out.
 */
import { z } from 'zod';
import type { Listing, ReadOutcome, Reading, WriteEntry, WriteOutcome } from '../../adapter.ts';
import type { Ask } from '../http.ts';
import { judgeNode, vendorErrors } from './errors.ts';
import type { Judgement } from './errors.ts';

const quantity = z.object({ unit: z.literal('EACH'), amount: z.number().int() });
const readNode = z.object({
  shipNode: z.string(),
  inputQty: quantity.extend({ amount: z.number().int().min(0) }),
  /** Below zero where the seller wrote less than is in open orders. */
  availToSellQty: quantity,
});
/** Each node is checked on its own: another node's odd row is none of ours. */
const readItem = z.object({ sku: z.string().optional(), nodes: z.array(z.looseObject({ shipNode: z.string() })) });
const pageItem = readItem.required({ sku: true });
const page = z.object({
  meta: z.object({ nextCursor: z.string().nullish() }),
  elements: z.object({ inventories: z.array(z.unknown()) }),
});
const nodeWritten = z.object({
  sku: z.string().optional(),
  nodes: z.array(z.object({ shipNode: z.string(), status: z.string().optional(), errors: z.unknown().optional() })),
});
const itemWritten = z.object({ sku: z.string(), quantity });

/** Percent-encodes a SKU for path or query: also `! ' ( ) *`, and a space as `%20`, as Walmart asks. */
export function encodeSku(sku: string): string {
  return encodeURIComponent(sku).replaceAll(/[!'()*]/g, c => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** The write of one SKU: of the given node, or of the account's default node. */
export function writeAsk({ listing, quantity: amount }: WriteEntry, shipNode: string | undefined): Ask {
  const sku = encodeSku(listing.sku);
  const each = { unit: 'EACH', amount };
  return shipNode === undefined
    ? { method: 'PUT', path: `/v3/inventory?sku=${sku}`, body: { sku: listing.sku, quantity: each } }
    : { method: 'PUT', path: `/v3/inventories/${sku}`, body: { inventories: { nodes: [{ shipNode, inputQty: each }] } } };
}

/**
 * What a 200 to a write says: of the node written, never of the call. Undefined where it proves nothing: another
 * SKU, another amount, our node not named.
 */
export function writtenNode(json: unknown, entry: WriteEntry, shipNode: string | undefined): 'success' | Judgement | undefined {
  if (shipNode === undefined) {
    const { data } = itemWritten.safeParse(json);
    return data?.sku === entry.listing.sku && data.quantity.amount === entry.quantity ? 'success' : undefined;
  }
  const { data } = nodeWritten.safeParse(json);
  if (data?.sku !== undefined && data.sku !== entry.listing.sku) return undefined;
  const node = data?.nodes.find(n => n.shipNode === shipNode);
  if (!node) return undefined;
  const refused = vendorErrors({ errors: node.errors }).length > 0;
  return node.status?.toLowerCase() === 'success' && !refused ? 'success' : judgeNode(node.status, node.errors);
}

/** A refusal of this SKU as its outcome; undefined where the refusal is of the call. */
export function refusal({ signature }: WriteEntry, { verdict, code, message }: Judgement): WriteOutcome | undefined {
  switch (verdict) {
    case 'missing': return { kind: 'refused', signature, class: 'listing', code, message };
    case 'invalid': return { kind: 'refused', signature, class: 'validation', code, message };
    case 'locked': return { kind: 'retry', signature, code, message };
    default: return undefined;
  }
}

export function readAsk({ sku }: Listing, shipNode: string | undefined): Ask {
  return { method: 'GET', path: `/v3/inventories/${encodeSku(sku)}${shipNode === undefined ? '' : `?shipNode=${shipNode}`}` };
}

/** The reading of one SKU. A SKU without a row at our node is missing there, not at zero. */
export function readOutcome(json: unknown, listing: Listing, shipNode: string | undefined): ReadOutcome {
  const item = readItem.safeParse(json);
  if (!item.success) {
    const [told] = vendorErrors(json);
    return { kind: 'failed', listing, code: told?.code ?? 'UNKNOWN_SHAPE', message: told?.message ?? z.prettifyError(item.error) };
  }
  if (item.data.sku !== undefined && item.data.sku !== listing.sku) {
    return { kind: 'failed', listing, code: 'OTHER_SKU', message: `asked for ${listing.sku}, answered for ${item.data.sku}` };
  }
  const found = ourReading(item.data, listing, shipNode);
  return found.kind === 'absent'
    ? { kind: 'missing', listing, code: 'NO_NODE_ROW', message: `no row at ship node ${shipNode ?? '(default)'}` }
    : found;
}

export function pageAsk(cursor: string | undefined): Ask {
  const next = cursor === undefined ? '' : `&nextCursor=${encodeURIComponent(cursor)}`;
  return { method: 'GET', path: `/v3/inventories?limit=50${next}` };
}

/**
 * One page of the walk over all SKUs. SKUs without a row at our node have no live value there and are left out.
 *
 * @throws {TypeError} naming what is odd: half a page would look like SKUs that are gone
 */
export function readPage(json: unknown, shipNode: string | undefined): { readings: Reading[]; cursor: string | undefined } {
  const { data, error } = page.safeParse(json);
  if (!data) throw new TypeError(z.prettifyError(error));
  const readings = data.elements.inventories.flatMap(element => {
    const item = pageItem.safeParse(element);
    if (!item.success) throw new TypeError(`${JSON.stringify(element).slice(0, 200)}: ${z.prettifyError(item.error)}`);
    const found = ourReading(item.data, listingOf(item.data.sku, shipNode), shipNode);
    if (found.kind === 'failed') throw new TypeError(`SKU ${item.data.sku}: ${found.message}`);
    return found.kind === 'read' ? [found.reading] : [];
  });
  // Only an absent or empty cursor ends the walk; a short page does not.
  return { readings, cursor: data.meta.nextCursor || undefined };
}

function listingOf(sku: string, shipNode: string | undefined): Listing {
  return { id: sku, sku, fields: shipNode === undefined ? {} : { shipNode } };
}

type Found = Extract<ReadOutcome, { kind: 'read' | 'failed' }> | { kind: 'absent' };

/** Our node's row. Without a configured node the SKU must have one row only: a write would not reach the others. */
function ourReading({ nodes }: z.infer<typeof readItem>, listing: Listing, shipNode: string | undefined): Found {
  if (shipNode === undefined && nodes.length > 1) {
    const message = `stocked at nodes ${nodes.map(n => n.shipNode).join(', ')}: settings.shipNode must name one`;
    return { kind: 'failed', listing, code: 'SEVERAL_NODES', message };
  }
  const row = shipNode === undefined ? nodes[0] : nodes.find(n => n.shipNode === shipNode);
  if (!row) return { kind: 'absent' };
  const [told] = vendorErrors(row);
  if (told) return { kind: 'failed', listing, code: told.code ?? 'NODE_ERROR', message: told.message ?? 'no description' };
  const { data, error } = readNode.safeParse(row);
  if (!data) return { kind: 'failed', listing, code: 'UNKNOWN_SHAPE', message: z.prettifyError(error) };
  // These endpoints do not tell whether an offer is published; `active` is true for every row.
  return { kind: 'read', reading: { listing, quantity: data.inputQty.amount, buyable: Math.max(0, data.availToSellQty.amount), active: true } };
}
