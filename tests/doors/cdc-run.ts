/**
 * A shop's database under traffic, read by real nodes into real SKU actors while nodes and PostgreSQL are killed: in
 * the end every SKU's truth must be its row, and every change that committed must be in INGEST at one position.
 */
import { DeliverPolicy } from '@nats-io/jetstream';
import type { ExecutionContext } from 'ava';
import type { Client } from 'pg';
import { unpackStock } from '../../actors/sku/packing.ts';
import type { PackedStock } from '../../actors/sku/packing.ts';
import type { ActorRecord } from '../../runtime/actor.ts';
import { Dice } from '../../deploy/demo/dice.ts';
import { Publisher } from '../../runtime/publisher.ts';
import { Records } from '../../runtime/records.ts';
import { skuRecordSubject } from '../../runtime/subjects.ts';
import { startWorld } from '../cluster/harness/world.ts';
import type { World } from '../cluster/harness/world.ts';
import { eventually } from '../runtime/broker.ts';
import { startPostgres } from './postgres.ts';
import type { Postgres } from './postgres.ts';

export interface RunOptions {
  skus: number;
  /** Rows changed before it ends. */
  changes: number;
  /** Kills, in turn, spread over the traffic. */
  faults: readonly Fault[];
  seed: number;
}

/** `door`: SIGKILL of the node that reads the database. `postgres`: SIGKILL of it, `restart`: a shutdown in good order. */
export type Fault = 'door' | 'postgres' | 'restart';

export interface Figures {
  /** Rows changed, as a trigger in the database counted them. */
  changed: number;
  /** Changes in INGEST, repeats left out, and messages in all. */
  told: number;
  messages: number;
  /** SKUs whose truth is not their row, of all. */
  wrong: string[];
  skus: number;
  /** Dead letters, by class. */
  dead: Record<string, number>;
  faults: Record<string, number>;
  trafficMs: number;
  /** From the last commit until every truth was right. */
  settledMs: number;
}

const writers = 3;

export async function run(t: ExecutionContext, { skus, changes, faults, seed }: RunOptions): Promise<Figures> {
  const postgres = await startPostgres();
  t.teardown(() => postgres.close());
  let sql = await postgres.client();
  await sql.query(`
    create table stock (sku text primary key, qty int not null check (qty >= 0));
    create table audit (n bigserial, op text);
    create function noted() returns trigger language plpgsql as $$ begin insert into audit (op) values (tg_op); return null; end $$;
    create trigger noted after insert or update or delete on stock for each row execute function noted()`);
  await sql.query('insert into stock select \'sku \' || n, n from generate_series(1, $1) n; '.replace('$1', String(skus)));
  await sql.query('truncate audit');

  const world = await startWorld(t, { servers: 1, nodes: { a: 0, b: 0 }, config: {
    sources: [{ source: 'erp', mapping: 'debezium-postgres', params: { sku: 'sku', quantity: 'qty', deleted: 'zero' } }],
    doors: { postgres: [{ source: 'erp', url: postgres.url(), tables: [{ table: 'public.stock', key: 'sku' }] }] },
  } });
  await Promise.all(world.nodes.map(node => node.start()));
  await eventually('every row is read', async () => (await world.jsm.streams.info('INGEST')).state.messages >= skus, 30_000);

  const traffic = new Traffic(postgres, skus, changes, seed);
  const began = performance.now();
  const ended = traffic.run();
  const done: Record<string, number> = {};
  for (const [n, fault] of faults.entries()) {
    await eventually(`traffic reaches fault ${n + 1}`, () => traffic.changed >= ((n + 1) * changes) / (faults.length + 1), 120_000);
    await strike(world, postgres, fault);
    done[fault] = (done[fault] ?? 0) + 1;
  }
  await ended;
  const trafficMs = Math.round(performance.now() - began);
  sql = await postgres.client();
  const { rows } = await sql.query<{ sku: string; qty: number }>('select sku, qty from stock');
  const table = new Map(Array.from({ length: skus }, (_, n) => [`sku ${n + 1}`, 0]));
  for (const { sku, qty } of rows) table.set(sku, qty);
  const { rows: [{ changed } = { changed: 0 }] } = await sql.query<{ changed: number }>('select count(*)::int as changed from audit');

  const publisher = new Publisher(world.nc, '_INBOX_cdc');
  world.onEnd(() => publisher.close());
  const records = new Records(publisher);
  let wrong: string[] = [];
  const settling = performance.now();
  await eventually('every truth is its row', async () => {
    wrong = await wrongOf(records, table);
    return wrong.length === 0;
  }, 200_000).catch(() => undefined);
  const settledMs = Math.round(performance.now() - settling);
  return { changed, ...await told(world), wrong, skus: table.size, dead: await dead(world), faults: done, trafficMs, settledMs };
}

async function strike(world: World, postgres: Postgres, fault: Fault): Promise<void> {
  if (fault === 'door') {
    for (const node of world.nodes) {
      const { doors } = (await world.nc.request(`inspect.node.${node.id}`, '', { timeout: 2_000 })).json<{ doors: string[] }>();
      if (!doors.includes('erp')) continue;
      await node.kill();
      await node.start();
      return;
    }
    // Between two owners: whoever takes it next is struck another time.
    return;
  }
  await (fault === 'postgres' ? postgres.kill() : postgres.shutDown());
  await postgres.start();
}

async function wrongOf(records: Records, table: ReadonlyMap<string, number>): Promise<string[]> {
  const found = await Promise.all([...table].map(async ([sku, qty]) => {
    const stored = await records.get<ActorRecord<PackedStock>>(skuRecordSubject(sku));
    const onHand = stored && unpackStock(stored.value.context).onHand;
    return onHand === qty ? [] : [`${sku}: ${onHand} for ${qty}`];
  }));
  return found.flat();
}

async function told(world: World): Promise<{ told: number; messages: number }> {
  const positions = new Set<string>();
  let messages = 0;
  for await (const message of all(world, 'INGEST', 'ingest.erp')) {
    messages += 1;
    const position = message.headers!.get('Plumb-Position');
    if (!position.endsWith(',-1]')) positions.add(position);
  }
  return { told: positions.size, messages };
}

async function dead(world: World): Promise<Record<string, number>> {
  const classes: Record<string, number> = {};
  for await (const message of all(world, 'DEAD', 'dead.>')) {
    const kind = message.json<{ class: string }>().class;
    classes[kind] = (classes[kind] ?? 0) + 1;
  }
  return classes;
}

async function* all({ js }: World, stream: string, filter: string) {
  const consumer = await js.consumers.get(stream, { filter_subjects: filter, deliver_policy: DeliverPolicy.All });
  for (let { num_pending: left } = await consumer.info(); left > 0;) {
    for await (const message of await consumer.fetch({ max_messages: Math.min(left, 5_000), expires: 5_000 })) {
      left -= 1;
      yield message;
    }
  }
}

/** Several connections that change rows in transactions of one to five, some across each other, some rolled back. */
class Traffic {
  readonly #postgres: Postgres;
  readonly #skus: number;
  readonly #changes: number;
  readonly #seed: number;
  /** Rows changed by transactions known to be committed. */
  changed = 0;

  constructor(postgres: Postgres, skus: number, changes: number, seed: number) {
    [this.#postgres, this.#skus, this.#changes, this.#seed] = [postgres, skus, changes, seed];
  }

  async run(): Promise<void> {
    await Promise.all(Array.from({ length: writers }, (_, n) => this.#write(new Dice(this.#seed, `writer ${n}`))));
  }

  async #write(dice: Dice): Promise<void> {
    let client: Client | undefined;
    while (this.changed < this.#changes) {
      try {
        client ??= await this.#postgres.client();
        const rows = await this.#transaction(client, dice);
        this.changed += rows;
      } catch (error) {
        // 40P01: two writers wanted the same rows the other way round.
        if ((error as { code?: string }).code === '40P01') {
          await client!.query('rollback').catch(() => undefined);
          continue;
        }
        client = undefined;
        await new Promise(resolve => setTimeout(resolve, 50));
      }
    }
  }

  async #transaction(client: Client, dice: Dice): Promise<number> {
    const roll = (sides: number): number => Math.floor(dice.next() * sides);
    let rows = 0;
    await client.query('begin');
    for (let n = 1 + roll(5); n > 0; n--) {
      const sku = `sku ${1 + roll(this.#skus)}`;
      const { rowCount } = roll(20) === 0 ? await client.query('delete from stock where sku = $1', [sku])
        : await client.query('insert into stock values ($1, $2) on conflict (sku) do update set qty = excluded.qty', [sku, roll(1_000)]);
      rows += rowCount ?? 0;
    }
    const isKept = roll(10) > 0;
    await client.query(isKept ? 'commit' : 'rollback');
    return isKept ? rows : 0;
  }
}
