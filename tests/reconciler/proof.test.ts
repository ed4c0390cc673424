import test from 'ava';
import { detourUntil, isProven, newPair, noteReading, noteRecord, noteWrite } from '../../actors/reconciler/proof.ts';
import { now, outlet, pairOf, shows } from './pairs.ts';

test('a new pair knows its listing and nothing else', t => {
  const told = Object.entries(newPair('A', outlet({ fields: { offerId: '1' } }))).filter(([, value]) => value !== undefined);
  t.deepEqual(Object.fromEntries(told), {
    sku: 'A', listing: { id: 'L', sku: 'A', fields: { offerId: '1' } }, linked: { id: 'L', fields: { offerId: '1' } }, gross: false, drained: false, provenAt: 0, readAt: 0, retryAt: 0, writtenAt: 0, applied: 0, sent: [],
  });
});

test('a pair has the same fields in the same order, whatever happens to it', t => {
  const { intent: _none, proof: _neither, ...uncounted } = outlet({ id: 'M' });
  const pair = pairOf({}, { suspicion: { class: 'lost-write', version: 7, observed: 4, since: now, reads: 1 }, solo: true });
  const fields = Object.keys(newPair('A', outlet()));
  noteReading(pair, shows(5), now);
  noteWrite(pair, 5, now);
  noteRecord(pair, outlet({ version: 8, shown: 3 }));
  t.deepEqual(Object.keys(pair), fields);
  noteRecord(pair, uncounted);
  t.deepEqual(Object.keys(pair), fields);
  t.deepEqual([pair.reading, pair.intended, pair.suspicion, pair.solo, pair.firm], [undefined, undefined, undefined, undefined, undefined]);
});

test('a record tells what is intended and since when it is proven', t => {
  const pair = pairOf({ quantity: 5, version: 7, proofAt: now - 500 });
  t.deepEqual(pair.intended, { quantity: 5, version: 7, kind: 'write', decidedAt: now - 60_000 });
  t.deepEqual([isProven(pair), pair.provenVersion, pair.provenBy, pair.provenAt], [true, 7, 'write', now - 500]);
});

test('a newer intent is not proven by the proof of an older one', t => {
  const pair = pairOf();
  noteRecord(pair, outlet({ version: 8, proven: false }));
  t.deepEqual([isProven(pair), pair.intended?.version, pair.provenVersion], [false, 8, 7]);
});

test('a proof that is told again does not set back one that a read has renewed', t => {
  const pair = pairOf({ proofAt: now - 9_000 });
  pair.provenAt = now;
  noteRecord(pair, outlet({ proofAt: now - 9_000 }));
  t.is(pair.provenAt, now);
});

test('an uncounted SKU has no intent and is not proven', t => {
  const { intent: _none, proof: _neither, ...uncounted } = outlet();
  const pair = newPair('A', uncounted);
  noteRecord(pair, uncounted);
  t.deepEqual([pair.intended, isProven(pair)], [undefined, false]);
});

test('a listing that is intended no more, as its channel is skipped, is judged no more', t => {
  const { intent: _none, proof: _neither, ...skipped } = outlet();
  const pair = pairOf({}, { suspicion: { class: 'foreign-edit', version: 7, observed: 9, since: now, reads: 1 } });
  noteRecord(pair, skipped);
  t.deepEqual([pair.intended, pair.suspicion, isProven(pair)], [undefined, undefined, false]);
});

test('a suspicion dies with the intent that it speaks against, and lives on through records of the same one', t => {
  const suspicion = { class: 'foreign-edit', version: 7, observed: 9, since: now, reads: 1 } as const;
  const pair = pairOf({}, { suspicion });
  noteRecord(pair, outlet());
  t.is(pair.suspicion, suspicion);
  noteRecord(pair, outlet({ version: 8 }));
  t.is(pair.suspicion, undefined);
});

test('vendor ids of the newest reading are kept for the next write, however often the record is told', t => {
  const pair = pairOf({ fields: { offerId: '1', site: 'US' } });
  noteReading(pair, shows(5, { listing: { id: 'L', sku: 'A', fields: { offerId: '2' } }, version: 'v9', buyable: 3 }), now);
  noteRecord(pair, outlet({ version: 8, fields: { offerId: '1', site: 'US' } }));
  t.deepEqual(pair.listing, { id: 'L', sku: 'A', fields: { offerId: '2', site: 'US' } });
  t.deepEqual([pair.reading, pair.readAt], [{ quantity: 5, buyable: 3, version: 'v9', at: now }, now]);
});

test('a listing that is linked anew forgets what was read at the old one', t => {
  for (const relinked of [{ id: 'M', fields: { offerId: '1' } }, { fields: { offerId: '3' } }, { fields: { offerId: '1', site: 'DE' } }]) {
    const pair = pairOf({ fields: { offerId: '1' } }, { suspicion: { class: 'foreign-edit', version: 7, observed: 9, since: now, reads: 1 } });
    noteReading(pair, shows(5, { listing: { id: 'L', sku: 'A', fields: { offerId: '2' } } }), now);
    noteRecord(pair, outlet(relinked));
    t.deepEqual([pair.listing, pair.reading, pair.suspicion], [{ id: relinked.id ?? 'L', sku: 'A', fields: relinked.fields }, undefined, undefined]);
  }
});

test('a write makes what was read before worthless, and is kept with what may have been shown before it', t => {
  const pair = pairOf({ quantity: 5 });
  noteReading(pair, shows(6), now);
  noteWrite(pair, 7, now + 10, now + 900);
  noteWrite(pair, 8, now + 20);
  t.deepEqual([pair.reading, pair.writtenAt], [undefined, now + 20]);
  t.deepEqual(pair.sent, [{ quantity: 7, until: now + 900, over: [5, 6] }, { quantity: 8, until: now + 20, over: [5, 7] }]);
});

test('the way from A to B and back to A lasts until B has been carried out; the way to a new number lasts no time', t => {
  const pair = pairOf({ quantity: 5 });
  noteWrite(pair, 7, now, now + 900);
  noteRecord(pair, outlet({ version: 8, quantity: 5, proven: false }));
  t.is(detourUntil(pair), now + 900);
  noteRecord(pair, outlet({ version: 9, quantity: 4, proven: false }));
  t.is(detourUntil(pair), 0);
  noteRecord(pair, outlet({ version: 10, quantity: 7, proven: false }));
  t.is(detourUntil(pair), 0, 'B itself is no detour');
});

test('with the proof of a later write, the writes before it have landed', t => {
  const pair = pairOf({ quantity: 5 });
  noteWrite(pair, 7, now, now + 900);
  noteRecord(pair, outlet({ version: 8, quantity: 7, proofAt: now + 50 }));
  noteRecord(pair, outlet({ version: 9, quantity: 5, proven: false }));
  t.is(detourUntil(pair), now + 50);
});
