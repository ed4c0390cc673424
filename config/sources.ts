/** Mapping files: `config/sources/<name>.yaml`, or any other by its path, checked whole before a message is read. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { parseDocument } from 'yaml';
import type { Document } from 'yaml';
import { MappingError, compileMapping } from '../actors/sku/ingest/mapping.ts';
import type { Mapping, MappingSettings } from '../actors/sku/ingest/mapping.ts';
import { mappingSchema } from '../actors/sku/ingest/spec.ts';
import type { MappingSpec } from '../actors/sku/ingest/spec.ts';
import { lineOf } from './place.ts';

/** A mapping file cannot be used; the message names file, line and key. */
export class MappingFileError extends Error {
  override readonly name = 'MappingFileError';
}

const folder = new URL('sources/', import.meta.url);

/** Names of the mappings that come along, in order. */
export function mappingNames(): string[] {
  return readdirSync(folder).filter(file => file.endsWith('.yaml')).map(file => file.slice(0, -'.yaml'.length)).sort();
}

/**
 * @param mapping a name that comes along, or the path of a file
 * @throws {MappingFileError}
 */
export function loadMapping(mapping: string, settings: Omit<MappingSettings, 'name'>): Mapping {
  return readMapping(mapping, settings).mapping;
}

/** @throws {MappingFileError} */
export function readMapping(name: string, settings: Omit<MappingSettings, 'name'>): { spec: MappingSpec; mapping: Mapping } {
  const { spec, text, document } = readSpec(name);
  try {
    return { spec, mapping: compileMapping(spec, { ...settings, name }) };
  } catch (cause) {
    if (!(cause instanceof MappingError)) throw cause;
    // Parameters are the configuration's, not the file's.
    if (cause.path[0] === 'params') throw new MappingFileError(cause.message, { cause });
    throw new MappingFileError(told(name, text, document, cause.path, cause.message), { cause });
  }
}

/** A mapping's file, checked by its shape alone. @throws {MappingFileError} */
export function readSpec(name: string): { spec: MappingSpec; text: string; document: Document } {
  let text: string;
  try {
    text = readFileSync(fileOf(name), 'utf8');
  } catch (cause) {
    if (cause instanceof MappingFileError) throw cause;
    throw new MappingFileError(`${name}: cannot be read (${(cause as NodeJS.ErrnoException).code})`, { cause });
  }
  const document = parseDocument(text, { prettyErrors: true });
  const [broken] = document.errors;
  if (broken) throw new MappingFileError(`${name}:${broken.linePos?.[0].line ?? 1}: ${broken.message.split('\n')[0]}`);
  const parsed = mappingSchema.safeParse(document.toJS());
  if (!parsed.success) throw new MappingFileError(parsed.error.issues.map(issue => told(name, text, document, issue.path, issue.message)).join('\n'));
  return { spec: parsed.data, text, document: document as Document };
}

/** @throws {MappingFileError} for a name that is neither a mapping's nor a file's */
export function fileOf(name: string): string | URL {
  if (/^[a-z0-9][a-z0-9-]*$/.test(name)) {
    const shipped = new URL(`${name}.yaml`, folder);
    if (existsSync(shipped)) return shipped;
    if (!existsSync(name)) throw new MappingFileError(`${name}: is neither a mapping that comes along (${mappingNames().join(', ')}) nor a file`);
  }
  return name;
}

function told(name: string, text: string, document: Document, path: readonly PropertyKey[], message: string): string {
  return `${name}:${lineOf(text, document, path)}: ${path.join('.') || 'mapping'}: ${message}`;
}
