/** Sends what the account's SKUs intend, as fast as the channel's rate allows, and takes in what became of it. */
import type { Exchange, Operation, WriteEntry, WriteOutcome } from '../../actors/channel/adapter.ts';
import type { Job, Phase } from '../../actors/channel/pending.ts';
import { AmbiguousError, AuthError, RetryableError, TerminalError, ThrottledError } from '../../actors/errors.ts';
import { noteWrite } from '../../actors/reconciler/proof.ts';
import type { Pair } from '../../actors/reconciler/proof.ts';
import { settlesWithin } from '../../actors/reconciler/settled.ts';
import { conflictCode, notLiveCode, unsentCode } from '../../actors/sku/protocol.ts';
import { keyOf } from './journal.ts';
import type { Desk } from './ports.ts';
import { tryAgainIn } from './tries.ts';

/** Calls under way at once. */
const maxConcurrent = 8;
/** Between two looks past all jobs without rate, ms. */
const lookPastMs = 250;
/** Entries that the first write takes, where the channel takes as many. */
const firstBatch = 32;

export class Writes {
  readonly #desk: Desk;
  readonly #restMs: number;
  #underway = 0;
  /** When it is worth the time again to look past jobs without rate for some of another limit. */
  #lookPastAt = 0;
  /** Entries in one write: an all-or-nothing channel that refuses many for one gets fewer, then slowly more again. */
  #batch = firstBatch;

  constructor(desk: Desk) {
    this.#desk = desk;
    this.#restMs = settlesWithin(desk.ports.times);
  }

  /** Sends whatever may be sent now; asks to be woken for what the rate holds back. */
  pump(now: number): void {
    const { pending, health, budget, counts, ports: { adapter }, wake, track } = this.#desk;
    /** What has no rate to spend; the listings of another limit go on. */
    const poor = new Set<string>();
    const isMixed = adapter.writeOperation !== undefined;
    while (health.mayWrite && this.#underway < (health.isTrying ? 1 : maxConcurrent) && pending.hasWrites(now)) {
      if (poor.size > 0 && now < this.#lookPastAt) return wake(this.#lookPastAt - now);
      const first = isMixed ? pending.nextWrite(now, job => !poor.has(this.#operation(job).limit)) : undefined;
      if (isMixed && !first) {
        this.#lookPastAt = now + lookPastMs;
        return;
      }
      const operation = first ? this.#operation(first) : adapter.operations.write;
      const wait = budget.pay(operation, now);
      if (wait > 0) {
        wake(wait);
        if (!isMixed) return;
        poor.add(operation.limit);
        continue;
      }
      counts.calls += 1;
      const fits = isMixed ? (job: Job) => this.#operation(job).limit === operation.limit : undefined;
      const jobs = pending.takeWrites(Math.min(operation.batch, this.#batch), now, fits).filter(job => this.#mayGo(job, now) && !this.#holdsBack(job, now));
      if (jobs.length === 0) continue;
      this.#underway += 1;
      track(this.#write(jobs, operation).finally(() => { this.#underway -= 1; wake(0); }));
    }
  }

  /** What pays for a write of the job's listing. */
  #operation(job: Job): Operation {
    const { pairs, ports: { adapter } } = this.#desk;
    return adapter.writeOperation?.(pairs.peek(job.sku)?.listing ?? job.listing) ?? adapter.operations.write;
  }

  /** In escrow a write is sent in its time or not at all. */
  #mayGo(job: Job, now: number): boolean {
    const { pairs, cells } = this.#desk;
    const cell = pairs.get(job.sku)?.cell;
    const verdict = cell ? cells.verdict(job, cell) : 'send';
    if (verdict === 'send') return true;
    if (verdict === 'late') this.answer(job, 'refused', job.quantity, { code: unsentCode });
    this.#settling(job, now);
    return false;
  }

  /** In escrow a write that is not sent must hold back no units: its SKU is told so. */
  muted(job: Job): void {
    job.renounced = true;
    this.answer(job, 'refused', job.quantity, { code: notLiveCode, message: 'the account is not live for it' });
  }

  /** What became of it is its SKU's to say, and whether it is sent once more. */
  #settling(job: Job, now: number): void {
    job.isSettling = true;
    this.#desk.pending.rest(job, now);
  }

  /** The listing's last revisions of the day are not spent on a raise: it waits for the next day, or a newer intent. */
  #holdsBack(job: Job, now: number): boolean {
    const { revisions, pending } = this.#desk;
    const waitMs = revisions?.waitMs(job.sku, job.lane, now) ?? 0;
    if (waitMs > 0) pending.settle(job, 'write', now + waitMs, now);
    else revisions?.spend(job.sku, now);
    return waitMs > 0;
  }

  async #write(jobs: readonly Job[], operation: Operation): Promise<void> {
    const { ports: { account, adapter, log }, pairs, cells, counts, health, journal, call } = this.#desk;
    const entries = jobs.map(job => ({ ...entryOf(pairs.get(job.sku), job), ...cells.last(job.sku) }));
    const exchanges: Exchange[] = [];
    const at = Date.now();
    for (const job of jobs) job.sent = true;
    counts.writes += jobs.length;
    let outcomes: WriteOutcome[];
    try {
      outcomes = await call(operation.limit, exchanges, told => adapter.write(entries, told));
      if (outcomes.length !== jobs.length) throw new AmbiguousError(`write of ${jobs.length} entries was answered with ${outcomes.length} outcomes`);
    } catch (error) {
      const { name, message } = error as Error;
      journal.attempt({ op: 'write', jobs, exchanges, outcomes: jobs.map(() => ({ kind: name, message })), at });
      return this.#failed(jobs, operation, error as Error);
    }
    health.tell({ type: 'call.succeeded' });
    journal.attempt({ op: 'write', jobs, exchanges, outcomes, at });
    const spoilt = isSpoilt(outcomes);
    this.#batch = spoilt ? Math.max(1, jobs.length >> 2) : Math.min(Math.max(adapter.operations.write.batch, operation.batch), this.#batch + Math.max(1, this.#batch >> 2));
    jobs.forEach((job, i) => {
      try {
        this.#written(job, outcomes[i]!, spoilt);
      } catch (error) {
        // A bug must not leave a listing waiting for an answer that came.
        log.error({ err: error, account, sku: job.sku }, 'answer could not be taken in');
        this.#again(job, 'write', tryAgainIn(this.#desk, job, 'ambiguous', (error as Error).message));
      }
    });
  }

  #written(job: Job, outcome: WriteOutcome, spoilt: boolean): void {
    const { pairs, pending, counts } = this.#desk;
    const now = Date.now();
    const pair = pairs.get(job.sku);
    switch (outcome.kind) {
      case 'applied': {
        const { quantity, version, sold } = outcome;
        if (pair) {
          noteWrite(pair, job.quantity, now, now, this.#restMs);
          pair.reading = { quantity, buyable: quantity, at: now, ...(version !== undefined && { version }) };
        }
        if (quantity !== job.quantity && !pair?.cell) return pending.settle(job, 'verify', now, now);
        this.answer(job, quantity === job.quantity ? 'applied' : 'accepted', job.quantity, { ...(version !== undefined && { tag: version }), ...(sold !== undefined && { sold }) });
        return pending.rest(job, now);
      }
      case 'accepted':
        job.verifyUntil = now + outcome.verifyWithinMs;
        if (pair) noteWrite(pair, job.quantity, now, job.verifyUntil, this.#restMs);
        this.answer(job, 'accepted', job.quantity, { until: job.verifyUntil });
        if (pair?.cell) return this.#settling(job, now);
        return pending.settle(job, 'verify', now + outcome.verifyAfterMs, now);
      case 'conflict':
        counts.conflicts += 1;
        if (pair) pair.reading = undefined;
        if (pair?.cell) {
          this.answer(job, 'refused', job.quantity, { code: conflictCode, message: outcome.message.slice(0, 300) });
          return pending.rest(job, now);
        }
        return this.#again(job, 'read', tryAgainIn(this.#desk, job, 'conflict', outcome.message));
      case 'retry':
        counts.retries += 1;
        // Nothing was wrong with a spoilt one but its company.
        return this.#again(job, 'write', spoilt ? 0 : tryAgainIn(this.#desk, job, 'unavailable', outcome.message));
      case 'refused':
        return this.refuse(job, outcome.class, outcome.code, outcome.message);
    }
  }

  /** The call as a whole failed. */
  #failed(jobs: readonly Job[], operation: Operation, error: Error): void {
    const { ports: { account, log }, health, counts } = this.#desk;
    const now = Date.now();
    if (error instanceof ThrottledError) {
      this.#desk.budget.throttle(operation.limit, error.retryAfterMs, now);
      counts.throttled += 1;
      for (const job of jobs) this.#again(job, 'write', tryAgainIn(this.#desk, job, 'throttled', error.message));
    } else if (error instanceof AuthError) {
      health.tell({ type: 'auth.failed', reason: error.message, at: now });
      for (const job of jobs) this.#again(job, 'write', 0);
    } else if (error instanceof TerminalError) {
      // One of several spoils the call: each is told its own fate.
      if (jobs.length === 1) return this.refuse(jobs[0]!, 'validation', error.code ?? 'terminal', error.message);
      for (const job of jobs) { job.solo = true; this.#again(job, 'write', 0); }
    } else if (error instanceof RetryableError) {
      counts.retries += jobs.length;
      health.tell({ type: 'call.failed', reason: error.message });
      for (const job of jobs) this.#again(job, 'write', tryAgainIn(this.#desk, job, 'unavailable', error.message));
    } else {
      if (!(error instanceof AmbiguousError)) log.error({ err: error, account }, 'write failed in a way no adapter names');
      counts.ambiguous += jobs.length;
      health.tell({ type: 'call.failed', reason: error.message });
      for (const job of jobs) this.#unanswered(job, error.message, now);
    }
  }

  /** Possibly applied: written again, on a new reading where the write is conditional. */
  #unanswered(job: Job, message: string, now: number): void {
    const delayMs = tryAgainIn(this.#desk, job, 'ambiguous', message);
    this.answer(job, 'ambiguous', job.quantity);
    const pair = this.#desk.pairs.get(job.sku);
    if (pair) noteWrite(pair, job.quantity, now, now, this.#restMs);
    if (pair?.cell) return this.#settling(job, now);
    if (this.#desk.ports.adapter.needsReading) job.rereads += 1;
    this.#again(job, 'write', delayMs);
  }

  /** The channel will never take it as it stands: people are told, and the job waits for a newer intent. */
  refuse(job: Job, kind: 'listing' | 'validation', code: string, message: string): void {
    const { ports: { account }, pending, counts, journal } = this.#desk;
    const { sku, signature } = job;
    counts.refused += 1;
    pending.block(job, code, Date.now());
    this.answer(job, 'refused', job.quantity, { code, message: message.slice(0, 300) });
    const heals = kind === 'listing' ? `the listing of ${sku} at ${account}: link it again or remove it` : 'a change of what is intended, or of the listing';
    journal.dead({ class: kind, sku, code, message, heals, signature });
  }

  #again(job: Job, phase: Phase, delayMs: number): void {
    const now = Date.now();
    this.#desk.pending.settle(job, phase, delayMs > 0 ? now + delayMs : 0, now);
  }

  /** Tells the SKU what became of its job. */
  answer(job: Job, outcome: 'applied' | 'accepted' | 'ambiguous' | 'refused', quantity: number, rest: { until?: number; code?: string; message?: string; tag?: string; sold?: number } = {}): void {
    const { ports: { account, answers }, pairs, journal } = this.#desk;
    const { sku, signature, version, attempts, correlation } = job;
    const isHeld = pairs.get(sku)?.cell !== undefined;
    const id = `wa:${keyOf(job)}:${outcome}:${attempts}${isHeld ? `:${version}` : ''}`;
    const answer = { account, signature, quantity, ...rest };
    const onStored = outcome === 'applied' ? ({ seq }: { seq: number }): void => { job.told = seq; } : undefined;
    // In escrow each answer has a place of its own: it moves units between channels.
    if (onStored && !isHeld) journal.tellBy(id, () => answers.applied(sku, id, answer, correlation), onStored);
    else journal.tell(sku, id, { type: 'write.answered', outcome, ...answer }, correlation, onStored);
  }
}

/** What a job asks of the channel, on the newest reading. */
export function entryOf(pair: Pair | undefined, job: Job): WriteEntry {
  const last = pair?.reading;
  return {
    listing: pair?.listing ?? job.listing,
    quantity: job.quantity,
    signature: keyOf(job),
    ...(last && { last: { quantity: last.quantity, ...(last.version !== undefined && { version: last.version }) } }),
  };
}

/** One entry was refused, and the others with it. */
function isSpoilt(outcomes: readonly WriteOutcome[]): boolean {
  return outcomes.some(({ kind }) => kind === 'retry') && outcomes.some(({ kind }) => kind === 'conflict' || kind === 'refused');
}
