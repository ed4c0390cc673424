/** `plumb node`: one Plumb node in this process. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { UsageError } from './exit.ts';

export function nodeCommand(): Command {
  return new Command('node')
    .description('Runs one Plumb node until SIGTERM; start as many as you like, they share the work.')
    .option('-c, --config <file>', 'YAML or JSON configuration (default: PLUMB_CONFIG)')
    .option('--id <name>', 'name of this node, unique among the running ones (default: node.id in the file)')
    .addHelpText('after', `
  plumb node --config plumb.yaml --id n1`)
    .action(async ({ config, id }: { config?: string; id?: string }) => {
      const file = config ?? process.env.PLUMB_CONFIG;
      if (!file) throw new UsageError('no configuration: give --config FILE or PLUMB_CONFIG');
      if (!existsSync(file)) throw new UsageError(`configuration ${resolve(file)} does not exist`);
      process.env.PLUMB_CONFIG = resolve(file);
      if (id) process.env.PLUMB_NODE_ID = id;
      // By URL: the node's start is its module's.
      await import(new URL('../main.ts', import.meta.url).href);
    });
}
