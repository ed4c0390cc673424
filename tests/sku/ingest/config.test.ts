/** Sources in a node's configuration: mappings, their parameters and tables, and promises that outrank theirs. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { ConfigError, loadConfig } from '../../../config/file.ts';

const folder = mkdtempSync(join(tmpdir(), 'plumb-sources-'));
test.after.always(() => rmSync(folder, { recursive: true, force: true }));
mkdirSync(join(folder, 'tables'));
writeFileSync(join(folder, 'tables/skus.csv'), '808950810,IPOD2008PINK\n39072856,"A ""B"""\n');
writeFileSync(join(folder, 'tables/skus.yaml'), '808950810: IPOD2008PINK\n');
writeFileSync(join(folder, 'tables/odd.csv'), '1,A\n2\n');
writeFileSync(join(folder, 'tables/twice.csv'), '1,A\n1,B\n');
writeFileSync(join(folder, 'own.yaml'), 'forms:\n  - { name: only, type: count, sku: sku, position: v, quantity: q }\n');

const sources = (...lines: string[]): unknown => {
  const file = join(folder, 'plumb.yaml');
  writeFileSync(file, `node: { id: n }\nsources:\n${lines.map(line => `  - ${line}\n`).join('')}`);
  try {
    return loadConfig(file).sources;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.message.replaceAll(`${folder}/`, '');
  }
};
const plain = { source: 'erp', format: 'plumb', order: 'sequence', inOrder: false, floor: false, ordersIn: 'named' };

test('a source without a mapping speaks Plumb\'s own format and promises a sequence', t => {
  t.deepEqual(sources('{ source: erp }'), [plain]);
  t.deepEqual(sources('{ source: erp, inOrder: true, floor: true, ordersIn: { lagMs: 5 } }'), [{ ...plain, inOrder: true, floor: true, ordersIn: { lagMs: 5 } }]);
});

test('a mapping\'s promises are its source\'s, unless the configuration says otherwise', t => {
  const shop = { ...plain, source: 'shop', order: 'monotone', ordersIn: { lagMs: 900_000 }, mapping: 'woocommerce', params: {}, tables: {} };
  t.deepEqual(sources('{ source: shop, mapping: woocommerce }', '{ source: shop, mapping: woocommerce, ordersIn: always, floor: true }'), [shop, { ...shop, ordersIn: 'always', floor: true }]);
});

test('tables are written out, or lie in files beside the configuration, like mappings of one\'s own', t => {
  const table = { 808950810: 'IPOD2008PINK' };
  const read = sources('{ source: a, mapping: shopify, tables: { skus: tables/skus.csv } }', '{ source: b, mapping: shopify, tables: { skus: ./tables/skus.yaml } }', '{ source: c, mapping: shopify, tables: { skus: { "808950810": IPOD2008PINK } } }', '{ source: d, mapping: ./own.yaml }') as { tables: { skus: unknown }; mapping: string; order: string }[];
  t.deepEqual(read.map(({ tables }) => tables.skus), [{ ...table, 39072856: 'A "B"' }, table, table, undefined]);
  t.deepEqual([read[3]!.mapping, read[3]!.order], [join(folder, 'own.yaml'), 'sequence']);
});

test('what is wrong is told with file, line and key', t => {
  t.regex(String(sources('{ source: a, mapping: shopfy }')), /^plumb\.yaml:3: sources\.0\.mapping: shopfy: is neither a mapping that comes along \(.*\) nor a file$/);
  t.is(sources('{ source: a }', '{ source: b, mapping: ./none.yaml }'), 'plumb.yaml:4: sources.1.mapping: none.yaml: cannot be read (ENOENT)');
  t.is(sources('{ source: a, mapping: shopify }'), 'plumb.yaml:3: sources.0.mapping: shopify:18: forms.0.sku.table: the table skus is needed and given by neither the mapping nor the source\'s configuration');
  t.is(sources('{ source: a, mapping: csv, params: { skuu: x } }'), 'plumb.yaml:3: sources.0.mapping: skuu is no parameter of csv, which has sku, quantity, reserved, location');
  t.is(sources('{ source: a, mapping: shopify, tables: { skus: tables/none.csv } }'), 'plumb.yaml:3: sources.0.tables.skus: tables/none.csv: cannot be read (ENOENT)');
  t.is(sources('{ source: a, mapping: shopify, tables: { skus: tables/odd.csv } }'), 'plumb.yaml:3: sources.0.tables.skus: tables/odd.csv: is no table (Invalid Record Length: expect 2, got 1 on line 2)');
  t.is(sources('{ source: a, mapping: shopify, tables: { skus: tables/twice.csv } }'), 'plumb.yaml:3: sources.0.tables.skus: tables/twice.csv: "1" stands there twice');
  t.is(sources('{ source: a, params: { sku: x } }'), 'plumb.yaml:3: sources.0.params: is a mapping\'s, and the source names none');
  t.is(sources('{ source: a, mapping: woocommerce, inOrder: true }'), 'plumb.yaml:3: sources.0.inOrder: only a sequence can be waited for in order, and order is monotone');
  t.is(sources('{ source: a, mapping: woocommerce, order: sequence }'), 'plumb.yaml:3: sources.0.mapping: woocommerce:15: forms.0.position.tie: a sequence has no ties: policy.order must be monotone');
});
