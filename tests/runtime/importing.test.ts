/** Imports in the background, on a real server: taken up by the next owner where they stood; and which listings match. */
import anyTest from 'ava';
import type { TestFn } from 'ava';
import type { ChannelAdapter, ListingPage } from '../../actors/channel/adapter.ts';
import { matched } from '../../deploy/cli/listing-matches.ts';
import { ebaySandbox } from '../../deploy/sandbox/ebay.ts';
import { standIn } from '../../runtime/account/gate.ts';
import type { ImportRecord } from '../../runtime/account/importing.ts';
import { eventually, ground, Shop, wide } from './account-world.ts';
import type { Ground } from './account-world.ts';

const test = anyTest as TestFn<{ ground: Ground }>;
let shared: Ground;

test.before(async () => { shared = await ground(); });
test.after.always(async () => { await shared?.close(); });

const withinMs = 30_000;

test('an import whose owner went away goes on at the next one with the page where it stood, and a second listing of a SKU is not linked', async t => {
  const names = ['A', 'B', 'C', 'D', 'E'];
  const asked: (string | undefined)[] = [];
  let isShut = true;
  /** Pages of two, of which only the first is given at first; the last one lists A once more. */
  const paged = (adapter: ChannelAdapter): ChannelAdapter => standIn(adapter, {
    listings: async (cursor, call): Promise<ListingPage> => {
      if (cursor !== undefined && isShut) throw new Error('the channel does not answer');
      asked.push(cursor);
      const { readings } = await adapter.listings(undefined, call);
      const again = { ...readings[0]!, listing: { ...readings[0]!.listing, id: 'another' } };
      const all = [...readings, again];
      const from = Number(cursor ?? 0);
      return { readings: all.slice(from, from + 2), ...(from + 2 < all.length && { cursor: String(from + 2) }) };
    },
  });
  const shop = await Shop.open(t, shared, {
    account: 'import-ebay', channel: 'ebay', vendor: ebaySandbox, opening: Object.fromEntries(names.map(name => [name, 3])),
    limits: wide('ebay'), around: paged,
  });
  const state = async (): Promise<ImportRecord> => (await shop.command('import state'))['import'] as ImportRecord;
  const owner = await shop.own(t, { stage: 'connect' });
  t.like(await shop.command('import start ana'), { ok: true });
  await eventually(t, 'the first page is in', state, ({ seen, trouble }) => seen === 2 && trouble === 'the channel does not answer', withinMs);
  await owner.release();

  isShut = false;
  await shop.own(t, { stage: 'connect' });
  const { by, seen, linked, unlinked, unlinkedCount } = await eventually(t, 'ended', state, ({ endedAt }) => endedAt !== undefined, withinMs);
  t.deepEqual({ by, seen, linked, unlinkedCount }, { by: 'ana', seen: 6, linked: 5, unlinkedCount: 1 });
  t.deepEqual(unlinked, [{ listing: 'another', sku: shop.sku('A'), kind: 'duplicate', why: `listing ${shop.sku('A')} has the same SKU and was there first` }]);
  t.deepEqual(asked, [undefined, '2', '4']);
  await eventually(t, 'all are linked', async () => (await shop.command('stage'))['listings'], listings => listings === 5, withinMs);
  const letters = await eventually(t, 'people are told', () => shop.dead(), found => found.length > 0, withinMs);
  t.regex(letters[0]!.message, /^listing another is not linked: listing import-ebay\.A has the same SKU/);
  t.deepEqual((await shop.control()).map(each => [each.op, each.by]), [['import', 'ana']]);
});

test('a table of listings goes on at the next owner with the row where it stood; what is not there, linked elsewhere or a second of its SKU is rejected with its reason', async t => {
  const reads: string[][] = [];
  let isShut = false;
  const counted = (adapter: ChannelAdapter): ChannelAdapter => standIn(adapter, {
    read: async (listings, call) => {
      if (isShut) throw new Error('the channel does not answer');
      reads.push(listings.map(({ id }) => id));
      return adapter.read(listings, call);
    },
  });
  const shop = await Shop.open(t, shared, {
    account: 'table-ebay', channel: 'ebay', vendor: ebaySandbox, opening: { A: 3, B: 4, C: 5, D: 6 }, limits: wide('ebay'), around: counted,
  });
  const [a, b, c] = ['A', 'B', 'C'].map(name => shop.sku(name)) as [string, string, string];
  const row = (sku: string, id = sku): object => ({ sku, id, fields: {} });
  const command = async (text: string): Promise<ImportRecord> => {
    const answer = await shop.command(text);
    t.is(answer['ok'], true, JSON.stringify(answer));
    return answer['import'] as ImportRecord;
  };
  const owner = await shop.own(t, { stage: 'connect' });
  t.like(await command('import table {"digest":"d1","of":6} ana'), { seen: 0, by: 'ana' });
  t.like(await command(`import rows ${JSON.stringify({ from: 0, rows: [row(a), row('GONE')] })}`), { seen: 2, linked: 1, unlinkedCount: 1 });
  t.deepEqual((await command('import state')).table!.rejected.map(({ at, why }) => [at, why.replace(/:.*/, '')]), [[1, 'listing']]);
  // Rows that are not the next ones change nothing; nor do those that cannot be read now.
  t.like(await command(`import rows ${JSON.stringify({ from: 0, rows: [row(a)] })}`), { seen: 2, linked: 1 });
  isShut = true;
  t.like(await command(`import rows ${JSON.stringify({ from: 2, rows: [row(b)] })}`), { seen: 2, trouble: 'the channel does not answer' });
  isShut = false;
  t.like(await shop.command('import rows {"from":2,"rows":[{"id":"x","sku":7,"fields":{}}]}'), { ok: false, error: 'rows[0].sku: must be a text that is not empty, got 7' });
  await owner.release();

  await shop.own(t, { stage: 'connect' });
  await eventually(t, 'A is known', async () => (await shop.command('stage'))['listings'], listings => listings === 1, withinMs);
  t.like(await command('import table {"digest":"d1","of":6} ben'), { seen: 2, by: 'ana' });
  const ended = await command(`import rows ${JSON.stringify({ from: 2, rows: [row(b), row(a, c), row('other', a), row(b)] })}`);
  t.like(ended, { seen: 6, linked: 3, unlinkedCount: 3 });
  t.true(ended.endedAt !== undefined && ended.trouble === undefined);
  t.deepEqual(ended.table!.rejected, [
    { at: 3, why: `listing ${a} has the same SKU and was there first` },
    { at: 4, why: `listing: ${JSON.stringify(a)} is linked to SKU ${JSON.stringify(a)}, got SKU "other"` },
  ]);
  t.deepEqual(ended.unlinked.map(({ listing, kind }) => [listing, kind]), [[c, 'duplicate']]);
  await eventually(t, 'both are linked', async () => (await shop.command('stage'))['listings'], listings => listings === 2, withinMs);
  t.like(await shop.outlet('A'), { listing: { id: a }, shown: 3 });
  t.truthy((await shop.outlet('A'))!.listing.fields['offerIds'], 'what the read tells of it is kept');

  // The same table again: nothing is read of what is linked as it stands.
  reads.length = 0;
  await command('import table {"digest":"d1","of":2} ana');
  t.like(await command(`import rows ${JSON.stringify({ from: 0, rows: [row(a), row(b)] })}`), { seen: 2, linked: 2, unlinkedCount: 0 });
  t.deepEqual(reads, []);
  // A table that was not handed in to its end gives way to the channel's own list.
  await command('import table {"digest":"d2","of":2} ana');
  await command('import start ana');
  t.like(await eventually(t, 'all of the list is in', async () => command('import state'), ({ endedAt }) => endedAt !== undefined, withinMs), { seen: 4, linked: 4 });
});

test('listings are matched by SKU; what only looks like one is named, and several that do are ambiguous', t => {
  const counted = new Set(['AB-1', '0007', '7', 'X', 'Y', 'W']);
  const linked = new Map([['AB-1', 'L1'], ['ab 1', 'L2'], ['00007', 'L3'], ['Z', 'L4'], ['X', 'L5'], ['y.', 'L7'], ['w', 'L8'], ['w-', 'L9']]);
  const rows = matched(counted, linked, [{ listing: 'L6', sku: 'X', kind: 'duplicate', why: 'listing L5 has the same SKU and was there first' }]);
  t.deepEqual(rows.map(({ sku, listing, match, candidates, others }) => [sku, listing, match, candidates, ...(others.length > 0 ? [others] : [])]), [
    ['00007', 'L3', 'ambiguous', ['0007', '7']],
    ['0007', '', 'unlisted', []],
    ['7', '', 'unlisted', []],
    ['AB-1', 'L1', 'matched', []],
    ['W', '', 'unlisted', []],
    ['X', 'L5', 'matched', []],
    ['X', 'L6', 'duplicate', [], ['L5']],
    ['Y', '', 'unlisted', []],
    ['Z', 'L4', 'unmatched', []],
    ['ab 1', 'L2', 'many-to-one', ['AB-1'], ['L1']],
    ['w', 'L8', 'many-to-one', ['W'], ['L9']],
    ['w-', 'L9', 'many-to-one', ['W'], ['L8']],
    ['y.', 'L7', 'unmatched', ['Y']],
  ]);
  t.is(rows.find(({ listing }) => listing === 'L2')!.why, 'it looks like AB-1, which has listing L1 here');
  t.is(rows.find(({ listing }) => listing === 'L8')!.why, 'it looks like W, and so does listing L9');
});
