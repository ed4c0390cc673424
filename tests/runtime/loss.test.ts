/** P12 on a real nats-server: its store is put back as it was, and every SKU in escrow hears of it before anything is raised. */
import { spawn } from 'node:child_process';
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { connect } from 'nats';
import type { NatsConnection } from 'nats';
import { pino } from 'pino';
import type { PackedStock } from '../../actors/sku/packing.ts';
import type { SkuFact } from '../../actors/sku/protocol.ts';
import { configSchema } from '../../config/config.ts';
import type { ConfigInput } from '../../config/config.ts';
import { startNode } from '../../deploy/node.ts';
import type { RunningNode } from '../../deploy/node.ts';
import { startNats } from '../../deploy/nats/server.ts';
import type { NatsServer } from '../../deploy/nats/server.ts';
import { verifyOne } from '../../deploy/replay.ts';
import { ensureStreams } from '../../deploy/streams.ts';
import type { ActorRecord } from '../../runtime/actor.ts';
import { decode, encodeJournal, journalHeaders } from '../../runtime/codec.ts';
import { openMarkFile } from '../../runtime/loss/marks.ts';
import { partitionOf, skuRecordSubject, skuSubject } from '../../runtime/subjects.ts';
import { eventually } from './broker.ts';

const link: SkuFact = { type: 'listing.linked', account: 'shop', listing: { id: '1', fields: {} }, gross: false, rule: { buffer: 0 } };
const counted = (position: number, quantity: number): SkuFact => ({ type: 'stock.counted', source: 'erp', position, quantity });
type Told = Record<string, unknown>;

/** A broker whose store can be put back, and a node that rests on it. */
class Restored {
  readonly #folder: string;
  server!: NatsServer;
  nc!: NatsConnection;
  node!: RunningNode;
  readonly log: Told[] = [];
  #serial = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  get #store(): string { return join(this.#folder, 'store'); }

  async serve(port = 0): Promise<void> {
    this.server = await startNats({ storeDir: this.#store, port });
    this.nc = await connect({ servers: this.server.url });
  }

  async start(settings?: object): Promise<void> {
    this.node = await startNode(configSchema.parse(this.#config(settings)), pino({ level: 'info' }, { write: line => { this.log.push(JSON.parse(line) as Told); } }));
  }

  /** A process of its own. @returns ends with its exit code and what it logged */
  async spawn(): Promise<{ ended: Promise<[code: number | null, log: string]>; kill(): void }> {
    await ensureStreams(this.nc);
    const file = join(this.#folder, 'plumb.json');
    await writeFile(file, JSON.stringify(this.#config()));
    const child = spawn(process.execPath, [join(import.meta.dirname, '../../deploy/main.ts')], { env: { ...process.env, PLUMB_CONFIG: file }, stdio: ['ignore', 'pipe', 'inherit'] });
    let log = '';
    child.stdout.on('data', (text: Buffer) => { log += text.toString(); });
    const ended = new Promise<[number | null, string]>(resolve => child.once('close', code => resolve([code, log])));
    return { ended, kill: () => { child.kill('SIGKILL'); } };
  }

  #config(settings: object = { dataDir: join(this.#folder, 'data') }): ConfigInput {
    return {
      nats: { url: this.server.url }, node: { id: 'n1', ...settings }, debounce: { quietMs: 0, hardMs: 0 }, sources: [{ source: 'erp', rhythm: 'off' }], exposure: { mode: 'escrow' }, audit: { everyMs: 0 },
    };
  }

  /** A copy of what is on disk now. */
  async copy(): Promise<void> {
    await this.#reopen(() => cp(this.#store, join(this.#folder, 'copy'), { recursive: true }));
  }

  /** The disk is as it was at the last copy; of some streams, or of all. */
  async putBack(streams?: readonly string[]): Promise<void> {
    await this.#reopen(async () => {
      const streamsIn = (root: string): string => join(this.#folder, root, 'jetstream', '$G', 'streams');
      for (const stream of streams ?? await readdir(streamsIn('store'))) {
        await rm(join(streamsIn('store'), stream), { recursive: true });
        await cp(join(streamsIn('copy'), stream), join(streamsIn('store'), stream), { recursive: true });
      }
    });
  }

  async #reopen(between: () => Promise<void>): Promise<void> {
    const { port } = this.server;
    await this.nc.close();
    await this.server.stop();
    await between();
    await this.serve(port);
  }

  /** @returns its sequence */
  async tell(sku: string, fact: SkuFact): Promise<number> {
    const reply = await this.nc.request(skuSubject(sku), encodeJournal(fact), { timeout: 5_000, headers: journalHeaders({ id: `test:${++this.#serial}` }) });
    return reply.json<{ seq: number }>().seq;
  }

  async record(sku: string): Promise<ActorRecord<PackedStock> | undefined> {
    return (await (await jetstreamManager(this.nc)).direct.getMessage('KV_sku', { last_by_subj: skuRecordSubject(sku) }))?.json();
  }

  async applied(sku: string, seq: number): Promise<void> {
    await eventually(`${sku} has applied ${seq}`, async () => ((await this.record(sku))?.applied ?? 0) >= seq, 30_000);
  }

  /** Bodies of a stream's messages under a subject. */
  async bodies(stream: string, subject: string): Promise<Told[]> {
    const jsm = await jetstreamManager(this.nc);
    const { state } = await jsm.streams.info(stream);
    const bodies: Told[] = [];
    for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq++) {
      const message = await jsm.streams.getMessage(stream, { seq });
      if (message?.subject === subject) bodies.push(decode(message.data) as Told);
    }
    return bodies;
  }

  async lastSeq(stream: string): Promise<number> {
    return (await (await jetstreamManager(this.nc)).streams.info(stream)).state.last_seq;
  }
}

async function restored(t: ExecutionContext): Promise<Restored> {
  const folder = await mkdtemp(join(tmpdir(), 'plumb-test-'));
  const world = new Restored(folder);
  t.teardown(async () => {
    await world.node?.stop().catch(() => undefined);
    await world.nc.close();
    await world.server.stop();
    await rm(folder, { recursive: true, force: true });
  });
  await world.serve();
  return world;
}

/** A SKU in escrow that sells at one channel, counted once. */
async function offered(world: Restored, sku: string): Promise<number> {
  await world.tell(sku, link);
  const seq = await world.tell(sku, counted(1, 5));
  await world.applied(sku, seq);
  return seq;
}

async function toldOfLoss(t: ExecutionContext, world: Restored, sku: string): Promise<void> {
  const facts = await world.bodies('SKU', skuSubject(sku));
  t.is(facts.filter(({ type }) => type === 'ledger.lost').length, 1, 'it hears of it once');
  await eventually('the SKU counts as regained by nothing yet', async () => (await world.record(sku))?.context.exposure?.recovery !== undefined, 30_000);
  t.deepEqual((await world.bodies('ASK', `ask.erp.${sku}`)).map(({ missing }) => missing), ['a count'], 'its source is asked');
  const letters = (await world.bodies('DEAD', 'dead.loss.broker.' + String((await lossRecord(world))['id'])));
  t.regex(String(letters[0]?.['message']), /^the broker lost what it had acknowledged: SKU ends at \d+, and was at \d+/);
}

const lossRecord = async ({ nc }: Restored): Promise<Told> => (await (await jetstreamManager(nc)).direct.getMessage('KV_channel', { last_by_subj: '$KV.channel._broker.loss' }))!.json<Told>();

test('a node that lives through it notices, tells every SKU, and ends', async t => {
  const world = await restored(t);
  const { ended, kill } = await world.spawn();
  t.teardown(kill);
  await offered(world, 'A');
  await world.copy();
  const seq = await world.tell('A', { type: 'order.placed', account: 'shop', line: 'shop/1/1', units: 2, createdAt: 1 });
  await world.applied('A', seq);
  const last = await world.lastSeq('SKU');
  await world.putBack();
  const [code, log] = await ended;
  t.is(code, 1);
  t.regex(log, /the broker lost what it had acknowledged: this node ends and is to be started again/);
  await world.start();
  await toldOfLoss(t, world, 'A');
  t.true(await world.lastSeq('SKU') > last, 'no sequence is given out twice');
  await world.applied('A', await world.tell('A', counted(2, 4)));
  t.is((await world.record('A'))?.context.onHand, 4, 'what is told later is passed over by nobody');
  t.deepEqual((await verifyOne(world.nc, partitionOf('A'))).parted, []);
  t.is((await lossRecord(world))['isOver'], true);
});

test('where every node died with the broker, the file of one tells', async t => {
  const world = await restored(t);
  await world.start();
  await offered(world, 'A');
  await world.copy();
  await world.applied('A', await world.tell('A', counted(2, 9)));
  await world.node.stop();
  await world.putBack();
  await world.start();
  await toldOfLoss(t, world, 'A');
});

test('a record that has applied what its journal lost goes on, and is the fold of that journal again', async t => {
  const world = await restored(t);
  await world.start({});
  await offered(world, 'A');
  await world.copy();
  for (let position = 2; position < 6; position++) await world.applied('A', await world.tell('A', counted(position, position + 10)));
  await world.node.stop();
  const before = (await world.record('A'))!;
  await world.putBack(['SKU']);
  // Without a file: what partitions were applied up to is in the broker.
  await world.start({});
  await toldOfLoss(t, world, 'A');
  const after = (await world.record('A'))!;
  t.true(after.applied > before.applied);
  t.is(after.context.onHand, 15, 'what the record knew is not lost');
  t.deepEqual((await verifyOne(world.nc, partitionOf('A'))).parted, []);
});

/** Takes in messages that the broker then loses, all but the first; others come in their place, and more than there were before. */
async function replaced(world: Restored): Promise<{ start(): Promise<void> }> {
  await world.start({});
  const say = (sku: string, quantity: number): Promise<unknown> => world.nc.request('ingest.erp', JSON.stringify({ id: `${sku}-1`, sku, type: 'count', version: 1, quantity }), { timeout: 5_000 });
  const takenIn = (sku: string, quantity: number): Promise<void> => eventually(`${sku} is taken in`, async () => (await world.record(sku))?.context.onHand === quantity, 30_000);
  await say('A', 5);
  await takenIn('A', 5);
  await world.copy();
  for (const sku of ['B', 'C', 'D']) await say(sku, 6);
  for (const sku of ['B', 'C', 'D']) await takenIn(sku, 6);
  await eventually('the source has written down where it is', async () => (await sourceRecord(world))?.['seq'] === 4, 30_000);
  await world.node.stop();
  await world.putBack(['INGEST']);
  for (const sku of ['E', 'F', 'G', 'H', 'I']) await say(sku, 7);
  return { async start() {
    await world.start({});
    for (const sku of ['E', 'F', 'G', 'H', 'I']) await takenIn(sku, 7);
  } };
}

const sourceState = '$KV.channel.source=2Eerp.state';
const sourceRecord = async ({ nc }: Restored): Promise<Told | undefined> => (await (await jetstreamManager(nc)).direct.getMessage('KV_channel', { last_by_subj: sourceState }))?.json<Told>();

test('a source is read again from the message that is gone', async t => {
  const world = await restored(t);
  await (await replaced(world)).start();
  t.true(world.log.some(({ msg }) => String(msg).startsWith('the broker does not have the message that was taken in last')));
});

test('what takes the place of a message whose fact was sent is no copy of it, where the source had not written down that it was', async t => {
  const world = await restored(t);
  const { start } = await replaced(world);
  await (await jetstreamManager(world.nc)).streams.purge('KV_channel', { filter: sourceState });
  await t.notThrowsAsync(start());
});

test('a stream that was made anew is noticed', async t => {
  const world = await restored(t);
  await world.start();
  await offered(world, 'A');
  await world.node.stop();
  await (await jetstreamManager(world.nc)).streams.delete('SKU');
  await world.start();
  await eventually('A is told', async () => (await world.bodies('SKU', skuSubject('A'))).some(({ type }) => type === 'ledger.lost'), 30_000);
  await world.applied('A', await world.tell('A', counted(2, 3)));
  t.is((await world.record('A'))?.context.onHand, 3);
});

test('a broker that lost nothing is not taken for one that did', async t => {
  const world = await restored(t);
  await world.start();
  await offered(world, 'A');
  await world.copy();
  await world.applied('A', await world.tell('A', counted(2, 8)));
  await world.node.stop();
  await world.start();
  await world.applied('A', await world.tell('A', counted(1_000, 9)));
  t.deepEqual(world.log.filter(({ msg }) => String(msg).startsWith('the broker lost')), []);
  t.false((await world.bodies('SKU', skuSubject('A'))).some(({ type }) => type === 'ledger.lost'));
});

test('a folder that cannot be written is named at start, and one that is missing is warned of in escrow', async t => {
  const world = await restored(t);
  const file = join(await mkdtemp(join(tmpdir(), 'plumb-test-')), 'file');
  await writeFile(file, '');
  t.teardown(() => rm(join(file, '..'), { recursive: true, force: true }));
  await t.throwsAsync(openMarkFile(join(file, 'data'), 'n1'), { message: /^node\.dataDir: .*acknowledged-n1\.json cannot be used \(ENOTDIR/ });
  await world.start({});
  t.true(world.log.some(({ msg }) => String(msg).startsWith('node.dataDir is not set')));
});
