/** Token pairs in a folder of their own, one file an account, readable by this user only. On disk before used. */
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { TokenSet, TokenStore } from '../actors/channel/adapter.ts';

export function tokenFiles(dir: string): TokenStore {
  const path = (account: string): string => join(dir, `${account}.json`);
  return {
    async load(account) {
      try {
        return JSON.parse(await readFile(path(account), 'utf8')) as TokenSet;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    },
    /** Resolves when the pair is on disk: a refresh token that works once is worth nothing in a page cache. */
    async save(account, tokens) {
      await mkdir(dir, { recursive: true, mode: 0o700 });
      const temporary = `${path(account)}.${process.pid}.${++serial}`;
      await flushed(temporary, 'w', file => file.writeFile(JSON.stringify(tokens)));
      await rename(temporary, path(account));
      // The name is part of the folder, which is flushed by itself.
      await flushed(dir, 'r', () => Promise.resolve());
    },
  };
}

/** Two saves of one process never share a temporary file. */
let serial = 0;

async function flushed(path: string, flags: string, use: (file: Awaited<ReturnType<typeof open>>) => Promise<void>): Promise<void> {
  const file = await open(path, flags, 0o600);
  try {
    await use(file);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Keeps tokens in memory only: for grants that do not rotate. */
export function tokenMemory(): TokenStore {
  const held = new Map<string, TokenSet>();
  return {
    load: account => Promise.resolve(held.get(account)),
    save: (account, tokens) => Promise.resolve(void held.set(account, tokens)),
  };
}
