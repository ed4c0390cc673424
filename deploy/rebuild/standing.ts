/** How far what was rebuilt has come since nodes work with it, from their records. */
import type { NatsConnection } from 'nats';
import type { PackedStock } from '../../actors/sku/packing.ts';
import type { ActorRecord } from '../../runtime/actor.ts';
import { readAll } from '../../runtime/read-all.ts';
import { lastToken, streams, unescapeKey } from '../../runtime/subjects.ts';

export interface Standing {
  /** SKUs that a node has folded. */
  skus: number;
  /** No source has counted them: nothing is shown of them. */
  uncounted: string[];
  /** Raises wait for the end of late writes, or for the ledger to be regained (P12). */
  waiting: number;
  regaining: number;
  listings: number;
  proven: number;
}

/** @throws {Error} when the connection is closed */
export async function standingOf(nc: NatsConnection): Promise<Standing> {
  const standing: Standing = { skus: 0, uncounted: [], waiting: 0, regaining: 0, listings: 0, proven: 0 };
  await readAll(nc, { stream: streams.skuRecords, filter: '$KV.sku.>', from: 'last-per-subject' }, message => {
    const token = lastToken(message.subject);
    if (token.startsWith('_') || message.data.length === 0) return;
    const { state, context } = message.json<ActorRecord<PackedStock>>();
    standing.skus += 1;
    if (state === 'unknown') standing.uncounted.push(unescapeKey(token));
    if (context.lateUntil !== undefined && context.waitingSince !== null) standing.waiting += 1;
    if (context.exposure?.recovery) standing.regaining += 1;
    for (const { intent, proof } of Object.values(context.outlets)) {
      standing.listings += 1;
      if (intent && proof?.version === intent.version) standing.proven += 1;
    }
  });
  return standing;
}
