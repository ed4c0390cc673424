/** Whatever is said, in whatever words: no fact that a source, a channel or a SKU can state stops a SKU. */
import { deepEqual, ok } from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import type { Position, SkuFact, SourcePolicy } from '../../actors/sku/protocol.ts';
import { dayMs } from '../../actors/sku/retention.ts';
import { known } from '../../actors/sku/stock.ts';
import { subjectOf } from '../../runtime/subjects.ts';
import { Actor, bytes, gapMs, refold, start } from './actor.ts';

const odd = fc.oneof(
  fc.constantFrom('a', 'A', 'ä', 'ä', '__proto__', 'constructor', 'toString', ' ', '*', '>', '.', '=', '#cancelled', 'kit:a', '\u0000', '‏ש', '仓库', '☕'.repeat(60), 'x'.repeat(100)),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 6 }),
);
const units = fc.oneof({ weight: 8, arbitrary: fc.integer({ min: -20, max: 60 }) }, { weight: 1, arbitrary: fc.constantFrom(-1_000_000_000, 0, 1_000_000_000) });
const whole = units.map(Math.abs);
const sources = ['erp', 'wms', 'cdc'];
const position: fc.Arbitrary<Position> = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 12 }) },
  { weight: 2, arbitrary: fc.array(fc.oneof(fc.integer({ min: -2, max: 12 }), fc.constantFrom('0/16B3', 'z')), { minLength: 1, maxLength: 3 }) },
  { weight: 1, arbitrary: fc.constant(Number.MAX_SAFE_INTEGER) },
);
const account = fc.oneof({ weight: 3, arbitrary: fc.constantFrom('a', 'b') }, odd);
/** Accounts are configured: their names are plain. */
const linkable = fc.constantFrom('a', 'b', '__proto__', 'constructor');
const line = fc.oneof({ weight: 3, arbitrary: fc.tuple(fc.constantFrom('a', 'b', 'kit:K/a'), fc.nat(3)).map(([name, n]) => `${name}/${n}/1`) }, odd, fc.tuple(odd, odd).map(parts => parts.join('/')));
const sourced = { source: fc.constantFrom(...sources), position, location: fc.option(fc.oneof(fc.constantFrom('LEJ', ''), odd), { nil: undefined }) };
const when = fc.constantFrom(0, start - 40 * dayMs, start, start + 1_000, Date.UTC(2099, 0));
const rule = fc.record({
  percent: fc.integer({ min: 0, max: 100 }), buffer: fc.nat(5), max: fc.nat(30), fixed: fc.nat(9), locations: fc.array(fc.oneof(fc.constantFrom('LEJ', ''), odd), { minLength: 1, maxLength: 2 }), skip: fc.boolean(),
}, { requiredKeys: ['buffer'] });
const kit = fc.record({ sku: fc.constantFrom('K', 'A', '仓库'), told: fc.integer({ min: 1, max: 6 }) });
const order = { account, line, units: whole };

const fact: fc.Arbitrary<SkuFact> = fc.oneof(
  fc.record({ type: fc.constant('stock.counted' as const), ...sourced, quantity: units, reserved: whole, imported: fc.array(fc.tuple(line, fc.constantFrom('', '#cancelled', '#returned')).map(parts => parts.join('')), { maxLength: 3 }), importedThrough: when, countedAt: when }, { requiredKeys: ['type', 'source', 'position', 'quantity'] }),
  fc.record({ type: fc.constant('stock.adjusted' as const), ...sourced, delta: units }),
  fc.record({ type: fc.constant('stock.reserved' as const), ...sourced, delta: units }),
  fc.record({ type: fc.constant('stock.restored' as const), source: sourced.source, location: sourced.location, quantity: units, by: fc.constant('ops') }, { requiredKeys: ['type', 'source', 'quantity', 'by'] }) as fc.Arbitrary<SkuFact>,
  fc.record({ type: fc.constant('kit.defined' as const), source: sourced.source, position, parts: fc.dictionary(fc.oneof(fc.constantFrom('CUP', 'TEA', 'K'), odd), fc.integer({ min: 1, max: 4 }), { maxKeys: 3 }) }),
  fc.record({ type: fc.constant('order.placed' as const), ...order, createdAt: when, kit }, { requiredKeys: ['type', 'account', 'line', 'units', 'createdAt'] }),
  fc.record({ type: fc.constantFrom('order.cancelled' as const, 'order.shipped' as const, 'order.returned' as const), ...order, kit }, { requiredKeys: ['type', 'account', 'line', 'units'] }),
  fc.record({ type: fc.constant('part.used' as const), kit: fc.oneof(fc.constantFrom('K', 'L'), odd), version: fc.nat(9), units: fc.nat(4), above: fc.array(fc.constantFrom('L', 'M', 'A'), { maxLength: 2 }), sets: fc.array(fc.constant(['LEJ']), { maxLength: 1 }) }),
  fc.record({ type: fc.constant('part.available' as const), part: fc.constantFrom('CUP', 'TEA', 'nobody'), version: fc.nat(9), units, heard: fc.nat(6) }, { requiredKeys: ['type', 'part', 'version', 'heard'] }),
  fc.record({ type: fc.constant('listing.linked' as const), account: linkable, listing: fc.record({ id: odd, fields: fc.constant({}) }), gross: fc.boolean(), rule, shown: whole }, { requiredKeys: ['type', 'account', 'listing', 'gross', 'rule'] }),
  fc.record({ type: fc.constant('listing.unlinked' as const), account }),
  fc.record({ type: fc.constant('rule.set' as const), account, rule, version: fc.integer({ min: 1, max: 9 }), by: odd }, { requiredKeys: ['type', 'account', 'rule'] }),
) as fc.Arbitrary<SkuFact>;
const step = fc.oneof({ weight: 9, arbitrary: fact }, { weight: 1, arbitrary: fc.constantFrom(100, gapMs, dayMs, 40 * dayMs).map(wait => ({ wait })) });

test('no fact stops a SKU: each is taken, superseded or refused aloud, and the record comes back from its bytes in any turns', t => {
  let facts = 0;
  t.notThrows(() => fc.assert(fc.property(fc.array(step, { maxLength: 60, size: 'max' }), fc.constantFrom<SourcePolicy['order']>('sequence', 'monotone'), (steps, second) => {
    const actor = new Actor({ askMs: 1_000, openMaxMs: 30 * dayMs, sources: { erp: {}, wms: { order: second!, ordersIn: 'always' }, cdc: { order: 'monotone', floor: true, ordersIn: { lagMs: 60_000 } } } });
    for (const one of steps) {
      if ('wait' in one) actor.wait(one.wait);
      else actor.tell(one);
      facts += 1;
      const units = known(actor.stock);
      ok(units === undefined || Number.isSafeInteger(units), `${units} units`);
      for (const { intent } of Object.values(actor.stock.outlets)) ok(intent === undefined || (Number.isSafeInteger(intent.quantity) && intent.quantity >= 0), `${intent?.quantity} intended`);
    }
    for (const { to, id } of actor.published) ok(subjectOf(to).length < 500 && id !== '');
    const again = refold(actor.kind, actor.journal, [1, 3], { stored: true });
    deepEqual(bytes(actor.kind, again.record), bytes(actor.kind, actor.record));
    deepEqual(again.published, actor.published);
  }), { numRuns: 500 }));
  t.true(facts > 5_000, `${facts} facts`);
  t.log(`${facts} facts`);
});
