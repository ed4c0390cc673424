/** `plumb reconcile report`: what every listing shows against what it should. It reads, and writes nothing. */
import { Command } from 'commander';
import { lookAtAll, natsFlag, report, table, totalsText, when } from './compare-tools.ts';
import type { ReportOptions } from './compare-tools.ts';
import { number } from './numbers.ts';

interface ReadOptions extends ReportOptions { read?: boolean }

const columns = ['sku', 'account', 'listing', 'verdict', 'shows', 'should', 'units', 'value', 'seen_at', 'decided_at', 'because', 'why'] as const;

export function reconcileCommand(): Command {
  const reconcile = new Command('reconcile').description('What channels show against what they should.');
  reconcile.command('report')
    .description('Equal, low, high and unknown listings, with what is at stake. Writes nothing to any channel.')
    .argument('<account>', 'its name, or all')
    .option('--read', 'look at every listing now; without, what was read last is told')
    .option('--csv <file>', 'every listing as a row; - is stdout')
    .option('--json', 'a line of JSON for each listing, and one of totals for each account')
    .option('--top <n>', 'listings that are shown', number({ least: 0, whole: true }), 20)
    .option(...natsFlag)
    .addHelpText('after', `
low: the channel shows fewer than it should, and sales are lost. high: it shows more, and what is not there may be sold.
unknown: it was never read, or its SKU never counted. Values need prices in the configuration.`)
    .action(tell);
  return reconcile;
}

function tell(which: string, { read = false, ...options }: ReadOptions): Promise<void> {
  return report(which, options, {
    command: 'plumb reconcile',
    columns,
    look: async (connection, account) => { if (read) await lookAtAll(connection, account); },
    summaryOf: totals => ({ totals }),
    rowOf: (account, row) => [row.sku, account, row.listing, row.verdict, row.shows, row.would, row.units, row.value, when(row.seenAt), when(row.decidedAt), row.because, row.why ?? null],
    async textOf(account, rows, totals) {
      const worst = rows.filter(({ verdict }) => verdict !== 'equal').slice(0, options.top);
      const listed = worst.length > 0 ? await table(['SKU', 'shows', 'should', 'differs', 'at stake', 'because of'], worst.map(row => [row.sku, row.shows ?? '?', row.would ?? '?', row.verdict, row.value ?? '', row.why ?? row.because ?? ''])) : '';
      return `${account}: ${totalsText(totals)}${listed}`;
    },
  });
}
