/** What Walmart's answers mean, without a server: shapes, the error table, waits, settings. */
import { readFileSync } from 'node:fs';
import test from 'ava';
import { parse } from 'yaml';
import { createWalmart } from '../../actors/channel/adapters/walmart/adapter.ts';
import { failure, judge, judgeNode, vendorErrors } from '../../actors/channel/adapters/walmart/errors.ts';
import { encodeSku, readOutcome, readPage, writtenNode } from '../../actors/channel/adapters/walmart/inventory.ts';
import { openWalk, orderPage } from '../../actors/channel/adapters/walmart/orders.ts';
import { checked } from '../../actors/channel/adapters/walmart/settings.ts';
import { waitMs } from '../../actors/channel/adapters/walmart/waits.ts';
import { AmbiguousError, AuthError, RetryableError } from '../../actors/errors.ts';
import { perHour, perMinute } from '../../deploy/sandbox/walmart/gate.ts';
import { at, entry, portsOf } from './walmart-world.ts';

test('every character that Walmart wants encoded is encoded, a space as %20', t => {
  t.is(encodeSku(`:/?#[]@!$&'()*+,;= {}%`), '%3A%2F%3F%23%5B%5D%40%21%24%26%27%28%29%2A%2B%2C%3B%3D%20%7B%7D%25');
});

test('a 200 that does not name our node, SKU or amount proves nothing', t => {
  const write = entry('A-1', 5);
  const success = (sku: string, shipNode: string): unknown => ({ sku, nodes: [{ shipNode, status: 'Success' }] });
  t.is(writtenNode(success('A-1', '1'), write, '1'), 'success');
  t.is(writtenNode(success('A-1', '2'), write, '1'), undefined);
  t.is(writtenNode(success('a-1', '1'), write, '1'), undefined);
  t.is(writtenNode({ sku: 'A-1' }, write, '1'), undefined);
  t.is(writtenNode(undefined, write, '1'), undefined);
  t.is(writtenNode({ sku: 'A-1', quantity: { unit: 'EACH', amount: 5 } }, write, undefined), 'success');
  t.is(writtenNode({ sku: 'A-1', quantity: { unit: 'EACH', amount: 4 } }, write, undefined), undefined);
});

test('a node counts as written only by Success without errors', t => {
  const write = entry('A-1', 5);
  const node = (status: string | undefined, errors?: unknown): unknown => ({ sku: 'A-1', nodes: [{ shipNode: '1', status, errors }] });
  t.like(writtenNode(node('Failure'), write, '1'), { verdict: 'server' });
  t.like(writtenNode(node(undefined), write, '1'), { verdict: 'server' });
  t.like(writtenNode(node('Success', [{ code: 'X', category: 'DATA' }]), write, '1'), { verdict: 'invalid', code: 'X' });
});

test('a quantity that is absent, fractional or in another unit is an error and never zero', t => {
  const row = (change: object): unknown => ({
    sku: 'A-1', nodes: [{ shipNode: '1', inputQty: { unit: 'EACH', amount: 1 }, availToSellQty: { unit: 'EACH', amount: 1 }, ...change }],
  });
  t.is(readOutcome(row({}), at('A-1'), '1').kind, 'read');
  for (const inputQty of [undefined, null, 5, {}, { unit: 'EACH' }, { unit: 'EACH', amount: '5' }, { unit: 'EACH', amount: 1.5 }, { unit: 'LB', amount: 1 }, { unit: 'EACH', amount: -1 }]) {
    t.like(readOutcome(row({ inputQty }), at('A-1'), '1'), { kind: 'failed', code: 'UNKNOWN_SHAPE' }, JSON.stringify(inputQty));
    t.throws(() => readPage({ meta: {}, elements: { inventories: [row({ inputQty })] } }, '1'), { message: /A-1/ });
  }
  t.is(readOutcome(row({ availToSellQty: undefined }), at('A-1'), '1').kind, 'failed');
  t.like(readOutcome(row({ errors: [{ code: 'SYSTEM_ERROR' }] }), at('A-1'), '1'), { kind: 'failed', code: 'SYSTEM_ERROR' });
  t.like(readOutcome(row({}), at('A-2'), '1'), { kind: 'failed', code: 'OTHER_SKU' });
  t.like(readOutcome({ sku: 'A-1', nodes: [] }, at('A-1'), '1'), { kind: 'missing' });
  t.like(readOutcome({}, at('A-1'), '1'), { kind: 'failed' });
});

const walmart = checked({ account: 'w', channel: 'walmart', baseUrl: '', credentials: { clientId: 'i', clientSecret: 's' }, settings: {} }).settings;
const now = Date.parse('2026-03-16T10:30:15Z');
const walk = { ...openWalk(undefined, now, walmart), from: now - 1000 };
const listOf = (...orderLine: unknown[]): unknown => ({
  list: { meta: { totalCount: 1 }, elements: { order: [{ purchaseOrderId: 'P1', orderDate: now, orderLines: { orderLine } }] } },
});
const lineOf = (lineNumber: string, amount: unknown, ...statuses: [string, unknown][]): unknown => ({
  lineNumber, item: { sku: 'A-1' }, orderLineQuantity: { unitOfMeasurement: 'EACH', amount },
  orderLineStatuses: { orderLineStatus: statuses.map(([status, n]) => ({ status, statusQuantity: { unitOfMeasurement: 'EACH', amount: n } })) },
});

test('amounts above one, split over statuses, are parsed and summed', t => {
  const { lines } = orderPage(walk, listOf(lineOf('1', '5', ['Cancelled', '1'], ['Shipped', '1'], ['Delivered', '1'], ['Acknowledged', '2'])), now, walmart, 1);
  t.deepEqual(lines, [{ id: 'P1/1', orderId: 'P1', sku: 'A-1', units: 5, cancelled: 1, shipped: 2, createdAt: now }]);
});

test('a line that is told both shipped and refunded is shipped once', t => {
  const { lines } = orderPage(walk, listOf(lineOf('1', '1', ['Shipped', '1'], ['Refund', '1'])), now, walmart, 1);
  t.like(lines[0], { units: 1, shipped: 1, cancelled: 0 });
});

test('two entries of one line number are one line with both their units', t => {
  const { lines } = orderPage(walk, listOf(lineOf('1', '1', ['Created', '1']), lineOf('1', '1', ['Cancelled', '1'])), now, walmart, 1);
  t.deepEqual(lines.map(l => [l.id, l.units, l.cancelled]), [['P1/1', 2, 1]]);
});

test('an order of unknown shape is an error that names the order and the field', t => {
  for (const [field, line] of Object.entries({
    amount: lineOf('1', 'two', ['Created', '1']),
    status: lineOf('1', '1', ['Teleported', '1']),
    sku: { ...(lineOf('1', '1') as object), item: {} },
    orderLineStatuses: { ...(lineOf('1', '1') as object), orderLineStatuses: undefined },
  })) t.throws(() => orderPage(walk, listOf(line), now, walmart, 1), { message: new RegExp(`P1[^]*${field}`) });
  t.throws(() => orderPage(walk, { list: { meta: { totalCount: 3 }, elements: {} } }, now, walmart, 1));
  t.throws(() => orderPage(walk, {}, now, walmart, 1));
});

test('a cursor that is no query string is not appended to the path', t => {
  const list = { list: { meta: { totalCount: 1, nextCursor: 'https://elsewhere.example/' }, elements: { order: [] } } };
  t.throws(() => orderPage(walk, list, now, walmart, 1), { message: /no query string/ });
});

test('a count that stays wrong does not hold the walk for ever, and can be left unread', t => {
  const short = { list: { meta: { totalCount: 9 }, elements: { order: [] } } };
  t.true(orderPage({ ...walk, tries: 2 }, short, now, walmart, 1).more);
  t.false(orderPage({ ...walk, tries: 3 }, short, now, walmart, 1).more);
  t.false(orderPage(walk, short, now, { ...walmart, checkOrderTotals: false }, 1).more);
});

test('the wait is Retry-After, else the replenish time under either name and form, else a minute, at most five', t => {
  t.is(waitMs({ 'retry-after': '7', 'x-next-replenish-time': String(now + 1) }, now, 1), 7_000);
  t.is(waitMs({ 'retry-after': new Date(now + 9_000).toUTCString() }, now, 1), 9_000);
  t.is(waitMs({ 'x-next-replenish-time': String(now + 1_500) }, now, 1), 1_500);
  t.is(waitMs({ 'x-next-replenishment-time': '2026-03-16T10:30:20Z' }, now, 1), 5_000);
  t.is(waitMs({ 'x-next-replenish-time': String(now - 1) }, now, 1), 60_000);
  t.is(waitMs({ 'x-next-replenish-time': 'soon' }, now, 1), 60_000);
  t.is(waitMs({}, now, 1), 60_000);
  t.is(waitMs({ 'retry-after': '9999' }, now, 1), 300_000);
  t.is(waitMs({ 'retry-after': '60' }, now, 10), 6_000);
});

test('the published limits and those that the sandbox enforces are the same', t => {
  const limits = parse(readFileSync('config/limits/walmart.yaml', 'utf8')) as Record<string, { perSecond: number; burst: number }>;
  t.deepEqual(Object.keys(limits).sort(), [...Object.keys({ ...perMinute, ...perHour }), 'getTokenDetail'].sort());
  // Of ten feeds an hour three are left to others.
  t.is(limits['updateBulkInventory']!.burst, perHour.updateBulkInventory - 3);
  t.true(limits['updateBulkInventory']!.perSecond <= perHour.updateBulkInventory / 3_600);
  for (const [id, calls] of Object.entries(perMinute)) {
    t.is(limits[id]?.burst, calls);
    t.true(limits[id]!.perSecond <= calls / 60 && limits[id]!.perSecond > calls / 60 - 0.001, id);
  }
});

const answer = (status: number, json?: unknown): Parameters<typeof judge>[0] =>
  ({ status, headers: {}, text: json === undefined ? '<html>' : JSON.stringify(json), json });
const coded = (code: string): unknown => ({ errors: [{ code, message: 'm' }] });

test('the error table gives each status and code its class, by the code before the dot', t => {
  const verdicts: [number, string | undefined, string][] = [
    [400, 'INVALID_REQUEST', 'invalid'], [400, 'INVALID_REQUEST_PARAM.GMP_X', 'invalid'], [400, 'INVALID_REQUEST_CONTENT', 'invalid'],
    [400, 'MALFORMED_REQUEST_CONTENT', 'invalid'], [400, 'INVALID_REQUEST_HEADER', 'ours'], [400, 'MISSING_REQUEST_HEADER', 'ours'],
    [400, 'MISSING_REQUEST_PARAM', 'ours'], [400, 'CONTENT_NOT_FOUND.GMP_INVENTORY_API', 'missing'], [400, undefined, 'invalid'],
    [401, 'UNAUTHORIZED.GMP_GATEWAY_API', 'token'], [401, undefined, 'token'], [403, 'FORBIDDEN.GMP_GATEWAY_API', 'scope'],
    [404, 'CONTENT_NOT_FOUND.GMP_INVENTORY_API', 'missing'], [404, 'URI_NOT_FOUND', 'ours'], [404, undefined, 'server'],
    [405, 'METHOD_NOT_ALLOWED', 'ours'], [406, 'INVALID_ACCEPT_TYPE', 'ours'], [413, undefined, 'ours'], [415, 'UNSUPPORTED_MEDIA_TYPE', 'ours'],
    [423, 'RESOURCE_IS_LOCKED.GMP_RECEIVER_API', 'locked'], [429, undefined, 'throttled'], [503, 'REQUEST_THRESHOLD_VIOLATED', 'throttled'],
    [500, 'SYSTEM_ERROR', 'server'], [500, 'INVALID_SYSTEM_STATE', 'server'], [503, undefined, 'server'],
    [504, 'DOWNSTREAM_SYSTEM_TIME_OUT', 'server'], [302, undefined, 'server'], [418, undefined, 'ours'],
  ];
  for (const [status, code, verdict] of verdicts) {
    t.is(judge(answer(status, code === undefined ? undefined : coded(code))).verdict, verdict as never, `${status} ${code}`);
  }
});

test('a failed node is judged by its code, then its category; without a word it may pass', t => {
  t.is(judgeNode('Failure', [{ code: 'CONTENT_NOT_FOUND.X' }]).verdict, 'missing');
  t.is(judgeNode('Failure', [{ code: 'RESOURCE_IS_LOCKED.X' }]).verdict, 'locked');
  t.is(judgeNode('Failure', [{ code: 'X', category: 'DATA' }]).verdict, 'invalid');
  t.is(judgeNode('Failure', [{ code: 'X', category: 'SYSTEM' }]).verdict, 'server');
  t.deepEqual(judgeNode(undefined, undefined), { verdict: 'server', code: 'status absent', message: 'node status absent' });
});

test('all three body shapes tell code, field and words', t => {
  const one = { code: 'C', field: 'f', description: 'd', category: 'DATA' };
  const read = [{ code: 'C', field: 'f', message: 'd', category: 'DATA' }];
  t.deepEqual(vendorErrors({ error: [one] }), read);
  t.deepEqual(vendorErrors({ errors: [{ ...one, description: undefined, message: 'd' }] }), read);
  t.deepEqual(vendorErrors({ errors: { error: [one] } }), read);
  t.deepEqual(vendorErrors({ errors: { error: one } }), read);
  for (const none of [undefined, null, 'x', [], {}, { errors: null }, { errors: ['x'] }]) t.deepEqual(vendorErrors(none), []);
});

test('a failure at Walmart leaves a write in doubt and a read to be repeated', t => {
  const thrown = (status: number, json: unknown, writing: boolean): Error =>
    failure(judge(answer(status, json)), { what: 'X', answer: answer(status, json), writing, requestId: 'r', retryAfterMs: 5 });
  t.true(thrown(504, coded('DOWNSTREAM_SYSTEM_TIME_OUT'), true) instanceof AmbiguousError);
  t.true(thrown(500, coded('SYSTEM_ERROR'), true) instanceof AmbiguousError);
  t.true(thrown(503, undefined, false) instanceof RetryableError);
  t.true(thrown(403, coded('FORBIDDEN'), true) instanceof AuthError);
  t.true(thrown(401, coded('UNAUTHORIZED'), false) instanceof AuthError);
  t.like(thrown(429, undefined, true), { name: 'ThrottledError', retryAfterMs: 5 });
  t.like(thrown(415, coded('UNSUPPORTED_MEDIA_TYPE'), true), { name: 'TerminalError', code: 'UNSUPPORTED_MEDIA_TYPE', status: 415, requestId: 'r' });
});

test('a setting that is wrong is named with its value, a credential without', t => {
  const make = (credentials: Record<string, string>, settings: Record<string, unknown>) => () =>
    createWalmart({ account: 'w1', channel: 'walmart', baseUrl: 'http://x', credentials, settings }, portsOf(1));
  const good = { clientId: 'i', clientSecret: 'hush' };
  t.throws(make(good, { shipNode: 'main' }), { instanceOf: TypeError, message: /account w1: settings\.shipNode: .*got "main"/ });
  t.throws(make(good, { verifyAfterMs: 9, verifyWithinMs: 9 }), { message: /settings\.verifyWithinMs/ });
  t.throws(make(good, { orderLagMs: 2, orderOverlapMs: 1 }), { message: /settings\.orderOverlapMs/ });
  t.throws(make(good, { shipnode: '1' }), { message: /shipnode/ });
  t.throws(make({ clientSecret: 'hush' }, {}), { message: /^(?!.*hush).*credentials\.clientId/ });
  t.notThrows(make(good, {}));
});
