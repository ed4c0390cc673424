import { stripVTControlCharacters } from 'node:util';
import test from 'ava';
import type { Incident } from '../../deploy/demo/faults.ts';
import type { FeedFigures } from '../../deploy/demo/feed-protocol.ts';
import { judge } from '../../deploy/demo/referee.ts';
import type { Drift, Status } from '../../deploy/demo/status.ts';
import { storyOf } from '../../deploy/demo/alarm-story.ts';
import { conclude, verdictLines } from '../../deploy/demo/verdict.ts';
import type { Conclusion, Findings } from '../../deploy/demo/verdict.ts';

const feed: FeedFigures = {
  orders: 50, linesSold: 80, linesRefused: 0, unitsSold: 90, linesCancelled: 0, unitsCancelled: 0,
  erp: { published: 30, ids: 30, duplicates: 0, swapped: 0, late: 0, replayed: 0, counts: 30, adjusts: 0, linesImported: 0, cancellationsImported: 0, clampedUnits: 0 },
};

const status: Status = {
  at: 0, nodes: [], events: 500, drifts: [], dead: [],
  channels: [{ account: 'ebay', answer: undefined, answeredAt: 0, alive: true, totals: { writes: 210, calls: 0, throttled: 0, ambiguous: 0, conflicts: 0, retries: 0 } }],
};

const replayed = { skus: 10, messages: 500, waiting: 0, overdue: [], quarantined: [], parted: [] };

const incident = (kind: Incident['kind'], figures: Record<string, number>, answered = true): Incident =>
  ({ kind, target: 'ebay', from: 0, until: 1, answered, figures });

const drift = (id: string, state: Drift['state']): Drift =>
  ({ id, state, account: 'ebay', key: 'A', sku: 'A', class: 'x', severity: 'high', expected: 1, observed: 2, detectedAt: 0 });

/** A run in which nothing is wrong, changed. */
function concluded(change: Partial<Findings> = {}): Conclusion {
  return conclude({
    mode: 'mirror',
    verdict: judge({ accounts: {}, supply: [], faults: [], records: [], from: 0 }), status, feed, incidents: [], deadLetters: 0, stories: [],
    replayed,
    writesBefore: { ebay: 10 }, skus: 10, proofAgeMs: 10_000, times: { importMs: 1, tradingMs: 1, settleMs: 1_000, totalMs: 3 }, ...change,
  });
}

const failed = ({ checks }: Conclusion): string[] => checks.filter(({ ok }) => !ok).map(({ name }) => name);

test('a run in which nothing is wrong passes every check', t => {
  const conclusion = concluded();
  t.true(conclusion.ok);
  t.deepEqual(failed(conclusion), []);
});

test('writes per event count the rush alone: no opening counts, no first filling of listings', t => {
  t.like(concluded().figures, { events: 100, writes: 200, writesPerEvent: 2 });
  t.deepEqual(failed(concluded({ writesBefore: { ebay: 0 }, skus: 80, replayed: { ...replayed, skus: 80 } })), ['writes per event']);
});

test('a record that its journal does not fold to, or that does not move on, fails the run', t => {
  const parted = [{ sku: 'A', applied: 7, last: 7, differences: [{ path: 'context.onHand', stored: 1, folded: 2 }] }];
  t.deepEqual(failed(concluded({ replayed: { ...replayed, waiting: 1 } })), []);
  t.deepEqual(failed(concluded({ replayed: { ...replayed, parted } })), ['records that are not the fold of their journal']);
  t.deepEqual(failed(concluded({ replayed: { ...replayed, overdue: ['B'] } })), ['records that are not the fold of their journal']);
  t.deepEqual(failed(concluded({ replayed: { ...replayed, skus: 9 } })), ['records that are not the fold of their journal']);
  t.true(verdictLines(concluded({ replayed: { ...replayed, parted } })).some(line => line.includes('record of A at 7: context.onHand is not what its journal folds to')));
});

test('a run that never comes to rest fails, as a number that JSON can hold', t => {
  const conclusion = concluded({ times: { importMs: 1, tradingMs: 1, settleMs: undefined, totalMs: 3 } });
  t.deepEqual(failed(conclusion), ['came to rest after the last order, ms']);
  t.true(JSON.parse(JSON.stringify(conclusion.checks)).every(({ value }: { value: unknown }) => typeof value === 'number'));
});

test('a dead letter, and a finding whose last word is not that it was resolved, fail the run', t => {
  t.deepEqual(failed(concluded({ deadLetters: 1 })), ['dead letters not accounted for']);
  const drifts = [drift('a', 'open'), drift('a', 'resolved'), drift('b', 'resolved'), drift('b', 'open')];
  const edited = [{ ...incident('edit', { detectedMs: 1, healedMs: 2 }), skus: ['A'] }];
  t.deepEqual(failed(concluded({ status: { ...status, drifts }, incidents: edited })), ['findings of drift still open']);
});

test('an alarm without a cause is told with what led to it, what came later left out', t => {
  const moments = [
    { at: 5_400, who: 'journal', what: '#7 order.placed units 4' },
    { at: 5_002, who: 'ebay', what: 'shown quantity 6, by sale' },
    { at: 9_001, who: 'ebay', what: 'shown quantity 10, by write' },
  ];
  const story = storyOf({ ...drift('a', 'resolved'), expected: 10, observed: 6, observableAt: 8_000, detectedAt: 9_000 }, moments, 1_000);
  t.deepEqual(story, [
    'ebay A, before the alarm:',
    '   4.002 s  ebay     shown quantity 6, by sale',
    '   4.400 s  journal  #7 order.placed units 4',
    '   8.000 s  Plumb    tells of a x: 6 where 10 was expected, seen first 7.000 s',
  ]);
  t.deepEqual(verdictLines(concluded({ stories: story })).slice(-story.length - 2, -2), story.map(line => `  ${line}`));
});

test('an alarm about a number that nobody edited fails the run, one about an edited number does not', t => {
  const drifts = [drift('a', 'open'), drift('a', 'resolved')];
  const edit = (target: string, sku: string): Incident => ({ ...incident('edit', { detectedMs: 1, healedMs: 2 }), target, skus: [sku] });
  t.deepEqual(failed(concluded({ status: { ...status, drifts }, incidents: [edit('ebay', 'B'), edit('ebay', 'A')] })), []);
  t.deepEqual(failed(concluded({ status: { ...status, drifts }, incidents: [edit('ebay', 'B'), edit('amazon', 'A')] })), ['drift alarms without a cause']);
  t.is(concluded({ status: { ...status, drifts } }).checks.find(({ name }) => name === 'drift alarms without a cause')?.value, 1);
});

test('each fault must be answered, and in time', t => {
  t.deepEqual(failed(concluded({ incidents: [
    incident('kill-node', { unservedMs: 2_500 }), incident('edit', { detectedMs: 2_000, healedMs: 3_000 }),
    incident('throttle', { catchUpMs: 900 }), incident('lose-answer', { hit: 1, noticedMs: 5_000 }),
  ] })), []);
  t.deepEqual(failed(concluded({ incidents: [incident('kill-node', { unservedMs: 5_001 })] })), ['node ebay killed: work without an owner, ms']);
  t.deepEqual(failed(concluded({ incidents: [incident('edit', {}, false)] })), ['hand edit at ebay: noticed after, ms', 'hand edit at ebay: healed after, ms']);
  t.deepEqual(failed(concluded({ incidents: [incident('edit', { detectedMs: 30_001, healedMs: 30_100 })] })), ['hand edit at ebay: noticed after, ms']);
  t.deepEqual(failed(concluded({ incidents: [incident('throttle', { catchUpMs: 10 }, false)] })), ['429 storm at ebay: caught up after, ms']);
  t.deepEqual(failed(concluded({ incidents: [incident('lose-answer', { hit: 1, noticedMs: 1 }, false)] })), ['lost answer at ebay: counted as possibly applied after, ms']);
});

test('an answer that could not be lost, since nothing was written, is no check', t => {
  const { checks } = concluded({ incidents: [incident('lose-answer', { hit: 0, noticedMs: 1 })] });
  t.false(checks.some(({ name }) => name.startsWith('lost answer')));
});

test('people read each check with its value and limit, times as times, and what failed once more at the end', t => {
  const lines = verdictLines(concluded({ deadLetters: 2, times: { importMs: 1, tradingMs: 1, settleMs: 4_300, totalMs: 3 } })).map(stripVTControlCharacters);
  t.truthy(lines.find(line => /✔ came to rest after the last order +4\.3 s {2}at most 1:00 min/.test(line)));
  t.truthy(lines.find(line => /✘ dead letters not accounted for +2 {2}at most 0/.test(line)));
  t.regex(lines.at(-1)!, /^1 of \d+ checks failed: dead letters not accounted for$/);
  t.is(stripVTControlCharacters(verdictLines(concluded()).at(-1)!), 'Every check holds.');
});
