/**
 * One cell at a simulated channel, by kind of write: its register, its buyers' orders and payment holds, the keys and
 * versions that it remembers. It knows nothing of ledgers; what it sells is the truth that the checks go by.
 */
import type { Kind, Terms } from '../../../actors/sku/exposure/ledger.ts';

export interface Sale {
  id: string;
  cell: string;
  units: number;
  /** True time, and the channel's own clock. */
  at: number;
  createdAt: number;
  cancelled: number;
  closed: boolean;
  /** Channel's clock of the last change, and true time from which it can be found. */
  changes: { changedAt: number; visibleAt: number; cancelled: number; closed: boolean }[];
}

export interface Request { id: string; key?: string; to: number; from?: number; version?: string; until: number }
export type Reply = { outcome: 'applied' | 'accepted' | 'refused'; after?: number; sold?: number; version?: string };

/** Its count of its sales: from which number it begins, whether a cancellation takes its units off again, and whether answers to writes tell it. */
export interface Counting { from: number; takesOff: boolean; inAnswers: boolean }

export class Channel {
  readonly id: string;
  readonly terms: Terms;
  /** Its clock runs ahead of true time by so much. */
  readonly skewMs: number;
  quantity = 0;
  version = 1;
  held = 0;
  sold = 0;
  cancelled = 0;
  /** Units ever sold by its own count, which may begin anew; undefined where it keeps none. */
  count: number | undefined;
  readonly sales: Sale[] = [];
  /** Units that somebody else put on sale here, ever. */
  foreign = 0;
  /** Units in orders that could be found later than A3 allows, ever. */
  late = 0;
  #closed = 0;
  readonly #counting: Counting | undefined;
  readonly #keys = new Map<string, { reply: Reply; until: number }>();

  constructor(id: string, terms: Terms, skewMs: number, counting?: Counting) {
    this.id = id;
    this.terms = terms;
    this.skewMs = skewMs;
    this.count = counting?.from;
    this.#counting = counting;
  }

  get kind(): Kind {
    return this.terms.kind;
  }

  /** Units in orders that hide theirs at a gross channel. */
  get open(): number {
    return this.sold - this.cancelled - this.#closed;
  }

  /** Units that can still be sold: what is shown, or what buyers have in payment where that is more. */
  get sellable(): number {
    return this.kind === 'gross' ? Math.max(0, this.quantity - this.open) : Math.max(0, this.quantity, this.held);
  }

  /** Units that one more buyer can have. */
  get offered(): number {
    return this.kind === 'gross' ? this.quantity - this.open : this.quantity - this.held;
  }

  sell(id: string, units: number, now: number, lagMs: number): Sale {
    if (this.kind !== 'gross') this.quantity = this.#floored(this.quantity - units);
    this.version += 1;
    this.sold += units;
    if (this.count !== undefined) this.count += units;
    const createdAt = now + this.skewMs;
    const sale: Sale = { id, cell: this.id, units, at: now, createdAt, cancelled: 0, closed: false, changes: [{ changedAt: createdAt, visibleAt: now + lagMs, cancelled: 0, closed: false }] };
    this.sales.push(sale);
    return sale;
  }

  cancel(sale: Sale, restocks: boolean, now: number, lagMs: number): void {
    sale.cancelled = sale.units;
    this.cancelled += sale.units;
    if (this.count !== undefined && this.#counting?.takesOff) this.count = Math.max(0, this.count - sale.units);
    if (restocks && this.kind !== 'gross') this.quantity += sale.units;
    this.#changed(sale, now, lagMs);
  }

  close(sale: Sale, now: number, lagMs: number): void {
    sale.closed = true;
    this.#closed += sale.units - sale.cancelled;
    this.#changed(sale, now, lagMs);
  }

  /** Lines changed after `since` by the channel's clock and visible now; complete through `lagMs` ago. */
  changedSince(since: number, now: number): Sale[] {
    return this.sales.filter(({ changes }) => changes.some(({ changedAt, visibleAt }) => visibleAt <= now && changedAt > since));
  }

  /** What a request does, at the instant that it does it. Nothing has been done where it is refused. */
  take(request: Request, now: number): Reply {
    const kept = request.key === undefined ? undefined : this.#keys.get(request.key);
    if (kept && kept.until > now) return kept.reply;
    const reply = this.#write(request);
    const keeps = reply.outcome !== 'refused' || this.terms.keepsRefusals;
    if (request.key !== undefined && this.terms.keyMs !== undefined && keeps) this.#keys.set(request.key, { reply, until: now + this.terms.keyMs });
    return reply;
  }

  #write({ to, from, version }: Request): Reply {
    switch (this.kind) {
      case 'swap':
        if (this.quantity !== from) return { outcome: 'refused' };
        break;
      case 'version':
        if (String(this.version) !== version) return { outcome: 'refused' };
        break;
      case 'delta':
        this.quantity += to;
        this.version += 1;
        return { outcome: 'applied', after: this.quantity };
      default:
    }
    this.quantity = to;
    this.version += 1;
    return { outcome: 'applied', version: String(this.version), ...(this.count !== undefined && this.#counting?.inAnswers && { sold: this.count }) };
  }

  #changed(sale: Sale, now: number, lagMs: number): void {
    this.version += 1;
    sale.changes.push({ changedAt: now + this.skewMs, visibleAt: now + lagMs, cancelled: sale.cancelled, closed: sale.closed });
  }

  #floored(quantity: number): number {
    return this.kind === 'swap' || this.kind === 'delta' ? quantity : Math.max(0, quantity);
  }
}

/** A sale as it could be found at `now`. */
export function visible(sale: Sale, now: number): { cancelled: number; closed: boolean } | undefined {
  return sale.changes.findLast(({ visibleAt }) => visibleAt <= now);
}
