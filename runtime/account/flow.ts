/** What orders took from listings of an account and gave back, so that a change of a number can be told from a sale. */
import type { OrderFact } from '../../actors/sku/protocol.ts';

/** Units so far: ordered, cancelled, shipped. They rise alone. */
export interface FlowMark { placed: number; cancelled: number; shipped: number }

/** Lines whose last state is remembered; of an older one the whole figure counts again, which explains too much and never too little. */
const linesMost = 50_000;

export class Flow {
  readonly #bySku = new Map<string, FlowMark>();
  readonly #lines = new Map<string, FlowMark>();

  mark(sku: string): FlowMark {
    return { ...this.#bySku.get(sku) ?? none };
  }

  take(sku: string, { type, line, units }: OrderFact): void {
    const what = type === 'order.placed' ? 'placed' : type === 'order.cancelled' ? 'cancelled' : type === 'order.shipped' ? 'shipped' : undefined;
    if (what === undefined) return;
    const known = this.#lines.get(line) ?? { ...none };
    const of = this.#bySku.get(sku) ?? { ...none };
    of[what] += Math.max(0, units - known[what]);
    known[what] = Math.max(known[what], units);
    this.#bySku.set(sku, of);
    this.#lines.delete(line);
    this.#lines.set(line, known);
    if (this.#lines.size > linesMost) this.#lines.delete(this.#lines.keys().next().value!);
  }
}

const none: Readonly<FlowMark> = { placed: 0, cancelled: 0, shipped: 0 };

/**
 * Whether orders between two marks may have changed what is for sale by so much. A number may have been read before a
 * sale of that time was: any part of what was ordered explains a fall, any part of what came back a rise.
 *
 * @param gross what is shipped there is for sale again, until its seller lowers the number
 */
export function isExplained(delta: number, before: FlowMark, after: FlowMark, gross: boolean): boolean {
  if (delta < 0) return -delta <= after.placed - before.placed;
  return delta <= after.cancelled - before.cancelled + (gross ? after.shipped - before.shipped : 0);
}
