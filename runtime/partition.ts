/**
 * One partition of actors: reads its journal in order from the checkpoint, one promise chain per key, all waiting
 * messages of a key in one turn. A message that cannot be stored blocks its key and gives up the partition; nothing
 * overtakes it. The checkpoint only bounds the replay; correctness rests on each record's `applied`.
 */
import type { JetStreamClient, JsMsg } from '@nats-io/jetstream';
import type { Logger } from 'pino';
import type { ActorKind, ActorRecord, PublishEffect } from './actor.ts';
import { decode } from './codec.ts';
import { fold, fresh, restored } from './handle.ts';
import type { Hot, Incoming, PoisonError } from './handle.ts';
import { PublishError } from './publisher.ts';
import { Reader } from './reader.ts';
import type { Records } from './records.ts';
import { skuPartition, streams, unescapeKey } from './subjects.ts';

export interface PartitionPorts<C> {
  js: JetStreamClient;
  records: Records;
  kind: ActorKind<C>;
  log: Logger;
  /** Performs what a stored record asked for; resolves when it is durable. */
  perform(effects: readonly PublishEffect[], record: ActorRecord<C>, key: string): Promise<void>;
  /** Wakes the key's timer; firing publishes `timer.due` to its journal. */
  schedule(at: number, timer: { key: string; id: string; at: number }): void;
  /** Told when the partition cannot go on: it must be given up. */
  onLost(reason: string): void;
  /** Messages that were applied, for figures. */
  onTurn?(messages: number): void;
  name: string;
}

interface Slot<C> {
  key: string;
  token: string;
  hot: Hot<C> | undefined;
  queue: (Incoming & Tracked)[];
  busy: boolean;
  /** Due times handed to the node's timers already, by timer id. */
  scheduled: Map<string, number>;
}

interface Tracked { done: boolean }
interface Checkpoint { seq: number; due: string[] }

/** Messages read and not yet applied, per partition; the reader waits above it. */
const maxOpen = 5_000;
/** Actors kept in memory per partition; beyond it the longest idle ones are put away. */
const maxHot = 4_000;
const checkpointEveryMs = 500;
const storeTries = 8;

export class Partition<C> {
  readonly number: number;
  readonly #ports: PartitionPorts<C>;
  readonly #slots = new Map<string, Slot<C>>();
  /** In journal order; from `#head` on, the messages not yet applied. */
  #open: (Incoming & Tracked)[] = [];
  #head = 0;
  readonly #pendingDue = new Set<string>();
  readonly #turns = new Set<Promise<void>>();
  #reader: Reader | undefined;
  #checkpoint: Checkpoint = { seq: 0, due: [] };
  #checkpointRevision = 0;
  #checkpointDirty = false;
  #timer: NodeJS.Timeout | undefined;
  #resume: (() => void) | undefined;
  #stopping = false;

  constructor(number: number, ports: PartitionPorts<C>) {
    this.number = number;
    this.#ports = ports;
  }

  /** Actors in memory. */
  get hot(): number {
    return this.#slots.size;
  }

  /** Messages read and not yet applied. */
  get lag(): number {
    return this.#open.length - this.#head;
  }

  async start(): Promise<void> {
    const stored = await this.#ports.records.get<Checkpoint>(skuPartition.checkpoint(this.number));
    if (stored) {
      this.#checkpoint = stored.value;
      this.#checkpointRevision = stored.revision;
    }
    // Timers and effects that the former owner left: their keys are named by the checkpoint, later ones by the replay.
    await Promise.all(this.#checkpoint.due.map(token => this.#revive(token)));
    this.#reader = new Reader(this.#ports.js, {
      stream: streams.sku,
      filter: skuPartition.journal(this.number),
      from: this.#checkpoint.seq + 1,
      name: `p${this.number}-${this.#ports.name}`,
      idleHeartbeatMs: 1_000,
      onMessage: message => this.#arrive(message),
      onError: error => this.#ports.log.warn({ err: error, partition: this.number }, 'partition reader broke, reading on'),
    });
    this.#timer = setInterval(() => { void this.#writeCheckpoint(); }, checkpointEveryMs);
    this.#timer.unref();
  }

  /** Ends reading, lets the turns in work end, writes the checkpoint. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#timer);
    this.#resume?.();
    await this.#reader?.stop();
    while (this.#turns.size > 0) await Promise.all(this.#turns);
    await this.#writeCheckpoint();
  }

  /** The record of a key as this owner has it in memory, or undefined when it is put away. */
  peek(token: string): ActorRecord<C> | undefined {
    return this.#slots.get(token)?.hot?.record;
  }

  #arrive(message: JsMsg): void | Promise<void> {
    const token = message.subject.slice(message.subject.lastIndexOf('.') + 1);
    const incoming = {
      seq: message.seq,
      at: Number(message.timestampNanos / 1_000_000n),
      correlation: message.headers?.get('Plumb-Correlation') || message.headers?.get('Nats-Msg-Id') || String(message.seq),
      body: undefined as unknown,
      done: false,
    };
    this.#open.push(incoming);
    try {
      incoming.body = decode(message.data, message.headers);
    } catch (error) {
      this.#ports.log.error({ err: error, subject: message.subject, seq: message.seq }, 'journal message cannot be read');
      incoming.body = { type: 'unreadable', error: (error as Error).message };
    }
    const slot = this.#slot(token);
    slot.queue.push(incoming);
    if (!slot.busy) this.#run(slot);
    if (this.lag > maxOpen) return new Promise(resolve => { this.#resume = resolve; });
  }

  #slot(token: string): Slot<C> {
    let slot = this.#slots.get(token);
    if (slot) {
      // Newest used last, so that the first ones are the longest idle.
      this.#slots.delete(token);
    } else {
      slot = { key: unescapeKey(token), token, hot: undefined, queue: [], busy: false, scheduled: new Map() };
      if (this.#slots.size >= maxHot) this.#putAway();
    }
    this.#slots.set(token, slot);
    return slot;
  }

  #putAway(): void {
    for (const [token, slot] of this.#slots) {
      if (slot.busy || slot.queue.length > 0) continue;
      this.#slots.delete(token);
      if (this.#slots.size < maxHot) return;
    }
  }

  #run(slot: Slot<C>): void {
    slot.busy = true;
    const turn = this.#turn(slot).catch((error: unknown) => {
      if (this.#stopping) return;
      this.#stopping = true;
      this.#ports.log.error({ err: error, key: slot.key, partition: this.number }, 'turn failed, giving the partition up');
      this.#ports.onLost((error as Error).message);
    }).finally(() => {
      this.#turns.delete(turn);
    });
    this.#turns.add(turn);
  }

  async #turn(slot: Slot<C>): Promise<void> {
    // Let the messages that are already in the socket buffer join this turn.
    await Promise.resolve();
    while (slot.queue.length > 0 && !this.#stopping) {
      const batch = slot.queue;
      slot.queue = [];
      await this.#apply(slot, batch);
      for (const message of batch) message.done = true;
      this.#advance();
      this.#ports.onTurn?.(batch.length);
    }
    slot.busy = false;
  }

  /** Stores the batch in the record and performs what follows, or throws. */
  async #apply(slot: Slot<C>, batch: readonly Incoming[]): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      slot.hot ??= await this.#load(slot.token, slot.key);
      const { hot } = slot;
      if (hot.record.quarantined) return;
      const next = fold(this.#ports.kind, hot, batch);
      if (next === undefined) {
        // Applied by a former owner, who may have died before performing.
        await this.#perform(slot, hot.record);
        return;
      }
      const record = next.poison ? quarantine(next.record, next.poison, batch.at(-1)!.at) : next.record;
      try {
        const revision = await this.#ports.records.put(skuPartition.record(this.number, slot.token), record, hot.revision);
        slot.hot = { record, revision, state: next.state };
        if (next.poison) this.#ports.log.error({ err: next.poison, key: slot.key }, 'actor threw, its key is quarantined');
        await this.#perform(slot, record);
        return;
      } catch (error) {
        if (!(error instanceof PublishError) || attempt === storeTries || this.#stopping) throw error;
        // Either another owner wrote, or our own write's answer was lost: the leader's record tells.
        slot.hot = undefined;
        if (!error.isConflict) await new Promise(resolve => setTimeout(resolve, Math.min(1_000, 50 * 2 ** attempt)));
      }
    }
  }

  async #load(token: string, key: string): Promise<Hot<C>> {
    const stored = await this.#ports.records.get<ActorRecord<unknown>>(skuPartition.record(this.number, token));
    return stored ? restored(this.#ports.kind, stored.value, stored.revision) : fresh(this.#ports.kind, key);
  }

  async #revive(token: string): Promise<void> {
    const slot = this.#slot(token);
    slot.hot ??= await this.#load(token, slot.key);
    await this.#perform(slot, slot.hot.record);
  }

  async #perform(slot: Slot<C>, record: ActorRecord<C>): Promise<void> {
    for (const [id, { at }] of Object.entries(record.due)) {
      if (slot.scheduled.get(id) === at) continue;
      slot.scheduled.set(id, at);
      this.#ports.schedule(at, { key: slot.key, id, at });
    }
    if (Object.keys(record.due).length > 0) this.#pendingDue.add(slot.token);
    else this.#pendingDue.delete(slot.token);
    if (record.outbox.length > 0) await this.#ports.perform(record.outbox, record, slot.key);
  }

  /** Moves the checkpoint past what is stored and performed. */
  #advance(): void {
    const before = this.#head;
    while (this.#open[this.#head]?.done) this.#head += 1;
    if (this.#head === before) return;
    this.#checkpoint = { ...this.#checkpoint, seq: this.#open[this.#head - 1]!.seq };
    this.#checkpointDirty = true;
    if (this.#head > 1_024 || this.#head === this.#open.length) {
      this.#open = this.#open.slice(this.#head);
      this.#head = 0;
    }
    if (this.#resume && this.lag < maxOpen / 2) {
      this.#resume();
      this.#resume = undefined;
    }
  }

  async #writeCheckpoint(): Promise<void> {
    if (!this.#checkpointDirty) return;
    this.#checkpointDirty = false;
    this.#checkpoint = { ...this.#checkpoint, due: [...this.#pendingDue] };
    try {
      this.#checkpointRevision = await this.#ports.records.put(skuPartition.checkpoint(this.number), this.#checkpoint, this.#checkpointRevision);
    } catch (error) {
      if (error instanceof PublishError && error.isConflict) return this.#stopping ? undefined : this.#ports.onLost('another owner moved the checkpoint');
      this.#checkpointDirty = true;
      const stored = await this.#ports.records.get<Checkpoint>(skuPartition.checkpoint(this.number)).catch(() => undefined);
      if (stored) this.#checkpointRevision = stored.revision;
    }
  }
}

/** What was folded before the poison is kept; the message itself and all later ones wait for a person. */
function quarantine<C>(record: ActorRecord<C>, poison: PoisonError, at: number): ActorRecord<C> {
  const body = { class: 'poison', message: poison.message, heals: 'a new version of Plumb that can apply it', seq: poison.seq, at };
  const { context } = record as { context: { sku?: string } };
  return {
    ...record,
    quarantined: { seq: poison.seq, at, error: poison.message },
    outbox: [...record.outbox, { to: ['dead', 'poison', 'sku', context.sku ?? 'unknown'], id: `poison:${poison.seq}`, body }],
  };
}
