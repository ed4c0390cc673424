/**
 * The standing look at what an account declares of its writes (A5, docs/exposure.md): on a test listing, by the account's own
 * owner, within its rate, stage and freeze. What it found is kept; a promise that was seen broken is a task, and the
 * account's conditional writes are not counted on until it is seen kept.
 */
import type { ChannelAdapter, Listing, Reading } from '../../actors/channel/adapter.ts';
import { AuthError, RetryableError, ThrottledError } from '../../actors/errors.ts';
import { judge } from '../../actors/sku/exposure/conformance.ts';
import type { Check, Seen, Tried, Verdict } from '../../actors/sku/exposure/conformance.ts';
import { isConditional } from '../../actors/sku/exposure/ledger.ts';
import type { Kind } from '../../actors/sku/exposure/ledger.ts';
import { OwnedRecord } from '../owned-record.ts';
import { channelRecord } from '../subjects.ts';
import { payWhenFree } from './control.ts';
import { standIn } from './gate.ts';
import type { Desk } from './ports.ts';
import { findListings, readOne, readToAsk } from './test-listing.ts';
import { Trial, UnseenError } from './trial.ts';
import type { Caller } from './trial.ts';

/** Of the configuration, and of the channel. */
export interface ProbePorts {
  /** The test listing, by its id or SKU. */
  listing: string;
  everyMs: number;
  timeScale: number;
  /** A write that was taken shows within, vendor's ms. */
  withinMs: number;
  /** What is declared of a write of this listing; `lifeMs` of this machine. */
  termsOf(listing: Listing): { kind: Kind; lifeMs: number };
}

export interface Judgement {
  /** Epoch ms. */
  at: number;
  sku: string;
  kind: Kind;
  verdict: Verdict;
  /** How long a plain write took to show, ms. */
  effectMs?: number;
  checks: Check[];
}

/** Kept as `<account>.promise` in the bucket `channel`. */
export interface PromiseRecord {
  v: 1;
  account: string;
  /** The newest look that came to a judgement. */
  judged?: Judgement;
  /** Why a later look did not. */
  failed?: { at: number; why: string };
  /** A look began, and this is what its listing showed: whoever finds it brings it back. */
  underway?: { at: number; listing: Listing; quantity: number };
}

export interface PromiseFigures extends Pick<PromiseRecord, 'judged' | 'failed'> {
  listing: string;
  overdueMs: number;
}

/** A task of this class. */
const letter = 'promise';
const unrestored = 'restore';
const throttlesMax = 5;
const storeTries = 5;
/** After a look that came to no judgement, at most. */
const pauseMs = 86_400_000;

export class Conformance {
  readonly #desk: Desk;
  readonly #p: ProbePorts;
  readonly #record: OwnedRecord<PromiseRecord>;
  readonly #onJudged: () => void;
  #state: PromiseRecord;
  readonly #since = Date.now();
  #underway = false;
  #notBefore = 0;

  /** @param onJudged told whenever what is counted on may have changed */
  constructor(desk: Desk, ports: ProbePorts, onJudged: () => void) {
    this.#desk = desk;
    this.#p = ports;
    this.#onJudged = onJudged;
    const { account, records, onLost } = desk.ports;
    this.#record = new OwnedRecord(records, channelRecord.promise(account), onLost);
    this.#state = { v: 1, account };
  }

  /** @throws {PublishError} */
  async load(): Promise<void> {
    this.#state = await this.#record.load() ?? this.#state;
  }

  /** The conditional writes of this listing were seen not to be. */
  isBroken(listing: Listing): boolean {
    const { judged } = this.#state;
    return judged?.verdict === 'broken' && isConditional(judged) && judged.kind === this.#p.termsOf(listing).kind;
  }

  /** What an account's owner tells of it; `overdueMs` counts where the account is live. */
  get figures(): PromiseFigures {
    const { judged, failed } = this.#state;
    const overdueMs = this.#desk.stage.name === 'live' ? Math.max(0, Date.now() - this.#dueAt) : 0;
    return { listing: this.#p.listing, overdueMs, ...(judged && { judged }), ...(failed && { failed }) };
  }

  pump(now: number): void {
    if (this.#underway || now < this.#notBefore || (now < this.#dueAt && !this.#state.underway) || !this.#mayWrite) return;
    this.#desk.track(this.#look());
  }

  /** A person wants it looked at now. @returns why it is not */
  ask(): string | undefined {
    if (this.#underway) return 'it is being looked at';
    if (!this.#mayWrite) return `nothing is written to ${this.#desk.ports.account}: ${this.#desk.health.state}, stage ${this.#desk.stage.name}`;
    this.#notBefore = 0;
    this.#desk.track(this.#look());
    return undefined;
  }

  get #dueAt(): number {
    const { judged } = this.#state;
    return judged ? judged.at + this.#p.everyMs : this.#since;
  }

  get #mayWrite(): boolean {
    const { health, stage } = this.#desk;
    return health.mayWrite && !health.isTrying && stage.name === 'live';
  }

  async #look(): Promise<void> {
    const { ports: { account, log } } = this.#desk;
    this.#underway = true;
    try {
      const caller = this.#caller();
      if (this.#state.underway) await this.#bringBack(caller, this.#state.underway);
      const trial = new Trial(caller, await this.#opened(caller));
      const terms = this.#p.termsOf(trial.listing);
      await this.#store({ underway: { at: Date.now(), listing: trial.listing, quantity: trial.quantity } });
      const { sku } = trial.listing;
      await this.#desk.journal.recorded('probe', 'plumb', { sku, shows: trial.quantity, kind: terms.kind });
      let seen: Seen;
      try {
        seen = await asked(trial, terms);
      } finally {
        await this.#restore(trial);
      }
      await this.#judged(sku, seen);
    } catch (error) {
      log.warn({ err: error, account, listing: this.#p.listing }, 'what the account declares of its writes could not be looked at, trying again later');
      this.#notBefore = Date.now() + Math.min(pauseMs, this.#p.everyMs / 10);
      await this.#store({ failed: { at: Date.now(), why: (error as Error).message } });
    } finally {
      this.#underway = false;
    }
  }

  /** The listing as it is, where it may be written. @throws {Error} saying why it may not */
  async #opened(caller: Caller): Promise<Reading> {
    const { pairs, stage, ports: { account } } = this.#desk;
    const { listing: name } = this.#p;
    const sku = pairs.has(name) ? name : pairs.skuOf(name);
    const pair = sku === undefined ? undefined : pairs.peek(sku);
    if (pair?.intended) throw new Error(`${sku} is kept by this account as any other SKU: a test listing is one that no source counts, or whose rule says skip`);
    const listing = pair?.listing ?? (await findListings(caller, [name]))[0]!;
    if (!stage.isLive(listing.sku)) throw new Error(`${account} is not live for ${listing.sku}`);
    return readToAsk(caller, listing);
  }

  /** What a former owner began. */
  async #bringBack(caller: Caller, { listing, quantity }: NonNullable<PromiseRecord['underway']>): Promise<void> {
    const { reading } = await readOne(caller, listing);
    await this.#restore(new Trial(caller, { ...reading, quantity }, { isLeft: true }));
  }

  /** @throws {Error} where it could not be; it stays to be brought back */
  async #restore(trial: Trial): Promise<void> {
    const { isOver, journal, ports: { account } } = this.#desk;
    if (isOver() || !this.#mayWrite) throw new Error('nothing may be written by now: the listing is brought back later');
    try {
      await trial.restore();
    } catch (error) {
      journal.dead({ class: letter, sku: trial.listing.sku, code: unrestored, message: (error as Error).message, heals: 'the next look, which brings it back first, or setting it by hand' });
      throw error;
    }
    journal.healed(letter, trial.listing.sku, `${account} shows what it did before`);
    await this.#store({ underway: undefined });
  }

  async #judged(sku: string, seen: Seen): Promise<void> {
    const { journal, ports: { account, log } } = this.#desk;
    const { kind, effectMs, lifeMs } = seen;
    const { verdict, checks } = judge(seen);
    const failed = checks.filter(({ held }) => !held).map(({ asks, told }) => `${asks}? No: ${told}`).join('; ');
    log[verdict === 'kept' ? 'info' : 'error']({ account, sku, kind, verdict, checks }, 'looked at what the account declares of its writes');
    await this.#store({ judged: { at: Date.now(), sku, kind, verdict, ...(effectMs !== undefined && { effectMs: Math.round(effectMs) }), checks }, failed: undefined });
    journal.control('probed', 'plumb', { sku, kind, verdict, checks });
    this.#onJudged();
    if (verdict === 'kept') return journal.healed(letter, account, `a look at ${sku} that found it kept`);
    const again = `a look that finds it kept: nats req control.channel.${account} 'probe <who>'`;
    journal.dead({
      class: letter, sku: account, code: `${kind} ${verdict}`,
      message: verdict === 'late' ? `a write of ${sku} at ${account} took effect later than is counted on: ${failed}` : `${account} does not keep what is declared of its writes (${kind}): ${failed}${isConditional(seen) ? '; its SKUs in escrow count it as set until it does' : ''}`,
      heals: verdict === 'late' ? `exposure.lifeMs of the account, in the vendor's ms: more than ${Math.round(effectMs! * this.#p.timeScale)}, by which ${lifeMs * this.#p.timeScale} is exceeded; then ${again}` : `exposure.kind: set of the account in the configuration, or ${again}`,
    });
  }

  async #store(changes: { [K in 'judged' | 'failed' | 'underway']?: PromiseRecord[K] | undefined }): Promise<void> {
    const { judged, failed, underway } = { ...this.#state, ...changes };
    const { account } = this.#desk.ports;
    this.#state = { v: 1, account, ...(judged && { judged }), ...(failed && { failed }), ...(underway && { underway }) };
    for (let tries = 1; await this.#record.save(() => this.#state) !== 'stored'; tries++) {
      if (this.#desk.isOver() || tries === storeTries) throw new Error(`${account}: what is looked at could not be stored`);
    }
  }

  /** Calls within the account's rate. */
  #caller(): Caller {
    const { budget, call, counts, health, isOver, ports: { adapter }, revisions } = this.#desk;
    const { timeScale, withinMs } = this.#p;
    const mayWrite = (): boolean => this.#mayWrite;
    const writing: ChannelAdapter['write'] = async (entries, each) => {
      if (!mayWrite()) throw new RetryableError('nothing may be written by now');
      counts.writes += entries.length;
      for (const { listing } of entries) revisions?.spend(listing.sku, Date.now());
      return adapter.write(entries, each);
    };
    return {
      adapter: standIn(adapter, { write: writing }),
      timeScale,
      withinMs,
      get stopped() { return isOver() || !mayWrite(); },
      run: async (operation, work) => {
        for (let tries = 1; ; tries++) {
          await payWhenFree(this.#desk, operation);
          const began = performance.now();
          try {
            const value = await call(operation.limit, [], work);
            health.tell({ type: 'call.succeeded' });
            return { value, ms: performance.now() - began };
          } catch (error) {
            if (error instanceof AuthError) health.tell({ type: 'auth.failed', reason: error.message, at: Date.now() });
            if (!(error instanceof ThrottledError)) throw error;
            counts.throttled += 1;
            budget.throttle(operation.limit, error.retryAfterMs, Date.now());
            if (tries === throttlesMax) throw error;
          }
        }
      },
    };
  }
}

/** Asks what is declared, by writes below what was there. @throws {Error} where there is no answer */
async function asked(trial: Trial, { kind, lifeMs }: { kind: Kind; lifeMs: number }): Promise<Seen> {
  const { opened, quantity } = trial;
  const first = trial.entry(quantity - 1, opened);
  let effectMs: number;
  try {
    ({ lagMs: effectMs } = await trial.set(quantity - 1, { entry: first }));
  } catch (error) {
    if (error instanceof UnseenError && error.outcome === 'applied') return { kind, lifeMs, effectMs: undefined };
    throw error;
  }
  if (!isConditional({ kind })) return { kind, lifeMs, effectMs };
  const outdated = await tried(trial, quantity, () => trial.write(trial.entry(quantity, opened)));
  // What was taken after all is to be shown before the next write; the rest is known.
  if (outdated.shown === outdated.to) return { kind, lifeMs, effectMs, outdated };
  await trial.set(quantity - 2);
  const copy = await tried(trial, quantity - 1, () => trial.write(first));
  return { kind, lifeMs, effectMs, outdated, copy };
}

async function tried(trial: Trial, to: number, write: () => ReturnType<Trial['write']>): Promise<Tried> {
  const { kind: outcome } = await write();
  const { quantity: shown } = await trial.read();
  return { outcome, to, shown };
}
