/** The `plumb` command: each subcommand in its own file, its heavy imports made only when it runs. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { allCommands } from './commands.ts';
import { FailedError, UsageError, exitCode } from './exit.ts';
import { hintOf, isOfBroker } from './refusals.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };

const program = new Command('plumb')
  .description('Keeps stock true on every marketplace where it is sold.')
  .version(version)
  .showHelpAfterError('(plumb --help tells more)')
  .addHelpText('after', `
Exit codes: 0 done, 1 a check failed or nothing was found, 2 wrong usage or bad input.

  plumb demo                       watch the whole loop for a minute, on this machine
  plumb inspect channel amazon     ask the nodes what a channel account is doing now
  nats stream view SKU --translate "plumb decode"`);

for (const command of allCommands()) program.addCommand(command);
for (const command of everyCommand(program)) command.exitOverride();

// Whoever reads the output may stop reading: head does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => { if (error.code === 'EPIPE') process.exit(exitCode.ok); else throw error; });

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = codeOf(error);
}

function codeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.ok : exitCode.usage;
  if (error instanceof UsageError || error instanceof FailedError) {
    process.stderr.write(`plumb: ${error.message}\n${hintOf(error)}`);
    return error instanceof UsageError ? exitCode.usage : exitCode.failed;
  }
  if ((error as Error)?.name === 'StreamNotFoundError') {
    process.stderr.write('plumb: no node has run on this NATS server: it has none of Plumb\'s streams\n');
    return exitCode.failed;
  }
  process.stderr.write(`plumb: ${isOfBroker(error) ? (error as Error).message : (error as Error)?.stack ?? error}\n${hintOf(error)}`);
  return exitCode.failed;
}

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}
