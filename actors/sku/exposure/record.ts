/**
 * What of the ledger stands in a SKU's record while its channels hold units of their own; absent in mirror mode. Order
 * lines and counts are the SKU's, and are not kept twice. Units and epoch ms.
 */
import type { Cell, Ledger } from './ledger.ts';

/** Terms are configuration, so no part of the record. */
export interface HeldCell extends Omit<Cell, 'terms'> {
  /** What it shows is to be read and told, from then on; and the correlation of what asks for it. */
  ask?: number;
  askedBy?: string;
  /** Something waits for the orders of its channel to be complete through then. */
  wants?: number;
  /** Its channel broke what it declares of conditional writes (A5): it counts as `set`. */
  weak?: true;
}

export interface Exposure extends Pick<Ledger, 'inForceSince' | 'shortfall' | 'recovery'> {
  /** In escrow since then. */
  since: number;
  /** Why: `pinned` by people or configuration; else what scarcity chose. */
  why: string;
  /** By account. */
  cells: Record<string, HeldCell>;
  /** Lines of gross cells that wait for permission to ship, or have it. */
  ship?: Record<string, 'asked' | 'permitted'>;
  waiting?: Waiting;
  /** Foreign raises that are not worked off, by account: where in the journal each was found. */
  found?: Record<string, Found>;
  /** When the ledger is to be looked at without a fact. */
  due?: number;
}

export interface Found { seq: number; at: number; shown: number; rights: number }

/** The source's number contains what we have yet to learn of: until then it is not believed. */
export interface Waiting {
  since: number;
  /** Units by which the number believed is above the one stated. */
  lag: number;
  /** Lines, and `<line>#cancelled`, that it names. */
  ids: string[];
  /** It contains whatever was ordered by then. */
  through?: number;
}

/** Settings of escrow, by which records are folded. */
export interface ExposureSettings {
  mode: Mode;
  /** Accepted chance that a sell-out in mirror mode oversells. */
  risk?: number;
  /** Stands in for a delay that was not measured, ms. */
  unmeasuredMs?: number;
  /** How many times faster than the vendors' a day is here; 1 where absent. */
  pace?: number;
  /** By account. */
  terms: Readonly<Record<string, AccountTerms>>;
}

/** `auto`: escrow while a SKU is scarce. */
export type Mode = 'mirror' | 'escrow' | 'auto';

export interface AccountTerms {
  terms: Cell['terms'];
  /** Others for listings whose vendor field has one of these values, where one account mixes kinds of listings. */
  withField?: { field: string; values: readonly string[]; terms: Cell['terms'] };
}
