/**
 * Which node owns what. Units (SKU partitions, channel accounts, sources) go to the live node with the highest
 * rendezvous hash, so every node computes the same owner without a coordinator. Ownership is an epoch record taken
 * by compare-and-set; its revision is the epoch. See nats-findings A4 and docs/decisions/0001.
 */
import type { JetStreamClient } from '@nats-io/jetstream';
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

interface Epoch { owner: string | null; at: number }
interface Held { owned: Owned; revision: number }

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

export class Placement {
  readonly #units: Map<string, Unit>;
  readonly #byEpoch: Map<string, Unit>;
  readonly #membership: Membership;
  readonly #records: Records;
  readonly #log: Logger;
  readonly #node: string;
  readonly #readers: Reader[];
  readonly #seen = new Map<string, { epoch: Epoch; revision: number }>();
  readonly #held = new Map<string, Held>();
  /** Units being taken or let go; one change at a time each. */
  readonly #busy = new Map<string, Promise<void>>();
  readonly #ready: Promise<unknown>;
  #timer: NodeJS.Timeout | undefined;
  #leaving = false;

  constructor(js: JetStreamClient, options: { units: Unit[]; membership: Membership; records: Records; log: Logger }) {
    this.#units = new Map(options.units.map(unit => [unit.id, unit]));
    this.#byEpoch = new Map(options.units.map(unit => [unit.epoch, unit]));
    this.#membership = options.membership;
    this.#records = options.records;
    this.#log = options.log;
    this.#node = options.membership.node;
    const ready: Promise<void>[] = [];
    this.#readers = ([['KV_sku', '$KV.sku.*._epoch'], ['KV_channel', '$KV.channel.*._epoch']] as const).map(([stream, filter]) => {
      let caughtUp!: () => void;
      ready.push(new Promise(resolve => { caughtUp = resolve; }));
      return new Reader(js, {
        stream,
        filter,
        from: 'last-per-subject',
        name: `epochs-${this.#node}`,
        idleHeartbeatMs: 500,
        onCaughtUp: caughtUp,
        onMessage: message => this.#observe(message.subject, JSON.parse(message.string()) as Epoch, message.seq),
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

  /** Takes what should be ours and is free, lets go of what should be another's. Called on every change. */
  settle(): void {
    if (this.#leaving || !this.#membership.steady) return;
    const { live } = this.#membership;
    if (!live.includes(this.#node)) return;
    for (const unit of this.#units.values()) {
      if (this.#busy.has(unit.id)) continue;
      const wanted = ownerOf(unit.id, live) === this.#node;
      const held = this.#held.has(unit.id);
      if (wanted && !held && this.#isFree(unit, live)) this.#change(unit, () => this.#take(unit));
      else if (!wanted && held) this.#change(unit, () => this.#release(unit, true));
    }
  }

  /** Gives a unit up because it cannot be worked on here; it is taken again, here or elsewhere. */
  giveUp(id: string, reason: string): void {
    const unit = this.#units.get(id);
    if (!unit || !this.#held.has(id)) return;
    this.#log.warn({ unit: id, reason }, 'unit given up');
    void (this.#busy.get(id) ?? Promise.resolve()).then(() => this.#change(unit, () => this.#release(unit, true)));
  }

  /** Hands everything over, a few at a time so that none waits behind many. */
  async leave(): Promise<void> {
    this.#leaving = true;
    clearInterval(this.#timer);
    await Promise.allSettled(this.#busy.values());
    const ids = [...this.#held.keys()];
    for (let i = 0; i < ids.length; i += 16) {
      await Promise.allSettled(ids.slice(i, i + 16).map(id => this.#release(this.#units.get(id)!, true)));
    }
    await Promise.all(this.#readers.map(reader => reader.stop()));
  }

  #isFree(unit: Unit, live: readonly string[]): boolean {
    const owner = this.#seen.get(unit.id)?.epoch.owner;
    return owner === undefined || owner === null || owner === this.#node || !live.includes(owner);
  }

  #observe(subject: string, epoch: Epoch, revision: number): void {
    const unit = this.#byEpoch.get(subject);
    if (!unit) return;
    const before = this.#seen.get(unit.id);
    if (before && before.revision >= revision) return;
    this.#seen.set(unit.id, { epoch, revision });
    const held = this.#held.get(unit.id);
    // Somebody took it from us: we were thought dead. Stop at once; nothing of ours is worth writing.
    if (held && revision > held.revision && epoch.owner !== this.#node) {
      this.#log.warn({ unit: unit.id, owner: epoch.owner }, 'unit was taken by another node');
      this.#change(unit, () => this.#release(unit, false));
    } else if (epoch.owner === null) this.settle();
  }

  #change(unit: Unit, act: () => Promise<void>): void {
    const running = act()
      .catch((error: unknown) => this.#log.warn({ err: error, unit: unit.id }, 'placement change failed, tried again'))
      .finally(() => this.#busy.delete(unit.id));
    this.#busy.set(unit.id, running);
  }

  async #take(unit: Unit): Promise<void> {
    const before = this.#seen.get(unit.id);
    let revision: number;
    try {
      revision = await this.#records.put(unit.epoch, { owner: this.#node, at: Date.now() } satisfies Epoch, before?.revision ?? 0);
    } catch (error) {
      if (!(error instanceof PublishError)) throw error;
      // Another was quicker, or our answer was lost: the leader's record tells.
      const stored = await this.#records.get<Epoch>(unit.epoch);
      if (!stored) return;
      this.#observe(unit.epoch, stored.value, stored.revision);
      if (stored.value.owner !== this.#node) return;
      revision = stored.revision;
    }
    this.#seen.set(unit.id, { epoch: { owner: this.#node, at: Date.now() }, revision });
    const owned = await unit.acquire(revision);
    this.#held.set(unit.id, { owned, revision });
    const seen = this.#seen.get(unit.id)!;
    if (seen.revision > revision && seen.epoch.owner !== this.#node) await this.#release(unit, false);
  }

  /** @param handOver writes `owner: null`, so that the next owner need not wait for the TTL */
  async #release(unit: Unit, handOver: boolean): Promise<void> {
    const held = this.#held.get(unit.id);
    if (!held) return;
    this.#held.delete(unit.id);
    await held.owned.release();
    if (!handOver) return;
    try {
      const revision = await this.#records.put(unit.epoch, { owner: null, at: Date.now() } satisfies Epoch, held.revision);
      this.#seen.set(unit.id, { epoch: { owner: null, at: Date.now() }, revision });
    } catch (error) {
      if (!(error instanceof PublishError)) throw error;
      this.#log.info({ unit: unit.id }, 'unit was taken before it was handed over');
    }
  }
}
