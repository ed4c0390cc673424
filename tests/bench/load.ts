/** Many SKUs: what each takes in memory, hot and idle, how fast a node takes them over, and what waking one costs. */
import { quantiles, atRate } from './response.ts';
import type { Quantiles } from './response.ts';
import { nowMs } from './channel.ts';
import { firstAfter } from './latency.ts';
import { sum } from './stage.ts';
import type { Stage } from './stage.ts';
import type { TraceEvent } from './workload.ts';
import { mulberry32 } from './workload.ts';

export interface Load {
  skus: number;
  /** To link and count them all, and to write and prove every channel. */
  loadSeconds: number;
  /** Heap of the nodes with nothing loaded, MB. */
  emptyMb: number;
  hotBytes: number;
  idleBytes: number;
  /** From the start of the nodes until every partition and account is served and every record read; of an empty broker the same. */
  takeOverSeconds: number;
  emptySeconds: number;
  /** Records that a node that begins reads, for each of the accounts. */
  restoredPerSecond: number;
  cold: Quantiles;
  warm: Quantiles;
}

export async function load(stage: Stage, { dir, skus, rate, seconds }: { dir: string; skus: number; rate: number; seconds: number }): Promise<Load> {
  const { seconds: emptySeconds } = await takeOver(stage);
  const emptyBytes = await stage.heap();
  const names = Array.from({ length: skus }, (_, n) => `load-${String(n).padStart(7, '0')}`);
  const began = nowMs();
  await stage.link(names);
  await count(stage, names);
  const loadSeconds = (nowMs() - began) / 1_000;
  // Every actor is in memory, and its channels have come to rest.
  await stage.until(each => sum(each, f => f.busyPairs - f.watched) <= 0, 100);
  const hotBytes = (await stage.heap() - emptyBytes) / skus;
  const { seconds: takeOverSeconds, perSecond: restoredPerSecond } = await takeOver(stage);
  const idleBytes = (await stage.heap() - emptyBytes) / skus;

  const random = mulberry32(5);
  const chosen = Array.from({ length: Math.min(skus, rate * seconds) }, () => names[Math.floor(random() * skus)]!);
  const once = [...new Set(chosen)];
  const change = (seq: number): TraceEvent[] => once.map(sku => ({ eventId: `${sku}:${seq}`, sku, seq, kind: 'delta', quantity: -1, ts: 0 }));
  const respond = async (trace: TraceEvent[]): Promise<Quantiles> => {
    const { at, arrivals } = await atRate(stage, dir, trace, rate);
    return quantiles(firstAfter(arrivals, trace.map(({ sku }, i) => ({ sku, at: at[i]!, since: at[i]! }))));
  };
  const cold = await respond(change(2));
  const warm = await respond(change(3));
  return {
    skus, loadSeconds, emptyMb: emptyBytes / 1e6, hotBytes, idleBytes, takeOverSeconds, emptySeconds, restoredPerSecond, cold, warm,
  };
}

/**
 * @returns seconds from the start of the nodes until they serve everything and their channels know every record; and
 * how many of these the slowest of them read in a second once it had begun to
 */
async function takeOver(stage: Stage): Promise<{ seconds: number; perSecond: number }> {
  await stage.stopNodes();
  const began = nowMs();
  await stage.startNodes();
  await stage.until(each => each.every(({ firstReading }) => firstReading !== undefined));
  const { at, figures } = await stage.settled();
  const perSecond = Math.min(...figures.map(({ firstReading }) => firstReading!.records / Math.max(1, firstReading!.ms) * 1_000));
  return { seconds: (at - began) / 1_000, perSecond };
}

async function count(stage: Stage, names: readonly string[]): Promise<void> {
  const window = 2_000;
  for (let i = 0; i < names.length; i += window) await Promise.all(names.slice(i, i + window).map((sku, n) => stage.count(sku, 50 + ((i + n) % 50))));
  await stage.settled();
}
