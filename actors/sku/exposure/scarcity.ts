/** How scarce a SKU is by what its record and its accounts tell: what buffers and the mode are chosen by. Pure. */
import { lookup } from '../../own-keys.ts';
import type { Stock } from '../protocol.ts';
import { known } from '../stock.ts';
import type { Scarcity } from './mode.ts';
import type { Measured } from './safety-stock.ts';

/** Measured of an account, ms; absent until it was. */
export interface Delays { writeMs?: number; orderLagMs?: number }

const hourMs = 3_600_000;

/**
 * Units sold an hour of late by account, as far back as the record's lines go, a day at most and an hour at least.
 *
 * @param pace how many times faster than the vendors' a day is here
 */
export function measuredOf({ lines, outlets }: Stock, delays: Readonly<Record<string, Delays>>, now: number, pace = 1): Measured[] {
  const leastMs = hourMs / pace;
  const units: Record<string, number> = {};
  let oldest = now;
  for (const id in lines) {
    const { createdAt, units: sold } = lines[id]!;
    if (createdAt === undefined || createdAt < now - 24 * leastMs) continue;
    const account = id.slice(0, Math.max(0, id.indexOf('/')));
    units[account] = (lookup(units, account) ?? 0) + sold;
    oldest = Math.min(oldest, createdAt);
  }
  const hours = Math.max(leastMs, now - oldest) / hourMs;
  return Object.keys(outlets).sort().map(account => ({ account, unitsPerHour: (lookup(units, account) ?? 0) / hours, ...lookup(delays, account) }));
}

/** Of a SKU's channels the slowest pair counts: a sale at one until another shows it. */
export function scarcityOf(stock: Stock, measured: readonly Measured[], debounceMs: number): Scarcity {
  const unitsPerHour = measured.reduce((sum, one) => sum + one.unitsPerHour, 0);
  const isMeasured = measured.length > 0 && measured.every(({ writeMs, orderLagMs }) => writeMs !== undefined && orderLagMs !== undefined);
  return {
    known: known(stock), unitsPerHour,
    // Nothing sold lately: any channel may sell the next one.
    shares: measured.map(one => unitsPerHour > 0 ? one.unitsPerHour / unitsPerHour : 1 / measured.length),
    delayMs: isMeasured ? Math.max(...measured.map(({ writeMs }) => writeMs!)) + Math.max(...measured.map(({ orderLagMs }) => orderLagMs!)) + debounceMs : undefined,
  };
}
