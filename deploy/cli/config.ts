/** `plumb config`: is a configuration right, what does it come to, and running nodes that take it up. */
import { Command } from 'commander';
import type { ConfigFile } from '../../config/file.ts';
import type { Answer } from '../reload.ts';
import { FailedError, UsageError } from './exit.ts';
import type { NatsConnection } from 'nats';

/** Accounts let go of what they hold, and find their records again. */
const reloadMs = 60_000;

export function configCommand(): Command {
  const config = new Command('config').description('Checks and shows the configuration of a node: docs/configuration.md.');
  config.command('check [file]')
    .description('Tells all that is wrong with a configuration by file, line and key; asks nobody.')
    .addHelpText('after', '\nThe file is PLUMB_CONFIG where none is given. Exit codes: 0 right, 2 wrong.')
    .action(check);
  config.command('print [file]')
    .description('Shows every value that a node would work with, and which are defaults. Secrets are hidden.')
    .option('--json', 'the values alone, one line of JSON')
    .action(print);
  config.command('reload')
    .description('Lets running nodes read their files again: mappings, rules, rates and limits are taken up, the rest is told.')
    .option('--node <id>', 'one node; all of them without it')
    .option('--nats <url>', 'the NATS server (default: NATS_URL, else nats://127.0.0.1:4222)')
    .addHelpText('after', '\nA node does the same on SIGHUP. Exit codes: 0 all did, 1 one could not, with the reason.')
    .action(reload);
  config.command('schema')
    .description('Prints the JSON Schema for editors, which is also config/plumb.schema.json.')
    .action(async () => { process.stdout.write((await import('../config/schema.ts')).publishedSchema()); });
  return config;
}

async function check(given: string | undefined): Promise<void> {
  const file = await read(given);
  const { advice, checkConfig } = await import('../config/check.ts');
  const { ConfigError } = await import('../../config/file.ts');
  try {
    checkConfig(file);
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
  for (const line of advice(file)) process.stderr.write(`note: ${line}\n`);
  const { accounts, sources } = file.config;
  process.stdout.write(`${file.file} is right: ${counted(accounts, 'account')}, ${counted(sources, 'source')}\n`);
}

async function print(given: string | undefined, { json = false }: { json?: boolean }): Promise<void> {
  const file = await read(given);
  const { printed, shown } = await import('../config/print.ts');
  process.stdout.write(json ? `${JSON.stringify(shown(file))}\n` : printed(file));
}

async function reload({ node, nats }: { node?: string; nats?: string }): Promise<void> {
  const { connectTo, natsUrl } = await import('./connection.ts');
  const connection = await connectTo(natsUrl(nats), 'plumb config reload');
  try {
    const nodes = node === undefined ? await liveNodes(connection) : [node];
    if (nodes.length === 0) throw new FailedError('no node is running');
    const answers = await Promise.all(nodes.map(async id => ({ id, answer: await reloadOne(connection, id) })));
    for (const { id, answer } of answers) process.stdout.write(told(id, answer));
    const failed = answers.filter(({ answer }) => !answer.ok).map(({ id }) => id);
    if (failed.length > 0) throw new FailedError(`not done: ${failed.join(', ')}`);
  } finally {
    await connection.close();
  }
}

async function liveNodes(connection: NatsConnection): Promise<string[]> {
  const { readAll } = await import('../../runtime/read-all.ts');
  const { streams } = await import('../../runtime/subjects.ts');
  const nodes: string[] = [];
  await readAll(connection, { stream: streams.members, filter: '$KV.member.>', from: 'last-per-subject' }, message => {
    if (message.data.length > 0) nodes.push(message.json<{ node: string }>().node);
  });
  return nodes.sort();
}

async function reloadOne(connection: NatsConnection, node: string): Promise<Answer> {
  try {
    return (await connection.request(`control.node.${node}`, 'reload', { timeout: reloadMs })).json<Answer>();
  } catch (error) {
    return { ok: false, error: `does not answer: ${(error as Error).message}` };
  }
}

function told(node: string, answer: Answer): string {
  if (!answer.ok) return `${node}: ${answer.error}\n`;
  const { applied, needsRestart } = answer;
  return [
    applied.length > 0 ? `${node}: taken up: ${applied.join(', ')}` : `${node}: nothing to take up`,
    ...(needsRestart.length > 0 ? [`${node}: waits for a restart: ${needsRestart.join(', ')}`] : []),
  ].map(line => `${line}\n`).join('');
}

/** @throws {UsageError} */
async function read(given: string | undefined): Promise<ConfigFile> {
  const { ConfigError, readConfig } = await import('../../config/file.ts');
  const file = given ?? process.env.PLUMB_CONFIG;
  if (!file) throw new UsageError('no configuration: give its file, or PLUMB_CONFIG');
  try {
    return readConfig(file);
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

const counted = (list: readonly unknown[], what: string): string => `${list.length} ${what}${list.length === 1 ? '' : 's'}`;
