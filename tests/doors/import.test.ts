/** Files taken in, by the command as its user calls it and by the import itself, over a real broker. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeliverPolicy } from '@nats-io/jetstream';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { pino } from 'pino';
import { configSchema } from '../../config/config.ts';
import { Settled } from '../../deploy/doors/files/folder.ts';
import { importFile } from '../../deploy/doors/files/import.ts';
import type { ImportOptions, Outcome } from '../../deploy/doors/files/import.ts';
import { startNode } from '../../deploy/node.ts';
import { eventually, startBroker } from '../runtime/broker.ts';
import type { Broker } from '../runtime/broker.ts';

const plumb = join(import.meta.dirname, '../../deploy/cli/plumb.js');

interface World {
  broker: Broker;
  folder: string;
  write(name: string, text: string | Uint8Array, changedAt?: number): Promise<string>;
  take(file: string, more?: Partial<ImportOptions>): Promise<Outcome>;
  /** What INGEST holds: id without the digest, position, text. */
  stored(): Promise<{ id: string; position: unknown; text: string; type: string }[]>;
  run(...args: string[]): { child: ChildProcess; ended: Promise<{ code: number | null; out: string; err: string }> };
}

async function world(t: ExecutionContext): Promise<World> {
  const broker = await startBroker(t);
  const folder = await mkdtemp(join(tmpdir(), 'plumb-files-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return {
    broker, folder,
    async write(name, text, changedAt) {
      const file = join(folder, name);
      await writeFile(file, text);
      if (changedAt !== undefined) await utimes(file, changedAt / 1_000, changedAt / 1_000);
      return file;
    },
    take: (file, more = {}) => importFile({
      nc: broker.nc, publisher: broker.publisher, file, source: 'wms', contentType: 'application/json',
      csv: { delimiter: ',', encoding: 'utf-8' }, rejectsFile: `${file}.rejected.csv`, maxBytes: 10_000_000, waitMs: 0, ...more,
    }),
    async stored() {
      const consumer = await broker.js.consumers.get('INGEST', { deliver_policy: DeliverPolicy.All });
      const found = [];
      for (let { num_pending: left } = await consumer.info(); left > 0;) {
        for await (const message of await consumer.fetch({ max_messages: Math.min(left, 5_000), expires: 5_000 })) {
          left -= 1;
          const header = (name: string): string => message.headers!.get(name);
          found.push({ id: header('Nats-Msg-Id').replace(/[0-9a-f]{32}/, '#'), position: JSON.parse(header('Plumb-Position')) as unknown, text: Buffer.from(message.data).toString('latin1'), type: header('Content-Type') });
        }
      }
      return found;
    },
    run(...args) {
      const child = spawn(process.execPath, [plumb, 'ingest', ...args], { env: { ...process.env, NATS_URL: broker.server.url }, stdio: ['ignore', 'pipe', 'pipe'] });
      t.teardown(() => { child.kill('SIGKILL'); });
      const texts = ['', ''];
      [child.stdout, child.stderr].forEach((stream, n) => stream.on('data', data => { texts[n] += String(data); }));
      return { child, ended: new Promise(resolve => { child.once('close', code => resolve({ code, out: texts[0]!, err: texts[1]! })); }) };
    },
  };
}

const none = { wasDone: false, wentOnAt: 0, rejected: 0, isRead: false };

test('each row is a message with the header\'s names and its place; a file is taken in once until it is changed', async t => {
  const { write, take, stored } = await world(t);
  const file = await write('a.csv', 'sku,qty\nA,1\n\n"B,2",3\n', 1_000_000);
  t.deepEqual(await take(file), { ...none, n: 1, stored: 2 });
  t.deepEqual(await take(file), { ...none, n: 1, stored: 2, wasDone: true, isRead: true });
  await utimes(file, 2_000, 2_000);
  t.deepEqual(await take(file), { ...none, n: 2, stored: 2 });
  t.deepEqual(await take(file, { again: true }), { ...none, n: 3, stored: 2 });
  const row = (n: number, line: number, text: string): object => ({ id: `csv:wms:#:${n}:${line}`, position: [n, line], text, type: 'application/json' });
  t.deepEqual(await stored(), [1, 2, 3].flatMap(n => [row(n, 2, '{"sku":"A","qty":"1"}'), row(n, 4, '{"sku":"B,2","qty":"3"}')]));
});

test('a document is one message, byte for byte', async t => {
  const { write, take, stored } = await world(t);
  const file = await write('846.x12', Buffer.from([0x49, 0x53, 0x41, 0xff, 0x0a, 0x7e]));
  const options = { csv: undefined, contentType: 'application/edi-x12' };
  t.deepEqual(await take(file, options), { ...none, n: 1, stored: 1 });
  t.deepEqual(await stored(), [{ id: 'csv:wms:#:1', position: [1], text: 'ISA\xff\n~', type: 'application/edi-x12' }]);
  t.is((await t.throwsAsync(take(await write('empty.x12', ''), options)))!.message.split(': ')[1], 'is empty');
  t.regex((await t.throwsAsync(take(await write('big.x12', 'x'.repeat(8_400_000)), options)))!.message, /big\.x12: has 8400000 bytes, and the broker takes 8384512 in one message$/);
  t.regex((await t.throwsAsync(take(file, { ...options, maxBytes: 5 })))!.message, /846\.x12: has 6 bytes, 5 at most$/);
});

test('an import that was broken off goes on where it was, and stays older than the file that came after it', async t => {
  const { write, take, stored } = await world(t);
  const rows = Array.from({ length: 9_000 }, (_, n) => `s${n},${n}`);
  const first = await write('first.csv', `sku,qty\nbad\n${rows.join('\n')}\n`);
  const stop = new AbortController();
  const error = await t.throwsAsync(take(first, { signal: stop.signal, onProgress: done => { if (done === 5_000) stop.abort(); } }));
  t.is(error!.message, 'broken off before line 5001');
  t.is((await stored()).length, 4_998);
  t.deepEqual(await take(await write('second.csv', 'sku,qty\ns8999,7\n')), { ...none, n: 2, stored: 1 });
  // Its bytes tell which file it is, whatever it is called by now.
  await rename(first, `${first}.old`);
  t.deepEqual(await take(`${first}.old`, { rejectsFile: `${first}.rejected.csv` }), { ...none, n: 1, wentOnAt: 5_000, stored: 9_000, rejected: 1 });
  const all = await stored();
  t.is(all.length, 9_001);
  t.is(new Set(all.map(({ id }) => id)).size, 9_001);
  t.deepEqual(all.at(-1), { id: 'csv:wms:#:1:9002', position: [1, 9_002], text: '{"sku":"s8999","qty":"8999"}', type: 'application/json' });
  t.is(await readFile(`${first}.rejected.csv`, 'utf8'), 'line,reason,row\n2,has 1 fields where the header has 2,bad\n');
});

test('a killed command goes on when it is called again, and every row is stored once', async t => {
  const { broker, write, run, stored } = await world(t);
  const count = 60_000;
  const file = await write('big.csv', `sku,qty\n${Array.from({ length: count }, (_, n) => `s${n},1`).join('\n')}\n`);
  const killed = run('csv', file, '--source', 'wms', '--wait', '0');
  const messages = async () => (await broker.jsm.streams.info('INGEST')).state.messages;
  await eventually('some thousand rows are stored', async () => await messages() > 5_000, 20_000);
  killed.child.kill('SIGKILL');
  t.is((await killed.ended).code, null);
  const before = await messages();
  t.true(before < count, `${before} rows when it was killed`);
  const { code, out } = await run('csv', file, '--source', 'wms', '--wait', '0').ended;
  t.is(code, 0);
  t.regex(out, /^big\.csv: 60,000 rows stored, going on behind line \d+; no node has read all of it yet/);
  const all = await stored();
  t.is(all.length, count);
  t.deepEqual(all.map(({ position }) => (position as number[])[1]).sort((a, b) => a! - b!), Array.from({ length: count }, (_, n) => n + 2));
});

test('rows that the source\'s mapping refuses are among the rejected, with the reason', async t => {
  const { broker, write, run } = await world(t);
  const node = await startNode(configSchema.parse({ nats: { url: broker.server.url }, node: { id: 'n' }, sources: [{ source: 'wms', mapping: 'csv' }] }), pino({ level: 'silent' }));
  t.teardown(() => node.stop());
  const file = await write('stock.csv', 'sku,quantity\nA,5\nB,many\nC\nD,1.5\n');
  const { code, out, err } = await run('csv', file, '--source', 'wms').ended;
  t.deepEqual([code, out, err], [1, `stock.csv: 1 row stored; 3 rejected: ${file}.rejected.csv\n`, 'plumb: not everything was taken in\n']);
  const [header, ...lines] = (await readFile(`${file}.rejected.csv`, 'utf8')).trimEnd().split('\n');
  t.is(header, 'line,reason,row');
  t.deepEqual(lines.map(line => line.replace(/ from .*?(?=",)/, '')).sort(), [
    '3,"quantity: is no number, got ""many""","{""sku"":""B"",""quantity"":""many""}"',
    '4,has 1 fields where the header has 2,C',
    '5,"quantity: is no whole number of units, got ""1.5""","{""sku"":""D"",""quantity"":""1.5""}"',
  ]);
});

test('a folder is taken in by age, one bad file aside; a watched one takes what comes, whole', async t => {
  const { broker, folder, write, run, stored } = await world(t);
  await write('b.csv', 'sku;qty\nold;1\n', 1_000_000);
  await write('a.csv', 'sku;qty\nnew;2\n', 2_000_000);
  await write('c.csv', 'sku,qty\nx,1\n', 1_500_000);
  await write('.hidden.csv', 'sku;qty\nno;1\n');
  const once = await run('csv', folder, '--source', 'wms', '--delimiter', ';', '--wait', '0').ended;
  t.is(once.code, 1);
  t.is(once.err, `plumb: ${join(folder, 'c.csv')}: there is only one column: the header is "sku,qty". Give --delimiter "," if that separates them\nplumb: not everything was taken in\n`);
  t.deepEqual((await stored()).map(({ text }) => text), ['{"sku":"old","qty":"1"}', '{"sku":"new","qty":"2"}']);

  const watching = run('csv', folder, '--source', 'wms', '--delimiter', ';', '--wait', '0', '--watch');
  await write('later.csv.tmp', 'sku;qty\nlater;3\n');
  await rename(join(folder, 'later.csv.tmp'), join(folder, 'later.csv'));
  const messages = async () => (await broker.jsm.streams.info('INGEST')).state.messages;
  await eventually('the later file is taken in', async () => await messages() === 3, 20_000);
  await write('later.csv', 'sku;qty\nlater;4\nbad\n');
  await eventually('and again when it was changed', async () => await messages() === 4, 20_000);
  await eventually('its rejected row is written', () => existsSync(join(folder, 'later.csv.rejected.csv')));
  watching.child.kill('SIGTERM');
  t.is((await watching.ended).code, 0);
  t.deepEqual((await stored()).slice(2).map(({ text, position }) => [text, position]), [['{"sku":"later","qty":"3"}', [3, 2]], ['{"sku":"later","qty":"4"}', [4, 2]]]);
});

test('a wrong call is told what is wrong and leaves nothing behind', async t => {
  const { broker, folder, write, run, stored } = await world(t);
  const file = await write('a.csv', 'sku,qty\nA,1\n');
  const told = async (...args: string[]): Promise<unknown[]> => {
    const { code, err } = await run(...args).ended;
    return [code, err.split('\n')[0]];
  };
  t.deepEqual(await Promise.all([
    told('csv', file, '--source', 'WMS'),
    told('csv', join(folder, 'no.csv'), '--source', 'wms'),
    told('csv', file, '--source', 'wms', '--delimiter', ';;'),
    told('csv', file, '--source', 'wms', '--encoding', 'klingon'),
    told('csv', file, '--source', 'wms', '--watch'),
    told('file', file, '--source', 'wms', '--type', 'edi'),
    told('csv', file, '--source', 'wms', '--max-mb', '0'),
    told('csv', file, '--source', 'wms', '--nats', 'nats://127.0.0.1:9'),
  ]), [
    [2, 'plumb: --source must be lower case letters, digits and dashes, got "WMS"'],
    [2, `plumb: ${join(folder, 'no.csv')}: cannot be read (ENOENT)`],
    [2, 'plumb: --delimiter must be one character, or tab, got ";;"'],
    [2, 'plumb: --encoding "klingon" is not known: utf-8, latin1, utf-16le, windows-1250 ...'],
    [2, `plumb: ${file}: --watch wants a folder`],
    [2, 'plumb: --type must be a content type such as application/edi-x12, got "edi"'],
    [2, `plumb: ${file}: has 12 bytes, 0 at most`],
    [1, 'plumb: no NATS server answers at nats://127.0.0.1:9: connection refused'],
  ]);
  t.deepEqual(await stored(), []);
  t.is((await broker.jsm.streams.info('KV_channel')).state.messages, 0);
});

test('a file is given when two looks found it unchanged, and again after a change', t => {
  const settled = new Settled();
  const a = { file: 'a', size: 1, changedAt: 1 };
  const b = { file: 'b', size: 2, changedAt: 1 };
  t.deepEqual(settled.look([a]), []);
  t.deepEqual(settled.look([a, b]), [a]);
  t.deepEqual(settled.look([a, { ...b, size: 3 }]), []);
  t.deepEqual(settled.look([a, { ...b, size: 3 }]), [{ ...b, size: 3 }]);
  t.deepEqual(settled.look([{ ...a, changedAt: 2 }, { file: 'empty', size: 0, changedAt: 1 }]), []);
  t.deepEqual(settled.look([{ ...a, changedAt: 2 }, { file: 'empty', size: 0, changedAt: 1 }]), [{ ...a, changedAt: 2 }]);
  settled.again('a');
  t.deepEqual(settled.look([{ ...a, changedAt: 2 }]), [{ ...a, changedAt: 2 }]);
});
