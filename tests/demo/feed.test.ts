/** The feed as a process: real sandboxes of the kit, a real broker, and the supervisor's end of the IPC channel. */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { connect } from 'nats';
import type { ErpMessage } from '../../deploy/demo/erp-message.ts';
import type { FromFeed, ToFeed } from '../../deploy/demo/feed-protocol.ts';
import { Pace } from '../../deploy/demo/pace.ts';
import { channels } from '../../deploy/demo/world.ts';
import { startNats } from '../../deploy/nats/server.ts';
import { SandboxClock } from '../../deploy/sandbox/kit/clock.ts';
import { startSandbox } from '../../deploy/sandbox/kit/server.ts';
import type { RunningSandbox } from '../../deploy/sandbox/kit/server.ts';
import { Shop } from '../../deploy/sandbox/kit/shop.ts';

/** A marketplace without an API: buyers and the admin side are all that the feed knows. */
function startShop(account: string): Promise<RunningSandbox> {
  const shop = new Shop({ account, clock: new SandboxClock(), gross: account === 'walmart', unitLines: account === 'walmart' });
  const refuse = (): never => { throw new Error('no vendor API in this test'); };
  return startSandbox({ channel: account, shop, routes: () => {}, classify: () => 'other', throttled: refuse, failed: refuse, expireTokens: () => {} });
}

interface Running {
  child: ChildProcess;
  heard: FromFeed[];
  tell(message: ToFeed): void;
  next<T extends FromFeed['type']>(type: T, from?: number): Promise<Extract<FromFeed, { type: T }>>;
  exited: Promise<number | null>;
}

function startFeed(t: ExecutionContext, config: unknown): Running {
  const child = fork('deploy/demo/feed.ts', [JSON.stringify(config)], { execPath: process.execPath, execArgv: [], silent: true });
  t.teardown(() => { child.kill('SIGKILL'); });
  const heard: FromFeed[] = [];
  const exited = new Promise<number | null>(resolve => { child.once('exit', resolve); });
  child.on('message', message => heard.push(message as FromFeed));
  return {
    child, heard, exited,
    tell: message => { child.send(message); },
    next: async (type, from = 0) => {
      for (;;) {
        const found = heard.slice(from).find(message => message.type === type);
        if (found) return found as never;
        const failed = heard.find(message => message.type === 'failed');
        if (failed) throw new Error(failed.message);
        if (child.exitCode !== null) throw new Error(`feed ended with ${child.exitCode} before ${type}`);
        await Promise.race([new Promise(resolve => child.once('message', resolve)), exited]);
      }
    },
  };
}

test('trades at the sandboxes as buyers would and tells the ERP\'s truth of it', async t => {
  t.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), 'plumb-feed-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const nats = await startNats({ storeDir: folder });
  t.teardown(() => nats.stop());
  const sandboxes = new Map<string, RunningSandbox>();
  for (const account of channels) sandboxes.set(account, await startShop(account));
  t.teardown(() => Promise.all([...sandboxes.values()].map(sandbox => sandbox.close())));
  const accounts = Object.fromEntries([...sandboxes].map(([account, { url }]) => [account, url]));

  const feed = startFeed(t, { natsUrl: nats.url, accounts, seed: 4, speed: 40_000, tradingMs: 3_000, limit: 300, skus: 60 });
  t.is((await feed.next('listed')).skus, 60);
  for (const { shop } of sandboxes.values()) t.is(shop.listings.size, 60);
  t.false(feed.heard.some(message => message.type === 'ready'), 'no stream takes the counts yet');
  const connection = await connect({ servers: nats.url });
  t.teardown(() => connection.close());
  await (await jetstreamManager(connection)).streams.add({ name: 'INGEST', subjects: ['ingest.>'] });
  t.like(await feed.next('ready'), { skus: 60, lines: 300 });

  // What earlier tools left is replaced by the truth, as Plumb would.
  feed.tell({ type: 'supply' });
  for (const { sku, supply, version, timeline } of (await feed.next('supply')).skus) {
    t.is(version, 1);
    t.is(timeline.length, 1);
    for (const { shop } of sandboxes.values()) shop.write(sku, supply);
  }
  feed.tell({ type: 'open' });
  const { figures } = await feed.next('done');
  t.is(figures.linesSold + figures.linesRefused, 300);
  t.true(figures.linesSold > 200 && figures.linesRefused > 0);

  const mark = feed.heard.length;
  feed.tell({ type: 'supply' });
  const { skus, erp } = await feed.next('supply', mark);
  const entries = [...sandboxes].flatMap(([account, { shop }]) => shop.ledger.entries.map(entry => ({ ...entry, account })));
  const sold = entries.filter(entry => entry.kind === 'sold');
  const cancelled = entries.filter(entry => entry.kind === 'cancelled');
  const units = (of: { units: number }[]): number => of.reduce((sum, entry) => sum + entry.units, 0);
  t.is(units(sold), figures.unitsSold);
  t.is(units(cancelled), figures.unitsCancelled);
  t.true(figures.unitsCancelled > 0);
  t.is(figures.linesRefused, entries.filter(entry => entry.kind === 'soldout').length);

  // The stream holds what the ERP says it sent, and the last word on each SKU is the truth.
  const stream = await jetstream(connection).consumers.get('INGEST');
  const messages: ErpMessage[] = [];
  for await (const message of await stream.fetch({ max_messages: erp.published, expires: 5_000 })) messages.push(message.json());
  t.is(messages.length, erp.published);
  t.is(new Set(messages.map(message => message.id)).size, erp.ids);
  t.true(erp.duplicates > 0);
  const imported = new Set(messages.flatMap(message => message.type === 'count' ? message.imported : []));
  for (const { sku, supply, book, version, backorders, timeline } of skus) {
    t.is(Math.max(...messages.filter(message => message.sku === sku).map(message => message.version)), version);
    t.is(timeline.at(-1)!.supply, supply);
    const mine = sold.filter(entry => entry.sku === sku && imported.has(`${entry.account}/${entry.line}`));
    const back = mine.filter(entry => imported.has(`${entry.account}/${entry.line}#cancelled`));
    t.is(book, supply - units(mine) + units(back), sku);
    const open = sold.filter(entry => entry.sku === sku && !imported.has(`${entry.account}/${entry.line}`)
      && units(cancelled.filter(c => c.line === entry.line && c.account === entry.account)) < entry.units);
    t.is(open.length, backorders, sku);
  }

  feed.child.disconnect();
  t.is(await feed.exited, 0, 'ends when its supervisor is gone');
});

test('input that cannot be used ends the feed with code 2 and a reason', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'plumb-feed-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const orders = join(folder, 'orders.csv');
  writeFileSync(orders, 'ts,order_id,sku,quantity,channel,line,kind,ref_order_id\n2010-12-01T08:26:00Z,1,A,0,ebay,1,order,\n');
  const config = { natsUrl: 'nats://127.0.0.1:1', accounts: {}, seed: 1, speed: 1 };
  for (const [wrong, reason] of [
    [{ ...config, orders }, /orders\.csv:2: column quantity: .*got "0"/],
    [{ ...config, speed: 0 }, /speed/],
    [{ ...config, sped: 1 }, /sped/],
    [config, /account .*, which has no sandbox/],
  ] as const) {
    const feed = startFeed(t, wrong);
    t.is(await feed.exited, 2);
    const failed = feed.heard.find(message => message.type === 'failed');
    t.regex(failed?.message ?? '', reason);
  }
});

test('the trace\'s clock runs at its speed and stands still while paused', async t => {
  let now = 1_000;
  const pace = new Pace(50_000, 10, () => now);
  t.is(pace.traceMs, 50_000);
  pace.start();
  now += 5;
  t.is(pace.traceMs, 50_050);
  pace.pause();
  now += 500;
  t.is(pace.traceMs, 50_050);
  let came = false;
  const arrival = pace.until(50_050).then(() => { came = true; });
  await Promise.resolve();
  t.false(came, 'nobody arrives while it stands');
  pace.resume();
  await arrival;
  t.is(pace.traceMs, 50_050);
  now += 1;
  t.is(pace.traceMs, 50_060);
});
