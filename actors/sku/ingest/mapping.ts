/**
 * A mapping at work: one raw message in, canonical events out. What one row of a message is refused for keeps no other
 * row from being taken, unless they are one statement together.
 */
import type { SourcePolicy } from '../protocol.ts';
import { combine } from './combine.ts';
import type { CanonicalEvent, Ask } from './canonical.ts';
import { decode, formatOf } from './decode.ts';
import { ExpressionError, compile, pauseFor } from './expression.ts';
import type { Bindings, Expression } from './expression.ts';
import { MalformedError } from './refusal.ts';
import { compileRow, readRow } from './row.ts';
import type { CompiledRow, RowOutcome, Tables } from './row.ts';
import type { FormSpec, MappingSpec } from './spec.ts';

/** A message as the ingest journal holds it. */
export interface RawMessage {
  text: string;
  /** Its place in the journal. */
  seq: number;
  /** When the journal took it, epoch ms. */
  at: number;
  id?: string;
  contentType?: string;
  /** The door's own position, as it wrote it. */
  position?: string;
  door?: string;
}

/** A row that is not taken, 1 for the first; the message as a whole where no row is named. */
export interface Refusal { error: MalformedError; row?: number; raw?: unknown }

/** What a message says. */
export interface Mapped {
  events: CanonicalEvent[];
  refusals: Refusal[];
  asks: Ask[];
  /** Rows that say nothing about stock, by reason. */
  ignored: Record<string, number>;
  /** What is odd in the message and refuses nothing. */
  notes: string[];
}

export interface Mapping {
  readonly name: string;
  readonly policy: SourcePolicy;
  /** @param pause lets others work, from time to time, in messages of many rows */
  map(message: RawMessage, pause?: () => Promise<void>): Promise<Mapped>;
}

/** A mapping that cannot work; `path` leads to the key in its file. */
export class MappingError extends Error {
  override readonly name = 'MappingError';
  readonly path: readonly PropertyKey[];

  constructor(path: readonly PropertyKey[], message: string, options?: ErrorOptions) {
    super(message, options);
    this.path = path;
  }
}

interface Form extends CompiledRow {
  spec: FormSpec;
  when: Expression | undefined;
  each: Expression;
}

export interface MappingSettings {
  /** The source that speaks. */
  source: string;
  name: string;
  params?: Readonly<Record<string, unknown>>;
  tables?: Tables;
  /** What the source's configuration says otherwise than the mapping. */
  policy?: SourcePolicy;
}

const rowsAtOnce = 200;

/** @throws {MappingError} */
export function compileMapping(spec: MappingSpec, { source, name, params = {}, tables = {}, policy: own = {} }: MappingSettings): Mapping {
  const strange = Object.keys(params).find(key => !Object.hasOwn(spec.params, key));
  if (strange !== undefined) throw new MappingError(['params', strange], `${strange} is no parameter of ${name}, which has ${Object.keys(spec.params).join(', ') || 'none'}`);
  const policy = { ...spec.policy, ...own } as SourcePolicy;
  const sequence = policy.order !== 'monotone';
  const at = (path: readonly PropertyKey[]) => (text: string): Expression => compileAt(text, path);
  const accepts = spec.accepts.when === undefined ? undefined : compileAt(spec.accepts.when, ['accepts', 'when']);
  const forms = spec.forms.map((form, n): Form => ({
    spec: form,
    when: form.when === undefined ? undefined : compileAt(form.when, ['forms', n, 'when']),
    each: compileAt(form.each, ['forms', n, 'each']),
    ...compileRow(form, { source, sequence, numbers: spec.numbers, tables: { ...spec.tables, ...tables }, at: key => at(['forms', n, ...key]), fail: (key, message) => new MappingError(['forms', n, ...key], message) }),
  }));
  const settings = { ...spec.params, ...params };

  return {
    name,
    policy,
    async map(message, pause) {
      const outcome: Mapped = { events: [], refusals: [], asks: [], ignored: {}, notes: [] };
      try {
        await readMessage(message, outcome, pause);
      } catch (error) {
        if (!(error instanceof MalformedError)) throw error;
        return { ...outcome, events: [], asks: [], refusals: [{ error }] };
      }
      return outcome;
    },
  };

  async function readMessage(message: RawMessage, outcome: Mapped, pause?: () => Promise<void>): Promise<void> {
    const { contentType } = message;
    const types = spec.accepts.contentTypes;
    if (types && contentType !== undefined && !types.includes(contentType.split(';')[0]!.trim().toLowerCase())) {
      throw new MalformedError('Content-Type', contentType, `is none of ${types.join(', ')}`);
    }
    const { payload, refused, notes } = decode(message.text, formatOf(contentType, spec.decode), spec);
    const bindings = bindingsOf(message, payload, settings);
    pauseFor(bindings.message, pause);
    outcome.notes = notes;
    outcome.refusals = refused.map(error => ({ error }));
    if (accepts && !truth(await accepts.evaluate('accepts', payload, bindings))) throw new MalformedError('', payload, 'is not what this mapping accepts', { expression: accepts.text });
    const form = await formFor(payload, bindings);
    const rows = asRows(await form.each.evaluate('each', payload, bindings));
    if (rows.length === 0 && refused.length === 0) {
      if (form.spec.empty === undefined) throw new MalformedError('each', payload, 'gives no rows', { expression: form.each.text });
      return void count(outcome.ignored, form.spec.empty);
    }
    if (form.spec.combine === 'sum' && refused.length > 0) throw new MalformedError(refused[0]!.field, refused[0]!.value, `${refused[0]!.message}; a sum of the other rows might lack it`);
    const taken: RowOutcome[] = [];
    for (const [n, row] of rows.entries()) {
      if (pause && n > 0 && n % rowsAtOnce === 0) await pause();
      taken.push(await readRow(form, row, n + 1, rows.length === 1 ? undefined : n + 1, bindings));
    }
    finish(form, taken, outcome, bindings);
  }

  async function formFor(payload: unknown, bindings: Bindings): Promise<Form> {
    for (const form of forms) {
      if (form.when === undefined || truth(await form.when.evaluate('when', payload, bindings))) return form;
    }
    throw new MalformedError('', payload, `has none of the forms that ${name} knows: ${forms.map(form => form.spec.name).join(', ')}`);
  }
}

function finish(form: Form, rows: readonly RowOutcome[], outcome: Mapped, { message }: Bindings): void {
  const { events, refused } = combine(rows, form.spec.combine, form.spec.position?.tie, message.seq);
  outcome.events = events;
  for (const { error, row, raw } of refused) outcome.refusals.push({ error, row, raw });
  for (const row of rows) {
    if (row.kind === 'ask') outcome.asks.push(row.ask);
    if (row.kind === 'ignored') count(outcome.ignored, row.reason);
  }
}

function compileAt(text: string, path: readonly PropertyKey[]): Expression {
  try {
    return compile(text);
  } catch (cause) {
    if (!(cause instanceof ExpressionError)) throw cause;
    throw new MappingError(path, cause.message, { cause });
  }
}

function bindingsOf({ text, seq, at, id, contentType, position, door }: RawMessage, payload: unknown, params: Readonly<Record<string, unknown>>): Bindings {
  return {
    payload,
    params,
    message: {
      seq, at, length: text.length,
      ...(id !== undefined && { id }), ...(contentType !== undefined && { contentType }), ...(door !== undefined && { door }),
      ...(position !== undefined && { position: positionOf(position) }),
    },
  };
}

/** As JSON where it is: doors that have numbers or lists write them so; a text stands for itself. */
function positionOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function asRows(value: unknown): unknown[] {
  return value === undefined || value === null ? [] : Array.isArray(value) ? value : [value];
}

/** Only true is true: an expression whose field is missing gives nothing. */
function truth(value: unknown): boolean {
  return value === true;
}

function count(counts: Record<string, number>, reason: string): void {
  counts[reason] = (counts[reason] ?? 0) + 1;
}
