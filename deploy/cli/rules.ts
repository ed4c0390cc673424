/** `plumb rules`: what each channel shows of each SKU, as tables and one by one; versioned, with who and when. */
import { userInfo } from 'node:os';
import { Command } from 'commander';
import type { Rule } from '../../actors/sku/protocol.ts';
import type { Tools } from './rules-tools.ts';
import { UsageError } from './exit.ts';
import { number } from './numbers.ts';

const natsFlag = ['--nats <url>', 'the NATS server (default: NATS_URL, else nats://127.0.0.1:4222)'] as const;
const limit = number({ least: 0, whole: true });

export function rulesCommand(): Command {
  const rules = new Command('rules').description('Sets and shows the rules by which channels show stock: share, buffer, maximum, fixed number, locations, skip.');
  rules.command('export <file>')
    .description('Writes every listing with the rule that stands as CSV; - is stdout.')
    .option(...natsFlag)
    .action(async (file: string, options: { nats?: string }) => (await work()).exportTo(file, options));
  rules.command('import <file>')
    .description('Sets the rules of a CSV file; what cannot be set goes to a file of rejected rows, with reasons.')
    .option('--by <name>', 'who sets them', userInfo().username)
    .option('--rejected <file>', 'where rejected rows go (default: <file>.rejected.csv)')
    .option('--dry-run', 'say what would be done, and do nothing')
    .option(...natsFlag)
    .addHelpText('after', `
Columns: sku, account, percent, buffer, max, fixed, locations (LEJ|HAM), skip (yes), mode (mirror, escrow, auto; one for all
rows of a SKU). One that is not there changes nothing, an empty cell sets nothing. With a column "version", as in an export, rows that somebody set since are rejected.
Exit codes: 0 all rows are set, 1 some were rejected, 2 the file is no such table.`)
    .action(async (file: string, options: { nats?: string; by: string; rejected?: string; dryRun?: boolean }) => (await work()).importFrom(file, options));
  rules.command('show <sku>')
    .description('Shows the rules of a SKU, what each makes of what is available, and who set it.')
    .option('--history', 'the versions before, too')
    .option('--json', 'one line of JSON, for scripts')
    .option(...natsFlag)
    .action(async (sku: string, options: { nats?: string; history?: boolean; json?: boolean }) => (await work()).show(sku, options));
  rules.command('set <sku> <account>')
    .description('Changes the rule of a SKU at an account; what is not named stays.')
    .option('--percent <n>', 'show that share of what is available', number({ least: 0, most: 100, whole: true }))
    .option('--buffer <n>', 'hold so many units back', limit)
    .option('--max <n>', 'never show more', limit)
    .option('--fixed <n>', 'show so many while at least so many are available', limit)
    .option('--locations <names>', 'sell from these only: LEJ|HAM')
    .option('--skip', 'do not write this channel')
    .option('--no-skip', 'write it again')
    .option('--unset <fields>', 'take away, with commas between: percent, buffer, max, fixed, locations')
    .option('--by <name>', 'who sets it', userInfo().username)
    .option(...natsFlag)
    .action(async (sku: string, account: string, options: SetOptions) => (await work()).set(sku, account, changeOf(options), options));
  return rules;
}

interface SetOptions { percent?: number; buffer?: number; max?: number; fixed?: number; locations?: string; skip?: boolean; unset?: string; by: string; nats?: string }

async function work(): Promise<Tools> {
  return (await import('./rules-tools.ts')).tools;
}

const unsettable = ['percent', 'buffer', 'max', 'fixed', 'locations'] as const;

/** @throws {UsageError} when nothing is to be changed, or what cannot be */
function changeOf({ percent, buffer, max, fixed, locations, skip, unset = '' }: SetOptions): { given: Partial<Rule>; locations?: string; emptied: (keyof Rule)[] } {
  const emptied = unset.split(',').filter(name => name !== '');
  const unknown = emptied.find(name => !(unsettable as readonly string[]).includes(name));
  if (unknown !== undefined) throw new UsageError(`--unset: ${JSON.stringify(unknown)} is none of ${unsettable.join(', ')}`);
  const given: Partial<Rule> = {
    ...(percent !== undefined && { percent }), ...(buffer !== undefined && { buffer }), ...(max !== undefined && { max }), ...(fixed !== undefined && { fixed }), ...(skip !== undefined && { skip }),
  };
  if (Object.keys(given).length === 0 && locations === undefined && emptied.length === 0) throw new UsageError('name what to change: --percent, --buffer, --max, --fixed, --locations, --skip, --no-skip or --unset');
  return { given, ...(locations !== undefined && { locations }), emptied: emptied as (keyof Rule)[] };
}
