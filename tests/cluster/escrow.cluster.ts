/**
 * Escrow while nodes are killed, stand still and wake up: three nodes, five sandbox marketplaces, buyers who want more
 * than there is, lost answers. The referee reads the sandboxes' own books: a unit is sold twice only where a shortfall
 * tells of it. `PLUMB_SEED=<n>` repeats buyers and faults, not their timing.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { connect } from 'nats';
import type { ConfigInput } from '../../config/config.ts';
import { Dice } from '../../deploy/demo/dice.ts';
import { judgeEscrow, readShortfalls } from '../../deploy/demo/escrow.ts';
import { readRecords } from '../../deploy/demo/records.ts';
import { ProcessGroup } from '../../deploy/demo/processes.ts';
import { replay } from '../../deploy/demo/replay.ts';
import { startGuardian } from '../../deploy/guardian.ts';
import { startNats } from '../../deploy/nats/server.ts';
import { verifyAll } from '../../deploy/replay.ts';
import { encodeJournal, journalHeaders } from '../../runtime/codec.ts';
import { Publisher } from '../../runtime/publisher.ts';
import { skuSubject } from '../../runtime/subjects.ts';
import { fiveShops } from '../exposure/five-shops.ts';
import { eventually } from '../runtime/account-world.ts';
import { myTurn } from './harness/turn.ts';
import { seed } from './harness/world.ts';

const nodes = ['a', 'b', 'c'] as const;
const scale = 240;
const tradingMs = 60_000;

test('no unit is sold twice while nodes are killed and stand still', async t => {
  t.timeout(240_000);
  t.log(`PLUMB_SEED=${seed}`);
  t.teardown(await myTurn());
  const folder = await mkdtemp(join(tmpdir(), 'plumb-escrow-'));
  const open: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  t.teardown(async () => { for (const close of open.reverse()) await close(); });
  const server = await startNats({ storeDir: join(folder, 'jetstream') });
  open.push(() => server.stop());
  const dice = new Dice(seed, 'escrow');
  const supply = new Map(Array.from({ length: 20 }, (_, n) => [`SKU-${n}`, 3 + Math.floor(dice.next() * 25)]));
  const skus = [...supply.keys()];
  const { shops, accounts } = await fiveShops(open, skus, scale);

  const nc = await connect({ servers: server.url, inboxPrefix: '_INBOX_test' });
  const publisher = new Publisher(nc, '_INBOX_test');
  open.push(() => nc.close(), async () => publisher.close());
  const guardian = startGuardian([folder]);
  open.push(async () => guardian.dismiss());
  await mkdir(join(folder, 'logs'));
  const processes = new ProcessGroup(join(folder, 'logs'), guardian);
  open.push(() => processes.stop());
  for (const id of nodes) {
    const config: ConfigInput = {
      nats: { url: server.url }, node: { id }, secretsDir: join(folder, 'secrets'), timeScale: scale, exposure: { mode: 'escrow', sendMs: 2_000, marginMs: 500 },
      debounce: { quietMs: 0, hardMs: 0 }, channels: { callMs: 1_000, pollMinMs: 200, restMs: 200 }, reconcile: { maxProofAgeMs: 10_000, apartMs: 500 },
      accounts,
    };
    await writeFile(join(folder, `${id}.json`), JSON.stringify(config), { mode: 0o600 });
    await processes.start({ name: id, module: fileURLToPath(new URL('../../deploy/main.ts', import.meta.url)), env: { PLUMB_CONFIG: join(folder, `${id}.json`) } });
  }
  for (const { channel } of shops) {
    await eventually(t, `${channel} imports`, async () => (await nc.request(`control.channel.${channel}`, 'import', { timeout: 5_000 }).then(reply => reply.json<{ ok: boolean }>(), () => ({ ok: false }))).ok, Boolean, 30_000);
  }
  const countedAt = Date.now();
  for (const [sku, quantity] of supply) {
    await publisher.publish(skuSubject(sku), encodeJournal({ type: 'stock.counted', source: 'erp', position: 1, quantity }), journalHeaders({ id: `count:${sku}` }));
  }
  const onSale = (): number => skus.reduce((sum, sku) => sum + shops.reduce((units, { sandbox: { shop } }) => units + shop.buyable(shop.listings.get(sku)!), 0), 0);
  await eventually(t, 'something is offered', onSale, units => units > 0, 30_000);

  const until = Date.now() + tradingMs;
  const disturbing = (async () => {
    for (let n = 0; Date.now() < until; n++) {
      await pause(4_000);
      const node = nodes[n % nodes.length]!;
      if (n % 2 === 0) {
        await processes.kill(node);
        await pause(3_000);
        await processes.restart(node);
      } else {
        process.kill(processes.pid(node)!, 'SIGSTOP');
        await pause(6_000);
        process.kill(processes.pid(node)!, 'SIGCONT');
      }
    }
  })();
  for (let n = 0; Date.now() < until; n++) {
    const { sandbox: { shop } } = shops[Math.floor(dice.next() * shops.length)]!;
    const roll = dice.next();
    if (roll < 0.05) shop.faults.add({ kind: roll < 0.025 ? 'lose-answer' : 'lose-request', on: 'write', count: 1 });
    const { order } = shop.buy(`buyer ${n}`, [{ sku: skus[Math.floor(dice.next() * skus.length)]!, units: 1 + Math.floor(dice.next() * 2) }]);
    if (order && dice.next() < 0.2) setTimeout(() => shop.cancel(order.orderId, order.lines[0]!.line), 500);
    await pause(50);
  }
  await disturbing;
  for (const { sandbox } of shops) sandbox.shop.faults.clear();

  const net = (): number => shops.flatMap(({ sandbox }) => sandbox.shop.ledger.entries).reduce((sum, entry) => entry.kind === 'sold' ? sum + entry.units : entry.kind === 'cancelled' ? sum - entry.units : sum, 0);
  const unlike = async (): Promise<string[]> => (await readRecords(nc)).flatMap(({ sku, rights = {} }) => shops.flatMap(({ channel, sandbox: { shop } }) =>
    shop.buyable(shop.listings.get(sku)!) === rights[channel] ? [] : [`${sku} at ${channel}: shows ${shop.buyable(shop.listings.get(sku)!)}, holds ${rights[channel]}`]));
  await eventually(t, 'every channel shows what it holds', unlike, all => all.length === 0, 60_000);

  const moments = replay(Object.fromEntries(shops.map(({ channel, sandbox }) => [channel, sandbox.shop.ledger.entries])), skus.map(sku => ({ sku, timeline: [{ at: countedAt, supply: supply.get(sku)! }] })));
  const shortfalls = await readShortfalls(nc);
  const verdict = judgeEscrow(moments, shortfalls, 0);
  t.log(`${net()} of ${[...supply.values()].reduce((sum, units) => sum + units, 0)} units sold, ${onSale()} on sale; shortfalls: ${JSON.stringify(shortfalls)}`);
  t.deepEqual(verdict, { oversold: 0, explained: {}, unexplained: 0, lines: [] });
  t.deepEqual(shortfalls, [], 'nothing outside gave a cause');
  const { parted } = await verifyAll(nc);
  t.deepEqual(parted, [], 'each record is the fold of its journal');
});

function pause(ms: number): Promise<void> {
  return new Promise(resolve => { setTimeout(resolve, ms); });
}
