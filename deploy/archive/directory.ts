/** An archive in a folder: on a disk of its own, or one that is copied elsewhere. */
import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ArchiveStore } from '../../runtime/archive/store.ts';

/** What a process that died has left of an object is removed after so long, ms. */
const leftoverMs = 3_600_000;
const partsFolder = '.parts';

/** @throws {Error} when the folder can be neither made nor read */
export async function openDirectory(folder: string): Promise<ArchiveStore> {
  const parts = join(folder, partsFolder);
  await mkdir(parts, { recursive: true });
  for (const name of await readdir(parts)) {
    const { mtimeMs } = await stat(join(parts, name)).catch(() => ({ mtimeMs: Infinity }));
    if (mtimeMs < Date.now() - leftoverMs) await rm(join(parts, name), { force: true });
  }
  return {
    name: folder,
    async putNew(name, bytes) {
      const part = join(parts, randomUUID());
      const path = join(folder, name);
      await mkdir(dirname(path), { recursive: true });
      try {
        const file = await open(part, 'wx');
        try {
          await file.writeFile(bytes);
          await file.sync();
        } finally {
          await file.close();
        }
        // A second name for it, which fails where there is one: whole or not at all, and never over another.
        await link(part, path);
        await syncFolder(dirname(path));
        return 'stored';
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        return 'there';
      } finally {
        await rm(part, { force: true });
      }
    },
    get: name => readFile(join(folder, name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return undefined;
    }),
    async list(of) {
      const entries = await readdir(join(folder, of), { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
        return [];
      });
      const names = (wanted: 'isFile' | 'isDirectory'): string[] => entries
        .filter(entry => entry[wanted]() && !entry.name.startsWith('.'))
        .map(({ name }) => (of === '' ? name : `${of}/${name}`)).sort();
      return { objects: names('isFile'), folders: names('isDirectory') };
    },
    close: () => {},
  };
}

/** A name is as safe as the folder that holds it. */
async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
