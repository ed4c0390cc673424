import test from 'ava';
import { byDemand, mirrored } from '../../actors/sku/exposure/allocation.ts';
import type { Kind } from '../../actors/sku/exposure/ledger.ts';
import { dueAt, plan } from '../../actors/sku/exposure/plan.ts';
import { answer, cancel, complete, count, due, intend, link, minute, read, sale, second, termsOf, told } from './ledger.ts';
import type { Step } from './ledger.ts';

/** Cells by name, each with what it shows, read. */
const cells = (kinds: Record<string, [Kind, number]>): Step[] => Object.entries(kinds).flatMap(([id, [kind, shown]]): Step[] => [
  [0, link(id, termsOf(kind), shown)], [1, read(id, shown, 1, kind === 'version' ? { version: 'v1' } : {})],
]);
const planned = (steps: readonly Step[], demand: Record<string, number> = {}, at = minute) => plan(told(steps).ledger, byDemand, demand, at);

test('what is free is shared by demand, in whole units, each kind in its own way', t => {
  t.deepEqual(planned([...cells({ swap: ['swap', 0], version: ['version', 0], delta: ['delta', 0], set: ['set', 0], gross: ['gross', 0] }), [2, count(1, 10)]], { swap: 5 }), [
    { kind: 'write', cell: 'swap', write: { to: 6, from: 0 }, why: 'raise' },
    { kind: 'write', cell: 'version', write: { to: 1, from: 0, version: 'v1' }, why: 'raise' },
    { kind: 'write', cell: 'delta', write: { to: 1 }, why: 'raise' },
    { kind: 'write', cell: 'set', write: { to: 1 }, why: 'raise' },
    { kind: 'write', cell: 'gross', write: { to: 1 }, why: 'raise' },
  ]);
});

test('a channel\'s own sale causes no write', t => {
  t.deepEqual(planned([...cells({ a: ['swap', 4], b: ['set', 4] }), [2, count(1, 8)], [3, sale('b/1', 'b', 1, 3)]]), []);
});

test('a set cell runs down before it is filled again', t => {
  const low = (shown: number) => planned([...cells({ a: ['swap', 2], b: ['set', shown] }), [2, count(1, 8)]], { b: 5 }).filter(act => act.cell === 'b');
  t.deepEqual(low(1), []);
  t.deepEqual(low(0), [{ kind: 'write', cell: 'b', write: { to: 6 }, why: 'raise' }]);
});

test('a cell is topped up below half of its share, not for every unit', t => {
  const topped = (shown: number) => planned([...cells({ a: ['swap', shown], b: ['set', 4] }), [2, count(1, 8)]]);
  t.deepEqual(topped(2), []);
  t.deepEqual(topped(1), [{ kind: 'write', cell: 'a', write: { to: 4, from: 1 }, why: 'raise' }]);
});

test('P11: nothing is put on top of what somebody else may have put on sale', t => {
  const raised = (...steps: Step[]) => planned([...cells({ a: ['version', 1], b: ['set', 4] }), [2, count(1, 20)], ...steps], { a: 9 }, 20 * minute).filter(act => act.cell === 'a');
  t.like(raised()[0], { kind: 'write', why: 'raise' });
  t.deepEqual(raised([minute, read('a', 3, minute, { version: 'v2' })]), []);
  t.like(raised([minute, read('a', 3, minute, { version: 'v2' })], [12 * minute, read('a', 1, 12 * minute, { version: 'v3' })])[0], { write: { from: 1 }, why: 'raise' }, 'it was seen once');
  t.like(raised([minute, read('a', 3, minute, { version: 'v2' })], [12 * minute, read('a', 3, 12 * minute, { version: 'v2' })], [13 * minute, complete('a', 13 * minute)])[0], { write: { from: 3 }, why: 'raise' }, 'its rights are known');
});

test('units move toward an empty cell with demand, from where most lie beyond their share', t => {
  t.deepEqual(planned([...cells({ a: ['swap', 6], b: ['version', 0], c: ['swap', 2] }), [2, count(1, 8)]], { b: 5 }), [
    { kind: 'write', cell: 'a', write: { to: 1, from: 6 }, why: 'lower' },
  ]);
});

test('P9: with a debt the largest rights are lowered first, set cells to 0', t => {
  t.deepEqual(planned([...cells({ a: ['swap', 3], b: ['set', 4] }), [2, count(1, 6)]]), [{ kind: 'write', cell: 'b', write: { to: 0 }, why: 'lower' }]);
  t.deepEqual(planned([...cells({ a: ['swap', 5], b: ['set', 4] }), [2, count(1, 7)]]), [{ kind: 'write', cell: 'a', write: { to: 3, from: 5 }, why: 'lower' }]);
});

test('P8: rights to more than is shown are probed once they have been so for long', t => {
  const leaking: Step[] = [...cells({ a: ['swap', 2] }), [2, count(1, 2)], [3, cancel('a/1', 'a', 1, 3)], [5, read('a', 1, 5)]];
  t.deepEqual(planned(leaking, {}, 19 * minute), []);
  t.deepEqual(dueAt(told(leaking).ledger, minute), 5 + 20 * minute);
  t.deepEqual(planned(leaking, {}, 21 * minute), [{ kind: 'write', cell: 'a', write: { to: 1, from: 1 }, why: 'probe' }]);
});

test('P7: an overdue answer is asked for again with the same write, where that may be', t => {
  const sent = (kind: Kind) => planned([...cells({ a: [kind, 0] }), [2, count(1, 1)], [3, intend('a', 'w', 1, { from: 0, version: 'v1' })]], {}, 11 * second);
  t.deepEqual(['swap', 'delta', 'version'].map(kind => sent(kind as Kind)), Array.from({ length: 3 }, () => [{ kind: 'repeat', cell: 'a', id: 'w' }]));
  t.deepEqual([sent('set'), sent('gross')], [[], []]);
});

test('P10: the count is lowered for orders that wait to be shipped', t => {
  const packed: Step[] = [...cells({ a: ['gross', 3] }), [2, count(1, 3)], [3, sale('a/1', 'a', 1, 3)], [4, { type: 'ship.asked', line: 'a/1' }]];
  t.deepEqual(planned(packed), [{ kind: 'write', cell: 'a', write: { to: 2 }, why: 'ship' }]);
});

test('P10: for a shipment a count that was lowered is never raised again, and a debt is lowered with it', t => {
  const packed: Step[] = [...cells({ a: ['gross', 14] }), [2, sale('a/1', 'a', 1, 2)], [3, { type: 'ship.asked', line: 'a/1' }]];
  t.deepEqual(planned([...packed, [4, count(1, 5)]]), [{ kind: 'write', cell: 'a', write: { to: 4 }, why: 'ship' }]);
  const lowered: Step[] = [...packed, [4, count(1, 1)], [5, intend('a', 'w', 1)], [6, answer('a', 'w', 'accepted')], [3 * minute, due], [3 * minute, read('a', 1, 3 * minute)]];
  t.deepEqual(planned(lowered, {}, 4 * minute), []);
});

test('what an accepted write came to is read once it can be told', t => {
  const accepted: Step[] = [[0, link('a', termsOf('set', { queued: true }))], [0, count(1, 1)], [0, read('a', 0, 0)], [1, intend('a', 'w', 1)], [2, answer('a', 'w', 'accepted')], [2 * minute, due], [2 * minute, complete('a', 2 * minute)]];
  t.deepEqual(planned(accepted, {}, 12 * minute), [{ kind: 'read', cell: 'a' }]);
});

test('P12: cells that are not regained are emptied for a proof, and none is raised, whatever policy wants', t => {
  const { ledger } = told([...cells({ a: ['swap', 0], b: ['set', 3] }), [2, count(1, 9)], [3, { type: 'mode.set', mode: 'mirror' }], [4, { type: 'ledger.lost', until: minute, allowed: {} }]]);
  const seen = told([[2 * minute, read('a', 0, 2 * minute)], [2 * minute, read('b', 3, 2 * minute)]], ledger).ledger;
  t.deepEqual(plan(seen, mirrored(0), {}, 3 * minute), [
    { kind: 'write', cell: 'a', write: { to: 0, from: 0 }, why: 'probe' },
    { kind: 'write', cell: 'b', write: { to: 0 }, why: 'probe' },
  ]);
  const proven = told([[3 * minute, intend('a', 'w', 0, { from: 0 })], [3 * minute, answer('a', 'w', 'applied')]], seen).ledger;
  t.deepEqual(plan(proven, mirrored(0), {}, 4 * minute).map(act => act.cell), ['b']);
});

test('in mirror mode every cell is to show what exists, less the buffer', t => {
  const { ledger } = told([[0, { type: 'mode.set', mode: 'mirror' }], ...cells({ a: ['swap', 5], b: ['set', 3], c: ['gross', 4] }), [2, count(1, 5)]]);
  t.deepEqual(plan(ledger, mirrored(1), {}, minute), [
    { kind: 'write', cell: 'a', write: { to: 4, from: 5 }, why: 'lower' },
    { kind: 'write', cell: 'b', write: { to: 4 }, why: 'raise' },
  ]);
});
