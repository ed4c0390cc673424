import test from 'ava';
import fc from 'fast-check';
import type { ExposureFact } from '../../actors/sku/exposure.ts';
import { answer, cancel, complete, count, figures, intend, link, minute, read, sale, second, termsOf, told } from './ledger.ts';
import type { Step } from './ledger.ts';

const two: Step[] = [[0, link('a', termsOf('swap'), 2)], [0, link('b', termsOf('set'), 3)], [0, count(1, 6)]];

test('P1: a sale takes its units from rights and from what exists, once, and leaves what is free', t => {
  t.deepEqual(figures(told([...two, [1, sale('a/1', 'a')], [2, sale('a/1', 'a')]]).ledger), { known: 5, free: 1, rights: { a: 1, b: 3 } });
});

test('P2: a cancellation implies its sale, and gives the units back to the cell as if it had put them back', t => {
  t.deepEqual(figures(told([...two, [1, cancel('a/1', 'a')], [2, sale('a/1', 'a')], [3, cancel('a/1', 'a')]]).ledger), { known: 6, free: 1, rights: { a: 2, b: 3 } });
});

test('P1, P2: a unit sold, put back and sold again may be told of in the wrong order, without a shortfall', t => {
  const { ledger, says } = told([[0, link('a', termsOf('swap'), 1)], [0, count(1, 1)], [1, sale('a/1', 'a')], [2, sale('a/2', 'a')]]);
  t.deepEqual(figures(ledger), { known: -1, free: 0, rights: { a: -1 } });
  t.deepEqual(says, [{ type: 'escrow.inForce' }]);
  t.deepEqual(figures(told([[3, cancel('a/1', 'a')]], ledger).ledger), { known: 0, free: 0, rights: { a: 0 } });
});

test('P1: rights below 0 are nobody\'s fault before cancellations are complete', t => {
  const { says } = told([[0, link('a', termsOf('swap'), 0)], [0, count(1, 1)], [minute, sale('a/1', 'a', 1, minute)], [2 * minute, complete('a', 30 * second)]]);
  t.deepEqual(says, [{ type: 'escrow.inForce' }]);
});

test('P9: more sold than may have been, with cancellations complete, is a shortfall with its order lines', t => {
  const { ledger, says } = told([[0, link('a', termsOf('swap'), 1)], [0, count(1, 1)], [1, sale('a/1', 'a')], [2, sale('a/2', 'a', 1, 2)], [minute, complete('a', 10 * second)]]);
  t.deepEqual(figures(ledger), { known: -1, free: -1, rights: { a: 0 } });
  t.deepEqual(says.slice(1), [{ type: 'sale.beyond', cell: 'a', units: 1 }, { type: 'shortfall.opened', debt: 1, cause: 'foreign', rights: { a: 0 } },
    { type: 'shortfall.sold', openedAt: minute, cause: 'foreign', oversold: 1, lines: [{ line: 'a/2', units: 1 }] }]);
  t.deepEqual(told([[2 * minute, count(2, 2)]], ledger).says, [
    { type: 'shortfall.closed', openedAt: minute, cause: 'foreign', debt: 1, oversold: 1, lines: [{ line: 'a/2', units: 1 }] },
  ]);
});

test('P3: only a higher version of the ERP count counts, and the lines that it contains are not subtracted again', t => {
  const sold = told([...two, [1, sale('a/1', 'a')], [2, count(3, 4, 'a/1')], [3, count(2, 9)]]).ledger;
  t.deepEqual(figures(sold), { known: 4, free: 0, rights: { a: 1, b: 3 } });
});

test('P3: a count that contains a line unknown to us waits until we know it, and opens no shortfall', t => {
  const waiting = told([[0, link('a', termsOf('swap'), 2)], [0, count(1, 2)], [1, count(2, 1, 'a/1')]]);
  t.deepEqual(figures(waiting.ledger), { known: 2, free: 0, rights: { a: 2 } });
  t.deepEqual(figures(told([[2, sale('a/1', 'a')]], waiting.ledger).ledger), { known: 1, free: 0, rights: { a: 1 } });
});

test('P3: a cancelled unit that the ERP has back is not free while its channel may be selling it again', t => {
  const sold: Step[] = [[0, link('a', termsOf('swap'), 1)], [0, count(1, 1)], [1, sale('a/1', 'a')]];
  const early = told([...sold, [2, count(2, 1, 'a/1', 'a/1#cancelled')]]);
  t.deepEqual(figures(early.ledger), { known: 0, free: 0, rights: { a: 0 } });
  t.deepEqual(figures(told([[3, cancel('a/1', 'a')]], early.ledger).ledger), { known: 1, free: 0, rights: { a: 1 } });
});

test('P3: a count that names what no channel knows takes effect once orders are complete', t => {
  const ledger = told([...two, [minute, count(2, 5, 'elsewhere/1')], [2 * minute, complete('a', 2 * minute)]]).ledger;
  t.is(figures(ledger).known, 6);
  t.is(figures(told([[3 * minute, complete('b', 2 * minute)]], ledger).ledger).known, 5);
});

test('missing is not zero: what was never counted is unknown, and nothing may be raised', t => {
  const { ledger, withheld } = told([[0, link('b', termsOf('set'))], [1, { type: 'write.intended', cell: 'b', id: 'w', to: 1 }]]);
  t.deepEqual(figures(ledger), { known: undefined, free: undefined, rights: { b: 0 } });
  t.deepEqual(withheld, ['1 units reserved, unknown free (P5)']);
});

test('I6: a reading chooses values and never lowers rights', t => {
  t.deepEqual(figures(told([...two, [1, read('a', 0, 1)], [2, read('b', 1, 2)]]).ledger), { known: 6, free: 1, rights: { a: 2, b: 3 } });
});

test('P11: two readings above rights, far enough apart and with orders complete through both, are a foreign raise', t => {
  const once: Step[] = [...two, [minute, read('a', 4, minute)], [2 * minute, complete('a', 2 * minute)]];
  t.deepEqual(told(once).says, [{ type: 'escrow.inForce' }]);
  const { ledger, says } = told([...once, [12 * minute, read('a', 4, 12 * minute)], [13 * minute, complete('a', 13 * minute)]]);
  t.deepEqual(figures(ledger), { known: 6, free: -1, rights: { a: 4, b: 3 } });
  t.deepEqual(says.slice(1), [
    { type: 'drift.found', cell: 'a', shown: 4, rights: 2 },
    { type: 'shortfall.opened', debt: 1, cause: 'foreign', rights: { a: 4, b: 3 } },
  ]);
});

test('P11: one reading is enough where it cannot be older than the last write, even if a lower has undone what it showed', t => {
  const granted: Step[] = [[0, link('a', termsOf('swap'))], [0, count(1, 5)], [0, intend('a', 'w', 2, { from: 0 })], [second, answer('a', 'w', 'applied')]];
  const found = (...steps: Step[]) => told([...granted, ...steps]).says.filter(({ type }) => type === 'drift.found');
  const [early, late] = [read('a', 9, 5 * minute), read('a', 9, 11 * minute)];
  t.deepEqual(found([5 * minute, early], [20 * minute, complete('a', 20 * minute)]), []);
  t.deepEqual(found([11 * minute, late], [20 * minute, complete('a', 20 * minute)]), [{ type: 'drift.found', cell: 'a', shown: 9, rights: 2 }]);
  const undone: Step[] = [[11 * minute, late], [11 * minute, intend('a', 'x', 2, { from: 9 })], [12 * minute, answer('a', 'x', 'applied')], [13 * minute, read('a', 2, 13 * minute)]];
  t.deepEqual(found(...undone), [], 'a cancellation may have put units back');
  t.is(found(...undone, [20 * minute, complete('a', 20 * minute)]).length, 1);
  t.deepEqual(found(...undone, [14 * minute, sale('a/1', 'a', 7, 0)], [14 * minute, cancel('a/1', 'a', 7)], [20 * minute, complete('a', 20 * minute)]), []);
});

test('A2: units that a write shows once more, after they were sold, are told as what it set', t => {
  const granted: Step[] = [[0, link('b', termsOf('set', { lifeMs: 40 * minute }))], [0, count(1, 5)], [0, intend('b', 'w', 3)], [second, answer('b', 'w', 'accepted')], [2 * second, sale('b/1', 'b', 2, 2 * second)]];
  const found = (value: number) => told([...granted, ...[15, 26].map((n): Step => [n * minute, read('b', value, n * minute)]), [27 * minute, complete('b', 27 * minute)]]).says.filter(({ type }) => type === 'drift.found');
  t.deepEqual(found(3), [{ type: 'drift.found', cell: 'b', shown: 3, rights: 1, asWritten: true }]);
  t.deepEqual(found(2), [{ type: 'drift.found', cell: 'b', shown: 2, rights: 1 }]);
  t.deepEqual(found(1), []);
});

test('P11: two readings are no evidence while orders are not complete through the second', t => {
  const steps: Step[] = [...two, [minute, read('a', 4, minute)], [12 * minute, read('a', 4, 12 * minute)], [13 * minute, complete('a', 11 * minute)]];
  t.deepEqual(told(steps).says, [{ type: 'escrow.inForce' }]);
});

test('P11: readings that come faster than orders are complete do not put it off', t => {
  const often: Step[] = Array.from({ length: 30 }, (_, n): Step => [(1 + n) * minute, read('a', 4, (1 + n) * minute)]);
  const behind: Step[] = [13, 20, 30].map((n): Step => [n * minute, complete('a', (n - 1) * minute)]);
  const { says } = told([...two, ...[...often, ...behind].sort(([a], [b]) => a - b)]);
  t.deepEqual(says.filter(({ type }) => type === 'drift.found'), [{ type: 'drift.found', cell: 'a', shown: 4, rights: 2 }]);
});

test('P11: units that a cancellation puts back while orders are waited for may be sold, too', t => {
  const sold: Step[] = [...two, [minute, sale('a/1', 'a', 1, minute)], [2 * minute, read('a', 9, 2 * minute)], [13 * minute, read('a', 9, 13 * minute)]];
  const { ledger, says } = told([...sold, [14 * minute, cancel('a/1', 'a', 1)], [15 * minute, read('a', 10, 15 * minute)], [16 * minute, complete('a', 16 * minute)]]);
  t.is(figures(ledger).rights['a'], 10);
  t.deepEqual(says.filter(({ type }) => type === 'drift.found'), [{ type: 'drift.found', cell: 'a', shown: 9, rights: 2 }]);
});

test('P11: a reading from before a settlement is one above the rights that it leaves, and is not told again', t => {
  const steps: Step[] = [[0, link('a', termsOf('version', { holdMs: 5 * minute }), 9)], [0, count(1, 5)], [0, intend('a', 'w', 0, { from: 9, version: '1' })], [second, answer('a', 'w', 'applied')],
    [2 * minute, read('a', 4, 2 * minute)]];
  t.deepEqual(figures(told(steps).ledger).rights, { a: 9 });
  const { ledger, says } = told([...steps, [7 * minute, complete('a', 7 * minute)]]);
  t.deepEqual([figures(ledger).rights, says.filter(({ type }) => type === 'drift.found')], [{ a: 0 }, []], 'it may be as old as the write');
  t.deepEqual(ledger.cells['a']!.suspect, { since: 2 * minute, at: 2 * minute, value: 4 });
  const late = told([...steps.slice(0, -1), [12 * minute, read('a', 4, 12 * minute)], [13 * minute, complete('a', 13 * minute)]]);
  t.deepEqual([figures(late.ledger).rights, late.says.filter(({ type }) => type === 'drift.found')], [{ a: 4 }, [{ type: 'drift.found', cell: 'a', shown: 4, rights: 0 }]]);
});

test('P11: a reading that is above rights for what was sold since is none', t => {
  const steps: Step[] = [...two, [minute, sale('a/1', 'a', 1, minute)], [minute, read('a', 2, minute)], [12 * minute, read('a', 1, 12 * minute)], [13 * minute, complete('a', 13 * minute)]];
  t.deepEqual(told(steps).says, [{ type: 'escrow.inForce' }]);
});

test('P11: a stale reading from before a gross count was lowered is no evidence', t => {
  const steps: Step[] = [[0, link('c', termsOf('gross'), 5)], [0, count(1, 5)], [minute, read('c', 6, minute)], [2 * minute, { type: 'write.intended', cell: 'c', id: 'w', to: 3 }],
    [2 * minute + second, { type: 'write.answered', cell: 'c', id: 'w', outcome: 'applied' }], [12 * minute, read('c', 5, 12 * minute)], [13 * minute, complete('c', 13 * minute)]];
  t.deepEqual(told(steps).says, [{ type: 'escrow.inForce' }]);
});

test('I5: facts in any order and any number give the same ledger', t => {
  const lines = fc.uniqueArray(fc.record({ n: fc.integer({ min: 0, max: 7 }), cell: fc.constantFrom('a', 'b'), units: fc.integer({ min: 1, max: 3 }), cancelled: fc.boolean(), imported: fc.boolean() }), { selector: ({ n }) => n, maxLength: 8 });
  const orders = fc.tuple(lines, fc.infiniteStream(fc.nat()));
  fc.assert(fc.property(orders, fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 3 }), ([drawn, draws], quantities) => {
    const facts: ExposureFact[] = drawn.flatMap(({ n, cell, units, cancelled }) => [sale(`${cell}/${n}`, cell, units, n), ...(cancelled ? [cancel(`${cell}/${n}`, cell, units, n)] : [])]);
    const imported = drawn.filter(one => one.imported).flatMap(({ n, cell, cancelled }) => [`${cell}/${n}`, ...(cancelled ? [`${cell}/${n}#cancelled`] : [])]);
    quantities.forEach((quantity, i) => facts.push(count(i, quantity, ...(i === quantities.length - 1 ? imported : []))));
    const links: ExposureFact[] = [link('a', termsOf('swap'), 50), link('b', termsOf('gross'), 50)];
    const sorted = told([...links, ...facts].map(fact => [0, fact] as Step)).ledger;
    const shuffled = [...facts, ...facts].map(fact => ({ fact, rank: draws.next().value })).sort((x, y) => x.rank - y.rank).map(({ fact }) => fact);
    const other = told([...links, ...shuffled].map(fact => [0, fact] as Step)).ledger;
    const parts = ({ lines: of, count: last, ...rest }: typeof sorted) => ({ ...figures({ lines: of, ...(last && { count: last }), ...rest }), lines: of, last });
    t.deepEqual(parts(other), parts(sorted));
  }), { numRuns: 300 });
});
