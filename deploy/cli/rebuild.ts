/** `plumb rebuild`: the journal made anew where the broker has lost it. docs/rebuild.md. */
import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import type { Config } from '../../config/config.ts';
import type { ArchiveStore } from '../../runtime/archive/store.ts';
import type { Rebuilt } from '../rebuild/rebuild.ts';
import { configOf } from './archive-address.ts';
import { connectTo, natsUrl } from './connection.ts';
import { FailedError, UsageError } from './exit.ts';
import { progress } from './progress.ts';
import type { Progress } from './progress.ts';

interface RebuildFlags { config?: string; fromArchive?: boolean; store?: string; lostAt?: string; discard?: boolean; out: string; nats?: string; json?: boolean }

export function rebuildCommand(): Command {
  const command = new Command('rebuild')
    .description('Makes the journal anew on a broker that has lost it. Stop every node first; start them when it is done.')
    .option('-c, --config <file>', 'configuration of a node (default: PLUMB_CONFIG)')
    .option('--from-archive', 'from the archive, the channels and the sources; without it from channels and sources alone')
    .option('--store <address>', 'another archive than the configuration\'s: a folder, or s3://<bucket>/<prefix>')
    .option('--lost-at <time>', 'ISO 8601: no node has sent anything since; earlier than now, raises wait for less long')
    .option('--discard', 'throw away what the broker has in its journals')
    .option('--out <file>', 'where to list what could not be known, as CSV', 'rebuild-unknown.csv')
    .option('--nats <url>', 'the NATS server (default: the configuration\'s)')
    .option('--json', 'for scripts')
    .addHelpText('after', `
Begin again with the same command where it was broken off.

  plumb rebuild --config plumb.yaml --from-archive
  plumb rebuild status`)
    .action(run);
  command.addCommand(new Command('status')
    .description('How far what was rebuilt has come since nodes work with it.')
    .option('--nats <url>', 'the NATS server (default: NATS_URL, else nats://127.0.0.1:4222)')
    .option('--json', 'for scripts')
    .action((_flags: object, self: Command) => status(self.optsWithGlobals<{ nats?: string; json?: boolean }>())));
  return command;
}

async function run({ config: file, fromArchive = false, store: address, lostAt: text, discard = false, out, nats, json = false }: RebuildFlags): Promise<void> {
  const config = await configOf(file);
  if (!config) throw new UsageError('no configuration: give --config FILE or PLUMB_CONFIG');
  if (address !== undefined && !fromArchive) throw new UsageError('--store goes with --from-archive');
  const lostAt = text === undefined ? Date.now() : Date.parse(text);
  if (!(lostAt <= Date.now())) throw new UsageError(`--lost-at: ${JSON.stringify(text)} is no time in the past like 2026-03-01T09:30:00Z`);
  const { rebuild } = await import('../rebuild/rebuild.ts');
  const archive = fromArchive ? await archiveOf(config, address) : undefined;
  const connection = await connectTo(nats ?? config.nats.url, 'plumb rebuild');
  let shown: { step: string; progress: Progress } | undefined;
  const show = (step: string, done: number, total: number): void => {
    if (shown?.step !== step) {
      shown?.progress.stop();
      shown = { step, progress: progress(step) };
    }
    shown.progress.update(done, total);
  };
  try {
    const rebuilt = await rebuild({ nc: connection, config, archive, lostAt, discard, now: Date.now, onProgress: show });
    shown?.progress.stop();
    const { csvOf } = await import('../rebuild/unknown.ts');
    await writeFile(out, csvOf(rebuilt.unknown));
    process.stdout.write(json ? `${JSON.stringify({ ...rebuilt, unknown: rebuilt.unknown.length })}\n` : linesOf(rebuilt, out).map(line => `${line}\n`).join(''));
  } catch (cause) {
    shown?.progress.stop();
    const { name, message } = cause as Error;
    if (name === 'RebuildError' || name === 'ArchiveError') throw new FailedError(message, { cause });
    throw cause;
  } finally {
    archive?.close();
    await connection.close();
  }
}

async function archiveOf(config: Config, address: string | undefined): Promise<ArchiveStore> {
  const settings = address === undefined ? config.archive : { ...config.archive, store: address };
  if (!settings) throw new UsageError('--from-archive: the configuration has no archive, give --store');
  const { openArchive } = await import('../archive/open.ts');
  try {
    return await openArchive(settings);
  } catch (cause) {
    throw new FailedError(`${settings.store}: ${(cause as Error).message}`, { cause });
  }
}

function linesOf({ record: { from, skus = 0, listings = 0, until }, messages, tasks, rules, unknown, sentences, tookMs }: Rebuilt, out: string): string[] {
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
  const kinds = new Map<string, number>();
  for (const { what } of unknown) kinds.set(what, (kinds.get(what) ?? 0) + 1);
  return [
    `${skus} SKUs with ${listings} listings are in the journal${from === 'archive' ? `, ${messages} archived messages folded; ${rules} rules and ${tasks} open tasks put back` : ''}`,
    `archive ${seconds(tookMs.fold)}, listings ${seconds(tookMs.listings)} more, journal ${seconds(tookMs.tell)}`,
    '',
    'Not known:',
    ...sentences.map(sentence => `  ${sentence}`),
    ...[...kinds].map(([what, count]) => `  ${count} × ${what}: ${out}`),
    '',
    'Start the nodes, and let every source send a full count.',
    until > Date.now() ? `Nothing is raised before ${new Date(until).toISOString()}: until then a write from before may take effect. plumb rebuild status` : 'Every write from before has taken effect or never will. plumb rebuild status',
  ];
}

async function status({ nats, json = false }: { nats?: string; json?: boolean }): Promise<void> {
  const { Publisher } = await import('../../runtime/publisher.ts');
  const { Records } = await import('../../runtime/records.ts');
  const { rebuildOf } = await import('../rebuild/record.ts');
  const { standingOf } = await import('../rebuild/standing.ts');
  const connection = await connectTo(natsUrl(nats), 'plumb rebuild');
  const publisher = new Publisher(connection, '_INBOX_cli');
  try {
    const record = await rebuildOf(new Records(publisher));
    if (!record) throw new FailedError('nothing was rebuilt on this broker');
    const standing = await standingOf(connection);
    if (json) {
      process.stdout.write(`${JSON.stringify({ record, ...standing })}\n`);
      return;
    }
    const { skus, uncounted, waiting, regaining, listings, proven } = standing;
    const left = Math.ceil((record.until - Date.now()) / 1_000);
    process.stdout.write([
      record.overAt === undefined ? `a rebuild from ${record.from} is under way, or was broken off` : `rebuilt from ${record.from} at ${new Date(record.overAt).toISOString()}: ${record.skus} SKUs, ${record.listings} listings`,
      `${skus} SKUs are taken up by nodes; ${uncounted.length} are not counted by any source${uncounted.length > 0 ? `: ${uncounted.slice(0, 10).join(', ')}${uncounted.length > 10 ? ', …' : ''}` : ''}`,
      left > 0 ? `nothing is raised for ${left} s yet: writes from before may take effect` : 'writes from before are over',
      `${waiting} SKUs wait with raises, ${regaining} regain what their channels may sell`,
      `${proven} of ${listings} listings are proven`,
    ].map(line => `${line}\n`).join(''));
  } finally {
    publisher.close();
    await connection.close();
  }
}
