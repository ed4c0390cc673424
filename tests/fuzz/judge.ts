/** Runs a scenario through the mapping and the real SKU actors, and compares what they hold with the model. */
import { isUtf8 } from 'node:buffer';
import type { CanonicalEvent } from '../../actors/sku/ingest/canonical.ts';
import { compileMapping } from '../../actors/sku/ingest/mapping.ts';
import type { Mapping } from '../../actors/sku/ingest/mapping.ts';
import { mappingSchema } from '../../actors/sku/ingest/spec.ts';
import { lotAt } from '../../actors/sku/lots.ts';
import { known } from '../../actors/sku/stock.ts';
import { nativeMapping } from '../../deploy/cli/source-native.ts';
import { Actor, cancelled, link, placed, start } from '../sku/actor.ts';
import { availableOf, isGapped, onHandOf } from './model.ts';
import type { OrderLine, Statement } from './model.ts';
import { otherSkus } from './raws.ts';
import { historySkus, scenario } from './scenario.ts';
import type { Format, Message } from './scenario.ts';

const tables = { places: { W1: 'main', W2: 'west' } };
const row = { sku: 'sku', location: { value: 'loc', table: 'places' }, quantity: 'q', delta: 'q', imported: 'lines' };
const spec = (form: object, rest: object = {}): Mapping => compileMapping(mappingSchema.parse({
  numbers: { text: true, group: ',' }, tables, policy: { order: 'monotone' }, accepts: { contentTypes: ['application/json', 'text/csv'] }, forms: [{ name: 'rows', ...row, ...form }], ...rest,
}), { source: 'erp', name: 'fuzz' });

const mappings: Readonly<Record<Format, Mapping>> = {
  native: nativeMapping('erp'),
  rows: spec({ each: 'rows', type: 'kind', position: { value: 'v', tie: 'lowest' } }),
  lots: spec({ each: 'rows', combine: 'sum', type: 'count', position: { value: 'v', tie: 'lowest' } }),
  csv: spec({ type: 'count', position: { value: '$number(v)', tie: 'lowest' }, imported: undefined }, { decode: 'csv' }),
};

/** Rows taken and refused, orders, and what is not as it must be. */
export interface Verdict { taken: number; refused: number; orders: number; wrong: string[] }

/** @throws whatever a mapping or an actor throws that is no refusal */
export async function judge(seed: number): Promise<Verdict> {
  const { format, messages } = scenario(seed);
  const order = format === 'native' ? 'sequence' : 'monotone';
  const actors = new Map<string, Actor>();
  const actorOf = (sku: string): Actor => {
    let actor = actors.get(sku);
    if (!actor) actors.set(sku, actor = new Actor({ sources: { erp: { order } } }, sku).tell(link('shop')));
    return actor;
  };
  const verdict: Verdict = { taken: 0, refused: 0, orders: 0, wrong: [] };
  const statements: Statement[] = [];
  const orders = new Map<string, OrderLine & { sku: string }>();
  for (const [n, message] of messages.entries()) {
    if ('means' in message) {
      const { events, refusals } = await read(format, message, n + 1);
      statements.push(...message.means);
      for (const { sku, fact } of events) actorOf(sku).tell(JSON.parse(JSON.stringify(fact)));
      verdict.taken += events.length;
      verdict.refused += refusals;
      const shown = message.bytes.toString().slice(0, 300);
      if (events.length + refusals === 0) verdict.wrong.push(`message ${n} came to nothing: ${shown}`);
      if (!message.flipped && JSON.stringify(events.map(said).sort()) !== JSON.stringify(message.means.map(meant).sort())) verdict.wrong.push(`message ${n} was understood as ${events.map(said).join('; ')}: ${shown}`);
      continue;
    }
    const { order: line, sku, cancel } = message;
    verdict.orders += 1;
    actorOf(sku).tell(cancel ? cancelled(line.line, line.units) : placed(line.line, line.units));
    orders.set(line.line, { ...line, sku });
  }
  // What flipped bytes are about, nobody can say; it must not be any of these.
  const skus = new Set([...statements.map(({ sku }) => sku), ...historySkus, ...otherSkus].filter(sku => actors.has(sku) || statements.some(statement => statement.sku === sku)));
  for (const sku of skus) {
    const told = statements.filter(statement => statement.sku === sku);
    const actor = actorOf(sku).settle();
    const gapped = order === 'sequence' && isGapped(told);
    const expected = availableOf(told, [...orders.values()].filter(line => line.sku === sku), order);
    const { stock } = actor;
    const at = (name: string, is: unknown, wanted: unknown): void => {
      if (is !== wanted) verdict.wrong.push(`${format} ${JSON.stringify(sku)}: ${name} is ${String(is)}, must be ${String(wanted)}`);
    };
    for (const place of new Set(told.map(({ location }) => location))) at(`on hand at '${place}'`, lotAt(stock, place).onHand, onHandOf(told.filter(({ location }) => location === place), order));
    at('available', known(stock), expected);
    if (!gapped) at('shown', actor.intended['shop'], expected === undefined ? undefined : Math.max(0, expected));
  }
  return verdict;
}

const said = ({ sku, fact }: CanonicalEvent): string => {
  const { type, location = '', quantity, delta, imported = [] } = fact as { type: string; location?: string; quantity?: number; delta?: number; imported?: string[] };
  return JSON.stringify([sku, location, type, quantity ?? delta, imported]);
};
const meant = ({ sku, location, kind, units, lines = [] }: Statement): string => JSON.stringify([sku, location, kind === 'count' ? 'stock.counted' : 'stock.adjusted', units, lines]);

async function read(format: Format, { bytes, contentType }: Message, seq: number): Promise<{ events: CanonicalEvent[]; refusals: number }> {
  // As the owner of a source does.
  if (!isUtf8(bytes)) return { events: [], refusals: 1 };
  const { events, refusals, asks, ignored } = await mappings[format].map({ text: bytes.toString(), seq, at: start, contentType });
  if (asks.length > 0 || Object.keys(ignored).length > 0) throw new Error('nothing here is asked for or left out');
  return { events, refusals: refusals.length };
}
