/** What a soak is asked for, and what goes wrong in it: when, where and for how long, all from the seed. */
import { Dice } from '../../deploy/demo/dice.ts';
import { channels } from '../../deploy/demo/world.ts';
import type { Fault } from '../../deploy/sandbox/kit/faults.ts';
import { ownerOf } from '../../runtime/placement.ts';
import type { Account } from './quotas.ts';

export interface SoakOptions {
  minutes: number;
  seed: number;
  skus: number;
  ordersPerSecond: number;
  /** Orders in a second while buyers rush in. */
  peak: number;
  /** Quotas and clocks of the marketplaces are so many times the vendors'. */
  clock: number;
  nodes: number;
  servers: 1 | 3;
  faults: boolean;
  json: boolean;
  logs: string | undefined;
}

/** One rush in so long, and how long it lasts, ms. */
export const rush = { everyMs: 120_000, forMs: 3_000 };

/** `silence` and `reset` cut the link of a node to the broker; `most` is SIGKILL of all nodes but the steady one. */
export type ProcessFault = 'kill' | 'most' | 'pause' | 'drain' | 'silence' | 'reset' | 'broker';

export type Planned =
  | { atMs: number; kind: ProcessFault; node: string; server: number; forMs: number }
  | { atMs: number; kind: 'marketplace'; account: Account; fault: Fault; forMs: number };

/** Faults of processes begin one after the other, and so do those of marketplaces, so long apart, ms. */
const apart = { processes: [20_000, 45_000], marketplaces: [5_000, 16_000] } as const;
/** Nothing begins so near to the end, ms: what is felt of it belongs to the load. */
const calmMs = 10_000;

export function planFaults({ seed, minutes, nodes, servers, faults }: Pick<SoakOptions, 'seed' | 'minutes' | 'nodes' | 'servers' | 'faults'>): Planned[] {
  if (!faults) return [];
  const endMs = minutes * 60_000 - calmMs;
  const names = nodeNames(nodes);
  const steady = steadyNode(nodes);
  const planned: Planned[] = [];
  const dice = new Dice(seed, 'soak/processes');
  const kinds: ProcessFault[] = ['kill', 'kill', 'pause', 'pause', 'drain', 'broker', ...nodes > 2 ? ['most' as const] : [], ...servers === 1 ? ['silence' as const, 'reset' as const] : []];
  let round: ProcessFault[] = [];
  for (let atMs = dice.between(...apart.processes) / 2; atMs < endMs; atMs += dice.between(...apart.processes)) {
    // Every kind comes once before one comes again.
    if (round.length === 0) round = [...kinds];
    const kind = round.splice(dice.between(0, round.length - 1), 1)[0]!;
    const lives = kind === 'kill' || kind === 'drain' ? names.filter(name => name !== steady) : names;
    planned.push({
      atMs, kind, node: kind === 'most' ? steady : lives[dice.between(0, lives.length - 1)]!, server: dice.between(0, servers - 1),
      forMs: kind === 'broker' ? dice.between(500, 4_000) : kind === 'pause' || kind === 'silence' || kind === 'reset' ? dice.between(4_000, 8_000) : dice.between(500, 6_000),
    });
  }
  const market = new Dice(seed, 'soak/marketplaces');
  for (let atMs = market.between(...apart.marketplaces); atMs < endMs; atMs += market.between(...apart.marketplaces)) {
    const account = channels[market.between(0, channels.length - 1)]!;
    planned.push({ atMs, kind: 'marketplace', account, ...drawFault(account, market) });
  }
  return planned.sort((a, b) => a.atMs - b.atMs);
}

export function nodeNames(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `n${n + 1}`);
}

/**
 * The node that owns the most accounts is cut off and stopped as the others are, and never killed or drained: what it
 * holds at the end tells whether memory and handles grow.
 */
export function steadyNode(count: number): string {
  const names = nodeNames(count);
  const owned = (name: string): number => channels.filter(account => ownerOf(`account.${account}`, names) === name).length;
  return names.toSorted((a, b) => owned(b) - owned(a))[0]!;
}

/**
 * A write that is answered and not carried out is left to marketplaces whose writes are read back: elsewhere only a
 * sweep finds it, which at published quotas ends long after the soak.
 */
const readBack: readonly Account[] = ['amazon', 'walmart', 'ebay'];
const fed: readonly Account[] = ['amazon', 'walmart'];

function drawFault(account: Account, dice: Dice): { fault: Fault; forMs: number } {
  const forMs = dice.between(2_000, 10_000);
  const count = dice.between(1, 4);
  const during: Fault[] = [
    { kind: 'latency', on: 'any', forMs, delayMs: dice.between(300, 3_000) },
    { kind: 'throttle', on: 'any', forMs },
    { kind: 'error', on: 'any', forMs, chance: 0.2 + 0.8 * dice.next() },
    { kind: 'stale-read', forMs, ageMs: dice.between(500, 5_000) },
    { kind: 'garble', on: 'any', forMs },
    ...fed.includes(account) ? [{ kind: 'feed-stuck', forMs } as const] : [],
  ];
  const once: Fault[] = [
    { kind: 'lose-answer', on: 'write', count },
    { kind: 'lose-request', on: 'any', count },
    { kind: 'truncate', on: 'any', count },
    { kind: 'expire-tokens' },
    ...readBack.includes(account) ? [{ kind: 'drop-write', count } as const, { kind: 'late-write', delayMs: forMs, count } as const] : [],
    ...fed.includes(account) ? [{ kind: 'feed-late', delayMs: forMs, count: 1 } as const, { kind: 'feed-fatal', count: 1 } as const] : [],
  ];
  const all = [...during, ...once];
  const fault = all[dice.between(0, all.length - 1)]!;
  return { fault, forMs: 'forMs' in fault ? fault.forMs : 'delayMs' in fault ? fault.delayMs : 0 };
}

export function tellFault(planned: Planned): string {
  if (planned.kind === 'marketplace') return `${planned.fault.kind} at ${planned.account}`;
  if (planned.kind === 'broker') return `kill -9 of broker server ${planned.server}`;
  const { kind, node } = planned;
  return kind === 'kill' ? `kill -9 of ${node}` : kind === 'most' ? `kill -9 of all nodes but ${node}` : kind === 'pause' ? `SIGSTOP of ${node}` : kind === 'drain' ? `SIGTERM to ${node}` : `link of ${node} cut (${kind})`;
}
