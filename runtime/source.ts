/**
 * The owner of one source: reads its raw messages in order from the INGEST journal, turns each into facts, and moves
 * its checkpoint only past what the SKU journals have. What cannot be understood becomes a dead letter; nothing else
 * stops.
 */
import { isUtf8 } from 'node:buffer';
import type { NatsConnection, Subscription } from 'nats';
import type { Logger } from 'pino';
import type { Move, MoveLimit } from '../actors/channel/governor.ts';
import type { Concern } from '../actors/reconciler/progress.ts';
import type { Mapping } from '../actors/sku/ingest/mapping.ts';
import type { NativeFact } from '../actors/sku/ingest/native.ts';
import { MalformedError } from '../actors/sku/ingest/refusal.ts';
import { Alarms } from './alarms.ts';
import { inBatches } from './batches.ts';
import { fact, intake, letter, rawOf } from './intake.ts';
import type { Send } from './intake.ts';
import { storedMessage } from './last-message.ts';
import type { Owned } from './placement.ts';
import type { Publisher } from './publisher.ts';
import { servePreview } from './preview.ts';
import { Reader } from './reader.ts';
import type { Records } from './records.ts';
import type { RhythmWatch } from './rhythm.ts';
import type { StreamMessage } from './stream-message.ts';
import { channelRecord, escapeKey, ingestSubject, streams } from './subjects.ts';

export interface SourcePorts {
  source: string;
  node: string;
  /** Understands one raw message in Plumb's own format. @throws {MalformedError} */
  parse(source: string, text: string): NativeFact;
  /** Understands the messages instead, where the source has a format of its own. */
  mapping?: Mapping | undefined;
  nc: NatsConnection;
  publisher: Publisher;
  records: Records;
  /** Listens for silence, where the source has a rhythm. */
  rhythm?: RhythmWatch | undefined;
  /** Longer than this no message may be on its way into the SKU journals, ms. */
  stuckMs?: number;
  /** Of a snapshot, past which a person has to look first; and what a unit is worth, where that is known. */
  limits?: Record<Move, MoveLimit>;
  priceOf?(sku: string): number | undefined;
  log: Logger;
}

/** Messages read and not yet in the SKU journals; the reader waits above it. */
const maxOpen = 1_000;
/** Of one message that are under way. */
const sendsAtOnce = 500;

/** Shorter than INGEST keeps messages. */
const keptMs = 20 * 86_400_000;

/** `at`: when the broker stored that message, epoch ms. */
interface SourceRecord { source: string; seq: number; at?: number; ignored?: Record<string, number> }

export class SourceOwner implements Owned {
  readonly #p: SourcePorts;
  #reader: Reader | undefined;
  #open: { seq: number; at: number; since: number; done: boolean }[] = [];
  readonly #alarms: Alarms;
  #turn: Promise<unknown> = Promise.resolve();
  /** Rows that said nothing about stock, by reason. */
  #ignored: Record<string, number> = {};
  #checkpoint = 0;
  /** When the broker stored it. */
  #checkpointAt = 0;
  #saved = 0;
  #stopping = false;
  #timer: NodeJS.Timeout | undefined;
  #resume: (() => void) | undefined;
  #preview: Subscription | undefined;

  constructor(ports: SourcePorts) {
    this.#p = ports;
    this.#alarms = new Alarms({ unit: `source.${ports.source}`, name: ports.source, ...ports });
  }

  async start(): Promise<void> {
    const { source, nc, records, rhythm, node, log } = this.#p;
    await rhythm?.load();
    await this.#alarms.load();
    const stored = await records.get<SourceRecord>(channelRecord.state(`source.${source}`));
    this.#ignored = { ...stored?.value.ignored };
    this.#checkpoint = this.#saved = stored?.value.seq ?? 0;
    this.#checkpointAt = stored?.value.at ?? 0;
    const isThere = await this.#isThere();
    if (!isThere) {
      log.warn({ source, seq: this.#checkpoint }, 'the broker does not have the message that was taken in last: what it stored since is read again');
      this.#checkpoint = 0;
    }
    this.#reader = new Reader(nc, {
      stream: streams.ingest,
      filter: ingestSubject(source),
      from: isThere ? this.#checkpoint + 1 : new Date(this.#checkpointAt),
      name: `source-${source}-${node}`,
      onMessage: message => {
        rhythm?.heard(message.at);
        return this.#arrive(message);
      },
      onCaughtUp: () => rhythm?.watch(),
      onError: error => log.warn({ err: error, source }, 'source reader broke, reading on'),
    });
    const { limits, priceOf = () => undefined } = this.#p;
    if (limits) this.#preview = servePreview(nc, { ...this.#p, limits, priceOf, now: Date.now });
    this.#timer = setInterval(() => {
      this.#alarms.look(this.#concerns(Date.now()), Date.now());
      void this.#save();
    }, 500);
  }

  /** Sequence of the last message that is taken in. */
  get position(): number {
    return this.#checkpoint;
  }

  async release(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#timer);
    this.#preview?.unsubscribe();
    this.#resume?.();
    await this.#reader?.stop();
    await this.#p.rhythm?.stop();
    await this.#alarms.stop();
    await this.#save();
  }

  #arrive(message: StreamMessage): void | Promise<void> {
    const entry = { seq: message.seq, at: message.at, since: Date.now(), done: false };
    this.#open.push(entry);
    void (this.#p.mapping ? this.#inTurn(this.#p.mapping, message) : this.#take(message)).then(() => {
      entry.done = true;
      this.#advance();
    });
    if (this.#open.length > maxOpen) return new Promise(resolve => { this.#resume = resolve; });
  }

  #take(message: StreamMessage): Promise<unknown> {
    const { source, parse } = this.#p;
    const { seq } = message;
    let send: Send;
    try {
      checkText(message);
      send = fact(source, message, undefined, parse(source, message.string()));
    } catch (error) {
      send = this.#refuse(message, error as Error);
    }
    return this.#untilDone(seq, send);
  }

  /** Mappings take their time: each message waits for the one before it, so that facts keep their order. */
  #inTurn(mapping: Mapping, message: StreamMessage): Promise<unknown> {
    const mapped = this.#turn.then(() => this.#map(mapping, message));
    // The facts of one message may be many; the next one is read when they are on their way, and written when they are there.
    this.#turn = mapped.then(sends => (sends.length > 1 ? this.#allDone(message.seq, sends) : undefined));
    return mapped.then(sends => (sends.length > 1 ? this.#turn : this.#allDone(message.seq, sends)));
  }

  async #map(mapping: Mapping, message: StreamMessage): Promise<Send[]> {
    const { source, log } = this.#p;
    const { seq } = message;
    try {
      checkText(message);
      const { sends, mapped: { notes, ignored } } = await intake(source, mapping, rawOf(message), Date.now);
      if (notes.length > 0) log.warn({ source, seq, notes }, 'source message contradicts itself');
      for (const [reason, rows] of Object.entries(ignored)) this.#ignored[reason] = (this.#ignored[reason] ?? 0) + rows;
      return sends;
    } catch (error) {
      return [this.#refuse(message, error as Error)];
    }
  }

  #refuse(message: StreamMessage, error: Error): Send {
    const { source, log } = this.#p;
    const { seq } = message;
    if (!(error instanceof MalformedError)) log.error({ err: error, source, seq }, 'source message broke its mapping');
    return letter(source, rawOf(message), { error }, undefined, Date.now());
  }

  async #allDone(seq: number, sends: readonly Send[]): Promise<void> {
    await inBatches(sends, sendsAtOnce, send => this.#untilDone(seq, send));
  }

  async #untilDone(seq: number, send: Send): Promise<unknown> {
    const { source, publisher, log } = this.#p;
    for (let attempt = 1; !this.#stopping; attempt++) {
      try {
        return await send(publisher);
      } catch (error) {
        log.warn({ err: error, source, seq }, 'source message could not be journaled, trying again');
        await new Promise(resolve => setTimeout(resolve, Math.min(2_000, 100 * 2 ** attempt)));
      }
    }
    // Given up with the unit: the next owner reads it again.
    return new Promise(() => {});
  }

  /** A message that does not come into the SKU journals holds all behind it. */
  #concerns(now: number): Concern[] {
    const { source, stuckMs = 30_000 } = this.#p;
    const [oldest] = this.#open;
    if (!oldest || now - oldest.since <= stuckMs) return [];
    return [{ what: 'stuck', severity: 'high', measured: now - oldest.since, promised: stuckMs, action: `message ${oldest.seq} of ${source} is read and not taken in, and those behind it wait: look at the node's log and at the broker` }];
  }

  #advance(): void {
    let n = 0;
    while (this.#open[n]?.done) n += 1;
    if (n === 0) return;
    ({ seq: this.#checkpoint, at: this.#checkpointAt } = this.#open[n - 1]!);
    this.#open = this.#open.slice(n);
    if (this.#resume && this.#open.length < maxOpen / 2) {
      this.#resume();
      this.#resume = undefined;
    }
  }

  /** A journal that went back has another message in its place, or none (docs/decisions/0025). */
  async #isThere(): Promise<boolean> {
    if (this.#checkpointAt === 0) return true;
    const found = await storedMessage(this.#p.publisher, streams.ingest, { seq: this.#checkpoint });
    // What was kept for as long as the journal keeps anything is gone in good order.
    return found ? found.at === this.#checkpointAt : Date.now() - this.#checkpointAt > keptMs;
  }

  async #save(): Promise<void> {
    if (this.#checkpoint === this.#saved) return;
    const seq = this.#checkpoint;
    const at = this.#checkpointAt;
    // Only bounds the replay; what is read again is dropped by the SKU as already applied.
    await this.#p.records.set(channelRecord.state(`source.${this.#p.source}`), { source: escapeKey(this.#p.source), seq, at, ...(this.#p.mapping && { ignored: this.#ignored }) }).then(() => { this.#saved = seq; }, () => undefined);
  }
}

/** Bytes that are no text would all read as the same character, and two SKUs become one. @throws {MalformedError} */
function checkText({ data }: StreamMessage): void {
  if (!isUtf8(data)) throw new MalformedError('', Buffer.from(data).toString('latin1'), 'is no UTF-8');
}
