/** A configuration as it works: every value, which of them are defaults, and no secret. */
import { Document, isCollection, isPair, isScalar } from 'yaml';
import type { Node } from 'yaml';
import { fillIns, isSecret } from '../../config/json-schema.ts';
import type { ConfigFile } from '../../config/file.ts';
import { withoutPassword } from '../../config/secrets.ts';

const hidden = '(hidden)';

/** YAML; what is not written in the file has the comment "default". */
export function printed(file: ConfigFile): string {
  const document = new Document(shown(file));
  document.commentBefore = ` ${file.file}`;
  mark(document.contents as Node, file.written);
  return document.toString({ lineWidth: 0 });
}

/** The values alone. */
export function shown({ config, written }: ConfigFile): unknown {
  return masked(config, written, []);
}

function masked(value: unknown, written: unknown, path: PropertyKey[]): unknown {
  if (typeof value === 'string') {
    if (typeof written === 'string' && fillIns.test(written)) return written;
    return isSecret(path) ? hidden : withoutPassword(value);
  }
  if (Array.isArray(value)) return value.map((item, n) => masked(item, at(written, n), [...path, n]));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined).map(([key, item]) => [key, masked(item, at(written, key), [...path, key])]));
}

function mark(node: Node, written: unknown): void {
  if (!isCollection(node)) return;
  for (const [n, item] of node.items.entries()) {
    const value = (isPair(item) ? item.value : item) as Node;
    const own = at(written, isPair(item) ? String(isScalar(item.key) ? item.key.value : item.key) : n);
    if (own === undefined && (isScalar(value) || (isCollection(value) && value.items.length === 0))) value.comment = ' default';
    else mark(value, own);
  }
}

function at(value: unknown, key: PropertyKey): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined;
}
