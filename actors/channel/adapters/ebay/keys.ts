/** eBay's public keys by their id (ebay.md 6.3): fetched with an application's token, kept for an hour. */
import { z } from 'zod';
import type { AccountSettings } from '../../adapter.ts';
import { RetryableError } from '../../../errors.ts';
import type { PublicKey } from '../../hook.ts';
import { Application } from './application.ts';

const keptMs = 3_600_000;
/** An id that eBay does not know is asked for again after so long. */
const unknownMs = 60_000;
const keptMax = 100;
/** Ids come from senders that are not checked yet: they do not make us call eBay more often than this a minute. */
const fetchesMax = 10;

const keySchema = z.object({ key: z.string().min(1), algorithm: z.literal('ECDSA'), digest: z.string() });

interface Kept { key: Promise<PublicKey | undefined>; until: number }

export class EbayKeys {
  readonly #account: AccountSettings;
  readonly #now: () => number;
  readonly #kept = new Map<string, Kept>();
  readonly #application: Application;
  #fetches: number[] = [];

  constructor(account: AccountSettings, now: () => number) {
    this.#account = account;
    this.#now = now;
    this.#application = new Application(account, now);
  }

  /** Undefined for an id that eBay does not know. @throws {RetryableError} when eBay cannot be asked now */
  keyOf(id: string): Promise<PublicKey | undefined> {
    const now = this.#now();
    const kept = this.#kept.get(id);
    if (kept && kept.until > now) return kept.key;
    this.#fetches = this.#fetches.filter(at => now - at < 60_000);
    if (this.#fetches.length >= fetchesMax) return Promise.reject(new RetryableError(`${this.#account.account}: ${fetchesMax} public keys were asked for in a minute`));
    this.#fetches.push(now);
    const entry: Kept = { key: this.#fetch(id), until: now + keptMs };
    this.#kept.set(id, entry);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= keptMax) break;
      this.#kept.delete(oldest);
    }
    entry.key.then(key => { if (!key) entry.until = now + unknownMs; }, () => { this.#kept.delete(id); });
    return entry.key;
  }

  async #fetch(id: string): Promise<PublicKey | undefined> {
    const path = `/commerce/notification/v1/public_key/${encodeURIComponent(id)}`;
    const answer = await this.#application.get(path);
    if (answer.status === 404 || answer.status === 400) return undefined;
    const parsed = keySchema.safeParse(answer.json);
    if (answer.status !== 200 || !parsed.success) throw new RetryableError(`GET ${path}: ${answer.status} without a key`, { status: answer.status });
    return { pem: parsed.data.key, digest: parsed.data.digest };
  }
}
