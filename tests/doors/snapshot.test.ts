/** A full count file that would empty the shop: compared with what is true, held, shown, and taken in when a person says so. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { pino } from 'pino';
import { placeOf, Snapshot, tooMuch } from '../../actors/sku/ingest/snapshot.ts';
import { configSchema } from '../../config/config.ts';
import { startNode } from '../../deploy/node.ts';
import { skuRecordSubject } from '../../runtime/subjects.ts';
import { eventually, startBroker } from '../runtime/broker.ts';

const launcher = join(import.meta.dirname, '../../deploy/cli/plumb.js');
const limits = { zero: { share: 0.2, least: 1 }, raise: { share: 0.5, least: 1, units: 100 } };

const truth = (numbers: Record<string, number>): Map<string, number> => new Map(Object.entries(numbers).map(([sku, quantity]) => [placeOf(sku, ''), quantity]));

test('each number is told as what becomes of it, the largest first; what is left out stays', t => {
  const snapshot = new Snapshot(truth({ A: 5, B: 9, C: 3, D: 4, E: 0, F: 7 }));
  for (const [sku, quantity] of [['A', 5], ['B', 0], ['C', -2], ['D', 1], ['E', 6], ['G', 8], ['D', 99]] as const) snapshot.take(sku, '', quantity, 2);
  const { zeroed, lowered, raised, missing, ...rest } = snapshot.diff();
  t.deepEqual(rest, { known: 6, stated: 6, same: 1, fresh: 1 });
  t.deepEqual(zeroed, { numbers: 2, units: 14, value: 28, examples: [{ sku: 'B', location: '', from: 9, to: 0 }, { sku: 'C', location: '', from: 3, to: -2 }] });
  t.like(lowered, { numbers: 1, units: 3 });
  t.like(raised, { numbers: 1, units: 6 });
  t.deepEqual([missing.numbers, missing.examples], [1, [{ sku: 'F', location: '', from: 7, to: 7 }]]);
});

test('too much is a share of what is known, or units; a few are not', t => {
  const of = (numbers: Record<string, number>): string[] => {
    const snapshot = new Snapshot(truth(Object.fromEntries([...'ABCDEFGHIJ'].map(sku => [sku, 5]))));
    for (const [sku, quantity] of Object.entries(numbers)) snapshot.take(sku, '', quantity);
    return tooMuch(snapshot.diff(), limits);
  };
  t.deepEqual(of({ A: 0, B: 0, C: 6 }), []);
  t.deepEqual(of({ A: 0, B: 0, C: 0 }), ['3 of 10 numbers would go to zero, more than 20 % and 1']);
  t.deepEqual(of({ A: 106 }), ['1 of 10 numbers would rise, more than 100 units']);
});

test('a file that would empty the shop is held and told, and taken in with --release; a corrected one ends the task too', async t => {
  const { server, bytes, bodies } = await startBroker(t);
  const folder = await mkdtemp(join(tmpdir(), 'plumb-files-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const node = await startNode(configSchema.parse({ nats: { url: server.url }, node: { id: 'n' }, sources: [{ source: 'wms', mapping: 'csv' }], governor: limits }), pino({ level: 'silent' }));
  t.teardown(() => node.stop());
  const file = join(folder, 'stock.csv');
  const skus = [...'ABCDEFGHIJ'];
  const write = (quantity: (n: number) => number): Promise<void> => writeFile(file, `sku,quantity\n${skus.map((sku, n) => `${sku},${quantity(n)}\n`).join('')}`);
  const ingest = (...more: string[]): Promise<{ code: number; out: string; err: string }> => new Promise(resolve => {
    execFile(process.execPath, [launcher, 'ingest', 'csv', file, '--source', 'wms', ...more], { env: { ...process.env, NATS_URL: server.url } }, (error, out, err) => resolve({ code: Number(error?.code ?? 0), out, err }));
  });
  const onHand = async (sku: string): Promise<number | undefined> => (JSON.parse(await bytes(skuRecordSubject(sku)) ?? '{}') as { context?: { onHand?: number } }).context?.onHand;
  const snapshots = async (): Promise<Record<string, unknown>[]> => (await bodies('DEAD')).filter(body => body['class'] === 'snapshot');

  await write(() => 7);
  t.like(await ingest(), { code: 0, out: 'stock.csv: 10 rows stored\n' }, 'nothing was known that it could change');
  await eventually('counted', async () => (await Promise.all(skus.map(onHand))).every(units => units === 7));

  await write(n => (n < 2 ? 7 : 0));
  const shown = '  10 numbers stated, 2 as they are, of 10 known\n  8 go to zero, 56 units: C 7→0, D 7→0, E 7→0, F 7→0, G 7→0, …\n';
  t.deepEqual(await ingest('--diff'), { code: 0, out: `stock.csv would be held: 8 of 10 numbers would go to zero, more than 20 % and 1\n${shown}`, err: '' });
  t.deepEqual(await snapshots(), []);
  for (let n = 0; n < 2; n++) t.deepEqual(await ingest(), { code: 1, out: `stock.csv is held: 8 of 10 numbers would go to zero, more than 20 % and 1\n${shown}`, err: 'plumb: not everything was taken in\n' });
  t.is((await snapshots()).length, 1, 'one task');
  t.true((await Promise.all(skus.map(onHand))).every(units => units === 7));

  await write(n => (n < 9 ? 7 : 0));
  t.like(await ingest(), { code: 0 }, 'a corrected file');
  t.like((await snapshots())[1], { resolved: true, how: 'healed', by: 'a file of that name that was taken in' });
  await eventually('taken in', async () => await onHand('J') === 0);

  await write(() => 0);
  t.like(await ingest(), { code: 1 });
  t.like(await ingest('--release'), { code: 0 });
  await eventually('taken in', async () => (await Promise.all(skus.map(onHand))).every(units => units === 0));
  t.like((await snapshots()).at(-1), { resolved: true, how: 'dismissed' });
});
