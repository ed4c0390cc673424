/** What happens in the demo's world, whoever tells it: a recorded trace or the generator. */

/** The five marketplaces of the demo; the accounts bear the same names. */
export const channels = ['amazon', 'walmart', 'shopify', 'mercadolibre', 'ebay'] as const;

export interface WorldLine {
  sku: string;
  /** Whole units, above 0. */
  units: number;
  /** The line's number within its order or cancellation. The same SKU may stand in two lines. */
  line: number;
}

/** `atMs` is the trace's own time, epoch ms. */
export type WorldEvent =
  /** A buyer wants these lines, in one order at one account. */
  | { kind: 'order'; atMs: number; orderId: string; account: string; lines: WorldLine[] }
  /** Lines of order `refOrderId` are cancelled, by SKU and units; never before that order. */
  | { kind: 'cancel'; atMs: number; orderId: string; account: string; refOrderId: string; lines: WorldLine[] }
  /** Stock changes for a reason that only the ERP knows. `delta` is never 0; a minus is stock lost. */
  | { kind: 'adjust'; atMs: number; sku: string; delta: number; reason: string };

export interface World {
  /** In order of time. */
  events: WorldEvent[];
  /** Units of each SKU before the first event; every SKU of the catalogue has an entry. */
  stock: Map<string, number>;
}

/** Order lines, the measure of a trace's size. */
export function countOrderLines(events: readonly WorldEvent[]): number {
  return events.reduce((sum, event) => sum + (event.kind === 'order' ? event.lines.length : 0), 0);
}

/** By time; what comes at the same instant keeps its order. */
export function byTime(a: WorldEvent, b: WorldEvent): number {
  return a.atMs - b.atMs;
}
