/**
 * Every stored version of every record and epoch, as the broker republishes them, while this connection stands. KV
 * keeps the newest only; a stream would refuse what was republished, since it still says which revision it expects.
 */
import type { NatsConnection } from 'nats';
import type { Stock } from '../../../actors/sku/protocol.ts';
import type { ActorRecord } from '../../../runtime/actor.ts';
import { unescapeKey } from '../../../runtime/subjects.ts';

export interface Version { revision: number; at: number; bytes: string; record: ActorRecord<Stock> }

export class History {
  /** By SKU, oldest first. */
  readonly versions = new Map<string, Version[]>();
  /** Owners of each partition as they changed, oldest first. */
  readonly epochs = new Map<number, { at: number; owner: string | null }[]>();
  /** When a record of each partition was last stored, monotonic ms. */
  readonly stored = new Map<number, number>();
  /** Told of each record as it is stored. */
  onRecord: (record: ActorRecord<Stock>) => void = () => {};

  constructor(nc: NatsConnection) {
    nc.subscribe('kvpub.sku.*.*', { callback: (_error, message) => {
      const at = Date.parse(message.headers!.get('Nats-Time-Stamp'));
      const [, , number, token] = message.subject.split('.') as [string, string, string, string];
      const partition = Number(number);
      if (token === '_epoch') push(this.epochs, partition, { at, owner: message.json<{ owner: string | null }>().owner });
      if (token.startsWith('_') || message.data.length === 0) return;
      this.stored.set(partition, performance.now());
      const bytes = message.string();
      const record = JSON.parse(bytes) as ActorRecord<Stock>;
      push(this.versions, unescapeKey(token), { revision: Number(message.headers!.get('Nats-Sequence')), at, bytes, record });
      this.onRecord(record);
    } });
  }
}

export function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
