/** Change data capture, against a real PostgreSQL and a real broker. */
import test from 'ava';
import { eventually } from '../runtime/broker.ts';
import { world } from './cdc-world.ts';
import { startPostgres } from './postgres.ts';
import type { Postgres } from './postgres.ts';

let postgres: Postgres;
test.before(async () => { postgres = await startPostgres({ max_replication_slots: '20', max_wal_senders: '30' }); });
test.after.always(() => postgres?.close());

test('rows that were there are read once, then each change comes with what it was and is, in the order of commits', async t => {
  const { sql, name, open, told, truth, record } = await world(t, postgres);
  await sql.query(`insert into ${name} values ('A', 1), ('B', 2)`);
  const door = await open();
  await eventually('both rows are told', async () => (await told()).length === 2);
  await sql.query(`begin; update ${name} set qty = 5 where sku = 'A'; insert into ${name} values ('C', null); commit`);
  await sql.query(`update ${name} set sku = 'D' where sku = 'B'`);
  await sql.query(`delete from ${name} where sku = 'C'`);
  await eventually('all changes are told', async () => (await told()).length === 6);
  await door.release();
  const all = await told();
  t.deepEqual(all.map(({ op, before, after, position: [, index] }) => ({ op, before, after, index })), [
    { op: 'r', before: null, after: { sku: 'A', qty: 1 }, index: -1 },
    { op: 'r', before: null, after: { sku: 'B', qty: 2 }, index: -1 },
    { op: 'u', before: null, after: { sku: 'A', qty: 5 }, index: 0 },
    { op: 'c', before: null, after: { sku: 'C', qty: null }, index: 1 },
    { op: 'u', before: { sku: 'B' }, after: { sku: 'D', qty: 2 }, index: 0 },
    { op: 'd', before: { sku: 'C' }, after: null, index: 0 },
  ]);
  const lsns = all.map(({ position: [lsn] }) => lsn);
  t.deepEqual(lsns, lsns.toSorted((a, b) => a - b));
  t.is(new Set(lsns).size, 4, 'one position for the reading, one for each transaction');
  for (const { source, position: [lsn, index] } of all) t.like(source, { connector: 'postgresql', name: 'erp', db: 'postgres', schema: 'public', table: name, lsn, index });
  t.deepEqual(all.map(({ source }) => [source['snapshot'], typeof source.txId]), [[true, 'object'], [true, 'object'], [false, 'number'], [false, 'number'], [false, 'number'], [false, 'number']]);
  t.deepEqual(await truth(), { A: 5, B: 2, C: null, D: 2 });
  const { rows: [slot] } = await sql.query<{ confirmed: string; active: boolean }>('select (confirmed_flush_lsn - \'0/0\')::text as confirmed, active from pg_replication_slots where slot_name = $1', [name]);
  t.true(Number(slot!.confirmed) > lsns.at(-1)!, 'PostgreSQL may forget what is stored');
  t.like(await record(), { v: 1, base: 0, read: [`public.${name}`], mayRecreate: false });
});

test('values are exact: what JavaScript cannot hold comes as PostgreSQL writes it, by reading and by change alike', async t => {
  const { sql, name, open, told } = await world(t, postgres, { columns: 'sku text primary key, i int, big bigint, n numeric(12,3), f float8, b bool, at timestamptz, j jsonb, a int[], raw bytea, e text' });
  const insert = (sku: string) => sql.query(`insert into ${name} values ($1, 7, 9007199254740993, 12.000, 'NaN', true, '2026-02-01T12:00:00.123456+02', '{"x": 1.50}', '{1,2}', '\\x00ff', null)`, [sku]);
  await insert('read');
  const door = await open();
  await eventually('the row is told', async () => (await told()).length === 1);
  await insert('changed');
  await sql.query(`insert into ${name} (sku, big, f, b) values ('small', 42, 1.5, false)`);
  await eventually('the changes are told', async () => (await told()).length === 3);
  await door.release();
  const [read, changed, small] = (await told()).map(({ after }) => after);
  const wanted = { i: 7, big: '9007199254740993', n: '12.000', f: 'NaN', b: true, at: '2026-02-01 10:00:00.123456+00', j: '{"x": 1.50}', a: '{1,2}', raw: '\\x00ff', e: null };
  t.deepEqual(read, { sku: 'read', ...wanted });
  t.deepEqual(changed, { sku: 'changed', ...wanted });
  t.like(small, { i: null, big: 42, n: null, f: 1.5, b: false });
});

test('a large value that did not change is absent, not null; with a full identity the old row is told whole', async t => {
  const { sql, name, open, told } = await world(t, postgres, { columns: 'sku text primary key, qty int, note text' });
  await sql.query(`alter table ${name} alter note set storage external`);
  await sql.query(`insert into ${name} values ('A', 1, repeat('x', 10000))`);
  const door = await open();
  await eventually('the row is told', async () => (await told()).length === 1);
  await sql.query(`update ${name} set qty = 2`);
  await eventually('the change is told', async () => (await told()).length === 2);
  await sql.query(`alter table ${name} replica identity full`);
  await sql.query(`update ${name} set qty = 3, note = 'short'`);
  await sql.query(`truncate ${name}`);
  await eventually('all is told', async () => (await told()).length === 4);
  await door.release();
  const [, second, third, fourth] = await told();
  t.deepEqual(second!.after, { sku: 'A', qty: 2 });
  t.deepEqual([third!.before, third!.after], [{ sku: 'A', qty: 2, note: 'x'.repeat(10_000) }, { sku: 'A', qty: 3, note: 'short' }]);
  t.like(fourth, { op: 't', before: null, after: null, source: { table: name } });
});

test('while the journal does not answer PostgreSQL keeps everything, and the next reader stores it', async t => {
  const { sql, name, open, told, broker, areRowsRead } = await world(t, postgres);
  const first = await open();
  await eventually('every row is read', areRowsRead);
  await sql.query(`insert into ${name} values ('A', 1)`);
  await eventually('the change is told', async () => (await told()).length === 1);
  process.kill(broker.server.pid, 'SIGSTOP');
  try {
    await sql.query(`insert into ${name} values ('B', 2)`);
    await sql.query(`update ${name} set qty = 3 where sku = 'A'`);
    const { rows: [{ end } = { end: '' }] } = await sql.query<{ end: string }>('select pg_current_wal_lsn()::text as end');
    await eventually('the changes were sent', async () => (await sql.query('select from pg_stat_replication r join pg_replication_slots s on s.active_pid = r.pid where s.slot_name = $1 and r.sent_lsn >= $2', [name, end])).rowCount === 1);
    // The door says several times how far it is.
    const { rows: [before] } = await sql.query<{ now: string }>('select clock_timestamp()::text as now');
    await eventually('the door has said how far it is', async () => (await sql.query('select from pg_stat_replication r join pg_replication_slots s on s.active_pid = r.pid where s.slot_name = $1 and r.reply_time > $2', [name, before!.now])).rowCount === 1);
    t.is((await sql.query('select from pg_replication_slots where slot_name = $1 and confirmed_flush_lsn >= $2', [name, end])).rowCount, 0);
    const released = first.release();
    process.kill(broker.server.pid, 'SIGCONT');
    await released;
  } finally {
    process.kill(broker.server.pid, 'SIGCONT');
  }
  const second = await open();
  await eventually('everything is told', async () => new Set((await told()).map(({ position }) => String(position))).size === 3);
  await second.release();
  t.deepEqual((await told()).map(({ after, id }) => [after!['sku'], after!['qty'], id.split(':').length]), [['A', 1, 4], ['B', 2, 4], ['A', 3, 4]]);
});

test('PostgreSQL killed and started again costs no change, and a reader that finds the slot taken waits for it', async t => {
  const own = await startPostgres();
  t.teardown(() => own.close());
  const { sql, name, open, truth, log } = await world(t, own);
  await sql.query(`insert into ${name} select 's' || n, 0 from generate_series(1, 5) n`);
  const first = await open();
  await eventually('the rows are read', async () => Object.keys(await truth()).length === 5);
  const second = await open();
  await eventually('the second reader is refused', () => log.some(({ msg }) => msg === 'database is not read, trying again'));
  let { sql: again } = { sql };
  for (let round = 1; round <= 2; round++) {
    await again.query(`update ${name} set qty = ${round}`);
    if (round === 1) await own.kill();
    else await own.shutDown();
    await own.start();
    again = await own.client();
    await again.query(`update ${name} set qty = qty + 10 where sku <> 's1'`);
    await eventually(`round ${round} is told`, async () => Object.values(await truth()).join() === `${round},${Array(4).fill(round + 10).join()}`, 20_000);
  }
  await first.release();
  await again.query(`update ${name} set qty = 100`);
  await eventually('the second reader has it', async () => Object.values(await truth()).join() === '100,100,100,100,100', 20_000);
  t.deepEqual(await truth(), { s1: 100, s2: 100, s3: 100, s4: 100, s5: 100 });
  await second.release();
});

test('a reading that was broken off begins again, and a table named later is read then', async t => {
  const { sql, name, open, told, truth, record, broker } = await world(t, postgres);
  await sql.query(`insert into ${name} select 's' || lpad(n::text, 5, '0'), n from generate_series(1, 10000) n`);
  const first = await open();
  const messages = async () => (await broker.jsm.streams.info('INGEST')).state.messages;
  await eventually('some rows are told', async () => await messages() > 0);
  await first.release();
  const broken = await messages();
  t.true(broken < 10_000, `${broken} rows before the door was released`);
  t.deepEqual((await record())!['read'], []);
  await sql.query(`update ${name} set qty = -1 where sku = 's00001'`);
  const second = await open();
  const last = async () => (await broker.jsm.direct.getMessage('INGEST', { last_by_subj: 'ingest.erp' }))?.json<{ op: string }>().op;
  await eventually('every row is told, and behind them the change that the slot kept', async () => await last() === 'u', 30_000);
  t.deepEqual((await record())!['read'], [`public.${name}`]);
  await second.release();
  const { rows } = await sql.query<{ sku: string; qty: number }>(`select sku, qty from ${name} order by sku`);
  t.deepEqual(await truth(), Object.fromEntries(rows.map(({ sku, qty }) => [sku, qty])));

  await sql.query(`create table ${name}b (sku text primary key, qty int); insert into ${name}b values ('later', 7)`);
  const before = await messages();
  const third = await open({ tables: [name, `${name}b`].map(table => ({ table: `public.${table}`, key: 'sku', snapshot: true })) });
  await eventually('the new table is read', async () => await messages() === before + 1);
  await sql.query(`insert into ${name}b values ('more', 8)`);
  await eventually('its changes come', async () => await messages() === before + 2);
  await third.release();
  t.deepEqual((await told()).slice(before).map(({ op, after }) => [op, after]), [['r', { sku: 'later', qty: 7 }], ['c', { sku: 'more', qty: 8 }]]);
});

test('a database that counts its log anew goes on above every position told before', async t => {
  const own = await startPostgres();
  t.teardown(() => own.close());
  const { sql, name, open, told, truth, tasks, broker } = await world(t, postgres);
  const restored = await own.client();
  await restored.query(`create table ${name} (sku text primary key, qty int); insert into ${name} values ('A', 2)`);
  await sql.query(`insert into ${name} values ('A', 1)`);
  for (let n = 0; n < 3; n++) await sql.query('select pg_switch_wal(), pg_logical_emit_message(false, \'plumb\', \'on\')');
  const first = await open();
  await eventually('the row is told', async () => (await told()).length === 1);
  await first.release();
  const second = await open({ url: own.url() });
  await eventually('the task is told', async () => (await tasks()).length === 1);
  t.like((await tasks())[0], { problem: 'slot', message: `slot ${name} is gone: what changed since is not known` });
  await broker.nc.request('control.door.erp', 'resnapshot', { timeout: 10_000 });
  await eventually('the row is read there', async () => (await truth())['A'] === 2);
  await restored.query(`update ${name} set qty = 3`);
  await eventually('its change counts', async () => (await truth())['A'] === 3);
  await second.release();
  const [, read] = await told();
  const { rows: [{ lsn } = { lsn: '' }] } = await restored.query<{ lsn: string }>('select (pg_current_wal_lsn() - \'0/0\')::text as lsn');
  t.true(read!.position[0] > Number(lsn), 'the position is not the LSN of that cluster');
});

test('a row that no message can hold is a dead letter, and what comes behind it goes on', async t => {
  const { sql, name, open, told, tasks, areRowsRead } = await world(t, postgres, { columns: 'sku text primary key, qty int, note text' });
  const door = await open();
  await eventually('every row is read', areRowsRead);
  await sql.query(`insert into ${name} values ('huge', 1, repeat('x', 8400000))`);
  await sql.query(`insert into ${name} values ('next', 2, '')`);
  await eventually('the next row is told', async () => (await told()).length === 1);
  await eventually('the huge one is a dead letter', async () => (await tasks()).length === 1);
  await door.release();
  t.is((await told())[0]!.after!['sku'], 'next');
  const [dead] = await tasks();
  t.like(dead, { class: 'malformed', source: 'erp', field: `public.${name}`, op: 'c' });
  t.regex(dead!['message'] as string, /^the row takes 84\d{5} bytes, more than the broker holds in one message$/);
  t.true((dead!['raw'] as string).startsWith('{"sku":"huge","qty":1,'));
});
