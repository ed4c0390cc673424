/**
 * What must be true of a SKU once everything that was understood has arrived, told from the set of statements and not
 * from their order: written without a look at how the actor folds them.
 */

export interface Statement {
  sku: string;
  location: string;
  /** The source's own version. */
  v: number;
  kind: 'count' | 'adjust';
  /** What there is, or by how much it changed. */
  units: number;
  /** Lines that a count contains. */
  lines?: string[];
}

export interface OrderLine { line: string; units: number; cancelled: boolean }

/** @param order of the source's versions: counted without gaps, or comparable and no more */
export function onHandOf(statements: readonly Statement[], order: 'sequence' | 'monotone'): number | undefined {
  const counts = statements.filter(({ kind }) => kind === 'count');
  if (counts.length === 0) return undefined;
  const newest = Math.max(...counts.map(({ v }) => v));
  // Two counts of one version: the lower one stands.
  const base = Math.min(...counts.filter(({ v }) => v === newest).map(({ units }) => units));
  const changes = new Map(statements.filter(({ kind, v }) => kind === 'adjust' && v > newest).map(({ v, units }) => [v, units]));
  if (order === 'monotone') return [...changes.values()].reduce((sum, units) => sum + units, base);
  let units = base;
  for (let next = newest + 1; changes.has(next); next++) units += changes.get(next)!;
  return units;
}

/** Something is missing before what is known. */
export function isGapped(statements: readonly Statement[]): boolean {
  const versions = new Set(statements.map(({ v }) => v));
  const newest = Math.max(0, ...statements.filter(({ kind }) => kind === 'count').map(({ v }) => v));
  return newest > 0 && Array.from({ length: Math.max(...versions) - newest }, (_, n) => newest + 1 + n).some(v => !versions.has(v));
}

/** What may be sold: what lies at every location, less the lines that no count contains. */
export function availableOf(statements: readonly Statement[], orders: readonly OrderLine[], order: 'sequence' | 'monotone'): number | undefined {
  const places = [...new Set(statements.map(({ location }) => location))];
  const lying = places.map(place => onHandOf(statements.filter(({ location }) => location === place), order)).filter(units => units !== undefined);
  if (lying.length === 0) return undefined;
  const named = new Set(statements.flatMap(({ lines }) => lines ?? []));
  const taken = orders.map(({ line, units, cancelled }) => {
    if (named.has(`${line}#cancelled`)) return 0;
    return (named.has(line) ? 0 : units) - (cancelled ? units : 0);
  });
  return lying.reduce((a, b) => a + b, 0) - taken.reduce((a, b) => a + b, 0);
}
