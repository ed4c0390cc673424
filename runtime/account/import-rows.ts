/** Listings that a table names, read one by one where the channel's own list is not gone through. */
import type { Listing, Operation, ReadOutcome, Reading } from '../../actors/channel/adapter.ts';
import { TerminalError } from '../../actors/errors.ts';
import type { Desk } from './ports.ts';

/** `read`: to be linked. `linked`: it is, as it stands. `duplicate`: another listing, which is still there, has its SKU. */
export type RowOutcome = { kind: 'read'; reading: Reading } | { kind: 'linked' } | { kind: 'duplicate'; first: string } | { kind: 'rejected'; why: string };

/** @throws {RangeError} naming field and value */
export function rowsOf(given: unknown): Listing[] {
  if (!Array.isArray(given) || given.length === 0) throw new RangeError(`rows: must be a list of listings, got ${JSON.stringify(given)?.slice(0, 200)}`);
  return given.map((row, n): Listing => {
    const { id, sku, fields } = (row ?? {}) as Record<string, unknown>;
    for (const [name, value] of [['id', id], ['sku', sku]] as const) {
      if (typeof value !== 'string' || value === '') throw new RangeError(`rows[${n}].${name}: must be a text that is not empty, got ${JSON.stringify(value)}`);
    }
    if (typeof fields !== 'object' || fields === null || Object.values(fields).some(value => typeof value !== 'string')) throw new RangeError(`rows[${n}].fields: must be texts by name, got ${JSON.stringify(fields)}`);
    return { id: id as string, sku: sku as string, fields: fields as Record<string, string> };
  });
}

/**
 * Reads what is not linked as it stands, one outcome for each. Another listing that the SKU has is read too: while it is
 * there, this one is a second of the same SKU.
 *
 * @param pay resolves when one more call may be made
 * @throws what the adapter throws, a refusal of a single listing apart
 */
export async function readRows(desk: Desk, pay: (operation: Operation) => Promise<void>, listings: readonly Listing[]): Promise<RowOutcome[]> {
  const { pairs } = desk;
  const holderOf = (id: string): string | undefined => {
    const sku = pairs.skuOf(id);
    return sku !== undefined && pairs.peek(sku)?.linked.id === id ? sku : undefined;
  };
  const asIs = (listing: Listing): boolean => {
    const linked = pairs.peek(listing.sku)?.linked;
    return linked?.id === listing.id && Object.entries(listing.fields).every(([name, value]) => linked.fields[name] === value);
  };
  const other = (listing: Listing): Listing | undefined => {
    const pair = pairs.peek(listing.sku);
    return pair && pair.linked.id !== listing.id ? pair.listing : undefined;
  };
  const isElsewhere = ({ id, sku }: Listing): boolean => (holderOf(id) ?? sku) !== sku;
  const wanted = listings.filter(listing => !isElsewhere(listing) && !asIs(listing));
  const read = await readEach(desk, pay, [...wanted, ...wanted.flatMap(listing => other(listing) ?? [])]);
  return listings.map((listing): RowOutcome => {
    const { id, sku } = listing;
    if (isElsewhere(listing)) return { kind: 'rejected', why: `listing: ${JSON.stringify(id)} is linked to SKU ${JSON.stringify(holderOf(id))}, got SKU ${JSON.stringify(sku)}` };
    const outcome = read.get(id);
    if (!outcome) return { kind: 'linked' };
    if (outcome.kind !== 'read') return { kind: 'rejected', why: `listing: ${JSON.stringify(id)} ${outcome.kind === 'missing' ? 'is not there' : 'could not be read'}: ${outcome.message} (${outcome.code})` };
    const former = other(listing);
    if (former && read.get(former.id)?.kind !== 'missing') return { kind: 'duplicate', first: former.id };
    // As the table names it: an adapter may tell more fields, never another listing.
    return { kind: 'read', reading: { ...outcome.reading, listing: { ...outcome.reading.listing, id, sku } } };
  });
}

/** Outcomes by listing id. */
async function readEach({ ports: { adapter }, call }: Desk, pay: (operation: Operation) => Promise<void>, listings: readonly Listing[]): Promise<Map<string, ReadOutcome>> {
  const found = new Map<string, ReadOutcome>();
  const refused = (listing: Listing, { code = 'refused', message }: TerminalError): void => void found.set(listing.id, { kind: 'failed', listing, code, message });
  const groups = new Map<string, { operation: Operation; listings: Listing[] }>();
  for (const listing of new Map(listings.map(each => [each.id, each])).values()) {
    let operation: Operation;
    try {
      operation = adapter.readOperation?.(listing) ?? adapter.operations.read;
    } catch (error) {
      if (!(error instanceof TerminalError)) throw error;
      refused(listing, error);
      continue;
    }
    const key = `${operation.limit} ${operation.batch}`;
    const group = groups.get(key) ?? { operation, listings: [] };
    group.listings.push(listing);
    groups.set(key, group);
  }
  const read = async (operation: Operation, some: readonly Listing[]): Promise<void> => {
    await pay(operation);
    try {
      for (const outcome of await call(operation.limit, [], told => adapter.read(some, told))) found.set((outcome.kind === 'read' ? outcome.reading.listing : outcome.listing).id, outcome);
    } catch (error) {
      if (!(error instanceof TerminalError)) throw error;
      const [listing, ...others] = some as [Listing, ...Listing[]];
      if (others.length > 0) for (const one of some) await read(operation, [one]);
      else refused(listing, error);
    }
  };
  for (const { operation, listings: all } of groups.values()) {
    for (let n = 0; n < all.length; n += operation.batch) await read(operation, all.slice(n, n + operation.batch));
  }
  return found;
}
