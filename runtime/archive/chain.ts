/**
 * The manifests of a stream's segments: each names what its segment holds, with a checksum, and the hash of the manifest
 * before it. Whoever has the newest one can tell whether anything behind it was changed, lost or put in between.
 *
 *     SKU/2026-11-30/00000000000000004711.msgpack.gz    the segment, named by the day and sequence of its first message
 *     SKU/2026-11-30/00000000000000004711.json          its manifest, written when the segment is there
 */
import { createHash } from 'node:crypto';
import type { ArchivedMessage } from './segment.ts';
import { ArchiveError } from './store.ts';
import type { ArchiveStore } from './store.ts';

export interface Manifest {
  v: 1;
  stream: string;
  /** When the stream was made, ISO 8601: one that was made anew is another journal. */
  created: string;
  /** Sequences of its first and last message; there may be fewer between, where the stream had deleted some. */
  first: number;
  last: number;
  messages: number;
  /** Journal times of both, epoch ms. */
  firstAt: number;
  lastAt: number;
  /** Of the segment as it lies there, and of what is in it. */
  bytes: number;
  rawBytes: number;
  sha256: string;
  /** Sequences between the segment before and this one that the stream no longer had when they were to be archived. */
  missing?: [from: number, to: number];
  /** SHA-256 of the bytes of the manifest before it; null for the first. */
  previous: string | null;
}

/** The newest manifest of a stream. */
export interface Head { manifest: Manifest; hash: string; folder: string }

export const segmentEnding = '.msgpack.gz';
export const manifestEnding = '.json';
const digits = 20;

export function objectName(folder: string, first: number, ending: string): string {
  return `${folder}/${String(first).padStart(digits, '0')}${ending}`;
}

/** Days never go back, so that names are in the order of sequences: a clock that went back leaves its messages on the day before. */
export function folderOf(stream: string, firstAt: number, before: string | undefined): string {
  const folder = `${stream}/${new Date(firstAt).toISOString().slice(0, 10)}`;
  return before !== undefined && before > folder ? before : folder;
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Equal manifests are equal bytes. */
export function manifestBytes(manifest: Manifest): Buffer {
  return Buffer.from(`${JSON.stringify(manifest)}\n`);
}

/** @throws {ArchiveError} */
export function manifestOf(name: string, bytes: Uint8Array): Manifest {
  let manifest: Manifest | undefined;
  try {
    manifest = JSON.parse(Buffer.from(bytes).toString()) as Manifest;
  } catch (cause) {
    throw new ArchiveError(`${name} is no manifest: ${(cause as Error).message}`, { cause });
  }
  if (manifest?.v !== 1 || !Number.isSafeInteger(manifest.first) || !Number.isSafeInteger(manifest.last)) throw new ArchiveError(`${name} is no manifest of this version: ${Buffer.from(bytes).toString().slice(0, 80)}`);
  return manifest;
}

export interface Link extends Head { name: string }

/**
 * Every manifest of a stream, oldest first, each checked against the one before it.
 *
 * @param fromDay `YYYY-MM-DD`: manifests of earlier days are passed over, and the first one's link to them with them
 * @throws {ArchiveError} where the chain is broken
 */
export async function* chainOf(store: ArchiveStore, stream: string, fromDay?: string): AsyncGenerator<Link> {
  let before: Head | undefined;
  const { folders } = await store.list(stream);
  for (const folder of folders) {
    if (fromDay !== undefined && folder < `${stream}/${fromDay}`) continue;
    const { objects } = await store.list(folder);
    for (const name of objects.filter(each => each.endsWith(manifestEnding))) {
      const link = await linkOf(store, name, folder);
      if (before || fromDay === undefined) checkLink(`${store.name}/${name}`, link, before);
      before = link;
      yield link;
    }
  }
}

async function linkOf(store: ArchiveStore, name: string, folder: string): Promise<Link> {
  const bytes = await store.get(name);
  if (!bytes) throw new ArchiveError(`${store.name}/${name} is listed and cannot be read`);
  return { name, folder, manifest: manifestOf(`${store.name}/${name}`, bytes), hash: sha256(bytes) };
}

function checkLink(name: string, { manifest }: Head, before: Head | undefined): void {
  const { first, previous, missing } = manifest;
  if (previous !== (before?.hash ?? null)) throw new ArchiveError(`${name} does not follow ${before ? `the manifest of ${before.manifest.first} to ${before.manifest.last}` : 'nothing, as a first one would'}: one between was changed or is gone`);
  const next = (before?.manifest.last ?? 0) + 1;
  const told = missing ? missing[0] === next && missing[1] === first - 1 : first === next;
  if (before && !told) throw new ArchiveError(`${name} begins with ${first}, ${next} was to come, and it does not say that anything is missing`);
}

/** The newest manifest, without reading the others. @throws {ArchiveError} */
export async function headOf(store: ArchiveStore, stream: string): Promise<Head | undefined> {
  const { folders } = await store.list(stream);
  for (const folder of folders.reverse()) {
    const { objects } = await store.list(folder);
    const name = objects.filter(each => each.endsWith(manifestEnding)).at(-1);
    if (name !== undefined) return linkOf(store, name, folder);
  }
  return undefined;
}

/** What a segment's messages say of it. */
export function facts(messages: readonly Pick<ArchivedMessage, 'seq' | 'at'>[]): Pick<Manifest, 'first' | 'last' | 'messages' | 'firstAt' | 'lastAt'> {
  const first = messages[0]!;
  const last = messages.at(-1)!;
  return { first: first.seq, last: last.seq, messages: messages.length, firstAt: first.at, lastAt: last.at };
}
