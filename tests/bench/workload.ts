/**
 * The workload that is measured: stock events of an ordered source over many SKUs, some twice, some swapped, and five
 * channels that each show their share. The plain fold here is what every final state is compared with.
 */
import type { Rule, StockFact } from '../../actors/sku/protocol.ts';

/** One line of a trace. `seq` counts from 1 per SKU. */
export interface TraceEvent {
  eventId: string;
  sku: string;
  seq: number;
  kind: 'set' | 'delta' | 'reserve' | 'release';
  quantity: number;
  /** Source's clock, epoch ms; only shown to people. */
  ts: number;
}

export const source = 'bench';

/** With a available: a, min(a, 50), max(0, a - 3), floor(a / 2), min(10, max(0, a - 5)). */
export const accounts: readonly { account: string; rule: Rule }[] = [
  { account: 'bench-0', rule: { buffer: 0 } },
  { account: 'bench-1', rule: { buffer: 0, max: 50 } },
  { account: 'bench-2', rule: { buffer: 3 } },
  { account: 'bench-3', rule: { percent: 50, buffer: 0 } },
  { account: 'bench-4', rule: { buffer: 5, max: 10 } },
];

/** The same five, as the trace's own rules word them. */
export function targetsOf(available: number): number[] {
  const a = available;
  return [a, Math.min(a, 50), Math.max(0, a - 3), Math.floor(a / 2), Math.min(10, Math.max(0, a - 5))];
}

export function factOf({ seq: position, kind, quantity }: TraceEvent): StockFact {
  switch (kind) {
    case 'set': return { type: 'stock.counted', source, position, quantity };
    case 'delta': return { type: 'stock.adjusted', source, position, delta: quantity };
    case 'reserve': return { type: 'stock.reserved', source, position, delta: quantity };
    case 'release': return { type: 'stock.reserved', source, position, delta: -quantity };
  }
}

export interface Folded { seq: number; onHand: number; reserved: number; h: number }

/** What a SKU must end as: its events applied in `seq` order, each once, without anything of Plumb's. */
export class PlainFold {
  readonly skus = new Map<string, Folded & { held: Map<number, TraceEvent> }>();

  /** Returns whether what any channel should show has changed. */
  apply(event: TraceEvent): boolean {
    let state = this.skus.get(event.sku);
    if (!state) this.skus.set(event.sku, state = { seq: 0, onHand: 0, reserved: 0, h: 0, held: new Map() });
    if (event.seq <= state.seq) return false;
    state.held.set(event.seq, event);
    const before = state.seq === 0 ? '' : String(targetsOf(available(state)));
    for (let next = state.held.get(state.seq + 1); next; next = state.held.get(state.seq + 1)) {
      state.held.delete(next.seq);
      if (next.kind === 'set') state.onHand = Math.max(0, next.quantity);
      else if (next.kind === 'delta') state.onHand = Math.max(0, state.onHand + next.quantity);
      else state.reserved = Math.max(0, state.reserved + (next.kind === 'reserve' ? next.quantity : -next.quantity));
      state.seq = next.seq;
      // Exact: h * 31 stays far below 2^53.
      state.h = (((state.h * 31 + next.seq * 7 + next.quantity) % 2 ** 32) + 2 ** 32) % 2 ** 32;
    }
    return state.seq > 0 && String(targetsOf(available(state))) !== before;
  }
}

export function available({ onHand, reserved }: Folded): number {
  return Math.max(0, onHand - reserved);
}

export interface TraceOptions {
  events: number;
  skus: number;
  seed: number;
  /** Distinguishes the SKUs of one run from those of another. */
  prefix?: string;
}

/** Zipf 0.9 over the SKUs; 5 % of the events come twice, 4 % are swapped with their SKU's next. */
export function makeTrace({ events, skus, seed, prefix = 'SKU' }: TraceOptions): TraceEvent[] {
  const random = mulberry32(seed);
  const pick = zipf(skus, 0.9, random);
  const seqs = new Uint32Array(skus);
  const trace: TraceEvent[] = [];
  const whole = (low: number, high: number): number => low + Math.floor(random() * (high - low + 1));
  for (let i = 0; i < events; i++) {
    const n = pick();
    const seq = ++seqs[n]!;
    const roll = random();
    const [kind, quantity]: [TraceEvent['kind'], number] =
      seq === 1 || roll < 0.1 ? ['set', whole(0, 120)] : roll < 0.6 ? ['delta', whole(-4, 3)] : roll < 0.8 ? ['reserve', whole(1, 3)] : ['release', whole(1, 3)];
    trace.push({ eventId: `${prefix}-e${i}`, sku: `${prefix}-${String(n).padStart(6, '0')}`, seq, kind, quantity, ts: 1_700_000_000_000 + i });
  }
  swap(trace, random);
  return trace.flatMap(event => (random() < 0.05 ? [event, event] : [event]));
}

function swap(trace: TraceEvent[], random: () => number): void {
  const later = new Map<string, number>();
  for (let i = trace.length - 1; i >= 0; i--) {
    const next = later.get(trace[i]!.sku);
    later.set(trace[i]!.sku, i);
    if (next === undefined || random() >= 0.04) continue;
    [trace[i], trace[next]] = [trace[next]!, trace[i]!];
  }
}

function zipf(n: number, s: number, random: () => number): () => number {
  const sums = new Float64Array(n);
  let sum = 0;
  for (let k = 0; k < n; k++) sums[k] = sum += (k + 1) ** -s;
  return () => {
    const wanted = random() * sum;
    let low = 0;
    let high = n - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle]! < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

export function mulberry32(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
