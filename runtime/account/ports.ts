/** What the owner of a channel account is given, and what its parts share. */
import type { NatsConnection } from 'nats';
import type { Logger } from 'pino';
import type { Call, ChannelAdapter, Exchange } from '../../actors/channel/adapter.ts';
import type { Pending } from '../../actors/channel/pending.ts';
import type { GovernorLimits } from '../../actors/channel/governor.ts';
import type { AccountCounts, StageName } from '../../actors/channel/protocol.ts';
import type { RevisionCount } from '../../actors/channel/revisions.ts';
import type { Limit } from '../../actors/channel/rate.ts';
import type { Pairs } from '../../actors/reconciler/pairs.ts';
import type { Promises } from '../../actors/reconciler/progress.ts';
import type { ProofFigures } from '../../actors/reconciler/proof-budget.ts';
import type { ProofAges, Watching } from '../../actors/reconciler/risk.ts';
import type { Rule } from '../../actors/sku/protocol.ts';
import type { Answers } from '../answers.ts';
import type { Findings } from '../findings.ts';
import type { Membership } from '../membership.ts';
import type { Publisher } from '../publisher.ts';
import type { Records } from '../records.ts';
import type { Tap } from '../tap.ts';
import type { Budget } from './budget.ts';
import type { Cells } from './cells.ts';
import type { Conformance, ProbePorts } from './conformance.ts';
import type { Health } from './health.ts';
import type { Holds } from './holds.ts';
import type { Importing } from './importing.ts';
import type { Names } from './names.ts';
import type { Shadow } from './shadow.ts';
import type { Stage } from './stage.ts';
import type { WalkProgress } from './walk.ts';
import type { AccountJournal } from './journal.ts';

export interface AccountTimes {
  /** A proof older than this is read again, ms; by class of SKU, or that of plenty. */
  maxProofAgeMs: number | ProofAges;
  /** The riskiest listings are read again and again. */
  watch: Watching;
  /** Two reads that should confirm a difference are this far apart, ms. */
  apartMs: number;
  /** Orders are polled no more often than this, ms. */
  pollMinMs: number;
  /** Overall deadline of one call, ms. */
  callMs: number;
  /** Tries of one job that failed, or that were refused for rate, until a dead letter tells of it. */
  retriesMax: number;
  throttlesMax: number;
  failuresMax: number;
  restMs: number;
  probeMs: number;
  /** The whole list of listings is gone through so often, ms; a day where absent. */
  walkMs?: number;
  /** In shadow, so long after a change on either side a difference is none yet, ms; five minutes where absent. */
  graceMs?: number;
}

export interface AccountPorts {
  account: string;
  node: string;
  adapter: ChannelAdapter;
  limits: Record<string, Limit>;
  /** Whether it is written, while nobody has decided anything else. */
  stage: StageName;
  /** The rule given to listings when they are imported. */
  rule: Rule;
  times: AccountTimes;
  /** A test listing that is looked at again and again, where there is one. */
  probe?: ProbePorts | undefined;
  governor: GovernorLimits;
  promises: Promises;
  /** Of one unit of a SKU, where it is known. */
  priceOf(sku: string): number | undefined;
  brandOf?(sku: string): string | undefined;
  nc: NatsConnection;
  publisher: Publisher;
  records: Records;
  tap: Tap;
  /** Of the node, whose accounts' answers are told together. */
  answers: Answers;
  membership: Pick<Membership, 'leased'>;
  log: Logger;
  /** The last time that the broker lost what it had acknowledged. */
  loss?: string | undefined;
  /** Epoch ms by the broker, which SKU journals are told by; by this machine where absent. */
  now?(): number;
  /** Told of each job that is proven; `ms` from its cause. */
  onProven?(job: { sku: string; signature: string; ms: number }): void;
  /** Told when the account cannot go on here: it must be given up. */
  onLost(reason: string): void;
}

/** One owner's state and means, as its parts share them. */
export interface Desk {
  readonly ports: AccountPorts;
  readonly pairs: Pairs;
  readonly pending: Pending;
  readonly budget: Budget;
  /** Where the channel limits changes of one listing. */
  readonly revisions: RevisionCount | undefined;
  readonly health: Health;
  readonly journal: AccountJournal;
  readonly findings: Findings;
  readonly counts: AccountCounts;
  /** Every order change up to then is in the SKU journals, channel's clock, epoch ms. */
  ordersCompleteThrough(): number;
  /** The same by this node's wall clock, which reads are timed by. */
  ordersKnownThrough(): number;
  /** The account is being released: nothing new is begun. */
  isOver(): boolean;
  /** Runs the pump so much later, or earlier if that was asked already. */
  wake(delayMs: number): void;
  holds(): Holds;
  importing(): Importing;
  readonly names: Names;
  /** Reads orders of the adapter's window once more, since listings have become other SKUs'. */
  retell(): void;
  isRetelling(): boolean;
  readonly stage: Stage;
  readonly shadow: Shadow;
  /** What may be written was decided anew: listings that go live are looked at, the others wait. */
  recast(): void;
  /** Goes through the whole list of listings soon, unless that is under way. */
  look(): WalkProgress;
  walked(): WalkProgress;
  readonly cells: Cells;
  /** Where the account has a test listing. */
  readonly conformance: Conformance | undefined;
  /** How old proofs are, and what the read budget can keep. */
  proof(now: number, fresh: boolean): ProofFigures;
  /** SKUs of the watch set, those at most risk first. */
  watched(): string[];
  /** Stores the account's record now. */
  save(): Promise<void>;
  /** Work under way: hand-over waits for it, a failure is logged. */
  track(work: Promise<unknown>): void;
  /** The channel told of a change: orders are polled, and the listings named by SKU or vendor id are read, soon. @returns listings known */
  nudge(hint: { orders: boolean; listings: readonly string[]; feeds?: true; missed?: true }): number;
  /** One call, by its overall deadline; its exchanges are collected, its meters go to the budget. */
  call<T>(limit: string, exchanges: Exchange[], work: (call: Call) => Promise<T>, withinMs?: number): Promise<T>;
}
