/** From what an account's owner tells of itself to the delays that buffers and modes are chosen by. Pure. */
import type { Delays } from '../actors/sku/exposure/scarcity.ts';

/**
 * @param figures what `inspect.channel.<account>` answers: from a change's cause to its proof at the 99th percentile, and how
 *   far orders are known
 */
export function delaysFrom(figures: Readonly<Record<string, unknown>>, now: number): Delays {
  const { verifiedMs, ordersCompleteThrough } = figures as { verifiedMs?: { p99?: number | null; count?: number }; ordersCompleteThrough?: number | null };
  const writeMs = verifiedMs?.p99 ?? undefined;
  return {
    ...(writeMs !== undefined && (verifiedMs?.count ?? 0) > 0 && { writeMs }),
    ...(ordersCompleteThrough && { orderLagMs: Math.max(0, now - ordersCompleteThrough) }),
  };
}
