/** Order lines as they stand in a stored record. */
import test from 'ava';
import fc from 'fast-check';
import { packStock, unpackStock } from '../../actors/sku/packing.ts';
import { emptyStock } from '../../actors/sku/protocol.ts';
import type { Line } from '../../actors/sku/protocol.ts';

const units = fc.integer({ min: 0, max: 1_000_000 });
const line: fc.Arbitrary<Line> = fc.record({
  units, cancelled: units, shipped: units, returned: units, imported: fc.constant(true as const), cancelImported: fc.constant(true as const), returnImported: fc.constant(true as const),
  reopened: fc.constant(true as const), def: units, containedAt: fc.array(fc.string({ unit: 'grapheme', maxLength: 4 }), { minLength: 1, maxLength: 3 }), createdAt: units,
}, { requiredKeys: ['units'] });
const id = fc.oneof(
  fc.tuple(fc.constantFrom('amazon', 'walmart'), fc.constantFrom('1', '2', '3'), fc.constantFrom('1', '2', '10', '__proto__')).map(parts => parts.join('/')),
  fc.string({ unit: 'grapheme', maxLength: 12 }).filter(text => !/^\d+$/.test(text)),
  fc.constantFrom('__proto__', 'constructor/__proto__', '/', ''),
);

test('lines come back from a stored record as they went in', t => {
  fc.assert(fc.property(fc.array(fc.tuple(id, line), { maxLength: 30 }), entries => {
    const lines = Object.fromEntries(entries);
    const stock = { ...emptyStock('A'), lines };
    const stored = JSON.parse(JSON.stringify(packStock(stock)));
    t.deepEqual(unpackStock(stored), stock);
    t.is(JSON.stringify(packStock(unpackStock(stored))), JSON.stringify(packStock(stock)));
  }));
});

test('a wholesale order of single units takes a tenth of the bytes', t => {
  const lines = Object.fromEntries(Array.from({ length: 300 }, (_, n): [string, Line] =>
    [`walmart/1796277083120/${n + 1}`, { units: 1, imported: true, createdAt: 1_795_602_952_868 }]));
  const stock = { ...emptyStock('A'), lines };
  t.true(JSON.stringify(packStock(stock)).length < JSON.stringify(stock).length / 6);
  t.true(packStock(stock).orders['walmart/1796277083120/']?.startsWith('1795602952868 1=1i 10=1i '));
});

test('a stock stored before lines were packed is read as it is', t => {
  const stock = { ...emptyStock('A'), lines: { 'amazon/1/1': { units: 2 } } };
  t.deepEqual(unpackStock(JSON.parse(JSON.stringify(stock))), stock);
});

test('a code that Plumb never wrote is refused by its text', t => {
  const stored = { ...packStock(emptyStock('A')), orders: { 'amazon/1/': '- 1=1x' } };
  t.throws(() => unpackStock(stored), { instanceOf: RangeError, message: 'order line code "1x" is none' });
});

test('the bytes tell nothing of the order in which fields and lines came', t => {
  fc.assert(fc.property(fc.uniqueArray(fc.tuple(id, line), { selector: ([name]) => name, maxLength: 12 }), fc.integer(), (entries, turn) => {
    const stock = { ...emptyStock('A'), source: 'erp', onHand: 3, lines: Object.fromEntries(entries) };
    const rotate = <T>(list: T[]): T[] => list.map((_, n) => list[(n + Math.abs(turn)) % list.length]!);
    const turned = Object.fromEntries(rotate(Object.entries({ ...stock, lines: Object.fromEntries(rotate(entries)) }))) as unknown as typeof stock;
    t.is(JSON.stringify(packStock(turned)), JSON.stringify(packStock(stock)));
  }));
});
