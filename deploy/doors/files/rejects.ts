/** The file of rejected rows of an import, made when the first one comes. */
import { appendFile, rm } from 'node:fs/promises';

export interface Reject { line: number; reason: string; raw: string }

export class Rejects {
  readonly file: string;
  #lines: string[] = [];
  #count = 0;

  private constructor(file: string) {
    this.file = file;
  }

  /** @param goesOn keeps what an earlier part of the same import wrote */
  static async open(file: string, goesOn: boolean): Promise<Rejects> {
    if (!goesOn) await rm(file, { force: true });
    return new Rejects(file);
  }

  get count(): number {
    return this.#count;
  }

  add({ line, reason, raw }: Reject): void {
    this.#lines.push([String(line), reason, raw].map(quoted).join(','));
    this.#count += 1;
  }

  async flush(): Promise<void> {
    if (this.#lines.length === 0) return;
    const lines = this.#lines;
    this.#lines = [];
    const isNew = await appendFile(this.file, '', { flag: 'ax' }).then(() => true, (error: NodeJS.ErrnoException) => { if (error.code !== 'EEXIST') throw error; return false; });
    await appendFile(this.file, `${isNew ? 'line,reason,row\n' : ''}${lines.join('\n')}\n`);
  }
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
