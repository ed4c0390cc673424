/**
 * Asks nodes and accounts what they know now, again and again while somebody looks. An account's answer costs its owner
 * a walk over all its pairs, so whoever takes long to answer is asked less often.
 */
import { RequestError } from 'nats';
import type { NatsConnection } from 'nats';
import { escapeKey } from '../../runtime/subjects.ts';

export interface Answer<T> {
  /** The newest one; also an old one, while `alive` says so. */
  body: T | undefined;
  at: number;
  alive: boolean;
}

interface Asked<T> extends Answer<T> { nextAt: number; asking: boolean }

const everyMs = 1_000;
/** At most this share of an owner's time. */
const share = 0.05;
const withinMs = 3_000;
/** A busy machine answers late; one that is silent for so long counts as gone. */
const silentMs = 5_000;

export class Asking<T> {
  readonly #nc: NatsConnection;
  readonly #prefix: string;
  readonly #now: () => number;
  readonly #asked = new Map<string, Asked<T>>();

  /** @param prefix of the subject, `inspect.node` or `inspect.channel` */
  constructor(nc: NatsConnection, prefix: string, now: () => number) {
    this.#nc = nc;
    this.#prefix = prefix;
    this.#now = now;
  }

  of(name: string): Answer<T> {
    return this.#asked.get(name) ?? { body: undefined, at: 0, alive: false };
  }

  get names(): string[] {
    return [...this.#asked.keys()];
  }

  forget(name: string): void {
    this.#asked.delete(name);
  }

  /** Asks those that are due; resolves when all have answered, or did not. Never throws. */
  async round(names: Iterable<string>): Promise<void> {
    const now = this.#now();
    await Promise.all([...names].map(name => {
      let one = this.#asked.get(name);
      if (!one) this.#asked.set(name, one = { body: undefined, at: 0, alive: false, nextAt: 0, asking: false });
      return one.asking || one.nextAt > now ? undefined : this.#ask(name, one);
    }));
  }

  async #ask(name: string, one: Asked<T>): Promise<void> {
    one.asking = true;
    const began = performance.now();
    try {
      const reply = await this.#nc.request(`${this.#prefix}.${escapeKey(name)}`, '', { timeout: withinMs });
      one.body = reply.json<T>();
      one.at = this.#now();
      one.alive = true;
    } catch (error) {
      const nobody = error instanceof RequestError && error.isNoResponders();
      one.alive = !nobody && this.#now() - one.at < silentMs;
    } finally {
      one.asking = false;
      one.nextAt = this.#now() + Math.max(everyMs, (performance.now() - began) / share) - everyMs / 10;
    }
  }
}
