/**
 * What an account still owes its listings: intended and not yet proven, newest wins. Fed from the SKU records; lanes
 * by cost of waiting. Holds no clock: `now` (epoch ms) is an argument.
 */
import { Heap } from '../heap.ts';
import type { Lane, Outlet } from '../sku/protocol.ts';
import type { Listing } from './adapter.ts';

/** What a job waits for next. `read`: a conditional write wants the live value first. */
export type Phase = 'read' | 'write' | 'verify';

export interface Job {
  sku: string;
  listing: Listing;
  quantity: number;
  /** Version of the intent in the SKU's record. */
  version: number;
  signature: string;
  lane: Lane;
  phase: Phase;
  causeAt: number;
  correlation: string;
  /** Tries that failed in a way that may pass. */
  attempts: number;
  /** Conditional writes of this intent that met another value; each next one is a new change with a new key. */
  rereads: number;
  /** An accepted write is to be proven until then; after it the write counts as lost. */
  verifyUntil?: number;
  /** When it was last handed to the channel. */
  sentAt?: number;
  inFlight: boolean;
  /** Refused for good: waits for a newer intent. */
  blocked?: string;
  /** A batch with it was refused as a whole: it travels alone. */
  solo?: boolean;
  notBefore: number;
}

/** Queues in the order they are served; writes and reads are paid from different buckets. */
const writeLanes = ['zero', 'decrease', 'raise'] as const;
type Queue = (typeof writeLanes)[number] | 'verify' | 'read';

export class Pending {
  readonly #jobs = new Map<string, Job>();
  readonly #ready: Record<Queue, Map<string, Job>> = { zero: new Map(), decrease: new Map(), raise: new Map(), verify: new Map(), read: new Map() };
  readonly #parked = new Heap<Job>();
  readonly #needsReading: boolean;

  /** @param needsReading a write of this channel wants a reading first */
  constructor(needsReading: boolean) {
    this.#needsReading = needsReading;
  }

  get size(): number {
    return this.#jobs.size;
  }

  get(sku: string): Job | undefined {
    return this.#jobs.get(sku);
  }

  /** Takes note of a SKU's record. Returns the job that it proved, if it did. */
  update(sku: string, outlet: Outlet | undefined, hasReading: boolean, now: number): Job | undefined {
    const job = this.#jobs.get(sku);
    const intent = outlet?.intent;
    if (!outlet || !intent || outlet.proof?.version === intent.version) {
      if (job) this.#drop(job);
      return outlet && intent ? job : undefined;
    }
    if (job && job.version >= intent.version) return undefined;
    const next: Job = {
      sku,
      listing: { id: outlet.listing.id, sku, fields: outlet.listing.fields },
      quantity: intent.quantity,
      version: intent.version,
      signature: intent.signature,
      lane: intent.lane,
      phase: this.#firstPhase(outlet, hasReading),
      causeAt: intent.causeAt,
      correlation: intent.correlation,
      attempts: 0,
      rereads: 0,
      inFlight: false,
      notBefore: 0,
    };
    // A former owner's write may still be on its way in: it is not lost before its time is over.
    if (next.phase === 'verify' && outlet.answer?.signature === intent.signature && outlet.answer.until !== undefined) next.verifyUntil = outlet.answer.until;
    if (outlet.answer?.signature === intent.signature && outlet.answer.outcome === 'refused') next.blocked = outlet.answer.code ?? 'refused';
    if (job) {
      this.#unqueue(job);
      // One write in flight per listing: the newer one waits for its answer.
      if (job.inFlight) next.inFlight = true;
    }
    this.#jobs.set(sku, next);
    if (!next.inFlight) this.#queue(next, now);
    return undefined;
  }

  /** Up to `max` jobs to write, most urgent first; they count as in flight until settled. */
  takeWrites(max: number, now: number): Job[] {
    return this.#take(writeLanes, max, now, (first, job) => !first.solo && !job.solo);
  }

  /** Up to `max` jobs to read, those that a write waits for first. `fits` narrows one call to one kind of listing. */
  takeReads(max: number, now: number, fits: (first: Job, job: Job) => boolean): Job[] {
    return this.#take(['read', 'verify'], max, now, fits);
  }

  hasWrites(now: number): boolean {
    this.#wake(now);
    return writeLanes.some(lane => this.#ready[lane].size > 0);
  }

  hasReads(now: number): boolean {
    this.#wake(now);
    return this.#ready.read.size + this.#ready.verify.size > 0;
  }

  /** When the next parked job is due. */
  get nextAt(): number | undefined {
    return this.#parked.nextAt;
  }

  /** The call that carried `job` is over: it waits for `phase`, from `notBefore` on. A newer intent goes at once. */
  settle(job: Job, phase: Phase, notBefore: number, now: number): void {
    const current = this.#jobs.get(job.sku);
    if (!current) return;
    current.inFlight = false;
    if (current !== job) return this.#queue(current, now);
    job.phase = phase;
    job.notBefore = notBefore;
    this.#queue(job, now);
  }

  /** The call is over and the record will tell: nothing more is sent for this version until then. */
  rest(job: Job, now: number): void {
    const current = this.#jobs.get(job.sku);
    if (!current) return;
    current.inFlight = false;
    if (current !== job) this.#queue(current, now);
  }

  /** Refused for good: waits for a newer intent. */
  block(job: Job, code: string, now: number): void {
    job.blocked = code;
    this.rest(job, now);
  }

  /** Jobs by lane, and the oldest of them. */
  figures(now: number): { lanes: Record<Lane, number>; blocked: number; oldestMs: number } {
    const lanes: Record<Lane, number> = { zero: 0, decrease: 0, verify: 0, raise: 0 };
    let blocked = 0;
    let oldest = now;
    for (const job of this.#jobs.values()) {
      if (job.blocked !== undefined) { blocked += 1; continue; }
      lanes[job.phase === 'verify' ? 'verify' : job.lane] += 1;
      oldest = Math.min(oldest, job.causeAt);
    }
    return { lanes, blocked, oldestMs: Math.max(0, now - oldest) };
  }

  #firstPhase(outlet: Outlet, hasReading: boolean): Phase {
    const { intent, answer } = outlet;
    if (intent!.kind === 'verify') return 'verify';
    if (answer?.signature === intent!.signature && answer.outcome === 'accepted') return 'verify';
    return this.#needsReading && !hasReading ? 'read' : 'write';
  }

  #take(lanes: readonly Queue[], max: number, now: number, fits: (first: Job, job: Job) => boolean): Job[] {
    this.#wake(now);
    const taken: Job[] = [];
    for (const lane of lanes) {
      for (const job of this.#ready[lane].values()) {
        if (taken.length === max) return taken;
        if (taken[0] && !fits(taken[0], job)) continue;
        this.#ready[lane].delete(job.sku);
        job.inFlight = true;
        taken.push(job);
      }
    }
    return taken;
  }

  #queueOf(job: Job): Queue {
    if (job.phase !== 'write') return job.phase;
    return job.lane === 'verify' ? 'decrease' : job.lane;
  }

  #queue(job: Job, now: number): void {
    if (job.blocked !== undefined) return;
    if (job.notBefore > now) this.#parked.add(job.notBefore, job);
    else this.#ready[this.#queueOf(job)].set(job.sku, job);
  }

  #wake(now: number): void {
    for (let due = this.#parked.take(now); due; due = this.#parked.take(now)) {
      const job = due.value;
      if (this.#jobs.get(job.sku) === job && !job.inFlight && job.notBefore <= now) this.#queue(job, now);
    }
  }

  #unqueue(job: Job): void {
    this.#ready[this.#queueOf(job)].delete(job.sku);
  }

  #drop(job: Job): void {
    this.#unqueue(job);
    this.#jobs.delete(job.sku);
  }
}
