/** Reads a CSV file of known columns, gz or plain, so that whatever is wrong is named by file, line and column. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import type { CsvError } from 'csv-parse/sync';

/** Input that cannot be used. `line` counts from 1, the header included; absent where the file as a whole is wrong. */
export class TraceError extends Error {
  override readonly name = 'TraceError';
  readonly file: string;
  readonly line: number | undefined;
  readonly column: string | undefined;
  readonly value: string | undefined;

  constructor(problem: string, at: { file: string; line?: number; column?: string; value?: string; cause?: unknown }) {
    const place = at.file + (at.line === undefined ? '' : `:${at.line}`) + (at.column === undefined ? '' : `: column ${at.column}`);
    super(`${place}: ${problem}${at.value === undefined ? '' : `, got ${JSON.stringify(at.value)}`}`, { cause: at.cause });
    this.file = at.file;
    this.line = at.line;
    this.column = at.column;
    this.value = at.value;
  }
}

/** One record; each getter throws a `TraceError` that names the place and the value. */
export class Row {
  readonly file: string;
  readonly line: number;
  readonly #fields: Record<string, string>;

  constructor(file: string, line: number, fields: Record<string, string>) {
    this.file = file;
    this.line = line;
    this.#fields = fields;
  }

  /** As it stands, perhaps empty. */
  text(column: string): string {
    return this.#fields[column] ?? '';
  }

  filled(column: string): string {
    const value = this.text(column);
    if (value.trim() === '') throw this.wrong(column, 'must not be empty');
    return value;
  }

  /** Whole, within 1,000,000,000 of 0 on either side. */
  whole(column: string, what = 'expected a whole number', holds: (value: number) => boolean = () => true): number {
    const text = this.text(column);
    const value = Number(text);
    if (!/^-?\d{1,10}$/.test(text) || Math.abs(value) > 1e9 || !holds(value)) throw this.wrong(column, what);
    return value;
  }

  oneOf<T extends string>(column: string, allowed: readonly T[]): T {
    const value = this.text(column);
    if (!(allowed as readonly string[]).includes(value)) throw this.wrong(column, `expected one of ${allowed.join(', ')}`);
    return value as T;
  }

  /** ISO 8601 with a time zone, to epoch ms. */
  time(column: string): number {
    const text = this.text(column);
    const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : NaN;
    if (Number.isNaN(at)) throw this.wrong(column, 'expected an ISO 8601 time with its zone');
    return at;
  }

  wrong(column: string, problem: string): TraceError {
    return new TraceError(problem, { file: this.file, line: this.line, column, value: this.text(column) });
  }
}

/**
 * The records of a file. Columns are found by the header, in any order; others are passed over.
 *
 * @param limit records to read at most
 * @throws {TraceError} when the file cannot be read or unpacked, is no CSV, lacks a column or has a short line
 */
export function readRows(file: string, columns: readonly string[], limit = Infinity): Row[] {
  const [header, ...records] = readRecords(file, limit);
  if (!header) throw new TraceError('is empty', { file });
  const places = columns.map(column => {
    const place = header.fields.indexOf(column);
    if (place < 0) throw new TraceError(`missing in the header`, { file, line: header.line, column, value: header.fields.join(',') });
    return [column, place] as const;
  });
  return records.map(({ line, fields }) => {
    if (fields.length !== header.fields.length) {
      const column = header.fields[Math.min(fields.length, header.fields.length - 1)]!;
      throw new TraceError(`expected ${header.fields.length} fields, found ${fields.length}`, { file, line, column, value: fields.join(',') });
    }
    return new Row(file, line, Object.fromEntries(places.map(([column, place]) => [column, fields[place]!])));
  });
}

function readRecords(file: string, limit: number): { line: number; fields: string[] }[] {
  const text = readText(file);
  try {
    const records = parse(text, {
      bom: true, info: true, relax_column_count: true, skip_empty_lines: true,
      ...(Number.isFinite(limit) && { to: limit + 1 }),
    }) as unknown as { info: { lines: number }; record: string[] }[];
    return records.map(({ info, record }) => ({ line: info.lines, fields: record }));
  } catch (error) {
    const { message, lines, column } = error as CsvError & { lines?: number; column?: number | string };
    throw new TraceError(`is not valid CSV: ${message}`, {
      file, cause: error, ...(lines !== undefined && { line: lines }), ...(column !== undefined && { column: String(column) }),
    });
  }
}

/** Gz or plain by the first two bytes, whatever the name says. */
function readText(file: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw new TraceError(`cannot be read: ${(error as Error).message}`, { file, cause: error });
  }
  try {
    if (bytes[0] === 0x1f && bytes[1] === 0x8b) bytes = gunzipSync(bytes);
  } catch (error) {
    throw new TraceError(`cannot be unpacked: ${(error as Error).message}`, { file, cause: error });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    const good = lengthOfValidText(bytes);
    const line = bytes.subarray(0, good).reduce((lines, byte) => lines + (byte === 10 ? 1 : 0), 1);
    throw new TraceError('is not UTF-8', { file, line, column: `byte ${good + 1}`, value: bytes.subarray(good, good + 8).toString('latin1'), cause: error });
  }
}

/** Bytes before the first that is not UTF-8: found by halving, as a valid start decodes and a longer one does not. */
function lengthOfValidText(bytes: Buffer): number {
  let good = 0;
  let bad = bytes.length;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    try {
      new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, middle), { stream: true });
      good = middle;
    } catch {
      bad = middle;
    }
  }
  return good;
}
