/** Reservations always end: in time, or as a task that stays until they do. Nothing is freed by time. */
import { deepEqual } from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import type { SkuFact } from '../../actors/sku/protocol.ts';
import { dayMs } from '../../actors/sku/retention.ts';
import { known } from '../../actors/sku/stock.ts';
import { Actor, adjust, bytes, cancelled, count, link, placed, refold, reserve, returned, shipped, source, start } from './actor.ts';

const openMaxMs = 30 * dayMs;
const watching = (): Actor => new Actor({ openMaxMs });
const told = ({ published }: Actor): unknown[] => published.map(({ to, id, body }) => [to, id, (body as { message?: string }).message ?? (body as { resolved: boolean }).resolved]);

test('an order line that is still open after its time becomes one task, and its units stay taken', t => {
  const actor = watching().tell(link('a'), count(1, 10), placed('a/1/1', 3), shipped('a/1/1', 1)).wait(openMaxMs - 1);
  t.deepEqual([actor.published, actor.record.due.open!.at], [[], start + openMaxMs]);
  actor.wait(1);
  t.deepEqual(actor.published, [{
    to: ['dead', 'overdue', 'a', 'A'], id: 'overdue:A:a/1/1',
    body: {
      class: 'overdue', sku: 'A', at: start + openMaxMs, since: start, line: 'a/1/1', units: 2,
      message: '2 of A in order line a/1/1 were neither shipped nor cancelled since; they stay taken', heals: 'its shipment or cancellation at the channel',
    },
  }]);
  t.deepEqual([known(actor.wait(10 * openMaxMs).stock), actor.record.due, actor.published.length], [7, {}, 1]);
  actor.tell(cancelled('a/1/1', 2), count(2, 9, { imported: ['a/1/1', 'a/1/1#cancelled'] }));
  t.deepEqual([known(actor.stock), told(actor).slice(1), actor.settle().record.due, actor.stock.late], [9, [[['dead', 'overdue', 'a', 'A'], 'overdue:A:a/1/1:resolved', true]], {}, undefined]);
});

test('a line that is over, but that no count ever contained, is a task too: its units are subtracted for ever', t => {
  const actor = watching().tell(count(1, 10), placed('a/1/1', 3), shipped('a/1/1', 3)).wait(openMaxMs);
  t.deepEqual(told(actor), [[['dead', 'overdue', 'a', 'A'], 'overdue:A:a/1/1', 'order line a/1/1 of A is over, and no count of the source says that its number knows of it']]);
  t.is(known(actor.stock), 7);
  t.deepEqual(told(actor.tell({ ...count(2, 7), importedThrough: start } as SkuFact)).slice(1), [[['dead', 'overdue', 'a', 'A'], 'overdue:A:a/1/1:resolved', true]]);
});

test('a line that ends in any way in time is told to nobody, and nothing is left to wake for', t => {
  const ends: SkuFact[][] = [
    [cancelled('a/1/1', 3)], [returned('a/1/1', 3)], [count(2, 7, { imported: ['a/1/1'] })], [{ ...count(2, 7), importedThrough: start } as SkuFact],
    [shipped('a/1/1', 2), cancelled('a/1/1', 1), count(2, 8, { imported: ['a/1/1', 'a/1/1#cancelled'] })],
  ];
  for (const end of ends) {
    const actor = watching().tell(count(1, 10), placed('a/1/1', 3));
    t.deepEqual(Object.keys(actor.record.due), ['open']);
    actor.tell(...end);
    t.deepEqual([actor.record.due, actor.wait(3 * openMaxMs).published], [{}, []]);
  }
});

test('at a channel whose number includes its open orders a line stands until it is over, though the source has counted it', t => {
  for (const gross of [false, true]) {
    const actor = watching().tell(link('a', { gross }), count(1, 10), placed('a/1/1', 3), count(2, 7, { imported: ['a/1/1'] })).wait(openMaxMs);
    t.is(actor.published.length, gross ? 1 : 0);
    if (gross) t.deepEqual(told(actor.tell(shipped('a/1/1', 3))).slice(1), [[['dead', 'overdue', 'a', 'A'], 'overdue:A:a/1/1:resolved', true]]);
  }
});

test('what a source has committed and never released is a task, by location, from its last change on', t => {
  const at = (fact: SkuFact): SkuFact => ({ ...fact, location: 'LEJ' } as SkuFact);
  const actor = watching().tell(count(1, 10, { reserved: 2 }), at(count(1, 5)), at(reserve(2, 4))).wait(dayMs).tell(at(reserve(3, -1))).wait(openMaxMs - dayMs);
  t.deepEqual(told(actor), [[['dead', 'overdue', source, 'A'], `overdue:A:${start}@`, 'erp has committed 2 of A and neither released nor changed them since']]);
  actor.wait(dayMs);
  t.deepEqual(actor.published.slice(1).map(({ id, body }) => [id, (body as { location: string }).location, (body as { units: number }).units]), [[`overdue:A:${start + dayMs}@LEJ`, 'LEJ', 3]]);
  actor.tell(adjust(2, 1)).tell(at(count(4, 5, { reserved: 0 })));
  t.deepEqual(actor.published.slice(2).map(({ id }) => id), [`overdue:A:${start + dayMs}@LEJ:resolved`]);
  actor.tell(reserve(3, 1));
  t.deepEqual([actor.published.slice(3).map(({ id }) => id), known(actor.stock)], [[`overdue:A:${start}@:resolved`], 13], 'changed: its time begins anew');
  t.is(actor.wait(openMaxMs).published.at(-1)!.id, `overdue:A:${actor.now - openMaxMs}@`);
});

test('a line that was old when it was learnt is told within a minute, with those due at about the same time', t => {
  const actor = watching().tell(count(1, 10), placed('a/1/1', 1, start - 2 * openMaxMs), placed('a/2/1', 1, start - openMaxMs + 100_000), placed('a/3/1', 1)).wait(60_000);
  t.deepEqual(actor.published.map(({ id }) => id), ['overdue:A:a/1/1', 'overdue:A:a/2/1']);
  t.is(actor.record.due.open!.at, start + openMaxMs);
});

test('whatever happens: each unit that is taken is watched or told of, and units are freed by facts alone', t => {
  const lineId = fc.nat(3).map(n => `a/${n}/1`);
  const fact = fc.oneof(
    fc.tuple(fc.constantFrom(placed, placed, cancelled, shipped, returned), lineId, fc.integer({ min: 1, max: 3 })).map(([make, id, units]): SkuFact => make(id, units)),
    fc.tuple(lineId, fc.constantFrom('', '#cancelled', '#returned')).map(([id, mark]) => ({ imported: [`${id}${mark}`] })),
    fc.integer({ min: -3, max: 3 }).map(delta => ({ delta })),
    fc.boolean().map((gross): SkuFact => link('a', { gross })),
  );
  t.notThrows(() => fc.assert(fc.property(fc.array(fc.oneof(fact, fc.constantFrom(1_000, dayMs, 20 * dayMs).map(wait => ({ wait }))), { maxLength: 40 }), steps => {
    const actor = watching().tell(link('a'), count(1, 50));
    const never = new Actor().tell(link('a'), count(1, 50));
    let position = 1;
    for (const one of steps) {
      const facts: SkuFact[] = 'wait' in one ? [] : 'imported' in one ? [count(++position, 50, one)] : 'delta' in one ? [reserve(++position, one.delta)] : [one];
      for (const each of [actor, never]) {
        if ('wait' in one) each.wait(one.wait);
        each.tell(...facts);
      }
      deepEqual([known(actor.stock), actor.intended], [known(never.stock), never.intended]);
      const { lines, late = {}, outlets, reserved, watched } = actor.stock;
      const open = Object.entries(lines).filter(([, { units, cancelled: off = 0, shipped: gone = 0, returned: back = 0, imported, cancelImported, returnImported }]) => {
        const came = Math.min(units, Math.min(off, units - gone) + back);
        const taken = (imported ? 0 : units) - (cancelImported ? 0 : returnImported ? Math.min(off, units - gone) : came);
        return taken !== 0 || (outlets.a!.gross && units - off - Math.max(gone, back) > 0);
      }).map(([id]) => id);
      const waiting = [...open, ...(reserved > 0 ? ['@'] : [])].filter(key => !(key in late));
      deepEqual([actor.record.due.open?.at, watched !== undefined], [watched, waiting.length > 0]);
      deepEqual(Object.keys(late).filter(key => key !== '@' && !open.includes(key)), []);
      const ends = waiting.map(key => (key === '@' ? actor.stock.reservedAt! : lines[key]!.createdAt ?? 0) + openMaxMs);
      if (watched !== undefined) deepEqual(watched <= Math.max(actor.now, Math.min(...ends)) + 60_000, true);
    }
    deepEqual(bytes(actor.kind, refold(actor.kind, actor.journal, [1, 3], { stored: true }).record), bytes(actor.kind, actor.record));
  }), { numRuns: 300 }));
});
