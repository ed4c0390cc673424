/** CSV files row by row: what is odd costs its own row. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import fc from 'fast-check';
import { rowsOf } from '../../deploy/doors/files/csv.ts';
import type { CsvRow, CsvShape } from '../../deploy/doors/files/csv.ts';
import { linesOf } from '../../deploy/doors/files/lines.ts';

async function read(t: ExecutionContext, bytes: string | Uint8Array, shape: Partial<CsvShape> & { encoding?: string } = {}): Promise<CsvRow[]> {
  const folder = await mkdtemp(join(tmpdir(), 'plumb-csv-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'a.csv'), bytes);
  return Array.fromAsync(rowsOf(linesOf(join(folder, 'a.csv'), shape.encoding ?? 'utf-8'), { delimiter: ',', ...shape }));
}

const short = (rows: readonly CsvRow[]): unknown[] => rows.map(row => ('value' in row ? [row.line, ...Object.values(row.value)] : [row.line, row.reason]));

test('a row is an object of the header\'s names; byte order mark, line ends, empty lines and quoted breaks are no trouble', async t => {
  const rows = await read(t, '\uFEFFsku, qty \r\nA,1\r\n\r\n"B\r\n""x"", y",2\n  \n É ,\n__proto__,3');
  t.deepEqual(rows, [
    { line: 2, raw: 'A,1', value: { sku: 'A', qty: '1' } },
    { line: 4, raw: '"B\r\n""x"", y",2', value: { sku: 'B\r\n"x", y', qty: '2' } },
    { line: 7, raw: ' É ,', value: { sku: ' É ', qty: '' } },
    { line: 8, raw: '__proto__,3', value: { sku: '__proto__', qty: '3' } },
  ]);
  t.deepEqual((await read(t, '__proto__,b\n1,2'))[0], { line: 2, raw: '1,2', value: Object.fromEntries([['__proto__', '1'], ['b', '2']]) });
});

test('other delimiters, encodings and files without a header are read as told', async t => {
  t.deepEqual(short(await read(t, 'a;b\n1,5;2', { delimiter: ';' })), [[2, '1,5', '2']]);
  t.deepEqual(short(await read(t, 'a\tb\n1\t2', { delimiter: '\t' })), [[2, '1', '2']]);
  t.deepEqual(short(await read(t, Buffer.from('sku,q\nM\xfcll\xe9r,1', 'latin1'), { encoding: 'latin1' })), [[2, 'Müllér', '1']]);
  t.deepEqual(short(await read(t, Buffer.from('\uFEFFsku,q\nÜ,1', 'utf16le'), { encoding: 'utf-16le' })), [[2, 'Ü', '1']]);
  t.deepEqual(await read(t, 'A,1', { columns: ['sku', 'q'] }), [{ line: 1, raw: 'A,1', value: { sku: 'A', q: '1' } }]);
});

test('a row that cannot be read is told with its line and reason, and the rows around it are read', async t => {
  const wide = 'x'.repeat(300_000);
  t.deepEqual(short(await read(t, `sku,q\nA,1\nB\nC,1,2\n"D"x,1\nE"e,1\nF,2\n${wide},1\nG,3\n"H,4`)), [
    [2, 'A', '1'],
    [3, 'has 1 fields where the header has 2'],
    [4, 'has 3 fields where the header has 2'],
    [5, 'cannot be read (Invalid Closing Quote: got "x")'],
    [6, 'opens a quote that is not closed'],
    [7, 'F', '2'],
    [8, 'is longer than 262144 characters'],
    [9, 'G', '3'],
    [10, 'opens a quote that is not closed'],
  ]);
  t.deepEqual(short(await read(t, 'sku,q\n5" pipe,1\nA,2\n6" pipe,3\nB,4')), [[2, 'opens a quote that is not closed'], [3, 'A', '2'], [4, 'opens a quote that is not closed'], [5, 'B', '4']]);
  const many = Array.from({ length: 300 }, (_, n) => `s${n},${n}`);
  const rows = short(await read(t, ['sku,q', '"lost,1', ...many].join('\n')));
  t.deepEqual(rows[0], [2, 'opens a quote that is not closed within 100 lines']);
  t.deepEqual(rows.slice(1), many.map((_, n) => [n + 3, `s${n}`, String(n)]));
  t.deepEqual(short(await read(t, Buffer.from('sku,q\nM\xfcller,1\nB,2', 'latin1'))), [[2, 'has bytes that are no text in this encoding (try --encoding latin1)'], [3, 'B', '2']]);
});

test('a file whose header is none is refused as a whole, naming what is wrong', async t => {
  const refusal = async (text: string): Promise<string> => (await t.throwsAsync(read(t, text), { name: 'CsvError' }))!.message;
  t.is(await refusal(''), 'the file is empty');
  t.is(await refusal('\n \n'), 'the file is empty');
  t.is(await refusal('a,,b\n1,2,3'), 'column 2 has no name: the header is "a,,b"');
  t.is(await refusal('a,b,a \n1,2,3'), 'column "a" is there twice: the header is "a,b,a"');
  t.is(await refusal('sku;qty\nA;1'), 'there is only one column: the header is "sku;qty". Give --delimiter ";" if that separates them');
  t.is(await refusal('sku\tqty\nA\t1'), 'there is only one column: the header is "sku\\tqty". Give --delimiter tab if that separates them');
  t.is(await refusal('"a,b\n1,2'), 'line 1: the header opens a quote that is not closed');
});

test('whatever is written by the rules of CSV is read back', async t => {
  const field = fc.string({ unit: 'grapheme', maxLength: 12 }).map(text => text.replaceAll(/[\uFFFD\0\uFEFF]/g, '').toWellFormed()).filter(text => !text.includes('\uFFFD'));
  const written = (text: string): string => (/["\n\r,]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  await fc.assert(fc.asyncProperty(fc.array(fc.tuple(field, field), { minLength: 1, maxLength: 20 }), async rows => {
    const kept = rows.filter(row => row.some(text => text.trim() !== ''));
    const read_ = await read(t, `h1,h2\n${kept.map(row => row.map(written).join(',')).join('\n')}`);
    t.deepEqual(read_.map(row => ('value' in row ? [row.value['h1'], row.value['h2']] : row.reason)), kept);
  }), { numRuns: 150 });
});
