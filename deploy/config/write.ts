/** Writes what is made from the schema: `node deploy/config/write.ts`. A test tells when it was forgotten. */
import { readFileSync, writeFileSync } from 'node:fs';
import { configReference, markers } from './reference.ts';
import { publishedSchema, schemaFile } from './schema.ts';

export const guide = new URL('../../docs/configuration.md', import.meta.url);

const [from, to] = markers;

/** The guide with the tables as they should be. */
export function guideText(text: string): string {
  return text.slice(0, text.indexOf(from) + from.length) + configReference() + text.slice(text.indexOf(to));
}

if (import.meta.main) {
  writeFileSync(schemaFile, publishedSchema());
  writeFileSync(guide, guideText(readFileSync(guide, 'utf8')));
}
