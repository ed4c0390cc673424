/** The referee's book of one marketplace account: what was shown when, what was bought. Plumb never reads it. */

export type LedgerEntry = {
  /** 1, 2, 3 ... within the account. */
  seq: number;
  /** Epoch ms. */
  at: number;
  sku: string;
} & (
  /** What buyers see changed, and why. `quantity` is what they can buy from now on. */
  | { kind: 'shown'; quantity: number; by: 'open' | 'write' | 'sale' | 'restock' | 'edit' | 'ship' | 'hold' }
  /** `units` were sold as order line `line` (`<order id>/<line id>`, as the order API names it). */
  | { kind: 'sold'; line: string; units: number; buyer: string; hidden?: true }
  | { kind: 'cancelled'; line: string; units: number }
  /** A buyer began to pay for units; then ordered them, or did not. */
  | { kind: 'held'; units: number; buyer: string }
  | { kind: 'released'; units: number; buyer: string; isPaid: boolean }
  /** A buyer wanted more than was shown. */
  | { kind: 'soldout'; units: number; buyer: string }
);

type Draft<T> = T extends unknown ? Omit<T, 'seq' | 'at'> : never;

export class Ledger {
  readonly entries: LedgerEntry[] = [];
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  add(entry: Draft<LedgerEntry>): void {
    this.entries.push({ seq: this.entries.length + 1, at: this.#now(), ...entry } as LedgerEntry);
  }
}
