/** What a test listing showed, and what is made of it (A5). */
import test from 'ava';
import { judge } from '../../actors/sku/exposure/conformance.ts';
import type { Seen } from '../../actors/sku/exposure/conformance.ts';

const kept: Seen = {
  kind: 'swap', effectMs: 200, lifeMs: 1_000,
  outdated: { outcome: 'conflict', to: 5, shown: 4 },
  copy: { outcome: 'conflict', to: 4, shown: 3 },
};
const failed = (seen: Seen) => {
  const { verdict, checks } = judge(seen);
  return [verdict, ...checks.filter(({ held }) => !held).map(({ id, told }) => `${id}: ${told}`)];
};

test('a channel that does what it declares keeps its promise', t => {
  t.deepEqual(failed(kept), ['kept']);
  t.deepEqual(judge(kept).checks.map(({ asks }) => asks), ['does a write show within 1000 ms', 'is a write on an outdated quantity refused', 'does a late copy of a write change nothing']);
  t.is(judge({ ...kept, kind: 'version' }).checks[1]!.asks, 'is a write on an outdated version refused');
  t.deepEqual(judge({ kind: 'set', effectMs: 200, lifeMs: 1_000 }), { verdict: 'kept', checks: [{ id: 'effect', asks: 'does a write show within 1000 ms', held: true, told: 'after 200 ms' }] });
});

test('a write that is taken on an outdated reading, or shows though it was refused, breaks it', t => {
  for (const outcome of ['applied', 'accepted'] as const) {
    t.deepEqual(failed({ ...kept, outdated: { outcome, to: 5, shown: 4 } }), ['broken', `outdated: a write of 5 was answered with ${outcome}; a read gives 4`]);
  }
  t.deepEqual(failed({ ...kept, outdated: { outcome: 'conflict', to: 5, shown: 5 } }), ['broken', 'outdated: a write of 5 was answered with conflict; a read gives 5']);
  t.deepEqual(failed({ ...kept, outdated: { outcome: 'retry', to: 5, shown: 4 } }), ['kept'], 'nothing was written');
});

test('a copy may be answered as the first was, and may not take effect again', t => {
  t.deepEqual(failed({ ...kept, copy: { outcome: 'applied', to: 4, shown: 3 } }), ['kept']);
  t.deepEqual(failed({ ...kept, copy: { outcome: 'applied', to: 4, shown: 4 } }), ['broken', 'copy: a write of 4 was answered with applied; a read gives 4']);
  t.deepEqual(failed({ ...kept, copy: { outcome: 'conflict', to: 4, shown: 2 } }), ['kept'], 'one was sold');
});

test('a write that shows later than is counted on is told, one that was answered as applied and never shows breaks the promise', t => {
  t.deepEqual(failed({ ...kept, effectMs: 1_001 }), ['late', 'effect: after 1001 ms']);
  t.deepEqual(failed({ kind: 'swap', effectMs: undefined, lifeMs: 1_000 }), ['broken', 'effect: it was answered as applied and does not show']);
  t.is(judge({ ...kept, effectMs: 1_001, copy: { outcome: 'applied', to: 4, shown: 4 } }).verdict, 'broken', 'which weighs more');
});
