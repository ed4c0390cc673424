/**
 * Reservations always end: what takes units, or holds up a channel's number, for longer than orders stay open becomes a
 * task, and stays taken until it is shipped, cancelled, returned or counted. Nothing is freed by time. Pure.
 */
import { inOrder, lookup, put, without } from '../own-keys.ts';
import { orderLineOf } from './contained.ts';
import { openOf, takenBy } from './lines.ts';
import { lotAt, lotsOf } from './lots.ts';
import type { Line, Lot, Message, Place, Stock } from './protocol.ts';

/** Ends within so long of its time, ms: several in one go. */
const togetherMs = 60_000;

export interface Watched {
  stock: Stock;
  /** Look again after so long, ms. */
  watchAfterMs?: number;
  /** Nothing is left to look for. */
  unwatch?: true;
}

/** Looks for what has to end, from the first fact that reserves on until the last one is over. */
export function watch(stock: Stock, at: number, maxMs: number): Watched {
  const { watched } = stock;
  const first = earliest(stock);
  if (first === undefined) {
    if (watched === undefined) return { stock };
    const { watched: _over, ...rest } = stock;
    return { stock: rest, unwatch: true };
  }
  // Not for every end: whatever is looked for too early is looked for again.
  if (watched !== undefined && watched <= Math.max(at, first + maxMs) + togetherMs) return { stock };
  return scheduled(stock, first, at, maxMs);
}

/** The time has come: what is overdue becomes a task, once. */
export function expire(before: Stock, place: Place, maxMs: number): Watched & { says: Message[] } {
  const { watched: _past, ...stock } = before;
  const over: Record<string, number> = {};
  eachReservation(stock, (key, since) => {
    if (since + maxMs <= place.at + togetherMs && !Object.hasOwn(stock.late ?? {}, key)) put(over, key, since);
  });
  const says = inOrder(over).map(([key, since]) => letter(stock, key, since, place));
  const late = { ...stock.late, ...over };
  const told = says.length > 0 ? { ...stock, late } : stock;
  const first = earliest(told);
  return { ...(first === undefined ? { stock: told } : scheduled(told, first, place.at, maxMs)), says };
}

/** What people were told of and is over now: the same entries, resolved. */
export function ended(stock: Stock, place: Place): { stock: Stock; says: Message[] } {
  if (!stock.late) return { stock, says: [] };
  const open = new Map<string, number>();
  eachReservation(stock, (key, since) => open.set(key, since));
  const over = inOrder(stock.late).filter(([key, since]) => !open.has(key) || (key.startsWith('@') && open.get(key) !== since));
  if (over.length === 0) return { stock, says: [] };
  const late = without(stock.late, ...over.map(([key]) => key));
  const { late: _before, ...rest } = stock;
  return {
    stock: Object.keys(late).length > 0 ? { ...rest, late } : rest,
    says: over.map(([key, since]) => {
      const { to, id } = addressed(stock, key, since);
      return { to, id: `${id}:resolved`, body: { class: 'overdue', sku: stock.sku, resolved: true, by: place.correlation, at: place.at } };
    }),
  };
}

function scheduled(stock: Stock, first: number, at: number, maxMs: number): Watched {
  const delay = Math.min(maxMs, Math.max(togetherMs, first + maxMs - at));
  return { stock: { ...stock, watched: at + delay }, watchAfterMs: delay };
}

/** The oldest that people were not told of. */
function earliest(stock: Stock): number | undefined {
  const { late } = stock;
  let first = Infinity;
  eachReservation(stock, (key, since) => { if (!late || !Object.hasOwn(late, key)) first = Math.min(first, since); });
  return first === Infinity ? undefined : first;
}

/** Lines by id, and what a source has committed at a location by `@` and its name; each with its time, epoch ms. */
function eachReservation(stock: Stock, visit: (key: string, since: number) => void): void {
  for (const id in stock.lines) {
    const line = stock.lines[id]!;
    if (isOpen(stock, id, line)) visit(id, line.createdAt ?? 0);
  }
  if (stock.lots === undefined) return committedAt('', stock, visit);
  for (const [location, lot] of lotsOf(stock)) committedAt(location, lot, visit);
}

function committedAt(location: string, { reserved, reservedAt }: Lot, visit: (key: string, since: number) => void): void {
  if (reserved > 0 && reservedAt !== undefined) visit(`@${location}`, reservedAt);
}

function isOpen({ outlets }: Stock, id: string, line: Line): boolean {
  return takenBy(line) !== 0 || (openOf(line) > 0 && lookup(outlets, id.slice(0, id.indexOf('/')))?.gross === true);
}

function addressed(stock: Stock, key: string, since: number): { to: string[]; id: string } {
  const { sku } = stock;
  if (key.startsWith('@')) return { to: ['dead', 'overdue', lotAt(stock, key.slice(1)).source ?? 'unknown', sku], id: `overdue:${sku}:${since}${key}` };
  const line = orderLineOf(key);
  const account = line.slice(0, Math.max(0, line.indexOf('/')));
  // One that no configuration can name may have no token either.
  return { to: ['dead', 'overdue', /^[a-z0-9][a-z0-9-]{0,99}$/.test(account) ? account : 'unknown', sku], id: `overdue:${sku}:${key}` };
}

function letter(stock: Stock, key: string, since: number, { at }: Place): Message {
  const { sku } = stock;
  const common = { class: 'overdue', sku, at, ...(since > 0 && { since }) };
  if (key.startsWith('@')) {
    const location = key.slice(1);
    const { reserved: units, source } = lotAt(stock, location);
    return {
      ...addressed(stock, key, since),
      body: {
        ...common, source, ...(location !== '' && { location }), units,
        message: `${source} has committed ${units} of ${sku} and neither released nor changed them since`,
        heals: `a release, or a count of ${source} that states what is committed`,
      },
    };
  }
  const line = stock.lines[key]!;
  const open = openOf(line);
  return {
    ...addressed(stock, key, since),
    body: {
      ...common, line: key, units: open > 0 ? open : takenBy(line),
      message: open > 0
        ? `${open} of ${sku} in order line ${key} were neither shipped nor cancelled since; they stay taken`
        : `order line ${key} of ${sku} is over, and no count of the source says that its number knows of it`,
      heals: open > 0 ? 'its shipment or cancellation at the channel' : 'a count that names it, or that states through which time it knows of orders (ordersIn)',
    },
  };
}
