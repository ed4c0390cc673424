/** How much is done at once. */
import test from 'ava';
import { Pace } from '../../runtime/pace.ts';

const settled = (): Promise<void> => new Promise(resolve => setImmediate(resolve));

test('so many turns are in work at once, and those that wait begin in the order they were asked for', async t => {
  const pace = new Pace({ turns: 2, ahead: 1 });
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const ask = (n: number): void => pace.begin(() => {
    begun.push(n);
    return new Promise(resolve => { ends[n] = resolve; });
  });
  for (let n = 0; n < 5; n++) ask(n);
  t.deepEqual(begun, [0, 1]);
  ends[1]!();
  await settled();
  t.deepEqual(begun, [0, 1, 2]);
  ends[0]!();
  ends[2]!();
  await settled();
  t.deepEqual(begun, [0, 1, 2, 3, 4]);
  ask(5);
  t.is(begun.length, 5);
  ends[4]!();
  await settled();
  t.deepEqual(begun.slice(5), [5]);
});

test('a turn that asks for another while many wait is not lost', async t => {
  const pace = new Pace({ turns: 1, ahead: 1 });
  let done = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const total = 20_000;
  const turn = async (again: boolean): Promise<void> => {
    if (again) pace.begin(() => turn(false));
    if (++done === total) resolve();
  };
  for (let n = 0; n < total / 2; n++) pace.begin(() => turn(true));
  await promise;
  t.is(done, total);
});

test('reading is held back at the limit until half of it is applied', async t => {
  const pace = new Pace({ turns: 1, ahead: 10 });
  pace.read(9);
  t.is(pace.room(), undefined);
  pace.read(1);
  let open = false;
  const room = pace.room()!.then(() => { open = true; });
  t.truthy(pace.room());
  pace.applied(4);
  await settled();
  t.false(open);
  pace.applied(1);
  await room;
  t.is(pace.room(), undefined);
});
