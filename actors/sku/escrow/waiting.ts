/**
 * A source's number that contains order lines or cancellations which are not learnt yet is not believed until they are,
 * or until orders are complete and they still are not: the unit that it misses is in some cell's rights, and the unit
 * that it has too much is on sale there. Pure.
 */
import { lookup } from '../../own-keys.ts';
import { cancelledMark, isByRule, isClosed, returnedMark } from '../contained.ts';
import type { Exposure, Waiting } from '../exposure/record.ts';
import type { Ledger } from '../exposure/ledger.ts';
import { lotsOf } from '../lots.ts';
import type { Place, Stock } from '../protocol.ts';
import { accountOf } from './ledger.ts';

/** What the source's new number names and we have yet to learn of; undefined where there is nothing. */
export function unknownTo(before: Stock, after: Stock, { cells, waiting }: Exposure, { seq, at }: Place): Omit<Waiting, 'lag'> | undefined {
  const ids = new Set(waiting?.ids.filter(id => !isLearnt(after, id)));
  for (const id in after.early) if (after.early[id]![0] === seq && !id.endsWith(returnedMark) && Object.hasOwn(cells, accountOf(id))) ids.add(id);
  // By time or rule a line that is contained takes what comes back of it along, whether anything does or not.
  if (after.lines !== before.lines && !isByRule(after)) {
    for (const id in after.lines) {
      const { cancelImported, cancelled = 0 } = after.lines[id]!;
      if (cancelImported && cancelled === 0 && !lookup(before.lines, id)?.cancelImported && Object.hasOwn(cells, accountOf(id))) ids.add(`${id}${cancelledMark}`);
    }
  }
  const through = Math.max(0, ...lotsOf(after).map(([, lot]) => lot.through ?? 0));
  const isAhead = through > Math.max(0, ...lotsOf(before).map(([, lot]) => lot.through ?? 0)) && Object.values(cells).some(cell => cell.through < through);
  if (ids.size === 0 && !isAhead) return undefined;
  return { since: at, ids: [...ids].sort(), ...((isAhead || waiting?.through !== undefined) && { through: Math.max(through, waiting?.through ?? 0) }) };
}

/** All that was named is known, or orders are complete beyond it. */
export function isOver(stock: Stock, { since, ids, through = 0 }: Waiting, { cells }: Ledger): boolean {
  const isComplete = (until: number): boolean => Object.values(cells).every(cell => cell.through >= until + cell.terms.marginMs);
  return isComplete(since) || (ids.every(id => isLearnt(stock, id)) && (through === 0 || isComplete(through)));
}

function isLearnt(stock: Stock, id: string): boolean {
  const name = id.endsWith(cancelledMark) ? id.slice(0, -cancelledMark.length) : id;
  const line = lookup(stock.lines, name);
  if (!line) return isClosed(stock, name);
  return name === id || (line.cancelled ?? 0) > 0;
}
