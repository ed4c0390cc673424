/**
 * Judges a run from what Plumb never reads: the sandboxes' own ledgers and registers, and the ERP's truth. Pure; what
 * Plumb's records say is only the accused's statement. `docs/demo.md` tells the rules in words.
 */
import type { LedgerEntry } from '../sandbox/kit/ledger.ts';
import { judgeOversell } from './oversell.ts';
import { mirrorBound } from './bound.ts';
import type { MirrorBound } from './bound.ts';
import { inEscrow, judgeEscrow } from './escrow.ts';
import type { EscrowOversell, Period, Shortfall } from './escrow.ts';
import type { FaultInterval, MirrorRule, Oversale } from './oversell.ts';
import { measurePropagation } from './propagation.ts';
import type { Propagation } from './propagation.ts';
import { replay, target } from './replay.ts';
import type { SupplyOf } from './replay.ts';

/** One of `GET /_sandbox/listings`. */
export interface ListingRegister {
  sku: string;
  /** What buyers can buy now. */
  buyable: number;
}

export interface AccountEvidence extends MirrorRule {
  ledger: readonly LedgerEntry[];
  listings: readonly ListingRegister[];
}

/** What Plumb's record of a SKU says. */
export interface RecordStatement {
  sku: string;
  /** ERP supply less net units sold, as Plumb believes. */
  available: number;
  /** False until a count has come. */
  known: boolean;
  /** Order lines learnt, `<account>/<order>/<line>`. */
  lines: readonly string[];
  /** Units of each line, where the record tells. */
  units?: Readonly<Record<string, number>>;
  /** Units cancelled by line. */
  cancelled: Readonly<Record<string, number>>;
  erpVersion: number;
  intended: Readonly<Record<string, { quantity: number; proven: boolean }>>;
  /** In escrow: units that each channel may still sell. */
  rights?: Readonly<Record<string, number>>;
}

export interface Evidence {
  accounts: Readonly<Record<string, AccountEvidence>>;
  /** The ERP's truth, as the feed's `supply` gives it. */
  supply: readonly (SupplyOf & { supply: number; version: number })[];
  faults: readonly FaultInterval[];
  records: readonly RecordStatement[];
  /** Where SKUs may be in escrow, all of them or by their scarcity: when they were, and what Plumb said could be sold beyond what exists. */
  escrow?: { mode: 'escrow' | 'auto'; periods: readonly Period[]; shortfalls: readonly Shortfall[]; lagMs: number };
  /** Trading opened, epoch ms; propagation is measured from here. */
  from: number;
}

export interface Check {
  name: string;
  ok: boolean;
  value: number;
  /** The most that `value` may be. */
  limit: number;
}

/** A listing whose number is not its target; `shown` is undefined where the account has no such listing. */
export interface Unequal {
  account: string;
  sku: string;
  shown: number | undefined;
  target: number;
}

export interface RefereeFigures {
  listings: number;
  /** The first few, for people. */
  unequal: Unequal[];
  linesSold: number;
  unitsSold: number;
  unitsCancelled: number;
  oversold: number;
  oversoldAllowed: number;
  oversoldOutside: number;
  shortfall: number;
  oversales: Oversale[];
  /** Of SKUs that mirrored all the time: what was sold beyond what exists, and what computation lets expect of it. */
  bound?: MirrorBound & { counted: number };
  /** Of sales under escrow: what of the oversold units Plumb told of; SKUs that were in it, at any time and at the end. */
  escrow?: EscrowOversell & { shortfalls: Record<string, number>; skus: number; skusAtEnd: number };
  /** The first few of each kind, `<account>/<order>/<line>` or SKU. */
  lostLines: string[];
  strayLines: string[];
  wrongLines: string[];
  lostErp: string[];
  unproven: string[];
  propagation: Record<string, Propagation>;
}

export interface Verdict {
  ok: boolean;
  checks: Check[];
  figures: RefereeFigures;
}

/** Examples kept of each kind of trouble. */
const few = 10;

export function judge({ accounts, supply, faults, records, escrow, from }: Evidence): Verdict {
  const names = Object.keys(accounts);
  const lines = soldLines(accounts);
  const available = truths(supply, lines);
  const held = new Set(records.filter(({ rights }) => rights !== undefined).map(({ sku }) => sku));
  const unequal = unequalListings(accounts, available, held);
  const unlike = unlikeRights(accounts, records);
  const { lost, stray, wrong } = compareLines(lines, records);
  const lostErp = compareErp(supply, lines, records);
  // A channel that holds nothing may never have been written.
  const unproven = records.flatMap(({ sku, intended, rights }) => names.filter(account => !(intended[account]?.proven ?? rights !== undefined)).map(account => `${account}/${sku}`));
  const moments = replay(Object.fromEntries(names.map(account => [account, accounts[account]!.ledger])), supply);
  const isHeld = escrow && inEscrow(escrow.periods);
  const oversell = judgeOversell(moments, accounts, faults, isHeld && ((sku, at) => !isHeld(sku, at)));
  const kept = escrow && judgeEscrow(moments, escrow.shortfalls, escrow.lagMs, isHeld);
  const everHeld = new Set(escrow?.periods.map(({ sku }) => sku));
  const mirrored = new Map([...moments].filter(([sku]) => !everHeld.has(sku)));
  const propagation = measurePropagation(mirrored, Object.fromEntries(names.map(account => [account, accounts[account]!.buffer])), from);
  const checks = [
    ...escrow?.mode === 'escrow' ? [] : [check('every listing equal to its target', unequal.length)],
    ...escrow ? [check('every listing in escrow shows the units that it holds', unlike.length), check('units in escrow on sale beyond what exists', onSaleBeyond(accounts, available, held))] : [],
    check('order lines lost', lost.length),
    check('order lines doubled or unknown', stray.length),
    check('order lines with wrong units', wrong.length),
    check('SKUs with an ERP event lost', lostErp.length),
    check('every intention proven', unproven.length),
    ...escrow?.mode === 'escrow' ? [] : [check('units oversold outside the rule', oversell.outside)],
    ...kept ? [check('units oversold that no shortfall explains', kept.unexplained)] : [],
  ];
  const all = [...lines.values()];
  return {
    ok: checks.every(({ ok }) => ok),
    checks,
    figures: {
      listings: names.length * available.size,
      unequal: [...escrow?.mode === 'escrow' ? [] : unequal, ...unlike].slice(0, few),
      linesSold: all.length,
      unitsSold: all.reduce((sum, line) => sum + line.units, 0),
      unitsCancelled: all.reduce((sum, line) => sum + line.cancelled, 0),
      oversold: oversell.oversold + (kept?.oversold ?? 0),
      oversoldAllowed: oversell.allowed,
      oversoldOutside: oversell.outside,
      shortfall: oversell.shortfall,
      ...(kept && { escrow: { ...kept, lines: kept.lines.slice(0, few), shortfalls: byCause(escrow.shortfalls), skus: everHeld.size, skusAtEnd: held.size } }),
      oversales: oversell.sales.toSorted((a, b) => b.outside - a.outside).slice(0, few),
      lostLines: lost.slice(0, few),
      strayLines: stray.slice(0, few),
      wrongLines: wrong.slice(0, few),
      lostErp: lostErp.slice(0, few),
      unproven: unproven.slice(0, few),
      propagation,
      ...(escrow?.mode !== 'escrow' && { bound: { ...mirrorBound(mirrored, propagation, from), counted: oversell.sales.filter(({ sku }) => !everHeld.has(sku)).reduce((sum, { units }) => sum + units, 0) } }),
    },
  };
}

function check(name: string, value: number, limit = 0): Check {
  return { name, ok: value <= limit, value, limit };
}

interface SoldLine {
  sku: string;
  units: number;
  cancelled: number;
}

/** By `<account>/<order>/<line>`, hidden sales included. */
function soldLines(accounts: Evidence['accounts']): Map<string, SoldLine> {
  const lines = new Map<string, SoldLine>();
  for (const [account, { ledger }] of Object.entries(accounts)) {
    for (const entry of ledger) {
      if (entry.kind === 'sold') lines.set(`${account}/${entry.line}`, { sku: entry.sku, units: entry.units, cancelled: 0 });
      else if (entry.kind === 'cancelled') lines.get(`${account}/${entry.line}`)!.cancelled += entry.units;
    }
  }
  return lines;
}

/** What is available of each SKU: the ERP's supply less net units sold everywhere. */
function truths(supply: Evidence['supply'], lines: ReadonlyMap<string, SoldLine>): Map<string, number> {
  const available = new Map(supply.map(({ sku, supply: units }) => [sku, units]));
  for (const { sku, units, cancelled } of lines.values()) available.set(sku, (available.get(sku) ?? 0) - units + cancelled);
  return available;
}

/** @param held SKUs that are judged by what they hold */
function unequalListings(accounts: Evidence['accounts'], available: ReadonlyMap<string, number>, held: ReadonlySet<string>): Unequal[] {
  return Object.entries(accounts).flatMap(([account, { listings, buffer }]) => {
    const buyable = new Map(listings.map(listing => [listing.sku, listing.buyable]));
    return [...new Set([...available.keys(), ...buyable.keys()])]
      .map(sku => ({ account, sku, shown: buyable.get(sku), target: target(available.get(sku) ?? 0, buffer) }))
      .filter(pair => pair.shown !== pair.target && !held.has(pair.sku));
  });
}

/** What buyers can buy is not what the record says that the channel may still sell. */
function unlikeRights(accounts: Evidence['accounts'], records: readonly RecordStatement[]): Unequal[] {
  const rights = new Map(records.map(record => [record.sku, record.rights]));
  return Object.entries(accounts).flatMap(([account, { listings }]) => listings
    .filter(({ sku }) => rights.get(sku) !== undefined)
    .map(({ sku, buyable }) => ({ account, sku, shown: buyable, target: rights.get(sku)![account] ?? 0 }))
    .filter(({ shown, target: units }) => shown !== units));
}

function onSaleBeyond(accounts: Evidence['accounts'], available: ReadonlyMap<string, number>, held: ReadonlySet<string>): number {
  const onSale = new Map<string, number>();
  for (const { listings } of Object.values(accounts)) for (const { sku, buyable } of listings) if (held.has(sku)) onSale.set(sku, (onSale.get(sku) ?? 0) + buyable);
  return [...onSale].reduce((sum, [sku, units]) => sum + Math.max(0, units - Math.max(0, available.get(sku) ?? 0)), 0);
}

function byCause(shortfalls: readonly Shortfall[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { cause } of shortfalls) counts[cause] = (counts[cause] ?? 0) + 1;
  return counts;
}

function compareLines(lines: ReadonlyMap<string, SoldLine>, records: readonly RecordStatement[]): { lost: string[]; stray: string[]; wrong: string[] } {
  const told = new Map<string, RecordStatement>();
  const stray: string[] = [];
  for (const record of records) {
    for (const id of record.lines) {
      if (told.has(id) || lines.get(id)?.sku !== record.sku) stray.push(id);
      else told.set(id, record);
    }
  }
  const lost = [...lines.keys()].filter(id => !told.has(id));
  const wrong = [...told].filter(([id, { units, cancelled }]) => {
    const sold = lines.get(id)!;
    return (cancelled[id] ?? 0) !== sold.cancelled || (units?.[id] ?? sold.units) !== sold.units;
  }).map(([id]) => id);
  return { lost, stray, wrong };
}

/** SKUs whose record stands at another version than the ERP, or at a number that its own lines do not explain. */
function compareErp(supply: Evidence['supply'], lines: ReadonlyMap<string, SoldLine>, records: readonly RecordStatement[]): string[] {
  const bySku = new Map(records.map(record => [record.sku, record]));
  return supply.filter(({ sku, supply: units, version }) => {
    const record = bySku.get(sku);
    if (!record?.known || record.erpVersion !== version) return true;
    const net = [...new Set(record.lines)].reduce((sum, id) => sum + (record.units?.[id] ?? lines.get(id)?.units ?? 0) - (record.cancelled[id] ?? 0), 0);
    // Below zero a record may say 0: the channels show no less.
    return Math.max(0, record.available) !== Math.max(0, units - net);
  }).map(({ sku }) => sku);
}
