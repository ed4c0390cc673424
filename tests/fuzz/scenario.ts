/** One made-up source: a history of statements, told in messages that are bent, broken, repeated, lost and out of order. */
import { Dice } from '../../deploy/demo/dice.ts';
import type { OrderLine, Statement } from './model.ts';
import { badKinds, badMessages, badNativeSkus, badPlaces, badSkus, badVersions, cells, nativeQuantities, otherSkus, quantities } from './raws.ts';
import type { Judged } from './raws.ts';

export type Format = 'native' | 'rows' | 'lots' | 'csv';

export interface Message {
  bytes: Buffer;
  contentType: string;
  /** What of it must be understood, and nothing else. */
  means: Statement[];
  /** Bytes of it were flipped: what it says now, nobody knows. */
  flipped?: true;
}

export interface Scenario {
  format: Format;
  /** As they arrive. */
  messages: (Message | { order: OrderLine; sku: string; cancel: boolean })[];
}

export const historySkus = ['A', 'B', '85123A'];
const places: Readonly<Record<string, string>> = { W1: 'main', W2: 'west' };

export function scenario(seed: number): Scenario {
  const dice = new Dice(seed, 'fuzz');
  const one = <T>(items: readonly T[]): T => items[dice.between(0, items.length - 1)]!;
  const format = one(['native', 'rows', 'rows', 'lots', 'csv'] as const);
  const orders = historySkus.flatMap(sku => Array.from({ length: dice.between(0, 4) }, (_, n) => ({ sku, order: { line: `shop/${sku}-${n}/1`, units: dice.between(1, 5), cancelled: dice.chance(0.3) } })));
  const history = makeHistory(dice, format, orders);
  const told = format === 'lots' ? lots(dice, history) : messagesOf(dice, format, history);
  const messages = [...told, ...noise(dice, format)];
  const arrivals: Scenario['messages'] = [
    ...messages.filter(() => !dice.chance(0.05)).flatMap(message => (dice.chance(0.2) ? [message, message] : [message])),
    ...orders.flatMap(({ sku, order }) => [{ order, sku, cancel: false }, ...(order.cancelled ? [{ order, sku, cancel: true }] : [])]),
  ];
  const window = one([1, 3, 20, 1_000]);
  const at = new Map(arrivals.map((arrival, n) => [arrival, n + dice.next() * window]));
  const shuffled = arrivals.toSorted((a, b) => at.get(a)! - at.get(b)!);
  // The whole history once more from its start.
  return { format, messages: dice.chance(0.1) ? [...shuffled, ...messages] : shuffled };
}

function makeHistory(dice: Dice, format: Format, orders: readonly { sku: string; order: OrderLine }[]): Statement[] {
  const all: Statement[] = [];
  for (const sku of historySkus) {
    const locations = format === 'native' || format === 'lots' ? [''] : ['W1', 'W2'];
    for (const location of locations) {
      let v = 0;
      for (let n = dice.between(1, 12); n > 0; n--) {
        v += format === 'native' ? 1 : dice.between(1, 5);
        const kind = format === 'lots' || format === 'csv' || dice.chance(0.4) ? 'count' : 'adjust';
        const names = orders.filter(each => each.sku === sku && dice.chance(0.3)).map(({ order }) => (order.cancelled && dice.chance(0.5) ? `${order.line}#cancelled` : order.line));
        const lines = kind === 'count' && (format === 'native' || format === 'rows') && names.length > 0 ? { lines: names } : {};
        all.push({ sku, location, v, kind, units: kind === 'count' ? dice.between(-3, 40) : dice.between(-6, 6), ...lines });
        // A clock too coarse to tell two counts apart.
        if (kind === 'count' && format !== 'native' && dice.chance(0.1)) all.push({ ...all.at(-1)!, units: dice.between(0, 40) });
      }
    }
  }
  return all;
}

type Row = Record<string, string | undefined>;
interface Told { row: Row; means: Statement | undefined }

function rowOf(format: Format, { sku, location, v, kind, units, lines }: Statement, n: number): Row {
  const lined = lines && { [format === 'native' ? 'imported' : 'lines']: JSON.stringify(lines) };
  if (format === 'native') return { id: `"n${n}"`, sku: JSON.stringify(sku), type: `"${kind}"`, version: String(v), [kind === 'count' ? 'quantity' : 'delta']: String(units), ...lined };
  if (format === 'csv') return { sku: cell(sku), loc: location, v: String(v), q: String(units) };
  return { sku: JSON.stringify(sku), loc: JSON.stringify(location), v: String(v), kind: `"${kind}"`, q: n % 2 === 0 ? String(units) : `"${units}"`, ...lined };
}

const cell = (text: string): string => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
const main = (statement: Statement): Statement => ({ ...statement, location: places[statement.location] ?? statement.location });

/** A row as it is, or with one field that is not. */
function bent(dice: Dice, format: Format, statement: Statement, n: number): Told {
  const row = rowOf(format, statement, n);
  const means = main(statement);
  if (!dice.chance(0.25)) return { row, means };
  const one = <T>(items: readonly T[]): T => items[dice.between(0, items.length - 1)]!;
  const judged = (field: string, [raw, units]: Judged<number>): Told => ({ row: { ...row, [field]: raw }, means: units === undefined ? undefined : { ...means, units } });
  const refused = (field: string, raw: string | undefined): Told => ({ row: { ...row, [field]: raw }, means: undefined });
  // Its own version, so that the same statement is not told in two ways.
  if (format === 'csv') {
    return one([
      () => judged('q', one(cells.filter(([, units]) => units === undefined || units === statement.units))),
      () => refused('v', one(['', 'abc', '1.5', '-1'])),
      () => refused('loc', one(['', 'W9', 'w1', 'constructor'])),
      () => refused('sku', one(['', '   '])),
      () => { const sku = one(otherSkus); return { row: { ...row, sku: cell(sku) }, means: { ...means, sku } }; },
    ])();
  }
  const isNative = format === 'native';
  const number = isNative ? (statement.kind === 'count' ? 'quantity' : 'delta') : 'q';
  return one([
    () => judged(number, one((isNative ? nativeQuantities : quantities).filter(([, units]) => units === undefined || units === statement.units))),
    () => refused(isNative ? 'version' : 'v', one(isNative ? ['0', ...badVersions.filter(raw => raw !== undefined)] : badVersions)),
    () => refused('sku', one(isNative ? badNativeSkus : badSkus)),
    () => { const sku = one(otherSkus); return { row: { ...row, sku: JSON.stringify(sku) }, means: { ...means, sku } }; },
    () => refused(isNative ? 'type' : 'kind', one(badKinds)),
    () => (isNative ? { row: { ...row, loc: '"W9"' }, means } : refused('loc', one(badPlaces))),
    () => ({ row: { ...row, colour: '"red"', nested: `${'['.repeat(500)}${']'.repeat(500)}` }, means }),
    () => ({ row: { ...row, [`${number}x`]: 'null' }, means }),
    () => refused(isNative ? 'imported' : 'lines', statement.kind === 'count' ? one(isNative ? ['5', '[""]'] : ['5', '["a\\n"]']) : undefined),
  ].slice(0, statement.kind === 'count' ? 9 : 8))();
}

function text(format: Format, rows: readonly Row[]): string {
  if (format === 'csv') return `sku,loc,v,q\n${rows.map(row => `${['sku', 'loc', 'v', 'q'].map(field => row[field] ?? '').join(',')}\n`).join('')}`;
  const objects = rows.map(row => `{${Object.entries(row).filter(([, raw]) => raw !== undefined).map(([field, raw]) => `${JSON.stringify(field)}:${raw}`).join(',')}}`);
  return format === 'native' ? objects[0]! : `{"rows":[${objects.join(',')}]}`;
}

function messagesOf(dice: Dice, format: Format, history: readonly Statement[]): Message[] {
  const rows = history.map((statement, n) => bent(dice, format, statement, n));
  const messages: Message[] = [];
  for (let n = 0; n < rows.length;) {
    const many = format === 'native' ? 1 : dice.between(1, 4);
    messages.push(broken(dice, format, rows.slice(n, n + many)));
    n += many;
  }
  return messages;
}

const typeOf = (format: Format): string => (format === 'csv' ? 'text/csv' : 'application/json');

/** A message as it is, or damaged as a whole. */
function broken(dice: Dice, format: Format, rows: readonly Told[]): Message {
  const whole = text(format, rows.map(({ row }) => row));
  const means = rows.flatMap(each => each.means ?? []);
  const contentType = typeOf(format);
  const good = { bytes: Buffer.from(whole), contentType, means };
  if (!dice.chance(0.12)) return good;
  const damage = dice.between(0, 3);
  // What is cut off a CSV leaves whole lines; no line may be half of one.
  if (damage === 0 && format !== 'csv') return { ...good, bytes: Buffer.from(whole.slice(0, dice.between(0, whole.length - 1))), means: [] };
  if (damage === 1) return { ...good, bytes: Buffer.concat([Buffer.from(whole.slice(0, 12)), Buffer.from([0xc3, 0x28]), Buffer.from(whole.slice(12))]), means: [] };
  if (damage === 2 && format !== 'native') return { ...good, contentType: 'text/html', means: [] };
  if (damage === 3 && format !== 'csv') return { ...good, bytes: Buffer.from(`\n\t ${whole} \r\n`) };
  return good;
}

/** Snapshots of all that lies somewhere, in lots: one that cannot be read spoils its SKU's sum. */
function lots(dice: Dice, history: readonly Statement[]): Message[] {
  return history.map((statement, n) => {
    const first = dice.between(-5, 20);
    const parts = [first, dice.between(0, 3), 0];
    parts[2] = statement.units - parts[0]! - parts[1]!;
    const rows = parts.map((units, part) => ({ ...rowOf('lots', { ...statement, location: 'W1', units }, n + part) }));
    const spoiled = dice.chance(0.2);
    const raw = spoiled ? quantities.filter(([, units]) => units === undefined)[dice.between(0, 27)]![0] : undefined;
    if (spoiled) rows[dice.between(0, 2)]!['q'] = raw;
    return { bytes: Buffer.from(text('lots', rows)), contentType: 'application/json', means: spoiled ? [] : [{ ...statement, location: 'main' }] };
  });
}

/** Messages that say nothing, and ones of which bytes were flipped, about SKUs that nobody judges. */
function noise(dice: Dice, format: Format): Message[] {
  const contentType = typeOf(format);
  const nothing = Array.from({ length: dice.between(0, 4) }, () => ({ bytes: Buffer.from(format === 'csv' ? '' : badMessages[dice.between(0, badMessages.length - 1)]!), contentType, means: [] }));
  const flipped = Array.from({ length: dice.between(0, 4) }, (_, n) => {
    const row = rowOf(format, { sku: `NOISE-${n}`, location: format === 'native' ? '' : 'W1', v: n + 1, kind: 'count', units: 7 }, n);
    const bytes = Buffer.from(text(format, [row]));
    for (let flips = dice.between(1, 4); flips > 0; flips--) bytes[dice.between(0, bytes.length - 1)]! ^= 1 << dice.between(0, 7);
    return { bytes, contentType, means: [], flipped: true as const };
  });
  return [...nothing, ...flipped];
}
