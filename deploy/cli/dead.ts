/** `plumb dead`: the dead-letter journal as people work it off; no node needs to run for it. */
import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { text } from 'node:stream/consumers';
import { Command } from 'commander';
import type { DeadLetters, Task } from '../../runtime/dead/letters.ts';
import { connectTo, inboxPrefix, natsUrl } from './connection.ts';
import { FailedError, UsageError } from './exit.ts';

interface Which { class?: string; origin?: string; nats?: string }
interface ListOptions extends Which { all?: boolean; json?: boolean }
interface ActOptions extends Which { by: string }

export function deadCommand(): Command {
  const dead = new Command('dead')
    .description('Failures that a person may have to act on: one task a cause, with what would heal it.')
    .addHelpText('after', `
Most end by themselves when their cause is gone, with what proved it. Each act is journaled with who and when.
The same over NATS, while nodes run: nats req control.dead '{"verb":"list"}' (docs/dead-letters.md).`);
  const shared = (command: Command): Command => command
    .option('--class <class>', 'only those of this class: malformed, unmapped, auth, listing, validation, gap, poison, …')
    .option('--origin <name>', 'only those of this account or source')
    .option('--nats <url>', 'the NATS server (default: NATS_URL, else nats://127.0.0.1:4222)');
  const acting = (command: Command): Command => shared(command).option('--by <name>', 'who does it, for the journal', userInfo().username);
  shared(dead.command('list').description('Open tasks, the newest last.'))
    .option('--all', 'those that are over too')
    .option('--json', 'a line of JSON for each, for scripts')
    .action(list);
  shared(dead.command('show').description('Everything that is known of one.').argument('<task>')).action(show);
  acting(dead.command('retry').description('Tries again what failed, as far as it can be told again.').argument('[tasks...]'))
    .action((tasks: string[], options: ActOptions) => each(tasks, options, (letters, task) => letters.retry(task, options.by)));
  acting(dead.command('edit').description("Tells a source's message again in other words.").argument('<task>'))
    .requiredOption('--raw <file>', 'the message as it should have been; - reads standard input')
    .action(async (task: string, options: ActOptions & { raw: string }) => {
      const raw = await (options.raw === '-' ? text(process.stdin) : readFile(options.raw, 'utf8')).catch((cause: Error) => { throw new UsageError(`--raw: ${cause.message}`, { cause }); });
      await each([task], options, (letters, one) => letters.edit(one, raw, options.by));
    });
  acting(dead.command('dismiss').description('Closes tasks without anything being done.').argument('[tasks...]'))
    .requiredOption('--reason <text>', 'why nothing needs to be done')
    .action((tasks: string[], options: ActOptions & { reason: string }) => each(tasks, options, async (letters, task) => {
      await letters.dismiss(task, options.by, options.reason);
      return 'dismissed';
    }));
  return dead;
}

async function list({ json = false, nats, ...filter }: ListOptions): Promise<void> {
  await withLetters(nats, async letters => {
    const tasks = letters.list(filter);
    if (json) for (const task of tasks) process.stdout.write(`${JSON.stringify(task)}\n`);
    else process.stdout.write(tasks.length === 0 ? 'no open tasks\n' : `${await table(tasks)}\n`);
  });
}

async function show(name: string, { nats }: Which): Promise<void> {
  const { stringify } = await import('yaml');
  await withLetters(nats, async letters => {
    const { task, first: _first, last: _last, firstAt, lastAt, ...rest } = letters.find(name);
    process.stdout.write(stringify({ task, first: new Date(firstAt).toISOString(), last: new Date(lastAt).toISOString(), ...rest }));
  });
}

/** Does the same with every task named, or chosen by class and origin; goes on where one cannot be done. */
async function each(names: readonly string[], { nats, ...filter }: ActOptions, act: (letters: DeadLetters, task: Task) => Promise<string>): Promise<void> {
  const { class: kind, origin } = filter;
  if (names.length === 0 && kind === undefined && origin === undefined) throw new UsageError('which? name tasks, or choose by --class or --origin');
  if (names.length > 0 && (kind !== undefined || origin !== undefined)) throw new UsageError('either name tasks, or choose by --class and --origin');
  await withLetters(nats, async (letters, DeadLetterError) => {
    const tasks = names.length > 0 ? names.map(name => letters.find(name)) : letters.list({ class: kind, origin });
    if (tasks.length === 0) throw new FailedError('there are no such open tasks');
    let failed = 0;
    for (const task of tasks) {
      try {
        process.stdout.write(`${task.task}: ${await act(letters, task)}\n`);
      } catch (error) {
        if (!(error instanceof DeadLetterError)) throw error;
        failed += 1;
        process.stderr.write(`${task.task}: ${error.message}\n`);
      }
    }
    if (failed > 0) throw new FailedError(`${failed} of ${tasks.length} could not be done`);
  });
}

async function withLetters(nats: string | undefined, work: (letters: DeadLetters, error: typeof import('../../runtime/dead/letters.ts').DeadLetterError) => Promise<void>): Promise<void> {
  const { Publisher } = await import('../../runtime/publisher.ts');
  const { DeadLetterError, DeadLetters } = await import('../../runtime/dead/letters.ts');
  const connection = await connectTo(natsUrl(nats), 'plumb dead');
  const publisher = new Publisher(connection, inboxPrefix);
  const broken = Promise.withResolvers<never>();
  broken.promise.catch(() => {}); // Heard while the journal is read.
  const letters = new DeadLetters(connection, publisher, broken.reject);
  try {
    await Promise.race([letters.open(), broken.promise]);
    await work(letters, DeadLetterError);
  } catch (error) {
    if (error instanceof DeadLetterError) throw new FailedError(error.message, { cause: error });
    throw error;
  } finally {
    await letters.close();
    publisher.close();
    await connection.close();
  }
}

async function table(tasks: readonly Task[]): Promise<string> {
  const { default: Table } = await import('cli-table3');
  const { originOf } = await import('../../runtime/dead/letters.ts');
  const rows = new Table({
    head: ['task', 'class', 'from', 'about', 'times', 'last', 'what heals it'],
    style: { head: [], border: [], compact: true },
    wordWrap: true,
    colWidths: [12, 13, 16, 22, 7, 21, Math.max(40, (process.stdout.columns ?? 140) - 100)],
  });
  for (const task of tasks) {
    const { open, body, count, lastAt, resolution } = task;
    const about = String(body.sku ?? body.field ?? body.problem ?? '');
    const heals = open.length > 0 || !resolution ? `${body.message ?? ''} → ${body.heals ?? ''}` : `${resolution.how} by ${resolution.by}${resolution.reason === undefined ? '' : `: ${resolution.reason}`}`;
    rows.push([task.task, body.class, originOf(task), about, count, new Date(lastAt).toISOString().slice(0, 19).replace('T', ' '), heals]);
  }
  return rows.toString();
}
