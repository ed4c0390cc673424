/** Escrow on the real thing: a node, a broker, five sandbox marketplaces, and buyers who want more than there is. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { connect } from 'nats';
import { pino } from 'pino';
import { unpackStock } from '../../actors/sku/packing.ts';
import type { PackedStock } from '../../actors/sku/packing.ts';
import type { SkuFact, Stock } from '../../actors/sku/protocol.ts';
import { free, totalRights } from '../../actors/sku/exposure/ledger.ts';
import { ledgerOf } from '../../actors/sku/escrow/ledger.ts';
import { configSchema } from '../../config/config.ts';
import { exposureSettings } from '../../deploy/exposure-terms.ts';
import { startNats } from '../../deploy/nats/server.ts';
import { startNode } from '../../deploy/node.ts';
import type { ActorRecord } from '../../runtime/actor.ts';
import { encodeJournal, journalHeaders } from '../../runtime/codec.ts';
import { Publisher } from '../../runtime/publisher.ts';
import { Records } from '../../runtime/records.ts';
import { skuRecordSubject, skuSubject } from '../../runtime/subjects.ts';
import { fiveShops } from '../exposure/five-shops.ts';
import { eventually } from '../runtime/account-world.ts';

const scale = 240;

test('five marketplaces sell what exists and not a unit more, while answers and requests are lost', async t => {
  t.timeout(300_000);
  const folder = await mkdtemp(join(tmpdir(), 'plumb-escrow-'));
  const open: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  t.teardown(async () => { for (const close of open.reverse()) await close(); });
  const server = await startNats({ storeDir: join(folder, 'jetstream') });
  open.push(() => server.stop());
  const skus = ['A', 'B', 'C', 'D'];
  const supply: Record<string, number> = { A: 7, B: 12, C: 3, D: 40 };
  const { shops, accounts } = await fiveShops(open, skus, scale);
  const config = configSchema.parse({
    nats: { url: server.url }, node: { id: 'n1' }, secretsDir: join(folder, 'secrets'), timeScale: scale, exposure: { mode: 'escrow', marginMs: 500 }, debounce: { quietMs: 0, hardMs: 0 },
    channels: { callMs: 1_000, pollMinMs: 200, restMs: 200 }, reconcile: { maxProofAgeMs: 10_000, apartMs: 500 },
    accounts,
  });
  const node = await startNode(config, pino({ level: process.env['TEST_LOG'] ?? 'silent' }));
  open.push(() => node.stop());
  const nc = await connect({ servers: server.url, inboxPrefix: '_INBOX_test' });
  const publisher = new Publisher(nc, '_INBOX_test');
  const records = new Records(publisher);
  open.push(() => nc.close(), async () => publisher.close());

  const tell = (sku: string, fact: SkuFact) => publisher.publish(skuSubject(sku), encodeJournal(fact), journalHeaders({ id: crypto.randomUUID() }));
  const stockOf = async (sku: string): Promise<Stock> => unpackStock((await records.get<ActorRecord<PackedStock>>(skuRecordSubject(sku)))!.value.context);
  const settings = exposureSettings(config);
  const ledgerNow = async (sku: string) => {
    const stock = await stockOf(sku);
    return ledgerOf(stock, stock.exposure!, settings);
  };
  const sold = (sku: string): number => shops.flatMap(({ sandbox }) => sandbox.shop.ledger.entries)
    .reduce((sum, entry) => entry.sku !== sku ? sum : entry.kind === 'sold' ? sum + entry.units : entry.kind === 'cancelled' ? sum - entry.units : sum, 0);
  const onSale = (sku: string): number => shops.reduce((sum, { sandbox: { shop } }) => sum + shop.buyable(shop.listings.get(sku)!), 0);

  for (const { channel } of shops) await eventually(t, `${channel} imports`, async () => (await nc.request(`control.channel.${channel}`, 'import', { timeout: 5_000 }).then(reply => reply.json<{ ok: boolean }>(), () => ({ ok: false }))).ok);
  for (const sku of skus) await tell(sku, { type: 'stock.counted', source: 'erp', position: 1, quantity: supply[sku]! });
  for (const sku of skus) await eventually(t, `${sku} is offered`, () => onSale(sku), units => units > 0);

  const over = Date.now() + 15_000;
  for (let n = 0; Date.now() < over; n++) {
    const { sandbox: { shop } } = shops[n % shops.length]!;
    const sku = skus[Math.floor(Math.random() * skus.length)]!;
    if (n % 17 === 0) shop.faults.add({ kind: Math.random() < 0.5 ? 'lose-answer' : 'lose-request', on: 'write', count: 1 });
    if (n % 41 === 0) shop.faults.add({ kind: 'throttle', on: 'any', forMs: 500 });
    const { order } = shop.buy(`buyer ${n}`, [{ sku, units: 1 + Math.floor(Math.random() * 2) }]);
    if (order && Math.random() < 0.2) setTimeout(() => shop.cancel(order.orderId, order.lines[0]!.line), 300);
    for (const each of skus) if (sold(each) > supply[each]!) return t.fail(`${each}: ${sold(each)} sold of ${supply[each]}`);
    await new Promise(resolve => setTimeout(resolve, 60));
  }
  for (const { sandbox } of shops) sandbox.shop.faults.clear();

  for (const sku of skus) {
    const stock = await stockOf(sku);
    t.truthy(stock.exposure?.inForceSince, `${sku} is in escrow`);
    await eventually(t, `${sku}: every unit is on sale or free`, async () => {
      const ledger = await ledgerNow(sku);
      return { free: free(ledger)!, rights: totalRights(ledger), onSale: onSale(sku), left: supply[sku]! - sold(sku), exposure: ledger };
    }, ({ free: units, rights, onSale: shown, left }) => rights === shown && units + rights === left, 90_000);
    t.true(sold(sku) <= supply[sku]!);
    t.true(sold(sku) > 0);
    t.log(`${sku}: ${sold(sku)} of ${supply[sku]} sold, ${onSale(sku)} on sale`);
  }
  const writes = (): number => shops.reduce((sum, { sandbox: { shop } }) => sum + (shop.counts['calls.write'] ?? 0), 0);
  const before = writes();
  await new Promise(resolve => setTimeout(resolve, 5_000));
  t.is(writes(), before, 'a quiet system writes nothing');
  t.log(`${before} write calls`);
});
