/**
 * What becomes of an authentic notification: its gist is journaled, once by the channel's own id, and the account's
 * owner is told to look. Bodies are not kept: orders name buyers, and nothing of a hint is believed anyway.
 */
import type { NatsConnection } from 'nats';
import type { Notice } from '../../../actors/channel/hook.ts';
import { encodeJson, journalHeaders } from '../../../runtime/codec.ts';
import type { Publisher } from '../../../runtime/publisher.ts';
import { escapeKey } from '../../../runtime/subjects.ts';
import { digest } from '../receipt.ts';

/** Ids are remembered so long, which is longer than vendors repeat within and than the broker remembers, ms. */
const rememberedMs = 4 * 3_600_000;
const rememberedMax = 20_000;

/** `ingest.hook.<account>`: JSON of the notice. */
export const hookSubject = (account: string): string => `ingest.hook.${escapeKey(account)}`;

export class HookIntake {
  readonly #publisher: Publisher;
  readonly #nc: NatsConnection;
  readonly #now: () => number;
  /** When each was stored, oldest first. */
  readonly #seen = new Map<string, number>();

  constructor({ publisher, nc, now }: { publisher: Publisher; nc: NatsConnection; now(): number }) {
    this.#publisher = publisher;
    this.#nc = nc;
    this.#now = now;
  }

  /** @returns false for a repeat @throws {PublishError} when it is not known to be stored */
  async take(account: string, notice: Notice): Promise<boolean> {
    const key = `hook:${account}:${notice.id.length <= 200 ? notice.id : digest(notice.id)}`;
    const now = this.#now();
    if (now - (this.#seen.get(key) ?? -Infinity) < rememberedMs) return false;
    const { duplicate } = await this.#publisher.publish(hookSubject(account), encodeJson({ v: 1, account, ...notice, at: now }), journalHeaders({ id: encodeURIComponent(key) }));
    this.#seen.delete(key);
    this.#seen.set(key, now);
    for (const oldest of this.#seen.keys()) {
      if (this.#seen.size <= rememberedMax) break;
      this.#seen.delete(oldest);
    }
    if (duplicate) return false;
    const { orders, listings, feeds = false } = notice;
    // Whoever owns the account hears it; where nobody does just now, its first poll learns the same.
    if (orders || listings.length > 0 || feeds) this.#nc.publish(`control.channel.${account}`, `nudge ${JSON.stringify({ orders, listings, ...(feeds && { feeds }) })}`);
    return true;
  }
}
