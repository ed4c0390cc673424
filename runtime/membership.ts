/**
 * Who is alive: each node renews its key in a KV bucket every second; a key not renewed for the TTL is gone. Time is
 * measured by this process's monotonic clock alone, so a wrong wall clock changes nothing.
 */
import type { JetStreamClient } from '@nats-io/jetstream';
import type { Publisher } from './publisher.ts';
import { encodeJson } from './codec.ts';
import { Reader } from './reader.ts';
import { memberSubject, streams, unescapeKey } from './subjects.ts';
import { headers } from 'nats';

export const renewEveryMs = 1_000;
export const memberTtlMs = 3_000;

export class Membership {
  readonly node: string;
  readonly #publisher: Publisher;
  readonly #reader: Reader;
  /** Monotonic ms at which each member was last heard. */
  readonly #heard = new Map<string, number>();
  readonly #onChange: () => void;
  readonly #ready: Promise<void>;
  #renewedAt = -Infinity;
  #steadyFrom = 0;
  #timer: NodeJS.Timeout | undefined;
  #live = '';

  constructor(js: JetStreamClient, publisher: Publisher, node: string, onChange: () => void) {
    this.node = node;
    this.#publisher = publisher;
    this.#onChange = onChange;
    let ready!: () => void;
    this.#ready = new Promise(resolve => { ready = resolve; });
    this.#reader = new Reader(js, {
      stream: streams.members,
      filter: '$KV.member.>',
      from: 'last-per-subject',
      name: `members-${node}`,
      idleHeartbeatMs: 500,
      onCaughtUp: ready,
      onMessage: message => {
        const member = unescapeKey(message.subject.slice('$KV.member.'.length));
        const gone = message.data.length === 0;
        if (gone) this.#heard.delete(member);
        else this.#heard.set(member, performance.now());
        this.#look();
      },
    });
  }

  /** Joins: others see this node from here on. */
  async start(): Promise<void> {
    await this.#ready;
    await this.#renew();
    this.#timer = setInterval(() => { void this.#renew(); this.#look(); }, renewEveryMs);
  }

  /** Leaves at once, without waiting for the TTL. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#renewedAt = -Infinity;
    const meta = headers();
    meta.set('KV-Operation', 'DEL');
    await this.#publisher.publish(memberSubject(this.node), new Uint8Array(), meta).catch(() => undefined);
    await this.#reader.stop();
  }

  /**
   * True while others must still take this node for alive. A node that was paused, or cut from the broker, finds it
   * false before it does anything: what may be owned elsewhere must not be sent from here.
   */
  get leased(): boolean {
    return performance.now() - this.#renewedAt < memberTtlMs;
  }

  /**
   * True when the lease has held long enough to have heard every other live node since: right after a pause all
   * others look dead, and taking their units would only stir.
   */
  get steady(): boolean {
    return this.leased && performance.now() > this.#steadyFrom;
  }

  /** Sorted names of the live nodes. */
  get live(): string[] {
    const limit = performance.now() - memberTtlMs;
    return [...this.#heard].filter(([, at]) => at > limit).map(([name]) => name).sort();
  }

  async #renew(): Promise<void> {
    const began = performance.now();
    try {
      await this.#publisher.publish(memberSubject(this.node), encodeJson({ node: this.node, pid: process.pid }));
      if (this.#renewedAt > 0 && began - this.#renewedAt > memberTtlMs) this.#steadyFrom = performance.now() + 1.5 * renewEveryMs;
      this.#renewedAt = began;
    } catch {
      // Not renewed: the lease runs out by itself.
    }
  }

  #look(): void {
    const live = this.live.join();
    if (live === this.#live) return;
    this.#live = live;
    this.#onChange();
  }
}
