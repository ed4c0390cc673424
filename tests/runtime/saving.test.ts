/** When an account's record is stored: what a next owner decides by soon, looks at the channel now and then. */
import test from 'ava';
import { pino } from 'pino';
import type { AccountRecord } from '../../actors/channel/protocol.ts';
import { Saving } from '../../runtime/account/saving.ts';
import type { Mark } from '../../runtime/account/saving.ts';
import type { Saved } from '../../runtime/owned-record.ts';

/** A record whose writes end when the test says so. */
class Store {
  readonly writes: { done(how: Saved): void; fail(error: Error): void }[] = [];

  readonly save = (): Promise<Saved> => new Promise((resolve, reject) => { this.writes.push({ done: resolve, fail: reject }); });
}

interface Known { mark: Mark; low: boolean }

function saving(record: Store, known: Known): Saving {
  return new Saving({ account: 'a', record, log: pino({ level: 'silent' }), mark: () => known.mark, now: () => ({}) as AccountRecord, isLow: () => known.low });
}

const turn = (): Promise<void> => new Promise(resolve => { setImmediate(resolve); });

test('what a next owner decides by is stored at the next look, a mere look at the channel is not, unless a rate is low', async t => {
  const [store, known] = [new Store(), { mark: { all: '1 x', soon: 'x' }, low: false }];
  const kept = saving(store, known);
  const look = async (): Promise<number> => { kept.look(0); await turn(); store.writes.at(-1)?.done('stored'); await turn(); return store.writes.length; };
  t.is(await look(), 1);
  t.is(await look(), 1, 'nothing is new');
  known.mark = { all: '2 x', soon: 'x' };
  t.is(await look(), 1);
  known.low = true;
  t.is(await look(), 2);
  known.low = false;
  known.mark = { all: '2 y', soon: 'y' };
  t.is(await look(), 3);
});

test('who asks for it waits until what is known now is stored, behind what is under way; what was not stored is stored again', async t => {
  const [store, known] = [new Store(), { mark: { all: '1', soon: '1' }, low: false }];
  const kept = saving(store, known);
  kept.look(0);
  known.mark = { all: '2', soon: '2' };
  let over = false;
  const asked = kept.save().then(() => { over = true; });
  store.writes[0]!.done('stored');
  await turn();
  t.deepEqual([store.writes.length, over], [2, false]);
  store.writes[1]!.done('unsure');
  await asked;
  kept.look(0);
  await turn();
  t.is(store.writes.length, 3);
  store.writes[2]!.fail(new Error('the broker is away'));
  await turn();
  kept.look(0);
  await turn();
  t.is(store.writes.length, 4);
});
