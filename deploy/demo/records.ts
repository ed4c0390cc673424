/** What Plumb's own records say of every SKU, in the shape the referee compares with the marketplaces' books. */
import { jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from 'nats';
import { unpackStock } from '../../actors/sku/packing.ts';
import type { PackedStock } from '../../actors/sku/packing.ts';
import type { Stock } from '../../actors/sku/protocol.ts';
import { known } from '../../actors/sku/stock.ts';
import type { ActorRecord } from '../../runtime/actor.ts';
import { Reader } from '../../runtime/reader.ts';
import { streams } from '../../runtime/subjects.ts';
import type { RecordStatement } from './referee.ts';

/** Reads every SKU record once. */
export async function readRecords(nc: NatsConnection): Promise<RecordStatement[]> {
  const statements = new Map<string, RecordStatement>();
  let done!: () => void;
  const read = new Promise<void>(resolve => { done = resolve; });
  const reader = new Reader(jetstream(nc), {
    stream: streams.skuRecords,
    filter: '$KV.sku.>',
    from: 'last-per-subject',
    name: 'referee',
    onCaughtUp: () => done(),
    onMessage: message => {
      // Epochs and checkpoints stand beside the records, under names that no key can have.
      if (message.subject.charAt(message.subject.lastIndexOf('.') + 1) === '_' || message.data.length === 0) return;
      const stock = unpackStock(message.json<ActorRecord<PackedStock>>().context);
      statements.set(stock.sku, statement(stock));
    },
  });
  await read;
  await reader.stop();
  return [...statements.values()];
}

function statement(stock: Stock): RecordStatement {
  const units = known(stock);
  const lines = Object.entries(stock.lines);
  return {
    sku: stock.sku,
    available: units ?? 0,
    known: units !== undefined,
    lines: lines.map(([id]) => id),
    units: Object.fromEntries(lines.map(([id, line]) => [id, line.units])),
    cancelled: Object.fromEntries(lines.flatMap(([id, { cancelled }]) => (cancelled ? [[id, cancelled]] : []))),
    erpVersion: stock.position,
    intended: Object.fromEntries(Object.entries(stock.outlets).flatMap(([account, { intent, proof }]) =>
      (intent ? [[account, { quantity: intent.quantity, proven: proof?.version === intent.version }]] : []))),
  };
}
