/** `plumb listings import --csv`: hands a table of listings to the account's owner, some rows at a time, and keeps what was rejected. */
import type { NatsConnection } from 'nats';
import type { Listing } from '../../actors/channel/adapter.ts';
import type { ImportRecord } from '../../runtime/account/importing.ts';
import { profiles } from '../channels.ts';
import type { CsvRow } from '../doors/files/csv.ts';
import { commandAccount } from './account-command.ts';
import { stageOf } from './compare-tools.ts';
import { FailedError, UsageError } from './exit.ts';
import { fieldColumns, listingOf } from './listings-csv.ts';
import { progress } from './progress.ts';
import { RowError } from './rules-csv.ts';
import { readRows, Rejects } from './table-file.ts';

/** Rows that are handed in together. */
const rowsMost = 50;
const againMs = 1_000;

interface Table {
  digest: string;
  header: string[];
  rows: { row: CsvRow; listing: Listing }[];
  /** Those that tell no listing. */
  broken: { row: CsvRow; why: string }[];
}

/**
 * Resolves when every row is linked or rejected.
 *
 * @throws {UsageError} for a file that is no table of listings
 * @throws {FailedError} when rows were rejected, or the account does not allow what is needed
 */
export async function importTable(connection: NatsConnection, account: string, file: string, rejectedFile: string, by: string): Promise<void> {
  const { channel } = await stageOf(connection, account);
  const { digest, header, rows, broken } = await readTable(file, channel);
  if (rows.length === 0 && broken.length === 0) throw new UsageError(`${file}: has no rows`);
  let state = rows.length === 0 ? undefined : (await commandAccount<{ import: ImportRecord }>(connection, account, `import table ${JSON.stringify({ digest, of: rows.length })} ${by}`)).import;
  const rejects = await Rejects.open(rejectedFile, header, (state?.seen ?? 0) > 0);
  for (const { row, why } of broken) await rejects.add(row, why);
  const shown = progress(`listings of ${account}`);
  const take = async ({ table }: ImportRecord): Promise<void> => { for (const { at, why } of table?.rejected ?? []) await rejects.add(rows[at]!.row, why); };
  // An answer may have been lost with the command that waited for it.
  if (state) await take(state);
  while (state && state.endedAt === undefined) {
    const { seen: from, beganAt } = state;
    shown.update(from, rows.length);
    const chunk = rows.slice(from, from + rowsMost).map(({ listing }) => listing);
    state = (await commandAccount<{ import: ImportRecord }>(connection, account, `import rows ${JSON.stringify({ from, rows: chunk })}`)).import;
    if (state.beganAt !== beganAt) throw new FailedError(`${account}: another import has begun: ask again`);
    if (state.seen !== from) await take(state);
    else {
      if (state.trouble !== undefined) process.stderr.write(`${account}: ${state.trouble}; trying again\n`);
      await new Promise(resolve => setTimeout(resolve, againMs));
    }
  }
  shown.stop();
  const { linked = 0, refused = [] } = state ?? {};
  process.stdout.write(`${account}: ${rows.length + broken.length} rows, ${linked} linked, ${rows.length + broken.length - linked} not\n`);
  for (const told of refused) process.stdout.write(`  the account does not allow what is needed: ${told}\n`);
  if (rejects.first !== undefined) throw new FailedError(`rows that are not linked are in ${rejectedFile}, with reasons; the first: ${rejects.first}`);
  if (refused.length > 0) throw new FailedError(`the account ${account} does not allow what is needed`);
}

/** @throws {UsageError} */
async function readTable(file: string, channel: string): Promise<Table> {
  const profile = profiles[channel];
  if (!profile) throw new FailedError(`${JSON.stringify(channel)} is no channel that this version knows`);
  const rows: Table['rows'] = [];
  const broken: Table['broken'] = [];
  let columns: string[] = [];
  const { digest, header, rows: read } = await readRows(file, names => { columns = fieldColumns(names, channel, profile.listing); });
  for (const row of read) {
    try {
      if ('reason' in row) throw new RowError(row.reason);
      rows.push({ row, listing: listingOf(row.value, columns, channel, profile.listing) });
    } catch (error) {
      if (!(error instanceof RowError)) throw error;
      broken.push({ row, why: error.message });
    }
  }
  return { digest, header, rows, broken };
}
