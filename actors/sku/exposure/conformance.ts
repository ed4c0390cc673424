/**
 * Whether a channel keeps what its adapter declares of a write (A5 of docs/exposure.md, and A2 by the way), judged from
 * what a test listing showed. Pure.
 */
import type { WriteOutcome } from '../../channel/adapter.ts';
import type { Kind } from './ledger.ts';

/** A write that must not take effect. */
export interface Tried {
  outcome: WriteOutcome['kind'];
  /** What it set, and what was shown after its answer. */
  to: number;
  shown: number;
}

/** What was seen of one test listing; ms of this machine. */
export interface Seen {
  kind: Kind;
  /** From the call of a plain write until a read showed it; undefined where it was answered as applied and never shown. */
  effectMs: number | undefined;
  /** It may take effect within, or never (A2). */
  lifeMs: number;
  /** Conditional kinds: a write on a reading that was outdated by then. */
  outdated?: Tried;
  /** Conditional kinds: the plain write once more to the letter, after another one. */
  copy?: Tried;
}

export const checkIds = ['effect', 'outdated', 'copy'] as const;

export interface Check {
  id: typeof checkIds[number];
  asks: string;
  held: boolean;
  told: string;
}

/** `broken`: it is not of the kind that it is declared as; `late`: it is, and slower than is counted on. */
export type Verdict = 'kept' | 'late' | 'broken';

export function judge({ kind, effectMs, lifeMs, outdated, copy }: Seen): { verdict: Verdict; checks: Check[] } {
  const isLate = effectMs !== undefined && effectMs > lifeMs;
  const checks: Check[] = [{
    id: 'effect', asks: `does a write show within ${lifeMs} ms`, held: effectMs !== undefined && !isLate,
    told: effectMs === undefined ? 'it was answered as applied and does not show' : `after ${Math.round(effectMs)} ms`,
  }];
  if (outdated) checks.push({ id: 'outdated', asks: `is a write on an outdated ${kind === 'version' ? 'version' : 'quantity'} refused`, held: !isTaken(outdated) && outdated.shown !== outdated.to, told: told(outdated) });
  if (copy) checks.push({ id: 'copy', asks: 'does a late copy of a write change nothing', held: copy.shown !== copy.to, told: told(copy) });
  const isBroken = effectMs === undefined || checks.some(({ id, held }) => id !== 'effect' && !held);
  return { verdict: isBroken ? 'broken' : isLate ? 'late' : 'kept', checks };
}

function isTaken({ outcome }: Tried): boolean {
  return outcome === 'applied' || outcome === 'accepted';
}

function told({ outcome, to, shown }: Tried): string {
  return `a write of ${to} was answered with ${outcome}; a read gives ${shown}`;
}
