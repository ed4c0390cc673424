import test from 'ava';
import fc from 'fast-check';
import { escapeKey, fnv1a, unescapeKey } from '../../runtime/subjects.ts';

test('a name is hashed as FNV-1a 32 hashes its UTF-8 bytes, which is how the broker does it', t => {
  // Vectors of Fowler, Noll and Vo.
  t.deepEqual(['', 'a', 'foobar'].map(fnv1a), [0x811c9dc5, 0xe40c292c, 0xbf9cf968]);
  const byBytes = (text: string): number => new TextEncoder().encode(text).reduce((hash, byte) => Math.imul(hash ^ byte, 0x01000193) >>> 0, 0x811c9dc5);
  fc.assert(fc.property(fc.string({ unit: 'binary' }), text => { t.is(fnv1a(text), byBytes(text)); }));
  fc.assert(fc.property(fc.string({ unit: 'grapheme-ascii' }), text => { t.is(fnv1a(text), byBytes(text)); }));
});

test('any key is one token that NATS allows in a KV key, and comes back from it; a plain one is its own', t => {
  fc.assert(fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }), key => {
    const token = escapeKey(key);
    t.regex(token, /^[-=A-Za-z0-9][-=A-Za-z0-9_]*$/);
    t.is(unescapeKey(token), key);
  }));
  for (const plain of ['SKU-7_x', '-', 'a'.repeat(200)]) t.is(escapeKey(plain), plain);
  t.is(escapeKey('_ckpt'), '=5Fckpt');
  t.is(escapeKey('SKU.7'), 'SKU=2E7');
  for (const wrong of ['', '\ud800', 'a'.repeat(201), `${'a'.repeat(199)}.`]) t.throws(() => escapeKey(wrong), { instanceOf: RangeError });
});
