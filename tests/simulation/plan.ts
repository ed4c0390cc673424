/**
 * Everything that will happen to a world, drawn from its seed before it begins: buyers, the ERP, and faults of nodes,
 * links, the broker and marketplaces. A plan can be shortened: what is left happens as before.
 */
import { Dice } from '../../deploy/demo/dice.ts';
import type { Fate } from './erp.ts';
import { kinds } from './marketplace.ts';
import type { Slowest, Trouble } from './marketplace.ts';

/** What happens begins so long after the nodes. */
export const opensAt = 12_000;
/** After a fault of nodes, links or the broker everything is served again within; what a channel did on its own is noticed within. */
export const recoversWithinMs = 15_000;
export const noticedWithinMs = 120_000;

export const nodes = ['n1', 'n2', 'n3'] as const;
export const accounts: readonly string[] = Object.keys(kinds);

export type Act = { at: number } & (
  | { kind: 'buy'; account: string; sku: string; units: number }
  | { kind: 'cancel' | 'ship'; account: string; order: number }
  /** A buyer takes so long to pay, or does not pay at all. */
  | { kind: 'payment'; account: string; sku: string; units: number; forMs: number; isPaid: boolean }
  /** An order that its channel's list shows only so long after it said to be complete. */
  | { kind: 'late order'; account: string; sku: string; units: number; lateMs: number }
  /** Long after a sale some of its units, or all, are cancelled; the channel puts them back on sale or keeps them. */
  | { kind: 'take back'; account: string; order: number; units: number; restocks: boolean }
  /** A listing is put up anew: what it sold before is not in its count of sales any more. */
  | { kind: 'relist'; account: string; sku: string; isTold: boolean }
  /** Somebody takes the grant away, and gives a new one after so long. */
  | { kind: 'revoke'; account: string; forMs: number }
  | { kind: 'count'; sku: string; by: number; fate: Fate }
  | { kind: 'adjust'; sku: string; by: number; fate: Fate }
  | { kind: 'take in'; sku: string; account: string; fate: Fate }
  | { kind: 'babble'; text: string }
  | { kind: 'repeat'; messages: number }
  /** Somebody edits a quantity at the channel. */
  | { kind: 'edit'; account: string; sku: string; by: number }
  | { kind: 'close'; account: string; sku: string; forMs: number }
  | { kind: 'stale'; account: string; ageMs: number; forMs: number }
  | { kind: 'drop'; account: string }
  | { kind: 'trouble'; account: string; trouble: Trouble }
  /** A node dies at the so many-th thing that it asks of the broker, or of a marketplace, before or after that is done. */
  | { kind: 'crash'; node: string; at_: 'broker' | 'call'; after: number; isDone: boolean; downMs: number }
  | { kind: 'pause'; node: string; forMs: number }
  | { kind: 'leave'; node: string; downMs: number }
  | { kind: 'silence' | 'cut'; node: string; forMs: number }
  | { kind: 'slow link'; node: string; byMs: number; forMs: number }
  | { kind: 'skew'; node: string; byMs: number }
  | { kind: 'broker'; downMs: number }
  /** It dies, and loses what each stream stored within up to so long before. */
  | { kind: 'power cut'; downMs: number; lostMs: number }
  /** It takes its time with what is asked of it. */
  | { kind: 'busy broker'; byMs: number; forMs: number }
);

export type Mode = 'mirror' | 'escrow';

export interface Plan {
  seed: number;
  /** What every SKU lives under. In escrow nothing outside may cause a debt, unless the plan is a disturbed one. */
  mode: Mode;
  isDisturbed: boolean;
  /** A strict governor holds every move that no order asks for, and a person decides on it. */
  holds?: boolean;
  skus: readonly { sku: string; supply: number; shown: Record<string, number> }[];
  /** Channels that count their sales tell of them. */
  counts?: boolean;
  /** What marketplaces take; left out in plans of old. */
  slowest?: Slowest;
  /** Buyers and faults go on for so long; then it is quiet. */
  lengthMs: number;
  acts: readonly Act[];
}

type Kind = Act['kind'];

/** How many of each there are in a minute, on average; the mean of what a seed draws. */
const doses: Record<Kind, number> = {
  buy: 60, cancel: 6, ship: 6, count: 6, adjust: 12, 'take in': 6, babble: 0.5, repeat: 0.5,
  edit: 1, close: 0.3, stale: 0.5, drop: 1, trouble: 8,
  crash: 1, pause: 0.5, leave: 0.3, silence: 0.4, cut: 0.4, 'slow link': 0.5, skew: 0.3, broker: 0.3, 'busy broker': 0.4, 'power cut': 0,
  payment: 12, 'late order': 1.5, 'take back': 4, revoke: 0.4, relist: 1,
};
/** Channels promise a little more. */
const longestPaymentMs = 19_000;
/** Long enough that a node gives a call up, tries again, and takes a listing for settled meanwhile (`settlesWithin`: 12 s). */
const slowest: Slowest = { lateMs: 16_000, applyMs: 5_000, orderLagMs: 14_000 };
/** Where they are asked for. */
const powerCutDose = 0.5;
/** Kinds that come in swarms in some seeds. */
const ofNodes: ReadonlySet<Kind> = new Set(['crash', 'pause', 'leave', 'silence', 'cut', 'slow link', 'broker', 'busy broker']);
/** What every seed has; of the others each seed has a random half (swarm testing). */
const always: ReadonlySet<Kind> = new Set(['buy', 'count', 'adjust', 'take in', 'cancel', 'ship']);

/** Channels whose answers prove nothing: what they took may never be carried out. */
const unproven = accounts.filter(account => kinds[account] !== 'swap' && kinds[account] !== 'version');
/** What raises a channel behind the back of escrow, leaves it higher than it said, or hides what it sold (A3). */
const fromOutside: ReadonlySet<Kind> = new Set(['edit', 'drop', 'late order']);

export interface PlanOptions { lengthMs: number; mode?: Mode; /** The broker loses what it acknowledged. */ powerCuts?: boolean; /** A strict governor, and a person. */ holds?: boolean; skus?: number; /** Kinds of acts that there are none of. */ without?: ReadonlySet<string> }

export function planOf(seed: number, { lengthMs, mode = 'mirror', powerCuts = false, holds = false, skus: count = 20, without = new Set() }: PlanOptions): Plan {
  const dice = new Dice(seed, 'plan');
  const isDisturbed = new Dice(seed, 'disturbed').chance(0.3);
  const isClean = mode === 'escrow' && !isDisturbed;
  const least = (units: number): number => (isClean ? Math.max(0, units) : units);
  const skus = Array.from({ length: count }, (_, n) => ({
    sku: `SKU-${n}`,
    supply: dice.chance(0.4) ? dice.between(0, 6) : dice.between(7, 60),
    shown: Object.fromEntries(accounts.map(account => [account, dice.between(0, 20)] as const).map(([account, shown]) => [account, isClean ? 0 : shown])),
  }));
  const pick = <T>(from: readonly T[]): T => from[dice.between(0, from.length - 1)]!;
  const fate = (): Fate => { const roll = dice.next(); return roll < 0.8 ? 'told' : roll < 0.88 ? 'twice' : roll < 0.95 ? 'hold' : 'lost'; };
  const make = (kind: Kind, at: number): Act => {
    const [account, sku, node] = [pick(accounts), pick(skus).sku, pick(nodes)];
    const long = (least: number, most: number): number => Math.round(least * (most / least) ** dice.next());
    switch (kind) {
      case 'buy': return { at, kind, account, sku, units: dice.longTail(1.6, 5) };
      case 'cancel': case 'ship': return { at, kind, account, order: dice.between(0, 1_000) };
      case 'payment': return { at, kind, account, sku, units: dice.longTail(1.6, 3), forMs: long(500, longestPaymentMs), isPaid: dice.chance(0.7) };
      case 'late order': return { at, kind, account, sku, units: dice.longTail(1.6, 3), lateMs: long(25_000, 240_000) };
      case 'take back': return { at, kind, account, order: dice.between(0, 1_000), units: dice.longTail(1.6, 5), restocks: dice.chance(0.6) };
      case 'relist': return { at, kind, account: 'ebay', sku, isTold: dice.chance(0.5) };
      case 'revoke': return { at, kind, account, forMs: long(6_000, 60_000) };
      case 'count': return { at, kind, sku, by: dice.chance(0.5) ? 0 : least(dice.between(-5, 10)), fate: fate() };
      case 'adjust': return { at, kind, sku, by: least(dice.between(-3, 6)), fate: fate() };
      case 'take in': return { at, kind, sku, account, fate: fate() };
      case 'babble': return { at, kind, text: pick(['{"id":"x"', '{"id":"b","sku":"SKU-1","type":"count","version":1}', '[]', '{"id":"b","sku":"","type":"adjust","version":2,"delta":1}']) };
      case 'repeat': return { at, kind, messages: dice.between(1, 60) };
      case 'edit': return { at, kind, account, sku, by: dice.between(1, 30) };
      case 'close': return { at, kind, account, sku, forMs: long(2_000, 40_000) };
      case 'stale': return { at, kind, account, ageMs: dice.between(100, 1_500), forMs: long(1_000, 20_000) };
      case 'drop': return { at, kind, account: unproven[dice.between(0, unproven.length - 1)]! };
      case 'trouble': return { at, kind, account, trouble: troubleOf(dice) };
      case 'crash': return { at, kind, node, at_: dice.chance(0.75) ? 'broker' : 'call', after: long(1, 400), isDone: dice.chance(0.5), downMs: long(100, 8_000) };
      case 'pause': return { at, kind, node, forMs: long(500, 15_000) };
      case 'leave': return { at, kind, node, downMs: long(100, 6_000) };
      case 'silence': case 'cut': return { at, kind, node, forMs: long(300, 12_000) };
      case 'slow link': return { at, kind, node, byMs: long(20, 1_500), forMs: long(1_000, 15_000) };
      case 'skew': return { at, kind, node, byMs: dice.between(-60_000, 60_000) };
      case 'broker': return { at, kind, downMs: long(200, 8_000) };
      case 'power cut': return { at, kind, downMs: long(500, 5_000), lostMs: long(1, 2_000) };
      case 'busy broker': return { at, kind, byMs: long(50, 8_000), forMs: long(1_000, 15_000) };
    }
  };
  const acts: Act[] = [];
  const minutes = lengthMs / 60_000;
  const swarm = dice.chance(0.3) ? 5 : 1;
  for (const [kind, dose] of Object.entries({ ...doses, 'power cut': powerCuts ? powerCutDose : 0 }) as [Kind, number][]) {
    // Drawn in any case, so that what is left out moves nothing else.
    const has = dice.chance(0.5) || always.has(kind);
    const many = Math.floor(2 * dose * (ofNodes.has(kind) ? swarm : 1) * minutes * dice.next() + dice.next());
    for (let n = 0; n < many; n++) {
      const act = make(kind, dice.between(0, lengthMs));
      if (has && !without.has(kind) && !(isClean && fromOutside.has(kind))) acts.push(act);
    }
  }
  return { seed, mode, isDisturbed, ...(holds && { holds }), skus, counts: new Dice(seed, 'counts').chance(0.8), slowest, lengthMs, acts: acts.sort((a, b) => a.at - b.at) };
}

function troubleOf(dice: Dice): Trouble {
  const kind = (['before', 'after', 'late', 'copy', 'one', 'throttle', 'error', 'auth', 'slow'] as const)[dice.between(0, 8)]!;
  switch (kind) {
    case 'late': case 'copy': return { kind, on: 'write', times: dice.between(1, 3), lateMs: dice.between(5_500, slowest.lateMs) };
    case 'one': return { kind, on: 'write', times: dice.between(1, 4) };
    case 'throttle': return { kind, on: dice.chance(0.5) ? 'write' : 'any', forMs: dice.between(500, 15_000), ...(dice.chance(0.5) && { lateMs: dice.between(500, 5_000) }) };
    case 'error': case 'slow': return { kind, on: 'any', forMs: dice.between(500, 12_000) };
    case 'auth': return { kind, on: 'any', forMs: dice.between(100, 5_000) };
    default: return { kind, on: (['write', 'write', 'read', 'orders'] as const)[dice.between(0, 3)]!, times: dice.between(1, 4) };
  }
}

/** An act in words. */
export function inWords(act: Act): string {
  const { at: _, kind, ...rest } = act;
  const about = Object.entries(rest).map(([name, value]) => `${name.replace('_', '')} ${typeof value === 'object' ? JSON.stringify(value) : value}`).join(', ');
  return about === '' ? kind : `${kind}: ${about}`;
}
