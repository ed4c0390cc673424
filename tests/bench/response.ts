/** From an event to the job that carries it, at a given rate: on its own, through a plain chain, and with a debounce. */
import { join } from 'node:path';
import type { Arrival } from './channel.ts';
import { idealJobs } from './ideal.ts';
import { latencies, quantile, waits } from './latency.ts';
import { cpuSeconds } from './procfs.ts';
import type { Published } from './publish.ts';
import { sum } from './stage.ts';
import type { NodeFigures, Stage } from './stage.ts';
import { writeTrace } from './trace-file.ts';
import { makeTrace } from './workload.ts';
import type { TraceEvent } from './workload.ts';

/** Before waits count, s: the nodes were started just now, slow until they have done a thing some thousand times, and no SKU was ever counted. */
const warmSeconds = 3;

export interface Quantiles { p50: number; p99: number; count: number }

export interface Debounced extends Quantiles {
  debounceMs: number;
  perSecond: number;
  jobsPerEvent: number;
  /** Jobs of the same events at the same times, if nothing took any time. */
  idealPerEvent: number;
  turnsPerEvent: number;
  /** Of the nodes and their channel side. */
  cpuUs: number;
}

export const quantiles = (ms: readonly number[]): Quantiles => ({ p50: quantile(ms, 0.5), p99: quantile(ms, 0.99), count: ms.length });

/** Publishes a trace at a rate and waits until all is proven. */
export async function atRate(stage: Stage, dir: string, trace: readonly TraceEvent[], rate: number): Promise<{ at: number[]; arrivals: Arrival[]; writes: number; turns: number; cpuSeconds: number }> {
  const file = join(dir, 'rate.jsonl');
  writeTrace(file, trace);
  await stage.questions.ask('publisher', { type: 'load', file });
  const before = await stage.ask<NodeFigures>('figures');
  await stage.watch();
  const used = cpuSeconds(stage.nodePids);
  const { at } = await stage.questions.ask<Published>('publisher', { type: 'publish', options: { to: 'sku', rate } });
  const { figures } = await stage.settled();
  const more = (of: (node: NodeFigures) => number): number => sum(figures, of) - sum(before, of);
  return { at, cpuSeconds: cpuSeconds(stage.nodePids) - used, arrivals: await stage.arrivals(), writes: more(f => f.writes), turns: more(f => f.turns) };
}

/** Event to job with nothing to batch and no debounce. */
export async function alone(stage: Stage, dir: string, rate: number, seconds: number): Promise<Quantiles> {
  const trace = makeTrace({ events: rate * seconds, skus: 1_000, seed: 11, prefix: 'alone' });
  await stage.link([...new Set(trace.map(event => event.sku))]);
  const { at, arrivals } = await atRate(stage, dir, trace, rate);
  return quantiles(latencies(trace, at, arrivals));
}

/**
 * The same by hand, with nothing of Plumb's but its reader and publisher: read an event, store a record, publish a job,
 * read the job. What any design pays that stores before it acts.
 */
export async function chain(stage: Stage, dir: string, rate: number, seconds: number): Promise<Quantiles> {
  const trace = makeTrace({ events: rate * seconds, skus: 1_000, seed: 12, prefix: 'chain' });
  const file = join(dir, 'chain.jsonl');
  writeTrace(file, trace);
  await stage.questions.ask('publisher', { type: 'load', file });
  await stage.jsm.streams.purge('RAW');
  await stage.questions.ask('reader', { type: 'chain', stream: 'RAW' });
  const { at } = await stage.questions.ask<Published>('publisher', { type: 'publish', options: { to: 'raw', rate } });
  const arrivals = await stage.questions.ask<{ at: Record<string, number> }>('reader', { type: 'chained', last: trace.at(-1)!.eventId });
  return quantiles(trace.flatMap((event, i) => (event.eventId in arrivals.at ? [arrivals.at[event.eventId]! - at[i]!] : [])).filter(ms => ms > 0));
}

export async function debounced(stage: Stage, dir: string, debounceMs: number, rate: number, seconds: number): Promise<Debounced> {
  const trace = makeTrace({ events: rate * (warmSeconds + seconds), skus: 5_000, seed: 13, prefix: 'wait' });
  await stage.link([...new Set(trace.map(event => event.sku))]);
  const { at, arrivals, writes, turns, cpuSeconds: used } = await atRate(stage, dir, trace, rate);
  const each = (count: number): number => count / trace.length;
  const ideal = idealJobs(trace, at, debounceMs);
  return { ...quantiles(waits(trace, at, arrivals, at[0]! + 1_000 * warmSeconds)), debounceMs, perSecond: rate, jobsPerEvent: each(writes), idealPerEvent: each(ideal.length), turnsPerEvent: each(turns), cpuUs: 1e6 * each(used) };
}
