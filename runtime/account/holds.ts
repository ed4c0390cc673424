/** Holds of one account: each new intention passes its governor before it may be sent, and people decide on what is held. */
import { Governor, moveOf } from '../../actors/channel/governor.ts';
import type { GovernorLimits, GovernorRecord, Move, Proposal, Trip } from '../../actors/channel/governor.ts';
import type { Job } from '../../actors/channel/pending.ts';
import type { HeldCell } from '../../actors/sku/exposure/record.ts';
import { anewCode, droppedCode, haltedCode, heldCode, isOrdered, isOwn } from '../../actors/sku/protocol.ts';
import type { Outlet } from '../../actors/sku/protocol.ts';
import { drainOf } from './drain.ts';
import type { Desk } from './ports.ts';

/** What people see of a held batch. */
export interface HeldMove { sku: string; shown: number | null; would: number; since: string; signature: string; cause: string }

/** A batch is told of when the rest of it has come in, ms. */
const tellAfterMs = 1_000;
/** Listings of a batch in one entry of the journal. */
const batchMost = 2_000;
/** Listings named in the task itself. */
const samples = 10;
/** Which limit a former owner found passed. */
const unknownLimit = 'may go at once';

export class Holds {
  readonly #desk: Desk;
  readonly #governor: Governor;
  readonly #shown = new Map<string, number>();
  readonly #tellers = new Set<NodeJS.Timeout>();
  /** Jobs that were let go, whatever their SKUs' records say until they have heard of it. */
  readonly #released = new WeakSet<Job>();

  /** @param left what the former owner's record says */
  constructor(desk: Desk, limits: GovernorLimits, left?: GovernorRecord) {
    this.#desk = desk;
    this.#governor = new Governor(limits, left);
  }

  get record(): GovernorRecord {
    return this.#governor.record;
  }

  /** Every record is known: a former owner may not have come to tell people of what it held, nor that one of them had decided. */
  resume(): void {
    const open = new Set<Move>();
    for (const [key, since] of Object.entries(this.#governor.record.held)) {
      const [move, source] = key.split(' ', 2) as [Move, string?];
      open.add(move);
      this.#announce(move, { limit: unknownLimit, ...(source !== undefined && { source }) }, since);
    }
    for (const move of ['zero', 'raise'] as const) if (!open.has(move)) this.#desk.journal.decided('governor', move, 'a person, before the account changed hands');
  }

  close(): void {
    for (const teller of this.#tellers) clearTimeout(teller);
  }

  /** A SKU's record brought a new job; `former` is the one that it replaces. @param shows what is known to be shown, where that was not proven */
  consider(job: Job, { intent, proof }: Outlet, former: Job | undefined, now: number, shows?: number): void {
    this.#judge(job, { before: shows ?? proof?.quantity, isOwed: intent!.kind !== 'write' || this.#isOwed(job), wasHeld: heldAs(former) }, now);
  }

  /**
   * The same of a SKU in escrow. Its write is in doubt from when it was stored; what was let go once is not held when its SKU
   * has it repeated.
   */
  considerCell(job: Job, { proof, drained }: Outlet, cell: HeldCell, former: Job | undefined, now: number): void {
    const { quantity, correlation, lane, phase, signature } = job;
    const { intent, shown } = cell;
    // What only asks for a proof, or lowers a count for a shipment, is in another lane.
    if (intent?.id !== signature || job.blocked !== undefined || phase === 'verify' || lane !== (quantity === 0 ? 'zero' : 'raise')) return;
    const wasHeld = drained ? undefined : heldAs(former);
    if (intent.attempts > 1 && wasHeld === undefined && !this.#desk.cells.isFound(job)) return;
    // As where it mirrors, a first number is no move.
    const before = proof && shown !== undefined ? Math.max(0, shown) : undefined;
    // What was dropped says so in its record, until the source says something new: a drop of before that is none any more.
    const isAnew = this.#desk.cells.isFound(job) && wasHeld === undefined;
    this.#judge(job, { before, isOwed: this.#isOwed(job), wasHeld, isConsequence: isOwn(correlation) }, now, isAnew ? Infinity : job.version);
  }

  /**
   * A SKU's record says that its write is held: whoever owned the account then has told it so, in escrow, and this owner
   * holds it, or ends what a person has ended.
   *
   * @returns whether it is one of those
   */
  restored(job: Job, { answer }: Outlet, now: number): boolean {
    if (answer?.signature !== job.signature || (answer.code !== heldCode && answer.code !== haltedCode)) return false;
    if (job.aside || this.#released.has(job)) return true;
    const { pending, pairs } = this.#desk;
    const { sku, version, quantity, correlation } = job;
    const move = quantity === 0 ? 'zero' : 'raise';
    const source = sourceOf(correlation);
    if (!this.#governor.isHeld(move, source) && this.#governor.isLetGo(move, now)) {
      this.#letGo(job, 'a person');
      if (!pairs.peek(sku)?.cell) pending.unblock(sku, now);
      return true;
    }
    const isDropped = this.#governor.isDropped(move, version);
    delete job.blocked;
    job.phase = 'write';
    pending.setAside(sku, move, isDropped);
    if (isDropped) this.#say(job, droppedCode, 'a person');
    else if (this.#governor.adopt(move, source, now)) this.#announce(move, { limit: unknownLimit }, now);
    return true;
  }

  /** What is held, the oldest first. */
  list(move?: Move): HeldMove[] {
    const { pending, pairs } = this.#desk;
    return [...pending.held(move)].sort((a, b) => a.causeAt - b.causeAt).map(({ sku, quantity, causeAt, signature, correlation }) => ({
      sku, shown: this.#shown.get(sku) ?? pairs.peek(sku)?.cell?.shown ?? null, would: quantity, since: new Date(causeAt).toISOString(), signature, cause: correlation,
    }));
  }

  /** A person's decision; it is stored before it is answered. @returns how many listings it was about */
  async decide(move: Move, how: 'release' | 'drop', by: string): Promise<number> {
    const { pending, pairs, journal, wake, save, ports: { account } } = this.#desk;
    const now = Date.now();
    const jobs = pending.settleHeld(move, how, now);
    if (how === 'release') this.#governor.release(move, now);
    else this.#governor.drop(move, Math.max(0, ...jobs.map(({ version }) => version)));
    for (const job of jobs) {
      const { sku, signature, quantity } = job;
      this.#shown.delete(sku);
      if (how === 'release') this.#letGo(job, by);
      else if (pairs.peek(sku)?.cell) this.#say(job, droppedCode, by);
      // Told to the SKU, so that the same number is intended anew when its source states it again.
      else journal.tell(sku, `wa:${signature}:dropped`, { type: 'write.answered', account, signature, outcome: 'refused', quantity, code: droppedCode, message: by });
    }
    await save();
    for (let n = 0; n === 0 || n < jobs.length; n += batchMost) {
      // With what is needed to undo it: which event of which SKU was behind each.
      journal.control(how, by, { move, at: now, of: jobs.length, batch: jobs.slice(n, n + batchMost).map(({ sku, correlation }) => ({ sku, correlation })) });
    }
    journal.decided('governor', move, `${by}: ${how === 'release' ? 'released' : 'dropped'} ${jobs.length} listings`);
    wake(0);
    return jobs.length;
  }

  #judge(job: Job, { before, wasHeld, ...more }: Pick<Proposal, 'before' | 'isOwed' | 'isConsequence'> & { wasHeld: Move | undefined }, now: number, version = job.version): void {
    const { pairs, ports: { priceOf } } = this.#desk;
    const { sku, quantity, correlation } = job;
    const ruling = this.#governor.judge({ sku, version, quantity, before, source: sourceOf(correlation), price: priceOf(sku), ...more }, pairs.size, now, wasHeld);
    if (ruling.kind === 'go') return;
    this.#hold(job, ruling.move, before, ruling.kind === 'dropped');
    if (ruling.kind === 'hold' && ruling.trip) this.#tripped(ruling.move, ruling.trip, now);
  }

  #isOwed({ correlation }: Job): boolean {
    return isOrdered(correlation) || correlation.startsWith(drainOf(this.#desk.ports.account)) || correlation.startsWith(undoMark);
  }

  /**
   * Out of the queues. A SKU in escrow is told: that nobody has sent its write, so that its units are free, or that somebody
   * may have, so that it stays in doubt until its time is over.
   */
  #hold(job: Job, move: Move, before: number | undefined, isDropped = false): void {
    const { cells, pending, pairs } = this.#desk;
    const { sku } = job;
    if (!pending.setAside(sku, move, isDropped)) return;
    if (before !== undefined) this.#shown.set(sku, before);
    const cell = pairs.peek(sku)?.cell;
    if (!cell) return;
    if (cells.isUnsent(job, cell)) job.renounced = true;
    this.#say(job, job.renounced ? heldCode : haltedCode, 'too many listings move at once: it waits for a person');
    if (isDropped) this.#say(job, droppedCode, 'a person');
  }

  /** In escrow it is its SKU's to store anew, with the units that are free by now. */
  #letGo(job: Job, by: string): void {
    this.#released.add(job);
    if (this.#desk.pairs.peek(job.sku)?.cell) this.#say(job, anewCode, by);
  }

  #say({ sku, signature, quantity, correlation }: Job, code: string, message: string): void {
    const { journal, ports: { account } } = this.#desk;
    journal.tellInTurn(sku, `wa:${signature}:${code}:${Date.now()}`, { type: 'write.answered', account, signature, outcome: 'refused', quantity, code, message }, correlation);
  }

  /** Those of the batch that have not been sent yet are held with the one that was too many. */
  #tripped(move: Move, trip: Trip, now: number): void {
    const { pending, pairs, save, track, ports: { account, log } } = this.#desk;
    for (const sku of this.#governor.recent(move, trip.source)) {
      const job = pending.get(sku);
      if (!job || job.aside || job.attempts > 0) continue;
      const pair = pairs.get(sku);
      const shown = pair?.cell ? pair.cell.shown : pair?.provenQuantity ?? pair?.reading?.quantity;
      if (pair?.cell && !this.#isHeldWith(job, pair.cell, move)) continue;
      this.#hold(job, move, shown);
    }
    track(save());
    log.error({ account, move, ...trip }, 'too many listings move at once: the batch is held');
    this.#announce(move, trip, now);
  }

  /** In escrow the newest write may be another one by now, and what is repeated was sent. */
  #isHeldWith(job: Job, { intent, shown = 0 }: HeldCell, move: Move): boolean {
    return intent?.id === job.signature && (intent.attempts === 1 || this.#desk.cells.isFound(job)) && moveOf({ quantity: job.quantity, before: Math.max(0, shown) }) === move;
  }

  #announce(move: Move, trip: Trip, since: number): void {
    const teller = setTimeout(() => {
      this.#tellers.delete(teller);
      this.#tell(move, trip, since);
    }, tellAfterMs);
    this.#tellers.add(teller);
  }

  #tell(move: Move, { source, limit }: Trip, since: number): void {
    const { pairs, journal, ports: { account } } = this.#desk;
    const held = this.list(move);
    if (held.length === 0) return;
    const named = held.slice(0, samples).map(({ sku, shown, would }) => `${sku} ${shown ?? '?'}→${would}`).join(', ');
    journal.dead({
      class: 'governor', sku: move, code: String(since),
      message: `${held.length} of ${pairs.size} listings at ${account} would ${move === 'zero' ? 'go to zero' : 'rise'} at once${source === undefined ? '' : ` by ${source}`}, more than ${limit}; none of these is written: ${named}${held.length > samples ? ', …' : ''}`,
      heals: `plumb hold show ${account}, then plumb hold release ${account} ${move} if it is right, or plumb hold drop ${account} ${move} and a corrected count`,
    });
  }
}

function heldAs(former: Job | undefined): Move | undefined {
  return former?.aside?.dropped === false ? former.aside.move : undefined;
}

/** What undoes a batch goes back to what was there before. */
export const undoMark = 'undo:';

/** Whose event began a chain. */
function sourceOf(correlation: string): string {
  return correlation.slice(0, Math.max(0, correlation.indexOf(':')));
}
