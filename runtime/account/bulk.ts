/**
 * Feeds of an account: hands in raises by the thousand where so many wait, follows each feed to its end, and sends its
 * listings one by one where it fails or is overdue. What a feed holds is stored before it is handed in, so that a next
 * owner knows which listings it may still change.
 */
import type { Call, Exchange, WriteOutcome } from '../../actors/channel/adapter.ts';
import { fitting, isAwaited, next, overdueAt } from '../../actors/channel/bulk.ts';
import type { BulkFeeds, Feed, FeedLine, Next } from '../../actors/channel/bulk.ts';
import type { Job } from '../../actors/channel/pending.ts';
import { AmbiguousError, AuthError, RetryableError, TerminalError, ThrottledError } from '../../actors/errors.ts';
import { noteWrite } from '../../actors/reconciler/proof.ts';
import { HeldFeed } from './held-feed.ts';
import { keyOf } from './journal.ts';
import type { Attempt } from './journal.ts';
import type { Desk } from './ports.ts';
import { entryOf } from './writes.ts';
import type { Writes } from './writes.ts';

/** A call that carries thousands takes longer than others, ms. */
const callMs = 30_000;
/** After a failure of a feed's own calls, ms. */
const pauseMs = 1_000;

/** Entries of one message of the ATTEMPT journal. */
const journaledAtOnce = 250;
/** What people are told under of feeds that the channel does not take. */
const refusedFeed = 'refused';

export class Bulk {
  readonly #desk: Desk;
  readonly #feeds: BulkFeeds;
  readonly #writes: Writes;
  readonly #held: HeldFeed;
  #lookedAt = 0;
  #busy = false;
  #isTold = false;
  /** Nothing of feeds is begun before, after a failure. */
  #notBefore = 0;

  constructor(desk: Desk, feeds: BulkFeeds, writes: Writes) {
    this.#desk = desk;
    this.#feeds = feeds;
    this.#writes = writes;
    this.#held = new HeldFeed(desk, feeds.times);
  }

  /** Takes over what the former owner had under way. @throws {PublishError} */
  load(): Promise<void> {
    return this.#held.load();
  }

  /** When a job that waits for the feed may go on, epoch ms; 0 for one that does not wait. */
  heldUntil(job: Job): number {
    return this.#held.heldUntil(job);
  }

  get figures(): { listings: number; ageMs: number; state: 'handed in' | 'lost' | 'overdue' | 'ended' } | undefined {
    const { feed } = this.#held;
    if (!feed) return undefined;
    const state = feed.endedAt !== undefined ? 'ended' : feed.overdue ? 'overdue' : feed.lost ? 'lost' : 'handed in';
    return { listings: feed.entries.length, ageMs: Date.now() - feed.begunAt, state };
  }

  /** The channel told of a feed's end: it is looked at now. */
  nudge(): void {
    this.#isTold = true;
    this.#desk.wake(0);
  }

  /** Does what is due about feeds; asks to be woken for the next. */
  pump(now: number): void {
    const { health, budget, wake } = this.#desk;
    if (this.#busy) return;
    if (now < this.#notBefore) return wake(this.#notBefore - now);
    const { operations, times } = this.#feeds;
    const { feed } = this.#held;
    if (!feed) {
      if (!health.mayWrite || health.isTrying || now < this.#held.lastAt + times.everyMs || budget.waitKeeping(operations.submit, 0, now) > 0) return;
      const jobs = this.#desk.pending.takeRaises(this.#feeds.threshold, operations.submit.batch, now);
      if (jobs.length > 0) this.#begin(() => this.#submit(jobs, now));
      return;
    }
    const due = this.#isTold && feed.id !== undefined && feed.endedAt === undefined ? { do: 'look' as const, at: now } : next(feed, this.#lookedAt, times);
    if (due.at > now) return wake(due.at - now);
    if (due.do === 'look') {
      if (!health.mayRead) return;
      const wait = budget.pay(operations.status, now);
      if (wait > 0) return wake(wait);
    }
    this.#begin(() => this.#step(feed, due.do, now));
  }

  #begin(work: () => Promise<void>): void {
    this.#busy = true;
    this.#desk.track(work().catch((error: unknown) => {
      this.#notBefore = Date.now() + pauseMs;
      throw error;
    }).finally(() => {
      this.#busy = false;
      this.#desk.wake(0);
    }));
  }

  async #step(feed: Feed, what: Next['do'], now: number): Promise<void> {
    switch (what) {
      case 'look': return this.#look(feed, now);
      case 'overdue': return this.#overdue(feed, now);
      case 'check':
        this.#held.lookAgain();
        return this.#held.keep({ ...feed, checked: true });
      case 'close':
        this.#held.lookAgain();
        if (feed.endedAt !== undefined) this.#desk.journal.healed('feed', feed.id!, 'the feed has ended, and what it may have set was looked at');
        return this.#held.keep(undefined);
    }
  }

  async #submit(taken: readonly Job[], now: number): Promise<void> {
    const { ports: { account, log }, pending, budget, counts, journal, health, pairs } = this.#desk;
    const lines = taken.map((job): FeedLine => [job.sku, job.quantity, job.version, keyOf(job)]);
    const jobs = taken.slice(0, fitting(lines));
    for (const job of taken.slice(jobs.length)) pending.settle(job, 'write', 0, now);
    const entries = jobs.map(job => entryOf(pairs.get(job.sku), job));
    const { submit } = this.#feeds.operations;
    if (budget.pay(submit, now) > 0 || !await this.#held.begin({ begunAt: now, entries: lines.slice(0, jobs.length) })) {
      for (const job of jobs) pending.settle(job, 'write', 0, Date.now());
      return;
    }
    // The feed holds them from now on, so that what lowers one of them meanwhile need not wait for the answer.
    const until = overdueAt(this.#held.feed!, this.#feeds.times);
    for (const job of jobs) {
      job.verifyUntil = until;
      pending.settle(job, 'verify', 0, now);
    }
    const exchanges: Exchange[] = [];
    counts.calls += 1;
    counts.writes += jobs.length;
    try {
      const id = await this.#call(submit.limit, exchanges, call => this.#feeds.submit(entries, call));
      health.tell({ type: 'call.succeeded' });
      const outcomes = jobs.map(({ signature }): WriteOutcome => ({ kind: 'accepted', signature, reference: id, verifyAfterMs: until - now, verifyWithinMs: until - now }));
      this.#journal({ op: 'write', jobs, outcomes, exchanges, at: now });
      log.info({ account, feed: id, listings: jobs.length }, 'feed handed in');
      this.#lookedAt = Date.now();
      for (const job of jobs) this.#told(job, 'accepted', until);
      await this.#held.keep({ ...this.#held.feed!, id });
      journal.healed('feed', refusedFeed, 'a feed that was taken');
    } catch (cause) {
      const error = cause as Error;
      this.#journal({ op: 'write', jobs, exchanges, outcomes: jobs.map(() => ({ kind: error.name, message: error.message })), at: now });
      await this.#refused(jobs, until, error);
    }
  }

  /** The feed as a whole was not taken, or it is not known whether it was. */
  async #refused(jobs: readonly Job[], until: number, error: Error): Promise<void> {
    const { ports: { account, log }, pending, budget, counts, health } = this.#desk;
    const now = Date.now();
    this.#notBefore = now + pauseMs;
    const mayExist = !(error instanceof ThrottledError || error instanceof AuthError || error instanceof TerminalError || error instanceof RetryableError);
    if (mayExist) {
      counts.ambiguous += jobs.length;
      health.tell({ type: 'call.failed', reason: error.message });
      log.warn({ err: error, account, listings: jobs.length }, 'feed may have been handed in or not: its listings are written one by one');
      const lost: Feed = { ...this.#held.feed!, lost: true };
      const kept = this.#held.keep(lost);
      for (const job of jobs) {
        this.#told(job, 'ambiguous', until);
        this.#oneByOne(job, now);
      }
      // Those that came meanwhile wait no longer.
      this.#held.letGo(lost, now);
      return kept;
    }
    const feed = this.#held.feed!;
    const kept = this.#held.keep(undefined);
    if (error instanceof ThrottledError) {
      budget.throttle(this.#feeds.operations.submit.limit, error.retryAfterMs, now);
      counts.throttled += 1;
    } else if (error instanceof AuthError) {
      health.tell({ type: 'auth.failed', reason: error.message, at: now });
    } else if (error instanceof TerminalError) {
      this.#tellPeople(refusedFeed, error.code ?? 'terminal', `a feed of ${jobs.length} listings was refused: ${error.message}`);
    } else {
      counts.retries += jobs.length;
      health.tell({ type: 'call.failed', reason: error.message });
    }
    for (const job of jobs) {
      if (error instanceof TerminalError) job.single = true;
      delete job.verifyUntil;
      pending.resume(job, 'write', 0, now);
    }
    this.#held.letGo(feed, now);
    await kept;
  }

  async #look(feed: Feed, now: number): Promise<void> {
    const { ports: { account, log }, health, counts } = this.#desk;
    const { status } = this.#feeds.operations;
    counts.calls += 1;
    this.#lookedAt = now;
    this.#isTold = false;
    try {
      const found = await this.#call(status.limit, [], call => this.#feeds.status(feed.id!, call));
      health.tell({ type: 'call.succeeded' });
      if (found.state === 'working') return;
      const outcomes = found.state === 'done' ? await this.#outcomes(feed, found.report) : new Map<string, WriteOutcome>();
      if (!outcomes) return;
      log.info({ account, feed: feed.id, state: found.state }, 'feed has ended');
      await this.#ended(feed, found.state === 'failed' ? { code: found.code, message: found.message } : undefined, outcomes);
    } catch (error) {
      this.#failed(status.limit, error as Error);
    }
  }

  /** What the feed's report tells, by key; undefined where the account is being released. */
  async #outcomes(feed: Feed, report: string): Promise<Map<string, WriteOutcome> | undefined> {
    const { budget, counts, isOver } = this.#desk;
    const operation = this.#feeds.operations.report;
    const entries = feed.entries.map(([sku, , , signature]) => ({ sku, signature }));
    const found = new Map<string, WriteOutcome>();
    for (let page: string | undefined; ;) {
      for (let wait = budget.pay(operation, Date.now()); wait > 0; wait = budget.pay(operation, Date.now())) {
        if (isOver()) return undefined;
        await new Promise(resolve => setTimeout(resolve, Math.min(250, wait)));
      }
      counts.calls += 1;
      const told = await this.#call(operation.limit, [], call => this.#feeds.outcomes(feed.id!, report, entries, page, call));
      for (const outcome of told.outcomes) found.set(outcome.signature, outcome);
      if (told.page === undefined) return found;
      if (isOver()) return undefined;
      page = told.page;
    }
  }

  /** Each entry's fate; what the feed did not carry out is written by the call for one listing. */
  async #ended(feed: Feed, failure: { code: string; message: string } | undefined, outcomes: ReadonlyMap<string, WriteOutcome>): Promise<void> {
    const { ports: { account }, pending } = this.#desk;
    const now = Date.now();
    const { verifyAfterMs, verifyWithinMs } = this.#feeds.times;
    const wasAwaited = isAwaited(feed);
    const kept = this.#held.keep({ ...feed, endedAt: now });
    // An overdue one is on its way by a call, and a newer intention has nothing of the feed's.
    const told = !wasAwaited ? [] : feed.entries.flatMap(([sku, , version, key]) => {
      const job = pending.get(sku);
      if (job?.version !== version) return [];
      const unsaid: WriteOutcome = { kind: 'retry', signature: key, code: failure?.code ?? 'not in the report', message: failure?.message ?? 'the feed does not tell of it' };
      return [{ job, outcome: outcomes.get(key) ?? unsaid }];
    });
    this.#journal({ op: 'feed', jobs: told.map(({ job }) => job), outcomes: told.map(({ outcome }) => outcome), exchanges: [], at: now });
    for (const { job, outcome } of told) {
      switch (outcome.kind) {
        case 'accepted': case 'applied':
          job.verifyUntil = now + verifyWithinMs;
          pending.resume(job, 'verify', now + verifyAfterMs, now);
          break;
        case 'refused':
          this.#writes.refuse(job, outcome.class, outcome.code, outcome.message);
          break;
        default:
          this.#oneByOne(job, now);
      }
    }
    this.#held.letGo(feed, now);
    if (failure) this.#tellPeople(feed.id!, failure.code, `feed ${feed.id} of ${feed.entries.length} listings at ${account} was given up by the channel: ${failure.message}; some, none or all of it may be applied`);
    await kept;
  }

  /** Stuck: people are told, and its listings go the other way. It may still be carried out, so that it is followed on. */
  async #overdue(feed: Feed, now: number): Promise<void> {
    const { ports: { account, log }, pending } = this.#desk;
    const kept = this.#held.keep({ ...feed, overdue: true });
    log.error({ account, feed: feed.id, listings: feed.entries.length }, 'feed is overdue: its listings are written one by one');
    this.#tellPeople(feed.id!, 'overdue', `feed ${feed.id} of ${feed.entries.length} listings at ${account} has not ended ${Math.round((now - feed.begunAt) / 1_000)} s after it was handed in; its listings are written one by one`);
    for (const [sku, , version] of feed.entries) {
      const job = pending.get(sku);
      if (job?.version === version) this.#oneByOne(job, now);
    }
    this.#held.letGo(feed, now);
    await kept;
  }

  /** By the call for one listing, as another try of the same job. */
  #oneByOne(job: Job, now: number): void {
    job.single = true;
    job.attempts += 1;
    delete job.verifyUntil;
    this.#desk.pending.resume(job, 'write', 0, now);
  }

  /** The channel has it, or may have it. */
  #told(job: Job, outcome: 'accepted' | 'ambiguous', until: number): void {
    const pair = this.#desk.pairs.get(job.sku);
    if (pair && pair.intended?.version === job.version) noteWrite(pair, job.quantity, Date.now(), until);
    this.#writes.answer(job, outcome, job.quantity, outcome === 'accepted' ? { until } : {});
  }

  #failed(limit: string, error: Error): void {
    const { ports: { account, log }, budget, counts, health } = this.#desk;
    const now = Date.now();
    this.#notBefore = now + pauseMs;
    if (error instanceof ThrottledError) {
      counts.throttled += 1;
      return budget.throttle(limit, error.retryAfterMs, now);
    }
    if (error instanceof AuthError) return health.tell({ type: 'auth.failed', reason: error.message, at: now });
    log.warn({ err: error, account, feed: this.#held.feed?.id }, 'feed could not be looked at, trying again');
    if (error instanceof RetryableError || error instanceof AmbiguousError) health.tell({ type: 'call.failed', reason: error.message });
  }

  /** In parts that fit into one message each. */
  #journal({ jobs, outcomes, exchanges, ...rest }: Attempt): void {
    for (let n = 0; n < jobs.length; n += journaledAtOnce) {
      this.#desk.journal.attempt({ ...rest, jobs: jobs.slice(n, n + journaledAtOnce), outcomes: outcomes.slice(n, n + journaledAtOnce), exchanges: n === 0 ? exchanges : [] });
    }
  }

  #tellPeople(feed: string, code: string, message: string): void {
    this.#desk.journal.dead({ class: 'feed', sku: feed, code, message, heals: 'the end of the feed at the channel; its listings are written one by one meanwhile, and read once it has ended' });
  }

  #call<T>(limit: string, exchanges: Exchange[], work: (call: Call) => Promise<T>): Promise<T> {
    return this.#desk.call(limit, exchanges, work, callMs);
  }
}
