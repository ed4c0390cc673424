/** What change data capture may confirm, and where an answer stands: the places where a transaction can be lost. */
import test from 'ava';
import type { Client } from 'pg';
import type { Change } from '../../deploy/doors/cdc/envelope.ts';
import { formatLsn, lsnNumber, parseLsn } from '../../deploy/doors/cdc/lsn.ts';
import { Visible } from '../../deploy/doors/cdc/reading.ts';
import { createSlot, slotOf } from '../../deploy/doors/cdc/slot.ts';
import { ChangeStream } from '../../deploy/doors/cdc/stream.ts';
import { Window } from '../../deploy/doors/cdc/window.ts';
import { encodeJson, journalHeaders } from '../../runtime/codec.ts';
import { askSubject } from '../../runtime/subjects.ts';
import { eventually } from '../runtime/broker.ts';
import { world } from './cdc-world.ts';
import { startPostgres } from './postgres.ts';
import type { Postgres } from './postgres.ts';

let postgres: Postgres;
// A commit that waits for the standby, which never comes, is in the log and seen by nobody.
test.before(async () => { postgres = await startPostgres({ synchronous_standby_names: 'never', synchronous_commit: 'local', max_replication_slots: '10' }); });
test.after.always(() => postgres?.close());

const url = (): { connectionString: string } => ({ connectionString: postgres.url() });

async function confirmed(sql: Client, slot: string): Promise<bigint> {
  return (await slotOf(sql, slot))!.confirmed;
}

test('of two transactions whose commits touch in the log the second is told again when only the first was stored', async t => {
  const sql = await postgres.client();
  const other = await postgres.client();
  await sql.query('create table touching (sku text primary key); create publication touching for table touching');
  const from = await createSlot(url(), 'touching');
  const read = (store: (change: Change) => Promise<unknown>, onCommit?: (end: bigint) => void): ChangeStream =>
    new ChangeStream({ client: url(), slot: 'touching', publication: 'touching', tables: new Set(['public.touching']), from, store, onCommit: (_xid, end) => onCommit?.(end) });

  await sql.query('begin; insert into touching values (\'first\')');
  await other.query('begin; insert into touching values (\'second\')');
  await Promise.all([sql.query('commit'), other.query('commit')]);
  const seen: Change[] = [];
  const ends: bigint[] = [];
  const first = read(change => { seen.push(change); return seen.length === 1 ? Promise.resolve() : new Promise(() => {}); }, end => ends.push(end));
  await eventually('both are handed out', () => ends.length === 2);
  t.is(first.read, ends[1]!);
  await eventually('the first is confirmed', async () => await confirmed(sql, 'touching') > from);
  await first.stop();
  t.is(await confirmed(sql, 'touching'), ends[0]!, 'not a byte more than what is stored');
  // Nearly always the second commit begins there; another record of PostgreSQL's own may come between.
  t.true(BigInt(seen[1]!.position[0]) >= ends[0]!);

  const again: Change[] = [];
  const second = read(change => { again.push(change); return Promise.resolve(); });
  await eventually('the second is told again', () => again.length > 0);
  await second.stop();
  t.deepEqual(again, [seen[1]]);
});

test('a busy table that nobody reads here does not make PostgreSQL keep its log', async t => {
  const sql = await postgres.client();
  await sql.query('create table quiet (sku text primary key); create table noise (n int); create publication quiet for table quiet');
  const from = await createSlot(url(), 'quiet');
  const stream = new ChangeStream({ client: url(), slot: 'quiet', publication: 'quiet', tables: new Set(['public.quiet']), from, store: () => Promise.resolve() });
  await sql.query('insert into noise select generate_series(1, 1000)');
  const { rows: [{ end } = { end: '' }] } = await sql.query<{ end: string }>('select pg_current_wal_lsn()::text as end');
  await eventually('the slot moves past it', async () => await confirmed(sql, 'quiet') >= parseLsn(end), 20_000);
  t.true(stream.stored >= parseLsn(end));
  await stream.stop();
});

test('a stream that is stopped at any moment ends, and leaves no reader behind', async t => {
  const sql = await postgres.client();
  await sql.query('create table stopped (sku text primary key); create publication stopped for table stopped');
  const from = await createSlot(url(), 'stopped');
  const turns = [0, 1, 2, 3, 5, 8, 13, 21, 34, 55];
  for (const count of turns) {
    const stream = new ChangeStream({ client: url(), slot: 'stopped', publication: 'stopped', tables: new Set(['public.stopped']), from, store: () => Promise.resolve() });
    for (let turn = 0; turn < count; turn++) await new Promise(resolve => { setImmediate(resolve); });
    await stream.stop();
    await eventually(`nobody reads after ${count} turns`, async () => (await sql.query('select from pg_replication_slots where slot_name = \'stopped\' and active')).rowCount === 0);
  }
  t.is((await sql.query('select from pg_stat_activity where backend_type = \'walsender\' and query like \'%"stopped"%\'')).rowCount, 0);
});

test('an answer waits until it sees every change handed out, and stands below what is to come', async t => {
  const { sql, name, open, told, truth, broker, record } = await world(t, postgres);
  const ask = async (sku: string): Promise<number> => (await broker.publisher.publish(askSubject('erp', sku), encodeJson({ sku, source: 'erp', missing: 1, since: 0 }), journalHeaders({ id: `ask-${sku}-${Math.random()}` }))).seq;
  await sql.query(`insert into ${name} values ('A', 1), ('B', 1), ('O''Hara', 5)`);
  const door = await open();
  await eventually('the rows are read', async () => (await told()).length === 3);

  const waiting = await postgres.client();
  await waiting.query('set synchronous_commit = on');
  const commit = waiting.query(`update ${name} set qty = 2 where sku = 'A'`);
  await eventually('the change is handed out', async () => (await told()).length === 4);
  t.is((await sql.query<{ qty: number }>(`select qty from ${name} where sku = 'A'`)).rows[0]!.qty, 1, 'while others still see the old row');
  const question = await ask('A');
  // A change behind it shows that the door goes on meanwhile.
  await sql.query(`update ${name} set qty = 3 where sku = 'B'`);
  await eventually('a later change is handed out', async () => (await told()).length === 5);
  t.deepEqual(await truth(), { A: 2, B: 3, 'O\'Hara': 5 });
  t.is((await record())!['asked'], 0, 'no answer from a reading that is older than what was told');

  const { rows: [{ pid } = { pid: 0 }] } = await sql.query<{ pid: number }>('select pid from pg_stat_activity where wait_event = \'SyncRep\'');
  await sql.query('select pg_cancel_backend($1)', [pid]);
  await commit;
  await eventually('the question is answered', async () => (await told()).length === 6);
  const [, , , , change, answer] = await told();
  t.like(answer, { op: 'r', before: null, after: { sku: 'A', qty: 2 }, source: { txId: null, snapshot: true } });
  t.true(answer!.position[0] > change!.position[0]);
  t.is(answer!.position[1], -1);
  await sql.query(`update ${name} set qty = 4 where sku = 'A'`);
  await eventually('the next change stands above the answer', async () => (await truth())['A'] === 4);

  // What asks for nothing that can be read is passed over; a quote in a name is a quote.
  await broker.publisher.publish('ask.erp.broken', Buffer.from('{'), journalHeaders({ id: 'broken' }));
  await ask('nobody');
  const last = await ask('O\'Hara');
  await eventually('all are answered', async () => (await record())!['asked'] === last);
  await door.release();
  t.true(last > question);
  t.like((await told()).at(-1), { op: 'r', after: { sku: 'O\'Hara', qty: 5 } });
  t.is((await told()).length, 8);
});

test('what a transaction saw of another is told by numbers that wrap around', t => {
  const seen = new Visible('100:110:103,107');
  t.deepEqual([99, 100, 103, 104, 107, 109, 110, 111].map(xid => seen.sees(xid)), [true, true, false, true, false, true, false, false]);
  const beyond = new Visible(`${(1n << 32n) + 5n}:${(1n << 32n) + 9n}:${(1n << 32n) + 6n}`);
  t.deepEqual([0xffff_fff0, 4, 6, 7, 9].map(xid => beyond.sees(xid)), [true, true, false, true, false]);
  const before = new Visible(`${(1n << 32n) - 3n}:${(1n << 32n) - 1n}:`);
  t.deepEqual([0xffff_fffe, 0xffff_ffff, 2].map(xid => before.sees(xid)), [true, false, false]);
});

test('only what is stored, in the order of commits, counts as stored', async t => {
  const window = new Window(10n, 4);
  const ends = Array.from({ length: 5 }, () => Promise.withResolvers<void>());
  const turn = (): Promise<void> => new Promise(resolve => { setImmediate(resolve); });
  window.begin();
  t.is(window.add(ends[0]!.promise), undefined);
  t.is(window.add(ends[1]!.promise), undefined);
  window.commit(20n);
  window.begin();
  t.is(window.add(ends[2]!.promise), undefined);
  window.commit(30n);
  ends[0]!.resolve();
  ends[2]!.resolve();
  await turn();
  t.is(window.stored, 10n, 'the first transaction is not whole');
  window.skip(40n);
  t.is(window.stored, 10n, 'something is under way');
  ends[1]!.resolve();
  await turn();
  t.is(window.stored, 30n);
  t.true(window.isEmpty);
  window.skip(40n);
  window.skip(35n);
  t.is(window.stored, 40n);

  window.begin();
  const failing = window.add(Promise.reject(new Error('given up')));
  t.is(failing, undefined);
  window.commit(50n);
  await turn();
  t.is(window.stored, 40n, 'what was given up is never stored');
});

test('a reader is held back while too much is under way', async t => {
  const window = new Window(0n, 2);
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  window.begin();
  t.is(window.add(first.promise), undefined);
  const room = window.add(second.promise);
  t.truthy(room);
  let free = false;
  void room!.then(() => { free = true; });
  await new Promise(resolve => { setImmediate(resolve); });
  t.false(free);
  first.resolve();
  second.resolve();
  await room;
  t.true(free);
});

test('log sequence numbers are read, written and refused past what a position can hold', t => {
  t.is(parseLsn('1A/FF'), 0x1a_0000_00ffn);
  t.is(formatLsn(0x1a_0000_00ffn), '1A/FF');
  t.is(parseLsn('FFFFFFFF/FFFFFFFF'), 0xffff_ffff_ffff_ffffn);
  t.is(lsnNumber(parseLsn('1FFFFF/FFFFFFFF')), Number.MAX_SAFE_INTEGER);
  t.throws(() => lsnNumber(parseLsn('200000/0')), { instanceOf: RangeError, message: 'LSN 200000/0 is past what a position can hold' });
});
