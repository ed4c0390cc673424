/** Files of a folder in the order of their last change, and those that come later, once they are whole. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Names that are no exports: hidden, half written by usual tools, or ours. */
const notOurs = /^\.|\.(tmp|part|crdownload|swp)$|~$|\.rejected\.csv$/i;

export interface Found { file: string; size: number; changedAt: number }

/** @throws {Error} when the folder cannot be read */
export async function filesOf(folder: string): Promise<Found[]> {
  const names = (await readdir(folder, { withFileTypes: true })).filter(entry => entry.isFile() && !notOurs.test(entry.name)).map(({ name }) => name);
  const found = await Promise.all(names.map(async name => {
    const file = join(folder, name);
    // One that is gone meanwhile was not meant.
    const facts = await stat(file).catch(() => undefined);
    return facts && { file, size: facts.size, changedAt: facts.mtimeMs };
  }));
  return found.filter(each => each !== undefined).sort((a, b) => a.changedAt - b.changedAt || (a.file < b.file ? -1 : 1));
}

/** Gives each file once when two looks found it unchanged, and again when it was changed after that. */
export class Settled {
  #last = new Map<string, string>();
  readonly #given = new Map<string, string>();

  look(files: readonly Found[]): Found[] {
    const now = new Map(files.map(({ file, size, changedAt }) => [file, `${size}:${changedAt}`]));
    const settled = files.filter(({ file, size }) => size > 0 && this.#last.get(file) === now.get(file) && this.#given.get(file) !== now.get(file));
    this.#last = now;
    for (const { file } of settled) this.#given.set(file, now.get(file)!);
    return settled;
  }

  /** It could not be taken in: it is given again. */
  again(file: string): void {
    this.#given.delete(file);
  }
}
