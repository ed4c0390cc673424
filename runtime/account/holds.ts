/** Holds of one account: each new intention passes its governor before it may be sent, and people decide on what is held. */
import { Governor } from '../../actors/channel/governor.ts';
import type { GovernorLimits, GovernorRecord, Move, Trip } from '../../actors/channel/governor.ts';
import type { Job } from '../../actors/channel/pending.ts';
import { droppedCode, isOrdered } from '../../actors/sku/protocol.ts';
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

export class Holds {
  readonly #desk: Desk;
  readonly #governor: Governor;
  readonly #shown = new Map<string, number>();
  readonly #tellers = new Set<NodeJS.Timeout>();

  /** @param left what the former owner's record says */
  constructor(desk: Desk, limits: GovernorLimits, left?: GovernorRecord) {
    this.#desk = desk;
    this.#governor = new Governor(limits, left);
  }

  get record(): GovernorRecord {
    return this.#governor.record;
  }

  close(): void {
    for (const teller of this.#tellers) clearTimeout(teller);
  }

  /** A SKU's record brought a new job; `former` is the one that it replaces. @param shows what is known to be shown, where that was not proven */
  consider(job: Job, { intent, proof }: Outlet, former: Job | undefined, now: number, shows?: number): void {
    const { pending, pairs, ports: { account, priceOf } } = this.#desk;
    const { sku, version, quantity } = job;
    const wasHeld = former?.aside?.dropped === false ? former.aside.move : undefined;
    const isOwed = intent!.kind !== 'write' || isOrdered(job.correlation) || job.correlation.startsWith(drainOf(account)) || job.correlation.startsWith(undoMark);
    const before = shows ?? proof?.quantity;
    const proposal = { sku, version, quantity, before, isOwed, source: sourceOf(job.correlation), price: priceOf(sku) };
    const ruling = this.#governor.judge(proposal, pairs.size, now, wasHeld);
    if (ruling.kind === 'go') return;
    if (before !== undefined) this.#shown.set(sku, before);
    pending.setAside(sku, ruling.move, ruling.kind === 'dropped');
    if (ruling.kind === 'hold' && ruling.trip) this.#tripped(ruling.move, ruling.trip, now);
  }

  /** What is held, the oldest first. */
  list(move?: Move): HeldMove[] {
    return [...this.#desk.pending.held(move)].sort((a, b) => a.causeAt - b.causeAt).map(({ sku, quantity, causeAt, signature, correlation }) => ({
      sku, shown: this.#shown.get(sku) ?? null, would: quantity, since: new Date(causeAt).toISOString(), signature, cause: correlation,
    }));
  }

  /** A person's decision; it is stored before it is answered. @returns how many listings it was about */
  async decide(move: Move, how: 'release' | 'drop', by: string): Promise<number> {
    const { pending, journal, wake, save, ports: { account } } = this.#desk;
    const now = Date.now();
    const jobs = pending.settleHeld(move, how, now);
    if (how === 'release') this.#governor.release(move, now);
    else this.#governor.drop(move, Math.max(0, ...jobs.map(({ version }) => version)));
    for (const { sku, signature, quantity } of jobs) {
      this.#shown.delete(sku);
      // Told to the SKU, so that the same number is intended anew when its source states it again.
      if (how === 'drop') journal.tell(sku, `wa:${signature}:dropped`, { type: 'write.answered', account, signature, outcome: 'refused', quantity, code: droppedCode, message: by });
    }
    await save();
    for (let n = 0; n === 0 || n < jobs.length; n += batchMost) {
      // With what is needed to undo it: which event of which SKU was behind each.
      journal.control(how, by, { move, at: now, of: jobs.length, batch: jobs.slice(n, n + batchMost).map(({ sku, correlation }) => ({ sku, correlation })) });
    }
    journal.healed('governor', move, `${by}: ${how === 'release' ? 'released' : 'dropped'} ${jobs.length} listings`, 'dismissed');
    wake(0);
    return jobs.length;
  }

  /** Those of the batch that have not been sent yet are held with the one that was too many. */
  #tripped(move: Move, trip: Trip, now: number): void {
    const { pending, pairs, ports: { account, log } } = this.#desk;
    for (const sku of this.#governor.recent(move, trip.source)) {
      const job = pending.get(sku);
      if (!job || job.aside || job.attempts > 0) continue;
      const pair = pairs.get(sku);
      const shown = pair?.provenQuantity ?? pair?.reading?.quantity;
      if (shown !== undefined) this.#shown.set(sku, shown);
      pending.setAside(sku, move);
    }
    log.error({ account, move, ...trip }, 'too many listings move at once: the batch is held');
    const teller = setTimeout(() => {
      this.#tellers.delete(teller);
      this.#tell(move, trip, now);
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

/** What undoes a batch goes back to what was there before. */
export const undoMark = 'undo:';

/** Whose event began a chain. */
function sourceOf(correlation: string): string {
  return correlation.slice(0, Math.max(0, correlation.indexOf(':')));
}
