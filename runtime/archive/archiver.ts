/**
 * Archives one stream: reads it in order behind what the store holds, cuts it into segments by time and size, and links
 * each to the one before. Nothing is kept but what the store has: whoever goes on after a crash, or beside an owner that
 * was thought dead, finds the last manifest there and makes the same bytes of the same messages again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from 'nats';
import type { Logger } from 'pino';
import { Reader } from '../reader.ts';
import type { StreamMessage } from '../stream-message.ts';
import { facts, folderOf, headOf, manifestBytes, manifestEnding, manifestOf, objectName, segmentEnding, sha256 } from './chain.ts';
import type { Head, Manifest } from './chain.ts';
import { compressed, messagesOf, packed } from './segment.ts';
import { ArchiveError } from './store.ts';
import type { ArchiveStore } from './store.ts';

export interface ArchiverPorts {
  nc: NatsConnection;
  store: ArchiveStore;
  stream: string;
  /** A segment holds the messages of one such window of the journal's time, counted from 1970; it divides the day. */
  everyMs: number;
  /** And no more than so many bytes, uncompressed, beyond its last message. */
  maxBytes?: number;
  log: Logger;
  /** Epoch ms by the broker. */
  now(): number;
  /** The archive cannot be gone on with by repeating: a person has to look. */
  onBroken?(error: ArchiveError): void;
  /** Messages were gone from the stream before they were archived; told again by whoever goes on, until a segment tells it. */
  onMissing?(from: number, to: number): void;
}

export interface ArchiverFigures {
  stream: string;
  /** The last message that is archived; 0 for none. */
  last: number;
  lastAt: number;
  /** Read and not archived: messages, and how long the oldest has waited, ms. */
  waiting: number;
  lagMs: number;
  /** Since the owner began. */
  segments: number;
  bytes: number;
  /** Messages that were gone from the stream before they were archived. */
  missing: number;
  failing: string | undefined;
}

const defaultMaxBytes = 16 * 1024 * 1024;
/** A window that is over is closed so much later, since the broker's messages are stamped before they are delivered. */
const graceMs = 2_000;
const lookEveryMs = 500;
const retryMs = [500, 10_000] as const;

interface Waiting { seq: number; at: number; row: Buffer }

export class Archiver {
  readonly #p: ArchiverPorts;
  #head: Head | undefined;
  #created = '';
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  /** The reader has read everything that was there. */
  #pending = 0;
  /** Sequences gone before they were archived, told by the next manifest. */
  #missing: [from: number, to: number] | undefined;
  #reader: Reader | undefined;
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<void> = Promise.resolve();
  readonly #stop = new AbortController();
  #counts = { segments: 0, bytes: 0, missing: 0 };
  #failing: string | undefined;

  constructor(ports: ArchiverPorts) {
    this.#p = ports;
  }

  get figures(): ArchiverFigures {
    const { manifest } = this.#head ?? {};
    const [oldest] = this.#waiting;
    return {
      stream: this.#p.stream, last: manifest?.last ?? 0, lastAt: manifest?.lastAt ?? 0,
      waiting: this.#waiting.length, lagMs: oldest ? Math.max(0, this.#p.now() - oldest.at) : 0,
      ...this.#counts, failing: this.#failing,
    };
  }

  /** Finds where to go on, and begins. @throws {ArchiveError}; {Error} when store or broker does not answer */
  async start(): Promise<void> {
    const { nc, store, stream, log } = this.#p;
    this.#head = await headOf(store, stream);
    const jsm = await jetstreamManager(nc, { checkAPI: false });
    const info = await jsm.streams.info(stream);
    this.#created = String(info.created);
    const from = this.#next;
    const { first_seq: first, last_seq: last } = info.state;
    if (this.#head && last < this.#head.manifest.last) {
      throw new ArchiveError(`stream ${stream} ends with ${last}, and the archive holds it up to ${this.#head.manifest.last}: it is not the journal that was archived (plumb rebuild makes one that goes on from the archive)`);
    }
    if (this.#head || first > (info.config.first_seq || 1)) this.#note(from, first - 1);
    this.#reader = new Reader(nc, {
      stream,
      filter: info.config.subjects[0]!,
      from: Math.max(from, 1),
      name: `archive-${stream}`,
      onMessage: message => this.#take(message),
      onCaughtUp: () => { this.#pending = 0; },
      onError: error => log.warn({ err: error, stream }, 'archive reader broke, reading on'),
    });
    this.#timer = setInterval(() => this.#look(), lookEveryMs);
    this.#timer.unref();
  }

  /** What is read and not written is read again by whoever goes on. */
  async stop(): Promise<void> {
    this.#stop.abort();
    clearInterval(this.#timer);
    await this.#reader?.stop();
    await this.#turn;
  }

  get #next(): number {
    return (this.#head?.manifest.last ?? 0) + 1;
  }

  #note(from: number, to: number): void {
    if (to < from) return;
    this.#missing = [from, to];
    this.#counts.missing += to - from + 1;
    this.#p.log.error({ stream: this.#p.stream, from, to }, 'messages were gone from the stream before they were archived');
    this.#p.onMissing?.(from, to);
  }

  #take(message: StreamMessage): void | Promise<void> {
    if (message.seq < this.#next) return;
    this.#pending = message.pending;
    const [first] = this.#waiting;
    if (first && (this.#windowOf(message.at) !== this.#windowOf(first.at) || this.#waitingBytes >= (this.#p.maxBytes ?? defaultMaxBytes))) {
      return this.#close().then(() => this.#add(message));
    }
    this.#add(message);
  }

  #add(message: StreamMessage): void {
    // Another owner may have archived it meanwhile.
    if (message.seq < this.#next || this.#stop.signal.aborted) return;
    const { seq, at, subject, data } = message;
    const row = packed({ seq, at, subject, headers: message.headerBytes, data });
    this.#waiting.push({ seq, at, row });
    this.#waitingBytes += row.length;
  }

  #windowOf(at: number): number {
    return Math.floor(at / this.#p.everyMs);
  }

  /** A window that is over, with nothing of it left to read. */
  #look(): void {
    const [first] = this.#waiting;
    if (!first || this.#pending > 0) return;
    if (this.#p.now() >= (this.#windowOf(first.at) + 1) * this.#p.everyMs + graceMs) void this.#close();
  }

  /** Resolves when what waited is in the store, or the archiver is stopped. Never rejects. */
  #close(): Promise<void> {
    const through = this.#waiting.at(-1)?.seq ?? 0;
    this.#turn = this.#turn.then(async () => {
      for (let rest: number = retryMs[0]; (this.#waiting[0]?.seq ?? Infinity) <= through && !this.#stop.signal.aborted; rest = Math.min(rest * 2, retryMs[1])) {
        try {
          await this.#write(this.#waiting.filter(({ seq }) => seq <= through));
          this.#failing = undefined;
          return;
        } catch (error) {
          this.#failing = (error as Error).message;
          if (error instanceof ArchiveError) {
            this.#stop.abort();
            this.#p.onBroken?.(error);
            return;
          }
          this.#p.log.warn({ err: error, stream: this.#p.stream }, 'a segment could not be archived, trying again');
          await sleep(rest, undefined, { signal: this.#stop.signal }).catch(() => undefined);
        }
      }
    });
    return this.#turn;
  }

  async #write(messages: readonly Waiting[]): Promise<void> {
    const first = messages[0]!;
    const { store, stream } = this.#p;
    const folder = folderOf(stream, first.at, this.#head?.folder);
    const name = objectName(folder, first.seq, segmentEnding);
    let bytes = await compressed(messages.map(({ row }) => row));
    let rawBytes = messages.reduce((sum, { row }) => sum + row.length, 0);
    let said = facts(messages);
    if (await store.putNew(name, bytes) === 'there') {
      // Cut short before its manifest, or another owner's: what is there stays, and tells what it holds.
      const found = await store.get(name);
      if (!found) throw new Error(`${name} was there and is not any more`);
      if (!found.equals(bytes)) {
        const archived = await messagesOf(name, found);
        if (archived[0]?.seq !== first.seq) throw new ArchiveError(`${store.name}/${name} does not begin with message ${first.seq} of ${stream}: it is not what was archived`);
        rawBytes = archived.reduce((sum, message) => sum + packed(message).length, 0);
        said = facts(archived);
        bytes = found;
      }
    }
    await this.#link(folder, { ...said, bytes: bytes.length, rawBytes, sha256: sha256(bytes) });
  }

  async #link(folder: string, of: Omit<Manifest, 'v' | 'stream' | 'created' | 'missing' | 'previous'>): Promise<void> {
    const { store, stream, log } = this.#p;
    const next = this.#head ? this.#next : of.first;
    if (!this.#missing && of.first > next) this.#note(next, of.first - 1);
    const { first, last, ...rest } = of;
    const manifest: Manifest = {
      v: 1, stream, created: this.#created, first, last, ...rest,
      ...(this.#missing && { missing: [this.#missing[0], of.first - 1] }),
      previous: this.#head?.hash ?? null,
    };
    const name = objectName(folder, first, manifestEnding);
    let bytes = manifestBytes(manifest);
    if (await store.putNew(name, bytes) === 'there') {
      const found = await store.get(name);
      if (!found) throw new Error(`${name} was there and is not any more`);
      if (!found.equals(bytes)) {
        const other = manifestOf(name, found);
        if (other.previous !== manifest.previous || other.sha256 !== manifest.sha256) throw new ArchiveError(`${store.name}/${name} tells of another segment than the one that lies beside it: ${JSON.stringify(other)}`);
        bytes = found;
      }
    }
    this.#head = { manifest: manifestOf(name, bytes), hash: sha256(bytes), folder };
    this.#missing = undefined;
    this.#waiting = this.#waiting.filter(({ seq }) => seq > last);
    this.#waitingBytes = this.#waiting.reduce((sum, { row }) => sum + row.length, 0);
    this.#counts.segments += 1;
    this.#counts.bytes += of.bytes;
    log.debug({ stream, first, last, bytes: of.bytes }, 'archived');
  }
}
