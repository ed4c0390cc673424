/**
 * Performs stored effects: each is published under its own id, so that a repeat after a crash is dropped. What goes to a
 * SKU's journal is written as journals are, the rest as JSON that people read.
 */
import type { PublishEffect } from './actor.ts';
import { encodeJournal, encodeJson, journalHeaders } from './codec.ts';
import type { Publisher } from './publisher.ts';
import { subjectOf } from './subjects.ts';

export async function perform(publisher: Publisher, effects: readonly PublishEffect[]): Promise<void> {
  await Promise.all(effects.map(({ to, id, body, correlation }) => {
    const meta = journalHeaders({ id, ...(correlation !== undefined && { correlation }) });
    if (to[0] === 'sku') return publisher.publish(subjectOf(to), encodeJournal(body), meta);
    meta.set('Content-Type', 'application/json');
    return publisher.publish(subjectOf(to), encodeJson({ id, ...(body as object) }), meta);
  }));
}
