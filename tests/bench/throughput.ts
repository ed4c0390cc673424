/** The same events through raw JetStream and through the pipeline, in turn, on one server. */
import { join } from 'node:path';
import { streams } from '../../runtime/subjects.ts';
import { cpuSeconds } from './procfs.ts';
import type { Published } from './publish.ts';
import { Stage, sum } from './stage.ts';
import { writeTrace } from './trace-file.ts';
import { differences } from './verify.ts';
import { makeTrace, PlainFold } from './workload.ts';

/** One run of events; CPU is user and system, in microseconds an event. */
export interface Run {
  eventsPerSecond: number;
  /** Of all processes that took part. */
  cpuUs: number;
  serverUs: number;
  publisherUs: number;
  /** The reader's, or the nodes' with their channel side. */
  workerUs: number;
}

export interface PipelineRun extends Run {
  jobsPerEvent: number;
  turnsPerEvent: number;
  /** Messages stored in the records' stream: records, and checkpoints. */
  recordsPerEvent: number;
}

export interface Throughput {
  events: number;
  skus: number;
  raw: Run[];
  pipeline: PipelineRun[];
  /** Medians of the pairs. */
  rateRatio: number;
  cpuRatio: number;
}

export async function throughput(stage: Stage, options: { dir: string; events: number; skus: number; pairs: number; progress(line: string): void }): Promise<Throughput> {
  const { events, skus, pairs, progress } = options;
  await pair(stage, { ...options, events: Math.min(20_000, events) }, 'w');
  const raw: Run[] = [];
  const pipeline: PipelineRun[] = [];
  for (let n = 1; n <= pairs; n++) {
    const [a, b] = await pair(stage, options, `r${n}`);
    raw.push(a);
    pipeline.push(b);
    progress(`pair ${n} of ${pairs}: raw ${line(a)}; pipeline ${line(b)} (server ${us(b.serverUs)}, nodes ${us(b.workerUs)}, publisher ${us(b.publisherUs)}), ${b.jobsPerEvent.toFixed(2)} jobs and ${b.turnsPerEvent.toFixed(2)} turns an event`);
  }
  return {
    events, skus, raw, pipeline,
    rateRatio: median(pipeline.map((run, i) => run.eventsPerSecond / raw[i]!.eventsPerSecond)),
    cpuRatio: median(pipeline.map((run, i) => run.cpuUs / raw[i]!.cpuUs)),
  };
}

const us = (value: number): string => `${value.toFixed(1)} us`;
const line = (run: Run): string => `${Math.round(run.eventsPerSecond)}/s, ${us(run.cpuUs)}`;

async function pair(stage: Stage, { dir, events, skus }: { dir: string; events: number; skus: number }, prefix: string): Promise<[Run, PipelineRun]> {
  const trace = makeTrace({ events, skus, seed: 7, prefix });
  const file = join(dir, `${prefix}.jsonl`);
  writeTrace(file, trace);
  await stage.questions.ask('publisher', { type: 'load', file });
  const fold = new PlainFold();
  for (const event of trace) fold.apply(event);
  const unique = new Set(trace.map(event => event.eventId)).size;

  await stage.jsm.streams.purge('RAW');
  const reading = stage.questions.ask<{ ended: number }>('reader', { type: 'read', stream: 'RAW', count: unique });
  const raw = await run(stage, trace.length, [stage.processes.pid('reader')!], 'raw', async () => (await reading).ended);

  await stage.link([...fold.skus.keys()]);
  const before = await stage.ask<{ writes: number; turns: number }>('figures');
  const recordsBefore = await lastRecord(stage);
  let after = before;
  const pipeline = await run(stage, trace.length, stage.nodePids, 'sku', async () => {
    const { at, figures } = await stage.settled();
    after = figures;
    return at;
  });
  const wrong = differences(fold, await stage.records());
  if (wrong.length > 0) throw new Error(`the pipeline ended wrong for ${wrong.length} SKUs:\n${wrong.slice(0, 5).join('\n')}`);
  const total = (key: 'writes' | 'turns'): number => sum(after, f => f[key]) - sum(before, f => f[key]);
  return [raw, {
    ...pipeline,
    jobsPerEvent: total('writes') / trace.length,
    turnsPerEvent: total('turns') / trace.length,
    recordsPerEvent: (await lastRecord(stage) - recordsBefore) / trace.length,
  }];
}

const lastRecord = async (stage: Stage): Promise<number> => (await stage.jsm.streams.info(streams.skuRecords)).state.last_seq;

async function run(stage: Stage, events: number, workers: number[], to: 'raw' | 'sku', ended: () => Promise<number>): Promise<Run> {
  const pids = { server: [stage.server.pid], publisher: [stage.processes.pid('publisher')!], worker: workers };
  const before = { server: cpuSeconds(pids.server), publisher: cpuSeconds(pids.publisher), worker: cpuSeconds(pids.worker) };
  const published = await stage.questions.ask<Published>('publisher', { type: 'publish', options: { to } });
  const seconds = (await ended() - published.began) / 1_000;
  const used = (name: keyof typeof pids): number => ((cpuSeconds(pids[name]) - before[name]) / events) * 1e6;
  const [serverUs, publisherUs, workerUs] = [used('server'), used('publisher'), used('worker')];
  return { eventsPerSecond: events / seconds, cpuUs: serverUs + publisherUs + workerUs, serverUs, publisherUs, workerUs };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}
