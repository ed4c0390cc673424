import test from 'ava';
import type { Plant } from './drift/plants.ts';
import { judged, text } from './drift/table.ts';

const plant = (what: string, more: Partial<Plant> = {}): Plant => ({ what, account: 'ebay', sku: 'A', plantedAt: 0, observableAt: 0, withinMs: 5_000, as: 'foreign-edit', foundMs: 2_000, healedMs: 2_500, ...more });
const missed = (what: string): Plant => ({ what, account: 'ebay', sku: 'A', plantedAt: 0, observableAt: 0, withinMs: 5_000 });
const calm = (what: string): Plant => ({ what, account: 'ebay', sku: 'A', plantedAt: 0, observableAt: 0, withinMs: undefined });

test('all found in time, healed, and nothing else told: well', t => {
  const { rows, ok, falseAlarms, healedPercent } = judged([plant('edit'), plant('edit', { foundMs: 4_000 }), calm('stale read')], 0);
  t.deepEqual([ok, falseAlarms, healedPercent], [true, 0, 100]);
  t.like(rows[0], { what: 'edit', planted: 2, found: 2, p50: 4, p99: 4, within: 5, healed: 100, toldAs: ['foreign-edit'] });
  t.like(rows[1], { what: 'stale read', found: 0, within: null, ok: true });
});

test('one that is told too late, never, or not healed is a miss, and so is anything told of what is right', t => {
  t.false(judged([plant('edit', { foundMs: 5_001 })], 0).ok);
  t.false(judged([plant('edit'), missed('edit')], 0).ok);
  const { healedMs: _none, ...open } = plant('edit');
  t.like(judged([open], 0), { ok: false, healedPercent: 0 });
  t.like(judged([plant('edit'), { ...calm('stale read'), as: 'foreign-edit', foundMs: 1 }], 0), { ok: false, falseAlarms: 1 });
  t.like(judged([plant('edit')], 1), { ok: false, falseAlarms: 1 });
});

test('people read it as a table', t => {
  const lines = text(judged([plant('edit'), calm('stale read')], 0)).split('\n');
  t.regex(lines[1]!, /^ok   edit +1 +1 +2\.0 +2\.0 +5 +100  foreign-edit$/);
  t.regex(lines[2]!, /^ok   stale read +5? *1 +0 +- +- +never +- +$/);
  t.is(lines.at(-1), 'false alarms 0; healed without a person 100.0 %');
});
