/**
 * Which cell shows how many units: policy, free to change. It only asks; `apply` withholds what P5 forbids, so that a
 * policy can be unfair and never unsafe. Pure.
 */
import { lookup } from '../../own-keys.ts';
import type { Ledger } from './ledger.ts';
import { debt, free, known, openIn, sellable } from './ledger.ts';

/** Units that cells should be able to sell, by cell; a cell that is not named stays as it is. */
export type Policy = (ledger: Ledger, demand: Readonly<Record<string, number>>, now: number) => Record<string, number>;

/** What every channel shows in mirror mode: all there is, less a buffer of units. */
export const mirrored = (buffer: number): Policy => ledger => {
  const units = known(ledger);
  if (units === undefined) return {};
  return Object.fromEntries(Object.keys(ledger.cells).map(id => [id, Math.max(0, Math.min(ledger.cells[id]!.terms.cap, units - buffer))]));
};

/**
 * Section 7: the pool stays free, cells that run low are topped up to their share of demand, *set* cells once empty.
 * Units move only to an empty cell with a share of its own. With a debt the largest rights are lowered first (P9).
 */
export const byDemand: Policy = (ledger, demand, now) => {
  if (debt(ledger) > 0 || ledger.recovery) return lowerings(ledger);
  const wanted: Record<string, number> = {};
  const share = shares(ledger, demand);
  let left = Math.max(0, free(ledger) ?? 0);
  const ids = Object.keys(ledger.cells).sort((a, b) => share[b]! - share[a]! || (a < b ? -1 : 1));
  for (const id of ids) {
    const { rights, terms: { kind }, intent, quietUntil } = ledger.cells[id]!;
    const isWhole = kind === 'set';
    if (left === 0 || intent || now < quietUntil || rights * 2 >= share[id]! || (isWhole && rights > 0)) continue;
    const grant = Math.min(left, share[id]! - rights);
    wanted[id] = isWhole ? grant : (sellable(ledger, id) ?? rights) + grant;
    left -= grant;
  }
  if (left > 0 || isMoving(ledger)) return wanted;
  const needy = ids.find(id => ledger.cells[id]!.rights === 0 && share[id]! > 0);
  const donor = needy && ids.filter(id => ledger.cells[id]!.rights > share[id]!).sort((a, b) => surplus(ledger, share, b) - surplus(ledger, share, a))[0];
  if (donor) wanted[donor] = ledger.cells[donor]!.terms.kind === 'set' ? 0 : Math.max(0, (sellable(ledger, donor) ?? 0) - surplus(ledger, share, donor));
  return wanted;
};

function surplus({ cells }: Ledger, share: Record<string, number>, id: string): number {
  return cells[id]!.rights - share[id]!;
}

/** Units on their way back from a cell: proven and not settled, or in doubt. */
function isMoving({ cells }: Ledger): boolean {
  return Object.values(cells).some(({ intent, leakSince }) => intent !== undefined || leakSince !== undefined);
}

function lowerings(ledger: Ledger): Record<string, number> {
  const wanted: Record<string, number> = {};
  const cells = Object.keys(ledger.cells).map(id => ({ id, ...ledger.cells[id]!, isOnItsWay: isReturning(ledger, id), later: laterRights(ledger, id) }));
  // A further write would take the proof away that the units on their way wait for.
  let left = ledger.recovery ? Infinity : debt(ledger) - cells.reduce((sum, { rights, later }) => sum + rights - later, 0);
  for (const { id, rights, later, isOnItsWay, terms: { kind } } of cells.sort((a, b) => Number(a.isOnItsWay) - Number(b.isOnItsWay) || b.later - a.later)) {
    if (left <= 0 || (isOnItsWay && !ledger.recovery)) break;
    if (rights === 0 && !ledger.recovery) continue;
    const shown = sellable(ledger, id) ?? rights;
    wanted[id] = kind === 'set' ? 0 : Math.max(0, shown - left);
    left -= later - wanted[id];
  }
  return wanted;
}

/** Units of the cell are on their way back: a lower is in doubt, or proven and not settled. */
function isReturning(ledger: Ledger, id: string): boolean {
  return laterRights(ledger, id) < ledger.cells[id]!.rights;
}

/** What a cell will have rights to when the write that is in doubt, or was proven, has settled. */
function laterRights(ledger: Ledger, id: string): number {
  const { intent, mark, rights, terms: { kind } } = ledger.cells[id]!;
  if (!intent) return mark ? Math.min(rights, sellable(ledger, id) ?? rights) : rights;
  if (intent.reserved > 0 || kind === 'delta') return rights;
  return Math.min(rights, kind === 'gross' ? Math.max(0, intent.to - openIn(ledger, id)) : intent.to);
}

/** Whole shares of what exists, by demand, none above its cap: largest remainders, earlier names first. */
function shares(ledger: Ledger, demand: Readonly<Record<string, number>>): Record<string, number> {
  const units = Math.max(0, known(ledger) ?? 0);
  const ids = Object.keys(ledger.cells);
  const weights = ids.map(id => 1 + (lookup(demand, id) ?? 0));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const exact = weights.map(weight => units * weight / total);
  const whole = exact.map(Math.floor);
  let left = units - whole.reduce((sum, part) => sum + part, 0);
  const byRemainder = ids.map((_, i) => i).sort((a, b) => (exact[b]! - whole[b]!) - (exact[a]! - whole[a]!) || a - b);
  for (const i of byRemainder) if (left-- > 0) whole[i]! += 1;
  return Object.fromEntries(ids.map((id, i) => [id, Math.min(whole[i]!, ledger.cells[id]!.terms.cap)]));
}
