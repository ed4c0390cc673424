/**
 * A channel's own count of what it ever sold of a listing: it tells of a sale before the order's line does. What it tells
 * counts once, whichever of both comes first, and never makes more to sell. Pure.
 *
 * With `C` the sales in the count as last told and `L` those in order lines, `counter - owed` is at most `|C| - |L|`: what
 * the count rises by next is `owed` first, and news after. Whatever is not known for sure is owed: then a sale is learnt by its
 * line alone, as where nobody counts.
 */
import type { Cell, Tally } from './ledger.ts';
import { changed } from './ledger.ts';

/** As told beside a quantity; `at` is when it was asked for. */
export interface SalesCount { units: number; by?: string | undefined; value: number; at: number }

/**
 * A count is told. The first one, one of another counter and one that fell (a listing begun anew, a cancellation taken off,
 * a state from before) say nothing of sales: counting begins there, and until all that is known by now is surely in it, rises
 * may be of that. What is news takes from rights no more than leaves what is shown beside it.
 *
 * @param known units in order lines of the cell
 * @param now when it was told
 */
export function soldTo(cell: Cell, { units, by, value, at }: SalesCount, known: number, now: number): Cell {
  const { terms: { kind, staleMs, marginMs, countMs = staleMs }, tally, counter, rights } = cell;
  // The number beside it is not what the cell may sell.
  if (kind === 'gross') return cell;
  if (!tally || tally.by !== by || units < tally.units) {
    // A state from before may be shown once more, too.
    const owed = counter + known + (tally?.by === by ? (tally?.units ?? units) - units : 0);
    return { ...cell, tally: changed<Tally>({ units }, { by, ...(owed > 0 && { owed, owedUntil: now + countMs + staleMs + marginMs }) }) };
  }
  const { owed = 0, owedUntil = 0 } = tally;
  const risen = units - tally.units;
  const news = Math.min(Math.max(0, risen - owed), Math.max(0, rights - Math.max(0, value)));
  const left = at >= owedUntil ? 0 : Math.max(0, owed - risen);
  const after = { ...cell, tally: changed<Tally>(tally, { units, owed: left || undefined, owedUntil: left > 0 ? owedUntil : undefined }) };
  return news === 0 ? after : { ...after, counter: counter + news, countedSince: now, rights: rights - news };
}

/** Units are learnt by an order line: of those that were counted before, the others are owed to the count. */
export function explained(cell: Cell, units: number, now: number): Cell {
  const { terms: { staleMs, marginMs, countMs = staleMs }, tally, counter } = cell;
  const before = Math.min(counter, units);
  const more = units - before;
  return changed<Cell>(cell, {
    ...(before > 0 && { counter: counter - before, ...(before === counter && { countedSince: undefined }) }),
    ...(tally && more > 0 && { tally: { ...tally, owed: (tally.owed ?? 0) + more, owedUntil: now + countMs + staleMs + marginMs } }),
  });
}
