/**
 * One partition of actors: is told of its journal in order from the checkpoint, one turn at a time per key, all waiting
 * messages of a key in one turn (`turn.ts` keeps R1 to R3). A key that has to wait blocks nothing but itself; nothing
 * overtakes within a key. The checkpoint moves past what is stored and performed: it bounds the replay, correctness
 * rests on what each record says it contains.
 */
import type { ActorRecord } from './actor.ts';
import { Checkpoint } from './checkpoint.ts';
import { Due } from './due.ts';
import type { Feed, Seat } from './feed.ts';
import type { Incoming } from './handle.ts';
import { incoming } from './journal.ts';
import type { Pace } from './pace.ts';
import type { Rounds } from './rounds.ts';
import type { StreamMessage } from './stream-message.ts';
import { escapeKey, lastToken, partitionOf, skuPartition, unescapeKey } from './subjects.ts';
import { takeTurn } from './turn.ts';
import type { Slot, TurnPorts } from './turn.ts';
import { Underway } from './underway.ts';

export interface PartitionPorts<C> extends TurnPorts<C> {
  feed: Feed;
  pace: Pace;
  /** Every `checkpointEveryMs`. */
  rounds: Rounds;
  /** Epoch ms by the broker, which due times are counted in. */
  now(): number;
  /** Calls back at that time, epoch ms by the broker. */
  wakeAt(at: number, wake: () => void): void;
  /** Puts a fact into a key's journal under an id of its own. */
  tell(key: string, id: string, fact: object): Promise<void>;
  /** Told when the partition cannot go on: it must be given up. */
  onLost(reason: string): void;
  /** Messages that were applied, for figures. */
  onTurn?(messages: number): void;
}

/** An actor in memory, with the messages that wait for it. */
interface Hosted<C> extends Slot<C> {
  token: string;
  queue: Tracked[];
  busy: boolean;
  /** When it was used and put behind all others, monotonic ms. */
  usedAt: number;
}

interface Tracked extends Incoming { done: boolean }

/** Messages told and not yet applied, per partition; above it, it waits to be told of more. */
const maxOpen = 20_000;
/** Actors kept in memory per partition; beyond it the longest idle ones are put away. */
const maxHot = 1_500;
/** And after so long without a message. */
const idleMs = 10 * 60_000;
/** One that was used so lately stays where it is in their order. */
const recentMs = 10_000;
export const checkpointEveryMs = 500;
/** A checkpoint that would save the next owner fewer messages than this waits for so many of those pauses. */
const fewMessages = 100;
const fewPauses = 4;
/** A silent partition's checkpoint is moved on when it is so many messages back. */
const silentMost = 10_000;

export class Partition<C> {
  readonly number: number;
  readonly #ports: PartitionPorts<C>;
  /** By token, the longest unused first, give or take `recentMs`. */
  readonly #slots = new Map<string, Hosted<C>>();
  /** In journal order; from `#head` on, the messages not yet applied. */
  #open: Tracked[] = [];
  #head = 0;
  readonly #due: Due;
  readonly #turns = new Underway();
  readonly #stop = new AbortController();
  readonly #checkpoint: Checkpoint;
  #seat: Seat | undefined;
  #seq = 0;
  #dirty = false;
  /** Messages since the checkpoint was written, and pauses that it has waited. */
  #since = 0;
  #waited = 0;
  #writing: Promise<void> | undefined;
  #leaveRounds: () => void = () => {};
  #resume: (() => void) | undefined;

  constructor(number: number, ports: PartitionPorts<C>) {
    this.number = number;
    this.#ports = ports;
    this.#checkpoint = new Checkpoint(number, { ...ports, signal: this.#stop.signal });
    this.#due = new Due({
      now: ports.now,
      wakeAt: ports.wakeAt,
      recordOf: async token => this.#slots.get(token)?.kept?.record ?? (await ports.records.get<ActorRecord>(skuPartition.record(number, token)))?.value,
      tell: (token, { id, at }) => {
        const key = unescapeKey(token);
        return ports.tell(key, `tm:${key}:${id}:${at}`, { type: 'timer.due', id, at });
      },
    });
  }

  /** Actors in memory. */
  get hot(): number {
    return this.#slots.size;
  }

  /** Messages read and not yet applied. */
  get lag(): number {
    return this.#open.length - this.#head;
  }

  /** @param epoch the revision of the epoch record that makes this node the owner */
  async start(epoch: number): Promise<void> {
    const stored = await this.#checkpoint.takeOver(epoch);
    this.#seq = stored.seq;
    this.#due.takeOver(stored.due);
    this.#seat = await this.#ports.feed.join(this.number, this.#seq + 1, message => this.#arrive(message));
    this.#leaveRounds = this.#ports.rounds.join(() => this.#look());
  }

  /** Ends reading, lets the turns in work end, writes the checkpoint. What was read and not applied is the next owner's. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#leaveRounds();
    this.#resume?.();
    await this.#seat?.leave();
    await this.#turns.none();
    this.#ports.pace.applied(this.lag);
    await this.#writing;
    await this.#writeCheckpoint();
    this.#due.stop();
  }

  #arrive(message: StreamMessage): void | Promise<void> {
    const token = lastToken(message.subject);
    const tracked = incoming(message) as Tracked;
    tracked.done = false;
    this.#open.push(tracked);
    this.#ports.pace.read(1);
    const slot = this.#slot(token);
    if (slot) {
      slot.queue.push(tracked);
      if (!slot.busy) this.#run(slot);
    } else {
      void this.#begin(async () => { await this.#stray(message); this.#advance([tracked]); });
    }
    if (this.lag > maxOpen) return new Promise(resolve => { this.#resume = resolve; });
  }

  /** Undefined for a subject that names no key of this partition. */
  #slot(token: string): Hosted<C> | undefined {
    const now = performance.now();
    let slot = this.#slots.get(token);
    if (slot) {
      if (now - slot.usedAt < recentMs) return slot;
      this.#slots.delete(token);
    } else {
      const key = keyOf(token, this.number);
      if (key === undefined) return undefined;
      slot = {
        key, token, kept: undefined, queue: [], busy: false, usedAt: 0,
        journal: `sku.${this.number}.${token}`,
        record: skuPartition.record(this.number, token),
      };
      if (this.#slots.size >= maxHot) this.#putAway();
    }
    slot.usedAt = now;
    this.#slots.set(token, slot);
    return slot;
  }

  /** Puts idle actors away, the longest unused first: those beyond the limit, and those unused for long. */
  #putAway(): void {
    const limit = performance.now() - idleMs;
    for (const [token, slot] of this.#slots) {
      if (this.#slots.size < maxHot && slot.usedAt > limit) return;
      if (!slot.busy) this.#slots.delete(token);
    }
  }

  #run(slot: Hosted<C>): void {
    slot.busy = true;
    this.#ports.pace.begin(() => this.#begin(() => this.#turn(slot)));
  }

  /** @returns never rejects */
  async #begin(work: () => Promise<void>): Promise<void> {
    this.#turns.begin();
    try {
      await work();
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      this.#ports.log.error({ err: error, partition: this.number }, 'turn failed, giving the partition up');
      this.#stop.abort();
      this.#ports.onLost((error as Error).message);
    } finally {
      this.#turns.end();
    }
  }

  async #turn(slot: Hosted<C>): Promise<void> {
    // Let the messages that are already in the socket buffer join this turn.
    await Promise.resolve();
    if (this.#stop.signal.aborted) return;
    const batch = slot.queue;
    slot.queue = [];
    await takeTurn(this.#ports, slot, batch, this.#stop.signal);
    this.#due.note(slot.token, slot.kept!.record);
    this.#advance(batch);
    this.#ports.onTurn?.(batch.length);
    // What came meanwhile waits its turn behind the other keys.
    if (slot.queue.length > 0) this.#run(slot);
    else slot.busy = false;
  }

  /** A message under a subject that cannot be a key of this partition: nobody would ever apply it. */
  async #stray(message: StreamMessage): Promise<void> {
    const { subject, seq } = message;
    const error = `${subject} names no SKU of partition ${this.number}`;
    this.#ports.log.error({ subject, seq }, 'stray message');
    await this.#ports.perform([{
      to: ['dead', 'stray', 'sku', String(seq)],
      id: `stray:${seq}`,
      body: { class: 'stray', subject, seq, message: error, heals: 'the message again, under the subject of its SKU', raw: Buffer.from(message.data).toString('base64') },
    }]);
  }

  /** Moves the checkpoint past what is stored and performed. */
  #advance(applied: readonly Tracked[]): void {
    for (const message of applied) message.done = true;
    const before = this.#head;
    while (this.#open[this.#head]?.done) this.#head += 1;
    if (this.#head === before) return;
    this.#seq = this.#open[this.#head - 1]!.seq;
    this.#dirty = true;
    this.#since += this.#head - before;
    this.#ports.pace.applied(this.#head - before);
    if (this.#head > 1_024 || this.#head === this.#open.length) {
      this.#open = this.#open.slice(this.#head);
      this.#head = 0;
    }
    if (this.#resume && this.lag < maxOpen / 2) {
      this.#resume();
      this.#resume = undefined;
    }
  }

  /** @returns whether the checkpoint is written */
  #look(): boolean {
    this.#putAway();
    const silentTo = this.lag === 0 ? this.#seat?.toldTo ?? 0 : 0;
    if (silentTo > this.#seq + (this.#dirty ? 0 : silentMost)) {
      this.#seq = silentTo;
      this.#dirty = true;
    }
    if (!this.#dirty || (this.#since < fewMessages && ++this.#waited < fewPauses)) return false;
    this.#since = this.#waited = 0;
    this.#writing ??= this.#writeCheckpoint().finally(() => { this.#writing = undefined; });
    return true;
  }

  async #writeCheckpoint(): Promise<void> {
    if (!this.#dirty) return;
    this.#dirty = false;
    if (!await this.#checkpoint.write({ seq: this.#seq, due: this.#due.entries() })) this.#dirty = true;
  }
}

/** The key that a token stands for, if it stands for one of this partition. */
function keyOf(token: string, partition: number): string | undefined {
  try {
    const key = unescapeKey(token);
    return partitionOf(key) === partition && escapeKey(key) === token ? key : undefined;
  } catch {
    return undefined;
  }
}
