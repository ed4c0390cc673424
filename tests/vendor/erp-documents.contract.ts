/** Samples of documents: X12 846 inventory advice and CSV files. */
import test from 'ava';
import { count, mapped, nothing, sample, seq } from './erp-samples.ts';
import { ediItems, odooCsv, shopifyCsv, warehouseCsv } from './erp-expected.ts';

const advice = sample('edi-846/inventory-advice-005010.x12');
const day = Date.UTC(2020, 0, 1);

test('EDI: an item is counted at its document\'s day, minute and control number', async t => {
  t.deepEqual(await mapped('edi-846', advice), { ...nothing, events: [count('REF1/0001/1', 'ABC123', [day, 1200, 1], 100)] });
  t.deepEqual(await mapped('edi-846', sample('edi-846/inventory-advice-two-items.x12')), { ...nothing, events: [count('REF1/0001/1', 'ABC123', [day, 0, 0], 100), count('REF1/0001/2', 'DEF456', [day, 0, 0], 50)] });
});

test('EDI: an item without its quantity is refused; of QTY and SDQ that disagree, QTY is the item\'s', async t => {
  const place = [Date.UTC(2017, 6, 25), 500, 3434];
  t.deepEqual(await mapped('edi-846', sample('edi-846/structure-last-item-without-qty.x12')), {
    ...nothing,
    events: [count('00029997/0967/147', 'FRMAQV789F', place, 0), count('00029997/0967/148', 'BKFDAT014C', place, 7)],
    refused: ['3: quantity: is missing, and missing is never zero, got nothing from qty.QTY02'],
  });
});

test('EDI: two sets in one interchange, whose own counts of segments are wrong, state 80 items', async t => {
  const place = [Date.UTC(2017, 4, 23), 455, 846038470];
  t.deepEqual(await mapped('edi-846', sample('edi-846/structure-two-transaction-sets.x12')), {
    ...nothing,
    events: ediItems.map(([sku, quantity], n) => count(n < 2 ? '20170523044616/84679050' : '20170523044717/84679051', sku, place, quantity)),
    notes: ['set 84679050: SE says 8 segments, 13 are there', 'set 84679051: SE says 403 segments, 393 are there'],
  });
});

test('EDI: other separators, other keys first, a UPC that is empty', async t => {
  const odd = advice.replaceAll('~\n', '?').replaceAll('*', '~').trim();
  t.deepEqual((await mapped('edi-846', odd)).events, [count('REF1/0001/1', 'ABC123', [day, 1200, 1], 100)]);
  const text = sample('edi-846/structure-last-item-without-qty.x12');
  t.deepEqual((await mapped('edi-846', text, { params: { qualifiers: ['UP'] } })).events.map(({ sku }) => sku), ['180850370056']);
});

test('EDI: a cancellation, cases instead of units, another kind of document or a date of no calendar states nothing', async t => {
  const refused = async (from: string, to: string): Promise<unknown> => {
    const { events, refused: told, ignored } = await mapped('edi-846', advice.replace(from, to));
    return events.length > 0 ? events : told.length > 0 ? told.map(text => text.replace(/, got .*/s, '')) : ignored;
  };
  t.deepEqual(await refused('BIA*00', 'BIA*01'), ['1: message: its purpose (BIA01) is none that states stock']);
  t.deepEqual(await refused('*100*EA', '*100*CA'), ['1: message: its unit (QTY03) is not one that is sold singly']);
  t.deepEqual(await refused('QTY*33*100*EA~', 'QTY*33*100*EA~\nQTY*33*7*EA~'), ['1: message: states the quantity twice']);
  t.deepEqual(await refused('REF1*20200101', 'REF1*20201301'), ['1: position: is a time that does not exist']);
  t.deepEqual(await refused('REF1*20200101', 'REF1*20990101'), ['1: position: lies more than a day after the message came']);
  t.deepEqual(await refused('REF1*20200101', 'REF1'), ['1: position: is missing: whether it is newer than what is known would be a guess']);
  t.deepEqual(await refused('ST*846', 'ST*852'), ['message: has none of the forms that edi-846 knows: advice']);
});

test('EDI: an item that one document states twice, differently, is refused', async t => {
  const twice = sample('edi-846/inventory-advice-two-items.x12').replace('DEF456', 'ABC123');
  t.deepEqual((await mapped('edi-846', twice)).refused, ['1: quantity: differs between rows 1 and 2, which should repeat one statement, got 50']);
});

const counts = (expected: readonly [string, number][], rows = expected.map((_, n) => n + 1)): unknown => expected.map(([sku, quantity], n) => count(`7:${rows[n]}`, sku, seq, quantity));

test('CSV: a file with a row for each SKU', async t => {
  t.deepEqual(await mapped('csv', sample('csv/odoo-quantity-import.csv'), { params: { sku: 'product', quantity: 'inventoried_quantity' } }), { ...nothing, events: counts(odooCsv) as never });
});

test('CSV: totals that are repeated on several rows count once, below zero too, with names in quotes and SKUs with spaces', async t => {
  const { events, ...rest } = await mapped('csv', sample('csv/warehouse-export-by-location.csv'), { params: { sku: 'SKU', quantity: 'Quantity' } });
  t.deepEqual(rest, { refused: [], ignored: {}, asks: [], notes: [] });
  t.deepEqual(events.map(({ sku, fact }) => [sku, fact]), warehouseCsv.map(([sku, quantity]) => [sku, { type: 'stock.counted', source: 'erp', position: seq, quantity }]));
});

test('CSV: by place, a row without a place is refused, and a quantity that is empty is no zero', async t => {
  const { events, refused } = await mapped('csv', sample('csv/warehouse-export-by-location.csv'), { params: { sku: 'SKU', quantity: 'Qty_1', location: 'Location_1' } });
  t.deepEqual(events.filter(({ sku }) => sku === 'MSDJXB644752').map(({ fact }) => fact), [['C-5-4', 0], ['Z', 137], ['C-4-4', 152]].map(([location, quantity]) => ({ type: 'stock.counted', source: 'erp', position: seq, location, quantity })) as never);
  t.deepEqual([events.length, refused.map(told => told.replace(/, got .*/, ''))], [38, ['33: message: the column that params.location names is empty', '40: message: the column that params.location names is empty']]);
});

test('CSV: Shopify\'s products, whose variants have no SKU, are known by handle and option', async t => {
  t.deepEqual(await mapped('csv-shopify-products', sample('csv/shopify-product-import.csv')), { ...nothing, events: counts(shopifyCsv) as never });
});

test('CSV: a row of it may come as JSON, at the place that the door tells', async t => {
  const row = JSON.stringify({ sku: 'A', quantity: '12' });
  t.deepEqual((await mapped('csv', row, {}, { contentType: 'application/json', position: '[1767603600000,3]' })).events, [count('7', 'A', [1767603600000, 3], 12)]);
  t.deepEqual((await mapped('csv', 'sku,quantity\nA,"1,234"\nB,\n')).refused, ['1: quantity: is no number, got "1,234" from $lookup($, $params.quantity)', '2: quantity: is missing, and missing is never zero, got "" from $lookup($, $params.quantity)']);
});
