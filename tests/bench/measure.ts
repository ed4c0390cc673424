/** All measurements, one after the other, on real servers and nodes of this machine. */
import { join } from 'node:path';
import type { Lifetime } from '../../deploy/demo/lifetime.ts';
import { streams } from '../../runtime/subjects.ts';
import { modulePath } from './children.ts';
import { load } from './load.ts';
import type { Load } from './load.ts';
import { peakMb } from './procfs.ts';
import { alone, chain, debounced } from './response.ts';
import type { Debounced, Quantiles } from './response.ts';
import { Stage, sum } from './stage.ts';
import { throughput } from './throughput.ts';
import type { Throughput } from './throughput.ts';

export const parts = ['throughput', 'response', 'debounce', 'load'] as const;
export type Part = (typeof parts)[number];

export interface Settings {
  dir: string;
  parts: readonly Part[];
  events: number;
  skus: number;
  pairs: number;
  nodes: number;
  /** Entries in one call of the channel. */
  writeBatch: number;
  seconds: number;
  loadSkus: number;
  progress(line: string): void;
}

export interface Figures {
  /** nats-server's. */
  version: string;
  /** What a power cut can lose at most: acknowledged messages are forced to disk this often, ms; 0 for each of them. */
  syncIntervalMs: number;
  nodes: number;
  writeBatch: number;
  throughput?: Throughput;
  /** Event to job with nothing to batch, ms; and the same by hand. */
  alone?: Quantiles;
  chain?: Quantiles;
  debounced?: Debounced;
  load?: Load;
  /** Resident, MB. */
  peakMb: { server: number; nodes: number; publisher: number };
}

const quietRate = 100;
const busyRate = 3_000;
const debounceMs = 100;

export async function measure(settings: Settings, lifetime: Lifetime): Promise<Figures> {
  const { dir, nodes, writeBatch, seconds, loadSkus, progress } = settings;
  const wants = (part: Part): boolean => settings.parts.includes(part);
  const stage = await begin(join(dir, 'one'), settings, lifetime);
  const { version, syncIntervalMs } = stage.server;
  progress(`nats-server ${version}, sync_interval ${syncIntervalMs} ms; ${nodes} node(s)`);
  const figures: Figures = { version, syncIntervalMs, nodes, writeBatch, peakMb: { server: 0, nodes: 0, publisher: 0 } };
  if (wants('response')) {
    figures.chain = await chain(stage, dir, quietRate, seconds);
    progress(`by hand, ${quietRate} events/s: ${tell(figures.chain)}`);
    figures.alone = await alone(stage, dir, quietRate, seconds);
    progress(`event to job, ${quietRate} events/s: ${tell(figures.alone)}`);
  }
  // Before the million messages of what follows: a broker that has just stored those is busy with them for a while.
  if (wants('debounce')) {
    await stage.restartNodes({ quietMs: debounceMs });
    figures.debounced = await debounced(stage, dir, debounceMs, busyRate, seconds);
    progress(`debounce of ${debounceMs} ms, ${busyRate} events/s: ${tell(figures.debounced)}; ${figures.debounced.jobsPerEvent.toFixed(2)} jobs an event, ${figures.debounced.idealPerEvent.toFixed(2)} by the rules`);
  }
  if (wants('throughput')) {
    if (wants('debounce')) await stage.restartNodes({ quietMs: 0 });
    figures.throughput = await throughput(stage, settings);
  }
  figures.peakMb = { server: peakMb(stage.server.pid), nodes: sum(stage.nodePids, peakMb), publisher: peakMb(stage.processes.pid('publisher')!) };
  await stage.stopNodes();
  if (wants('load')) {
    const empty = await begin(join(dir, 'two'), settings, lifetime);
    figures.load = await load(empty, { dir, skus: loadSkus, rate: quietRate, seconds });
    const { loadSeconds, takeOverSeconds, hotBytes, idleBytes, cold, warm } = figures.load;
    progress(`${loadSkus} SKUs: loaded in ${loadSeconds.toFixed(1)} s, taken over in ${takeOverSeconds.toFixed(1)} s; ${Math.round(hotBytes)} bytes hot, ${Math.round(idleBytes)} idle; first event ${tell(cold)}, second ${tell(warm)}`);
  }
  return figures;
}

async function begin(dir: string, { nodes, writeBatch }: Settings, lifetime: Lifetime): Promise<Stage> {
  const stage = await Stage.start({ dir, nodes, quietMs: 0, writeBatch }, lifetime);
  for (const [name, file] of [['publisher', 'publisher.ts'], ['reader', 'reader.ts']] as const) {
    await stage.processes.start({ name, module: modulePath(file), env: { BENCH_URL: stage.server.url } });
  }
  const { config } = await stage.jsm.streams.info(streams.sku);
  await stage.jsm.streams.add({ ...config, name: 'RAW', subjects: ['raw.>'] });
  await stage.jsm.streams.add({ ...config, name: 'CHAIN', subjects: ['chain.>'], max_msgs_per_subject: 1 });
  return stage;
}

const tell = ({ p50, p99 }: Quantiles): string => `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`;
