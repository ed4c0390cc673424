/** `plumb hold undo`: numbers that a source said go back to what they were before. */
import { userInfo } from 'node:os';
import { Argument, Command } from 'commander';
import { connectTo, inboxPrefix, natsUrl } from './connection.ts';
import { UsageError } from './exit.ts';

interface UndoOptions { nats?: string; source?: string; since?: string; until?: string; by: string; dryRun?: boolean; json?: boolean }

/** Numbers shown one by one. */
const shownMost = 20;

export function undoCommand(): Command {
  return new Command('undo')
    .description('Takes numbers back to what they were before a batch was released, or before a source said them.')
    .argument('[account]', 'whose batch that was released last')
    .addArgument(new Argument('[move]', 'of that kind').choices(['zero', 'raise']))
    .option('--source <source>', 'what this source said, in place of a batch')
    .option('--since <time>', 'from then on: 2026-11-30T08:15, or 15m, 2h, 1d ago')
    .option('--until <time>', 'up to then (default: now)')
    .option('--dry-run', 'only show what would go back')
    .option('--json', 'a line of JSON for each number, for scripts')
    .option('--by <name>', 'who does it, for the journal', userInfo().username)
    .option('--nats <url>', 'the NATS server (default: NATS_URL, else nats://127.0.0.1:4222)')
    .addHelpText('after', `
As far back as the SKU journal goes. Orders and changes that came since stay; what the source has counted again since is left alone.

  plumb hold undo ebay zero                       # the batch that was released last, at every channel
  plumb hold undo --source erp --since 15m --dry-run`)
    .action(run);
}

async function run(account: string | undefined, move: string | undefined, options: UndoOptions): Promise<void> {
  const { nats, source, since, until, by, dryRun = false, json = false } = options;
  if ((account === undefined) === (source === undefined)) throw new UsageError('which? An account and a move, or --source and --since');
  if (account !== undefined && move === undefined) throw new UsageError(`which moves of ${account}? zero or raise`);
  if (source !== undefined && since === undefined) throw new UsageError('--source wants --since');
  const { lastReleased, planUndo, saidBy, undo } = await import('../undo.ts');
  const { Publisher } = await import('../../runtime/publisher.ts');
  const connection = await connectTo(natsUrl(nats), 'plumb hold undo');
  const publisher = new Publisher(connection, inboxPrefix);
  try {
    const undoing = source === undefined ? await lastReleased(connection, account!, move!) : await saidBy(connection, source, timeOf(since!, '--since'), until === undefined ? Date.now() : timeOf(until, '--until'));
    if (!undoing) throw new UsageError(`no released batch of ${move} at ${account} is in the journal`);
    const restorings = [];
    for (const [sku, correlations] of undoing) restorings.push(...await planUndo(connection, sku, correlations));
    for (const each of json ? restorings : restorings.slice(0, shownMost)) process.stdout.write(`${json ? JSON.stringify(each) : lineOf(each)}\n`);
    if (!json && restorings.length > shownMost) process.stdout.write(`… and ${restorings.length - shownMost} more\n`);
    const due = restorings.filter(({ skip }) => skip === undefined).length;
    if (!dryRun && due > 0) await undo(publisher, restorings, { by, origin: account ?? source!, reason: account === undefined ? `what ${source} said since ${since}` : `the ${move} batch that was released last` });
    if (!json) process.stdout.write(`${due} numbers ${dryRun ? 'would go' : 'go'} back, ${restorings.length - due} stay\n`);
  } finally {
    publisher.close();
    await connection.close();
  }
}

function lineOf({ sku, location, from, to, skip }: { sku: string; location: string; from: number; to: number; skip?: string }): string {
  return `${sku}${location === '' ? '' : ` at ${location}`}: ${skip === undefined ? `${from} → ${to}` : `stays at ${from}, it ${skip}`}`;
}

const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** @throws {UsageError} naming the flag and the value */
export function timeOf(text: string, flag: string, now = Date.now()): number {
  const [, count, unit] = /^(\d+)([smhd])$/.exec(text) ?? [];
  const at = unit === undefined ? Date.parse(text) : now - Number(count) * unitMs[unit]!;
  if (Number.isNaN(at)) throw new UsageError(`${flag} must be a time such as 2026-11-30T08:15Z, or how long ago, such as 15m, got ${JSON.stringify(text)}`);
  return at;
}
