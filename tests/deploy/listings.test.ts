/** Listings by a table, as a person gives it: `plumb listings` against an account's owner, on a real server. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import anyTest from 'ava';
import type { ExecutionContext, TestFn } from 'ava';
import type { ChannelAdapter } from '../../actors/channel/adapter.ts';
import { shopifySandbox } from '../../deploy/sandbox/shopify.ts';
import { standIn } from '../../runtime/account/gate.ts';
import { ground, Shop, wide } from '../runtime/account-world.ts';
import type { Ground } from '../runtime/account-world.ts';
import { runPlumb } from './plumb.ts';

const test = anyTest as TestFn<{ ground: Ground }>;
let shared: Ground;

test.before(async () => { shared = await ground(); });
test.after.always(async () => { await shared?.close(); });

async function folderFor(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'plumb-listings-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

const plumb = (...args: string[]): ReturnType<typeof runPlumb> => runPlumb(args, { NATS_URL: shared.url });

test('plumb listings import --csv links the listings of a table, tells line, field and value of the others, and takes what was mended of them', async t => {
  t.timeout(120_000);
  const folder = await folderFor(t);
  let listed = 0;
  const around = (adapter: ChannelAdapter): ChannelAdapter => standIn(adapter, { listings: async (cursor, call) => { listed += 1; return adapter.listings(cursor, call); } });
  const names = Array.from({ length: 120 }, (_, n) => `S${n}`);
  const shop = await Shop.open(t, shared, { account: 'csv-shop', channel: 'shopify', vendor: shopifySandbox, opening: Object.fromEntries(names.map((name, n) => [name, n])), limits: wide('shopify'), around });
  await shop.own(t, { stage: 'connect' });
  // Where a list can be read, it tells the ids; here they stand for what a person has from the shop's own export.
  const { readings } = await shop.adapter.listings(undefined, { signal: AbortSignal.timeout(5_000) });
  const { locationId } = readings[0]!.listing.fields;
  const ids = new Map<string, string>();
  for (let cursor: string | undefined, first = true; first || cursor !== undefined; first = false) {
    const page = await shop.adapter.listings(cursor, { signal: AbortSignal.timeout(5_000) });
    for (const { listing } of page.readings) ids.set(listing.sku, listing.id);
    cursor = page.cursor;
  }
  listed = 0;
  const line = (name: string, id = ids.get(shop.sku(name))): string => `${shop.sku(name)};${id};${locationId}`;
  const table = join(folder, 'listings.csv');
  await writeFile(table, ['\uFEFFsku;inventoryItemId;locationId', ...names.slice(0, 118).map(name => line(name)), line('S118', ''), line('S119', 'gid://shopify/InventoryItem/1'), line('S119', ids.get(shop.sku('S5'))), 'only;two', ''].join('\r\n'));
  const first = await plumb('listings', 'import', 'csv-shop', '--csv', table, '--by', 'ana');
  t.is(first.code, 1, first.stderr);
  t.is(first.stdout, 'csv-shop: 122 rows, 118 linked, 4 not\n');
  t.regex(first.stderr, /rows that are not linked are in .*listings\.csv\.rejected\.csv, with reasons; the first: line 120: inventoryItemId: must not be empty at shopify, got ""/);
  t.is(listed, 0, 'the list of the channel is not gone through');
  const rejected = (await readFile(`${table}.rejected.csv`, 'utf8')).trimEnd().split('\n');
  t.is(rejected[0], 'sku,inventoryItemId,locationId,line,reason');
  const told = new Map(rejected.slice(1).map(text => /,(\d+),"?(.*?)"?$/.exec(text)!.slice(1).map(cell => cell.replaceAll('""', '"')) as [string, string]));
  t.deepEqual([...told.keys()].sort(), ['120', '121', '122', '123']);
  t.is(told.get('120'), 'inventoryItemId: must not be empty at shopify, got ""');
  t.regex(told.get('121')!, /^listing: "gid:\/\/shopify\/InventoryItem\/1" is not there: csv-shop\.S119: /);
  t.is(told.get('122'), `listing: ${JSON.stringify(ids.get(shop.sku('S5')))} is linked to SKU ${JSON.stringify(shop.sku('S5'))}, got SKU ${JSON.stringify(shop.sku('S119'))}`);
  t.is(told.get('123'), 'has 2 fields where the header has 3');
  t.like(await shop.outlet('S7'), { listing: { id: ids.get(shop.sku('S7')) }, shown: 7 });

  // What was rejected is mended where it stands, and given back as it is.
  const mended = join(folder, 'mended.csv');
  await writeFile(mended, `${rejected[0]}\n${line('S118').replaceAll(';', ',')},120,was empty\n`);
  const second = await plumb('listings', 'import', 'csv-shop', '--csv', mended);
  t.deepEqual([second.code, second.stdout], [0, 'csv-shop: 1 rows, 1 linked, 0 not\n'], second.stderr);

  for (const [args, code, words] of [
    [['all', '--csv', table], 2, /--csv is the table of one account: give its name, got all/],
    [['csv-shop', '--csv', join(folder, 'none.csv')], 2, /none\.csv cannot be read \(ENOENT\)/],
    [['csv-shop', '--csv', table, '--rejected', table], 2, /--rejected: must be another file than that of --csv, got .*listings\.csv/],
    [['csv-shop', '--rejected', 'x'], 2, /--rejected is for rows of a table: give --csv too/],
    [['csv-shop', '--csv', `${table}.rejected.csv`], 1, /line 2: inventoryItemId: must not be empty/],
  ] as const) {
    const { code: was, stderr } = await plumb('listings', 'import', ...args);
    t.is(was, code, stderr);
    t.regex(stderr, words);
  }
});
