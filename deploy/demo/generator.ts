/**
 * Orders made up from a seed, shaped like the traffic of a shop that sells on five marketplaces. The same options give
 * the same world, to the last unit. `docs/demo.md` tells the shape in words.
 *
 * - Accounts: 45 % amazon, 20 % walmart, 20 % shopify, 8 % mercadolibre, 7 % ebay.
 * - SKUs: popularity falls by Zipf, exponent 0.9; a few codes have a twin that differs by case alone.
 * - Orders: 62 % one line, 20 % two, the rest a long tail up to 30; 5 % of the larger ones name a SKU twice.
 * - Units of a line: P(x >= k) = k^-1.6, at most 60, so most are 1 and some are wholesale.
 * - Time: a daily rhythm with peaks at 13 and 20 h, an eighth of the peak at night.
 * - Bursts: one for each 200 lines; a promoted SKU sells everywhere within 1/60 of the time, a tenth of all orders.
 * - Cancellations: 4 % of orders, one line or all, whole or (one in five) in part, after an hour on average; and 1 % come
 *   back as returns without an order.
 * - Adjustments: one for each 60 lines, mostly small losses, now and then a find or a delivery.
 * - Opening stock: none, scarce, exact and plentiful SKUs in the shares of the recorded data (`opening.ts`).
 */
import { Dice } from './dice.ts';
import { openingStock } from './opening.ts';
import { byTime, countOrderLines } from './world.ts';
import type { World, WorldEvent, WorldLine } from './world.ts';

export interface GeneratorOptions {
  seed: number;
  /** Size of the catalogue, from 2; default 400. */
  skus?: number;
  /** Order lines, reached within the last order's size; default 800, which is 40 s at 20 a second. */
  lines?: number;
  /** Orders, instead of lines. */
  orders?: number;
  /** Time from the first to the last order, of the trace's own; default two days. */
  spanMs?: number;
  /** Orders come evenly but for rushes, instead of by the hour of the day. */
  rushes?: Rushes;
}

/** One in the middle of each `everyMs`, of the trace's time, in which orders come `times` as densely as on average. */
export interface Rushes {
  everyMs: number;
  forMs: number;
  times: number;
}

/** Monday 2026-03-02, 06:00 UTC. */
const startMs = Date.UTC(2026, 2, 2, 6);
const dayMs = 86_400_000;
const hourMs = 3_600_000;
/** On average, about. */
const linesOfOrder = 2;

const shares = [['amazon', 0.45], ['walmart', 0.20], ['shopify', 0.20], ['mercadolibre', 0.08], ['ebay', 0.07]] as const;

type Order = Extract<WorldEvent, { kind: 'order' }>;

export function generate({ seed, skus = 400, lines: wanted = 800, orders: count, spanMs = 2 * dayMs, rushes }: GeneratorOptions): World {
  const codes = catalogue(skus, new Dice(seed, 'catalogue'));
  const made = makeOrders(codes, count === undefined ? { lines: wanted } : { orders: count }, spanMs, seed);
  const orders = rushes ? made.map((order, n) => ({ ...order, atMs: startMs + Math.floor(spanMs * rushed((n + 0.5) / made.length, spanMs, rushes)) })) : made;
  const lines = count === undefined ? wanted : countOrderLines(orders);
  const events: WorldEvent[] = [
    ...orders,
    ...makeCancellations(orders, startMs + spanMs, new Dice(seed, 'cancellations')),
    ...makeAdjustments(codes, Math.round(lines / 60), spanMs, new Dice(seed, 'adjustments')),
  ].sort(byTime);
  return { events, stock: openingStock(events, codes, seed) };
}

/** Most popular first. */
function catalogue(count: number, dice: Dice): string[] {
  const codes = new Set<string>();
  while (codes.size < count) {
    const code = `${dice.between(10_000, 99_999)}${dice.chance(0.3) ? 'ABCDEFGHS'[dice.between(0, 8)] : ''}`;
    codes.add(code);
    if (/[A-Z]$/.test(code) && dice.chance(0.08) && codes.size < count) codes.add(code.toLowerCase());
  }
  return [...codes];
}

function makeOrders(codes: readonly string[], wanted: { lines: number } | { orders: number }, spanMs: number, seed: number): Order[] {
  const lines = 'lines' in wanted ? wanted.lines : Infinity;
  const orderCount = 'orders' in wanted ? wanted.orders : Infinity;
  const dice = new Dice(seed, 'orders');
  const popular = zipf(codes, 0.9);
  const bursts = makeBursts(codes, Math.max(1, Math.round(Math.min(lines, linesOfOrder * orderCount) / 200)), spanMs, new Dice(seed, 'bursts'));
  const orders: Omit<Order, 'orderId'>[] = [];
  for (let made = 0; made < lines && orders.length < orderCount;) {
    const burst = dice.chance(0.1) ? bursts[dice.between(0, bursts.length - 1)] : undefined;
    const size = burst ? 1 : Math.min(orderSize(dice), lines - made);
    const chosen: WorldLine[] = [];
    for (let line = 1; line <= size; line++) {
      const again = line > 1 && line === size && dice.chance(0.05) ? chosen[0]!.sku : undefined;
      let sku = again ?? burst?.sku ?? popular(dice);
      // Elsewhere in an order a SKU stands once; the tail of a small catalogue may run out of others.
      for (let tries = 0; !again && tries < 20 && chosen.some(other => other.sku === sku); tries++) sku = popular(dice);
      chosen.push({ sku, units: dice.longTail(1.6, burst ? 3 : 60), line });
    }
    const atMs = burst ? burst.atMs + Math.floor(dice.next() * spanMs / 60) : momentOfDay(spanMs, dice);
    orders.push({ kind: 'order', atMs: Math.min(atMs, startMs + spanMs), account: account(dice), lines: chosen });
    made += size;
  }
  return orders.sort(byTime as (a: { atMs: number }, b: { atMs: number }) => number)
    .map((order, n) => ({ ...order, orderId: `G${100_001 + n}` }));
}

/** When the order comes before which a share of all have come, as a share of the span. */
function rushed(share: number, spanMs: number, { everyMs, forMs, times }: Rushes): number {
  const rounds = Math.max(1, Math.round(spanMs / everyMs));
  const long = Math.min(0.9, forMs / everyMs);
  const many = Math.min(0.9, times * long);
  const round = Math.min(rounds - 1, Math.floor(share * rounds));
  const within = share * rounds - round;
  const calm = (1 - many) / 2;
  const at = within < calm ? within / (1 - many) * (1 - long)
    : within < calm + many ? (1 - long) / 2 + (within - calm) / many * long
    : (1 + long) / 2 + (within - calm - many) / (1 - many) * (1 - long);
  return (round + at) / rounds;
}

function makeBursts(codes: readonly string[], count: number, spanMs: number, dice: Dice): { sku: string; atMs: number }[] {
  // Not the very top, where a burst would not show.
  return Array.from({ length: count }, () => ({
    sku: codes[dice.between(Math.min(5, codes.length - 1), Math.min(60, codes.length - 1))]!,
    atMs: startMs + Math.floor(dice.next() * spanMs * 59 / 60),
  }));
}

function makeCancellations(orders: readonly Order[], endMs: number, dice: Dice): WorldEvent[] {
  const events: WorldEvent[] = [];
  for (const { orderId, account, atMs, lines } of orders) {
    // Exponential around an hour; what would fall after the end is not cancelled within the trace.
    const after = atMs + 1 + Math.floor(-Math.log(1 - dice.next()) * hourMs);
    const roll = dice.next();
    const one = lines[dice.between(0, lines.length - 1)]!;
    const part = dice.chance(0.2);
    if (after > endMs) continue;
    if (roll < 0.01) events.push({ kind: 'adjust', atMs: after, sku: one.sku, delta: one.units, reason: 'return' });
    else if (roll < 0.05) {
      const chosen = dice.chance(0.5) ? lines : [one];
      const cancelled = chosen.map(line => ({ ...line, units: part ? Math.ceil(line.units / 2) : line.units }));
      events.push({ kind: 'cancel', atMs: after, orderId: `C${orderId}`, account, refOrderId: orderId, lines: cancelled });
    }
  }
  return events;
}

function makeAdjustments(codes: readonly string[], count: number, spanMs: number, dice: Dice): WorldEvent[] {
  const popular = zipf(codes, 0.9);
  return Array.from({ length: count }, () => {
    const roll = dice.next();
    const units = dice.longTail(1.2, 40);
    const [reason, delta] = roll < 0.6 ? ['damaged', -units] as const
      : roll < 0.8 ? ['count', -units] as const
      : roll < 0.95 ? ['count', units] as const
      : ['delivery', units + 24] as const;
    return { kind: 'adjust', atMs: startMs + Math.floor(dice.next() * spanMs), sku: popular(dice), delta, reason };
  });
}

function orderSize(dice: Dice): number {
  const roll = dice.next();
  if (roll < 0.62) return 1;
  if (roll < 0.82) return 2;
  return Math.min(30, 2 + dice.longTail(1.3, 28));
}

function account(dice: Dice): string {
  let roll = dice.next();
  for (const [name, share] of shares) if ((roll -= share) < 0) return name;
  return shares[0][0];
}

/** A moment in the span, likelier by day: drawn again until the hour's weight takes it. */
function momentOfDay(spanMs: number, dice: Dice): number {
  for (;;) {
    const at = startMs + Math.floor(dice.next() * spanMs);
    if (dice.next() < rhythm((at % dayMs) / hourMs)) return at;
  }
}

/** Share of the peak at an hour of the day, 0..24. */
function rhythm(hour: number): number {
  const bump = (peak: number, width: number): number => Math.exp(-(((hour - peak) / width) ** 2));
  return 0.125 + 0.875 * Math.min(1, 0.8 * bump(13, 3.5) + bump(20, 2.5));
}

/** Draws an item; the k-th is taken in proportion to k^-exponent. */
function zipf<T>(items: readonly T[], exponent: number): (dice: Dice) => T {
  let total = 0;
  const upTo = items.map((_, n) => total += (n + 1) ** -exponent);
  return dice => {
    const at = dice.next() * total;
    let low = 0;
    for (let high = upTo.length - 1; low < high;) {
      const middle = (low + high) >> 1;
      if (upTo[middle]! > at) high = middle; else low = middle + 1;
    }
    return items[low]!;
  };
}
