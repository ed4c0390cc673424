import test from 'ava';
import fc from 'fast-check';
import { RevisionCount } from '../../actors/channel/revisions.ts';
import { drainMs, newBucket, refill, resumed, spend, throttled, told, waitMs } from '../../actors/channel/rate.ts';
import type { Bucket, Limit } from '../../actors/channel/rate.ts';

const start = 1_800_000_000_000;
const day = 86_400_000;
const limit: Limit = { perSecond: 2, burst: 10 };

const limits = fc.record({ perSecond: fc.double({ min: 0.005, max: 500, noNaN: true }), burst: fc.double({ min: 1, max: 2_000, noNaN: true }) });

/** Empties a bucket of `limit`. */
const emptied = (): Bucket => spend(newBucket(limit, start), 10, start);

test('a new bucket is full', t => {
  t.deepEqual(newBucket(limit, start), { perSecond: 2, burst: 10, level: 10, at: start, waitUntil: 0, spentToday: 0, dayFrom: start });
});

test('a bucket refills by its rate and never above its burst', t => {
  t.deepEqual(refill(emptied(), start + 1_500), { perSecond: 2, burst: 10, level: 3, at: start + 1_500, waitUntil: 0, spentToday: 10, dayFrom: start });
  t.is(refill(emptied(), start + 60_000).level, 10);
});

test('a clock that goes back takes nothing away and gives nothing', t => {
  t.is(refill(emptied(), start - 5_000).level, 0);
});

test('the wait is how long the missing tokens take', t => {
  t.is(waitMs(emptied(), 1, start), 500);
  t.is(waitMs(emptied(), 3, start + 500), 1_000);
  t.is(waitMs(newBucket(limit, start), 10, start), 0);
});

test('tokens kept for more urgent calls are waited for, as far as the bucket can hold them', t => {
  const bucket = spend(newBucket(limit, start), 5, start);
  t.is(waitMs(bucket, 1, start), 0);
  t.is(waitMs(bucket, 1, start, 5), 500);
  t.is(waitMs(newBucket(limit, start), 1, start, 1_000), 0);
});

test('a call dearer than the burst goes once the bucket is full, and its debt is waited for', t => {
  const full = newBucket(limit, start);
  t.is(waitMs(full, 15, start), 0);
  const owing = spend(full, 15, start);
  t.is(owing.level, -5);
  t.is(waitMs(owing, 1, start), 3_000);
});

test('a refusal for rate empties the bucket and is silent for as long as the channel asks', t => {
  const refused = throttled(newBucket(limit, start), 4_000, start);
  t.deepEqual({ level: refused.level, waitUntil: refused.waitUntil }, { level: 0, waitUntil: start + 4_000 });
  t.is(waitMs(refused, 1, start), 4_000);
  t.is(waitMs(refused, 1, start + 3_999), 1);
  t.is(waitMs(refused, 1, start + 4_000), 0);
});

test('without a wish of the channel the wait is one token, and never less than a quarter of a second', t => {
  t.is(throttled(newBucket(limit, start), undefined, start).waitUntil, start + 500);
  t.is(throttled(newBucket({ perSecond: 100, burst: 10 }, start), undefined, start).waitUntil, start + 250);
  t.is(throttled(newBucket({ perSecond: 0.01, burst: 10 }, start), undefined, start).waitUntil, start + 100_000);
});

test('a shorter wish does not end a longer silence', t => {
  const refused = throttled(throttled(newBucket(limit, start), 60_000, start), 100, start + 1_000);
  t.is(refused.waitUntil, start + 60_000);
});

test('calls over the quota of a day wait for the next day, whatever the bucket holds', t => {
  const daily = spend(newBucket({ perSecond: 100, burst: 100, perDay: 50 }, start), 50, start);
  t.is(waitMs(daily, 1, start + 1_000), day - 1_000);
  t.is(waitMs(daily, 1, start + day), 0);
  t.deepEqual(refill(daily, start + day), { perSecond: 100, burst: 100, perDay: 50, level: 100, at: start + day, waitUntil: 0, spentToday: 0, dayFrom: start + day });
});

test('what an answer tells of the day replaces what was counted, until the day that it names is over', t => {
  const daily = spend(newBucket({ perSecond: 100, burst: 100, perDay: 50 }, start), 10, start);
  const over = told(daily, { limit: 'x', day: { limit: 40, left: 0, resetsInMs: 3_600_000 } }, start + 1_000);
  t.is(waitMs(over, 1, start + 2_000), 3_599_000);
  t.is(waitMs(over, 1, start + 3_601_000), 0);
  const others = told(daily, { limit: 'x', day: { limit: 50, left: 20, resetsInMs: 3_600_000 } }, start);
  t.is(others.spentToday, 30);
  t.true(waitMs(spend(others, 20, start), 1, start + 2_000) > 3_000_000);
});

test('what an answer tells of rate and burst replaces what was published, and what is left only lowers the level', t => {
  const bucket = newBucket(limit, start);
  t.deepEqual(told(bucket, { limit: 'x', perSecond: 50, burst: 2_000, remaining: 7, waitMs: 100 }, start), { ...bucket, perSecond: 50, burst: 2_000, level: 7, waitUntil: start + 100 });
  t.is(told(emptied(), { limit: 'x', remaining: 8 }, start).level, 0);
  t.deepEqual(told(bucket, { limit: 'x' }, start), bucket);
});

test('figures that are no numbers, or a rate of zero, say nothing', t => {
  const bucket = newBucket(limit, start);
  t.deepEqual(told(bucket, { limit: 'x', perSecond: NaN, burst: Infinity, remaining: NaN, waitMs: Infinity }, start), bucket);
  t.deepEqual(told(bucket, { limit: 'x', perSecond: 0, burst: -1 }, start), bucket);
});

test('a new owner goes on with the level and the silence of the former one, under the limits of today', t => {
  const left = throttled(spend(newBucket({ perSecond: 1, burst: 4 }, start), 3, start), 9_000, start);
  const later = start + 1_000;
  t.deepEqual(resumed({ perSecond: 5, burst: 20, perDay: 100 }, left, later), { perSecond: 5, burst: 20, perDay: 100, level: 5, at: later, waitUntil: start + 9_000, spentToday: 3, dayFrom: start });
  t.is(resumed({ perSecond: 5, burst: 2 }, newBucket(limit, start), start).level, 2);
  t.deepEqual(resumed(limit, undefined, start), newBucket(limit, start));
});

test('in no window is more spent than the burst and what the rate gives in it', t => {
  const steps = fc.array(fc.record({ afterMs: fc.integer({ min: 0, max: 3_000 }), share: fc.double({ min: 0, max: 1, noNaN: true }), refused: fc.option(fc.integer({ min: 0, max: 2_000 })), handedOver: fc.boolean() }), { minLength: 1, maxLength: 60 });
  fc.assert(fc.property(limits, steps, (given, list) => {
    let bucket = newBucket(given, start);
    let now = start;
    const spent: { at: number; cost: number }[] = [];
    for (const { afterMs, share, refused, handedOver } of list) {
      now += afterMs;
      if (handedOver) bucket = resumed(given, JSON.parse(JSON.stringify(bucket)) as Bucket, now);
      if (refused !== null) bucket = throttled(bucket, refused, now);
      const cost = share * given.burst;
      if (waitMs(bucket, cost, now) > 0) continue;
      bucket = spend(bucket, cost, now);
      spent.push({ at: now, cost });
    }
    spent.forEach((first, i) => {
      let sum = 0;
      for (const { at, cost } of spent.slice(i)) {
        sum += cost;
        const allowed = given.burst + (given.perSecond * (at - first.at)) / 1_000;
        t.true(sum <= allowed + 1e-6 * allowed, `${sum} spent in ${at - first.at} ms, ${allowed} allowed`);
      }
    });
  }));
});

test('who waits as long as was told may spend then, to the millisecond', t => {
  fc.assert(fc.property(limits, fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }), (given, before, share) => {
    const bucket = spend(newBucket(given, start), before * given.burst, start);
    const wait = waitMs(bucket, share * given.burst, start);
    t.true(waitMs(bucket, share * given.burst, start + wait) <= 1);
    if (wait > 1) t.true(waitMs(bucket, share * given.burst, start + wait - 2) > 0);
  }));
});

test('never is more spent in a day than its quota', t => {
  const steps = fc.array(fc.record({ afterMs: fc.integer({ min: 0, max: day / 4 }), cost: fc.integer({ min: 1, max: 40 }) }), { maxLength: 80 });
  fc.assert(fc.property(steps, list => {
    let bucket = newBucket({ perSecond: 1_000, burst: 100, perDay: 120 }, start);
    let now = start;
    const byDay = new Map<number, number>();
    for (const { afterMs, cost } of list) {
      now += afterMs;
      if (waitMs(bucket, cost, now) > 0) continue;
      bucket = spend(bucket, cost, now);
      byDay.set(bucket.dayFrom, (byDay.get(bucket.dayFrom) ?? 0) + cost);
    }
    for (const sum of byDay.values()) t.true(sum <= 120);
  }));
});

test('the time to drain is what the level, the pace, a silence and the days\' quotas make it', t => {
  const full = newBucket(limit, start);
  t.is(drainMs(full, 0, 1, start), 0);
  t.is(drainMs(full, 10, 1, start), 0);
  t.is(drainMs(full, 30, 1, start), 10_000);
  t.is(drainMs(full, 15, 2, start), 10_000);
  t.is(drainMs({ ...full, waitUntil: start + 4_000 }, 30, 1, start), 14_000);
  const daily = newBucket({ ...limit, perDay: 100 }, start);
  t.is(drainMs(daily, 100, 1, start), 45_000);
  t.is(drainMs(daily, 101, 1, start), day, 'the last one goes when the next day begins');
  t.is(drainMs(daily, 301, 1, start + 1_000), 3 * day - 1_000);
});

test('what drains in the time told can be paid in it, call by call, and not much sooner', t => {
  t.notThrows(() => fc.assert(fc.property(limits, fc.integer({ min: 1, max: 300 }), (given, calls) => {
    let bucket = newBucket(given, start);
    const told = drainMs(bucket, calls, 1, start);
    let now = start;
    for (let n = 0; n < calls; n++) {
      now += waitMs(bucket, 1, now);
      bucket = spend(bucket, 1, now);
    }
    // Waits are whole ms, each up to one more than is needed.
    const off = now - start - told;
    return off >= -1 && off <= calls + 1;
  })));
});

const perListing = { perDay: 50, keep: 20, dayMs: day };

test('the last revisions of a listing are not spent on raises, of this listing alone, and zeros and decreases always go', t => {
  const count = new RevisionCount(perListing, undefined, start);
  for (let n = 0; n < 29; n++) count.spend('A', start);
  t.is(count.waitMs('A', 'raise', start), 0);
  count.spend('A', start);
  t.deepEqual((['raise', 'zero', 'decrease', 'verify'] as const).map(lane => count.waitMs('A', lane, start) > 0), [true, false, false, false]);
  t.is(count.waitMs('B', 'raise', start), 0);
  t.is(count.held(start), 1);
});

test('revisions come back as the day that they fell on leaves the stretch of a day', t => {
  const count = new RevisionCount(perListing, undefined, start);
  for (let n = 0; n < 60; n++) count.spend('A', start + day - 1);
  // Half of 60 is the first share that leaves room for raises.
  t.deepEqual([day, 1.49 * day, 1.51 * day, 2 * day].map(after => count.waitMs('A', 'raise', start + after) > 0), [true, true, false, false]);
  t.is(count.held(start + 5 * day), 0);
});

test('a new owner goes on from what the record tells of the listings that changed often', t => {
  const count = new RevisionCount(perListing, undefined, start);
  for (let n = 0; n < 30; n++) count.spend('A', start);
  count.spend('B', start);
  t.deepEqual(count.told, { from: start, spent: { A: 30 }, before: {} });
  t.true(new RevisionCount(perListing, count.told, start + 1_000).waitMs('A', 'raise', start + 1_000) > 0);
});

test('what a call reserved and did not use is there again, but never more than the channel says', t => {
  const bucket = spend(newBucket(limit, start), 8, start);
  t.is(told(bucket, { limit: 'x', refund: 7 }, start).level, 9);
  t.is(told(bucket, { limit: 'x', refund: 70 }, start).level, 10);
  t.is(told(bucket, { limit: 'x', refund: 7, remaining: 4 }, start).level, 4);
  for (const refund of [NaN, -3, 0]) t.is(told(bucket, { limit: 'x', refund }, start).level, 2);
});
