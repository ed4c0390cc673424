/** What an archive holds of a stream, read back in order, each segment checked against its manifest. */
import type { Link, Manifest } from './chain.ts';
import { chainOf, facts, manifestEnding, segmentEnding, sha256 } from './chain.ts';
import { messagesOf } from './segment.ts';
import type { ArchivedMessage } from './segment.ts';
import { ArchiveError } from './store.ts';
import type { ArchiveStore } from './store.ts';

export interface ReadSegment { manifest: Manifest; messages: ArchivedMessage[] }

/** Segments fetched ahead: a store far away answers slowly, and many at once. */
const ahead = 4;

/**
 * @param through the last sequence wanted
 * @throws {ArchiveError} where chain or segment is not what it should be
 */
export async function* segmentsOf(store: ArchiveStore, stream: string, { fromDay, through = Infinity }: { fromDay?: string | undefined; through?: number } = {}): AsyncGenerator<ReadSegment> {
  const underway: Promise<ReadSegment>[] = [];
  for await (const link of chainOf(store, stream, fromDay)) {
    if (link.manifest.first > through) break;
    const segment = segmentOf(store, link);
    segment.catch(() => undefined); // Thrown when its turn has come.
    underway.push(segment);
    if (underway.length > ahead) yield await underway.shift()!;
  }
  for (const segment of underway) yield await segment;
}

/** @throws {ArchiveError} */
export async function segmentOf(store: ArchiveStore, { name: of, manifest }: Link): Promise<ReadSegment> {
  const name = `${of.slice(0, -manifestEnding.length)}${segmentEnding}`;
  const bytes = await store.get(name);
  if (!bytes) throw new ArchiveError(`${store.name}/${name} is gone: messages ${manifest.first} to ${manifest.last} of ${manifest.stream}`);
  const found = sha256(bytes);
  if (found !== manifest.sha256) throw new ArchiveError(`${store.name}/${name} is not what was archived: its SHA-256 is ${found}, ${manifest.sha256} by its manifest`);
  const messages = await messagesOf(name, bytes);
  const said = messages.length > 0 ? facts(messages) : undefined;
  for (const key of ['first', 'last', 'messages'] as const) {
    if (said?.[key] !== manifest[key]) throw new ArchiveError(`${store.name}/${name}: ${key} is ${said?.[key]}, ${manifest[key]} by its manifest`);
  }
  for (let n = 1; n < messages.length; n++) if (messages[n]!.seq <= messages[n - 1]!.seq) throw new ArchiveError(`${store.name}/${name}: message ${messages[n]!.seq} comes behind ${messages[n - 1]!.seq}`);
  return { manifest, messages };
}
