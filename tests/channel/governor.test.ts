/** What may move at once, what is held, and what a person makes of it. */
import test from 'ava';
import fc from 'fast-check';
import { Governor } from '../../actors/channel/governor.ts';
import type { GovernorLimits, Proposal } from '../../actors/channel/governor.ts';

const now = 1_800_000_000_000;
const limits: GovernorLimits = { windowMs: 1_000, zero: { share: 0.1, least: 2 }, raise: { share: 0.5, least: 3 } };

const zero = (sku: string, rest: Partial<Proposal> = {}): Proposal => ({ sku, version: 1, quantity: 0, before: 5, isOwed: false, ...rest });
const raise = (sku: string, rest: Partial<Proposal> = {}): Proposal => zero(sku, { quantity: 9, ...rest });
const kinds = (governor: Governor, proposals: readonly Proposal[], listings = 10, at = now): string[] => proposals.map(each => governor.judge(each, listings, at).kind);

test('a few listings may go to zero, the next one is held and so is every one after it', t => {
  const governor = new Governor(limits);
  t.deepEqual(kinds(governor, ['A', 'B', 'C', 'D'].map(sku => zero(sku))), ['go', 'go', 'hold', 'hold']);
  t.deepEqual([...governor.recent('zero')], ['A', 'B', 'C', 'D']);
  t.deepEqual(governor.record, { held: { zero: now }, dropped: {} });
});

test('the limit is a share of the listings where that is more', t => {
  const many = Array.from({ length: 11 }, (_, n) => zero(`S${n}`));
  t.deepEqual(kinds(new Governor(limits), many, 100), [...Array<string>(10).fill('go'), 'hold']);
});

test('moves of one kind are no moves of the other', t => {
  const governor = new Governor(limits);
  t.deepEqual(kinds(governor, [zero('A'), zero('B'), raise('C'), raise('D'), raise('E'), raise('F'), raise('G'), raise('H')]), ['go', 'go', 'go', 'go', 'go', 'go', 'go', 'hold']);
  t.false(governor.isHeld('zero'));
});

test('what an order, a cancellation or a repair asks for is never counted and never held', t => {
  const governor = new Governor(limits);
  t.deepEqual(kinds(governor, Array.from({ length: 9 }, (_, n) => zero(`S${n}`, { isOwed: true }))), Array<string>(9).fill('go'));
  t.deepEqual([...governor.recent('zero')], []);
});

test('a first number, the same number and a lower one that is not zero are no moves', t => {
  const governor = new Governor({ ...limits, zero: { share: 0, least: 0 }, raise: { share: 0, least: 0 } });
  t.deepEqual(kinds(governor, [zero('A', { before: undefined }), zero('B', { before: 0 }), zero('C', { quantity: 5 }), zero('D', { quantity: 4 })]), ['go', 'go', 'go', 'go']);
});

test('one SKU that moves again and again is one listing, and what is past the window counts no more', t => {
  const governor = new Governor(limits);
  t.deepEqual(kinds(governor, [zero('A'), zero('A'), zero('A'), zero('B')]), ['go', 'go', 'go', 'go']);
  t.deepEqual(kinds(governor, [zero('C')], 10, now + 1_000), ['go']);
  t.deepEqual([...governor.recent('zero')], ['C']);
});

test('units and value are limits of their own, where prices are known', t => {
  const units = new Governor({ ...limits, zero: { share: 1, least: 100, units: 20 } });
  t.deepEqual(kinds(units, [zero('A', { before: 12 }), zero('B', { before: 8 }), zero('C', { before: 1 })]), ['go', 'go', 'hold']);
  const value = new Governor({ ...limits, raise: { share: 1, least: 100, value: 1_000 } });
  t.deepEqual(kinds(value, [raise('A', { before: 4, price: 199 }), raise('B', { before: 4 }), raise('A', { before: 4, price: 200 })]), ['go', 'go', 'go'], 'a SKU counts once, and without a price nothing');
  t.deepEqual(value.judge(raise('C', { before: 8, price: 0.5 }), 10, now), { kind: 'hold', move: 'raise', trip: { limit: 'a value of 1,000' } });
});

test('a source has limits of its own, and what others ask for goes on', t => {
  const governor = new Governor({ windowMs: 1_000, zero: { share: 1, least: 100 }, raise: { share: 1, least: 100 }, sources: { csv: { zero: { share: 0, least: 1 } } } });
  const csv = (sku: string): Proposal => zero(sku, { source: 'csv' });
  const erp = (sku: string): Proposal => zero(sku, { source: 'erp' });
  t.deepEqual(kinds(governor, [csv('A'), erp('B'), erp('C')]), ['go', 'go', 'go']);
  t.deepEqual(governor.judge(csv('D'), 10, now), { kind: 'hold', move: 'zero', trip: { source: 'csv', limit: '0 % and 1' } });
  t.deepEqual(kinds(governor, [csv('E'), erp('F'), raise('G', { source: 'csv' })]), ['hold', 'go', 'go']);
  t.deepEqual([...governor.recent('zero', 'csv')], ['A', 'D', 'E']);
  const next = new Governor({ windowMs: 1_000, zero: { share: 1, least: 100 }, raise: { share: 1, least: 100 } }, JSON.parse(JSON.stringify(governor.record)));
  t.deepEqual(kinds(next, [csv('H'), erp('I')]), ['hold', 'go'], 'for the next owner, too');
  next.drop('zero', 9);
  t.deepEqual(next.record, { held: {}, dropped: { zero: 9 } });
});

test('an order for what is held leaves it held', t => {
  const governor = new Governor(limits);
  kinds(governor, ['A', 'B', 'C'].map(sku => zero(sku)));
  t.deepEqual(governor.judge(zero('C', { version: 2, isOwed: true }), 10, now, 'zero'), { kind: 'hold', move: 'zero' });
  t.deepEqual(governor.judge(zero('D', { isOwed: true }), 10, now), { kind: 'go' });
  t.deepEqual(governor.judge(raise('C', { version: 3 }), 10, now, 'zero'), { kind: 'go' });
});

test('a batch that a person lets go is not held again while the window lasts', t => {
  const governor = new Governor(limits);
  kinds(governor, ['A', 'B', 'C'].map(sku => zero(sku)));
  governor.release('zero', now);
  t.deepEqual(governor.record, { held: {}, dropped: {}, passes: { zero: now + 1_000 } });
  const next = new Governor(limits, JSON.parse(JSON.stringify(governor.record)));
  t.deepEqual([next.isLetGo('zero', now + 999), next.isLetGo('zero', now + 1_000), next.isLetGo('raise', now)], [true, false, false]);
  t.deepEqual(kinds(governor, ['C', 'D', 'E', 'F'].map(sku => zero(sku)), 10, now + 999), ['go', 'go', 'go', 'go']);
  t.deepEqual(kinds(governor, ['C', 'D', 'E'].map(sku => zero(sku)), 10, now + 1_000), ['go', 'go', 'hold']);
});

test('what a person drops is never sent, by no owner, and what is decided later is judged anew', t => {
  const governor = new Governor(limits);
  kinds(governor, ['A', 'B', 'C'].map((sku, n) => zero(sku, { version: n + 7 })));
  governor.drop('zero', 9);
  for (const owner of [governor, new Governor(limits, JSON.parse(JSON.stringify(governor.record)))]) {
    t.deepEqual(owner.judge(zero('C', { version: 9 }), 10, now), { kind: 'dropped', move: 'zero' });
    t.deepEqual(owner.judge(zero('C', { version: 10 }), 10, now), { kind: 'go' });
    t.deepEqual(owner.judge(raise('C', { version: 9 }), 10, now), { kind: 'go' });
  }
});

test('what was held stays held for the next owner', t => {
  const governor = new Governor(limits);
  kinds(governor, ['A', 'B', 'C'].map(sku => zero(sku)));
  const next = new Governor(limits, JSON.parse(JSON.stringify(governor.record)));
  t.deepEqual(kinds(next, [zero('A')], 10, now + 60_000), ['hold']);
});

test('what only follows makes no batch too large: a raise is held with one, a zero that protects is not', t => {
  const governor = new Governor(limits);
  const follows = (proposal: Proposal): Proposal => ({ ...proposal, isConsequence: true });
  t.deepEqual(kinds(governor, Array.from({ length: 9 }, (_, n) => follows(n < 5 ? zero(`S${n}`) : raise(`S${n}`)))), Array<string>(9).fill('go'));
  t.deepEqual([...governor.recent('zero'), ...governor.recent('raise')], []);
  kinds(governor, ['A', 'B', 'C', 'D', 'E', 'F'].flatMap(sku => [zero(sku), raise(sku)]));
  t.deepEqual(kinds(governor, [follows(zero('G')), follows(raise('H'))]), ['go', 'hold']);
});

test('what former owners held, and did not come to note, is held', t => {
  const governor = new Governor({ ...limits, sources: { csv: { zero: { share: 0, least: 1 } } } });
  t.deepEqual([governor.adopt('zero', 'csv', now), governor.adopt('zero', 'csv', now)], [true, false]);
  t.deepEqual([governor.isHeld('zero', 'csv'), governor.isHeld('zero', 'erp')], [true, false]);
  t.true(governor.adopt('raise', 'csv', now));
  t.true(governor.isHeld('raise'));
});

test('whatever is proposed, no more listings go to zero within a window than the limit allows, unless an order asks', t => {
  const proposal = fc.record({ sku: fc.constantFrom(...'ABCDEFGH'), quantity: fc.constantFrom(0, 3, 9), isOwed: fc.boolean(), waitMs: fc.nat(600) });
  t.notThrows(() => fc.assert(fc.property(fc.array(proposal, { maxLength: 60 }), proposals => {
    const governor = new Governor(limits);
    let at = now;
    const zeroed: { sku: string; at: number }[] = [];
    for (const [n, { waitMs, ...each }] of proposals.entries()) {
      at += waitMs;
      const { kind } = governor.judge({ ...each, version: n + 1, before: 5 }, 10, at);
      if (kind === 'go' && each.quantity === 0 && !each.isOwed) zeroed.push({ sku: each.sku, at });
      const within = new Set(zeroed.filter(one => one.at > at - limits.windowMs).map(({ sku }) => sku));
      if (within.size > 2) throw new Error(`${within.size} listings went to zero within a window`);
    }
  })));
});
