import test from 'ava';
import { Rounds } from '../../runtime/rounds.ts';

const nextTurn = (): Promise<void> => new Promise(resolve => { setImmediate(resolve); });

test('who joined is looked after until he leaves, and one that has something to do lets others of the node go on first', async t => {
  t.timeout(5_000);
  const rounds = new Rounds(5);
  const said: string[] = [];
  const over = Promise.withResolvers<void>();
  const leaveBusy = rounds.join(() => {
    if (said.length === 0) setImmediate(() => said.push('somebody else'));
    said.push('busy');
    return true;
  });
  const leaveIdle = rounds.join(() => {
    said.push('idle');
    leaveBusy();
    if (said.length > 3) over.resolve();
    return false;
  });
  await over.promise;
  leaveIdle();
  t.deepEqual(said, ['busy', 'somebody else', 'idle', 'idle']);
  await nextTurn();
  await new Promise(resolve => setTimeout(resolve, 30));
  t.is(said.length, 4);
});
