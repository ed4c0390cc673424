/** Opening stock for orders that come without one: how much of each SKU makes the orders interesting. */
import { Dice } from './dice.ts';
import type { WorldEvent } from './world.ts';

/** An order line this large is left out of a SKU's peak: nobody stocks up for a typing error. */
const absurdUnits = 1_000;

/**
 * Stock by class, as in the recorded data. Of each SKU, *peak* is the deepest net outflow that the events reach.
 * 5 % have none; 25 % are scarce (10 to 70 % of the peak, at least 1); 15 % have exactly the peak, so that the last
 * unit sells and no more; 55 % have plenty (1.5 to 4 times the peak, and 10).
 *
 * @param skus the catalogue; those without an event count as peak 0
 */
export function openingStock(events: readonly WorldEvent[], skus: Iterable<string>, seed: number): Map<string, number> {
  const peaks = outflowPeaks(events);
  const stock = new Map<string, number>();
  for (const sku of skus) stock.set(sku, opening(peaks.get(sku) ?? 0, new Dice(seed, `opening/${sku}`)));
  return stock;
}

function opening(peak: number, dice: Dice): number {
  const kind = dice.next();
  const factor = dice.next();
  if (kind < 0.05) return 0;
  if (kind < 0.30) return Math.max(1, Math.ceil((0.1 + 0.6 * factor) * peak));
  if (kind < 0.45) return peak;
  return Math.ceil((1.5 + 2.5 * factor) * peak) + 10;
}

function outflowPeaks(events: readonly WorldEvent[]): Map<string, number> {
  const flows = new Map<string, { out: number; peak: number }>();
  const flow = (sku: string, units: number): void => {
    const now = flows.get(sku) ?? { out: 0, peak: 0 };
    now.out += units;
    now.peak = Math.max(now.peak, now.out);
    flows.set(sku, now);
  };
  for (const event of events) {
    if (event.kind === 'adjust') {
      flow(event.sku, -event.delta);
      continue;
    }
    for (const { sku, units } of event.lines) {
      if (units < absurdUnits) flow(sku, event.kind === 'order' ? units : -units);
    }
  }
  return new Map([...flows].map(([sku, { peak }]) => [sku, peak]));
}
