/** `plumb ingest`: files as raw messages of a source. */
import { stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { basename } from 'node:path';
import { Command } from 'commander';
import type { ImportOptions, Outcome } from '../doors/files/import.ts';
import { connectTo, inboxPrefix, natsUrl } from './connection.ts';
import { FailedError, UsageError } from './exit.ts';
import { number } from './numbers.ts';
import { progress } from './progress.ts';

interface CommonOptions { source: string; nats?: string; again?: boolean; wait: number; maxMb: number; rejects?: string; watch?: boolean; diff?: boolean; release?: boolean }
interface CsvOptions extends CommonOptions { delimiter: string; encoding: string; columns?: string }
interface FileOptions extends CommonOptions { type: string }

/** How a command reads its files. */
type Reading = Pick<ImportOptions, 'csv' | 'contentType'>;

const lookMs = 1_000;

export function ingestCommand(): Command {
  return new Command('ingest')
    .description('Takes files in as raw messages of a source.')
    .addCommand(common(new Command('csv'))
      .description('Each row of a CSV file is one message: an object of the header\'s names, all of them text.')
      .option('--delimiter <character>', 'what separates columns: a character, or tab', ',')
      .option('--encoding <name>', 'utf-8, latin1, utf-16le, windows-1250 ...', 'utf-8')
      .option('--columns <names>', 'names of the columns, separated by commas, for a file without a header')
      .addHelpText('after', `
A row that cannot be read, or that the source's mapping refuses, is written with its reason to <file>.rejected.csv, and
the others go on. A file that was broken off goes on where it was; one that was taken in is left alone.
A file that would take more to zero, or raise more, than the governor's limits is held: it is shown, a task tells of it
(plumb dead list --class snapshot), and nothing of it is taken in unless --release is given.
Exit code 1 when a row was rejected or a file is held, 2 when a file is none.

  plumb ingest csv stock.csv --source erp
  plumb ingest csv exports/ --source wms --watch --delimiter ';' --encoding latin1`)
      .action((path: string, options: CsvOptions) => ingest(path, options, csvReading(options))))
    .addCommand(common(new Command('file'))
      .description('Each file as a whole is one message.')
      .requiredOption('--type <type>', 'its content type: application/edi-x12 for an EDI 846, application/json, text/csv ...')
      .addHelpText('after', `
  plumb ingest file 846.x12 --source supplier --type application/edi-x12`)
      .action((path: string, options: FileOptions) => ingest(path, options, fileReading(options))));
}

function common(command: Command): Command {
  return command
    .argument('<path>', 'a file, or a folder: its files in the order of their last change')
    .requiredOption('--source <name>', 'the source that the files speak for')
    .option('--watch', 'stay, and take in what comes into the folder')
    .option('--again', 'take in files that were taken in before')
    .option('--diff', 'only show what it would change')
    .option('--release', 'take it in, however much it changes')
    .option('--rejects <file>', 'where rejected rows of a single file are written (default: <file>.rejected.csv)')
    .option('--wait <seconds>', 'how long to wait for the source\'s node to read it', number({ least: 0 }), 30)
    .option('--max-mb <megabytes>', 'larger files are refused', number({ least: 0 }), 512)
    .option('--nats <url>', 'the NATS server (default: NATS_URL, else nats://127.0.0.1:4222)');
}

function csvReading({ delimiter: given, encoding, columns }: CsvOptions): Reading {
  const delimiter = given === 'tab' ? '\t' : given;
  if ([...delimiter].length !== 1 || /["\r\n]/.test(delimiter)) throw new UsageError(`--delimiter must be one character, or tab, got ${JSON.stringify(given)}`);
  try {
    new TextDecoder(encoding);
  } catch {
    throw new UsageError(`--encoding ${JSON.stringify(encoding)} is not known: utf-8, latin1, utf-16le, windows-1250 ...`);
  }
  return { contentType: 'application/json', csv: { delimiter, encoding, columns: columns?.split(',') } };
}

function fileReading({ type }: FileOptions): Reading {
  if (!/^[^\s;/]+\/[^\s;/]+(;.*)?$/.test(type)) throw new UsageError(`--type must be a content type such as application/edi-x12, got ${JSON.stringify(type)}`);
  return { contentType: type };
}

async function ingest(path: string, options: CommonOptions, reading: Reading): Promise<void> {
  const { source, nats, watch = false } = options;
  if (!/^[a-z0-9][a-z0-9-]*$/.test(source)) throw new UsageError(`--source must be lower case letters, digits and dashes, got ${JSON.stringify(source)}`);
  const facts = await stat(path).catch((cause: NodeJS.ErrnoException) => { throw new UsageError(`${path}: cannot be read (${cause.code})`, { cause }); });
  if (!facts.isDirectory() && watch) throw new UsageError(`${path}: --watch wants a folder`);
  if (facts.isDirectory() && options.rejects !== undefined) throw new UsageError('--rejects goes with a single file');
  const { Publisher } = await import('../../runtime/publisher.ts');
  const { filesOf } = await import('../doors/files/folder.ts');
  const nc = await connectTo(natsUrl(nats), 'plumb ingest', watch);
  const publisher = new Publisher(nc, inboxPrefix);
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  const take = (file: string): Promise<boolean> => takeIn(file, { ...reading, nc, publisher, source, signal: stop.signal }, options);
  try {
    if (watch) return await stay(path, take, stop.signal);
    let clean = true;
    for (const file of facts.isDirectory() ? (await filesOf(path)).map(each => each.file) : [path]) {
      if (stop.signal.aborted) break;
      try {
        clean = await take(file) && clean;
      } catch (error) {
        // In a folder the other files go on.
        if (!facts.isDirectory() || !(error instanceof UsageError)) throw error;
        process.stderr.write(`plumb: ${error.message}\n`);
        clean = false;
      }
    }
    if (!clean) throw new FailedError('not everything was taken in');
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    publisher.close();
    await nc.close();
  }
}

/** Looks into the folder until it is told to end. */
async function stay(folder: string, take: (file: string) => Promise<boolean>, signal: AbortSignal): Promise<void> {
  const { Settled, filesOf } = await import('../doors/files/folder.ts');
  const settled = new Settled();
  process.stdout.write(`watching ${folder}; Ctrl-C ends it\n`);
  while (!signal.aborted) {
    for (const { file } of settled.look(await filesOf(folder))) {
      if (signal.aborted) return;
      try {
        await take(file);
      } catch (error) {
        process.stderr.write(`plumb: ${(error as Error).message}\n`);
        // A file that is none stays so until it is changed.
        if (!(error instanceof UsageError)) settled.again(file);
      }
    }
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, lookMs);
      signal.addEventListener('abort', () => { clearTimeout(timer); resolve(); }, { once: true });
    });
  }
}

type Ports = Pick<ImportOptions, 'nc' | 'publisher' | 'source' | 'csv' | 'contentType'> & { signal: AbortSignal };

/** Shows what the file would change, or that it changes too much. @returns whether it may be taken in */
async function compared(file: string, ports: Ports, isShown: boolean): Promise<boolean> {
  const { compareFile, comparisonText, tellHeld } = await import('../doors/files/compare.ts');
  const { digestOf } = await import('../doors/files/import.ts');
  const { CsvError } = await import('../doors/files/csv.ts');
  const { source, publisher } = ports;
  try {
    const comparison = await compareFile({ ...ports, file });
    if (!comparison) {
      if (isShown) throw new FailedError(`no node owns the source ${source}: nobody can tell what ${basename(file)} means`);
      return true;
    }
    const { over } = comparison;
    if (isShown || over.length > 0) process.stdout.write(`${basename(file)}${over.length === 0 ? ' would change' : ` ${isShown ? 'would be' : 'is'} held: ${over.join('; ')}`}\n${comparisonText(comparison)}`);
    if (isShown) return true;
    const held = { source, file, digest: (await digestOf(file)).digest };
    if (over.length > 0) await tellHeld(publisher, held, comparison);
    return over.length === 0;
  } catch (error) {
    if (error instanceof CsvError) throw new UsageError(`${file}: ${error.message}`, { cause: error });
    if (/stream not found/.test((error as Error).message)) return true;
    throw error;
  }
}

/** @returns whether nothing was rejected */
async function takeIn(file: string, ports: Ports, { again = false, rejects, wait, maxMb, diff = false, release = false }: CommonOptions): Promise<boolean> {
  const { ImportError, importFile } = await import('../doors/files/import.ts');
  const { CsvError } = await import('../doors/files/csv.ts');
  const rejectsFile = rejects ?? `${file}.rejected.csv`;
  if (diff || !release) {
    const passes = await compared(file, ports, diff);
    if (diff || !passes) return passes;
  }
  const shown = progress('lines');
  try {
    const outcome = await importFile({ ...ports, file, again, rejectsFile, maxBytes: maxMb * 1e6, waitMs: wait * 1_000, onProgress: (done, total) => shown.update(done, total) });
    shown.stop();
    const { endHeld } = await import('../doors/files/compare.ts');
    await endHeld(ports.publisher, { source: ports.source, file }, release ? { how: 'dismissed', by: `${userInfo().username}: released` } : { how: 'healed', by: 'a file of that name that was taken in' });
    process.stdout.write(`${summary(file, ports.source, outcome, rejectsFile, ports.csv !== undefined)}\n`);
    return outcome.wasDone || outcome.rejected === 0;
  } catch (error) {
    shown.stop();
    if (error instanceof CsvError) throw new UsageError(`${file}: ${error.message}`, { cause: error });
    if (error instanceof ImportError) throw new UsageError(error.message, { cause: error });
    if (/stream not found/.test((error as Error).message)) throw new FailedError('the broker has no streams of Plumb yet: a node makes them when it starts', { cause: error });
    throw new FailedError(`${file}: ${(error as Error).message}; the same command goes on where it stopped`, { cause: error });
  }
}

function summary(file: string, source: string, { wasDone, wentOnAt, stored, rejected, isRead, n }: Outcome, rejectsFile: string, isCsv: boolean): string {
  const name = basename(file);
  const what = isCsv ? `${stored.toLocaleString('en')} ${stored === 1 ? 'row' : 'rows'} stored` : stored === 1 ? 'stored' : 'not stored';
  if (wasDone) return `${name}: was taken in before, as file ${n} of ${source} (${what}); --again takes it in anew`;
  return [
    `${name}: ${what}${wentOnAt > 0 ? `, going on behind line ${wentOnAt}` : ''}`,
    ...(rejected > 0 ? [`${rejected.toLocaleString('en')} rejected: ${rejectsFile}`] : []),
    ...(isRead ? [] : [`no node has read all of it yet: what its mapping refuses will be told under dead.malformed.${source}`]),
  ].join('; ');
}
