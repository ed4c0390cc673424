/**
 * What the owner of an account owes SKUs in escrow (docs/exposure.md): a write goes out once and in time or not at all, a
 * reading is told as it is, and so is how far orders are complete. What a former owner may have sent is not sent again
 * before its SKU says so.
 */
import type { Reading, WriteEntry } from '../../actors/channel/adapter.ts';
import type { Job } from '../../actors/channel/pending.ts';
import type { Pair } from '../../actors/reconciler/proof.ts';
import type { HeldCell } from '../../actors/sku/exposure/record.ts';
import type { Outlet } from '../../actors/sku/protocol.ts';
import type { Desk } from './ports.ts';

/** Kept together with a pair while its SKU is in escrow. */
export class Cells {
  readonly #desk: Desk;
  /** SKUs that wait for orders to be complete through then. */
  readonly #wanting = new Map<string, number>();
  readonly #held = new Map<string, HeldCell>();
  /** Versions of intents that were found, not seen to begin, by SKU. */
  readonly #found = new Map<string, number>();
  /** What SKUs were told of the account's conditional writes and have not applied yet: whether they are kept. */
  readonly #judging = new Map<string, boolean>();

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  /** A record was told. @param isFound it stood before this owner had read them all */
  note(pair: Pair, { intent }: Outlet, cell: HeldCell | undefined, isFound: boolean): void {
    const { sku } = pair;
    const before = pair.cell;
    if (cell === undefined) {
      pair.cell = undefined;
      if (before) this.forget(sku);
      // Nothing rests any more on its never being sent.
      delete this.#desk.pending.get(sku)?.renounced;
      return;
    }
    pair.cell = cell;
    this.#held.set(sku, cell);
    if (isFound && cell.intent && intent && before?.intent?.id !== cell.intent.id) {
      this.#found.set(sku, intent.version);
      const { ports: { account }, journal } = this.#desk;
      journal.tell(sku, `on:${account}:${sku}:${intent.version}`, { type: 'owner.new', account });
    }
    this.#judge(pair, cell);
    if (cell.wants === undefined) this.#wanting.delete(sku);
    else if (cell.wants <= this.#desk.ordersCompleteThrough()) this.#tellComplete(sku, cell.wants);
    else this.#wanting.set(sku, cell.wants);
  }

  forget(sku: string): void {
    this.#held.delete(sku);
    this.#wanting.delete(sku);
    this.#found.delete(sku);
    this.#judging.delete(sku);
  }

  /** What is counted on of the account's writes may have changed. */
  judgeAll(): void {
    const { pairs } = this.#desk;
    for (const [sku, cell] of this.#held) {
      const pair = pairs.get(sku);
      if (pair) this.#judge(pair, cell);
    }
  }

  /** Tells a SKU whether the conditions of its writes are kept, where it counts on the other (A5). */
  #judge({ sku, listing }: Pair, { weak }: HeldCell): void {
    const { conformance, journal, ports: { account } } = this.#desk;
    // Without a test listing nothing is seen, and what was seen before stands.
    if (!conformance) return;
    const kept = !conformance.isBroken(listing);
    if (kept === !weak) this.#judging.delete(sku);
    else if (this.#judging.get(sku) !== kept) {
      this.#judging.set(sku, kept);
      journal.tell(sku, `wj:${account}:${sku}:${Date.now()}:${kept}`, { type: 'writes.judged', account, kept });
    }
  }

  /**
   * Cells, the units they may sell, and of those what is reserved for writes in doubt; and cells that something is still to
   * follow for, be it a write, a reading, or orders that are not complete yet.
   */
  get figures(): { cells: number; rights: number; inDoubt: number; moving: number } {
    let rights = 0;
    let inDoubt = 0;
    let moving = 0;
    for (const cell of this.#held.values()) {
      rights += cell.rights;
      inDoubt += cell.intent?.reserved ?? 0;
      if (cell.intent || cell.mark?.waited || cell.wants !== undefined || cell.leakSince !== undefined) moving += 1;
    }
    return { cells: this.#held.size, rights, inDoubt, moving };
  }

  /** Orders were read further. */
  ordersRead(): void {
    const through = this.#desk.ordersCompleteThrough();
    for (const [sku, wants] of this.#wanting) {
      if (wants > through) continue;
      this.#wanting.delete(sku);
      this.#tellComplete(sku, wants);
    }
  }

  #tellComplete(sku: string, wants: number): void {
    const { ports: { account }, journal } = this.#desk;
    journal.tell(sku, `oc:${account}:${sku}:${wants}`, { type: 'orders.complete', account, through: this.#desk.ordersCompleteThrough() });
  }

  /**
   * Just before a write is sent. `late`: its time is over, or it counts on a condition that is not kept, and it was not sent by us; `idle`: it is no write in doubt any
   * more, or one that somebody else may have sent.
   */
  verdict(job: Job, { intent, weak }: HeldCell): 'send' | 'late' | 'idle' {
    const { sku, signature, renounced } = job;
    if (intent?.id !== signature || renounced || this.isFound(job)) return 'idle';
    const listing = this.#desk.pairs.peek(sku)?.listing;
    // It was stored as one that is refused in time; its SKU stores it anew.
    if (!weak && listing && this.#desk.conformance?.isBroken(listing)) return 'late';
    return this.#now() < intent.sendBy ? 'send' : 'late';
  }

  /** It was there before this owner had read all records: a former one may have sent it. */
  isFound({ sku, version }: Job): boolean {
    return this.#found.get(sku) === version;
  }

  /**
   * Certainly nobody has sent it: stored once, since this owner has the account, which has not sent it. Whoever takes the
   * account over finds it, and does not send it.
   */
  isUnsent(job: Job, { intent }: HeldCell): boolean {
    return intent?.id === job.signature && intent.attempts === 1 && !job.sent && !this.isFound(job) && this.#desk.ports.membership.leased;
  }

  /** What a write of a SKU in escrow is conditional on is stored with it. */
  last(sku: string): Pick<WriteEntry, 'last'> {
    const { from, version } = this.#desk.pairs.get(sku)?.cell?.intent ?? {};
    return from === undefined ? {} : { last: { quantity: from, ...(version !== undefined && { version }) } };
  }

  /** Tells a reading, where it is news, was asked for, or is more than its channel may show. */
  tell(pair: Pair, cell: HeldCell, reading: Reading, beganAt: number): void {
    const { quantity, version, sold, soldBy } = reading;
    const at = beganAt + Math.round(this.#now() - Date.now());
    const { ask, askedBy, shown, suspect, mark, reading: last, intent } = cell;
    if (at <= (last?.at ?? 0)) return;
    const isAsked = ask !== undefined && at >= ask;
    const isMoved = intent?.version !== undefined && version !== undefined && version !== last?.version;
    const { ports: { account, adapter }, journal } = this.#desk;
    const isCounted = !adapter.gross && isNewCount(cell, reading, at);
    // What was read may have come above what it may show since, by an order that was learnt later.
    const isAbove = quantity > (adapter.gross ? cell.high : cell.rights);
    if (!isAsked && !isMoved && !isCounted && !isAbove && quantity === shown && !suspect && !mark?.waited) return;
    journal.tell(pair.sku, `cr:${account}:${pair.sku}:${at}`, {
      type: 'cell.read', account, quantity, at, ...(version !== undefined && { tag: version }), ...(sold !== undefined && { sold }), ...(soldBy !== undefined && { soldBy }),
    }, isAsked ? askedBy : undefined);
  }

  /** By the clock that the SKU's journal is told by. */
  #now(): number {
    return this.#desk.ports.now?.() ?? Date.now();
  }
}

/** The channel's count of its sales says something new: another number, or the same one when what is owed to it is surely in it. */
function isNewCount({ tally }: HeldCell, { sold, soldBy }: Reading, at: number): boolean {
  return sold !== undefined && (!tally || sold !== tally.units || soldBy !== tally.by || at >= (tally.owedUntil ?? Infinity));
}
