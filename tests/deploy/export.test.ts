/** What was decided, taken out by `plumb export` and given back by the commands that take it, on a real server. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import anyTest from 'ava';
import type { TestFn } from 'ava';
import { shopifySandbox } from '../../deploy/sandbox/shopify.ts';
import { eventually, ground, Shop, wide } from '../runtime/account-world.ts';
import type { Ground } from '../runtime/account-world.ts';
import { runPlumb } from './plumb.ts';

const test = anyTest as TestFn<{ ground: Ground }>;
let shared: Ground;

test.before(async () => { shared = await ground(); });
test.after.always(async () => { await shared?.close(); });

const plumb = (...args: string[]): ReturnType<typeof runPlumb> => runPlumb(args, { NATS_URL: shared.url });

test('plumb export writes listings, matches, rules, stages and journals, which the commands that made them take back', async t => {
  t.timeout(120_000);
  const folder = await mkdtemp(join(tmpdir(), 'plumb-export-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const shop = await Shop.open(t, shared, { account: 'out-shop', channel: 'shopify', vendor: shopifySandbox, opening: { 'ab 1': 2, 'C,D': 3 }, limits: wide('shopify') });
  await shop.own(t, { stage: 'connect' });
  const [theirs, is] = ['ab 1', 'AB-1'].map(name => shop.sku(name)) as [string, string];
  await shop.count('AB-1', 9);
  t.like(await shop.command('import'), { ok: true, linked: 2 });
  await eventually(t, 'linked', async () => (await shop.command('stage'))['listings'], listings => listings === 2);
  const { listing: { id, fields } } = (await shop.outlet('ab 1'))!;
  t.like(await shop.command(`match ${JSON.stringify([{ listing: id, sku: theirs, is }])} ana`), { ok: true, matched: [{ kind: 'matched' }] });
  t.like(await shop.command('stage shadow ben'), { ok: true });
  t.is((await plumb('rules', 'set', is, 'out-shop', '--buffer', '2')).code, 0);
  await eventually(t, 'its record is stored', () => shop.record());

  const to = join(folder, 'out');
  const told = await plumb('export', to, '--journal');
  t.is(told.code, 0, told.stderr);
  t.regex(told.stdout, /out: 2 listings, 1 matches, 1 rules that were set, 1 accounts, 0 of INGEST, \d+ of SKU, \d+ of ATTEMPT, 0 of ALERT, \d+ of DEAD, \d+ of EXPOSURE\n$/);
  t.deepEqual((await readdir(folder)), ['out'], 'nothing half done is left');
  const lines = async (name: string): Promise<string[]> => (await readFile(join(to, name), 'utf8')).trimEnd().split('\n');
  const [header, ...listings] = await lines('listings.csv');
  t.is(header, 'account,listing,sku,sku_at_channel,addressed_by,shown_at_import,imported_at');
  t.true(listings.some(line => line.startsWith(`out-shop,${id},${is},${theirs},"${JSON.stringify(fields).replaceAll('"', '""')}",2,20`)), listings.join('\n'));
  t.deepEqual(await lines('matches.csv'), ['sku,account,listing,is', `${theirs},out-shop,${id},${is}`]);
  t.regex((await lines('rules.csv')).find(line => line.startsWith(is))!, /,out-shop,,2,/);
  t.regex((await lines('stages.csv'))[1]!, /^out-shop,shadow,,,ben,20/);
  const { v, counts } = JSON.parse(await readFile(join(to, 'export.json'), 'utf8')) as { v: number; counts: Record<string, number> };
  t.like({ v, ...counts }, { v: 1, listings: 2, matches: 1, rules: 1, accounts: 1 });
  const facts = (await lines('journals/SKU.jsonl')).map(line => JSON.parse(line) as { seq: number; at: string; subject: string; id: string; body: { type: string; buffer?: number } });
  t.is(facts.length, counts['SKU']!);
  t.deepEqual(facts.map(({ seq }) => seq), [...facts.map(({ seq }) => seq)].sort((a, b) => a - b));
  t.true(['stock.counted', 'listing.linked', 'listing.unlinked', 'rule.set'].every(type => facts.some(({ body }) => body.type === type)), 'bodies are read');
  t.like((await lines('journals/ATTEMPT.jsonl')).map(line => (JSON.parse(line) as { body: object }).body).at(-1), { op: 'shadow', by: 'ben' });

  // Each is what its command takes back: all of it is there already.
  const table = await plumb('listings', 'import', 'out-shop', '--csv', join(to, 'listings', 'out-shop.csv'));
  t.deepEqual([table.code, table.stdout], [0, 'out-shop: 2 rows, 2 linked, 0 not\n'], table.stderr);
  t.is((await shop.outlet('AB-1'))?.listing.id, id);
  const matches = await plumb('listings', 'match', 'all', '--from', join(to, 'matches.csv'));
  t.deepEqual([matches.code, matches.stdout], [0, '1 rows: 0 matched, 1 as they were, 0 say nothing, 0 refused\n'], matches.stderr);
  const rules = await plumb('rules', 'import', join(to, 'rules.csv'));
  t.is(rules.code, 0, rules.stderr);

  const again = await plumb('export', to);
  t.is(again.code, 2);
  t.regex(again.stderr, /out is there already: give the name of a new folder/);
  t.is((await plumb('export', join(folder, 'short'))).code, 0);
  t.deepEqual((await readdir(join(folder, 'short'))).sort(), ['export.json', 'listings', 'listings.csv', 'matches.csv', 'rules.csv', 'stages.csv']);
});
