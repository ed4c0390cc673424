import test from 'ava';
import fc from 'fast-check';
import type { Ledger } from '../../actors/sku/exposure/ledger.ts';
import { run } from './sim/run.ts';
import { ofSafety } from './sim/hunt.ts';
import { sound } from './sim/world.ts';
import { answer, cancel, complete, count, figures, intend, link, minute, read, sale, termsOf, told } from './ledger.ts';
import type { Step } from './ledger.ts';

/** Lines known by now are surely in a count that was asked for so much later. */
const sure = 21 * minute;
/** Five units shown of five that exist, and 1,000 sold before anybody asked. */
const five: Step[] = [[0, link('c', termsOf('set'), 5)], [0, count(1, 5)], [1, read('c', 5, 1, { sold: 1_000 })]];
const after = (...steps: Step[]) => told([...five, ...steps]).ledger;
const cellOf = (ledger: Ledger) => ledger.cells.c!;

test('P1: a count of sales begins where it is first told: what was sold before is no news', t => {
  t.deepEqual(figures(after()), { known: 5, free: 0, rights: { c: 5 } });
  t.deepEqual(cellOf(after()).tally, { units: 1_000 });
});

test('P1: a rise is a sale of which the line is still to come, and explains it once', t => {
  const counted = after([2, read('c', 3, 2, { sold: 1_002 })]);
  t.deepEqual(figures(counted), { known: 3, free: 0, rights: { c: 3 } });
  const lines: Step[] = [[3, sale('c/1', 'c')], [4, sale('c/1', 'c')], [5, sale('c/2', 'c')], [6, sale('c/3', 'c')]];
  t.deepEqual(figures(told(lines, counted).ledger), { known: 2, free: 0, rights: { c: 2 } });
  t.is(cellOf(told(lines, counted).ledger).counter, 0);
});

test('P1: a line of which a part was counted takes the rest', t => {
  t.deepEqual(figures(after([2, read('c', 4, 2, { sold: 1_001 })], [3, sale('c/1', 'c', 3)])), { known: 2, free: 0, rights: { c: 2 } });
});

test('P1: what a line told of first is no news when it is counted, cancelled or not', t => {
  t.deepEqual(figures(after([2, sale('c/1', 'c')], [3, read('c', 4, 3, { sold: 1_001 })])), { known: 4, free: 0, rights: { c: 4 } });
  t.deepEqual(figures(after([2, cancel('c/1', 'c')], [3, read('c', 5, 3, { sold: 1_001 })])), { known: 5, free: 0, rights: { c: 5 } });
});

test('P2: a line that comes as cancelled gives back what was counted', t => {
  t.deepEqual(figures(after([2, read('c', 4, 2, { sold: 1_001 })], [3, cancel('c/1', 'c')])), { known: 5, free: 0, rights: { c: 5 } });
});

test('P1: of lines known before counting began nothing is counted again, whatever the count contained of them', t => {
  const begun: Step[] = [[0, link('c', termsOf('set'), 5)], [0, count(1, 5)], [1, sale('c/1', 'c')], [2, sale('c/2', 'c')], [3, read('c', 3, 3, { sold: 0 })]];
  t.deepEqual(figures(told([...begun, [4, read('c', 3, 4, { sold: 2 })]]).ledger), { known: 3, free: 0, rights: { c: 3 } });
  const late = told([...begun, [sure, read('c', 3, sure, { sold: 0 })]]).ledger;
  t.deepEqual(cellOf(late).tally, { units: 0 }, 'by then they are in it, or nothing is owed');
  t.deepEqual(figures(told([[sure + 1, read('c', 2, sure + 1, { sold: 1 })]], late).ledger), { known: 2, free: 0, rights: { c: 2 } });
});

test('P1: a count that fell begins anew, and a state from before that is shown once more is no sale', t => {
  const anew = after([2, sale('c/1', 'c')], [3, read('c', 4, 3, { sold: 0 })]);
  t.deepEqual(figures(anew), { known: 4, free: 0, rights: { c: 4 } });
  t.deepEqual(figures(told([[4, read('c', 3, 4, { sold: 1_000 })]], anew).ledger), { known: 4, free: 0, rights: { c: 4 } });
  const later = told([[sure + 3, read('c', 4, sure + 3, { sold: 0 })], [sure + 4, read('c', 3, sure + 4, { sold: 1 })]], anew).ledger;
  t.deepEqual(figures(later), { known: 3, free: 0, rights: { c: 3 } });
});

test('P1: another counter begins anew, from however many', t => {
  t.deepEqual(figures(after([2, read('c', 3, 2, { sold: 5_000, by: 'listing-2' })])), { known: 5, free: 0, rights: { c: 5 } });
});

test('P1: a count takes no more than leaves what is shown beside it: the rest is for the lines to tell', t => {
  const counted = after([2, read('c', 4, 2, { sold: 1_003 })]);
  t.deepEqual(figures(counted), { known: 4, free: 0, rights: { c: 4 } });
});

test('A3: an order later than its settlement is told as late, though it was counted before', t => {
  const settled: Step[] = [[10, intend('c', 'w', 0)], [11, answer('c', 'w', 'applied')], [minute, complete('c', minute)], [2 * minute, count(2, 5)], [2 * minute, intend('c', 'x', 5)], [2 * minute + 1, answer('c', 'x', 'applied')], [4 * minute, complete('c', 4 * minute)]];
  const { says, ledger } = told([...five, ...settled, [5 * minute, read('c', 5, 5 * minute, { sold: 1_001 })], [6 * minute, sale('c/1', 'c', 1, minute)]]);
  t.deepEqual(says.map(({ type }) => type), ['escrow.inForce', 'order.late', 'shortfall.opened']);
  t.is(cellOf(ledger).rights, 5);
});

test('P6: an answer to a write that counts the sales tells of those that it overwrote', t => {
  const begun: Step[] = [[0, link('c', termsOf('set', { unlistedMs: 10 * minute }), 5)], ...five.slice(1)];
  const { ledger } = told([...begun, [10, intend('c', 'w', 0)], [11, answer('c', 'w', 'applied', { sold: 1_002 })]]);
  t.deepEqual(figures(ledger), { known: 3, free: 0, rights: { c: 3 } });
  t.deepEqual(figures(told([[minute, complete('c', minute)]], ledger).ledger), { known: 3, free: 3, rights: { c: 0 } });
});

test('units counted and in no order, with orders complete for as long as they may miss one, are counted on again', t => {
  const waits: Step[] = [[0, link('c', termsOf('set', { unlistedMs: 10 * minute }), 5)], [0, count(1, 5)], [1, read('c', 5, 1, { sold: 7 })], [2, read('c', 4, 2, { sold: 8 })]];
  t.deepEqual(figures(told([...waits, [9 * minute, complete('c', 9 * minute)]]).ledger), { known: 4, free: 0, rights: { c: 4 } });
  const { ledger, says } = told([...waits, [12 * minute, complete('c', 11 * minute)]]);
  t.deepEqual(figures(ledger), { known: 5, free: 0, rights: { c: 5 } });
  t.deepEqual(says.at(-1), { type: 'sale.unlisted', cell: 'c', units: 1 });
});

test('P11: a unit that was counted as sold and is shown again was not put there by somebody else', t => {
  const { says } = told([...five, [2, read('c', 4, 2, { sold: 1_001 })], [3, read('c', 5, 3, { sold: 1_001 })], [30 * minute, read('c', 5, 30 * minute, { sold: 1_001 })]]);
  t.deepEqual(says.map(({ type }) => type), ['escrow.inForce']);
});

test('P12: a record that lost writes begins to count anew, and keeps what no line has explained', t => {
  const lost = after([2, read('c', 4, 2, { sold: 1_001 })], [3, { type: 'ledger.lost', until: 4, allowed: {} }]);
  t.deepEqual([cellOf(lost).tally, cellOf(lost).counter], [undefined, 1]);
});

test('counts of gross cells are passed over: the number beside them is not what may be sold', t => {
  const ledger = told([[0, link('c', termsOf('gross'), 5)], [0, count(1, 5)], [1, read('c', 5, 1, { sold: 3 })], [2, read('c', 5, 2, { sold: 4 })]]).ledger;
  t.deepEqual([figures(ledger).known, cellOf(ledger).tally], [5, undefined]);
});

type Happening = { does: 'sell'; units: number } | { does: 'tell' | 'cancel'; pick: number } | { does: 'read'; age: number } | { does: 'relist' | 'wait' };
const happening = fc.oneof<fc.Arbitrary<Happening>[]>(
  fc.record({ does: fc.constant('sell' as const), units: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ does: fc.constantFrom('tell' as const, 'cancel' as const), pick: fc.nat() }),
  fc.record({ does: fc.constant('read' as const), age: fc.integer({ min: 0, max: 3 }) }),
  fc.record({ does: fc.constantFrom('relist' as const, 'wait' as const) }),
);

/** A channel that sells, and is read in states of up to `age` happenings ago; lines are told in any order and number. */
function lived(happenings: readonly Happening[], { from, takesOff, counts }: { from: number; takesOff: boolean; counts: boolean }): { ledger: Ledger; worst: number } {
  let now = 1;
  let worst = 0;
  let [quantity, sold, units] = [60, from, 0];
  const states = [{ quantity, sold }];
  const lines: { id: string; units: number; cancelled: boolean; told: boolean }[] = [];
  let { ledger } = told([[0, link('c', termsOf('set'), 60)], [0, count(1, 60)]]);
  const say = (step: Step[1]): void => {
    ({ ledger } = told([[now, step]], ledger));
    const inLines = Object.values(ledger.lines).reduce((sum, line) => sum + line.units, 0);
    worst = Math.max(worst, inLines + cellOf(ledger).counter - units);
  };
  const tell = (line: (typeof lines)[number]): void => {
    line.told = true;
    say((line.cancelled ? cancel : sale)(line.id, 'c', line.units, now));
  };
  for (const one of happenings) {
    now += 1_000;
    const picked = 'pick' in one ? lines[one.pick % Math.max(1, lines.length)] : undefined;
    if (one.does === 'sell') {
      [quantity, sold, units] = [quantity - one.units, sold + one.units, units + one.units];
      lines.push({ id: `c/${lines.length}`, units: one.units, cancelled: false, told: false });
    } else if (one.does === 'tell') {
      if (picked) tell(picked);
    } else if (one.does === 'cancel') {
      if (picked && !picked.cancelled) [picked.cancelled, quantity, sold] = [true, quantity + picked.units, takesOff ? Math.max(0, sold - picked.units) : sold];
    } else if (one.does === 'relist') {
      sold = 0;
    } else if (one.does === 'wait') {
      // No state from before is shown any more.
      now += 2 * sure;
      states.splice(0);
    } else if (one.does === 'read') {
      const seen = states.at(-one.age) ?? { quantity, sold };
      say(read('c', seen.quantity, now, counts ? { sold: seen.sold } : {}));
    }
    states.push({ quantity, sold });
  }
  for (const line of lines) tell(line);
  return { ledger, worst };
}

test('in any order, with any states of before, a sale counts once: never more than was sold, and in the end as if nobody had counted', t => {
  fc.assert(fc.property(fc.array(happening, { maxLength: 40 }), fc.constantFrom(0, 1, 1_000), fc.boolean(), (happenings, from, takesOff) => {
    const { ledger, worst } = lived(happenings, { from, takesOff, counts: true });
    const without = lived(happenings, { from, takesOff, counts: false }).ledger;
    t.true(worst <= 0, `${worst} more than were sold`);
    t.is(cellOf(ledger).counter, 0);
    t.deepEqual(figures(ledger), figures(without));
  }), { numRuns: 600 });
});

test('a count that lies hides units for a while and sells none twice', t => {
  const unsafe = Array.from({ length: 40 }, (_, i) => i + 1).flatMap(seed =>
    run(seed, { design: { ...sound, liars: true }, stops: false }).violations.filter(({ check }) => ofSafety.has(check) && check !== 'I5' && check !== 'known').map(({ check, text }) => `${seed}: ${check}: ${text}`));
  t.deepEqual(unsafe, []);
});
