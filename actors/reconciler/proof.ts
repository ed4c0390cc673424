/** When each listing was last proven to show what was intended. Pure data; time is an argument (epoch ms). */
import type { Listing, Reading } from '../channel/adapter.ts';
import type { Outlet } from '../sku/protocol.ts';

/** What is known of one SKU at one account. */
export interface Pair {
  sku: string;
  listing: Listing;
  gross: boolean;
  intended?: { quantity: number; version: number; kind: 'write' | 'verify' | 'repair'; signature: string; decidedAt: number };
  /** Version last proven, and when a read or an answer last showed the intended number. */
  provenVersion?: number;
  provenBy?: 'write' | 'read';
  provenAt: number;
  /** The newest reading, for conditional writes and for people. */
  reading?: { quantity: number; buyable: number; version?: string; at: number };
  /** A difference seen once, not yet believed. */
  suspicion?: Suspicion;
  readAt: number;
  /** When our newest write for it was answered or lost; a read begun before proves nothing of it. */
  writtenAt: number;
}

export interface Suspicion {
  /** Version of the intent that it speaks against. */
  version: number;
  observed: number;
  /** When the first read that showed it began. */
  since: number;
  /** Reads that showed the same difference. */
  reads: number;
}

export function newPair(sku: string, outlet: Outlet): Pair {
  return {
    sku,
    listing: { id: outlet.listing.id, sku, fields: outlet.listing.fields },
    gross: outlet.gross,
    provenAt: 0,
    readAt: 0,
    writtenAt: 0,
  };
}

/** Takes note of a SKU's record, in place: there are as many pairs as listings. */
export function noteRecord(pair: Pair, outlet: Outlet): void {
  pair.listing = { id: outlet.listing.id, sku: pair.sku, fields: { ...outlet.listing.fields } };
  const { intent, proof } = outlet;
  if (!intent) return;
  const { quantity, version, kind, signature, decidedAt } = intent;
  pair.intended = { quantity, version, kind, signature, decidedAt };
  if (proof?.version === version && pair.provenVersion !== version) {
    pair.provenVersion = version;
    pair.provenBy = proof.by;
    pair.provenAt = Math.max(pair.provenAt, proof.at);
  }
  if (pair.suspicion && pair.suspicion.version !== version) delete pair.suspicion;
}

export function isProven(pair: Pair): boolean {
  return pair.intended !== undefined && pair.provenVersion === pair.intended.version;
}

export function noteReading(pair: Pair, reading: Reading, at: number): void {
  pair.reading = { quantity: reading.quantity, buyable: reading.buyable, ...(reading.version !== undefined && { version: reading.version }), at };
  // Vendor ids that a later write must carry travel with the newest reading.
  pair.listing = { ...pair.listing, fields: { ...pair.listing.fields, ...reading.listing.fields } };
  pair.readAt = at;
}

/** Ages of proof in ms: p50, p99 and the oldest. Pairs without an intent are not counted. */
export function ages(pairs: Iterable<Pair>, now: number): { p50: number; p99: number; oldest: number; count: number } {
  const all: number[] = [];
  for (const pair of pairs) if (pair.intended) all.push(now - pair.provenAt);
  all.sort((a, b) => a - b);
  const at = (q: number): number => all[Math.min(all.length - 1, Math.floor(q * all.length))] ?? 0;
  return { p50: at(0.5), p99: at(0.99), oldest: all.at(-1) ?? 0, count: all.length };
}
