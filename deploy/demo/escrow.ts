/**
 * Who sold what did not exist though each channel held units of its own, and whether Plumb said beforehand that it could
 * happen: under escrow a unit is sold twice only where a shortfall tells of it. See `docs/demo.md`.
 */
import type { NatsConnection } from 'nats';
import { readAll } from '../../runtime/read-all.ts';
import { streams } from '../../runtime/subjects.ts';
import { changes } from './replay.ts';
import type { Moment } from './replay.ts';

/** Units that Plumb said could be sold beyond what exists, from when to when (epoch ms). */
export interface Shortfall {
  sku: string;
  cause: string;
  debt: number;
  from: number;
  /** Absent while it is open. */
  to?: number;
}

export interface EscrowOversell {
  oversold: number;
  /** Of those, units that a shortfall tells of, by its cause. */
  explained: Record<string, number>;
  unexplained: number;
  /** Order lines of the rest, `<account>/<order>/<line>`. */
  lines: string[];
}

/** A SKU was in escrow from then to then (epoch ms); until now where it still is. */
export interface Period { sku: string; from: number; to?: number }

/** Whether a SKU was in escrow at an instant. */
export function inEscrow(periods: readonly Period[]): (sku: string, at: number) => boolean {
  const of = Map.groupBy(periods, ({ sku }) => sku);
  return (sku, at) => of.get(sku)?.some(({ from, to = Infinity }) => from <= at && at < to) ?? false;
}

/**
 * @param lagMs a correction may sell a unit so long before Plumb hears of it
 * @param isHeld sales to be judged: those of SKUs in escrow
 */
export function judgeEscrow(moments: ReadonlyMap<string, readonly Moment[]>, shortfalls: readonly Shortfall[], lagMs: number, isHeld: (sku: string, at: number) => boolean = () => true): EscrowOversell {
  const result: EscrowOversell = { oversold: 0, explained: {}, unexplained: 0, lines: [] };
  for (const [sku, list] of moments) {
    const told = shortfalls.filter(each => each.sku === sku).map(each => ({ ...each, left: each.debt }));
    for (const { moment, available } of changes(list)) {
      if (moment.kind !== 'sold' || !isHeld(sku, moment.at)) continue;
      let missing = Math.max(0, Math.min(moment.units, -available));
      result.oversold += missing;
      for (const each of told) {
        if (missing === 0 || moment.at < each.from - lagMs || moment.at > (each.to ?? Infinity)) continue;
        const units = Math.min(missing, each.left);
        each.left -= units;
        missing -= units;
        if (units > 0) result.explained[each.cause] = (result.explained[each.cause] ?? 0) + units;
      }
      result.unexplained += missing;
      if (missing > 0) result.lines.push(`${moment.account}/${moment.line}`);
    }
  }
  return result;
}

/** Every shortfall that Plumb journaled. */
export async function readShortfalls(nc: NatsConnection): Promise<Shortfall[]> {
  const all: Shortfall[] = [];
  const open = new Map<string, Shortfall>();
  await readAll(nc, { stream: streams.exposure, filter: 'exposure.shortfall.>', from: 1 }, message => {
    const { type, sku, debt, cause, at } = message.json<{ type: string; sku: string; debt: number; cause: string; at: number }>();
    if (type === 'shortfall.sold') return;
    const before = open.get(sku);
    if (type === 'shortfall.closed') {
      if (before) before.to = at;
      open.delete(sku);
    } else if (before) before.debt = Math.max(before.debt, debt);
    else {
      const begun = { sku, cause, debt, from: at };
      open.set(sku, begun);
      all.push(begun);
    }
  });
  return all;
}

/** When each SKU was in escrow, by what Plumb journaled. */
export async function readPeriods(nc: NatsConnection): Promise<Period[]> {
  const all: Period[] = [];
  const open = new Map<string, Period>();
  await readAll(nc, { stream: streams.exposure, filter: 'exposure.mode.changed.>', from: 1 }, message => {
    const { sku, mode, at } = message.json<{ sku: string; mode: string; at: number }>();
    const before = open.get(sku);
    if (mode === 'mirror') {
      if (before) before.to = at;
      open.delete(sku);
    } else if (!before) {
      const begun = { sku, from: at };
      open.set(sku, begun);
      all.push(begun);
    }
  });
  return all;
}
