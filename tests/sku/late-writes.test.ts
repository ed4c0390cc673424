/** After the broker lost what was written: nothing is raised before a forgotten write can no longer take effect (P12). */
import test from 'ava';
import type { SkuFact } from '../../actors/sku/protocol.ts';
import { packStock, unpackStock } from '../../actors/sku/packing.ts';
import { Actor, adjust, bytes, count, debounce, link, placed, refold, start } from './actor.ts';

const minute = 60_000;
const lost = (until: number): SkuFact => ({ type: 'ledger.lost', until, allowed: {} });
const linked = (quantity: number): Actor => new Actor().tell(link('amazon'), link('ebay'), count(1, quantity)).prove('amazon', 'ebay');

test('of a SKU that is known from before, what channels show is forgotten, and raises wait until the end of late writes', t => {
  const actor = linked(10).tell(lost(start + 10 * minute), link('amazon', { shown: 10 }), link('ebay', { shown: 4 }));
  t.deepEqual([actor.intended, actor.state], [{ amazon: undefined, ebay: undefined }, 'debouncing']);
  actor.tell(adjust(2, 5)).wait(10 * minute - 1);
  t.deepEqual(actor.intended, { amazon: undefined, ebay: undefined });
  actor.wait(1);
  t.deepEqual([actor.intended, actor.stock.lateUntil, actor.record.due], [{ amazon: 15, ebay: 15 }, undefined, {}]);
});

test('decreases and zeros below what was read do not wait', t => {
  const actor = linked(10).tell(lost(start + 10 * minute), link('amazon', { shown: 40 }), link('ebay', { shown: 3 }));
  t.deepEqual([actor.intended, actor.intent('amazon')!.lane], [{ amazon: 10, ebay: undefined }, 'decrease']);
  actor.tell(placed('ebay/1/1', 9));
  t.deepEqual(actor.intended, { amazon: 1, ebay: undefined }, 'its own sale has taken ebay to 0');
  actor.tell(placed('amazon/1/1', 1));
  t.deepEqual(actor.intended, { amazon: 0, ebay: 0 });
});

test('what shows nobody knows what is not written before, unless it is to be zero', t => {
  const actor = linked(10).tell(lost(start + minute));
  t.deepEqual(actor.intended, { amazon: undefined, ebay: undefined });
  actor.tell(count(2, 0));
  t.deepEqual(actor.intended, { amazon: 0, ebay: 0 });
});

test('a SKU that nothing is known of waits as well: its first numbers are raises', t => {
  const actor = new Actor().tell(lost(start + minute), link('amazon', { shown: 0 }), link('ebay', { shown: 7 }), count(1, 5)).wait(minute - 1);
  t.deepEqual(actor.intended, { amazon: undefined, ebay: 5 });
  t.deepEqual(actor.wait(1).intended, { amazon: 5, ebay: 5 });
});

test('a late write that shows is lowered where it is too high, and raised again only when all are over', t => {
  const actor = linked(10).tell(lost(start + 10 * minute), link('amazon', { shown: 40 }), link('ebay', { shown: 40 })).prove('amazon', 'ebay');
  const drift = (account: string, quantity: number): SkuFact => ({ type: 'observed', account, version: actor.intent(account)!.version, quantity, verdict: 'drift', finding: 'f' });
  actor.tell(drift('amazon', 30), drift('ebay', 2));
  t.deepEqual(actor.intended, { amazon: 10, ebay: undefined });
  t.is(actor.intent('amazon')!.version, actor.journal.length - 1, 'written anew');
  t.deepEqual(actor.wait(10 * minute).intended, { amazon: 10, ebay: 10 });
});

test('a timer that comes early by the journal\'s clock waits on', t => {
  const actor = linked(10).tell(lost(start + minute), link('amazon', { shown: 10 }));
  const { at } = actor.record.due['flush']!;
  actor.now = start + minute - 700;
  actor.tell({ type: 'timer.due', id: 'flush', at });
  t.deepEqual([actor.intended['amazon'], actor.record.due['flush']?.at], [undefined, start + minute]);
  t.is(actor.wait(700).intended['amazon'], 10);
});

test('turns of any size fold alike, and what is stored comes back', t => {
  const actor = linked(10).tell(lost(start + minute), link('amazon', { shown: 10 }), link('ebay', { shown: 30 }), adjust(2, 1)).wait(debounce.hardMs).tell(adjust(3, -2));
  t.deepEqual(unpackStock(JSON.parse(JSON.stringify(packStock(actor.stock)))), actor.stock);
  actor.wait(minute).tell(adjust(4, 1)).settle();
  for (const sizes of [[1], [2, 3], [100]]) t.is(bytes(actor.kind, refold(actor.kind, actor.journal, sizes, { stored: true }).record), bytes(actor.kind, actor.record));
});

test('a record that is put into a journal is gone on from as if its own journal stood before it', t => {
  const before = linked(10).tell(adjust(2, 5)).wait(100);
  const { outbox: _performed, ...record } = JSON.parse(bytes(before.kind, before.record)) as typeof before.record;
  const after = new Actor();
  after.now = before.now;
  after.tell({ type: 'record.kept', record });
  t.deepEqual([after.stock, after.state, after.record.due, after.record.applied], [before.stock, before.state, before.record.due, 1]);
  t.deepEqual([after.settle().intended, after.state], [{ amazon: 15, ebay: 15 }, 'writing']);
  for (const sizes of [[1], [100]]) t.is(bytes(after.kind, refold(after.kind, after.journal, sizes, { stored: true }).record), bytes(after.kind, after.record));
});
