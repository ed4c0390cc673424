/** What the operating system counts of a process (Linux). */
import { readFileSync } from 'node:fs';

/** Of `utime` and `stime` in /proc/<pid>/stat; USER_HZ is 100 on every Linux that Node runs on. */
const ticksPerSecond = 100;

/** CPU seconds, user and system, that the processes have used together. */
export function cpuSeconds(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold anything; fields are counted from behind it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / ticksPerSecond;
}

/** Most memory that the process ever had resident, MB. */
export function peakMb(pid: number): number {
  return kb(pid, 'VmHWM') / 1_000;
}

export function residentMb(pid: number): number {
  return kb(pid, 'VmRSS') / 1_000;
}

function kb(pid: number, field: string): number {
  const line = readFileSync(`/proc/${pid}/status`, 'utf8').split('\n').find(each => each.startsWith(`${field}:`));
  return Number(/\d+/.exec(line ?? '')?.[0] ?? NaN);
}
