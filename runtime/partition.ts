/**
 * One partition of actors: reads its journal in order from the checkpoint, one turn at a time per key, all waiting
 * messages of a key in one turn (`turn.ts` keeps R1 to R3). A key that has to wait blocks nothing but itself; nothing
 * overtakes within a key. The checkpoint moves past what is stored and performed: it bounds the replay, correctness
 * rests on what each record says it contains.
 */
import type { JsMsg } from '@nats-io/jetstream';
import type { ActorRecord } from './actor.ts';
import { Due } from './due.ts';
import type { Incoming } from './handle.ts';
import { incoming } from './journal.ts';
import { PublishError } from './publisher.ts';
import { Reader } from './reader.ts';
import { RecordError } from './records.ts';
import { escapeKey, partitionOf, skuPartition, streams, unescapeKey } from './subjects.ts';
import { takeTurn } from './turn.ts';
import type { Slot, TurnPorts } from './turn.ts';

export interface PartitionPorts<C> extends TurnPorts<C> {
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
  name: string;
}

/** An actor in memory, with the messages that wait for it. */
interface Hosted<C> extends Slot<C> {
  token: string;
  queue: Tracked[];
  busy: boolean;
  usedAt: number;
}

interface Tracked extends Incoming { done: boolean }

/** `seq`: every message up to it is applied. Written by the owner of `epoch` alone. */
interface Checkpoint { v: 1; epoch: number; seq: number; due: Record<string, number> }

/** Messages read and not yet applied, per partition; the reader waits above it. */
const maxOpen = 5_000;
/** Actors kept in memory per partition; beyond it the longest idle ones are put away. */
const maxHot = 1_500;
/** And after so long without a message. */
const idleMs = 10 * 60_000;
const checkpointEveryMs = 500;
/** A checkpoint names every key that has a timer; a broker takes this by default. */
const maxCheckpointBytes = 1_000_000;

export class Partition<C> {
  readonly number: number;
  readonly #ports: PartitionPorts<C>;
  /** By token, the longest unused first. */
  readonly #slots = new Map<string, Hosted<C>>();
  /** In journal order; from `#head` on, the messages not yet applied. */
  #open: Tracked[] = [];
  #head = 0;
  readonly #due: Due;
  readonly #turns = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  #reader: Reader | undefined;
  #epoch = 0;
  #seq = 0;
  #revision = 0;
  #dirty = false;
  #complained = false;
  #writing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #resume: (() => void) | undefined;

  constructor(number: number, ports: PartitionPorts<C>) {
    this.number = number;
    this.#ports = ports;
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
    this.#epoch = epoch;
    const { js, log, name } = this.#ports;
    const stored = await this.#fence();
    this.#seq = stored.seq;
    this.#due.takeOver(stored.due);
    this.#reader = new Reader(js, {
      stream: streams.sku,
      filter: skuPartition.journal(this.number),
      from: this.#seq + 1,
      name: `p${this.number}-${name}`,
      idleHeartbeatMs: 500,
      onMessage: message => this.#arrive(message),
      onError: error => log.warn({ err: error, partition: this.number }, 'partition reader broke, reading on'),
    });
    this.#timer = setInterval(() => this.#tick(), checkpointEveryMs);
    this.#timer.unref();
  }

  /** Ends reading, lets the turns in work end, writes the checkpoint. What was read and not applied is the next owner's. */
  async stop(): Promise<void> {
    this.#stop.abort();
    clearInterval(this.#timer);
    this.#resume?.();
    await this.#reader?.stop();
    while (this.#turns.size > 0) await Promise.all(this.#turns);
    await this.#writing;
    await this.#writeCheckpoint();
    this.#due.stop();
  }

  #arrive(message: JsMsg): void | Promise<void> {
    const token = message.subject.slice(message.subject.lastIndexOf('.') + 1);
    const tracked: Tracked = Object.assign(incoming(message), { done: false });
    this.#open.push(tracked);
    const slot = this.#slot(token);
    if (slot) {
      slot.queue.push(tracked);
      if (!slot.busy) this.#run(slot);
    } else {
      this.#begin(this.#stray(message).then(() => this.#advance([tracked])));
    }
    if (this.lag > maxOpen) return new Promise(resolve => { this.#resume = resolve; });
  }

  /** Undefined for a subject that names no key of this partition. */
  #slot(token: string): Hosted<C> | undefined {
    let slot = this.#slots.get(token);
    if (slot) {
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
    slot.usedAt = performance.now();
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
    this.#begin(this.#turn(slot));
  }

  #begin(work: Promise<void>): void {
    const turn: Promise<void> = work.catch((error: unknown) => {
      if (this.#stop.signal.aborted) return;
      this.#ports.log.error({ err: error, partition: this.number }, 'turn failed, giving the partition up');
      this.#stop.abort();
      this.#ports.onLost((error as Error).message);
    }).finally(() => this.#turns.delete(turn));
    this.#turns.add(turn);
  }

  async #turn(slot: Hosted<C>): Promise<void> {
    // Let the messages that are already in the socket buffer join this turn.
    await Promise.resolve();
    while (slot.queue.length > 0 && !this.#stop.signal.aborted) {
      const batch = slot.queue;
      slot.queue = [];
      await takeTurn(this.#ports, slot, batch, this.#stop.signal);
      this.#due.note(slot.token, slot.kept!.record);
      this.#advance(batch);
      this.#ports.onTurn?.(batch.length);
    }
    slot.busy = false;
  }

  /** A message under a subject that cannot be a key of this partition: nobody would ever apply it. */
  async #stray(message: JsMsg): Promise<void> {
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
    if (this.#head > 1_024 || this.#head === this.#open.length) {
      this.#open = this.#open.slice(this.#head);
      this.#head = 0;
    }
    if (this.#resume && this.lag < maxOpen / 2) {
      this.#resume();
      this.#resume = undefined;
    }
  }

  #tick(): void {
    this.#putAway();
    this.#writing ??= this.#writeCheckpoint().finally(() => { this.#writing = undefined; });
  }

  /** Takes the checkpoint over for this epoch: no former owner can write it from here on. */
  async #fence(): Promise<Checkpoint> {
    const subject = skuPartition.checkpoint(this.number);
    for (;;) {
      const { value, revision } = await this.#ports.records.read<Checkpoint>(subject);
      const mine: Checkpoint = { v: 1, epoch: this.#epoch, seq: value?.seq ?? 0, due: value?.due ?? {} };
      try {
        this.#revision = await this.#ports.records.put(subject, mine, revision, maxCheckpointBytes);
        return mine;
      } catch (error) {
        if (!(error instanceof PublishError && error.isConflict)) throw error;
      }
    }
  }

  async #writeCheckpoint(): Promise<void> {
    if (!this.#dirty) return;
    this.#dirty = false;
    const { records, log, onLost } = this.#ports;
    const subject = skuPartition.checkpoint(this.number);
    const checkpoint: Checkpoint = { v: 1, epoch: this.#epoch, seq: this.#seq, due: this.#due.entries() };
    try {
      this.#revision = await records.put(subject, checkpoint, this.#revision, maxCheckpointBytes);
      this.#complained = false;
    } catch (error) {
      this.#dirty = true;
      const stored = await records.get<Checkpoint>(subject).catch(() => undefined);
      if (stored?.value.epoch === this.#epoch) this.#revision = stored.revision; // Our own, whose answer was lost.
      else if (stored && !this.#stop.signal.aborted) onLost(`epoch ${stored.value.epoch} has the checkpoint`);
      if ((!stored || error instanceof RecordError) && !this.#complained) {
        this.#complained = true;
        log.warn({ err: error, partition: this.number }, 'checkpoint could not be written, trying on');
      }
    }
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
