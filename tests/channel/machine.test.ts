import test from 'ava';
import { createChannelMachine } from '../../actors/channel/machine.ts';
import type { ChannelEvent, ChannelHealth } from '../../actors/channel/protocol.ts';
import type { Effect } from '../../actors/effect.ts';
import { stepper } from '../../runtime/step.ts';

const machine = stepper<ChannelHealth>(createChannelMachine('ebay-us', { failuresMax: 3, restMs: 2_000, probeMs: 30_000 }));

const failed: ChannelEvent = { type: 'call.failed', reason: '503 from eBay' };
const succeeded: ChannelEvent = { type: 'call.succeeded' };
const dead = (at: number): ChannelEvent => ({ type: 'auth.failed', reason: 'invalid_grant', at });
const freeze: ChannelEvent = { type: 'freeze', reason: 'asked for' };
const resume: ChannelEvent = { type: 'resume' };
const restOver: ChannelEvent = { type: 'rest.over' };
const rested = (delayMs: number): Effect => ({ kind: 'schedule', id: 'rest', delayMs, event: { type: 'rest.over' } });
const task = (at: number): Effect => ({
  kind: 'publish',
  to: ['dead', 'auth', 'ebay-us', 'ebay-us'],
  id: `auth:ebay-us:${at}`,
  body: { class: 'auth', account: 'ebay-us', message: 'invalid_grant', heals: 'a valid grant for ebay-us; its jobs wait until then', at },
});

/** Steps a fresh machine; between any two steps its state goes through the record and back. */
function given(...events: ChannelEvent[]): { state: unknown; health: ChannelHealth; may: string[]; effects: Effect[] } {
  let state = machine.initial({ failures: 0 });
  const effects: Effect[] = [];
  for (const event of events) {
    state = machine.step(state, event, effects);
    state = machine.restore(JSON.parse(JSON.stringify({ value: state.value, context: state.context })) as { value: unknown; context: ChannelHealth });
  }
  return { state: state.value, health: state.context as ChannelHealth, may: ['write', 'read', 'one'].filter(tag => state.hasTag(tag)), effects };
}

test('a healthy account writes and reads', t => {
  t.deepEqual(given(), { state: 'serving', health: { failures: 0 }, may: ['write', 'read'], effects: [] });
});

test('fewer failures than the maximum do not stop it, and one success forgets them', t => {
  t.deepEqual(given(failed, failed), { state: 'serving', health: { failures: 2, reason: '503 from eBay' }, may: ['write', 'read'], effects: [] });
  t.deepEqual(given(failed, failed, succeeded, failed, failed).state, 'serving');
  t.deepEqual(given(failed, failed, succeeded).health, { failures: 0 });
});

test('too many failures in a row rest the account, with the reason, and the rest is scheduled', t => {
  t.deepEqual(given(failed, failed, failed), { state: 'resting', health: { failures: 3, reason: '503 from eBay' }, may: [], effects: [rested(2_000)] });
});

test('calls that end while it rests change nothing', t => {
  t.deepEqual(given(failed, failed, failed, failed, succeeded), given(failed, failed, failed));
});

test('after the rest one call is tried: it serves again on success and rests again on failure', t => {
  t.deepEqual(given(failed, failed, failed, restOver), { state: 'trying', health: { failures: 3, reason: '503 from eBay' }, may: ['write', 'read', 'one'], effects: [rested(2_000)] });
  t.deepEqual(given(failed, failed, failed, restOver, succeeded), { state: 'serving', health: { failures: 0 }, may: ['write', 'read'], effects: [rested(2_000)] });
  t.deepEqual(given(failed, failed, failed, restOver, failed), { state: 'resting', health: { failures: 4, reason: '503 from eBay' }, may: [], effects: [rested(2_000), rested(2_000)] });
});

test('a dead grant stops everything and is told as one task, however many calls fail of it', t => {
  t.deepEqual(given(dead(7), dead(8), dead(9)), {
    state: 'unauthorised', health: { failures: 1, reason: 'invalid_grant', unauthorised: true }, may: [], effects: [task(7), rested(30_000)],
  });
});

test('a grant that is still dead when it is looked at again is no second task', t => {
  t.deepEqual(given(dead(7), restOver, dead(40)).effects, [task(7), rested(30_000), rested(30_000)]);
});

test('a grant that died, was renewed and died again is a second task', t => {
  t.deepEqual(given(dead(7), restOver, succeeded, dead(90)).effects, [task(7), rested(30_000), task(90), rested(30_000)]);
});

test('a frozen account reads and does not write, and its waiting timer is cancelled', t => {
  t.deepEqual(given(freeze), { state: 'frozen', health: { failures: 0, frozen: 'asked for', reason: 'asked for' }, may: ['read'], effects: [{ kind: 'cancel', id: 'rest' }] });
  t.deepEqual(given(failed, failed, failed, freeze).effects, [rested(2_000), { kind: 'cancel', id: 'rest' }]);
});

test('nothing but a person thaws a frozen account: neither rest, success, failures nor a grant that dies and lives again', t => {
  for (const events of [[restOver], [succeeded], [failed, failed, failed, failed], [dead(7), restOver], [dead(7), restOver, succeeded], [dead(7), restOver, dead(8), restOver, succeeded, restOver]]) {
    const { state, may } = given(freeze, ...events);
    t.deepEqual({ state, may }, { state: 'frozen', may: ['read'] }, events.map(e => e.type).join());
  }
  t.deepEqual(given(freeze, resume), { state: 'serving', health: { failures: 0 }, may: ['write', 'read'], effects: [{ kind: 'cancel', id: 'rest' }] });
});

test('frozen with a dead grant, it asks nothing until the grant is looked at again, and tells one task', t => {
  t.deepEqual(given(freeze, dead(7)), {
    state: 'unauthorised', health: { failures: 1, reason: 'invalid_grant', unauthorised: true, frozen: 'asked for' }, may: [],
    effects: [{ kind: 'cancel', id: 'rest' }, task(7), rested(30_000)],
  });
  t.deepEqual(given(freeze, dead(7), restOver, dead(8)).effects.filter(e => e.kind === 'publish'), [task(7)]);
  t.deepEqual(given(freeze, dead(7), restOver, succeeded).health, { failures: 0, frozen: 'asked for', reason: 'asked for' });
});

test('frozen while its grant is dead, it is frozen when the grant lives; resumed meanwhile, it is tried', t => {
  t.is(given(dead(7), freeze, restOver).state, 'frozen');
  t.is(given(dead(7), freeze, resume, restOver).state, 'trying');
});
