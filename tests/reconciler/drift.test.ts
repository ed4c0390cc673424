import test from 'ava';
import { judge, judgeStanding } from '../../actors/reconciler/drift.ts';
import type { Evidence, Judgement } from '../../actors/reconciler/drift.ts';
import { newPair, noteRecord, noteWrite } from '../../actors/reconciler/proof.ts';
import type { Pair } from '../../actors/reconciler/proof.ts';
import { now, outlet, pairOf, shows } from './pairs.ts';

const settings = { apartMs: 1_000 };
const wait = (why: Extract<Judgement, { kind: 'wait' }>['why'], again = true): Judgement => ({ kind: 'wait', why, again });

/** A read of 50 ms that began so long after `now`; orders are complete up to its end unless told otherwise. */
const at = (ms: number, rest: Partial<Evidence> = {}): Evidence =>
  ({ beganAt: now + ms, endedAt: now + ms + 50, ordersCompleteThrough: now + ms + 50, ordersKnownBefore: now + ms, write: { state: 'none' }, ...rest });

/** Judges readings of one pair one after the other; when to look again is told elsewhere. */
function judged(pair: Pair, ...readings: [quantity: number, evidence: Evidence][]): Judgement[] {
  return readings.map(([quantity, evidence]) => timeless(judge(pair, shows(quantity), evidence, settings)));
}

function timeless(judgement: Judgement): Judgement {
  if (judgement.kind === 'wait') delete judgement.at;
  return judgement;
}

test('the intended number is equal, however it came there', t => {
  t.deepEqual(judged(pairOf({ quantity: 5 }), [5, at(0)]), [{ kind: 'equal' }]);
  t.deepEqual(judged(pairOf({ quantity: 5, proven: false }), [5, at(0, { write: { state: 'accepted', until: now + 9_000 } })]), [{ kind: 'equal' }]);
});

test('below zero nothing is for sale, which is what zero says; any other difference counts', t => {
  const orders = { ordersCompleteThrough: now + 9_000 };
  t.deepEqual(judged(pairOf({ quantity: 0 }), [-1, at(0)]), [{ kind: 'equal' }]);
  t.deepEqual(judged(pairOf({ quantity: 2 }), [-1, at(0, orders)], [-1, at(2_000, orders)]).map(({ kind }) => kind), ['wait', 'drift']);
});

test('in flight: nothing follows from a reading while a write is owed or unanswered', t => {
  for (const state of ['unsent', 'sent'] as const) {
    t.deepEqual(judged(pairOf({ proven: false }), [5, at(0, { write: { state } })], [9, at(5_000, { write: { state } })]), [wait('in flight', false), wait('in flight', false)]);
  }
  const { intended: _none, ...uncounted } = pairOf();
  t.deepEqual(judged(uncounted as Pair, [5, at(0)]), [wait('in flight', false)]);
});

test('in flight: an accepted write is waited for until its time is over', t => {
  const pair = pairOf({ quantity: 5, proven: false });
  const write = { state: 'accepted', until: now + 9_000 } as const;
  t.deepEqual(judged(pair, [9, at(0, { write })], [9, at(8_949, { write })]), [wait('in flight'), wait('in flight')]);
  t.is(pair.suspicion, undefined);
});

test('stale: a read that began before our newest write was answered says nothing, not even that it is equal', t => {
  const pair = pairOf({ quantity: 5 }, { writtenAt: now });
  t.deepEqual(judged(pair, [5, at(-1)], [9, at(-1)]), [wait('began before our write'), wait('began before our write')]);
  t.is(pair.suspicion, undefined);
});

test('stale: a difference seen sooner after our write than reads are stale is not the first of two', t => {
  t.deepEqual(judged(pairOf({ quantity: 5 }, { writtenAt: now }), [3, at(0)], [3, at(1_000)], [3, at(1_999)], [3, at(2_000)]), [
    wait('seen once'), wait('seen once'), wait('seen once'), { kind: 'drift', class: 'foreign-edit', severity: 'low', observableAt: now },
  ]);
});

test('stale: nor is one seen so soon after the intent was decided, or after the time of an accepted write was over', t => {
  t.deepEqual(judged(pairOf({ quantity: 5, decidedAt: now - 500 }), [3, at(0)], [3, at(1_000)], [3, at(2_000)]).map(j => j.kind), ['wait', 'wait', 'drift']);
  const write = { state: 'accepted', until: now - 500 } as const;
  t.deepEqual(judged(pairOf({ quantity: 5, proven: false }), [3, at(0, { write })], [3, at(1_000, { write })], [3, at(2_000, { write })]), [
    wait('seen once'), wait('seen once'), { kind: 'drift', class: 'expired-acceptance', severity: 'low', observableAt: now },
  ]);
});

test('stale: a difference seen before our newest write of the same intent does not speak against it', t => {
  const pair = pairOf({ quantity: 5, proven: false });
  t.deepEqual(judged(pair, [3, at(0)]), [wait('seen once')]);
  pair.writtenAt = now + 500;
  t.deepEqual(judged(pair, [3, at(1_600)], [3, at(2_599)]), [wait('seen once'), wait('seen once')]);
  t.deepEqual(judged(pair, [3, at(2_600)]), [{ kind: 'drift', class: 'lost-write', severity: 'low', observableAt: now + 1_600 }]);
});

test('stale: a number that was shown before our write of another one proves nothing until reads cannot be that old', t => {
  const pair = pairOf({ quantity: 0, version: 7 });
  noteWrite(pair, 1, now - 100);
  noteRecord(pair, outlet({ quantity: 0, version: 9, proven: false }));
  noteWrite(pair, 0, now);
  t.deepEqual(judged(pair, [0, at(0)], [0, at(899)], [0, at(900)]), [wait('in flight'), wait('in flight'), { kind: 'equal' }]);
});

test('foreign edit: another number than the proven one, seen twice and far enough apart, with orders complete', t => {
  t.deepEqual(judged(pairOf({ quantity: 5 }), [3, at(0)], [3, at(999)], [3, at(1_000)]), [
    wait('seen once'), wait('seen once'), { kind: 'drift', class: 'foreign-edit', severity: 'low', observableAt: now },
  ]);
});

test('units that do not exist are told at the first clean read, unless open orders may have been put back', t => {
  const pair = pairOf({ quantity: 5 });
  const atOnce = { kind: 'drift', class: 'foreign-edit', severity: 'high', observableAt: now } as const;
  t.deepEqual(judged(pair, [5, at(-2_000)], [9, at(0)]), [{ kind: 'equal' }, { ...atOnce, unlessRestocked: 4 }]);
  t.is(pair.suspicion!.nextAt, now + 1_000, 'where they may have been, a second read decides');
  t.deepEqual(judged(pair, [9, at(1_000)]), [atOnce]);
});

test('nothing is told at once before a read has shown the number right with every order known that came before its proof', t => {
  const pair = (rest: Partial<Pair> = {}): Pair => pairOf({ quantity: 5, decidedAt: now - 9_000, proofAt: now - 8_000 }, { writtenAt: now - 8_500, ...rest });
  const kinds = (known: number): string[] => judged(pair(), [5, at(-2_000, { ordersKnownBefore: now - known })], [9, at(0)]).map(({ kind }) => kind);
  t.deepEqual([kinds(8_001), kinds(8_000)], [['equal', 'wait'], ['equal', 'drift']]);
  t.is(judged(pair(), [9, at(0)])[0]!.kind, 'wait');
  const rewritten = pair({ firm: true });
  noteWrite(rewritten, 5, now - 3_000);
  t.is(judged(rewritten, [9, at(0)])[0]!.kind, 'wait', 'a write of ours may have undone a sale');
  t.is(judged(pair({ firm: true, writtenAt: now - 999 }), [9, at(0)])[0]!.kind, 'wait', 'nor by a read that may be stale');
});

test('each wait tells when the next read can decide, or to when orders must be complete', t => {
  const written = pairOf({ quantity: 5 }, { writtenAt: now - 400 });
  t.like(judge(written, shows(3), at(0), settings), { why: 'seen once', at: now + 600 });
  t.like(judge(written, shows(3), at(600), settings), { why: 'seen once', at: now + 1_600 });
  t.like(judge(written, shows(3), at(1_600, { ordersCompleteThrough: now }), settings), { why: 'orders incomplete' });
  t.like(written.suspicion, { nextAt: Infinity, awaits: now + 650 });
});

test('lost write: an answer that proved it, and the first read shows what was there before', t => {
  const pair = pairOf({ quantity: 5, version: 6 });
  noteWrite(pair, 7, now - 9_000);
  noteRecord(pair, outlet({ quantity: 7, version: 7, decidedAt: now - 9_000 }));
  t.like(judged(structuredClone(pair), [5, at(0)], [5, at(1_000)])[1], { kind: 'drift', class: 'lost-write' });
  t.like(judged(structuredClone(pair), [4, at(0)], [4, at(1_000)])[1], { kind: 'drift', class: 'foreign-edit' }, 'which was never there');
  pair.provenBy = 'read';
  t.like(judged(pair, [5, at(0)], [5, at(1_000)])[1], { kind: 'drift', class: 'foreign-edit' }, 'after a read that showed it');
});

test('a listing that the channel does not know is believed to be gone when it says so twice', t => {
  const pair = pairOf({ quantity: 5 });
  t.deepEqual([0, 999, 1_000].map(ms => judgeStanding(pair, 'missing-listing', at(ms), settings)), [
    { ...wait('seen once'), at: now + 1_000 }, { ...wait('seen once'), at: now + 1_000 },
    { kind: 'drift', class: 'missing-listing', severity: 'low', observableAt: now },
  ]);
});

test('two different numbers are two first sights', t => {
  t.deepEqual(judged(pairOf({ quantity: 5 }), [4, at(0)], [3, at(1_000)], [4, at(2_000)], [4, at(3_000)]).map(j => j.kind), ['wait', 'wait', 'wait', 'drift']);
});

test('a number that came back by itself is no drift, and was never one', t => {
  const pair = pairOf({ quantity: 5 });
  t.deepEqual(judged(pair, [4, at(0)], [5, at(1_000)], [4, at(2_000)]), [wait('seen once'), { kind: 'equal' }, wait('seen once')]);
});

test('channel sold and the order is not in yet: waits until orders are complete to the end of the read that showed it', t => {
  const until = (ms: number): Partial<Evidence> => ({ ordersCompleteThrough: now + ms });
  t.deepEqual(judged(pairOf({ quantity: 5 }), [4, at(0, until(-9_000))], [4, at(1_000, until(0))], [4, at(2_000, until(49))], [4, at(3_000, until(50))]), [
    wait('seen once'), wait('orders incomplete'), wait('orders incomplete'), { kind: 'drift', class: 'foreign-edit', severity: 'low', observableAt: now },
  ]);
});

test('expired acceptance: an accepted write that is not seen when its time is over', t => {
  const write = { state: 'accepted', until: now } as const;
  t.deepEqual(judged(pairOf({ quantity: 5, proven: false }), [3, at(1_000, { write })], [3, at(2_000, { write })]), [
    wait('seen once'), { kind: 'drift', class: 'expired-acceptance', severity: 'low', observableAt: now + 1_000 },
  ]);
});

test('expired acceptance: what was shown while there was time left counts as the first of the two reads', t => {
  const write = { state: 'accepted', until: now } as const;
  const pair = pairOf({ quantity: 5, proven: false });
  t.deepEqual(judged(pair, [3, at(-2_000, { write })], [3, at(-500, { write })], [3, at(500, { write })], [3, at(1_000, { write })]), [
    wait('in flight'), wait('in flight'), wait('seen once'), { kind: 'drift', class: 'expired-acceptance', severity: 'low', observableAt: now + 500 },
  ]);
  t.deepEqual(judged(pairOf({ quantity: 5, proven: false }), [2, at(-2_000, { write })], [3, at(1_000, { write })]).at(-1), wait('seen once'), 'another number');
  t.deepEqual(judged(pairOf({ quantity: 5, proven: false }), [3, at(-2_000, { write })], [3, at(1_000, { write, ordersCompleteThrough: now + 1_049 })]).at(-1), wait('orders incomplete'));
});

test("overtaken: above what the channel's own sale should have left is rewritten at once and accuses nobody", t => {
  const pair = pairOf({ quantity: 4, kind: 'verify', proven: false });
  t.deepEqual(judged(pair, [5, at(0)]), [{ kind: 'rewrite' }]);
  t.is(pair.suspicion, undefined);
});

test("below what the channel's own sale should have left, another sale is waited for before anybody is accused", t => {
  t.deepEqual(judged(pairOf({ quantity: 4, kind: 'verify', proven: false }), [3, at(0)], [3, at(1_000)]), [
    wait('seen once'), { kind: 'drift', class: 'foreign-edit', severity: 'low', observableAt: now },
  ]);
});

test('a restock that our last write undid is written again, confirmed and without an alarm', t => {
  const sent = (quantity: number): Pair['sent'] => [{ quantity, until: now - 60_000, over: [] }];
  const restocked = (quantity: number): Pair => pairOf({ quantity: 6, kind: 'verify', proven: false }, { sent: sent(quantity) });
  t.deepEqual(judged(restocked(4), [4, at(0)], [4, at(1_000)]), [wait('seen once'), { kind: 'rewrite' }]);
  t.deepEqual(judged(restocked(4), [3, at(0)], [3, at(1_000)]), [wait('seen once'), { kind: 'rewrite' }], 'and sold one since');
  t.like(judged(restocked(4), [5, at(0)], [5, at(1_000)])[1], { kind: 'drift', class: 'foreign-edit' }, 'more than we wrote, less than it put back');
  t.like(judged(restocked(7), [4, at(0)], [4, at(1_000)])[1], { kind: 'drift', class: 'foreign-edit' }, 'we wrote more than that');
  t.like(judged(pairOf({ quantity: 6, kind: 'verify' }, { sent: sent(4) }), [4, at(0)], [4, at(1_000)])[1], { kind: 'drift' }, 'the restock was seen before');
});


test('a proven own sale that shows more later is a foreign edit like any other', t => {
  t.deepEqual(judged(pairOf({ quantity: 4, kind: 'verify' }), [9, at(0)], [9, at(1_000)]).at(-1), { kind: 'drift', class: 'foreign-edit', severity: 'high', observableAt: now });
});

test('frozen: a listing that cannot be bought, though it should, whatever number it shows', t => {
  const pair = pairOf({ quantity: 5 });
  const closed = shows(5, { active: false, reason: 'suppressed' });
  t.deepEqual([at(0), at(1_000)].map(evidence => timeless(judge(pair, closed, evidence, settings))), [
    wait('seen once'), { kind: 'drift', class: 'frozen-listing', severity: 'low', observableAt: now },
  ]);
  t.deepEqual(judge(pairOf({ quantity: 0 }), shows(0, { active: false }), at(0), settings), { kind: 'equal' }, 'nothing is to be bought there anyway');
});

test('the first sight of a closed listing is not confirmed by the sight of another number', t => {
  const pair = pairOf({ quantity: 5 });
  t.deepEqual([
    judge(pair, shows(4, { active: false }), at(0), settings),
    judge(pair, shows(4), at(1_000), settings),
  ].map(timeless), [wait('seen once'), wait('seen once')]);
});

test('units that do not exist, or the last two, are severe; the rest is not', t => {
  const severity = (intended: number, shown: number): unknown => {
    const last = judged(pairOf({ quantity: intended }), [shown, at(0)], [shown, at(1_000)]).at(-1)!;
    return last.kind === 'drift' ? last.severity : last.kind;
  };
  t.deepEqual([severity(5, 6), severity(2, 1), severity(3, 2), severity(0, 1)], ['high', 'high', 'low', 'high']);
});

test('what the channel sold of it while a raise waits is no difference; anything else is, whichever of both it exceeds', t => {
  const sold = (): Pair => pairOf({ quantity: 11, shown: 9 });
  t.deepEqual(judged(sold(), [9, at(0)], [9, at(9_000)]), [wait('raise waits'), wait('raise waits')]);
  t.deepEqual(judged(sold(), [7, at(0)], [9, at(1_000)], [7, at(2_000)]), [wait('seen once'), wait('raise waits'), wait('seen once')]);
  t.deepEqual(judged(sold(), [7, at(0)], [7, at(1_000)]).at(-1), { kind: 'drift', class: 'foreign-edit', severity: 'low', observableAt: now });
  t.deepEqual(judged(sold(), [12, at(0)], [12, at(1_000)]).at(-1), { kind: 'drift', class: 'foreign-edit', severity: 'high', observableAt: now });
  t.like(judged(pairOf({ quantity: 11, shown: 13 }, { firm: true }), [13, at(1_000)], [14, at(2_000)]).at(-1), { kind: 'drift', unlessRestocked: 1 });
  t.is(pairOf({ quantity: 11, shown: 11 }).moved, undefined);
});

test('a restock that shows soon after our write may be of the time before, and be undone', t => {
  const restocked = pairOf({ quantity: 10, kind: 'verify', proven: false }, { sent: [{ quantity: 6, until: now, over: [] }] });
  t.deepEqual(judge(restocked, shows(10), at(999), settings), { kind: 'wait', why: 'in flight', again: true, at: now + 1_000 });
  t.deepEqual(judged(restocked, [10, at(1_000)]), [{ kind: 'equal' }]);
  t.deepEqual(judged(pairOf({ quantity: 10, kind: 'verify', proven: false }, { sent: [{ quantity: 10, until: now, over: [] }] }), [10, at(1)]), [{ kind: 'equal' }], 'as we wrote');
});

test('what another owner wrote last may have undone a restock, too', t => {
  const before = { version: 6, quantity: 6, at: now, by: 'write' as const };
  const pair = newPair('A', outlet());
  noteRecord(pair, { ...outlet({ quantity: 10, kind: 'verify', proven: false }), proof: before });
  t.deepEqual(judged(pair, [10, at(999)], [6, at(1_000)], [6, at(2_000)]), [wait('in flight'), wait('seen once'), { kind: 'rewrite' }]);
  const read = newPair('A', outlet());
  noteRecord(read, { ...outlet({ quantity: 10, kind: 'verify', proven: false }), proof: { ...before, by: 'read' } });
  t.deepEqual(read.sent, []);
});
