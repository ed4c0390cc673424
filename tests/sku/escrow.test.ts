import test from 'ava';
import type { Terms } from '../../actors/sku/exposure/ledger.ts';
import { free, totalRights } from '../../actors/sku/exposure/ledger.ts';
import type { ExposureSettings } from '../../actors/sku/exposure/record.ts';
import { ledgerOf } from '../../actors/sku/escrow/ledger.ts';
import type { SkuFact } from '../../actors/sku/protocol.ts';
import { minute, second, termsOf } from '../exposure/ledger.ts';
import { Actor, adjust, bytes, cancelled, count, link, placed, refold, shipped, start } from './actor.ts';

const plain: Partial<Terms> = { sendMs: 10 * second, answerMs: 16 * second, staleMs: second };
const terms: Record<string, Terms> = {
  shop: termsOf('swap', plain), ebay: termsOf('set', plain), mart: termsOf('gross', plain), amazon: termsOf('set', { ...plain, queued: true }),
};
const settings = (mode: ExposureSettings['mode']): ExposureSettings => ({ mode, terms: Object.fromEntries(Object.entries(terms).map(([account, each]) => [account, { terms: each }])) });

const escrow = (): Actor => new Actor({ exposure: settings('escrow') });
const ledger = (actor: Actor) => ledgerOf(actor.stock, actor.stock.exposure!, settings('escrow'));
const rights = (actor: Actor) => Object.fromEntries(Object.entries(actor.stock.exposure!.cells).map(([account, cell]) => [account, cell.rights]));
const said = (actor: Actor) => actor.published.filter(({ to }) => to[0] === 'exposure').map(({ to }) => to.slice(1, -1).join('.'));
const dead = (actor: Actor) => actor.published.filter(({ to }) => to[0] === 'dead').map(({ id, body }) => ({ id, ...(body as { units?: number; oversold?: number; message?: string }) }));

const reads = (account: string, quantity: number, at: number): SkuFact => ({ type: 'cell.read', account, quantity, at });
const through = (account: string, at: number): SkuFact => ({ type: 'orders.complete', account, through: at });
const answered = (actor: Actor, account: string, outcome: 'applied' | 'accepted' | 'ambiguous' | 'refused', code?: string): SkuFact => {
  const { signature, quantity } = actor.intent(account)!;
  return { type: 'write.answered', account, signature, outcome, quantity, ...(code !== undefined && { code }) };
};

/** Two empty channels, seen to be empty, and so many units. */
function stocked(units: number): Actor {
  const actor = escrow().tell(link('shop', { shown: 0 }), link('ebay', { shown: 0 }), count(1, units));
  return actor.tell(reads('shop', 0, actor.now), reads('ebay', 0, actor.now));
}

test('channels hold units of their own, and no more than exist', t => {
  const actor = stocked(5);
  t.deepEqual(actor.intended, { shop: 2, ebay: 3 });
  t.deepEqual(rights(actor), { shop: 2, ebay: 3 });
  t.is(free(ledger(actor)), 0);
  actor.prove('shop', 'ebay');
  t.is(actor.state, 'settled');
  t.deepEqual(said(actor), ['mode.changed', 'escrow.inForce']);
});

test('a sale is taken from its own channel, and nothing is written', t => {
  const actor = stocked(5).prove('shop', 'ebay');
  const before = actor.stock.outlets;
  actor.tell(placed('ebay/1/1', 1));
  t.deepEqual(rights(actor), { shop: 2, ebay: 2 });
  t.is(free(ledger(actor)), 0);
  t.deepEqual(actor.stock.outlets, before);
});

test('a count of its sales tells a channel\'s sale before the order does, and the order takes it no second time', t => {
  const counts = (actor: Actor, quantity: number, sold: number, soldBy?: string): SkuFact => ({ type: 'cell.read', account: 'ebay', quantity, at: actor.now, sold, ...(soldBy !== undefined && { soldBy }) });
  const actor = stocked(5).prove('shop', 'ebay');
  actor.now += second;
  actor.tell(counts(actor, 3, 1_000));
  t.deepEqual(rights(actor), { shop: 2, ebay: 3 }, 'counting begins there');
  actor.now += second;
  actor.tell(counts(actor, 2, 1_001));
  t.deepEqual(rights(actor), { shop: 2, ebay: 2 });
  t.is(free(ledger(actor)), 0);
  t.is(actor.stock.exposure!.cells['ebay']!.wants, actor.stock.exposure!.cells['ebay']!.countedSince! + settings('escrow').terms['ebay']!.terms.marginMs, 'and it is asked whether an order will come');
  actor.tell(placed('ebay/1/1', 1));
  t.deepEqual(rights(actor), { shop: 2, ebay: 2 });
  t.is(free(ledger(actor)), 0);
  actor.tell(counts(actor, 1, 5_000, 'another listing'));
  t.deepEqual(rights(actor), { shop: 2, ebay: 2 });
  t.deepEqual(actor.stock.exposure!.cells['ebay']!.tally, { units: 5_000, by: 'another listing', owed: 1, owedUntil: actor.stock.exposure!.cells['ebay']!.tally!.owedUntil! });
});

test('another listing in the place of one begins to count anew', t => {
  const actor = stocked(5).prove('shop', 'ebay');
  actor.now += second;
  actor.tell({ type: 'cell.read', account: 'ebay', quantity: 3, at: actor.now, sold: 1_000 }, link('ebay', { listing: { id: 'ebay-2', fields: { offerId: '2' } }, shown: 0 }));
  t.is(actor.stock.exposure!.cells['ebay']!.tally, undefined);
});

test('a cancelled unit is on sale again where it was sold', t => {
  const actor = stocked(5).prove('shop', 'ebay').tell(placed('ebay/1/1', 1), cancelled('ebay/1/1', 1));
  t.deepEqual(rights(actor), { shop: 2, ebay: 3 });
  t.is(free(ledger(actor)), 0);
});

test('an answer that was lost leaves its units reserved, and the same write is not sent by a newer intent', t => {
  const actor = stocked(4);
  const sent = actor.intent('ebay')!;
  actor.tell(answered(actor, 'ebay', 'ambiguous')).prove('shop').tell(count(2, 9));
  t.is(actor.intent('ebay')!.signature, sent.signature);
  t.true(rights(actor)['ebay']! >= sent.quantity);
});

test('a write that was never sent is given up, and another is stored in its place', t => {
  const actor = stocked(4).prove('shop');
  const { signature } = actor.intent('ebay')!;
  actor.tell(answered(actor, 'ebay', 'refused', 'unsent'), reads('ebay', 0, actor.now + 5_000));
  t.not(actor.intent('ebay')?.signature, signature);
  t.is(totalRights(ledger(actor)), 4);
});

test('a listing that refuses for good is left alone, and stands as refused, until something new is said of it', t => {
  const refused = (): Actor => {
    const actor = stocked(4).prove('shop');
    const intent = actor.intent('ebay')!;
    actor.tell(answered(actor, 'ebay', 'refused', '25001'), reads('ebay', 0, actor.now + 5_000), adjust(2, 6));
    t.deepEqual(actor.intent('ebay'), intent);
    t.is(rights(actor)['ebay'], 0, 'it holds nothing');
    return actor;
  };
  const read = (actor: Actor): SkuFact => reads('ebay', 0, actor.now + 10_000);
  const linked = refused().tell(link('ebay', { listing: { id: 'ebay-1', fields: { offerId: '2' } }, shown: 0 }));
  t.true(linked.tell(read(linked)).intent('ebay')!.quantity > 0);
  for (const news of [() => count(3, 20), (actor: Actor) => answered(actor, 'ebay', 'refused', 'unsent')]) {
    const actor = refused();
    const { signature } = actor.intent('ebay')!;
    actor.tell(news(actor), read(actor));
    t.not(actor.intent('ebay')!.signature, signature);
  }
});

test('a correction below what is exposed is a shortfall, which names the lines really sold beyond what exists', t => {
  const actor = stocked(4).prove('shop', 'ebay').tell(count(2, 1));
  t.deepEqual(dead(actor).map(({ units }) => units), [3]);
  t.deepEqual(actor.intended, { shop: 1, ebay: 0 }, 'by as much as is missing, the largest rights first');
  actor.now += second;
  actor.tell(placed('shop/1/1', 2, actor.now));
  actor.prove('ebay').tell(answered(actor, 'shop', 'refused', 'conflict'), reads('shop', 0, actor.now + 5 * second));
  actor.wait(10 * second).tell(through('ebay', actor.now));
  const [, sold, ...more] = dead(actor);
  t.like(sold, { id: `shortfall:A:${start}`, oversold: 1, message: '1 of A is sold beyond what exists (correction): 1 in shop/1/1' });
  t.deepEqual(more, [], 'one unit is owed to a buyer');
  actor.tell(count(3, 2));
  const [, , closed] = dead(actor);
  t.is(closed!.id, `shortfall:A:${start}:resolved`);
  t.is(closed!.oversold, 1);
});

test('a count that names a line not learnt yet is believed once it is', t => {
  const actor = stocked(5).prove('shop', 'ebay').tell(count(2, 4, { imported: ['ebay/1/1'] }));
  t.is(free(ledger(actor)), 0, 'the unit that is missing is one that ebay sold');
  actor.tell(placed('ebay/1/1', 1, start));
  t.deepEqual(rights(actor), { shop: 2, ebay: 2 });
  t.is(free(ledger(actor)), 0);
  t.is(actor.stock.exposure!.waiting, undefined);
  t.deepEqual(dead(actor), []);
});

test('a count that names a cancellation not learnt yet frees nothing before it is', t => {
  const actor = stocked(5).prove('shop', 'ebay').tell(placed('ebay/1/1', 1), count(2, 5, { imported: ['ebay/1/1', 'ebay/1/1#cancelled'] }));
  t.is(free(ledger(actor)), 0, 'ebay may be selling it again');
  actor.tell(cancelled('ebay/1/1', 1));
  t.deepEqual(rights(actor), { shop: 2, ebay: 3 });
  t.is(free(ledger(actor)), 0);
});

test('two lines named before they are learnt are told apart', t => {
  const actor = stocked(5).prove('shop', 'ebay').tell(count(2, 3, { imported: ['ebay/1/1', 'ebay/2/1'] }), placed('ebay/1/1', 1, start));
  t.is(free(ledger(actor)), 0);
  actor.tell(adjust(3, 2), placed('ebay/2/1', 1, start));
  t.is(free(ledger(actor))! + totalRights(ledger(actor)), 5);
  t.deepEqual(dead(actor), []);
});

test('what a count names and nobody ever tells is believed when orders are complete', t => {
  const actor = stocked(5).prove('shop', 'ebay').tell(count(2, 4, { imported: ['ebay/lost/1'] }));
  t.is(actor.stock.exposure!.cells['ebay']!.wants, start + 2 * second);
  actor.now += 10 * second;
  actor.tell(through('ebay', actor.now), through('shop', actor.now));
  t.is(dead(actor)[0]!.units, 1);
});

test('a queued write counts once its time is over and a later reading agrees', t => {
  const actor = escrow().tell(link('amazon', { shown: 0 }), count(1, 2), reads('amazon', 0, start));
  actor.tell(answered(actor, 'amazon', 'accepted'));
  t.is(actor.stock.outlets['amazon']!.proof, undefined);
  actor.wait(80 * second);
  const { ask } = actor.stock.exposure!.cells['amazon']!;
  t.true(ask! <= actor.now, 'it is to be read');
  actor.tell(reads('amazon', 2, actor.now), through('amazon', actor.now));
  t.is(actor.stock.outlets['amazon']!.proof?.quantity, 2);
  t.is(actor.state, 'settled');
});

const atMart = (units: number): Actor => {
  const actor = escrow().tell(link('mart', { gross: true, shown: 0 }), count(1, units), reads('mart', 0, start)).prove('mart');
  actor.now += minute;
  return actor.tell(placed('mart/1/1', 1, actor.now));
};

test('an order of a gross channel is permitted to ship once its unit is off the count', t => {
  const actor = atMart(3);
  t.is(actor.intent('mart')!.quantity, 3, 'a sale causes no write');
  actor.tell({ type: 'ship.asked', line: 'mart/1/1' });
  t.is(actor.intent('mart')!.quantity, 2, 'its unit comes off the count');
  t.false(said(actor).includes('ship.permitted'));
  const { version } = actor.prove('mart').intent('mart')!;
  actor.wait(minute).tell(reads('mart', 2, actor.now));
  t.is(actor.intent('mart')!.version, version, 'and is not taken off once more while orders are not complete');
  actor.tell(through('mart', actor.now));
  t.true(said(actor).includes('ship.permitted'));
  actor.tell(shipped('mart/1/1', 1));
  t.false(said(actor).includes('ship.ungated'));
  t.deepEqual(rights(actor), { mart: 2 });
});

test('a warehouse that asks of a SKU that mirrors, or of a channel whose orders hide nothing, is answered at once', t => {
  const ask: SkuFact = { type: 'ship.asked', line: 'shop/1/1' };
  t.deepEqual(said(new Actor().tell(link('shop', { shown: 3 }), count(1, 3), placed('shop/1/1', 1), ask)), ['ship.permitted']);
  t.true(said(stocked(5).prove('shop', 'ebay').tell(placed('shop/1/1', 1), ask)).includes('ship.permitted'));
});

test('an order that is closed without asking is counted, and its unit lowered where it does not exist', t => {
  const actor = atMart(3).tell(reads('mart', 3, start + minute + second), shipped('mart/1/1', 1));
  t.true(said(actor).includes('ship.ungated'));
  t.is(dead(actor)[0]!.units, 1);
  t.is(actor.intent('mart')!.quantity, 2);
});

test('a SKU that mirrored enters escrow with what its channels may show, and is in force without debt', t => {
  const actor = new Actor({ exposure: settings('mirror') }).tell(link('shop', { shown: 0 }), link('ebay', { shown: 0 }), count(1, 3)).prove('shop', 'ebay');
  t.is(actor.stock.exposure, undefined);
  actor.tell({ type: 'mode.set', mode: 'escrow', by: 'ann' });
  t.deepEqual(rights(actor), { shop: 3, ebay: 3 });
  t.is(actor.stock.exposure!.shortfall!.debt, 3);
  actor.tell(reads('shop', 3, actor.now), reads('ebay', 3, actor.now));
  t.is(actor.intent('ebay')!.quantity, 0);
  actor.prove('ebay').now += minute;
  actor.tell(through('ebay', actor.now), through('shop', actor.now));
  t.true(said(actor).includes('escrow.inForce'));
  t.deepEqual(said(actor).filter(type => type.startsWith('shortfall')), ['shortfall.opened', 'shortfall.closed']);
  t.deepEqual(dead(actor), [], 'which is nothing that people have to see to');
});

test('a unit that was sold beyond what exists while a SKU entered escrow is a task, with its order line', t => {
  const actor = new Actor({ exposure: settings('auto') }).tell(link('shop', { shown: 0 }), link('ebay', { shown: 0 }), count(1, 1)).prove('shop', 'ebay');
  actor.tell({ type: 'mode.chosen', mode: 'escrow', why: 'scarce' });
  actor.now += second;
  actor.tell(placed('shop/1/1', 1, actor.now), placed('ebay/7/1', 1, actor.now + 1));
  t.like(dead(actor), [{ id: `shortfall:A:${start}`, message: '1 of A is sold beyond what exists (entry): 1 in ebay/7/1' }]);
  actor.tell(cancelled('ebay/7/1', 1), reads('ebay', 1, actor.now + second)).prove('ebay').now += minute;
  actor.tell(through('ebay', actor.now), through('shop', actor.now));
  t.like(dead(actor)[1], { id: `shortfall:A:${start}:resolved`, oversold: 1 });
});

test('a SKU goes back to mirror at once and shows what is available', t => {
  const actor = stocked(5).prove('shop', 'ebay').tell({ type: 'mode.set', mode: 'mirror', by: 'ann' });
  t.is(actor.stock.exposure, undefined);
  t.deepEqual(actor.settle().intended, { shop: 5, ebay: 5 });
  t.is(said(actor).at(-1), 'mode.changed');
});

test('what scarcity chooses counts where the mode is left to it', t => {
  const chosen: SkuFact = { type: 'mode.chosen', mode: 'escrow', why: 'scarce' };
  const pinned = new Actor({ exposure: settings('mirror') }).tell(link('shop', { shown: 1 }), count(1, 1), chosen);
  t.is(pinned.stock.exposure, undefined);
  const left = new Actor({ exposure: settings('auto') }).tell(link('shop', { shown: 1 }), count(1, 1), chosen);
  t.is(left.stock.exposure?.why, 'scarce');
  left.tell({ type: 'mode.chosen', mode: 'mirror', why: 'ample' });
  t.is(left.stock.exposure, undefined);
});

test('a SKU of which people take their mode away is in the one of the configuration', t => {
  const actor = new Actor({ exposure: settings('mirror') }).tell(link('shop', { shown: 1 }), count(1, 1), { type: 'mode.set', mode: 'escrow', by: 'ann' });
  t.truthy(actor.stock.exposure);
  actor.tell({ type: 'mode.set', by: 'ann' });
  t.deepEqual([actor.stock.exposure, actor.stock.mode], [undefined, undefined]);
});

test('a channel that breaks its conditions counts as set until it is seen to keep them, whatever is in doubt first of all', t => {
  const actor = escrow().tell(link('shop', { shown: 1 }), link('ebay', { shown: 0 }), count(1, 9));
  actor.tell(reads('shop', 1, actor.now), reads('ebay', 0, actor.now));
  const kinds = () => Object.fromEntries(Object.entries(ledger(actor).cells).map(([account, cell]) => [account, cell.terms.kind]));
  const { from, to, reserved } = actor.stock.exposure!.cells['shop']!.intent!;
  t.deepEqual([kinds()['shop'], from, reserved], ['swap', 1, to - 1]);
  const before = rights(actor)['shop']!;
  t.is(before, to);
  actor.tell({ type: 'writes.judged', account: 'shop', kept: false }, { type: 'writes.judged', account: 'shop', kept: false });
  t.deepEqual(kinds(), { shop: 'set', ebay: 'set' });
  t.is(actor.stock.exposure!.cells['shop']!.intent!.reserved, to, 'a sale in between may be overwritten');
  t.is(rights(actor)['shop'], before + to - reserved);
  actor.prove('shop');
  t.is(rights(actor)['shop'], before + to - reserved, 'the answer proves no difference');
  actor.tell(through('shop', actor.now + minute));
  t.is(rights(actor)['shop'], to, 'orders that are complete do');
  actor.tell({ type: 'writes.judged', account: 'shop', kept: true });
  t.is(kinds()['shop'], 'swap');
  t.is(bytes(actor.kind, refold(actor.kind, actor.journal, [1], { stored: true }).record), bytes(actor.kind, actor.record));
});

test('a kit, its parts and a channel that sells from some locations mirror', t => {
  const part = escrow().tell({ type: 'part.used', kit: 'K', version: 1, units: 1, above: ['K'], sets: [] }, link('shop', { shown: 1 }), count(1, 3));
  t.is(part.stock.exposure, undefined);
  const some = escrow().tell(link('shop', { shown: 1, rule: { buffer: 0, locations: [''] } }), count(1, 3));
  t.is(some.stock.exposure, undefined);
  t.truthy(some.intent('shop'));
});

test('a rule bounds what a channel holds, and a drained one shows nothing', t => {
  const actor = escrow().tell(link('shop', { shown: 0, rule: { buffer: 3 } }), count(1, 5), reads('shop', 0, start)).prove('shop');
  t.deepEqual(rights(actor), { shop: 2 });
  actor.tell({ type: 'listing.drained', account: 'shop', drained: true, by: 'ann' });
  t.is(actor.intent('shop')!.quantity, 0);
});

test('a journal folds to the same bytes in whatever turns, from memory and from stored records', t => {
  const actor = stocked(7);
  actor.prove('shop').tell(answered(actor, 'ebay', 'ambiguous'), placed('ebay/1/1', 1), count(2, 4, { imported: ['ebay/1/1', 'ebay/9/1'] }));
  actor.wait(2 * minute).tell(reads('ebay', 2, actor.now), through('ebay', actor.now), through('shop', actor.now), placed('shop/1/1', 1, actor.now), cancelled('ebay/1/1', 1));
  actor.wait(minute).tell({ type: 'mode.set', mode: 'mirror', by: 'ann' }, { type: 'mode.set', mode: 'escrow', by: 'ann' }, adjust(3, 4));
  for (const sizes of [[1], [2], [3, 1], [100]]) {
    for (const stored of [false, true]) {
      const again = refold(actor.kind, actor.journal, sizes, { stored });
      t.is(bytes(actor.kind, again.record), bytes(actor.kind, actor.record), `turns of ${sizes.join()}, stored ${stored}`);
      t.deepEqual(again.published, actor.published);
    }
  }
});
