/** `plumb node`: one Plumb node in this process. */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { UsageError } from './exit.ts';

export function nodeCommand(): Command {
  return new Command('node')
    .description('Runs one Plumb node until SIGTERM; start as many as you like, they share the work.')
    .option('-c, --config <file>', 'YAML or JSON configuration (default: PLUMB_CONFIG)')
    .option('--id <name>', 'name of this node, unique among the running ones; the file takes it as ${PLUMB_NODE_ID}')
    .addHelpText('after', `
  plumb node --config plumb.yaml --id n1`)
    .action(async ({ config, id }: { config?: string; id?: string }) => {
      const file = config ?? process.env.PLUMB_CONFIG;
      if (!file) throw new UsageError('no configuration: give --config FILE or PLUMB_CONFIG');
      if (!existsSync(file)) throw new UsageError(`configuration ${resolve(file)} does not exist`);
      process.env.PLUMB_CONFIG = resolve(file);
      if (id !== undefined) {
        // A name that the file does not take would be ignored in silence, and two nodes of one name fight.
        if (!readFileSync(file, 'utf8').includes('${PLUMB_NODE_ID}')) throw new UsageError(`${resolve(file)} has a node.id of its own; write "id: \${PLUMB_NODE_ID}" there to name nodes by --id`);
        process.env.PLUMB_NODE_ID = id;
      }
      // By URL: the node's start is its module's.
      await import(new URL('../main.ts', import.meta.url).href);
    });
}
