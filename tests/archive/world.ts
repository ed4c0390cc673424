/** Journals with something in them, and what kills must leave of their archive. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { headers } from 'nats';
import type { ArchiveAddress } from '../../deploy/archive/open.ts';
import { openArchive } from '../../deploy/archive/open.ts';
import { segmentsOf } from '../../runtime/archive/read.ts';
import type { ArchivedMessage } from '../../runtime/archive/segment.ts';
import type { ArchiveStore } from '../../runtime/archive/store.ts';
import { verifyStream } from '../../runtime/archive/verify.ts';
import { encodeJournal } from '../../runtime/codec.ts';
import { skuSubject } from '../../runtime/subjects.ts';
import type { Broker } from '../runtime/broker.ts';
import type { Task } from './child.ts';

const child = fileURLToPath(new URL('child.ts', import.meta.url));

export async function temporary(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'plumb-test-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Facts of a few SKUs, with headers that have more than ASCII in them. */
export async function tellMany({ js }: Broker, count: number): Promise<void> {
  for (let n = 1; n <= count; n++) {
    const meta = headers();
    meta.set('Nats-Msg-Id', `id:${n}`);
    meta.set('Plumb-Correlation', `Größe/${n}`);
    await js.publish(skuSubject(`SKU ${n % 7}`), encodeJournal({ type: 'stock.counted', source: 'erp', position: n, quantity: n * 3 }), { headers: meta });
  }
}

export const small = { stream: 'SKU', everyMs: 1_000, maxBytes: 2_000 } as const;

/** Runs until it ends or is killed; after a minute it is, and `stderr` says what it waited for. */
export function archiveIn(task: Task): Promise<{ code: number | null; signal: string | null; stderr: string }> {
  return new Promise(resolve => {
    const running = spawn(process.execPath, [child, JSON.stringify(task)], { stdio: ['ignore', 'ignore', 'pipe'], timeout: 60_000, killSignal: 'SIGTERM' });
    let stderr = '';
    running.stderr.on('data', (text: Buffer) => { stderr += text.toString(); });
    running.on('close', (code, signal) => resolve({ code, signal, stderr }));
  });
}

export async function objectsOf(store: ArchiveStore, stream: string): Promise<Map<string, string>> {
  const objects = new Map<string, string>();
  for (const folder of (await store.list(stream)).folders) for (const name of (await store.list(folder)).objects) objects.set(name, (await store.get(name))!.toString('base64'));
  return objects;
}

export async function archivedOf(store: ArchiveStore, stream: string): Promise<ArchivedMessage[]> {
  const all: ArchivedMessage[] = [];
  for await (const { messages } of segmentsOf(store, stream)) all.push(...messages);
  return all;
}

/** The journal, read another way than the archiver does. */
export async function journalOf({ jsm }: Broker, stream: string): Promise<{ seq: number; at: number; subject: string; id: string; data: string }[]> {
  const { state } = await jsm.streams.info(stream);
  const all = [];
  for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
    const message = await jsm.streams.getMessage(stream, { seq });
    if (message) all.push({ seq, at: message.time.getTime(), subject: message.subject, id: message.header.get('Nats-Msg-Id'), data: Buffer.from(message.data).toString('base64') });
  }
  return all;
}

/**
 * Kills archivers at every upload of theirs, before, during and after it, one behind the other on one archive, and lets
 * a last one end. What is there then is what one that was never killed makes, to the byte.
 */
export async function survivesKills(t: ExecutionContext, broker: Broker, { archive, undisturbed, uploads, messages }: { archive: ArchiveAddress; undisturbed: ArchiveAddress; uploads: number; messages: number }): Promise<void> {
  await tellMany(broker, messages);
  // Behind the window: what is read by then is all there is, in both.
  await new Promise(resolve => setTimeout(resolve, 3_500));
  const through = messages;
  const task = (address: ArchiveAddress, kill?: Task['kill']): Task => ({ nats: broker.server.url, archive: address, ...small, through, ...(kill && { kill }) });
  let killed = 0;
  for (let upload = 1; upload <= uploads; upload++) {
    const phase = (['before', 'during', 'after'] as const)[upload % 3]!;
    const { code, signal, stderr } = await archiveIn(task(archive, { upload: 1 + upload % 4, phase }));
    if (signal === 'SIGKILL') killed += 1;
    else t.is(code, 0, stderr);
  }
  t.true(killed >= uploads / 2, `${killed} of ${uploads} were killed on the way`);
  for (const address of [archive, undisturbed]) {
    const { code, stderr } = await archiveIn(task(address));
    t.is(code, 0, stderr);
  }
  const stores = await Promise.all([archive, undisturbed].map(openArchive));
  const [store, other] = stores as [ArchiveStore, ArchiveStore];
  const verified = await verifyStream(store, 'SKU');
  t.deepEqual([verified.problems, verified.missing, verified.unlinked], [[], [], []]);
  t.true(verified.segments >= 5, `${verified.segments} segments`);
  const archived = await archivedOf(store, 'SKU');
  const journal = await journalOf(broker, 'SKU');
  t.deepEqual(archived.map(({ seq, at, subject, headers: block, data }) => ({ seq, at, subject, id: /Nats-Msg-Id: (.*)\r/.exec(block.toString())![1]!, data: data.toString('base64') })), journal);
  t.deepEqual(await objectsOf(store, 'SKU'), await objectsOf(other, 'SKU'), 'the same bytes under the same names');
  for (const each of stores) each.close();
}
