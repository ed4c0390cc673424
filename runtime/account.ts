/**
 * The owner of one channel account: pays the channel's rate, sends what its SKUs intend, reads what the channel
 * shows, polls its orders, and hands each result to the SKU journals. The reconciler of the account lives with it, so
 * a reading is judged where it was made (docs/decisions/0004). Its parts are in `account/`; here they are wired.
 */
import type { Subscription } from 'nats';
import type { Call, Exchange } from '../actors/channel/adapter.ts';
import { Pending } from '../actors/channel/pending.ts';
import { noCounts } from '../actors/channel/protocol.ts';
import { RevisionCount } from '../actors/channel/revisions.ts';
import type { AccountCounts, AccountRecord } from '../actors/channel/protocol.ts';
import { ChurnMap } from '../actors/churn-map.ts';
import { Pairs } from '../actors/reconciler/pairs.ts';
import { newPair, noteRecord } from '../actors/reconciler/proof.ts';
import { settlesWithin } from '../actors/reconciler/settled.ts';
import type { HeldCell } from '../actors/sku/exposure/record.ts';
import { anewCode, notLiveCode } from '../actors/sku/protocol.ts';
import type { OrderFact, Outlet } from '../actors/sku/protocol.ts';
import { Budget } from './account/budget.ts';
import { Bulk } from './account/bulk.ts';
import { Cells } from './account/cells.ts';
import { Conformance } from './account/conformance.ts';
import { figuresOf, obey, payWhenFree } from './account/control.ts';
import { Health } from './account/health.ts';
import { Holds } from './account/holds.ts';
import { AccountJournal } from './account/journal.ts';
import { OrderPolling } from './account/polling.ts';
import type { AccountPorts, Desk } from './account/ports.ts';
import { Missed } from './account/missed.ts';
import { Quotas } from './account/quotas.ts';
import { Reads } from './account/reads.ts';
import { gated } from './account/gate.ts';
import { Importing } from './account/importing.ts';
import { named, Names } from './account/names.ts';
import { Saving } from './account/saving.ts';
import type { Mark } from './account/saving.ts';
import { SecondMaster } from './account/second-master.ts';
import { Shadow } from './account/shadow.ts';
import { Stage } from './account/stage.ts';
import { Standing } from './account/standing.ts';
import { Walk } from './account/walk.ts';
import { Watchman } from './account/watchman.ts';
import { Writes } from './account/writes.ts';
import { Findings } from './findings.ts';
import { Latencies } from './latencies.ts';
import { OrderIntake } from './orders.ts';
import { OwnedRecord } from './owned-record.ts';
import type { Owned } from './placement.ts';
import { PublishError } from './publisher.ts';
import { channelRecord } from './subjects.ts';
import type { TapSubscriber } from './tap.ts';

const tidyEveryMs = 1_000;
/** Hand-over does not wait longer for calls under way, ms; they end by their own deadline. */
const releaseWithinMs = 1_000;
/** A proof that was told shows in the record within; then it is looked for by a read, ms. */
const proofWithinMs = 30_000;

/** What is due and could not go, ms: an answer, or the rate, wakes the pump for it earlier. */
const heldBackMs = 50;

export class AccountOwner implements Owned {
  readonly #p: AccountPorts;
  readonly #pairs: Pairs;
  readonly #pending: Pending;
  readonly #journal: AccountJournal;
  readonly #findings: Findings;
  readonly #record: OwnedRecord<AccountRecord>;
  readonly #verified = new Latencies();
  readonly #calls = new ChurnMap<Promise<unknown>, true>();
  readonly #tapped: TapSubscriber;
  readonly #subscriptions: Subscription[] = [];
  #desk!: Desk;
  readonly #stage: Stage;
  readonly #names: Names;
  #shadow!: Shadow;
  #importing!: Importing;
  #masters: SecondMaster | undefined;
  #holds!: Holds;
  #cells!: Cells;
  /** Where the account has a test listing. */
  #conformance: Conformance | undefined;
  #writes!: Writes;
  /** Where the channel has feeds and the account uses them. */
  #bulk: Bulk | undefined;
  #reads!: Reads;
  #walk!: Walk;
  #watchman!: Watchman;
  #quotas!: Quotas;
  #missed!: Missed;
  #intake!: OrderIntake;
  #orders!: OrderPolling;
  #counts: AccountCounts = { ...noCounts };
  #saving!: Saving;
  #caughtUp = false;
  readonly #standing: Standing;
  #stopping = false;
  #wake: NodeJS.Timeout | undefined;
  #wakeAt = Infinity;
  #tidier: NodeJS.Timeout | undefined;

  constructor(ports: AccountPorts) {
    this.#stage = new Stage({ ...ports, begin: ports.stage });
    this.#names = new Names(ports);
    this.#p = { ...ports, adapter: gated(named(ports.adapter, this.#names), ports.account, sku => this.#stage.isLive(sku)) };
    const { account, adapter, records, times, onLost } = this.#p;
    this.#pairs = new Pairs(settlesWithin(times));
    this.#pending = new Pending({ lacksReading: sku => (adapter.needsReading && this.#lacksReading(sku)) || this.#findings.isMissing(sku), applied: sku => this.#pairs.get(sku)?.applied ?? Infinity, heldUntil: job => this.#bulk?.heldUntil(job) ?? 0, isMuted: sku => !this.#stage.isLive(sku), proofWithinMs });
    this.#journal = new AccountJournal(ports);
    this.#findings = new Findings({ ...this.#p, pairOf: sku => this.#pairs.get(sku), onFound: alert => this.#masters?.told(alert) });
    this.#standing = new Standing(this.#p);
    this.#record = new OwnedRecord(records, channelRecord.state(account), onLost);
    this.#tapped = {
      account,
      onRecord: (sku, outlet, applied, cell) => this.#onRecord(sku, outlet, applied, cell),
      onCaughtUp: () => this.#onCaughtUp(),
    };
  }

  /** @throws {PublishError} when the former owner's record cannot be read */
  async start(): Promise<void> {
    const { account, limits, log, loss, membership, nc, tap } = this.#p;
    const [left] = await Promise.all([this.#record.load(), this.#findings.load(), this.#stage.load(), this.#names.load(), this.#standing.load()]);
    this.#counts = { ...noCounts, ...left?.counts };
    const cells = (): Cells => this.#cells;
    const shadow = (): Shadow => this.#shadow;
    const conformance = (): Conformance | undefined => this.#conformance;
    const desk: Desk = this.#desk = {
      ports: this.#p,
      pairs: this.#pairs,
      pending: this.#pending,
      journal: this.#journal,
      findings: this.#findings,
      counts: this.#counts,
      revisions: this.#p.adapter.revisions && new RevisionCount(this.#p.adapter.revisions, left?.revisions, Date.now()),
      budget: new Budget({ name: account, limits, left: left?.buckets, now: Date.now() }),
      health: new Health({ ...this.#p, publish: effect => this.#journal.stands(effect), onChange: () => this.#soon(0), onAuthorised: () => this.#journal.healed('auth', account, 'a call that was answered') }, left),
      ordersCompleteThrough: () => this.#orders.marks.completeThrough,
      ordersKnownThrough: () => this.#orders.marks.completeThrough - Math.round((this.#p.now?.() ?? Date.now()) - Date.now()),
      isOver: () => this.#stopping,
      holds: () => this.#holds,
      importing: () => this.#importing,
      names: this.#names,
      retell: () => this.#orders.again(),
      isRetelling: () => this.#orders.isAgain,
      stage: this.#stage,
      get shadow() { return shadow(); },
      recast: () => this.#recast(),
      look: () => this.#walk.ask(),
      walked: () => this.#walk.progress,
      get cells() { return cells(); },
      get conformance() { return conformance(); },
      proof: (now, fresh) => this.#watchman.proof(now, fresh),
      watched: () => [...this.#reads.sweep.watched],
      save: () => this.#saving.save(),
      wake: delayMs => this.#soon(delayMs),
      track: work => this.#track(work),
      nudge: hint => this.#nudge(hint),
      call: (limit, exchanges, work, withinMs) => this.#call(limit, exchanges, work, withinMs),
    };
    this.#saving = new Saving({ ...this.#p, record: this.#record, mark: () => this.#mark(), now: () => this.#now(), isLow: now => desk.budget.isLow(now) });
    this.#cells = new Cells(desk);
    const { probe } = this.#p;
    this.#conformance = probe && new Conformance(desk, probe, () => this.#cells.judgeAll());
    this.#shadow = new Shadow(desk);
    this.#importing = new Importing(desk, operation => payWhenFree(desk, operation));
    this.#masters = new SecondMaster(desk);
    this.#holds = new Holds(desk, this.#p.governor, left?.governor);
    this.#writes = new Writes(desk);
    this.#bulk = this.#p.adapter.feeds && new Bulk(desk, this.#p.adapter.feeds, this.#writes);
    await Promise.all([this.#shadow.load(), this.#importing.load(), this.#bulk?.load(), this.#conformance?.load()]);
    this.#reads = new Reads(desk, (...refused) => this.#writes.refuse(...refused));
    this.#quotas = new Quotas(desk);
    this.#missed = new Missed(desk);
    this.#walk = new Walk(desk, this.#reads.sweep, (...seen) => this.#reads.seen(...seen), left?.walkedAt);
    this.#watchman = new Watchman(desk, this.#reads.sweep);
    await this.#watchman.alarms.load();
    this.#intake = new OrderIntake({
      ...this.#p,
      skuOf: name => this.#skuOf(name),
      publish: (sku, id, fact, correlation) => {
        if (!this.#stage.isLive(sku)) this.#shadow.ordered(sku, fact as OrderFact);
        // The broker takes an id once: under its former SKU the line was told already.
        return this.#journal.fact(sku, this.#names.of(sku) ? `${id}:${sku}` : id, fact, correlation);
      },
    }, left?.unmapped);
    // What the broker lost may have been orders: those are read again that the adapter's window holds.
    const isWhole = left?.loss === loss;
    if (left && !isWhole) log.warn({ account, loss }, 'the broker has lost facts, orders are read again');
    const marks = isWhole ? { cursor: left?.ordersCursor, completeThrough: left?.ordersCompleteThrough ?? 0 } : { cursor: undefined, completeThrough: 0 };
    this.#orders = new OrderPolling(desk, this.#intake, marks, () => this.#caughtUp && membership.leased);
    tap.subscribe(this.#tapped);
    this.#tidier = setInterval(() => {
      const now = Date.now();
      this.#pairs.settle(now);
      this.#saving.look(now);
    }, tidyEveryMs);
    this.#subscriptions.push(
      nc.subscribe(`inspect.channel.${account}`, { callback: (error, message) => {
        if (!error) message.respond(JSON.stringify(this.figures()));
      } }),
      nc.subscribe(`control.channel.${account}`, { callback: (error, message) => {
        if (!error) this.#track(obey(this.#desk, message.string()).then(answer => message.respond(JSON.stringify(answer))));
      } }),
    );
    this.#watchman.start();
    this.#shadow.start();
    this.#masters.start();
    this.#track(this.#orders.run());
  }

  async release(): Promise<void> {
    this.#stopping = true;
    this.#p.tap.unsubscribe(this.#tapped);
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    clearTimeout(this.#wake);
    this.#standing.stop();
    clearInterval(this.#tidier);
    this.#orders.stop();
    await within(releaseWithinMs, Promise.allSettled(this.#calls.keys()));
    this.#desk.health.close();
    const watched = this.#watchman.stop();
    this.#masters?.close();
    const compared = this.#shadow.stop();
    this.#holds.close();
    this.#journal.stop();
    await within(releaseWithinMs, Promise.all([watched, compared, this.#journal.settled(), this.#findings.stop(), this.#saving.save()]));
  }

  /** Jobs that nothing has proven yet. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Pairs with which something goes on, or did until lately. */
  get busyPairs(): number {
    return this.#pairs.atHand;
  }

  /** Pairs that are read again every few seconds. */
  get watched(): number {
    return this.#reads.sweep.watchedCount;
  }

  /** What engineers and the demo's screen see: `nats req inspect.channel.<account> ''`. */
  figures(): Record<string, unknown> {
    const feed = this.#bulk?.figures;
    return { ...figuresOf(this.#desk), alarms: this.#watchman.alarms.open, ...(feed && { feed }), drift: this.#findings.figures, verifiedMs: this.#verified.summary() };
  }

  /** From the cause of each change to its proof. */
  get verified(): Latencies {
    return this.#verified;
  }

  #skuOf(name: string): string | undefined {
    return this.#pairs.has(name) ? name : this.#pairs.skuOf(name);
  }

  #nudge({ orders, listings, feeds, missed }: Parameters<Desk['nudge']>[0]): number {
    if (orders) this.#orders.nudge();
    if (feeds) this.#bulk?.nudge();
    const now = Date.now();
    // That one was missed says nothing for those that come by themselves.
    if (!missed) this.#watchman.notified(now);
    const skus = new Map(listings.map(name => [name, this.#skuOf(this.#names.skuOf(name))]));
    const told = new Set([...skus.values()].filter(sku => sku !== undefined));
    // Vendors name listings by ids that are not always those we link by, such as an item of a user product.
    const others = new Set(listings.filter(name => skus.get(name) === undefined));
    if (others.size > 0) {
      for (const pair of this.#pairs.values()) if (Object.values(pair.listing.fields).some(id => others.has(id))) told.add(pair.sku);
    }
    for (const sku of told) {
      const pair = this.#pairs.get(sku)!;
      pair.nudgedAt = now;
      this.#reads.sweep.urge(pair);
    }
    if (told.size > 0) this.#soon(0);
    return told.size;
  }

  /** What a conditional write wants is read first, unless its SKU has stored it with the write. */
  #lacksReading(sku: string): boolean {
    const pair = this.#pairs.get(sku);
    return pair?.reading === undefined && pair?.cell?.intent?.from === undefined;
  }

  #onCaughtUp(): void {
    const { tap } = this.#p;
    if (!this.#caughtUp) {
      if (!this.#standing.isTold(tap.seen, () => tap.subscribe(this.#tapped))) return;
      this.#holds.resume();
      this.#caughtUp = true;
    }
    this.#importing.resume();
    this.#soon(0);
  }

  #onRecord(sku: string, outlet: Outlet | undefined, applied: number, cell: HeldCell | undefined): void {
    if (outlet && !cell && this.#pairs.isTold(sku, outlet, applied)) return this.#findings.onApplied(sku, applied);
    const isLive = this.#stage.isLive(sku);
    if (isLive && outlet && !cell && !this.#findings.has(sku) && this.#pairs.learn(sku, outlet, applied)) return this.#linked();
    const now = Date.now();
    const known = this.#pairs.get(sku);
    if (!outlet) {
      if (!known) return;
      this.#cells.forget(sku);
      this.#pairs.delete(sku);
      this.#pending.update(sku, undefined, now);
      return;
    }
    const pair = known ?? newPair(sku, outlet);
    const { id } = outlet.listing;
    const isNew = !known || known.linked.id !== id || this.#pairs.skuOf(id) !== sku;
    noteRecord(pair, outlet);
    if (isLive) pair.shadow = undefined;
    else {
      pair.shadow = true;
      if (outlet.intent) this.#shadow.decided(pair, outlet.intent);
    }
    if (cell || pair.cell) this.#cells.note(pair, outlet, cell, !this.#caughtUp);
    pair.applied = applied;
    pair.told = outlet;
    if (isNew) {
      this.#pairs.set(pair, now);
      this.#linked();
    }
    const former = this.#pending.get(sku);
    const proved = this.#pending.update(sku, outlet, now);
    const job = this.#pending.get(sku);
    if (cell) {
      if (job) job.single = true;
      if (cell.ask !== undefined) this.#reads.sweep.urge(pair);
      if (job?.muted && job !== former) this.#writes.muted(job);
    }
    if (job && !this.#holds.restored(job, outlet, now) && job !== former && isLive) {
      if (cell) this.#holds.considerCell(job, outlet, cell, former, now);
      else this.#holds.consider(job, outlet, former, now);
    }
    if (proved && outlet.proof) {
      const ms = outlet.proof.at - proved.causeAt;
      this.#verified.add(ms);
      this.#p.onProven?.({ sku, signature: proved.signature, ms });
    }
    this.#findings.onRecord(pair, outlet);
    this.#soon(0);
  }

  /** What may be written was decided anew. What goes live is looked at before it is written, and is as many moves as it is listings. */
  #recast(): void {
    const now = Date.now();
    const changed = [...this.#pairs.values()].filter(({ sku, shadow = false }) => this.#stage.isLive(sku) === shadow);
    for (const { sku } of changed) {
      const pair = this.#pairs.get(sku)!;
      pair.nudgedAt = now;
      if (!pair.shadow) {
        pair.shadow = true;
        if (pair.told?.intent) this.#shadow.decided(pair, pair.told.intent);
        continue;
      }
      pair.shadow = undefined;
      this.#shadow.leave(sku);
      const job = this.#pending.get(sku);
      // In escrow its SKU decides the write anew.
      if (job && pair.cell && job.blocked === notLiveCode) this.#writes.answer(job, 'refused', job.quantity, { code: anewCode });
    }
    for (const job of this.#pending.recast(now)) {
      const pair = this.#pairs.get(job.sku);
      if (pair?.told && !pair.cell) this.#holds.consider(job, pair.told, undefined, now, pair.reading?.quantity);
    }
    for (const { sku } of changed) this.#reads.sweep.urge(this.#pairs.get(sku)!);
    this.#soon(0);
  }

  /** Lines of a listing that nobody knew may be this one's. */
  #linked(): void {
    if (this.#intake.hasUnmapped) this.#track(this.#intake.linked());
  }

  /** Runs the pump after so long, or earlier if that was asked already. */
  #soon(delayMs: number): void {
    if (this.#stopping) return;
    const at = performance.now() + delayMs;
    if (at >= this.#wakeAt) return;
    clearTimeout(this.#wake);
    this.#wakeAt = at;
    const run = (): void => {
      this.#wakeAt = Infinity;
      this.#pump();
    };
    // A timer of 0 ms takes 1: at once is when this turn of the event loop is over.
    if (delayMs > 0) this.#wake = setTimeout(run, delayMs);
    else setImmediate(run);
  }

  /** Sends whatever may be sent now and asks to be woken for the rest. */
  #pump(): void {
    if (this.#stopping || !this.#caughtUp) return;
    if (!this.#p.membership.leased) return this.#soon(100);
    const now = Date.now();
    this.#bulk?.pump(now);
    this.#writes.pump(now);
    this.#reads.pump(now);
    this.#walk.pump(now);
    this.#quotas.pump(now);
    this.#missed.pump(now);
    this.#conformance?.pump(now);
    const waitMs = Math.min(this.#pending.nextAt ?? Infinity, this.#reads.sweep.nextAt) - now;
    this.#soon(waitMs > 0 ? Math.min(1_000, waitMs) : heldBackMs);
  }

  /** A deadline ends with its call: one of its own would be kept until it is reached. */
  async #call<T>(limit: string, exchanges: Exchange[], work: (call: Call) => Promise<T>, withinMs = this.#p.times.callMs): Promise<T> {
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(new DOMException(`no answer within ${withinMs} ms`, 'TimeoutError')), withinMs);
    timer.unref();
    try {
      return await work({
        signal: deadline.signal,
        onExchange: exchange => exchanges.push(exchange),
        onMeter: meter => this.#desk.budget.told(meter, limit, Date.now()),
      });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Changes whenever the record does: buckets change with calls, marks with polls. */
  #mark(): Mark {
    const { health } = this.#desk;
    const { calls, reads, ...others } = this.#counts;
    const soon = JSON.stringify([others, health.state, health.context, this.#intake.unmapped.length, this.#holds.record, this.#walk.at]);
    return { all: `${calls} ${reads} ${soon}`, soon };
  }

  #now(): AccountRecord {
    const { account, adapter, loss } = this.#p;
    const { health, budget, revisions } = this.#desk;
    const { cursor, completeThrough } = this.#orders.marks;
    const { unmapped } = this.#intake;
    const governor = this.#holds.record;
    return {
      v: 1,
      account,
      channel: adapter.channel,
      state: health.state,
      health: health.context,
      buckets: budget.buckets,
      ...(revisions && { revisions: revisions.told }),
      ...(cursor !== undefined && { ordersCursor: cursor }),
      ordersCompleteThrough: completeThrough,
      ...(loss !== undefined && { loss }),
      ...(unmapped.length > 0 && { unmapped }),
      ...(Object.keys({ ...governor.held, ...governor.dropped, ...governor.passes }).length > 0 && { governor }),
      walkedAt: this.#walk.at,
      counts: this.#counts,
      at: Date.now(),
    };
  }

  #track(work: Promise<unknown>): void {
    this.#calls.set(work, true);
    void work.catch((error: unknown) => {
      const { log, account } = this.#p;
      // A broker that is away is no failure of ours: what is judged then is judged again by the next read.
      log[error instanceof PublishError ? 'warn' : 'error']({ err: error, account }, 'account work failed');
    }).finally(() => this.#calls.delete(work));
  }
}

/** Resolves when `work` has, or after so long. */
async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([work, new Promise(resolve => { timer = setTimeout(resolve, ms); })]);
  clearTimeout(timer);
}
