/** One source of a node's configuration: its format, and what it promises of its facts. */
import { readFileSync } from 'node:fs';
import { parse as parseCsv } from 'csv-parse/sync';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { policySchema, tableSchema } from '../actors/sku/ingest/spec.ts';
import { MappingFileError, readMapping } from './sources.ts';

const name = z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'must be lower case letters, digits and dashes');

/** Names by names: written out, or in a file of two columns (CSV, without a header) or of a YAML or JSON object. */
const table = z.union([tableSchema, z.string()]).transform((value, context): Record<string, string> => {
  if (typeof value !== 'string') return value;
  try {
    return readTable(value);
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
    return z.NEVER;
  }
});

export const sourceSchema = z.strictObject({
  source: name.describe('Its name: messages come on `ingest.<source>`.'),
  format: z.literal('plumb').default('plumb').describe('Plumb\'s own format, docs/ingest.md; of a mapping\'s there is no need to say.'),
  mapping: z.string().min(1).optional().describe('A mapping that comes along, or the path of one, docs/sources.md.'),
  params: z.record(z.string(), z.unknown()).optional().describe('The mapping\'s parameters, where they differ from its own.'),
  tables: z.record(z.string(), table).optional().describe('The mapping\'s tables.'),
  /** Promises; those left out are the mapping's, or else a sequence without gaps whose counts name order lines. */
  ...policySchema.shape,
  rhythm: z.union([z.literal('off'), z.strictObject({ everyMs: z.number().int().min(1_000).describe('It speaks at least so often.') })]).optional().describe('A source that is silent for longer is told of. Learnt from its messages where it is not set.'),
}).transform(({ mapping, params, tables, order, inOrder, floor, ordersIn, ...rest }, context) => {
  const own = given({ order, inOrder, floor, ordersIn });
  let promised: z.output<typeof policySchema> = own;
  if (mapping === undefined) {
    const stray = params ? 'params' : tables ? 'tables' : undefined;
    if (stray) context.addIssue({ code: 'custom', path: [stray], message: 'is a mapping\'s, and the source names none' });
  } else {
    try {
      promised = readMapping(mapping, { source: rest.source, ...(params && { params }), ...(tables && { tables }), policy: own }).mapping.policy as typeof promised;
    } catch (error) {
      if (!(error instanceof MappingFileError)) throw error;
      context.addIssue({ code: 'custom', path: ['mapping'], message: error.message });
    }
  }
  const policy = {
    order: promised.order ?? 'sequence' as const,
    inOrder: promised.inOrder ?? false,
    floor: promised.floor ?? false,
    ordersIn: promised.ordersIn ?? 'named' as const,
  };
  if (policy.order === 'monotone' && policy.inOrder) context.addIssue({ code: 'custom', path: ['inOrder'], message: 'only a sequence can be waited for in order, and order is monotone' });
  return { ...rest, ...policy, ...(mapping !== undefined && { mapping, params: params ?? {}, tables: tables ?? {} }) };
});

/** What is not set is absent, not undefined. */
function given<T extends object>(settings: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

/** @throws {Error} naming the file and what is wrong in it */
export function readTable(file: string): Record<string, string> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new Error(`${file}: cannot be read (${(cause as NodeJS.ErrnoException).code})`, { cause });
  }
  if (!file.endsWith('.csv')) {
    const parsed = tableSchema.safeParse(parseYaml(text));
    if (parsed.success) return parsed.data;
    throw new Error(`${file}: ${parsed.error.issues.map(issue => `${issue.path.join('.') || 'table'}: ${issue.message}`).join('; ')}`);
  }
  const rows = rowsOf(file, text);
  const wrong = rows.findIndex(row => row.length !== 2 || row[1] === '');
  if (wrong !== -1) throw new Error(`${file}: row ${wrong + 1}: two columns are wanted, a name of the source's and its name here`);
  const names = rows.map(([key]) => key!);
  const twice = names.find((key, n) => names.indexOf(key) !== n);
  if (twice !== undefined) throw new Error(`${file}: ${JSON.stringify(twice)} stands there twice`);
  return Object.fromEntries(rows as [string, string][]);
}

function rowsOf(file: string, text: string): string[][] {
  try {
    return parseCsv(text, { bom: true, skip_empty_lines: true }) as string[][];
  } catch (cause) {
    throw new Error(`${file}: is no table (${(cause as Error).message})`, { cause });
  }
}
