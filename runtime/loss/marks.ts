/**
 * How far each stream was when this node last heard of it, kept outside of the broker (P12): in memory, and in a file
 * that outlives both. Whoever finds a stream shorter than that knows that it lost what it had acknowledged.
 */
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { MsgHdrs } from 'nats';
import type { Logger } from 'pino';
import { streams } from '../subjects.ts';

/** Streams whose loss changes what Plumb knows: facts, records, and what sources said. */
export const guarded: readonly string[] = [streams.sku, streams.skuRecords, streams.ingest];

/** One message of this node's own, by which a stream that has grown since is known again. */
export interface Own { seq: number; subject: string; id?: string }

export interface Mark {
  /** When the stream was made, as the broker says it; another one of its name was made at another time. */
  created?: string;
  /** The highest sequence seen. */
  seq: number;
  own?: Own;
}

/** Where marks outlive the node. */
export interface MarkStore {
  /** Undefined where nothing was kept yet. */
  read(): Promise<string | undefined>;
  write(text: string): Promise<void>;
}

const saveEveryMs = 250;

export class Marks {
  readonly #store: MarkStore | undefined;
  readonly #log: Logger;
  #marks = new Map<string, Mark>();
  /** Headers of the newest message of its own: read when they are kept. */
  readonly #headers = new Map<string, MsgHdrs | undefined>();
  readonly #readers = new Map<string, () => number>();
  #isDirty = false;
  #isHeld = false;
  #complained = false;
  #saving: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(store: MarkStore | undefined, log: Logger) {
    this.#store = store;
    this.#log = log;
    for (const stream of guarded) this.#marks.set(stream, { seq: 0 });
  }

  /** Takes up what was kept, and keeps what changes from then on. */
  async load(): Promise<void> {
    const text = await this.#store?.read();
    if (text !== undefined) {
      for (const [stream, mark] of Object.entries((JSON.parse(text) as Kept).streams)) if (this.#marks.has(stream)) this.#marks.set(stream, mark);
    }
    if (!this.#store) return;
    this.#timer = setInterval(() => { void this.#save(); }, saveEveryMs);
    this.#timer.unref();
  }

  /** A message of this node's own was acknowledged. */
  acknowledged(stream: string, seq: number, subject: string, headers: MsgHdrs | undefined): void {
    const mark = this.#marks.get(stream);
    if (!mark || seq <= (mark.own?.seq ?? 0)) return;
    mark.own = { seq, subject };
    this.#headers.set(stream, headers);
    if (seq > mark.seq) mark.seq = seq;
    this.#isDirty = true;
  }

  /** Whoever reads a stream tells how far. */
  follow(stream: string, position: () => number): void {
    this.#readers.set(stream, position);
  }

  of(stream: string): Mark {
    this.#look();
    const mark = this.#marks.get(stream)!;
    const id = this.#headers.get(stream)?.get('Nats-Msg-Id');
    return mark.own && id ? { ...mark, own: { ...mark.own, id } } : mark;
  }

  /** The stream is taken as it is from now on. */
  accept(stream: string, created: string, seq: number): void {
    const { own } = this.#marks.get(stream)!;
    const isOurs = own && own.seq <= seq;
    if (!isOurs) this.#headers.delete(stream);
    this.#marks.set(stream, { created, seq, ...(isOurs && { own }) });
    this.#isDirty = true;
  }

  /** What was lost stays as it was kept until it is made good; what is read from now on may be of what is lost. */
  hold(): void {
    this.#isHeld = true;
    this.#readers.clear();
  }

  release(): void {
    this.#isHeld = false;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#save();
  }

  #look(): void {
    for (const [stream, position] of this.#readers) {
      const mark = this.#marks.get(stream)!;
      const seq = position();
      if (seq <= mark.seq) continue;
      mark.seq = seq;
      this.#isDirty = true;
    }
  }

  #save(): Promise<void> {
    this.#look();
    if (!this.#store || !this.#isDirty || this.#isHeld) return this.#saving ?? Promise.resolve();
    return this.#saving ??= this.#write(this.#store).finally(() => { this.#saving = undefined; });
  }

  async #write(store: MarkStore): Promise<void> {
    this.#isDirty = false;
    const kept: Kept = { v: 1, streams: Object.fromEntries(guarded.map(stream => [stream, this.of(stream)])) };
    try {
      await store.write(JSON.stringify(kept));
      this.#complained = false;
    } catch (error) {
      this.#isDirty = true;
      if (!this.#complained) this.#log.warn({ err: error }, 'what the broker acknowledged could not be kept, trying on');
      this.#complained = true;
    }
  }
}

interface Kept { v: 1; streams: Record<string, Mark> }

/**
 * A file in a folder that this node can write.
 *
 * @throws {Error} naming the setting, when it cannot
 */
export async function openMarkFile(dataDir: string, node: string): Promise<MarkStore> {
  const file = join(dataDir, `acknowledged-${node}.json`);
  const store: MarkStore = {
    read: () => readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return undefined;
    }),
    async write(text) {
      const handle = await open(`${file}.new`, 'w', 0o600);
      try {
        await handle.writeFile(text);
        await handle.datasync();
      } finally {
        await handle.close();
      }
      await rename(`${file}.new`, file);
    },
  };
  try {
    await mkdir(dataDir, { recursive: true });
    const before = await store.read();
    if (before !== undefined) JSON.parse(before);
    await store.write(before ?? JSON.stringify({ v: 1, streams: {} } satisfies Kept));
  } catch (cause) {
    throw new Error(`node.dataDir: ${file} cannot be used (${(cause as Error).message})`, { cause });
  }
  return store;
}
