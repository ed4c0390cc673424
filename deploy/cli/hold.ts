/** `plumb hold`: batches that a governor holds because too many listings would move at once. */
import { userInfo } from 'node:os';
import { Argument, Command } from 'commander';
import type { HeldMove } from '../../runtime/account/holds.ts';
import { commandAccount } from './account-command.ts';
import { connectTo, natsUrl } from './connection.ts';
import { undoCommand } from './undo.ts';

interface HoldOptions { nats?: string; json?: boolean }
interface DecideOptions extends HoldOptions { by: string }
interface Answer { held?: HeldMove[]; listings?: number }

export function holdCommand(): Command {
  const hold = new Command('hold')
    .description('Batches that are held because too many listings would go to zero, or rise, at once.')
    .addHelpText('after', `
What orders ask for is never held. Limits: governor in the configuration.

  plumb hold show ebay
  plumb hold drop ebay zero           # a bad file: nothing of it is ever written; send the right counts
  plumb hold release ebay zero        # it is true: write it
  plumb hold undo ebay zero           # it was not: numbers go back to what they were`);
  const nats = (command: Command): Command => command.option('--nats <url>', 'the NATS server (default: NATS_URL, else nats://127.0.0.1:4222)');
  nats(hold.command('show').description('What an account holds: what is shown, and what would be.').argument('<account>'))
    .option('--json', 'a line of JSON for each listing, for scripts')
    .action(show);
  for (const [how, what] of [['release', 'Writes what is held.'], ['drop', 'Never writes what is held; later counts are judged anew.']] as const) {
    nats(hold.command(how).description(what).argument('<account>').addArgument(new Argument('<move>').choices(['zero', 'raise'])))
      .option('--by <name>', 'who decides it, for the journal', userInfo().username)
      .action((account: string, move: string, options: DecideOptions) => decide(how, account, move, options));
  }
  hold.addCommand(undoCommand());
  return hold;
}

async function show(account: string, { nats, json = false }: HoldOptions): Promise<void> {
  const { held = [] } = await ask(account, 'held', nats);
  if (json) for (const move of held) process.stdout.write(`${JSON.stringify(move)}\n`);
  else if (held.length === 0) process.stdout.write(`${account} holds nothing\n`);
  else {
    const { default: Table } = await import('cli-table3');
    const rows = new Table({ head: ['SKU', 'shows', 'would show', 'decided', 'because of'], style: { head: [], border: [], compact: true } });
    for (const { sku, shown, would, since, cause } of held) rows.push([sku, shown ?? '?', would, since, cause]);
    process.stdout.write(`${rows.toString()}\n${held.length} listings are held\n`);
  }
}

async function decide(how: 'release' | 'drop', account: string, move: string, { nats, by }: DecideOptions): Promise<void> {
  const { listings = 0 } = await ask(account, `${how} ${move} ${by}`, nats);
  process.stdout.write(`${account}: ${listings} listings ${how === 'release' ? 'are written now' : 'stay as they are'}\n`);
}

async function ask(account: string, command: string, nats: string | undefined): Promise<Answer> {
  const connection = await connectTo(natsUrl(nats), 'plumb hold');
  try {
    return await commandAccount<Answer>(connection, account, command);
  } finally {
    await connection.close();
  }
}
