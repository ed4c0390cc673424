/** Rules as a table: one row per SKU and account. A column that is not there changes nothing; an empty cell sets nothing. */
import { parse } from 'csv-parse/sync';
import type { Mode } from '../../actors/sku/exposure/record.ts';
import type { Rule } from '../../actors/sku/protocol.ts';
import { ruleSchema } from '../../config/config.ts';
import { modes } from '../../config/exposure.ts';
import type { Listed } from '../../runtime/rules.ts';
import { UsageError } from './exit.ts';

const limits = ['percent', 'buffer', 'max', 'fixed'] as const;
const settings = [...limits, 'locations', 'skip'] as const;
const columns = ['sku', 'account', ...settings, 'mode', 'version', 'by', 'at'] as const;
type Column = typeof columns[number];

export interface Row {
  /** In the file, from 1. */
  line: number;
  cells: Partial<Record<Column, string>>;
  /** As it stands in the file. */
  record: string[];
  /** Why the row as such cannot be read. */
  broken?: string;
}

export interface Wanted {
  sku: string;
  account: string;
  /** The rule that the row asks for, made from the one that stands. */
  change(before: Rule): Rule;
  /** Of the SKU, whatever the account; `none`: as the configuration says. Absent where the table has no such column. */
  mode?: Mode | 'none';
  /** Version that the row was exported with; 0 for none. */
  expected?: number;
}

/** A row that asks for no rule: the message names field and value. */
export class RowError extends Error {
  override readonly name = 'RowError';
}

/**
 * What stands now, as a table with a header.
 *
 * @param modes that people have set, by SKU
 */
export function toCsv(listed: readonly Listed[], modes: ReadonlyMap<string, Mode> = new Map()): string {
  const rows = listed.map(({ account, sku, listing, set }) => {
    const rule = set?.rule ?? listing?.rule ?? { buffer: 0 };
    return [
      sku, account, ...limits.map(limit => (limit === 'buffer' && rule.buffer === 0 ? '' : String(rule[limit] ?? ''))), locationsText(rule.locations), rule.skip ? 'yes' : '', modes.get(sku) ?? '',
      set ? String(set.version) : '', set?.by ?? '', set ? new Date(set.at).toISOString() : '',
    ];
  });
  return [columns, ...rows].map(csvLine).join('');
}

export function csvLine(cells: readonly string[]): string {
  return `${cells.map(cell => (/[",;\r\n\t]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(',')}\n`;
}

/**
 * @returns the header, and the rows behind it
 * @throws {UsageError} for a file that is no table of rules
 */
export function readCsv(text: string): { header: string[]; rows: Row[] } {
  const [first = ''] = text.split(/\r?\n/, 1);
  const delimiter = [',', ';', '\t'].find(each => first.includes(each)) ?? ',';
  let all: { record: string[]; info: { lines: number } }[];
  try {
    all = parse(text, { delimiter, bom: true, relax_column_count: true, skip_empty_lines: true, info: true }) as never;
  } catch (cause) {
    throw new UsageError(`it is no CSV: ${(cause as Error).message}`, { cause });
  }
  const header = (all.shift()?.record ?? []).map(name => name.trim().toLowerCase());
  const unknown = header.filter(name => !(columns as readonly string[]).includes(name));
  if (unknown.length > 0) throw new UsageError(`column ${unknown.map(name => JSON.stringify(name)).join(', ')} is none of ${columns.join(', ')}`);
  for (const needed of ['sku', 'account']) if (!header.includes(needed)) throw new UsageError(`there is no column ${needed}; the header must name ${columns.join(', ')}, or some of them`);
  const twice = header.find((name, n) => header.indexOf(name) !== n);
  if (twice !== undefined) throw new UsageError(`column ${twice} is there twice`);
  return {
    header,
    rows: all.map(({ record, info }) => ({
      line: info.lines,
      record,
      cells: Object.fromEntries(header.map((name, n) => [name, record[n] ?? ''])),
      ...(record.length !== header.length && { broken: `has ${record.length} cells, the header ${header.length}` }),
    })),
  };
}

/** @throws {RowError} */
export function wantedOf({ cells, broken }: Row): Wanted {
  if (broken !== undefined) throw new RowError(broken);
  const { sku = '', account = '' } = cells;
  if (sku === '') throw new RowError('sku: is empty');
  if (account === '') throw new RowError('account: is empty');
  const given: Partial<Rule> = {};
  const emptied: (keyof Rule)[] = [];
  const take = <K extends keyof Rule>(field: K, value: Rule[K] | undefined): void => {
    if (value === undefined) emptied.push(field);
    else given[field] = value;
  };
  for (const limit of limits) if (cells[limit] !== undefined) take(limit, wholeOf(limit, cells[limit]));
  if (cells.locations !== undefined) take('locations', locationsOf(cells.locations));
  if (cells.skip !== undefined) take('skip', skipOf(cells.skip));
  const mode = cells.mode === undefined ? undefined : modeOf(cells.mode);
  const expected = cells.version === undefined || cells.version === '' ? undefined : wholeOf('version', cells.version);
  return {
    sku, account,
    change: before => ruleOf(before, given, emptied),
    ...(mode !== undefined && { mode }),
    ...(expected !== undefined && { expected }),
  };
}

/**
 * The rule that follows from the one that stands, what is given and what is taken away.
 *
 * @throws {RowError} for one that cannot be
 */
export function ruleOf(before: Rule, given: Partial<Rule>, emptied: readonly (keyof Rule)[]): Rule {
  const { ...rule }: Partial<Rule> = { ...before, ...given };
  for (const field of emptied) delete rule[field];
  if (rule.skip === false) delete rule.skip;
  const parsed = ruleSchema.safeParse(rule);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    const value = (rule as Record<PropertyKey, unknown>)[path[0] ?? ''];
    throw new RowError(`${path.join('.') || 'rule'}: ${message}, got ${JSON.stringify(value)}`);
  }
  return Object.fromEntries(Object.entries(parsed.data).filter(([, value]) => value !== undefined)) as unknown as Rule;
}

function wholeOf(name: string, text: string): number | undefined {
  if (text === '') return undefined;
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(Number(text))) throw new RowError(`${name}: must be a whole number of digits, got ${JSON.stringify(text)}`);
  return Number(text);
}

function skipOf(text: string): true | undefined {
  if (['yes', 'true', '1'].includes(text.toLowerCase())) return true;
  if (['', 'no', 'false', '0'].includes(text.toLowerCase())) return undefined;
  throw new RowError(`skip: must be yes or no, got ${JSON.stringify(text)}`);
}

function modeOf(text: string): Mode | 'none' {
  const found = text === '' ? 'none' : modes.find(mode => mode === text.toLowerCase());
  if (found === undefined) throw new RowError(`mode: must be ${modes.join(', ')} or nothing, got ${JSON.stringify(text)}`);
  return found;
}

/** `LEJ|HAM`; a list of JSON where a name holds a bar or is the unnamed one. */
export function locationsOf(text: string): string[] | undefined {
  if (text === '') return undefined;
  if (!text.startsWith('[')) return text.split('|');
  try {
    const names = JSON.parse(text) as unknown;
    if (Array.isArray(names) && names.length > 0 && names.every(name => typeof name === 'string')) return names;
  } catch {
    // Told below.
  }
  throw new RowError(`locations: must be names with | between, or a JSON list of them, got ${JSON.stringify(text)}`);
}

function locationsText(locations: readonly string[] | undefined): string {
  if (!locations) return '';
  return locations.some(name => name === '' || name.includes('|') || name.startsWith('[')) ? JSON.stringify(locations) : locations.join('|');
}
