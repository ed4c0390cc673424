/** Tries that failed in a way that may pass: how long to wait, and when people are told. */
import type { Job } from '../../actors/channel/pending.ts';
import { backoffMs } from '../../actors/channel/retry.ts';
import type { Desk } from './ports.ts';

/** `throttled`: refused for rate, nothing was executed. `conflict`: a conditional write met another value. */
export type Trouble = 'ambiguous' | 'unavailable' | 'throttled' | 'conflict';

/** Conflicts in a row after which it is no longer read again at once. */
const conflictsAtOnce = 2;

const classOf: Record<Trouble, string> = { ambiguous: 'ambiguous expired', unavailable: 'throttled out', throttled: 'throttled out', conflict: 'conflict' };

/**
 * Counts the try and returns the ms until the next one. Past the maximum one dead letter tells of the job, and it is
 * tried on at the longest pause: it is never given up.
 */
export function tryAgainIn({ ports: { account, times }, journal }: Desk, job: Job, trouble: Trouble, message: string): number {
  if (trouble === 'throttled') job.throttles += 1;
  else if (trouble === 'conflict') job.rereads += 1;
  else job.attempts += 1;
  if (!job.overdue && (job.attempts >= times.retriesMax || job.rereads >= times.retriesMax || job.throttles >= times.throttlesMax)) {
    job.overdue = true;
    const { sku, quantity, signature } = job;
    journal.dead({
      class: classOf[trouble], sku, signature, code: trouble, message,
      heals: `an answer of ${account} to ${quantity} units of ${sku}, or a newer quantity; it is still tried`,
    });
  }
  if (trouble === 'throttled') return 0;
  if (trouble === 'conflict') return job.rereads > conflictsAtOnce ? backoffMs(job.rereads, Math.random()) : 0;
  return backoffMs(job.attempts, Math.random());
}
