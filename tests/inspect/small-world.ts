/** A small setup as people look into it: one real node with two sandbox marketplaces and a source, on a real broker. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { connect } from 'nats';
import { configSchema } from '../../config/config.ts';
import type { ConfigInput } from '../../config/config.ts';
import { startNode } from '../../deploy/node.ts';
import type { RunningNode } from '../../deploy/node.ts';
import { accessOptions } from '../../deploy/nats/access.ts';
import { ebaySandbox } from '../../deploy/sandbox/ebay.ts';
import { SandboxClock } from '../../deploy/sandbox/kit/clock.ts';
import { startSandbox } from '../../deploy/sandbox/kit/server.ts';
import type { RunningSandbox, SandboxFactory } from '../../deploy/sandbox/kit/server.ts';
import { shopifySandbox } from '../../deploy/sandbox/shopify.ts';
import { skuRecordSubject } from '../../runtime/subjects.ts';
import { guardedServer } from '../nats/keys.ts';
import type { Guarded } from '../nats/keys.ts';
import { eventually, startBroker } from '../runtime/broker.ts';
import type { Broker } from '../runtime/broker.ts';

const launcher = fileURLToPath(new URL('../../deploy/cli/plumb.js', import.meta.url));
const scale = 60;

export interface Answer { code: number; stdout: string; stderr: string }

export interface SmallWorld extends Broker {
  node: RunningNode;
  /** The node ends, and another begins in its place; resolves once that has the accounts. */
  restart(): Promise<void>;
  /** File of the operator's keys, of a guarded broker. */
  operatorKey?: string;
  shops: Record<'ebay' | 'shopify', RunningSandbox>;
  /** The ERP states something. */
  say(message: { id: string; sku: string; type: string } & Record<string, unknown>): Promise<void>;
  /** Waits until each of these shows the number and it is proven. */
  proven(account: string, quantities: Record<string, number>): Promise<void>;
  plumb(...args: string[]): Promise<Answer>;
}

/**
 * @param skus listed at both marketplaces, showing 3
 * @param more of the configuration; the mode is mirror unless it says so
 * @param seesFlush the node knows how late the broker flushes
 * @param guarded the broker has the accounts that ship, and the node and `plumb` the keys that are for them
 * @param probe the test listing of Shopify's account
 */
export async function smallWorld(t: ExecutionContext, skus: readonly string[], more: Partial<ConfigInput> = {}, { seesFlush = false, guarded = false, probe }: { seesFlush?: boolean; guarded?: boolean; probe?: { listing: string; everyMs: number } } = {}): Promise<SmallWorld> {
  const guard = guarded ? await guardedServer(t) : undefined;
  const broker = guard ? await guardedBroker(t, guard) : await startBroker(t);
  const open = async (account: string, create: SandboxFactory): Promise<{ running: RunningSandbox; config: NonNullable<ConfigInput['accounts']>[number] }> => {
    const vendor = create({ account, clock: new SandboxClock(scale) });
    const running = await startSandbox(vendor);
    t.teardown(() => running.close());
    for (const sku of skus) running.shop.addListing(sku, 3);
    return { running, config: { account, channel: vendor.channel, baseUrl: running.url, credentials: vendor.credentials, settings: vendor.settings, rule: { buffer: 1 }, stage: 'live', ...(probe && account === 'shopify' && { probe }) } };
  };
  const [ebay, shopify] = [await open('ebay', ebaySandbox), await open('shopify', shopifySandbox)];
  const config = configSchema.parse({
    nats: { url: broker.server.url, credentials: guard?.keys.node, ...(seesFlush && { monitoring: [broker.server.monitoringUrl] }) }, node: { id: 'n1' }, timeScale: scale, accounts: [ebay.config, shopify.config], sources: [{ source: 'erp' }],
    debounce: { quietMs: 50, hardMs: 200 }, reconcile: { maxProofAgeMs: 1_000, apartMs: 200 }, channels: { pollMinMs: 50 },
    governor: { zero: { share: 1, least: 100 }, raise: { share: 1, least: 100 } },
    exposure: { mode: 'mirror' },
    ...more,
  });
  let node = await startNode(config, broker.log);
  t.teardown(() => node.stop());
  const owned = (account: string): Promise<unknown> => eventually(`${account} is owned`, () => broker.nc.request(`inspect.channel.${account}`, '', { timeout: 1_000 }).then(() => true, () => false), 30_000);
  for (const account of ['ebay', 'shopify']) {
    await owned(account);
    const answer = (await broker.nc.request(`control.channel.${account}`, 'import', { timeout: 10_000 })).json();
    t.deepEqual(answer, { ok: true, linked: skus.length });
  }
  return {
    ...broker,
    ...(guard && { operatorKey: guard.keys.operator }),
    get node() { return node; },
    restart: async () => {
      await node.stop();
      node = await startNode(config, broker.log);
      for (const account of ['ebay', 'shopify']) await owned(account);
    },
    shops: { ebay: ebay.running, shopify: shopify.running },
    say: async message => { await broker.js.publish('ingest.erp', JSON.stringify(message)); },
    proven: async (account, quantities) => {
      for (const [sku, quantity] of Object.entries(quantities)) {
        await eventually(`${sku} shows ${quantity} at ${account}`, async () => {
          const record = JSON.parse(await broker.bytes(skuRecordSubject(sku)) ?? '{}') as { context?: { outlets: Record<string, { intent?: { version: number; quantity: number }; proof?: { version: number } }> } };
          const outlet = record.context?.outlets[account];
          return outlet?.intent?.quantity === quantity && outlet.proof?.version === outlet.intent.version;
        }, 20_000);
      }
    },
    plumb: (...args) => new Promise(resolve => {
      execFile(process.execPath, [launcher, ...args], { env: { ...process.env, NATS_URL: broker.server.url, NATS_NKEY: guard?.keys.operator, NO_COLOR: '1', FORCE_COLOR: '0', COLUMNS: '200' } }, (error, stdout, stderr) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }));
    }),
  };
}

/** Reached as a node is. */
async function guardedBroker(t: ExecutionContext, { server, keys }: Guarded): Promise<Broker> {
  const inboxPrefix = '_INBOX_node.test';
  const nc = await connect({ servers: server.url, inboxPrefix, ...accessOptions({ credentials: keys.node }) });
  t.teardown(() => nc.close());
  return startBroker(t, { server, nc, inboxPrefix });
}
