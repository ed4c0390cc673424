/** Debezium's samples of PostgreSQL and MySQL, with and without schema and flattened, through the mappings that come along. */
import test from 'ava';
import { count, mapped, nothing, sample } from './erp-samples.ts';

/** The sample's table has no stock; its weights are fractions except that of item 106, which is 1. */
const weights = { params: { table: 'products', sku: 'id', quantity: 'weight' } };
const lines = (path: string): string[] => sample(path).split('\n').filter(line => line !== '');
const postgres = lines('debezium-postgres/products-default-replica-identity.jsonl');
const mysql = lines('debezium-mysql/products-schemaless.jsonl');
const fraction = (weight: string): string => `1: quantity: is no whole number of units, got ${weight} from op = "d" ? 0 : $lookup(after, $params.quantity)`;

test('PostgreSQL: each row is counted at the log position of its change, and a fraction of a unit is refused', async t => {
  const outcomes = await Promise.all(postgres.map(line => mapped('debezium-postgres', line, weights)));
  t.deepEqual(outcomes, [
    ...['3.14', '8.1', '0.8', '0.75', '0.875'].map(weight => ({ ...nothing, refused: [fraction(weight)] })),
    { ...nothing, events: [count('7', '106', 34078720, 1, { countedAt: 1596001099436 })] },
    ...['5.3', '0.1', '22.2'].map(weight => ({ ...nothing, refused: [fraction(weight)] })),
    { ...nothing, events: [count('7', '106', 34131104, 1, { countedAt: 1596010889629 })] },
    ...['5.1', '0.2', '5.18', '0.5', '5.17'].map(weight => ({ ...nothing, refused: [fraction(weight)] })),
    { ...nothing, refused: [outcomes.at(-1)!.refused[0]!] },
  ]);
});

test('PostgreSQL: a deleted row is no number; where it means zero and the key is not told, the SKU is missing', async t => {
  t.regex((await mapped('debezium-postgres', postgres.at(-1)!, weights)).refused[0]!, /^1: message: the row was deleted, which is no number, got .* from op = "d" and \$params\.deleted != "zero"$/);
  t.deepEqual((await mapped('debezium-postgres', postgres.at(-1)!, { params: { ...weights.params, deleted: 'zero' } })).refused,
    ['1: sku: is missing, got nothing from $string($lookup(op = "d" ? before : after, $params.sku))']);
  const told = postgres.at(-1)!.replace('"before":null', '"before":{"id":111}');
  t.deepEqual((await mapped('debezium-postgres', told, { params: { ...weights.params, deleted: 'zero' } })).events, [count('7', '111', 34133800, 0, { countedAt: 1596010988168 })]);
});

test('PostgreSQL: a whole file of lines is one message of as many rows, and another table says nothing', async t => {
  const file = await mapped('debezium-postgres', postgres.join('\n'), weights, { contentType: 'application/x-ndjson' });
  t.deepEqual(file.events, [count('7:6', '106', 34078720, 1, { countedAt: 1596001099436 }), count('7:10', '106', 34131104, 1, { countedAt: 1596010889629 })]);
  t.is(file.refused.length, 14);
  t.deepEqual(await mapped('debezium-postgres', postgres.join('\n'), { params: { ...weights.params, table: 'stock' } }, { contentType: 'application/x-ndjson' }), { ...nothing, ignored: { 'another table': 16 } });
});

test('PostgreSQL: a column that is missing or null is never zero', async t => {
  const [line] = postgres as [string];
  t.deepEqual((await mapped('debezium-postgres', line)).refused, ['1: sku: is missing, got nothing from $string($lookup(op = "d" ? before : after, $params.sku))']);
  const stock = (columns: string): string => line.replace(/"after":\{.*?\}/, `"after":{"sku":"A",${columns}}`);
  const settings = { params: { quantity: 'qty', reserved: 'held', location: 'site' } };
  const counted = { reserved: 2, location: 'X', countedAt: 1596001099434 };
  t.deepEqual((await mapped('debezium-postgres', stock('"qty":"12.00","held":2,"site":"X"'), settings)).events, [count('7', 'A', 34078720, 12, counted)]);
  t.regex((await mapped('debezium-postgres', stock('"qty":null,"held":2,"site":"X"'), settings)).refused[0]!, /^1: quantity: is missing, and missing is never zero, got null/);
  t.regex((await mapped('debezium-postgres', stock('"qty":1,"held":null,"site":"X"'), settings)).refused[0]!, /^1: message: the column that params\.reserved names is empty/);
  for (const site of ['', ',"site":null', ',"site":""']) t.regex((await mapped('debezium-postgres', stock(`"qty":1,"held":2${site}`), settings)).refused[0]!, /^1: message: the column that params\.location names is empty/);
});

test('PostgreSQL: a row that gets another SKU or location is gone under the old one', async t => {
  const moved = (before: object, after: object): string => JSON.stringify({ ...JSON.parse(postgres[9]!) as object, before, after });
  const settings = { params: { sku: 'sku', quantity: 'qty', location: 'site', deleted: 'zero' } };
  const place = { countedAt: 1596010889629 };
  const renamed = moved({ sku: 'OLD', site: 'X' }, { sku: 'NEW', site: 'X', qty: 4 });
  t.deepEqual((await mapped('debezium-postgres', renamed, settings)).events, [count('7:1', 'OLD', 34131104, 0, { location: 'X', ...place }), count('7:2', 'NEW', 34131104, 4, { location: 'X', ...place })]);
  t.deepEqual((await mapped('debezium-postgres', moved({ sku: 'A', site: 'X' }, { sku: 'A', site: 'Y', qty: 4 }), settings)).events, [count('7:1', 'A', 34131104, 0, { location: 'X', ...place }), count('7:2', 'A', 34131104, 4, { location: 'Y', ...place })]);
  const asTask = await mapped('debezium-postgres', renamed, { params: { ...settings.params, deleted: 'refuse' } });
  t.deepEqual([asTask.events, asTask.refused.map(told => told.replace(/, got .*/, ''))], [[count('7:2', 'NEW', 34131104, 4, { location: 'X', ...place })], ['1: message: the row was deleted, which is no number']]);
  t.is((await mapped('debezium-postgres', moved({ sku: 'A', site: 'X', qty: 5 }, { sku: 'A', site: 'X', qty: 4 }), settings)).events.length, 1);
});

test('PostgreSQL: a change as Plumb\'s own door tells it stands where its header says', async t => {
  const change = { op: 'u', before: null, after: { sku: '85123A', qty: 119 }, source: { connector: 'postgresql', name: 'erp', db: 'erp', schema: 'public', table: 'stock', txId: 771, lsn: 26823080, index: 0, ts_ms: 1767600000123, snapshot: false } };
  const settings = { params: { table: 'stock', quantity: 'qty', deleted: 'zero' } };
  const door = { position: '[26823080,0]', door: 'cdc', contentType: 'application/json' };
  t.deepEqual((await mapped('debezium-postgres', JSON.stringify(change), settings, door)).events, [count('7', '85123A', [26823080, 0], 119, { countedAt: 1767600000123 })]);
  const gone = { ...change, op: 'd', before: { sku: '85123A' }, after: null };
  t.deepEqual((await mapped('debezium-postgres', JSON.stringify(gone), settings, { ...door, position: '[26823090,1]' })).events, [count('7', '85123A', [26823090, 1], 0, { countedAt: 1767600000123 })]);
  t.regex((await mapped('debezium-postgres', JSON.stringify({ ...change, op: 't', after: null }), settings, door)).refused[0]!, /the table was emptied, which is no number/);
});

test('PostgreSQL: the position that the door tells outranks the one in the message', async t => {
  const { events } = await mapped('debezium-postgres', postgres[5]!, weights, { position: '[34078720,-1]', door: 'cdc' });
  t.deepEqual(events, [count('7', '106', [34078720, -1], 1, { countedAt: 1596001099436 })]);
});

test('MySQL: each row is counted at its place in the binlog; a snapshot of version 1.1 has no time of its own', async t => {
  const outcomes = await Promise.all(mysql.map(line => mapped('debezium-mysql', line, weights)));
  t.deepEqual(outcomes.flatMap(({ events }) => events), [count('7', '106', [3, 154, 0], 1), count('7', '106', [3, 362, 0], 1, { countedAt: 1589361987000 })]);
  t.deepEqual(outcomes.filter(({ events }) => events.length === 0).map(({ refused }) => refused.map(told => told.replace(/, got .*/, ''))), [
    ...Array(13).fill(['1: quantity: is no whole number of units']), ['1: message: the row was deleted, which is no number'],
  ]);
  t.deepEqual((await mapped('debezium-mysql', mysql.at(-1)!, { params: { ...weights.params, deleted: 'zero' } })).events, [count('7', '111', [3, 2443, 0], 0, { countedAt: 1589362344000 })]);
});

test('MySQL: a float column that was widened is the whole unit that it means', async t => {
  const widened = mysql[5]!.replace('"weight":1}', '"weight":4.999999904632568}');
  t.deepEqual((await mapped('debezium-mysql', widened, weights)).events, [count('7', '106', [3, 154, 0], 5)]);
});

test('MySQL: with its schema an event lies under payload; a snapshot of version 2.7 is a read', async t => {
  const orders = { params: { table: 'orders', sku: 'product_id' } };
  t.deepEqual(await mapped('debezium-mysql', sample('debezium-mysql/orders-snapshot-with-schema.json'), orders), { ...nothing, events: [count('7', '107', [3, 824, 0], 1, { countedAt: 1718461481000 })] });
  t.deepEqual(await mapped('debezium-mysql', sample('debezium-mysql/products-with-schema.jsonl'), weights), { ...nothing, refused: [fraction('3.140000104904175')] });
});

test('MySQL: a flattened event has its columns beside the marks of its origin, and "false" is not true', async t => {
  const flat = sample('debezium-mysql/orders-unwrapped-with-schema.json');
  const orders = { params: { table: 'orders', sku: 'product_id' } };
  t.deepEqual(await mapped('debezium-mysql', flat, orders), { ...nothing, events: [count('7', '106', 33832960, 2, { countedAt: 1596309876678 })] });
  const deleted = flat.replace('"__deleted": "false"', '"__deleted": "true"');
  t.regex((await mapped('debezium-mysql', deleted, orders)).refused[0]!, /^1: message: the row was deleted/);
  t.deepEqual((await mapped('debezium-mysql', deleted, { params: { ...orders.params, deleted: 'zero' } })).events, [count('7', '106', 33832960, 0, { countedAt: 1596309876678 })]);
});
