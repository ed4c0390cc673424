import test from 'ava';
import fc from 'fast-check';
import { Heap } from '../../actors/heap.ts';

/** Takes everything that is due at `now`. */
function drain<T>(heap: Heap<T>, now: number): { at: number; value: T }[] {
  const taken: { at: number; value: T }[] = [];
  for (let item = heap.take(now); item; item = heap.take(now)) taken.push(item);
  return taken;
}

test('an empty heap has no next time and gives nothing', t => {
  const heap = new Heap<string>();
  t.deepEqual({ size: heap.size, nextAt: heap.nextAt, taken: heap.take(Infinity) }, { size: 0, nextAt: undefined, taken: undefined });
});

test('what is due at exactly now is taken, what is due later stays', t => {
  const heap = new Heap<string>();
  heap.add(20, 'later');
  heap.add(10, 'due');
  t.deepEqual(drain(heap, 10), [{ at: 10, value: 'due' }]);
  t.deepEqual({ size: heap.size, nextAt: heap.nextAt }, { size: 1, nextAt: 20 });
});

test('a cleared heap forgets what it held', t => {
  const heap = new Heap<string>();
  heap.add(10, 'gone');
  heap.clear();
  t.deepEqual({ size: heap.size, nextAt: heap.nextAt, taken: heap.take(Infinity) }, { size: 0, nextAt: undefined, taken: undefined });
});

test('whatever is added and taken between, each item comes out once, in order of its time', t => {
  const command = fc.oneof(
    fc.record({ add: fc.integer({ min: 0, max: 50 }) }),
    fc.record({ takeAt: fc.integer({ min: 0, max: 50 }) }),
    fc.record({ keepOneOf: fc.integer({ min: 1, max: 4 }) }),
  );
  fc.assert(fc.property(fc.array(command, { maxLength: 200 }), commands => {
    const heap = new Heap<number>();
    let model: { at: number; value: number }[] = [];
    commands.forEach((each, n) => {
      if ('add' in each) {
        heap.add(each.add, n);
        model.push({ at: each.add, value: n });
      } else if ('keepOneOf' in each) {
        heap.keep(value => value % each.keepOneOf === 0);
        model = model.filter(item => item.value % each.keepOneOf === 0);
      } else {
        const taken = drain(heap, each.takeAt);
        t.deepEqual(taken.map(item => item.at), taken.map(item => item.at).sort((a, b) => a - b));
        const due = model.filter(item => item.at <= each.takeAt);
        t.deepEqual(taken.map(item => item.value).sort((a, b) => a - b), due.map(item => item.value));
        model = model.filter(item => item.at > each.takeAt);
      }
      t.is(heap.size, model.length);
      t.is(heap.nextAt, model.length === 0 ? undefined : Math.min(...model.map(item => item.at)));
    });
  }));
});
