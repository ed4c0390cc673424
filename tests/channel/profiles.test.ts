/** What channels declare of themselves, and the documents that are made from it. */
import { readFileSync } from 'node:fs';
import test from 'ava';
import { channelTable, markers, shortTable } from '../../deploy/channel-table.ts';
import { fieldColumns, listingOf } from '../../deploy/cli/listings-csv.ts';
import { adapters, channelHooks, profiles, rotates } from '../../deploy/channels.ts';
import { SandboxClock } from '../../deploy/sandbox/kit/clock.ts';
import { startSandbox } from '../../deploy/sandbox/kit/server.ts';
import { channels, sandboxOf } from '../../deploy/sandbox/registry.ts';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

function between(text: string): string {
  const [begin, end] = markers;
  return text.slice(text.indexOf(begin) + begin.length, text.indexOf(end, text.indexOf(begin)));
}

test('docs/channels.md and README.md hold the tables that the declarations give: plumb channel list --markdown', t => {
  t.is(between(read('docs/channels.md')), channelTable(Object.values(profiles)));
  t.is(between(read('README.md')), shortTable(Object.values(profiles)));
});

test('every channel has an adapter, a profile of its name, and limits; and hooks are of channels that there are', t => {
  t.deepEqual(Object.keys(profiles).sort(), Object.keys(adapters).sort());
  t.deepEqual(Object.entries(profiles).filter(([channel, profile]) => channel !== profile.channel), []);
  t.deepEqual(Object.keys(channelHooks).filter(channel => !adapters[channel]), []);
});

test('every question has a name of its own and a source, and one for a person tells how', t => {
  for (const { channel, questions } of Object.values(profiles)) {
    t.is(new Set(questions.map(({ id }) => id)).size, questions.length, channel);
    t.deepEqual(questions.filter(({ experiment, instructions }) => (experiment === 'person') !== (instructions !== undefined)), [], channel);
    t.deepEqual(questions.filter(({ source, asks }) => source === '' || !asks.endsWith('?') && !asks.includes('?')), [], channel);
  }
});

test('what an answer sets is a setting that the channel\'s adapter takes', t => {
  for (const channel of channels) {
    const { credentials, settings } = sandboxOf(channel)({ account: 'a', clock: new SandboxClock(1) });
    const asked = profiles[channel]!.questions.flatMap(question => Object.entries(question.settings ?? {}));
    const found = Object.fromEntries(asked.map(([name, figure]) => [name, { afterMs: 1_000, withinMs: 60_000, batch: 1 }[figure]]));
    const make = (more: object) => adapters[channel]!(
      { account: 'a', channel, baseUrl: 'https://localhost', credentials, settings: { ...settings, ...more } },
      { now: () => 0, uuid: () => '', timeScale: 1, tokens: { load: async () => undefined, save: async () => {} } },
    );
    t.notThrows(() => make(found), `${channel}: ${JSON.stringify(found)}`);
    if (channel !== 'shopify' && channel !== 'generic-rest') t.true(asked.length > 0, channel);
    t.throws(() => make({ noSuchSetting: 1 }), undefined, `${channel} takes any setting`);
  }
});

test('a profile tells under which settings the refresh token rotates', t => {
  t.deepEqual(
    [['mercadolibre', {}], ['shopify', {}], ['shopify', { grant: 'refresh-token' }], ['ebay', {}]].map(([channel, settings]) => rotates(profiles[channel as string]!, settings as object as Record<string, unknown>)),
    [true, false, true, false],
  );
});

test('a row of a table of listings tells what the channel\'s own import finds, on every channel', async t => {
  for (const channel of channels) {
    const vendor = sandboxOf(channel)({ account: 'a', clock: new SandboxClock(60) });
    const running = await startSandbox(vendor);
    t.teardown(() => running.close());
    for (const sku of ['A', 'B 1']) running.shop.addListing(sku, 3);
    const adapter = adapters[channel]!(
      { account: 'a', channel, baseUrl: running.url, credentials: vendor.credentials, settings: vendor.settings },
      { now: Date.now, uuid: () => crypto.randomUUID(), timeScale: 60, tokens: { load: async () => undefined, save: async () => {} } },
    );
    const { listing: shape } = profiles[channel]!;
    const call = { signal: AbortSignal.timeout(10_000) };
    let seen = 0;
    for (let cursor: string | undefined, first = true; first || cursor !== undefined; first = false) {
      const page = await adapter.listings(cursor, call);
      for (const { listing, quantity } of page.readings) {
        const cells = { sku: listing.sku, ...(shape.idOf ? {} : { listing: listing.id }), ...listing.fields };
        const told = listingOf(cells, fieldColumns(Object.keys(cells), channel, shape), channel, shape);
        t.deepEqual(told, listing, channel);
        // What is needed is enough to read it by; at Mercado Libre what that is goes by the way.
        const isEnough = (name: string): boolean => shape.open === true || channel === 'mercadolibre' || shape.fields[name]!.needed === true;
        const least = { ...told, fields: Object.fromEntries(Object.entries(told.fields).filter(([name]) => isEnough(name))) };
        const [outcome] = await adapter.read([least], call);
        t.is(outcome!.kind === 'read' ? outcome!.reading.quantity : outcome, quantity, channel);
        seen += 1;
      }
      cursor = page.cursor;
    }
    t.is(seen, 2, channel);
  }
});

test('a table of listings names the column that is missing or unknown, and a row its field and value', t => {
  const shape = profiles['shopify']!.listing;
  const told = 'a table of listings of shopify has sku, listing, inventoryItemId, locationId';
  t.throws(() => fieldColumns(['sku', 'locationId'], 'shopify', shape), { message: `column "inventoryItemId" is missing: ${told}` });
  t.throws(() => fieldColumns(['sku', 'inventoryItemId', 'locationId', 'price'], 'shopify', shape), { message: `column "price" is unknown: ${told}` });
  const columns = fieldColumns(['sku', 'inventoryItemId', 'locationId', 'line', 'reason'], 'shopify', shape);
  t.throws(() => listingOf({ sku: 'A', inventoryItemId: '', locationId: 'L' }, columns, 'shopify', shape), { message: 'inventoryItemId: must not be empty at shopify, got ""' });
  t.throws(() => listingOf({ sku: '', inventoryItemId: 'I', locationId: 'L' }, columns, 'shopify', shape), { message: 'sku: must not be empty, got ""' });
  t.throws(() => listingOf({ sku: 'A', listing: 'B' }, [], 'amazon', profiles['amazon']!.listing), { message: 'listing: must be "A" at amazon, as its other columns say, got "B"' });
});
