/** A failing schedule made short: every stimulus and fault that it can do without is left out (delta debugging, Zeller 2002). */
import { run } from './run.ts';
import type { Options, Run } from './run.ts';

export interface Shrunk { run: Run; muted: Set<string>; runs: number }

/** @param check the violation that must remain; @param runsMax bounds the search */
export function shrink(seed: number, check: string, options: Options, runsMax = 400): Shrunk {
  const muted = new Set<string>(options.muted);
  const attempt = (more: Iterable<string>) => run(seed, { ...options, muted: new Set([...muted, ...more]) });
  let best = attempt([]);
  let runs = 1;
  let size = Math.ceil(best.fired.length / 2);
  while (size >= 1 && runs < runsMax) {
    let found = false;
    for (let from = 0; from < best.fired.length && runs < runsMax; ) {
      const part = best.fired.slice(from, from + size);
      const shorter = attempt(part);
      runs += 1;
      if (shorter.violations.some(one => one.check === check)) {
        for (const name of part) muted.add(name);
        best = shorter;
        found = true;
      } else {
        from += size;
      }
    }
    if (size === 1 && !found) break;
    size = size === 1 ? 1 : Math.ceil(size / 2);
  }
  return { run: run(seed, { ...options, muted, tellsStory: true }), muted, runs };
}
