/**
 * What a SKU actor hears and keeps: the only file of this folder that other actors import.
 *
 * Every fact reaches it through its journal, `sku.<partition>.<key>`, and carries its place there.
 */

/** How a channel's quantity follows from what is available to sell. Applied in this order: percent, buffer, maximum. */
export interface Rule {
  /** Share of what is available, 0 to 100, rounded down to whole units. All of it where absent. */
  percent?: number;
  /** Units held back, whole and >= 0. */
  buffer: number;
  /** Never show more than this. */
  max?: number;
}

/** Source facts carry the source's own position for this SKU: 1, 2, 3 ... without gaps. */
export type StockFact =
  /**
   * Absolute; supersedes everything of its source up to `position`. A negative number is kept as it is, so that later
   * deltas meet what the source means by it; channels show 0.
   */
  | {
    type: 'stock.counted';
    source: string;
    position: number;
    quantity: number;
    /** Units of `quantity` that the source has committed by then, where it tells them. */
    reserved?: number;
    /** Order lines (`<account>/<order>/<line>`) that the number already contains; `…#cancelled` for cancellations. */
    imported?: string[];
  }
  /** Relative; applied at its own position only, held back behind a gap. */
  | { type: 'stock.adjusted'; source: string; position: number; delta: number; reason?: string }
  /** The source's own commitments (its counter sales, its picks) change; what it releases beyond them is ignored. */
  | { type: 'stock.reserved'; source: string; position: number; delta: number };

/** What a source promises about its facts; configuration. */
export interface SourcePolicy {
  /**
   * Everything it ever said of a SKU is numbered from 1 and counts too are applied strictly in that order. A gap
   * holds back whatever comes after it, and a SKU begins with nothing on hand at its position 1.
   */
  inOrder?: boolean;
  /** Counts and deltas stop at 0: what goes below is not owed. */
  floor?: boolean;
}

/**
 * Cumulative statements about one line, `<account>/<order>/<line>`, so any number of repeats in any order ends alike:
 * the largest figure of each kind counts. A line that shrinks is a cancellation, which the channel's adapter states.
 */
export type OrderFact =
  | { type: 'order.placed'; account: string; line: string; units: number; createdAt: number }
  | { type: 'order.cancelled'; account: string; line: string; units: number }
  | { type: 'order.shipped'; account: string; line: string; units: number };

export type ListingFact =
  /** `shown` is what the channel showed at import, where known. */
  | {
    type: 'listing.linked';
    account: string;
    listing: { id: string; fields: Record<string, string> };
    /** The number written includes the channel's own open orders (Walmart). */
    gross: boolean;
    rule: Rule;
    shown?: number;
  }
  | { type: 'listing.unlinked'; account: string }
  | { type: 'rule.set'; account: string; rule: Rule };

export type ChannelFact =
  /** What became of the write with this signature. `applied` is proof, `accepted` and `ambiguous` are not. */
  | {
    type: 'write.answered';
    account: string;
    signature: string;
    outcome: 'applied' | 'accepted' | 'ambiguous' | 'refused';
    quantity: number;
    /** An accepted write is to be proven until then, epoch ms; after it the write counts as lost. */
    until?: number;
    code?: string;
    message?: string;
  }
  /**
   * The reconciler's judgement of a reading against the intent of that version: `equal` proves it, `drift` asks for
   * a repair under the finding's id.
   */
  | { type: 'observed'; account: string; version: number; quantity: number; verdict: 'equal' | 'drift'; finding?: string };

/** A due time that has come. `at` names which one, so that a replaced timer is told from the one in force. */
export type TimerFact = { type: 'timer.due'; id: string; at: number };

export type SkuFact = StockFact | OrderFact | ListingFact | ChannelFact | TimerFact;

/** Where a fact stands in the SKU's journal. */
export interface Place {
  /** Stream sequence: the only order there is. */
  seq: number;
  /** The journal's time of it, epoch ms: shown to people, bounds waits. */
  at: number;
  /** Id of the first source event of the chain. */
  correlation: string;
}

/** What the machine is told: a fact in its place, or one of its own timers. */
export type SkuEvent = { type: 'fact'; fact: SkuFact; place: Place } | { type: 'flush.due'; place: Place } | { type: 'gap.due'; place: Place };

/** Lanes by cost of waiting. */
export type Lane = 'zero' | 'decrease' | 'verify' | 'raise';

/** What a channel should show: the newest intention is the job. */
export interface Intent {
  /** What to write; at gross channels with that channel's open orders included. */
  quantity: number;
  /** Journal position it was decided at. */
  version: number;
  /** `verify`: the channel should show it by its own sale or restock; read first, write if it does not. */
  kind: 'write' | 'verify' | 'repair';
  lane: Lane;
  signature: string;
  /** Journal time of the fact that first asked for this change, epoch ms: debounce waits count from here. */
  causeAt: number;
  decidedAt: number;
  /** Id of the source event behind it. */
  correlation: string;
}

/** One channel account's listing of the SKU, as the SKU sees it. */
export interface Outlet {
  listing: { id: string; fields: Record<string, string> };
  gross: boolean;
  rule: Rule;
  /**
   * What the channel should show by now where that is not the intent's quantity: what it showed when it was linked,
   * or what its own sales and restocks have made of the intent since.
   */
  shown?: number;
  intent?: Intent;
  /** The last answer that was no proof. */
  answer?: { signature: string; outcome: 'accepted' | 'ambiguous' | 'refused'; at: number; until?: number; code?: string; message?: string };
  /** The intent of this version was proven to be what buyers see. */
  proof?: { version: number; quantity: number; at: number; by: 'write' | 'read' };
}

/** An order line, cumulative; what is 0 or false is left out. */
export interface Line {
  /** Units sold: what is cancelled or shipped was sold, even before the order itself is told. */
  units: number;
  cancelled?: number;
  shipped?: number;
  /** The source's own number contains the sale. */
  imported?: true;
  /** It contains the cancellation of the whole line too. */
  cancelImported?: true;
  /** Channel's clock, epoch ms; absent until the order itself is told. */
  createdAt?: number;
}

/** A source fact that came before its turn; a count only from a source that is `inOrder`. */
export type Held = StockFact;

/** The whole state of a SKU: the fold of its journal. */
export interface Stock {
  sku: string;
  /** Absent until first counted: then nothing is written anywhere. */
  onHand?: number;
  /** Units that the source itself has committed, >= 0. */
  reserved: number;
  /** Source and position of the last fact applied to `onHand`; the source also once an ordered one is waited for. */
  source?: string;
  position: number;
  /** Audit figure over the source facts applied, in order: two folds of them are compared at a glance. */
  chain: number;
  /** Source facts behind a gap, by position. */
  held: Held[];
  lines: Record<string, Line>;
  /** Ids of lines that nothing can follow from any more, by the day they were put away, with the units that stay sold. */
  closed: Record<string, Record<string, number>>;
  /** Imports named by a count before the line itself was learnt, with that count's place in the journal. */
  early: Record<string, [seq: number, at: number]>;
  outlets: Record<string, Outlet>;
  /** Raises wait since then, epoch ms. */
  waitingSince: number | null;
  /** Journal day of the newest fact, days since 1970: what is over is put away when it changes. */
  day: number;
  /** Source facts that were duplicates or older than what is known. */
  superseded: number;
}

export const emptyStock = (sku: string): Stock => ({
  sku, reserved: 0, position: 0, chain: 0, held: [], lines: {}, closed: {}, early: {}, outlets: {}, waitingSince: null, day: 0, superseded: 0,
});
