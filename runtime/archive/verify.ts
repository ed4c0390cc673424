/** Is what the archive holds of a stream whole and unchanged? Every manifest and every byte is looked at. */
import { chainOf, manifestEnding, segmentEnding } from './chain.ts';
import type { Link } from './chain.ts';
import { segmentOf } from './read.ts';
import { ArchiveError } from './store.ts';
import type { ArchiveStore } from './store.ts';

export interface Verified {
  stream: string;
  segments: number;
  messages: number;
  bytes: number;
  rawBytes: number;
  first: number;
  firstAt: number;
  last: number;
  lastAt: number;
  /** Sequences that were gone before they were archived, and that the manifests tell of. */
  missing: [from: number, to: number][];
  /** What is not as it should be; empty where all is. */
  problems: string[];
  /** Segments without a manifest: one that was cut short, at the end; anything else is a problem. */
  unlinked: string[];
}

const atOnce = 4;

/**
 * @param fromDay `YYYY-MM-DD`: earlier days are passed over
 * @param onProgress told of segments that were looked at
 */
export async function verifyStream(store: ArchiveStore, stream: string, { fromDay, onProgress = () => {} }: { fromDay?: string | undefined; onProgress?(segments: number): void } = {}): Promise<Verified> {
  const verified: Verified = { stream, segments: 0, messages: 0, bytes: 0, rawBytes: 0, first: 0, firstAt: 0, last: 0, lastAt: 0, missing: [], problems: [], unlinked: [] };
  const linked = new Set<string>();
  const underway = new Set<Promise<void>>();
  const look = async (link: Link): Promise<void> => {
    await segmentOf(store, link).catch((error: unknown) => {
      if (!(error instanceof ArchiveError)) throw error;
      verified.problems.push(error.message);
    });
    onProgress(++verified.segments);
  };
  try {
    for await (const link of chainOf(store, stream, fromDay)) {
      const { first, last, messages, bytes, rawBytes, firstAt, lastAt, missing } = link.manifest;
      linked.add(link.name);
      if (linked.size === 1) Object.assign(verified, { first, firstAt } satisfies Partial<Verified>);
      Object.assign(verified, { last, lastAt });
      verified.messages += messages;
      verified.bytes += bytes;
      verified.rawBytes += rawBytes;
      if (missing) verified.missing.push(missing);
      const looked: Promise<void> = look(link).finally(() => underway.delete(looked));
      underway.add(looked);
      if (underway.size >= atOnce) await Promise.race(underway);
    }
  } catch (error) {
    if (!(error instanceof ArchiveError)) throw error;
    verified.problems.push(error.message);
  }
  await Promise.all(underway);
  if (verified.problems.length === 0) await findUnlinked(store, stream, fromDay, linked, verified);
  return verified;
}

async function findUnlinked(store: ArchiveStore, stream: string, fromDay: string | undefined, linked: ReadonlySet<string>, verified: Verified): Promise<void> {
  const { folders } = await store.list(stream);
  for (const folder of folders) {
    if (fromDay !== undefined && folder < `${stream}/${fromDay}`) continue;
    const { objects } = await store.list(folder);
    verified.unlinked.push(...objects.filter(name => name.endsWith(segmentEnding) && !linked.has(`${name.slice(0, -segmentEnding.length)}${manifestEnding}`)));
  }
  const cut = `${String(verified.last + 1).padStart(20, '0')}${segmentEnding}`;
  for (const name of verified.unlinked) if (!name.endsWith(cut) && Number(name.slice(name.lastIndexOf('/') + 1, -segmentEnding.length)) <= verified.last) verified.problems.push(`${store.name}/${name} is named by no manifest`);
}
