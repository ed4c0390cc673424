import { deepEqual, equal, ok } from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import { Pending } from '../../actors/channel/pending.ts';
import type { Job } from '../../actors/channel/pending.ts';
import type { Intent, Lane, Outlet } from '../../actors/sku/protocol.ts';

const now = 1_800_000_000_000;
const proofWithinMs = 30_000;

interface Told { quantity?: number; lane?: Lane; kind?: Intent['kind']; causeAt?: number; proven?: boolean; answer?: Partial<NonNullable<Outlet['answer']>> }

/** The outlet of a SKU as its record tells it. */
function outlet(sku: string, version: number, { quantity = version, lane = 'raise', kind = 'write', causeAt = now, proven = false, answer }: Told = {}): Outlet {
  const signature = `sig-${sku}-${version}`;
  return {
    listing: { id: `L-${sku}`, fields: { offerId: '1' } },
    gross: false,
    rule: { buffer: 0 },
    intent: { quantity, version, kind, lane, signature, causeAt, decidedAt: causeAt, correlation: `c-${version}` },
    ...(proven && { proof: { version, quantity, at: causeAt, by: 'write' } }),
    ...(answer && { answer: { signature, outcome: 'accepted', at: causeAt, ...answer } }),
  };
}

/** A fresh set with every SKU's first intention; `unread` are listings whose write wants a reading first. */
function given(skus: Record<string, Told>, unread: ReadonlySet<string> = new Set()): Pending {
  const pending = new Pending({ lacksReading: sku => unread.has(sku), applied: () => 10, proofWithinMs });
  for (const [sku, told] of Object.entries(skus)) pending.update(sku, outlet(sku, 1, told), now);
  return pending;
}

const names = (jobs: readonly Job[]): string[] => jobs.map(({ sku, version }) => `${sku}${version}`);
const always = (): boolean => true;

test('an intention becomes a job that says all that its write needs', t => {
  t.deepEqual(given({ A: { quantity: 4, lane: 'decrease', causeAt: now - 50 } }).takeWrites(10, now), [{
    sku: 'A', listing: { id: 'L-A', sku: 'A', fields: { offerId: '1' } }, quantity: 4, version: 1, signature: 'sig-A-1', lane: 'decrease', phase: 'write',
    causeAt: now - 50, correlation: 'c-1', attempts: 0, throttles: 0, looks: 0, rereads: 0, notBefore: 0,
  }]);
});

test('a listing without an intention, or with a proven one, owes nothing', t => {
  const pending = new Pending({ lacksReading: () => false, applied: () => Infinity, proofWithinMs });
  const { intent: _none, ...uncounted } = outlet('A', 1);
  pending.update('A', uncounted, now);
  pending.update('B', outlet('B', 1, { proven: true }), now);
  t.deepEqual({ size: pending.size, writes: pending.hasWrites(now), read: pending.nextRead(now) }, { size: 0, writes: false, read: undefined });
});

test('writes of one kind are taken past others, and no more urgent one of their kind is passed over', t => {
  const pending = given({ A: { lane: 'zero' }, b1: { lane: 'raise' }, b2: { lane: 'decrease' }, C: { lane: 'raise' } });
  const isSmall = ({ sku }: Job): boolean => sku.startsWith('b');
  t.is(pending.nextWrite(now, isSmall)?.sku, 'b2');
  t.is(pending.nextWrite(now, always)?.sku, 'A');
  t.is(pending.nextWrite(now, () => false), undefined);
  t.deepEqual(names(pending.takeWrites(9, now, isSmall)), ['b21', 'b11']);
  t.deepEqual(names(pending.takeWrites(9, now)), ['A1', 'C1']);
});

test('what is set aside is not sent, whatever comes due, until it is let go; a newer intention is judged anew', t => {
  const pending = given({ A: { lane: 'zero' }, B: { lane: 'zero' }, C: { lane: 'raise' } });
  for (const sku of ['A', 'B', 'nobody']) pending.setAside(sku, 'zero');
  t.deepEqual(pending.figures(now), { lanes: { zero: 0, decrease: 0, verify: 0, raise: 1 }, blocked: 0, held: 2, muted: 0, overdue: 0, oldestMs: 0 });
  t.deepEqual(names([...pending.held('zero')]), ['A1', 'B1']);
  t.deepEqual([...pending.held('raise')], []);
  t.deepEqual(names(pending.takeWrites(9, now)), ['C1']);
  pending.update('A', outlet('A', 2, { lane: 'decrease' }), now);
  t.deepEqual(names(pending.takeWrites(9, now)), ['A2']);
  t.deepEqual(names(pending.settleHeld('zero', 'release', now)), ['B1']);
  t.deepEqual(names(pending.takeWrites(9, now)), ['B1']);
});

test('what its SKU was told was never sent is not sent when it is let go', t => {
  const pending = given({ A: { lane: 'zero' } });
  pending.setAside('A', 'zero');
  pending.get('A')!.renounced = true;
  t.deepEqual(names(pending.settleHeld('zero', 'release', now)), ['A1']);
  t.false(pending.hasWrites(now));
  t.deepEqual([...pending.held()], []);
  pending.update('A', outlet('A', 2, { lane: 'zero' }), now);
  t.deepEqual(names(pending.takeWrites(9, now)), ['A2']);
});

test('what is dropped waits for a newer intention, and what is under way cannot be set aside', t => {
  const pending = given({ A: { lane: 'zero' }, B: { lane: 'raise' } });
  pending.setAside('A', 'zero');
  const [flying] = pending.takeWrites(9, now);
  pending.setAside('B', 'raise');
  t.deepEqual(names(pending.settleHeld('zero', 'drop', now)), ['A1']);
  t.deepEqual(pending.settleHeld('zero', 'release', now), [], 'it cannot be let go any more');
  t.like(pending.figures(now), { blocked: 1, held: 0 });
  pending.settle(flying!, 'write', 0, now);
  t.deepEqual(names(pending.takeWrites(9, now)), ['B1']);
  pending.update('A', outlet('A', 2), now);
  t.deepEqual(names(pending.takeWrites(9, now)), ['A2']);
});

test('what waits behind an older call, or is being read for its write, is set aside all the same; what was written is not', t => {
  const pending = given({ A: { lane: 'raise' }, B: { lane: 'zero' }, C: { lane: 'zero' } }, new Set(['B']));
  const [read] = pending.takeReads(9, now, always);
  const older = pending.takeWrites(9, now);
  t.deepEqual([...names([read!]), ...names(older)], ['B1', 'C1', 'A1']);
  pending.update('A', outlet('A', 2, { lane: 'zero' }), now);
  t.deepEqual(['A', 'B', 'C'].map(sku => pending.setAside(sku, 'zero')), [true, true, false]);
  for (const job of older) pending.rest(job, now);
  pending.settle(read!, 'write', 0, now);
  t.false(pending.setAside('C', 'zero'), 'it was written, and is looked for');
  t.deepEqual(pending.takeWrites(9, now), []);
  t.deepEqual(names(pending.settleHeld('zero', 'release', now)), ['A2', 'B1']);
  t.deepEqual([...names(pending.takeWrites(9, now)), ...names(pending.takeReads(9, now, always))], ['A2', 'B1']);
});

test('zero goes before decrease before raise, each in the order in which it came', t => {
  const pending = given({ A: { lane: 'raise' }, B: { lane: 'decrease' }, C: { lane: 'zero' }, D: { lane: 'decrease' }, E: { lane: 'zero' } });
  t.deepEqual(names(pending.takeWrites(4, now)), ['C1', 'E1', 'B1', 'D1']);
  t.deepEqual(names(pending.takeWrites(4, now)), ['A1']);
  t.false(pending.hasWrites(now));
});

test('reads go in the same order, proofs of what is at risk before the readings of raises', t => {
  const unread = new Set(['A', 'B', 'C']);
  const pending = given({ A: { lane: 'raise' }, V: { lane: 'verify', kind: 'verify' }, B: { lane: 'decrease' }, C: { lane: 'zero' } }, unread);
  t.is(pending.nextRead(now)?.sku, 'C');
  t.deepEqual(names(pending.takeReads(10, now, always)), ['C1', 'B1', 'V1', 'A1']);
});

test('one call reads one kind of listing: the others wait for the next', t => {
  const pending = given({ A: { kind: 'verify' }, B: { kind: 'verify' }, C: { kind: 'verify' } });
  const kind = (job: Job): boolean => job.sku === 'B';
  t.deepEqual(names(pending.takeReads(10, now, (first, job) => kind(first) === kind(job))), ['A1', 'C1']);
  t.deepEqual(names(pending.takeReads(10, now, (first, job) => kind(first) === kind(job))), ['B1']);
});

test('the newest intention wins before a call, and an older record changes nothing', t => {
  const pending = given({ A: {} });
  pending.update('A', outlet('A', 5), now);
  pending.update('A', outlet('A', 3), now);
  t.deepEqual(names(pending.takeWrites(10, now)), ['A5']);
});

test('a SKU that changes all the time keeps its place: it is served in its turn', t => {
  const pending = given({ hot: {}, B: {}, C: {} });
  for (let version = 2; version < 50; version++) pending.update('hot', outlet('hot', version), now);
  t.deepEqual(names(pending.takeWrites(2, now)), ['hot49', 'B1']);
});

test('a raise that became a zero leaves its old queue and goes first', t => {
  const pending = given({ A: {}, B: {} });
  pending.update('B', outlet('B', 2, { quantity: 0, lane: 'zero' }), now);
  t.deepEqual(names(pending.takeWrites(10, now)), ['B2', 'A1']);
  t.false(pending.hasWrites(now));
});

test('an intention that changes during its write waits for the answer and then goes at once, whatever the answer was', t => {
  const endings: ((pending: Pending, job: Job) => void)[] = [
    (pending, job) => pending.rest(job, now),
    (pending, job) => pending.block(job, 'gone', now),
    (pending, job) => pending.settle(job, 'verify', now + 60_000, now),
    (pending, job) => pending.settle(job, 'write', now + 60_000, now),
  ];
  for (const end of endings) {
    const pending = given({ A: {} });
    const [first] = pending.takeWrites(10, now);
    pending.update('A', outlet('A', 2), now);
    t.deepEqual(pending.takeWrites(10, now), []);
    end(pending, first!);
    t.deepEqual(names(pending.takeWrites(10, now)), ['A2']);
  }
});

test('a listing whose write is under way is written by no second call, even when it was proven or unlinked and came back meanwhile', t => {
  for (const meanwhile of [outlet('A', 1, { proven: true }), undefined]) {
    const pending = given({ A: {} });
    const [first] = pending.takeWrites(10, now);
    pending.update('A', meanwhile, now);
    pending.update('A', outlet('A', 2), now);
    t.deepEqual(pending.takeWrites(10, now), []);
    t.is(pending.inFlight('A'), first);
    pending.rest(first!, now);
    t.deepEqual(names(pending.takeWrites(10, now)), ['A2']);
  }
});

test('the end of a call that was told already ends no other call', t => {
  const pending = given({ A: {} });
  const [first] = pending.takeWrites(10, now);
  pending.settle(first!, 'write', 0, now);
  const [second] = pending.takeWrites(10, now);
  pending.update('A', outlet('A', 2), now);
  pending.rest({ ...first! }, now);
  t.deepEqual(pending.takeWrites(10, now), []);
  pending.rest(second!, now);
  t.deepEqual(names(pending.takeWrites(10, now)), ['A2']);
});

test('a parked job comes back at its time and not before', t => {
  const pending = given({ A: {} });
  const [job] = pending.takeWrites(10, now);
  pending.settle(job!, 'write', now + 400, now);
  t.is(pending.nextAt, now + 400);
  t.deepEqual([pending.hasWrites(now + 399), pending.hasWrites(now + 400)], [false, true]);
  t.deepEqual(pending.takeWrites(10, now + 400), [job!]);
});

test('a newer intention does not wait for the pause of the older one, nor is it sent twice when that ends', t => {
  const pending = given({ A: {} });
  const [job] = pending.takeWrites(10, now);
  pending.settle(job!, 'write', now + 400, now);
  pending.update('A', outlet('A', 2), now + 1);
  const [next] = pending.takeWrites(10, now + 1);
  t.is(next!.version, 2);
  pending.rest(next!, now + 2);
  t.deepEqual(pending.takeWrites(10, now + 1_000), []);
});

test('a proof ends the job and tells which; a proof that does not show in the record in time is looked for by a read', t => {
  const pending = given({ A: {}, B: {} });
  const [a, b] = pending.takeWrites(10, now);
  pending.rest(a!, now);
  pending.rest(b!, now);
  t.is(pending.update('A', outlet('A', 1, { proven: true }), now), a);
  t.is(pending.nextRead(now + proofWithinMs - 1), undefined);
  t.deepEqual(names(pending.takeReads(10, now + proofWithinMs, always)), ['B1']);
  t.deepEqual(pending.takeWrites(10, now + 10 * proofWithinMs), []);
});

test('what was refused waits for a newer intention', t => {
  const pending = given({ A: {} });
  const [job] = pending.takeWrites(10, now);
  pending.block(job!, 'INVALID', now);
  pending.update('A', outlet('A', 1), now);
  t.deepEqual(pending.takeWrites(10, now + 1e9), []);
  t.deepEqual(pending.figures(now), { lanes: { zero: 0, decrease: 0, verify: 0, raise: 0 }, blocked: 1, held: 0, muted: 0, overdue: 0, oldestMs: 0 });
  pending.update('A', outlet('A', 2), now);
  t.deepEqual(names(pending.takeWrites(10, now)), ['A2']);
});

test('a new owner takes an intention up where its last answer left it', t => {
  const pending = given({
    accepted: { answer: { outcome: 'accepted', until: now + 9_000 } },
    refused: { answer: { outcome: 'refused', code: 'INVALID' } },
    ambiguous: { answer: { outcome: 'ambiguous' } },
    older: { answer: { outcome: 'refused', signature: 'sig-of-an-older-one' } },
  });
  t.deepEqual(pending.takeReads(10, now, always).map(({ sku, phase, verifyUntil }) => ({ sku, phase, verifyUntil })), [{ sku: 'accepted', phase: 'verify', verifyUntil: now + 9_000 }]);
  t.deepEqual(names(pending.takeWrites(10, now)), ['ambiguous1', 'older1']);
  t.is(pending.get('refused')?.blocked, 'INVALID');
});

test('a conditional write is read first, and again when its reading was lost meanwhile', t => {
  const unread = new Set(['A']);
  const pending = given({ A: {} }, unread);
  t.deepEqual(pending.takeWrites(10, now), []);
  const [job] = pending.takeReads(10, now, always);
  unread.delete('A');
  pending.settle(job!, 'write', 0, now);
  const [write] = pending.takeWrites(10, now);
  pending.update('A', outlet('A', 2), now);
  unread.add('A');
  pending.settle(write!, 'verify', now + 1_000, now);
  t.deepEqual(pending.takeWrites(10, now), [], 'the newer one was decided when there was a reading');
  t.deepEqual(names(pending.takeReads(10, now, always)), ['A2']);
});

test('what spoiled a batch travels alone from then on, whether it is first or not', t => {
  const pending = given({ A: {}, B: {}, C: {} });
  const [, b] = pending.takeWrites(10, now);
  for (const sku of ['A', 'B', 'C']) pending.settle(pending.inFlight(sku)!, 'write', 0, now);
  b!.solo = true;
  t.deepEqual(names(pending.takeWrites(10, now)), ['A1', 'C1']);
  t.deepEqual(names(pending.takeWrites(10, now)), ['B1']);
  const first = given({ A: {}, B: {} });
  first.get('A')!.solo = true;
  t.deepEqual(names(first.takeWrites(10, now)), ['A1']);
});

test('the figures count by lane, and the age of the oldest that can still go', t => {
  const pending = given({ Z: { lane: 'zero', causeAt: now - 10 }, D: { lane: 'decrease', causeAt: now - 200 }, V: { kind: 'verify', lane: 'verify' }, R: { causeAt: now - 100 }, gone: { causeAt: now - 900, answer: { outcome: 'refused' } } });
  pending.get('R')!.overdue = true;
  t.deepEqual(pending.figures(now), { lanes: { zero: 1, decrease: 1, verify: 1, raise: 1 }, blocked: 1, held: 0, muted: 0, overdue: 1, oldestMs: 200 });
});

/** What may happen to a set of pending writes, in any order. */
const happenings = fc.array(fc.oneof(
  fc.record({ do: fc.constant('intend' as const), sku: fc.nat(3), lane: fc.constantFrom<Lane>('zero', 'decrease', 'raise', 'verify') }),
  fc.record({ do: fc.constant('prove' as const), sku: fc.nat(3) }),
  fc.record({ do: fc.constant('unlink' as const), sku: fc.nat(3) }),
  fc.record({ do: fc.constant('read anew' as const), sku: fc.nat(3), has: fc.boolean() }),
  fc.record({ do: fc.constant('take' as const), what: fc.constantFrom('writes', 'reads'), max: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ do: fc.constant('end' as const), call: fc.nat(20), how: fc.constantFrom('rest', 'block', 'write', 'read', 'verify', 'alone'), afterMs: fc.nat(5_000) }),
  fc.record({ do: fc.constant('pass' as const), ms: fc.nat(10_000) }),
), { maxLength: 120 });

test('in any course of events: never two calls for one listing, always the newest intention, urgent first, and none is ever lost', t => {
  const order = ['zero', 'decrease', 'raise'];
  t.notThrows(() => fc.assert(fc.property(happenings, events => {
    const unread = new Set<string>();
    const pending = new Pending({ lacksReading: sku => unread.has(sku), applied: () => Infinity, proofWithinMs });
    const newest = new Map<string, { version: number; lane: Lane }>();
    const refused = new Map<string, number>();
    const underway: Job[] = [];
    let at = now;
    let version = 0;
    const begin = (jobs: Job[], writes: boolean): void => {
      for (const job of jobs) {
        ok(!underway.some(other => other.sku === job.sku), 'a second call for a listing');
        equal(job.version, newest.get(job.sku)?.version, 'not the newest intention');
        ok(refused.get(job.sku) !== job.version, 'a refused job was sent');
        if (writes) ok(!unread.has(job.sku), 'a conditional write without a reading');
        underway.push(job);
      }
      if (!writes) return;
      const lanes = jobs.map(job => order.indexOf(job.lane === 'verify' ? 'decrease' : job.lane));
      deepEqual(lanes, [...lanes].sort((a, b) => a - b), 'a less urgent lane went first');
    };
    const end = (job: Job, how: string, notBefore: number): void => {
      underway.splice(underway.indexOf(job), 1);
      if (how === 'rest') pending.rest(job, at);
      else if (how === 'block') { refused.set(job.sku, job.version); pending.block(job, 'refused', at); }
      else if (how === 'alone') { job.solo = true; pending.settle(job, job.phase, 0, at); }
      else pending.settle(job, how as Job['phase'], notBefore, at);
    };
    for (const event of events) {
      switch (event.do) {
        case 'intend': {
          const sku = `S${event.sku}`;
          newest.set(sku, { version: ++version, lane: event.lane });
          pending.update(sku, outlet(sku, version, { lane: event.lane, kind: event.lane === 'verify' ? 'verify' : 'write' }), at);
          break;
        }
        case 'prove': {
          const sku = `S${event.sku}`;
          const known = newest.get(sku);
          if (!known) break;
          newest.delete(sku);
          pending.update(sku, outlet(sku, known.version, { proven: true }), at);
          break;
        }
        case 'unlink':
          newest.delete(`S${event.sku}`);
          pending.update(`S${event.sku}`, undefined, at);
          break;
        case 'read anew': {
          // A reading is lost only by a call that carries its listing, and not while a job waits to be sent.
          const sku = `S${event.sku}`;
          if (event.has) unread.delete(sku);
          else if (pending.inFlight(sku)) unread.add(sku);
          break;
        }
        case 'take': begin(event.what === 'writes' ? pending.takeWrites(event.max, at) : pending.takeReads(event.max, at, always), event.what === 'writes'); break;
        case 'end': if (underway.length > 0) end(underway[event.call % underway.length]!, event.how, at + event.afterMs); break;
        case 'pass': at += event.ms;
      }
    }
    // From here on every call ends well and no proof shows: whatever is still owed is asked for again.
    for (const job of [...underway]) end(job, 'rest', at);
    const owed = new Set([...newest].filter(([sku, { version: v }]) => refused.get(sku) !== v).map(([sku]) => sku));
    const asked = new Set<string>();
    for (let round = 0; round < 20; round++) {
      at += proofWithinMs;
      for (const job of [...pending.takeWrites(100, at), ...pending.takeReads(100, at, always)]) {
        asked.add(job.sku);
        pending.rest(job, at);
      }
    }
    deepEqual([...asked].sort(), [...owed].sort());
  }), { numRuns: 500 }));
});

test('jobs that are proven while they rest are let go long before their rest is over', t => {
  const pending = given({ waiting: {} });
  const later = now + 10 * proofWithinMs;
  pending.settle(pending.takeWrites(1, now)[0]!, 'verify', later, now);
  for (let n = 1; n <= 3_000; n++) {
    pending.update(`S${n}`, outlet(`S${n}`, 1), now + n);
    pending.rest(pending.takeWrites(1, now + n)[0]!, now + n);
    pending.update(`S${n}`, outlet(`S${n}`, 1, { proven: true }), now + n);
  }
  t.true(pending.nextAt! > now + 1_000 + proofWithinMs, 'the first thousand are gone');
  t.deepEqual([pending.size, names(pending.takeReads(9, later, always))], [1, ['waiting1']], 'what is not proven is looked for');
});

test('a proof that was told is not looked for before the record has come to where it stands, however long that takes', t => {
  const pending = given({ A: {}, B: {}, C: {} });
  const [a, b, c] = pending.takeWrites(3, now);
  for (const job of [a!, b!, c!]) pending.rest(job, now);
  // The record has applied 10.
  a!.told = 10;
  b!.told = 11;
  t.deepEqual(names(pending.takeReads(9, now + proofWithinMs, always)), ['A1', 'C1'], 'one that never reached the journal is looked for, too');
  t.deepEqual(names(pending.takeReads(9, now + 2 * proofWithinMs, always)), []);
  b!.told = 10;
  t.deepEqual(names(pending.takeReads(9, now + 3 * proofWithinMs, always)), ['B1']);
});

test('a job that is parked goes on at once when what it waits for has come, and only once', t => {
  const pending = given({ A: {} });
  const [job] = pending.takeWrites(1, now);
  pending.settle(job!, 'verify', now + 5_000, now);
  t.is(pending.nextRead(now), undefined);
  t.true(pending.hasten('A', now));
  t.is(pending.nextRead(now), job);
  t.deepEqual(names(pending.takeReads(9, now, always)), ['A1']);
  t.true(pending.hasten('A', now), 'under way');
  pending.settle(job!, 'verify', now + 9_000, now);
  t.deepEqual(names(pending.takeReads(9, now + 5_000, always)), [], 'the pause that was cut short says nothing any more');
  t.false(pending.hasten('B', now));
});

test('what is muted waits with its newest number, and is read before it is written when it is muted no more', t => {
  const muted = new Set(['A', 'B']);
  const pending = new Pending({ lacksReading: () => false, applied: () => 10, proofWithinMs, isMuted: sku => muted.has(sku) });
  for (const sku of ['A', 'B', 'C']) pending.update(sku, outlet(sku, 1), now);
  pending.update('A', outlet('A', 2), now);
  t.deepEqual(names(pending.takeWrites(9, now)), ['C1']);
  t.is(pending.nextRead(now), undefined);
  t.like(pending.figures(now), { muted: 2 });
  muted.delete('A');
  muted.add('C');
  // C is under way: its call ends, and then it waits too.
  t.deepEqual(names(pending.recast(now)), ['A2']);
  pending.settle(pending.get('C')!, 'write', 0, now);
  t.deepEqual(names(pending.takeReads(9, now, always)), ['A2']);
  t.deepEqual(names(pending.takeWrites(9, now + 1e9)), []);
});
