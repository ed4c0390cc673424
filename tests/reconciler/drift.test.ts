/** What a reading says about an intent: nothing yet, proof, a rewrite, or drift. */
import test from 'ava';
import type { Reading } from '../../actors/channel/adapter.ts';
import { judge } from '../../actors/reconciler/drift.ts';
import type { Evidence } from '../../actors/reconciler/drift.ts';
import type { Pair } from '../../actors/reconciler/proof.ts';

const listing = { id: 'L', sku: 'A', fields: {} };
const settings = { apartMs: 1_000 };

function pairOf(quantity: number, rest: Partial<Pair> & { kind?: 'write' | 'verify' | 'repair' } = {}): Pair {
  const { kind = 'write', ...more } = rest;
  return {
    sku: 'A', listing, gross: false, provenVersion: 7, provenAt: 0, readAt: 0, writtenAt: 0,
    intended: { quantity, version: 7, kind, signature: 's7', decidedAt: 0 }, ...more,
  };
}
const reading = (quantity: number, active = true): Reading => ({ listing, quantity, buyable: quantity, active });
const evidence = (beganAt: number, rest: Partial<Evidence> = {}): Evidence => ({
  beganAt, endedAt: beganAt + 10, ordersCompleteThrough: Infinity, write: { state: 'none' }, ...rest,
});

test('the intended number is proof', t => {
  t.deepEqual(judge(pairOf(5), reading(5), evidence(100), settings), { kind: 'equal' });
});

test('a difference seen once is no drift; the same one seen again, apart, is', t => {
  const pair = pairOf(5);
  t.deepEqual(judge(pair, reading(45), evidence(100), settings), { kind: 'wait', why: 'seen once', again: true });
  t.deepEqual(judge(pair, reading(45), evidence(900), settings), { kind: 'wait', why: 'seen once', again: true });
  t.deepEqual(judge(pair, reading(45), evidence(1_200), settings), { kind: 'drift', class: 'foreign-edit', severity: 'high', observableAt: 100 });
});

test('a stale read between two right ones is forgotten', t => {
  const pair = pairOf(5);
  judge(pair, reading(6), evidence(100), settings);
  t.deepEqual(judge(pair, reading(5), evidence(1_200), settings), { kind: 'equal' });
  t.deepEqual(judge(pair, reading(6), evidence(2_400), settings), { kind: 'wait', why: 'seen once', again: true });
});

test('a channel that shows less is believed to have sold until its orders are complete beyond the read', t => {
  const pair = pairOf(50);
  judge(pair, reading(48), evidence(100), settings);
  t.deepEqual(judge(pair, reading(48), evidence(5_000, { ordersCompleteThrough: 99 }), settings), { kind: 'wait', why: 'orders incomplete', again: true });
  t.deepEqual(judge(pair, reading(48), evidence(6_000, { ordersCompleteThrough: 100 }), settings), { kind: 'drift', class: 'foreign-edit', severity: 'low', observableAt: 100 });
});

test('nothing is judged while our own write is out, or by a read that began before it ended', t => {
  t.deepEqual(judge(pairOf(5), reading(9), evidence(100, { write: { state: 'sent' } }), settings), { kind: 'wait', why: 'in flight', again: false });
  t.deepEqual(judge(pairOf(5), reading(9), evidence(100, { write: { state: 'unsent' } }), settings), { kind: 'wait', why: 'in flight', again: false });
  t.deepEqual(judge(pairOf(5, { writtenAt: 101 }), reading(9), evidence(100), settings), { kind: 'wait', why: 'began before our write', again: true });
});

test('an accepted write is in flight until its time is over, then lost', t => {
  const pair = pairOf(5, { provenVersion: 6 });
  const accepted = { write: { state: 'accepted', until: 2_000 } } as const;
  t.deepEqual(judge(pair, reading(9), evidence(500, accepted), settings), { kind: 'wait', why: 'in flight', again: true });
  t.deepEqual(judge(pair, reading(9), evidence(2_500, accepted), settings), { kind: 'wait', why: 'seen once', again: true });
  t.deepEqual(judge(pair, reading(9), evidence(3_600, accepted), settings), { kind: 'drift', class: 'lost-write', severity: 'high', observableAt: 2_500 });
});

test('a sale that our own earlier write overwrote is written again, without an alarm', t => {
  t.deepEqual(judge(pairOf(9, { provenVersion: 6, kind: 'verify' }), reading(10), evidence(100), settings), { kind: 'rewrite' });
});

test('a listing that cannot be bought is a finding of its own, seen twice', t => {
  const pair = pairOf(5);
  judge(pair, reading(5, false), evidence(100), settings);
  t.like(judge(pair, reading(5, false), evidence(1_200), settings), { kind: 'drift', class: 'frozen-listing' });
});
