/**
 * Notifications that the channel could not deliver, fetched where it keeps them: once an account is taken over, since nobody
 * may have listened before, and now and then. What they name is looked at like what any other one names.
 */
import type { Desk } from './ports.ts';

const everyMs = 3_600_000;
/** After a page that failed, ms: an application without notifications may be refused each time. */
const againMs = 600_000;

export class Missed {
  readonly #desk: Desk;
  #underway = false;
  #notBefore = 0;
  /** The page that is next, within one going through all of them. */
  #cursor: string | undefined;
  /** Ids of the former going through, and of this one: the channel tells the same ones for days. */
  #before = new Set<string>();
  #now = new Set<string>();

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  pump(now: number): void {
    const { ports: { adapter: { missed }, account, log }, health, pairs, budget, counts, track, wake } = this.#desk;
    // Without a listing there is nothing that one could be about.
    if (!missed || this.#underway || !health.mayRead || health.isTrying || pairs.size === 0 || now < this.#notBefore) return;
    const wait = budget.pay(missed.operation, now);
    if (wait > 0) return wake(wait);
    counts.calls += 1;
    this.#underway = true;
    track(this.#page()
      .catch((error: unknown) => {
        this.#notBefore = Date.now() + againMs;
        log.warn({ err: error, account }, 'notifications that were missed could not be fetched');
      })
      .finally(() => {
        this.#underway = false;
        wake(0);
      }));
  }

  async #page(): Promise<void> {
    const { ports: { adapter, account, log }, call, nudge } = this.#desk;
    const { operation, ask } = adapter.missed!;
    const { notices, cursor } = await call(operation.limit, [], told => ask(this.#cursor, told));
    const fresh = notices.filter(({ id }) => !this.#before.has(id) && !this.#now.has(id));
    for (const { id } of notices) this.#now.add(id);
    if (fresh.length > 0) {
      const listings = nudge({ orders: fresh.some(({ orders }) => orders), listings: fresh.flatMap(notice => notice.listings), missed: true });
      log.info({ account, notifications: fresh.length, listings }, 'notifications that were missed are looked at');
    }
    this.#cursor = cursor;
    if (cursor !== undefined) return;
    [this.#before, this.#now] = [this.#now, new Set()];
    this.#notBefore = Date.now() + everyMs;
  }
}
