/** The figures as people read them. */
import { quickMargin } from './floors.ts';
import type { Verdict } from './floors.ts';
import type { Figures } from './measure.ts';
import { median } from './throughput.ts';
import type { Run } from './throughput.ts';

export function print(figures: Figures, verdicts: readonly Verdict[]): void {
  const { version, syncIntervalMs, nodes, writeBatch, throughput, load, peakMb } = figures;
  say(`nats-server ${version}, one server, file storage, ${nodes} node process(es), ${writeBatch} entries in a channel call`);
  say(syncIntervalMs === 0 ? 'durability: each message is on disk before it is acknowledged'
    : `durability: acknowledged is written, not forced to disk; a power cut can lose the last ${syncIntervalMs / 1_000} s, a killed process nothing`);
  if (throughput) {
    const { raw, pipeline, events, skus } = throughput;
    say(`\n${events} events over ${skus} SKUs, medians of ${raw.length} pairs`);
    say(row('', 'events/s', 'CPU us an event', 'server', 'publisher', 'reader/nodes'));
    for (const [name, runs] of [['raw', raw], ['pipeline', pipeline]] as const) {
      const of = (key: keyof Run): number => median(runs.map(run => run[key]));
      say(row(name, of('eventsPerSecond').toFixed(0), of('cpuUs').toFixed(1), of('serverUs').toFixed(1), of('publisherUs').toFixed(1), of('workerUs').toFixed(1)));
    }
    const each = (key: 'jobsPerEvent' | 'turnsPerEvent' | 'recordsPerEvent'): string => median(pipeline.map(run => run[key])).toFixed(2);
    say(`an event: ${each('jobsPerEvent')} channel jobs, ${each('turnsPerEvent')} turns, ${each('recordsPerEvent')} record writes; ${(median(pipeline.map(run => run.cpuUs)) / 100).toFixed(2)} CPU seconds for 10,000`);
    say(`peak memory: server ${peakMb.server.toFixed(0)} MB, nodes ${peakMb.nodes.toFixed(0)} MB, publisher ${peakMb.publisher.toFixed(0)} MB`);
  }
  if (figures.alone) say(`\nevent to job at 100 events/s: p50 ${figures.alone.p50.toFixed(1)} ms, p99 ${figures.alone.p99.toFixed(1)} ms`);
  if (load) {
    say(`\n${load.skus} SKUs with five channels: linked, counted, written and proven in ${load.loadSeconds.toFixed(1)} s`);
    say(`taken over by a new node in ${load.takeOverSeconds.toFixed(1)} s (${load.emptySeconds.toFixed(1)} s with nothing stored); heap ${load.hotBytes.toFixed(0)} bytes a hot SKU, ${load.idleBytes.toFixed(0)} an idle one`);
  }
  say('');
  if (verdicts.some(({ counts }) => !counts)) say(`a short run: floors may be missed by a factor of ${quickMargin}, and those in brackets by any`);
  for (const { id, what, is, floor, goal, more, passes, counts } of verdicts) {
    const number = (value: number): string => value.toPrecision(3);
    say(`${passes ? 'ok    ' : counts ? 'MISS  ' : '(miss)'} ${id.padEnd(7)} ${number(is).padStart(7)}  ${more ? 'at least' : 'at most'} ${floor} (goal ${goal}): ${what}`);
  }
}

const row = (name: string, ...cells: string[]): string => name.padEnd(10) + cells.map(cell => cell.padStart(17)).join('');

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
