/** A database and a broker for one file of tests; each test has tables, a slot and doors of its own. */
import { DeliverPolicy } from '@nats-io/jetstream';
import type { ExecutionContext } from 'ava';
import type { Client } from 'pg';
import { pino } from 'pino';
import { doorsSchema } from '../../config/doors.ts';
import type { PostgresDoor } from '../../config/doors.ts';
import { CdcDoor } from '../../deploy/doors/cdc/door.ts';
import type { Change } from '../../deploy/doors/cdc/envelope.ts';
import { channelRecord } from '../../runtime/subjects.ts';
import { startBroker } from '../runtime/broker.ts';
import type { Broker } from '../runtime/broker.ts';
import type { Postgres } from './postgres.ts';

export interface Told { op: Change['op']; before: Record<string, unknown> | null; after: Record<string, unknown> | null; source: { lsn: number; index: number; table: string; txId: number | null } & Record<string, unknown> }

export interface World {
  broker: Broker;
  sql: Client;
  /** Entries of the doors' log at warn and above. */
  log: { msg: string }[];
  open(changes?: Partial<PostgresDoor>): Promise<CdcDoor>;
  /** Envelopes in INGEST, in order, with their positions by header. */
  told(): Promise<(Told & { position: [number, number]; id: string })[]>;
  /** By each message's position the newest row of every SKU, as a SKU's journal would have it; null: deleted. */
  truth(): Promise<Record<string, unknown>>;
  tasks(): Promise<Record<string, unknown>[]>;
  record(): Promise<Record<string, unknown> | undefined>;
  /** Every row was read: what comes now is a change. */
  areRowsRead(): Promise<boolean>;
}

let serial = 0;

export async function world(t: ExecutionContext, postgres: Postgres, options: Partial<PostgresDoor> & { columns?: string } = {}): Promise<World & { name: string }> {
  const name = `t${++serial}`;
  const { columns = 'sku text primary key, qty int', ...changes } = options;
  const broker = await startBroker(t);
  const sql = await postgres.client();
  await sql.query(`create table ${name} (${columns})`);
  t.teardown(async () => {
    await sql.query('select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1 and not active', [name]).catch(() => undefined);
  });
  const entries: { msg: string }[] = [];
  const log = pino({ level: 'warn' }, { write: line => { entries.push(JSON.parse(line) as { msg: string }); } });
  const messages = async (stream: string, filter: string) => {
    const consumer = await broker.js.consumers.get(stream, { filter_subjects: filter, deliver_policy: DeliverPolicy.All });
    const { num_pending: count } = await consumer.info();
    if (count === 0) return [];
    const found = [];
    for await (const message of await consumer.fetch({ max_messages: count, expires: 5_000 })) found.push(message);
    return found;
  };
  const record: World['record'] = async () => (await broker.records.get<Record<string, unknown>>(channelRecord.state('door.erp')))?.value;
  const told: World['told'] = async () => (await messages('INGEST', 'ingest.erp')).map(message => ({
    ...message.json<Told>(), position: JSON.parse(message.headers!.get('Plumb-Position')) as [number, number], id: message.headers!.get('Nats-Msg-Id'),
  }));
  return {
    name, broker, sql, log: entries, told,
    async open(more = {}) {
      const door = doorsSchema.parse({ postgres: [{ source: 'erp', url: postgres.url(), slot: name, publication: name, tables: [{ table: `public.${name}`, key: 'sku' }], ...changes, ...more }] }).postgres[0]!;
      const owner = new CdcDoor({ ...broker, door, node: 'n1', log, brokerMaxBytes: broker.nc.info!.max_payload, onLost: reason => entries.push({ msg: `lost: ${reason}` }) });
      let released: Promise<void> | undefined;
      const release = owner.release.bind(owner);
      owner.release = () => released ??= release();
      t.teardown(() => owner.release());
      await owner.start();
      return owner;
    },
    async truth() {
      const newest = new Map<string, { position: [number, number]; qty: unknown }>();
      for (const { op, before, after, position } of await told()) {
        const sku = String((after ?? before)!['sku']);
        const known = newest.get(sku);
        if (known && !isNewer(position, known.position)) continue;
        newest.set(sku, { position, qty: op === 'd' ? null : after!['qty'] });
      }
      return Object.fromEntries([...newest].sort(([a], [b]) => (a < b ? -1 : 1)).map(([sku, { qty }]) => [sku, qty]));
    },
    tasks: async () => (await messages('DEAD', 'dead.>')).map(message => message.json()),
    record,
    areRowsRead: async () => ((await record())?.['read'] as string[] | undefined)?.includes(`public.${name}`) === true,
  };
}

function isNewer([lsn, index]: [number, number], [thanLsn, thanIndex]: [number, number]): boolean {
  return lsn > thanLsn || (lsn === thanLsn && index > thanIndex);
}
