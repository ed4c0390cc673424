/** Prices from a file that a person keeps. */
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { pino } from 'pino';
import { PriceError, Prices, readPrices } from '../../deploy/prices.ts';
import { eventually } from '../runtime/broker.ts';

function file(t: ExecutionContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'plumb-test-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'prices.csv');
  writeFileSync(path, text);
  return path;
}

test('a price by SKU, in whatever order of columns; empty is unknown', t => {
  t.deepEqual([...readPrices(file(t, 'name,price,sku\nTea,12.50,A\nCup,,B\n"x, y",3,"C 1"\n'))], [['A', 12.5], ['C 1', 3]]);
});

test('what is wrong is named by file, line and value', t => {
  const refusal = (text: string): string => t.throws(() => readPrices(file(t, text)), { instanceOf: PriceError })!.message.replace(/^.*\/prices/, 'prices');
  t.deepEqual([
    refusal('sku,cost\nA,1\n'), refusal('sku,price\nA,1\nB,"12,50"\n'), refusal('sku,price\nA,-1\n'), refusal('sku,price\nA,1\nA,2\n'), refusal('sku,price\n,2\n'),
  ], [
    'prices.csv:1: has no column price, but sku, cost', 'prices.csv:3: price: "12,50" is no amount such as 12.50', 'prices.csv:2: price: "-1" is no amount such as 12.50',
    'prices.csv:3: sku: "A" stands there twice', 'prices.csv:2: sku: is missing',
  ]);
  t.regex(t.throws(() => readPrices('/nowhere/prices.csv'), { instanceOf: PriceError })!.message, /cannot be read \(ENOENT\)$/);
});

test('a file that changes is read again; one that is broken by it leaves the former prices', async t => {
  const path = file(t, 'sku,price\nA,1\n');
  const told: { msg: string }[] = [];
  const prices = new Prices(path, pino({}, { write: line => { told.push(JSON.parse(line) as { msg: string }); } }), 20);
  t.teardown(() => prices.close());
  t.is(prices.of('A'), 1);
  writeFileSync(path, 'sku,price\nA,2\n');
  utimesSync(path, 1, 1);
  await eventually('read again', () => prices.of('A') === 2);
  writeFileSync(path, 'sku,price\nA,much\n');
  utimesSync(path, 2, 2);
  await eventually('told', () => told.some(({ msg }) => msg.startsWith('prices could not be read again')));
  t.is(prices.of('A'), 2);
});
