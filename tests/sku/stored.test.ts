/**
 * Records of SKUs with locations, kits, rules and tasks as their first version stored them: read for ever, and gone on
 * from. The fixture is never made anew; what records of before hold is in tests/runtime/codec.test.ts.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { known } from '../../actors/sku/stock.ts';
import { skuKind } from '../../deploy/sku-kind.ts';
import type { ActorRecord } from '../../runtime/actor.ts';
import { asStored, fold, restored } from '../../runtime/handle.ts';
import { signer } from '../../runtime/signature.ts';

const kind = skuKind({
  sign: signer(() => undefined), debounce: { quietMs: 100, hardMs: 400 }, gapMs: 1_000, askMs: 200, openMaxMs: 86_400_000,
  sources: { erp: {}, wms: { order: 'monotone', ordersIn: 'always' }, cdc: { order: 'monotone' } },
});
const text = readFileSync(join(import.meta.dirname, '../fixtures/record-1-lots-and-kits.json'), 'utf8').trim();
const hot = () => restored(kind, JSON.parse(text) as ActorRecord, 1);

test('a record with locations, kits and rules is read, and written as it was', t => {
  t.is(JSON.stringify(asStored(kind, hot().record)), text);
});

test('an actor goes on from it: what its parts say, what its sources count, what is over', t => {
  const record = hot().record;
  t.is(known(record.context), 16);
  const told = [
    { type: 'part.available', part: 'CUP', version: 13, units: 18, inSets: { '["HAM","LEJ"]': 10 }, heard: 2 },
    { type: 'stock.adjusted', source: 'wms', position: ['0/16B3760', 1], location: 'LEJ', delta: -9 },
    { type: 'stock.counted', source: 'cdc', position: 8, location: 'HAM', quantity: 4 },
    { type: 'stock.reserved', source: 'wms', position: ['0/16B3770', 1], location: 'LEJ', delta: -4 },
    { type: 'rule.set', account: 'walmart', rule: { buffer: 5 }, version: 3 },
    { type: 'kit.defined', source: 'erp', position: 3, parts: {} },
  ].map((body, n) => ({ seq: 25 + n, at: 1_795_689_354_022 + n, correlation: `c${n}`, body }));
  const next = fold(kind, hot(), told)!;
  const { lots, late, kit, superseded, outlets } = next.record.context;
  t.deepEqual([known(next.record.context), superseded], [12 - 2 + 28 + 5 - 3, 1], 'no kit any more: what was counted, less what the other kit took');
  t.deepEqual([lots!.HAM!.onHand, Object.keys(next.record.due), Object.keys(late!)], [5, ['flush'], ['@', 'kit:BIG%20BOX/north/100/2', 'walmart/7/1']]);
  t.deepEqual([kit!.def, kit!.parts.CUP!.pending, outlets.walmart!.ruleVersion, outlets.walmart!.rule], [0, [], 3, { buffer: 0, max: 9 }]);
  t.deepEqual(next.record.outbox.map(({ to, id }) => [to.at(-1), id]), [
    ['BIG BOX', 'part:BOX:BIG BOX:25'], ['BOX', 'overdue:BOX:1795602952917@LEJ:resolved'], ['CUP', 'used:BOX:CUP:30'], ['BIG BOX', 'part:BOX:BIG BOX:30'],
  ]);
});
