/**
 * One location's number by a source whose positions can be compared and nothing more: it ends at the newest count and
 * the deltas above it, whatever order they come in and however often. On hand and reserved are registers of their own,
 * since a count may state one without the other. Pure.
 */
import { comparePositions } from './position.ts';
import type { Lot, Position, Register, SourcePolicy, StockFact } from './protocol.ts';
import type { Applied } from './sequence.ts';

/** Deltas above the last count that are told apart. What is older is folded: a repeat of it cannot be told from news. */
export const deltasMax = 256;

export function applyMonotone<L extends Lot>(before: L, fact: StockFact, { floor }: SourcePolicy): Applied<L> {
  const lot = asMonotone(before, fact.source);
  const { onHand, reserved } = lot.registers!;
  const { position, source } = fact;
  if (fact.type !== 'stock.counted') {
    const on = fact.type === 'stock.adjusted';
    // Where two deltas claim one position, the one that shows less counts.
    const told = changed(on ? onHand : reserved, position, fact.delta, on ? Math.min : Math.max);
    if (told.register === (on ? onHand : reserved)) return { lot: before, ...told.result, counts: [] };
    return { lot: summed({ ...lot, source, registers: on ? { onHand: told.register, reserved } : { onHand, reserved: told.register } }, floor), ...told.result, counts: [] };
  }
  const counted = stated(onHand, position, fact.quantity, Math.min);
  const committed = fact.reserved === undefined ? { register: reserved, result: {} } : stated(reserved, position, Math.max(0, fact.reserved), Math.max);
  const { result } = counted.result.problem === undefined && committed.result.problem !== undefined ? committed : counted;
  // A count that is too late for one of its numbers says nothing of the other.
  if (result.problem === 'late' || (counted.register === onHand && committed.register === reserved)) return { lot: before, ...result, counts: [] };
  const isNews = counted.register !== onHand;
  return {
    lot: summed({ ...lot, source, registers: { onHand: counted.register, reserved: committed.register }, ...(isNews && { position }) }, floor),
    ...(isNews || result.problem !== undefined ? result : {}),
    counts: isNews ? [fact] : [],
  };
}

/** Deltas above the last count, or before the first: how many are told apart. */
export function isUncounted({ onHand, registers }: Lot): boolean {
  return onHand === undefined && registers !== undefined && (registers.onHand.deltas.length > 0 || registers.onHand.folded !== undefined);
}

interface Told { register: Register; result: Pick<Applied<never>, 'superseded' | 'problem'> }

function stated(register: Register, position: Position, value: number, lesser: (a: number, b: number) => number): Told {
  const { at, deltas, folded } = register;
  const order = at === undefined ? 1 : comparePositions(position, at);
  if (order < 0) return { register, result: { superseded: 'older' } };
  if (order === 0) {
    if (value === register.value || folded !== undefined) return { register, result: { superseded: 'older' } };
    const least = lesser(value, register.value!);
    return { register: least === register.value ? register : { ...register, value: least }, result: { problem: 'conflict' } };
  }
  // What was folded came from before and after it, which nothing tells apart any more.
  if (folded !== undefined && comparePositions(position, folded) < 0) return { register, result: { problem: 'late' } };
  return { register: { value, at: position, deltas: deltas.filter(([other]) => comparePositions(other, position) > 0) }, result: {} };
}

function changed(register: Register, position: Position, units: number, lesser: (a: number, b: number) => number): Told {
  const { at, deltas, folded } = register;
  if (at !== undefined && comparePositions(position, at) <= 0) return { register, result: { superseded: 'older' } };
  if (folded !== undefined && comparePositions(position, folded) <= 0) return { register, result: { problem: 'late' } };
  let place = deltas.length;
  while (place > 0 && comparePositions(deltas[place - 1]![0], position) > 0) place -= 1;
  const same = deltas[place - 1];
  if (same && comparePositions(same[0], position) === 0) {
    if (same[1] === units) return { register, result: { superseded: 'older' } };
    const least = lesser(same[1], units);
    return { register: least === same[1] ? register : { ...register, deltas: deltas.with(place - 1, [same[0], least]) }, result: { problem: 'conflict' } };
  }
  return { register: { ...register, deltas: deltas.toSpliced(place, 0, [position, units]) }, result: {} };
}

/** The lot with what its registers come to; the oldest deltas are folded when there are too many. */
function summed<L extends Lot>(lot: L, floor = false): L {
  const onHand = bounded(lot.registers!.onHand, floor);
  const reserved = bounded(lot.registers!.reserved, true);
  const units = sum(onHand, floor);
  return { ...lot, registers: { onHand, reserved }, ...(units !== undefined && { onHand: units }), reserved: sum(reserved, true) ?? 0 };
}

function sum({ value, deltas }: Register, floor: boolean): number | undefined {
  if (value === undefined) return undefined;
  return deltas.reduce((units, [, delta]) => stopped(units + delta, floor), stopped(value, floor));
}

function bounded(register: Register, floor: boolean): Register {
  const { value, deltas } = register;
  const over = deltas.length - deltasMax;
  if (over <= 0) return register;
  const [folded] = deltas[over - 1]!;
  const units = sum({ ...(value !== undefined && { value }), deltas: deltas.slice(0, over) }, floor);
  return { ...register, ...(units !== undefined && { value: units }), deltas: deltas.slice(over), folded };
}

function stopped(units: number, floor: boolean): number {
  return floor ? Math.max(0, units) : units;
}

/** A lot that a sequence was kept for goes on from its number; what waited behind a gap are deltas like any other. */
function asMonotone<L extends Lot>(lot: L, source: string): L {
  if (lot.registers) return lot;
  const counted = lot.onHand !== undefined && { value: lot.onHand, at: lot.position };
  const deltas = (type: StockFact['type']): Register['deltas'] => lot.held.flatMap(held => (held.type === type && held.source === source ? [[held.position, (held as { delta: number }).delta]] : []));
  return {
    ...lot,
    held: [],
    registers: {
      onHand: { ...counted, deltas: deltas('stock.adjusted') },
      // Never stated: every delta counts, from nothing.
      reserved: { value: lot.reserved, ...(lot.onHand !== undefined && { at: lot.position }), deltas: deltas('stock.reserved') },
    },
  };
}
