/** Dead letters as cases: what is one, how often it came, and what ends it. */
import test from 'ava';
import { healedBy, isOpen, noteDead } from '../../actors/reconciler/dead-letters.ts';
import type { DeadBody, DeadCase, DeadEntry } from '../../actors/reconciler/dead-letters.ts';
import { outlet } from './pairs.ts';

const subject = 'dead.listing.ebay.A';
const entry = (seq: number, body: Partial<DeadBody>): DeadEntry => ({ subject, seq, at: seq * 1_000, body: { id: `id-${seq}`, class: 'listing', account: 'ebay', sku: 'A', ...body } });
const told = (...entries: DeadEntry[]): DeadCase => entries.reduce<DeadCase | undefined>((known, each) => noteDead(known, each), undefined)!;

test('failures under one subject are one case, with a count and the newest failure', t => {
  const repeated = told(entry(1, { message: 'first' }), entry(2, { message: 'second' }), entry(3, { id: 'id-2', message: 'third' }));
  t.deepEqual(repeated, {
    subject, first: 1, last: 3, firstAt: 1_000, lastAt: 3_000, count: 3, open: ['id-1', 'id-2'],
    body: { id: 'id-2', class: 'listing', account: 'ebay', sku: 'A', message: 'third' },
  });
});

test('a resolution ends the entry whose id it continues, the ones it names, or everything', t => {
  const two = [entry(1, {}), entry(2, {})] as const;
  t.deepEqual(told(...two, entry(3, { id: 'id-1:resolved', resolved: true })).open, ['id-2']);
  t.deepEqual(told(...two, entry(3, { id: 'x', resolved: true, of: ['id-2'] })).open, ['id-1']);
  t.deepEqual(told(...two, entry(3, { id: 'x', resolved: true })).open, []);
  t.deepEqual(told(...two, entry(3, { id: 'x', state: 'resolved' })).open, [], 'a door tells its state');
  t.deepEqual(told(...two, entry(3, { id: 'id-9:resolved', resolved: true })).open, ['id-1', 'id-2'], 'of another entry');
});

test('how a case was closed is known once all of it is, and a new failure opens it anew', t => {
  const half = told(entry(1, {}), entry(2, {}), entry(3, { id: 'id-1:resolved', resolved: true }));
  t.is(half.resolution, undefined);
  const closed = noteDead(half, entry(4, { id: 'x', resolved: true, how: 'dismissed', by: 'ops', reason: 'sold out for good' }))!;
  t.false(isOpen(closed));
  t.deepEqual(closed.resolution, { how: 'dismissed', by: 'ops', reason: 'sold out for good', at: 4_000 });
  t.is(noteDead(closed, entry(5, { id: 'y', resolved: true, by: 'late' }))!.resolution!.by, 'ops', 'what is closed is not closed again');
  const again = noteDead(closed, entry(6, { message: 'again' }))!;
  t.like(again, { first: 6, firstAt: 6_000, count: 1, open: ['id-6'] });
});

test('a resolution of what was never told is no case', t => {
  t.is(noteDead(undefined, entry(1, { id: 'id-0:resolved', resolved: true })), undefined);
});

test('a case of very many failures keeps the newest of them open', t => {
  const many = told(...Array.from({ length: 150 }, (_, n) => entry(n + 1, {})));
  t.is(many.count, 150);
  t.is(many.open.length, 100);
  t.is(many.open.at(-1), 'id-150');
});

const state = (told: Parameters<typeof outlet>[0] = {}, rest: object = {}) => ({ outlets: { ebay: outlet(told) }, applied: 50, quarantined: false, ...rest });

test('the failure of a job is healed by a proof after it, or when nothing is listed there any more', t => {
  for (const kind of ['listing', 'validation', 'conflict', 'ambiguous expired', 'throttled out']) {
    const failed = told(entry(1, { class: kind }));
    t.is(healedBy(failed, state({ quantity: 5, version: 7, proven: true, proofAt: 1_001 })), 'proof of 5 at ebay, sig-7', kind);
    t.is(healedBy(failed, state({ proven: true, proofAt: 1_000 })), undefined, 'a proof from before it proves nothing');
    t.is(healedBy(failed, state({ proven: false })), undefined);
    t.is(healedBy(failed, { ...state(), outlets: {} }), 'nothing is listed at ebay any more');
  }
});

test('a quarantined SKU is healed when it has applied the message that it stood at', t => {
  for (const kind of ['poison', 'oversize', 'version']) {
    const failed = told(entry(1, { class: kind, seq: 40 }));
    t.is(healedBy(failed, { outlets: {}, applied: 40, quarantined: false }), 'released, applied up to 40', kind);
    t.is(healedBy(failed, { outlets: {}, applied: 39, quarantined: false }), undefined);
    t.is(healedBy(failed, { outlets: {}, applied: 50, quarantined: true }), undefined);
  }
});

test('nothing of a SKU heals what its source said wrong', t => {
  t.is(healedBy(told(entry(1, { class: 'malformed' })), state({ proven: true, proofAt: 9_000 })), undefined);
});
