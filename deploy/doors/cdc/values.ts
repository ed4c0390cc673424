/**
 * Columns as JSON values, exact or as PostgreSQL writes them: nothing is rounded, shifted to another time zone, or
 * turned into null for want of a number.
 */

/** Type OIDs are fixed by PostgreSQL (pg_type.dat). */
const bool = 16;
const numbers: ReadonlySet<number> = new Set([20, 21, 23, 26, 700, 701]);

/**
 * int2, int4, int8, oid, float4 and float8 are numbers where JavaScript holds them exactly, else text; bool is a
 * boolean; all else (numeric, timestamps, json, arrays) is the text that PostgreSQL writes.
 */
export function valueOf(typeOid: number): (text: string) => unknown {
  if (typeOid === bool) return text => text === 't';
  if (numbers.has(typeOid)) return text => numberOf(text);
  return text => text;
}

function numberOf(text: string): number | string {
  const number = Number(text);
  if (!Number.isFinite(number) || (Number.isInteger(number) && !Number.isSafeInteger(number))) return text;
  return number;
}
