/** Sandboxes that tell by themselves, and a node that polls and sweeps once an hour: only notifications can be why it knows. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { configSchema } from '../../config/config.ts';
import { startNode } from '../../deploy/node.ts';
import { startSandboxes } from '../../deploy/sandbox/main.ts';
import type { SandboxAccount } from '../../deploy/sandbox/main.ts';
import { shopDomain } from '../../deploy/sandbox/shopify/notify.ts';
import { signatureHeader } from '../../deploy/sandbox/walmart/notify.ts';
import { encodeJournal, journalHeaders } from '../../runtime/codec.ts';
import { skuSubject } from '../../runtime/subjects.ts';
import { startBroker } from '../runtime/broker.ts';
import type { Broker } from '../runtime/broker.ts';

const scale = 600;
const hour = 3_600_000;
type Hooked = 'shopify' | 'ebay' | 'walmart' | 'mercadolibre';
const settings: Record<Hooked, object> = {
  shopify: { shop: shopDomain },
  ebay: { verificationToken: 'v'.repeat(32), endpoint: 'https://plumb.example/hooks' },
  walmart: { header: signatureHeader },
  mercadolibre: {},
};

interface World {
  broker: Broker;
  account: string;
  admin(path: string, body?: object): Promise<any>;
  figures(): Promise<Record<string, any>>;
  count(quantity: number): Promise<void>;
}

async function world(t: ExecutionContext, channel: Hooked, { copies = 1, pollMinMs = hour }: { copies?: number; pollMinMs?: number } = {}): Promise<World> {
  const broker = await startBroker(t);
  const account = `${channel}-1`;
  const sandboxes = await startSandboxes({ scale, accounts: [{ account, channel, port: 0 }] });
  t.teardown(() => sandboxes.close());
  const secretsDir = await mkdtemp(join(tmpdir(), 'plumb-hooks-'));
  t.teardown(() => rm(secretsDir, { recursive: true, force: true }));
  const [{ url, ...given }] = sandboxes.accounts as [SandboxAccount];
  const admin = async (path: string, body?: object): Promise<any> => {
    const response = await fetch(`${url}/_sandbox/${path}`, body && { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(await response.text());
    return response.json();
  };
  await admin('listings', [{ sku: 'A-1', quantity: 5 }]);
  const port = await freePort();
  const node = await startNode(configSchema.parse({
    nats: { url: broker.server.url }, node: { id: 'n1' }, timeScale: scale, secretsDir, debounce: { quietMs: 0, hardMs: 0 },
    channels: { pollMinMs }, reconcile: { maxProofAgeMs: hour, apartMs: 50 },
    accounts: [{ ...given, baseUrl: url, stage: 'live' }],
    hooks: { port, accounts: { [account]: settings[channel] } },
  }), broker.log);
  t.teardown(() => node.stop());
  await admin('hooks', { url: `http://127.0.0.1:${port}/hooks/${account}`, copies });
  await until('the account is owned', () => broker.nc.request(`inspect.channel.${account}`, '', { timeout: 1_000 }).then(() => true, () => false));
  let position = 0;
  const figures = async (): Promise<Record<string, any>> => (await broker.nc.request(`inspect.channel.${account}`, '', { timeout: 5_000 })).json();
  const count = async (quantity: number): Promise<void> => {
    position += 1;
    await broker.publisher.publish(skuSubject('A-1'), encodeJournal({ type: 'stock.counted', source: 'erp', position, quantity }), journalHeaders({ id: `count:${position}` }));
  };
  t.like((await broker.nc.request(`control.channel.${account}`, 'import', { timeout: 10_000 })).json(), { ok: true, linked: 1 });
  await until('the first poll is over', async () => (await admin('counts'))['calls.orders'] > 0);
  return { broker, account, admin, figures, count };
}

for (const channel of Object.keys(settings) as Hooked[]) {
  test.serial(`${channel}: a sale is learnt from its notification, and three copies of it are one`, async t => {
    const w = await world(t, channel, { copies: 3 });
    await w.count(5);
    await until('proven', async () => (await w.figures())['proven'] === 1);
    const { order } = await w.admin('buy', { buyer: 'b1', lines: [{ sku: 'A-1', units: 2 }] });
    t.truthy(order);
    // Lists show an order some time after its notification: the seller's next change of it is told too.
    await until('the sale is learnt', async () => {
      if ((await w.figures())['orderLines'] > 0) return true;
      await w.admin('buy', { buyer: 'b2', lines: [{ sku: 'A-1', units: 1 }] });
      return false;
    }, 500);
    await until('every copy is taken', async () => {
      const { 'hooks.taken': taken = 0, 'hooks.refused': refused = 0 } = await w.admin('counts');
      return refused === 0 && taken > 0 && taken % 3 === 0;
    });
    const notices = (await w.broker.bodies('INGEST')) as { id: string; orders: boolean }[];
    t.is(new Set(notices.map(({ id }) => id)).size, notices.length);
    t.true(notices.some(({ orders }) => orders));
    t.false(JSON.stringify(notices).includes('buyer@example.com'));
  });
}

for (const channel of ['shopify', 'mercadolibre'] as const) {
  test.serial(`${channel}: an edit by hand is read as soon as the channel tells of it, and undone`, async t => {
    // A difference is believed once the orders of its time are known.
    const w = await world(t, channel, { pollMinMs: 50 });
    await w.count(5);
    await until('proven', async () => (await w.figures())['proven'] === 1);
    await w.admin('edit', { sku: 'A-1', quantity: 50 });
    await until('undone', async () => (await w.admin('listings'))[0].quantity === 5);
    t.pass();
  });
}

async function until(what: string, holds: () => boolean | Promise<boolean>, everyMs = 25): Promise<void> {
  for (const end = Date.now() + 20_000; !(await holds());) {
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await new Promise(resolve => setTimeout(resolve, everyMs));
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>(resolve => server.close(() => resolve()));
  return port;
}
