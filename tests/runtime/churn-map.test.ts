import fc from 'fast-check';
import test from 'ava';
import { ChurnMap } from '../../actors/churn-map.ts';

test('it holds what a Map holds, in its order, whatever comes and goes', t => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 20 }), fc.constantFrom('set', 'delete', 'delete', 'clear')), { minLength: 200, maxLength: 2_000 }), steps => {
    const map = new Map<number, number>();
    const churned = new ChurnMap<number, number>();
    steps.forEach(([key, step], n) => {
      if (step === 'set') {
        map.set(key, n);
        churned.set(key, n);
      } else if (step === 'delete') {
        t.is(churned.delete(key), map.delete(key));
      } else if (key === 0) {
        map.clear();
        churned.clear();
      }
      t.is(churned.size, map.size);
      t.is(churned.get(key), map.get(key));
      t.is(churned.has(key), map.has(key));
    });
    t.deepEqual([...churned], [...map]);
    t.deepEqual([...churned.keys()], [...map.keys()]);
    t.deepEqual([...churned.values()], [...map.values()]);
  }), { numRuns: 30 });
});

test('who looks through it and takes out what it finds sees every entry once', t => {
  const map = new ChurnMap<number, number>();
  for (let n = 0; n < 500; n++) map.set(n, n);
  const seen: number[] = [];
  for (const n of map.values()) {
    seen.push(n);
    map.delete(n);
  }
  t.deepEqual(seen, Array.from({ length: 500 }, (_, n) => n));
  t.is(map.size, 0);
});
