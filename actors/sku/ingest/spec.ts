/** The shape of a mapping file: how one system's messages are read as canonical events. `docs/sources.md` explains it. */
import { z } from 'zod';
import { numberFormat } from './units.ts';

const expression = z.string().trim().min(1, 'an expression is wanted');
/** Names of a system's things by the names Plumb knows them by, or as ids to be looked up. */
export const tableSchema = z.record(z.string(), z.string().min(1));

const looked = {
  value: expression,
  /** The value is looked up here; without the table, in the mapping or the source's configuration, it stands as it is. */
  table: z.string().optional(),
  /** What becomes of a value that the table does not hold. */
  unknown: z.enum(['refuse', 'ignore']).default('refuse'),
};

const asValue = (value: unknown): unknown => (typeof value === 'string' ? { value } : value);

const skuField = z.preprocess(asValue, z.strictObject({
  ...looked,
  /** The table is needed: its keys are no SKUs. */
  required: z.boolean().default(false),
  /** Cases are kept apart unless the system itself does not tell them apart. */
  case: z.enum(['keep', 'lower', 'upper']).default('keep'),
  /** Spaces at the ends are part of the SKU unless the system pads its codes. */
  trim: z.boolean().default(false),
}));

const locationField = z.preprocess(asValue, z.strictObject({
  ...looked,
  /** A row that names none is refused, unless it is the unnamed location that it means. */
  missing: z.enum(['refuse', 'unnamed']).default('refuse'),
}));

const positionField = z.preprocess(value => (Array.isArray(value) ? { value: value as unknown } : asValue(value)), z.strictObject({
  /** One expression, or one for each part; a part that is missing refuses the row, since shorter positions are other ones. */
  value: z.union([expression, z.array(expression).min(1).max(8)]),
  /**
   * Tells apart what the source's own clock cannot. `lowest`: of counts at one position the smallest number stands, in
   * whatever order they come. `arrival`: the later one, which a late repeat would undo.
   */
  tie: z.enum(['lowest', 'arrival']).optional(),
}));

export const kinds = ['count', 'adjust', 'reserve', 'kit', 'placed', 'cancelled', 'shipped', 'returned', 'ask'] as const;
export type Kind = typeof kinds[number];

const formSchema = z.strictObject({
  name: z.string().min(1),
  /** Which messages have this form, of the decoded payload; the first form that takes a message reads it. */
  when: expression.optional(),
  /** The message's rows, of the payload. */
  each: expression.default('$'),
  /** A message without rows says nothing, and why that is right; else it is refused. */
  empty: z.string().optional(),
  /** Rows that say nothing about stock, and why: counted, no dead letters. Of the row. */
  ignore: z.array(z.strictObject({ when: expression, reason: z.string().min(1) })).default([]),
  /** Rows that state no number although they should: refused, with this reason. */
  refuse: z.array(z.strictObject({ when: expression, reason: z.string().min(1) })).default([]),
  /** Rows of one SKU and location that are one statement together. */
  combine: z.enum(['none', 'sum', 'same', 'last']).default('none'),
  /** A kind, or an expression that gives one. */
  type: expression,
  id: expression.optional(),
  sku: skuField.optional(),
  location: locationField.optional(),
  position: positionField.optional(),
  quantity: expression.optional(),
  reserved: expression.optional(),
  delta: expression.optional(),
  reason: expression.optional(),
  imported: expression.optional(),
  importedThrough: expression.optional(),
  countedAt: expression.optional(),
  parts: expression.optional(),
  account: expression.optional(),
  line: expression.optional(),
  units: expression.optional(),
  createdAt: expression.optional(),
  /** Of an `ask` without a SKU: what the source is to be asked about. */
  about: expression.optional(),
});

export const policySchema = z.strictObject({
  order: z.enum(['sequence', 'monotone']).optional().describe('Whether positions count up without gaps, or only rise.'),
  inOrder: z.boolean().optional().describe('Counts too wait until those before them are there.'),
  floor: z.boolean().optional().describe('Its counts and changes stop at 0; else what is below 0 is owed.'),
  ordersIn: z.union([z.enum(['named', 'always', 'never']), z.strictObject({
    lagMs: z.number().int().min(0).describe('A count contains the order lines that are older than this.'),
  })]).optional().describe('Which order lines a count contains: those that it names, all, none, or those that are old enough.'),
});

export const mappingSchema = z.strictObject({
  about: z.string().optional(),
  decode: z.enum(['json', 'jsonl', 'csv', 'x12', 'xml']).default('json'),
  accepts: z.strictObject({
    contentTypes: z.array(z.string()).optional(),
    when: expression.optional(),
  }).prefault({}),
  /** Settings with their defaults, `$params` in expressions; the source's configuration may set others. */
  params: z.record(z.string(), z.unknown()).default({}),
  tables: z.record(z.string(), tableSchema).default({}),
  numbers: numberFormat.prefault({}),
  csv: z.strictObject({
    delimiter: z.union([z.string().length(1), z.array(z.string().length(1)).min(1)]).default(','),
    /** Of a file without a header. */
    columns: z.array(z.string()).min(1).optional(),
    quote: z.string().max(1).default('"'),
  }).prefault({}),
  x12: z.strictObject({ loop: z.string().default('LIN') }).prefault({}),
  /** What the source promises of its facts; its configuration may say otherwise. */
  policy: policySchema.default({}),
  forms: z.array(formSchema).min(1),
});

export type MappingSpec = z.output<typeof mappingSchema>;
export type FormSpec = MappingSpec['forms'][number];
