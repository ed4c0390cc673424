/**
 * The owner of one channel account: pays the channel's rate, sends what its SKUs intend, reads what the channel
 * shows, polls its orders, and hands each result to the SKU journals. The reconciler of the account lives with it, so
 * a reading is judged where it was made (docs/decisions/0004).
 */
import type { JetStreamClient } from '@nats-io/jetstream';
import type { NatsConnection, Subscription } from 'nats';
import type { Logger } from 'pino';
import type { AnyMachineSnapshot } from 'xstate';
import type { Call, ChannelAdapter, Exchange, Listing, Operation, Reading, WriteOutcome } from '../actors/channel/adapter.ts';
import { createChannelMachine } from '../actors/channel/machine.ts';
import { Pending } from '../actors/channel/pending.ts';
import type { Job, Phase } from '../actors/channel/pending.ts';
import { noCounts } from '../actors/channel/protocol.ts';
import type { AccountRecord, ChannelEvent } from '../actors/channel/protocol.ts';
import { newBucket, refill, spend, throttled, told, waitMs } from '../actors/channel/rate.ts';
import type { Limit } from '../actors/channel/rate.ts';
import { backoffMs } from '../actors/channel/retry.ts';
import type { Effect } from '../actors/effect.ts';
import { AmbiguousError, AuthError, RetryableError, TerminalError, ThrottledError } from '../actors/errors.ts';
import { judge } from '../actors/reconciler/drift.ts';
import type { Evidence } from '../actors/reconciler/drift.ts';
import { plan } from '../actors/reconciler/plan.ts';
import { ages, isProven, newPair, noteReading, noteRecord } from '../actors/reconciler/proof.ts';
import type { Pair } from '../actors/reconciler/proof.ts';
import type { Outlet, Rule, SkuFact } from '../actors/sku/protocol.ts';
import { encodeJournal, journalHeaders } from './codec.ts';
import { Findings } from './findings.ts';
import { Latencies } from './latencies.ts';
import { importListings } from './import.ts';
import { OrderIntake } from './orders.ts';
import { perform } from './perform.ts';
import type { Membership } from './membership.ts';
import type { Owned } from './placement.ts';
import { PublishError } from './publisher.ts';
import type { Publisher } from './publisher.ts';
import type { Records } from './records.ts';
import { stepper } from './step.ts';
import { attemptSubject, channelRecord, skuSubject } from './subjects.ts';
import type { Tap } from './tap.ts';
import { Timers } from './timers.ts';

export interface AccountTimes {
  /** A proof older than this is read again, ms. */
  maxProofAgeMs: number;
  /** Two reads that should confirm a difference are this far apart, ms. */
  apartMs: number;
  /** Orders are polled no more often than this, ms. */
  pollMinMs: number;
  /** Overall deadline of one call, ms. */
  callMs: number;
  failuresMax: number;
  restMs: number;
  probeMs: number;
}

export interface AccountPorts {
  account: string;
  node: string;
  adapter: ChannelAdapter;
  limits: Record<string, Limit>;
  /** The rule given to listings when they are imported. */
  rule: Rule;
  times: AccountTimes;
  nc: NatsConnection;
  js: JetStreamClient;
  publisher: Publisher;
  records: Records;
  tap: Tap;
  membership: Membership;
  log: Logger;
  /** Told when the account cannot go on here: it must be given up. */
  onLost(reason: string): void;
}

/** Calls of one kind under way at once. */
const maxConcurrent = 8;
/** The part of a read bucket that sweeps leave for verification. */
const sweepKeeps = 0.5;

export class AccountOwner implements Owned {
  readonly #p: AccountPorts;
  readonly #pending: Pending;
  readonly #pairs = new Map<string, Pair>();
  readonly #skuOfListing = new Map<string, string>();
  readonly #machine;
  readonly #timers: Timers<ChannelEvent>;
  readonly #findings: Findings;
  readonly #orders: OrderIntake;
  readonly #verified = new Latencies();
  readonly #tapped: { account: string; onRecord: (sku: string, outlet: Outlet | undefined, applied: number) => void; onCaughtUp: () => void };
  #health!: AnyMachineSnapshot;
  #record!: AccountRecord;
  #revision = 0;
  #dirty = false;
  /** The last write of the record got no answer. */
  #unsure = false;
  #caughtUp = false;
  #stopping = false;
  #writing = 0;
  #reading = 0;
  #wake: NodeJS.Timeout | undefined;
  #wakeAt = Infinity;
  #persist: NodeJS.Timeout | undefined;
  #inspect: Subscription | undefined;
  #control: Subscription | undefined;
  readonly #calls = new Set<Promise<unknown>>();
  #sweepAt = 0;
  /** Entries in one write: an all-or-nothing channel that refuses many for one gets fewer, then slowly more again. */
  #writeBatch = 32;

  constructor(ports: AccountPorts) {
    this.#p = ports;
    const { account, times } = ports;
    this.#pending = new Pending(ports.adapter.needsReading);
    this.#machine = stepper<AccountRecord['health']>(createChannelMachine(account, times));
    this.#timers = new Timers(event => this.#tell(event));
    this.#findings = new Findings(ports);
    this.#orders = new OrderIntake({ ...ports, skuOf: name => this.#skuOf(name), publish: (sku, id, fact) => this.#publish(sku, id, fact) });
    this.#tapped = {
      account,
      onRecord: (sku, outlet, applied) => this.#onRecord(sku, outlet, applied),
      onCaughtUp: () => { this.#caughtUp = true; this.#soon(0); },
    };
  }

  async start(): Promise<void> {
    const { account, adapter, limits, records } = this.#p;
    const now = Date.now();
    const stored = await records.get<AccountRecord>(channelRecord.state(account));
    const buckets = Object.fromEntries(Object.entries(limits).map(([name, limit]) => [name, stored?.value.buckets[name] ?? newBucket(limit, now)]));
    this.#health = stored
      ? this.#machine.restore({ value: stored.value.state, context: stored.value.health })
      : this.#machine.initial({ failures: 0 });
    // A timer of the former owner is not known: a waiting state looks again at once.
    if (this.#health.value === 'resting' || this.#health.value === 'unauthorised') this.#tell({ type: 'rest.over' });
    this.#revision = stored?.revision ?? 0;
    this.#record = {
      v: 1,
      account,
      channel: adapter.channel,
      state: this.#health.value,
      health: this.#health.context as AccountRecord['health'],
      buckets,
      ...(stored?.value.ordersCursor !== undefined && { ordersCursor: stored.value.ordersCursor }),
      ordersCompleteThrough: stored?.value.ordersCompleteThrough ?? 0,
      counts: { ...noCounts, ...stored?.value.counts },
      at: now,
    };
    await this.#findings.load();
    this.#p.tap.subscribe(this.#tapped);
    this.#persist = setInterval(() => { void this.#save(); }, 1_000);
    this.#inspect = this.#p.nc.subscribe(`inspect.channel.${account}`, { callback: (error, message) => {
      if (!error) message.respond(JSON.stringify(this.figures()));
    } });
    this.#control = this.#p.nc.subscribe(`control.channel.${account}`, { callback: (error, message) => {
      if (!error) void this.#command(message.string()).then(answer => message.respond(JSON.stringify(answer)));
    } });
    this.#track(this.#pollOrders());
  }

  /** What a person or the go-live path asks: `import`, `freeze`, `resume`. Answers `{ ok, … }` or `{ ok: false, error }`. */
  async #command(command: string): Promise<object> {
    const { account, adapter, publisher, rule, log } = this.#p;
    log.info({ account, command }, 'command');
    try {
      switch (command) {
        case 'import':
          return { ok: true, linked: await importListings({
            account, adapter, publisher, rule,
            publish: (sku, id, fact) => this.#publish(sku, id, fact),
            pay: () => this.#payWhenFree(adapter.operations.listings),
            call: () => this.#call(adapter.operations.listings.limit, []),
          }) };
        case 'freeze':
          this.#tell({ type: 'freeze', reason: 'asked for' });
          return { ok: true, state: this.#health.value };
        case 'resume':
          this.#tell({ type: 'resume' });
          return { ok: true, state: this.#health.value };
        default:
          return { ok: false, error: `unknown command ${JSON.stringify(command)}: import, freeze or resume` };
      }
    } catch (error) {
      log.warn({ err: error, account, command }, 'command failed');
      return { ok: false, error: (error as Error).message };
    }
  }

  async #payWhenFree(operation: Operation): Promise<void> {
    while (!this.#pay(operation, Date.now())) {
      await new Promise(resolve => setTimeout(resolve, Math.max(5, waitMs(this.#record.buckets[operation.limit]!, operation.cost, Date.now()))));
    }
  }

  async release(): Promise<void> {
    this.#stopping = true;
    this.#p.tap.unsubscribe(this.#tapped);
    this.#inspect?.unsubscribe();
    this.#control?.unsubscribe();
    clearTimeout(this.#wake);
    clearInterval(this.#persist);
    this.#timers.close();
    this.#orders.stop();
    // Calls under way end by their own deadline; hand-over does not wait longer for them than a second.
    await Promise.race([Promise.allSettled(this.#calls), new Promise(resolve => setTimeout(resolve, 1_000))]);
    await this.#save();
  }

  /** What engineers and the demo's screen see: `nats req inspect.channel.<account> ''`. */
  figures(): Record<string, unknown> {
    const now = Date.now();
    const { account, adapter, node } = this.#p;
    const { lanes, blocked, oldestMs } = this.#pending.figures(now);
    let proven = 0;
    for (const pair of this.#pairs.values()) if (isProven(pair)) proven += 1;
    return {
      account,
      channel: adapter.channel,
      node,
      state: this.#health.value,
      listings: this.#pairs.size,
      proven,
      pending: this.#pending.size - blocked,
      blocked,
      lanes,
      drifted: this.#findings.open,
      ...this.#record.counts,
      verifiedMs: this.#verified.summary(),
      proofAgeMs: ages(this.#pairs.values(), now),
      oldestPendingMs: oldestMs,
      breaker: this.#health.hasTag('write') ? 'closed' : 'open',
      tokenExpiresAt: adapter.tokenExpiresAt(),
      ordersCompleteThrough: this.#record.ordersCompleteThrough,
      budgets: Object.fromEntries(Object.entries(this.#record.buckets).map(([name, bucket]) => {
        const { level, burst, perSecond, waitUntil } = refill(bucket, now);
        return [name, { level: Math.round(level * 10) / 10, burst, perSecond, waitMs: Math.max(0, waitUntil - now) }];
      })),
    };
  }

  /** Jobs that nothing has proven yet. */
  get pending(): number {
    return this.#pending.size;
  }

  #skuOf(name: string): string | undefined {
    return this.#pairs.has(name) ? name : this.#skuOfListing.get(name);
  }

  #onRecord(sku: string, outlet: Outlet | undefined, applied: number): void {
    const now = Date.now();
    if (!outlet) {
      this.#pairs.delete(sku);
      this.#pending.update(sku, undefined, false, now);
      return;
    }
    let pair = this.#pairs.get(sku);
    if (!pair) {
      pair = newPair(sku, outlet);
      this.#pairs.set(sku, pair);
      this.#skuOfListing.set(outlet.listing.id, sku);
    }
    noteRecord(pair, outlet);
    const proved = this.#pending.update(sku, outlet, pair.reading !== undefined, now);
    if (proved && outlet.proof) this.#verified.add(outlet.proof.at - proved.causeAt);
    this.#findings.onRecord(pair, outlet, applied);
    this.#soon(0);
  }

  /** Runs the pump after so long, or earlier if that was asked already. */
  #soon(delayMs: number): void {
    if (this.#stopping) return;
    const at = performance.now() + delayMs;
    if (at >= this.#wakeAt) return;
    clearTimeout(this.#wake);
    this.#wakeAt = at;
    this.#wake = setTimeout(() => {
      this.#wakeAt = Infinity;
      this.#pump();
    }, delayMs);
  }

  /** Sends whatever may be sent now and asks to be woken for the rest. */
  #pump(): void {
    if (this.#stopping || !this.#caughtUp) return;
    if (!this.#p.membership.leased) return this.#soon(100);
    const now = Date.now();
    this.#pumpWrites(now);
    this.#pumpReads(now);
    this.#pumpSweep(now);
    const next = this.#pending.nextAt;
    this.#soon(Math.max(1, Math.min(1_000, next === undefined ? 1_000 : next - now)));
  }

  #limit(): number {
    return this.#health.hasTag('one') ? 1 : maxConcurrent;
  }

  #pumpWrites(now: number): void {
    const operation = this.#p.adapter.operations.write;
    while (this.#writing < this.#limit() && this.#health.hasTag('write') && this.#pending.hasWrites(now)) {
      if (!this.#pay(operation, now)) return;
      const jobs = this.#pending.takeWrites(Math.min(operation.batch, this.#writeBatch), now);
      this.#writing += 1;
      this.#track(this.#write(jobs).finally(() => { this.#writing -= 1; this.#soon(0); }));
    }
  }

  #pumpReads(now: number): void {
    while (this.#reading < this.#limit() && this.#health.hasTag('read') && this.#pending.hasReads(now)) {
      const jobs = this.#pending.takeReads(this.#p.adapter.operations.read.batch, now, (first, job) =>
        this.#readOperation(first.listing).limit === this.#readOperation(job.listing).limit);
      const operation = this.#readOperation(jobs[0]!.listing);
      const fit = jobs.slice(0, operation.batch);
      for (const job of jobs.slice(operation.batch)) this.#pending.settle(job, job.phase, 0, now);
      if (!this.#pay(operation, now)) {
        for (const job of fit) this.#pending.settle(job, job.phase, 0, now);
        return;
      }
      this.#beginRead(fit.map(job => ({ sku: job.sku, job })));
    }
  }

  /** Reads what is due by risk with what verification leaves of the budget. */
  #pumpSweep(now: number): void {
    if (now < this.#sweepAt || !this.#health.hasTag('read') || this.#reading >= 2) return;
    const { maxProofAgeMs, apartMs } = this.#p.times;
    const { batch } = this.#p.adapter.operations.read;
    const due = plan(this.#pairs.values(), batch * 4, now, { maxAgeMs: maxProofAgeMs, apartMs });
    this.#sweepAt = now + 250;
    while (due.length > 0 && this.#reading < 4) {
      const operation = this.#readOperation(due[0]!.listing);
      const group: Pair[] = [];
      for (let i = 0; i < due.length && group.length < operation.batch;) {
        if (this.#readOperation(due[i]!.listing).limit === operation.limit) group.push(...due.splice(i, 1));
        else i += 1;
      }
      const bucket = this.#record.buckets[operation.limit]!;
      if (waitMs(bucket, operation.cost, now, bucket.burst * sweepKeeps) > 0 || !this.#pay(operation, now)) return;
      this.#beginRead(group.map(pair => ({ sku: pair.sku, job: undefined })));
      // A full plan means more is due: go on without the pause.
      this.#sweepAt = now;
    }
  }

  #beginRead(wanted: { sku: string; job: Job | undefined }[]): void {
    this.#reading += 1;
    this.#track(this.#read(wanted).finally(() => { this.#reading -= 1; this.#soon(0); }));
  }

  #readOperation(listing: Listing): Operation {
    return this.#p.adapter.readOperation?.(listing) ?? this.#p.adapter.operations.read;
  }

  /** Spends what one call costs, or asks to be woken when it can. */
  #pay(operation: Operation, now: number): boolean {
    const bucket = this.#record.buckets[operation.limit];
    if (!bucket) throw new Error(`no limit named ${operation.limit} for ${this.#p.account}: add it to config/limits/${this.#p.adapter.channel}.yaml`);
    const wait = waitMs(bucket, operation.cost, now);
    if (wait > 0) {
      this.#soon(wait);
      return false;
    }
    this.#record.buckets[operation.limit] = spend(bucket, operation.cost, now);
    this.#dirty = true;
    this.#record.counts.calls += 1;
    return true;
  }

  async #write(jobs: readonly Job[]): Promise<void> {
    const { adapter } = this.#p;
    const entries = jobs.map(job => {
      const pair = this.#pairs.get(job.sku);
      const last = pair?.reading;
      return {
        listing: pair?.listing ?? job.listing,
        quantity: job.quantity,
        signature: keyOf(job),
        ...(last && { last: { quantity: last.quantity, ...(last.version !== undefined && { version: last.version }) } }),
      };
    });
    const exchanges: Exchange[] = [];
    const sentAt = Date.now();
    for (const job of jobs) job.sentAt = sentAt;
    this.#record.counts.writes += jobs.length;
    let outcomes: WriteOutcome[];
    try {
      outcomes = await adapter.write(entries, this.#call(adapter.operations.write.limit, exchanges));
      if (outcomes.length !== jobs.length) throw new AmbiguousError(`write of ${jobs.length} entries was answered with ${outcomes.length} outcomes`);
      this.#tell({ type: 'call.succeeded' });
    } catch (error) {
      this.#journalAttempt('write', jobs, exchanges, jobs.map(() => ({ kind: (error as Error).name, message: (error as Error).message })), sentAt);
      this.#writeFailed(jobs, error);
      return;
    }
    this.#journalAttempt('write', jobs, exchanges, outcomes, sentAt);
    const spoilt = isSpoilt(outcomes);
    this.#writeBatch = spoilt ? Math.max(1, jobs.length >> 2) : Math.min(adapter.operations.write.batch, this.#writeBatch + Math.max(1, this.#writeBatch >> 2));
    jobs.forEach((job, i) => this.#written(job, outcomes[i]!, spoilt));
  }

  #written(job: Job, outcome: WriteOutcome, spoilt: boolean): void {
    const now = Date.now();
    const pair = this.#pairs.get(job.sku);
    const { counts } = this.#record;
    switch (outcome.kind) {
      case 'applied':
        if (pair) {
          pair.writtenAt = job.sentAt ?? now;
          pair.reading = { quantity: outcome.quantity, buyable: outcome.quantity, at: now, ...(outcome.version !== undefined && { version: outcome.version }) };
        }
        if (outcome.quantity === job.quantity) {
          this.#answer(job, 'applied', outcome.quantity);
          return this.#pending.rest(job, now);
        }
        return this.#pending.settle(job, 'verify', now, now);
      case 'accepted':
        if (pair) {
          pair.writtenAt = now;
          // Without a version of its own the next conditional write must read first.
          delete pair.reading;
        }
        job.verifyUntil = now + outcome.verifyWithinMs;
        this.#answer(job, 'accepted', job.quantity);
        return this.#pending.settle(job, 'verify', now + outcome.verifyAfterMs, now);
      case 'conflict':
        counts.conflicts += 1;
        if (pair) delete pair.reading;
        job.rereads += 1;
        return this.#pending.settle(job, 'read', job.rereads > 2 ? now + backoffMs(job.rereads, Math.random()) : 0, now);
      case 'retry':
        counts.retries += 1;
        // Nothing was wrong with it but its company.
        if (spoilt) return this.#pending.settle(job, 'write', 0, now);
        job.attempts += 1;
        return this.#pending.settle(job, 'write', now + backoffMs(job.attempts, Math.random()), now);
      case 'refused':
        counts.refused += 1;
        this.#refuse(job, outcome.class, outcome.code, outcome.message);
    }
  }

  #writeFailed(jobs: readonly Job[], error: unknown): void {
    const now = Date.now();
    const { counts } = this.#record;
    const again = (job: Job, phase: Phase, delayMs: number): void => this.#pending.settle(job, phase, delayMs > 0 ? now + delayMs : 0, now);
    if (error instanceof ThrottledError) {
      this.#throttle(this.#p.adapter.operations.write.limit, error.retryAfterMs, now);
      for (const job of jobs) again(job, 'write', 0);
    } else if (error instanceof AuthError) {
      this.#tell({ type: 'auth.failed', reason: error.message, at: now });
      for (const job of jobs) again(job, 'write', 0);
    } else if (error instanceof TerminalError && jobs.length > 1) {
      // One of them spoils the batch: each is told its own fate.
      for (const job of jobs) { job.solo = true; again(job, 'write', 0); }
    } else if (error instanceof TerminalError) {
      this.#refuse(jobs[0]!, 'validation', error.code ?? 'terminal', error.message);
    } else {
      const ambiguous = !(error instanceof RetryableError);
      if (ambiguous) counts.ambiguous += jobs.length;
      else counts.retries += jobs.length;
      if (!(error instanceof AmbiguousError) && ambiguous) this.#p.log.error({ err: error, account: this.#p.account }, 'write failed in a way no adapter names');
      this.#tell({ type: 'call.failed', reason: (error as Error).message });
      for (const job of jobs) {
        job.attempts += 1;
        const pair = this.#pairs.get(job.sku);
        if (ambiguous) {
          // Possibly applied: what was read before says nothing any more.
          if (pair) { pair.writtenAt = now; delete pair.reading; }
          job.rereads += 1;
          this.#answer(job, 'ambiguous', job.quantity);
        }
        again(job, ambiguous && this.#p.adapter.needsReading ? 'read' : 'write', backoffMs(job.attempts, Math.random()));
      }
    }
  }

  async #read(wanted: readonly { sku: string; job: Job | undefined }[]): Promise<void> {
    const { adapter } = this.#p;
    const listings = wanted.map(({ sku, job }) => this.#pairs.get(sku)?.listing ?? job!.listing);
    const exchanges: Exchange[] = [];
    const beganAt = Date.now();
    try {
      const outcomes = await adapter.read(listings, this.#call(this.#readOperation(listings[0]!).limit, exchanges));
      this.#record.counts.reads += outcomes.length;
      this.#tell({ type: 'call.succeeded' });
      const endedAt = Date.now();
      outcomes.forEach((outcome, i) => {
        const { sku, job } = wanted[i]!;
        if (outcome.kind === 'read') return this.#readBack(sku, job, outcome.reading, beganAt, endedAt);
        const now = Date.now();
        if (outcome.kind === 'failed') return void (job && this.#pending.settle(job, job.phase, now + backoffMs(++job.attempts, Math.random()), now));
        if (job) return this.#refuse(job, 'listing', outcome.code, outcome.message);
        const pair = this.#pairs.get(sku);
        if (pair) pair.readAt = now;
        void this.#deadLetter('listing', sku, outcome.code, outcome.message);
      });
      // A sweep that found nothing is told by its figures; a verification is part of a job's story.
      if (wanted.some(w => w.job)) this.#journalAttempt('read', wanted.flatMap(w => w.job ?? []), exchanges, outcomes.filter((_, i) => wanted[i]!.job).map(o =>
        o.kind === 'read' ? { kind: 'read', quantity: o.reading.quantity, buyable: o.reading.buyable } : { kind: o.kind, code: o.code }), beganAt);
    } catch (error) {
      const now = Date.now();
      const jobs = wanted.flatMap(w => w.job ?? []);
      if (error instanceof ThrottledError) this.#throttle(this.#readOperation(listings[0]!).limit, error.retryAfterMs, now);
      else if (error instanceof AuthError) this.#tell({ type: 'auth.failed', reason: error.message, at: now });
      else this.#tell({ type: 'call.failed', reason: (error as Error).message });
      for (const job of jobs) {
        const costsAttempt = !(error instanceof ThrottledError || error instanceof AuthError);
        if (costsAttempt) job.attempts += 1;
        this.#pending.settle(job, job.phase, costsAttempt ? now + backoffMs(job.attempts, Math.random()) : 0, now);
      }
      for (const { sku, job } of wanted) if (!job) { const pair = this.#pairs.get(sku); if (pair) pair.readAt = now; }
      if (!(error instanceof ThrottledError || error instanceof AuthError || error instanceof RetryableError)) this.#p.log.error({ err: error, account: this.#p.account }, 'read failed');
    }
  }

  /** Judges a reading and tells the SKU what follows from it. */
  #readBack(sku: string, job: Job | undefined, reading: Reading, beganAt: number, endedAt: number): void {
    const pair = this.#pairs.get(sku);
    const now = Date.now();
    if (!pair) return void (job && this.#pending.rest(job, now));
    noteReading(pair, reading, endedAt);
    if (job?.phase === 'read' && reading.quantity !== job.quantity) return this.#pending.settle(job, 'write', 0, now);
    const judgement = judge(pair, reading, this.#evidence(sku, job, beganAt, endedAt), this.#p.times);
    const { intended } = pair;
    if (judgement.kind === 'equal') {
      pair.provenAt = beganAt;
      this.#findings.onEqual(pair, reading.quantity, endedAt);
      if (!isProven(pair) && intended) {
        void this.#publish(sku, `ob:${this.#p.account}:${sku}:${intended.version}:eq`, { type: 'observed', account: this.#p.account, version: intended.version, quantity: reading.quantity, verdict: 'equal' });
      }
      return void (job && this.#pending.rest(job, now));
    }
    if (judgement.kind === 'wait') {
      return void (job && this.#pending.settle(job, job.phase, judgement.again ? now + Math.max(100, this.#p.times.apartMs / 2) : 0, now));
    }
    if (job) this.#pending.settle(job, job.phase, now + this.#p.times.apartMs, now);
    if (judgement.kind === 'rewrite') return void this.#askRepair(pair, reading.quantity, undefined);
    this.#track(this.#findings.found(pair, reading, judgement, finding => this.#askRepair(pair, reading.quantity, finding)));
  }

  #askRepair(pair: Pair, observed: number, finding: string | undefined): Promise<void> {
    const { account } = this.#p;
    const version = pair.intended!.version;
    return this.#publish(pair.sku, `ob:${account}:${pair.sku}:${version}:${finding ?? 'rewrite'}`, {
      type: 'observed', account, version, quantity: observed, verdict: 'drift', ...(finding !== undefined && { finding }),
    });
  }

  #evidence(sku: string, job: Job | undefined, beganAt: number, endedAt: number): Evidence {
    const current = this.#pending.get(sku);
    const { ordersCompleteThrough } = this.#record;
    const write: Evidence['write'] =
      current === undefined || current.phase === 'read' ? { state: 'none' }
      : current !== job && current.phase === 'write' ? { state: current.inFlight ? 'sent' : 'unsent' }
      : current.verifyUntil !== undefined ? { state: 'accepted', until: current.verifyUntil }
      : { state: 'none' };
    return { beganAt, endedAt, ordersCompleteThrough, write };
  }

  #answer(job: Job, outcome: 'applied' | 'accepted' | 'ambiguous' | 'refused', quantity: number, code?: string, message?: string): void {
    void this.#publish(job.sku, `wa:${keyOf(job)}:${outcome}:${job.attempts}`, {
      type: 'write.answered',
      account: this.#p.account,
      signature: job.signature,
      outcome,
      quantity,
      ...(outcome === 'accepted' && job.verifyUntil !== undefined && { until: job.verifyUntil }),
      ...(code !== undefined && { code }),
      ...(message !== undefined && { message: message.slice(0, 300) }),
    }, job.correlation);
  }

  #refuse(job: Job, kind: 'listing' | 'validation', code: string, message: string): void {
    this.#pending.block(job, code, Date.now());
    this.#answer(job, 'refused', job.quantity, code, message);
    void this.#deadLetter(kind, job.sku, code, message, job.signature);
  }

  #deadLetter(kind: string, sku: string, code: string, message: string, signature?: string): Promise<void> {
    const { account, publisher } = this.#p;
    const heals = kind === 'listing' ? `the listing of ${sku} at ${account}: link it again or remove it` : 'a change of what is intended, or of the listing';
    const body = { class: kind, account, sku, code, message, heals, at: Date.now(), ...(signature !== undefined && { signature }) };
    return perform(publisher, [{ to: ['dead', kind, account, sku], id: `dead:${kind}:${account}:${sku}:${code}:${signature ?? ''}`, body }])
      .catch((error: unknown) => this.#p.log.error({ err: error, body }, 'dead letter could not be journaled'));
  }

  #throttle(limit: string, retryAfterMs: number | undefined, now: number): void {
    this.#record.counts.throttled += 1;
    this.#record.buckets[limit] = throttled(this.#record.buckets[limit]!, retryAfterMs, now);
    this.#dirty = true;
  }

  #call(limit: string, exchanges: Exchange[]): Call {
    return {
      signal: AbortSignal.timeout(this.#p.times.callMs),
      onExchange: exchange => exchanges.push(exchange),
      onMeter: meter => {
        const name = this.#record.buckets[meter.limit] ? meter.limit : limit;
        this.#record.buckets[name] = told(this.#record.buckets[name]!, meter, Date.now());
      },
    };
  }

  /** Every call that carried jobs, with their signatures and what became of each; secrets were removed by the adapter. */
  #journalAttempt(op: 'write' | 'read', jobs: readonly Job[], exchanges: readonly Exchange[], outcomes: readonly object[], at: number): void {
    const { account, publisher, node } = this.#p;
    const call = `${node}:${at}:${jobs[0]?.signature ?? ''}`;
    jobs.forEach((job, i) => {
      const body = {
        op, account, sku: job.sku, signature: job.signature, key: keyOf(job), quantity: job.quantity, version: job.version, attempt: job.attempts, at,
        outcome: outcomes[i], call,
        // The exchange stands once, with the first entry of its call.
        ...(i === 0 && { exchanges }),
      };
      const id = `at:${call}:${i}`;
      publisher.publish(attemptSubject(account, job.sku), encodeJournal(body), journalHeaders({ id, cause: job.signature, correlation: job.correlation }))
        .catch((error: unknown) => this.#p.log.warn({ err: error, id }, 'attempt could not be journaled'));
    });
  }

  /** Tells a SKU a fact through its journal; tried until the journal has it or the account is given up. */
  async #publish(sku: string, id: string, fact: SkuFact, correlation?: string): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#p.publisher.publish(skuSubject(sku), encodeJournal(fact), journalHeaders({ id, ...(correlation !== undefined && { correlation }) }));
        return;
      } catch (error) {
        if (this.#stopping) return;
        this.#p.log.warn({ err: error, sku, id }, 'fact could not be journaled, trying again');
        await new Promise(resolve => setTimeout(resolve, Math.min(2_000, 100 * 2 ** attempt)));
      }
    }
  }

  async #pollOrders(): Promise<void> {
    const { adapter, times } = this.#p;
    const operation = adapter.operations.orders;
    while (!this.#stopping) {
      const now = Date.now();
      const rate = this.#record.buckets[operation.limit]?.perSecond ?? 1;
      let pause = Math.max(times.pollMinMs, 1_100 / rate);
      if (this.#caughtUp && this.#p.membership.leased && this.#health.hasTag('read') && this.#pay(operation, now)) {
        try {
          const page = await this.#orders.poll(this.#record.ordersCursor, this.#call(operation.limit, []));
          this.#record.ordersCursor = page.cursor;
          this.#record.ordersCompleteThrough = Math.max(this.#record.ordersCompleteThrough, page.completeThrough);
          this.#record.counts.orderLines += page.facts;
          this.#dirty = true;
          this.#tell({ type: 'call.succeeded' });
          if (page.more) pause = 0;
        } catch (error) {
          if (error instanceof ThrottledError) this.#throttle(operation.limit, error.retryAfterMs, Date.now());
          else if (error instanceof AuthError) this.#tell({ type: 'auth.failed', reason: error.message, at: Date.now() });
          else {
            this.#tell({ type: 'call.failed', reason: (error as Error).message });
            if (!(error instanceof RetryableError)) this.#p.log.error({ err: error, account: this.#p.account }, 'order poll failed');
          }
        }
      } else pause = Math.min(pause, 250);
      if (pause > 0) await new Promise(resolve => setTimeout(resolve, pause));
    }
  }

  /** Steps the account's health and performs what it asks for. */
  #tell(event: ChannelEvent): void {
    const effects: Effect[] = [];
    const before = this.#health.value;
    this.#health = this.#machine.step(this.#health, event, effects);
    if (this.#record) {
      this.#record.state = this.#health.value;
      this.#record.health = this.#health.context as AccountRecord['health'];
    }
    if (before !== this.#health.value) {
      this.#dirty = true;
      this.#p.log.warn({ account: this.#p.account, from: before, to: this.#health.value, reason: this.#record?.health.reason }, 'channel account changed state');
    }
    for (const effect of effects) {
      if (effect.kind === 'schedule') this.#timers.add(Date.now() + effect.delayMs, effect.event as ChannelEvent);
      else if (effect.kind === 'publish') void perform(this.#p.publisher, [effect]).catch((error: unknown) => this.#p.log.error({ err: error }, 'dead letter could not be journaled'));
    }
    if (before !== this.#health.value) this.#soon(0);
  }

  async #save(): Promise<void> {
    if (!this.#dirty) return;
    this.#dirty = false;
    try {
      this.#revision = await this.#p.records.put(channelRecord.state(this.#p.account), { ...this.#record, at: Date.now() }, this.#revision);
    } catch (error) {
      if (error instanceof PublishError && error.isConflict && !this.#unsure) return this.#p.onLost('another owner wrote the account record');
      // No answer: it may have been stored. The leader's record gives the revision to go on from.
      this.#dirty = true;
      this.#unsure = true;
      this.#p.log.warn({ err: error, account: this.#p.account }, 'account record could not be stored, trying again');
      const stored = await this.#p.records.get<AccountRecord>(channelRecord.state(this.#p.account)).catch(() => undefined);
      if (stored) this.#revision = stored.revision;
      return;
    }
    this.#unsure = false;
  }

  #track(work: Promise<unknown>): void {
    this.#calls.add(work);
    void work.catch((error: unknown) => this.#p.log.error({ err: error, account: this.#p.account }, 'account work failed')).finally(() => this.#calls.delete(work));
  }
}

/** One entry was refused, and the others with it. */
function isSpoilt(outcomes: readonly WriteOutcome[]): boolean {
  return outcomes.some(({ kind }) => kind === 'retry') && outcomes.some(({ kind }) => kind === 'conflict' || kind === 'refused');
}

/** A conditional write on a new reading is a new intended change and has a key of its own. */
function keyOf(job: Job): string {
  return job.rereads === 0 ? job.signature : `${job.signature}.${job.rereads}`;
}
