/** The one way a raw message enters: stored in INGEST as it came, under an id that makes a repeat harmless. */
import { createHash } from 'node:crypto';
import { journalHeaders } from '../../runtime/codec.ts';
import type { Ack, Publisher } from '../../runtime/publisher.ts';
import { ingestSubject } from '../../runtime/subjects.ts';

export interface Raw {
  source: string;
  door: 'http' | 'cdc' | 'csv';
  /** Unique among the source's messages, the same for a repeat. */
  id: string;
  contentType: string;
  body: Uint8Array;
  /** Where it stands in the door's order. */
  position?: readonly (number | string)[];
}

/**
 * Resolves when the journal has it.
 *
 * @throws {PublishError} when that is not known; a repeat with the same id is harmless
 */
export function receive(publisher: Publisher, { source, door, id, contentType, body, position }: Raw): Promise<Ack> {
  const meta = journalHeaders({ id: `${door}:${source}:${shortened(id)}` });
  meta.set('Content-Type', contentType);
  meta.set('Plumb-Door', door);
  if (position) meta.set('Plumb-Position', JSON.stringify(position));
  return publisher.publish(ingestSubject(source), body, meta);
}

export function digest(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Ids come from outside and stand in headers. */
function shortened(id: string): string {
  return id.length <= 200 ? id : `${id.slice(0, 100)}~${digest(id)}`;
}
