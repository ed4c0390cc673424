/**
 * Takes a file in: each row of a CSV, or a document as a whole, is one raw message of the source. A row's position is
 * `[file, line]`, files being numbered as they are begun: what a broken import says when it goes on is still older
 * than the file that came after it. Its id is made of the file's digest and the line, so nothing is taken in twice.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { NatsConnection } from 'nats';
import type { Publisher } from '../../../runtime/publisher.ts';
import { receive } from '../receipt.ts';
import { rowsOf } from './csv.ts';
import type { CsvShape } from './csv.ts';
import { Imports } from './imports.ts';
import type { Import } from './imports.ts';
import { linesOf } from './lines.ts';
import { Rejects } from './rejects.ts';
import { isRead, lastDead, refusals } from './verdicts.ts';

export interface ImportOptions {
  nc: NatsConnection;
  publisher: Publisher;
  file: string;
  source: string;
  /** Rows of a CSV; a document of this type where it is not set. */
  csv?: (CsvShape & { encoding: string }) | undefined;
  contentType: string;
  /** Taken in anew although it was taken in before. */
  again?: boolean;
  rejectsFile: string;
  /** Bytes of a file. */
  maxBytes: number;
  /** How long to wait for the source's owner to read it, ms; 0 does not wait. */
  waitMs: number;
  /** Told of lines done and in all. */
  onProgress?(done: number, total: number): void;
  signal?: AbortSignal;
}

export interface Outcome {
  n: number;
  /** It was taken in before, and nothing was done. */
  wasDone: boolean;
  /** The line that a broken import went on behind, 0 for a new one. */
  wentOnAt: number;
  stored: number;
  rejected: number;
  /** The source's owner has read all of it, and what it refused is among the rejected. */
  isRead: boolean;
}

/** The file cannot be taken in. */
export class ImportError extends Error {
  override readonly name = 'ImportError';
}

const openMost = 500;
const saveEvery = 2_000;
const overhead = 4_096;

/**
 * @throws {ImportError} for a file that is not there or too large
 * @throws {CsvError} for one that is no CSV of that shape
 * @throws {Error} when the broker does not answer, or `signal` ended it: a call with the same file goes on
 */
export async function importFile(options: ImportOptions): Promise<Outcome> {
  const { file, source, publisher, nc, maxBytes, again = false } = options;
  const facts = await stat(file).catch((cause: NodeJS.ErrnoException) => { throw new ImportError(`${file}: cannot be read (${cause.code})`, { cause }); });
  if (!facts.isFile()) throw new ImportError(`${file}: is no file`);
  if (facts.size === 0) throw new ImportError(`${file}: is empty`);
  if (facts.size > maxBytes) throw new ImportError(`${file}: has ${facts.size} bytes, ${maxBytes} at most`);
  const { digest, lines: total } = await digestOf(file);
  const known = { name: basename(file), digest, changedAt: Math.round(facts.mtimeMs) };
  const imports = new Imports(publisher, source);
  await imports.load();
  const before = again ? undefined : imports.broken(digest) ?? imports.find(known);
  if (before?.isDone) return { n: before.n, wasDone: true, wentOnAt: 0, stored: before.stored, rejected: before.rejected, isRead: true };
  // Which header a file has is looked at before it is counted as begun.
  const rows = options.csv && await opened(file, options.csv);
  const begun = before ?? await imports.begin({ ...known, dead: await lastDead(publisher) });
  const rejects = await Rejects.open(options.rejectsFile, begun.line > 0);
  const id = `${digest.slice(0, 32)}:${begun.n}`;
  const desk: Desk = { ...options, imports, rejects, id, total, most: nc.info!.max_payload - overhead, last: 0 };
  let state = rows ? await importRows(rows, begun, desk) : await importWhole(begun, desk);
  const read = desk.last === 0 || (options.waitMs > 0 && await isRead(publisher, source, desk.last, options.waitMs));
  for (const { id: refused, body, reason } of await refusals(nc, source, `csv:${source}:${id}`, begun.dead)) {
    rejects.add({ line: Number(refused.split(':')[4] ?? 1), raw: body.slice(0, 2_000), reason });
    state = { ...state, stored: state.stored - 1, rejected: state.rejected + 1 };
  }
  await rejects.flush();
  await imports.reached({ ...state, isDone: true });
  return { n: begun.n, wasDone: false, wentOnAt: begun.line, stored: state.stored, rejected: state.rejected, isRead: read };
}

interface Desk extends ImportOptions {
  imports: Imports;
  rejects: Rejects;
  /** What the ids of its messages begin with. */
  id: string;
  total: number;
  /** Bytes that the broker takes. */
  most: number;
  /** The highest sequence in INGEST. */
  last: number;
}

type Rows = ReturnType<typeof rowsOf>;

/** The rows, the first one read already: a header that is none fails here. */
async function opened(file: string, { encoding, ...shape }: CsvShape & { encoding: string }): Promise<Rows> {
  const rows = rowsOf(linesOf(file, encoding), shape);
  const first = await rows.next();
  return (async function* again(): Rows {
    if (first.done) return;
    yield first.value;
    yield* rows;
  })();
}

async function importRows(rows: Rows, begun: Import, desk: Desk): Promise<Import> {
  const { publisher, source, imports, rejects, id, total, most, onProgress, signal } = desk;
  let state = begun;
  const storing = new Set<Promise<void>>();
  let failure: Error | undefined;
  /** Everything up to the line is stored or rejected, and known to be. */
  const settle = async (line: number): Promise<void> => {
    await Promise.all(storing);
    if (failure) throw failure;
    await rejects.flush();
    state = { ...state, line };
    await imports.reached(state);
  };
  let done = 0;
  try {
    for await (const row of rows) {
      if (row.line <= begun.line) continue;
      if (signal?.aborted) {
        await settle(row.line - 1);
        throw new Error(`broken off before line ${row.line}`);
      }
      if (failure) throw failure;
      const body = 'value' in row ? Buffer.from(JSON.stringify(row.value)) : undefined;
      const reason = 'reason' in row ? row.reason : body!.length > most ? `takes ${body!.length} bytes, ${most} at most` : undefined;
      if (reason !== undefined) {
        rejects.add({ line: row.line, raw: row.raw, reason });
        state = { ...state, rejected: state.rejected + 1 };
      } else {
        const storingRow = receive(publisher, { source, door: 'csv', id: `${id}:${row.line}`, contentType: 'application/json', body: body!, position: [begun.n, row.line] })
          .then(({ seq }) => { desk.last = Math.max(desk.last, seq); }, (error: Error) => { failure ??= error; })
          .finally(() => storing.delete(storingRow));
        storing.add(storingRow);
        state = { ...state, stored: state.stored + 1 };
        if (storing.size >= openMost) await Promise.race(storing);
      }
      done += 1;
      onProgress?.(row.line, total);
      if (done % saveEvery === 0) await settle(row.line);
    }
    await settle(total);
    return state;
  } finally {
    // What is not settled is told again by the import that goes on.
    await Promise.all(storing);
  }
}

async function importWhole(begun: Import, desk: Desk): Promise<Import> {
  const { publisher, source, file, contentType, imports, id, most } = desk;
  const body = await readFile(file);
  if (body.length > most) throw new ImportError(`${file}: has ${body.length} bytes, and the broker takes ${most} in one message`);
  const { seq } = await receive(publisher, { source, door: 'csv', id, contentType, body, position: [begun.n] });
  desk.last = seq;
  const state = { ...begun, line: 1, stored: 1 };
  await imports.reached(state);
  return state;
}

/** SHA-256 of the bytes, and how many lines they are. */
export async function digestOf(file: string): Promise<{ digest: string; lines: number }> {
  const hash = createHash('sha256');
  let lines = 1;
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines += 1;
  }
  return { digest: hash.digest('hex'), lines };
}
