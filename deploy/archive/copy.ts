/** An archive copied to another store, object by object, as they are. */
import { chainOf, manifestEnding, segmentEnding } from '../../runtime/archive/chain.ts';
import { segmentOf } from '../../runtime/archive/read.ts';
import { ArchiveError } from '../../runtime/archive/store.ts';
import type { ArchiveStore } from '../../runtime/archive/store.ts';

/**
 * Safe to repeat: what is there already is left, and compared.
 *
 * @throws {ArchiveError} where chain or segment is not what it should be, or the target holds another archive
 */
export async function copyStream(from: ArchiveStore, to: ArchiveStore, stream: string, onProgress: (segments: number) => void): Promise<{ segments: number; there: number }> {
  const copied = { segments: 0, there: 0 };
  for await (const link of chainOf(from, stream)) {
    const present = await to.get(link.name);
    if (present) copied.there += 1;
    else {
      await segmentOf(from, link);
      const segment = `${link.name.slice(0, -manifestEnding.length)}${segmentEnding}`;
      await put(to, segment, (await from.get(segment))!);
    }
    await put(to, link.name, (await from.get(link.name))!);
    onProgress(++copied.segments);
  }
  return copied;
}

async function put(to: ArchiveStore, name: string, bytes: Buffer): Promise<void> {
  if (await to.putNew(name, bytes) === 'there' && !(await to.get(name))?.equals(bytes)) throw new ArchiveError(`${to.name}/${name} is there and holds something else`);
}
