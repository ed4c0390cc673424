/** Signatures are stored and shown to channels: they stay what they were. */
import { createHash } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import { digest, signer } from '../../runtime/signature.ts';

/** Crockford base32 of the first 15 bytes, the slow way. */
function plainly(parts: (string | number)[]): string {
  const bits = [...createHash('sha256').update(JSON.stringify(parts)).digest().subarray(0, 15)].map(byte => byte.toString(2).padStart(8, '0')).join('');
  return bits.match(/.{5}/g)!.map(five => '0123456789ABCDEFGHJKMNPQRSTVWXYZ'[Number.parseInt(five, 2)]).join('');
}

test('a digest is the first 15 bytes of the SHA-256 of its parts, in Crockford base32', t => {
  fc.assert(fc.property(fc.array(fc.oneof(fc.string(), fc.integer())), parts => digest(...parts) === plainly(parts)));
  t.is(digest('amazon-us', 'B0', 'A-1', 17, 'write'), plainly(['amazon-us', 'B0', 'A-1', 17, 'write']));
});

test('a signature begins with the channel, or with the account where that is not known', t => {
  const sign = signer(account => ({ us: 'amazon', eu: 'ebay' })[account]);
  const parts = { listing: 'L', sku: 'S', version: 1, kind: 'write' };
  t.is(sign({ account: 'us', ...parts }), `amz-${digest('us', 'L', 'S', 1, 'write')}`);
  t.is(sign({ account: 'eu', ...parts }), `eby-${digest('eu', 'L', 'S', 1, 'write')}`);
  t.is(sign({ account: 'walmart-us', ...parts }), `wal-${digest('walmart-us', 'L', 'S', 1, 'write')}`);
});
