/** The open file handles of a process (Linux), told apart: connections to given ports, and all others. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface Handles {
  /** Connections to one of the ports: as many as the pool that holds them has, for as long as they are used. */
  pooled: number;
  /** Files, pipes, the broker, whoever asks for figures: what a leak shows in. */
  other: number;
}

/** Undefined when the process is gone. */
export function handlesOf(pid: number, ports: ReadonlySet<number>): Handles | undefined {
  try {
    const inodes = new Set(['tcp', 'tcp6'].flatMap(table => readFileSync(`/proc/${pid}/net/${table}`, 'utf8').split('\n').slice(1).flatMap(line => {
      const fields = line.trim().split(/\s+/);
      return ports.has(Number.parseInt(fields[2]?.split(':')[1] ?? '', 16)) ? [fields[9]!] : [];
    })));
    const open = readdirSync(`/proc/${pid}/fd`).flatMap(fd => {
      try {
        return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
      } catch {
        return []; // Closed meanwhile.
      }
    });
    const pooled = open.filter(target => inodes.has(/^socket:\[(\d+)\]$/.exec(target)?.[1] ?? '')).length;
    return { pooled, other: open.length - pooled };
  } catch {
    return undefined;
  }
}
