/** What the shop's ERP tells Plumb. */

export interface ErpCommon {
  /** Unique per fact; a repeat bears the same one. */
  id: string;
  sku: string;
  /** 1, 2, 3 ... within the SKU. */
  version: number;
  /** When the ERP wrote it, ISO 8601. */
  at: string;
}

/** What travels on `ingest.erp`, as JSON. */
export type ErpMessage = ErpCommon & (
  /**
   * Absolute. `imported`: order lines, `<account>/<order>/<line>`, and cancellations of whole lines, the same +
   * `#cancelled`, that came into the number in the last minute.
   */
  | { type: 'count'; quantity: number; imported: string[] }
  | { type: 'adjust'; delta: number; reason: string }
);
