/** `plumb shadow`: an account runs beside whoever writes it now; nothing is written, everything is compared. */
import { userInfo } from 'node:os';
import { Command } from 'commander';
import type { Comparison, Totals } from '../../runtime/account/compare.ts';
import { commandAccount } from './account-command.ts';
import { accountsOf, changesText, natsFlag, report, shareText, stageOf, table, when, withBroker } from './compare-tools.ts';
import type { ReportOptions, StageAnswer } from './compare-tools.ts';
import { number } from './numbers.ts';

interface MoveOptions { nats?: string; by: string }

const columns = ['sku', 'account', 'listing', 'live', 'verdict', 'settling', 'shows', 'seen_at', 'would_write', 'decided_at', 'because', 'our_changes', 'its_changes', 'compared', 'agreed', 'changed_by_somebody_else'] as const;

export function shadowCommand(): Command {
  const shadow = new Command('shadow').description('Runs an account without writing it, and compares what we would write with what is there.');
  const move = (verb: 'start' | 'stop', to: 'shadow' | 'connect', what: string): Command => shadow.command(verb)
    .description(what)
    .argument('<account>', 'its name, or all')
    .option('--by <name>', 'who does it, for the journal', userInfo().username)
    .option(...natsFlag)
    .action((account: string, options: MoveOptions) => enter(account, to, options));
  move('start', 'shadow', 'Compares from here on. An account that is live is written no more.');
  move('stop', 'connect', 'Compares no more: listings and orders are read, nothing else. Nothing is written either.');
  shadow.command('report')
    .description('Per SKU what the channel shows, what we would write and because of what, and what changed there meanwhile.')
    .argument('<account>', 'its name, or all')
    .option('--csv <file>', 'every listing as a row; - is stdout')
    .option('--json', 'a line of JSON for each listing, and one of totals for each account')
    .option('--top <n>', 'listings that are shown, those that differ first', number({ least: 0, whole: true }), 20)
    .option(...natsFlag)
    .addHelpText('after', `
A difference counts once neither side has changed for channels.graceMs (five minutes): until then it is settling.
"somebody else" changed a number that we did not write and no order explains: the tool that writes the account now.`)
    .action(tell);
  return shadow;
}

async function enter(which: string, to: 'shadow' | 'connect', { by, ...options }: MoveOptions): Promise<void> {
  await withBroker(options, 'plumb shadow', async connection => {
    for (const account of await accountsOf(connection, which)) {
      const { listings } = await commandAccount<StageAnswer>(connection, account, `stage ${to} ${by}`);
      process.stdout.write(`${account}: ${to === 'shadow' ? `${listings} listings are compared` : `${listings} listings are linked`}, nothing is written\n`);
    }
  });
}

function tell(which: string, options: ReportOptions): Promise<void> {
  return report(which, options, {
    command: 'plumb shadow',
    columns,
    look: async (connection, account) => (await stageOf(connection, account)).stage,
    summaryOf: (totals, stage, slices) => ({ stage, totals, agreement: agreementOf(totals), slices: slices.map(each => ({ ...each, agreement: agreementOf(each.totals) })) }),
    rowOf,
    async textOf(account, rows, { listings, equal, low, high, settling, compared, agreed, foreign, live }, stage, slices) {
      const head = `${account} (${stage}${live > 0 ? `, ${live} of ${listings} listings live` : ''}): ${equal} of ${equal + low + high} listings agree now, ${settling} of the others are settling; agreement of all readings: ${shareText(agreed, compared)} of ${compared}\n`;
      const rival = foreign > 0 ? `somebody else changed numbers ${foreign} times: a second master writes ${account}\n` : '';
      const parts = slices.map(({ slice, totals }) => `  ${slice}: ${totals.equal} of ${totals.equal + totals.low + totals.high} agree now; of all readings: ${shareText(totals.agreed, totals.compared)} of ${totals.compared}\n`).join('');
      const differing = rows.filter(({ verdict }) => verdict !== 'equal').slice(0, options.top);
      const listed = differing.length > 0 ? await table(['SKU', 'channel now', 'we would write', 'because of', 'changed there last'], differing.map(row => [row.sku, row.shows ?? '?', row.would ?? row.why ?? '?', row.because ?? '', changesText(row.theirs.slice(-1))])) : '';
      return `${head}${parts}${rival}${listed}`;
    },
  });
}

function agreementOf({ compared, agreed }: Totals): number | null {
  return compared === 0 ? null : agreed / compared;
}

function rowOf(account: string, row: Comparison): (string | number | boolean | null)[] {
  const { sku, listing, live, verdict, settling = false, shows, seenAt, would, decidedAt, because, ours, theirs, compared, agreed, foreign } = row;
  return [sku, account, listing, live, verdict, settling, shows, when(seenAt), would, when(decidedAt), because, changesText(ours), changesText(theirs), compared, agreed, foreign];
}
