/** What waits for a person while a SKU is in escrow: what its units are, and what its channel may still be asked. */
import test from 'ava';
import type { ExposureSettings } from '../../actors/sku/exposure/record.ts';
import type { Terms } from '../../actors/sku/exposure/ledger.ts';
import { debt, free } from '../../actors/sku/exposure/ledger.ts';
import { ledgerOf } from '../../actors/sku/escrow/ledger.ts';
import { waitsAs } from '../../actors/sku/escrow/acts.ts';
import { anewCode, droppedCode, haltedCode, heldCode, notLiveCode, unsentCode } from '../../actors/sku/protocol.ts';
import type { SkuFact } from '../../actors/sku/protocol.ts';
import { minute, second, termsOf } from '../exposure/ledger.ts';
import { Actor, adjust, count, link, placed } from './actor.ts';

const plain: Partial<Terms> = { sendMs: 10 * second, answerMs: 16 * second, staleMs: second };
const settings: ExposureSettings = { mode: 'escrow', terms: { shop: { terms: termsOf('swap', plain) }, ebay: { terms: termsOf('set', plain) } } };
const ledger = (actor: Actor) => ledgerOf(actor.stock, actor.stock.exposure!, settings);
const cell = (actor: Actor, account: string) => actor.stock.exposure!.cells[account]!;
const reads = (account: string, quantity: number, at: number): SkuFact => ({ type: 'cell.read', account, quantity, at });
const through = (account: string, at: number): SkuFact => ({ type: 'orders.complete', account, through: at });
const refused = (actor: Actor, account: string, code: string): SkuFact => {
  const { signature, quantity } = actor.intent(account)!;
  return { type: 'write.answered', account, signature, outcome: 'refused', quantity, code };
};
const waits = (actor: Actor) => Object.fromEntries(Object.entries(actor.stock.outlets).map(([account, outlet]) => [account, waitsAs(outlet)]));

/** Two channels that show two units each, proven. */
function shown(): Actor {
  const actor = new Actor({ exposure: settings }).tell(link('shop', { shown: 0 }), link('ebay', { shown: 0 }), count(1, 4));
  return actor.tell(reads('shop', 0, actor.now), reads('ebay', 0, actor.now)).prove('shop', 'ebay').wait(20 * second).tell(through('shop', actor.now), through('ebay', actor.now));
}

/** The source said that none are left, and both zeros are held. */
function emptied(): Actor {
  const actor = shown().tell(count(2, 0));
  for (const account of ['shop', 'ebay']) actor.tell(refused(actor, account, heldCode));
  return actor.wait(second).tell(reads('shop', 2, actor.now), reads('ebay', 2, actor.now));
}

test('a zero that is held leaves its channel as it is, whatever follows, and what could be oversold is told', t => {
  const actor = emptied();
  t.deepEqual(waits(actor), { shop: 'zero', ebay: 'zero' });
  const outlets = actor.stock.outlets;
  actor.now += second;
  actor.tell(placed('ebay/1/1', 1, actor.now)).wait(minute);
  t.deepEqual(actor.stock.outlets, outlets);
  t.is(debt(ledger(actor)), 4);
  t.true(actor.published.some(({ to }) => to[0] === 'dead' && to[1] === 'shortfall'));
});

test('once its source states another number, what was held is decided anew', t => {
  for (const news of [count(3, 4), adjust(3, 4)]) {
    const actor = emptied().tell(news);
    t.deepEqual(waits(actor), { shop: undefined, ebay: undefined });
    t.is(debt(ledger(actor)), 0);
  }
  const again = emptied();
  const { version } = again.intent('shop')!;
  again.tell(count(3, 0));
  t.is(again.intent('shop')!.quantity, 0);
  t.true(again.intent('shop')!.version > version, 'the same number, stated again, too');
});

test('a raise that is held keeps no units, and no channel from being lowered', t => {
  const actor = shown().tell(count(2, 40));
  t.is(actor.intent('shop')!.quantity, 20);
  actor.tell(refused(actor, 'shop', heldCode), reads('shop', 2, actor.now + 5 * second));
  t.deepEqual([cell(actor, 'shop').rights, cell(actor, 'shop').intent, waits(actor)['shop']], [2, undefined, 'raise']);
  actor.wait(10 * second).tell(placed('shop/1/1', 1, actor.now));
  t.is(waits(actor)['shop'], 'raise', 'an order does not raise it either');
  actor.tell(count(3, 1));
  t.true(actor.intent('shop')!.quantity < 2);
});

test('a drain empties a channel whose zero is held', t => {
  const actor = emptied().tell({ type: 'listing.drained', account: 'shop', drained: true, by: 'ann' });
  t.is(cell(actor, 'shop').intent?.to, 0);
  t.deepEqual(waits(actor), { shop: undefined, ebay: 'zero' });
});

test('what a person lets go is stored anew; what he drops is not, before the source says something', t => {
  const actor = emptied();
  const { signature } = actor.intent('shop')!;
  actor.tell(refused(actor, 'shop', anewCode), refused(actor, 'ebay', droppedCode));
  t.is(cell(actor, 'shop').intent?.to, 0);
  t.not(actor.intent('shop')!.signature, signature);
  actor.prove('shop').tell(reads('ebay', 2, actor.now + 5 * second)).wait(minute);
  t.deepEqual([waits(actor)['ebay'], cell(actor, 'ebay').intent], ['zero', undefined]);
  actor.tell(count(3, 0));
  t.is(cell(actor, 'ebay').intent?.to, 0);
});

test('of what may have been sent nothing is free again, whoever says that he has not sent it', t => {
  for (const code of [heldCode, haltedCode, unsentCode, notLiveCode, droppedCode, anewCode]) {
    const actor = shown().tell(count(2, 40));
    const { rights, intent } = cell(actor, 'shop');
    actor.tell({ type: 'owner.new', account: 'shop' }, refused(actor, 'shop', code));
    t.deepEqual([cell(actor, 'shop').rights, cell(actor, 'shop').intent?.id], [rights, intent!.id], code);
  }
  for (const code of [haltedCode, droppedCode, anewCode]) {
    const actor = shown().tell(count(2, 40));
    const { rights } = cell(actor, 'shop');
    t.is(cell(actor.tell(refused(actor, 'shop', code)), 'shop').rights, rights, `${code} says nothing of that`);
  }
});

test('a write that may have been sent and is held is not repeated; past its time it waits, with its units reserved', t => {
  const halted = (): Actor => {
    const actor = shown().tell(count(2, 40));
    return actor.tell({ type: 'owner.new', account: 'shop' }, refused(actor, 'shop', haltedCode));
  };
  const released = halted().wait(30 * second);
  const { version } = released.intent('shop')!;
  t.true(released.tell(refused(released, 'shop', anewCode)).intent('shop')!.version > version, 'let go, it is repeated');
  const actor = halted();
  actor.wait(3 * minute).tell(reads('shop', 2, actor.now));
  t.deepEqual([actor.intent('shop')!.version, cell(actor, 'shop').intent, waits(actor)['shop'], cell(actor, 'shop').rights], [version, undefined, 'raise', 20]);
  t.true(free(ledger(actor))! <= 40 - 20);
  actor.tell(refused(actor, 'shop', anewCode));
  t.true(waits(actor)['shop'] === undefined);
});

test('a held zero that its channel shows by itself waits for nobody', t => {
  const actor = emptied().tell(placed('shop/1/1', 2, 0)).wait(second);
  t.is(waits(actor.tell(reads('shop', 0, actor.now)))['shop'], undefined);
});

test('a reading that is asked for tells whom the write after it is due to', t => {
  const actor = shown().tell(count(2, 40));
  actor.tell(refused(actor, 'shop', 'conflict'));
  t.true(cell(actor, 'shop').ask !== undefined);
  t.is(cell(actor, 'shop').askedBy, `c${actor.journal.length}`);
  t.is(cell(actor.tell(reads('shop', 2, actor.now + minute)), 'shop').askedBy, undefined);
});
