/** The fold of a journal into a record: the same bytes, in whatever turns and whoever folds. */
import test from 'ava';
import fc from 'fast-check';
import { skuKind } from '../../deploy/sku-kind.ts';
import type { SkuFact, Stock } from '../../actors/sku/protocol.ts';
import type { ActorRecord } from '../../runtime/actor.ts';
import { PoisonError, asStored, fold, fresh, restored } from '../../runtime/handle.ts';
import type { Hot, Incoming, RuntimeFact } from '../../runtime/handle.ts';
import { signer } from '../../runtime/signature.ts';

const kind = skuKind({ sign: signer(() => undefined), debounce: { quietMs: 100, hardMs: 400 }, gapMs: 1_000 });
const linked: SkuFact = { type: 'listing.linked', account: 'north', listing: { id: '1', fields: {} }, gross: false, rule: { buffer: 0 } };
const counted = (position: number, quantity: number): SkuFact => ({ type: 'stock.counted', source: 'erp', position, quantity });
const adjusted = (position: number, delta: number): SkuFact => ({ type: 'stock.adjusted', source: 'erp', position, delta });
const due = (id: string, at: number): RuntimeFact => ({ type: 'timer.due', id, at });

/** A journal: bodies, 10 ms apart from 1,000,000 on. */
function journal(...bodies: (SkuFact | RuntimeFact | { type: string })[]): Incoming[] {
  return bodies.map((body, n) => ({ seq: n + 1, at: 1_000_000 + n * 10, correlation: `c${n + 1}`, body }));
}

function after(messages: readonly Incoming[], from: Hot<Stock> = fresh(kind, 'A')): ActorRecord<Stock> {
  return fold(kind, from, messages)!.record;
}

const bytes = (record: ActorRecord<Stock>): string => JSON.stringify(asStored(kind, { ...record, outbox: [] }));

const fact: fc.Arbitrary<SkuFact | RuntimeFact> = fc.oneof(
  fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 0, max: 20 })).map(([position, quantity]) => counted(position, quantity)),
  fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: -3, max: 3 })).map(([position, delta]) => adjusted(position, delta)),
  fc.tuple(fc.constantFrom('north', 'south'), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 2 })).map(([account, order, units]): SkuFact =>
    ({ type: 'order.placed', account, line: `${account}/${order}/1`, units, createdAt: order })),
  fc.constantFrom('north', 'south').map((account): SkuFact => ({ ...linked, account, gross: account === 'south' } as SkuFact)),
  fc.constantFrom('flush', 'gap').map(id => due(id, 0)),
);

test('a journal folds to the same bytes in any turns, read back from KV in between or not', t => {
  fc.assert(fc.property(fc.array(fact, { minLength: 1, maxLength: 30 }), fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 30 }), fc.array(fc.boolean(), { minLength: 1 }), (bodies, sizes, restarts) => {
    let messages = journal(...bodies);
    let hot = fresh(kind, 'A');
    // A timer that fires names a time that is in force, as the runtime's own timers do.
    let whole = hot;
    messages = messages.map(message => {
      const body = message.body as RuntimeFact;
      const inForce = body.type === 'timer.due' ? whole.record.due[body.id]?.at : undefined;
      const told = inForce === undefined ? message : { ...message, body: { ...body, at: inForce } };
      const next = fold(kind, whole, [told])!;
      whole = { record: next.record, state: next.state, revision: 0 };
      return told;
    });
    for (let n = 0, turn = 0; n < messages.length; turn++) {
      const size = sizes[turn % sizes.length]!;
      // The last message of the turn before comes again, as after a crash.
      const next = fold(kind, hot, messages.slice(Math.max(0, n - 1), n + size));
      n += size;
      if (!next) continue;
      hot = restarts[turn % restarts.length]
        ? restored(kind, JSON.parse(JSON.stringify(asStored(kind, next.record))) as ActorRecord<unknown>, 0)
        : { record: next.record, state: next.state, revision: 0 };
    }
    t.is(bytes(hot.record), bytes(whole.record));
  }), { numRuns: 300 });
});

test('a record that is kept goes on as it was, whatever of its journal is left', t => {
  const whole = journal(linked, counted(1, 9), adjusted(2, -4), adjusted(3, 2));
  const { outbox: _performed, ...record } = asStored(kind, after(whole));
  const left = journal(linked, counted(1, 9), { type: 'record.kept', record } as RuntimeFact, adjusted(4, -1)).map((message, n) => ({ ...message, seq: n < 2 ? n + 1 : n + 10 }));
  const folded = after(left);
  t.like(folded, { applied: 13, context: { onHand: 6 } });
  t.is(bytes(folded), bytes(after([left[3]!], { ...restored(kind, { ...record, outbox: [] }, 0) })), 'and is what the record itself becomes');
});

test('messages that were applied are skipped, and all of them together change nothing', t => {
  const messages = journal(counted(1, 10), adjusted(2, -1));
  const { record, state } = fold(kind, fresh(kind, 'A'), messages)!;
  t.is(record.applied, 2);
  t.is(fold(kind, { record, state, revision: 1 }, messages), undefined);
  const next = after([...messages, { ...messages[1]!, seq: 3, body: adjusted(3, -1) }], { record, state, revision: 1 });
  t.like(next, { applied: 3, context: { onHand: 8, superseded: 0 } });
});

test('a timer stands in the record with its time by the journal, and comes back as its event once', t => {
  const gap = journal(counted(1, 10), adjusted(3, -1));
  const waiting = after(gap);
  t.deepEqual(Object.keys(waiting.due), ['gap']);
  t.is(waiting.due.gap!.at, 1_000_010 + 1_000);
  const fired = [...gap, ...journal(due('gap', 1_001_010), due('gap', 1_001_010)).map(m => ({ ...m, seq: m.seq + 2 }))];
  const { due: left, outbox } = after(fired);
  t.deepEqual(left, {});
  t.deepEqual(outbox.map(({ to }) => to), [['dead', 'gap', 'erp', 'A']]);
});

test('a timer that was cancelled or replaced says nothing', t => {
  const filled = journal(counted(1, 10), adjusted(3, -1), adjusted(2, -1), due('gap', 1_001_010));
  t.deepEqual(after(filled).outbox, []);
  const other = journal(counted(1, 10), adjusted(3, -1), due('gap', 1_000_999));
  t.deepEqual([after(other).outbox, Object.keys(after(other).due)], [[], ['gap']]);
});

test('a message that an actor throws on keeps itself and what comes behind it out of the record', t => {
  const messages = journal(counted(1, 10), { type: 'stock.teleported' }, adjusted(2, -1));
  const { record, poison } = fold(kind, fresh(kind, 'A'), messages)!;
  t.like(record, { applied: 1, context: { onHand: 10 } });
  t.true(poison instanceof PoisonError);
  t.is(poison!.seq, 2);
  t.is(poison!.message, 'actor threw on message 2: no SKU knows a fact of type "stock.teleported"');
});

for (const [what, message] of [
  ['cannot be read', { body: undefined, unreadable: new Error('it is noise') }],
  ['is no object', { body: 7 }],
  ['is nothing', { body: null }],
  ['fires a timer without a name', { body: { type: 'timer.due' } }],
] as const) {
  test(`a message that ${what} never breaks the fold itself`, t => {
    const next = fold(kind, fresh(kind, 'A'), [...journal(counted(1, 10)), { seq: 2, at: 1, correlation: '', ...message }])!;
    t.like(next.record.context, { onHand: 10 });
    t.is(next.poison === undefined ? next.record.applied : next.poison.seq, 2);
  });
}

test('an effect that no subject can be made of is found before it is stored', t => {
  const broken = { ...kind, stepper: { ...kind.stepper, step: (state: never, event: never, effects: object[]) => {
    effects.push({ kind: 'publish', to: ['dead', ''], id: 'x', body: {} });
    return kind.stepper.step(state, event, []);
  } } } as typeof kind;
  const { poison, record } = fold(broken, fresh(broken, 'A'), journal(counted(1, 1)))!;
  t.is(poison?.message, 'actor threw on message 1: key is empty');
  t.deepEqual([record.applied, record.outbox], [0, []]);
});

test('no more messages are folded than asked for', t => {
  const next = fold(kind, fresh(kind, 'A'), journal(counted(1, 1), counted(2, 2), counted(3, 3)), 2)!;
  t.like(next.record, { applied: 2, context: { onHand: 2 } });
});
