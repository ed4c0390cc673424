/**
 * What a wrong number at a listing could cost: how old its proof may get, and which listings are watched, read again
 * every few seconds. Reads are a budget, and it is spent where the risk is. Pure; times are arguments (epoch ms).
 */

/** `last`: its units may be gone within the hour. `few`: within the day. */
export const stockClasses = ['last', 'few', 'plenty'] as const;
export type StockClass = (typeof stockClasses)[number];

/** No proof is to get older, ms, by class of SKU. */
export type ProofAges = Record<StockClass, number>;

/** One number is that of plenty; what sells out sooner is read twice and four times as often. */
export function proofAges(setting: number | ProofAges): ProofAges {
  return typeof setting === 'number' ? { last: setting / 4, few: setting / 2, plenty: setting } : setting;
}

/** The riskiest listings of an account, read again every `everyMs` with that share of the channel's read budget. */
export interface Watching {
  everyMs: number;
  /** 0 to 1. */
  share: number;
  /** No more listings than these, whatever the budget would bear. */
  most: number;
}

const lastUnits = 2;
const fewUnits = 10;
/** Units sold lately count half after so long, ms. */
const halfLifeMs = 3_600_000;
/** Hours of such sales in a day, roughly. */
const dayOfSales = 10;

/** Units that went lately, by now. */
export function soldBy(sold: number, at: number, now: number): number {
  return sold === 0 ? 0 : sold * 2 ** (-Math.max(0, now - at) / halfLifeMs);
}

/** @param sold units that went lately, as of now */
export function classOf(quantity: number, sold: number): StockClass {
  if (quantity <= Math.max(lastUnits, sold)) return 'last';
  return quantity <= Math.max(fewUnits, sold * dayOfSales) ? 'few' : 'plenty';
}

/** What is looked at of a listing. */
export interface Stake {
  quantity: number;
  /** Units that went lately, when the number was decided on. */
  sold: number;
  decidedAt: number;
  /** When it was last seen to be right. */
  seenAt: number;
  /** Its proof is the answer to a write; no read has seen it yet. */
  unseen: boolean;
  /** Of one unit, where it is known. */
  price?: number | undefined;
  /** It drifted within the last day. */
  drifted?: boolean | undefined;
  /** It is watched already. */
  watched?: boolean | undefined;
}

const changedLatelyMs = 600_000;

/** Above 0; only its order counts. A day's drift weighs most, then what sells out, then what we changed, then money; the oldest proof breaks ties. */
export function riskOf({ quantity, sold, decidedAt, seenAt, unseen, price = 0, drifted = false, watched = false }: Stake, now: number): number {
  const gone = soldBy(sold, decidedAt, now);
  const stock = { last: 16, few: 8, plenty: 0 }[classOf(quantity, gone)];
  const pace = Math.min(8, Math.log2(1 + gone));
  const change = (unseen ? 4 : 0) + (now - decidedAt < changedLatelyMs ? 2 : 0);
  // A wrong number sells some units before anybody looks, not all there are.
  const money = Math.min(4, Math.log10(1 + price * (1 + gone)));
  const age = 1 - 1 / (2 + Math.max(0, now - seenAt) / changedLatelyMs);
  // Who is watched stays so for a while, or everything would be watched a little.
  return (drifted ? 32 : 0) + (watched ? 3 : 0) + stock + pace + change + money + age;
}
