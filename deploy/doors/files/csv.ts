/**
 * Rows of a CSV file, each read by itself: a quote that is never closed costs its own line and not the rest of the
 * file, which is what a parser of whole files would make of it.
 */
import { parse } from 'csv-parse/sync';
import type { Line } from './lines.ts';

export interface CsvShape {
  /** One character. */
  delimiter: string;
  /** Names of the columns, where the file has no header. */
  columns?: readonly string[] | undefined;
  /** Told of the file's own header, before its first row; what it throws ends the reading. */
  onHeader?(names: readonly string[]): void;
}

/** `line` is its first one, counted from 1. */
export type CsvRow = { line: number; raw: string; value: Record<string, string> } | { line: number; raw: string; reason: string };

/** The file as a whole cannot be read as CSV of that shape. */
export class CsvError extends Error {
  override readonly name = 'CsvError';
}

/** Lines of one row: fields with line breaks have a few. */
const linesMost = 100;
/** Characters of a row that is told of. */
const shownMost = 2_000;

/** @throws {CsvError} when the header is none */
export async function* rowsOf(lines: AsyncIterable<Line>, { delimiter, columns, onHeader }: CsvShape): AsyncGenerator<CsvRow> {
  let names = columns === undefined ? undefined : checked(columns, delimiter);
  const fits = (raw: string): boolean => {
    const fields = fieldsOf(raw, delimiter);
    return typeof fields !== 'string' && (names === undefined || fields.length === names.length);
  };
  for await (const { line, raw, reason } of records(lines, fits)) {
    const read = reason === undefined ? fieldsOf(raw, delimiter) : reason;
    if (names === undefined) {
      if (typeof read === 'string') throw new CsvError(`line ${line}: the header ${read}`);
      names = checked(read, delimiter);
      onHeader?.(names);
    } else if (typeof read === 'string') {
      yield { line, raw: raw.slice(0, shownMost), reason: read };
    } else if (read.length !== names.length) {
      yield { line, raw: raw.slice(0, shownMost), reason: `has ${read.length} fields where the header has ${names.length}` };
    } else if (read.some(field => field.includes('\uFFFD'))) {
      yield { line, raw: raw.slice(0, shownMost), reason: 'has bytes that are no text in this encoding (try --encoding latin1)' };
    } else {
      yield { line, raw: raw.slice(0, shownMost), value: Object.fromEntries(names.map((name, n) => [name, read[n]!])) };
    }
  }
  if (names === undefined) throw new CsvError('the file is empty');
}

function checked(names: readonly string[], delimiter: string): string[] {
  const trimmed = names.map(name => name.trim());
  const told = `the header is ${JSON.stringify(trimmed.join(delimiter).slice(0, 200))}`;
  const empty = trimmed.indexOf('');
  if (empty >= 0) throw new CsvError(`column ${empty + 1} has no name: ${told}`);
  const twice = trimmed.find((name, n) => trimmed.indexOf(name) !== n);
  if (twice !== undefined) throw new CsvError(`column ${JSON.stringify(twice)} is there twice: ${told}`);
  const other = trimmed.length === 1 && [';', '\t', ',', '|'].find(each => each !== delimiter && trimmed[0]!.includes(each));
  if (other) throw new CsvError(`there is only one column: ${told}. Give --delimiter ${other === '\t' ? 'tab' : JSON.stringify(other)} if that separates them`);
  return trimmed;
}

/**
 * Whole records, by counting quotes: inside of a field they come in pairs. Lines that make no row together are taken
 * apart again: a stray quote in one and another some lines on enclose nothing.
 */
async function* records(lines: AsyncIterable<Line>, fits: (raw: string) => boolean): AsyncGenerator<{ line: number; raw: string; reason?: string }> {
  let open: Line[] = [];
  let quotes = 0;
  async function* giveUp(why: string): AsyncGenerator<{ line: number; raw: string; reason?: string }> {
    const [first, ...others] = open;
    open = [];
    quotes = 0;
    yield { line: first!.number, raw: bare(first!.text), reason: why };
    for (const line of others) yield* take(line);
  }
  async function* take(line: Line): AsyncGenerator<{ line: number; raw: string; reason?: string }> {
    if (open.length === 0 && bare(line.text).trim() === '' && !line.isCut) return;
    if (line.isCut) {
      if (open.length > 0) yield* giveUp('opens a quote that is not closed');
      if (open.length === 0) yield { line: line.number, raw: line.text, reason: `is longer than ${line.text.length} characters` };
      return;
    }
    open.push(line);
    quotes += count(line.text);
    if (quotes % 2 === 0) {
      const raw = bare(open.map(({ text }) => text).join('\n'));
      if (open.length > 1 && !fits(raw)) return yield* giveUp('opens a quote that is not closed');
      const first = open[0]!.number;
      open = [];
      quotes = 0;
      yield { line: first, raw };
    } else if (open.length >= linesMost) {
      yield* giveUp(`opens a quote that is not closed within ${linesMost} lines`);
    }
  }
  for await (const line of lines) yield* take(line);
  while (open.length > 0) yield* giveUp('opens a quote that is not closed');
}

function count(text: string): number {
  let quotes = 0;
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at + 1)) quotes += 1;
  return quotes;
}

function bare(text: string): string {
  return text.endsWith('\r') ? text.slice(0, -1) : text;
}

/** The fields, or why they cannot be told apart. */
function fieldsOf(raw: string, delimiter: string): string[] | string {
  if (!raw.includes('"')) return raw.split(delimiter);
  try {
    const [fields] = parse(raw, { delimiter, relax_column_count: true, record_delimiter: '\0' }) as string[][];
    return fields ?? [];
  } catch (error) {
    return `cannot be read (${(error as Error).message.replace(/ at line \d+.*$/s, '')})`;
  }
}
