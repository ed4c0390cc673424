/**
 * Emptying an account and filling it again: each listing by a fact in its SKU's journal, those that sell out first at the
 * front, so that what the rate allows is spent where the risk is.
 */
import type { Pair } from '../../actors/reconciler/proof.ts';
import { inBatches } from '../batches.ts';
import type { Desk } from './ports.ts';

/** Facts on their way at once. */
const atOnce = 200;

/** What begins with a drain is correlated by this, so that no governor holds it. */
export function drainOf(account: string): string {
  return `drain:${account}:`;
}

/**
 * Tells every listing that is not so yet; told again, the rest of a drain that was broken off is told.
 *
 * @param drained false fills them again
 * @returns how many listings were told, and how long their writes will take at the channel's rate, ms
 */
export async function drain({ ports: { account, adapter }, pairs, journal, budget }: Desk, drained: boolean, by: string): Promise<{ listings: number; etaMs: number }> {
  const now = Date.now();
  const told = [...pairs.values()].filter(pair => pair.drained !== drained).sort((a, b) => unitsOf(a) - unitsOf(b));
  const correlation = `${drainOf(account)}${now}`;
  await inBatches(told, atOnce, ({ sku }) => journal.fact(sku, `${correlation}:${sku}`, { type: 'listing.drained', account, drained, by }, correlation));
  const calls = new Map<string, number>();
  for (const { listing } of told) {
    const { limit, batch, cost } = adapter.writeOperation?.(listing) ?? adapter.operations.write;
    calls.set(limit, (calls.get(limit) ?? 0) + cost / batch);
  }
  const etaMs = Math.max(0, ...[...calls].map(([limit, cost]) => Math.ceil(cost / budget.perSecond(limit) * 1_000)));
  return { listings: told.length, etaMs };
}

/** Few units sell out soonest; none cannot sell at all. */
function unitsOf({ reading, provenQuantity, intended }: Pair): number {
  const units = reading?.buyable ?? provenQuantity ?? intended?.quantity ?? 0;
  return units === 0 ? Infinity : units;
}
