/** What one simulated SKU lives under: its stock, its cells, its buyers and the kinds of faults, all drawn from a seed. */
import type { Terms } from '../../../actors/sku/exposure/ledger.ts';
import type { Dice } from './dice.ts';

export const second = 1_000;
export const minute = 60 * second;
export const hour = 60 * minute;
export const day = 24 * hour;

const base: Omit<Terms, 'kind'> = {
  sendMs: 5 * second, lifeMs: minute, answerMs: 10 * second, holdMs: 0, staleMs: 10 * minute, leakMs: 20 * minute, marginMs: 2 * second, cap: 50,
};

/** As the five channels are, and as the weaker rows of section 6 would have them. */
export const channels: Record<string, Terms> = {
  shopify: { ...base, kind: 'swap', keyMs: 30 * minute, keepsRefusals: true, holdMs: 15 * minute },
  'shopify-delta': { ...base, kind: 'delta', keyMs: 30 * minute },
  'swap-unkeyed': { ...base, kind: 'swap' },
  'meli-products': { ...base, kind: 'version' },
  'meli-classic': { ...base, kind: 'set' },
  ebay: { ...base, kind: 'set', holdMs: 10 * minute },
  amazon: { ...base, kind: 'set', queued: true, lifeMs: 15 * minute },
  walmart: { ...base, kind: 'gross' },
};

/** Those that tell how much they ever sold, and whether answers to writes do so. */
export const counting: ReadonlyMap<string, { inAnswers: boolean }> = new Map([['meli-classic', { inAnswers: true }], ['ebay', { inAnswers: false }]]);

/** Probability or mean number a day of each kind of fault; those that swarm testing leaves out are 0. */
export interface Faults {
  lostBefore: number;
  lostAfter: number;
  late: number;
  throttled: number;
  dropped: number;
  stale: number;
  repeated: number;
  delayed: number;
  undelivered: number;
  crash: number;
  zombie: number;
  cancel: number;
  hold: number;
  race: number;
  /** A listing is ended and put up anew: its count of sales begins at 0. */
  relist: number;
}

/** Causes from outside, which alone may bring a debt. */
export interface Outside { correction: number; foreign: number; loss: number; entry: number; lateOrder: number }

const doses: Faults = {
  lostBefore: 0.03, lostAfter: 0.05, late: 0.03, throttled: 0.03, dropped: 0.03, stale: 0.1, repeated: 0.05, delayed: 0.05, undelivered: 0.1,
  crash: 0.04, zombie: 0.04, cancel: 0.15, hold: 0.3, race: 0.25, relist: 1,
};
const outsideDoses: Outside = { correction: 4, foreign: 1, loss: 1, entry: 1, lateOrder: 0.01 };

export interface Conditions {
  supply: number;
  cells: Record<string, Terms>;
  /** Buyers arrive at these cells, in proportion. */
  weights: number[];
  buyers: number;
  faults: Faults;
  outside: Outside;
  lengthMs: number;
}

/** @param lengthMs buyers and faults go on for so long; then it is quiet */
export function conditionsOf(dice: Dice, lengthMs: number): Conditions {
  const names = Object.keys(channels);
  const cells: Record<string, Terms> = {};
  const count = dice.whole('cells', 2, 5);
  for (let i = 0; Object.keys(cells).length < count; i++) {
    const name = dice.pick(`cell ${i}`, names);
    cells[name] = channels[name]!;
  }
  const isOn = (name: string) => dice.whole(`swarm ${name}`, 0, 1) === 1;
  const some = <T extends object>(of: T, on: (name: string) => boolean) =>
    Object.fromEntries(Object.entries(of).map(([name, dose]) => [name, on(name) ? dose : 0])) as T;
  const isDisturbed = dice.whole('disturbed', 0, 9) < 4;
  return {
    supply: dice.whole('scarce', 0, 3) === 0 ? dice.whole('supply', 10, 40) : dice.whole('supply', 1, 6),
    cells,
    weights: Object.keys(cells).map(name => dice.whole(`weight ${name}`, 1, 8)),
    buyers: dice.whole('buyers', 20, 100),
    faults: some(doses, isOn),
    outside: some(outsideDoses, name => isDisturbed && isOn(name)),
    lengthMs,
  };
}
