/**
 * Bulk feeds: many raises in one file, which the channel carries out when it comes to it, in no promised order against
 * the calls for one listing. While one is under way it holds its SKUs; what lowers them overtakes it, and is looked at
 * again when the feed has ended. Pure: times are arguments, epoch ms.
 */
import type { Call, Operation, WriteEntry, WriteOutcome } from './adapter.ts';

/** What a channel's feeds can do, and what an account's settings say of them. An adapter without has none. */
export interface BulkFeeds {
  readonly operations: {
    /** `batch`: entries of one feed, at most. */
    submit: Operation;
    status: Operation;
    /** `batch`: outcomes that one call tells. */
    report: Operation;
  };
  readonly times: BulkTimes;
  /** So many raises must wait for a feed to be worth it. */
  readonly threshold: number;

  /**
   * Hands in one feed. Entries are above 0: nothing sells out by a feed.
   *
   * @returns the channel's id of it
   * @throws {AmbiguousError} when it may exist without our knowing its id; else like `write`
   */
  submit(entries: readonly WriteEntry[], call: Call): Promise<string>;

  /** How far it is. Throws like `read`. */
  status(feed: string, call: Call): Promise<FeedStatus>;

  /**
   * What became of the entries of a feed that is done, one page of it. `accepted` is what the feed has taken up: to be
   * read back. Who is not named on any page was not carried out as far as the channel tells.
   *
   * @param report as `status` gave it
   * @param entries those that were handed in, in their order
   * @param page of the answer before, where there is more
   */
  outcomes(feed: string, report: string, entries: readonly FeedEntry[], page: string | undefined, call: Call): Promise<{ outcomes: WriteOutcome[]; page?: string }>;
}

/** Real ms. */
export interface BulkTimes {
  /** From the beginning of one feed to that of the next. */
  everyMs: number;
  /** Between two looks at one that is under way. */
  lookEveryMs: number;
  /** From handing it in: past it the feed is stuck, and its listings are written one by one. */
  overdueMs: number;
  /** From its end to the first look at what it set, and to the instant from which it sets nothing more. */
  verifyAfterMs: number;
  verifyWithinMs: number;
  /** A feed that never ends is looked at no more. */
  forgetMs: number;
}

export type FeedStatus =
  | { state: 'working' }
  /** `report` names what `outcomes` reads. */
  | { state: 'done'; report: string }
  /** Given up by the channel: some, none or all of it may be applied. */
  | { state: 'failed'; code: string; message: string };

export type FeedEntry = Pick<WriteEntry, 'signature'> & { sku: string };

/** A feed under way, as the account keeps it: stored before it is handed in, so that its SKUs are held whatever happens. */
export interface Feed {
  /** The channel's own; absent until it is known. */
  id?: string;
  begunAt: number;
  entries: readonly FeedLine[];
  /** The answer to handing it in was lost: it may exist. */
  lost?: true;
  overdue?: true;
  endedAt?: number;
  /** What lowered its SKUs meanwhile has been looked at once since. */
  checked?: true;
}

/** SKU, quantity, version of the intent, key of the job: many of them are kept. */
export type FeedLine = readonly [sku: string, quantity: number, version: number, key: string];

export interface BulkRecord { v: 1; account: string; lastAt: number; feed?: Feed }

/** A record must fit into one message of the broker's: so many bytes of lines. */
const recordMax = 600_000;

/** As many of the lines, from the first on, as one record holds. */
export function fitting(lines: readonly FeedLine[]): number {
  let bytes = 0;
  for (const [n, line] of lines.entries()) {
    bytes += Buffer.byteLength(JSON.stringify(line)) + 1;
    if (bytes > recordMax) return n;
  }
  return lines.length;
}

/** When it counts as stuck. */
export function overdueAt({ begunAt }: Feed, { overdueMs }: BulkTimes): number {
  return begunAt + overdueMs;
}

/** Whether the channel is still expected to carry it out, so that its listings wait for it. */
export function isAwaited(feed: Feed): boolean {
  return !feed.lost && !feed.overdue && feed.endedAt === undefined;
}

/** What is next to be done about a feed under way, and when; a lost one is only waited for. */
export type Next = { do: 'look' | 'overdue' | 'check' | 'close'; at: number };

export function next(feed: Feed, lookedAt: number, times: BulkTimes): Next {
  const { begunAt, endedAt, checked, lost, overdue } = feed;
  if (endedAt !== undefined) return checked ? { do: 'close', at: endedAt + times.verifyWithinMs } : { do: 'check', at: endedAt + times.verifyAfterMs };
  if (lost) return { do: 'close', at: begunAt + times.overdueMs + times.verifyWithinMs };
  const gone = begunAt + times.forgetMs;
  if (overdue) {
    const look = lookedAt + times.lookEveryMs;
    return look < gone ? { do: 'look', at: look } : { do: 'close', at: gone };
  }
  const stuck = overdueAt(feed, times);
  const look = Math.max(begunAt, lookedAt) + times.lookEveryMs;
  return look < stuck ? { do: 'look', at: look } : { do: 'overdue', at: stuck };
}
