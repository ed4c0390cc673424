/**
 * What an account still owes its listings: intended and not yet proven, newest wins. Fed from the SKU records; lanes
 * by cost of waiting. One call at a time carries a listing. Holds no clock: `now` (epoch ms) is an argument.
 */
import { ChurnMap } from '../churn-map.ts';
import { Heap } from '../heap.ts';
import type { Lane, Outlet } from '../sku/protocol.ts';
import type { Listing } from './adapter.ts';
import type { Move } from './governor.ts';

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
  /** Tries that the channel refused for rate: they cost no attempt. */
  throttles: number;
  /** Verifications that proved nothing, after the time of an accepted write was over. */
  looks: number;
  /** Conditional writes of this intent that met another value; each next one is a new change with a new key. */
  rereads: number;
  /** An accepted write is to be proven until then; after it the write counts as lost. */
  verifyUntil?: number;
  /** Refused for good: waits for a newer intent. */
  blocked?: string;
  /** Held as one of too many moves; a person lets it go, or drops it for good. */
  aside?: { move: Move; dropped: boolean };
  /** Its account is not live for it: it waits, and nothing is sent. */
  muted?: true;
  /** A call with it was refused as a whole: it travels alone. */
  solo?: boolean;
  /** A feed did not carry it out: it goes by the call for one listing. */
  single?: boolean;
  /** In escrow: it was sent, and time and orders decide what became of it. */
  isSettling?: boolean;
  /** A call carried it. */
  sent?: true;
  /** In escrow: its SKU was told that nobody has sent it, so that nobody ever may. */
  renounced?: true;
  /** Tried too often: a dead letter tells so, and it is still tried. */
  overdue?: boolean;
  notBefore: number;
  /** Sequence of the fact that tells its proof, once the SKU's journal has it. */
  told?: number;
}

/** A write of the newest intent: none owed, not sent yet, sent and unanswered, or accepted and to be seen until then. */
export type Outstanding = { state: 'none' } | { state: 'unsent' } | { state: 'sent' } | { state: 'accepted'; until: number };

export interface PendingSettings {
  /** A write of this listing wants a reading first, and there is none. */
  lacksReading(sku: string): boolean;
  /** Sequence that the SKU's record has applied, as far as it was told here. */
  applied(sku: string): number;
  /** A proof that was told and does not show in the record for so long is looked for again, ms; but never before the record comes so far. */
  proofWithinMs: number;
  /** A feed under way carries the job, or comes before it: it rests until then, epoch ms. */
  heldUntil?(job: Job): number;
  /** Nothing may be written of the SKU. */
  isMuted?(sku: string): boolean;
}

/** Queues in the order they are served; writes and reads are paid from different buckets. */
const writeQueues = ['zero', 'decrease', 'raise'] as const;
const readQueues = ['read zero', 'read decrease', 'verify', 'read raise'] as const;
type Queue = (typeof writeQueues)[number] | (typeof readQueues)[number];

/** Parked jobs that are over by now and still kept, beside as many as there are jobs. */
const parkedSlack = 1_000;

export class Pending {
  /** The newest intention of each SKU: queued, parked, blocked, or waiting for a call under way. */
  readonly #jobs = new ChurnMap<string, Job>();
  /** What the call under way carries, by SKU; it may be older than the newest intention. */
  readonly #inFlight = new ChurnMap<string, Job>();
  readonly #ready = Object.fromEntries([...writeQueues, ...readQueues].map(queue => [queue, new ChurnMap()])) as Record<Queue, ChurnMap<string, Job>>;
  readonly #parked = new Heap<Job>();
  readonly #settings: PendingSettings;

  constructor(settings: PendingSettings) {
    this.#settings = settings;
  }

  get size(): number {
    return this.#jobs.size;
  }

  get(sku: string): Job | undefined {
    return this.#jobs.get(sku);
  }

  /** What the call under way for this SKU carries. */
  inFlight(sku: string): Job | undefined {
    return this.#inFlight.get(sku);
  }

  /** What of a listing's intent is out, to whoever judges a reading of it that was made for `reader`, or by a sweep. */
  outstanding(sku: string, reader?: Job): Outstanding {
    const flying = this.#inFlight.get(sku);
    if (flying?.phase === 'write') return { state: 'sent' };
    const job = this.#jobs.get(sku);
    if (!job) return { state: 'none' };
    if (job.phase === 'verify') return job.verifyUntil === undefined ? { state: 'none' } : { state: 'accepted', until: job.verifyUntil };
    return job === reader ? { state: 'none' } : { state: 'unsent' };
  }

  /** Takes note of a SKU's record. Returns the job that it proved, if it did. */
  update(sku: string, outlet: Outlet | undefined, now: number): Job | undefined {
    const job = this.#jobs.get(sku);
    const intent = outlet?.intent;
    if (!outlet || !intent || outlet.proof?.version === intent.version) {
      if (job) this.#unqueue(job);
      this.#jobs.delete(sku);
      return outlet && intent ? job : undefined;
    }
    if (job && job.version >= intent.version) return undefined;
    const next = jobOf(sku, outlet);
    const waited = job && this.#queued(job);
    this.#jobs.set(sku, next);
    // One call at a time carries a listing: a newer intention waits for its answer.
    if (!this.#inFlight.has(sku)) this.#queue(next, now);
    // In the same queue it has taken the older one's place: a SKU that changes all the time is served in its turn.
    if (waited !== undefined && waited !== this.#queued(next)) this.#ready[waited].delete(sku);
    return undefined;
  }

  /** The most urgent job to write of those that may be written now. */
  nextWrite(now: number, may: (job: Job) => boolean): Job | undefined {
    this.#wake(now);
    for (const queue of writeQueues) for (const job of this.#ready[queue].values()) if (may(job)) return job;
    return undefined;
  }

  /** Up to `max` jobs to write, most urgent first; they count as in flight until settled. `fits` narrows one call to one kind of listing. */
  takeWrites(max: number, now: number, fits: (job: Job) => boolean = () => true): Job[] {
    return this.#take(writeQueues, max, now, (_first, job) => fits(job));
  }

  /** Up to `max` raises for a feed; none where fewer than `least` wait. In flight until settled. */
  takeRaises(least: number, max: number, now: number): Job[] {
    this.#wake(now);
    if (this.#ready.raise.size < least) return [];
    const fit = [...this.#ready.raise.values()].filter(({ single, solo }) => !single && !solo);
    if (fit.length < least) return [];
    const taken = fit.slice(0, max);
    for (const job of taken) {
      this.#ready.raise.delete(job.sku);
      this.#inFlight.set(job.sku, job);
    }
    return taken;
  }

  /** The job that `takeReads` would give first. */
  nextRead(now: number): Job | undefined {
    this.#wake(now);
    for (const queue of readQueues) for (const job of this.#ready[queue].values()) return job;
    return undefined;
  }

  /** Up to `max` jobs to read, most urgent first. `fits` narrows one call to one kind of listing. */
  takeReads(max: number, now: number, fits: (first: Job, job: Job) => boolean): Job[] {
    return this.#take(readQueues, max, now, fits);
  }

  /** Jobs that wait for a read and could have it now. */
  get readsWaiting(): number {
    return readQueues.reduce((sum, queue) => sum + this.#ready[queue].size, 0);
  }

  hasWrites(now: number): boolean {
    this.#wake(now);
    return writeQueues.some(queue => this.#ready[queue].size > 0);
  }

  /** When the next parked job is due. */
  get nextAt(): number | undefined {
    return this.#parked.nextAt;
  }

  /** The call that carried `job` is over: it waits for `phase`, from `notBefore` on. A newer intent goes at once. */
  settle(job: Job, phase: Phase, notBefore: number, now: number): void {
    const current = this.#landed(job);
    if (current === job) Object.assign(job, { phase, notBefore });
    if (current) this.#queue(current, now);
  }

  /** What waited for a feed waits no longer, unless a call carries it. */
  resume(job: Job, phase: Phase, notBefore: number, now: number): void {
    if (this.#jobs.get(job.sku) !== job) return;
    this.#unqueue(job);
    Object.assign(job, { phase, notBefore });
    if (!this.#inFlight.has(job.sku)) this.#queue(job, now);
  }

  /** The proof was told and the record will show it: nothing is sent for this version unless it does not. */
  rest(job: Job, now: number): void {
    this.settle(job, 'verify', now + this.#settings.proofWithinMs, now);
  }

  /** Refused for good: waits for a newer intent. */
  block(job: Job, code: string, now: number): void {
    job.blocked = code;
    this.settle(job, job.phase, 0, now);
  }

  /**
   * Takes the newest intention out of the queues: until it is let go, or a newer one replaces it. One that a call is
   * writing now, or has written and looks for, cannot be.
   *
   * @returns whether it is held
   */
  setAside(sku: string, move: Move, dropped = false): boolean {
    const job = this.#jobs.get(sku);
    if (!job || (job.phase === 'verify' && job.lane !== 'verify') || (job.phase === 'write' && this.#inFlight.get(sku) === job)) return false;
    this.#unqueue(job);
    job.aside = { move, dropped };
    return true;
  }

  /** What is held as moves of a kind, not what was dropped. */
  *held(move?: Move): Generator<Job> {
    for (const job of this.#jobs.values()) if (job.aside && !job.aside.dropped && (move === undefined || job.aside.move === move)) yield job;
  }

  /** Ends the hold of one kind of moves: they are sent, or never are. What was renounced is its SKU's to intend anew. */
  settleHeld(move: Move, how: 'release' | 'drop', now: number): Job[] {
    const jobs = [...this.held(move)];
    for (const job of jobs) {
      if (how === 'drop') { job.aside!.dropped = true; continue; }
      delete job.aside;
      if (job.renounced) job.isSettling = true;
      else if (!this.#inFlight.has(job.sku)) this.#queue(job, now);
    }
    return jobs;
  }

  /** What may be written has changed: what may be by now is read first, what may not any more waits. @returns what goes on */
  recast(now: number): Job[] {
    const freed: Job[] = [];
    for (const job of this.#jobs.values()) {
      const isMuted = this.#settings.isMuted?.(job.sku) ?? false;
      if (isMuted === (job.muted === true)) continue;
      if (isMuted) {
        this.#unqueue(job);
        job.muted = true;
        continue;
      }
      delete job.muted;
      if (job.phase === 'write') job.phase = 'read';
      job.notBefore = 0;
      if (!this.#inFlight.has(job.sku)) this.#queue(job, now);
      freed.push(job);
    }
    return freed;
  }

  /** A person asks for another try of what was refused. @returns false when nothing is pending for the SKU */
  unblock(sku: string, now: number): boolean {
    const job = this.#jobs.get(sku);
    if (!job) return false;
    if (job.blocked === undefined || this.#inFlight.has(sku)) return true;
    delete job.blocked;
    job.notBefore = 0;
    this.#queue(job, now);
    return true;
  }

  /** What is waited for has come: a job that is parked goes on. @returns false when there is none */
  hasten(sku: string, now: number): boolean {
    const job = this.#jobs.get(sku);
    if (!job) return false;
    if (job.notBefore > now && !this.#inFlight.has(sku)) {
      job.notBefore = now;
      this.#queue(job, now);
    }
    return true;
  }

  /** Jobs by lane, and the oldest of them. */
  figures(now: number): { lanes: Record<Lane, number>; blocked: number; held: number; muted: number; overdue: number; oldestMs: number } {
    const lanes: Record<Lane, number> = { zero: 0, decrease: 0, verify: 0, raise: 0 };
    let blocked = 0;
    let held = 0;
    let muted = 0;
    let overdue = 0;
    let oldest = now;
    for (const job of this.#jobs.values()) {
      if (job.blocked !== undefined || job.aside?.dropped) { blocked += 1; continue; }
      if (job.aside) { held += 1; continue; }
      if (job.muted) { muted += 1; continue; }
      if (job.overdue) overdue += 1;
      lanes[job.phase === 'verify' ? 'verify' : job.lane] += 1;
      if (!job.isSettling) oldest = Math.min(oldest, job.causeAt);
    }
    return { lanes, blocked, held, muted, overdue, oldestMs: Math.max(0, now - oldest) };
  }

  /** Ends the call that carried `job` and returns what is intended now. */
  #landed(job: Job): Job | undefined {
    if (this.#inFlight.get(job.sku) !== job) return undefined;
    this.#inFlight.delete(job.sku);
    return this.#jobs.get(job.sku);
  }

  #take(queues: readonly Queue[], max: number, now: number, fits: (first: Job, job: Job) => boolean): Job[] {
    this.#wake(now);
    const taken: Job[] = [];
    for (const queue of queues) {
      for (const job of this.#ready[queue].values()) {
        if (taken.length === max || taken[0]?.solo) return taken;
        if ((taken[0] && job.solo) || !fits(taken[0] ?? job, job)) continue;
        this.#ready[queue].delete(job.sku);
        this.#inFlight.set(job.sku, job);
        taken.push(job);
      }
    }
    return taken;
  }

  #queue(job: Job, now: number): void {
    if (job.blocked !== undefined || job.aside) return;
    if (this.#settings.isMuted?.(job.sku)) {
      job.muted = true;
      return;
    }
    if (job.phase === 'write' && this.#settings.lacksReading(job.sku)) job.phase = 'read';
    job.notBefore = Math.max(job.notBefore, this.#settings.heldUntil?.(job) ?? 0);
    if (job.notBefore > now) this.#parked.add(job.notBefore, job);
    else this.#ready[queueOf(job)].set(job.sku, job);
  }

  #wake(now: number): void {
    // Nearly every job is proven long before the time that it is parked for.
    if (this.#parked.size > 2 * this.#jobs.size + parkedSlack) this.#parked.keep(parked => this.#jobs.get(parked.sku) === parked);
    for (let due = this.#parked.take(now); due; due = this.#parked.take(now)) {
      const job = due.value;
      if (this.#jobs.get(job.sku) !== job || this.#inFlight.has(job.sku) || job.notBefore > now) continue;
      // While SKUs are behind, to ask again would only put more before them.
      if (job.told !== undefined && this.#settings.applied(job.sku) < job.told) job.notBefore = now + this.#settings.proofWithinMs;
      this.#queue(job, now);
    }
  }

  #queued(job: Job): Queue | undefined {
    const queue = queueOf(job);
    return this.#ready[queue].get(job.sku) === job ? queue : undefined;
  }

  #unqueue(job: Job): void {
    const queue = this.#queued(job);
    if (queue !== undefined) this.#ready[queue].delete(job.sku);
  }
}

function jobOf(sku: string, { listing, intent, answer }: Outlet): Job {
  const { quantity, version, signature, lane, kind, causeAt, correlation } = intent!;
  const told = answer?.signature === signature ? answer : undefined;
  return {
    sku,
    listing: { id: listing.id, sku, fields: listing.fields },
    quantity,
    version,
    signature,
    lane,
    phase: kind === 'verify' || told?.outcome === 'accepted' ? 'verify' : 'write',
    causeAt,
    correlation,
    attempts: 0,
    throttles: 0,
    looks: 0,
    rereads: 0,
    notBefore: 0,
    ...(told?.until !== undefined && { verifyUntil: told.until }),
    ...(told?.outcome === 'refused' && { blocked: told.code ?? 'refused' }),
  };
}

function queueOf({ phase, lane }: Job): Queue {
  if (phase === 'verify') return 'verify';
  const of = lane === 'verify' ? 'decrease' : lane;
  return phase === 'read' ? `read ${of}` : of;
}
