/** Under escrow the referee passes a run in which a shortfall tells of every unit sold twice, and no other. */
import test from 'ava';
import { inEscrow, judgeEscrow } from '../../deploy/demo/escrow.ts';
import type { Shortfall } from '../../deploy/demo/escrow.ts';
import { judge } from '../../deploy/demo/referee.ts';
import type { AccountEvidence, Evidence } from '../../deploy/demo/referee.ts';
import { replay } from '../../deploy/demo/replay.ts';
import type { LedgerEntry } from '../../deploy/sandbox/kit/ledger.ts';

const sold = (at: number, line: string, units = 1): LedgerEntry => ({ seq: at, sku: 'A', at, kind: 'sold', line, units, buyer: 'b' });
const shown = (at: number, quantity: number): LedgerEntry => ({ seq: at, sku: 'A', at, kind: 'shown', quantity, by: 'write' });

/** Three units: eBay shows two of them and Amazon one; then a correction takes one away. */
const ledgers = (...atEbay: LedgerEntry[]) => ({
  amazon: [shown(10, 1), sold(200, '1/1'), shown(200, 0)],
  ebay: [shown(10, 2), ...atEbay],
});
const timeline = [{ at: 5, supply: 3 }, { at: 150, supply: 2 }];
const told = (change: Partial<Shortfall> = {}): Shortfall => ({ sku: 'A', cause: 'correction', debt: 1, from: 180, to: 900, ...change });
const held = (shortfalls: Shortfall[], ...atEbay: LedgerEntry[]) => judgeEscrow(replay(ledgers(...atEbay), [{ sku: 'A', timeline }]), shortfalls, 50);

test('a unit sold beyond what exists is explained by the shortfall that was open, or came in the time that a correction takes', t => {
  t.deepEqual(held([told()], sold(300, '7/1', 2)), { oversold: 1, explained: { correction: 1 }, unexplained: 0, lines: [] });
  t.is(held([told({ from: 340 })], sold(300, '7/1', 2)).unexplained, 0);
});

test('a unit that no shortfall tells of is named', t => {
  for (const shortfalls of [[], [told({ to: 250 })], [told({ from: 400 })], [told({ sku: 'B' })]]) {
    t.deepEqual(held(shortfalls, sold(300, '7/1', 2)), { oversold: 1, explained: {}, unexplained: 1, lines: ['ebay/7/1'] });
  }
});

test('a shortfall explains no more units than it tells of', t => {
  t.is(held([told()], sold(300, '7/1', 2), sold(310, '8/1', 1)).unexplained, 1);
});

function evidence(buyable: number, rights: Record<string, number>, ...atEbay: LedgerEntry[]): Evidence {
  const account = (entries: LedgerEntry[], units: number): AccountEvidence => ({ ledger: entries, listings: [{ sku: 'A', buyable: units }], buffer: 0, staleMs: 100 });
  return {
    accounts: { amazon: account(ledgers().amazon, 0), ebay: account(ledgers(...atEbay).ebay, buyable) },
    supply: [{ sku: 'A', supply: 2, version: 2, timeline }],
    escrow: { mode: 'escrow', shortfalls: [], periods: [{ sku: 'A', from: 0 }], lagMs: 50 },
    faults: [],
    records: [{ sku: 'A', available: 1, known: true, lines: ['amazon/1/1'], cancelled: {}, erpVersion: 2, intended: {}, rights }],
    from: 0,
  };
}

const failing = (of: Evidence) => judge(of).checks.filter(({ ok }) => !ok).map(({ name }) => name);

test('at the end each channel shows the units that it holds, and together no more than exist', t => {
  t.deepEqual(failing(evidence(1, { amazon: 0, ebay: 1 })), []);
  t.deepEqual(failing(evidence(1, { amazon: 0, ebay: 2 })), ['every listing in escrow shows the units that it holds']);
  t.deepEqual(failing(evidence(2, { amazon: 0, ebay: 2 })), ['units in escrow on sale beyond what exists']);
});

test('left to scarcity, each sale is judged by the mode that its SKU was in, and each listing by the one at the end', t => {
  const of = (to: number | undefined, shortfalls: Shortfall[]): Evidence => {
    const whole = evidence(0, { amazon: 0, ebay: 0 }, sold(300, '7/1', 2), shown(300, 0));
    const [record] = whole.records;
    const { rights: _none, ...mirrored } = record!;
    const known = { available: 0, lines: ['amazon/1/1', 'ebay/7/1'], units: { 'amazon/1/1': 1, 'ebay/7/1': 2 } };
    return {
      ...whole, records: [{ ...(to === undefined ? record! : { ...mirrored, intended: { amazon: { quantity: 0, proven: true }, ebay: { quantity: 0, proven: true } } }), ...known }],
      escrow: { mode: 'auto', periods: [{ sku: 'A', from: 100, ...(to !== undefined && { to }) }], shortfalls, lagMs: 50 },
    };
  };
  t.deepEqual(failing(of(undefined, [])), ['units oversold that no shortfall explains']);
  t.deepEqual(failing(of(undefined, [told()])), []);
  // It mirrors again when it is sold: the 2 that eBay showed were true in its window.
  t.deepEqual(failing(of(200, [])), []);
  t.like(judge(of(200, [])).figures, { oversold: 1, oversoldAllowed: 1, escrow: { oversold: 0, unexplained: 0 } });
  t.deepEqual([50, 100, 199, 200].map(at => inEscrow([{ sku: 'A', from: 100, to: 200 }])('A', at)), [false, true, true, false]);
});
