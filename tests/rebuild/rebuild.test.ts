/**
 * The worst day: the broker dies while buyers buy, and its disk with it. Real node processes, real sandboxes; what is
 * right afterwards is judged by the sandboxes' own books and the ERP's numbers.
 */
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { connect } from 'nats';
import type { NatsConnection } from 'nats';
import { startNats } from '../../deploy/nats/server.ts';
import type { NatsServer } from '../../deploy/nats/server.ts';
import { ebaySandbox } from '../../deploy/sandbox/ebay.ts';
import { SandboxClock } from '../../deploy/sandbox/kit/clock.ts';
import { startSandbox } from '../../deploy/sandbox/kit/server.ts';
import type { RunningSandbox } from '../../deploy/sandbox/kit/server.ts';
import { shopifySandbox } from '../../deploy/sandbox/shopify.ts';
import { verifyAll } from '../../deploy/replay.ts';
import { eventually } from '../runtime/broker.ts';

const launcher = fileURLToPath(new URL('../../deploy/cli/plumb.js', import.meta.url));
const main = fileURLToPath(new URL('../../deploy/main.ts', import.meta.url));
const scale = 60;
const skus = ['PLENTY', 'FEW', 'Größe M', 'GONE'] as const;

interface Answer { code: number; stdout: string; stderr: string }

class World {
  readonly folder: string;
  readonly shops: Record<'ebay' | 'shopify', RunningSandbox>;
  readonly config: string;
  /** What the ERP says exists, by SKU, orders not deducted. */
  readonly supply: Record<string, number> = { PLENTY: 40, FEW: 6, 'Größe M': 20, GONE: 3 };
  readonly #t: ExecutionContext;
  server: NatsServer;
  nc!: NatsConnection;
  #node: ChildProcess | undefined;
  #version = 0;
  #store = 0;

  private constructor(t: ExecutionContext, folder: string, shops: World['shops'], server: NatsServer) {
    this.#t = t;
    this.folder = folder;
    this.shops = shops;
    this.server = server;
    this.config = join(folder, 'plumb.yaml');
  }

  static async open(t: ExecutionContext, mode: string): Promise<World> {
    const folder = await mkdtemp(join(tmpdir(), 'plumb-test-'));
    t.teardown(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
    const clock = new SandboxClock(scale);
    const accounts: object[] = [];
    const shops = {} as World['shops'];
    for (const [account, create] of [['ebay', ebaySandbox], ['shopify', shopifySandbox]] as const) {
      const vendor = create({ account, clock });
      const running = await startSandbox(vendor);
      t.teardown(() => running.close());
      for (const sku of skus) running.shop.addListing(sku, 0);
      shops[account] = running;
      accounts.push({ account, channel: vendor.channel, baseUrl: running.url, credentials: vendor.credentials, settings: vendor.settings, stage: 'live' });
    }
    const server = await startNats({ storeDir: join(folder, 'store-0') });
    const world = new World(t, folder, shops, server);
    t.teardown(() => world.#end());
    await writeFile(world.config, JSON.stringify({
      nats: { url: server.url }, node: { id: 'n1' }, timeScale: scale, accounts, sources: [{ source: 'erp', order: 'monotone' }],
      secretsDir: join(folder, 'tokens'), archive: { store: 'archive', everyMs: 1_000 }, exposure: { mode, sendMs: 1_000, marginMs: 500 },
      debounce: { quietMs: 50, hardMs: 200 }, reconcile: { maxProofAgeMs: 1_000, apartMs: 300 }, channels: { pollMinMs: 50, callMs: 3_000 },
      governor: { zero: { share: 1, least: 100 }, raise: { share: 1, least: 100 } }, log: { level: 'error' },
    }));
    await world.connect();
    return world;
  }

  async connect(): Promise<void> {
    this.nc = await connect({ servers: this.server.url, maxReconnectAttempts: 0 });
  }

  /** Resolves with its exit code, when it ends. */
  startNode(): Promise<number | null> {
    const node = this.#node = spawn(process.execPath, [main], { env: { ...process.env, PLUMB_CONFIG: this.config }, stdio: ['ignore', 'ignore', 'ignore'] });
    return new Promise(resolve => node.once('exit', resolve));
  }

  async killNode(): Promise<void> {
    const node = this.#node;
    this.#node = undefined;
    if (!node || node.exitCode !== null || node.signalCode !== null) return;
    const gone = new Promise(resolve => node.once('exit', resolve));
    node.kill('SIGKILL');
    await gone;
  }

  /** Everything that the broker had is gone; another one starts in its place, with nothing. */
  async loseBroker(): Promise<void> {
    const { port } = this.server;
    await this.server.kill();
    await this.killNode();
    await this.nc.close().catch(() => undefined);
    await rm(join(this.folder, `store-${this.#store}`), { recursive: true, force: true, maxRetries: 5 });
    this.server = await startNats({ storeDir: join(this.folder, `store-${++this.#store}`), port });
    await this.connect();
  }

  async #end(): Promise<void> {
    await this.killNode();
    await this.nc.close().catch(() => undefined);
    await this.server.stop();
  }

  /** A full count, which contains every line that was sold so far. */
  async count(): Promise<void> {
    for (const sku of skus) {
      this.#version += 1;
      const imported = Object.entries(this.shops).flatMap(([account, { shop }]) => shop.ledger.entries.flatMap(entry => (entry.kind === 'sold' && entry.sku === sku ? [`${account}/${entry.line}`] : [])));
      const message = JSON.stringify({ id: `c${this.#version}`, sku, type: 'count', version: this.#version, quantity: this.supply[sku]! - this.sold(sku), imported });
      await eventually('the broker takes it', () => this.nc.request('ingest.erp', message, { timeout: 1_000 }).then(answer => answer.json<{ seq?: number }>().seq !== undefined, () => false), 30_000);
    }
  }

  sold(sku: string): number {
    return Object.values(this.shops).reduce((sum, { shop }) => sum + (shop.listings.get(sku)?.sold ?? 0), 0);
  }

  shown(account: keyof World['shops'], sku: string): number {
    const { shop } = this.shops[account];
    return shop.buyable(shop.listings.get(sku)!);
  }

  async import(): Promise<void> {
    for (const account of Object.keys(this.shops)) {
      await eventually(`${account} is imported`, () => this.nc.request(`control.channel.${account}`, 'import', { timeout: 5_000 }).then(answer => answer.json<{ ok: boolean }>().ok, () => false), 60_000);
    }
  }

  plumb(...args: string[]): Promise<Answer> {
    return new Promise(resolve => {
      execFile(process.execPath, [launcher, ...args], { env: { ...process.env, PLUMB_CONFIG: this.config, NATS_URL: this.server.url, NO_COLOR: '1', FORCE_COLOR: '0' } }, (error, stdout, stderr) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }));
    });
  }

  /** Every listing shows what is left, by the books of ERP and channels. */
  async right(): Promise<void> {
    for (const sku of skus) {
      for (const account of Object.keys(this.shops) as (keyof World['shops'])[]) {
        const what = (): string => `${sku} shows ${this.shown(account, sku)} at ${account}, ${this.supply[sku]! - this.sold(sku)} are left`;
        await eventually(`${sku} shows at ${account} what is left`, () => this.shown(account, sku) === Math.max(0, this.supply[sku]! - this.sold(sku)), 60_000).catch((error: Error) => this.#t.fail(`${error.message}: ${what()}`));
      }
    }
  }

  /** What a write of ours made more of than was shown, in a span of time. */
  raises(from: number, to: number): string[] {
    return Object.entries(this.shops).flatMap(([account, { shop }]) => {
      const last = new Map<string, number>();
      return shop.ledger.entries.flatMap(entry => {
        if (entry.kind !== 'shown') return [];
        const before = last.get(entry.sku) ?? 0;
        last.set(entry.sku, entry.quantity);
        return entry.by === 'write' && entry.quantity > before && entry.at >= from && entry.at < to ? [`${account} ${entry.sku} ${before} → ${entry.quantity}`] : [];
      });
    });
  }
}

interface Stood { record: { until: number; overAt?: number }; skus: number; uncounted: string[]; waiting: number; regaining: number }

const status = async (world: World): Promise<Stood> => JSON.parse((await world.plumb('rebuild', 'status', '--json')).stdout) as Stood;

/** A node has everything right. */
async function standing(t: ExecutionContext): Promise<World> {
  const world = await World.open(t, 'mirror');
  void world.startNode();
  await world.import();
  await world.count();
  await world.right();
  return world;
}

test.serial('from archive, ERP and channels: everything is right again, and nothing was raised while writes from before could take effect', async t => {
  t.timeout(240_000);
  const world = await standing(t);
  const { ebay, shopify } = world.shops;
  ebay.shop.buy('before', [{ sku: 'FEW', units: 2 }]);
  await world.right();
  await eventually('all is archived', async () => (JSON.parse((await world.plumb('archive', 'status', '--json')).stdout) as { waiting: number }[]).every(({ waiting }) => waiting === 0), 60_000);

  // The last thing that is sent takes effect when the broker is long gone; what said so is lost with it.
  shopify.shop.faults.add({ kind: 'late-write', delayMs: 4_000, count: 1 });
  world.supply['PLENTY'] = 60;
  const { writes = 0 } = shopify.shop.counts;
  await world.count();
  await eventually('it is sent', () => (shopify.shop.counts['writes'] ?? 0) > writes, 30_000);
  await world.loseBroker();
  const lostAt = Date.now();
  shopify.shop.buy('meanwhile', [{ sku: 'Größe M', units: 3 }, { sku: 'GONE', units: 1 }]);
  ebay.shop.buy('meanwhile', [{ sku: 'FEW', units: 1 }]);
  ebay.shop.edit('GONE', 9);
  world.supply['PLENTY'] = 10;
  world.supply['FEW'] = 5;

  const out = join(world.folder, 'unknown.csv');
  const rebuilt = await world.plumb('rebuild', '--from-archive', '--out', out);
  t.is(rebuilt.code, 0, rebuilt.stderr);
  t.regex(rebuilt.stdout, /^4 SKUs with 8 listings are in the journal, \d+ archived messages folded; 0 rules and 0 open tasks put back\n/);
  t.regex(rebuilt.stdout, /everything between \S+, the last fact that is archived, and the loss \(\d+ s at most\)/);
  t.regex(await readFile(out, 'utf8'), /^what,account,sku,detail\ndiffers,/);
  t.regex(await readFile(out, 'utf8'), /\ndiffers,ebay,GONE,"?shows 9, and 3 by the archive/);
  const again = await world.plumb('rebuild', '--from-archive', '--out', out);
  t.is(again.code, 1);
  t.regex(again.stderr, /this broker has a journal of \d+ messages and 0 records: a rebuild is for one that has lost them/);

  void world.startNode();
  await world.count();
  const { record: { until } } = await status(world);
  t.true(until > lostAt);
  await eventually('a node works with it', async () => (await status(world)).skus === 4, 60_000);
  t.regex((await world.plumb('rebuild', '--from-archive', '--discard')).stderr, /stop every node first: n1 is alive/);
  await eventually('lowered at once', () => world.shown('ebay', 'GONE') === 2, 30_000);
  await eventually('late writes are over', () => Date.now() > until, 60_000);
  t.deepEqual(world.raises(lostAt, until).filter(raise => !raise.endsWith('→ 60')), [], 'nothing was raised before');
  await world.right();
  for (const sku of skus) t.true(world.sold(sku) <= world.supply[sku]!, `${sku} is not oversold`);
  await eventually('nothing waits any more', async () => {
    const { skus: taken, uncounted, waiting } = await status(world);
    return taken === 4 && uncounted.length === 0 && waiting === 0;
  }, 60_000);
  t.deepEqual((await verifyAll(world.nc)).parted, [], 'records are the folds of the new journal');
  const replayed = await world.plumb('replay', 'FEW');
  t.is(replayed.code, 0, replayed.stdout);
  t.regex(replayed.stdout, /#\d{1,4} .*listing\.linked[^]*#1\d{7} .*record\.kept[^]*the stored record is the fold of its journal up to #1\d{7}\n$/, 'from the archive into the journal');
  const verified = await world.plumb('archive', 'verify', 'SKU');
  t.is(verified.code, 0, verified.stdout);
});

test.serial('from ERP and channels alone: the same, and a rebuild that was broken off begins again', async t => {
  t.timeout(240_000);
  const world = await standing(t);
  const { ebay, shopify } = world.shops;
  shopify.shop.buy('before', [{ sku: 'Größe M', units: 4 }]);
  await world.right();
  await world.loseBroker();
  const lostAt = Date.now();
  ebay.shop.buy('meanwhile', [{ sku: 'PLENTY', units: 2 }]);

  t.is((await world.plumb('rebuild', '--out', join(world.folder, 'u.csv'))).code, 0);
  // As if it had died in the middle.
  await world.nc.request('$KV.channel._rebuild.state', JSON.stringify({ ...(await status(world)).record, overAt: undefined }), { timeout: 2_000 });
  t.regex((await world.plumb('rebuild', 'status')).stdout, /^a rebuild from erp is under way, or was broken off\n/);
  t.not(await world.startNode(), 0, 'no node begins to work with half of it');
  const rebuilt = await world.plumb('rebuild', '--out', join(world.folder, 'u.csv'));
  t.is(rebuilt.code, 0, rebuilt.stderr);
  t.regex(rebuilt.stdout, /^4 SKUs with 8 listings are in the journal\n/);
  t.regex(rebuilt.stdout, /rules that people set \(plumb rules import/);

  void world.startNode();
  await world.count();
  const { record: { until } } = await status(world);
  await world.right();
  t.deepEqual(world.raises(lostAt, until), []);
  for (const sku of skus) t.true(world.sold(sku) <= world.supply[sku]!, `${sku} is not oversold`);
  t.deepEqual((await verifyAll(world.nc)).parted, []);
});

test.serial('in escrow, with buyers who take whatever is shown: no unit is sold twice', async t => {
  t.timeout(300_000);
  const world = await World.open(t, 'escrow');
  void world.startNode();
  await world.import();
  await world.count();
  const shopping = (): void => {
    for (const sku of skus) for (const { shop } of Object.values(world.shops)) shop.buy('greedy', [{ sku, units: 1 }]);
    for (const sku of skus) if (world.sold(sku) > world.supply[sku]!) t.fail(`${sku}: ${world.sold(sku)} of ${world.supply[sku]} sold`);
  };
  await eventually('something is on sale', () => skus.every(sku => world.shown('ebay', sku) + world.shown('shopify', sku) > 0), 90_000);
  shopping();
  await eventually('most is archived', async () => (JSON.parse((await world.plumb('archive', 'status', '--json')).stdout) as { stream: string; archivedThrough: number }[]).every(({ stream, archivedThrough }) => archivedThrough > 0 || stream === 'DEAD' || stream === 'ATTEMPT'), 60_000);
  shopping();
  await world.loseBroker();
  const lostAt = Date.now();
  shopping();
  const rebuilt = await world.plumb('rebuild', '--from-archive', '--out', join(world.folder, 'u.csv'));
  t.is(rebuilt.code, 0, rebuilt.stderr);
  void world.startNode();
  await world.count();
  const { record: { until } } = await status(world);
  while (Date.now() < until) {
    shopping();
    await new Promise(resolve => setTimeout(resolve, 500));
  }
  t.deepEqual(world.raises(lostAt, until), [], 'nothing was raised before');
  await world.count();
  await eventually('every ledger is regained', async () => (await status(world)).regaining === 0, 150_000);
  shopping();
  for (const sku of skus) t.true(world.sold(sku) <= world.supply[sku]!, `${sku}: ${world.sold(sku)} of ${world.supply[sku]}`);
});
