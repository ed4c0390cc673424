/** `plumb export`: everything that people decided, in files that the other commands take back, and the journals on demand. */
import { Command } from 'commander';
import { natsFlag, withBroker } from './compare-tools.ts';

export function exportCommand(): Command {
  return new Command('export')
    .description('Writes listings with their SKUs, rules, stages of accounts, and with --journal the journals, into a folder. Changes nothing.')
    .argument('<folder>', 'where to; it must not be there yet')
    .option('--journal', 'the journals too, as far as the broker holds them: a line of JSON for each message')
    .option(...natsFlag)
    .addHelpText('after', `
  listings.csv            every listing: account, id, SKU, its SKU at the channel, what it is addressed by
  listings/<account>.csv  the same as a table that "plumb listings import <account> --csv" takes
  matches.csv             SKUs that people gave listings: "plumb listings match all --from"
  rules.csv               "plumb rules import"
  stages.csv              how far each account has come, and who said so
  journals/<stream>.jsonl seq, time, subject, id and body of each message
  export.json             when it was made, and how much of each; written last

What the broker holds no more is in the archive: docs/archive.md.`)
    .action(async (folder: string, { journal = false, ...options }: { journal?: boolean; nats?: string }) => {
      const { exportTo } = await import('./export-tools.ts');
      await withBroker(options, 'plumb export', connection => exportTo(connection, folder, journal));
    });
}
