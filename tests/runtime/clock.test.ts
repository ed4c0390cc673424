/** What a node takes for the broker's time, from renewals that come back sooner or later. */
import test from 'ava';
import fc from 'fast-check';
import { BrokerClock } from '../../runtime/clock.ts';

/** A clock whose monotonic time stands at `at`, and a wall that says something else. */
function clock(): { told: BrokerClock; at(ms: number): number } {
  let monotonic = 0;
  const told = new BrokerClock(() => monotonic, () => 77);
  return { told, at: ms => { monotonic = ms; return told.now(); } };
}

test('before the broker is heard the machine\'s own time is all there is', t => {
  t.is(clock().told.now(), 77);
});

test('a renewal that came back late takes nothing from what a quick one told', t => {
  const { told, at } = clock();
  told.note(1_000_001, 1_000, 1_002);
  t.true(Math.abs(at(1_002) - 1_000_002) <= 1);
  told.note(1_001_001, 2_000, 2_900);
  t.true(Math.abs(at(2_900) - 1_001_900) <= 1.5, String(at(2_900)));
});

test('a clock that was set, or another server\'s, is followed at once', t => {
  const { told, at } = clock();
  told.note(1_000_001, 1_000, 1_002);
  told.note(5_000_001, 2_000, 2_002);
  t.true(Math.abs(at(2_002) - 5_000_002) <= 1);
});

test('whatever the way takes, the error is half of the quickest round trip at most, and what clocks run apart', t => {
  const way = fc.record({ there: fc.integer({ min: 0, max: 400 }), back: fc.integer({ min: 0, max: 400 }) });
  fc.assert(fc.property(fc.array(way, { minLength: 1, maxLength: 30 }), fc.integer({ min: -1_000_000, max: 1_000_000 }), (ways, offset) => {
    const { told, at } = clock();
    ways.forEach(({ there, back }, n) => {
      const sentAt = n * 1_000;
      told.note(sentAt + there + offset, sentAt, sentAt + there + back);
    });
    const now = ways.length * 1_000;
    const quickest = Math.min(...ways.map(({ there, back }) => there + back));
    return Math.abs(at(now) - (now + offset)) <= quickest / 2 + 1 + 0.000_2 * now;
  }));
  t.pass();
});
