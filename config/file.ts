/**
 * Reads a node's configuration: one YAML (or JSON) file, checked at start, frozen. Secrets may be named (`${NAME}`,
 * `${file:PATH}`, `${command:PROGRAM ARGS}`) so that the file itself holds none.
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import type { Document } from 'yaml';
import type { z } from 'zod';
import { configSchema } from './config.ts';
import type { Config } from './config.ts';
import { fillIns, isSecret, schemasAt } from './json-schema.ts';
import { lineOf } from './place.ts';
import { fillIn, SecretError } from './secrets.ts';

/** The configuration cannot be used; the message names file, line and key. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

export interface ConfigFile {
  file: string;
  config: Config;
  /** As it is written: without defaults, secrets by their names. */
  written: unknown;
  /** `file:line: key: message`. */
  told(path: readonly PropertyKey[], message: string): string;
}

/**
 * @param file YAML or JSON
 * @throws {ConfigError}
 */
export function loadConfig(file: string, env: NodeJS.ProcessEnv = process.env): Config {
  return readConfig(file, env).config;
}

/** @throws {ConfigError} naming all that is wrong, a line each */
export function readConfig(file: string, env: NodeJS.ProcessEnv = process.env): ConfigFile {
  const text = textOf(file);
  const document = parseDocument(text, { prettyErrors: true }) as Document;
  const [broken] = document.errors;
  if (broken) throw new ConfigError(`${file}:${broken.linePos?.[0].line ?? 1}: ${broken.message.split('\n')[0]}`);
  const told = (path: readonly PropertyKey[], message: string): string => `${file}:${lineOf(text, document, path)}: ${path.join('.') || 'configuration'}: ${message}`;
  const written: unknown = document.toJS();
  const folder = dirname(file);
  const whole = filled(written, (text, path) => {
    try {
      return fillIn(text, { env, folder });
    } catch (error) {
      if (!(error instanceof SecretError)) throw error;
      throw new ConfigError(told(path, error.message));
    }
  });
  const parsed = configSchema.safeParse(besideFile(whole, folder));
  if (parsed.success) return { file, config: deepFreeze(parsed.data), written, told };
  const all = parsed.error.issues.flatMap(issue => complaints(issue, written)).map(({ path, message }) => ({ line: lineOf(text, document, path), message: told(path, message) }));
  throw new ConfigError(all.sort((a, b) => a.line - b.line).map(({ message }) => message).join('\n'));
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(`${file}: cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

function complaints(issue: z.core.$ZodIssue, written: unknown): { path: PropertyKey[]; message: string }[] {
  const { path } = issue;
  if (issue.code === 'unrecognized_keys') {
    const known = [...new Set(schemasAt(path).flatMap(({ properties }) => Object.keys(properties ?? {})))].sort();
    return issue.keys.map(key => ({ path: [...path, key], message: `is no setting; there are ${known.join(', ')}` }));
  }
  const kinds = issue.code === 'invalid_union' ? issue.errors.flatMap(([first]) => (first ? [[...first.path, first.message].join(': ')] : [])) : [];
  return [{ path, message: `${kinds.length > 0 ? kinds.join(', or ') : issue.message}${issue.code === 'custom' ? '' : got(path, written)}` }];
}

/** The value, where it is one that may be shown: as written, secrets by their names. */
function got(path: readonly PropertyKey[], written: unknown): string {
  const value = path.reduce<unknown>((at, step) => (at as Record<PropertyKey, unknown> | null | undefined)?.[step], written);
  if (value === undefined || (typeof value === 'object' && value !== null)) return '';
  return `, got ${isSecret(path) && !(typeof value === 'string' && fillIns.test(value)) ? 'a secret' : JSON.stringify(value)}`;
}

/** Puts secrets into every text of a configuration. */
function filled(value: unknown, fill: (text: string, path: PropertyKey[]) => string, path: PropertyKey[] = []): unknown {
  if (typeof value === 'string') return fill(value, path);
  if (Array.isArray(value)) return value.map((item, i) => filled(item, fill, [...path, i]));
  if (value !== null && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, filled(item, fill, [...path, key])]));
  return value;
}

/** Files and folders that it names lie beside it, wherever the node is started; names of mappings have no slash and no ending. */
function besideFile(written: unknown, folder: string): unknown {
  if (typeof written !== 'object' || written === null) return written;
  const { node } = written as { node?: unknown };
  const isNode = typeof node === 'object' && node !== null;
  const priced = { ...pathsIn(written, ['prices', 'secretsDir'], folder), ...(isNode && { node: pathsIn(node, ['dataDir'], folder) }), ...brokerBeside(written, folder) };
  const { archive } = written as { archive?: { store?: unknown } };
  const archived = typeof archive?.store === 'string' && !archive.store.startsWith('s3:') ? { ...priced, archive: { ...archive, store: resolve(folder, archive.store) } } : priced;
  const { sources } = written as { sources?: unknown };
  if (!Array.isArray(sources)) return archived;
  const path = (value: unknown): unknown => (typeof value === 'string' && /[/.]/.test(value) ? resolve(folder, value) : value);
  const beside = (source: unknown): unknown => {
    if (typeof source !== 'object' || source === null) return source;
    const { mapping, tables, ...rest } = source as { mapping?: unknown; tables?: unknown };
    const resolved = typeof tables === 'object' && tables !== null ? Object.fromEntries(Object.entries(tables).map(([key, value]) => [key, path(value)])) : tables;
    return { ...rest, ...(mapping !== undefined && { mapping: path(mapping) }), ...(tables !== undefined && { tables: resolved }) };
  };
  return { ...archived, sources: sources.map(beside) };
}

/** An empty one is left for the schema to refuse. */
function pathsIn(section: object, keys: readonly string[], folder: string): object {
  return Object.fromEntries(Object.entries(section).map(([key, value]) => [key, keys.includes(key) && typeof value === 'string' && value !== '' ? resolve(folder, value) : value]));
}

/** Files of keys likewise. */
function brokerBeside({ nats }: { nats?: unknown }, folder: string): object {
  if (typeof nats !== 'object' || nats === null) return {};
  const path = (value: unknown): unknown => (typeof value === 'string' ? resolve(folder, value) : value);
  const { credentials, tls } = nats as { credentials?: unknown; tls?: unknown };
  const files = typeof tls === 'object' && tls !== null ? Object.fromEntries(Object.entries(tls).map(([key, value]) => [key, path(value)])) : tls;
  return { nats: { ...nats, ...(credentials !== undefined && { credentials: path(credentials) }), ...(tls !== undefined && { tls: files }) } };
}

function deepFreeze<T>(value: T): T {
  if (value !== null && typeof value === 'object') {
    Object.values(value).forEach(deepFreeze);
    Object.freeze(value);
  }
  return value;
}
