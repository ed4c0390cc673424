/** One row of a source's message, read field by field as a canonical event. */
import { canonical } from './canonical.ts';
import type { Ask, CanonicalEvent, SourceFact } from './canonical.ts';
import type { Bindings, Expression } from './expression.ts';
import { MalformedError } from './refusal.ts';
import { kinds } from './spec.ts';
import type { FormSpec, Kind } from './spec.ts';
import { unitsOf } from './units.ts';
import type { NumberFormat } from './units.ts';

export type Tables = Readonly<Record<string, Readonly<Record<string, string>>>>;

export type RowOutcome =
  | { kind: 'event'; row: number; raw: unknown; event: CanonicalEvent }
  | { kind: 'ask'; ask: Ask }
  | { kind: 'ignored'; reason: string }
  /** `sku` and `location` as far as they were read: what else of the message belongs to it. */
  | { kind: 'refused'; row: number; raw: unknown; error: MalformedError; sku?: string; location?: string };

type Rule = { when: Expression; reason: string };
type PlainField = 'id' | 'quantity' | 'reserved' | 'delta' | 'reason' | 'imported' | 'importedThrough' | 'countedAt' | 'parts' | 'account' | 'line' | 'units' | 'createdAt' | 'about';
const plainFields: readonly PlainField[] = ['id', 'quantity', 'reserved', 'delta', 'reason', 'imported', 'importedThrough', 'countedAt', 'parts', 'account', 'line', 'units', 'createdAt', 'about'];

export interface CompiledRow {
  source: string;
  /** Positions are 1, 2, 3 ...: no others are taken. */
  sequence: boolean;
  numbers: NumberFormat;
  kind: Kind | Expression;
  ignore: Rule[];
  refuse: Rule[];
  fields: Partial<Record<PlainField, Expression>>;
  sku: (Lookup & Pick<NonNullable<FormSpec['sku']>, 'case' | 'trim'>) | undefined;
  location: (Lookup & Pick<NonNullable<FormSpec['location']>, 'missing'>) | undefined;
  position: Expression[];
}

interface Lookup { value: Expression; table: Readonly<Record<string, string>> | undefined; unknown: 'refuse' | 'ignore' }

export interface RowCompiler {
  source: string;
  sequence: boolean;
  numbers: NumberFormat;
  tables: Tables;
  at(path: readonly PropertyKey[]): (text: string) => Expression;
  fail(path: readonly PropertyKey[], message: string): Error;
}

/** Needed beside the SKU, by kind. */
const needed: Readonly<Record<Kind, readonly (keyof FormSpec)[]>> = {
  count: ['position', 'quantity'], adjust: ['position', 'delta'], reserve: ['position', 'delta'], kit: ['position', 'parts'],
  placed: ['account', 'line', 'units', 'createdAt'], cancelled: ['account', 'line', 'units'], shipped: ['account', 'line', 'units'], returned: ['account', 'line', 'units'],
  ask: [],
};

export function compileRow(form: FormSpec, { source, sequence, numbers, tables, at, fail }: RowCompiler): CompiledRow {
  const kind = kinds.find(known => known === form.type);
  const lacking = kind === undefined ? undefined : needed[kind].find(field => form[field] === undefined);
  if (lacking !== undefined) throw fail(['type'], `a ${kind} needs ${lacking}`);
  if (form.sku === undefined && kind !== 'ask') throw fail(['type'], `a ${kind ?? 'row'} needs sku`);
  if (sequence && form.position?.tie !== undefined) throw fail(['position', 'tie'], 'a sequence has no ties: policy.order must be monotone');
  const lookup = (field: 'sku' | 'location', { value, table, unknown }: { value: string; table?: string | undefined; unknown: 'refuse' | 'ignore' }, required: boolean): Lookup => {
    const rows = table === undefined ? undefined : tables[table];
    if (required && rows === undefined) throw fail([field, 'table'], `the table ${table ?? ''} is needed and given by neither the mapping nor the source's configuration`);
    return { value: at([field, 'value'])(value), table: rows, unknown };
  };
  const rules = (key: 'ignore' | 'refuse'): Rule[] => form[key].map(({ when, reason }, n) => ({ when: at([key, n, 'when'])(when), reason }));
  const positions = form.position === undefined ? [] : Array.isArray(form.position.value) ? form.position.value : [form.position.value];
  return {
    source, sequence, numbers,
    kind: kind ?? at(['type'])(form.type),
    ignore: rules('ignore'),
    refuse: rules('refuse'),
    fields: Object.fromEntries(plainFields.flatMap(field => (form[field] === undefined ? [] : [[field, at([field])(form[field])]]))),
    sku: form.sku && { ...lookup('sku', form.sku, form.sku.required), case: form.sku.case, trim: form.sku.trim },
    location: form.location && { ...lookup('location', form.location, false), missing: form.location.missing },
    position: positions.map((text, n) => at(['position', 'value', n])(text)),
  };
}

/**
 * @param row 1 for the first of its message
 * @param suffix told in the event's id where the message has several rows
 */
export async function readRow(compiled: CompiledRow, raw: unknown, row: number, suffix: number | undefined, bindings: Bindings): Promise<RowOutcome> {
  const known: { sku?: string; location?: string } = {};
  try {
    for (const { when, reason } of compiled.ignore) {
      if (await value(when, 'ignore', raw, bindings) === true) return { kind: 'ignored', reason };
    }
    for (const { when, reason } of compiled.refuse) {
      if (await value(when, 'refuse', raw, bindings) === true) throw new MalformedError('', raw, reason, { expression: when.text });
    }
    const kind = typeof compiled.kind === 'string' ? compiled.kind : kindOf(await value(compiled.kind, 'type', raw, bindings), compiled.kind);
    const sku = compiled.sku && await readSku(compiled.sku, raw, bindings);
    if (sku === ignored) return { kind: 'ignored', reason: 'unknown SKU' };
    if (typeof sku === 'string') known.sku = sku;
    else if (kind !== 'ask' && (sku === undefined || sku === null)) throw new MalformedError('sku', undefined, 'is missing', { expression: compiled.sku?.value.text });
    const location = compiled.location && await readLocation(compiled.location, raw, bindings);
    if (location === ignored) return { kind: 'ignored', reason: 'unknown location' };
    if (location !== undefined) known.location = location;
    if (kind === 'ask') return { kind: 'ask', ask: await readAsk(compiled, raw, known, bindings) };
    return { kind: 'event', row, raw, event: await readEvent(compiled, kind, raw, suffix, sku, location, bindings) };
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    return { kind: 'refused', row, raw, error, ...known };
  }
}

async function readEvent(compiled: CompiledRow, kind: Exclude<Kind, 'ask'>, raw: unknown, suffix: number | undefined, sku: unknown, location: string | undefined, bindings: Bindings): Promise<CanonicalEvent> {
  const { fields, source, numbers } = compiled;
  const told = async (field: PlainField): Promise<unknown> => present(fields[field] && await value(fields[field], field, raw, bindings));
  const units = async (field: 'quantity' | 'delta' | 'units'): Promise<number> => unitsOf(field, fields[field] && await value(fields[field], field, raw, bindings), numbers, fields[field]?.text);
  const stated = async (): Promise<object> => ({ source, position: await readPosition(compiled, raw, bindings), ...(location !== undefined && { location }) });
  const sold = async (): Promise<object> => ({ account: await told('account'), line: await told('line'), units: await units('units') });
  const optional = async (...names: PlainField[]): Promise<object> => {
    const found: Record<string, unknown> = {};
    for (const name of names) {
      const read = await told(name);
      if (read !== undefined) found[name] = name === 'imported' && !Array.isArray(read) ? [read] : read;
    }
    return found;
  };
  const fact = async (): Promise<Record<string, unknown>> => {
    switch (kind) {
      case 'count': {
        const committed = await told('reserved');
        const reserved = committed === undefined ? {} : { reserved: unitsOf('reserved', committed, numbers, fields.reserved!.text) };
        return { type: 'stock.counted', ...await stated(), quantity: await units('quantity'), ...reserved, ...await optional('imported', 'importedThrough', 'countedAt') };
      }
      case 'adjust': return { type: 'stock.adjusted', ...await stated(), delta: await units('delta'), ...await optional('reason') };
      case 'reserve': return { type: 'stock.reserved', ...await stated(), delta: await units('delta') };
      case 'kit': return { type: 'kit.defined', source, position: await readPosition(compiled, raw, bindings), parts: await told('parts') };
      case 'placed': return { type: 'order.placed', ...await sold(), ...await optional('createdAt') };
      case 'cancelled': case 'shipped': case 'returned': return { type: `order.${kind}` satisfies SourceFact['type'], ...await sold() };
    }
  };
  const id = await told('id') ?? (suffix === undefined ? String(bindings.message.seq) : `${bindings.message.seq}:${suffix}`);
  return canonical({ id: typeof id === 'number' ? String(id) : id, sku, fact: await fact() }, field => textOf(compiled, field));
}

async function readAsk({ fields }: CompiledRow, raw: unknown, known: { sku?: string; location?: string }, bindings: Bindings): Promise<Ask> {
  const about = known.sku ?? (fields.about && await value(fields.about, 'about', raw, bindings));
  if (typeof about !== 'string' || about === '') throw new MalformedError('about', about, 'does not say what to ask for', { expression: fields.about?.text });
  return { key: about, ...known };
}

const ignored = Symbol('ignored');

async function readSku(field: NonNullable<CompiledRow['sku']>, raw: unknown, bindings: Bindings): Promise<unknown> {
  const found = await look(field, 'sku', await value(field.value, 'sku', raw, bindings));
  if (typeof found !== 'string') return found;
  const trimmed = field.trim ? found.trim() : found;
  return field.case === 'keep' ? trimmed : field.case === 'lower' ? trimmed.toLowerCase() : trimmed.toUpperCase();
}

async function readLocation(field: NonNullable<CompiledRow['location']>, raw: unknown, bindings: Bindings): Promise<string | undefined | typeof ignored> {
  const read = present(await value(field.value, 'location', raw, bindings));
  if (read === undefined) {
    if (field.missing === 'unnamed') return undefined;
    throw new MalformedError('location', read, 'is missing: which location is meant would be a guess', { expression: field.value.text });
  }
  const found = look(field, 'location', read);
  if (typeof found === 'string' || found === ignored) return found;
  throw new MalformedError('location', found, 'is no text', { expression: field.value.text });
}

function look({ value, table, unknown }: Lookup, field: 'sku' | 'location', read: unknown): unknown {
  if (table === undefined || present(read) === undefined) return read;
  const key = typeof read === 'number' && Number.isSafeInteger(read) ? String(read) : read;
  if (typeof key === 'string' && Object.hasOwn(table, key)) return table[key];
  if (unknown === 'ignore') return ignored;
  throw new MalformedError(field, read, 'is not in the mapping\'s table', { class: 'unmapped', expression: value.text });
}

async function readPosition({ position, sequence }: CompiledRow, raw: unknown, bindings: Bindings): Promise<unknown> {
  const parts: unknown[] = [];
  for (const expression of position) {
    const part = present(await value(expression, 'position', raw, bindings));
    if (part === undefined) throw new MalformedError('position', part, 'is missing: whether it is newer than what is known would be a guess', { expression: expression.text });
    if (Array.isArray(part)) parts.push(...part as unknown[]);
    else parts.push(part);
  }
  const [first] = parts;
  // "10" would come before "9", and behind every number.
  if (typeof first === 'string' && /^\s*[+-]?\d+(\.\d*)?\s*$/.test(first)) throw new MalformedError('position', first, 'is a number written as text, which does not compare as a number ($number reads it)', { expression: position[0]?.text });
  if (sequence && !(parts.length === 1 && typeof first === 'number' && first >= 1)) throw new MalformedError('position', parts.length === 1 ? first : parts, 'is no place in a sequence 1, 2, 3 ... (policy.order)', { expression: position[0]?.text });
  return parts.length === 1 && typeof first === 'number' ? first : parts;
}

function kindOf(read: unknown, { text }: Expression): Kind {
  const kind = kinds.find(known => known === read);
  if (kind === undefined) throw new MalformedError('type', read, `is none of ${kinds.join(', ')}`, { expression: text });
  return kind;
}

function textOf(compiled: CompiledRow, field: string): string | undefined {
  if (field === 'sku') return compiled.sku?.value.text;
  if (field === 'location') return compiled.location?.value.text;
  if (field === 'position') return compiled.position.map(({ text }) => text).join(', ');
  return compiled.fields[field as PlainField]?.text;
}

/** An empty text is how CSV and many others write that there is nothing. */
function present(read: unknown): unknown {
  return read === null || read === '' ? undefined : read;
}

/** Most values need no waiting. */
function value(expression: Expression, field: string, raw: unknown, bindings: Bindings): unknown {
  return expression.evaluate(field, raw, bindings);
}
