/** Raw messages into plain values, by the mapping's own format or by what the door says it delivered. */
import { parse } from 'csv-parse/sync';
import { MalformedError } from './refusal.ts';
import type { MappingSpec } from './spec.ts';
import { readX12 } from './x12.ts';
import { readXml } from './xml.ts';

export type Format = MappingSpec['decode'];

/** What a message holds; of a CSV, rows that cannot be read stand beside the others. */
export interface Decoded {
  payload: unknown;
  refused: MalformedError[];
  /** What is odd and no reason to refuse anything, in words. */
  notes: string[];
}

const formats: Readonly<Record<string, Format>> = {
  'application/json': 'json', 'application/x-ndjson': 'jsonl', 'application/jsonl': 'jsonl', 'text/csv': 'csv',
  'application/edi-x12': 'x12', 'application/xml': 'xml', 'text/xml': 'xml', 'application/soap+xml': 'xml',
};

/** A door may deliver a row of a CSV as JSON, whatever the mapping reads files as. */
export function formatOf(contentType: string | undefined, mapped: Format): Format {
  const [plain = ''] = contentType?.toLowerCase().split(';') ?? [];
  const told = formats[plain.trim()];
  return told === undefined || (told === 'json' && mapped === 'jsonl') ? mapped : told;
}

/** @throws {MalformedError} when nothing of it can be read */
export function decode(text: string, format: Format, { csv, x12 }: Pick<MappingSpec, 'csv' | 'x12'>): Decoded {
  switch (format) {
    case 'json': return { payload: readJson(text), refused: [], notes: [] };
    case 'jsonl': return readLines(text);
    case 'csv': return readCsv(text, csv);
    case 'x12': {
      const { sets, notes } = readX12(text, x12.loop);
      return { payload: { sets }, refused: [], notes };
    }
    case 'xml': return { payload: readXml(text), refused: [], notes: [] };
  }
}

const manyDigits = /\d{16}/;

/** Whole numbers that a double cannot hold stay text, digit for digit: ids of 64 bits would become other ids. */
function readJson(text: string): unknown {
  try {
    return manyDigits.test(text) ? JSON.parse(text, exact as (key: string, value: unknown) => unknown) : JSON.parse(text);
  } catch (error) {
    throw new MalformedError('', text, `is not JSON (${(error as Error).message})`);
  }
}

function exact(_key: string, value: unknown, { source }: { source?: string }): unknown {
  return typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(source ?? '') ? source : value;
}

function readLines(text: string): Decoded {
  const payload: unknown[] = [];
  const refused: MalformedError[] = [];
  text.split('\n').forEach((line, n) => {
    if (line.trim() === '') return;
    try {
      payload.push(readJson(line));
    } catch (error) {
      refused.push(new MalformedError(`line ${n + 1}`, line, (error as Error).message.replace(/^message: /, '').replace(/, got .*$/s, '')));
    }
  });
  if (payload.length + refused.length === 0) throw new MalformedError('', text, 'holds no line');
  return { payload, refused, notes: [] };
}

function readCsv(text: string, { delimiter, columns, quote }: MappingSpec['csv']): Decoded {
  const refused: MalformedError[] = [];
  let names: string[] | undefined = columns;
  try {
    const payload: unknown = parse(text, {
      bom: true, delimiter, quote: quote === '' ? null : quote, skip_empty_lines: true, skip_records_with_error: true,
      columns: columns ?? ((header: string[]) => { names = header.map(name => name.trim()); return checkedHeader(names); }),
      on_skip: error => {
        refused.push(new MalformedError(`line ${error?.lines ?? '?'}`, (error as { record?: unknown } | undefined)?.record, error?.message ?? 'cannot be read'));
        return undefined;
      },
    });
    return { payload, refused, notes: [] };
  } catch (error) {
    if (error instanceof MalformedError) throw error;
    throw new MalformedError('', text, `is no CSV (${(error as Error).message})`);
  }
}

/** Of two columns of one name only one would be read, and nobody could tell which. */
function checkedHeader(names: string[]): string[] {
  const twice = names.find((name, n) => name !== '' && names.indexOf(name) !== n);
  if (twice !== undefined) throw new MalformedError('header', twice, 'names a column twice');
  return names;
}
