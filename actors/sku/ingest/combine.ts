/** Rows of one message that are one statement together: lots that add up, totals that are repeated on every row. */
import { isDeepStrictEqual } from 'node:util';
import { comparePositions } from '../position.ts';
import type { Position } from '../protocol.ts';
import { canonical } from './canonical.ts';
import type { CanonicalEvent, SourceFact } from './canonical.ts';
import { MalformedError } from './refusal.ts';
import type { RowOutcome } from './row.ts';

type EventRow = Extract<RowOutcome, { kind: 'event' }>;
type RefusedRow = Extract<RowOutcome, { kind: 'refused' }>;

/**
 * @param how `sum`: units are added, and one bad row refuses its whole sum; `same`: rows repeat one statement; `last`
 * @param tie see `FormSpec`
 * @param seq of the message, for the tie by arrival
 */
export function combine(rows: readonly RowOutcome[], how: 'none' | 'sum' | 'same' | 'last', tie: 'lowest' | 'arrival' | undefined, seq: number): { events: CanonicalEvent[]; refused: RefusedRow[] } {
  const refused = rows.filter(row => row.kind === 'refused');
  const groups = new Map<string, EventRow[]>();
  rows.forEach((row, n) => {
    if (row.kind !== 'event') return;
    const key = how === 'none' ? String(n) : keyOf(row.event);
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  });
  const events: CanonicalEvent[] = [];
  for (const group of groups.values()) {
    const [first] = group as [EventRow];
    try {
      if (how === 'sum') spoiled(first.event, refused);
      const fact = group.length === 1 ? first.event.fact : together(group, how);
      events.push(canonical({ ...first.event, fact: { ...untied(fact, tie, seq) } }));
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      refused.push({ kind: 'refused', row: first.row, raw: first.raw, error });
    }
  }
  return { events, refused };
}

function keyOf({ sku, fact }: CanonicalEvent): string {
  return JSON.stringify([fact.type, sku, locationOf(fact)]);
}

function locationOf(fact: SourceFact): string {
  return 'location' in fact ? fact.location ?? '' : '';
}

/** Without the row that was refused the others would be a wrong total. */
function spoiled({ sku, fact }: CanonicalEvent, refused: readonly RefusedRow[]): void {
  const missing = refused.find(row => row.sku === sku && (row.location === undefined ? row.error.class === 'malformed' || locationOf(fact) === '' : row.location === locationOf(fact)));
  if (missing) throw new MalformedError('quantity', undefined, `cannot be summed: row ${missing.row} of ${sku} is refused (${missing.error.field})`);
}

function together(group: readonly EventRow[], how: 'sum' | 'same' | 'last' | 'none'): SourceFact {
  const facts = group.map(({ event }) => event.fact);
  if (how === 'last') return facts.at(-1)!;
  if (how === 'same') return same(group);
  return facts.reduce(sum);
}

function same(group: readonly EventRow[]): SourceFact {
  const [{ event: { fact } }] = group as [EventRow];
  const other = group.find(({ event }) => !isDeepStrictEqual(event.fact, fact));
  if (!other) return fact;
  const [field, value] = Object.entries(other.event.fact).find(([key, told]) => !isDeepStrictEqual(told, (fact as unknown as Record<string, unknown>)[key]))!;
  throw new MalformedError(field, value, `differs between rows ${group[0]!.row} and ${other.row}, which should repeat one statement`);
}

/** The sum stands where its newest row does; it was counted when its oldest was, if every row says when. */
function sum(a: SourceFact, b: SourceFact): SourceFact {
  if (a.type === 'stock.counted' && b.type === 'stock.counted') {
    const reserved = a.reserved === undefined && b.reserved === undefined ? {} : { reserved: (a.reserved ?? 0) + (b.reserved ?? 0) };
    const imported = a.imported || b.imported ? { imported: [...new Set([...a.imported ?? [], ...b.imported ?? []])] } : {};
    const { countedAt: _countedAt, importedThrough: _through, ...rest } = a;
    return { ...rest, position: later(a.position, b.position), quantity: a.quantity + b.quantity, ...reserved, ...imported, ...earliest('countedAt', a, b), ...earliest('importedThrough', a, b) };
  }
  if ((a.type === 'stock.adjusted' || a.type === 'stock.reserved') && a.type === b.type) return { ...a, position: later(a.position, b.position), delta: a.delta + b.delta };
  throw new MalformedError('type', b.type, 'cannot be summed');
}

function earliest<K extends 'countedAt' | 'importedThrough'>(key: K, a: { [key in K]?: number }, b: { [key in K]?: number }): { [key in K]?: number } {
  const [one, other] = [a[key], b[key]];
  return (one === undefined || other === undefined ? {} : { [key]: Math.min(one, other) }) as { [key in K]?: number };
}

function later(a: Position, b: Position): Position {
  return comparePositions(a, b) < 0 ? b : a;
}

function untied(fact: SourceFact, tie: 'lowest' | 'arrival' | undefined, seq: number): SourceFact {
  if (tie === undefined || !('position' in fact)) return fact;
  const parts = typeof fact.position === 'number' ? [fact.position] : fact.position;
  if (tie === 'arrival') return { ...fact, position: [...parts, seq] };
  return fact.type === 'stock.counted' ? { ...fact, position: [...parts, 0 - fact.quantity] } : fact;
}
