/** `plumb replay`: folds SKU journals again, shows each step, and says whether the stored records agree. */
import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import type { Parted, Verification } from '../replay.ts';
import { addressOf, withArchive } from './archive-address.ts';
import { connectTo, natsUrl } from './connection.ts';
import { FailedError, UsageError } from './exit.ts';
import { progress } from './progress.ts';

interface ReplayOptions { at?: string; diff?: boolean; all?: boolean; verify?: boolean; export?: string; json?: boolean; nats?: string; config?: string; store?: string }

export function replayCommand(): Command {
  return new Command('replay')
    .description('Folds the journal of a SKU again and shows what each fact made of it; compares the end with the stored record.')
    .argument('[sku]')
    .option('--at <when>', 'stop behind this sequence, or at this time (ISO 8601), and show the whole state there')
    .option('--diff', 'show what each fact changed, field by field')
    .option('--all', 'every SKU; with --verify only')
    .option('--verify', 'show nothing but whether the records are the folds of their journals')
    .option('--export <file>', 'write journal, settings and record as an incident that a test can load')
    .option('--json', 'a line of JSON for each step and one for the end, for scripts')
    .option('--nats <url>', 'the NATS server (default: NATS_URL, else nats://127.0.0.1:4222)')
    .option('-c, --config <file>', 'configuration with an archive, where the broker no longer has the head of the journal (default: PLUMB_CONFIG)')
    .option('--store <address>', 'that archive itself: a folder, or s3://<bucket>/<prefix>')
    .addHelpText('after', `
Exit code 1 when a record and its journal part, or the SKU is unknown.

  plumb replay 85123A --diff
  plumb replay 85123A --at 2026-03-01T09:30:00Z
  plumb replay --all --verify`)
    .action(replay);
}

async function replay(sku: string | undefined, options: ReplayOptions): Promise<void> {
  const { all = false, verify = false } = options;
  if (all !== verify || (all && sku !== undefined)) throw new UsageError('either one SKU, or --all with --verify');
  if (all) for (const flag of ['at', 'diff', 'export'] as const) if (options[flag] !== undefined) throw new UsageError(`--${flag} goes with one SKU`);
  if (!all && sku === undefined) throw new UsageError('which SKU? (or --all --verify)');
  const until = options.at === undefined ? undefined : whenOf(options.at);
  const connection = await connectTo(natsUrl(options.nats), 'plumb replay');
  try {
    if (sku === undefined) await replayAll(connection, options);
    else await replayOne(connection, sku, until, options);
  } finally {
    await connection.close();
  }
}

/** `seq` and `at` are the last that belong to it. */
interface Until { seq: number; at: number }

function whenOf(text: string): Until {
  if (/^\d+$/.test(text)) return { seq: Number(text), at: Infinity };
  const at = Date.parse(text);
  if (Number.isNaN(at)) throw new UsageError(`--at: ${JSON.stringify(text)} is neither a sequence nor a time like 2026-03-01T09:30:00Z`);
  return { seq: Infinity, at };
}

async function replayOne(connection: Awaited<ReturnType<typeof connectTo>>, sku: string, until: Until | undefined, { diff = false, json = false, export: file, ...flags }: ReplayOptions): Promise<void> {
  const { NoSettingsError, readIncident, replayOf } = await import('../replay.ts');
  const { stepLines, stepJson, headLines, endLines, stateLines } = await import('./replay-text.ts');
  const address = await addressOf(flags);
  const incident = await readIncident(connection, sku, address && (work => withArchive(flags, work))).catch((error: unknown) => {
    if (error instanceof RangeError) throw new UsageError(error.message, { cause: error });
    if (error instanceof NoSettingsError) throw new FailedError(error.message, { cause: error });
    throw error;
  });
  const { messages, record } = incident;
  if (messages.length === 0 && !record) throw new FailedError(`no SKU ${JSON.stringify(sku)} is known`);
  if (file !== undefined) await writeFile(file, `${JSON.stringify(incident, undefined, 1)}\n`);
  const say = (lines: readonly string[]): void => { for (const line of lines) process.stdout.write(`${line}\n`); };
  if (!json) say(headLines(incident));
  const fold = replayOf(incident);
  let compared = record?.applied === 0 ? fold.differences(record) : undefined;
  for (const message of messages) {
    if (until && (message.seq > until.seq || message.at > until.at)) break;
    const step = fold.step(message);
    say(json ? [JSON.stringify(stepJson(step, diff))] : stepLines(step, diff));
    if (record && message.seq === record.applied) compared = fold.differences(record);
    if (step.poison) break;
  }
  if (until) {
    say(json ? [JSON.stringify({ at: fold.record.applied, record: fold.record })] : stateLines(fold.record));
    return;
  }
  const end = { sku, messages: messages.length, applied: record?.applied ?? null, waiting: messages.filter(({ seq }) => seq > (record?.applied ?? 0)).length, differences: compared ?? null };
  say(json ? [JSON.stringify(end)] : endLines(incident, compared));
  if (compared === undefined && record) throw new FailedError(`the record has applied ${record.applied}, which is not in the journal`);
  if (compared && compared.length > 0) throw new FailedError(`the record of ${JSON.stringify(sku)} is not the fold of its journal`);
}

async function replayAll(connection: Awaited<ReturnType<typeof connectTo>>, { json = false }: ReplayOptions): Promise<void> {
  const { NoSettingsError, verifyAll } = await import('../replay.ts');
  const shown = progress('partitions');
  let verification: Verification;
  try {
    verification = await verifyAll(connection, (done, total) => shown.update(done, total));
  } catch (error) {
    if (error instanceof NoSettingsError) throw new FailedError(error.message, { cause: error });
    throw error;
  } finally {
    shown.stop();
  }
  const { skus, messages, waiting, quarantined, overdue, parted } = verification;
  if (json) process.stdout.write(`${JSON.stringify(verification)}\n`);
  else {
    process.stdout.write(`${skus} SKUs, ${messages} journal messages: ${parted.length === 0 ? 'every record is the fold of its journal' : `${parted.length} records are not the fold of their journals`}\n`);
    if (waiting > 0) process.stdout.write(`${waiting} messages are in no record yet\n`);
    if (quarantined.length > 0) process.stdout.write(`quarantined: ${quarantined.join(', ')}\n`);
    if (overdue.length > 0) process.stdout.write(`waiting for longer than a minute: ${overdue.join(', ')}\n`);
    for (const one of parted.slice(0, 20)) process.stdout.write(`${partedLine(one)}\n`);
    if (parted.length > 20) process.stdout.write(`… and ${parted.length - 20} more (--json tells all)\n`);
  }
  if (parted.length > 0) throw new FailedError(`${parted.length} of ${skus} records part from their journals`);
  if (overdue.length > 0) throw new FailedError(`${overdue.length} SKUs do not move on`);
}

function partedLine({ sku, applied, differences }: Parted): string {
  const [{ path, stored, folded }] = differences as [Parted['differences'][number]];
  return `${JSON.stringify(sku)} at ${applied}: ${path} is stored as ${JSON.stringify(stored)} and folds to ${JSON.stringify(folded)}${differences.length > 1 ? `, and ${differences.length - 1} more` : ''}`;
}
