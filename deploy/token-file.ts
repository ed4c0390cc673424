/** Token pairs in a folder of their own, one file an account, readable by this user only. Written before used. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
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
    async save(account, tokens) {
      await mkdir(dir, { recursive: true, mode: 0o700 });
      const temporary = `${path(account)}.${process.pid}`;
      await writeFile(temporary, JSON.stringify(tokens), { mode: 0o600 });
      await rename(temporary, path(account));
    },
  };
}

/** Keeps tokens in memory only: for a single node whose grants do not rotate. */
export function tokenMemory(): TokenStore {
  const held = new Map<string, TokenSet>();
  return {
    load: account => Promise.resolve(held.get(account)),
    save: (account, tokens) => Promise.resolve(void held.set(account, tokens)),
  };
}
