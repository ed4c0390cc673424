/** The goals of speed with their floors; numbers as the design gives them. */
import type { Figures } from './measure.ts';

export interface Verdict {
  id: string;
  what: string;
  /** In the unit that `what` names. */
  is: number;
  floor: number;
  goal: number;
  /** Whether more is better. */
  more: boolean;
  passes: boolean;
  /** Whether missing it fails the run. */
  counts: boolean;
}

/** A floor that counts in a quick run is missed when it is missed by more than this factor. */
export const quickMargin = 1.5;

/**
 * A short run on a machine that others use tells nothing of these: the slowest hundredth of few events, and a rate that
 * is over in a third of a second.
 */
const noise: ReadonlySet<string> = new Set(['P8 p99', 'P9', 'P13']);

/** One for each floor whose figures were measured. @param quick of a short run, that others depend on */
export function verdicts({ throughput, alone, chain, debounced, load }: Figures, { quick }: { quick: boolean }): Verdict[] {
  const margin = quick ? quickMargin : 1;
  const counts = (id: string): boolean => !quick || !noise.has(id);
  const all: Verdict[] = [];
  const least = (id: string, what: string, is: number, floor: number, goal: number): void => {
    all.push({ id, what, is, floor, goal, more: true, passes: is * margin >= floor, counts: counts(id) });
  };
  const most = (id: string, what: string, is: number, floor: number, goal: number): void => {
    all.push({ id, what, is, floor, goal, more: false, passes: is <= floor * margin, counts: counts(id) });
  };
  if (throughput) {
    least('P1', 'events/s of the whole pipeline, against raw', throughput.rateRatio, 0.3, 0.5);
    most('P2', 'CPU an event, all processes, against raw', throughput.cpuRatio, 3, 2);
  }
  if (debounced) {
    most('P7', 'channel writes, against what the rules ask for', debounced.jobsPerEvent / debounced.idealPerEvent, 1.3, 1.1);
    most('P9', `p99 of how long a channel shows what it should not, beyond a debounce of ${debounced.debounceMs} ms, at ${debounced.perSecond} events/s, ms`, debounced.p99 - debounced.debounceMs, 50, 15);
  }
  if (alone && chain) {
    most('P8 p50', 'p50 event to job, against read-store-publish-read by hand', alone.p50 / chain.p50, 2, 1.3);
    most('P8 p99', 'p99 event to job, against the same', alone.p99 / chain.p99, 3, 1.5);
  }
  if (load) {
    const { hotBytes, idleBytes, emptyMb } = load;
    most('P10', 'heap of a hot SKU with five channels, KB', hotBytes / 1_000, 6, 3);
    most('P11', 'heap of an idle SKU with five channels, KB', idleBytes / 1_000, 1, 0.4);
    least('P12', 'thousand SKUs known to a node of 1 GB, a tenth of them hot', (1_000 - emptyMb) * 1e3 / (0.9 * idleBytes + 0.1 * hotBytes), 250, 1_000);
    least('P13', 'thousand records taken over in a second', load.restoredPerSecond / 1_000, 50, 100);
    most('P13 p50', 'what the first event of an idle SKU takes longer, p50, ms', load.cold.p50 - load.warm.p50, 5, 1);
  }
  return all;
}
