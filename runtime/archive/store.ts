/**
 * Where archived journals lie: objects by name, written once and never changed. A folder and S3 are such stores
 * (`deploy/archive/`); both pass `tests/archive/store.ts`.
 */
export interface ArchiveStore {
  /** For people: the folder, or bucket and prefix. */
  readonly name: string;
  /**
   * Writes an object whole or not at all, and never over another.
   *
   * @returns `there` where an object of that name is there already, whatever is in it
   * @throws {Error} when it is not known to be written: ask again
   */
  putNew(name: string, bytes: Uint8Array): Promise<'stored' | 'there'>;
  /** @returns undefined where there is none */
  get(name: string): Promise<Buffer | undefined>;
  /**
   * What is directly under a folder, in the order of names.
   *
   * @param folder without a slash at its end; '' is the top
   */
  list(folder: string): Promise<{ objects: string[]; folders: string[] }>;
  close(): void;
}

/** What the archive holds is not what it should be: damaged, missing, or of another journal. Names the object. */
export class ArchiveError extends Error {
  override readonly name = 'ArchiveError';
}

const formatName = 'format.json';
const format = Buffer.from(`${JSON.stringify({ archive: 'plumb', v: 1 })}\n`);

/**
 * Makes sure that the store is an archive of this format, and that it keeps what is there: one that writes over objects
 * would let a node that was thought dead change the past.
 *
 * @throws {ArchiveError} for a store that is of another format, or that writes over objects
 */
export async function prepare(store: ArchiveStore): Promise<void> {
  await store.putNew(formatName, format);
  const found = await store.get(formatName);
  if (!found?.equals(format)) throw new ArchiveError(`${store.name}/${formatName} says ${JSON.stringify(found?.toString().trim())}, wanted ${format.toString().trim()}: this is no archive of this version`);
  if (await store.putNew(formatName, format) === 'stored') throw new ArchiveError(`${store.name} writes over objects that are there (it does not honour If-None-Match): two nodes could write one object, use another store`);
}
