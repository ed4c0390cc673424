import test from 'ava';
import { Underway } from '../../runtime/underway.ts';

test('everybody who waits is told when nothing is under way, and not while more was begun', async t => {
  const work = new Underway();
  await work.none();
  work.begin();
  work.begin();
  const told: string[] = [];
  const waits = ['a', 'b'].map(async name => { await work.none(); told.push(name); });
  work.end();
  work.end();
  work.begin();
  await new Promise(resolve => { setImmediate(resolve); });
  t.deepEqual(told, []);
  work.end();
  await Promise.all(waits);
  t.deepEqual(told, ['a', 'b']);
});
