import test from 'ava';
import { mirrorBound } from '../../deploy/demo/bound.ts';
import type { Propagation } from '../../deploy/demo/propagation.ts';
import type { Moment } from '../../deploy/demo/replay.ts';

const supply = (units: number): Moment => ({ at: 0, kind: 'supply', supply: units });
const sold = (at: number, account: string, units = 1): Moment => ({ at, kind: 'sold', account, line: `${at}/1`, units, shown: 9, uncovered: 0 });
const after = (p50Ms: number): Propagation => {
  const delays = { changes: 1, p50Ms, p99Ms: p50Ms, maxMs: p50Ms };
  return { ...delays, lowers: delays, unsettled: 0 };
};

test('what a sell-out lets expect is the demand elsewhere within the time that lowers take', t => {
  // Ten units in 9 s, half of them at each of two channels, 900 ms until the other shows it: 10 / 9 s x 0.9 s x (1 - 1/2).
  const list = [supply(10), ...Array.from({ length: 10 }, (_, n) => sold(1_000 + n * 1_000, n % 2 === 0 ? 'amazon' : 'ebay'))];
  const bound = mirrorBound(new Map([['A', list]]), { amazon: after(900), ebay: after(900) }, 0);
  t.is(bound.soldOut, 1);
  t.true(Math.abs(bound.expected - 0.5) < 1e-9, String(bound.expected));
  t.is(bound.atMost, 4, 'Poisson with mean 0.5 exceeds 3 in more, and 4 in less than one of a thousand');
});

test('a SKU that one channel alone sells, or of which something is left, lets expect nothing', t => {
  const propagation = { amazon: after(900), ebay: after(900) };
  t.is(mirrorBound(new Map([['A', [supply(2), sold(10, 'ebay'), sold(2_000, 'ebay')]]]), propagation, 0).expected, 0);
  t.deepEqual(mirrorBound(new Map([['A', [supply(3), sold(10, 'ebay'), sold(2_000, 'amazon')]]]), propagation, 0), { soldOut: 0, delayMs: 900, expected: 0, atMost: 0 });
});
