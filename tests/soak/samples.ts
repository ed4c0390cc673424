/** What is measured while a soak runs, every two seconds: nodes as Prometheus sees them, accounts as engineers do. */
import { readFileSync } from 'node:fs';
import { handlesOf } from './handles.ts';
import type { Handles } from './handles.ts';
import type { Stage } from './stage.ts';

/** One look at a node. */
export interface NodeSample {
  at: number;
  rssMb: number;
  heapMb: number;
  /** Full collections of its heap so far; one that comes right behind another collection may not be counted. */
  collections: number;
  handles: Handles | undefined;
  /** Seconds since the process began. */
  cpuS: number;
  lag: number;
}

export interface AccountSample {
  at: number;
  pending: number;
  oldestMs: number;
}

export const everyMs = 2_000;

export class Samples {
  readonly nodes = new Map<string, NodeSample[]>();
  readonly accounts = new Map<string, AccountSample[]>();
  /** Messages that waited to be applied, over all nodes. */
  readonly lag: { at: number; messages: number }[] = [];
  /** Nodes that ended though no fault had ended them. */
  readonly deaths: string[] = [];
  readonly #stage: Stage;
  /** Of the marketplaces. */
  readonly #ports: ReadonlySet<number>;
  readonly #timer: NodeJS.Timeout;
  #last: Promise<void> = Promise.resolve();

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#ports = new Set(stage.accounts.map(({ url }) => Number(new URL(url).port)));
    this.#timer = setInterval(() => { this.#last = this.#last.then(() => this.#look()); }, everyMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#last;
  }

  async #look(): Promise<void> {
    const at = Date.now();
    const { nodes, watch } = this.#stage;
    await watch.round();
    const seen = await Promise.all(nodes.map(async node => {
      if (!node.process.running) {
        if (!node.down) {
          this.deaths.push(`${node.id} died: ${node.process.lastLines(2)}`);
          await node.process.start().catch(() => {});
        }
        return undefined;
      }
      const scraped = await scrape(node.metricsUrl, at).catch(() => undefined);
      const sample = scraped && { ...scraped, handles: handlesOf(node.process.pid!, this.#ports) };
      if (sample) push(this.nodes, node.id, sample);
      return sample;
    }));
    if (seen.some(sample => sample !== undefined)) this.lag.push({ at, messages: seen.reduce((sum, sample) => sum + (sample?.lag ?? 0), 0) });
    for (const { account, answer, alive } of watch.current.channels) {
      if (alive && answer) push(this.accounts, account, { at, pending: answer.pending, oldestMs: answer.oldestPendingMs ?? 0 });
    }
  }
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

async function scrape(url: string, at: number): Promise<Omit<NodeSample, 'handles'>> {
  return sampleOf(await (await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(1_500) })).text(), at);
}

/** @param text as a node's `/metrics` answers; of collections it says nothing before the first one */
export function sampleOf(text: string, at: number): Omit<NodeSample, 'handles'> {
  const value = (name: string, label = ''): number => Number(new RegExp(`^${name}(?:\\{[^}]*${label}[^}]*\\})? (\\S+)$`, 'm').exec(text)?.[1] ?? NaN);
  const lag = [...text.matchAll(/^plumb_partition_lag_messages\{[^}]*\} (\S+)$/gm)].reduce((sum, [, each]) => sum + Number(each), 0);
  return { at, rssMb: value('process_resident_memory_bytes') / 1e6, heapMb: value('nodejs_heap_size_used_bytes') / 1e6, collections: value('nodejs_gc_duration_seconds_count', 'kind="major"') || 0, cpuS: value('process_cpu_seconds_total'), lag };
}

export function residentMb(pid: number | undefined): number {
  if (pid === undefined) return NaN;
  try {
    return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_000;
  } catch {
    return NaN;
  }
}

/** A figure early and late in a run, and whether it grew by more than it may. */
export interface Trend {
  early: number;
  late: number;
  most: number;
  grew: boolean;
}

/** What remains of a heap: its size at each look before which a full collection had been. Between them it only fills. */
export function afterCollections(samples: readonly Pick<NodeSample, 'heapMb' | 'collections'>[]): number[] {
  return samples.filter(({ collections }, n) => n > 0 && collections > samples[n - 1]!.collections).map(({ heapMb }) => heapMb);
}

/**
 * Compares the second quarter of a run with its last one: the first is for caches to fill.
 *
 * @param allowed what it may be late, given what it was early
 */
export function trend(values: readonly number[], allowed: (early: number) => number): Trend | undefined {
  const points = values.filter(Number.isFinite);
  if (points.length < 4) return undefined;
  const quarter = (n: number): number => median(points.slice(Math.floor(points.length * n / 4), Math.floor(points.length * (n + 1) / 4)));
  const [early, late] = [quarter(1), quarter(3)];
  return { early, late, most: Math.max(...points), grew: late > allowed(early) };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}
