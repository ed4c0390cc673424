/** Listings by a table, as a person gives it: `plumb listings` against an account's owner, on a real server. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import anyTest from 'ava';
import type { ExecutionContext, TestFn } from 'ava';
import type { ChannelAdapter } from '../../actors/channel/adapter.ts';
import { sorted } from '../../deploy/cli/listings-given.ts';
import { ebaySandbox } from '../../deploy/sandbox/ebay.ts';
import { shopifySandbox } from '../../deploy/sandbox/shopify.ts';
import { standIn } from '../../runtime/account/gate.ts';
import { eventually, ground, Shop, wide } from '../runtime/account-world.ts';
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

test('plumb listings match --from takes back the table that match wrote: what a person said is obeyed, what cannot be meant is refused with its reason', async t => {
  t.timeout(120_000);
  const folder = await folderFor(t);
  const shop = await Shop.open(t, shared, { account: 'from-ebay', channel: 'ebay', vendor: ebaySandbox, opening: { 'ab 1': 2, 'cd 1': 3, 'EF-1': 4, 'ef 1': 5, gh: 6, hg: 7, KEEP: 8 }, limits: wide('ebay') });
  await shop.own(t, { stage: 'shadow' });
  for (const name of ['AB-1', 'CD-1', 'EF-1', 'ONE', 'KEEP']) await shop.count(name, 9);
  t.is((await plumb('listings', 'import', 'from-ebay')).code, 0);
  const table = join(folder, 'match.csv');
  await eventually(t, 'all are linked', async () => (await shop.command('stage'))['listings'], listings => listings === 7);
  t.is((await plumb('listings', 'match', 'from-ebay', '--csv', table)).code, 0);
  const [header, ...rows] = (await readFile(table, 'utf8')).trimEnd().split('\n');
  t.is(header, 'sku,account,listing,match,candidates,others,why,is');
  const name = (text: string): string => shop.sku(text);
  t.regex(rows.find(row => row.startsWith(`${name('ef 1')},`))!, /,many-to-one,from-ebay\.EF-1,from-ebay\.EF-1,"?it looks like from-ebay\.EF-1, which has listing from-ebay\.EF-1 here/);

  const is: Record<string, string> = { 'ab 1': name('AB-1'), 'cd 1': 'nobody', 'ef 1': name('EF-1'), gh: name('ONE'), hg: name('ONE'), KEEP: name('KEEP') };
  const edited = rows.map(row => `${row}${Object.entries(is).find(([sku]) => row.startsWith(`${name(sku)},`))?.[1] ?? ''}`);
  await writeFile(table, [header, ...edited, `${name('x')},from-ebay,none,unmatched,,,,${name('CD-1')}`, 'a,b,c,unmatched,,,,d', ''].join('\n'));
  const dry = await plumb('listings', 'match', 'from-ebay', '--from', table, '--dry-run');
  t.is(dry.code, 1, dry.stderr);
  t.regex(dry.stdout, /^\d+ rows: 1 would be matched, 1 as they were, \d+ say nothing, 6 refused\n$/);
  t.truthy(await shop.outlet('ab 1'));
  const told = await plumb('listings', 'match', 'from-ebay', '--from', table, '--by', 'ana');
  t.is(told.code, 1, told.stderr);
  t.regex(told.stdout, /^\d+ rows: 1 matched, 1 as they were, \d+ say nothing, 6 refused\n$/);
  const refused = (await readFile(`${table}.rejected.csv`, 'utf8')).replaceAll('""', '"');
  for (const reason of [
    `is: "nobody" is no SKU that a source has counted`,
    `is: SKU "${name('EF-1')}" has listing ${name('EF-1')} at from-ebay, and one account sells a SKU under one listing: listing ${name('ef 1')} would be a second`,
    `is: "${name('ONE')}" is given to listings ${name('gh')} and ${name('hg')} in lines`,
    `listing: "none" is unknown at from-ebay: plumb listings import from-ebay`,
    `account: must be "from-ebay", got "b"`,
  ]) t.true(refused.includes(reason), `${reason}: ${refused}`);
  await eventually(t, 'it is matched', () => shop.outlet('AB-1'), outlet => outlet?.listing.id === name('ab 1'));
  t.like((await shop.control()).at(-1), { op: 'match', by: 'ana' });

  for (const [args, words] of [
    [['--dry-run'], /--dry-run is for rows that are given: give --from too/],
    [['--from', table, '--json'], /--from takes a file in; --csv and --json tell what is/],
    [['--from', `${table}.none`], /match\.csv\.none cannot be read \(ENOENT\)/],
  ] as const) {
    const { code, stderr } = await plumb('listings', 'match', 'from-ebay', ...args);
    t.is(code, 2);
    t.regex(stderr, words);
  }
});

test('rows that say two things of one listing, or one SKU of two, are refused, all of them', t => {
  const row = (line: number, listing: string, is: string, account = 'a') => ({ line, raw: '', value: { account, listing, sku: listing, is } });
  const { given, refused, silent } = sorted([row(2, 'L1', 'A'), row(3, 'L1', 'B'), row(4, 'L2', 'C'), row(5, 'L3', 'C'), row(6, 'L4', ''), row(7, '', 'D'), row(8, 'L5', 'E'), row(9, 'L1', 'A', 'b')], 'all');
  t.deepEqual(given.map(({ row: { line } }) => line), [8, 9]);
  t.is(silent, 1);
  t.deepEqual(refused.map(([{ line }, why]) => [line, why]), [
    [7, 'listing: must not be empty where "is" says something, got ""'],
    [2, 'listing: "L1" is in lines 2, 3, got "A" and "B": one row for a listing'],
    [3, 'listing: "L1" is in lines 2, 3, got "A" and "B": one row for a listing'],
    [4, 'is: "C" is given to listings L2 and L3 in lines 4, 5: one account sells a SKU under one listing'],
    [5, 'is: "C" is given to listings L2 and L3 in lines 4, 5: one account sells a SKU under one listing'],
  ]);
});
