/**
 * What a record forgets, so that it stays small. Nothing of it changes what is known or shown: a line goes when nothing
 * can follow from it any more, and its id stays for as long as a source may repeat it (docs/decisions/0007). Pure.
 */
import { lookup } from '../own-keys.ts';
import { backOf, openOf, takenBy } from './lines.ts';
import type { Kit, Line, Stock } from './protocol.ts';

export interface Retention {
  /** A line that is over stays whole for so long after it was placed, ms; then its id alone. */
  wholeMs: number;
  /** Ids, and what is settled but was never told to be over, are forgotten after so long, ms. */
  idMs: number;
}

export const dayMs = 86_400_000;
export const defaultRetention: Retention = { wholeMs: dayMs, idMs: 30 * dayMs };

/** Puts away what is over, once per journal day. @param at journal time, epoch ms */
export function putAway(stock: Stock, at: number, { wholeMs, idMs }: Retention): Stock {
  const day = Math.floor(at / dayMs);
  if (day <= stock.day) return stock;
  const kept: [string, Line][] = [];
  const closing: [string, number][] = [];
  for (const [id, line] of Object.entries(stock.lines)) {
    const age = at - (line.createdAt ?? Infinity);
    if (age <= wholeMs || !isSettled(stock, id, line)) kept.push([id, line]);
    else if (age > idMs) continue;
    else if (line.imported && line.def === undefined && openOf(line) === 0 && line.returned === undefined) closing.push([id, line.units - backOf(line)]);
    else kept.push([id, line]);
  }
  const closed = Object.entries(stock.closed).filter(([name]) => at - Date.parse(name) <= dayMs + idMs);
  if (closing.length > 0) closed.push([new Date(day * dayMs).toISOString().slice(0, 10), Object.fromEntries(closing.sort(([one], [other]) => (one < other ? -1 : 1)))]);
  return {
    ...stock,
    lines: Object.fromEntries(kept),
    closed: Object.fromEntries(closed),
    early: Object.fromEntries(Object.entries(stock.early).filter(([, [, since]]) => at - since <= idMs)),
    day,
    ...(stock.kit && { kit: withoutUnused(stock.kit, kept) }),
  };
}

/** Definitions of a kit that no line was sold under. */
function withoutUnused(kit: Kit, lines: readonly [string, Line][]): Kit {
  const used = new Set([kit.def, ...lines.map(([, { def }]) => def)]);
  return { ...kit, defs: Object.fromEntries(Object.entries(kit.defs).filter(([def]) => used.has(Number(def)))) };
}

/** Takes nothing from the source's number, from a channel whose number includes its open orders, or from a part. */
function isSettled({ outlets }: Stock, id: string, line: Line): boolean {
  if (takenBy(line) !== 0) return false;
  if (openOf(line) === 0 || id.startsWith('kit:')) return true;
  return line.def === undefined && lookup(outlets, id.slice(0, id.indexOf('/')))?.gross === false;
}
