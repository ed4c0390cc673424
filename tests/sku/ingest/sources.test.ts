/** Mapping files: those that come along are sound, and a wrong one is named by file, line and key. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { MappingFileError, loadMapping, mappingNames } from '../../../config/sources.ts';

const folder = mkdtempSync(join(tmpdir(), 'plumb-mapping-'));
test.after.always(() => rmSync(folder, { recursive: true, force: true }));

const refusal = (text: string): string => {
  const file = join(folder, 'm.yaml');
  writeFileSync(file, text);
  try {
    loadMapping(file, { source: 'erp' });
  } catch (error) {
    if (!(error instanceof MappingFileError)) throw error;
    return error.message.replaceAll(`${folder}/`, '');
  }
  return 'understood';
};
const good = 'decode: json\nforms:\n  - name: only\n    type: count\n    sku: sku\n    position: v\n    quantity: q\n';

test('every mapping that comes along can be loaded, and promises an order of facts', t => {
  t.deepEqual(mappingNames(), ['business-central', 'business-central-ledger', 'csv', 'csv-shopify-products', 'debezium-mysql', 'debezium-postgres', 'edi-846', 'erpnext', 'erpnext-entries', 'netsuite', 'odoo', 'shopify', 'square', 'woocommerce']);
  t.deepEqual([...new Set(mappingNames().map(name => loadMapping(name, { source: 'erp', tables: { skus: {} } }).policy.order))], ['monotone']);
});

test('a mapping of one\'s own is loaded by its path, and a policy of the source outranks it', t => {
  t.is(refusal(good), 'understood');
  const { policy } = loadMapping(join(folder, 'm.yaml'), { source: 'erp', policy: { order: 'monotone', floor: true } });
  t.deepEqual(policy, { order: 'monotone', floor: true });
});

test('what is wrong in a mapping is told with file, line and key', t => {
  t.is(refusal(good.replace('position', 'positon')), 'm.yaml:3: forms.0: Unrecognized key: "positon"');
  t.is(refusal(good.replace('quantity: q', 'quantity: $sum(')), 'm.yaml:7: forms.0.quantity: Expected ")" before end of expression (at character 5 of $sum()');
  t.is(refusal(good.replace('    position: v\n', '')), 'm.yaml:4: forms.0.type: a count needs position');
  t.is(refusal(good.replace('sku: sku', 'sku: { value: id, table: skus, required: true }')), 'm.yaml:5: forms.0.sku.table: the table skus is needed and given by neither the mapping nor the source\'s configuration');
  t.regex(refusal(good.replace('decode: json', 'decode: yaml')), /^m\.yaml:1: decode: Invalid option/);
  t.regex(refusal('forms: ['), /^m\.yaml:1: /);
  t.is(refusal('policy: {}'), 'm.yaml:1: forms: Invalid input: expected array, received undefined');
});

test('a mapping that is not there is named, with those that are', t => {
  const named = t.throws(() => loadMapping('shopfy', { source: 'erp' }), { instanceOf: MappingFileError });
  t.regex(named.message, /^shopfy: is neither a mapping that comes along \(business-central, .*woocommerce\) nor a file$/);
  t.throws(() => loadMapping('./none.yaml', { source: 'erp' }), { instanceOf: MappingFileError, message: './none.yaml: cannot be read (ENOENT)' });
  t.throws(() => loadMapping('shopify', { source: 'erp', tables: { skus: {} }, params: { sku: 'x' } }), { message: 'sku is no parameter of shopify, which has none' });
});
