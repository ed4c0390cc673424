/** Mappings at work: forms, rows, lookups, positions, sums, and what becomes of everything that cannot be taken. */
import test from 'ava';
import { MappingError } from '../../../actors/sku/ingest/mapping.ts';
import { count, counting, form, mapping, nothing, told } from './mapped.ts';

const row = { sku: 'A', v: 1, q: 5 };
const monotone = { policy: { order: 'monotone' } };

test('one message of one row is one event, named for its place in the journal', async t => {
  t.deepEqual(await form({}).map({ text: JSON.stringify(row), seq: 7, at: 0 }), {
    events: [{ id: '7', sku: 'A', fact: { type: 'stock.counted', source: 'erp', position: 1, quantity: 5 } }], refusals: [], asks: [], ignored: {}, notes: [],
  });
});

test('good rows go on, each bad one is refused by itself with its place, field, value and expression', async t => {
  const { events, refusals } = await form({ each: 'rows' }).map({ text: JSON.stringify({ rows: [row, { ...row, sku: 'B', q: 'x' }, { ...row, sku: '' }, { ...row, sku: 'D' }] }), seq: 7, at: 0 });
  t.deepEqual(events.map(({ id, sku }) => [id, sku]), [['7:1', 'A'], ['7:4', 'D']]);
  t.deepEqual(refusals.map(({ error: { field, value, expression, class: kind }, row, raw }) => [row, kind, field, value, expression, raw]), [
    [2, 'malformed', 'quantity', 'x', 'q', { sku: 'B', v: 1, q: 'x' }],
    [3, 'malformed', 'sku', '', 'sku', { sku: '', v: 1, q: 5 }],
  ]);
});

test('every kind of event is read from its own fields, and what the row does not state stays unstated', async t => {
  const all = mapping({
    policy: { order: 'monotone' },
    forms: [{
      name: 'rows', each: 'rows', type: 'kind', id: 'no', sku: 'sku', location: { value: 'place', missing: 'unnamed' }, position: ['v'],
      quantity: 'q', reserved: 'r', delta: 'd', reason: 'why', imported: 'lines', importedThrough: 'through', countedAt: 'counted', parts: 'parts',
      account: 'account', line: 'line', units: 'units', createdAt: 'created', about: 'about',
    }],
  });
  const base = { no: 'n', sku: 'A', v: 3 };
  const sold = { account: 'amazon', line: 'amazon/1/1', units: 2 };
  const { events, asks, refused } = await told(all, { rows: [
    { ...base, kind: 'count', q: 5 },
    { ...base, kind: 'count', q: 5, r: 0, lines: 'amazon/1/1', through: 10, counted: 11, place: 'Z' },
    { ...base, kind: 'adjust', d: -2, why: 'lost' }, { ...base, kind: 'reserve', d: 2 }, { ...base, kind: 'kit', parts: { B: 2 } },
    { ...base, kind: 'placed', ...sold, created: 12 }, { ...base, kind: 'cancelled', ...sold }, { ...base, kind: 'shipped', ...sold }, { ...base, kind: 'returned', ...sold },
    { ...base, kind: 'ask', place: 'Z' }, { ...base, kind: 'drink' },
  ] });
  const stated = { source: 'erp', position: 3 };
  t.deepEqual(events.map(([, fact]) => fact), [
    count(3, 5), count(3, 5, { location: 'Z', reserved: 0, imported: ['amazon/1/1'], importedThrough: 10, countedAt: 11 }),
    { type: 'stock.adjusted', ...stated, delta: -2, reason: 'lost' }, { type: 'stock.reserved', ...stated, delta: 2 }, { type: 'kit.defined', ...stated, parts: { B: 2 } },
    { type: 'order.placed', ...sold, createdAt: 12 }, { type: 'order.cancelled', ...sold }, { type: 'order.shipped', ...sold }, { type: 'order.returned', ...sold },
  ]);
  t.deepEqual(asks, [{ key: 'A', sku: 'A', location: 'Z' }]);
  t.deepEqual(refused, ['11: type: is none of count, adjust, reserve, kit, placed, cancelled, shipped, returned, ask, got "drink" from kind']);
});

test('the first form that takes a message reads it; one that none takes is refused and names them', async t => {
  const two = mapping({ forms: [{ name: 'list', when: '$exists(rows)', each: 'rows', ...counting }, { name: 'single', when: 'single = true', ...counting }] });
  t.is((await told(two, { rows: [row] })).events.length, 1);
  t.is((await told(two, { ...row, single: true })).events.length, 1);
  t.regex((await told(form({ when: 'single' }), { ...row, single: 'yes' })).refused[0]!, /has none of the forms/);
  t.deepEqual(await told(two, { ...row, single: 'true' }), { ...nothing, refused: ['message: has none of the forms that test knows: list, single, got {"sku":"A","v":1,"q":5,"single":"true"}'] }, 'only true is true');
});

test('a message without rows is refused, unless its form says why that is right', async t => {
  t.deepEqual((await told(form({ each: 'rows' }), { rows: [] })).refused, ['each: gives no rows, got {"rows":[]} from rows']);
  t.deepEqual(await told(form({ each: 'rows', empty: 'heartbeat' }), {}), { ...nothing, ignored: { heartbeat: 1 } });
});

test('rows that say nothing about stock are counted by reason; rows that should have said a number are refused', async t => {
  const chosen = form({ each: 'rows', ignore: [{ when: 'kind = "service"', reason: 'a service' }, { when: 'odd', reason: 'no condition' }], refuse: [{ when: 'gone', reason: 'deleted' }] });
  t.deepEqual(await told(chosen, { rows: [{ kind: 'service' }, { kind: 'service' }, { ...row, gone: true }, { ...row, odd: 'yes' }] }), {
    ...nothing, events: [['A', count(1, 5)]], ignored: { 'a service': 2 }, refused: ['3: message: deleted, got {"sku":"A","v":1,"q":5,"gone":true} from gone'],
  });
});

test('names are looked up where a table is given; one that it does not hold is unmapped, or left out where that is declared', async t => {
  const rows = { rows: [{ ...row, sku: 17, at: 'W1' }, { ...row, sku: 18, at: 'W1' }, { ...row, sku: 17, at: 'W9' }, { ...row, sku: 'constructor', at: 'W1' }] };
  const fields = { each: 'rows', sku: { value: 'sku', table: 'skus' }, location: { value: 'at', table: 'places' } };
  const tables = { skus: { 17: 'A' }, places: { W1: 'main' } };
  const { refusals } = await form(fields, { tables }).map({ text: JSON.stringify(rows), seq: 7, at: 0 });
  t.deepEqual(refusals.map(({ error }) => [error.class, error.message]), [
    ['unmapped', 'sku: is not in the mapping\'s table, got 18 from sku'],
    ['unmapped', 'location: is not in the mapping\'s table, got "W9" from at'],
    ['unmapped', 'sku: is not in the mapping\'s table, got "constructor" from sku'],
  ]);
  const lenient = form({ ...fields, location: { value: 'at', table: 'places', unknown: 'ignore' } }, {}, { tables: { ...tables, skus: { 17: 'A', 18: 'B', constructor: 'C' } } });
  t.deepEqual(await told(lenient, rows), { ...nothing, events: [['A', count(1, 5, { location: 'main' })], ['B', count(1, 5, { location: 'main' })], ['C', count(1, 5, { location: 'main' })]], ignored: { 'unknown location': 1 } });
  t.deepEqual(await told(form({ ...fields, sku: { value: 'sku', table: 'skus', unknown: 'ignore' } }, { tables }, { tables: { skus: { 18: 'B' } } }), rows), {
    ...nothing, events: [['B', count(1, 5, { location: 'main' })]], ignored: { 'unknown SKU': 3 },
  }, 'a table of the configuration takes the place of the mapping\'s');
  t.deepEqual((await told(form(fields), { rows: [{ ...row, at: 'W9' }] })).events, [['A', count(1, 5, { location: 'W9' })]], 'without a table names stand as they are');
});

test('a row without its location is refused: which one is meant would be a guess', async t => {
  const at = { location: 'at' };
  for (const place of [null, '']) t.deepEqual((await told(form(at), { ...row, at: place })).refused, [`1: location: is missing: which location is meant would be a guess, got nothing from at`]);
  t.deepEqual((await told(form(at), { ...row, at: 3 })).refused, ['1: location: is no text, got 3 from at']);
  t.deepEqual((await told(form({ location: { value: 'at', missing: 'unnamed' } }), row)).events, [['A', count(1, 5)]]);
});

test('SKUs are folded and trimmed only where the mapping says that the system does not tell them apart', async t => {
  const read = async (sku: string, options: object): Promise<unknown> => (await told(form({ sku: { value: 'sku', ...options } }), { ...row, sku })).events[0]?.[0];
  t.deepEqual([await read(' 15056BL ', {}), await read(' 15056BL ', { trim: true, case: 'lower' }), await read('é1', { case: 'upper' })], [' 15056BL ', '15056bl', 'É1']);
});

test('a position of parts is refused when one is missing: the shorter one would be another place', async t => {
  const parts = form({ position: ['file', 'pos'] }, monotone);
  t.deepEqual((await told(parts, { ...row, file: 3, pos: 154 })).events, [['A', count([3, 154], 5)]]);
  t.deepEqual((await told(parts, { ...row, file: 3 })).refused, ['1: position: is missing: whether it is newer than what is known would be a guess, got nothing from pos']);
});

test('a version written as text is refused, since 10 would come before 9; a text that is no number is a version', async t => {
  for (const v of ['10', ' 9', '-1', '1.5']) t.regex((await told(form({}, monotone), { ...row, v })).refused[0]!, /^1: position: is a number written as text, which does not compare as a number \(\$number reads it\), got /);
  t.deepEqual((await told(form({}, monotone), { ...row, v: '2026-W01' })).events, [['A', count(['2026-W01'], 5)]]);
  t.deepEqual((await told(form({ position: ['v', 'no'] }, monotone), { ...row, no: '10' })).events, [['A', count([1, '10'], 5)]], 'what only tells apart may look as it likes');
});

test('a source that counts from 1 without gaps has no other positions', async t => {
  for (const v of [0, [1, 2], '1', 1.5]) t.regex((await told(form({}), { ...row, v })).refused[0]!, /^1: position: /);
  t.deepEqual((await told(form({}, monotone), { ...row, v: 0 })).events, [['A', count(0, 5)]]);
  t.throws(() => form({ position: { value: 'v', tie: 'lowest' } }), { instanceOf: MappingError, message: /a sequence has no ties/ });
});

test('of counts that the source\'s clock cannot tell apart the smallest has the last position', async t => {
  const tied = form({ position: { value: 'v', tie: 'lowest' } }, monotone);
  t.deepEqual((await told(tied, { ...row, q: 0 })).events, [['A', count([1, 0], 0)]]);
  t.deepEqual((await told(tied, row)).events, [['A', count([1, -5], 5)]]);
  t.deepEqual((await told(form({ position: { value: 'v', tie: 'arrival' } }, monotone), row)).events, [['A', count([1, 7], 5)]]);
});

test('rows that add up are one count: units and reservations summed, at the newest position, as old as the oldest', async t => {
  const lots = form({ each: 'rows', combine: 'sum', location: 'at', reserved: 'r', countedAt: 'c', position: { value: 'v', tie: 'lowest' } }, monotone);
  const { events } = await told(lots, { rows: [
    { ...row, at: 'Z', r: 1, c: 20 }, { ...row, sku: 'B', at: 'Z', q: -1, c: 1 }, { ...row, at: 'Z', r: 2, v: 3, q: 2, c: 10 }, { ...row, at: 'Y' }, { ...row, sku: 'B', at: 'Z', q: -1 },
  ] });
  t.deepEqual(events, [
    ['A', count([3, -7], 7, { location: 'Z', reserved: 3, countedAt: 10 })],
    ['B', count([1, 2], -2, { location: 'Z' })],
    ['A', count([1, -5], 5, { location: 'Y' })],
  ]);
});

test('a sum that lacks a row is refused whole, and no other sum with it', async t => {
  const lots = form({ each: 'rows', combine: 'sum', location: 'at' });
  const { events, refused } = await told(lots, { rows: [{ ...row, at: 'Z' }, { ...row, at: 'Z', q: 0.5 }, { ...row, at: 'Y' }, { ...row, sku: 'B', at: 'Z' }, { ...row, sku: 'B', at: null }] });
  t.deepEqual(events, [['A', count(1, 5, { location: 'Y' })]]);
  t.deepEqual(refused, [
    '2: quantity: is no whole number of units, got 0.5 from q',
    '5: location: is missing: which location is meant would be a guess, got nothing from at',
    '1: quantity: cannot be summed: row 2 of A is refused (quantity), got nothing',
    '4: quantity: cannot be summed: row 5 of B is refused (location), got nothing',
  ]);
  const placed = form({ each: 'rows', combine: 'sum', location: { value: 'at', table: 'places' } }, { tables: { places: { Z: 'main' } } });
  t.deepEqual((await told(placed, { rows: [{ ...row, at: 'Z' }, { ...row, at: 'W9' }, { ...row, at: 'Z' }] })).events, [['A', count(1, 10, { location: 'main' })]], 'a location that no table holds is another one');
  t.deepEqual((await told(lots, { rows: [{ ...row, at: 'Z', q: 600_000_000 }, { ...row, at: 'Z', q: 600_000_000 }] })).refused, ['1: quantity: is more than 1000000000, got 1200000000']);
});

test('a sum of a CSV of which one line cannot be read is refused: it might be the line that is missing', async t => {
  const { events, refused } = await told(form({ combine: 'sum', position: '$message.seq' }, { decode: 'csv', numbers: { text: true } }), 'sku,q\nA,1\nA,1,1\n');
  t.deepEqual(events, []);
  t.regex(refused[0]!, /a sum of the other rows might lack it/);
});

test('rows that repeat one statement are one event; rows that contradict it are none', async t => {
  const repeated = form({ each: 'rows', combine: 'same' });
  t.deepEqual(await told(repeated, { rows: [row, row, { ...row, sku: 'B' }, { ...row, sku: 'B', q: 6 }] }), {
    ...nothing, events: [['A', count(1, 5)]], refused: ['3: quantity: differs between rows 3 and 4, which should repeat one statement, got 6'],
  });
  t.deepEqual((await told(form({ each: 'rows', combine: 'last' }), { rows: [row, { ...row, v: 2, q: 6 }] })).events, [['A', count(2, 6)]]);
});

test('a message of another content type, or that the mapping does not accept, is refused as a whole', async t => {
  const choosy = form({}, { accepts: { contentTypes: ['application/json'], when: 'q != 13' } });
  t.deepEqual((await told(choosy, row, { contentType: 'application/json; charset=utf-8' })).events.length, 1);
  t.deepEqual((await told(choosy, row, { contentType: 'text/html' })).refused, ['Content-Type: is none of application/json, got "text/html"']);
  t.deepEqual((await told(choosy, { ...row, q: 13 })).refused, ['message: is not what this mapping accepts, got {"sku":"A","v":1,"q":13} from q != 13']);
});

test('what the door knows is there for expressions, and parameters are the source\'s own', async t => {
  const asked = form({ position: '$message.position', sku: '$lookup($, $params.column)' }, { params: { column: 'sku' }, ...monotone }, { params: { column: 'code' } });
  t.deepEqual((await told(asked, { ...row, code: 'C' }, { position: '[12,-1]' })).events, [['C', count([12, -1], 5)]]);
  t.throws(() => form({}, { params: { column: 'sku' } }, { params: { colum: 'x' } }), { instanceOf: MappingError, message: 'colum is no parameter of test, which has column' });
});

test('a mapping that lacks what its kind needs, or a table, is refused before any message', t => {
  t.throws(() => form({ quantity: undefined }), { instanceOf: MappingError, message: 'a count needs quantity' });
  t.throws(() => mapping({ forms: [{ name: 'x', type: 'placed', sku: 'sku', account: 'a', line: 'l', units: 'u' }] }), { message: 'a placed needs createdAt' });
  t.throws(() => form({ sku: { value: 'id', table: 'skus', required: true } }), { instanceOf: MappingError, message: 'the table skus is needed and given by neither the mapping nor the source\'s configuration' });
  const error = t.throws(() => form({ quantity: '$sum(' }), { instanceOf: MappingError });
  t.deepEqual(error.path, ['forms', 0, 'quantity']);
});

test('an ask that does not say what to ask for is refused', async t => {
  const asking = mapping({ forms: [{ name: 'changed', type: 'ask', about: 'resource' }] });
  t.deepEqual((await told(asking, { resource: 'items(7)' })).asks, [{ key: 'items(7)' }]);
  t.deepEqual((await told(asking, {})).refused, ['1: about: does not say what to ask for, got nothing from resource']);
});

test('a message of many rows lets others work in between', async t => {
  let pauses = 0;
  const { events } = await form({ each: 'rows' }).map({ text: JSON.stringify({ rows: Array(1_000).fill(row) }), seq: 7, at: 0 }, async () => { pauses += 1; });
  t.deepEqual([events.length, pauses], [1_000, 4]);
});
