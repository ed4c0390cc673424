/**
 * What the console's server tells its page: types alone, shared by both. Times are epoch ms by the server's clock,
 * durations ms, units whole.
 */

/** Events of `/events`, by name. Each replaces what was told under its name before; `pairs` changes it. */
export interface Told {
  overview: Overview;
  tasks: TaskRow[];
  pairs: PairsChange;
  /** The newest last. */
  trend: TrendPoint[];
}

export interface Overview {
  at: number;
  actions: boolean;
  /** Something that makes the picture incomplete or old, for people. */
  warnings: string[];
  numbers: Numbers;
  alarms: Alarm[];
  accounts: AccountRow[];
  nodes: NodeRow[];
  sources: SourceRow[];
  /** Owner of each partition; null while it has none. */
  partitions: (string | null)[];
}

/** A promise that an account or a source is about to break. */
export interface Alarm { unit: string; what: string; severity: string; since: number }

export interface Numbers {
  /** Every record has been read once: figures below are of the whole catalogue. */
  complete: boolean;
  skus: number;
  /** Pairs that are linked and to be written. */
  pairs: number;
  outOfSync: number;
  /** Units that channels may sell beyond what they should show, and at how many pairs. */
  unitsAtRisk: number;
  pairsAtRisk: number;
  oldestUnproven?: { account: string; sku: string; since: number };
  openTasks: number;
  oldestTask?: { task: string; since: number };
  oversold: Oversold;
}

/** Units that were sold and did not exist. */
export interface Oversold {
  /** Of this calendar month (UTC), and those that no count has made good since. */
  month: number;
  now: number;
  skus: { sku: string; units: number }[];
  /** Counted since then: the month's begin, or later where its journal is too long to be folded. */
  since: number;
  /** The journal of the month is still being folded. */
  folding: boolean;
}

/** What people know of an account; figures are absent while nobody answers for it. */
export interface AccountRow {
  account: string;
  channel: string;
  /** Its owner; null while nobody answers. */
  node: string | null;
  state: string;
  reason?: string;
  figures?: AccountFigures;
  governor: { move: 'zero' | 'raise'; since: number }[];
}

export interface AccountFigures {
  listings: number;
  proven: number;
  pending: number;
  lanes: { zero: number; decrease: number; verify: number; raise: number };
  blocked: number;
  held: number;
  overdue: number;
  drained: number;
  drifted: number;
  drainMs: { writes: number; verify: number };
  verifiedMs: { p50: number; p99: number; count: number };
  /** `count` are listings with a number to show; `never` of them were never seen to show it. */
  proofAgeMs: { p50: number; p99: number; oldest: number; count: number; never: number; histogram: number[] };
  /** Proofs older than is promised, reading all listings once, and the share of the read quota that promises take. */
  proofs: { overdue: number; sweepMs: number; load: number };
  breaker: 'closed' | 'open';
  tokenExpiresAt?: number;
  ordersCompleteThrough: number;
  writes: number;
  throttled: number;
  budgets: Record<string, { level: number; burst: number; perSecond: number; waitMs: number; leftToday?: number }>;
}

export interface NodeRow {
  node: string;
  alive: boolean;
  pid?: number;
  startedAt?: number;
  partitions: number;
  accounts: string[];
  sources: string[];
  doors: string[];
  eventsPerSecond: number;
  lag: number;
  rssMb: number;
}

export interface SourceRow {
  source: string;
  node: string | null;
  /** Its newest message; 0 for none yet. */
  lastAt: number;
  /** How long it may be silent; absent while too little is known. */
  allowedMs?: number;
  silentSince?: number;
}

export type PairState = 'task' | 'drift' | 'refused' | 'unanswered' | 'held' | 'accepted' | 'waiting';

/** One SKU at one account that does not show, or is not proven to show, what it should. */
export interface PairRow {
  account: string;
  sku: string;
  should: number;
  /** What buyers see, as far as anybody knows. */
  shows: number | null;
  atRisk: number;
  state: PairState;
  cause: string;
  since: number;
}

export interface PairsChange {
  /** Forget what was told before. */
  fresh?: true;
  /** All that there are; those told are the worst. */
  total: number;
  set: PairRow[];
  gone: { account: string; sku: string }[];
}

export interface TaskRow {
  task: string;
  class: string;
  /** Account or source. */
  origin: string;
  about: string;
  message: string;
  heals: string;
  count: number;
  since: number;
  lastAt: number;
  sku?: string;
  /** What people can do besides dismissing it. */
  can: ('retry' | 'release' | 'drop')[];
  /** Of a held batch. */
  move?: 'zero' | 'raise';
}

export interface TrendPoint { at: number; atRisk: number; outOfSync: number; pending: number; p50: number; p99: number }

/** `GET /api/sku/<sku>`. */
export interface SkuHistory {
  sku: string;
  partition: number;
  quarantined?: string;
  /** Facts in its journal; `moments` may begin later. */
  facts: number;
  accounts: string[];
  moments: Moment[];
}

/** One thing that happened, and how the SKU stood after it. */
export interface Moment {
  at: number;
  /** Place in the journal; absent for calls, which stand in another one. */
  seq?: number;
  kind: 'erp' | 'order' | 'write' | 'read' | 'rule' | 'other';
  account?: string;
  text: string;
  /** `bad`: a refusal, no answer, drift. */
  mood?: 'good' | 'bad';
  stand: Stand;
}

export interface Stand {
  /** Null until counted. */
  available: number | null;
  onHand: number | null;
  reserved: number;
  sold: number;
  /** In escrow each channel holds units of its own. */
  escrow?: { why: string; debt: number };
  outlets: Record<string, OutletStand>;
}

/** Numbers are what buyers may order: without the `ordered` units that a gross channel counts in. */
export interface OutletStand {
  /** What it should show; null where nothing was decided. */
  should: number | null;
  shows: number | null;
  proven: boolean;
  ordered?: number;
  /** In escrow: the most that it may still sell, and sales of it that are not known yet. */
  rights?: number;
  signature?: string;
  drained?: true;
}

/** `GET /api/shadow`: one account, or why nothing is known of it. */
export interface ShadowAccount {
  account: string;
  silent?: string;
  channel?: string;
  stage?: string;
  /** What is written of it. */
  live?: string;
  figures?: ShadowFigures;
  /** Parts of it that may go live by themselves, or have. */
  slices?: { slice: string; figures: ShadowFigures }[];
}

/** Listings by what they show now, and readings of them by whether both sides agreed. */
export interface ShadowFigures {
  listings: number;
  live: number;
  equal: number;
  low: number;
  high: number;
  unknown: number;
  settling: number;
  compared: number;
  agreed: number;
  /** Changes that neither we nor an order made. */
  foreign: number;
}

/** `GET /api/shadow/<account>?from=0&differing=1`. */
export interface ShadowRows {
  rows: ShadowRow[];
  /** Where the following ones begin; absent at the end. */
  next?: number;
}

export interface ShadowRow {
  sku: string;
  listing: string;
  live: boolean;
  verdict: 'equal' | 'low' | 'high' | 'unknown';
  settling?: true;
  /** Of an unknown one. */
  why?: string;
  shows: number | null;
  seenAt: number | null;
  would: number | null;
  decidedAt: number | null;
  /** The event behind it. */
  because: string | null;
  /** What changed there last, and the last change that no order explains. */
  theirs?: ShadowChange;
  rival?: ShadowChange;
  compared: number;
  agreed: number;
  foreign: number;
}

export interface ShadowChange { at: number; from: number | null; to: number; by: string }

/** `POST /api/actions`. `by` is who does it, for the journals. */
export type Action =
  | { verb: 'retry'; task: string; by: string }
  | { verb: 'dismiss'; task: string; reason: string; by: string }
  | { verb: 'release' | 'drop'; account: string; move: 'zero' | 'raise'; by: string }
  | { verb: 'freeze' | 'drain' | 'resume'; account: string; by: string }
  | { verb: 'write'; account: string; sku: string; by: string };

export interface ActionAnswer { ok: boolean; said: string }
