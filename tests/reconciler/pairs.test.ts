import { deepEqual } from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import { NameIndex } from '../../actors/reconciler/name-index.ts';
import { Pairs } from '../../actors/reconciler/pairs.ts';
import { plan } from '../../actors/reconciler/plan.ts';
import { newPair, noteReading, noteRecord, noteWrite } from '../../actors/reconciler/proof.ts';
import type { Pair } from '../../actors/reconciler/proof.ts';
import { proofAges } from '../../actors/reconciler/risk.ts';
import { now, outlet, pairOf, shows } from './pairs.ts';

const restMs = 10_000;

/** A pair that goes by this SKU, and its listing by `L-<sku>`. */
function named(sku: string, told: Parameters<typeof outlet>[0] = {}, rest: Partial<Pair> = {}): Pair {
  const of = outlet({ id: `L-${sku}`, ...told });
  const pair = newPair(sku, of);
  noteRecord(pair, of);
  return Object.assign(pair, rest);
}

/** The pair as it comes back once it has settled; the test fails where it does not settle. */
function settled(pair: Pair): Pair {
  const pairs = new Pairs(restMs);
  pairs.set(pair, now);
  for (let left = 2; pairs.atHand > 0 && left > 0; left--) pairs.settle(now);
  deepEqual(pairs.atHand, 0);
  return pairs.get(pair.sku)!;
}

test('a settled pair comes back as it was, whatever it showed and whoever proved it', t => {
  const listing = { id: 'L', sku: 'A', fields: { offerId: '2' } };
  const proven: [what: string, pair: Pair][] = [
    ['written', pairOf({ quantity: 5, version: 7_000_000_000, proofAt: now - 30_000 })],
    ['verified by a read', pairOf({ kind: 'verify' }, { provenBy: 'read', provenAt: now - 5 })],
    ['repaired, drained and gross', pairOf({ kind: 'repair', quantity: 0 }, { drained: true, gross: true, applied: 12 })],
    ['with vendor ids', pairOf({ fields: { offerId: '1', site: 'US' } })],
    ['read', pairOf({}, { reading: { quantity: 5, buyable: 5, at: now - 9 }, readAt: now - 9 })],
    ['read of another version', pairOf({}, { reading: { quantity: 5, buyable: 5, at: now - 9, version: 'v9' }, readAt: now - 9 })],
    ['read with fewer for sale', pairOf({}, { reading: { quantity: 5, buyable: 3, at: now - 9 }, readAt: now - 9 })],
    ['read at two times', pairOf({}, { reading: { quantity: 5, buyable: 5, at: now - 9 }, readAt: now - 8 })],
    ['shown by the answer to a write', pairOf({}, { reading: { quantity: 5, buyable: 5, at: now - 20_000 }, writtenAt: now - 20_000 })],
    ['with newer vendor ids', pairOf({ fields: { offerId: '1' } }, { listing })],
    ['read alone', pairOf({}, { solo: true })],
    ['in more units than fit in a column of half words', pairOf({ quantity: 2_000_000_000 })],
  ];
  for (const [what, pair] of proven) t.deepEqual(settled(structuredClone(pair)), pair, what);
});

test('a SKU that is known from its record alone is the same pair as one that was told of it', t => {
  const drained = { ...outlet({ quantity: 0, kind: 'repair' }), drained: true as const, gross: true };
  const known = [outlet(), outlet({ kind: 'verify', fields: { offerId: '1' } }), drained, { ...outlet(), proof: { version: 7, quantity: 5, at: now, by: 'read' as const } }];
  for (const each of known) {
    const pairs = new Pairs(restMs);
    t.true(pairs.learn('A', each, 12));
    const told = newPair('A', each);
    noteRecord(told, each);
    t.deepEqual(pairs.get('A'), { ...told, applied: 12 });
    t.deepEqual([pairs.size, pairs.skuOf('L')], [1, 'A']);
    t.false(pairs.learn('A', each, 13), 'it is known by now');
  }
  const pairs = new Pairs(restMs);
  const { intent: _none, proof: _neither, ...uncounted } = outlet();
  for (const each of [uncounted, outlet({ proven: false }), { ...outlet(), proof: { version: 7, quantity: 4, at: now, by: 'read' as const } }, outlet({ quantity: 3_000_000_000 }), outlet({ shown: 3 })]) {
    t.false(pairs.learn('A', each, 12), JSON.stringify(each));
  }
  t.is(pairs.size, 0);
});

test('a record that says nothing new of a listing moves nothing but how far it has come', t => {
  const pairs = new Pairs(restMs);
  const first = outlet({ fields: { offerId: '1' } });
  t.false(pairs.isTold('A', first, 12), 'it is not known');
  pairs.learn('A', first, 12);
  t.true(pairs.isTold('A', first, 13));
  t.is(pairs.peek('A')!.applied, 13);
  t.is(pairs.atHand, 0, 'it stays settled');
  const others = [outlet({ version: 8, fields: first.listing.fields }), outlet({ id: 'M' }), outlet(), { ...first, gross: true }, { ...first, drained: true as const }, outlet({ proven: false })];
  for (const other of others) t.false(pairs.isTold('A', other, 14), JSON.stringify(other));
  const pair = Object.assign(pairs.get('A')!, { told: first });
  t.true(pairs.isTold('A', first, 14));
  t.false(pairs.isTold('A', structuredClone(first), 15), 'at hand, only the very same is sure to be so');
  t.is(pair.applied, 14);
  pairs.learn('B', first, 20);
  t.false(pairs.isTold('A', first, 21), 'the listing is another SKU\'s by now');
});

test('an uncounted SKU is settled, too', t => {
  const { intent: _none, proof: _neither, ...uncounted } = outlet();
  const pair = newPair('A', uncounted);
  noteRecord(pair, uncounted);
  t.deepEqual(settled(structuredClone(pair)), pair);
});

test('of what was written only the newest is kept, as long as it may be asked for: its number', t => {
  for (const last of [5, 6]) {
    const pair = pairOf({ quantity: 5 });
    for (const quantity of [3, 4, last]) noteWrite(pair, quantity, now - 20_000);
    t.deepEqual(settled(structuredClone(pair)), { ...pair, sent: [{ quantity: last, until: now - 20_000, over: [] }] });
  }
});

test('a pair with which something is going on stays as it is, and the same object', t => {
  const open: [what: string, pair: Pair][] = [
    ['not proven', named('A', { proven: false })],
    ['proven with another number', named('B', {}, { provenQuantity: 4 })],
    ['suspected', named('C', {}, { suspicion: { class: 'foreign-edit', version: 7, observed: 9, since: now, reads: 1 } })],
    ['told of by the channel', named('D', {}, { nudgedAt: now - 1, readAt: now - 2 })],
    ['to be tried again', named('E', {}, { retryAt: now + 1 })],
    ['written lately', named('F', {}, { sent: [{ quantity: 5, until: now - restMs + 1, over: [] }] })],
    ['of no whole number of 32 bits', named('G', { quantity: 3_000_000_000 })],
  ];
  const pairs = new Pairs(restMs);
  for (const [, pair] of open) pairs.set(pair, now);
  pairs.settle(now);
  for (const [what, pair] of open) t.is(pairs.get(pair.sku), pair, what);
  // What holds these back passes with time.
  pairs.settle(now + 1);
  t.deepEqual(open.filter(([, pair]) => pairs.get(pair.sku) !== pair).map(([what]) => what), ['to be tried again', 'written lately']);
});

test('a change of a pair that was got is kept when it settles', t => {
  const pairs = new Pairs(restMs);
  pairs.set(named('A'), now);
  noteReading(pairs.get('A')!, shows(5), now - 5);
  t.is(pairs.atHand, 1);
  pairs.settle(now);
  t.is(pairs.atHand, 0);
  t.deepEqual(pairs.get('A')!.reading, { quantity: 5, buyable: 5, at: now - 5 });
});

test('a sweep chooses the same of settled pairs as of pairs at hand', t => {
  const settings = { maxAge: proofAges(60_000), apartMs: 1_000 };
  const all = Array.from({ length: 3_000 }, (_, n) => named(`S${n}`, { quantity: n % 14, proofAt: now - 1 - n * 37 }, n % 5 === 0 ? { readAt: now - n * 11 } : {}));
  const pairs = new Pairs(restMs);
  for (const pair of all) pairs.set(structuredClone(pair), now);
  const suspect = pairs.get('S7')!;
  suspect.suspicion = { class: 'foreign-edit', version: 7, observed: 9, since: now, reads: 1 };
  t.is(pairs.atHand, 1);
  t.deepEqual(plan(pairs.due(now, settings), 400, now, settings).map(pair => pair.sku).sort(), plan([...all.filter(({ sku }) => sku !== 'S7'), suspect], 400, now, settings).map(pair => pair.sku).sort());
});

test('a listing names the SKU that has it, or the one that had it last', t => {
  const pairs = new Pairs(restMs);
  pairs.set(named('A', { id: 'L' }), now);
  const relinked = pairs.get('A')!;
  noteRecord(relinked, outlet({ id: 'M' }));
  pairs.set(relinked, now);
  t.deepEqual(['L', 'M', 'N'].map(id => pairs.skuOf(id)), ['A', 'A', undefined]);
  pairs.set(named('B', { id: 'L' }), now);
  t.deepEqual(['L', 'M'].map(id => pairs.skuOf(id)), ['B', 'A']);
  pairs.delete('B');
  pairs.delete('A');
  t.deepEqual([['L', 'M'].map(id => pairs.skuOf(id)), pairs.size, pairs.has('A'), [...pairs.values()]], [['B', 'A'], 0, false, []]);
  noteRecord(relinked, outlet({ id: 'L' }));
  pairs.set(relinked, now);
  t.is(pairs.skuOf('L'), 'A');
});

test('pairs come, settle, change and go as in a plain map', t => {
  const name = fc.integer({ min: 0, max: 30 }).map(n => `S${n}`);
  const act = fc.oneof(
    fc.tuple(fc.constant('told' as const), name, fc.nat(9)),
    fc.tuple(fc.constant('read' as const), name, fc.nat(9)),
    fc.tuple(fc.constant('unlinked' as const), name, fc.constant(0)),
    fc.tuple(fc.constant('settle' as const), name, fc.constant(0)),
  );
  const bySku = (pairs: Iterable<Pair>): Pair[] => [...pairs].sort((a, b) => a.sku.localeCompare(b.sku));
  fc.assert(fc.property(fc.array(act, { maxLength: 300, size: 'max' }), acts => {
    const pairs = new Pairs(restMs);
    const plain = new Map<string, Pair>();
    for (const [what, sku, n] of acts) {
      if (what === 'settle') pairs.settle(now);
      if (what === 'unlinked') { pairs.delete(sku); plain.delete(sku); }
      if (what === 'read') for (const pair of [pairs.get(sku), plain.get(sku)]) if (pair) noteReading(pair, shows(n, { listing: { id: '', sku, fields: { offerId: String(n % 3) } } }), now - n);
      if (what === 'told') {
        const of = outlet({ id: `L-${sku}`, version: 7 + n, quantity: n, proven: n % 4 > 0 });
        const known = pairs.get(sku);
        const pair = known ?? newPair(sku, of);
        noteRecord(pair, of);
        if (!known) pairs.set(pair, now);
        const other = plain.get(sku) ?? newPair(sku, of);
        noteRecord(other, of);
        plain.set(sku, other);
      }
    }
    deepEqual(bySku(pairs.values()), bySku(plain.values()));
    deepEqual([pairs.size, [...plain.keys()].every(sku => pairs.has(sku) && pairs.skuOf(`L-${sku}`) === sku)], [plain.size, true]);
  }));
  t.pass();
});

test('an index finds what a map finds, through growth, clashes and removals', t => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.nat(400), fc.boolean()), { maxLength: 2_000, size: 'max' }), acts => {
    const index = new NameIndex(row => `name-${row % 200}`);
    const plain = new Map<string, number>();
    for (const [row, isSet] of acts) {
      const name = `name-${row % 200}`;
      if (isSet) {
        if (plain.has(name) || row % 2 === 0) index.set(name, row);
        else index.add(name, row);
        plain.set(name, row);
      }
      else { index.delete(name, row); if (plain.get(name) === row) plain.delete(name); }
    }
    for (let n = 0; n < 200; n++) deepEqual(index.find(`name-${n}`), plain.get(`name-${n}`) ?? -1);
  }));
  t.pass();
});
