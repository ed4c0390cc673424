/** `plumb listings`: reads what a channel lists, and matches it with the SKUs that sources tell of. */
import { userInfo } from 'node:os';
import { Command } from 'commander';
import type { NatsConnection } from 'nats';
import type { ImportRecord } from '../../runtime/account/importing.ts';
import { commandAccount } from './account-command.ts';
import { accountsOf, natsFlag, stageOf, table, withBroker, writeCsv } from './compare-tools.ts';
import { FailedError, UsageError } from './exit.ts';
import { progress } from './progress.ts';

interface Nats { nats?: string }

const lookEveryMs = 250;
const matchColumns = ['sku', 'account', 'listing', 'match', 'candidates', 'others', 'why', 'is'] as const;

export function listingsCommand(): Command {
  const listings = new Command('listings').description('Imports what channels list, and shows what of it is matched with a SKU.');
  listings.command('import')
    .description('Reads the whole list of listings of an account, and links each to its SKU. Writes nothing to the channel.')
    .argument('<account>', 'its name, or all')
    .option('--csv <file>', 'the listings of this table, not the channel\'s own list; docs/channels.md names each channel\'s columns')
    .option('--rejected <file>', 'where rows that were not linked go, with reasons (default: the file\'s name and .rejected.csv)')
    .option('--by <name>', 'who does it, for the journal', userInfo().username)
    .option(...natsFlag)
    .addHelpText('after', '\nIt goes on at the node when this command is interrupted, and with a next node from the page where it stood: ask again to\nsee how far it is. With --csv give the same file again: it goes on at the row where it stood. Exit code 1 when listings could not be linked, or the account does not allow what is needed.')
    .action(importAll);
  listings.command('match')
    .description('Listings by how they match SKUs that sources have counted: matched, unmatched, ambiguous, many-to-one, duplicate; and SKUs without a listing.')
    .argument('<account>', 'its name, or all')
    .option('--csv <file>', 'every row; - is stdout')
    .option('--json', 'a line of JSON for each row that is not matched')
    .option('--from <file>', 'such a file back, with the SKU that a listing is of in its column "is"')
    .option('--dry-run', 'with --from: only tells what would become of it')
    .option('--rejected <file>', 'with --from: where refused rows go, with reasons (default: the file\'s name and .rejected.csv)')
    .option('--by <name>', 'with --from: who says so, for the journal', userInfo().username)
    .option(...natsFlag)
    .addHelpText('after', `
With --from a listing that is linked to its own SKU at the channel becomes that of another one, which a source has counted:
orders of it are told there, and it is written as that one. Refused while either is live; exit code 1 when rows were refused.`)
    .action(match);
  return listings;
}

async function importAll(which: string, { by, csv, rejected, ...options }: Nats & { by: string; csv?: string; rejected?: string }): Promise<void> {
  if (csv !== undefined) {
    if (which === 'all') throw new UsageError('--csv is the table of one account: give its name, got all');
    if (rejected === csv) throw new UsageError(`--rejected: must be another file than that of --csv, got ${rejected}`);
    const { importTable } = await import('./listings-import.ts');
    return withBroker(options, 'plumb listings', connection => importTable(connection, which, csv, rejected ?? `${csv}.rejected.csv`, by));
  }
  if (rejected !== undefined) throw new UsageError('--rejected is for rows of a table: give --csv too');
  await withBroker(options, 'plumb listings', async connection => {
    const failed: string[] = [];
    for (const account of await accountsOf(connection, which)) {
      const { linked, seen, unlinked, unlinkedCount, refused } = await imported(connection, account, by);
      process.stdout.write(`${account}: ${seen} listings read, ${linked} linked, ${unlinkedCount} not\n`);
      for (const { listing, sku, why } of unlinked.slice(0, 20)) process.stdout.write(`  ${listing} (SKU ${JSON.stringify(sku)}): ${why}\n`);
      for (const told of refused) process.stdout.write(`  the account does not allow what is needed: ${told}\n`);
      if (unlinkedCount > 0 || refused.length > 0) failed.push(account);
    }
    if (failed.length > 0) throw new FailedError(`not everything could be linked: ${failed.join(', ')}`);
  });
}

/** Resolves when the import has ended. */
async function imported(connection: NatsConnection, account: string, by: string): Promise<ImportRecord> {
  const { listings: known } = await stageOf(connection, account);
  let { import: state } = await commandAccount<{ import: ImportRecord }>(connection, account, `import start ${by}`);
  const { beganAt } = state;
  const shown = progress(`listings of ${account}`);
  while (state.endedAt === undefined) {
    shown.update(state.seen, Math.max(known, state.seen, 1));
    await new Promise(resolve => setTimeout(resolve, lookEveryMs));
    const answer = await commandAccount<{ import: ImportRecord | null }>(connection, account, 'import state');
    if (answer.import?.beganAt !== beganAt) throw new FailedError(`${account}: another import has begun: ask again`);
    state = answer.import;
  }
  shown.stop();
  return state;
}

interface MatchOptions extends Nats { csv?: string; json?: boolean; from?: string; dryRun?: boolean; rejected?: string; by: string }

async function match(which: string, { csv, json = false, from, dryRun = false, rejected, by, ...options }: MatchOptions): Promise<void> {
  if (from !== undefined) {
    if (csv !== undefined || json) throw new UsageError('--from takes a file in; --csv and --json tell what is: give one of them');
    if (rejected === from) throw new UsageError(`--rejected: must be another file than that of --from, got ${rejected}`);
    const { matchFrom } = await import('./listings-given.ts');
    return withBroker(options, 'plumb listings', connection => matchFrom(connection, which, from, rejected ?? `${from}.rejected.csv`, dryRun ? undefined : by));
  }
  if (dryRun || rejected !== undefined) throw new UsageError(`${dryRun ? '--dry-run' : '--rejected'} is for rows that are given: give --from too`);
  if (csv !== undefined && json) throw new UsageError('--csv and --json are two ways of telling the same: give one of them');
  const { matchesOf, matchKinds } = await import('./listing-matches.ts');
  await withBroker(options, 'plumb listings', async connection => {
    const all: string[][] = [];
    for (const account of await accountsOf(connection, which)) {
      const { import: state } = await commandAccount<{ import: ImportRecord | null }>(connection, account, 'import state');
      const rows = await matchesOf(connection, account, state?.unlinked ?? []);
      const odd = rows.filter(({ match: kind }) => kind !== 'matched');
      if (json) for (const row of odd) process.stdout.write(`${JSON.stringify({ account, ...row })}\n`);
      all.push(...rows.map(({ sku, listing, match: kind, candidates, others, why }) => [sku, account, listing, kind, candidates.join('|'), others.join('|'), why, '']));
      if (json || csv === '-') continue;
      const count = (kind: string): number => rows.filter(row => row.match === kind).length;
      process.stdout.write(`${account}: ${matchKinds.map(kind => `${count(kind)} ${kind}`).join(', ')}\n`);
      if (csv === undefined && odd.length > 0) process.stdout.write(await table(['SKU', 'listing', 'match', 'may be', 'why'], odd.slice(0, 20).map(({ sku, listing, match: kind, candidates, why }) => [sku, listing, kind, candidates.slice(0, 3).join(', '), why])));
    }
    if (csv !== undefined) await writeCsv(csv, matchColumns, all);
  });
}
