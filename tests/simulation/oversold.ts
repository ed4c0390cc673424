/**
 * Units sold that did not exist, and whether mirroring allows them. A channel may show what the newest supply leaves when
 * every sale is subtracted that is older than the time in which a sale reaches the other channels; of fresher ones it
 * may not know yet. The demo's referee asks that a number was true within that time: here supply moves meanwhile too.
 */
import { disturbances, windowStart } from '../../deploy/demo/oversell.ts';
import type { FaultInterval } from '../../deploy/demo/oversell.ts';
import { change } from '../../deploy/demo/replay.ts';
import type { Moment } from '../../deploy/demo/replay.ts';
import type { LedgerEntry } from '../../deploy/sandbox/kit/ledger.ts';

export interface Oversale { sku: string; account: string; line: string; at: number; units: number; shown: number; allowed: number }

/** `allowed`: the most that the channel may have shown then, mirroring; all that it showed, where that was not Plumb's doing. */
export interface Oversold { units: number; sales: Oversale[] }

interface Step { at: number; supply: number; /** Net units. */ sold: number; cancelled: number }

/** What a channel showed, and when, to buyers who had to pay before they could order, by `<account>/<order>/<line>`. */
export function seenBefore(ledgers: Readonly<Record<string, readonly LedgerEntry[]>>): Map<string, { at: number; shown: number }> {
  const seen = new Map<string, { at: number; shown: number }>();
  for (const [account, entries] of Object.entries(ledgers)) {
    const shown = new Map<string, number>();
    const payers = new Map<string, { at: number; shown: number }>();
    for (const entry of entries) {
      if (entry.kind === 'shown') shown.set(entry.sku, entry.quantity);
      else if (entry.kind === 'held') payers.set(entry.buyer, { at: entry.at, shown: shown.get(entry.sku) ?? 0 });
      else if (entry.kind === 'sold' && payers.has(entry.buyer)) seen.set(`${account}/${entry.line}`, payers.get(entry.buyer)!);
    }
  }
  return seen;
}

/**
 * @param staleMs how old a sale is that every channel knows, in undisturbed times
 * @param isMeddled something else than a buyer or Plumb raised what the channel showed before that sale
 * @param seen what buyers had seen that paid before they ordered
 */
export function oversold(moments: ReadonlyMap<string, readonly Moment[]>, staleMs: number, faults: readonly FaultInterval[], isMeddled: (account: string, sku: string, at: number) => boolean, seen: ReturnType<typeof seenBefore> = new Map()): Oversold {
  const result: Oversold = { units: 0, sales: [] };
  for (const [sku, list] of moments) {
    const steps: Step[] = [{ at: 0, supply: 0, sold: 0, cancelled: 0 }];
    for (const moment of list) {
      const { supply, sold, cancelled } = steps.at(-1)!;
      const by = change(moment, supply);
      if (by === undefined) continue;
      const { at } = moment;
      if (moment.kind === 'sold') {
        const units = Math.min(moment.units, moment.units - (supply - sold));
        if (units > 0) {
          result.units += units;
          const { account, line } = moment;
          const { at: seenAt, shown } = seen.get(`${account}/${line}`) ?? moment;
          const since = windowStart(seenAt, staleMs, disturbances(faults, account));
          result.sales.push({ sku, account, line, at, units, shown, allowed: isMeddled(account, sku, at) ? shown : most(steps, since) });
        }
      }
      steps.push({
        at,
        supply: moment.kind === 'supply' ? moment.supply : supply,
        sold: moment.kind === 'supply' ? sold : sold - by,
        cancelled: cancelled + (moment.kind === 'cancelled' ? by : 0),
      });
    }
  }
  return result;
}

/** The most that a channel may show: no sale within the window may be known to it, each cancellation may. */
function most(steps: readonly Step[], since: number): number {
  const before = steps.findLast(step => step.at < since) ?? steps[0]!;
  const within = [before, ...steps.filter(step => step.at >= since)];
  const supply = Math.max(...within.map(step => step.supply));
  return Math.max(0, supply - before.sold + within.at(-1)!.cancelled - before.cancelled);
}
