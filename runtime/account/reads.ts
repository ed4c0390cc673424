/**
 * Reads what the channel shows: what a write waits for, what an accepted write has become, and in sweeps whatever is
 * due by risk. Each reading is judged where it was made (docs/decisions/0004).
 */
import type { Exchange, Operation, Reading, ReadOutcome } from '../../actors/channel/adapter.ts';
import type { Job } from '../../actors/channel/pending.ts';
import { backoffMs } from '../../actors/channel/retry.ts';
import { AuthError, RetryableError, TerminalError, ThrottledError } from '../../actors/errors.ts';
import { judge, judgeStanding } from '../../actors/reconciler/drift.ts';
import type { Evidence, Judgement } from '../../actors/reconciler/drift.ts';
import { isProven, noteReading } from '../../actors/reconciler/proof.ts';
import type { Pair } from '../../actors/reconciler/proof.ts';
import type { HeldCell } from '../../actors/sku/exposure/record.ts';
import type { Desk } from './ports.ts';
import { Sweep } from './sweep.ts';
import { tryAgainIn } from './tries.ts';
import type { Writes } from './writes.ts';

/** Calls under way at once; of those, sweeps. */
const maxConcurrent = 8;
const maxSweeps = 4;
/** A verification that proves nothing is repeated ever more seldom, down to one in so many of the first pauses. */
const looksSlowest = 8;

/** A listing to read: for a job, or in a sweep. */
interface Wanted { sku: string; job: Job | undefined }

/** When a read began and ended, and orders up to when were known before it. */
export type When = Pick<Evidence, 'beganAt' | 'endedAt' | 'ordersKnownBefore'>;

export class Reads {
  readonly sweep: Sweep;
  readonly #desk: Desk;
  readonly #refuse: Writes['refuse'];
  #underway = 0;

  /** @param refuse what becomes of a job whose listing the channel does not know */
  constructor(desk: Desk, refuse: Writes['refuse']) {
    this.#desk = desk;
    this.#refuse = refuse;
    this.sweep = new Sweep(desk);
  }

  /** Reads whatever may be read now; asks to be woken for what the rate holds back. */
  pump(now: number): void {
    this.#pumpJobs(now);
    this.#pumpSweep(now);
  }

  /** Judges what a page of the list of listings shows, as if it had been read. */
  seen(sku: string, reading: Reading, when: When): void {
    this.#judge(sku, undefined, reading, when);
  }

  #pumpJobs(now: number): void {
    const { pending, health, budget, counts, wake } = this.#desk;
    while (health.mayRead && this.#underway < (health.isTrying ? 1 : maxConcurrent)) {
      const first = pending.nextRead(now);
      if (!first) return;
      const operation = this.sweep.operation(first.listing);
      const wait = budget.waitKeeping(operation, 0, now);
      if (wait > 0) return wake(wait);
      counts.calls += 1;
      const jobs = pending.takeReads(budget.affordable(operation, now), now, (_, job) => this.sweep.operation(job.listing).limit === operation.limit);
      budget.pay(operation, now, jobs.length);
      this.#begin(operation, jobs.map(job => ({ sku: job.sku, job })));
    }
  }

  /** Reads what is due by risk with what verification leaves of the budget. */
  #pumpSweep(now: number): void {
    const { health, counts } = this.#desk;
    if (!health.mayRead || health.isTrying || this.#underway >= maxSweeps / 2) return;
    while (this.#underway < maxSweeps) {
      const swept = this.sweep.take(now);
      if (!swept) return;
      counts.calls += 1;
      this.#begin(swept.operation, swept.skus.map(sku => ({ sku, job: undefined })));
    }
  }

  #begin(operation: Operation, wanted: readonly Wanted[]): void {
    this.#underway += 1;
    this.#desk.track(this.#read(operation, wanted).finally(() => {
      this.#underway -= 1;
      this.sweep.done(wanted.flatMap(({ sku, job }) => (job ? [] : [sku])));
      this.#desk.wake(0);
    }));
  }

  async #read({ limit }: Operation, wanted: readonly Wanted[]): Promise<void> {
    const { ports: { adapter, account, log }, pairs, counts, health, journal, call } = this.#desk;
    const listings = wanted.map(({ sku, job }) => pairs.get(sku)?.listing ?? job!.listing);
    const exchanges: Exchange[] = [];
    const at = Date.now();
    const ordersKnownBefore = this.#desk.ordersKnownThrough();
    let outcomes: ReadOutcome[];
    try {
      outcomes = await call(limit, exchanges, told => adapter.read(listings, told));
      if (outcomes.length !== wanted.length) throw new RetryableError(`read of ${wanted.length} listings was answered with ${outcomes.length} outcomes`);
    } catch (error) {
      return this.#failed(limit, wanted, error as Error, at);
    }
    const endedAt = Date.now();
    counts.reads += outcomes.length;
    health.tell({ type: 'call.succeeded' });
    // A sweep that found nothing is told by its figures; a verification is part of a job's story.
    const told = wanted.flatMap(({ job }, i) => (job ? [{ job, outcome: outcomeOf(outcomes[i]!) }] : []));
    journal.attempt({ op: 'read', jobs: told.map(({ job }) => job), outcomes: told.map(({ outcome }) => outcome), exchanges, at });
    wanted.forEach(({ sku, job }, i) => {
      try {
        this.#taken(sku, job, outcomes[i]!, { beganAt: at, endedAt, ordersKnownBefore });
      } catch (error) {
        // A bug must not leave a listing waiting for an answer that came.
        log.error({ err: error, account, sku }, 'reading could not be taken in');
        this.#again(sku, job, 'unavailable', (error as Error).message);
      }
    });
  }

  #taken(sku: string, job: Job | undefined, outcome: ReadOutcome, when: When): void {
    switch (outcome.kind) {
      case 'read': return this.#judge(sku, job, outcome.reading, when);
      case 'failed': return this.#again(sku, job, 'unavailable', outcome.message);
      case 'missing': return this.#missing(sku, job, outcome.code, outcome.message, when.beganAt, when.endedAt);
    }
  }

  /** The channel does not know the listing, or will never take a read of it as it stands. */
  #missing(sku: string, job: Job | undefined, code: string, message: string, beganAt: number, now: number): void {
    const { pairs, pending, journal, findings, track, ports: { account, times } } = this.#desk;
    const pair = pairs.get(sku);
    if (pair) pair.readAt = now;
    const judgement = pair && !pair.shadow ? judgeStanding(pair, 'missing-listing', { beganAt }, times) : undefined;
    if (pair && judgement?.kind === 'drift') track(findings.found(pair, { quantity: 0 }, judgement, () => {}));
    if (pair && judgement?.kind === 'wait' && judgement.again) {
      if (job) return pending.settle(job, job.phase, judgement.at!, now);
      return this.sweep.urge(pair);
    }
    if (job) return this.#refuse(job, 'listing', code, message);
    journal.dead({ class: 'listing', sku, code, message, heals: `the listing of ${sku} at ${account}: link it again or remove it` });
  }

  /** One of several spoils a call: each is read alone from now on. */
  #separate(wanted: readonly Wanted[]): void {
    const { pairs } = this.#desk;
    for (const { sku, job } of wanted) {
      const pair = pairs.get(sku);
      if (job) job.solo = true;
      else if (pair) pair.solo = true;
      this.#again(sku, job, undefined, '');
    }
  }

  /** The call as a whole failed. */
  #failed(limit: string, wanted: readonly Wanted[], error: Error, beganAt: number): void {
    const { ports: { account, log }, budget, health, counts } = this.#desk;
    const now = Date.now();
    const settleAll = (trouble?: 'throttled' | 'unavailable'): void => { for (const { sku, job } of wanted) this.#again(sku, job, trouble, error.message); };
    if (error instanceof ThrottledError) {
      budget.throttle(limit, error.retryAfterMs, now);
      counts.throttled += 1;
      return settleAll('throttled');
    }
    if (error instanceof AuthError) {
      health.tell({ type: 'auth.failed', reason: error.message, at: now });
      return settleAll();
    }
    if (error instanceof TerminalError) {
      const [{ sku, job }] = wanted as [Wanted];
      if (wanted.length === 1) return this.#missing(sku, job, error.code ?? 'terminal', error.message, beganAt, now);
      return this.#separate(wanted);
    }
    health.tell({ type: 'call.failed', reason: error.message });
    if (!(error instanceof RetryableError)) log.error({ err: error, account }, 'read failed in a way no adapter names');
    settleAll('unavailable');
  }

  /** Read again later: a job after its backoff, a sweep after a pause. */
  #again(sku: string, job: Job | undefined, trouble: 'throttled' | 'unavailable' | undefined, message: string): void {
    const { pairs, pending, ports: { times } } = this.#desk;
    const now = Date.now();
    if (job) {
      const delayMs = trouble === undefined ? 0 : tryAgainIn(this.#desk, job, trouble, message);
      return pending.settle(job, job.phase, delayMs > 0 ? now + delayMs : 0, now);
    }
    const pair = pairs.get(sku);
    if (pair && trouble === 'unavailable') pair.retryAt = now + Math.max(times.apartMs, backoffMs(8, Math.random()));
  }

  /** Judges a reading and tells the SKU what follows from it. */
  #judge(sku: string, job: Job | undefined, reading: Reading, when: When): void {
    const { beganAt, endedAt } = when;
    const { pairs, pending, findings, journal, track, ports } = this.#desk;
    const pair = pairs.get(sku);
    if (!pair) return void (job && pending.rest(job, endedAt));
    // What was read before our newest write was answered is no basis for the next one.
    if (beganAt >= pair.writtenAt) noteReading(pair, reading, endedAt);
    else pair.readAt = endedAt;
    if (pair.shadow) this.#desk.shadow.seen(pair, reading, endedAt);
    if (pair.cell) return this.#told(pair, pair.cell, job, reading, beganAt, endedAt);
    if (pair.shadow) return void (job && pending.rest(job, endedAt));
    if (findings.isMissing(sku)) {
      findings.onEqual(pair, reading.quantity, endedAt);
      journal.healed('listing', sku, 'a read that shows the listing');
    }
    if (job?.phase === 'read' && reading.quantity !== job.quantity) return pending.settle(job, 'write', 0, endedAt);
    const judgement = judge(pair, reading, {
      ...when,
      ordersCompleteThrough: this.#desk.ordersCompleteThrough(),
      ordersAt: endedAt + Math.round((ports.now?.() ?? Date.now()) - Date.now()),
      write: pending.outstanding(sku, job),
    }, ports.times);
    if (judgement.kind === 'equal') return this.#equal(pair, job, beganAt, endedAt);
    if (job) pending.settle(job, job.phase, this.#lookAgainAt(job, judgement, endedAt), endedAt);
    if (!job || pair.suspicion?.awaits !== undefined) this.sweep.urge(pair);
    if (judgement.kind === 'rewrite') this.#askRepair(sku, pair.intended!.version, reading.quantity);
    if (judgement.kind === 'drift') {
      const { version } = pair.intended!;
      track(findings.found(pair, reading, judgement, finding => this.#askRepair(sku, version, reading.quantity, finding)));
    }
  }

  /** In escrow its SKU judges what was read. */
  #told(pair: Pair, cell: HeldCell, job: Job | undefined, reading: Reading, beganAt: number, endedAt: number): void {
    const { cells, pending } = this.#desk;
    pair.provenAt = beganAt;
    cells.tell(pair, cell, reading, beganAt);
    this.#standing(pair, reading, beganAt, endedAt);
    if (job?.phase === 'read') pending.settle(job, 'write', 0, endedAt);
    else if (job) pending.rest(job, endedAt);
  }

  /** Whether a listing is there and for sale is no matter of units: people are told in escrow as where it mirrors. */
  #standing(pair: Pair, reading: Reading, beganAt: number, endedAt: number): void {
    const { findings, journal, track, ports: { times } } = this.#desk;
    const { sku } = pair;
    const isFrozen = !reading.active && reading.quantity > 0;
    if (findings.isMissing(sku)) journal.healed('listing', sku, 'a read that shows the listing');
    if (findings.isMissing(sku) || (!isFrozen && findings.isOf(sku, 'frozen-listing'))) findings.onEqual(pair, reading.quantity, endedAt);
    if (!isFrozen) {
      if (pair.suspicion?.class === 'frozen-listing') pair.suspicion = undefined;
      return;
    }
    if (findings.has(sku)) return;
    const judgement = judgeStanding(pair, 'frozen-listing', { beganAt }, times);
    if (judgement.kind === 'drift') track(findings.found(pair, reading, judgement, () => {}));
    else if (judgement.kind === 'wait' && judgement.again) this.sweep.urge(pair);
  }

  #equal(pair: Pair, job: Job | undefined, beganAt: number, endedAt: number): void {
    const { ports: { account }, findings, journal, pending } = this.#desk;
    const { sku } = pair;
    const { version, quantity } = pair.intended!;
    pair.provenAt = beganAt;
    pair.provenBy = 'read';
    findings.onEqual(pair, quantity, endedAt);
    if (!isProven(pair)) {
      journal.tell(sku, `ob:${account}:${sku}:${version}:eq`, { type: 'observed', account, version, quantity, verdict: 'equal' }, undefined, ({ seq }) => { if (job?.version === version) job.told = seq; });
    }
    if (job) pending.rest(job, endedAt);
  }

  /** While an accepted write has time left at the same pace, later ever more seldom. */
  #lookAgainAt(job: Job, judgement: Judgement, now: number): number {
    const { apartMs } = this.#desk.ports.times;
    if (judgement.kind === 'wait' && !judgement.again) return 0;
    if (judgement.kind === 'wait' && judgement.at !== undefined) return Math.max(now, judgement.at);
    const pace = judgement.kind === 'wait' ? Math.max(100, apartMs / 2) : apartMs;
    if (job.verifyUntil !== undefined && now < job.verifyUntil) return now + pace;
    job.looks += 1;
    return now + pace * Math.min(looksSlowest, 2 ** Math.max(0, job.looks - 4));
  }

  #askRepair(sku: string, version: number, quantity: number, finding?: string): void {
    const { ports: { account }, journal } = this.#desk;
    journal.tell(sku, `ob:${account}:${sku}:${version}:${finding ?? 'rewrite'}`, {
      type: 'observed', account, version, quantity, verdict: 'drift', ...(finding !== undefined && { finding }),
    });
  }
}

function outcomeOf(outcome: ReadOutcome): object {
  return outcome.kind === 'read' ? { kind: 'read', quantity: outcome.reading.quantity, buyable: outcome.reading.buyable } : { kind: outcome.kind, code: outcome.code };
}
