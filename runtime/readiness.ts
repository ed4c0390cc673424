/** Whether a node serves its share of the work, for whoever decides by it: probes, load balancers, a rolling upgrade. */
import type { Membership } from './membership.ts';
import type { Placement } from './placement.ts';

/** A partition may be between two owners for so long, at the most when a broker server died with a node: R5. */
const betweenOwnersMs = 12_000;

export interface ReadinessPorts {
  membership: Pick<Membership, 'leased' | 'steady'>;
  placement: Pick<Placement, 'owed'>;
  /** Monotonic ms. */
  now?: () => number;
}

export class Readiness {
  readonly #membership: ReadinessPorts['membership'];
  readonly #placement: ReadinessPorts['placement'];
  readonly #now: () => number;
  /** Partitions that should be served here and are not, with when that was first seen, monotonic ms. */
  readonly #owedSince = new Map<string, number>();
  #began = false;
  #leaving = false;

  constructor({ membership, placement, now = () => performance.now() }: ReadinessPorts) {
    this.#membership = membership;
    this.#placement = placement;
    this.#now = now;
  }

  /** From now on it is not ready, for good. */
  leave(): void {
    this.#leaving = true;
  }

  /**
   * Why it does not serve its share; undefined while it does. Partitions alone count: what accounts, sources and doors
   * wait for is another system, which no other node could reach either.
   */
  get problem(): string | undefined {
    if (this.#leaving) return 'it is leaving: others take its work';
    if (!this.#membership.leased) return 'the broker was not heard of late: nothing is called or written';
    if (!this.#membership.steady) return 'it has not heard for long enough who else is there';
    const owed = this.#placement.owed.filter(unit => unit.startsWith('sku.'));
    const now = this.#now();
    for (const unit of this.#owedSince.keys()) if (!owed.includes(unit)) this.#owedSince.delete(unit);
    for (const unit of owed) if (!this.#owedSince.has(unit)) this.#owedSince.set(unit, now);
    const longest = owed.length === 0 ? 0 : now - Math.min(...this.#owedSince.values());
    if (owed.length === 0) this.#began = true;
    if (this.#began && longest <= betweenOwnersMs) return undefined;
    return `${owed.length} of its partitions are not served${this.#began ? ` for ${Math.round(longest / 1_000)} s` : ' yet'}: ${owed.slice(0, 3).join(', ')}${owed.length > 3 ? ', …' : ''}`;
  }
}
