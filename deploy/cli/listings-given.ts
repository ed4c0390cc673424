/** `plumb listings match --from`: people say which SKU a listing is of, in the table that the same command wrote. */
import type { NatsConnection } from 'nats';
import type { Match, Matched } from '../../runtime/account/matching.ts';
import type { CsvRow } from '../doors/files/csv.ts';
import { commandAccount } from './account-command.ts';
import { FailedError, UsageError } from './exit.ts';
import { readSkus } from './listing-matches.ts';
import { progress } from './progress.ts';
import { readRows, Rejects } from './table-file.ts';

/** Rows of one command. */
const rowsMost = 100;
const needed = ['sku', 'listing', 'is'];

/** A row in which somebody has said something, and where it is from. */
export interface GivenRow { row: CsvRow; account: string; match: Match }

/**
 * Resolves when every row that says something is obeyed or refused.
 *
 * @param which an account's name, or all
 * @param by who says so; undefined only tells what would become of it
 * @throws {UsageError} for a file that is no such table
 * @throws {FailedError} when rows were refused
 */
export async function matchFrom(connection: NatsConnection, which: string, file: string, rejectedFile: string, by: string | undefined): Promise<void> {
  const { header, rows } = await readRows(file, names => {
    const missing = needed.find(name => !names.includes(name));
    if (missing !== undefined) throw new UsageError(`column ${JSON.stringify(missing)} is missing: "plumb listings match --csv" writes such a table`);
    if (which === 'all' && !names.includes('account')) throw new UsageError('column "account" is missing: for all accounts each row must name its own');
  });
  const { given, refused, silent } = sorted(rows, which);
  const rejects = await Rejects.open(rejectedFile, header, false);
  for (const [row, why] of refused) await rejects.add(row, why);
  const count = { matched: 0, waits: 0, kept: 0, refused: refused.length };
  const shown = progress('rows');
  let done = 0;
  for (const [account, of] of Map.groupBy(given, ({ account: name }) => name)) {
    const { counted } = await readSkus(connection, account);
    const known: GivenRow[] = [];
    for (const each of of) {
      const why = counted.has(each.match.is) ? undefined : `is: ${JSON.stringify(each.match.is)} is no SKU that a source has counted`;
      if (why === undefined) known.push(each);
      else await rejects.add(each.row, why);
    }
    count.refused += of.length - known.length;
    for (let n = 0; n < known.length; n += rowsMost) {
      const some = known.slice(n, n + rowsMost);
      const text = JSON.stringify(some.map(({ match }) => match));
      const { matched } = await commandAccount<{ matched: Matched[] }>(connection, account, by === undefined ? `match? ${text}` : `match ${text} ${by}`);
      for (const [at, told] of matched.entries()) {
        count[told.kind] += 1;
        if (told.kind === 'refused') await rejects.add(some[at]!.row, told.why);
      }
      shown.update(done += some.length, given.length);
    }
  }
  shown.stop();
  const waiting = count.waits === 0 ? '' : `, ${count.waits} ${by === undefined ? 'would be linked' : 'are linked'} by the next import`;
  process.stdout.write(`${rows.length} rows: ${count.matched} ${by === undefined ? 'would be matched' : 'matched'}${waiting}, ${count.kept} as they were, ${silent} say nothing, ${count.refused} refused\n`);
  if (rejects.first !== undefined) throw new FailedError(`refused rows are in ${rejectedFile}, with reasons; the first: ${rejects.first}`);
}

/** Rows that say something, those that cannot be meant, and how many say nothing. Pure. */
export function sorted(rows: readonly CsvRow[], which: string): { given: GivenRow[]; refused: [CsvRow, string][]; silent: number } {
  const all: GivenRow[] = [];
  const refused: [CsvRow, string][] = [];
  let silent = 0;
  for (const row of rows) {
    if ('reason' in row) {
      refused.push([row, row.reason]);
      continue;
    }
    const { account = which, listing = '', sku = '', is = '' } = row.value;
    if (is === '') silent += 1;
    else if (which !== 'all' && account !== which) refused.push([row, `account: must be ${JSON.stringify(which)}, got ${JSON.stringify(account)}`]);
    else if (listing === '') refused.push([row, 'listing: must not be empty where "is" says something, got ""']);
    else all.push({ row, account, match: { listing, sku, is } });
  }
  const by = (keyOf: (each: GivenRow) => string): Map<string, GivenRow[]> => Map.groupBy(all, each => JSON.stringify([each.account, keyOf(each)]));
  const [listings, skus] = [by(({ match }) => match.listing), by(({ match }) => match.is)];
  const lines = (some: readonly GivenRow[]): string => some.map(({ row }) => row.line).join(', ');
  const given = all.filter(each => {
    const { row, account, match: { listing, is } } = each;
    const same = listings.get(JSON.stringify([account, listing]))!;
    const twins = skus.get(JSON.stringify([account, is]))!;
    const why = same.length > 1 ? `listing: ${JSON.stringify(listing)} is in lines ${lines(same)}, got ${same.map(({ match }) => JSON.stringify(match.is)).join(' and ')}: one row for a listing`
      : twins.length > 1 ? `is: ${JSON.stringify(is)} is given to listings ${twins.map(({ match }) => match.listing).join(' and ')} in lines ${lines(twins)}: one account sells a SKU under one listing`
        : undefined;
    if (why !== undefined) refused.push([row, why]);
    return why === undefined;
  });
  return { given, refused, silent };
}
