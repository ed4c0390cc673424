/** What a database lacks, or has lost: tasks with instructions, and how they heal. */
import test from 'ava';
import type { Client } from 'pg';
import { pino } from 'pino';
import { configSchema } from '../../config/config.ts';
import { doorsSchema } from '../../config/doors.ts';
import { startNode } from '../../deploy/node.ts';
import { skuRecordSubject } from '../../runtime/subjects.ts';
import { eventually } from '../runtime/broker.ts';
import { world } from './cdc-world.ts';
import { startPostgres } from './postgres.ts';
import type { Postgres } from './postgres.ts';

let postgres: Postgres;
test.before(async () => { postgres = await startPostgres({ max_replication_slots: '20', max_wal_senders: '30' }); });
test.after.always(() => postgres?.close());

/** PostgreSQL takes a moment to notice that its reader has gone. */
async function dropSlot(sql: Client, name: string): Promise<void> {
  await eventually('the slot is dropped', () => sql.query('select pg_drop_replication_slot($1)', [name]).then(() => true, (error: { code?: string }) => { if (error.code !== '55006') throw error; return false; }));
}

test('a slot that is gone is a task with instructions; a reading of every row, once asked for, heals it', async t => {
  const { sql, name, open, told, truth, tasks, broker } = await world(t, postgres, { tables: [{ table: 'public.placeholder', snapshot: true }] });
  const tables = [{ table: `public.${name}`, key: 'sku', snapshot: true }];
  await sql.query(`insert into ${name} values ('A', 1), ('B', 1)`);
  let door = await open({ tables });
  await eventually('the rows are told', async () => (await told()).length === 2);
  await door.release();
  await dropSlot(sql, name);
  await sql.query(`update ${name} set qty = 9 where sku = 'A'; delete from ${name} where sku = 'B'`);
  door = await open({ tables });
  await eventually('the task is told', async () => (await tasks()).length === 1);
  const { since, at, ...task } = (await tasks())[0]!;
  t.deepEqual(task, {
    id: `door:erp:slot:${String(since)}:task`, class: 'door', source: 'erp', problem: 'slot', state: 'task',
    message: `slot ${name} is gone: what changed since is not known`,
    heals: 'nats req control.door.erp resnapshot, or recreateSlot: true: the slot is made again and every row is read again',
  });
  t.is(typeof at, 'number');
  t.deepEqual((await broker.nc.request('control.door.erp', 'restart')).json(), { ok: false, error: 'unknown command "restart": resnapshot, release, drop' });
  t.is((await told()).length, 2);
  t.deepEqual((await broker.nc.request('control.door.erp', 'resnapshot', { timeout: 10_000 })).json(), { ok: true });
  await eventually('the rows are read again', async () => (await truth())['A'] === 9);
  await sql.query(`update ${name} set qty = 10 where sku = 'A'`);
  await eventually('changes come again', async () => (await truth())['A'] === 10);
  await eventually('the task is resolved', async () => (await tasks()).length === 2);
  t.like((await tasks())[1], { id: `door:erp:slot:${String(since)}:resolved`, state: 'resolved', problem: 'slot' });
  await door.release();
  // Where the configuration allows it, nobody is asked.
  await dropSlot(sql, name);
  await sql.query(`update ${name} set qty = 11 where sku = 'A'`);
  door = await open({ tables, recreateSlot: true });
  await eventually('the row is read again', async () => (await truth())['A'] === 11);
  t.is((await tasks()).length, 2);
});

test('what the role may not do is a task with the SQL that mends it; once it was run, changes come', async t => {
  const { sql, name, open, told, tasks, broker } = await world(t, postgres);
  await sql.query(`insert into ${name} values ('A', 1); create role ${name} login password 'p'`);
  const door = await open({ url: postgres.url(name, 'p') });
  const seen: string[] = [];
  for (let n = 1; n <= 3; n++) {
    await eventually(`task ${n} is told`, async () => (await tasks()).filter(({ state }) => state === 'task').length === n, 20_000);
    const { problem, message, sql: mend } = (await tasks()).filter(({ state }) => state === 'task')[n - 1] as Record<string, string>;
    seen.push(`${problem}: ${message} / ${mend}`.replaceAll(name, 'T'));
    await sql.query(mend!);
    // Looked at again after some seconds; asking for a reading looks at once.
    await broker.nc.request('control.door.erp', 'resnapshot', { timeout: 10_000 });
  }
  await eventually('the row is told', async () => (await told()).length >= 1, 20_000);
  await eventually('the last task is resolved', async () => (await tasks()).some(({ state }) => state === 'resolved'));
  await door.release();
  t.deepEqual(seen, [
    'rights: role "T" may not read changes / ALTER ROLE "T" REPLICATION;',
    'rights: role "T" may not read public.T / GRANT SELECT ON "public"."T" TO "T";',
    'rights: publication T does not tell of every table, and role "T" may not change that: permission denied for database postgres / CREATE PUBLICATION "T" FOR TABLE "public"."T" WITH (publish_via_partition_root = true);',
  ]);
});

test('a table without identity is never published, since the ERP\'s own updates would fail; other lacks are named too', async t => {
  const { sql, name, open, tasks, told, broker } = await world(t, postgres, { columns: 'sku text, qty int' });
  await sql.query(`insert into ${name} values ('A', 1)`);
  const problem = async (changes: object): Promise<string> => {
    const before = (await tasks()).length;
    const door = await open(changes);
    await eventually('a task is told', async () => (await tasks()).length > before);
    await door.release();
    const { problem: kind, message, sql: mend } = (await tasks()).at(-1)! as Record<string, string>;
    return `${kind}: ${message} / ${mend}`.replaceAll(name, 'T');
  };
  t.is(await problem({}), 'identity: table public.T has no replica identity: its updates and deletes cannot be published / ALTER TABLE "public"."T" REPLICA IDENTITY FULL;');
  await t.notThrowsAsync(sql.query(`update ${name} set qty = 2`));
  await sql.query(`alter table ${name} replica identity full`);
  t.is(await problem({ tables: [{ table: 'public.nothing', snapshot: true }] }), 'table: table public.nothing does not exist in this database / undefined');
  t.is(await problem({ tables: [{ table: `public.${name}`, key: 'code', snapshot: true }] }), 'table: table public.T has no column "code": it has sku, qty / undefined');
  await sql.query(`create publication ${name} for table ${name} with (publish = 'insert')`);
  t.is(await problem({}), 'publication: publication T leaves out inserts, updates or deletes / ALTER PUBLICATION "T" SET (publish = \'insert, update, delete, truncate\');');
  await sql.query(`drop publication ${name}; select pg_create_physical_replication_slot('${name}')`);
  t.is(await problem({}), 'slot: slot T is of another database or plugin (physical) / undefined');
  await sql.query(`select pg_drop_replication_slot('${name}'), pg_create_logical_replication_slot('${name}', 'pgoutput')`);
  t.is(await problem({}), 'slot: slot T is there and Plumb has not read it: what changed since is not known / undefined');
  t.is((await told()).length, 0);
  t.is((await broker.jsm.streams.info('INGEST')).state.messages, 0);
  const low = await startPostgres({ wal_level: 'replica' });
  t.teardown(() => low.close());
  t.is(await problem({ url: low.url() }), 'wal-level: wal_level is "replica", changes can be read only with "logical" / ALTER SYSTEM SET wal_level = logical;');
});

test('a slot that PostgreSQL gave up is a task too, and is made again where that is allowed', async t => {
  const own = await startPostgres({ max_slot_wal_keep_size: '1MB' });
  t.teardown(() => own.close());
  const { sql, name, open, truth, tasks } = await world(t, own);
  await sql.query(`insert into ${name} values ('A', 1)`);
  const first = await open();
  await eventually('the row is read', async () => (await truth())['A'] === 1);
  await first.release();
  await sql.query(`update ${name} set qty = 2`);
  await eventually('the slot is given up', async () => {
    await sql.query('select pg_switch_wal(), pg_logical_emit_message(false, \'plumb\', \'on\')');
    await sql.query('checkpoint');
    return (await sql.query('select from pg_replication_slots where slot_name = $1 and wal_status = \'lost\'', [name])).rowCount === 1;
  });
  const second = await open();
  await eventually('the task is told', async () => (await tasks()).length === 1);
  t.is((await tasks())[0]!['message'], `slot ${name} was given up by PostgreSQL: what changed since is not known`);
  await second.release();
  const third = await open({ recreateSlot: true });
  await eventually('the row is read again', async () => (await truth())['A'] === 2);
  await eventually('the task is resolved', async () => (await tasks()).at(-1)!['state'] === 'resolved');
  await third.release();
});

test('of a publication that tells of more only the tables that were named are taken, partitioned ones by their own name', async t => {
  const { sql, name, open, told, tasks, areRowsRead } = await world(t, postgres, { columns: 'sku text, part int, qty int, primary key (sku, part)) partition by list (part' });
  await sql.query(`create table ${name}_1 partition of ${name} for values in (1); create table ${name}_x (sku text primary key)`);
  await sql.query(`create publication ${name} for table ${name}, ${name}_x`);
  const first = await open();
  await eventually('the task is told', async () => (await tasks()).length === 1);
  t.like((await tasks())[0], { problem: 'publication', sql: `ALTER PUBLICATION "${name}" SET (publish_via_partition_root = true);` });
  await first.release();
  await sql.query(`alter publication ${name} set (publish_via_partition_root = true)`);
  const second = await open();
  await eventually('every row is read', areRowsRead);
  await sql.query(`begin; insert into ${name}_x values ('no'); insert into ${name} values ('yes', 1, 5); commit`);
  await eventually('the change is told', async () => (await told()).length === 1);
  await second.release();
  t.like((await told())[0], { op: 'c', after: { sku: 'yes', part: 1, qty: 5 }, source: { table: name } });
  t.is((await told())[0]!.position[1], 1, 'a place is kept for what is not taken');
});

test('the configuration refuses an address that is none and doors that share a slot', t => {
  const issue = (...doors: object[]): string | undefined => doorsSchema.safeParse({ postgres: doors }).error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join();
  const door = { source: 'erp', url: 'postgres://u:p@db/erp', tables: [{ table: 'public.stock' }] };
  t.is(issue(door, { ...door, source: 'wms', url: 'postgres://u:p@other/erp' }, { ...door, source: 'pim', slot: 'pim' }), undefined);
  t.is(issue(door, { ...door, source: 'wms' }), 'postgres: must not share a slot: give each its own `slot`');
  t.is(issue(door, { ...door, url: 'postgres://u:p@other/erp' }), 'postgres: must name each source once');
  for (const url of ['mysql://db/erp', 'postgres://u:p@db', 'postgres://u:p%@d b/erp']) {
    t.is(issue({ ...door, url }), 'postgres.0.url: must be postgres://user:password@host:port/database, special characters of the password written as %..');
  }
  t.is(issue({ ...door, tables: [{ table: 'stock' }] }), 'postgres.0.tables.0.table: must be schema.table');
  t.is(issue({ ...door, tables: [door.tables[0], door.tables[0]] }), 'postgres.0.tables: must name each table once');
});

test('rows that are read again and would empty the shop are held, shown, and told when a person says so', async t => {
  const { sql, name, open, told, tasks, broker } = await world(t, postgres);
  const node = await startNode(configSchema.parse({
    nats: { url: broker.server.url }, node: { id: 'n' }, sources: [{ source: 'erp', mapping: 'debezium-postgres', params: { quantity: 'qty' } }], governor: { zero: { share: 0.2, least: 1 } },
  }), pino({ level: 'silent' }));
  t.teardown(() => node.stop());
  const skus = [...'ABCDEF'];
  await sql.query(`insert into ${name} values ${skus.map(sku => `('${sku}', 5)`).join(', ')}`);
  const onHand = async (sku: string): Promise<number | undefined> => (JSON.parse(await broker.bytes(skuRecordSubject(sku)) ?? '{}') as { context?: { onHand?: number } }).context?.onHand;
  const all = async (units: number): Promise<boolean> => (await Promise.all(skus.map(onHand))).every(each => each === units);
  const door = await open();
  await eventually('counted', () => all(5), 20_000);
  await door.release();
  await dropSlot(sql, name);
  await sql.query(`update ${name} set qty = 0`);
  const rows = (await told()).length;

  await open({ recreateSlot: true });
  await eventually('the task is told', async () => (await tasks()).some(({ problem }) => problem === 'snapshot'), 20_000);
  const { message, heals } = (await tasks()).find(({ problem }) => problem === 'snapshot')! as Record<string, string>;
  t.is(message, 'rows read again: 6 of 6 numbers would go to zero, more than 20 % and 1. None of it is taken in.\n  6 numbers stated, 0 as they are, of 6 known\n  6 go to zero, 30 units: A 5→0, B 5→0, C 5→0, D 5→0, E 5→0, …\n');
  t.regex(heals!, /^nats req control\.door\.erp release, if it is right; drop, /);
  t.is((await told()).length, rows);
  t.true(await all(5));
  t.deepEqual((await broker.nc.request('control.door.erp', 'release', { timeout: 10_000 })).json(), { ok: true });
  await eventually('released', () => all(0), 20_000);
  await eventually('the task is over', async () => (await tasks()).some(({ problem, state }) => problem === 'snapshot' && state === 'resolved'), 20_000);
  t.deepEqual((await broker.nc.request('control.door.erp', 'drop', { timeout: 10_000 })).json(), { ok: false, error: 'drop: nothing is held' });
});

test('a first reading that is broken off goes on by itself, whatever changed meanwhile', async t => {
  const { sql, name, open, tasks, record, broker } = await world(t, postgres);
  const node = await startNode(configSchema.parse({
    nats: { url: broker.server.url }, node: { id: 'n' }, sources: [{ source: 'erp', mapping: 'debezium-postgres', params: { quantity: 'qty' } }], governor: { zero: { share: 0.2, least: 1 } },
  }), pino({ level: 'silent' }));
  t.teardown(() => node.stop());
  const rows = 10_000;
  await sql.query(`insert into ${name} select 'sku ' || n, 5 from generate_series(1, ${rows}) n`);
  const stored = async (): Promise<number> => (await broker.jsm.streams.info('INGEST')).state.messages;
  const onHand = async (sku: string): Promise<number | undefined> => (JSON.parse(await broker.bytes(skuRecordSubject(sku)) ?? '{}') as { context?: { onHand?: number } }).context?.onHand;
  const door = await open();
  while (await stored() < 100) await new Promise(resolve => setTimeout(resolve, 1));
  await door.release();
  t.deepEqual([(await stored()) < rows, (await record())?.['read']], [true, []], 'it was broken off');
  await eventually('what was read is counted', async () => await onHand('sku 1') === 5, 20_000);
  await sql.query(`update ${name} set qty = 0`);

  await open();
  await eventually('the rest is read, then what changed', async () => await onHand('sku 1') === 0 && await onHand(`sku ${rows}`) === 0, 60_000);
  t.deepEqual(await tasks(), []);
});
