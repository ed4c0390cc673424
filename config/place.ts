/** Where things stand in a YAML text, by their path. */
import { isMap, isScalar, isSeq } from 'yaml';
import type { Document, Node } from 'yaml';

/** The line of the deepest part of the path that the text holds: that of its key, where it has one. */
export function lineOf(text: string, document: Document, path: readonly PropertyKey[]): number {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const step of path) {
    const pair = isMap(node) ? node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step)) : undefined;
    node = pair ? pair.value : isSeq(node) ? node.items[Number(step)] : undefined;
    const start = startOf(pair ? pair.key : node);
    if (start === undefined) break;
    offset = start;
  }
  return text.slice(0, offset).split('\n').length;
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}
