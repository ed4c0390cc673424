import test from 'ava';
import fc from 'fast-check';
import { fnv1a } from '../../runtime/subjects.ts';

test('a name is hashed as FNV-1a 32 hashes its UTF-8 bytes, which is how the broker does it', t => {
  // Vectors of Fowler, Noll and Vo.
  t.deepEqual(['', 'a', 'foobar'].map(fnv1a), [0x811c9dc5, 0xe40c292c, 0xbf9cf968]);
  const byBytes = (text: string): number => new TextEncoder().encode(text).reduce((hash, byte) => Math.imul(hash ^ byte, 0x01000193) >>> 0, 0x811c9dc5);
  fc.assert(fc.property(fc.string({ unit: 'binary' }), text => { t.is(fnv1a(text), byBytes(text)); }));
  fc.assert(fc.property(fc.string({ unit: 'grapheme-ascii' }), text => { t.is(fnv1a(text), byBytes(text)); }));
});
