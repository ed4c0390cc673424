/**
 * The SKU journal as one node reads it: one reader for all the partitions that the node owns, since a server that has
 * to filter pays for each message and each of its readers (docs/performance.md). A message of a partition that is
 * another node's is dropped before anything of it is decoded.
 *
 * A partition that stands further back than the feed reads alone until it has caught up: it is told of the feed's
 * messages from the moment on when it has had every earlier one. So each is told of its messages in order, without a
 * gap and each once, whichever way they come.
 */
import type { NatsConnection } from 'nats';
import type { Logger } from 'pino';
import { lastMessage, streamState } from './last-message.ts';
import type { Pace } from './pace.ts';
import type { Publisher } from './publisher.ts';
import { PublishError } from './publisher.ts';
import { Reader } from './reader.ts';
import type { StreamMessage } from './stream-message.ts';
import { partitionCount, skuPartition, streams } from './subjects.ts';

export interface FeedPorts {
  nc: NatsConnection;
  publisher: Publisher;
  pace: Pace;
  log: Logger;
  /** Of the node. */
  name: string;
}

/** A partition's place at the feed. */
export interface Seat {
  readonly partition: number;
  /**
   * Sequence up to which the partition was told of every message of its own; the feed's own place where it reads along,
   * so it moves on though the partition is silent.
   */
  readonly toldTo: number;
  /** Nothing is told any more. */
  leave(): Promise<void>;
}

/** A feed that begins reads no more than so many messages that its partitions may have had already. */
const mostAgain = 50_000;
/** And so many of them in any case: partitions taken over together stand nearly together. */
const slack = 1_000;

export class Feed {
  readonly #ports: FeedPorts;
  /** By partition, who is told of the feed's messages. */
  readonly #live: (Place | undefined)[] = Array.from({ length: partitionCount }, () => undefined);
  /** By partition, its newest message that the feed is past; 0 while none is known. */
  readonly #newest = new Float64Array(partitionCount);
  readonly #places = new Set<Place>();
  #reader: Reader | undefined;
  #starting: Promise<void> | undefined;
  /** Sequence that the feed began with. */
  #began = 0;
  #position = 0;
  #stopped = false;

  constructor(ports: FeedPorts) {
    this.#ports = ports;
  }

  /**
   * Tells a partition of its messages from `from` on. A promise that `onMessage` returns holds back the next ones, of
   * that partition alone.
   *
   * @throws {PublishError} when the broker does not answer
   */
  async join(partition: number, from: number, onMessage: (message: StreamMessage) => void | Promise<void>): Promise<Seat> {
    const place = new Place(this, partition, from - 1, onMessage);
    this.#starting ??= this.#start(from).catch((error: unknown) => {
      this.#starting = undefined;
      throw error;
    });
    await this.#starting;
    // What came before the feed began is known to the stream's leader alone.
    if (from < this.#began && this.#newest[partition] === 0) this.#note(partition, await this.#lastOf(partition));
    this.#places.add(place);
    this.#admit(place);
    return place;
  }

  /** Sequence of the feed's own last message. */
  get position(): number {
    return this.#position;
  }

  /** Sequence up to which every partition at the feed was told of everything. */
  get toldTo(): number {
    let least = this.#position;
    for (const place of this.#places) least = Math.min(least, place.toldTo);
    return least;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#starting?.catch(() => undefined);
    await this.#reader?.stop();
  }

  async #start(from: number): Promise<void> {
    const { nc, log, name } = this.#ports;
    const last = await this.#lastOfAll();
    this.#began = Math.max(1, last + 1 - mostAgain, Math.min(from - slack, last + 1));
    this.#position = this.#began - 1;
    if (this.#stopped) return;
    this.#reader = new Reader(nc, {
      stream: streams.sku,
      filter: 'sku.>',
      from: this.#began,
      name: `feed-${name}`,
      onMessage: message => this.#tell(message),
      onError: error => log.warn({ err: error }, 'journal reader broke, reading on'),
    });
  }

  #tell(message: StreamMessage): void | Promise<void> {
    const { subject, seq } = message;
    const partition = numberAt(subject, 'sku.'.length);
    if (partition < partitionCount) {
      this.#newest[partition] = seq;
      const place = this.#live[partition];
      if (place && seq > place.had) {
        const held = place.tell(message);
        if (held) {
          // It falls behind, the others do not wait for it.
          this.#live[partition] = undefined;
          void held.finally(() => this.#admit(place));
        }
      }
    }
    this.#position = seq;
    return this.#ports.pace.room();
  }

  /** Tells a place of what comes, if it has had everything before; else it reads until it has. */
  #admit(place: Place): void {
    if (place.left) return;
    if (this.#hasHadAll(place)) {
      this.#live[place.partition] = place;
      return;
    }
    const { nc, log, name } = this.#ports;
    const { partition } = place;
    const reader: Reader = new Reader(nc, {
      stream: streams.sku,
      filter: skuPartition.journal(partition),
      from: place.had + 1,
      name: `p${partition}-${name}`,
      onMessage: message => {
        if (place.left) return;
        const held = place.tell(message) ?? this.#ports.pace.room();
        return held ? held.then(() => this.#settle(place, reader)) : this.#settle(place, reader);
      },
      // Nothing is left to read: what was waited for is gone, or this reader's server does not have it yet.
      onCaughtUp: () => { void this.#look(place, reader); },
      onError: error => log.warn({ err: error, partition }, 'partition reader broke, reading on'),
    });
    place.reader = reader;
  }

  #settle(place: Place, reader: Reader): void {
    if (place.left || place.reader !== reader || !this.#hasHadAll(place)) return;
    place.reader = undefined;
    this.#live[place.partition] = place;
    void reader.stop();
  }

  async #look(place: Place, reader: Reader): Promise<void> {
    const { partition } = place;
    for (;;) {
      const expected = this.#newest[partition]!;
      if (place.left || place.reader !== reader || place.had >= expected) return this.#settle(place, reader);
      const last = await this.#lastOf(partition).catch((error: unknown) => {
        if (!(error instanceof PublishError)) throw error;
      });
      if (last !== undefined) {
        if (last < expected && this.#newest[partition] === expected) this.#newest[partition] = last;
        return this.#settle(place, reader);
      }
      await new Promise(resolve => setTimeout(resolve, 250));
    }
  }

  #hasHadAll({ partition, had }: Place): boolean {
    return had >= this.#newest[partition]!;
  }

  #note(partition: number, seq: number): void {
    this.#newest[partition] = Math.max(this.#newest[partition]!, seq);
  }

  isLive(place: Place): boolean {
    return this.#live[place.partition] === place;
  }

  drop(place: Place): void {
    this.#places.delete(place);
    if (this.isLive(place)) this.#live[place.partition] = undefined;
  }

  /** Sequence of a partition's newest message by the stream's leader, 0 for none. */
  async #lastOf(partition: number): Promise<number> {
    return (await lastMessage(this.#ports.publisher, streams.sku, skuPartition.journal(partition)))?.seq ?? 0;
  }

  /** Sequence of the journal's newest message, whosever it is. */
  async #lastOfAll(): Promise<number> {
    return (await streamState(this.#ports.publisher, streams.sku)).lastSeq;
  }
}

class Place implements Seat {
  readonly #feed: Feed;
  readonly partition: number;
  readonly #onMessage: (message: StreamMessage) => void | Promise<void>;
  /** Sequence of the last message told. */
  had: number;
  left = false;
  /** While it reads alone. */
  reader: Reader | undefined;

  constructor(feed: Feed, partition: number, had: number, onMessage: (message: StreamMessage) => void | Promise<void>) {
    this.#feed = feed;
    this.partition = partition;
    this.had = had;
    this.#onMessage = onMessage;
  }

  get toldTo(): number {
    return this.#feed.isLive(this) ? Math.max(this.had, this.#feed.position) : this.had;
  }

  tell(message: StreamMessage): void | Promise<void> {
    this.had = message.seq;
    return this.#onMessage(message);
  }

  async leave(): Promise<void> {
    this.left = true;
    this.#feed.drop(this);
    await this.reader?.stop();
  }
}

/** The whole number that stands at `start` and ends with a dot; NaN where none does. */
function numberAt(subject: string, start: number): number {
  let number = 0;
  for (let i = start; i < subject.length; i++) {
    const digit = subject.charCodeAt(i) - 48;
    if (digit === -2 && i > start) return number;
    if (digit < 0 || digit > 9) return NaN;
    number = number * 10 + digit;
  }
  return NaN;
}
