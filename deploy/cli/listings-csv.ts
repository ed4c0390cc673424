/**
 * Listings as a table: a row for each, with its SKU as it stands at the channel and what the account's adapter addresses
 * it by. Which columns these are, each channel's profile says.
 */
import type { Listing } from '../../actors/channel/adapter.ts';
import type { ListingShape } from '../../actors/channel/profile.ts';
import { UsageError } from './exit.ts';
import { RowError } from './rules-csv.ts';

/** Columns that say nothing of a listing: a file of rejected rows may be given back as it is. */
const passedOver = ['line', 'reason', 'account'];

/**
 * The columns that tell fields, of a table with this header.
 *
 * @throws {UsageError} for a column that the channel does not know, or one that is not there and must be
 */
export function fieldColumns(header: readonly string[], channel: string, { fields, open, idOf }: ListingShape): string[] {
  const needed = ['sku', ...(idOf ? [] : ['listing']), ...Object.keys(fields).filter(name => fields[name]!.needed)];
  const known = ['sku', 'listing', ...Object.keys(fields)];
  const told = `a table of listings of ${channel} has ${known.join(', ')}${open ? ' and other fields' : ''}`;
  const missing = needed.find(name => !header.includes(name));
  if (missing !== undefined) throw new UsageError(`column ${JSON.stringify(missing)} is missing: ${told}`);
  const columns = header.filter(name => name !== 'sku' && name !== 'listing' && !passedOver.includes(name));
  const unknown = open ? undefined : columns.find(name => !Object.hasOwn(fields, name));
  if (unknown !== undefined) throw new UsageError(`column ${JSON.stringify(unknown)} is unknown: ${told}`);
  return columns;
}

/** What one row tells. An empty cell is a field that is not there. @throws {RowError} naming field and value */
export function listingOf(cells: Readonly<Record<string, string>>, columns: readonly string[], channel: string, { fields, idOf }: ListingShape): Listing {
  const { sku = '', listing = '' } = cells;
  if (sku === '') throw new RowError('sku: must not be empty, got ""');
  const lacking = Object.keys(fields).find(name => fields[name]!.needed && (cells[name] ?? '') === '');
  if (lacking !== undefined) throw new RowError(`${lacking}: must not be empty at ${channel}, got ""`);
  const told = Object.fromEntries(columns.flatMap(name => (cells[name] ? [[name, cells[name]]] : [])));
  const id = idOf?.(sku, told) ?? listing;
  if (id === '') throw new RowError('listing: must not be empty, got ""');
  if (listing !== '' && listing !== id) throw new RowError(`listing: must be ${JSON.stringify(id)} at ${channel}, as its other columns say, got ${JSON.stringify(listing)}`);
  return { id, sku, fields: told };
}
