import test from 'ava';
import fc from 'fast-check';
import { backoffMs } from '../../actors/channel/retry.ts';

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test('the first retry waits up to 0.4 s, each next one up to twice as long, none longer than a minute', t => {
  const bounds = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 100, 10_000].map(attempt => backoffMs(attempt, 1));
  t.deepEqual(bounds, [400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 51_200, 60_000, 60_000, 60_000, 60_000]);
});

test('jitter is full: a wait lies anywhere between nothing and the bound, in proportion', t => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 10_000 }), random, (attempt, r) => {
    t.is(backoffMs(attempt, r), Math.floor(r * backoffMs(attempt, 1)));
  }));
});
