/**
 * What a SKU actor hears and keeps: the only file of this folder that other actors import.
 *
 * Every fact reaches it through its journal, `sku.<partition>.<key>`, and carries its place there.
 */

import type { Exposure, Mode } from './exposure/record.ts';
import type { Allowed } from './exposure/ledger.ts';

/** How a channel's quantity follows from what is available to sell. Applied in this order: percent, buffer, maximum. */
export interface Rule {
  /** Share of what is available, 0 to 100, rounded down to whole units. All of it where absent. */
  percent?: number;
  /** Units held back, whole and >= 0. */
  buffer: number;
  /** Never show more than this. */
  max?: number;
  /** Show so many while at least so many are available, else what is available; stands alone. */
  fixed?: number;
  /** Only what lies at these locations counts; `''` is the unnamed one. All of them where absent. */
  locations?: string[];
  /** The channel is not written for this SKU. */
  skip?: boolean;
}

/**
 * Where a fact stands among its source's facts about one SKU at one location. Compared part by part: numbers by size,
 * texts by code unit, a number before a text, a shorter position before a longer one that begins alike; `n` is `[n]`.
 */
export type Position = number | readonly (number | string)[];

/** Of what, whence and where a source speaks. No location is the one unnamed location, `''`. */
interface Sourced { source: string; position: Position; location?: string }

export type StockFact =
  /**
   * Absolute; supersedes everything of its source at this location up to `position`. A negative number is kept as it
   * is, so that later deltas meet what the source means by it; channels show 0.
   */
  | Sourced & {
    type: 'stock.counted';
    quantity: number;
    /** Units of `quantity` that the source has committed by then, where it tells them. */
    reserved?: number;
    /**
     * Order lines (`<account>/<order>/<line>`) that the number already contains; `…#cancelled` and `…#returned` for
     * what came back of them.
     */
    imported?: string[];
    /** Every order line created by then, on any account, is contained in the number; epoch ms. */
    importedThrough?: number;
    /** When the source counted, by its own clock, epoch ms; bears on `ordersIn` with a lag alone. */
    countedAt?: number;
  }
  /** Relative; applied once: at its own position behind a gap, or above the last count, as its source's order says. */
  | Sourced & { type: 'stock.adjusted'; delta: number; reason?: string }
  /** The source's own commitments (its counter sales, its picks) change; what it releases beyond them is ignored. */
  | Sourced & { type: 'stock.reserved'; delta: number };

/** People take a source's number back to what it was; its next fact goes on from there. */
export type RestoredFact = { type: 'stock.restored'; source: string; location?: string; quantity: number; by: string };

/** A SKU is made of others, by their SKU and units, whole and >= 1; of none: it is no kit any more. */
export type KitFact = { type: 'kit.defined'; source: string; position: Position; parts: Record<string, number> };

/** What a source promises about its facts; configuration. */
export interface SourcePolicy {
  /**
   * `sequence`: positions are 1, 2, 3 ... without gaps, per SKU and location; a delta waits for what is missing before
   * it. `monotone`: positions can be compared and nothing more; a delta counts once where it is newer than the last
   * count, in whatever order it comes.
   */
  order?: 'sequence' | 'monotone';
  /**
   * Everything it ever said of a SKU is numbered from 1 and counts too are applied strictly in that order. A gap
   * holds back whatever comes after it, and a SKU begins with nothing on hand at its position 1. Sequences only.
   */
  inOrder?: boolean;
  /** Counts and deltas stop at 0: what goes below is not owed. */
  floor?: boolean;
  /**
   * Which order lines a count contains that says nothing of them itself: those named by some count (`named`), every
   * line known when it arrives in the journal (`always`), none (`never`), or lines created up to `lagMs` before it.
   */
  ordersIn?: 'named' | 'always' | 'never' | { lagMs: number };
}

/**
 * Cumulative statements about one line, `<account>/<order>/<line>`, so any number of repeats in any order ends alike:
 * the largest figure of each kind counts. A line that shrinks is a cancellation, which the channel's adapter states.
 */
export type OrderFact = OrderStatement & {
  account: string;
  line: string;
  units: number;
  /** A kit tells its part: the kit, and the how manieth statement of it to this part this is. */
  kit?: { sku: string; told: number };
};

type OrderStatement =
  | { type: 'order.placed'; createdAt: number }
  | { type: 'order.cancelled' }
  | { type: 'order.shipped' }
  /** Shipped units that are back on the shelf. */
  | { type: 'order.returned' };

/** What kits and their parts tell each other, from journal to journal; no source states it. */
export type KitTalk =
  /** The kit takes so many units of this SKU each, 0 for none any more. The newest version, of the kit's journal, counts. */
  | {
    type: 'part.used';
    kit: string;
    version: number;
    units: number;
    /** Kits that the kit itself is part of, all the way up. */
    above: string[];
    /** Sets of locations that channels of the kit are limited to. */
    sets: string[][];
  }
  /** What of the part is available by its journal at `version`, with everything that the kit told up to `heard`. */
  | { type: 'part.available'; part: string; version: number; units?: number; inSets?: Record<string, number>; heard: number };

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
  /** People empty an account, listing by listing, or fill it again. */
  | { type: 'listing.drained'; account: string; drained: boolean; by: string }
  /** `version` counts the rules that people set for this SKU and account, from 1; older ones than known are ignored. */
  | { type: 'rule.set'; account: string; rule: Rule; version?: number; by?: string };

/** A write that a channel has applied, which proves it. */
export interface AppliedWrite { account: string; signature: string; quantity: number; sold?: number; tag?: string }

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
    /** Of a delta: the quantity after it. */
    after?: number;
    /** Units ever sold, where the answer counts them. */
    sold?: number;
    /** The vendor's version that it made. */
    tag?: string;
  }
  /** Writes of several channels that were applied, told together: as one after the other, in one place. */
  | { type: 'writes.applied'; answers: readonly AppliedWrite[] }
  /**
   * The reconciler's judgement of a reading against the intent of that version: `equal` proves it, `drift` asks for
   * a repair under the finding's id.
   */
  | { type: 'observed'; account: string; version: number; quantity: number; verdict: 'equal' | 'drift'; finding?: string };

/** What channels tell of a SKU that is in escrow; whoever mirrors passes over it. */
export type ExposureTold =
  /** What a channel showed to a read that began then; with the vendor's version and its count of units ever sold, where it has them. */
  | { type: 'cell.read'; account: string; quantity: number; at: number; tag?: string; sold?: number; soldBy?: string }
  /** Orders of the account and what became of them are in the journal through then, by the channel's clock. */
  | { type: 'orders.complete'; account: string; through: number }
  /** Another node owns the account, and does not know how often what it finds was sent. */
  | { type: 'owner.new'; account: string }
  /** What the account declares of its conditional writes (A5) was seen to hold, or not: then each counts as `set`. */
  | { type: 'writes.judged'; account: string; kept: boolean }
  /**
   * What was known of the SKU went back, or is gone: what each account was allowed at most in escrow; a forgotten write may
   * take effect until then. In mirror mode what channels show is not known any more, and nothing is raised before.
   */
  | { type: 'ledger.lost'; until: number; allowed: Record<string, Allowed> }
  | ShipAsked
  /** People pin a mode, or leave it to scarcity. */
  | { type: 'mode.set'; mode?: Mode; by: string }
  /** What scarcity asks for; it counts where the mode is `auto`. */
  | { type: 'mode.chosen'; mode: 'mirror' | 'escrow'; why: string };

/** A warehouse asks whether an order line may be closed; `exposure.ship.permitted.<sku>` answers, at once where the SKU mirrors. */
export type ShipAsked = { type: 'ship.asked'; line: string };

/** A due time that has come. `at` names which one, so that a replaced timer is told from the one in force. */
export type TimerFact = { type: 'timer.due'; id: string; at: number };

export type SkuFact = StockFact | RestoredFact | KitFact | KitTalk | OrderFact | ListingFact | ChannelFact | ExposureTold | TimerFact;

/** What happens to a SKU, one at a time. */
export type OneFact = Exclude<SkuFact, { type: 'writes.applied' }>;

/** One after the other, what is told together. */
export function eachOf(fact: SkuFact): readonly OneFact[] {
  return fact.type === 'writes.applied' ? fact.answers.map(answer => ({ type: 'write.answered', outcome: 'applied', ...answer })) : [fact];
}

/** Where a fact stands in the SKU's journal. */
export interface Place {
  /** Stream sequence: the only order there is. */
  seq: number;
  /** The journal's time of it, epoch ms: shown to people, bounds waits. */
  at: number;
  /** Id of the first source event of the chain. */
  correlation: string;
}

/** Code of the refusal that says that a person dropped what was held: the source may state it again. */
export const droppedCode = 'dropped';
/** The same, once its source has: the raise waits for quiet. */
export const restatedCode = 'restated';

/**
 * Codes of refusals that say that a write of a SKU in escrow is one of too many at once and waits for a person: nobody has
 * sent it, nor ever will; or somebody may have, and it is not sent again.
 */
export const heldCode = 'held';
export const haltedCode = 'halted';

/**
 * Codes of refusals that pass by themselves: nothing is wrong with the write or its listing. `anew` tells nothing of what
 * became of it, and only that its SKU decides anew.
 */
export const unsentCode = 'unsent';
export const conflictCode = 'conflict';
export const anewCode = 'anew';
export const passingCodes: ReadonlySet<string> = new Set([unsentCode, conflictCode, anewCode]);

/** Code of the refusal that says that the account is not live for the SKU: it is written when it goes live. */
export const notLiveCode = 'not-live';

/** What began with an order line is named by it, `<account>/<order>/<line>`; whatever else has a colon behind its origin. */
export function isOrdered(correlation: string): boolean {
  return /^[a-z0-9][a-z0-9-]*\//.test(correlation);
}

/** What began with a fact that Plumb tells by itself: of answers, readings, orders read so far, owners, modes, what a person retries. */
export function isOwn(correlation: string): boolean {
  return /^(wa|cr|oc|on|wj|tm|retry|mode|ledger\.lost):/.test(correlation);
}

/** What the machine is told: facts in their places, or one of its own timers. */
export type SkuEvent =
  /** In the journal's order. */
  | { type: 'facts'; told: readonly { fact: SkuFact; place: Place }[] }
  | { type: 'flush.due'; place: Place }
  /** Time to look for reservations that did not end. */
  | { type: 'open.due'; place: Place }
  /** Time to look at the ledger of a SKU in escrow. */
  | { type: 'exposure.due'; place: Place }
  /** `ask`: time to ask the source; people are told later. */
  | { type: 'gap.due'; place: Place; location?: string; ask?: true };

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
  /** Version of a rule that people set for this SKU and account; it goes into signatures. */
  ruleVersion?: number;
  /** Nothing is offered here, whatever there is, until people say otherwise. */
  drained?: true;
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
  returned?: number;
  /** The source's own number contains the sale. */
  imported?: true;
  /** It contains whatever comes back of the line too. */
  cancelImported?: true;
  /** It contains what was returned of the line. */
  returnImported?: true;
  /** Locations whose number contains the sale, until those of all that state so do. */
  containedAt?: string[];
  /** Definition of the kit that it was sold under: its parts are taken, nothing of its own. */
  def?: number;
  /** It was put away and came back: nothing but returns follows. */
  reopened?: true;
  /** Channel's clock, epoch ms; absent until the order itself is told. */
  createdAt?: number;
}

/** A source fact that came before its turn; a count only from a source that is `inOrder`. */
export type Held = StockFact;

/** A number of a monotone source: what was last stated of it, and what has changed since, in order of position. */
export interface Register {
  /** Absent until stated. */
  value?: number;
  /** Position of that statement. */
  at?: Position;
  deltas: [position: Position, units: number][];
  /** Deltas up to here are part of `value`, and no longer told apart. */
  folded?: Position;
}

/** What one source says lies at one location. */
export interface Lot {
  /** Absent until first counted: missing is not zero. */
  onHand?: number;
  /** Units that the source itself has committed, >= 0. */
  reserved: number;
  /** When they last changed, where there are any; epoch ms. */
  reservedAt?: number;
  /** Source and position of the last fact applied to `onHand`; the source also once an ordered one is waited for. */
  source?: string;
  position: Position;
  /** Audit figure over the facts of a sequence applied, in order: two folds of them are compared at a glance. */
  chain: number;
  /** Facts of a sequence behind a gap, by position. */
  held: Held[];
  /**
   * Positions of a sequence, from and to, that counts have passed over without saying what is reserved: a commitment told
   * there still counts.
   */
  passed?: (readonly [from: number, to: number])[];
  /** Of a monotone source: what `onHand` and `reserved` are made of. */
  registers?: { onHand: Register; reserved: Register };
  /** Order lines created by then are contained in `onHand`, epoch ms; 0 where it contains those that were known. */
  through?: number;
  /** Position of the gap that people were told of. */
  gapTold?: Position;
}

/** A SKU that is made of others. */
export interface Kit {
  source: string;
  position: Position;
  /** Definition in force; 0 where it is no kit any more. */
  def: number;
  /** Units by part, by definition: the one in force, and those that lines were sold under. */
  defs: Record<string, Record<string, number>>;
  /** What each part told last, and how it is told. */
  parts: Record<string, {
    /** Position of what it told in its journal; 0 before it ever did. */
    version: number;
    /** Absent until the part is counted. */
    units?: number;
    /** By set of locations, as JSON. */
    inSets?: Record<string, number>;
    /** Statements told to it so far. */
    told: number;
    /** Units that it was told of and has not heard yet, by statement. */
    pending: [told: number, units: number][];
  }>;
  /** It is part of itself, by whatever way: none can be made. */
  broken?: true;
}

/** A kit that takes units of this SKU. */
export interface Use {
  version: number;
  /** 0 where it takes none any more. */
  units: number;
  above: string[];
  sets: string[][];
  /** Statements heard without a gap, and those beyond it. */
  heard: number;
  ahead?: number[];
  /** What it was told last. */
  said?: string;
}

/** The whole state of a SKU: the fold of its journal. Itself the lot of the unnamed location. */
export interface Stock extends Lot {
  sku: string;
  /** The named locations. */
  lots?: Record<string, Lot>;
  lines: Record<string, Line>;
  /** Ids of lines that nothing can follow from any more, by the day they were put away, with the units that stay sold. */
  closed: Record<string, Record<string, number>>;
  /** Imports named by a count before the line itself was learnt, with that count's place in the journal. */
  early: Record<string, [seq: number, at: number]>;
  outlets: Record<string, Outlet>;
  /** When to look for reservations that did not end, epoch ms. */
  watched?: number;
  /** Those that people were told of, with the time since when they stand. */
  late?: Record<string, number>;
  kit?: Kit;
  /** Kits that are made of this SKU, by SKU. */
  kits?: Record<string, Use>;
  /** Rules that people set, by account, linked or not. */
  rules?: Record<string, { rule: Rule; version: number }>;
  /** Mode that people have set; by configuration where absent. */
  mode?: Mode;
  /** In escrow: what each channel may sell. */
  exposure?: Exposure;
  /** The broker lost what was written before: until then such a write may still take effect, and nothing is raised; epoch ms. */
  lateUntil?: number;
  /** Raises wait since then, epoch ms. */
  waitingSince: number | null;
  /** Journal day of the newest fact, days since 1970: what is over is put away when it changes. */
  day: number;
  /** Source facts that were duplicates or older than what is known. */
  superseded: number;
}

/** A message that the actor asks to be sent; `to` names its subject, token by token. */
export interface Message { to: string[]; id: string; body: object; correlation?: string }

export const emptyLot: Lot = { reserved: 0, position: 0, chain: 0, held: [] };

export const emptyStock = (sku: string): Stock => ({
  sku, reserved: 0, position: 0, chain: 0, held: [], lines: {}, closed: {}, early: {}, outlets: {}, waitingSince: null, day: 0, superseded: 0,
});
