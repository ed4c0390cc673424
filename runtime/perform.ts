/** Performs stored effects: each is published under its own id, so that a repeat after a crash is dropped. */
import type { PublishEffect } from './actor.ts';
import { encodeJson, journalHeaders } from './codec.ts';
import type { Publisher } from './publisher.ts';
import { escapeKey } from './subjects.ts';

/** The first token names the stream and stands as it is; keys behind it are escaped. */
export function subjectOf([first, ...rest]: readonly string[]): string {
  return [first, ...rest.map(escapeKey)].join('.');
}

export async function perform(publisher: Publisher, effects: readonly PublishEffect[]): Promise<void> {
  await Promise.all(effects.map(({ to, id, body }) => {
    const meta = journalHeaders({ id });
    meta.set('Content-Type', 'application/json');
    return publisher.publish(subjectOf(to), encodeJson({ id, ...(body as object) }), meta);
  }));
}
