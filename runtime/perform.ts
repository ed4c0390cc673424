/** Performs stored effects: each is published under its own id, so that a repeat after a crash is dropped. */
import type { PublishEffect } from './actor.ts';
import { encodeJson, journalHeaders } from './codec.ts';
import type { Publisher } from './publisher.ts';
import { subjectOf } from './subjects.ts';

export async function perform(publisher: Publisher, effects: readonly PublishEffect[]): Promise<void> {
  await Promise.all(effects.map(({ to, id, body }) => {
    const meta = journalHeaders({ id });
    meta.set('Content-Type', 'application/json');
    return publisher.publish(subjectOf(to), encodeJson({ id, ...(body as object) }), meta);
  }));
}
