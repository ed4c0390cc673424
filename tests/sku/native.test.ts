/** Plumb's own source format: what is understood, and what each thing that is not is called. */
import { deepEqual, ok } from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import { parseNative } from '../../actors/sku/ingest/native.ts';
import { MalformedError } from '../../actors/sku/ingest/refusal.ts';
import { partitionOf, skuSubject, unescapeKey } from '../../runtime/subjects.ts';

const whole = { id: 'm1', sku: 'A', version: 4, type: 'count', quantity: 9 };
const parse = (message: unknown): unknown => parseNative('erp', typeof message === 'string' ? message : JSON.stringify(message));
/** `{…}` with one field written as it stands. */
const raw = (field: string, json: string, base: object = whole): string => `{${Object.entries(base).filter(([key]) => key !== field).map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)},`).join('')}"${field}":${json}}`;

function refusal(text: string): { field: string; value: unknown; message: string } {
  try {
    parseNative('erp', text);
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    return { field: error.field, value: error.value, message: error.message };
  }
  throw new Error(`understood: ${text.slice(0, 200)}`);
}

test('each kind of message becomes its fact, and what is not looked at is no part of it', t => {
  t.deepEqual(parse({ ...whole, imported: ['a/1/1', 'a/1/1#cancelled'], place: 'main', at: 'today' }), {
    id: 'm1', sku: 'A', fact: { type: 'stock.counted', source: 'erp', position: 4, quantity: 9, imported: ['a/1/1', 'a/1/1#cancelled'] },
  });
  t.deepEqual(parse({ ...whole, type: 'adjust', delta: -3, reason: 'broken' }), { id: 'm1', sku: 'A', fact: { type: 'stock.adjusted', source: 'erp', position: 4, delta: -3, reason: 'broken' } });
  t.deepEqual(parse({ ...whole, type: 'adjust', delta: 2 }), { id: 'm1', sku: 'A', fact: { type: 'stock.adjusted', source: 'erp', position: 4, delta: 2 } });
});

test('what a count and a change may say besides: where, when, of which orders; a list is a version too', t => {
  const more = { location: 'main', version: [7, 'b', -1] };
  t.deepEqual(parse({ ...whole, ...more, reserved: 2, importedThrough: 10, countedAt: 11 }), {
    id: 'm1', sku: 'A', fact: { type: 'stock.counted', source: 'erp', position: [7, 'b', -1], location: 'main', quantity: 9, reserved: 2, importedThrough: 10, countedAt: 11 },
  });
  t.deepEqual(parse({ ...whole, ...more, type: 'adjust', delta: 2 }), { id: 'm1', sku: 'A', fact: { type: 'stock.adjusted', source: 'erp', position: [7, 'b', -1], location: 'main', delta: 2 } });
  t.deepEqual(parse({ ...whole, ...more, type: 'reserve', delta: 2 }), { id: 'm1', sku: 'A', fact: { type: 'stock.reserved', source: 'erp', position: [7, 'b', -1], location: 'main', delta: 2 } });
  t.deepEqual([refusal(raw('location', '""')).field, refusal(raw('importedThrough', '-1')).field, refusal(raw('version', '[]')).field, refusal(raw('version', '[1.5]')).field, refusal(raw('version', '[1,[2]]')).field], ['location', 'importedThrough', 'version', 'version', 'version']);
});

test('kits and what happened to order lines are told like counts', t => {
  const sold = { id: 'm1', sku: 'A', account: 'amazon', line: 'amazon/1/1', units: 2 };
  const fact = { account: 'amazon', line: 'amazon/1/1', units: 2 };
  t.deepEqual(parse({ id: 'm1', sku: 'A', version: 3, type: 'kit', parts: { B: 2 } }), { id: 'm1', sku: 'A', fact: { type: 'kit.defined', source: 'erp', position: 3, parts: { B: 2 } } });
  t.deepEqual(parse({ ...sold, type: 'placed', createdAt: 5 }), { id: 'm1', sku: 'A', fact: { type: 'order.placed', ...fact, createdAt: 5 } });
  for (const type of ['cancelled', 'shipped', 'returned']) t.deepEqual(parse({ ...sold, type }), { id: 'm1', sku: 'A', fact: { type: `order.${type}`, ...fact } });
  t.deepEqual(parse({ id: 'm1', sku: 'A', type: 'ship', line: 'walmart/1/1' }), { id: 'm1', sku: 'A', fact: { type: 'ship.asked', line: 'walmart/1/1' } });
  t.deepEqual([{ ...sold, type: 'placed' }, { ...sold, type: 'shipped', units: -1 }, { ...sold, type: 'returned', line: '' }, { id: 'm1', sku: 'A', version: 3, type: 'kit', parts: { B: 0 } }, { id: 'm1', sku: 'A', version: 3, type: 'kit' }].map(message => refusal(JSON.stringify(message)).field), ['createdAt', 'units', 'line', 'parts.B', 'parts']);
});

test('numbers: what is a whole number is taken, whatever it is written as', t => {
  const quantityOf = (json: string): number => (parse(raw('quantity', json)) as { fact: { quantity: number } }).fact.quantity;
  t.deepEqual(['0', '-7', '5.0', '1e3', '1000000000', '-1000000000'].map(quantityOf), [0, -7, 5, 1_000, 1_000_000_000, -1_000_000_000]);
  t.is(quantityOf('-0'), 0, '-0 is 0, and the same in memory as stored');
});

test('numbers: what is none, or too large, is refused with field and value; missing is never zero', t => {
  const shown = (json: string): unknown => {
    const { field, value, message } = refusal(raw('quantity', json));
    return [field, value, message.slice(message.lastIndexOf(', got ') + 6)];
  };
  t.deepEqual(['0.1', '1e309', '-1e309', '1e21', '9007199254740993', '1000000001', '"5"', '" 5"', '"5,0"', 'null', 'true', '[]', '{"n":5}'].map(shown), [
    ['quantity', 0.1, '0.1'],
    ['quantity', Infinity, 'Infinity'],
    ['quantity', -Infinity, '-Infinity'],
    ['quantity', 1e21, '1e+21'],
    ['quantity', 9007199254740992, '9007199254740992'],
    ['quantity', 1_000_000_001, '1000000001'],
    ['quantity', '5', '"5"'],
    ['quantity', ' 5', '" 5"'],
    ['quantity', '5,0', '"5,0"'],
    ['quantity', null, 'null'],
    ['quantity', true, 'true'],
    ['quantity', '[]', '[]'],
    ['quantity', '{"n":5}', '{"n":5}'],
  ]);
  const { quantity: _quantity, ...without } = whole;
  t.deepEqual([refusal(JSON.stringify(without)).field, refusal(JSON.stringify(without)).value], ['quantity', undefined]);
  t.regex(refusal(JSON.stringify(without)).message, /^quantity: .*, got nothing$/);
  t.is(refusal(JSON.stringify({ ...without, type: 'adjust' })).field, 'delta');
});

test('versions: a position that cannot be one is refused', t => {
  t.deepEqual(['0', '-1', '1.5', '9007199254740992', '"4"', 'null'].map(json => refusal(raw('version', json)).field), Array(6).fill('version'));
  t.deepEqual((parse(raw('version', '9007199254740991')) as { fact: { position: number } }).fact.position, Number.MAX_SAFE_INTEGER);
});

test('types: one that is unknown, missing or none is refused and named', t => {
  for (const type of ['counts', 'COUNT', '', '__proto__', 'constructor', 7, null]) t.deepEqual([refusal(JSON.stringify({ ...whole, type })).field, refusal(JSON.stringify({ ...whole, type })).value], ['type', type]);
  const { type: _type, ...without } = whole;
  t.like(refusal(JSON.stringify(without)), { field: 'type', value: undefined });
});

test('what is no JSON object is refused as a whole', t => {
  for (const text of ['', 'NaN', '{"id":', '{"quantity":NaN}', '{\'id\':1}']) t.like(refusal(text), { field: '', value: text });
  t.regex(refusal('{"id":').message, /^message: is not JSON \(.+\), got "\{\\"id\\":"$/);
  t.deepEqual(['null', '[]', '5', '"count"', 'true'].map(text => refusal(text).field), Array(5).fill(''));
});

test('names: an empty, over-long or broken SKU is refused; an import is named by its place in the list', t => {
  t.deepEqual(['', 'x'.repeat(201), 'broken \ud800', 7, null].map(sku => refusal(JSON.stringify({ ...whole, sku })).field), Array(5).fill('sku'));
  t.is((parse({ ...whole, sku: 'x'.repeat(200) }) as { sku: string }).sku.length, 200);
  t.like(refusal(JSON.stringify({ ...whole, imported: ['a/1/1', 'b\udc00'] })), { field: 'imported.1', value: 'b\udc00' });
  t.like(refusal(JSON.stringify({ ...whole, imported: 'a/1/1' })), { field: 'imported', value: 'a/1/1' });
  t.is(refusal(JSON.stringify({ ...whole, id: '' })).field, 'id');
});

test('names: prototypes are no messages and lend no fields', t => {
  const { quantity: _quantity, ...without } = whole;
  t.is(refusal(raw('__proto__', '{"quantity":5}', without)).field, 'quantity');
  t.is(refusal(raw('constructor', '{"prototype":{"quantity":5}}', without)).field, 'quantity');
  t.is(({} as { quantity?: number }).quantity, undefined);
  t.is((parse({ ...whole, sku: '__proto__' }) as { sku: string }).sku, '__proto__');
});

test('names: SKUs that differ at all stay apart, from message to subject and back', t => {
  const skus = ['Ä', 'A\u0308', 'a', 'A', 'A ', ' A', 'A\n', 'A\0', 'A.B', 'A*', 'A>', 'A/B', 'A%20', 'A=20', '_epoch', '=5Fepoch', '__proto__', 'constructor', '\u200fA', '👟', 'ß', 'ss', '01', '1'];
  const heard = skus.map(sku => (parse({ ...whole, sku }) as { sku: string }).sku);
  const subjects = heard.map(skuSubject);
  t.deepEqual(subjects.map(subject => unescapeKey(subject.split('.')[2]!)), skus);
  t.is(new Set(subjects).size, skus.length);
  t.deepEqual(subjects.map(subject => subject.split('.').slice(0, 2)), skus.map(sku => ['sku', String(partitionOf(sku))]));
  t.deepEqual(subjects.filter(subject => !/^sku\.\d+\.[-/=\w]+$/.test(subject)), []);
});

test('what cannot be shown whole is shown by its beginning, however long or deep, and can be stored', t => {
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  const cases = [raw('quantity', deep), raw('sku', JSON.stringify('x'.repeat(1_000_000))), raw('quantity', JSON.stringify(Array(10_000).fill('yyyy'))), `{"id":"${'z'.repeat(1_000_000)}`];
  for (const text of cases) {
    const { message, value } = refusal(text);
    t.true(message.length < 400, `${message.length} characters`);
    t.true(JSON.stringify(value).length < 400);
  }
  t.is(refusal(raw('quantity', deep)).value, 'something nested too deep to be shown');
});

test('anything at all is either understood whole or refused by name', t => {
  const near = fc.record({
    id: fc.oneof(fc.string({ unit: 'binary' }), fc.constant('m')), sku: fc.oneof(fc.string({ unit: 'binary' }), fc.constant('A')), version: fc.oneof(fc.integer(), fc.double()),
    type: fc.constantFrom('count', 'adjust', 'reserve', 'toString'), quantity: fc.oneof(fc.integer(), fc.double(), fc.string()), delta: fc.oneof(fc.integer(), fc.double()),
    reserved: fc.oneof(fc.integer(), fc.constant(null)), imported: fc.oneof(fc.array(fc.string()), fc.anything()),
  }, { requiredKeys: [] });
  let understood = 0;
  t.notThrows(() => fc.assert(fc.property(fc.oneof(near.map(value => JSON.stringify(value)), fc.json(), fc.string({ unit: 'binary' })), text => {
    try {
      const { id, sku, fact } = parseNative('erp', text);
      understood += 1;
      if (fact.type !== 'stock.counted' && fact.type !== 'stock.adjusted' && fact.type !== 'stock.reserved') throw new TypeError(`nobody said ${fact.type}`);
      ok(id !== '' && sku !== '' && sku.isWellFormed() && Number.isSafeInteger(fact.position) && Number(fact.position) > 0);
      const figure = fact.type === 'stock.counted' ? fact.quantity : fact.delta;
      ok(Number.isSafeInteger(figure) && !Object.is(figure, -0));
      deepEqual(JSON.parse(JSON.stringify(fact)), fact);
    } catch (error) {
      ok(error instanceof MalformedError, String(error));
      ok(error.message.startsWith(error.field === '' ? 'message: ' : `${error.field}: `) && error.message.includes(', got '));
    }
  }), { numRuns: 20_000 }));
  t.true(understood > 20, `${understood} understood`);
});
