/**
 * Which node owns what. Units (SKU partitions, channel accounts, sources) go to the live node with the highest
 * rendezvous hash, so every node computes the same owner without a coordinator. Ownership is an epoch record taken
 * by compare-and-set; its revision is the epoch. See nats-findings A4 and docs/decisions/0001.
 */
import type { NatsConnection } from 'nats';
import type { Logger } from 'pino';
import type { Membership } from './membership.ts';
import { PublishError } from './publisher.ts';
import { Reader } from './reader.ts';
import type { Records } from './records.ts';
import { fnv1a } from './subjects.ts';

/** Something that exactly one node works on. */
export interface Unit {
  /** Unique, e.g. `sku.12`, `account.amazon-us`, `source.erp`. */
  id: string;
  /** Where its epoch record stands. */
  epoch: string;
  /** Takes it up; rejects when it could not, and is tried again. */
  acquire(epoch: number): Promise<Owned>;
}

export interface Owned {
  /** Ends all work on it; what was read and not stored is left to the next owner. */
  release(): Promise<void>;
}

/** `run` names the process. `at`, epoch ms, is for people. */
interface Epoch { owner: string | null; run: string; at: number }
interface Held { owned: Owned; revision: number; failed: boolean }

/** FNV-1a alone spreads badly over few nodes; the murmur finaliser mixes it (nats-findings A4). */
function weight(unit: string, node: string): number {
  let h = fnv1a(`${unit}|${node}`);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** The node that should own a unit, or undefined when none is live. */
export function ownerOf(unit: string, live: readonly string[]): string | undefined {
  let best: string | undefined;
  let most = -1;
  for (const node of live) {
    const w = weight(unit, node);
    if (w > most) [best, most] = [node, w];
  }
  return best;
}

/** Units that change hands at the same time: few, so that none waits behind many. */
const maxChanging = 16;
/**
 * A unit that failed is not taken again at once; doubled each time, up to the second. What is no fault of the unit, a
 * broker that did not answer or another owner, adds nothing: faults that follow each other must not leave it unserved.
 */
const restMs = [500, 30_000] as const;
/**
 * A unit that should be ours, and that another is heard to have for so long, is looked up at the stream's leader: a reader
 * of some of a stream's subjects has been seen to skip one on a cluster whose servers were killed (nats-server 2.11.6).
 */
const doubtMs = 2_000;

export class Placement {
  readonly #units: Map<string, Unit>;
  readonly #byEpoch: Map<string, Unit>;
  readonly #membership: Membership;
  readonly #records: Records;
  readonly #log: Logger;
  readonly #node: string;
  readonly #readers: Reader[];
  /** Who owns what, as far as this node has heard. */
  readonly #seen = new Map<string, { epoch: Epoch; revision: number }>();
  readonly #held = new Map<string, Held>();
  /** Units being taken or let go; one change at a time each. */
  readonly #busy = new Map<string, Promise<void>>();
  /** Units that could not be worked on: how long to rest next time, and until when now, monotonic ms. */
  readonly #failed = new Map<string, { restMs: number; until: number }>();
  /** Since when units that should be ours wait for their owner, monotonic ms. */
  readonly #awaited = new Map<string, number>();
  /** Units that should be ours, by the nodes that could have them, as they were last. */
  #ours: { takers: string; ids: ReadonlySet<string> } | undefined;
  /** The members among which every unit was found to be where it should be, and nothing was heard or done since. */
  #settledAmong: string | undefined;
  readonly #ready: Promise<unknown>;
  #timer: NodeJS.Timeout | undefined;
  #leaving = false;

  constructor(nc: NatsConnection, options: { units: Unit[]; membership: Membership; records: Records; log: Logger }) {
    this.#units = new Map(options.units.map(unit => [unit.id, unit]));
    this.#byEpoch = new Map(options.units.map(unit => [unit.epoch, unit]));
    this.#membership = options.membership;
    this.#records = options.records;
    this.#log = options.log;
    this.#node = options.membership.node;
    const ready: Promise<void>[] = [];
    this.#readers = ([['KV_sku', '$KV.sku.*._epoch'], ['KV_channel', '$KV.channel.*._epoch']] as const).map(([stream, filter]) => {
      const caughtUp = Promise.withResolvers<void>();
      ready.push(caughtUp.promise);
      return new Reader(nc, {
        stream,
        filter,
        from: 'last-per-subject',
        name: `epochs-${this.#node}`,
        // What is waited for is looked up by itself (`doubtMs`), and what was lost to another refuses our writes.
        idleHeartbeatMs: 1_000,
        lookEveryMs: 10_000,
        onCaughtUp: caughtUp.resolve,
        onError: error => this.#log.warn({ err: error }, 'epoch reader broke, reading on'),
        onMessage: message => this.#observe(message.subject, message.data.length === 0 ? { ...nobody } : message.json<Epoch>(), message.seq),
      });
    });
    this.#ready = Promise.all(ready);
  }

  async start(): Promise<void> {
    await this.#ready;
    this.settle();
    this.#timer = setInterval(() => this.settle(), 250);
  }

  /** Ids of the units that this node works on. */
  get held(): string[] {
    return [...this.#held.keys()];
  }

  /** Ids of the units that should be worked on here by now, and are not. */
  get owed(): string[] {
    return [...this.#wanted(this.#membership.takers)].filter(id => this.#held.get(id)?.failed !== false);
  }

  /**
   * Compares what is with what should be, and changes what differs: takes what should be ours and is free, lets go of
   * what should be another's or was taken. Called on every change and four times a second, so nothing rests on a
   * message being heard or an answer arriving.
   */
  settle(): void {
    if (this.#leaving) return;
    const { live, takers, likely, isBelieved, steady } = this.#membership;
    const among = `${live.join()} ${takers.join()}`;
    if (steady && among === this.#settledAmong) return;
    const ours = this.#wanted(takers);
    const stays = isBelieved ? this.#wanted(likely) : none;
    let differ = this.#busy.size;
    for (const unit of this.#units.values()) {
      if (this.#busy.size >= maxChanging) return;
      if (this.#busy.has(unit.id)) continue;
      const held = this.#held.get(unit.id);
      if (ours.has(unit.id) !== (held?.failed === false)) differ += 1;
      if (held && this.#isTaken(unit, held)) this.#change(unit, () => this.#drop(unit));
      if (!steady || this.#busy.has(unit.id)) continue;
      const wanted = ours.has(unit.id);
      if (held || !wanted) this.#awaited.delete(unit.id);
      if (held && (!wanted || held.failed)) this.#change(unit, () => this.#release(unit));
      // What another would be given in a moment is not taken first.
      else if (!held && wanted && !stays.has(unit.id)) continue;
      else if (!held && wanted && this.#isFree(unit, live)) this.#change(unit, () => this.#take(unit));
      else if (!held && wanted) this.#await(unit);
      else if (!held && !wanted && this.#seen.get(unit.id)?.epoch.owner === this.#node) this.#change(unit, async () => { await this.#handOver(unit, this.#seen.get(unit.id)!.revision); });
    }
    if (steady && differ === 0 && this.#busy.size === 0) this.#settledAmong = among;
  }

  /** Gives a unit up because it cannot be worked on here; it is taken again after a rest, or at once if another had it. */
  giveUp(id: string, reason: string): void {
    const held = this.#held.get(id);
    if (!held || held.failed) return;
    this.#log.warn({ unit: id, reason }, 'unit given up');
    held.failed = true;
    this.#settledAmong = undefined;
    this.settle();
  }

  /** Lets go of a unit and takes it again, under settings that have changed; one that is not held is left alone. */
  async renew(id: string): Promise<void> {
    const unit = this.#units.get(id);
    while (this.#busy.has(id)) await this.#busy.get(id);
    if (!unit || !this.#held.has(id) || this.#leaving) return;
    this.#change(unit, async () => {
      await this.#release(unit);
      await this.#take(unit);
    });
    await this.#busy.get(id);
  }

  /** Hands everything over, a few at a time. The membership must say `leaving` before, or nobody takes it. */
  async leave(): Promise<void> {
    this.#leaving = true;
    clearInterval(this.#timer);
    await Promise.allSettled(this.#busy.values());
    const ids = [...this.#held.keys()];
    for (let i = 0; i < ids.length; i += maxChanging) {
      const outcomes = await Promise.allSettled(ids.slice(i, i + maxChanging).map(id => this.#release(this.#units.get(id)!)));
      for (const outcome of outcomes) if (outcome.status === 'rejected') this.#log.warn({ err: outcome.reason as unknown }, 'unit could not be handed over');
    }
    await Promise.all(this.#readers.map(reader => reader.stop()));
  }

  /** Ids of the units that should be ours, hashed anew only where other nodes can be given units. */
  #wanted(takers: readonly string[]): ReadonlySet<string> {
    const among = JSON.stringify(takers);
    if (this.#ours?.takers !== among) this.#ours = { takers: among, ids: new Set([...this.#units.keys()].filter(id => ownerOf(id, takers) === this.#node)) };
    return this.#ours.ids;
  }

  #rest(id: string, isItsFault = true): void {
    const now = performance.now();
    const before = this.#failed.get(id);
    const next = before && now - before.until < restMs[1] ? before.restMs : restMs[0];
    const rest = isItsFault ? next : restMs[0];
    this.#failed.set(id, { restMs: isItsFault ? Math.min(restMs[1], rest * 2) : next, until: now + rest });
  }

  #isFree(unit: Unit, live: readonly string[]): boolean {
    if ((this.#failed.get(unit.id)?.until ?? 0) > performance.now()) return false;
    const owner = this.#seen.get(unit.id)?.epoch.owner;
    return owner === undefined || owner === null || owner === this.#node || !live.includes(owner);
  }

  #await(unit: Unit): void {
    const now = performance.now();
    const since = this.#awaited.get(unit.id) ?? now;
    const isLong = now - since >= doubtMs;
    this.#awaited.set(unit.id, isLong ? now : since);
    if (isLong) this.#change(unit, () => this.#lookUp(unit));
  }

  async #lookUp(unit: Unit): Promise<void> {
    const { value: epoch = nobody, revision } = await this.#records.read<Epoch>(unit.epoch);
    const heard = this.#seen.get(unit.id);
    if (heard?.epoch.owner === epoch.owner || (heard && heard.revision > revision)) return;
    this.#log.warn({ unit: unit.id, heard: heard?.epoch.owner, owner: epoch.owner }, 'a change of owner was not heard');
    this.#note(unit, { epoch, revision });
  }

  /** Somebody took it from us: we were thought dead, or a younger process has our name. */
  #isTaken(unit: Unit, held: Held): boolean {
    const seen = this.#seen.get(unit.id);
    return seen !== undefined && seen.revision > held.revision && !ours(seen.epoch, this.#membership);
  }

  #observe(subject: string, epoch: Epoch, revision: number): void {
    const unit = this.#byEpoch.get(subject);
    if (!unit) return;
    const before = this.#seen.get(unit.id);
    if (before && before.revision >= revision) return;
    this.#note(unit, { epoch, revision });
    if (epoch.owner !== this.#node || epoch.run !== this.#membership.run) this.settle();
  }

  #note(unit: Unit, seen: { epoch: Epoch; revision: number }): void {
    this.#seen.set(unit.id, seen);
    this.#settledAmong = undefined;
  }

  #change(unit: Unit, act: () => Promise<void>): void {
    this.#settledAmong = undefined;
    const running = act().then(
      () => {
        this.#busy.delete(unit.id);
        this.settle();
      },
      (error: unknown) => {
        this.#busy.delete(unit.id);
        this.#log.warn({ err: error, unit: unit.id }, 'placement change failed, tried again');
      },
    );
    this.#busy.set(unit.id, running);
  }

  async #take(unit: Unit): Promise<void> {
    const revision = await this.#write(unit, { owner: this.#node, run: this.#membership.run, at: Date.now() }, this.#seen.get(unit.id)?.revision ?? 0);
    if (revision === undefined) return;
    const owned = await unit.acquire(revision).catch((error: unknown) => {
      this.#rest(unit.id, !(error instanceof PublishError));
      throw error;
    });
    this.#held.set(unit.id, { owned, revision, failed: false });
  }

  async #release(unit: Unit): Promise<void> {
    const { revision, failed } = this.#held.get(unit.id)!;
    await this.#drop(unit);
    const wasOurs = await this.#handOver(unit, revision);
    if (failed && wasOurs) this.#rest(unit.id);
  }

  /** Ends our work. */
  async #drop(unit: Unit): Promise<void> {
    const held = this.#held.get(unit.id)!;
    if (this.#isTaken(unit, held)) this.#log.warn({ unit: unit.id, owner: this.#seen.get(unit.id)!.epoch.owner }, 'unit was taken by another node');
    await held.owned.release();
    this.#held.delete(unit.id);
  }

  /** The next owner need not wait for the TTL. @returns whether it was ours to hand over */
  async #handOver(unit: Unit, revision: number): Promise<boolean> {
    return await this.#write(unit, { ...nobody, at: Date.now() }, revision) !== undefined;
  }

  /** @returns the epoch if it is as wanted now, whatever became of the answer; undefined when another was quicker */
  async #write(unit: Unit, wanted: Epoch, revision: number): Promise<number | undefined> {
    try {
      const written = await this.#records.put(unit.epoch, wanted, revision);
      this.#note(unit, { epoch: wanted, revision: written });
      return written;
    } catch (error) {
      if (!(error instanceof PublishError)) throw error;
      const { value, revision: stored } = await this.#records.read<Epoch>(unit.epoch);
      this.#note(unit, { epoch: value ?? nobody, revision: stored });
      return value && value.owner === wanted.owner && value.run === wanted.run ? stored : undefined;
    }
  }
}

const none: ReadonlySet<string> = new Set();
const nobody: Epoch = { owner: null, run: '', at: 0 };

function ours(epoch: Epoch | undefined, { node, run }: Membership): boolean {
  return epoch?.owner === node && epoch.run === run;
}
