/** What a channel account's machine hears, and what of an account is kept in its record. */
import type { OrderLine } from './adapter.ts';
import type { GovernorRecord } from './governor.ts';
import type { Bucket } from './rate.ts';
import type { Revisions } from './revisions.ts';

export type ChannelEvent =
  | { type: 'call.succeeded' }
  /** Retryable or ambiguous: the channel as a whole seems unwell. */
  | { type: 'call.failed'; reason: string }
  /** The grant is dead. */
  | { type: 'auth.failed'; reason: string; at: number }
  | { type: 'freeze'; reason: string }
  | { type: 'resume' }
  | { type: 'rest.over' };

export interface ChannelHealth {
  /** Failures in a row. */
  failures: number;
  /** Why it is not serving. */
  reason?: string;
  /** The grant is dead and a task says so. */
  unauthorised?: boolean;
  /** Why a person froze it: kept through a dead grant, so that only a person lets it write again. */
  frozen?: string;
}

/**
 * How far an account has come. `connect`: listings and orders are read, nothing else. `shadow`: everything runs and is
 * compared, and nothing is written. `live`: it is written, whole or a slice of it; what is outside of the slice stays in
 * shadow.
 */
export const stageNames = ['connect', 'shadow', 'live'] as const;
export type StageName = (typeof stageNames)[number];

/** The account's record in KV: survives fail-over, so a new owner neither bursts nor forgets where it was. */
export interface AccountRecord {
  v: 1;
  account: string;
  channel: string;
  state: unknown;
  health: ChannelHealth;
  buckets: Record<string, Bucket>;
  /** Changes of listings today, where the channel limits them. */
  revisions?: Revisions;
  /** The adapter's own order cursor. */
  ordersCursor?: string;
  /** Every order change up to then is in the SKU journals, channel's clock, epoch ms. */
  ordersCompleteThrough: number;
  /** The last loss of the broker's after which orders were read from the beginning of the adapter's window. */
  loss?: string;
  /** Order lines of listings that are not linked: told to their SKU once they are. */
  unmapped?: OrderLine[];
  /** Held and dropped moves; absent where there are none. */
  governor?: GovernorRecord;
  /** When the list of listings was last gone through. */
  walkedAt?: number;
  counts: AccountCounts;
  at: number;
}

export interface AccountCounts {
  /** Entries written, calls made, and what became of them. */
  writes: number;
  calls: number;
  throttled: number;
  ambiguous: number;
  conflicts: number;
  retries: number;
  refused: number;
  reads: number;
  orderLines: number;
}

export const noCounts: AccountCounts = { writes: 0, calls: 0, throttled: 0, ambiguous: 0, conflicts: 0, retries: 0, refused: 0, reads: 0, orderLines: 0 };
