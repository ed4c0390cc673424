/** What people are told of a batch that an account holds: owners on a real server, against sandbox marketplaces. */
import anyTest from 'ava';
import type { TestFn } from 'ava';
import { noteDead } from '../../actors/reconciler/dead-letters.ts';
import type { DeadBody, DeadCase } from '../../actors/reconciler/dead-letters.ts';
import { ebaySandbox } from '../../deploy/sandbox/ebay.ts';
import { standIn } from '../../runtime/account/gate.ts';
import { PublishError } from '../../runtime/publisher.ts';
import { eventually, ground, Shop, wide } from './account-world.ts';
import type { Ground } from './account-world.ts';

const test = anyTest as TestFn<{ ground: Ground }>;
let shared: Ground;

test.before(async () => { shared = await ground(); });
test.after.always(async () => { await shared?.close(); });

test('a task is over with the decision, though the owner that was told of it could not say so any more', async t => {
  const zeros = { governor: { windowMs: 60_000, zero: { share: 0, least: 0 }, raise: { share: 1, least: 100 } } };
  /** An owner who holds a zero, and ends before people hear that it was dropped. */
  const dropped = async (account: string): Promise<Shop> => {
    const shop = await Shop.open(t, shared, { account, channel: 'ebay', vendor: ebaySandbox, opening: { A: 0 }, limits: wide('ebay') });
    const { publisher } = shared;
    let isMute = false;
    const publish: typeof publisher.publish = (subject, ...more) => (isMute && subject.startsWith('dead.') ? Promise.reject(new PublishError('no connection to the broker')) : publisher.publish(subject, ...more));
    const owner = await shop.own(t, { ...zeros, publisher: standIn(publisher, { publish }) });
    await shop.command('import');
    await shop.count('A', 5);
    await eventually(t, 'proven', () => shop.isProven('A', 5));
    await shop.count('A', 0);
    await eventually(t, 'people are told', () => shop.dead(), seen => seen.length === 1);
    isMute = true;
    t.deepEqual(await shop.command('drop zero ops'), { ok: true, listings: 1 });
    await owner.release();
    t.is((await shop.dead()).length, 1);
    return shop;
  };
  const openOf = (letters: Awaited<ReturnType<Shop['dead']>>): readonly string[] => letters.reduce<DeadCase | undefined>((known, body, seq) => noteDead(known, { subject: 'dead', seq, at: 0, body: body as unknown as DeadBody }), undefined)!.open;

  const quiet = await dropped('ebay-dropped');
  await quiet.own(t, zeros);
  const [, end] = await eventually(t, 'the next owner says so', () => quiet.dead(), seen => seen.length === 2);
  t.like(end, { resolved: true, how: 'dismissed', by: 'a person, before the account changed hands' });

  // Another batch that is held by then is a task of its own, and the decision on it ends both.
  const again = await dropped('ebay-dropped-again');
  await again.count('A', 0);
  await again.own(t, zeros);
  await eventually(t, 'people are told of both', () => again.dead(), seen => openOf(seen).length === 2);
  t.like(await again.command('release zero ops'), { ok: true, listings: 1 });
  await eventually(t, 'both are over', () => again.dead(), seen => openOf(seen).length === 0);
});
