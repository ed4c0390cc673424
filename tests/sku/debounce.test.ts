/** What leaves at once, what waits for quiet, and that no wait loses the last value. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import type { Rule, SkuFact, Stock } from '../../actors/sku/protocol.ts';
import { target } from '../../actors/sku/rules.ts';
import { hasGap } from '../../actors/sku/lots.ts';
import { known } from '../../actors/sku/stock.ts';
import { Actor, adjust, cancelled, count, debounce, gapMs, link, placed, shipped, start } from './actor.ts';

const linked = (quantity: number): Actor => new Actor().tell(link('amazon'), link('ebay'), count(1, quantity)).prove('amazon', 'ebay');
const targets = (stock: Stock): Record<string, number> => Object.fromEntries(Object.entries(stock.outlets).map(([account, outlet]) => [account, target(stock, account, outlet, known(stock)!)!]));

test('the first intention leaves at once, as what is shown until then may be too high', t => {
  const actor = new Actor().tell(link('amazon', { shown: 3 }), link('ebay'), count(1, 10));
  t.deepEqual([actor.intended, actor.record.due, actor.state], [{ amazon: 10, ebay: 10 }, {}, 'writing']);
  t.deepEqual([actor.intent('amazon')!.lane, actor.intent('ebay')!.lane], ['raise', 'decrease']);
});

test('a raise waits until nothing has changed for the quiet time', t => {
  const actor = linked(10).tell(adjust(2, 5)).wait(debounce.quietMs - 1).tell(adjust(3, 1)).wait(debounce.quietMs - 1);
  t.deepEqual([actor.intended, actor.state], [{ amazon: 10, ebay: 10 }, 'debouncing']);
  actor.wait(1);
  t.deepEqual([actor.intended, actor.state, actor.record.due, actor.stock.waitingSince], [{ amazon: 16, ebay: 16 }, 'writing', {}, null]);
  const { lane, causeAt, decidedAt } = actor.intent('amazon')!;
  t.deepEqual({ lane, causeAt, decidedAt }, { lane: 'raise', causeAt: start, decidedAt: start + 2 * debounce.quietMs - 1 });
});

test('a steady stream of raises leaves by the hard maximum, again and again', t => {
  const actor = linked(10);
  const left: number[] = [];
  for (let position = 2; position <= 80; position++) {
    const before = actor.intent('amazon')!.version;
    actor.tell(adjust(position, 1)).wait(100);
    const { version, decidedAt } = actor.intent('amazon')!;
    if (version !== before) left.push(decidedAt - start);
  }
  // The first raise of each wait is told when the wait before it is over.
  t.deepEqual(left, [2_000, 4_000, 6_000]);
});

test('a decrease leaves at once, and ends the wait of a raise that it overtakes', t => {
  const actor = linked(10).tell(adjust(2, 5)).wait(100).tell(adjust(3, -7));
  t.deepEqual([actor.intended, actor.state, actor.record.due], [{ amazon: 8, ebay: 8 }, 'writing', {}]);
  const { lane, causeAt, decidedAt } = actor.intent('amazon')!;
  t.deepEqual({ lane, causeAt, decidedAt }, { lane: 'decrease', causeAt: start + 100, decidedAt: start + 100 }, 'it was not caused by the raise');
});

test('a decrease below what waits but above what is intended lets the raise wait on', t => {
  const actor = linked(10).tell(adjust(2, 5)).wait(100).tell(adjust(3, -2));
  t.deepEqual([actor.intended, actor.state], [{ amazon: 10, ebay: 10 }, 'debouncing']);
  t.deepEqual(actor.settle().intended, { amazon: 13, ebay: 13 });
});

test('zero leaves at once in its own lane, while a raise waits elsewhere', t => {
  const actor = linked(10).tell(adjust(2, 5), { type: 'rule.set', account: 'ebay', rule: { buffer: 0, max: 0 } });
  t.deepEqual([actor.intended, actor.intent('ebay')!.lane, actor.state], [{ amazon: 10, ebay: 0 }, 'zero', 'debouncing']);
  t.deepEqual(actor.settle().intended, { amazon: 15, ebay: 0 });
});

test('a raise that is taken back before it left is never written', t => {
  const actor = linked(10);
  const { version } = actor.intent('amazon')!;
  actor.tell(adjust(2, 5)).wait(100).tell(adjust(3, -5));
  t.deepEqual([actor.intent('amazon')!.version, actor.record.due, actor.stock.waitingSince, actor.state], [version, {}, null, 'settled']);
});

test('facts that change nothing of what is shown do not hold a raise beyond the hard maximum', t => {
  const actor = linked(10).tell(adjust(2, 5));
  for (let n = 0; n < 30; n++) actor.tell(adjust(2, 5)).wait(100);
  t.is(actor.intent('amazon')!.decidedAt, start + debounce.hardMs);
});

test('with no quiet time every change leaves at once', t => {
  const actor = new Actor({ debounce: { quietMs: 0, hardMs: 0 } }).tell(link('amazon'), count(1, 10)).prove('amazon').tell(adjust(2, 5));
  t.deepEqual([actor.intended, actor.record.due], [{ amazon: 15 }, {}]);
});

test('a raise that has waited its longest leaves with the next fact, should its timer be late', t => {
  const actor = linked(10).tell(adjust(2, 5));
  actor.now += debounce.hardMs;
  t.deepEqual([actor.tell(adjust(3, 1)).intended, actor.record.due], [{ amazon: 16, ebay: 16 }, {}]);
});

test('a raise after a decrease that is not proven stays urgent: more may still be shown than either', t => {
  const actor = linked(20).tell(adjust(2, -15), adjust(3, 2)).settle();
  t.deepEqual([actor.intended.amazon, actor.intent('amazon')!.lane], [7, 'decrease']);
  const calm = linked(20).tell(adjust(2, -15)).prove('amazon', 'ebay').tell(adjust(3, 2)).settle();
  t.deepEqual([calm.intended.amazon, calm.intent('amazon')!.lane], [7, 'raise']);
});

test('a decrease from a raise that is not proven is one, though less was shown before', t => {
  const actor = linked(3).tell(adjust(2, 7)).settle().tell(adjust(3, -3));
  t.deepEqual([actor.intended.amazon, actor.intent('amazon')!.lane], [7, 'decrease']);
});

test('nothing is intended, asked for or waited for before the first count', t => {
  const facts: fc.Arbitrary<SkuFact> = fc.oneof(
    fc.constantFrom('amazon', 'ebay').map(account => link(account, { shown: 5 })),
    fc.record({ position: fc.integer({ min: 1, max: 9 }), delta: fc.integer({ min: -9, max: 9 }) }).map(({ position, delta }) => adjust(position, delta)),
    fc.tuple(fc.constantFrom(placed, cancelled, shipped), fc.constantFrom('amazon/1/1', 'ebay/1/1'), fc.integer({ min: 1, max: 3 })).map(([make, id, units]) => make(id, units)),
    fc.constantFrom('amazon', 'ebay').map(account => ({ type: 'observed' as const, account, version: 1, quantity: 5, verdict: 'drift' as const })),
    fc.constant<SkuFact>({ type: 'rule.set', account: 'amazon', rule: { buffer: 2 } }),
  );
  t.notThrows(() => fc.assert(fc.property(fc.array(facts, { maxLength: 20, size: 'max' }), told => {
    const actor = new Actor().tell(...told);
    deepEqual([actor.state, Object.keys(actor.record.due).filter(id => id !== 'gap'), actor.published], ['unknown', [], []]);
    deepEqual(Object.values(actor.intended).filter(quantity => quantity !== undefined), []);
  }), { numRuns: 300 }));
});

test('an uncounted SKU with open orders shows nothing of them: what is missing is not zero', t => {
  const actor = new Actor().tell(link('walmart', { gross: true }), placed('walmart/1/1', 2), adjust(1, 4)).wait(10 * debounce.hardMs);
  t.deepEqual([actor.intended, known(actor.stock), actor.state], [{ walmart: undefined }, undefined, 'unknown']);
});

type Told = { wait: number } | { tell: SkuFact } | { prove: string } | { late: number };

const accounts = ['amazon', 'ebay', 'walmart'];
const account = fc.constantFrom(...accounts);
const rule: fc.Arbitrary<Rule> = fc.record({ buffer: fc.nat(3), max: fc.integer({ min: 0, max: 12 }), percent: fc.constantFrom(0, 33, 50, 100) }, { requiredKeys: ['buffer'] });
const lineId = fc.tuple(account, fc.nat(3)).map(([name, n]) => `${name}/${n}/1`);
const steps: fc.Arbitrary<Told[]> = fc.array(fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(1, 100, 250, 499, 500, 501, 1_999, 2_000).map(wait => ({ wait })) },
  { weight: 4, arbitrary: fc.tuple(fc.constantFrom(placed, placed, cancelled, shipped), lineId, fc.integer({ min: 1, max: 4 })).map(([make, id, units]) => ({ tell: make(id, units) })) },
  { weight: 2, arbitrary: account.map(name => ({ prove: name })) },
  { weight: 1, arbitrary: fc.tuple(account, rule).map(([name, set]) => ({ tell: { type: 'rule.set' as const, account: name, rule: set } })) },
  { weight: 1, arbitrary: fc.tuple(account, rule, fc.option(fc.nat(9), { nil: undefined })).map(([name, set, shown]) => ({ tell: link(name, { gross: name === 'walmart', rule: set, ...(shown !== undefined && { shown }) }) })) },
  { weight: 1, arbitrary: account.map(name => ({ tell: { type: 'listing.unlinked' as const, account: name } })) },
  { weight: 5, arbitrary: fc.nat(3).map(late => ({ late })) },
), { maxLength: 50, size: 'max' });
/** The source's own history, by position from 2 on. */
const changes = fc.array(fc.oneof(fc.integer({ min: -6, max: 6 }).map(delta => ({ delta })), fc.nat(20).map(quantity => ({ quantity }))), { minLength: 12, maxLength: 12 });

test('every interleaving: decreases leave at once, raises by the hard maximum and never through a gap, and the last value is intended', t => {
  t.notThrows(() => fc.assert(fc.property(fc.record({ steps, changes }), ({ steps: told, changes: history }) => {
    const actor = new Actor().tell(...accounts.map(name => link(name, { gross: name === 'walmart' })), count(1, 10));
    const waiting = history.map((change, i) => ('delta' in change ? adjust(i + 2, change.delta) : count(i + 2, change.quantity)));
    const check = (before: Stock, fact?: SkuFact): void => {
      const { stock, record, now } = actor;
      const want = targets(stock);
      const gap = hasGap(stock);
      for (const [name, { intent, shown }] of Object.entries(stock.outlets)) {
        if (!intent) {
          ok(gap, `${name} intends nothing though nothing is missing`);
          continue;
        }
        ok((shown ?? intent.quantity) <= want[name]! && intent.quantity <= want[name]!, `${name} shows more than ${want[name]}`);
        if (stock.waitingSince === null) equal(intent.quantity, want[name]!);
        const { intent: earlier, shown: moved = 0 } = before.outlets[name] ?? {};
        const restocked = fact?.type === 'order.cancelled' && fact.account === name;
        if (gap && hasGap(before) && earlier && intent.kind === 'write' && !restocked) ok(intent.quantity <= Math.max(earlier.quantity, moved), `${name} was raised through a gap`);
      }
      if (stock.waitingSince === null) ok(!('flush' in record.due));
      else if (!gap) {
        ok('flush' in record.due);
        ok(now - stock.waitingSince < debounce.hardMs, 'a raise waits too long');
      }
      equal(actor.state, gap ? 'suspended' : stock.waitingSince !== null ? 'debouncing'
        : Object.values(stock.outlets).some(({ intent, proof }) => intent && intent.version !== proof?.version) ? 'writing' : 'settled');
    };
    for (const one of told) {
      const before = actor.stock;
      if ('wait' in one) actor.wait(one.wait);
      else if ('tell' in one) actor.tell(one.tell);
      else if ('late' in one) actor.tell(...waiting.splice(Math.min(one.late, Math.max(0, waiting.length - 1)), 1));
      else if (actor.intent(one.prove)) actor.prove(one.prove);
      check(before, 'tell' in one ? one.tell : undefined);
    }
    for (const fact of waiting) actor.tell(fact);
    actor.settle();
    deepEqual([actor.intended, hasGap(actor.stock), actor.record.due], [targets(actor.stock), false, {}]);
  }), { numRuns: 1_000 }));
});

test('what a gap held back takes effect when the missing fact comes, and then waits for quiet like any raise', t => {
  const actor = linked(10).tell(adjust(3, 5)).wait(gapMs / 2);
  t.deepEqual([actor.intended, actor.state], [{ amazon: 10, ebay: 10 }, 'suspended']);
  actor.tell(adjust(2, 1));
  t.deepEqual([actor.intended, actor.state], [{ amazon: 10, ebay: 10 }, 'debouncing']);
  t.deepEqual(actor.settle().intended, { amazon: 16, ebay: 16 });
});

test('zero is written through a gap, also where nothing is shown by all we know', t => {
  const actor = new Actor().tell(count(1, 0), adjust(3, 5), link('amazon', { shown: 0 }));
  t.deepEqual([actor.intended, actor.intent('amazon')!.lane, actor.state], [{ amazon: 0 }, 'zero', 'suspended']);
});

test('raises that a gap holds back wake nobody until it is filled', t => {
  const actor = linked(10).tell(adjust(3, -1), { type: 'rule.set', account: 'amazon', rule: { buffer: 5 } }).prove('amazon');
  actor.tell({ type: 'rule.set', account: 'amazon', rule: { buffer: 0 } });
  t.deepEqual([actor.intended.amazon, Object.keys(actor.record.due), actor.state], [5, ['gap'], 'suspended']);
  const { length } = actor.journal;
  actor.wait(gapMs - 1);
  t.is(actor.journal.length, length);
  t.deepEqual(actor.tell(adjust(2, 0)).intended, { amazon: 9, ebay: 9 });
});
