/** Pairs and readings for the tests of the reconciler. */
import type { Reading } from '../../actors/channel/adapter.ts';
import { newPair, noteRecord } from '../../actors/reconciler/proof.ts';
import type { Pair } from '../../actors/reconciler/proof.ts';
import type { Intent, Outlet } from '../../actors/sku/protocol.ts';

export const now = 1_800_000_000_000;

interface Told { quantity?: number; version?: number; kind?: Intent['kind']; decidedAt?: number; proven?: boolean; proofAt?: number; fields?: Record<string, string>; id?: string; shown?: number }

/** The outlet of SKU A as its record tells it; by default an intent of 5 decided a minute ago and proven. */
export function outlet({ quantity = 5, version = 7, kind = 'write', decidedAt = now - 60_000, proven = true, proofAt = decidedAt + 1_000, fields = {}, id = 'L', shown }: Told = {}): Outlet {
  return {
    listing: { id, fields },
    gross: false,
    rule: { buffer: 0 },
    intent: { quantity, version, kind, lane: 'decrease', signature: `sig-${version}`, causeAt: decidedAt, decidedAt, correlation: 'c' },
    ...(shown !== undefined && { shown }),
    ...(proven && { proof: { version, quantity, at: proofAt, by: 'write' as const } }),
  };
}

export function pairOf(told: Told = {}, rest: Partial<Pair> = {}): Pair {
  const pair = newPair('A', outlet(told));
  noteRecord(pair, outlet(told));
  return Object.assign(pair, rest);
}

export const shows = (quantity: number, rest: Partial<Reading> = {}): Reading =>
  ({ listing: { id: 'L', sku: 'A', fields: {} }, quantity, buyable: quantity, active: true, ...rest });
