/** What became of the plants, as people read it and as a judgement. */
import type { Plant } from './plants.ts';

export interface Row {
  what: string;
  planted: number;
  /** Told within a minute; of what is nothing wrong with, false alarms. */
  found: number;
  p50: number | null;
  p99: number | null;
  /** s */
  within: number | null;
  /** Of those found, resolved by proof, %. */
  healed: number | null;
  toldAs: string[];
  ok: boolean;
}

export interface Result {
  rows: Row[];
  falseAlarms: number;
  /** Of everything that was wrong, %. */
  healedPercent: number;
  ok: boolean;
}

const healedLeast = 99;

/** @param stray alerts about listings where nothing was planted */
export function judged(plants: readonly Plant[], stray: number): Result {
  const rows = [...new Set(plants.map(({ what }) => what))].map(what => row(what, plants.filter(plant => plant.what === what)));
  const wrong = plants.filter(({ withinMs }) => withinMs !== undefined);
  const falseAlarms = stray + plants.filter(({ withinMs, as }) => withinMs === undefined && as !== undefined).length;
  const healedPercent = wrong.length === 0 ? 100 : 100 * wrong.filter(({ healedMs }) => healedMs !== undefined).length / wrong.length;
  return { rows, falseAlarms, healedPercent, ok: falseAlarms === 0 && healedPercent >= healedLeast && rows.every(({ ok }) => ok) };
}

function row(what: string, plants: readonly Plant[]): Row {
  const found = plants.filter(({ foundMs }) => foundMs !== undefined);
  const times = found.map(({ foundMs }) => foundMs! / 1_000).sort((a, b) => a - b);
  const at = (q: number): number | null => times[Math.min(times.length - 1, Math.floor(q * times.length))] ?? null;
  const withinMs = plants[0]!.withinMs;
  const healed = found.filter(({ healedMs }) => healedMs !== undefined).length;
  const toldAs = [...new Set(found.map(({ as }) => as!))];
  if (withinMs === undefined) return { what, planted: plants.length, found: found.length, p50: null, p99: null, within: null, healed: null, toldAs, ok: found.length === 0 };
  const p99 = at(0.99);
  return {
    what, planted: plants.length, found: found.length, p50: at(0.5), p99, within: withinMs / 1_000, toldAs,
    healed: found.length === 0 ? 0 : 100 * healed / found.length,
    ok: found.length === plants.length && p99! <= withinMs / 1_000,
  };
}

export function text({ rows, falseAlarms, healedPercent }: Result): string {
  const seconds = (value: number | null): string => (value === null ? '-' : value.toFixed(1));
  const lines = rows.map(({ what, planted, found, p50, p99, within, healed, toldAs, ok }) => [
    ok ? 'ok  ' : 'MISS', what.padEnd(44), String(planted).padStart(7), String(found).padStart(6), seconds(p50).padStart(6), seconds(p99).padStart(6),
    (within === null ? 'never' : `${within}`).padStart(6), (healed === null ? '-' : `${healed.toFixed(0)}`).padStart(8), ` ${toldAs.join(', ')}`,
  ].join(' '));
  return [
    `     ${'class'.padEnd(44)} planted  found  p50 s  p99 s within healed %  told as`,
    ...lines,
    `false alarms ${falseAlarms}; healed without a person ${healedPercent.toFixed(1)} %`,
  ].join('\n');
}
