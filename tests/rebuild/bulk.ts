/**
 * How long a rebuild takes: `node tests/rebuild/bulk.ts --skus 100000 [--facts 10]` makes an archive of so many SKUs with
 * so many facts each, lists them at one sandbox marketplace, and rebuilds a real broker from both, then without the archive.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { connect } from 'nats';
import { pino } from 'pino';
import { configSchema } from '../../config/config.ts';
import { openDirectory } from '../../deploy/archive/directory.ts';
import { archivedStreams } from '../../deploy/archive/streams.ts';
import { startNats } from '../../deploy/nats/server.ts';
import { rebuild } from '../../deploy/rebuild/rebuild.ts';
import { SandboxClock } from '../../deploy/sandbox/kit/clock.ts';
import { startSandbox } from '../../deploy/sandbox/kit/server.ts';
import { shopifySandbox } from '../../deploy/sandbox/shopify.ts';
import { recordSettings, skuSettings } from '../../deploy/sku-settings.ts';
import { ensureStreams } from '../../deploy/streams.ts';
import { Archiver } from '../../runtime/archive/archiver.ts';
import { prepare } from '../../runtime/archive/store.ts';
import { encodeJournal, journalHeaders } from '../../runtime/codec.ts';
import { Publisher } from '../../runtime/publisher.ts';
import { Records } from '../../runtime/records.ts';
import { skuSubject } from '../../runtime/subjects.ts';

const { values } = parseArgs({ options: { skus: { type: 'string', default: '100000' }, facts: { type: 'string', default: '10' } } });
const count = Number(values.skus);
const facts = Number(values.facts);
const skus = Array.from({ length: count }, (_, n) => `SKU-${n}`);
const log = pino({ level: 'warn' }, pino.destination(2));
const folder = await mkdtemp(join(tmpdir(), 'plumb-test-'));
const say = (text: string): void => { process.stdout.write(`${text}\n`); };

async function filled(): Promise<void> {
  const server = await startNats({ storeDir: join(folder, 'before') });
  const nc = await connect({ servers: server.url });
  await ensureStreams(nc);
  const publisher = new Publisher(nc, '_INBOX_bulk');
  await recordSettings(new Records(publisher), skuSettings(config(server.url)));
  for (let fact = 0; fact < facts; fact++) {
    for (let n = 0; n < count; n += 2_000) {
      await Promise.all(skus.slice(n, n + 2_000).map(sku => publisher.publish(skuSubject(sku), encodeJournal(bodyOf(sku, fact)), journalHeaders({ id: `${sku}:${fact}` }))));
    }
  }
  const store = await openDirectory(join(folder, 'archive'));
  await prepare(store);
  for (const stream of archivedStreams) {
    const archiver = new Archiver({ nc, store, stream, everyMs: 1_000, log, now: Date.now });
    await archiver.start();
    while (archiver.figures.waiting > 0 || (stream === 'SKU' && archiver.figures.last < count * facts)) await new Promise(resolve => setTimeout(resolve, 100));
    await new Promise(resolve => setTimeout(resolve, stream === 'KV_settings' ? 4_000 : 0));
    await archiver.stop();
  }
  publisher.close();
  await nc.close();
  await server.kill();
}

function bodyOf(sku: string, fact: number): object {
  if (fact === 0) return { type: 'listing.linked', account: 'shopify', listing: { id: sku, fields: {} }, gross: false, rule: { buffer: 0 }, shown: 5 };
  if (fact % 2 === 1) return { type: 'stock.counted', source: 'erp', position: fact, quantity: 50 + fact };
  return { type: 'order.placed', account: 'shopify', line: `shopify/${sku}-${fact}/1`, units: 1, createdAt: Date.now() };
}

const vendor = shopifySandbox({ account: 'shopify', clock: new SandboxClock(1_000) });
const sandbox = await startSandbox(vendor);
for (const sku of skus) sandbox.shop.addListing(sku, 5);
function config(url: string): ReturnType<typeof configSchema.parse> {
  return configSchema.parse({
    nats: { url }, node: { id: 'n1' }, timeScale: 1_000, sources: [{ source: 'erp', order: 'monotone' }],
    accounts: [{ account: 'shopify', channel: vendor.channel, baseUrl: sandbox.url, credentials: vendor.credentials, settings: vendor.settings, stage: 'live' }],
  });
}

try {
  await filled();
  for (const from of ['archive', 'ERP and channels alone']) {
    const archive = from === 'archive' ? await openDirectory(join(folder, 'archive')) : undefined;
    const server = await startNats({ storeDir: join(folder, archive ? 'anew' : 'alone') });
    const nc = await connect({ servers: server.url });
    const began = performance.now();
    const { record, messages, tookMs } = await rebuild({ nc, config: config(server.url), archive, lostAt: Date.now(), discard: false, now: Date.now, onProgress: () => {} });
    say(`${from}: ${record.skus} SKUs, ${record.listings} listings, ${messages} archived messages in ${((performance.now() - began) / 1_000).toFixed(1)} s: ${JSON.stringify(tookMs)}; ${Math.round(process.memoryUsage.rss() / 1e6)} MB`);
    await nc.close();
    await server.kill();
  }
} finally {
  await sandbox.close();
  await rm(folder, { recursive: true, force: true });
}
