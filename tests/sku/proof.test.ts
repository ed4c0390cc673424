/** What proves an intent, what repairs it, and in which state the machine stands after each fact. */
import test from 'ava';
import type { SkuFact } from '../../actors/sku/protocol.ts';
import { fold } from '../../runtime/handle.ts';
import { signer } from '../../runtime/signature.ts';
import { Actor, adjust, count, gapMs, link, placed, start } from './actor.ts';

const counted = (quantity = 10): Actor => new Actor().tell(link('a'), link('b'), count(1, quantity));
type Answered = Extract<SkuFact, { type: 'write.answered' }>;
const answer = (actor: Actor, account: string, more: Partial<Answered>): Answered =>
  ({ type: 'write.answered', account, signature: actor.intent(account)!.signature, outcome: 'applied', quantity: actor.intent(account)!.quantity, ...more });
const observed = (actor: Actor, account: string, verdict: 'equal' | 'drift', more: Partial<Extract<SkuFact, { type: 'observed' }>> = {}): SkuFact =>
  ({ type: 'observed', account, version: actor.intent(account)!.version, quantity: actor.intent(account)!.quantity, verdict, ...more });

test('an intent is signed with what it was decided from, and bears its cause', t => {
  const actor = counted();
  t.deepEqual(actor.intent('b'), {
    quantity: 10, version: 3, kind: 'write', lane: 'decrease', signature: 'b:b-1:3:write', causeAt: start, decidedAt: start, correlation: 'c3',
  });
});

test('an applied write proves its intent, of that quantity alone', t => {
  const actor = counted();
  t.is(actor.tell(answer(actor, 'a', { quantity: 9 })).outlet('a').proof, undefined);
  actor.tell(answer(actor, 'a', {}));
  t.deepEqual(actor.outlet('a').proof, { version: 3, quantity: 10, at: start, by: 'write' });
  t.is(actor.state, 'writing', 'b is not proven yet');
  t.is(actor.tell(answer(actor, 'b', {})).state, 'settled');
});

test('answers that are told together are as many, one after the other: also of those that were overtaken', t => {
  const { outcome: _outcome, type: _type, ...a } = answer(counted(), 'a', {});
  const { outcome: _neither, type: _none, ...b } = answer(counted(), 'b', {});
  const apart = counted().tell(answer(counted(), 'a', {}), answer(counted(), 'b', {}));
  const together = counted().tell({ type: 'writes.applied', answers: [a, b] });
  t.deepEqual([together.stock, together.state, together.record.due, together.published], [apart.stock, 'settled', apart.record.due, apart.published]);
  const overtaken = counted().tell({ type: 'writes.applied', answers: [{ ...a, signature: 'of another' }, { ...b, quantity: 9 }, a] });
  t.deepEqual([overtaken.outlet('a').proof?.quantity, overtaken.outlet('b').proof, overtaken.state], [10, undefined, 'writing']);
});

test('a stock of which nobody can tell what state it is in is poison, and is not stored', t => {
  const { kind, record } = counted();
  const broken = { ...record, context: { ...record.context, outlets: null as never } };
  const state = kind.stepper.restore({ value: record.state, context: broken.context });
  const after = fold(kind, { record: broken, revision: 1, state }, [{ seq: 99, at: start, correlation: 'c', body: { type: 'orders.complete', account: 'a', through: start } }]);
  t.regex(after?.poison?.message ?? '', /actor threw on message 99/);
  t.is(after?.record, broken);
});

test('accepted, ambiguous and refused prove nothing and are kept until proof comes', t => {
  for (const outcome of ['accepted', 'ambiguous', 'refused'] as const) {
    const actor = counted();
    actor.tell(answer(actor, 'a', { outcome, code: 'X1', message: 'not today' }));
    t.deepEqual([actor.outlet('a').answer, actor.outlet('a').proof], [{ signature: 'a:a-1:3:write', outcome, at: start, code: 'X1', message: 'not today' }, undefined]);
    actor.tell(observed(actor, 'a', 'equal'));
    t.deepEqual([actor.outlet('a').answer, actor.outlet('a').proof], [undefined, { version: 3, quantity: 10, at: start, by: 'read' }]);
  }
});

test('a new intent has no answer yet, though the one before had', t => {
  const actor = counted();
  actor.tell(answer(actor, 'a', { outcome: 'refused' }), adjust(2, -4));
  t.deepEqual([actor.intended.a, actor.outlet('a').answer], [6, undefined]);
});

test('an answer to an intent that was overtaken changes nothing', t => {
  const actor = counted();
  const late = answer(actor, 'a', {});
  actor.tell(adjust(2, -4));
  const { outlets } = actor.stock;
  actor.tell(late, { ...late, outcome: 'refused' });
  t.deepEqual(actor.stock.outlets, outlets);
  t.is(actor.intended.a, 6);
});

test('a reading proves and repairs the newest intent only, and proves only its quantity', t => {
  const actor = counted();
  const equal = observed(actor, 'a', 'equal');
  const drift = observed(actor, 'a', 'drift', { quantity: 99 });
  actor.tell(adjust(2, -4));
  const { outlets } = actor.stock;
  actor.tell(equal, drift, observed(actor, 'a', 'equal', { quantity: 7 }));
  t.deepEqual(actor.stock.outlets, outlets);
});

test('facts of an account that is not linked, or intends nothing, change nothing', t => {
  const actor = new Actor().tell(link('a'));
  const { outlets } = actor.stock;
  for (const account of ['a', 'zzz', 'constructor', '__proto__']) {
    actor.tell({ type: 'write.answered', account, signature: 's', outcome: 'applied', quantity: 1 });
    actor.tell({ type: 'observed', account, version: 1, quantity: 1, verdict: 'drift' }, { type: 'observed', account, version: 1, quantity: 1, verdict: 'equal' });
    if (account !== 'a') actor.tell({ type: 'rule.set', account, rule: { buffer: 1 } }, { type: 'listing.unlinked', account });
  }
  t.deepEqual(actor.stock.outlets, outlets);
});

test('drift is repaired at once under a signature of its own, in the lane that its danger asks for', t => {
  const lanes: unknown[] = [];
  for (const quantity of [12, 7]) {
    const actor = counted().prove('a', 'b');
    actor.tell(observed(actor, 'a', 'drift', { quantity, finding: 'drf-1' }));
    const { kind, lane, quantity: intended, version, signature } = actor.intent('a')!;
    lanes.push({ quantity, kind, lane, intended, version, signature, state: actor.state });
  }
  t.deepEqual(lanes, [
    { quantity: 12, kind: 'repair', lane: 'decrease', intended: 10, version: 6, signature: 'a:a-1:6:repair', state: 'writing' },
    { quantity: 7, kind: 'repair', lane: 'raise', intended: 10, version: 6, signature: 'a:a-1:6:repair', state: 'writing' },
  ]);
  const actor = counted(0).prove('a', 'b');
  t.deepEqual([actor.tell(observed(actor, 'a', 'drift', { quantity: 3 })).intent('a')!.lane], ['zero']);
});

test('a repair that does not hold either is repaired again, and proof of it settles', t => {
  const actor = counted().prove('a', 'b');
  actor.tell(observed(actor, 'a', 'drift', { quantity: 12 })).tell(observed(actor, 'a', 'drift', { quantity: 12 }));
  t.deepEqual([actor.intent('a')!.version, actor.state], [7, 'writing']);
  actor.tell(observed(actor, 'a', 'equal'));
  t.deepEqual([actor.outlet('a').proof!.version, actor.state], [7, 'settled']);
});

test('a repair restores what was intended: a raise goes on waiting for quiet, or for the source', t => {
  const waiting = counted().prove('a', 'b').tell(adjust(2, 5));
  waiting.tell(observed(waiting, 'a', 'drift', { quantity: 4 }));
  t.deepEqual([waiting.intended, waiting.state], [{ a: 10, b: 10 }, 'debouncing']);
  t.deepEqual(waiting.settle().intended, { a: 15, b: 15 });

  const suspended = counted().prove('a', 'b').tell(adjust(3, 5), { type: 'rule.set', account: 'a', rule: { buffer: 4 } }, { type: 'rule.set', account: 'a', rule: { buffer: 0 } });
  suspended.tell(observed(suspended, 'a', 'drift', { quantity: 2 }));
  t.deepEqual([suspended.intended, suspended.state], [{ a: 6, b: 10 }, 'suspended']);
});

test('a rule that lowers is written at once, one that raises waits', t => {
  const actor = counted().prove('a', 'b').tell({ type: 'rule.set', account: 'a', rule: { buffer: 3 } });
  t.deepEqual([actor.intended, actor.intent('a')!.lane, actor.outlet('a').rule], [{ a: 7, b: 10 }, 'decrease', { buffer: 3 }]);
  actor.tell({ type: 'rule.set', account: 'a', rule: { buffer: 1 } });
  t.deepEqual([actor.intended, actor.state], [{ a: 7, b: 10 }, 'debouncing']);
  t.deepEqual(actor.settle().intended, { a: 9, b: 10 });
});

test('a listing that is unlinked is intended no more, and what waited for it alone is called off', t => {
  const actor = counted().prove('a', 'b').tell({ type: 'rule.set', account: 'a', rule: { buffer: 3 } }).prove('a').tell({ type: 'rule.set', account: 'a', rule: { buffer: 0 } });
  t.is(actor.state, 'debouncing');
  actor.tell({ type: 'listing.unlinked', account: 'a' });
  t.deepEqual([actor.intended, actor.record.due, actor.state], [{ b: 10 }, {}, 'settled']);
});

test('a listing linked again as it is changes nothing, whatever it shows at that moment', t => {
  const actor = counted().prove('a', 'b');
  const { outlets } = actor.stock;
  actor.tell(link('a', { shown: 3 }), link('b'));
  t.deepEqual([actor.stock.outlets, actor.state], [outlets, 'settled']);
});

test('another listing in its place is intended anew, at once: nothing of the old one was proven there', t => {
  const actor = counted().prove('a', 'b').tell(link('a', { listing: { id: 'a-2', fields: { offer: '2' } }, shown: 37 }));
  const { proof, shown, listing } = actor.outlet('a');
  t.deepEqual({ proof, shown, listing, intent: actor.intent('a'), state: actor.state }, {
    proof: undefined, shown: undefined, listing: { id: 'a-2', fields: { offer: '2' } }, state: 'writing',
    intent: { quantity: 10, version: 6, kind: 'write', lane: 'decrease', signature: 'a:a-2:6:write', causeAt: start, decidedAt: start, correlation: 'c6' },
  });
});

test('a listing that refused what was intended is intended anew when it is linked again', t => {
  const actor = counted();
  actor.tell(answer(actor, 'a', { outcome: 'refused', code: 'UNKNOWN' })).tell(link('a'));
  t.deepEqual([actor.intent('a')!.version, actor.outlet('a').answer], [5, undefined]);
});

test('an account named like a prototype is an account', t => {
  for (const account of ['constructor', '__proto__']) {
    const actor = new Actor().tell(link(account), link('b'), count(1, 10)).prove('b').tell(placed('b/1/1', 2));
    const intents = Object.entries(actor.stock.outlets).map(([name, { intent }]) => [name, intent!.kind, intent!.quantity]);
    t.deepEqual(intents, [[account, 'write', 8], ['b', 'verify', 8]]);
    t.deepEqual(Object.keys(JSON.parse(JSON.stringify(actor.stock)).outlets), [account, 'b']);
    t.is(Object.getPrototypeOf(actor.stock.outlets), Object.prototype);
  }
});

test('the machine is where its last fact put it', t => {
  const actor = new Actor();
  const seen: unknown[] = [];
  const at = (...facts: unknown[]): void => { seen.push(actor.tell(...facts).state); };
  at(link('a'));
  at(placed('a/1/1', 1));
  at(adjust(2, 3));
  at(count(1, 10));
  actor.prove('a');
  at({ type: 'listing.unlinked', account: 'zzz' });
  at(adjust(3, 5));
  at(adjust(5, -1));
  at(adjust(6, -20));
  at(adjust(4, 0));
  actor.prove('a');
  at(adjust(7, 9));
  actor.wait(500);
  at(adjust(7, 9));
  actor.prove('a');
  at(count(6, 0));
  t.deepEqual(seen, ['unknown', 'unknown', 'unknown', 'writing', 'settled', 'debouncing', 'suspended', 'suspended', 'writing', 'debouncing', 'writing', 'settled']);
});

test('a SKU that is counted and sold nowhere is settled', t => {
  const actor = new Actor().tell(count(1, 10), placed('a/1/1', 1)).wait(gapMs);
  t.deepEqual([actor.state, actor.published, actor.record.due], ['settled', [], {}]);
});

test('a fact of a type that no SKU knows is a bug that names it', t => {
  const error = t.throws(() => new Actor().tell({ type: 'stock.teleported' }));
  t.is((error!.cause as Error).message, 'no SKU knows a fact of type "stock.teleported"');
});

test('a rule that people set stays when its listing is imported anew, and an older one does not come back', t => {
  const set = (version: number, buffer: number): SkuFact => ({ type: 'rule.set', account: 'a', rule: { buffer }, version });
  const actor = counted().prove('a', 'b').tell(set(2, 3));
  t.deepEqual([actor.intended.a, actor.outlet('a').ruleVersion], [7, 2]);
  actor.tell(set(1, 9), set(2, 9), link('a', { rule: { buffer: 5 } }));
  t.deepEqual([actor.intended.a, actor.outlet('a').rule], [7, { buffer: 3 }]);
  actor.tell({ type: 'listing.unlinked', account: 'a' }, set(3, 4), link('a', { rule: { buffer: 5 } }));
  t.deepEqual([actor.intended.a, actor.outlet('a').rule, actor.outlet('a').ruleVersion], [6, { buffer: 4 }, 3]);
});

test('the version of a rule goes into signatures, which are what they were where none was set', t => {
  const parts = { account: 'north', listing: 'L-1', sku: 'A-1', version: 7, kind: 'write' };
  const sign = signer(() => undefined);
  t.is(sign(parts), 'nor-8DPHFHE6JFNEBQSXHH3Z3M8T', 'as records of version 1 have it');
  const actor = new Actor({ sign }).tell(link('a'), link('b'), { type: 'rule.set', account: 'a', rule: { buffer: 0 }, version: 1 }, count(1, 5));
  const [a, b] = ['a', 'b'].map(account => actor.intent(account)!.signature);
  t.deepEqual([a, b], [sign({ ...parts, account: 'a', listing: 'a-1', sku: 'A', version: 4, rule: 1 }), sign({ ...parts, account: 'b', listing: 'b-1', sku: 'A', version: 4 })]);
  t.not(a, sign({ ...parts, account: 'a', listing: 'a-1', sku: 'A', version: 4, rule: 2 }));
});

test('what a person dropped is intended anew when its source states it again, and by nothing else', t => {
  const actor = counted().tell(link('a'), count(2, 0));
  actor.tell(answer(actor, 'a', { outcome: 'refused', code: 'dropped', message: 'ops' }));
  const dropped = actor.intent('a')!;
  actor.tell(count(1, 4), placed('b/1/1', 1), adjust(3, -1));
  t.deepEqual(actor.intent('a'), dropped, 'an older count, an order and a change are no statement of it');
  actor.tell(count(4, 0));
  t.like(actor.intent('a'), { quantity: 0, kind: 'write', lane: 'zero' });
  t.true(actor.intent('a')!.version > dropped.version);
  t.is(actor.outlet('a').answer, undefined);
  const restated = actor.intent('a');
  t.deepEqual(actor.tell(count(5, 0)).intent('a'), restated, 'once');
});

test('a raise that a person dropped, and its source states again, is intended once its wait for quiet is over', t => {
  const actor = counted().prove('a').tell(count(2, 30)).settle();
  t.is(actor.intent('a')!.quantity, 30);
  actor.tell(answer(actor, 'a', { outcome: 'refused', code: 'dropped', message: 'ops' }));
  const { version } = actor.intent('a')!;
  t.is(actor.wait(60_000).intent('a')!.version, version);
  t.is(actor.tell(count(3, 30)).intent('a')!.version, version, 'it waits, as every raise does');
  const restated = actor.settle().intent('a')!;
  t.true(restated.version > version && restated.quantity === 30);
  t.deepEqual(actor.tell(count(4, 30)).settle().intent('a'), restated, 'once');
});

test('an account that people empty shows 0 also where they dropped a 0 before', t => {
  const actor = counted().tell(link('a'), link('b'), count(2, 0));
  for (const account of ['a', 'b']) actor.tell(answer(actor, account, { outcome: 'refused', code: 'dropped', message: 'ops' }));
  const [a, b] = [actor.intent('a')!, actor.intent('b')];
  actor.tell({ type: 'listing.drained', account: 'a', drained: true, by: 'ops' });
  t.like(actor.intent('a'), { quantity: 0, kind: 'write', lane: 'zero' });
  t.true(actor.intent('a')!.version > a.version);
  t.deepEqual(actor.intent('b'), b, 'the other account is as it was');
});

test('what the channel refused is not intended anew by the same number', t => {
  const actor = counted();
  actor.tell(answer(actor, 'a', { outcome: 'refused', code: 'X1' }));
  const before = actor.intent('a');
  t.deepEqual(actor.tell(count(2, 10)).intent('a'), before);
});

test('a drained listing shows none, at a gross channel what its open orders take, and what there is once it is filled', t => {
  const drained = (account: string, drained: boolean): SkuFact => ({ type: 'listing.drained', account, drained, by: 'ops' });
  const actor = new Actor().tell(link('a'), link('w', { gross: true }), count(1, 10), placed('w/1/1', 3)).settle().prove('a', 'w');
  t.deepEqual(actor.intended, { a: 7, w: 10 });
  actor.tell(drained('a', true), drained('w', true), count(2, 30));
  t.deepEqual(actor.intended, { a: 0, w: 3 });
  t.is(actor.intent('a')!.lane, 'zero');
  actor.tell(link('a'));
  t.is(actor.intended.a, 0, 'linked again it is drained still');
  actor.tell(drained('a', false)).settle();
  t.deepEqual(actor.intended, { a: 27, w: 3 });
  const { superseded: _, ...stock } = actor.stock;
  t.deepEqual(actor.tell(drained('a', false), drained('nobody', true)).stock, { ...stock, superseded: 0 }, 'told again it changes nothing');
});
