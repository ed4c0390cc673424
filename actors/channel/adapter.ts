/**
 * The one door to a sales channel. Every implementation passes `tests/contracts/channel.ts` against its sandbox.
 *
 * An adapter turns a call into the vendor's HTTP and the vendor's answer into data. It never retries, never waits
 * for rate and never makes a call that was not asked for (a token refresh excepted): the channel actor owns rate,
 * order and retry. A failure of the whole call is thrown as one of the classes in `actors/errors.ts`; a failure of
 * one entry is that entry's outcome.
 */

import type { BulkFeeds } from './bulk.ts';
import type { Notice } from './hook.ts';
import type { RevisionLimit } from './revisions.ts';

/** One channel account's item for one SKU, with the vendor ids that a write must carry. */
export interface Listing {
  /** Unique within the account, e.g. Amazon's SKU, eBay's offer id, Shopify's inventory item gid. */
  id: string;
  sku: string;
  /** Vendor ids needed to address the quantity, e.g. `{ offerId }` or `{ inventoryItemId, locationId }`. */
  fields: Record<string, string>;
}

/** What a channel shows, by its own live figure (never the value last submitted). Whole units. */
export interface Reading {
  listing: Listing;
  /** Comparable with what `write` sets: net for most channels, gross of open orders where `gross` is true. */
  quantity: number;
  /** What buyers can buy now; differs from `quantity` on gross channels. */
  buyable: number;
  /** The vendor's optimistic-lock version, where it has one. */
  version?: string;
  /**
   * Units ever sold of it by the channel's own count, where it has one for all that draws on this quantity and no more; as old
   * as `quantity` is. Rises with each sale, from whatever number it began at; a cancellation may take its units off again.
   */
  sold?: number;
  /** Names what counts, where another count may come in its place under the same listing: counting begins anew then. */
  soldBy?: string;
  /** False when the offer cannot be bought whatever its quantity (suppressed, closed, paused by the seller). */
  active: boolean;
  /** The vendor's own words when not active. */
  reason?: string;
}

/** A reading, or why there is none: the listing is unknown at the vendor, or this entry alone failed. */
export type ReadOutcome =
  | { kind: 'read'; reading: Reading }
  | { kind: 'missing'; listing: Listing; code: string; message: string }
  | { kind: 'failed'; listing: Listing; code: string; message: string };

export interface WriteEntry {
  listing: Listing;
  /** Whole units >= 0 to set. Sets, never adds. */
  quantity: number;
  /** Job signature; the idempotency key where the channel takes one. */
  signature: string;
  /** The newest reading or proven write, for conditional writes; present whenever `needsReading` is true. */
  last?: { quantity: number; version?: string };
}

/** What became of one entry of a write. */
export type WriteOutcome =
  /** The answer itself proves the live value (and its new version, where there is one); `sold` as in a reading, by then. */
  | { kind: 'applied'; signature: string; quantity: number; version?: string; sold?: number }
  /** Queued or unproven by the answer: to be read back from `verifyAfterMs` on, until `verifyWithinMs`. */
  | { kind: 'accepted'; signature: string; reference?: string; verifyAfterMs: number; verifyWithinMs: number }
  /** A conditional write met another value or version: read again, decide again. Nothing was written. */
  | { kind: 'conflict'; signature: string; code: string; message: string }
  /** This entry alone was refused in a way that may pass: try again. Nothing was written. */
  | { kind: 'retry'; signature: string; code: string; message: string }
  /** This entry will never be accepted as it stands. `listing`: unknown, not ours, wrong fulfilment. */
  | { kind: 'refused'; signature: string; class: 'listing' | 'validation'; code: string; message: string };

/** One order line as the channel states it now. Its `id` counts once, for ever. */
export interface OrderLine {
  /** `<order id>/<line id>`, the channel's own ids; unique within the account. */
  id: string;
  orderId: string;
  /** The listing id or SKU it was sold under; resolved by the importer. */
  sku: string;
  /** Units ordered. */
  units: number;
  /** Of those, cancelled so far. */
  cancelled: number;
  /** Of those, shipped so far (ends a reservation at gross channels). */
  shipped: number;
  /** Channel's clock, epoch ms. Bounds waits, never orders facts. */
  createdAt: number;
}

export interface OrderPage {
  lines: OrderLine[];
  /** Opaque; give it back to go on, in this poll when `more`, else in the next one. */
  cursor: string;
  more: boolean;
  /** Every change up to this instant of the channel's clock is in the pages read so far (epoch ms). */
  completeThrough: number;
}

export interface ListingPage {
  readings: Reading[];
  /** Absent at the end. */
  cursor?: string;
}

export interface MissedPage {
  notices: Notice[];
  /** Absent at the end. */
  cursor?: string;
}

/** One kind of call: which published limit pays for it, how much, and how many entries fit. */
export interface Operation {
  /** Names a bucket in `config/limits.yaml`, e.g. `patchListingsItem`. */
  limit: string;
  /** Units taken from that bucket by one call. */
  cost: number;
  /** Entries in one call. */
  batch: number;
  /** Where the price goes by entries: of one of them; `cost` is that of a full call. */
  each?: number;
}

/** What an answer told about a limit. */
export interface Meter {
  limit: string;
  remaining?: number;
  perSecond?: number;
  burst?: number;
  /** Of what the call reserved, given back: it used less. */
  refund?: number;
  /** Nothing more before this many ms. */
  waitMs?: number;
  /** The day's calls: how many there are, how many are left, and when they begin anew. */
  day?: { limit: number; left: number; resetsInMs: number };
}

/** One HTTP exchange, secrets removed, for the ATTEMPT journal. */
export interface Exchange {
  method: string;
  /** Path and query; no host, no secret. */
  path: string;
  status: number | undefined;
  ms: number;
  requestId?: string;
  /** Bodies cut to 2,000 characters. */
  request?: string;
  response?: string;
  error?: string;
}

/** One thing that an account must allow, or does not: in words for people, with what would mend it. */
export interface AccountCheck { name: string; ok: boolean; told: string }

/** What the runtime hands to each call. */
export interface Call {
  /** Aborts at the call's overall deadline. */
  signal: AbortSignal;
  /** Told of each exchange, in order. */
  onExchange?(exchange: Exchange): void;
  /** Told of what an answer said about a limit. */
  onMeter?(meter: Meter): void;
}

export interface ChannelAdapter {
  readonly channel: string;
  /** True where the number written includes the channel's own open orders (Walmart). */
  readonly gross: boolean;
  /** True where a write is conditional and wants `WriteEntry.last`. */
  readonly needsReading: boolean;
  readonly operations: { write: Operation; read: Operation; orders: Operation; listings: Operation };

  /** Where the channel takes only so many changes of one listing a day. */
  readonly revisions?: RevisionLimit;

  /** Where the channel tells what is left of its day's quotas to whoever asks; meters are told of it. Throws like `read`. */
  readonly quotas?: { operation: Operation; ask(call: Call): Promise<void> };

  /** What the account must allow, where the channel tells of it without a write. Throws like `read`. */
  readonly checks?: { operation: Operation; ask(call: Call): Promise<AccountCheck[]> };

  /** Notifications that the channel could not deliver, page by page, where it keeps them. Throws like `read`. */
  readonly missed?: { operation: Operation; ask(cursor: string | undefined, call: Call): Promise<MissedPage> };

  /** Feeds of many raises, where the channel has them and the account's settings ask for them. */
  readonly feeds?: BulkFeeds | undefined;

  /**
   * What pays for a read of this listing, where one account mixes kinds of listings (Mercado Libre): listings of one
   * call must share it. `operations.read` is the dearest of them, so a caller that never asks is slow, not wrong.
   */
  readOperation?(listing: Listing): Operation;

  /** The same for a write. A call of too many entries, or of several operations, is an error of the caller. */
  writeOperation?(listing: Listing): Operation;

  /** What pays for a page of listings, where several lists are gone through one after the other. */
  listingsOperation?(cursor: string | undefined): Operation;

  /**
   * Sets quantities. Outcomes come in the order of `entries`, one each.
   *
   * @throws {ThrottledError | RetryableError | AmbiguousError | AuthError | TerminalError} for the call as a whole
   */
  write(entries: readonly WriteEntry[], call: Call): Promise<WriteOutcome[]>;

  /** Live values of the given listings, one outcome each, in their order. Throws like `write`, never ambiguous. */
  read(listings: readonly Listing[], call: Call): Promise<ReadOutcome[]>;

  /** Order lines new or changed since the cursor; overlapping windows are right, ids make repeats harmless. */
  orders(cursor: string | undefined, call: Call): Promise<OrderPage>;

  /** A page of every listing of the account with its live value, for import and sweeps. */
  listings(cursor: string | undefined, call: Call): Promise<ListingPage>;

  /** When the access token in hand ends, epoch ms; undefined before the first call. */
  tokenExpiresAt(): number | undefined;
}

/** What an adapter is made from. Each adapter checks `credentials` and `settings` with its own schema. */
export interface AccountSettings {
  /** Unique in the installation and safe in a subject, e.g. `amazon-us`. */
  account: string;
  channel: string;
  /** Origin of the API, e.g. `https://sellingpartnerapi-na.amazon.com`. */
  baseUrl: string;
  /** Secrets, from the environment, a file or a command; never logged or stored by Plumb. */
  credentials: Record<string, string>;
  /** Channel settings that are no secrets: marketplace id, location id, ship node. */
  settings: Record<string, unknown>;
}

/** A token pair as the vendor gave it. */
export interface TokenSet {
  accessToken: string;
  refreshToken?: string;
  /** Epoch ms. */
  expiresAt: number;
}

/** Keeps a token pair across restarts, outside the journals. Stored before used: a rotated token is not lost. */
export interface TokenStore {
  load(account: string): Promise<TokenSet | undefined>;
  save(account: string, tokens: TokenSet): Promise<void>;
}

/** Everything an adapter needs beside its settings; the runtime gives it, tests may replace it. */
export interface AdapterPorts {
  now(): number;
  /** A new UUID; correlation ids only, never part of a decision. */
  uuid(): string;
  tokens: TokenStore;
  /** How many times faster a sandbox's clock runs: the channel's waits (verify windows, order lags) are divided by it. 1 in production. */
  timeScale: number;
}

export type AdapterFactory = (settings: AccountSettings, ports: AdapterPorts) => ChannelAdapter;
