/** The referee passes a run that is right and fails each kind of wrong one: the checks can fail. */
import test from 'ava';
import { Dice } from '../../deploy/demo/dice.ts';
import { windowStart } from '../../deploy/demo/oversell.ts';
import { judge } from '../../deploy/demo/referee.ts';
import type { AccountEvidence, Evidence, RecordStatement, Verdict } from '../../deploy/demo/referee.ts';
import { SandboxClock } from '../../deploy/sandbox/kit/clock.ts';
import type { LedgerEntry } from '../../deploy/sandbox/kit/ledger.ts';
import { Shop } from '../../deploy/sandbox/kit/shop.ts';

type Entry = LedgerEntry extends infer E ? E extends unknown ? Omit<E, 'seq' | 'sku'> & { sku?: string } : never : never;

const shown = (at: number, quantity: number): Entry => ({ at, kind: 'shown', quantity, by: 'write' });
const sold = (at: number, line: string, units = 1): Entry => ({ at, kind: 'sold', line, units, buyer: 'b' });
const cancelled = (at: number, line: string, units = 1): Entry => ({ at, kind: 'cancelled', line, units });
const ledger = (...entries: Entry[]): LedgerEntry[] => entries.map((entry, n) => ({ sku: 'A', seq: n + 1, ...entry }) as LedgerEntry);

function account(entries: Entry[], buyable: number, rule: { buffer?: number; staleMs?: number } = {}): AccountEvidence {
  return { ledger: ledger(...entries), listings: [{ sku: 'A', buyable }], buffer: 0, staleMs: 100, ...rule };
}

const proven = { quantity: 0, proven: true };

/** Five units; eBay sells two, Amazon one, of which nothing comes back; both channels follow within 50 ms. */
function rightRun(): Evidence & { accounts: Record<string, AccountEvidence>; records: RecordStatement[] } {
  return {
    accounts: {
      amazon: account([shown(0, 0), shown(20, 5), shown(150, 3), sold(300, '1/1'), shown(300, 2)], 2),
      ebay: account([shown(0, 9), shown(30, 5), sold(100, '7/1', 2), shown(100, 3), shown(340, 2)], 2),
    },
    supply: [{ sku: 'A', supply: 5, version: 3, timeline: [{ at: 10, supply: 5 }] }],
    faults: [],
    records: [{
      sku: 'A', available: 2, known: true, lines: ['ebay/7/1', 'amazon/1/1'], cancelled: {}, erpVersion: 3,
      intended: { amazon: proven, ebay: proven },
    }],
    from: 50,
  };
}

const failing = (verdict: Verdict): Record<string, number> => Object.fromEntries(verdict.checks.filter(({ ok }) => !ok).map(({ name, value }) => [name, value]));
const withRecord = (change: Partial<RecordStatement>): Verdict => {
  const run = rightRun();
  return judge({ ...run, records: [{ ...run.records[0]!, ...change }] });
};

test('a run that is right passes every check', t => {
  const verdict = judge(rightRun());
  t.true(verdict.ok, JSON.stringify(failing(verdict)));
  t.deepEqual(verdict.checks.map(({ name, value, limit }) => [name, value, limit]), [
    ['every listing equal to its target', 0, 0], ['order lines lost', 0, 0], ['order lines doubled or unknown', 0, 0], ['order lines with wrong units', 0, 0],
    ['SKUs with an ERP event lost', 0, 0], ['every intention proven', 0, 0], ['units oversold outside the rule', 0, 0],
  ]);
  t.like(verdict.figures, { listings: 2, linesSold: 2, unitsSold: 3, unitsCancelled: 0, oversold: 0, shortfall: 0 });
});

test('a listing that shows another number than its target fails, and is named', t => {
  const run = rightRun();
  run.accounts.ebay = { ...run.accounts.ebay!, listings: [{ sku: 'A', buyable: 3 }] };
  const verdict = judge(run);
  t.deepEqual(failing(verdict), { 'every listing equal to its target': 1 });
  t.deepEqual(verdict.figures.unequal, [{ account: 'ebay', sku: 'A', shown: 3, target: 2 }]);
});

test('a listing that is missing, and one of a SKU without stock, are unequal too', t => {
  const run = rightRun();
  run.accounts.ebay = { ...run.accounts.ebay!, listings: [{ sku: 'B', buyable: 1 }] };
  t.deepEqual(judge(run).figures.unequal, [{ account: 'ebay', sku: 'A', shown: undefined, target: 2 }, { account: 'ebay', sku: 'B', shown: 1, target: 0 }]);
});

test('a buffer lowers the target, never below zero', t => {
  const run = rightRun();
  run.accounts.ebay = { ...run.accounts.ebay!, buffer: 5, listings: [{ sku: 'A', buyable: 0 }] };
  t.false('every listing equal to its target' in failing(judge(run)));
  run.accounts.ebay = { ...run.accounts.ebay!, buffer: 1 };
  t.is(failing(judge(run))['every listing equal to its target'], 1);
});

test('a sale that no order list tells fails: Plumb cannot know, the ledger does', t => {
  const run = rightRun();
  run.accounts.ebay = account([...run.accounts.ebay!.ledger, { at: 400, kind: 'sold', line: 'hidden-5/1', units: 1, buyer: 'hidden', hidden: true }, shown(400, 1)] as Entry[], 1);
  const verdict = judge(run);
  t.false(verdict.ok);
  t.deepEqual(failing(verdict), { 'every listing equal to its target': 1, 'order lines lost': 1 });
  t.deepEqual(verdict.figures.unequal, [{ account: 'amazon', sku: 'A', shown: 2, target: 1 }]);
  t.deepEqual(verdict.figures.lostLines, ['ebay/hidden-5/1']);
});

test('a line that the record lacks is lost', t => {
  const verdict = withRecord({ lines: ['ebay/7/1'], available: 3 });
  t.deepEqual(failing(verdict), { 'order lines lost': 1 });
  t.deepEqual(verdict.figures.lostLines, ['amazon/1/1']);
});

test('a line twice, at another SKU or never sold is stray', t => {
  t.deepEqual(failing(withRecord({ lines: ['ebay/7/1', 'amazon/1/1', 'ebay/7/1'] })), { 'order lines doubled or unknown': 1 });
  const invented = withRecord({ lines: ['ebay/7/1', 'amazon/1/1', 'ebay/8/1'] });
  t.deepEqual(invented.figures.strayLines, ['ebay/8/1']);
  const run = rightRun();
  const other: RecordStatement = { ...run.records[0]!, sku: 'B', lines: ['ebay/7/1'] };
  t.is(failing(judge({ ...run, records: [...run.records, other] }))['order lines doubled or unknown'], 1);
});

test('a cancellation missed, invented or counted in part is wrong units', t => {
  const run = rightRun();
  run.accounts.ebay = account([...run.accounts.ebay!.ledger, cancelled(400, '7/1'), shown(400, 3)] as Entry[], 3);
  run.accounts.amazon = account([...run.accounts.amazon!.ledger, shown(430, 3)] as Entry[], 3);
  const record = (cancelledUnits: Record<string, number>, available: number): Evidence => ({ ...run, records: [{ ...run.records[0]!, cancelled: cancelledUnits, available }] });
  t.true(judge(record({ 'ebay/7/1': 1 }, 3)).ok);
  t.deepEqual(failing(judge(record({}, 2))), { 'order lines with wrong units': 1 });
  t.deepEqual(failing(judge(record({ 'ebay/7/1': 2 }, 4))), { 'order lines with wrong units': 1 });
  t.deepEqual(failing(withRecord({ cancelled: { 'amazon/1/1': 1 }, available: 3 })), { 'order lines with wrong units': 1 });
});

test('units that the record states wrongly are found where it states them', t => {
  t.true(withRecord({ units: { 'ebay/7/1': 2, 'amazon/1/1': 1 } }).ok);
  t.deepEqual(failing(withRecord({ units: { 'ebay/7/1': 1, 'amazon/1/1': 1 }, available: 3 })), { 'order lines with wrong units': 1 });
});

test('an ERP version not reached, a number that its lines do not explain and a SKU never counted are lost events', t => {
  const lost = { 'SKUs with an ERP event lost': 1 };
  t.deepEqual(failing(withRecord({ erpVersion: 2 })), lost);
  t.deepEqual(failing(withRecord({ available: 1 })), lost);
  t.deepEqual(failing(withRecord({ known: false })), lost);
  t.is(failing(judge({ ...rightRun(), records: [] }))['SKUs with an ERP event lost'], 1);
});

test('an intention without proof, or none at all, fails', t => {
  t.deepEqual(failing(withRecord({ intended: { amazon: { quantity: 2, proven: false }, ebay: proven } })), { 'every intention proven': 1 });
  t.deepEqual(withRecord({ intended: { ebay: proven } }).figures.unproven, ['amazon/A']);
});

/** One unit; eBay sells it at 1,000, Amazon sells it again `later`, still showing 1; then both show 0. */
function soldTwice(later: number, change: Partial<Evidence> = {}, rule: { buffer?: number; staleMs?: number } = {}): Verdict {
  return judge({
    ...rightRun(),
    accounts: {
      amazon: account([shown(20, 1), sold(1_000 + later, '1/1'), shown(1_000 + later, 0)], 0, rule),
      ebay: account([shown(20, 1), sold(1_000, '7/1'), shown(1_000, 0)], 0),
    },
    supply: [{ sku: 'A', supply: 1, version: 3, timeline: [{ at: 10, supply: 1 }] }],
    records: [{ ...rightRun().records[0]!, available: -1 }],
    ...change,
  });
}

test('a unit sold twice is allowed while what the buyer saw was true within the window, and fails after it', t => {
  const inside = soldTwice(100);
  t.true(inside.ok, JSON.stringify(failing(inside)));
  t.like(inside.figures, { oversold: 1, oversoldAllowed: 1, oversoldOutside: 0, shortfall: 0 });
  const outside = soldTwice(101);
  t.deepEqual(failing(outside), { 'units oversold outside the rule': 1 });
  t.deepEqual(outside.figures.oversales, [{ sku: 'A', account: 'amazon', line: '1/1', at: 1_101, units: 1, shown: 1, allowedShown: 0, outside: 1 }]);
});

test('a fault lengthens the window by the time that it lasted, for its account or for all', t => {
  const fault = (name: string) => [{ account: name, from: 1_050, to: 1_150 }];
  t.true(soldTwice(200, { faults: fault('amazon') }).ok);
  t.true(soldTwice(200, { faults: fault('*') }).ok);
  t.is(failing(soldTwice(200, { faults: fault('ebay') }))['units oversold outside the rule'], 1);
  t.is(failing(soldTwice(201, { faults: fault('amazon') }))['units oversold outside the rule'], 1);
});

test('a window goes back over undisturbed time alone', t => {
  t.is(windowStart(1_000, 100, []), 900);
  t.is(windowStart(1_000, 100, [{ from: 400, to: 950 }]), 350);
  t.is(windowStart(1_000, 100, [{ from: 100, to: 200 }, { from: 400, to: 950 }]), 350);
  t.is(windowStart(1_000, 100, [{ from: 300, to: 380 }, { from: 400, to: 950 }]), 270);
  t.is(windowStart(1_000, 100, [{ from: 950, to: 2_000 }]), 850);
  t.is(windowStart(1_000, 100, [{ from: 1_000, to: 2_000 }]), 900);
});

test('a number that ignores the buffer was never true', t => {
  t.deepEqual(failing(soldTwice(50, {}, { buffer: 1 })), { 'units oversold outside the rule': 1 });
});

test('what was sold beyond what was shown is outside the rule, however true the number', t => {
  const run = rightRun();
  const verdict = judge({
    ...run,
    accounts: { ebay: account([shown(20, 1), sold(500, '7/1', 3), shown(500, 0)], 0) },
    supply: [{ sku: 'A', supply: 1, version: 3, timeline: [{ at: 10, supply: 1 }] }],
  });
  t.like(verdict.figures, { oversold: 2, oversoldOutside: 2 });
});

test('a sale in several lines, shown once at the end, is covered as a whole', t => {
  const verdict = judge({
    ...rightRun(),
    accounts: { walmart: account([shown(20, 3), sold(500, '7/1'), sold(500, '7/2'), sold(500, '7/3'), shown(500, 0)], 0) },
    supply: [{ sku: 'A', supply: 2, version: 3, timeline: [{ at: 10, supply: 3 }, { at: 450, supply: 2 }] }],
  });
  t.like(verdict.figures, { oversold: 1, oversoldAllowed: 1, oversoldOutside: 0 });
});

test('a correction below what is sold is a shortfall, not an oversale', t => {
  const run = rightRun();
  const verdict = judge({ ...run, supply: [{ sku: 'A', supply: 1, version: 3, timeline: [{ at: 10, supply: 5 }, { at: 500, supply: 1 }] }] });
  t.like(verdict.figures, { shortfall: 2, oversold: 0 });
});

test('propagation is measured from a change of the truth to the right number, other channels only', t => {
  const { propagation } = judge(rightRun()).figures;
  t.deepEqual(propagation.amazon, { changes: 1, p50Ms: 50, p99Ms: 50, maxMs: 50, lowers: { changes: 1, p50Ms: 50, p99Ms: 50, maxMs: 50 }, unsettled: 0 });
  t.like(propagation.ebay, { changes: 1, p50Ms: 40 });
});

test('a change that never showed is unsettled, one overtaken by the next ends with it', t => {
  const run = rightRun();
  run.accounts.amazon = account([shown(0, 0), shown(20, 5), sold(300, '1/1'), shown(300, 4)], 4);
  t.like(judge(run).figures.propagation.amazon, { changes: 0, p50Ms: undefined, unsettled: 2 });
  run.accounts.amazon = account([shown(0, 0), shown(20, 5), shown(400, 3)], 3);
  run.accounts.ebay = account([shown(30, 5), sold(100, '7/1'), shown(100, 4), sold(200, '8/1'), shown(200, 3)], 3);
  t.like(judge(run).figures.propagation.amazon, { changes: 2, p50Ms: 200, p99Ms: 300, unsettled: 0 });
});

class HandClock extends SandboxClock {
  at = 0;
  override now(): number { return this.at; }
}

/** Real shops and random buyers; every 10 ms each channel is set to the truth of `lagMs` ago. */
function mirrored(seed: number, lagMs: number, staleMs: number): { evidence: Evidence; shops: Shop[] } {
  const dice = new Dice(seed, 'test');
  const clock = new HandClock();
  const shops = ['amazon', 'walmart', 'ebay'].map(name => new Shop({ account: name, clock, gross: name === 'walmart', unitLines: name === 'walmart' }));
  const skus = ['A', 'B', 'C', 'D'];
  const supply = skus.map(sku => ({ sku, supply: 12, version: 1, timeline: [{ at: 0, supply: 12 }] }));
  const truth = new Map(skus.map(sku => [sku, [{ at: -1e6, available: 12 }]]));
  const move = (sku: string, by: number): void => { truth.get(sku)!.push({ at: clock.at, available: truth.get(sku)!.at(-1)!.available + by }); };
  const records = skus.map(sku => ({ sku, available: 0, known: true, lines: [] as string[], cancelled: {} as Record<string, number>, erpVersion: 1, intended: { amazon: proven, walmart: proven, ebay: proven } }));
  const recordOf = (sku: string) => records.find(record => record.sku === sku)!;
  for (const shop of shops) for (const sku of skus) shop.addListing(sku, 0);
  for (clock.at = 10; clock.at <= 6_000; clock.at += 10) {
    const trading = clock.at < 5_000;
    for (const sku of skus) {
      const asOf = truth.get(sku)!.findLast(step => step.at <= clock.at - lagMs)!.available;
      for (const shop of shops) {
        const listing = shop.listings.get(sku)!;
        shop.write(sku, Math.max(0, asOf) + listing.reserved);
      }
    }
    clock.at += 1;
    if (trading && dice.chance(0.2)) {
      const shop = shops[dice.between(0, 2)]!;
      const { order } = shop.buy('b', [{ sku: skus[dice.between(0, 3)]!, units: dice.between(1, 2) }]);
      for (const { line, sku, units } of order?.lines ?? []) {
        move(sku, -units);
        recordOf(sku).lines.push(`${shop.account}/${order!.orderId}/${line}`);
      }
    }
    if (trading && dice.chance(0.05)) {
      const shop = shops[dice.between(0, 2)]!;
      const order = [...shop.orders.values()][0];
      const line = order?.lines[0];
      if (line && shop.cancel(order.orderId, line.line)) {
        move(line.sku, line.units);
        recordOf(line.sku).cancelled[`${shop.account}/${order.orderId}/${line.line}`] = line.units;
      }
    }
    if (trading && dice.chance(0.05)) {
      const one = supply[dice.between(0, 3)]!;
      const by = dice.between(-1, 3);
      one.supply += by;
      if (by !== 0) one.timeline.push({ at: clock.at, supply: one.supply });
      move(one.sku, by);
    }
    clock.at -= 1;
  }
  for (const record of records) record.available = truth.get(record.sku)!.at(-1)!.available;
  const accounts = Object.fromEntries(shops.map(shop => [shop.account, evidenceOf(shop, staleMs)]));
  return { evidence: { accounts, supply, faults: [], records, from: 100 }, shops };
}

function evidenceOf(shop: Shop, staleMs: number): AccountEvidence {
  return { ledger: shop.ledger.entries, listings: [...shop.listings.values()].map(l => ({ sku: l.sku, buyable: shop.buyable(l) })), buffer: 0, staleMs };
}

test('channels that follow within the window pass at any seed, oversold units and all', t => {
  let oversold = 0;
  for (let seed = 1; seed <= 30; seed++) {
    const verdict = judge(mirrored(seed, 100, 120).evidence);
    t.true(verdict.ok, `seed ${seed}: ${JSON.stringify(failing(verdict))} ${JSON.stringify(verdict.figures.oversales[0])}`);
    oversold += verdict.figures.oversold;
    for (const { p50Ms, unsettled } of Object.values(verdict.figures.propagation)) {
      t.is(unsettled, 0);
      t.true(p50Ms! <= 120);
    }
  }
  t.true(oversold > 0, 'there was something to judge');
});

test('channels that follow more slowly than the window are found out', t => {
  const outside = Array.from({ length: 30 }, (_, n) => judge(mirrored(n + 1, 400, 120).evidence).figures.oversoldOutside);
  t.true(outside.filter(units => units > 0).length > 5, outside.join(' '));
});

test('one hidden sale turns a passing run into a failing one', t => {
  const { evidence, shops } = mirrored(3, 100, 120);
  const sku = 'A';
  shops[2]!.write(sku, 5);
  shops[2]!.sellHidden(sku, 1);
  shops[2]!.write(sku, Math.max(0, evidence.records[0]!.available));
  const verdict = judge({ ...evidence, accounts: { ...evidence.accounts, ebay: evidenceOf(shops[2]!, 120) } });
  t.is(failing(verdict)['order lines lost'], 1);
  t.true(evidence.records[0]!.available <= 0 || failing(verdict)['every listing equal to its target'] === 3);
  t.false(verdict.ok);
});
