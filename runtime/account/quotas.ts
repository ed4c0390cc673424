/** Asks the channel what is left of its day's quotas, where it tells: now and then, and when it refuses for rate without a word. */
import type { Desk } from './ports.ts';

/** Of its own accord, and after a refusal, ms. */
const everyMs = 900_000;
const againMs = 5_000;

export class Quotas {
  readonly #desk: Desk;
  #underway = false;
  #askedAt = 0;

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  pump(now: number): void {
    const { ports: { adapter: { quotas }, account, log }, health, budget, counts, track, call } = this.#desk;
    if (!quotas || this.#underway || !health.mayRead) return;
    const isRefused = budget.refusedAt > this.#askedAt && now - this.#askedAt >= againMs;
    if (!isRefused && now - this.#askedAt < everyMs) return;
    if (budget.pay(quotas.operation, now) > 0) return;
    counts.calls += 1;
    this.#underway = true;
    this.#askedAt = now;
    track(call(quotas.operation.limit, [], told => quotas.ask(told))
      .catch((error: unknown) => log.warn({ err: error, account }, 'what is left of the day could not be asked'))
      .finally(() => { this.#underway = false; }));
  }
}
