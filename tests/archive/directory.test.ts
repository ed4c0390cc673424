/** Archives in a folder: exactly once whatever kills the archiver, and nothing changed there goes unnoticed. */
import { readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { openDirectory } from '../../deploy/archive/directory.ts';
import { Archiver } from '../../runtime/archive/archiver.ts';
import { headOf } from '../../runtime/archive/chain.ts';
import { headerOf } from '../../runtime/archive/segment.ts';
import { ArchiveError, prepare } from '../../runtime/archive/store.ts';
import type { ArchiveStore } from '../../runtime/archive/store.ts';
import { verifyStream } from '../../runtime/archive/verify.ts';
import { eventually, startBroker } from '../runtime/broker.ts';
import type { Broker } from '../runtime/broker.ts';
import { keepsWhatItIsGiven } from './store.ts';
import { archivedOf, objectsOf, small, survivesKills, tellMany, temporary } from './world.ts';

test('a folder keeps what it is given, and removes what dead processes left', async t => {
  const folder = await temporary(t);
  await keepsWhatItIsGiven(t, await openDirectory(folder));
  t.deepEqual(await readdir(join(folder, '.parts')), [], 'nothing is left of what was written');
  for (const name of ['old', 'new']) await writeFile(join(folder, '.parts', name), 'half of something');
  await utimes(join(folder, '.parts', 'old'), 1, 1);
  await openDirectory(folder);
  t.deepEqual(await readdir(join(folder, '.parts')), ['new'], 'another process may be writing that one');
});

test('a folder of another format is refused, and a store that writes over what is there', async t => {
  const folder = await temporary(t);
  const store = await openDirectory(folder);
  const forgetful: ArchiveStore = { ...store, putNew: async (name, bytes) => { await writeFile(join(folder, name), bytes); return 'stored'; } };
  await t.throwsAsync(prepare(forgetful), { instanceOf: ArchiveError, message: /writes over objects that are there/ });
  await writeFile(join(folder, 'format.json'), '{"archive":"plumb","v":2}\n');
  await t.throwsAsync(prepare(store), { instanceOf: ArchiveError, message: /format\.json says "\{\\"archive\\":\\"plumb\\",\\"v\\":2\}", wanted/ });
});

test('archivers that are killed before, during and after uploads leave every message once, in the same bytes', async t => {
  t.timeout(180_000);
  const broker = await startBroker(t);
  await survivesKills(t, broker, { archive: { store: await temporary(t) }, undisturbed: { store: await temporary(t) }, uploads: 9, messages: 120 });
});

async function archiver(t: ExecutionContext, broker: Broker, store: ArchiveStore, told: { broken?: string; missing?: number[] } = {}): Promise<Archiver> {
  const running = new Archiver({
    ...small, nc: broker.nc, store, log: broker.log, now: Date.now,
    onBroken: error => { told.broken = error.message; }, onMissing: (from, to) => { told.missing = [from, to]; },
  });
  await running.start();
  t.teardown(() => running.stop());
  return running;
}

test('two archivers of one stream at once write one archive', async t => {
  const broker = await startBroker(t);
  const store = await openDirectory(await temporary(t));
  const told = {};
  const both = [await archiver(t, broker, store, told), await archiver(t, broker, store, told)];
  await tellMany(broker, 100);
  await eventually('both have archived all', () => both.every(({ figures: { last } }) => last === 100), 30_000);
  await Promise.all(both.map(each => each.stop()));
  t.deepEqual(told, {});
  t.deepEqual((await archivedOf(store, 'SKU')).map(({ seq }) => seq), Array.from({ length: 100 }, (_, n) => n + 1));
  t.deepEqual((await verifyStream(store, 'SKU')).problems, []);
  t.is(headerOf((await archivedOf(store, 'SKU'))[4]!, 'Plumb-Correlation'), 'Größe/5');
});

/** A journal that is in the archive, so far. */
async function archived(t: ExecutionContext, messages: number): Promise<{ broker: Broker; store: ArchiveStore }> {
  const broker = await startBroker(t);
  const store = await openDirectory(await temporary(t));
  await tellMany(broker, messages);
  const first = await archiver(t, broker, store);
  await eventually('archived', () => first.figures.last === messages, 30_000);
  await first.stop();
  return { broker, store };
}

test('what left the stream unarchived is told, stands in the manifest, and the archive goes on', async t => {
  const { broker, store } = await archived(t, 20);
  for (let n = 0; n < 10; n++) await broker.tell('later', { n });
  await broker.jsm.streams.purge('SKU', { seq: 26 });
  const told: { missing?: number[] } = {};
  const next = await archiver(t, broker, store, told);
  t.deepEqual(told.missing, [21, 25]);
  t.is(next.figures.missing, 5);
  await eventually('archived', () => next.figures.last === 30, 30_000);
  const verified = await verifyStream(store, 'SKU');
  t.deepEqual([verified.missing, verified.problems, verified.messages], [[[21, 25]], [], 25]);
});

test('a stream that is not the archived one is refused: nothing of it comes among what is there', async t => {
  const { store } = await archived(t, 20);
  const before = await objectsOf(store, 'SKU');
  const anew = await startBroker(t);
  await tellMany(anew, 5);
  await t.throwsAsync(archiver(t, anew, store), { instanceOf: ArchiveError, message: /stream SKU ends with 5, and the archive holds it up to 20/ });
  t.deepEqual(await objectsOf(store, 'SKU'), before);
});

test('a segment or manifest that was changed, removed or put in is found and named', async t => {
  const broker = await startBroker(t);
  const folder = await temporary(t);
  const store = await openDirectory(folder);
  await tellMany(broker, 60);
  const running = await archiver(t, broker, store);
  await eventually('archived', () => running.figures.last === 60, 30_000);
  await running.stop();
  t.deepEqual((await verifyStream(store, 'SKU')).problems, []);
  const names = [...(await objectsOf(store, 'SKU')).keys()];
  const segments = names.filter(name => name.endsWith('.gz'));
  const manifests = names.filter(name => name.endsWith('.json'));
  const broken = async (name: string, damage: (path: string) => Promise<unknown>, expected: RegExp): Promise<void> => {
    const path = join(folder, name);
    const bytes = await readFile(path);
    await damage(path);
    const { problems } = await verifyStream(store, 'SKU');
    t.regex(problems.join('\n'), expected);
    await writeFile(path, bytes);
  };
  const flipped = async (path: string): Promise<void> => {
    const bytes = await readFile(path);
    bytes[bytes.length >> 1]! ^= 1;
    await writeFile(path, bytes);
  };
  await broken(segments[1]!, flipped, new RegExp(`^${folder}/${segments[1]} is not what was archived: its SHA-256 is [0-9a-f]{64}, [0-9a-f]{64} by its manifest$`));
  await broken(segments[1]!, path => rm(path), /gz is gone: messages \d+ to \d+ of SKU$/);
  await broken(manifests[1]!, path => rm(path), new RegExp(`^${folder}/${manifests[2]} does not follow the manifest of 1 to \\d+: one between was changed or is gone$`));
  await broken(manifests[1]!, async path => writeFile(path, (await readFile(path, 'utf8')).replace(/"bytes":\d+/, '"bytes":1')), new RegExp(`/${manifests[2]} does not follow`));
  t.deepEqual((await verifyStream(store, 'SKU')).problems, [], 'all is as it was');
});

test('a store that refuses for a while is tried on, and how far behind the archive is can be seen', async t => {
  const broker = await startBroker(t);
  const store = await openDirectory(await temporary(t));
  let refuses = true;
  const running = await archiver(t, broker, { ...store, putNew: (name, bytes) => (refuses ? Promise.reject(new Error('no space left')) : store.putNew(name, bytes)) });
  await tellMany(broker, 10);
  await eventually('it fails', () => running.figures.failing === 'no space left', 30_000);
  t.true(running.figures.waiting > 0 && running.figures.lagMs > 0 && running.figures.last === 0);
  refuses = false;
  await eventually('archived', () => running.figures.last === 10 && running.figures.failing === undefined, 30_000);
  t.is(running.figures.lagMs, 0);
  t.is((await headOf(store, 'SKU'))!.manifest.last, 10);
});
