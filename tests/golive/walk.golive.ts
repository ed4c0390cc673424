/**
 * The path of docs/go-live.md, command by command as it stands there, from an empty store to live on the sandboxes, beside
 * another tool that goes on writing. What was written is read in the marketplaces' own ledgers.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { stringify } from 'yaml';
import { loadConfig } from '../../config/file.ts';
import { startNode } from '../../deploy/node.ts';
import { ebaySandbox } from '../../deploy/sandbox/ebay.ts';
import { SandboxClock } from '../../deploy/sandbox/kit/clock.ts';
import { startSandbox } from '../../deploy/sandbox/kit/server.ts';
import type { RunningSandbox, SandboxFactory } from '../../deploy/sandbox/kit/server.ts';
import { shopifySandbox } from '../../deploy/sandbox/shopify.ts';
import { eventually, startBroker } from '../runtime/broker.ts';

const launcher = fileURLToPath(new URL('../../deploy/cli/plumb.js', import.meta.url));
const guide = new URL('../../docs/go-live.md', import.meta.url);
const scale = 600;
const withinMs = 60_000;

/** Commands of a section of the page, as they stand there; what wants the `nats` CLI is left out. */
async function commandsOf(): Promise<Map<number, string[][]>> {
  const sections = (await readFile(guide, 'utf8')).split(/^## (?=\d)/m).slice(1);
  return new Map(sections.map(section => [
    Number.parseInt(section, 10),
    section.split('\n').filter(line => line.startsWith('    plumb ')).map(line => line.replace(/ #.*/, '').trim().split(/\s+/).slice(1)),
  ]));
}

interface Row { sku: string; shows: number; would: number; verdict: string; theirs: { because: string }[]; foreign: number }

test('docs/go-live.md is walked from an empty store to live, beside another tool that writes', async t => {
  t.timeout(600_000);
  const broker = await startBroker(t);
  const folder = await mkdtemp(join(tmpdir(), 'plumb-golive-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const skus = ['85123A', ...Array.from({ length: 24 }, (_, n) => `SKU-${n}`)];
  const truth = new Map(skus.map((sku, n) => [sku, 10 + n]));

  const open = async (account: string, create: SandboxFactory): Promise<{ running: RunningSandbox; config: object }> => {
    const vendor = create({ account, clock: new SandboxClock(scale) });
    const running = await startSandbox(vendor);
    t.teardown(() => running.close());
    for (const [n, sku] of skus.entries()) running.shop.addListing(sku, 10 + n);
    // Two that no source tells of: one looks like a SKU, one is GHOST as people know.
    running.shop.addListing('sku 3', 4);
    running.shop.addListing('old ghost', 4);
    return { running, config: { account, channel: vendor.channel, baseUrl: running.url, credentials: vendor.credentials, settings: vendor.settings } };
  };
  const ebay = await open('ebay-us', ebaySandbox);
  const shopify = await open('shop-eu', shopifySandbox);
  await writeFile(join(folder, 'prices.csv'), `sku,price,brand\n${skus.map((sku, n) => `${sku},2.50,${n % 5 === 1 ? 'ACME' : 'OTHER'}`).join('\n')}\n`);
  await writeFile(join(folder, 'plumb.yaml'), stringify({
    nats: { url: broker.server.url }, node: { id: 'n1' }, timeScale: scale, secretsDir: join(folder, 'tokens'), prices: 'prices.csv',
    sources: [{ source: 'erp' }], accounts: [ebay.config, shopify.config],
    debounce: { quietMs: 50, hardMs: 200 }, reconcile: { maxProofAgeMs: 1_000, apartMs: 200 }, channels: { pollMinMs: 50, graceMs: 500 },
    governor: { zero: { share: 1, least: 100 }, raise: { share: 1, least: 100 } },
  }));

  const plumb = (...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> => new Promise(resolve => {
    execFile(process.execPath, [launcher, ...args], { cwd: folder, env: { ...process.env, NATS_URL: broker.server.url, NO_COLOR: '1', FORCE_COLOR: '0', COLUMNS: '200' }, maxBuffer: 2 ** 26 }, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }));
  });
  const commands = await commandsOf();
  /** Every command of one section, in order. @returns what each said, by the command */
  const walk = async (section: number, before: (command: string) => Promise<void> | void = () => {}): Promise<Map<string, string>> => {
    const said = new Map<string, string>();
    for (const command of commands.get(section)!) {
      await before(command.join(' '));
      const { code, stdout, stderr } = await plumb(...command);
      const name = command.join(' ');
      t.is(code, 0, `plumb ${name}: ${stdout}${stderr}`);
      said.set(name, stdout);
    }
    return said;
  };
  const rows = async (account: string): Promise<Map<string, Row>> => {
    const { stdout } = await plumb('reconcile', 'report', account, '--json');
    return new Map(stdout.trim().split('\n').map(line => JSON.parse(line) as Row).filter(({ sku }) => sku !== undefined).map(row => [row.sku, row]));
  };
  const shows = ({ running: { shop } }: typeof ebay, sku: string): number => shop.buyable(shop.listings.get(sku)!);
  const written = ({ running: { shop } }: typeof ebay): string[] => shop.ledger.entries.flatMap(entry => (entry.kind === 'shown' && entry.by === 'write' ? [entry.sku] : []));

  // The other tool sells two of everything fewer or more, again and again, at what was not taken from it.
  const rival = { ebay: new Set(skus), shopify: new Set(skus) };
  let turn = 0;
  const writing = setInterval(() => {
    const sku = skus[turn++ % skus.length]!;
    for (const [where, { running: { shop } }] of [['ebay', ebay], ['shopify', shopify]] as const) if (rival[where].has(sku)) shop.edit(sku, truth.get(sku)! + (turn % 2 === 0 ? 2 : 0));
  }, 100);
  t.teardown(() => clearInterval(writing));

  // 1, 2: an empty store, a node, listings. The probe wants the account for itself, so it comes first.
  const [probe, ...others] = commands.get(1)!;
  const probed = await plumb(...probe!);
  t.is(probed.code, 0, probed.stdout + probed.stderr);
  const node = await startNode(loadConfig(join(folder, 'plumb.yaml'), process.env), broker.log);
  t.teardown(() => node.stop());
  for (const account of ['ebay-us', 'shop-eu']) await eventually(`${account} is owned, and its record there`, async () => await broker.bytes(`$KV.channel.${account}.state`) !== undefined, withinMs);
  for (const command of others) {
    const { stdout, stderr } = await plumb(...command);
    t.regex(stdout, /ebay-us +. connect +. nothing/, stderr);
  }
  await writeFile(join(folder, 'listings.csv'), 'sku\n85123A\nSKU-0\n');
  const imported = await walk(2);
  t.regex(imported.get('listings import ebay-us --csv listings.csv')!, /ebay-us: 2 rows, 2 linked, 0 not/);
  t.regex(imported.get('listings import ebay-us')!, /ebay-us: 27 listings read, 27 linked, 0 not/);
  t.is((await plumb('listings', 'import', 'shop-eu')).code, 0);

  // 3: the ERP counts; one SKU has no listing, one listing no SKU.
  for (const [sku, quantity] of [...truth, ['GHOST', 3] as const]) await broker.js.publish('ingest.erp', JSON.stringify({ id: `c:${sku}`, sku, type: 'count', version: 1, quantity }));
  await eventually('every SKU has decided what to show', async () => (await broker.nc.request('inspect.channel.ebay-us', '', { timeout: 5_000 })).json<{ muted: number }>().muted === skus.length, withinMs);
  const matched = await walk(3, async command => {
    if (command !== 'listings match ebay-us --from match.csv --dry-run') return;
    // A person has filled in what the old ghost is.
    const rows = (await readFile(join(folder, 'match.csv'), 'utf8')).split('\n');
    await writeFile(join(folder, 'match.csv'), rows.map(row => (row.startsWith('old ghost,') ? `${row}GHOST` : row)).join('\n'));
  });
  t.regex(matched.get('listings match ebay-us --from match.csv --dry-run')!, /28 rows: 1 would be matched, 0 as they were, 27 say nothing, 0 refused/);
  t.regex(matched.get('listings match ebay-us --from match.csv')!, /28 rows: 1 matched, 0 as they were, 27 say nothing, 0 refused/);
  await eventually('the ghost has its listing', async () => /26 matched, 0 unmatched, 0 ambiguous, 1 many-to-one, 0 duplicate, 0 unnamed, 0 unlisted/.test((await plumb('listings', 'match', 'ebay-us')).stdout), withinMs);
  t.regex((await plumb('listings', 'match', 'ebay-us')).stdout, /sku 3.*SKU-3/);

  // 4: a report, and nothing else.
  const reported = await walk(4);
  t.regex(reported.get('reconcile report ebay-us --read')!, /ebay-us: 27 listings\n +\d+ equal/);
  const csv = await readFile(join(folder, 'ebay.csv'), 'utf8');
  t.is(csv.split('\n').length, 27 + 2);
  t.regex(csv, /^sku,account,listing,verdict,shows,should,units,value/);

  // Too early, and named so.
  const early = await plumb('golive', 'start', 'ebay-us');
  t.is(early.code, 1);
  t.regex(early.stderr, /not ready: shadow: nothing was compared yet: plumb shadow start ebay-us/);

  // 5: shadow. The other tool is seen, and sales are told from it.
  await walk(5);
  t.is((await plumb('shadow', 'start', 'shop-eu')).code, 0);
  rival.ebay.delete('SKU-7');
  ebay.running.shop.edit('SKU-7', truth.get('SKU-7')!);
  await eventually('the other tool is noticed', async () => [...(await rows('ebay-us')).values()].filter(({ foreign }) => foreign > 0).length > 10, withinMs);
  await eventually('SKU-7 agrees', async () => (await rows('ebay-us')).get('SKU-7')?.verdict === 'equal', withinMs);
  ebay.running.shop.buy('a buyer', [{ sku: 'SKU-7', units: 2 }]);
  truth.set('SKU-7', truth.get('SKU-7')! - 2);
  await eventually('its sale is told from an edit', async () => (await rows('ebay-us')).get('SKU-7')?.theirs.at(-1)?.because === 'orders', withinMs);
  // Nothing is in escrow where somebody else writes: we know what we would write.
  t.is((await rows('ebay-us')).get('SKU-7')?.would, truth.get('SKU-7'));
  const shadow = await plumb('shadow', 'report', 'ebay-us');
  t.regex(shadow.stdout, /ebay-us \(shadow\): \d+ of \d+ listings agree now, .* agreement of all readings: [\d.]+ % of \d+/);
  t.regex(shadow.stdout, /a second master writes ebay-us/);
  t.regex(await readFile(join(folder, 'shadow.csv'), 'utf8'), /^sku,account,listing,live,verdict,settling,shows,seen_at,would_write/);
  t.deepEqual([...written(ebay), ...written(shopify)], []);

  // 6: slice by slice; the other tool is told first what is ours.
  await eventually('all are read', async () => [...(await rows('ebay-us')).values()].every(({ shows: number, would }) => would === null || number !== null), withinMs);
  const [checking, percent, brand, whole] = commands.get(6)!;
  const ready = await plumb(...checking!);
  t.true([0, 1].includes(ready.code), ready.stdout);
  t.regex(ready.stdout, /✔ orders: orders are known/);
  const ours = skus.filter((sku, n) => n % 5 === 1 || sku === '85123A');
  for (const sku of ours) rival.ebay.delete(sku);
  const unknown = await plumb('golive', 'start', 'ebay-us', '--brand', 'ACNE');
  t.regex(unknown.stderr, /slice\.brands: no listing of ebay-us is of brand "ACNE"; there are ACME, OTHER/);
  const sliced = await plumb(...brand!);
  t.is(sliced.code, 0, sliced.stderr);
  await eventually('the slice shows the truth', () => ours.every(sku => shows(ebay, sku) === truth.get(sku)), withinMs);
  t.deepEqual(new Set(written(ebay)).difference(new Set(ours)), new Set());
  // A percentage adds its SKUs, where there are any of so few.
  for (const sku of skus) rival.ebay.delete(sku);
  t.true([0, 1].includes((await plumb(...percent!)).code));
  t.is((await plumb(...whole!)).code, 0);
  await eventually('everything shows the truth', () => skus.every(sku => shows(ebay, sku) === truth.get(sku)), withinMs);
  await eventually('and is proven', async () => (await broker.nc.request('inspect.channel.ebay-us', '', { timeout: 5_000 })).json<{ proven: number }>().proven === skus.length + 1, withinMs);
  t.is(shows(ebay, 'old ghost'), 3, 'written under the SKU that it has at the channel');

  // 7: the way back, rehearsed.
  const backwards = await walk(7);
  t.regex(backwards.get('freeze ebay-us')!, /frozen/);
  await eventually('everything shows the truth again', () => skus.every(sku => shows(ebay, sku) === truth.get(sku)), withinMs);

  // 8: what was decided, taken out.
  const taken = await walk(8);
  t.regex(taken.get('export taken-out --journal')!, /taken-out: 54 listings, 1 matches, 0 rules that were set, 2 accounts, \d+ of INGEST, \d+ of SKU/);
  t.regex(await readFile(join(folder, 'taken-out', 'stages.csv'), 'utf8'), /^ebay-us,live,all of it,,.+$/m);

  // A second master: the other tool was not told of three.
  for (const sku of ['SKU-10', 'SKU-12', 'SKU-13']) rival.ebay.add(sku);
  await eventually('a second master is a task', async () => (await broker.bodies('DEAD')).some(letter => letter['class'] === 'second-master'), withinMs);
  for (const sku of skus) rival.ebay.delete(sku);
  await eventually('what it wrote is put right', () => skus.every(sku => shows(ebay, sku) === truth.get(sku)), withinMs);

  // Shopify stayed in shadow all the time.
  t.deepEqual(written(shopify), []);
  t.regex((await plumb('golive', 'status')).stdout, /shop-eu +. shadow +. nothing/);
});
