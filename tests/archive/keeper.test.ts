/** A node that keeps an archive, and what people see of it by the commands that they run. */
import { execFile } from 'node:child_process';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { configSchema } from '../../config/config.ts';
import { startNode } from '../../deploy/node.ts';
import { openDirectory } from '../../deploy/archive/directory.ts';
import { eventually, startBroker } from '../runtime/broker.ts';
import { objectsOf, temporary } from './world.ts';

const launcher = fileURLToPath(new URL('../../deploy/cli/plumb.js', import.meta.url));

interface Answer { code: number; stdout: string; stderr: string }

function plumb(env: Record<string, string>, ...args: string[]): Promise<Answer> {
  return new Promise(resolve => {
    execFile(process.execPath, [launcher, ...args], { env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0', ...env } }, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }));
  });
}

interface Row { stream: string; archivedThrough: number; journalLast: number; waiting: number; gone: number; foreign: boolean }

test('a node archives every journal, tells how far it is, and people verify, copy and read what is there', async t => {
  t.timeout(120_000);
  const broker = await startBroker(t);
  const folder = await temporary(t);
  const store = join(folder, 'archive');
  const file = join(folder, 'plumb.yaml');
  await writeFile(file, `nats: { url: "${broker.server.url}" }\nnode: { id: n1 }\nsources: [{ source: erp }]\narchive: { store: archive, everyMs: 1000 }\n`);
  const config = configSchema.parse({ nats: { url: broker.server.url }, node: { id: 'n1' }, sources: [{ source: 'erp' }], metrics: { port: 0 }, archive: { store, everyMs: 1_000 } });
  const node = await startNode(config, broker.log);
  t.teardown(() => node.stop());
  for (let n = 1; n <= 5; n++) await broker.js.publish('ingest.erp', JSON.stringify({ id: `e${n}`, sku: `Größe ${n % 2}`, type: 'count', version: n, quantity: n }));
  await broker.js.publish('ingest.erp', '{"sku":"A","type":"count","version":1,"quantity":"ten"}');
  const run = (...args: string[]): Promise<Answer> => plumb({ PLUMB_CONFIG: file }, 'archive', ...args);
  let told: Answer | undefined;
  const rows = (): Row[] => JSON.parse(told!.stdout) as Row[];
  await eventually('all is archived', async () => {
    told = await run('status', '--json');
    // On a busy machine the broker may answer it too late.
    return told.code === 0 && rows().every(({ waiting }) => waiting === 0);
  }, 60_000);
  t.deepEqual(rows().map(({ stream, archivedThrough, journalLast, gone, foreign }) => [stream, archivedThrough === journalLast, gone, foreign]), ['INGEST', 'SKU', 'ATTEMPT', 'DEAD', 'KV_settings', 'KV_listing'].map(stream => [stream, true, 0, false]));
  t.regex((await run('status')).stdout, /│ INGEST +│ 6 +│ \d{4}-\d\d-\d\dT[\d:.]+Z +│ 0 +│ 0 s +│ 0 +│/);
  const scraped = await (await fetch(`${node.metricsUrl}/metrics`)).text();
  t.regex(scraped, /plumb_archive_lag_seconds\{stream="SKU",node="n1"\} 0\n/);
  t.regex(scraped, /plumb_archive_segments_total\{stream="INGEST",node="n1"\} [1-9]/);

  const verified = await run('verify');
  t.is(verified.code, 0, verified.stderr);
  t.regex(verified.stdout, /^INGEST: 6 messages, 1 to 6, \S+ to \S+, in \d+ segments, \d+ bytes \(\d+ uncompressed\): whole and unchanged\nSKU: 5 messages, /);
  t.regex(verified.stdout, /\nATTEMPT: nothing\nDEAD: 1 messages, /);

  const shown = await run('show', 'SKU', '--sku', 'Größe 1');
  t.deepEqual(shown.stdout.trim().split('\n').map(line => (JSON.parse(line) as { body: { quantity: number } }).body.quantity), [1, 3, 5]);
  t.is((await run('show', 'SKU', '--until', '2020-01-01T00:00:00Z')).stdout, '');
  t.deepEqual(await run('show', 'ALERT'), { code: 2, stdout: '', stderr: 'plumb: "ALERT" is none of INGEST, SKU, ATTEMPT, DEAD, KV_settings, KV_listing\n' });

  const copy = join(folder, 'copy');
  t.regex((await run('restore', '--to', copy)).stdout, /^INGEST: (\d+) segments, 0 of them were there\n/);
  t.regex((await run('restore', '--to', copy)).stdout, /^INGEST: (\d+) segments, \1 of them were there\n/);
  const [here, there] = [await openDirectory(store), await openDirectory(copy)];
  for (const stream of ['INGEST', 'SKU']) t.deepEqual(await objectsOf(there, stream), await objectsOf(here, stream));
  t.is((await plumb({}, 'archive', 'verify', '--store', copy)).code, 0);
  const [day] = (await here.list('SKU')).folders;
  const [segment] = (await readdir(join(copy, day!))).filter(name => name.endsWith('.gz'));
  await rm(join(copy, day!, segment!));
  const broken = await plumb({}, 'archive', 'verify', 'SKU', '--store', copy);
  t.is(broken.code, 1);
  t.regex(broken.stdout, /✘ \S+\.msgpack\.gz is gone: messages 1 to \d+ of SKU\n/);
  t.deepEqual(await plumb({}, 'archive', 'verify', '--store', join(folder, 'nowhere')), { code: 1, stdout: '', stderr: `plumb: ${join(folder, 'nowhere')} holds no archive: nothing was ever archived there\n` });
  t.is((await plumb({ PLUMB_CONFIG: '' }, 'archive', 'verify')).stderr, 'plumb: no archive: give --store, or --config with an archive in it\n');
});

test('an archive that falls behind is an alarm, told once, and over when it has caught up', async t => {
  const broker = await startBroker(t);
  const folder = await temporary(t);
  const config = configSchema.parse({ nats: { url: broker.server.url }, node: { id: 'n1' }, archive: { store: folder, everyMs: 1_000, lateMs: 0 } });
  const node = await startNode(config, broker.log);
  t.teardown(() => node.stop());
  await eventually('the archive is kept', async () => (await readdir(folder)).includes('KV_settings'), 30_000);
  // Where segments of the journal go stands a file: nothing can be written there.
  await writeFile(join(folder, 'SKU'), '');
  await broker.tell('A', { type: 'stock.counted', source: 'erp', position: 1, quantity: 1 });
  const alarms = async (): Promise<Record<string, unknown>[]> => (await broker.bodies('ALERT')).filter(body => body['account'] === 'archive');
  await eventually('it is told', async () => (await alarms()).length === 1, 60_000);
  t.like((await alarms())[0], { class: 'progress', state: 'open', what: 'late', severity: 'high', promised: 0 });
  t.regex((await alarms())[0]!['action'] as string, new RegExp(`^1 messages of SKU are not in ${folder}(: E.*)?$`));
  await rm(join(folder, 'SKU'));
  await eventually('it is over', async () => (await alarms()).at(-1)!['state'] === 'resolved', 60_000);
  t.is((await alarms()).length, 2);
});
