/** `npm run simulate -- --runtime`: whole nodes over a simulated broker, marketplaces and ERP, seed by seed. */
import { writeFileSync } from 'node:fs';
import type { Mode } from './plan.ts';
import { run } from './run.ts';
import type { Figures, Run } from './run.ts';
import { shrink } from './shrink.ts';
import { story } from './story.ts';

export interface Asked {
  seeds: readonly number[];
  /** The first of those that were drawn anew, if any were. */
  fresh: number | undefined;
  minutes: number;
  /** Of buyers and faults, in each seed. */
  seconds: number;
  mode: Mode;
  powerCuts: boolean;
  holds: boolean;
  /** Tells the story of the first seed, whatever comes of it. */
  tells: boolean;
  /** File that a failing plan is kept in, once it is short. */
  keep: string | undefined;
}

/** True where every check held. */
export async function simulateRuntime({ seeds, fresh, minutes, seconds, mode, powerCuts, holds, tells, keep }: Asked): Promise<boolean> {
  const startedAt = performance.now();
  const cpu = process.cpuUsage();
  const lengthMs = seconds * 1_000;
  const runs: Run[] = [];
  for (const seed of seeds) {
    if (performance.now() - startedAt > minutes * 60_000) break;
    const done = await run(seed, { lengthMs, mode, powerCuts, holds, tellsStory: tells });
    if (tells) {
      console.log(story(done));
      return done.violations.length === 0;
    }
    runs.push(done);
    const [violation] = done.violations;
    if (!violation) continue;
    console.log(`seed ${seed}: ${violation.check}: ${violation.text}`);
    const shrunk = await shrink(done);
    console.log(`shrunk from ${done.plan.acts.length} to ${shrunk.run.plan.acts.length} acts in ${shrunk.runs} runs\n${story(shrunk.run)}`);
    if (keep !== undefined) writeFileSync(keep, `${JSON.stringify(shrunk.run.plan, undefined, 1)}\n`);
    return false;
  }
  const used = process.cpuUsage(cpu);
  print(runs, mode, fresh, performance.now() - startedAt, (used.user + used.system) / 1_000);
  return true;
}

function print(runs: readonly Run[], mode: Mode, fresh: number | undefined, ms: number, cpuMs: number): void {
  const sum = (name: keyof Figures): number => runs.reduce((total, { figures }) => total + figures[name], 0);
  const faults: Record<string, number> = {};
  for (const run of runs) for (const [kind, count] of Object.entries(run.faults)) faults[kind] = (faults[kind] ?? 0) + count;
  const hours = sum('simulatedMs') / 3_600_000;
  const converged = runs.map(({ figures }) => figures.convergedMs / 1_000).sort((a, b) => a - b);
  const part = (share: number): string => `${Math.round(converged[Math.min(converged.length - 1, Math.floor(share * converged.length))] ?? 0)} s`;
  const lines = [
    ['seeds', `${runs.length} of 3 nodes, 5 accounts, 20 SKUs each, ${mode}${fresh === undefined ? '' : `, the fresh ones from ${fresh}`}`],
    ['simulated', `${hours.toFixed(2)} hours, ${(hours / (ms / 3_600_000)).toFixed(0)} times as fast as real`],
    ['speed', `${(runs.length / (ms / 1_000)).toFixed(2)} seeds/s, ${(runs.length / (cpuMs / 1_000)).toFixed(2)} per second of processor`],
    ['steps', `${sum('steps')} callbacks, ${sum('operations')} operations at the broker, ${sum('facts')} facts, ${sum('versions')} records stored and folded again, ${sum('calls')} calls at marketplaces`],
    ['happened', Object.entries(faults).sort(([, a], [, b]) => b - a).map(([kind, n]) => `${kind} ${n}`).join(', ')],
    ['sold', `${sum('sold')} units`],
    ['oversold', mode === 'mirror' ? `${sum('oversold')} units, ${sum('unexplained')} of them beyond what mirroring allows` : `${sum('oversold')} units after something from outside, ${sum('unexplained')} without`],
    ['lost', String(sum('lost'))],
    ['doubled', String(sum('doubled'))],
    ['converged', `${part(0.5)} after the last fault for half of the seeds, ${part(0.99)} for 99 of 100, ${part(1)} for the slowest`],
    ['unserved', `${(Math.max(0, ...runs.map(({ figures }) => figures.unservedMs)) / 1_000).toFixed(1)} s after the last disturbance at most`],
    ['digest', runs.reduce((all, { digest }) => Math.imul(all ^ digest, 0x01000193) >>> 0, 0x811c9dc5).toString(16).padStart(8, '0')],
  ];
  for (const [name, value] of lines) console.log(`${name!.padEnd(10)} ${value}`);
}
