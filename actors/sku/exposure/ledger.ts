/**
 * The exposure ledger of one SKU and stock pool: what exists, what each cell may still sell, and what follows from
 * both. Rules (P), invariants (I) and assumptions (A) are numbered as in `docs/exposure.md`. Plain data, in whole units
 * and epoch ms; pure.
 */
import { lookup } from '../../own-keys.ts';

/**
 * How a channel lets a quantity be written. `swap`: set if the quantity is e; `version`: set if the version is
 * unchanged; `delta`: adjust by d; `set`: unconditional; `gross`: a count from which the channel subtracts its open orders.
 */
export type Kind = 'swap' | 'version' | 'delta' | 'set' | 'gross';

/** A write is refused where what it was built on is no longer so. */
export function isConditional({ kind }: Pick<Terms, 'kind'>): boolean {
  return kind === 'swap' || kind === 'version';
}

/** What a cell's channel promises; each is an assumption with a meter. */
export interface Terms {
  kind: Kind;
  /** A copy of a request takes effect at most once under its key, for so long; swap and delta. */
  keyMs?: number;
  /** A refusal stays a refusal under its key. */
  keepsRefusals?: true;
  /** Nothing but the processing result or `until` confirms a write. */
  queued?: true;
  /** Orders may be closed without asking: A6 stands in for P10. */
  ungated?: true;
  /** From the stored intent to the last instant it may be sent. */
  sendMs: number;
  /** From there to the last instant it may take effect (A2). */
  lifeMs: number;
  /** A call without an answer after so long is lost (P7). */
  answerMs: number;
  /** Buyers may hold units in payment for so long, unseen in what is shown. */
  holdMs: number;
  /** A reading may be so old. */
  staleMs: number;
  /** Rights that exceed what is shown for longer ask for a probe (P8). */
  leakMs: number;
  /** Clocks agree to within so much. */
  marginMs: number;
  /** A sale is in the channel's count of its sales within so long after its order was told; `staleMs` where absent. */
  countMs?: number;
  /** An order that is counted as sold may be missing for so long from orders that are complete; 0 where absent. */
  unlistedMs?: number;
  /** The policy never asks for more than this: what P12 falls back to. */
  cap: number;
}

export interface Line {
  cell: string;
  units: number;
  cancelled: number;
  /** Channel's clock; absent until the order itself is told. */
  createdAt?: number;
  /** Gross cells: to be shipped; permitted to ship; closed at the channel. */
  asked?: true;
  permitted?: true;
  closed?: true;
}

/** Imported: ids of lines that the quantity contains, and `<id>#cancelled` for what came back of them. */
export interface Count { version: number; quantity: number; imported: Record<string, true> }

/** At most one write in doubt per cell (I4). */
export interface Intent {
  id: string;
  /** What the write asserts: the quantity of a swap, the one read of a version. */
  from?: number;
  version?: string;
  /** The quantity to be there after it; of a delta, the units to add. */
  to: number;
  /** Units put into `rights` for it. */
  reserved: number;
  /** Times it may have been sent. */
  attempts: number;
  firstAt: number;
  sendBy: number;
  until: number;
  /** The channel took it; not that it did it. */
  accepted?: true;
  /** It may have been sent, and is not sent again before a person says so. */
  halted?: true;
  /** Units of cancellations learnt since it was first stored. */
  back: number;
}

/** What the last confirmed write proved; cleared when a new one is stored. */
export interface Mark {
  value: number;
  confirmedAt: number;
  /** Units of cancellations learnt since it was sent. */
  back: number;
  /** Confirmed by `until` alone: counts once a later reading does not contradict it, later than the last of those was learnt. */
  waited?: true;
  backAt?: number;
}

/** A channel's count of its sales, as last told: units ever sold, from whatever number it began at. */
export interface Tally {
  units: number;
  /** Names the counter; another one counts from another number. */
  by?: string;
  /** Units by which the count may rise without news: in order lines known already, until a reading from `owedUntil` on. */
  owed?: number;
  owedUntil?: number;
}

export interface Cell {
  terms: Terms;
  /**
   * The most units it may still sell, plus those it has sold, less those cancelled, that we have not learnt of. Never
   * read from a channel. Below 0 while a sale is known and the cancellation that made it possible is not.
   */
  rights: number;
  belowSince?: number;
  intent?: Intent;
  mark?: Mark;
  /** Gross: the highest count that may be in effect. */
  high: number;
  /** A copy of a write that is no longer in doubt may still take effect until then. */
  quietUntil: number;
  /** Orders and cancellations are complete up to here, by the channel's clock (A3). */
  through: number;
  /** Orders created up to here were settled without, if they were not known. */
  settledTo?: number;
  /** Gross: orders created up to here may be permitted to ship, we have forgotten which (P12). */
  permittedTo?: number;
  /** Units that the channel's count of its sales told of and no order line explains yet; since then the last of them. */
  counter: number;
  countedSince?: number;
  tally?: Tally;
  /** Newest reading; `shown` is what it has become by our own writes and the orders learnt since. An estimate: it chooses values, nothing else (I6). */
  reading?: { value: number; at: number; version?: string };
  shown?: number;
  /**
   * Readings above what may be shown: the first and the last of a run, and the value of the last. `most`: one is enough, and so
   * much may have been shown then, with cancellations learnt since.
   */
  suspect?: { since: number; at: number; value: number; most?: number };
  /** `rights` exceed what is shown since then. */
  leakSince?: number;
}

export type Cause = 'correction' | 'foreign' | 'loss' | 'entry' | 'late order' | 'early close' | 'broken promise';

/** Units that could be sold beyond what exists, open until `free` >= 0 (P9). */
export interface Shortfall {
  openedAt: number;
  cause: Cause;
  /** Largest so far. */
  debt: number;
  /** Units really sold beyond what exists, largest so far, and the newest order lines that make them up. */
  oversold: number;
  lines: { line: string; units: number }[];
}

/** What a cell was allowed at most, with what of its sales may be forgotten; of gross cells also the count. */
export interface Allowed { rights: number; high?: number }

export interface Ledger {
  cells: Record<string, Cell>;
  lines: Record<string, Line>;
  /** Absent until counted: missing is not zero. */
  count?: Count;
  /** A newer count that contains lines or cancellations which we have yet to learn of; since then. */
  awaited?: Count & { since: number };
  mode: 'mirror' | 'escrow';
  /** Escrow was in force from then: `free` was not below 0 (P13). */
  inForceSince?: number;
  shortfall?: Shortfall;
  /** Our own record lost writes: cells not regained yet (P12), and what was allowed to those that it has forgotten altogether. */
  recovery?: { until: number; at: number; cells: string[]; counted: boolean; unlinked?: Record<string, Allowed> };
}

export const emptyLedger = (mode: Ledger['mode'] = 'mirror'): Ledger => ({ cells: {}, lines: {}, mode });

/** Units that exist by the newest count, less what was sold beyond it by order lines or a count of sales; undefined until counted. */
export function known({ count, lines, cells }: Ledger): number | undefined {
  if (!count) return undefined;
  let units = count.quantity;
  const { imported } = count;
  for (const id in lines) {
    const line = lines[id]!;
    if (lookup(imported, id) !== true) units -= line.units;
    if (line.cancelled > 0 && lookup(imported, `${id}#cancelled`) !== true) units += line.cancelled;
  }
  for (const id in cells) units -= cells[id]!.counter;
  return units;
}

/** Units in lines of a cell, whatever became of them. */
export function soldIn(lines: Ledger['lines'], cell: string): number {
  let units = 0;
  for (const id in lines) if (lines[id]!.cell === cell) units += lines[id]!.units;
  return units;
}

export function totalRights({ cells, recovery }: Ledger): number {
  let units = 0;
  if (recovery?.unlinked) for (const { rights } of Object.values(recovery.unlinked)) units += rights;
  for (const id in cells) units += cells[id]!.rights;
  return units;
}

/** What a cell can sell by what we last saw of it, or undefined. An estimate. */
export function sellable(ledger: Ledger, id: string): number | undefined {
  const { shown, terms: { kind } } = ledger.cells[id]!;
  return shown === undefined ? undefined : Math.max(0, kind === 'gross' ? shown - openIn(ledger, id) : shown);
}

/** Units in no cell's rights; below 0 by what could be sold beyond what exists. Undefined until counted. */
export function free(ledger: Ledger): number | undefined {
  const units = known(ledger);
  return units === undefined ? undefined : units - totalRights(ledger);
}

export function debt(ledger: Ledger): number {
  return Math.max(0, -(free(ledger) ?? 0));
}

/** Units of a gross cell's orders that still hide theirs: neither cancelled, nor closed, nor free to close. */
export function openIn({ lines, cells }: Ledger, cell: string, except?: string): number {
  let units = 0;
  const { permittedTo = -Infinity } = cells[cell]!;
  for (const id in lines) {
    const line = lines[id]!;
    if (line.cell === cell && id !== except && !line.permitted && !line.closed && !(line.createdAt! <= permittedTo)) units += line.units - line.cancelled;
  }
  return units;
}

export function withCell(ledger: Ledger, id: string, cell: Cell): Ledger {
  return { ...ledger, cells: { ...ledger.cells, [id]: cell } };
}

/** A copy without what is undefined in `changes`, so that a record read back equals the one that was stored. */
export function changed<T extends object>(before: T, changes: { [K in keyof T]?: T[K] | undefined }): T {
  const after: Record<string, unknown> = {};
  // Not by `delete`, which makes objects slow for good.
  for (const key in before) if (!(key in changes)) after[key] = before[key];
  for (const key in changes) if (changes[key] !== undefined) after[key] = changes[key];
  return after as T;
}
