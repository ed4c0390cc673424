/** `plumb source` as a person tries it: run for real, judged by exit code and output. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { mappingNames } from '../../../config/sources.ts';

const launcher = fileURLToPath(new URL('../../../deploy/cli/plumb.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'plumb-source-'));
test.after.always(() => rmSync(folder, { recursive: true, force: true }));

const product = { sku: 'W-1 ', manage_stock: true, stock_quantity: 3, date_modified_gmt: '2017-03-23T20:01:14' };
writeFileSync(join(folder, 'product.json'), JSON.stringify(product));
writeFileSync(join(folder, 'broken.json'), JSON.stringify({ ...product, stock_quantity: 2.5 }));
writeFileSync(join(folder, 'stock.csv'), 'Artikel,Bestand\nA,12\nB,\n');
writeFileSync(join(folder, 'levels.json'), JSON.stringify({ inventory_item_id: 7, location_id: 1, available: 4, updated_at: '2020-04-06T10:51:36-04:00' }));
writeFileSync(join(folder, 'skus.csv'), '7,IPOD\n');
writeFileSync(join(folder, 'plumb.yaml'), 'node: { id: n }\nsources:\n  - { source: shop, mapping: shopify, tables: { skus: skus.csv } }\n  - { source: erp }\n');
writeFileSync(join(folder, 'wrong.yaml'), 'forms:\n  - { name: only, type: count, sku: sku, position: v, quantity: $sum( }\n');

function plumb(args: readonly string[], stdin = ''): Promise<{ code: number | null; out: string[]; err: string }> {
  const child = spawn(process.execPath, [launcher, 'source', ...args], { cwd: folder });
  const [out, err] = [child.stdout, child.stderr].map(stream => { const parts: string[] = []; stream.setEncoding('utf8').on('data', (text: string) => parts.push(text)); return parts; }) as [string[], string[]];
  child.stdin.end(stdin);
  return new Promise(resolve => child.on('close', code => resolve({ code, out: out.join('').trimEnd().split('\n'), err: err.join('').trim() })));
}

// A process each, so one after the other.
test.serial('what is understood is shown as a table, spaces at the ends of a SKU included, and exits 0', async t => {
  t.deepEqual(await plumb(['test', 'woocommerce', 'product.json']), {
    code: 0, err: '', out: [
      'product.json: 1 event',
      '  SKU     location  position          says',
      '  "W-1 "            1490299274000.-3  there are 3, counted 2017-03-23T20:01:14.000Z',
    ],
  });
});

test.serial('what is refused is told with field, value and expression, and exits 1; the rest is shown', async t => {
  t.deepEqual(await plumb(['test', 'woocommerce', 'broken.json', 'product.json', '--json']), {
    code: 1, err: 'plumb: 1 of what was read is refused', out: [
      JSON.stringify({ file: 'broken.json', events: [], asks: [], ignored: {}, notes: [], refusals: [{ row: 1, class: 'malformed', field: 'quantity', value: 2.5, expression: 'stock_quantity', message: 'quantity: is no whole number of units, got 2.5 from stock_quantity' }] }),
      JSON.stringify({ file: 'product.json', events: [{ id: '2', sku: 'W-1 ', fact: { type: 'stock.counted', source: 'test', position: [1490299274000, -3], quantity: 3, countedAt: 1490299274000 } }], asks: [], ignored: {}, notes: [], refusals: [] }),
    ],
  });
  t.deepEqual(await plumb(['test', 'csv', 'stock.csv', '-p', 'sku=Artikel', '-p', 'quantity=Bestand', '--position', '[5]']), {
    code: 1, err: 'plumb: 1 of what was read is refused', out: [
      'stock.csv: 1 event, 1 refused',
      '  SKU  location  position  says',
      '  A              5         there are 12',
      '  refused, row 2: quantity: is missing, and missing is never zero, got "" from $lookup($, $params.quantity)',
    ],
  });
});

test.serial('a source of a configuration is tried with its own parameters and tables; Plumb\'s own format like any other', async t => {
  t.deepEqual((await plumb(['test', 'shop', 'levels.json', '--config', 'plumb.yaml'])).out[2], '  IPOD  1         1586184696000.-4  there are 4, counted 2020-04-06T14:51:36.000Z');
  const native = await plumb(['test', 'erp', '-', '--config', 'plumb.yaml'], '{"id":"e","sku":"A","type":"adjust","version":2,"delta":-3}');
  t.deepEqual([native.code, native.out], [0, ['-: 1 event', '  SKU  location  position  says', '  A              2         -3']]);
});

test.serial('a mapping, table or file that cannot be used is named, and exits 2', async t => {
  const wrong = await Promise.all([['test', 'wrong.yaml', 'product.json'], ['test', 'shopify', 'levels.json', '-t', 'skus=none.csv'], ['test', 'csv', 'none.csv'], ['test', 'shop', 'levels.json', '-c', 'none.yaml'], ['test', 'x', 'levels.json', '-c', 'plumb.yaml'], ['test', 'csv', 'stock.csv', '-p', 'sku']].map(args => plumb(args)));
  t.deepEqual(wrong.map(({ code }) => code), [2, 2, 2, 2, 2, 2]);
  t.deepEqual(wrong.slice(0, 5).map(({ err }) => err), [
    'plumb: wrong.yaml:2: forms.0.quantity: Expected ")" before end of expression (at character 5 of $sum()',
    'plumb: none.csv: cannot be read (ENOENT)',
    'plumb: none.csv: cannot be read (ENOENT)',
    'plumb: none.yaml: cannot be read (ENOENT)',
    'plumb: plumb.yaml has no source x, but shop, erp',
  ]);
  t.regex(wrong[5]!.err, /name=value is wanted/);
});

test.serial('every mapping that comes along is listed with what it reads and the parameters it takes', async t => {
  const { code, out } = await plumb(['list', '--json']);
  const listed = JSON.parse(out[0]!) as { name: string; about: string; params: string[] }[];
  t.deepEqual([code, listed.map(({ name }) => name)], [0, mappingNames()]);
  t.deepEqual(listed.filter(({ about }) => about === ''), []);
  t.deepEqual(listed.find(({ name }) => name === 'csv')?.params, ['sku', 'quantity', 'reserved', 'location']);
});
