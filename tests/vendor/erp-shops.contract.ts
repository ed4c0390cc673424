/** Samples of shops as stock masters: Shopify, Square, WooCommerce. */
import test from 'ava';
import { adjust, count, mapped, nothing, sample } from './erp-samples.ts';

const items = { tables: { skus: { 808950810: 'IPOD2008PINK' } } };
const unknownItem = 'sku: is not in the mapping\'s table, got "39072856" from $string(inventory_item_id)';

test('Shopify: a level is absolute at its location, at the instant of its offset', async t => {
  t.deepEqual(await mapped('shopify', sample('shopify/inventory_level.json'), items), {
    ...nothing, events: [count('7', 'IPOD2008PINK', [Date.UTC(2020, 3, 6, 14, 51, 56), -6], 6, { location: '905684977', countedAt: Date.UTC(2020, 3, 6, 14, 51, 56) })],
  });
});

test('Shopify: levels name inventory items; one without a known SKU is unmapped, and the others go on', async t => {
  const read = Date.UTC(2020, 3, 6, 14, 51, 36);
  t.deepEqual(await mapped('shopify', sample('shopify/inventory_levels.json'), items), {
    ...nothing,
    events: [count('7:1', 'IPOD2008PINK', [read, -9], 9, { location: '487838322', countedAt: read }), count('7:3', 'IPOD2008PINK', [read, -1], 1, { location: '905684977', countedAt: read })],
    refused: [`2: ${unknownItem}`, `4: ${unknownItem}`],
  });
  const older = Date.UTC(2018, 4, 7, 19, 33, 38);
  const places = { tables: { ...items.tables, locations: { 487838322: 'north', 905684977: 'south' } } };
  t.deepEqual(await mapped('shopify', sample('shopify/inventory_levels-2018.json'), places), {
    ...nothing,
    events: [count('7:2', 'IPOD2008PINK', [older, -1], 1, { location: 'south', countedAt: older }), count('7:3', 'IPOD2008PINK', [older, -9], 9, { location: 'north', countedAt: older })],
    refused: [`1: ${unknownItem}`, `4: ${unknownItem}`],
  });
});

test('Shopify: the webhook carries the same level without its wrapper; null is no number; a disconnected one is asked for', async t => {
  const { inventory_level: level } = JSON.parse(sample('shopify/inventory_level.json')) as { inventory_level: object };
  const webhook = (more: object): Promise<unknown> => mapped('shopify', JSON.stringify({ ...level, ...more }), items);
  t.deepEqual(await webhook({}), await mapped('shopify', sample('shopify/inventory_level.json'), items));
  t.deepEqual(await webhook({ available: null }), { ...nothing, ignored: { 'stock is not tracked here, so there is no number': 1 } });
  t.deepEqual(await webhook({ available: undefined }), { ...nothing, asks: [{ key: 'IPOD2008PINK', sku: 'IPOD2008PINK', location: '905684977' }] });
  t.deepEqual((await webhook({ available: -2 }) as { events: unknown }).events, [count('7', 'IPOD2008PINK', [Date.UTC(2020, 3, 6, 14, 51, 56), 2], -2, { location: '905684977', countedAt: Date.UTC(2020, 3, 6, 14, 51, 56) })]);
});

test('Shopify: an item\'s own data are no stock', async t => {
  t.deepEqual(await mapped('shopify', sample('shopify/inventory_item.json'), items), { ...nothing, ignored: { 'an item\'s own data hold no quantity': 1 } });
});

const variations = { tables: { skus: { W62UWFY35CWMYGVWK6TWJDNI: 'COFFEE', FGQ5JJWT2PYTHF35CKZ2DSKP: 'TEA' } } };
const square = (file: string, change: (text: string) => string = text => text): ReturnType<typeof mapped> => mapped('square', change(sample(`square/${file}.json`)), variations);

test('Square: a count is a text, at an instant with five digits of a second', async t => {
  const told = await square('inventory.count.updated');
  const at = Date.UTC(2019, 9, 29, 18, 38, 45, 102);
  t.deepEqual(told, { ...nothing, events: [count('df5f3813-a913-45a1-94e9-fdc3f7d5e3b6/FGQ5JJWT2PYTHF35CKZ2DSKP/YYQR03DGCTXA4', 'TEA', [at, 960_000, -10], 10, { location: 'YYQR03DGCTXA4', countedAt: at })] });
  const read = Date.UTC(2016, 10, 16, 22, 28, 1, 223);
  t.deepEqual(await square('batch-retrieve-inventory-counts-response'), { ...nothing, events: [count('7', 'COFFEE', [read, 0, -79], 79, { location: '59TNP9SA8VGDA', countedAt: read })] });
});

test('Square: only what is in stock is for sale, a decimal is refused, an unknown variation is unmapped', async t => {
  t.deepEqual(await square('inventory.count.updated', text => text.replace('"IN_STOCK"', '"SOLD"')), { ...nothing, ignored: { 'units in a state that is not for sale': 1 } });
  t.deepEqual((await square('inventory.count.updated', text => text.replace('"10"', '"10.5"'))).refused, ['1: quantity: is no whole number of units, got "10.5" from quantity']);
  t.deepEqual((await square('inventory.count.updated', text => text.replace('"10"', '"10.00000"'))).events.map(({ fact }) => fact), (await square('inventory.count.updated')).events.map(({ fact }) => fact));
  t.deepEqual((await square('inventory.count.updated', text => text.replace('FGQ5', 'FGQ6'))).refused, ['1: sku: is not in the mapping\'s table, got "FGQ6JJWT2PYTHF35CKZ2DSKP" from catalog_object_id']);
});

test('Square: a physical count stands at the time of Square, not at the one its sender claims', async t => {
  t.deepEqual(await square('batch-retrieve-inventory-changes-response'), {
    ...nothing,
    events: [count('46YDTW253DWGGK9HMAE6XCAO', 'COFFEE', [Date.UTC(2016, 10, 16, 22, 25, 24, 878), 0, '46YDTW253DWGGK9HMAE6XCAO'], 86, { location: 'C6W5YS5QM06F5', countedAt: Date.UTC(2016, 10, 16, 22, 24, 49, 28) })],
  });
});

test('Square: an adjustment out of stock takes units, into it brings them back, past it says nothing', async t => {
  const place = [Date.UTC(2016, 10, 17, 13, 2, 15, 142), 0, 'UDMOEO78BG6GYWA2XDRYX3KB'];
  const told = (states: string): ReturnType<typeof mapped> => square('retrieve-inventory-adjustment-response', text => text.replace(/"from_state": "IN_STOCK"/, states).replace(/\n *"to_state": "SOLD",/, ''));
  t.deepEqual(await square('retrieve-inventory-adjustment-response'), { ...nothing, events: [adjust('UDMOEO78BG6GYWA2XDRYX3KB', 'COFFEE', place, -7, { location: 'C6W5YS5QM06F5', reason: 'SOLD' })] });
  t.deepEqual((await told('"from_state": "NONE", "to_state": "IN_STOCK"')).events, [adjust('UDMOEO78BG6GYWA2XDRYX3KB', 'COFFEE', place, 7, { location: 'C6W5YS5QM06F5', reason: 'IN_STOCK' })]);
  t.deepEqual(await told('"from_state": "SOLD", "to_state": "WASTE"'), { ...nothing, ignored: { 'units in a state that is not for sale': 1 } });
});

test('Square: the impossible time that two examples carry is no position; where it is all there is, the change is refused', async t => {
  const { refused } = await square('retrieve-inventory-adjustment-response', text => text.replace('2016-11-17T13:02:15.142Z', '2016-11-16T25:44:22.837Z'));
  t.deepEqual(refused, ['1: position: is a time that does not exist, got "2016-11-16T25:44:22.837Z" from $instant(created_at)']);
});

test('Square: a transfer takes from one location and gives to another', async t => {
  const place = [Date.UTC(2016, 10, 17, 13, 2, 15, 142), 0, 'UDMOEO78BG6GYWA2XDRYX3KB'];
  t.deepEqual(await square('retrieve-inventory-transfer-response'), {
    ...nothing,
    events: [adjust('UDMOEO78BG6GYWA2XDRYX3KB', 'COFFEE', place, -7, { location: 'C6W5YS5QM06F5' }), adjust('UDMOEO78BG6GYWA2XDRYX3KB', 'COFFEE', place, 7, { location: '59TNP9SA8VGDA' })],
  });
});

test('Square: a request to it is nothing that it said; a change of an unknown kind is refused, not passed over', async t => {
  t.deepEqual(await square('batch-change-inventory-request'), { ...nothing, ignored: { 'asked of Square, not said by it': 1 } });
  t.deepEqual((await square('batch-retrieve-inventory-changes-response', text => text.replace('"PHYSICAL_COUNT"', '"RECOUNT"'))).refused.map(told => told.replace(/, got .*/, '')), ['1: type: is none of count, adjust, reserve, kit, placed, cancelled, shipped, returned, ask']);
});

test('WooCommerce: stock that is not managed is unlimited or unknown, not zero', async t => {
  for (const file of ['product-updated', 'product-variation']) {
    t.deepEqual(await mapped('woocommerce', sample(`woocommerce/${file}.json`)), { ...nothing, ignored: { 'stock is not managed: unlimited or unknown, and no number': 1 } });
  }
});

test('WooCommerce: a managed product is counted at its time in UTC; without SKU or number it is refused', async t => {
  const product = (more: object): ReturnType<typeof mapped> => mapped('woocommerce', JSON.stringify({ ...JSON.parse(sample('woocommerce/product-updated.json')) as object, manage_stock: true, ...more }));
  const at = Date.UTC(2017, 2, 23, 20, 1, 14);
  t.deepEqual(await product({ sku: 'W-1', stock_quantity: 3 }), { ...nothing, events: [count('7', 'W-1', [at, -3], 3, { countedAt: at })] });
  t.deepEqual(await product({ sku: 'W-1', stock_quantity: -3 }), { ...nothing, events: [count('7', 'W-1', [at, 3], -3, { countedAt: at })] });
  t.deepEqual((await product({ sku: 'W-1' })).refused, ['1: quantity: is missing, and missing is never zero, got null from stock_quantity']);
  t.deepEqual((await product({ stock_quantity: 3 })).refused, ['1: sku: is empty, got "" from sku']);
  t.deepEqual(await product({ manage_stock: 'parent' }), { ...nothing, ignored: { 'takes its parent\'s number, which the parent tells': 1 } });
  t.deepEqual(await mapped('woocommerce', '{"id":794}'), { ...nothing, asks: [{ key: 'products/794' }] });
});
