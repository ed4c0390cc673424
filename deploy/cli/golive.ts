/** `plumb golive`: what an account lacks before it may be written, what would be written, and writing it, slice by slice. */
import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { Command } from 'commander';
import type { Totals } from '../../runtime/account/compare.ts';
import type { Requirement } from '../../runtime/account/golive.ts';
import type { Slice } from '../../runtime/account/stage.ts';
import { commandAccount } from './account-command.ts';
import { accountsOf, natsFlag, stageOf, table, totalsText, when, withBroker } from './compare-tools.ts';
import type { StageAnswer } from './compare-tools.ts';
import { FailedError, UsageError } from './exit.ts';
import { number } from './numbers.ts';

interface SliceOptions { nats?: string; percent?: number; brand?: string[]; sku?: string[]; skus?: string }
interface StartOptions extends SliceOptions { by: string }

export function goliveCommand(): Command {
  const golive = new Command('golive')
    .description('Lets an account be written: whole, or a slice first.')
    .addHelpText('after', `
  plumb golive check amazon-us --percent 1     # what it lacks, and what would be written
  plumb golive start amazon-us --percent 1     # 1 % of its SKUs, always the same ones
  plumb golive start amazon-us --brand ACME    # and everything of a brand
  plumb golive start amazon-us                 # the rest
  plumb shadow start amazon-us                 # back: nothing is written any more

docs/go-live.md is the whole way.`);
  golive.command('status')
    .description('How far accounts have come: connect reads, shadow compares, live writes.')
    .argument('[account]', 'its name', 'all')
    .option('--json', 'a line of JSON for each account')
    .option(...natsFlag)
    .action(status);
  sliced(golive.command('check').description('What an account lacks before it may be written, and what would be. Writes nothing.'))
    .action(check);
  sliced(golive.command('start').description('Writes an account, or a slice of it, from here on; what is live stays so.'))
    .option('--by <name>', 'who does it, for the journal', userInfo().username)
    .addHelpText('after', '\nRefused, with names, while something that is required is missing. What is about to be written is journaled first, in\nATTEMPT under attempt.<account>._control. Past a limit of the governor the batch is held: plumb hold show <account>.')
    .action(start);
  return golive;
}

function sliced(command: Command): Command {
  return command
    .argument('<account>')
    .option('--percent <n>', 'so many percent of the SKUs', number({ least: 1, most: 100, whole: true }))
    .option('--brand <name...>', 'SKUs of these brands, by the column brand of the prices file')
    .option('--sku <sku...>', 'these SKUs')
    .option('--skus <file>', 'SKUs of a file, one a line')
    .option(...natsFlag);
}

async function status(which: string, { json = false, ...options }: { nats?: string; json?: boolean }): Promise<void> {
  await withBroker(options, 'plumb golive', async connection => {
    const stages: StageAnswer[] = [];
    for (const account of await accountsOf(connection, which)) stages.push(await stageOf(connection, account));
    if (json) for (const stage of stages) process.stdout.write(`${JSON.stringify(stage)}\n`);
    else {
      const { sliceText } = await import('../../runtime/account/stage.ts');
      process.stdout.write(await table(['account', 'stage', 'written', 'listings', 'waiting', 'decided by', 'at'], stages.map(({ account, stage, slice, listings, live, muted, by, at }) => [
        account, stage, stage !== 'live' ? 'nothing' : `${sliceText(slice)} (${live})`, listings, muted, by ?? 'the configuration', when(at ?? null),
      ])));
    }
  });
}

async function check(account: string, options: SliceOptions): Promise<void> {
  const slice = await sliceGiven(options);
  await withBroker(options, 'plumb golive', async connection => {
    const { requirements, ...totals } = await commandAccount<{ requirements: Requirement[] } & Totals>(connection, account, `golive check ${JSON.stringify(slice)}`);
    for (const { name, ok, told } of requirements) process.stdout.write(`${ok ? '✔' : '✘'} ${name}: ${told}\n`);
    process.stdout.write(`going live now: ${totalsText(totals)}`);
    const missing = requirements.filter(({ ok }) => !ok);
    if (missing.length > 0) throw new FailedError(`${account} cannot go live: ${missing.map(({ name }) => name).join(', ')}`);
    process.stdout.write(`ready: plumb golive start ${account} with the same slice\n`);
  });
}

async function start(account: string, { by, ...options }: StartOptions): Promise<void> {
  const slice = await sliceGiven(options);
  await withBroker(options, 'plumb golive', async connection => {
    const { goesLive, totals, live, listings } = await commandAccount<{ goesLive: number; totals: Totals } & StageAnswer>(connection, account, `golive ${JSON.stringify(slice)} ${by}`);
    process.stdout.write(`${account}: ${goesLive} listings go live, ${live} of ${listings} are; of those ${totals.low + totals.high} are written now, ${totals.equal} show their number\n`);
    process.stdout.write(`plumb hold show ${account} shows what the governor holds; plumb shadow start ${account} goes back\n`);
  });
}

async function sliceGiven({ percent, brand, sku, skus }: SliceOptions): Promise<Slice> {
  const named = [...sku ?? [], ...(skus === undefined ? [] : await namesIn(skus))];
  return { ...(percent !== undefined && { percent }), ...(brand && { brands: brand }), ...((sku || skus !== undefined) && { skus: named }) };
}

/** @throws {UsageError} for a file that cannot be read, or names nothing */
async function namesIn(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => { throw new UsageError(`${file} cannot be read (${cause.code})`, { cause }); });
  const names = text.split(/\r?\n/).map(line => line.trim()).filter(line => line !== '' && line !== 'sku');
  if (names.length === 0) throw new UsageError(`${file} names no SKU`);
  return names;
}
