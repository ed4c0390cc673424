/** Canonical events: what passes, and the defined refusal of everything that does not. */
import test from 'ava';
import { canonical } from '../../../actors/sku/ingest/canonical.ts';
import { MalformedError } from '../../../actors/sku/ingest/refusal.ts';

const counted = { type: 'stock.counted', source: 'erp', position: 4, quantity: 9 };
const told = (fact: Record<string, unknown>, { sku }: { sku?: unknown } = { sku: 'A' }): unknown => {
  try {
    return canonical({ id: 'm', sku, fact }, field => `row.${field}`);
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    return error.message;
  }
};
const skus = (...names: unknown[]): unknown[] => names.map(name => {
  const event = told(counted, { sku: name });
  return typeof event === 'string' ? event : (event as { sku: string }).sku;
});

test('each kind of event passes as it is', t => {
  const stated = { source: 'erp', position: [1, 'b'], location: 'Z' };
  const sold = { account: 'amazon', line: 'amazon/1/1', units: 2 };
  const facts = [
    { ...counted, ...stated, reserved: 0, imported: ['amazon/1/1', 'amazon/2/1#cancelled'], importedThrough: 0, countedAt: 1_767_603_600_000 },
    { type: 'stock.adjusted', ...stated, delta: -3, reason: 'broken' },
    { type: 'stock.reserved', ...stated, delta: 1 },
    { type: 'kit.defined', source: 'erp', position: 5, parts: { B: 2, 'C-é': 1 } },
    { type: 'kit.defined', source: 'erp', position: 6, parts: {} },
    { type: 'order.placed', ...sold, createdAt: 1 },
    { type: 'order.cancelled', ...sold }, { type: 'order.shipped', ...sold }, { type: 'order.returned', ...sold },
  ];
  t.deepEqual(facts.map(fact => told(fact)), facts.map(fact => ({ id: 'm', sku: 'A', fact })));
});

test('what is missing is named, and is never zero', t => {
  const without = (fact: Record<string, unknown>, field: string): unknown => told(Object.fromEntries(Object.entries(fact).filter(([key]) => key !== field)));
  t.deepEqual([
    without(counted, 'quantity'), without(counted, 'position'), without({ type: 'stock.adjusted', source: 'erp', position: 1 }, ''), told(counted, {}),
    without({ type: 'order.placed', account: 'a', line: 'a/1/1', units: 1 }, ''), told({ type: 'kit.defined', source: 'erp', position: 1 }),
  ], ['quantity', 'position', 'delta', 'sku', 'createdAt', 'parts'].map(field => `${field}: is missing, and missing is never zero, got nothing from row.${field}`));
});

test('numbers: below zero only where that makes sense, whole, and never too large', t => {
  t.deepEqual((told({ ...counted, quantity: -3 }) as { fact: unknown }).fact, { ...counted, quantity: -3 }, 'a count below zero is kept as the source says it');
  t.true(Object.is((told({ ...counted, quantity: -0 }) as { fact: { quantity: number } }).fact.quantity, 0));
  t.deepEqual([
    told({ ...counted, reserved: -1 }), told({ type: 'order.shipped', account: 'a', line: 'l', units: -1 }), told({ ...counted, quantity: 1_000_000_001 }),
    told({ ...counted, quantity: 0.5 }), told({ ...counted, quantity: NaN }), told({ ...counted, quantity: '5' }), told({ type: 'kit.defined', source: 'e', position: 1, parts: { B: 0 } }),
  ], [
    'reserved: is less than 0, got -1 from row.reserved',
    'units: is less than 0, got -1 from row.units',
    'quantity: is more than 1000000000, got 1000000001 from row.quantity',
    'quantity: is no whole number, got 0.5 from row.quantity',
    'quantity: is no number, got NaN from row.quantity',
    'quantity: is no number, got "5" from row.quantity',
    'parts.B: is less than 1, got 0 from row.parts',
  ]);
});

test('positions: whole numbers that are exact, texts, and short lists of both; nothing that cannot be compared', t => {
  const taken = [0, 1, Number.MAX_SAFE_INTEGER, [5, -3], ['a', 1], ['']];
  t.deepEqual(taken.map(position => (told({ ...counted, position }) as { fact: { position: unknown } }).fact.position), taken);
  const refused = [-1, 1.5, NaN, Infinity, 2 ** 53, 'a', null, [], [1.5], [NaN], [[1]], [null], [undefined], Array(9).fill(1), ['\ud800'], { n: 1 }];
  t.deepEqual(refused.map(position => String(told({ ...counted, position })).replace(/^(position)(\.0)?: .*/s, '$1')), Array(refused.length).fill('position'));
});

test('SKUs: every script and case is kept byte for byte, so that what differs stays apart', t => {
  const kept = ['é', 'e\u0301', 'ﬁ', 'fi', '15056BL', '15056bl', ' A', 'A ', 'A  B', '85123A', '01', '1', '👟', '\u200fA', 'ß', 'ΑΒΓ', '日本', 'a/b*c>.d', '__proto__', 'constructor', 'x'.repeat(200)];
  t.deepEqual(skus(...kept), kept);
});

test('SKUs: what names nothing, or nothing that can be written down, is refused', t => {
  t.deepEqual(skus('', ' ', '\u3000', 'A\u0000', 'A\nB', 'A\u0085', 'x'.repeat(201), 'A\ud800', 7, null), [
    'sku: is empty, got "" from row.sku',
    'sku: is nothing but spaces, got " " from row.sku',
    'sku: is nothing but spaces, got "\u3000" from row.sku',
    'sku: holds a control character, got "A\\u0000" from row.sku',
    'sku: holds a control character, got "A\\nB" from row.sku',
    'sku: holds a control character, got "A\u0085" from row.sku',
    `sku: is longer than 200 characters, got ${JSON.stringify('x'.repeat(121)).slice(0, 120)}… from row.sku`,
    'sku: is not well-formed Unicode, got "A\\ud800" from row.sku',
    'sku: is no text, got 7 from row.sku',
    'sku: is no text, got null from row.sku',
  ]);
});

test('other names are checked alike, and a part of a kit is named by its key', t => {
  t.is(told({ ...counted, location: '' }), 'location: is empty, got "" from row.location');
  t.is(told({ ...counted, imported: ['a/1/1', 'b\n'] }), 'imported.1: holds a control character, got "b\\n" from row.imported');
  t.is(told({ type: 'kit.defined', source: 'e', position: 1, parts: { 'B\n': 1 } }), 'parts.B\n: holds a control character, got "B\\n" from row.parts');
  t.is(told({ ...counted, colour: 'red' }), 'message: Unrecognized key: "colour", got {"type":"stock.counted","source":"erp","position":4,"quantity":9,"colour":"red"}');
});
