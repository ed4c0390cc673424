/** The measurements, one function each; `measure` runs them on one stage. */
import { join } from 'node:path';
import type { Lifetime } from '../../deploy/demo/lifetime.ts';
import { streams } from '../../runtime/subjects.ts';
import type { Published } from './publish.ts';
import { cpuSeconds, peakMb } from './procfs.ts';
import { modulePath, Stage, sum } from './stage.ts';
import { writeTrace } from './trace-file.ts';
import { differences } from './verify.ts';
import { makeTrace, PlainFold } from './workload.ts';

export interface Settings {
  dir: string;
  events: number;
  skus: number;
  pairs: number;
  nodes: number;
  writeBatch: number;
  latencySeconds: number;
  loadSkus: number;
  /** Names of measurements to run; all where absent. */
  only: string[] | undefined;
  progress(line: string): void;
}

/** One run of events through raw JetStream or through the pipeline. */
export interface Run {
  seconds: number;
  eventsPerSecond: number;
  /** Of all processes that took part: server, publisher, and reader or nodes. */
  cpuPer10k: number;
  serverCpu: number;
  publisherCpu: number;
  nodeCpu: number;
}

export interface PipelineRun extends Run {
  jobsPerEvent: number;
  turnsPerEvent: number;
  recordsPerEvent: number;
}

export interface Figures {
  server: string;
  /** What a power cut can lose at most: acknowledged messages are forced to disk this often, ms. */
  syncIntervalMs: number;
  nodes: number;
  events: number;
  skus: number;
  writeBatch: number;
  raw: Run[];
  pipeline: PipelineRun[];
  ratio: number;
  cpuRatio: number;
  eventsPerSecond: number;
  cpuPer10k: number;
  jobsPerEvent: number;
  peakMb: { server: number; nodes: number; publisher: number };
}

export async function measure(settings: Settings, lifetime: Lifetime): Promise<Figures> {
  const { dir, nodes, writeBatch, progress } = settings;
  const stage = await Stage.start({ dir, nodes, quietMs: 0, writeBatch }, lifetime);
  for (const [name, file] of [['publisher', 'publisher.ts'], ['reader', 'reader.ts']] as const) {
    await stage.processes.start({ name, module: modulePath(file), env: { BENCH_URL: stage.server.url } });
  }
  await stage.jsm.streams.add({ ...(await stage.jsm.streams.info(streams.sku)).config, name: 'RAW', subjects: ['raw.>'] });
  const { version, syncIntervalMs } = stage.server;
  progress(`nats-server ${version}, ${nodes} node(s), sync_interval ${syncIntervalMs} ms`);

  await pair(stage, { ...settings, events: Math.min(20_000, settings.events) }, 'w');
  const raw: Run[] = [];
  const pipeline: PipelineRun[] = [];
  for (let n = 1; n <= settings.pairs; n++) {
    const [a, b] = await pair(stage, settings, `r${n}`);
    raw.push(a);
    pipeline.push(b);
    progress(`pair ${n}: raw ${line(a)}; pipeline ${line(b)}, ${b.jobsPerEvent.toFixed(2)} jobs, ${b.turnsPerEvent.toFixed(2)} turns, ${b.recordsPerEvent.toFixed(2)} records an event; server ${us(b.serverCpu, settings)}, nodes ${us(b.nodeCpu, settings)}, publisher ${us(b.publisherCpu, settings)}`);
  }
  return {
    server: version,
    syncIntervalMs,
    nodes,
    events: settings.events,
    skus: settings.skus,
    writeBatch,
    raw,
    pipeline,
    ratio: median(pipeline.map((run, i) => run.eventsPerSecond / raw[i]!.eventsPerSecond)),
    cpuRatio: median(pipeline.map((run, i) => run.cpuPer10k / raw[i]!.cpuPer10k)),
    eventsPerSecond: median(pipeline.map(run => run.eventsPerSecond)),
    cpuPer10k: median(pipeline.map(run => run.cpuPer10k)),
    jobsPerEvent: median(pipeline.map(run => run.jobsPerEvent)),
    peakMb: { server: peakMb(stage.server.pid), nodes: sum(stage.nodePids, peakMb), publisher: peakMb(stage.processes.pid('publisher')!) },
  };
}

const us = (seconds: number, { events }: Settings): string => `${((seconds / events) * 1e6).toFixed(1)} us`;
const line = (run: Run): string => `${Math.round(run.eventsPerSecond)}/s ${(run.cpuPer10k * 100).toFixed(1)} us`;

/** The same events through raw JetStream, then through the pipeline. */
async function pair(stage: Stage, { dir, events, skus, nodes }: Settings, prefix: string): Promise<[Run, PipelineRun]> {
  void nodes;
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
  const before = await stage.ask<{ writes: number; turns: number; events: number }>('figures');
  const recordsBefore = (await stage.jsm.streams.info(streams.skuRecords)).state.last_seq;
  let after = before;
  const pipeline = await run(stage, trace.length, stage.nodePids, 'sku', async () => {
    const { at, figures } = await stage.settled();
    after = figures;
    return at;
  });
  const records = await stage.records();
  const wrong = differences(fold, records);
  if (wrong.length > 0) throw new Error(`the pipeline ended wrong for ${wrong.length} SKUs:\n${wrong.slice(0, 5).join('\n')}`);
  const total = (key: 'writes' | 'turns'): number => sum(after, f => f[key]) - sum(before, f => f[key]);
  return [raw, {
    ...pipeline,
    jobsPerEvent: total('writes') / trace.length,
    turnsPerEvent: total('turns') / trace.length,
    recordsPerEvent: ((await stage.jsm.streams.info(streams.skuRecords)).state.last_seq - recordsBefore) / trace.length,
  }];
}

async function run(stage: Stage, events: number, workers: number[], to: 'raw' | 'sku', ended: () => Promise<number>): Promise<Run> {
  const pids = { server: [stage.server.pid], publisher: [stage.processes.pid('publisher')!], node: workers };
  const before = Object.fromEntries(Object.entries(pids).map(([name, each]) => [name, cpuSeconds(each)]));
  const published = await stage.questions.ask<Published>('publisher', { type: 'publish', options: { to } });
  const seconds = (await ended() - published.began) / 1_000;
  const used = (name: keyof typeof pids): number => cpuSeconds(pids[name]) - before[name]!;
  const [serverCpu, publisherCpu, nodeCpu] = [used('server'), used('publisher'), used('node')];
  return { seconds, eventsPerSecond: events / seconds, cpuPer10k: ((serverCpu + publisherCpu + nodeCpu) / events) * 10_000, serverCpu, publisherCpu, nodeCpu };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}
