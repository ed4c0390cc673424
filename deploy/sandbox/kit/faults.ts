/** Faults that an operator of a sandbox can switch on over its admin endpoint; the kit's server applies them. */
import { z } from 'zod';

const forMs = z.number().int().positive().max(3_600_000);
/** Which calls a fault hits; `any` leaves the token endpoint alone. */
const on = z.enum(['write', 'read', 'orders', 'token', 'any']).default('any');

export const faultSchema = z.discriminatedUnion('kind', [
  /** Every answer is held back. */
  z.strictObject({ kind: z.literal('latency'), on, forMs, delayMs: z.number().int().positive() }),
  /** The vendor's own 429 (or its kin), whatever the bucket holds; with `Retry-After` where one is given. */
  z.strictObject({ kind: z.literal('throttle'), on, forMs, retryAfterS: z.number().int().positive().optional() }),
  /** The vendor's own 5xx with the given chance; nothing is applied. */
  z.strictObject({ kind: z.literal('error'), on, forMs, chance: z.number().min(0).max(1).default(1) }),
  /** The next `count` calls are carried out and their answer never comes. */
  z.strictObject({ kind: z.literal('lose-answer'), on, count: z.number().int().positive().default(1) }),
  /** The next `count` calls are cut before they are carried out. */
  z.strictObject({ kind: z.literal('lose-request'), on, count: z.number().int().positive().default(1) }),
  /** Reads of quantities show the state of `ageMs` ago. */
  z.strictObject({ kind: z.literal('stale-read'), forMs, ageMs: z.number().int().positive() }),
  /** Writes are answered as done and not carried out. */
  z.strictObject({ kind: z.literal('drop-write'), count: z.number().int().positive().default(1) }),
  /** Writes are answered as done and carried out only so much later. */
  z.strictObject({ kind: z.literal('late-write'), delayMs: z.number().int().positive(), count: z.number().int().positive().default(1) }),
  /** Nothing that a write is conditional on is looked at. */
  z.strictObject({ kind: z.literal('ignore-condition'), forMs }),
  /** Feeds are taken and stay under way; what they hold is carried out when the fault is over. */
  z.strictObject({ kind: z.literal('feed-stuck'), forMs }),
  /** The next `count` feeds end at once, and what they hold is carried out only so much later. */
  z.strictObject({ kind: z.literal('feed-late'), delayMs: z.number().int().positive(), count: z.number().int().positive().default(1) }),
  /** The next `count` feeds refuse these SKUs: for their data, or by the vendor's own failing. */
  z.strictObject({ kind: z.literal('feed-errors'), skus: z.array(z.string()).min(1), why: z.enum(['data', 'system']), count: z.number().int().positive().default(1) }),
  /** The next `count` feeds are given up when half of them is carried out. */
  z.strictObject({ kind: z.literal('feed-fatal'), count: z.number().int().positive().default(1) }),
  /** An edge answers 200 with a page of HTML, and nothing is carried out. */
  z.strictObject({ kind: z.literal('garble'), on, forMs }),
  /** The call is carried out and its answer ends in the middle, as if that were all of it. */
  z.strictObject({ kind: z.literal('truncate'), on, count: z.number().int().positive().default(1) }),
  /** All access tokens in circulation are refused from now on. */
  z.strictObject({ kind: z.literal('expire-tokens') }),
  /** The grant itself is dead: the token endpoint refuses too, for so long. */
  z.strictObject({ kind: z.literal('revoke'), forMs }),
]);

export type Fault = z.infer<typeof faultSchema>;
export type CallKind = 'write' | 'read' | 'orders' | 'token' | 'other';

interface Active { fault: Fault; until: number; left: number; injected: number }

export class Faults {
  readonly #active: Active[] = [];
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  add(fault: Fault): void {
    this.#active.push({
      fault,
      until: 'forMs' in fault ? this.#now() + fault.forMs : Infinity,
      left: 'count' in fault ? fault.count : Infinity,
      injected: 0,
    });
  }

  clear(): void {
    this.#active.length = 0;
  }

  /** How often each kind was injected, for the referee's report. */
  counts(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { fault, injected } of this.#active) counts[fault.kind] = (counts[fault.kind] ?? 0) + injected;
    return counts;
  }

  /** True, and counted, when a fault of this kind hits this call now. */
  hit<K extends Fault['kind']>(kind: K, call: CallKind): Extract<Fault, { kind: K }> | undefined {
    for (const active of this.#active) {
      const { fault } = active;
      if (fault.kind !== kind || active.left <= 0 || this.#now() >= active.until) continue;
      if ('on' in fault && fault.on !== 'any' && fault.on !== call) continue;
      if ('on' in fault && fault.on === 'any' && call === 'token') continue;
      if (fault.kind === 'error' && Math.random() >= fault.chance) continue;
      active.left -= 1;
      active.injected += 1;
      return fault as Extract<Fault, { kind: K }>;
    }
    return undefined;
  }
}
