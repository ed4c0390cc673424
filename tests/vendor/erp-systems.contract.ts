/** Samples of ERP systems: Business Central, NetSuite, ERPNext, Odoo. */
import test from 'ava';
import { adjust, count, mapped, nothing, sample, seq } from './erp-samples.ts';
import { odooQuants } from './erp-expected.ts';

test('Business Central: an item\'s total counts in the order of reading; what is no stock item says nothing', async t => {
  const item = sample('business-central/item.json');
  t.deepEqual(await mapped('business-central', item), { ...nothing, events: [count('7', '1896-S', seq, 4)] });
  t.deepEqual((await mapped('business-central', `{"value":[${item},${item.replace('1896-S', '1900-S').replace('"inventory": 4', '"inventory": 0')}]}`)).events, [count('7:1', '1896-S', seq, 4), count('7:2', '1900-S', seq, 0)]);
  t.deepEqual(await mapped('business-central', item.replace('"Inventory"', '"Service"')), { ...nothing, ignored: { 'an item that is not kept in stock': 1 } });
  t.deepEqual((await mapped('business-central', item.replace('"inventory": 4', '"inventory": 4.5'))).refused, ['1: quantity: is no whole number of units, got 4.5 from inventory']);
});

test('Business Central: a notification holds no number: the item is asked for, other entities are not', async t => {
  t.deepEqual(await mapped('business-central', sample('business-central/webhook-notifications.json')), {
    ...nothing,
    asks: [{ key: 'api/v2.0/companies(b18aed47-c385-49d2-b954-dbdf8ad71780)/items(26814998-936a-401c-81c1-0e848a64971d)' }],
    ignored: { 'a change of something else than items': 3 },
  });
  const collection = sample('business-central/webhook-notifications.json').replaceAll('salesInvoices?', 'items?');
  t.deepEqual((await mapped('business-central', collection)).asks.at(-1), { key: '/api/v2.0/companies(7dbba574-5f69-4167-a43e-fb975045de15)/items?$filter=lastDateTimeModified%20gt%202018-10-15T11:00:00Z' });
});

test('Business Central: a ledger entry is a change at its number, with its option text as people read it', async t => {
  const entry = sample('business-central/itemLedgerEntry.json');
  t.deepEqual(await mapped('business-central-ledger', entry), { ...nothing, events: [adjust('entry 1', '1100', 1, 200, { reason: 'Positive Adjmt.' })] });
  t.deepEqual((await mapped('business-central-ledger', '{"itemNumber":"1100","inventory":-2,"throughEntryNumber":12}')).events, [count('7', '1100', 12, -2)]);
  const { events, ignored } = await mapped('business-central', entry);
  t.deepEqual([events, Object.values(ignored)], [[], [1]], 'where the total is taken, its entries are not added to it');
});

const availability = sample('netsuite/getItemAvailabilityResponse.xml');
const changed = [[Date.UTC(2022, 4, 5, 10, 40, 6), 0, -264], [Date.UTC(2020, 3, 27, 15, 38, 20), 0, 0]] as const;

test('NetSuite: what is available counts at each location by itself, so that a negative on hand lowers no other', async t => {
  t.deepEqual(await mapped('netsuite', availability), {
    ...nothing,
    events: [count('7:1', 'CD-R', changed[0], 264, { location: '1', countedAt: changed[0][0] }), count('7:2', 'CD-R', changed[1], 0, { location: '2', countedAt: changed[1][0] })],
  });
});

test('NetSuite: items may be known by internal id through a table; a failed answer is refused', async t => {
  const byId = { params: { sku: 'internalId' }, tables: { skus: { 57: 'CD-R' }, locations: { 1: 'east', 2: 'west' } } };
  t.deepEqual((await mapped('netsuite', availability, byId)).events.map(({ sku, fact }) => [sku, (fact as { location: string }).location]), [['CD-R', 'east'], ['CD-R', 'west']]);
  t.regex((await mapped('netsuite', availability.replace('isSuccess="true"', 'isSuccess="false"'))).refused[0]!, /^message: has none of the forms that netsuite knows: availability, got /);
  t.deepEqual((await mapped('netsuite', availability.replace('>264.0</platformCore:quantityAvailable>', '>264.5</platformCore:quantityAvailable>'))).refused, ['1: quantity: is no whole number of units, got "264.5" from quantityAvailable']);
  t.regex((await mapped('netsuite', availability.slice(0, -20))).refused[0]!, /^message: is no XML \(/);
});

const entries = sample('erpnext/stock-entry.json');
const [main, other] = ['_Test Warehouse - _TC', '_Test Warehouse 1 - _TC'];

test('ERPNext: a document of change says which item is to be read again, and where', async t => {
  const ask = (sku: string, location: string): object => ({ key: sku, sku, location });
  t.deepEqual(await mapped('erpnext', entries), { ...nothing, asks: [
    ask('_Test Item', main), ask('_Test Item', main), ask('_Test Item', main), ask('_Test Item', other), ask('_Test Item', main), ask('_Test Item Home Desktop 100', main),
  ] as never });
  t.deepEqual((await mapped('erpnext', '{"doctype":"Stock Ledger Entry","item_code":"A","warehouse":"W","qty_after_transaction":5}')).asks, [{ key: 'A', sku: 'A', location: 'W' }]);
});

test('ERPNext: a bin states stock and reservations of an item in a warehouse', async t => {
  const bin = { doctype: 'Bin', item_code: 'A', warehouse: 'W', actual_qty: 12.0, reserved_qty: 2, projected_qty: 40, modified: '2024-02-03 10:00:00.123456' };
  const at = Date.UTC(2024, 1, 3, 8, 0, 0, 123);
  const india = { params: { offset: '+02:00' } };
  t.deepEqual((await mapped('erpnext', JSON.stringify(bin), india)).events, [count('7', 'A', [at, 456_000, -12], 12, { location: 'W', reserved: 2, countedAt: at })]);
  t.regex((await mapped('erpnext', JSON.stringify({ ...bin, modified: undefined }))).refused[0]!, /^1: position: is missing/);
  t.regex((await mapped('erpnext', JSON.stringify({ ...bin, actual_qty: null }))).refused[0]!, /^1: quantity: is missing, and missing is never zero, got null/);
  t.deepEqual((await mapped('erpnext', JSON.stringify({ ...bin, actual_qty: -1.0, reserved_qty: 0 }), india)).events.map(({ fact }) => (fact as { quantity: number }).quantity), [-1]);
});

test('ERPNext: as changes, the sign lies in the warehouses, a transfer moves, and one document may do both', async t => {
  const places = (...all: [number, number, number][]): number[][] => all.map(place => [seq, ...place]);
  const [a, b, c, d, e, f] = places([0, 0, 1], [1, 0, 0], [2, 0, 0], [2, 0, 1], [3, 0, 0], [3, 1, 1]) as [number[], number[], number[], number[], number[], number[]];
  t.deepEqual(await mapped('erpnext-entries', entries, { params: { position: 'arrival' } }), { ...nothing, events: [
    adjust('7:1', '_Test Item', a, 50, { location: main, reason: 'Material Receipt' }),
    adjust('7:2', '_Test Item', b, -40, { location: main, reason: 'Material Issue' }),
    adjust('7:3', '_Test Item', c, -45, { location: main, reason: 'Material Transfer' }),
    adjust('7:4', '_Test Item', d, 45, { location: other, reason: 'Material Transfer' }),
    adjust('7:5', '_Test Item', e, -50, { location: main, reason: 'Repack' }),
    adjust('7:6', '_Test Item Home Desktop 100', f, 1, { location: main, reason: 'Repack' }),
  ] });
});

test('ERPNext: a document without name and time is refused, since a repeat of it could not be told from another', async t => {
  const { events, refused } = await mapped('erpnext-entries', entries);
  t.deepEqual([events, refused.map(told => told.replace(/, got .*/, ''))], [[], [1, 2, 3, 4, 5, 6].map(row => `${row}: position: is missing: whether it is newer than what is known would be a guess`)]);
});

test('ERPNext: a document with a name has its own place; cancelled it undoes what it did, as a draft it did nothing', async t => {
  const [, issue] = JSON.parse(entries) as [object, object];
  const told = (more: object): ReturnType<typeof mapped> => mapped('erpnext-entries', JSON.stringify({ ...issue, name: 'MAT-1', modified: '2024-02-03 10:00:00', ...more }));
  const at = Date.UTC(2024, 1, 3, 10);
  t.deepEqual((await told({ docstatus: 1 })).events, [adjust('MAT-1/0.0.0', '_Test Item', [at, 0, 'MAT-1', 0, 0, 0], -40, { location: main, reason: 'Material Issue' })]);
  t.deepEqual((await told({ docstatus: 2, modified: '2024-02-03 11:00:00' })).events, [adjust('MAT-1/0.0.0', '_Test Item', [at + 3_600_000, 0, 'MAT-1', 0, 0, 0], 40, { location: main, reason: 'Material Issue' })]);
  t.deepEqual(await told({ docstatus: 0 }), { ...nothing, ignored: { 'a draft, not posted': 1 } });
});

const quants = sample('odoo/stock-quant-rows.json');

test('Odoo: a product\'s stock is the sum of its lots, with what is reserved of them beside it', async t => {
  const { events, ...rest } = await mapped('odoo', quants);
  t.deepEqual(rest, { refused: [], ignored: {}, asks: [], notes: [] });
  t.deepEqual(events.map(({ sku, fact }) => [sku, fact]), odooQuants.map(([sku, quantity, reserved]) => [sku, { type: 'stock.counted', source: 'erp', position: seq, quantity, reserved }]));
});

test('Odoo: a lot that cannot be read refuses its product\'s sum and no other', async t => {
  const { events, refused } = await mapped('odoo', quants.replace('"quantity": 1', '"quantity": null'));
  t.deepEqual(events.map(({ sku }) => sku), odooQuants.map(([sku]) => sku).filter(sku => sku !== '1001'));
  t.deepEqual(refused, ['1: quantity: is missing, and missing is never zero, got null from quantity']);
  const two = await mapped('odoo', quants.replace('"quantity": 1', '"quantity": null').replaceAll('1007,', '1001,'));
  t.deepEqual(two.refused.at(-1), '8: quantity: cannot be summed: row 1 of 1001 is refused (quantity), got nothing');
});

test('Odoo: an empty relation is [] here and false from the server; only the locations named are sold from', async t => {
  const server = quants.replaceAll(/"(location_id|lot_id)": \[\]/g, '"$1": false');
  t.deepEqual(await mapped('odoo', `{"jsonrpc":"2.0","result":${server}}`), await mapped('odoo', quants));
  const { events, ignored } = await mapped('odoo', server, { params: { locations: [12] } });
  t.deepEqual([events.map(({ sku }) => sku), ignored], [['1018', '1019', '1020', '1021'], { 'a location that is not sold from': 30 }]);
  const coded = quants.replace('Sample product 1001 (', '[DESK-1] Sample product 1001 (');
  const byCode = await mapped('odoo', coded, { params: { sku: 'code' } });
  t.deepEqual([byCode.events.map(({ sku }) => sku), byCode.refused.length], [['DESK-1'], 33]);
});
