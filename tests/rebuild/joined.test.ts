/** What a channel lists goes to the SKU that it names, unless people said that it is another one's. */
import test from 'ava';
import type { NamesRecord } from '../../runtime/account/names.ts';
import { namesSubject } from '../../runtime/subjects.ts';
import { configSchema } from '../../config/config.ts';
import { joined } from '../../deploy/rebuild/rebuild.ts';

test('a listing goes to the SKU that people gave it, by its id and its SKU at the channel; the others of the account stay', t => {
  const config = configSchema.parse({ node: { id: 'n1' }, accounts: [{ account: 'shop', channel: 'ebay', baseUrl: 'https://localhost', credentials: {}, settings: {} }] });
  const record: NamesRecord = { v: 1, account: 'shop', names: [['L1', 'ab 1', 'AB-1'], ['L3', 'x', 'Y']] };
  const reading = (id: string, sku: string) => ({ listing: { id, sku, fields: {} }, quantity: 2, buyable: 2, active: true });
  const accounts = [{ account: 'shop', gross: false, readings: [reading('L1', 'ab 1'), reading('L2', 'B'), reading('another', 'x')] }];
  const bucket = new Map([[namesSubject('shop'), Buffer.from(JSON.stringify(record))]]);
  t.deepEqual(joined({ skus: new Map() }, accounts, config, bucket).skus.map(({ sku, linked }) => [sku, linked.map(({ listing }) => listing.id)]), [['AB-1', ['L1']], ['B', ['L2']], ['x', ['another']]]);
  t.deepEqual(joined({ skus: new Map() }, accounts, config, new Map()).skus.map(({ sku }) => sku), ['ab 1', 'B', 'x']);
});
