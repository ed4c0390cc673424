/** The real thing for drift: one nats-server, two nodes and the five sandboxes, each in processes of their own, and an ERP. */
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connect } from 'nats';
import type { NatsConnection } from 'nats';
import type { Stock } from '../../../actors/sku/protocol.ts';
import type { ConfigInput } from '../../../config/config.ts';
import type { Lifetime } from '../../../deploy/demo/lifetime.ts';
import { ProcessGroup } from '../../../deploy/demo/processes.ts';
import { SandboxAdmin } from '../../../deploy/demo/sandbox-admin.ts';
import { channels } from '../../../deploy/demo/world.ts';
import { startNats } from '../../../deploy/nats/server.ts';
import type { SandboxAccount, SandboxConfig } from '../../../deploy/sandbox/main.ts';
import { shopDomain } from '../../../deploy/sandbox/shopify/notify.ts';
import { signatureHeader } from '../../../deploy/sandbox/walmart/notify.ts';
import { ensureStreams } from '../../../deploy/streams.ts';
import type { ActorRecord } from '../../../runtime/actor.ts';
import { escapeKey, ingestSubject } from '../../../runtime/subjects.ts';
import { Alerts } from './alerts.ts';

/** Vendors' clocks run so many times faster: what they promise in minutes is over in seconds. */
export const scale = 60;

/** Accounts whose channel tells of a changed listing by itself. */
export const tellsListings = ['shopify', 'mercadolibre'] as const;
/** Amazon's come by a queue. */
const hooked = { shopify: { shop: shopDomain }, ebay: { verificationToken: 'v'.repeat(32), endpoint: 'https://plumb.example/hooks' }, walmart: { header: signatureHeader }, mercadolibre: {} };

const nodeNames = ['n1', 'n2'];

const modulePath = (file: string): string => join(import.meta.dirname, file);
const importWithinMs = 60_000;

export class World {
  readonly nc: NatsConnection;
  readonly admins: Map<string, SandboxAdmin>;
  readonly alerts: Alerts;
  readonly #counts = new Map<string, { version: number; quantity: number }>();

  private constructor(nc: NatsConnection, admins: Map<string, SandboxAdmin>, alerts: Alerts) {
    this.nc = nc;
    this.admins = admins;
    this.alerts = alerts;
  }

  /** Resolves when every listing is imported and proven. */
  static async start(dir: string, opening: ReadonlyMap<string, number>, lifetime: Lifetime): Promise<World> {
    const logs = join(dir, 'log');
    mkdirSync(logs, { recursive: true });
    const server = await startNats({ storeDir: join(dir, 'nats') });
    lifetime.defer(() => server.stop());
    lifetime.guardian.watch(server.pid);
    const nc = await connect({ servers: server.url, name: 'drift' });
    lifetime.defer(() => nc.close());
    await ensureStreams(nc);
    const processes = new ProcessGroup(logs, lifetime.guardian);
    lifetime.defer(() => processes.stop());
    processes.onDeath = (name, why) => {
      process.stderr.write(`${name} died: ${why}\n`);
      void lifetime.end().finally(() => process.exit(1));
    };
    const sandboxes: SandboxConfig = { scale, accounts: channels.map(channel => ({ account: channel, channel })) };
    const ready = await processes.start({ name: 'sandboxes', module: modulePath('../../../deploy/sandbox/main.ts'), args: [JSON.stringify(sandboxes)] });
    const accounts = ready['accounts'] as SandboxAccount[];
    const admins = new Map(accounts.map(({ account, url }) => [account, new SandboxAdmin(account, url)]));
    const listings = [...opening].map(([sku, quantity]) => ({ sku, quantity }));
    await Promise.all([...admins.values()].map(admin => admin.addListings(listings)));
    const hookPort = await freePort();
    await Promise.all(nodeNames.map((id, n) => processes.start({
      name: id, module: modulePath('node.ts'), env: { DRIFT_NODE: JSON.stringify(nodeConfig(id, { natsUrl: server.url, dir, accounts, hookPort: n === 0 ? hookPort : undefined })) },
    })));
    await Promise.all(Object.keys(hooked).map(account => admins.get(account)!.hooks(`http://127.0.0.1:${hookPort}/hooks/${account}`)));
    const alerts = new Alerts(nc);
    const world = new World(nc, admins, alerts);
    await world.#shared();
    await Promise.all(channels.map(account => world.#import(account)));
    await Promise.all([...opening].map(([sku, quantity]) => world.count(sku, quantity)));
    await world.quiet(opening.size);
    return world;
  }

  /** The ERP counts a SKU. */
  async count(sku: string, quantity: number): Promise<void> {
    const version = (this.#counts.get(sku)?.version ?? 0) + 1;
    this.#counts.set(sku, { version, quantity });
    const body = JSON.stringify({ id: `${sku}:${version}`, sku, type: 'count', version, quantity });
    await this.nc.request(ingestSubject('erp'), body, { timeout: 5_000 });
  }

  counted(sku: string): number {
    return this.#counts.get(sku)!.quantity;
  }

  async shown(account: string, sku: string): Promise<number> {
    return (await this.admins.get(account)!.listings()).find(listing => listing.sku === sku)!.buyable;
  }

  async figures(account: string): Promise<Record<string, any>> {
    return (await this.nc.request(`inspect.channel.${account}`, '', { timeout: 5_000 })).json();
  }

  /** A SKU's record. */
  async sku(sku: string): Promise<ActorRecord<Stock>> {
    return (await this.nc.request(`inspect.sku.${escapeKey(sku)}`, '', { timeout: 5_000 })).json();
  }

  async command(account: string, command: string): Promise<Record<string, any>> {
    return (await this.nc.request(`control.channel.${account}`, command, { timeout: 10_000 })).json();
  }

  /** Nothing is on its way at any account. @throws {Error} when that takes too long */
  async quiet(listings?: number, withinMs = 90_000): Promise<void> {
    await until('every account is quiet', async () => {
      const all = await Promise.all(channels.map(account => this.figures(account)));
      return all.every(({ pending, proven, listings: linked }) => pending === 0 && proven === linked && (listings === undefined || linked === listings));
    }, withinMs, 200);
  }

  /** Both nodes have taken their part, and nothing changes hands any more. */
  async #shared(): Promise<void> {
    let steady = 0;
    let before = '';
    await until('the nodes have shared the work', async () => {
      const nodes = await Promise.all(nodeNames.map(id => this.nc.request(`inspect.node.${id}`, '', { timeout: 1_000 }).then(reply => reply.json<{ partitions: number[]; accounts: string[] }>(), () => undefined)));
      const picture = JSON.stringify(nodes.map(node => [node?.partitions, node?.accounts]));
      const complete = nodes.every(node => node && node.partitions.length > 0) && nodes.reduce((sum, node) => sum + node!.accounts.length, 0) === channels.length;
      steady = complete && picture === before ? steady + 1 : 0;
      before = picture;
      return steady >= 5;
    }, importWithinMs, 250);
  }

  async #import(account: string): Promise<void> {
    // Nobody may own it yet; an import takes as long as the documented rates let it.
    await until(`${account} is owned`, () => this.figures(account).then(() => true, () => false), importWithinMs, 250);
    const { ok, error } = (await this.nc.request(`control.channel.${account}`, 'import', { timeout: importWithinMs })).json<{ ok: boolean; error?: string }>();
    if (!ok) throw new Error(`${account}: ${error}`);
  }
}

export async function until(what: string, holds: () => boolean | Promise<boolean>, withinMs = 60_000, everyMs = 25): Promise<void> {
  for (const end = Date.now() + withinMs; !(await holds());) {
    if (Date.now() > end) throw new Error(`not within ${withinMs / 1_000} s: ${what}`);
    await pause(everyMs);
  }
}

export const pause = (ms: number): Promise<void> => new Promise(resolve => { setTimeout(resolve, ms); });

function nodeConfig(id: string, { natsUrl, dir, accounts, hookPort }: { natsUrl: string; dir: string; accounts: readonly SandboxAccount[]; hookPort: number | undefined }): ConfigInput {
  return {
    nats: { url: natsUrl },
    node: { id },
    secretsDir: join(dir, 'secrets'),
    timeScale: scale,
    accounts: accounts.map(({ account, channel, url, credentials, settings }) => ({ account, channel, baseUrl: url, credentials, settings, stage: 'live' })),
    sources: [{ source: 'erp' }],
    // What is planted is judged against what mirroring shows.
    exposure: { mode: 'mirror' },
    ...(hookPort !== undefined && { hooks: { port: hookPort, accounts: hooked } }),
    log: { level: 'warn' },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve); });
  const { port } = server.address() as AddressInfo;
  await new Promise<void>(resolve => { server.close(() => resolve()); });
  return port;
}
