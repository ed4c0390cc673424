/** `plumb archive`: how far journals are archived, whether what is there is whole, and getting it back. docs/archive.md. */
import { Command } from 'commander';
import type { Verified } from '../../runtime/archive/verify.ts';
import { addressOf, configOf, withArchive, withArchiveFlags } from './archive-address.ts';
import type { ArchiveFlags } from './archive-address.ts';
import { connectTo, natsUrl } from './connection.ts';
import { FailedError, UsageError } from './exit.ts';
import { progress } from './progress.ts';

interface StatusFlags extends ArchiveFlags { nats?: string; json?: boolean }
interface VerifyFlags extends ArchiveFlags { since?: string; json?: boolean }
interface RestoreFlags extends ArchiveFlags { to: string }
interface ShowFlags extends ArchiveFlags { sku?: string; since?: string; until?: string }

export function archiveCommand(): Command {
  const command = new Command('archive').description('Journals that are kept for good, in a folder or in S3.');
  command.addCommand(withArchiveFlags(new Command('status')
    .description('How far each journal is archived, and what of the broker\'s is not.')
    .option('--nats <url>', 'the NATS server (default: NATS_URL, the configuration\'s, else nats://127.0.0.1:4222)')
    .option('--json', 'for scripts')).action(status));
  command.addCommand(withArchiveFlags(new Command('verify')
    .description('Reads every segment and says whether the archive is whole and unchanged: exit 1 where it is not.')
    .argument('[stream]', 'one of the journals; all where absent')
    .option('--since <day>', 'only from this day on, YYYY-MM-DD')
    .option('--json', 'for scripts')).action(verify));
  command.addCommand(withArchiveFlags(new Command('restore')
    .description('Copies the archive into a folder, each segment checked, which serves as an archive from then on. One that is broken off goes on where it was.')
    .argument('[stream]', 'one of the journals; all where absent')
    .requiredOption('--to <folder>', 'where to')).action(restore));
  command.addCommand(withArchiveFlags(new Command('show')
    .description('Archived messages as lines of JSON.')
    .argument('<stream>', 'e.g. SKU, INGEST, ATTEMPT, DEAD')
    .option('--sku <sku>', 'of one SKU')
    .option('--since <time>', 'ISO 8601')
    .option('--until <time>', 'ISO 8601')).action(show));
  return command;
}

async function streamsIn(stream?: string): Promise<readonly string[]> {
  const { archivedStreams } = await import('../archive/streams.ts');
  if (stream === undefined) return archivedStreams;
  if (!(archivedStreams as readonly string[]).includes(stream)) throw new UsageError(`${JSON.stringify(stream)} is none of ${archivedStreams.join(', ')}`);
  return [stream];
}

async function status({ nats, json = false, ...flags }: StatusFlags): Promise<void> {
  const { jetstreamManager } = await import('@nats-io/jetstream');
  const { headOf } = await import('../../runtime/archive/chain.ts');
  const streams = await streamsIn();
  const url = natsUrl(nats ?? (process.env.NATS_URL === undefined ? (await configOf(flags.config))?.nats.url : undefined));
  const rows = await withArchive(flags, async store => {
    const connection = await connectTo(url, 'plumb archive');
    try {
      const jsm = await jetstreamManager(connection);
      return await Promise.all(streams.map(async stream => {
        const { manifest } = await headOf(store, stream) ?? {};
        const { state } = await jsm.streams.info(stream);
        const next = (manifest?.last ?? 0) + 1;
        const oldest = state.last_seq < next || state.messages === 0 ? undefined : (await jsm.streams.getMessage(stream, { seq: Math.max(next, state.first_seq) }).catch(() => undefined))?.time.getTime();
        return {
          stream, archivedThrough: manifest?.last ?? 0, archivedAt: manifest ? new Date(manifest.lastAt).toISOString() : null,
          journalLast: state.last_seq, waiting: Math.max(0, state.last_seq - Math.max(next, state.first_seq) + 1),
          lagMs: oldest === undefined ? 0 : Math.max(0, Date.now() - oldest), gone: Math.max(0, state.first_seq - next),
          foreign: manifest !== undefined && state.last_seq < manifest.last,
        };
      }));
    } finally {
      await connection.close();
    }
  });
  if (json) process.stdout.write(`${JSON.stringify(rows)}\n`);
  else {
    const { default: Table } = await import('cli-table3');
    const table = new Table({ head: ['journal', 'archived through', 'at', 'waiting', 'oldest waits', 'gone unarchived'], style: { head: [], border: [] } });
    for (const { stream, archivedThrough, archivedAt, waiting, lagMs, gone, foreign } of rows) {
      table.push([stream, archivedThrough, archivedAt ?? '-', foreign ? 'another journal' : waiting, `${Math.round(lagMs / 1_000)} s`, gone]);
    }
    process.stdout.write(`${table.toString()}\n`);
  }
  const foreign = rows.filter(row => row.foreign).map(({ stream }) => stream);
  if (foreign.length > 0) throw new FailedError(`${foreign.join(', ')}: the broker's journal ends before the archive does, so it is not the one that was archived: plumb rebuild`);
}

async function verify(stream: string | undefined, { since, json = false, ...flags }: VerifyFlags): Promise<void> {
  if (since !== undefined && !/^\d{4}-\d{2}-\d{2}$/.test(since)) throw new UsageError(`--since: ${JSON.stringify(since)} is no day like 2026-03-01`);
  const { verifyStream } = await import('../../runtime/archive/verify.ts');
  const streams = await streamsIn(stream);
  const all: Verified[] = [];
  await withArchive(flags, async store => {
    for (const each of streams) {
      const shown = progress(`segments of ${each}`);
      try {
        all.push(await verifyStream(store, each, { fromDay: since, onProgress: done => shown.update(done, done) }));
      } finally {
        shown.stop();
      }
    }
  });
  if (json) process.stdout.write(`${JSON.stringify(all)}\n`);
  else for (const each of all) process.stdout.write(verifiedLines(each).map(line => `${line}\n`).join(''));
  const broken = all.filter(({ problems }) => problems.length > 0).map(each => each.stream);
  if (broken.length > 0) throw new FailedError(`the archive of ${broken.join(', ')} is not what was archived`);
}

function verifiedLines({ stream, segments, messages, bytes, rawBytes, first, firstAt, last, lastAt, missing, problems, unlinked }: Verified): string[] {
  if (segments === 0 && problems.length === 0) return [`${stream}: nothing`];
  const time = (at: number): string => new Date(at).toISOString();
  return [
    `${stream}: ${messages} messages, ${first} to ${last}, ${time(firstAt)} to ${time(lastAt)}, in ${segments} segments, ${bytes} bytes (${rawBytes} uncompressed)${problems.length === 0 ? ': whole and unchanged' : ''}`,
    ...missing.map(([from, to]) => `  ${from} to ${to} were gone before they were archived`),
    ...unlinked.map(name => `  ${name} is not linked: an upload was cut short, the next owner goes on from it`),
    ...problems.map(problem => `  ✘ ${problem}`),
  ];
}

async function restore(stream: string | undefined, { to, ...flags }: RestoreFlags): Promise<void> {
  const { copyStream } = await import('../archive/copy.ts');
  const { openDirectory } = await import('../archive/directory.ts');
  const { prepare } = await import('../../runtime/archive/store.ts');
  const streams = await streamsIn(stream);
  const address = await addressOf(flags);
  if (address?.store === to) throw new UsageError(`--to: ${to} is the archive itself`);
  await withArchive(flags, async store => {
    const target = await openDirectory(to);
    await prepare(target);
    for (const each of streams) {
      const shown = progress(`segments of ${each}`);
      const copied = await copyStream(store, target, each, done => shown.update(done, done)).finally(() => shown.stop());
      process.stdout.write(`${each}: ${copied.segments} segments, ${copied.there} of them were there\n`);
    }
  });
}

async function show(stream: string, { sku, since, until, ...flags }: ShowFlags): Promise<void> {
  const [named] = await streamsIn(stream) as [string];
  const time = (flag: string, text: string | undefined, absent: number): number => {
    const at = text === undefined ? absent : Date.parse(text);
    if (Number.isNaN(at)) throw new UsageError(`${flag}: ${JSON.stringify(text)} is no time like 2026-03-01T09:30:00Z`);
    return at;
  };
  const [from, to] = [time('--since', since, -Infinity), time('--until', until, Infinity)];
  const { segmentsOf } = await import('../../runtime/archive/read.ts');
  const { headerOf } = await import('../../runtime/archive/segment.ts');
  const { decode } = await import('../../runtime/codec.ts');
  const { escapeKey } = await import('../../runtime/subjects.ts');
  const token = sku === undefined ? undefined : escapeKey(sku);
  const body = (message: Parameters<typeof headerOf>[0] & { data: Buffer }): unknown => {
    if (message.data.length === 0) return null;
    try {
      return decode(message.data, headerOf(message, 'Plumb-Schema'));
    } catch {
      return message.data.toString('base64');
    }
  };
  await withArchive(flags, async store => {
    // A day is that of a segment's first message: what came soon after midnight may lie on the day before.
    const fromDay = from === -Infinity ? undefined : new Date(from - 86_400_000).toISOString().slice(0, 10);
    for await (const { manifest, messages } of segmentsOf(store, named, { fromDay })) {
      if (manifest.firstAt > to) break;
      for (const message of messages) {
        const { seq, at, subject } = message;
        if (at < from || at > to || (token !== undefined && !subject.endsWith(`.${token}`))) continue;
        process.stdout.write(`${JSON.stringify({ seq, at: new Date(at).toISOString(), subject, id: headerOf(message, 'Nats-Msg-Id'), body: body(message) })}\n`);
      }
    }
  });
}
