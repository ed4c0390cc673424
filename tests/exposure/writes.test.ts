import test from 'ava';
import type { Kind, Terms } from '../../actors/sku/exposure/ledger.ts';
import { answer, cancel, complete, count, due, figures, intend, link, minute, read, sale, second, termsOf, told } from './ledger.ts';
import type { Step } from './ledger.ts';

/** One cell with two units shown and ten in all. */
const cell = (kind: Kind, more: Partial<Terms> = {}, mayShow = 2): Step[] => [[0, link('c', termsOf(kind, more), mayShow)], [0, count(1, 10)]];
const rights = (steps: readonly Step[]) => told(steps).ledger.cells.c!.rights;
const conditions = (kind: Kind) => kind === 'swap' ? { from: 2 } : kind === 'version' ? { from: 2, version: 'v1' } : {};
/** A write to this quantity, as its kind has it. */
const write = (kind: Kind, to: number) => intend('c', 'w', kind === 'delta' ? to - 2 : to, conditions(kind));

test('P5: a raise reserves what its kind may add, whatever becomes of it', t => {
  const kinds: Kind[] = ['swap', 'version', 'delta', 'set', 'gross'];
  t.deepEqual(Object.fromEntries(kinds.map(kind => [kind, rights([...cell(kind), [1, write(kind, 5)]])])), { swap: 5, version: 5, delta: 5, set: 7, gross: 5 });
});

test('P5: a raise of more than is free is withheld with both figures, a set to 0 never is', t => {
  const full: Step[] = [[0, link('c', termsOf('set'), 8)], [0, count(1, 10)]];
  t.deepEqual(told([...full, [1, intend('c', 'w', 3)]]).withheld, ['3 units reserved, 2 free (P5)']);
  t.deepEqual(told([...full, [1, intend('c', 'w', 0)]]).withheld, []);
});

test('P5: in mirror mode a raise is on the books and not withheld', t => {
  t.is(rights([...cell('set'), [0, { type: 'mode.set', mode: 'mirror' }], [1, intend('c', 'w', 20)]]), 22);
});

test('bad writes are withheld with the field and its value', t => {
  const asked: Record<string, ReturnType<typeof intend>> = {
    'to 1.5 is no whole quantity': intend('c', 'w', 1.5),
    'to -1 is no whole quantity': intend('c', 'w', -1),
    'from undefined is no whole quantity': intend('c', 'w', 1),
    'cell x is not linked': intend('x', 'w', 1),
    'to 101 is above the cap of 100 units': intend('c', 'w', 101, { from: 0 }),
  };
  t.deepEqual(Object.values(asked).map(fact => told([...cell('swap'), [1, fact]]).withheld[0]), Object.keys(asked));
  t.deepEqual(told([...cell('version'), [1, intend('c', 'w', 1, { from: 2 })]]).withheld, ['version is missing']);
});

test('I4: while a write is in doubt no other one is stored', t => {
  t.deepEqual(told([...cell('set'), [1, intend('c', 'w', 3)], [2, intend('c', 'x', 0)]]).withheld, ['a write to this cell is in doubt (I4)']);
});

test('P6: what success proves, and so gives back, by kind', t => {
  const lowered = (kind: Kind, more: Parameters<typeof answer>[3] = {}, terms: Partial<Terms> = {}) => rights([...cell(kind, terms), [1, write(kind, 1)], [second, answer('c', 'w', 'applied', more)]]);
  t.deepEqual({
    swap: lowered('swap'), version: lowered('version'), delta: lowered('delta', { after: 1 }),
    'delta below zero (N8)': lowered('delta', { after: -1 }),
    'set (N3)': lowered('set'), 'gross (N20)': lowered('gross'),
    'swap with payment holds (N13)': lowered('swap', {}, { holdMs: minute }),
    'delta with payment holds (N13)': lowered('delta', { after: 1 }, { holdMs: minute }),
  }, {
    swap: 1, version: 1, delta: 1, 'delta below zero (N8)': 2, 'set (N3)': 3, 'gross (N20)': 2,
    'swap with payment holds (N13)': 2, 'delta with payment holds (N13)': 2,
  });
});

test('P6: a raise by a delta gives back what filled up from below zero', t => {
  t.is(rights([...cell('delta'), [1, write('delta', 5)], [second, answer('c', 'w', 'applied', { after: 1 })]]), 3);
});

test('P6: refused and sent once, the reservation is free again', t => {
  for (const kind of ['swap', 'version', 'delta', 'set', 'gross'] as const) t.is(rights([...cell(kind), [1, write(kind, 5)], [second, answer('c', 'w', 'refused')]]), 2, kind);
  t.is(told([...cell('gross'), [1, write('gross', 5)], [second, answer('c', 'w', 'refused')]]).ledger.cells.c!.high, 2);
});

test('P6: refused after a repeat proves nothing (N19), unless the channel keeps refusals under the key', t => {
  const repeat: Step[] = [[11 * second, { type: 'write.repeated', cell: 'c', id: 'w' }], [12 * second, answer('c', 'w', 'refused')]];
  const swap = told([...cell('swap'), [1, write('swap', 5)], ...repeat, [13 * second, intend('c', 'x', 0, { from: 2 })]]);
  t.deepEqual([swap.ledger.cells.c!.rights, swap.withheld], [5, ['a write to this cell is in doubt (I4)']]);
  t.is(rights([...cell('swap', { keepsRefusals: true }), [1, write('swap', 5)], ...repeat]), 2);
  const version = told([...cell('version'), [1, write('version', 5)], ...repeat, [13 * second, intend('c', 'x', 0, { from: 2, version: 'v2' })]]);
  t.deepEqual([version.ledger.cells.c!.rights, version.withheld], [5, []]);
});

test('P7: no answer leaves the units reserved and the write in doubt (N6), and past `until` the next one may go (N18)', t => {
  const lost = told([...cell('set'), [1, intend('c', 'w', 5)], [10 * second, { type: 'write.unanswered', cell: 'c', id: 'w' }], [66 * second, due]]);
  t.deepEqual([lost.ledger.cells.c!.rights, lost.ledger.cells.c!.intent, lost.says.at(-1)], [7, undefined, { type: 'write.lapsed', cell: 'c', id: 'w', reserved: 5 }]);
});

test('P7: a repeat that the channel may have forgotten the key for is not made', t => {
  const attempts = (at: number, kind: Kind = 'swap') => told([...cell(kind), [0, write(kind, 5)], [at, { type: 'write.repeated', cell: 'c', id: 'w' }]]).ledger.cells.c?.intent?.attempts;
  t.deepEqual([attempts(20 * second), attempts(20 * second, 'delta'), attempts(20 * second, 'version'), attempts(20 * second, 'set'), attempts(20 * second, 'gross')], [2, 2, 2, 1, 1]);
  t.is(told([...cell('swap', { keyMs: minute }), [0, write('swap', 5)], [second, { type: 'write.repeated', cell: 'c', id: 'w' }]]).ledger.cells.c!.intent!.attempts, 1);
});

test('P7: what is halted is not repeated until it is resumed, and past `until` its units stay reserved', t => {
  const halted: Step[] = [...cell('swap'), [1, write('swap', 5)], [2, { type: 'write.halted', cell: 'c', id: 'w' }]];
  const again: Step = [11 * second, { type: 'write.repeated', cell: 'c', id: 'w' }];
  const attempts = (steps: readonly Step[]) => told(steps).ledger.cells.c!.intent?.attempts;
  t.deepEqual([attempts([...halted, again]), attempts([...halted, [3, { type: 'write.resumed', cell: 'c', id: 'w' }], again])], [1, 2]);
  t.deepEqual([attempts([...halted, [2 * minute, due]]), rights([...halted, [2 * minute, due]])], [undefined, 5]);
  t.deepEqual(told([...halted, [3, { type: 'write.halted', cell: 'c', id: 'another' }]]).ledger, told(halted).ledger);
});

test('P7: a new owner does not know how often a write was sent', t => {
  t.is(rights([...cell('swap'), [1, write('swap', 5)], [2, { type: 'owner.new' }], [3, answer('c', 'w', 'refused')]]), 5);
});

test('P7: a newer version, read long enough after, kills every copy; the units stay reserved', t => {
  const { ledger } = told([...cell('version'), [1, write('version', 5)], [11 * minute, read('c', 2, 11 * minute, { version: 'v2' })]]);
  t.deepEqual([ledger.cells.c!.intent, ledger.cells.c!.rights], [undefined, 5]);
});

test('P7: a newer version proves a write that its channel took, once a later reading does not contradict it', t => {
  const lowered: Step[] = [...cell('version'), [1, intend('c', 'w', 0, { from: 2, version: 'v1' })], [second, answer('c', 'w', 'accepted')], [11 * minute, read('c', 0, 11 * minute, { version: 'v2' })], [40 * minute, complete('c', 40 * minute)]];
  t.is(rights(lowered), 2, 'the version may have been moved by a sale, and the write dropped');
  t.is(rights([...lowered, [41 * minute, read('c', 0, 22 * minute, { version: 'v2' })]]), 0);
  t.is(rights([...lowered, [41 * minute, read('c', 1, 22 * minute, { version: 'v3' })]]), 2);
});

test('P8: what shows no more than was written, only because units were sold since, contradicts a write all the same', t => {
  const lowered: Step[] = [
    [0, link('c', termsOf('set', { queued: true, staleMs: minute }), 5)], [0, count(1, 9)], [0, intend('c', 'w', 3)], [2, answer('c', 'w', 'accepted')], [66 * second, due],
    [20 * minute, sale('c/1', 'c', 2, 3 * minute)], [20 * minute, complete('c', 20 * minute)],
  ];
  t.is(rights([...lowered, [21 * minute, read('c', 3, 10 * minute)]]), 6, 'dropped: what was there and was reserved, less what was sold');
  t.is(rights([...lowered, [21 * minute, read('c', 1, 10 * minute)]]), 1);
});

test('P6: accepted is not applied, nor is a reading that happens to match (N17)', t => {
  const steps: Step[] = [...cell('set', { queued: true }), [1, intend('c', 'w', 2)], [2, answer('c', 'w', 'accepted')], [3, read('c', 2, 3)], [4, complete('c', 10 * minute)]];
  t.is(rights(steps), 4);
  t.is(told(steps).ledger.cells.c!.mark, undefined);
});

test('P6: what was accepted counts as done past `until` once a later reading does not contradict it', t => {
  const waited: Step[] = [...cell('set', { queued: true }), [0, intend('c', 'w', 1)], [2, answer('c', 'w', 'accepted')], [66 * second, due], [20 * minute, complete('c', 20 * minute)]];
  t.is(rights(waited), 3);
  t.is(rights([...waited, [21 * minute, read('c', 1, 21 * minute)]]), 1);
  t.is(rights([...waited, [21 * minute, read('c', 2, 21 * minute)]]), 3);
});

test('P8: a cancellation moves no count, so that one above what was written contradicts it all the same', t => {
  const waited: Step[] = [
    ...cell('gross', { queued: true }), [0, intend('c', 'w', 0)], [2, answer('c', 'w', 'accepted')], [66 * second, due],
    [2 * minute, sale('c/1', 'c', 1, 2 * minute)], [3 * minute, cancel('c/1', 'c', 1, 2 * minute)], [20 * minute, complete('c', 20 * minute)],
  ];
  t.is(rights([...waited, [21 * minute, read('c', 1, 21 * minute)]]), 2);
  t.is(rights([...waited, [21 * minute, read('c', 0, 21 * minute)]]), 0);
});

test('P8: once orders are complete through the proof, rights are what was there less what was sold after', t => {
  const proven: Step[] = [...cell('set'), [0, intend('c', 'w', 5)], [second, answer('c', 'w', 'applied')], [minute, sale('c/1', 'c', 1, minute)]];
  t.is(rights([...proven, [2 * minute, complete('c', second)]]), 6);
  t.is(rights([...proven, [2 * minute, complete('c', 3 * second)]]), 4);
});

test('P8: sales before the proof are not subtracted, cancellations learnt since the write was sent are added', t => {
  const proven: Step[] = [...cell('set'), [minute, intend('c', 'w', 5)], [minute + second, cancel('c/0', 'c', 1, second)], [minute + 2 * second, answer('c', 'w', 'applied')]];
  t.is(rights([...proven, [2 * minute, sale('c/1', 'c', 1, second)], [3 * minute, complete('c', 2 * minute)]]), 6);
});

test('P8: payments begun before the proof are waited for', t => {
  const proven: Step[] = [...cell('swap', { holdMs: 15 * minute }), [0, write('swap', 0)], [second, answer('c', 'w', 'applied')]];
  t.is(rights([...proven, [14 * minute, complete('c', 14 * minute)]]), 2);
  t.is(rights([...proven, [16 * minute, complete('c', 16 * minute)]]), 0);
});

test('P8: gross cells settle at the count less their open orders', t => {
  const sold: Step[] = [...cell('gross', {}, 4), [0, sale('c/1', 'c', 1, 0)], [1, intend('c', 'w', 2)], [second, answer('c', 'w', 'applied')]];
  t.is(rights([...sold, [minute, complete('c', minute)]]), 1);
});

test('A3: an order that comes after its cell was settled without it is told, and gives nothing free', t => {
  const settled: Step[] = [...cell('set', {}, 0), [minute, intend('c', 'w', 5)], [minute + second, answer('c', 'w', 'applied')], [5 * minute, complete('c', 4 * minute)]];
  const { ledger, says } = told([...settled, [6 * minute, sale('c/1', 'c', 6, 2 * second)]]);
  t.deepEqual(figures(ledger), { known: 4, free: -1, rights: { c: 5 } });
  t.deepEqual(says.slice(1).map(({ type }) => type), ['order.late', 'shortfall.opened']);
  t.is(ledger.shortfall!.cause, 'late order');
});

test('P10: shipping is permitted once the count is lowered by the order, or where units are free', t => {
  const sold: Step[] = [[0, link('c', termsOf('gross'), 2)], [0, count(1, 2)], [1, sale('c/1', 'c', 1, 1)], [2, { type: 'ship.asked', line: 'c/1' }]];
  const waiting = told(sold);
  t.deepEqual(waiting.says, [{ type: 'escrow.inForce' }]);
  const lowered = told([[3, intend('c', 'w', 1)], [4, answer('c', 'w', 'applied')]], waiting.ledger);
  t.deepEqual([lowered.says, figures(lowered.ledger)], [[{ type: 'ship.permitted', cell: 'c', line: 'c/1' }], { known: 1, free: 0, rights: { c: 1 } }]);
  const restocked = told([[3, count(2, 3)]], waiting.ledger);
  t.deepEqual([restocked.says, figures(restocked.ledger)], [[{ type: 'ship.permitted', cell: 'c', line: 'c/1' }], { known: 2, free: 0, rights: { c: 2 } }]);
});

test('A6: an order closed unasked shows its unit again: counted, and a shortfall where none is free', t => {
  const { says, ledger } = told([[0, link('c', termsOf('gross'), 2)], [0, count(1, 2)], [1, sale('c/1', 'c', 1, 1)], [2, { ...sale('c/1', 'c', 1, 1), closed: true } as never]]);
  t.deepEqual(says.slice(1), [
    { type: 'ship.ungated', cell: 'c', line: 'c/1', units: 1 },
    { type: 'shortfall.opened', debt: 1, cause: 'early close', rights: { c: 2 } },
  ]);
  t.deepEqual(figures(ledger), { known: 1, free: -1, rights: { c: 2 } });
});

test('P9: a correction below what is exposed opens one shortfall, raises stop, and it closes with no order named', t => {
  const short = told([[0, link('c', termsOf('swap'), 4)], [0, count(1, 4)], [1, count(2, 3)], [2, intend('c', 'w', 5, { from: 4 })]]);
  t.deepEqual(short.says.slice(1), [{ type: 'shortfall.opened', debt: 1, cause: 'correction', rights: { c: 4 } }]);
  t.deepEqual(short.withheld, ['1 units reserved, -1 free (P5)']);
  t.deepEqual(told([[3, intend('c', 'w', 3, { from: 4 })], [4, answer('c', 'w', 'applied')]], short.ledger).says, [
    { type: 'shortfall.closed', openedAt: 1, cause: 'correction', debt: 1, oversold: 0, lines: [] },
  ]);
});

test('P12: a ledger that lost writes raises nothing until every cell is settled anew and the ERP counted again', t => {
  const lost: Step[] = [...cell('set'), [minute, { type: 'ledger.lost', until: 3 * minute, allowed: { c: { rights: 8 } } }]];
  t.deepEqual(told([...lost, [2 * minute, intend('c', 'w', 0)]]).withheld, ['a write to this cell is in doubt (I4)']);
  const emptied: Step[] = [...lost, [4 * minute, intend('c', 'w', 0)], [4 * minute + second, answer('c', 'w', 'applied')]];
  t.deepEqual(told([...emptied, [5 * minute, intend('c', 'x', 1)]]).withheld, ['the ledger lost writes and is not regained yet (P12)']);
  const settled = told([...emptied, [6 * minute, complete('c', 6 * minute)]]);
  t.deepEqual([figures(settled.ledger), settled.ledger.recovery], [{ known: 10, free: 10, rights: { c: 0 } }, { until: 3 * minute, at: minute, cells: [], counted: false }]);
  t.deepEqual(told([[7 * minute, count(1, 10)]], settled.ledger).says, [{ type: 'ledger.regained' }]);
});

test('P12: an order whose permission to ship may be forgotten hides nothing any more', t => {
  const steps: Step[] = [[0, link('c', termsOf('gross'), 2)], [0, count(1, 2)], [1, sale('c/1', 'c', 1, 1)], [minute, { type: 'ledger.lost', until: 2 * minute, allowed: { c: { rights: 2, high: 2 } } }]];
  const settled = told([...steps, [3 * minute, intend('c', 'w', 1)], [3 * minute + second, answer('c', 'w', 'applied')], [4 * minute, complete('c', 4 * minute)]]);
  t.is(settled.ledger.cells.c!.rights, 1);
});

test('P12: a cell that the record has forgotten altogether keeps what it was allowed, and raises stop until it is linked and settled', t => {
  const lost: Step[] = [[0, count(1, 10)], [minute, { type: 'ledger.lost', until: 2 * minute, allowed: { c: { rights: 12 } } }], [minute, count(2, 10)]];
  t.deepEqual(figures(told(lost).ledger), { known: 10, free: -2, rights: {} });
  const linked = told([...lost, [3 * minute, link('c', termsOf('set'))], [3 * minute, link('d', termsOf('set'))], [3 * minute, intend('d', 'x', 1)]]);
  t.deepEqual([figures(linked.ledger).rights, linked.withheld], [{ c: 12, d: 0 }, ['the ledger lost writes and is not regained yet (P12)']]);
});

test('P9, P12: a shortfall is not closed by what may be forgotten', t => {
  const lost = told([...cell('set'), [minute, { type: 'ledger.lost', until: 2 * minute, allowed: { c: { rights: 12 } } }]]).ledger;
  t.is(lost.shortfall?.debt, 2);
  const counted = told([[3 * minute, count(1, 20)]], lost);
  t.deepEqual([counted.says, counted.ledger.shortfall?.debt], [[], 2]);
});

test('P7: a newer version in a reading that may be older than the write says nothing', t => {
  t.not(told([...cell('version'), [1, write('version', 5)], [minute, read('c', 2, minute, { version: 'v0' })]]).ledger.cells.c!.intent, undefined);
});

test('P6: a set that may have been sent twice is proven by time, not by one of the answers', t => {
  const { mark, intent } = told([...cell('set'), [1, intend('c', 'w', 1)], [2, { type: 'owner.new' }], [3, answer('c', 'w', 'applied')]]).ledger.cells.c!;
  t.deepEqual([mark, intent?.accepted], [undefined, true]);
});

test('P13: escrow begins with the debt of what mirroring showed, and is in force once there is none', t => {
  const mirrored: Step[] = [[0, { type: 'mode.set', mode: 'mirror' }], [0, link('a', termsOf('swap'), 3)], [0, link('b', termsOf('swap'), 3)], [0, count(1, 3)]];
  const { ledger, says } = told([...mirrored, [1, { type: 'mode.set', mode: 'escrow' }]]);
  t.deepEqual(says.slice(1), [{ type: 'mode.changed', mode: 'escrow', debt: 3 }, { type: 'shortfall.opened', debt: 3, cause: 'entry', rights: { a: 3, b: 3 } }]);
  t.is(ledger.inForceSince, undefined);
  const lowered = told([[2, intend('b', 'w', 0, { from: 3 })], [3, answer('b', 'w', 'applied')]], ledger);
  t.deepEqual(lowered.says.map(({ type }) => type), ['shortfall.closed', 'escrow.inForce']);
  t.is(lowered.ledger.inForceSince, 3);
});

test('where a condition was seen not to hold, a write in doubt may add all of what it sets, which may be a shortfall (A5)', t => {
  const doubtful: Step[] = [[0, link('c', termsOf('swap'), 4)], [0, count(1, 5)], [1, intend('c', 'w', 5, { from: 4 })]];
  const broken: Step[] = [[2, link('c', termsOf('set'))], [2, { type: 'condition.broken', cell: 'c' }]];
  const { ledger, says } = told([...doubtful, ...broken]);
  t.deepEqual(figures(ledger), { known: 5, free: -4, rights: { c: 9 } });
  t.deepEqual(says.at(-1), { type: 'shortfall.opened', debt: 4, cause: 'broken promise', rights: { c: 9 } });
  t.deepEqual(figures(told([[3, answer('c', 'w', 'refused')]], ledger).ledger).rights, { c: 4 }, 'refused, it added nothing');
  t.is(told([...broken, [3, { type: 'condition.broken', cell: 'c' }]], told(doubtful).ledger).ledger.cells['c']!.rights, 9, 'told twice, counted once');
  const repeat = told([[0, link('v', termsOf('set'), 4)], [0, count(1, 9)], [1, intend('v', 'w', 5)], [2, link('v', termsOf('version'))], [20 * second, { type: 'write.repeated', cell: 'v', id: 'w' }]]);
  t.is(repeat.ledger.cells['v']!.intent!.attempts, 1, 'what was stored without a version is not repeated as if it had one');
});

test('P8: a cancellation that was learnt after a reading does not explain what that showed of a dropped write', t => {
  const life = { lifeMs: 10 * minute, staleMs: minute };
  const dropped: Step[] = [[0, link('b', termsOf('set', life), 2)], [0, count(1, 1)], [0, intend('b', 'w', 0)], [second, answer('b', 'w', 'accepted')], [11 * minute, sale('b/1', 'b', 1, second)],
    [12 * minute, due], [13 * minute, read('b', 1, 13 * minute)], [14 * minute, complete('b', 14 * minute)], [15 * minute, cancel('b/1', 'b', 1)], [16 * minute, complete('b', 16 * minute)]];
  t.is(told(dropped).ledger.cells['b']!.rights, 2, 'two may be on sale');
  t.is(told([...dropped, [17 * minute, read('b', 2, 17 * minute)], [18 * minute, complete('b', 18 * minute)]]).ledger.cells['b']!.rights, 2);
  t.is(told([...dropped, [17 * minute, read('b', 1, 17 * minute)], [18 * minute, complete('b', 18 * minute)]]).ledger.cells['b']!.rights, 2, 'carried out, and a unit put back, or not: another write tells');
});

test('P8: what was sold since, seen or not, does not make a reading of a dropped write agree with it', t => {
  const life = { lifeMs: 10 * minute, staleMs: minute };
  const dropped: Step[] = [[0, link('b', termsOf('set', life), 3)], [0, count(1, 3)], [0, intend('b', 'w', 0)], [second, answer('b', 'w', 'accepted')], [12 * minute, due], [14 * minute, complete('b', 14 * minute)]];
  const denied: Step[] = [...dropped, [15 * minute, read('b', 3, 15 * minute)]];
  t.is(told(denied).ledger.cells['b']!.mark, undefined);
  // The last two are sold, and one of them is not known yet.
  t.is(told([...denied, [20 * minute, sale('b/1', 'b', 1, 19 * minute)], [21 * minute, read('b', 0, 21 * minute)]]).ledger.cells['b']!.rights, 2);
  // Never seen before two of them were sold.
  t.is(told([...dropped, [14 * minute, sale('b/1', 'b', 2, 14 * minute)], [15 * minute, read('b', 0, 15 * minute)]]).ledger.cells['b']!.rights, 1);
  t.is(told([...dropped, [15 * minute, read('b', 0, 15 * minute)]]).ledger.cells['b']!.rights, 0, 'carried out');
});
