/** The tables of docs/configuration.md, written from the schema: every key, what it may be, its default, what it is for. */
import { configJsonSchema, fillIns } from '../../config/json-schema.ts';
import type { JsonSchema } from '../../config/json-schema.ts';
import { profiles } from '../channels.ts';
import { accountSchemas } from './schema.ts';

/** Where the tables stand in docs/configuration.md. */
export const markers = ['<!-- plumb config reference -->\n', '<!-- end -->'] as const;

interface Row { key: string; kind: string; standard: string; about: string }

export function configReference(): string {
  const { properties = {}, required = [] } = configJsonSchema;
  const keys = Object.entries(properties).map(([key, schema]) => ({ key, schema, rows: rowsOf(key, schema, required.includes(key)) }));
  const sections = keys.filter(({ rows }) => rows.length > 1 || rows[0]!.key.includes('.')).map(({ key, schema, rows }) => section(`\`${key}\``, schema.description ?? '', rows));
  const single = section('At the top', 'Keys that stand alone.', keys.flatMap(({ rows }) => (rows.length === 1 && !rows[0]!.key.includes('.') ? rows : [])));
  const channels = Object.entries(accountSchemas).map(([channel, { credentials, settings }]) => section(
    `\`accounts[]\` of channel \`${channel}\``,
    `${profiles[channel]!.title}. \`baseUrl\` is the origin of its API.`,
    [...inside('credentials', credentials).map(row => ({ ...row, kind: 'secret' })), ...inside('settings', settings)],
  ));
  return [single, ...sections, ...channels].join('\n');
}

function section(title: string, about: string, rows: readonly Row[]): string {
  return [
    `### ${title}`, '', about, '',
    '| key | may be | default | what it is |', '| --- | --- | --- | --- |',
    ...rows.map(({ key, kind, standard, about }) => `| \`${key}\` | ${kind} | ${standard} | ${about.replaceAll('|', '\\|')} |`), '',
  ].join('\n');
}

/** The key itself, unless it is a mere group, and what stands below it. */
function rowsOf(key: string, schema: JsonSchema, isRequired: boolean): Row[] {
  const below = inside(key, schema);
  const isGroup = schema.properties !== undefined && schema.anyOf === undefined;
  const own: Row = { key, kind: kindOf(schema), standard: defaultOf(key, schema, isRequired), about: schema.description ?? '' };
  return isGroup && below.length > 0 && !key.includes('.') ? below : [own, ...below];
}

function inside(key: string, { properties = {}, required = [], items, additionalProperties, anyOf = [], oneOf = [] }: JsonSchema): Row[] {
  const rows = [
    ...Object.entries(properties).flatMap(([name, schema]) => rowsOf(`${key}.${name}`, schema, required.includes(name))),
    ...(items ? inside(`${key}[]`, items) : []),
    ...(additionalProperties ? inside(`${key}.<name>`, additionalProperties) : []),
    ...[...anyOf, ...oneOf].flatMap(each => inside(key, each)),
  ];
  return [...Map.groupBy(rows, row => row.key).values()].map(([first, ...others]) => ({ ...first!, kind: [...new Set([first!, ...others].map(({ kind }) => kind))].join(' or ') }));
}

function kindOf(schema: JsonSchema): string {
  const { type, enum: values, const: only, anyOf = [], oneOf = [], items, format, writeOnly, additionalProperties, properties } = schema;
  if (writeOnly) return 'secret';
  if (only !== undefined) return `\`${String(only)}\``;
  if (values) return values.map(value => `\`${String(value)}\``).join(', ');
  const kinds = [...anyOf, ...oneOf].filter(({ pattern }) => pattern !== fillIns.source);
  if (kinds.length > 0) return [...new Set(kinds.map(kindOf))].join(' or ');
  switch (type) {
    case 'array': return items ? `list of ${plural(kindOf(items))}` : 'list';
    case 'object': return properties ? 'keys below' : additionalProperties ? 'by name' : 'anything';
    case 'integer': case 'number': return `${type === 'integer' ? 'whole number' : 'number'}${rangeOf(schema)}`;
    case 'boolean': return 'yes or no';
    case 'string': return format === 'uri' ? 'address' : 'text';
    default: return 'anything';
  }
}

const plural = (kind: string): string => ({ text: 'texts', address: 'addresses', secret: 'secrets', 'keys below': 'entries' })[kind] ?? kind;

function rangeOf({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: JsonSchema): string {
  const from = minimum !== undefined ? `from ${minimum}` : exclusiveMinimum !== undefined ? `above ${exclusiveMinimum}` : '';
  const to = maximum !== undefined ? `to ${maximum}` : exclusiveMaximum !== undefined ? `below ${exclusiveMaximum}` : '';
  return [from, to].filter(Boolean).map(text => ` ${text}`).join('');
}

function defaultOf(key: string, { default: standard }: JsonSchema, isRequired: boolean): string {
  if (standard === undefined) return isRequired ? 'none, it is needed' : '';
  if (typeof standard === 'object' && standard !== null && Object.keys(standard).length === 0) return '';
  const text = `\`${JSON.stringify(standard)}\``;
  return /Ms$/.test(key) && typeof standard === 'number' && standard >= 1_000 ? `${text} (${told(standard)})` : text;
}

function told(ms: number): string {
  for (const [unit, size] of [['d', 86_400_000], ['h', 3_600_000], ['min', 60_000]] as const) if (ms >= size && ms % size === 0) return `${ms / size} ${unit}`;
  return `${ms / 1_000} s`;
}
