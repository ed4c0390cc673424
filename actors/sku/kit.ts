/**
 * A SKU that is made of others: as many as its parts make up, as they told last, less what they were told since and
 * have not heard. It tells each part of every order line, under a name of its own (parts.ts is the other side). Pure.
 */
import { inOrder, put } from '../own-keys.ts';
import { kitsOf, lineOfKit, orderLineOf } from './contained.ts';
import { backOf } from './lines.ts';
import { comparePositions } from './position.ts';
import type { Kit, KitFact, KitTalk, Line, Message, OrderFact, Place, Stock } from './protocol.ts';

/** Where a SKU's journal is; undefined for a name that can have none. */
export type AddressOf = (sku: string) => string[] | undefined;

export interface KitStep { stock: Stock; says: Message[] }

export function isKit(stock: Stock): stock is Stock & { kit: Kit } {
  return stock.kit !== undefined && stock.kit.def > 0;
}

/** The parts of the definition in force. */
export function partsOf({ def, defs }: Kit): Record<string, number> {
  return defs[def] ?? {};
}

/**
 * How many can be made, of what lies in all or at a set of locations. Undefined while a part was never counted, unless
 * another one makes up none.
 */
export function kitUnits(kit: Kit, set?: readonly string[]): number | undefined {
  if (kit.broken) return 0;
  const key = set && setKey(set);
  let least = Infinity;
  let unknown = false;
  for (const [part, each] of Object.entries(partsOf(kit))) {
    const { units, inSets = {}, pending } = kit.parts[part]!;
    const available = key === undefined ? units : inSets[key];
    if (available === undefined) unknown = true;
    else least = Math.min(least, Math.floor((available - pending.reduce((sum, [, taken]) => sum + taken, 0)) / each));
  }
  if (unknown) return least <= 0 ? 0 : undefined;
  return least;
}

export function setKey(set: readonly string[]): string {
  return JSON.stringify([...set].sort());
}

/** Why a definition cannot be: what of it is wrong. */
export function wrongWith(stock: Stock, { parts }: KitFact, addressOf: AddressOf): string | undefined {
  const above = aboveOf(stock);
  for (const [part, units] of inOrder(parts)) {
    if (part === stock.sku) return `${part} is a part of itself`;
    if (above.includes(part)) return `its part ${part} is made of ${stock.sku}`;
    if (!Number.isSafeInteger(units) || units < 1) return `${units} of ${part} are no whole number of units`;
    if (addressOf(part) === undefined) return `its part ${JSON.stringify(part.slice(0, 120))} is no SKU that can be kept`;
  }
  return undefined;
}

/** Takes a definition that is newer than the one in force, and tells the parts of both. @returns undefined where it is older */
export function defineKit(stock: Stock, fact: KitFact, place: Place, addressOf: AddressOf): KitStep | undefined {
  const { kit, sku } = stock;
  if (kit && comparePositions(fact.position, kit.position) <= 0) return undefined;
  const { source, position } = fact;
  const def = Object.keys(fact.parts).length === 0 ? 0 : Math.max(0, ...Object.keys(kit?.defs ?? {}).map(Number)) + 1;
  const parts = { ...kit?.parts };
  for (const part of Object.keys(fact.parts)) if (!Object.hasOwn(parts, part)) put(parts, part, { version: 0, told: 0, pending: [] });
  let next: Stock = { ...stock, kit: { source, position, def, defs: { ...kit?.defs, ...(def > 0 && { [def]: fact.parts }) }, parts } };
  const says: Message[] = [];
  // What was sold before anybody counted the SKU, or said what it is made of, was of these parts.
  if (def > 0 && !isKit(stock) && stock.onHand === undefined && stock.lots === undefined) {
    for (const [id, line] of inOrder(stock.lines)) {
      if (line.def !== undefined) continue;
      next = { ...next, lines: { ...next.lines, [id]: { ...line, def } } };
      const told = tellLine(next, undefined, id, place, addressOf);
      next = told.stock;
      says.push(...told.says);
    }
  }
  const gone = kit ? inOrder(partsOf(kit)).flatMap(([part]) => (Object.hasOwn(fact.parts, part) ? [] : [part])) : [];
  return { stock: next, says: [...says, ...gone.flatMap(part => use(sku, part, 0, [], [], place, addressOf)), ...useParts(next, place, addressOf)] };
}

/** Tells every part of the definition in force that it is one. */
export function useParts(stock: Stock, place: Place, addressOf: AddressOf): Message[] {
  if (!isKit(stock)) return [];
  const above = aboveOf(stock);
  return inOrder(partsOf(stock.kit)).flatMap(([part, units]) => use(stock.sku, part, units, above, setsOf(stock), place, addressOf));
}

function use(kit: string, part: string, units: number, above: string[], sets: string[][], place: Place, addressOf: AddressOf): Message[] {
  return say(part, `used:${kit}:${part}:${place.seq}`, { type: 'part.used', kit, version: place.seq, units, above, sets }, place, addressOf);
}

/** Sets of locations that the kit's channels are limited to. */
export function setsOf({ outlets }: Stock): string[][] {
  const sets = new Map(Object.values(outlets).flatMap(({ rule: { locations } }) => (locations ? [[setKey(locations), [...locations].sort()] as const] : [])));
  return [...sets].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, set]) => set);
}

/** Every kit that is made of this SKU, all the way up. */
export function aboveOf({ kits = {} }: Stock): string[] {
  return [...new Set(Object.entries(kits).flatMap(([kit, { units, above }]) => (units > 0 ? [kit, ...above] : [])))].sort();
}

/** Tells the parts what has become of an order line. @param before the line as the parts know it */
export function tellLine(stock: Stock, before: Line | undefined, id: string, place: Place, addressOf: AddressOf): KitStep {
  const line = stock.lines[id]!;
  const { kit, sku } = stock;
  const parts = line.def === undefined ? undefined : kit?.defs[line.def];
  if (!kit || !parts) return { stock, says: [] };
  const above = kitsOf(id);
  const told = { ...kit.parts };
  const says: Message[] = [];
  for (const [part, each] of inOrder(parts)) {
    // A line never comes back to where it came from.
    if (part === sku || above.includes(part) || above.includes(sku)) continue;
    let seen = told[part]!;
    const taken = (takes(line) - (before ? takes(before) : 0)) * each;
    for (const statement of statementsOf(before, line)) {
      seen = { ...seen, told: seen.told + 1 };
      const fact = { ...statement, account: orderAccount(id), line: lineOfKit(sku, id), units: statement.units * each, kit: { sku, told: seen.told } } as OrderFact;
      says.push(...say(part, `kit:${sku}:${part}:${seen.told}`, fact, place, addressOf));
    }
    // The last statement carries it: once that is heard, all are.
    if (taken > 0) seen = { ...seen, pending: [...seen.pending, [seen.told, taken]] };
    put(told, part, seen);
  }
  return { stock: { ...stock, kit: { ...kit, parts: told } }, says };
}

/** What is new of a line, as cumulative statements; the order itself first. */
function statementsOf(before: Line | undefined, { units, cancelled, shipped, returned, createdAt }: Line): { type: OrderFact['type']; units: number; createdAt?: number }[] {
  const statements: { type: OrderFact['type']; units: number; createdAt?: number }[] = [];
  // A time that is none is unknown to the part as well.
  const implied = createdAt === undefined && units <= Math.max(cancelled ?? 0, shipped ?? 0, returned ?? 0);
  if (!implied && (before?.createdAt !== createdAt || before?.units !== units)) statements.push({ type: 'order.placed', units, createdAt: createdAt ?? -1 });
  if (cancelled !== undefined && before?.cancelled !== cancelled) statements.push({ type: 'order.cancelled', units: cancelled });
  if (shipped !== undefined && before?.shipped !== shipped) statements.push({ type: 'order.shipped', units: shipped });
  if (returned !== undefined && before?.returned !== returned) statements.push({ type: 'order.returned', units: returned });
  return statements;
}

function takes(line: Line): number {
  return line.units - backOf(line);
}

function orderAccount(id: string): string {
  const line = orderLineOf(id);
  return line.slice(0, line.indexOf('/'));
}

/** What a part tells of itself: the newest counts. */
export function hearPart(stock: Stock, { part, version, units, inSets, heard }: Extract<KitTalk, { type: 'part.available' }>): Stock {
  const { kit } = stock;
  const seen = kit && Object.hasOwn(kit.parts, part) ? kit.parts[part] : undefined;
  if (!kit || !seen || version <= seen.version) return stock;
  const { told, pending } = seen;
  const next = { version, ...(units !== undefined && { units }), ...(inSets && { inSets }), told, pending: pending.filter(([n]) => n > heard) };
  return { ...stock, kit: { ...kit, parts: { ...kit.parts, [part]: next } } };
}

export function say(sku: string, id: string, body: object, { correlation }: Place, addressOf: AddressOf): Message[] {
  const to = addressOf(sku);
  return to ? [{ to, id, body, correlation }] : [];
}
