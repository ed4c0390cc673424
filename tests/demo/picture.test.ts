import { stripVTControlCharacters } from 'node:util';
import test from 'ava';
import { noFeed, progressLine, render } from '../../deploy/demo/picture.ts';
import type { Progress } from '../../deploy/demo/picture.ts';
import { LineScreen } from '../../deploy/demo/screen.ts';
import type { ChannelAnswer, Drift, NodeAnswer, Status } from '../../deploy/demo/status.ts';

const channel = (account: string, fields: Partial<ChannelAnswer> = {}): Status['channels'][number] => ({
  account, answeredAt: 1_000, alive: true,
  answer: {
    account, channel: account, node: 'n1', listings: 400, proven: 400, pending: 0, lanes: { zero: 0, decrease: 0, verify: 0, raise: 0 },
    drifted: 0, exposure: { moving: 0 }, writes: 900, calls: 0, throttled: 0, ambiguous: 0, conflicts: 0, retries: 0, verifiedMs: { p50: 240, p99: 61_000, count: 9 },
    oldestPendingMs: null, breaker: 'closed', tokenExpiresAt: null, budgets: {}, ordersCompleteThrough: 0, ...fields,
  },
  totals: { writes: 1_400, calls: 0, throttled: 12, ambiguous: 0, conflicts: 0, retries: 0 },
});

const node = (id: string, alive: boolean, answer?: Partial<NodeAnswer>): Status['nodes'][number] => ({
  id, alive, answeredAt: 1_000, eventsPerSecond: 40.4,
  answer: answer && { node: id, pid: 1, startedAt: 0, partitions: [1, 2, 3], accounts: ['amazon'], events: 0, turns: 0, recordWrites: 0, rssMb: 120, ...answer },
});

const drift = (id: string, state: Drift['state']): Drift => ({
  id, state, account: 'ebay', key: 'A-1', sku: 'A-1', class: 'foreign-edit', severity: 'high', expected: 7, observed: 47, detectedAt: 1_000,
  ...(state === 'resolved' && { resolvedAt: 3_100 }),
});

const status = (change: Partial<Status> = {}): Status => ({
  at: 10_000, events: 0, drifts: [], dead: [], nodes: [node('n1', true, {}), node('n2', false, {}), node('n3', false)],
  channels: [channel('amazon', { proven: 366, pending: 34 }), channel('ebay', { drifted: 2 })], ...change,
});

const progress: Progress = {
  phase: 'orders', elapsedMs: 12_000, orders: { elapsedMs: 10_000, durationMs: 40_000 }, since: { events: 1_000, writesBefore: { amazon: 400, ebay: 400 } },
  feed: { placed: 1_234, refused: 5, cancelled: 6, erp: 700 },
};

const plain = (state: Status, columns = 110, rows = 40): string[] =>
  stripVTControlCharacters(render(state, progress, { columns, rows })).split('\n').map(line => line.trimEnd());

const row = (lines: string[], name: string): string[] => lines.find(line => line.startsWith(name))!.split(/\s{2,}/);

test('a marketplace shows its listings, what is equal, pending and drifted, its cost, its delay and its throttles', t => {
  const lines = plain(status());
  t.deepEqual(row(lines, 'amazon'), ['amazon', '400', '366', '34', '0', '1,400', '1.00', '240 ms / 1:01 min', '12']);
  t.deepEqual(row(lines, 'ebay'), ['ebay', '400', '400 ✔', '0', '2', '1,400', '1.00', '240 ms / 1:01 min', '12']);
});

test('a node that died is gone, one that never answered is starting, the others show their share', t => {
  const lines = plain(status());
  t.deepEqual(row(lines, 'n1'), ['n1', 'alive', '3', '40', '120 MB', 'amazon']);
  t.deepEqual(row(lines, 'n2'), ['n2', 'gone']);
  t.deepEqual(row(lines, 'n3'), ['n3', 'starting']);
});

test('a marketplace whose owner died keeps its last figures under a question mark, and an open breaker is named', t => {
  const lines = plain(status({ channels: [{ ...channel('amazon'), alive: false }, channel('ebay', { breaker: 'open' })] }));
  t.truthy(lines.find(line => line.startsWith('amazon ?')));
  t.truthy(lines.find(line => line.startsWith('ebay (open)')));
});

test('a finding is one line that turns from drift to healed', t => {
  const open = plain(status({ drifts: [drift('d1', 'open')] }));
  t.truthy(open.find(line => line.includes('ebay A-1 showed 47 for 7') && line.startsWith('drift')));
  const healed = plain(status({ drifts: [drift('d1', 'open'), drift('d1', 'resolved')] })).filter(line => line.includes('A-1'));
  t.deepEqual(healed, ['healed  ebay A-1 showed 47 for 7, within 2.1 s']);
});

test('the picture fits any terminal of 24 lines and 80 columns, and loses the marketplaces last', t => {
  const busy = status({ drifts: ['a', 'b', 'c', 'd', 'e'].map(id => drift(id, 'open')) });
  for (const rows of [24, 16, 12]) t.true(plain(busy, 80, rows).length <= rows - 1, String(rows));
  for (const columns of [80, 99, 100, 130]) for (const line of render(busy, progress, { columns, rows: 40 }).split('\n')) t.true(stripVTControlCharacters(line).length <= columns, line);
  t.truthy(plain(busy, 80, 12).find(line => line.startsWith('ebay')));
});

test('the head shows how far the orders are', t => {
  t.regex(plain(status())[0]!, /PLUMB.*orders  █{5}░{15} 10 of 40 s/);
});

test('a log line holds the sums and which nodes are gone', t => {
  t.is(progressLine(status(), progress), 'orders 25 %  1,234 lines sold  equal 766/800  pending 34  drifted 2  writes 2,800  throttled 24  n1 (n2 gone) (n3 gone)');
  t.regex(progressLine(status(), { phase: 'importing', elapsedMs: 0, feed: noFeed }), /^importing  0 lines sold/);
});

test('without a terminal there is a line every few seconds, and every announcement at once', t => {
  const lines: string[] = [];
  const screen = new LineScreen(text => lines.push(text), 4_000);
  for (const at of [10_000, 11_000, 13_999, 14_000]) screen.update(status({ at }), progress);
  t.is(lines.length, 2);
  screen.announce('kill -9 of node n2', 'fault');
  t.regex(lines[2]!, /^ *0\.\d s  ! kill -9 of node n2$/);
});
