/** `plumb freeze`, `plumb drain` and `plumb resume`: the buttons for a bad hour. */
import { userInfo } from 'node:os';
import { Command } from 'commander';
import { commandAccount, everyAccount } from './account-command.ts';
import { connectTo, natsUrl } from './connection.ts';
import { FailedError } from './exit.ts';

interface StopOptions { nats?: string; by: string }
interface Answer { state: string; listings?: number; etaMs?: number }

const buttons = {
  freeze: 'Stops writing to an account; reading and learning of orders go on.',
  drain: 'Shows 0 for every listing of an account, those that would sell out first at the front.',
  resume: 'Ends a freeze and a drain: every listing is made true again.',
} as const;

export function stopCommands(): Command[] {
  return Object.entries(buttons).map(([verb, what]) => new Command(verb)
    .description(what)
    .argument('<account>', 'its name, or all')
    .option('--by <name>', 'who does it, for the journal', userInfo().username)
    .option('--nats <url>', 'the NATS server (default: NATS_URL, else nats://127.0.0.1:4222)')
    .addHelpText('after', '\nJournaled in ATTEMPT under attempt.<account>._control. A node must own the account.')
    .action((account: string, options: StopOptions) => press(verb as keyof typeof buttons, account, options)));
}

/** One account after the other: where one fails the others are still told. */
async function press(verb: keyof typeof buttons, which: string, { nats, by }: StopOptions): Promise<void> {
  const connection = await connectTo(natsUrl(nats), `plumb ${verb}`);
  try {
    const accounts = which === 'all' ? await everyAccount(connection) : [which];
    if (accounts.length === 0) throw new FailedError('no account is known yet');
    const failed: string[] = [];
    let cause: FailedError | undefined;
    for (const account of accounts) {
      try {
        process.stdout.write(`${account}: ${said(verb, await commandAccount<Answer>(connection, account, `${verb} ${by}`))}\n`);
      } catch (error) {
        if (!(error instanceof FailedError)) throw error;
        failed.push(account);
        cause = error;
        process.stderr.write(`${error.message}\n`);
      }
    }
    if (failed.length > 0) throw new FailedError(`not done: ${failed.join(', ')}`, { cause });
  } finally {
    await connection.close();
  }
}

function said(verb: keyof typeof buttons, { state, listings = 0, etaMs = 0 }: Answer): string {
  if (verb === 'freeze') return 'frozen, nothing is written';
  const writes = `${listings} listings, about ${Math.ceil(etaMs / 1_000)} s at its rate`;
  if (verb === 'resume') return listings === 0 ? state : `${state}; filling ${writes}`;
  return state === 'frozen' ? `${listings} listings are to show 0, but it is frozen: plumb resume ends both` : `emptying ${writes}`;
}
