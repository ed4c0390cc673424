/** Looks whether an account keeps its promises, and tells people while there is time left. */
import { concerns } from '../../actors/reconciler/progress.ts';
import { proofFigures, ProofTally } from '../../actors/reconciler/proof-budget.ts';
import type { ProofFigures, ReadBudget } from '../../actors/reconciler/proof-budget.ts';
import { proofAges } from '../../actors/reconciler/risk.ts';
import { Alarms } from '../alarms.ts';
import { allowedMs, heard } from '../rhythm.ts';
import type { Desk } from './ports.ts';
import type { Sweep } from './sweep.ts';

const lookEveryMs = 1_000;
/** All proofs are gone through no more often than this, and for no larger part of the time than one in so many. */
const countEveryMs = 5_000;
const countShare = 200;
/** Pairs that are counted before others get a turn. */
const countAtOnce = 2_000;

export class Watchman {
  readonly alarms: Alarms;
  readonly #desk: Desk;
  readonly #sweep: Sweep;
  readonly #since = Date.now();
  #timer: NodeJS.Timeout | undefined;
  #proof: ProofFigures | undefined;
  #countAt = 0;

  constructor(desk: Desk, sweep: Sweep) {
    this.#desk = desk;
    this.#sweep = sweep;
    const { account, publisher, records, log } = desk.ports;
    this.alarms = new Alarms({ unit: account, name: account, publisher, records, log });
  }

  /** Looks from here on: everything that it looks at is there. */
  start(): void {
    this.#timer = setInterval(() => this.#look(Date.now()), lookEveryMs);
  }

  /** The channel told of something by itself. */
  notified(now: number): void {
    this.alarms.rhythm = heard(this.alarms.rhythm, now);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.alarms.stop();
  }

  /** @param fresh counted now, and not some seconds ago */
  proof(now: number, fresh = false): ProofFigures {
    if (!fresh && now >= this.#countAt) this.#recount(now);
    return fresh || !this.#proof ? this.#proof = proofFigures(this.#desk.pairs.values(), this.#budget(), now) : this.#proof;
  }

  /** Some at a time: others have work to do as well. */
  #recount(now: number): void {
    this.#countAt = Infinity;
    const { pairs, track } = this.#desk;
    const tally = new ProofTally(this.#budget(), now);
    track((async () => {
      let spent = 0;
      let n = 0;
      let began = performance.now();
      for (const pair of pairs.values()) {
        tally.add(pair);
        if (++n % countAtOnce !== 0) continue;
        spent += performance.now() - began;
        await new Promise(resolve => { setImmediate(resolve); });
        began = performance.now();
      }
      this.#proof = tally.figures();
      spent += performance.now() - began;
      this.#countAt = Date.now() + Math.max(countEveryMs, spent * countShare);
    })());
  }

  #budget(): ReadBudget {
    const { budget, ports: { times: { maxProofAgeMs, watch } } } = this.#desk;
    return {
      maxAge: proofAges(maxProofAgeMs),
      priceOf: ({ listing }) => {
        const { limit, cost, batch, each } = this.#sweep.operation(listing);
        return { limit, cost: each ?? cost / batch };
      },
      perSecond: limit => budget.lastingPerSecond(limit),
      watch: { everyMs: watch.everyMs, isWatched: sku => this.#sweep.isWatched(sku) },
    };
  }

  #look(now: number): void {
    const { health, pending, ports: { account, adapter, promises } } = this.#desk;
    const { rhythm } = this.alarms;
    const allowed = rhythm.last === 0 ? undefined : allowedMs(rhythm);
    this.alarms.look(concerns(account, {
      oldestPendingMs: pending.figures(now).oldestMs,
      ordersCompleteThrough: this.#desk.ordersCompleteThrough(),
      ownedSince: this.#since,
      tokenExpiresAt: adapter.tokenExpiresAt(),
      proof: this.proof(now),
      ...(allowed !== undefined && { notified: { last: Math.max(rhythm.last, this.#since), allowedMs: allowed } }),
      isStopped: health.state === 'frozen' || health.state === 'unauthorised',
    }, promises, now), now);
  }
}
