/** Positions of source facts: how they compare. Pure. */
import type { Position } from './protocol.ts';

/** Below 0 where `a` comes before `b`, 0 where both are the same position. */
export function comparePositions(a: Position, b: Position): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  const as = typeof a === 'number' ? [a] : a;
  const bs = typeof b === 'number' ? [b] : b;
  for (let n = 0; n < as.length && n < bs.length; n++) {
    const order = compareParts(as[n]!, bs[n]!);
    if (order !== 0) return order;
  }
  return as.length - bs.length;
}

function compareParts(a: number | string, b: number | string): number {
  if (typeof a === 'number') return typeof b === 'number' ? a - b : -1;
  if (typeof b === 'number') return 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The position in a sequence; undefined for one that cannot be counted up to. */
export function ordinalOf(position: Position): number | undefined {
  const [ordinal, ...more] = typeof position === 'number' ? [position] : position;
  return more.length === 0 && typeof ordinal === 'number' && Number.isSafeInteger(ordinal) ? ordinal : undefined;
}

/** For people, and for ids: `7`, `0/16B3748.2`. */
export function positionText(position: Position): string {
  return typeof position === 'number' ? String(position) : position.join('.');
}
