/** `plumb channel`: what each channel can do, and a probe of one account. */
import { Command } from 'commander';
import type { ProbeRecord, Probed } from '../probe/probe.ts';
import type { Session } from '../probe/session.ts';
import { inboxPrefix, natsUrl } from './connection.ts';
import { FailedError, UsageError } from './exit.ts';
import { number } from './numbers.ts';

interface ProbeOptions { config?: string; reads: number; listing: string[]; write?: boolean; store: boolean; nats?: string; json?: boolean }

/** A node that owns the account answers within. */
const answerMs = 1_000;

export function channelCommand(): Command {
  const channel = new Command('channel').description('What each channel can do, and what one account shows of itself.');
  channel.command('list')
    .description('Shows how each channel is written, proven, read and limited.')
    .option('--markdown', 'as the table of docs/channels.md')
    .action(list);
  channel.command('probe <account>')
    .description('Looks at one account of the configuration: token, clock, listings, read latency, orders, limits. Writes nothing unless told to.')
    .option('-c, --config <file>', 'YAML or JSON configuration (default: PLUMB_CONFIG)')
    .option('--reads <n>', 'single reads that are timed', number({ least: 1, most: 1_000, whole: true }), 10)
    .option('--listing <id>', 'a test listing, by its id or SKU; give it twice for questions that want two', (id: string, ids: string[]) => [...ids, id], [])
    .option('--write', 'ask the questions that the documents leave open, by writing the test listings; they are restored')
    .option('--no-store', 'do not keep the answers in the bucket "channel"')
    .option('--nats <url>', 'the NATS server (default: the configuration\'s)')
    .option('--json', 'one line of JSON, for scripts')
    .addHelpText('after', `
Exit codes: 0 all was seen, 1 something could not be seen or a question failed, 2 wrong usage or bad input.
A probe offers no more than the listing shows already. A node that keeps the account must be frozen before --write:
  nats req control.channel.<account> freeze`)
    .action(probeAccount);
  return channel;
}

async function list({ markdown }: { markdown?: boolean }): Promise<void> {
  const { profiles } = await import('../channels.ts');
  const { channelTable, channelText } = await import('../channel-table.ts');
  process.stdout.write(markdown ? channelTable(Object.values(profiles)) : channelText(Object.values(profiles)));
}

async function probeAccount(name: string, options: ProbeOptions): Promise<void> {
  const { listing: wanted, write = false, reads, json } = options;
  if (write && wanted.length === 0) throw new UsageError('--write wants a test listing: --listing ID');
  if (!write && wanted.length > 0) throw new UsageError('--listing is for --write: without it nothing is written');
  const { session, nats } = await openSession(name, options);
  const onSignal = (): void => session.stop();
  process.once('SIGINT', onSignal);
  try {
    if (write) await refuseOwned(nats, name);
    const { probe } = await import('../probe/probe.ts');
    const { ListingError } = await import('../../runtime/account/test-listing.ts');
    const probed = await probe(session, { reads, wanted, ...(!json && { onTell: line => process.stderr.write(`${line}\n`) }) }).catch((cause: Error) => {
      if (cause instanceof ListingError) throw new FailedError(cause.message, { cause });
      throw cause;
    });
    const record: ProbeRecord = { v: 1, account: name, channel: session.profile.channel, at: Date.now(), answers: probed.answers, settings: probed.settings };
    if (json) process.stdout.write(`${JSON.stringify({ ...record, checks: probed.checks, headers: probed.headers, readMs: probed.readMs, unrestored: probed.unrestored })}\n`);
    else process.stdout.write((await import('../probe/text.ts')).probeText(probed, session));
    if (write && options.store) await store(nats, record);
    complain(probed, session.stopped);
  } finally {
    process.removeListener('SIGINT', onSignal);
    session.close();
  }
}

/** @throws {FailedError} when a check, a question or a restoration failed */
function complain({ checks, answers, unrestored }: Probed, interrupted: boolean): void {
  const failed = [
    ...(interrupted ? ['interrupted'] : []),
    ...unrestored,
    ...checks.filter(({ ok }) => !ok).map(({ name, told }) => `${name}: ${told}`),
    ...answers.flatMap(answer => (answer.kind === 'failed' ? [`${answer.id}: ${answer.why}`] : [])),
  ];
  if (failed.length > 0) throw new FailedError(failed.join('\n  '));
}

/** @throws {UsageError} when the configuration or the account cannot be used */
async function openSession(name: string, { config: given, nats }: ProbeOptions): Promise<{ session: Session; nats: string }> {
  const { loadConfig, ConfigError } = await import('../../config/file.ts');
  const { loadLimits } = await import('../../config/limits.ts');
  const { adapters, profiles, tokenStoreFor } = await import('../channels.ts');
  const { Session } = await import('../probe/session.ts');
  const file = given ?? process.env.PLUMB_CONFIG;
  if (!file) throw new UsageError('no configuration: give --config FILE or PLUMB_CONFIG');
  try {
    const config = loadConfig(file);
    const account = config.accounts.find(each => each.account === name);
    if (!account) throw new UsageError(`${file} has no account ${JSON.stringify(name)}, only: ${config.accounts.map(each => each.account).join(', ') || 'none'}`);
    const create = adapters[account.channel];
    const profile = profiles[account.channel];
    if (!create || !profile) throw new UsageError(`accounts.${name}.channel: ${JSON.stringify(account.channel)} is none of ${Object.keys(adapters).join(', ')}`);
    const { timeScale, channels: { callMs } } = config;
    const tokens = tokenStoreFor(config.secretsDir, account);
    const adapter = create(account, { now: Date.now, uuid: () => crypto.randomUUID(), tokens, timeScale });
    const session = new Session({ account, adapter, profile, limits: loadLimits(account.channel, timeScale), callMs, timeScale });
    return { session, nats: natsUrl(nats ?? config.nats.url) };
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    if (cause instanceof ConfigError || cause instanceof Error) throw new UsageError(cause.message, { cause });
    throw cause;
  }
}

/** A node that keeps the account would undo what the probe writes, and call it drift. */
async function refuseOwned(nats: string, account: string): Promise<void> {
  const { connectTo, UnreachableError } = await import('./connection.ts');
  const { RequestError, TimeoutError } = await import('nats');
  // Without a server no node can write.
  const connection = await connectTo(nats, 'plumb probe').catch((error: unknown) => {
    if (error instanceof UnreachableError) return undefined;
    throw error;
  });
  if (!connection) return;
  try {
    const reply = await connection.request(`inspect.channel.${account}`, '', { timeout: answerMs }).catch((cause: Error) => {
      if (cause instanceof TimeoutError || (cause instanceof RequestError && cause.isNoResponders())) return undefined;
      throw new FailedError(`whether a node keeps ${account} cannot be asked: ${cause.message}`, { cause });
    });
    const { node, state } = reply?.json<{ node?: string; state?: unknown }>() ?? {};
    if (node !== undefined && state !== 'frozen') {
      throw new FailedError(`node ${node} keeps ${account} (${JSON.stringify(state)}) and would undo the probe: nats req control.channel.${account} freeze, and resume afterwards`);
    }
  } finally {
    await connection.close();
  }
}

/** @throws {FailedError} when no broker takes the record */
async function store(nats: string, record: ProbeRecord): Promise<void> {
  const { connectTo } = await import('./connection.ts');
  const { Publisher } = await import('../../runtime/publisher.ts');
  const { Records } = await import('../../runtime/records.ts');
  const connection = await connectTo(nats, 'plumb probe');
  const publisher = new Publisher(connection, inboxPrefix);
  try {
    await new Records(publisher).set(`$KV.channel.probe.${record.account}`, record);
    process.stderr.write(`kept: nats kv get channel probe.${record.account}\n`);
  } catch (cause) {
    throw new FailedError(`the answers could not be kept: ${(cause as Error).message}`, { cause });
  } finally {
    publisher.close();
    await connection.close();
  }
}
