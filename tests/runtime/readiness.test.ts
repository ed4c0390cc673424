/** When a node says that it is ready. The same of a running node: tests/inspect/metrics.test.ts. */
import test from 'ava';
import { Readiness } from '../../runtime/readiness.ts';

function node() {
  const state = { leased: true, steady: true, owed: [] as string[], now: 0 };
  const readiness = new Readiness({ membership: state, placement: state, now: () => state.now });
  return { state, readiness };
}

test('a node is ready once it has joined and serves every partition of its own', t => {
  const { state, readiness } = node();
  Object.assign(state, { leased: false, steady: false });
  t.is(readiness.problem, 'the broker was not heard of late: nothing is called or written');
  state.leased = true;
  t.is(readiness.problem, 'it has not heard for long enough who else is there');
  state.steady = true;
  state.owed = ['sku.3', 'sku.4', 'sku.5', 'sku.9', 'account.ebay'];
  t.is(readiness.problem, '4 of its partitions are not served yet: sku.3, sku.4, sku.5, …');
  state.owed = ['account.ebay'];
  t.is(readiness.problem, undefined, 'a marketplace that is away is no reason to send nothing to this node');
});

test('a ready node stays so while partitions come to it, and not when one of them is left unserved', t => {
  const { state, readiness } = node();
  t.is(readiness.problem, undefined);
  state.owed = ['sku.1', 'sku.2'];
  t.is(readiness.problem, undefined);
  state.now = 10_000;
  state.owed = ['sku.2', 'sku.7'];
  t.is(readiness.problem, undefined);
  state.now = 13_000;
  t.is(readiness.problem, '2 of its partitions are not served for 13 s: sku.2, sku.7');
  state.owed = ['sku.7'];
  t.is(readiness.problem, undefined, 'this one is waited for since 3 s');
  state.owed = [];
  t.is(readiness.problem, undefined);
});

test('a node that leaves is not ready, whatever it still serves', t => {
  const { readiness } = node();
  readiness.leave();
  t.is(readiness.problem, 'it is leaving: others take its work');
});
