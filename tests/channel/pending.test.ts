/** What an account owes its listings, as the SKU records tell it. */
import test from 'ava';
import { Pending } from '../../actors/channel/pending.ts';
import type { Intent, Outlet } from '../../actors/sku/protocol.ts';

const intent = (quantity: number, version: number, lane: Intent['lane'], kind: Intent['kind'] = 'write'): Intent => ({
  quantity, version, kind, lane, signature: `s${version}`, causeAt: version, decidedAt: version, correlation: `c${version}`,
});
const outlet = (of: Intent, rest: Partial<Outlet> = {}): Outlet => ({ listing: { id: 'L', fields: {} }, gross: false, rule: { buffer: 0 }, intent: of, ...rest });

test('zero is written before a decrease, a decrease before a raise, whatever came first', t => {
  const pending = new Pending(false);
  pending.update('raise', outlet(intent(9, 1, 'raise')), false, 0);
  pending.update('lower', outlet(intent(5, 2, 'decrease')), false, 0);
  pending.update('gone', outlet(intent(0, 3, 'zero')), false, 0);
  t.deepEqual(pending.takeWrites(10, 0).map(job => job.sku), ['gone', 'lower', 'raise']);
});

test('a newer intent waits for the write in flight, and is then the one that goes', t => {
  const pending = new Pending(false);
  pending.update('A', outlet(intent(9, 1, 'raise')), false, 0);
  const [job] = pending.takeWrites(10, 0);
  pending.update('A', outlet(intent(4, 2, 'decrease')), false, 0);
  t.deepEqual(pending.takeWrites(10, 0), []);
  pending.rest(job!, 0);
  t.deepEqual(pending.takeWrites(10, 0).map(({ quantity, version }) => ({ quantity, version })), [{ quantity: 4, version: 2 }]);
});

test('a job is done when its version is proven, and is handed back once', t => {
  const pending = new Pending(false);
  const wanted = intent(9, 1, 'raise');
  pending.update('A', outlet(wanted), false, 0);
  const proof = outlet(wanted, { proof: { version: 1, quantity: 9, at: 5, by: 'read' } });
  t.is(pending.update('A', proof, false, 5)?.version, 1);
  t.is(pending.update('A', proof, false, 6), undefined);
  t.is(pending.size, 0);
});

test('a parked job comes back when its time has come, and not before', t => {
  const pending = new Pending(false);
  pending.update('A', outlet(intent(9, 1, 'raise')), false, 0);
  const [job] = pending.takeWrites(1, 0);
  pending.settle(job!, 'write', 100, 0);
  t.false(pending.hasWrites(99));
  t.is(pending.nextAt, 100);
  t.deepEqual(pending.takeWrites(1, 100), [job!]);
});

test('a refused job waits for a newer intent', t => {
  const pending = new Pending(false);
  pending.update('A', outlet(intent(9, 1, 'raise')), false, 0);
  pending.block(pending.takeWrites(1, 0)[0]!, 'E1', 0);
  t.false(pending.hasWrites(1_000_000));
  pending.update('A', outlet(intent(8, 2, 'decrease')), false, 0);
  t.true(pending.hasWrites(0));
});

test('a channel whose writes are conditional is read first, unless it was read already', t => {
  const pending = new Pending(true);
  pending.update('A', outlet(intent(9, 1, 'raise')), false, 0);
  pending.update('B', outlet(intent(9, 2, 'raise')), true, 0);
  t.deepEqual(pending.takeReads(10, 0, () => true).map(job => job.sku), ['A']);
  t.deepEqual(pending.takeWrites(10, 0).map(job => job.sku), ['B']);
});

test('a new owner verifies what was accepted, and does not call it lost before its time is over', t => {
  const pending = new Pending(false);
  pending.update('A', outlet(intent(9, 1, 'raise'), { answer: { signature: 's1', outcome: 'accepted', at: 5, until: 900 } }), false, 10);
  t.false(pending.hasWrites(10));
  t.like(pending.takeReads(1, 10, () => true)[0], { sku: 'A', phase: 'verify', verifyUntil: 900 });
});

test('an entry that must travel alone does', t => {
  const pending = new Pending(false);
  for (const sku of ['A', 'B', 'C']) pending.update(sku, outlet(intent(9, 1, 'raise')), false, 0);
  const [job] = pending.takeWrites(1, 0);
  job!.solo = true;
  pending.settle(job!, 'write', 0, 0);
  t.deepEqual(pending.takeWrites(10, 0).map(({ sku }) => sku), ['B', 'C']);
  t.deepEqual(pending.takeWrites(10, 0).map(({ sku }) => sku), ['A']);
});
