/** A table that a person hands in, and the file of its rows that were not taken. */
import { createHash } from 'node:crypto';
import { appendFile, readFile, rm, writeFile } from 'node:fs/promises';
import { CsvError, rowsOf } from '../doors/files/csv.ts';
import type { CsvRow } from '../doors/files/csv.ts';
import { UsageError } from './exit.ts';
import { csvLine } from './rules-csv.ts';

export interface TableFile {
  /** SHA-256 of its text. */
  digest: string;
  header: string[];
  rows: CsvRow[];
}

/**
 * A file of UTF-8 with commas, semicolons or tabs between.
 *
 * @param onHeader may refuse what it is told, by a UsageError
 * @throws {UsageError} naming the file
 */
export async function readRows(file: string, onHeader: (names: readonly string[]) => void): Promise<TableFile> {
  const text = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => { throw new UsageError(`${file} cannot be read (${cause.code})`, { cause }); });
  const lines = text.replace(/^\uFEFF/, '').split('\n');
  const header: string[] = [];
  const delimiter = [',', ';', '\t'].find(each => lines[0]!.includes(each)) ?? ',';
  const told = (names: readonly string[]): void => {
    header.push(...names);
    onHeader(names);
  };
  try {
    const rows = await Array.fromAsync(rowsOf(numbered(lines), { delimiter, onHeader: told }));
    return { digest: createHash('sha256').update(text).digest('hex'), header, rows };
  } catch (error) {
    if (error instanceof CsvError || error instanceof UsageError) throw new UsageError(`${file}: ${error.message}`, { cause: error });
    throw error;
  }
}

async function* numbered(lines: readonly string[]): AsyncGenerator<{ number: number; text: string }> {
  for (const [n, text] of lines.entries()) yield { number: n + 1, text };
}

/** Rows that are not linked, as they stand in the table and with the reason: to be mended and given back. */
export class Rejects {
  readonly #file: string;
  readonly #header: readonly string[];
  readonly #lines: Set<number>;
  first: string | undefined;

  private constructor(file: string, header: readonly string[], lines: Set<number>) {
    this.#file = file;
    this.#header = header.filter(name => name !== 'line' && name !== 'reason');
    this.#lines = lines;
  }

  /** @param goesOn keeps what an earlier part of the same import wrote */
  static async open(file: string, header: readonly string[], goesOn: boolean): Promise<Rejects> {
    const lines = new Set<number>();
    if (goesOn) {
      const kept = await readFile(file, 'utf8').catch(() => '');
      for await (const row of rowsOf(numbered(kept === '' ? ['line'] : kept.split('\n')), { delimiter: ',' })) if ('value' in row) lines.add(Number(row.value['line']));
    } else await rm(file, { force: true });
    return new Rejects(file, header, lines);
  }

  async add(row: CsvRow, why: string): Promise<void> {
    this.first ??= `line ${row.line}: ${why}`;
    if (this.#lines.has(row.line)) return;
    if (this.#lines.size === 0) await writeFile(this.#file, csvLine([...this.#header, 'line', 'reason']));
    this.#lines.add(row.line);
    const cells = 'value' in row ? this.#header.map(name => row.value[name] ?? '') : this.#header.map((_, n) => (n === 0 ? row.raw : ''));
    await appendFile(this.#file, csvLine([...cells, String(row.line), why]));
  }
}
