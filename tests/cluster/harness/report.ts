/** What a round came to, for people; and the sum of all rounds of one run of the test command. */
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FaultKind, Incident, Outcome } from './rounds.ts';

/** The value that a share of all are at or below. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

export function of(incidents: readonly Incident[], ...kinds: FaultKind[]): Incident[] {
  return incidents.filter(({ kind }) => kinds.includes(kind));
}

/** `12 take-overs: p50 2.4 s, p99 3.1 s, max 3.1 s` */
export function times(what: string, values: readonly number[]): string {
  const s = (ms: number): string => `${(ms / 1_000).toFixed(2)} s`;
  return `${values.length} ${what}: p50 ${s(quantile(values, 0.5))}, p99 ${s(quantile(values, 0.99))}, max ${s(Math.max(0, ...values))}`;
}

interface Sum { rounds: string[]; faults: Record<string, number>; messages: number; versions: number; counts: Record<string, number> }

/**
 * One line per fault, then the sum of this and all rounds before it: rounds of one command share a process, whose
 * number names the file.
 */
export function report(round: string, { incidents, verdict, unserved }: Outcome): string[] {
  const lines = incidents.map(({ kind, node, server, takeOver, waits, back, strain, end }) => [
    kind.padEnd(7),
    (kind === 'all' ? 'every node' : kind === 'server' ? `server ${server}` : kind === 'both' ? `${node}, server ${server}` : node).padEnd(11),
    `${String(takeOver.length).padStart(2)} partitions, served again after ${(Math.max(0, ...takeOver) / 1_000).toFixed(2)} s, longest wait ${(Math.max(0, ...waits) / 1_000).toFixed(2)} s, ${(back / 1_000).toFixed(2)} s when it was over`,
    ...(strain > 0 ? [`, machine stood still for ${(strain / 1_000).toFixed(2)} s`] : []),
    ...(end ? [`, left with code ${end.code} in ${(end.tookMs / 1_000).toFixed(2)} s`] : []),
  ].join(' '));
  const { lost, doubled, reordered, wrong, causeless, unperformed, messages, versions } = verdict;
  const sum = before();
  sum.rounds.push(round);
  for (const { kind } of incidents) sum.faults[kind] = (sum.faults[kind] ?? 0) + 1;
  sum.messages += messages;
  sum.versions += versions;
  for (const [name, count] of Object.entries({ lost, doubled, reordered, wrong, causeless, unperformed, unserved })) sum.counts[name] = (sum.counts[name] ?? 0) + count;
  writeFileSync(file(), JSON.stringify(sum));
  const { faults, counts } = sum;
  return [
    ...lines,
    `${messages} messages in ${versions} stored records`,
    '',
    `So far (${sum.rounds.join(', ')}): ${sum.messages} messages, ${sum.versions} stored records`,
    `  survived: ${Object.entries(names).map(([kind, name]) => `${faults[kind] ?? 0} ${name}`).join(', ')}`,
    `  ${Object.entries(counts).map(([name, count]) => `${name} ${count}`).join(', ')}`,
  ];
}

const names: Record<FaultKind, string> = {
  kill: 'kills', all: 'kills of every node', zombie: 'zombies', drain: 'drains', silence: 'links cut in silence',
  reset: 'links reset', server: 'broker servers killed', both: 'broker servers killed with a node',
};

function file(): string {
  return join(tmpdir(), `plumb-cluster-${process.pid}.json`);
}

function before(): Sum {
  try {
    return JSON.parse(readFileSync(file(), 'utf8')) as Sum;
  } catch {
    return { rounds: [], faults: {}, messages: 0, versions: 0, counts: {} };
  }
}
