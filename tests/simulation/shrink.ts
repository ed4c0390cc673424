/** A failing plan made short: every act that it can do without is left out (delta debugging, Zeller 2002). */
import { opensAt } from './plan.ts';
import { run } from './run.ts';
import type { Run, RunOptions } from './run.ts';
import type { Plan } from './plan.ts';

export interface Shrunk { run: Run; runs: number }

/** @param options as it failed; @param runsMax bounds the search */
export async function shrink(failed: Run, options: RunOptions = {}, runsMax = 150): Promise<Shrunk> {
  const { check, at } = failed.violations[0]!;
  const { seed } = failed.plan;
  let runs = 0;
  const attempt = async (plan: Plan): Promise<boolean> => {
    runs += 1;
    return (await run(seed, { ...options, plan })).violations.some(violation => violation.check === check);
  };
  let best = failed.plan;
  const before = { ...best, acts: best.acts.filter(act => opensAt + act.at <= at) };
  if (before.acts.length < best.acts.length && await attempt(before)) best = before;
  for (let size = Math.ceil(best.acts.length / 2); size >= 1 && runs < runsMax;) {
    let isShorter = false;
    for (let from = 0; from < best.acts.length && runs < runsMax;) {
      const shorter = { ...best, acts: best.acts.filter((_, n) => n < from || n >= from + size) };
      if (await attempt(shorter)) {
        best = shorter;
        isShorter = true;
      } else {
        from += size;
      }
    }
    if (size === 1 && !isShorter) break;
    size = size === 1 ? 1 : Math.ceil(size / 2);
  }
  return { run: await run(seed, { ...options, plan: best, tellsStory: true }), runs: runs + 1 };
}
