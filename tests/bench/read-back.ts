/** Reads every SKU's state back from the bucket. */
import type { NatsConnection } from 'nats';
import { unpackStock } from '../../actors/sku/packing.ts';
import type { PackedStock } from '../../actors/sku/packing.ts';
import type { Stock } from '../../actors/sku/protocol.ts';
import type { ActorRecord } from '../../runtime/actor.ts';
import { Reader } from '../../runtime/reader.ts';
import { streams } from '../../runtime/subjects.ts';

/** By SKU. */
export async function storedStocks(nc: NatsConnection): Promise<Map<string, Stock>> {
  const found = new Map<string, Stock>();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const reader = new Reader(nc, {
    stream: streams.skuRecords,
    filter: '$KV.sku.>',
    from: 'last-per-subject',
    name: 'bench-read-back',
    onCaughtUp: resolve,
    onError: reject,
    onMessage: message => {
      const token = message.subject.slice(message.subject.lastIndexOf('.') + 1);
      if (token.startsWith('_')) return;
      const context = unpackStock(message.json<ActorRecord<PackedStock>>().context);
      found.set(context.sku, context);
    },
  });
  await promise;
  await reader.stop();
  return found;
}
