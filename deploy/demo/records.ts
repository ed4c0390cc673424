/** What Plumb's own records say of every SKU, in the shape the referee compares with the marketplaces' books. */
import type { NatsConnection } from 'nats';
import { unpackStock } from '../../actors/sku/packing.ts';
import type { PackedStock } from '../../actors/sku/packing.ts';
import { ordinalOf } from '../../actors/sku/position.ts';
import type { Stock } from '../../actors/sku/protocol.ts';
import { known } from '../../actors/sku/stock.ts';
import type { ActorRecord } from '../../runtime/actor.ts';
import { readAll } from '../../runtime/read-all.ts';
import { lastToken, streams } from '../../runtime/subjects.ts';
import type { RecordStatement } from './referee.ts';

/** Reads every SKU record once. */
export async function readRecords(nc: NatsConnection): Promise<RecordStatement[]> {
  const statements = new Map<string, RecordStatement>();
  await readAll(nc, { stream: streams.skuRecords, filter: '$KV.sku.>', from: 'last-per-subject' }, message => {
    // Epochs and checkpoints stand beside the records, under names that no key can have.
    if (lastToken(message.subject).startsWith('_') || message.data.length === 0) return;
    const stock = unpackStock(message.json<ActorRecord<PackedStock>>().context);
    statements.set(stock.sku, statement(stock));
  });
  return [...statements.values()];
}

export function statement(stock: Stock): RecordStatement {
  const units = known(stock);
  const lines = Object.entries(stock.lines);
  return {
    sku: stock.sku,
    available: units ?? 0,
    known: units !== undefined,
    lines: lines.map(([id]) => id),
    units: Object.fromEntries(lines.map(([id, line]) => [id, line.units])),
    cancelled: Object.fromEntries(lines.flatMap(([id, { cancelled }]) => (cancelled ? [[id, cancelled]] : []))),
    erpVersion: ordinalOf(stock.position) ?? 0,
    intended: Object.fromEntries(Object.entries(stock.outlets).flatMap(([account, { intent, proof }]) =>
      (intent ? [[account, { quantity: intent.quantity, proven: proof?.version === intent.version }]] : []))),
    ...(stock.exposure && { rights: Object.fromEntries(Object.entries(stock.exposure.cells).map(([account, { rights }]) => [account, rights])) }),
  };
}
