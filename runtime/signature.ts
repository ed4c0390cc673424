/** Job signatures: who decided what, where in the journal, as one short readable name. */
import { hash } from 'node:crypto';

const alphabet = Buffer.from('0123456789ABCDEFGHJKMNPQRSTVWXYZ');

/** Crockford base32 of the first 15 bytes of a SHA-256: 24 characters, no look-alikes. */
export function digest(...parts: readonly (string | number)[]): string {
  const bytes = hash('sha256', JSON.stringify(parts), 'buffer');
  let text = '';
  // Five bytes are eight characters.
  for (let i = 0; i < 15; i += 5) {
    const high = bytes.readUInt32BE(i);
    const low = bytes[i + 4]!;
    text += String.fromCharCode(
      alphabet[high >>> 27]!, alphabet[(high >>> 22) & 31]!, alphabet[(high >>> 17) & 31]!, alphabet[(high >>> 12) & 31]!,
      alphabet[(high >>> 7) & 31]!, alphabet[(high >>> 2) & 31]!, alphabet[((high & 3) << 3) | (low >>> 5)]!, alphabet[low & 31]!,
    );
  }
  return text;
}

const prefixes: Record<string, string> = { amazon: 'amz', walmart: 'wmt', shopify: 'shp', mercadolibre: 'mel', ebay: 'eby' };

/**
 * Signs an intended write, e.g. `amz-7Q4K…`. A rule that people set goes in by its
 * version; where none was, the signature is what it was before there were versions. The same inputs give the same signature on any node and on replay.
 *
 * @param channelOf the channel of an account, for the readable prefix
 */
export function signer(channelOf: (account: string) => string | undefined) {
  return ({ account, listing, sku, version, kind, rule }: { account: string; listing: string; sku: string; version: number; kind: string; rule?: number }): string => {
    const channel = channelOf(account) ?? account;
    return `${prefixes[channel] ?? channel.slice(0, 3)}-${digest(account, listing, sku, version, kind, ...(rule === undefined ? [] : [rule]))}`;
  };
}
