/** What the feed process is started with, and what it and its supervisor say to each other over IPC. */
import { z } from 'zod';
import type { BuyerFigures } from './buyers.ts';
import type { SupplyStep } from './told.ts';

/** The feed's one argument, as JSON. */
export const feedConfigSchema = z.strictObject({
  natsUrl: z.string().min(1),
  /** Sandbox origins by account. */
  accounts: z.record(z.string().min(1), z.url()),
  /** Trace files; without `orders` the generator makes the world. */
  orders: z.string().min(1).optional(),
  stock: z.string().min(1).optional(),
  adjustments: z.string().min(1).optional(),
  /** Lines of the trace to read, or order lines to generate. */
  limit: z.number().int().positive().optional(),
  /** Size of the generated catalogue. */
  skus: z.number().int().min(2).optional(),
  /** Generated: orders in a second of ours on average, in place of `limit`. */
  ordersPerSecond: z.number().positive().optional(),
  /** Generated: how orders come, in our time. Without it by the hour of the day. */
  rushes: z.strictObject({ everyMs: z.number().positive(), forMs: z.number().positive(), times: z.number().positive() }).optional(),
  /** What listings show before Plumb comes: what is not so, as an earlier tool left it, or the truth. Default `wrong`. */
  leftOvers: z.enum(['wrong', 'true']).optional(),
  seed: z.number().int().min(0),
  /** Trace time runs so many times faster than ours. */
  speed: z.number().positive(),
  /** Trading ends after so long, in our time, ms: a trace is cut there, the generator fills it. */
  tradingMs: z.number().int().positive().optional(),
});

export type FeedConfig = z.infer<typeof feedConfigSchema>;

export type ToFeed =
  /** Trading begins. */
  | { type: 'open' }
  /** Buyers and the warehouse stand still; what the ERP has to say already goes on. */
  | { type: 'pause' }
  | { type: 'resume' }
  /** The ERP counts everything at once, and wrongly as nothing where `wrong`. */
  | { type: 'recount'; wrong: boolean }
  /** Asks for the truth; answered by `supply`, at any time. */
  | { type: 'supply' };

export interface Progress {
  /** Order lines sold, refused as sold out, and lines of cancellations that found something to cancel. */
  placed: number;
  refused: number;
  cancelled: number;
  /** ERP messages published, repeats included. */
  erp: number;
  /** Events of the trace: begun, and all. */
  done: number;
  total: number;
  /** The trace's time, epoch ms. */
  traceMs: number;
}

/** One SKU as the ERP knows it. */
export interface SkuSupply {
  sku: string;
  /** Opening stock plus adjustments, no sale subtracted: truth is this less net units sold everywhere. */
  supply: number;
  /** What the ERP's newest count or adjustment leaves in its book. */
  book: number;
  /** The SKU's newest version. */
  version: number;
  /** Lines that the book could not cover, never imported. */
  backorders: number;
  /** When which supply was known to a listener that misses nothing. */
  timeline: SupplyStep[];
}

export interface FeedFigures extends BuyerFigures {
  erp: ErpReport;
}

export interface ErpReport {
  /** Messages sent, repeats included, and different ids among them. */
  published: number;
  ids: number;
  duplicates: number;
  swapped: number;
  late: number;
  replayed: number;
  counts: number;
  adjusts: number;
  linesImported: number;
  cancellationsImported: number;
  clampedUnits: number;
}

export type FromFeed =
  /** Every sandbox has its listings. */
  | { type: 'listed'; skus: number; accounts: string[] }
  /** Opening counts are published; waits for `open`. */
  | { type: 'ready'; skus: number; orders: number; lines: number; events: number; traceFromMs: number; traceToMs: number }
  /** Once a second while trading. */
  | ({ type: 'progress' } & Progress)
  /** Everything is placed and everything late is said. The feed stays until it is told to end. */
  | { type: 'done'; figures: FeedFigures }
  | { type: 'supply'; skus: SkuSupply[]; erp: ErpReport }
  /** The process ends: code 2 for input that cannot be used, else 1. */
  | { type: 'failed'; message: string; code: 1 | 2 };
