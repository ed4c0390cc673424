/**
 * Who is alive: each node renews its key in a KV bucket every second; one not heard for the TTL is gone. Time is
 * measured by this process's monotonic clock alone, so a wrong wall clock changes nothing.
 */
import type { NatsConnection } from 'nats';
import type { Logger } from 'pino';
import type { BrokerClock } from './clock.ts';
import { encodeJson } from './codec.ts';
import type { Publisher } from './publisher.ts';
import { Reader } from './reader.ts';
import { deletion } from './records.ts';
import { onReconnect } from './reconnect.ts';
import type { StreamMessage } from './stream-message.ts';
import { memberSubject, streams, unescapeKey } from './subjects.ts';

export const renewEveryMs = 1_000;
export const memberTtlMs = 3_000;

/**
 * Another is gone when it was not heard for the TTL, and this node heard itself so often meanwhile: where the broker
 * takes nobody's renewals, silence says nothing of who is alive.
 */
const heardMeanwhile = 2;

/** A node that has been silent for so long is thought of no more, whatever it did not read. */
const forgottenAfterMs = 60_000;

/** A taker is believed after so long: what comes late after a silence says first what was true before it. */
const believeAfterMs = 250;

/**
 * A member's key. `run` tells a process from another of the same name, `since` which is the younger: when the broker
 * first heard of it, 0 until it knows. `takes`: it can be given units. `reads`: the newest facts that it reads, 1 where
 * it does not say.
 */
interface Member { node: string; run: string; since: number; pid: number; takes: boolean; reads?: number }

/** Facts that this version reads: 1 are the first, with 2 came `writes.applied`. What an older node does not read is not written. */
export const factsRead = 2;

interface Heard extends Member {
  /** Monotonic ms. */
  at: number;
  /** How often this node had heard itself then. */
  beat: number;
  /** Since when it says that it takes units, monotonic ms; Infinity while it does not. */
  takesSince: number;
  /** When the broker stored it, epoch ms by the broker. */
  storedAt: number;
}

export interface MembershipPorts {
  nc: NatsConnection;
  publisher: Publisher;
  clock: BrokerClock;
  log: Logger;
  node: string;
  /** Names this process among all that ever had the node's name. */
  run: string;
  onChange(): void;
  /** A younger process has our name: this one must end. */
  onReplaced(pid: number): void;
}

export class Membership {
  readonly node: string;
  readonly run: string;
  readonly #ports: MembershipPorts;
  readonly #heard = new Map<string, Heard>();
  readonly #ready = Promise.withResolvers<void>();
  #reader: Reader | undefined;
  /** Monotonic ms at which the last renewal that the broker has was sent. */
  #renewedAt = -Infinity;
  #sentAt = -Infinity;
  #steadyFrom = Infinity;
  #since = 0;
  /** How often this node heard itself. */
  #beats = 0;
  #leaving = false;
  #replaced = false;
  #timer: NodeJS.Timeout | undefined;
  #forget: () => void = () => {};
  #seen = '';

  constructor(ports: MembershipPorts) {
    this.#ports = ports;
    this.node = ports.node;
    this.run = ports.run;
  }

  /** Joins: others see this node from here on. Resolves when it has seen every other. */
  async start(): Promise<void> {
    const { nc, log, node } = this.#ports;
    await this.#renew();
    this.#timer = setInterval(() => { void this.#renew(); this.#look(); }, renewEveryMs);
    // At once after a broken connection: the TTL runs on while it is broken.
    this.#forget = onReconnect(nc, () => setImmediate(() => { void this.#renew(); }));
    this.#reader = new Reader(nc, {
      stream: streams.members,
      filter: '$KV.member.>',
      from: 'last-per-subject',
      name: `members-${node}`,
      idleHeartbeatMs: 500,
      onMessage: message => this.#hear(message),
      onError: error => log.warn({ err: error }, 'member reader broke, reading on'),
    });
    await this.#ready.promise;
  }

  /** Others take from here on what this node lets go of. It stays alive until `stop`. */
  async leave(): Promise<void> {
    this.#leaving = true;
    await this.#renew();
  }

  /** Gone at once, without waiting for the TTL. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#forget();
    this.#renewedAt = -Infinity;
    await this.#ports.publisher.publish(memberSubject(this.node), new Uint8Array(), deletion()).catch(() => undefined);
    await this.#reader?.stop();
  }

  /**
   * True while others must still take this node for alive. A node that was paused, or cut from the broker, finds it
   * false before it does anything: what may be owned elsewhere must not be sent from here.
   */
  get leased(): boolean {
    return !this.#replaced && performance.now() - this.#renewedAt < memberTtlMs;
  }

  /**
   * True when this node has heard itself, and so every other live node, for long enough: right after a pause or a
   * lost connection all others look dead, and taking their units would only stir.
   */
  get steady(): boolean {
    return this.leased && isOf(this.#heard.get(this.node), memberTtlMs) && performance.now() >= this.#steadyFrom;
  }

  /** Live nodes: what they own is theirs. */
  get live(): string[] {
    return this.#names(member => this.#alive(member));
  }

  /** Live nodes that can be given units. This one knows it of itself before the others do: it must keep what it has. */
  get takers(): string[] {
    const limit = performance.now() - believeAfterMs;
    return this.#names(member => this.#alive(member) && (member.node === this.node ? this.#takes : member.takesSince <= limit));
  }

  /** Those, and who has said of late that it can be given units: what is free is not taken from before them. */
  get likely(): string[] {
    return this.#names(member => this.#alive(member) && (member.node === this.node ? this.#takes : member.takesSince < Infinity));
  }

  /** True as soon as the others believe it of this node that it takes units. */
  get isBelieved(): boolean {
    return this.#takes && performance.now() >= this.#steadyFrom + believeAfterMs;
  }

  /** True while every node that can own anything reads these facts: one that was silent for a while may only have been cut off. */
  allRead(facts: number): boolean {
    for (const member of this.#heard.values()) if ((member.reads ?? 1) < facts && (this.#alive(member) || isOf(member, forgottenAfterMs))) return false;
    return this.steady;
  }

  get #takes(): boolean {
    return this.steady && !this.#leaving;
  }

  #names(which: (member: Heard) => boolean): string[] {
    const names: string[] = [];
    for (const [name, member] of this.#heard) if (which(member)) names.push(name);
    return names.sort();
  }

  #alive(member: Heard): boolean {
    return isOf(member, memberTtlMs) || (member.node !== this.node && this.#beats - member.beat < heardMeanwhile);
  }

  async #renew(): Promise<void> {
    const sentAt = this.#sentAt = performance.now();
    const member: Member = { node: this.node, run: this.run, since: this.#since, pid: process.pid, takes: this.#takes, reads: factsRead };
    try {
      await this.#ports.publisher.publish(memberSubject(this.node), encodeJson(member));
      this.#renewedAt = Math.max(this.#renewedAt, sentAt);
    } catch {
      // Not renewed: the lease runs out by itself.
    }
  }

  #hear(message: StreamMessage): void {
    const name = unescapeKey(message.subject.slice('$KV.member.'.length));
    if (message.data.length === 0) {
      this.#heard.delete(name);
    } else {
      const member = message.json<Member>();
      const now = performance.now();
      const storedAt = message.at;
      if (name === this.node && member.run !== this.run) return this.#hearNamesake(member);
      if (name === this.node) this.#hearOurselves(storedAt, now);
      const { takesSince = Infinity, run } = this.#heard.get(name) ?? {};
      this.#heard.set(name, { ...member, at: now, beat: this.#beats, storedAt, takesSince: !member.takes ? Infinity : run === member.run ? Math.min(now, takesSince) : now });
    }
    this.#look();
  }

  #hearOurselves(storedAt: number, now: number): void {
    this.#ports.clock.note(storedAt, this.#sentAt, now);
    this.#beats += 1;
    const before = this.#heard.get(this.node);
    if (before && now - before.at > memberTtlMs) this.#steadyFrom = now + 1.5 * renewEveryMs;
    if (this.#since > 0) return;
    // All that was there has been read. Others are as old as the broker says, not as new as they were read.
    for (const other of this.#heard.values()) {
      other.at = now - Math.max(0, storedAt - other.storedAt);
      other.beat = -heardMeanwhile;
    }
    this.#since = storedAt;
    this.#steadyFrom = now;
    this.#ready.resolve();
    queueMicrotask(() => { void this.#renew(); });
  }

  /** The process before us, which may still run; or one that was started beside us. */
  #hearNamesake(other: Member): void {
    if (this.#since === 0 || (other.since > 0 && other.since <= this.#since)) return;
    this.#replaced = true;
    this.#ports.onReplaced(other.pid);
  }

  #look(): void {
    const seen = `${this.live.join()} ${this.takers.join()}`;
    if (seen === this.#seen) return;
    this.#seen = seen;
    this.#ports.onChange();
  }
}

function isOf(member: Heard | undefined, ms: number): boolean {
  return member !== undefined && performance.now() - member.at < ms;
}
