/** What a trace file becomes, and how a wrong one is refused. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { TraceError } from '../../deploy/demo/csv.ts';
import { readTrace } from '../../deploy/demo/trace.ts';
import { countOrderLines } from '../../deploy/demo/world.ts';

const header = 'ts,order_id,sku,quantity,channel,line,kind,ref_order_id';
const good = '2010-12-01T08:26:00Z,536365,85123A,6,walmart,1,order,';

function files(t: ExecutionContext, contents: Record<string, string | Buffer>): (name: string) => string {
  const folder = mkdtempSync(join(tmpdir(), 'plumb-trace-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(contents)) writeFileSync(join(folder, name), content);
  return name => join(folder, name);
}

function orders(t: ExecutionContext, ...lines: string[]): string {
  return files(t, { 'orders.csv': [header, ...lines, ''].join('\n') })('orders.csv');
}

function refused(t: ExecutionContext, lines: string[]): { line: number | undefined; column: string | undefined; value: string | undefined } {
  const error = t.throws(() => readTrace({ orders: orders(t, ...lines), seed: 1 }), { instanceOf: TraceError });
  t.regex(error.message, /orders\.csv/);
  return { line: error.line, column: error.column, value: error.value };
}

test('lines of one invoice are one order, the same SKU twice included', t => {
  const { events } = readTrace({
    seed: 1,
    orders: orders(t, good, '2010-12-01T08:26:00Z,536365,71053,2,walmart,2,order,', '2010-12-01T08:27:00Z,536365,85123A,1,walmart,3,order,'),
  });
  t.deepEqual(events.map(event => ({ ...event, atMs: 0 })), [{
    kind: 'order', atMs: 0, orderId: '536365', account: 'walmart',
    lines: [{ sku: '85123A', units: 6, line: 1 }, { sku: '71053', units: 2, line: 2 }, { sku: '85123A', units: 1, line: 3 }],
  }]);
});

test('a time in whole minutes gets a second of its minute from the order id, always the same one', t => {
  const [event] = readTrace({ orders: orders(t, good), seed: 1 }).events;
  const minute = Date.parse('2010-12-01T08:26:00Z');
  t.true(event!.atMs >= minute && event!.atMs < minute + 60_000);
  t.is(event!.atMs, readTrace({ orders: orders(t, good), seed: 2 }).events[0]!.atMs);
  const [exact] = readTrace({ orders: orders(t, good.replace('26:00Z', '26:07Z')), seed: 1 }).events;
  t.is(exact!.atMs, minute + 7_000);
});

test('one cancellation invoice becomes one event for each order it reverses, never before that order', t => {
  const { events } = readTrace({
    seed: 1,
    orders: orders(t, good, '2010-12-01T08:26:00Z,536366,71053,2,ebay,1,order,',
      '2010-12-01T08:26:00Z,C536367,85123A,-4,walmart,1,cancel,536365', '2010-12-01T08:26:00Z,C536367,71053,-2,walmart,2,cancel,536366'),
  });
  const cancels = events.filter(event => event.kind === 'cancel');
  t.deepEqual(cancels.map(({ refOrderId, account, lines }) => ({ refOrderId, account, lines })).sort((a, b) => a.refOrderId.localeCompare(b.refOrderId)), [
    { refOrderId: '536365', account: 'walmart', lines: [{ sku: '85123A', units: 4, line: 1 }] },
    { refOrderId: '536366', account: 'ebay', lines: [{ sku: '71053', units: 2, line: 2 }] },
  ]);
  for (const cancel of cancels) {
    t.true(cancel.atMs > events.find(event => event.kind === 'order' && event.orderId === cancel.refOrderId)!.atMs);
  }
});

test('a cancellation of an order that the trace does not hold is a return that the ERP books', t => {
  const { events } = readTrace({
    seed: 1,
    orders: orders(t, '2010-12-01T09:49:00Z,C536383,35004C,-3,walmart,1,cancel,', '2010-12-01T09:50:00Z,C536384,35004C,-2,walmart,1,cancel,499999'),
  });
  t.deepEqual(events.map(event => ({ ...event, atMs: 0 })), [
    { kind: 'adjust', atMs: 0, sku: '35004C', delta: 3, reason: 'return' },
    { kind: 'adjust', atMs: 0, sku: '35004C', delta: 2, reason: 'return' },
  ]);
});

test('stock and adjustments are read, gz or plain, in order of time', t => {
  const at = files(t, {
    'orders.gz': gzipSync([header, good].join('\n')),
    'stock.csv': '\uFEFFsku,quantity,class\n85123A,9,scarce\n"B,2",0,none\n',
    'adjust.csv': 'ts,adjustment_id,sku,delta,reason\n2010-12-01T08:00:00Z,1,85123A,-2,damaged\n2010-12-02T08:00:00Z,2,71053,5,count\n',
  });
  const world = readTrace({ orders: at('orders.gz'), stock: at('stock.csv'), adjustments: at('adjust.csv'), seed: 1 });
  t.deepEqual(world.events.map(event => event.kind), ['adjust', 'order', 'adjust']);
  t.deepEqual([...world.stock], [['85123A', 9], ['B,2', 0], ['71053', 0]]);
});

test('a limit keeps the first lines, and of stock and adjustments what belongs to them', t => {
  const at = files(t, {
    'orders.csv': [header, good, '2010-12-03T08:26:00Z,536399,71053,2,ebay,1,order,'].join('\n'),
    'stock.csv': 'sku,quantity\n85123A,9\n71053,4\n',
    'adjust.csv': 'ts,adjustment_id,sku,delta,reason\n2010-12-01T08:00:00Z,1,85123A,-2,damaged\n2010-12-02T08:00:00Z,2,71053,5,count\n',
  });
  const world = readTrace({ orders: at('orders.csv'), stock: at('stock.csv'), adjustments: at('adjust.csv'), limit: 1, seed: 1 });
  t.deepEqual(world.events.map(event => event.kind), ['adjust', 'order']);
  t.deepEqual([...world.stock], [['85123A', 9]]);
});

test('stock is made up from what the orders take where no file gives it', t => {
  const { stock } = readTrace({ orders: orders(t, good), seed: 3 });
  t.deepEqual([...stock.keys()], ['85123A']);
  t.true(stock.get('85123A')! >= 0);
});

test('a wrong value is refused with its line, column and value', t => {
  t.deepEqual(refused(t, [good, good.replace('85123A,6', '71053,six').replace(',1,', ',2,')]), { line: 3, column: 'quantity', value: 'six' });
  t.deepEqual(refused(t, [good.replace(',6,', ',-6,')]), { line: 2, column: 'quantity', value: '-6' });
  t.deepEqual(refused(t, [good.replace(',6,', ',0.5,')]), { line: 2, column: 'quantity', value: '0.5' });
  t.deepEqual(refused(t, [good.replace('2010-12-01T', '01.12.2010 ')]), { line: 2, column: 'ts', value: '01.12.2010 08:26:00Z' });
  t.deepEqual(refused(t, [good.replace('2010-12-01T', '2010-13-01T')]), { line: 2, column: 'ts', value: '2010-13-01T08:26:00Z' });
  t.deepEqual(refused(t, [good.replace('walmart', 'etsy')]), { line: 2, column: 'channel', value: 'etsy' });
  t.deepEqual(refused(t, [good.replace(',order,', ',refund,')]), { line: 2, column: 'kind', value: 'refund' });
  t.deepEqual(refused(t, [good.replace('85123A', '')]), { line: 2, column: 'sku', value: '' });
  t.deepEqual(refused(t, [good, good]), { line: 3, column: 'line', value: '1' });
  t.deepEqual(refused(t, [good, good.replace('walmart,1', 'ebay,2')]), { line: 3, column: 'channel', value: 'ebay' });
  t.deepEqual(refused(t, [good, '2010-12-01T08:26:00Z,536366,71053']), { line: 3, column: 'quantity', value: '2010-12-01T08:26:00Z,536366,71053' });
});

test('a file that is no trace is refused by its name', t => {
  const at = files(t, {
    'cut.gz': gzipSync(Buffer.alloc(5_000, 'a,b\n')).subarray(0, 30),
    'quote.csv': `${header}\n${good.replace('85123A', '"85123A')}\n`,
    'other.csv': 'a,b\n1,2\n',
    'latin1.csv': Buffer.from(`${header}\n${good.replace('85123A', 'caf\u00e9')}\n`, 'latin1'),
    'empty.csv': '',
    'twice.csv': 'sku,quantity\nA,1\nA,2\n',
    'orders.csv': `${header}\n${good}\n`,
  });
  const read = (orders: string, stock?: string) => () => readTrace({ orders, stock, seed: 1 });
  t.throws(read(at('missing.csv')), { instanceOf: TraceError, message: /missing\.csv: cannot be read: ENOENT/ });
  t.throws(read(tmpdir()), { instanceOf: TraceError, message: /cannot be read: EISDIR/ });
  t.throws(read(at('cut.gz')), { instanceOf: TraceError, message: /cut\.gz: cannot be unpacked/ });
  t.throws(read(at('quote.csv')), { instanceOf: TraceError, message: /quote\.csv:\d+: column .*is not valid CSV/ });
  t.throws(read(at('other.csv')), { instanceOf: TraceError, message: /other\.csv:1: column ts: missing in the header, got "a,b"/ });
  t.throws(read(at('latin1.csv')), { instanceOf: TraceError, message: /latin1\.csv:2: column byte \d+: is not UTF-8/ });
  t.throws(read(at('empty.csv')), { instanceOf: TraceError, message: /empty\.csv: is empty/ });
  t.throws(read(at('orders.csv'), at('twice.csv')), { instanceOf: TraceError, message: /twice\.csv:3: column sku: stands twice in the opening stock, got "A"/ });
});

test('order lines are counted without cancellations', t => {
  t.is(countOrderLines(readTrace({ orders: orders(t, good, '2010-12-01T09:49:00Z,C536383,35004C,-3,walmart,1,cancel,'), seed: 1 }).events), 1);
});
