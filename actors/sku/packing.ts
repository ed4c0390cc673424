/**
 * How a SKU's order lines stand in its stored record: by order, one short code a line, since a wholesale order at
 * Walmart is one line per unit and the record is written at every turn. Pure, and the inverse of itself.
 *
 *     "walmart/1796277083120/": "1795602952868 54=1i 55=1"
 *
 * First when the order was placed (`-` while untold), then its lines: units, `i` imported, `I` its cancellation too,
 * `c2` cancelled, `s1` shipped, `@…` where the line was placed at another time (`@` alone: not told yet). Line ids are
 * percent-encoded.
 */
import { lookup, put } from '../own-keys.ts';
import type { Line, Stock } from './protocol.ts';

export type PackedStock = Omit<Stock, 'lines'> & { orders: Record<string, string> };

/** Fields and lines in one order, whatever order they came to the stock in: two folds are compared by these bytes. */
export function packStock(stock: Stock): PackedStock {
  const { sku, source, onHand, reserved, position, chain, held, lines, closed, early, outlets, waitingSince, day, superseded, ...others } = stock;
  others satisfies Record<string, never>;
  const orders: Record<string, string> = {};
  const placed = new Map<string, number | undefined>();
  for (const id of Object.keys(lines).sort()) {
    const line = lines[id]!;
    const cut = id.lastIndexOf('/') + 1;
    const name = id.slice(0, cut);
    const text = lookup(orders, name);
    if (text === undefined) placed.set(name, line.createdAt);
    put(orders, name, `${text ?? line.createdAt ?? '-'} ${encodeURIComponent(id.slice(cut))}=${code(line, placed.get(name))}`);
  }
  return {
    sku,
    ...(source !== undefined && { source }),
    ...(onHand !== undefined && { onHand }),
    reserved, position, chain, held, orders, closed, early, outlets, waitingSince, day, superseded,
  };
}

/** Takes a stock that was stored before lines were packed as it is. */
export function unpackStock(stored: PackedStock | Stock): Stock {
  if (!('orders' in stored)) return stored;
  const { orders, ...rest } = stored;
  const lines: Record<string, Line> = {};
  for (const name of Object.keys(orders)) {
    const [placed, ...coded] = orders[name]!.split(' ');
    for (const text of coded) {
      const cut = text.indexOf('=');
      put(lines, `${name}${decodeURIComponent(text.slice(0, cut))}`, lineOf(text.slice(cut + 1), placed === '-' ? undefined : Number(placed)));
    }
  }
  return { ...rest, lines };
}

function code({ units, cancelled, shipped, imported, cancelImported, createdAt }: Line, placed: number | undefined): string {
  let text = String(units);
  if (imported) text += 'i';
  if (cancelImported) text += 'I';
  if (cancelled !== undefined) text += `c${cancelled}`;
  if (shipped !== undefined) text += `s${shipped}`;
  if (createdAt !== placed) text += `@${createdAt ?? ''}`;
  return text;
}

const shape = /^(\d+)(i?)(I?)(?:c(\d+))?(?:s(\d+))?(?:@(\d*))?$/;

/** @throws {RangeError} for a code that is none: the record was not written by Plumb */
function lineOf(text: string, placed: number | undefined): Line {
  const found = shape.exec(text);
  if (!found) throw new RangeError(`order line code ${JSON.stringify(text)} is none`);
  const [, units, imported, cancelImported, cancelled, shipped, own] = found;
  const createdAt = own === undefined ? placed : own === '' ? undefined : Number(own);
  return {
    units: Number(units),
    ...(cancelled !== undefined && { cancelled: Number(cancelled) }),
    ...(shipped !== undefined && { shipped: Number(shipped) }),
    ...(imported === 'i' && { imported: true as const }),
    ...(cancelImported === 'I' && { cancelImported: true as const }),
    ...(createdAt !== undefined && { createdAt }),
  };
}
