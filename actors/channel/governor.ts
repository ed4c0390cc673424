/**
 * Holds what would change too much of a shop at once: listings that go to zero, or rise, for no order's sake, within a
 * window; by their number, their units or their value, of the account as a whole or by one source. A file that says
 * nothing is left must not empty the shop before a person has looked. Pure; time is an argument.
 */
import { MoveWindow } from './move-window.ts';
import type { Sums } from './move-window.ts';

/** What may be too much: numbers that go to zero, or up. */
export type Move = 'zero' | 'raise';

export interface MoveLimit {
  /** Share of the account's listings that may move so within the window, 0 to 1. */
  share: number;
  /** And so many in any case. */
  least: number;
  /** Units by which they may change in all, and what those are worth, where prices are known. */
  units?: number | undefined;
  value?: number | undefined;
}

export interface GovernorLimits extends Record<Move, MoveLimit> {
  windowMs: number;
  /** Tighter limits of single sources. */
  sources?: Readonly<Record<string, Partial<Record<Move, MoveLimit | undefined>>>>;
}

/** What of it outlives its owner. */
export interface GovernorRecord {
  /** Since when moves of a kind, or those that one source asks for (`zero erp`), are held, epoch ms. */
  held: Record<string, number>;
  /** Moves of a kind that were decided up to this journal position were dropped by a person. */
  dropped: Partial<Record<Move, number>>;
  /** Moves of a kind that a person let go are not held until then, epoch ms. */
  passes?: Partial<Record<Move, number>>;
}

export interface Proposal {
  sku: string;
  /** Journal position it was decided at. */
  version: number;
  quantity: number;
  /** What the channel was last proven to show; undefined when nothing ever was: the first number is no move. */
  before: number | undefined;
  /** An order, a cancellation or a repair is behind it: each of these moves one listing for a reason of its own. */
  isOwed: boolean;
  /** Whose event is behind it. */
  source?: string;
  /** Of one unit, where it is known. */
  price?: number | undefined;
  /** In escrow, it follows from what is known by now, and from nobody's word: a zero that protects is not held, a raise is with others of a source. */
  isConsequence?: boolean;
}

/** `trip`: the limit that was passed with it, for people; absent where its kind was held already. */
export type Ruling = { kind: 'go' } | { kind: 'hold'; move: Move; trip?: Trip } | { kind: 'dropped'; move: Move };

/** @property source whose moves are held; all of the kind where it is absent */
export interface Trip { source?: string; limit: string }

const go: Ruling = { kind: 'go' };

export class Governor {
  readonly #limits: GovernorLimits;
  readonly #moved: Record<Move, MoveWindow> = { zero: new MoveWindow(), raise: new MoveWindow() };
  /** A person let a batch go: what belongs to it goes too, until then. */
  readonly #passes: Partial<Record<Move, number>>;
  readonly #record: GovernorRecord;

  constructor(limits: GovernorLimits, left: GovernorRecord = { held: {}, dropped: {} }) {
    this.#limits = limits;
    this.#record = { held: { ...left.held }, dropped: { ...left.dropped } };
    this.#passes = { ...left.passes };
  }

  get record(): GovernorRecord {
    return { held: { ...this.#record.held }, dropped: { ...this.#record.dropped }, ...(Object.keys(this.#passes).length > 0 && { passes: { ...this.#passes } }) };
  }

  /** @param source of that one alone; of all where it is absent */
  isHeld(move: Move, source?: string): boolean {
    const { held } = this.#record;
    return held[move] !== undefined || (source !== undefined && held[`${move} ${source}`] !== undefined);
  }

  /**
   * @param listings of the account
   * @param wasHeld the move in whose name an earlier proposal for the SKU is held
   */
  judge(proposal: Proposal, listings: number, now: number, wasHeld?: Move): Ruling {
    const move = moveOf(proposal);
    if (move === undefined) return go;
    if (this.isDropped(move, proposal.version)) return { kind: 'dropped', move };
    // An order for what is held changes nothing of why it is held.
    if (proposal.isOwed && wasHeld !== move) return go;
    if (this.isLetGo(move, now)) return go;
    if (proposal.isConsequence) return move === 'raise' && this.isHeld(move, proposal.source) ? { kind: 'hold', move } : go;
    const { sku, quantity, before = 0, source = '', price = 0 } = proposal;
    const units = Math.abs(quantity - before);
    this.#moved[move].add(sku, { at: now, source, units, value: units * price });
    this.#moved[move].expire(now - this.#limits.windowMs);
    if (this.isHeld(move, source)) return { kind: 'hold', move };
    const trip = this.#trips(move, source, listings);
    if (!trip) return go;
    this.#record.held[trip.source === undefined ? move : `${move} ${trip.source}`] = now;
    return { kind: 'hold', move, trip };
  }

  isDropped(move: Move, version: number): boolean {
    return version <= (this.#record.dropped[move] ?? 0);
  }

  /** What belongs to a batch that a person let go goes too. */
  isLetGo(move: Move, now: number): boolean {
    return now < (this.#passes[move] ?? 0);
  }

  /** SKUs in escrow say that moves are held, and whoever held them did not come to note it. @returns whether that is news */
  adopt(move: Move, source: string, now: number): boolean {
    if (this.isHeld(move, source)) return false;
    this.#record.held[this.#limits.sources?.[source]?.[move] ? `${move} ${source}` : move] = now;
    return true;
  }

  /** SKUs that moved so within the window: when a move becomes held, those of them that have not been sent are too. */
  recent(move: Move, source?: string): Iterable<string> {
    return this.#moved[move].skus(source);
  }

  /** Lets what is held go, and what of it is still to come. */
  release(move: Move, now: number): void {
    this.#end(move);
    this.#passes[move] = now + this.#limits.windowMs;
  }

  /** What is held is never sent; later decisions are judged anew. @param version the newest that is held */
  drop(move: Move, version: number): void {
    this.#end(move);
    this.#record.dropped[move] = Math.max(version, this.#record.dropped[move] ?? 0);
  }

  #end(move: Move): void {
    for (const key of Object.keys(this.#record.held)) if (key === move || key.startsWith(`${move} `)) delete this.#record.held[key];
    this.#moved[move].clear();
  }

  #trips(move: Move, source: string, listings: number): Trip | undefined {
    const moved = this.#moved[move];
    const limit = passed(this.#limits[move], moved.sums(), listings);
    if (limit !== undefined) return { limit };
    const own = this.#limits.sources?.[source]?.[move];
    const theirs = own && passed(own, moved.sums(source), listings);
    return theirs === undefined ? undefined : { source, limit: theirs };
  }
}

/** The limit that is passed, in words. */
export function passed({ share, least, units = Infinity, value = Infinity }: MoveLimit, sums: Sums, listings: number): string | undefined {
  if (sums.listings > Math.max(least, Math.floor(share * listings))) return `${Math.round(share * 100)} % and ${least}`;
  if (sums.units > units) return `${units.toLocaleString('en')} units`;
  return sums.value > value ? `a value of ${value.toLocaleString('en')}` : undefined;
}

/** What kind of move a proposal is, if any. */
export function moveOf({ quantity, before }: Pick<Proposal, 'quantity' | 'before'>): Move | undefined {
  if (before === undefined || quantity === before) return undefined;
  if (quantity === 0) return 'zero';
  return quantity > before ? 'raise' : undefined;
}
