/** What the vendors' published quotas allow, set against what the load asks for: said before anything is started. */
import { loadLimits } from '../../config/limits.ts';
import { channels } from '../../deploy/demo/world.ts';

export type Account = (typeof channels)[number];

/**
 * The limit that a listing's write spends, and how much of it. Shopify's listings are read before they are written, 4
 * points each; eBay writes 25 in a call. Both read orders or proofs from the same limit: half of it is left for writes.
 */
const writes: Record<Account, { limit: string; cost: number; share: number }> = {
  amazon: { limit: 'patchListingsItem', cost: 1, share: 1 },
  walmart: { limit: 'updateInventoryForAnItem', cost: 1, share: 1 },
  shopify: { limit: 'points', cost: 4, share: 0.5 },
  mercadolibre: { limit: 'stockWrites', cost: 1, share: 1 },
  ebay: { limit: 'inventory', cost: 1 / 25, share: 0.5 },
};

export interface Demand {
  account: Account;
  /** Changes of numbers in a second that the load asks the account for, before any two of them become one write. */
  changesPerSecond: number;
  /** Listings in a second that its quota lets be written. */
  writesPerSecond: number;
  /** More is asked for than the quota gives: what waits there grows while the load lasts, whoever writes. */
  beyond: boolean;
}

/** @param sold order lines in a second, by account @param scale quotas are so many times the published ones */
export function demands(sold: Readonly<Record<string, number>>, scale: number): Demand[] {
  const all = Object.values(sold).reduce((sum, lines) => sum + lines, 0);
  return channels.map(account => {
    const { limit, cost, share } = writes[account];
    const writesPerSecond = loadLimits(account, scale)[limit]!.perSecond * share / cost;
    // What the account sells by itself it shows by itself.
    const changesPerSecond = all - (sold[account] ?? 0);
    return { account, changesPerSecond, writesPerSecond, beyond: changesPerSecond > writesPerSecond };
  });
}

export function tell({ account, changesPerSecond, writesPerSecond, beyond }: Demand): string {
  const figures = `${account}: ${changesPerSecond.toFixed(1)} changes a second are asked for, its quota writes ${writesPerSecond.toFixed(1)} listings a second`;
  return beyond ? `${figures}: NOT POSSIBLE at this load. Zeros and decreases go first there, the rest waits; its lag and what is oversold for it are told and not judged` : figures;
}
