/**
 * How a SKU stands in its stored record: what it has none of takes no bytes, and order lines are one short code each, by
 * order, since a wholesale order at Walmart is one line per unit and the record is written at every turn. Pure, and the
 * inverse of itself.
 *
 *     "walmart/1796277083120/": "1795602952868 54=1i 55=1"
 *
 * First when the order was placed (`-` while untold), then its lines: units, `i` imported, `I` what came back of it too,
 * `R` what was returned of it, `o` come back after it was put away, `c2` cancelled, `s1` shipped, `r1` returned, `d1` sold
 * under that definition of a kit, `la,b` contained in the numbers of locations, `@…` where the line was placed at another time (`@` alone: not told yet). Line ids are
 * percent-encoded.
 */
import { lookup, put } from '../own-keys.ts';
import type { Kit, Line, Lot, Register, Stock, Use } from './protocol.ts';

export type PackedStock = Omit<Stock, 'lines'> & { orders: Record<string, string> };

/** Fields and lines in one order, whatever order they came to the stock in: two folds are compared by these bytes. */
export function packStock(stock: Stock): PackedStock {
  const { sku, source, onHand, reserved, position, chain, held, lines, closed, early, outlets, waitingSince, day, superseded,
    reservedAt, passed, registers, through, gapTold, lots, watched, late, kit, kits, rules, mode, exposure, lateUntil, ...others } = stock;
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
    ...lesser({ reservedAt, passed, registers, through, gapTold }),
    ...(lots !== undefined && { lots: sorted(lots, packLot) }),
    ...(watched !== undefined && { watched }),
    ...(late !== undefined && { late: sorted(late, since => since) }),
    ...(kit !== undefined && { kit: packKit(kit) }),
    ...(kits !== undefined && { kits: sorted(kits, packUse) }),
    ...(rules !== undefined && { rules: sorted(rules, rule => rule) }),
    ...(mode !== undefined && { mode }),
    ...(exposure !== undefined && { exposure }),
    ...(lateUntil !== undefined && { lateUntil }),
  };
}

function sorted<T>(map: Record<string, T>, pack: (value: T) => T): Record<string, T> {
  const packed: Record<string, T> = {};
  for (const key of Object.keys(map).sort()) put(packed, key, pack(map[key]!));
  return packed;
}

function packLot({ source, onHand, reserved, position, chain, held, reservedAt, passed, registers, through, gapTold, ...others }: Lot): Lot {
  others satisfies Record<string, never>;
  return {
    ...(source !== undefined && { source }),
    ...(onHand !== undefined && { onHand }),
    reserved, position, chain, held,
    ...lesser({ reservedAt, passed, registers, through, gapTold }),
  };
}

function packKit({ source, position, def, defs, parts, broken, ...others }: Kit): Kit {
  others satisfies Record<string, never>;
  return {
    source, position, def,
    defs: sorted(defs, each => sorted(each, units => units)),
    parts: sorted(parts, ({ version, units, inSets, told, pending }) => ({ version, ...(units !== undefined && { units }), ...(inSets && { inSets: sorted(inSets, each => each) }), told, pending })),
    ...(broken && { broken }),
  };
}

function packUse({ version, units, above, sets, heard, ahead, said, ...others }: Use): Use {
  others satisfies Record<string, never>;
  return { version, units, above, sets, heard, ...(ahead && { ahead }), ...(said !== undefined && { said }) };
}

type Lesser = Pick<Lot, 'reservedAt' | 'passed' | 'registers' | 'through' | 'gapTold'>;

function lesser({ reservedAt, passed, registers, through, gapTold }: { [K in keyof Lesser]: Lesser[K] | undefined }): Lesser {
  return {
    ...(reservedAt !== undefined && { reservedAt }),
    ...(passed && { passed }),
    ...(registers && { registers: { onHand: packRegister(registers.onHand), reserved: packRegister(registers.reserved) } }),
    ...(through !== undefined && { through }),
    ...(gapTold !== undefined && { gapTold }),
  };
}

function packRegister({ value, at, deltas, folded }: Register): Register {
  return { ...(value !== undefined && { value }), ...(at !== undefined && { at }), deltas, ...(folded !== undefined && { folded }) };
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

function code({ units, cancelled, shipped, returned, imported, cancelImported, returnImported, reopened, def, containedAt, createdAt }: Line, placed: number | undefined): string {
  let text = String(units);
  if (imported) text += 'i';
  if (cancelImported) text += 'I';
  if (returnImported) text += 'R';
  if (reopened) text += 'o';
  if (cancelled !== undefined) text += `c${cancelled}`;
  if (shipped !== undefined) text += `s${shipped}`;
  if (returned !== undefined) text += `r${returned}`;
  if (def !== undefined) text += `d${def}`;
  if (containedAt) text += `l${containedAt.map(encodeURIComponent).join(',')}`;
  if (createdAt !== placed) text += `@${createdAt ?? ''}`;
  return text;
}

const shape = /^(\d+)(i?)(I?)(R?)(o?)(?:c(\d+))?(?:s(\d+))?(?:r(\d+))?(?:d(\d+))?(?:l([^@]*))?(?:@(\d*))?$/;

/** @throws {RangeError} for a code that is none: the record was not written by Plumb */
function lineOf(text: string, placed: number | undefined): Line {
  const found = shape.exec(text);
  if (!found) throw new RangeError(`order line code ${JSON.stringify(text)} is none`);
  const [, units, imported, cancelImported, returnImported, reopened, cancelled, shipped, returned, def, containedAt, own] = found;
  const createdAt = own === undefined ? placed : own === '' ? undefined : Number(own);
  return {
    units: Number(units),
    ...(cancelled !== undefined && { cancelled: Number(cancelled) }),
    ...(shipped !== undefined && { shipped: Number(shipped) }),
    ...(returned !== undefined && { returned: Number(returned) }),
    ...(imported === 'i' && { imported: true as const }),
    ...(cancelImported === 'I' && { cancelImported: true as const }),
    ...(returnImported === 'R' && { returnImported: true as const }),
    ...(reopened === 'o' && { reopened: true as const }),
    ...(def !== undefined && { def: Number(def) }),
    ...(containedAt !== undefined && { containedAt: containedAt.split(',').map(decodeURIComponent) }),
    ...(createdAt !== undefined && { createdAt }),
  };
}
